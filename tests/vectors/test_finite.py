"""NaN, infinity and numbers beyond all others, in x0, in what func returns, and in claims."""

import numpy as np
import pytest
from tests.examples import point

from gradproof import (
    verify_autodiff,
    verify_grad,
    verify_hess,
    verify_hvp,
    verify_jac,
    verify_jvp,
    verify_vjp,
)

X = np.array([1.0, np.nan, 2.0, -np.inf, 0.5, 1.5])
MISSING = "held fixed: x (2 of 6 entries, not finite)"


def there(x):
    """Return x with zero in the place of what is missing, in plain operations."""
    return np.where(np.isfinite(x), x, 0.0)


def cube(x):
    return (there(x) ** 3).sum()


def exp(x):
    """Return NumPy's, whose own argument has a name in its newer versions only."""
    return np.exp(x)


def spoilt(values, right):
    return values if right else values * np.array([1, 1, 1.1, 1, 1, 1])


@pytest.mark.parametrize("right", [True, False])
class TestMissing:
    """Entries that are not finite are held fixed and named; the others are checked."""

    CHECKS = {  # noqa: RUF012
        "grad": lambda r: verify_grad(cube, lambda x: spoilt(3 * there(x) ** 2, r), X, seed=0),
        "NaN too": lambda r: verify_grad(cube, lambda x: spoilt(3 * x**2, r), X, seed=0),
        "vjp": lambda r: verify_vjp(exp, lambda x, c: c * spoilt(np.exp(x), r), X, seed=0),
        "jvp": lambda r: verify_jvp(exp, lambda x, t: t * spoilt(np.exp(x), r), X, seed=0),
        "jac": lambda r: verify_jac(exp, lambda x: np.diag(spoilt(np.exp(x), r)), X, seed=0),
        "hess": lambda r: verify_hess(cube, lambda x: np.diag(spoilt(6 * there(x), r)), X, seed=0),
        "hess of grad": lambda r: verify_hess(
            cube, lambda x: np.diag(spoilt(6 * x, r)), X, grad=lambda x: 3 * x * x, seed=0
        ),
        "hvp": lambda r: verify_hvp(
            cube, lambda x, v: v * spoilt(6 * there(x), r), X, grad=lambda x: 3 * x * x, seed=0
        ),
    }

    @pytest.mark.parametrize("kind", CHECKS)
    def test_of_every_kind(self, kind, right):
        with np.errstate(all="ignore"):
            report = self.CHECKS[kind](right)
        assert report.verdict == ("pass" if right else "fail"), str(report)
        assert MISSING in str(report)
        assert not any("writes to its input" in remark for remark in report.remarks)

    @pytest.mark.parametrize("n", [40, 400])
    @pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
    def test_of_many(self, dtype, n, right):
        x = np.where(np.arange(n) % 3 == 1, np.nan, 1.5).astype(dtype)
        factor = 3.0 if right else -3.0
        report = verify_grad(cube, lambda x: factor * there(x) ** 2, x, seed=0)
        assert report.verdict == ("pass" if right else "fail"), str(report)
        assert set(np.unique(report.entries["state"][1::3])) == {"held fixed"}

    def test_scores_that_are_masked(self, arrays, right):
        if arrays.library not in ("torch", "jax"):
            return
        xp = arrays.xp
        factor = 1.0 if right else 2.0
        x = arrays([1.0, 2.0, -np.inf, 0.5, -np.inf])

        def softmax(x):
            e = xp.exp(x - xp.max(x))
            return e / xp.sum(e)

        report = verify_grad(
            lambda x: xp.log(xp.sum(xp.exp(x))), lambda x: factor * softmax(x), x, seed=0
        )
        assert report.verdict == ("pass" if right else "fail"), str(report)
        assert report.scope.held[0].why == "2 of 5 entries, not finite"

    def test_a_number_that_cannot_be_moved(self, right):
        x = np.array([1.7e308, 1.0, 2.0])

        def func(x):
            return np.array([np.sin(x[1]) + x[2] ** 2 + x[0] * 1e-308])

        def jac(x):
            return np.array([[1e-308, np.cos(x[1]), (2 if right else 3) * x[2]]])

        for report in (
            verify_grad(lambda x: func(x)[0], lambda x: jac(x)[0], x, seed=0),
            verify_jac(func, jac, x, seed=0),
            verify_jvp(func, lambda x, t: jac(x) @ t, x, seed=0),
        ):
            assert report.verdict == ("pass" if right else "fail"), str(report)
            assert report.scope.held[0].why == "1 of 3 entries, too large to be moved"

    def test_a_value_that_is_not_finite(self, right):
        x = np.array([0.0, 1.0, 2.0, 3.0])
        factor = np.array([1, 1, 1 if right else 1.1, 1])
        with np.errstate(all="ignore"):
            reports = [
                verify_jac(np.log, lambda x: np.diag(factor / x), x, seed=0),
                verify_vjp(np.log, lambda x, c: c * factor / x, x, seed=0),
                verify_jvp(np.log, lambda x, t: t * factor / x, x, seed=0),
            ]
        for report in reports:
            assert report.verdict == ("pass" if right else "fail"), str(report)
            assert "not checked: func's values [0] (not finite)" in str(report)


