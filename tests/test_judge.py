"""The rule of thumb calls right claims right and wrong ones wrong."""

import dataclasses
import math

import numpy as np
import pytest
from tests import claims

from gradproof import check_grad
from gradproof._judge import Judgement, judge

DIRECTIONS = ["all", "random"]


def judged(grad, x, direction="all", func=claims.func) -> list[Judgement]:
    # One random direction may miss a mistake; eight, with weights of either sign, do not.
    seeds = range(8) if direction == "random" else [None]
    return [judge(func, grad, x, direction=direction, seed=seed) for seed in seeds]


@pytest.mark.parametrize("direction", DIRECTIONS)
class TestClaims:
    # In bfloat16 differences are too noisy for the rule, as its module says.
    def test_right(self, arrays, direction):
        found = judged(claims.grad, arrays(claims.point()), direction)
        assert arrays.dtype == "bfloat16" or all(one.ok for one in found)
        for one in found:
            assert one.rtol == pytest.approx(arrays.eps ** (1 / 3))
            assert one.direction == direction

    @pytest.mark.parametrize("mistake", claims.MISTAKES)
    def test_wrong(self, arrays, direction, mistake):
        def wrong(x):
            return claims.MISTAKES[mistake](claims.grad(x))

        assert not all(one.ok for one in judged(wrong, arrays(claims.point()), direction))

    def test_error_is_that_of_check_grad(self, direction):
        x = claims.point()
        found = judge(claims.func, claims.grad, x, direction=direction, seed=3)
        expected = check_grad(claims.func, claims.grad, x, direction=direction, seed=3)
        assert found.error == pytest.approx(expected, rel=1e-14)

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    def test_not_finite(self, direction, value):
        def grad(x):
            return [value, *claims.grad(x)[1:]]

        x = claims.point()
        assert not any(one.ok for one in judged(grad, x, direction))
        assert not any(
            one.ok for one in judged(claims.grad, x, direction, lambda x: value * np.sum(x))
        )

    def test_zero_gradient(self, direction):
        (found, *_) = judged(lambda x: 0.0 * x, claims.point(), direction, lambda x: 1.0)
        assert found.ok
        assert (found.error, found.scale, found.relative_error) == (0.0, 0.0, 0.0)

    def test_zero_for_something(self, direction):
        (found, *_) = judged(lambda x: 0.0 * x, claims.point(), direction)
        assert not found.ok
        assert found.relative_error == pytest.approx(1.0)

    @pytest.mark.parametrize("power", [-300, 300])
    def test_squares_out_of_range(self, direction, power):
        unit = 10.0**power
        x = np.asarray([0.5, 0.25])

        def func(x):
            return unit * (x[0] + 2 * x[1])

        assert judge(func, lambda x: [unit, 2 * unit], x, direction=direction, seed=0).ok
        assert not judge(func, lambda x: [unit, unit], x, direction=direction, seed=0).ok


def test_worst_entry():
    x = claims.point(n=6).reshape(2, 3)

    def grad(x):
        g = 2 * x
        g[1, 2] = 5.0
        return g

    found = judge(lambda x: np.sum(x * x), grad, x)
    assert found.index == (1, 2)
    assert found.claimed == 5.0
    assert found.measured == pytest.approx(2 * x[1, 2])
    assert (judge(lambda x: np.sum(x * x), grad, x, direction="random", seed=0)).index is None


def test_jacobian_and_arguments():
    x = claims.point(n=2)
    found = judge(lambda x, a: a * x**3, lambda x, a: np.diag(-a * 3 * x**2), x, 2.0)
    assert not found.ok
    assert found.index in [(0, 0), (1, 1)]
    assert judge(lambda x, a: a * x**3, lambda x, a: np.diag(a * 3 * x**2), x, 2.0).ok


def test_coarser_dtype_decides():
    x = claims.point()
    found = judge(lambda x: np.float32(claims.func(x)), claims.grad, x, epsilon=2.0**-10)
    assert found.rtol == pytest.approx(2 ** (-23 / 3))
    assert found.ok


def test_nearly_orthogonal_direction():
    # The slope is a tiny share of the gradient, its error is not to be measured against it.
    tangent = np.random.RandomState(0).standard_normal(2)
    a = np.asarray([-tangent[1], tangent[0]])

    def func(x):
        return a @ x + x @ x

    found = judge(func, lambda x: a + 2 * x, np.zeros(2), direction="random", seed=0)
    assert found.ok
    assert abs(found.claimed) < 1e-12


def test_epsilon_is_used():
    found = judge(lambda x: x[0] ** 2, lambda x: 2 * x, np.ones(1), epsilon=0.5)
    assert not found.ok
    assert found.measured == 2.5


def test_frozen():
    found = judge(lambda x: x[0], lambda x: np.ones(1), np.ones(1))
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.ok = False  # type: ignore[misc]
