"""A Jacobian is verified as the gradient of a weighted sum, in the arrays of its own library."""

import re

import numpy as np
import pytest
from tests import claims

from gradproof import Verdict, verify_grad
from gradproof._cotangent import contracted


def verdict(func, jac, x, seed=0):
    return verify_grad(*contracted(func, jac, x, seed)[:2], x, seed=seed).verdict


class Cubes:
    """Four values of six inputs, in two rows of two, and their Jacobian; of any library."""

    def __init__(self, arrays):
        xp, self.sum = arrays.xp, arrays.xp.sum
        rng = np.random.default_rng(5)
        self.weights = arrays(rng.integers(4, 16, (2, 2, 6)) / 8.0)
        self.reshape = xp.reshape

    def func(self, x):
        return self.sum(self.weights * self.reshape(x, (1, 1, 6)) ** 3, axis=-1)

    def jac(self, x):
        return 3 * self.weights * self.reshape(x, (1, 1, 6)) ** 2


class TestJacobian:
    def test_right(self, arrays):
        f = Cubes(arrays)
        assert verdict(f.func, f.jac, arrays(claims.point())) is not Verdict.FAIL
        if arrays.eps < 1e-6:
            assert verdict(f.func, f.jac, arrays(claims.point())) is Verdict.PASS

    def test_wrong(self, arrays):
        f, x = Cubes(arrays), arrays(claims.point())
        assert verdict(f.func, lambda x: -f.jac(x), x) is Verdict.FAIL

    @pytest.mark.parametrize("row", range(4))
    def test_one_row_is_wrong(self, wide, row):
        factor = np.ones((4, 1))
        factor[row] = 0.5
        f, factor = Cubes(wide), wide(factor.reshape(2, 2, 1))
        for seed in range(3):
            x = wide(claims.point())
            assert verdict(f.func, lambda x: factor * f.jac(x), x, seed) is Verdict.FAIL

    def test_transposed(self, wide):
        a = wide([[1.0, 2.0, 4.0], [0.5, -1.0, 3.0], [1.0, 0.25, 2.0]])
        x = wide([0.5, 1.0, -0.75])

        def func(x):
            return wide.xp.sum(a * x, axis=-1)

        assert verdict(func, lambda x: a, x) is Verdict.PASS
        assert verdict(func, lambda x: wide.xp.matrix_transpose(a), x) is Verdict.FAIL

    def test_stays_native(self, arrays):
        f, x = Cubes(arrays), arrays(claims.point())
        func, jac, _ = contracted(f.func, f.jac, x, 0)
        for value, shape in ((func(x), ()), (jac(x), (6,))):
            assert type(value) in (type(x), type(f.func(x)[0, 0]))
            assert (value.dtype, tuple(value.shape)) == (x.dtype, shape)

    def test_weights(self, arrays):
        """They are of size 1 to 2, of either sign, from the seed, and the same in every dtype."""
        n = 200
        x = arrays(np.ones(n))
        func, jac, _ = contracted(lambda x: x * 1.0, lambda x: np.eye(n, dtype=int), x, 3)
        u = np.asarray(jac(x))
        assert float(func(x)) == pytest.approx(u.sum(), abs=n * arrays.eps)
        assert 1 <= abs(u).min() < 1.1 < 1.9 < abs(u).max() < 2
        assert 0.3 < (u > 0).mean() < 0.7
        other = contracted(lambda x: x * 1.0, lambda x: np.eye(n), np.ones(n), 3)[1]
        assert (np.asarray(other(x)) == u).all()


def test_one_number_is_left_alone(wide):
    for func in (claims.func, lambda x: x[:1]):
        x = wide(claims.point())
        assert contracted(func, claims.grad, x, 0) == (func, claims.grad, ())


def test_lists_and_integers(wide):
    x = wide([1.5, -1.5])

    def func(x):
        return [x[0] * x[1], x[0]]

    assert verdict(func, lambda x: [[-1.5, 1.5], [1, 0]], x) is Verdict.PASS
    assert verdict(func, lambda x: [[-1.5, 1.5], [0, 1]], x) is Verdict.FAIL


def test_integers_of_the_library(wide):
    x = wide([1.5, -1.5])
    identity = wide.xp.astype(wide([[1.0, 0.0], [0.0, 1.0]]), wide.xp.int32)
    assert verdict(lambda x: x * 1.0, lambda x: identity, x) is Verdict.PASS
    assert verdict(lambda x: x * 1.0, lambda x: 2 * identity, x) is Verdict.FAIL


def test_remark():
    (said,) = contracted(lambda x: x[:2], lambda x: np.eye(3)[:2], np.ones(3), 0)[2]
    assert "func returns shape (2,)" in said


@pytest.mark.parametrize(
    ("func", "jac", "said"),
    [
        (lambda x: x[:2], lambda x: np.ones((3, 2)), "shape (3, 2); expected (2, 3)"),
        (lambda x: x[:2], lambda x: np.ones(3), "shape (3,); expected (2, 3)"),
        (lambda x: x[:0], lambda x: np.ones((0, 3)), "no number at all"),
    ],
)
def test_refused(func, jac, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        contracted(func, jac, np.ones(3), 0)
