"""Every inconclusive report names a next step; taken, it leads to a verdict."""

import numpy as np
import pytest

import gradproof
from gradproof import Verdict, verify_grad, verify_jac, verify_jvp, verify_vjp

X = np.linspace(0.5, 1.5, 6)


def cube(x):
    return (x * x * x).sum()


def slope(x):
    return 3 * x * x


def wrong(x):
    return 2.9 * x * x


def unsure(report) -> str:
    """Return the next step that a report names, which is the line after what it found."""
    assert report.verdict is Verdict.INCONCLUSIVE
    assert f"\n  next: {report.next_step}\n" in str(report)
    assert report.to_dict()["next_step"] == report.next_step
    return report.next_step


def test_none_where_there_is_a_verdict():
    for claim in (slope, wrong):
        report = verify_grad(cube, claim, X, seed=0)
        assert report.next_step == ""
        assert "next:" not in str(report)


class TestCauses:
    def test_budget(self):
        step = unsure(verify_grad(cube, slope, X, seed=0, budget=40))
        assert "pass budget=224 or more" in step
        assert verify_grad(cube, slope, X, seed=0, budget=224).ok
        many = np.linspace(0.5, 1.5, 1000)
        assert "pass budget=800" in unsure(verify_grad(cube, slope, many, seed=0, budget=30))
        assert verify_grad(cube, slope, many, seed=0, budget=800).ok

    def test_randomness(self):
        def func(x, seed=None):
            return cube(x) + 1e-4 * np.random.default_rng(seed).normal()

        step = unsure(verify_grad(func, slope, X, seed=0))
        assert step.startswith("let func and the claim return the same in each call")
        assert verify_grad(func, slope, X, seed=0, kwargs=None).next_step == step
        assert verify_grad(lambda x: func(x, 3), slope, X, seed=0).ok

    def test_kink(self):
        def func(x):
            return x.max()

        def claim(x):
            return 1.0 * (x == x.max())

        tie = np.array([1.0, 1.0, 0.5])
        assert "check beside it" in unsure(verify_grad(func, claim, tie, seed=0))
        rng = np.random.default_rng(0)
        beside = tie + 0.01 * rng.uniform(1, 2, 3) * (1 + np.abs(tie))
        assert verify_grad(func, claim, beside, seed=0).ok

    def test_not_finite(self):
        with np.errstate(all="ignore"):
            report = verify_grad(lambda x: np.inf + cube(x), slope, X, seed=0)
        assert "choose an x0 at which func is finite" in unsure(report)

    @pytest.mark.parametrize(("factor", "off"), [(1.0, 0.0), (3.0, 0.0), (1.0, 1e-11)])
    def test_fitted_optimum(self, factor, off):
        """The most natural first call: a score where it is zero, and where a factor is not seen."""
        rng = np.random.default_rng(0)
        a = rng.normal(size=(40, 4))
        y = a @ [1.0, -2.0, 0.5, 3.0] + rng.normal(size=40)

        def loglike(b):
            return -0.5 * ((y - a @ b) ** 2).sum()

        def score(b):
            return factor * (a.T @ (y - a @ b))

        fitted = np.linalg.lstsq(a, y, rcond=None)[0] + off
        step = unsure(verify_grad(loglike, score, fitted, seed=0))
        assert step.startswith("the gradient is zero here up to noise")
        assert "x0 + 0.1 * (1 + abs(x0))" in step
        beside = fitted + 0.1 * (1 + np.abs(fitted))
        expected = Verdict.PASS if factor == 1 else Verdict.FAIL
        assert verify_grad(loglike, score, beside, seed=0).verdict is expected

    @pytest.mark.parametrize("inside", [lambda v: float(np.float32(v)), lambda v: np.round(v, 3)])
    def test_short_numbers_inside(self, inside):
        def func(x):
            return inside(cube(x))

        step = unsure(verify_grad(func, slope, X, seed=0, rtol=1e-6))
        assert step.startswith("let func compute in the dtype of x0 throughout")
        rtol = float(step.split("pass rtol=")[1].split(",")[0])
        assert verify_grad(func, slope, X, seed=0, rtol=rtol).ok
        assert verify_grad(func, lambda x: -slope(x), X, seed=0, rtol=rtol).verdict == "fail"
        assert verify_grad(cube, slope, X, seed=0, rtol=1e-6).ok

    def test_straight_through(self):
        def func(x):
            return np.round(30 * x).sum()

        step = unsure(verify_grad(func, lambda x: 30 + 0 * x, X, seed=0))
        assert "check that rule as the vjp of the function that it stands for" in step
        assert verify_vjp(lambda x: 30 * x, lambda x, u: 30 * u, X, seed=0).ok

    def test_noise_of_its_own(self):
        def func(x):
            return cube(x) + 1e-7 * np.sin(1e9 * x.sum())

        step = unsure(verify_grad(func, slope, X, seed=0, rtol=1e-9))
        rtol = float(step.split("pass rtol=")[1].split(",")[0])
        assert 1e-9 < rtol < 0.2
        assert verify_grad(func, slope, X, seed=0, rtol=rtol).ok

    def test_many_entries(self):
        """Along few directions, then each entry, then with the rtol that noise allows."""

        def func(x):
            return cube(x) + 1e-4 * np.sin(1e9 * x.sum())

        many = np.linspace(0.5, 1.5, 400)
        step = unsure(verify_grad(func, slope, many, seed=0, rtol=1e-6))
        assert 'directions="all"' in step
        few = many[::20]  # which are looked at alike, at less cost
        step = unsure(verify_grad(func, slope, few, seed=0, rtol=1e-6, directions="all"))
        assert "rtol=" in step
        assert verify_grad(func, slope, many, seed=0, rtol=0.01).ok
        assert verify_grad(func, wrong, many, seed=0, rtol=0.01).verdict is Verdict.FAIL

    def test_short_dtype(self):
        def func(x):
            return x.dtype.type(cube(x) + x.dtype.type(3e6))

        x = X.astype(np.float32)
        step = unsure(verify_grad(func, lambda x: 3 * x * x, x, seed=0))
        assert step.startswith("check in a wider dtype, or ")
        assert verify_grad(func, slope, X, seed=0).ok

    def test_interrupted(self):
        calls = iter(range(41))

        def func(x):
            if next(calls) == 40:
                raise KeyboardInterrupt
            return cube(x)

        with pytest.raises(gradproof.Interrupted) as caught:
            verify_grad(func, slope, X, seed=0)
        assert unsure(caught.value.report).startswith("run it again")


