"""check_grad and approx_fprime tell right from wrong, on every kind of array and dtype."""

import math

import numpy as np
import pytest
from tests import examples as claims
from tests.libraries import Arrays

from gradproof import approx_fprime, check_grad


def allowed(arrays: Arrays, claimed: np.ndarray) -> float:
    """Return a bound above rounding and truncation, and below every planted mistake."""
    # In bfloat16 a forward difference of an f of 5 has noise of 2**-8 * 5 / sqrt(2**-7) = 0.2.
    share = 0.5 if arrays.dtype == "bfloat16" else arrays.eps ** (1 / 3)
    return share * float(np.linalg.norm(claimed))


# One random direction may miss a mistake; eight, with weights of either sign, do not.
SEEDS = {"all": [None], "random": range(8)}


def errors(func, grad, x, direction: str) -> list[float]:
    seeds = SEEDS[direction]
    return [check_grad(func, grad, x, direction=direction, seed=seed) for seed in seeds]


@pytest.mark.parametrize("direction", ["all", "random"])
class TestVerdicts:
    def test_right(self, arrays, direction):
        x = claims.point()
        found = errors(claims.func, claims.grad, arrays(x), direction)
        assert {type(error) for error in found} == {float}
        assert max(found) <= allowed(arrays, np.asarray(claims.grad(x)))

    @pytest.mark.parametrize("mistake", claims.MISTAKES)
    def test_wrong(self, arrays, direction, mistake):
        x = claims.point()

        def wrong(x):
            return claims.MISTAKES[mistake](claims.grad(x))

        found = errors(claims.func, wrong, arrays(x), direction)
        assert not max(found) <= allowed(arrays, np.asarray(claims.grad(x)))


def quadratic(x):
    """A function of a matrix, of no symmetry."""
    total = 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            total = total + (i + 1) * (j + 2) * 0.25 * x[i, j] * x[i, j]
    return total


def quadratic_grad(x):
    return [
        [(i + 1) * (j + 2) * 0.5 * x[i, j] for j in range(x.shape[1])] for i in range(x.shape[0])
    ]


def residuals(x):
    """Three functions of two variables."""
    return [x[0] * x[1], 2.0 * x[0], x[1] * x[1]]


def jacobian(x):
    return [[x[1], x[0]], [2.0 + 0.0 * x[0], 0.0 * x[0]], [0.0 * x[0], 2.0 * x[1]]]


MATRIX = claims.point(n=9).reshape(3, 3)


@pytest.mark.parametrize("direction", ["all", "random"])
class TestShapes:
    def test_matrix(self, arrays, direction):
        limit = allowed(arrays, np.asarray(quadratic_grad(MATRIX)))
        assert max(errors(quadratic, quadratic_grad, arrays(MATRIX), direction)) <= limit

    def test_transposed(self, arrays, direction):
        def transposed(x):
            return [list(column) for column in zip(*quadratic_grad(x), strict=True)]

        limit = allowed(arrays, np.asarray(quadratic_grad(MATRIX)))
        assert max(errors(quadratic, transposed, arrays(MATRIX), direction)) > limit

    def test_jacobian(self, arrays, direction):
        limit = allowed(arrays, np.asarray(jacobian([1.25, -0.75])))
        x = arrays([1.25, -0.75])
        assert max(errors(residuals, jacobian, x, direction)) <= limit

        def swapped(x):
            first, second, third = jacobian(x)
            return [second, first, third]

        assert max(errors(residuals, swapped, x, direction)) > limit


