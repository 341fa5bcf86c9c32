"""Functions that compute in a shorter dtype than that of x0, and an x0 next to zero."""

import numpy as np
import pytest

from gradproof import verify_grad, verify_jac, verify_jvp, verify_vjp

X = np.linspace(0.5, 1.5, 5)


def single(x):
    return np.sin(np.asarray(x, dtype=np.float32))


#: Each computes in single precision, and hides it better than the one before.
SINGLE = {
    "float32": lambda x: single(x).sum(),
    "a number of Python": lambda x: float(single(x).sum()),
    "a sum in double precision": lambda x: single(x).astype(float).sum(),
    "more after it": lambda x: float(single(x).sum()) * np.pi / np.pi + 1,
}


@pytest.mark.parametrize("factor", [1.0, 1.001, 1.5])
@pytest.mark.parametrize("kind", SINGLE)
def test_single_precision_inside(kind, factor):
    """It is recognised and said; errors that matter by the digits of x0 are not passed unseen."""

    def claim(x):
        return factor * np.cos(x)

    report = verify_grad(SINGLE[kind], claim, X, seed=0)
    if kind == "float32":  # the dtype of the result counts, and in it 1.001 is right
        assert report.verdict == ("fail" if factor == 1.5 else "pass"), str(report)
        assert report.dtype == "float32"
        return
    assert report.verdict == ("inconclusive" if factor == 1 else "fail"), str(report)
    if factor == 1:
        assert any("seems to compute in single" in remark for remark in report.remarks)
        assert "let func compute in the dtype of x0 throughout" in report.next_step
        assert "straight-through" not in str(report)
        assert verify_grad(SINGLE[kind], claim, X, rtol=5e-3, seed=0).ok


@pytest.mark.parametrize("factor", [1.0, 1.5])
def test_of_several_values_and_of_many_entries(factor):
    def listed(x):
        return single(x).tolist()

    right = "inconclusive" if factor == 1 else "fail"
    jac = verify_jac(listed, lambda x: np.diag(factor * np.cos(x)), X, seed=0)
    x = np.linspace(0.5, 1.5, 400)
    many = verify_grad(lambda x: float(single(x).sum()), lambda x: factor * np.cos(x), x, seed=0)
    for report in (jac, many):
        assert report.verdict == right, str(report)
        if factor == 1:
            assert any("seems to compute in single" in remark for remark in report.remarks)


@pytest.mark.parametrize("decimals", [2, 3, 6])
def test_rounding_to_decimals_is_no_precision(decimals):
    """Fewer digits excuse nothing that matters: a claim 1 % off passed as of half precision."""
    for factor in (1.0, 1.01, 1.1, 0.9):
        for seed in range(4):
            report = verify_grad(
                lambda x: float(np.round((x**3).sum(), decimals)),
                lambda x: factor * 3 * x**2,
                X,
                seed=seed,
            )
            assert report.verdict != ("fail" if factor == 1 else "pass"), str(report)


@pytest.mark.library("torch")
@pytest.mark.library("jax")
@pytest.mark.parametrize("factor", [1.0, 1.5])
def test_another_library_inside(factor):
    import jax.numpy as jnp
    import torch

    inside = {
        "jax": lambda x: jnp.sum(jnp.sin(jnp.asarray(x, jnp.float32))),
        "torch": lambda x: torch.sin(torch.tensor(x, dtype=torch.float32)).sum(),
        "jax, as a number": lambda x: float(jnp.sum(jnp.sin(jnp.asarray(x, jnp.float32)))),
    }
    for name, func in inside.items():
        report = verify_grad(func, lambda x: factor * np.cos(x), X, seed=0)
        right = "inconclusive" if "number" in name else "pass"
        assert report.verdict == (right if factor == 1 else "fail"), (name, str(report))


LOST = [("float32", 1e7), ("float32", 1e10), ("float64", 1e16), ("float64", 1e18)]