class TestRoads:
    """Whatever is checked, and whoever asks."""

    def test_other_kinds(self):
        rng = np.random.default_rng(0)

        def func(x):
            return np.sin(x) + 1e-4 * rng.normal(size=x.shape)

        for report in (
            verify_jac(func, lambda x: np.diag(np.cos(x)), X, seed=0),
            verify_vjp(func, lambda x, u: u * np.cos(x), X, seed=0),
            verify_jvp(func, lambda x, t: t * np.cos(x), X, seed=0),
        ):
            assert unsure(report).startswith("let func and the claim return the same")

    @pytest.mark.library("torch")
    def test_a_mode_that_is_not_there(self):
        import torch
        from tests.torch_ops import PlainSquare

        x = torch.linspace(0.5, 1.5, 5, dtype=torch.float64)
        report = gradproof.verify_autodiff(PlainSquare.apply, x, modes=("vjp", "jvp"), seed=0)
        assert 'pass modes=("vjp",)' in unsure(report)
        assert gradproof.verify_autodiff(PlainSquare.apply, x, modes=("vjp",), seed=0).ok

    def test_a_stationary_point(self):
        """Where the claim is exactly zero, too."""
        report = verify_grad(
            lambda x: ((x - 1) ** 2).sum(), lambda x: 3 * (x - 1), np.ones(4), seed=0
        )
        assert "check beside it" in unsure(report)

    @pytest.mark.library("torch")
    def test_torch(self):
        import torch

        x = torch.linspace(0.5, 1.5, 5, dtype=torch.float64)
        report = gradproof.verify_autodiff(lambda x: x.sin() + 1e-3 * torch.rand(5), x, seed=0)
        assert unsure(report).startswith("let func and the claim return the same")