class TestApproxFprime:
    def test_gradient(self, arrays):
        x = claims.point()
        got = approx_fprime(arrays(x), claims.func)
        assert type(got) is type(arrays(x))
        assert got.dtype == arrays(x).dtype
        expected = np.asarray(claims.grad(x))
        np.testing.assert_allclose(
            arrays.numpy(got), expected, atol=allowed(arrays, expected), rtol=0
        )

    def test_more_entries_than_are_laid_out_at_once(self, wide):
        """Of JAX 8, of PyTorch 64: each block goes on where the one before has ended."""
        x = claims.point(n=150)
        got = approx_fprime(wide(x), lambda x: wide.xp.sum(x * x), vectorize=False)
        np.testing.assert_allclose(wide.numpy(got), 2 * x, atol=2000 * math.sqrt(wide.eps) / 10)

    @pytest.mark.parametrize(
        ("shape", "f", "expected"),
        [
            ((2,), lambda x: x[0] * x[1], (2,)),
            ((2,), lambda x: [x[0] * x[1]], (2,)),
            ((2,), residuals, (3, 2)),
            ((1,), lambda x: [x[0], 2 * x[0]], (2, 1)),
            ((3, 3), quadratic, (3, 3)),
            ((3, 3), lambda x: [x[0, 0], x[0, 1]], (2, 3, 3)),
            ((2,), lambda x: [[x[0], x[1]]], (1, 2, 2)),
            ((2, 0), lambda x: 1.5, (2, 0)),
            ((0,), lambda x: [1.5, 2.5], (2, 0)),
        ],
    )
    def test_shape(self, wide, shape, f, expected):
        x = wide(np.full(shape, 1.5))
        assert tuple(approx_fprime(x, f).shape) == expected

    def test_one_number(self, wide):
        """SciPy's func never sees a 0-d array; others keep their shape."""
        seen = []

        def f(x):
            seen.append(tuple(x.shape))
            return x * x

        got = approx_fprime(wide(1.5), f)
        expected = (1,) if wide.library == "numpy" else ()
        assert set(seen) == {expected}
        assert tuple(got.shape) == expected
        assert math.isclose(wide.numpy(got).item(), 3.0, rel_tol=1e-3)

    @pytest.mark.parametrize("direction", ["all", "random"])
    def test_check_grad_of_one_number(self, wide, direction):
        x = wide(1.5)
        right = check_grad(lambda x: x * x, lambda x: 2 * x, x, direction=direction, seed=0)
        wrong = check_grad(lambda x: x * x, lambda x: 3 * x, x, direction=direction, seed=0)
        assert right < 5e-3 < wrong

    def test_epsilon_per_entry(self, wide):
        x = wide([1.5, -1.5])
        seen = []

        def f(x):
            seen.append(wide.numpy(x).copy())
            return x[0] + x[1]

        approx_fprime(x, f, [0.25, -0.5])
        np.testing.assert_array_equal(seen, [[1.5, -1.5], [1.75, -1.5], [1.5, -2.0]])

    def test_epsilon_as_native_array(self, wide):
        got = approx_fprime(wide([1.5, -1.5]), lambda x: x[0] + x[1], wide([0.25, 0.5]))
        np.testing.assert_array_equal(wide.numpy(got), [1.0, 1.0])


class TestSteps:
    """No difference is 0/0, whatever the dtype and the size of x."""

    @pytest.mark.parametrize("size", [2.0**-20, 1.0, 128.0, 2.0**14])
    @pytest.mark.parametrize("epsilon", [None, 0.0, 2.0**-40, -(2.0**-40)])
    def test_linear(self, arrays, size, epsilon):
        """The slopes of a linear function have no error but func's rounding over the step."""
        x = arrays([size, -size, 0.0])
        got = arrays.numpy(approx_fprime(x, lambda x: x[0] - x[1] + x[2], epsilon))
        default = math.sqrt(arrays.eps)
        asked = default if epsilon is None else abs(epsilon)
        # Below half an ulp of x the step cannot be taken; sqrt(eps) * max(1, |x|) can.
        step = asked if asked > arrays.eps * size / 4 else default * max(1.0, size)
        noise = 4 * arrays.eps * (2 * size + step) / step
        if noise < 0.5:
            np.testing.assert_allclose(got[:2], [1.0, -1.0], atol=noise)
        assert np.isfinite(got).all()

    @pytest.mark.parametrize("how", [{}, {"vectorized": True}, {"direction": "random", "seed": 1}])
    def test_the_displacement_that_happened_is_taken_exactly(self, how):
        """In the dtype of x it would be rounded, where a step is larger than x."""
        x = np.array([0.001, -0.7, 0.1], dtype=np.float32)
        weights = np.array([3.0, 5.0, -7.0])

        def func(x):
            return x.astype(np.float64) @ weights

        for epsilon in (0.3, -2.0, 1.1):
            assert check_grad(func, lambda x: weights, x, epsilon=epsilon, **how) < 1e-13

    def test_values_that_are_not_finite_are_answers(self):
        """Without a warning: func has given none."""
        slopes = approx_fprime(np.array([0.0, 1.0]), lambda x: math.inf if x[1] == 1 else 2.0)
        assert math.isnan(slopes[0])
        assert slopes[1] == -math.inf

    def test_random_direction_where_the_step_vanishes(self, arrays):
        """At large x an absolute step is less than an ulp: SciPy compares with a zero slope."""
        x = arrays([2.0**14, -(2.0**14)])
        right = check_grad(
            lambda x: 3 * x[0], lambda x: [3.0, 0.0], x, epsilon=1e-13, direction="random", seed=0
        )
        wrong = check_grad(
            lambda x: 3 * x[0], lambda x: [6.0, 0.0], x, epsilon=1e-13, direction="random", seed=0
        )
        assert right <= 0.05 * wrong
        assert wrong < 3 * 5  # the slope along a direction of ordinary length

    @pytest.mark.parametrize("epsilon", [0.0, 2.0**-100])
    def test_random_direction_without_a_step(self, arrays, epsilon):
        x = arrays(claims.point())
        right = errors_at(x, claims.grad, epsilon)
        wrong = errors_at(x, lambda x: [-g for g in claims.grad(x)], epsilon)
        # The direction, of six entries, multiplies the error by its length.
        assert max(right) <= 3 * allowed(arrays, np.asarray(claims.grad(claims.point())))
        assert max(wrong) > max(right)
        assert math.isfinite(max(wrong))


def errors_at(x, grad, epsilon) -> list[float]:
    keywords = {"direction": "random", "epsilon": epsilon}
    return [check_grad(claims.func, grad, x, seed=seed, **keywords) for seed in range(8)]
