"""A vjp in half precision at a second cotangent, of positive weights."""

import pytest

from gradproof import Verdict, verify_vjp

HALVES = ["float16", "bfloat16"]


@pytest.mark.library("torch")
@pytest.mark.parametrize("dtype", HALVES)
class TestGather:
    """An entry that is picked twice: the two weights of random signs may nearly cancel."""

    def claims(self, dtype):
        import torch

        index = torch.tensor([[0, 0], [1, 2], [3, 1]])
        x = torch.linspace(-1, 1, 12, dtype=getattr(torch, dtype)).reshape(3, 4)

        def right(x, ct):
            return torch.zeros_like(x).scatter_add_(1, index, ct)

        def wrong(x, ct):
            g = right(x, ct)
            g[:, 0] = 0
            return g

        return (lambda x: x.gather(1, index)), right, wrong, x

    @pytest.mark.parametrize("seed", [3, 7])
    def test_a_column_that_is_zero(self, dtype, seed):
        func, _, wrong, x = self.claims(dtype)
        report = verify_vjp(func, wrong, x, seed=seed)
        assert report.verdict is Verdict.FAIL, str(report)

    def test_right(self, dtype):
        """One more call of the claim, and three of func, of which two are in single precision."""
        func, right, _, x = self.claims(dtype)
        for seed in range(2):
            report = verify_vjp(func, right, x, seed=seed)
            assert report.ok, str(report)
            assert [check.name for check in report.checks] == [
                "vjp",
                "linearity of the vjp",
                "layout of the cotangent",
            ]
            assert report.nfev < 110