@pytest.mark.library("torch")
@pytest.mark.library("jax")
def test_automatic_rules_beside_an_infinite_value():
    import jax.numpy as jnp
    import torch

    for log, x in (
        (jnp.log, jnp.asarray([0.0, 1.0, 0.5])),
        (torch.log, torch.tensor([0.0, 1.0, 0.5])),
    ):
        report = verify_autodiff(log, x, seed=0)
        assert report.ok, str(report)
        assert "not checked: func's values [0] (not finite)" in str(report)


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("n", [3, 400])
def test_a_wall_of_large_numbers(n):
    """A func, or a claim, with values that square to infinity ends no check."""

    def func(x):
        return float(np.where(x > 1.0, 1e300, x).sum())

    for claim in (1.0, 1e300, -1e-300):
        report = verify_grad(func, lambda x, c=claim: np.full(n, c), np.ones(n), seed=0)
        assert claim == 1.0 or not report.ok, str(report)
    right = verify_grad(
        lambda x: 1e300 * np.sin(x).sum(), lambda x: 1e300 * np.cos(x), point(n=n), seed=0
    )
    assert right.ok, str(right)


@pytest.mark.parametrize("unit", [2.0**60, 2.0**500, 2.0**1010])
@pytest.mark.parametrize("u", [1e-8, 1e-9])
def test_of_small_units_where_func_hardly_moves(u, unit):
    """Moved as far as 1, where there is nothing of func left, no slope shows what is claimed."""
    x = np.array([u, -1.7 * u]) / unit

    def func(x):
        v = x * unit
        return (1 / (1 + v * v)).sum()

    def grad(x):
        v = x * unit
        return -2 * v / (1 + v * v) ** 2 * unit

    with np.errstate(over="ignore"):
        for seed in range(3):
            report = verify_grad(func, grad, x, seed=seed)
            assert report.verdict != "fail", str(report)
            assert not verify_grad(func, lambda x: -grad(x), x, seed=seed).ok
            # The same x, for a func that moves.
            right = verify_grad(
                lambda x: np.cos(1 + x).sum(), lambda x: -np.sin(1 + x), x, seed=seed
            )
            assert right.ok, str(right)


class TestNothing:
    """What has nothing to check is refused, not passed."""

    @pytest.mark.parametrize("x", [np.zeros(0), np.zeros((0, 3)), [], (), {"a": np.zeros(0)}])
    def test_no_entries(self, x):
        with pytest.raises(ValueError, match="no entries: there is nothing to check"):
            verify_grad(lambda x: 0.0, lambda x: np.zeros(0), x)

    def test_no_values(self):
        for check in (verify_jac, verify_vjp, verify_jvp):
            with pytest.raises(ValueError, match=r"func returned no number, but shape \(0,\)"):
                check(lambda x: x[:0], lambda x, *_: x, np.ones(3))

    def test_no_number_is_left(self):
        report = verify_grad(cube, lambda x: 3 * there(x) ** 2, np.full(3, np.nan), seed=0)
        assert report.verdict == "inconclusive"
        assert "no entry can be moved" in report.reason

    @pytest.mark.parametrize("factor", [1, -1])
    def test_a_leaf_without_entries_beside_one_number(self, arrays, factor):
        def blocks(slope):
            """Return second derivatives, of the shapes that two leaves give to them."""
            return {
                "a": {"a": slope, "b": arrays(np.zeros((2, 0)))},
                "b": {"a": arrays(np.zeros((2, 0))), "b": arrays(np.zeros((2, 0, 2, 0)))},
            }

        x = {"a": arrays(1.5), "b": arrays(np.zeros((2, 0)))}
        report = verify_hess(
            lambda x: x["a"] ** 3, lambda x: blocks(factor * 6 * x["a"]), x, seed=0
        )
        assert report.verdict in ("inconclusive", "pass" if factor == 1 else "fail"), str(report)
        assert report.ok == (factor == 1) or arrays.dtype in ("float16", "bfloat16")


class TestNoValue:
    """Where func has no finite value at x0, a claim that has none either is not wrong."""

    CHECKS = {  # noqa: RUF012
        "grad": lambda f, x: verify_grad(lambda x: f(x).sum(), lambda x: -2 * f(x) / x, x, seed=0),
        "jac": lambda f, x: verify_jac(f, lambda x: np.diag(-2 * f(x) / x), x, seed=0),
        "vjp": lambda f, x: verify_vjp(f, lambda x, c: -2 * c * f(x) / x, x, seed=0),
        "jvp": lambda f, x: verify_jvp(f, lambda x, t: -2 * t * f(x) / x, x, seed=0),
        "hess": lambda f, x: verify_hess(
            lambda x: f(x).sum(), lambda x: np.diag(6 * f(x) / x**2), x, seed=0
        ),
        "hess of grad": lambda f, x: verify_hess(
            lambda x: f(x).sum(),
            lambda x: np.diag(6 * f(x) / x**2),
            x,
            grad=lambda x: -2 * f(x) / x,
            seed=0,
        ),
        "hvp": lambda f, x: verify_hvp(
            lambda x: f(x).sum(), lambda x, t: 6 * t * f(x) / x**2, x, seed=0
        ),
    }

    @pytest.mark.parametrize("kind", CHECKS)
    @pytest.mark.parametrize("x", [[0.0, 0.0], [0.0]])
    @pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
    def test_a_pole(self, kind, x, dtype):
        with np.errstate(all="ignore"):
            report = self.CHECKS[kind](lambda x: x**-2.0, np.array(x, dtype=dtype))
        assert report.verdict == "inconclusive", str(report)
        assert "func is not finite at x0" in report.reason
