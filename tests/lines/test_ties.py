"""Where entries are equal, or on a kink: the gradient of a side passes, and nothing else does."""

import numpy as np
import pytest

from gradproof import Verdict, verify_autodiff, verify_grad, verify_jac, verify_jvp, verify_vjp

SINGLE = ["float64", "float32"]
TIED = (1.0, 1.0, 1.0, 1.0, 0.3, -0.4)


def ranked(x, ct):
    """Return the vjp of sorting, which keeps the order of equal numbers."""
    found = np.zeros_like(x)
    found[np.argsort(x, kind="stable")] = ct
    return found


@pytest.mark.parametrize("dtype", SINGLE)
@pytest.mark.parametrize("seed", range(3))
class TestSort:
    def test_right(self, dtype, seed):
        x0 = np.array(TIED, dtype)
        vjp = verify_vjp(np.sort, ranked, x0, seed=seed)
        assert vjp.ok, str(vjp)
        jvp = verify_jvp(np.sort, lambda x, t: t[np.argsort(x, kind="stable")], x0, seed=seed)
        assert jvp.ok, str(jvp)

    @pytest.mark.parametrize(
        "mistake",
        [
            lambda g: -g,
            lambda g: 2 * g,
            lambda g: np.roll(g, 1),
            lambda g: g[::-1].copy(),
            lambda g: g * np.array([1, 1, 1, 1, 1, -1], g.dtype),
        ],
    )
    def test_wrong(self, dtype, seed, mistake):
        x0 = np.array(TIED, dtype)
        report = verify_vjp(np.sort, lambda x, ct: mistake(ranked(x, ct)), x0, seed=seed)
        assert report.verdict is Verdict.FAIL, str(report)


@pytest.mark.parametrize("dtype", SINGLE)
class TestMaximum:
    """Shared among all that are equal, or that of one of them; not in full for each."""

    @pytest.mark.parametrize("seed", range(3))
    def test_shares(self, dtype, seed):
        x0 = np.array(TIED, dtype)

        def claim(share):
            return lambda x: np.where(x == x.max(), np.asarray(share, dtype), 0 * x)

        assert verify_grad(np.max, claim(0.25), x0, seed=seed).ok
        first = verify_grad(np.max, lambda x: np.eye(6, dtype=dtype)[np.argmax(x)], x0, seed=seed)
        assert first.ok, str(first)
        for share in (0.5, 1.0, -0.25):
            report = verify_grad(np.max, claim(share), x0, seed=seed)
            assert report.verdict is not Verdict.PASS, f"{share}: {report}"
        assert verify_grad(np.max, claim(2.0), x0, seed=seed).verdict is Verdict.FAIL


class TestRows:
    """Values of func have slopes of their own: what has to hold together is a row."""

    @pytest.mark.parametrize("seed", range(10))
    def test_two_kinks_in_two_rows(self, seed):
        x0 = np.array([0.0, 0.0, 0.7, 1.3])
        for at_zero, verdict in ((1.0, "pass"), (-1.0, "pass"), (0.0, "pass"), (3.0, "fail")):
            report = verify_jac(np.abs, lambda x, s=at_zero: np.diag([s, s, 1, 1]), x0, seed=seed)
            assert report.verdict == verdict, str(report)

    @pytest.mark.parametrize("seed", range(3))
    def test_two_kinks_in_one_row(self, seed):
        x0 = np.array([1.0, 1.0, 0.3])

        def func(x):
            return np.stack([x.max(), x.sum()])

        def jac(first):
            return lambda x: np.array([first, [1.0, 1.0, 1.0]])

        assert verify_jac(func, jac([1.0, 0, 0]), x0, seed=seed).ok
        assert not verify_jac(func, jac([1.0, 1, 0]), x0, seed=seed).ok
        wrong = verify_jac(func, jac([1.0, 0, 1]), x0, seed=seed)
        assert wrong.verdict is Verdict.FAIL