@pytest.mark.parametrize("factor", [1.0, -1.0, 1.5])
@pytest.mark.parametrize(("dtype", "offset"), LOST)
def test_what_is_added_to_func_takes_its_digits(dtype, offset, factor):
    """
    A slope that rounding of func hides is not passed, nor is one beside another that is seen.

    Nor is a right one called wrong, whose func moves in steps of its rounding.
    """
    x = np.linspace(0.5, 1.5, 4).astype(dtype)

    def func(x):
        return np.array([(x**3).sum(), np.sin(x).sum() + x.dtype.type(offset)], dtype=dtype)

    def jac(x):
        return np.stack([3 * x**2, factor * np.cos(x)]).astype(dtype)

    for seed in range(3):
        reports = [
            verify_jac(func, jac, x, seed=seed),
            verify_jvp(func, lambda x, t: jac(x) @ t, x, seed=seed),
            verify_grad(lambda x: func(x)[1], lambda x: jac(x)[1], x, seed=seed),
        ]
        for report in reports:
            allowed = ("inconclusive", "fail") if factor == -1 else ("inconclusive",)
            assert report.verdict in allowed, str(report)
        assert "is rounded by" in str(reports[0])
        step = "leave out of func" if dtype == "float64" else "pass x0 in float64"
        assert reports[0].next_step.startswith(step)


def test_rounding_on_purpose_is_none():
    report = verify_grad(lambda x: np.round(20 * x).sum(), lambda x: 20 + 0 * x, X, seed=0)
    assert not report.ok
    assert not any("precision" in remark for remark in report.remarks)


TINY = [("float16", 6e-8), ("float32", 1e-44), ("float64", 1e-310), ("float64", 1e-20)]


@pytest.mark.parametrize("factor", [1.0, -1.0, 2.0])
@pytest.mark.parametrize(("dtype", "unit"), TINY)
class TestNextToZero:
    """Where x0 has no size of its own, a claim passes only if another would not have."""

    def test_of_its_own_scale(self, dtype, unit, factor):
        x = (unit * np.array([1, 2, 3, 5])).astype(dtype)
        report = verify_grad(lambda x: (3 * x).sum(), lambda x: factor * 3 + 0 * x, x, seed=0)
        assert report.verdict == ("pass" if factor == 1 else "fail"), str(report)

    def test_of_an_ordinary_func(self, dtype, unit, factor):
        x = (unit * np.array([1, 2, 3, 5])).astype(dtype)
        report = verify_grad(lambda x: np.exp(x).sum(), lambda x: factor * np.exp(x), x, seed=0)
        assert report.verdict == ("pass" if factor == 1 else "fail"), str(report)

    def test_of_squares(self, dtype, unit, factor):
        """Which are rounded to zero: of them nothing can be told."""
        x = (unit * np.array([1, 2, 5])).astype(dtype)
        for seed in range(4):
            report = verify_grad(lambda x: (x * x).sum(), lambda x: factor * 2 * x, x, seed=seed)
            assert report.verdict != ("fail" if factor == 1 else "pass"), str(report)

    def test_of_products(self, dtype, unit, factor):
        x = (unit * np.array([1, 2, 3, 5])).astype(dtype)
        vjp = verify_vjp(np.exp, lambda x, c: factor * c * np.exp(x), x, seed=0)
        jvp = verify_jvp(np.exp, lambda x, t: factor * t * np.exp(x), x, seed=0)
        for report in (vjp, jvp):
            assert report.verdict != ("fail" if factor == 1 else "pass"), str(report)

    def test_beside_others(self, dtype, unit, factor):
        x = np.array([unit, 1.0, 2.0], dtype=dtype)
        report = verify_grad(lambda x: (x * x).sum(), lambda x: factor * 2 * x, x, seed=0)
        assert report.verdict == ("pass" if factor == 1 else "fail"), str(report)