@pytest.mark.library("torch")
class TestTorch:
    OPS = ("sort", "topk", "cummax", "max_pool1d", "amax", "clamp", "abs", "relu")

    @staticmethod
    def func(name):
        import torch

        return {
            "sort": lambda x: torch.sort(x).values,
            "topk": lambda x: torch.topk(x, 3).values,
            "cummax": lambda x: torch.cummax(x, 0).values,
            "max_pool1d": lambda x: torch.nn.functional.max_pool1d(x[None, None], 3),
            "amax": torch.amax,
            "clamp": lambda x: x.clamp(-1, 1),
            "abs": lambda x: (x - 1).abs(),
            "relu": lambda x: torch.relu(x - 1),
        }[name]

    @pytest.mark.parametrize("name", OPS)
    @pytest.mark.parametrize("dtype", [*SINGLE, "float16", "bfloat16"])
    def test_rules_of_torch(self, name, dtype):
        import torch

        x0 = torch.tensor(TIED, dtype=getattr(torch, dtype))
        for seed in range(3):
            report = verify_autodiff(self.func(name), x0, seed=seed)
            assert report.verdict is not Verdict.FAIL, str(report)
            if dtype in SINGLE:
                assert report.ok, str(report)
            elif not report.ok and "tie" not in str(report):
                assert name not in ("sort", "topk", "cummax"), str(report)

    @pytest.mark.parametrize("name", ["sort", "topk", "cummax", "max_pool1d"])
    @pytest.mark.parametrize("factor", [-1, 2, 0.5])
    def test_mistakes(self, name, factor):
        import torch

        func = self.func(name)

        class Rule(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return func(x.detach())

            @staticmethod
            def backward(ctx, ct):
                (x,) = ctx.saved_tensors
                with torch.enable_grad():
                    y = x.detach().requires_grad_()
                    (g,) = torch.autograd.grad(func(y), y, ct)
                return factor * g

        x0 = torch.tensor(TIED, dtype=torch.float64)
        report = verify_autodiff(Rule.apply, x0, modes=("vjp",), seed=0)
        assert report.verdict is Verdict.FAIL, str(report)


@pytest.mark.library("torch")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
class TestHalfPrecision:
    """Where equal entries move alike, a right claim is known, and another does not pass."""

    POINTS = (TIED, (1.0, 1.0), (1.0,) * 6, (0.5, 1, 1, 0.25, 0.9375, -1))

    @staticmethod
    def report(func, dtype, x0, factor, seed):
        import torch

        value, gradient = func

        class Rule(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return value(x.detach())

            @staticmethod
            def backward(ctx, ct):
                (x,) = ctx.saved_tensors
                with torch.enable_grad():
                    y = x.detach().requires_grad_()
                    (g,) = torch.autograd.grad(gradient(y), y, ct)
                return factor * g

        x0 = torch.tensor(x0, dtype=getattr(torch, dtype))
        return verify_autodiff(Rule.apply, x0, modes=("vjp",), seed=seed)

    @staticmethod
    def maxima():
        import torch

        return {
            "shares": (torch.amax, torch.amax),
            "one of them": (lambda x: torch.amax(x, -1), lambda x: torch.max(x, -1).values),
            "picked": (lambda x: torch.topk(x, 1).values,) * 2,
            "squared": (lambda x: torch.amax(x) ** 2,) * 2,
        }

    @pytest.mark.parametrize("name", ["shares", "one of them", "picked", "squared"])
    @pytest.mark.parametrize("x0", POINTS)
    def test_maximum(self, dtype, x0, name):
        report = self.report(self.maxima()[name], dtype, x0, 1, 0)
        assert report.ok, str(report)
        for factor in (2, 0.5, 0):
            report = self.report(self.maxima()[name], dtype, x0, factor, 0)
            assert not report.ok, f"{factor}: {report}"

    def test_a_claim_that_stays_on_one_side(self, dtype):
        """Moved up, the entry that the claim is by stays the largest: the other side tells."""
        for seed in range(12):
            report = self.report(self.maxima()["one of them"], dtype, (1.0,) * 6, 0.5, seed)
            assert not report.ok, f"{seed}: {report}"

    @pytest.mark.parametrize("name", ["sort", "topk"])
    @pytest.mark.parametrize("x0", [(1.0, 1.0, 1.0), (1.0, 1.0, 0.3, -0.4), TIED])
    def test_order(self, dtype, x0, name):
        import torch

        func = {
            "sort": lambda x: torch.sort(x, stable=True).values,
            "topk": lambda x: torch.topk(x, 3).values,
        }[name]
        for seed in range(2):
            right = self.report((func, func), dtype, x0, 1, seed)
            assert right.verdict is not Verdict.FAIL, str(right)
            for factor in (2, 0.5, -1, 0):
                report = self.report((func, func), dtype, x0, factor, seed)
                assert not report.ok, f"{factor}: {report}"

    @pytest.mark.parametrize("name", ["abs", "relu", "relu at one"])
    @pytest.mark.parametrize("x0", POINTS)
    def test_kinks(self, dtype, x0, name):
        import torch

        func = {
            "abs": lambda x: (x - 1).abs(),
            "relu": lambda x: torch.relu(x - 1),
            "relu at one": lambda x: torch.relu(x - 1).sum(),
        }[name]
        report = self.report((func, func), dtype, x0, 1, 0)
        assert report.ok, str(report)
