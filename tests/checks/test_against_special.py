"""Kernels that are hard to judge: nothing to attend to, saturated, over decades, long sums."""

import math
from functools import partial

import numpy as np
import pytest

import gradproof
from gradproof import Verdict

pytestmark = pytest.mark.library("torch")
verify = partial(gradproof.verify_against, seed=0)


def drawn(*shape, seed=0):
    import torch

    return torch.tensor(np.random.default_rng([seed, *shape]).normal(size=shape))


def of(check, report):
    """Return the verdict on a result."""
    return str(next(one.verdict for one in report.checks if one.name == check))


def single(operation):
    """Return a kernel that computes an operation, and its vjps, in single precision."""
    return in_single(operation, operation)


def in_single(forward, backward):
    """Return a kernel with the values of one operation and the vjps of another."""
    import torch

    class Kernel(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *primals):
            ctx.save_for_backward(*primals)
            return forward(*(one.float() for one in primals)).to(primals[0].dtype)

        @staticmethod
        def backward(ctx, ct):
            with torch.enable_grad():
                moved = [one.detach().float().requires_grad_() for one in ctx.saved_tensors]
                found = torch.autograd.grad(backward(*moved), moved, ct.float())
            return tuple(one.to(ct.dtype) for one in found)

    return Kernel.apply


DTYPES = pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])


class TestNothingToAttendTo:
    ROW = 5

    def attention(self, q, k, v, filled=-math.inf, leaked=0.0):
        """Attention of which one query sees nothing."""
        import torch

        scores = q @ k.mT / math.sqrt(q.shape[-1])
        here = torch.arange(q.shape[-2])[:, None] == self.ROW
        p = torch.softmax(scores.masked_fill(here, filled), -1)
        if filled != -math.inf:
            p = p.masked_fill(here, leaked)
        return p @ v

    def drawn(self):
        return [drawn(16, 8, seed=seed).bfloat16() for seed in range(3)]

    def test_the_reference_has_no_number(self):
        """What could not be compared is no pass, and what could is."""
        kernel = single(partial(self.attention, filled=0.0))
        report = verify(kernel, self.attention, *self.drawn())
        assert report.verdict is Verdict.INCONCLUSIVE, str(report)
        assert [of(f"vjp by {name}", report) for name in "qkv"] == ["pass", "pass", "inconclusive"]
        assert of("value", report) == "pass"
        assert "nothing was compared" in report.reason
        assert "value: 8 entries, where the reference is not finite" in str(report.remarks)

    def test_a_row_leaks(self):
        reference = partial(self.attention, filled=0.0)
        assert verify(single(reference), reference, *self.drawn()).ok
        wrong = single(partial(self.attention, filled=0.0, leaked=1 / 16))
        report = verify(wrong, reference, *self.drawn())
        assert of("value", report) == "fail"
        assert f"[{self.ROW}, :]" in str(report)


class TestSaturated:
    def softmax(self, x):
        import torch

        return torch.softmax(12 * x, -1)

    @DTYPES
    def test_right(self, dtype):
        import torch

        x = drawn(24, 40).to(getattr(torch, dtype))
        assert verify(single(self.softmax), self.softmax, x).ok
        assert verify(self.softmax, self.softmax, x).ok

    @DTYPES
    @pytest.mark.parametrize("lacks", ["the mean", "the scale"])
    def test_wrong(self, dtype, lacks):
        import torch

        class Wrong(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                y = torch.softmax(12 * x.float(), -1)
                ctx.save_for_backward(y)
                return y.to(x.dtype)

            @staticmethod
            def backward(ctx, ct):
                (y,) = ctx.saved_tensors
                mean = (y * ct.float()).sum(-1, keepdim=True)
                if lacks == "the mean":
                    return (12 * y * ct.float()).to(ct.dtype)
                return (y * (ct.float() - mean)).to(ct.dtype)

        x = drawn(24, 40).to(getattr(torch, dtype))
        report = verify(Wrong.apply, self.softmax, x)
        assert [str(check.verdict) for check in report.checks[:2]] == ["pass", "fail"]


class TestDecades:
    def operation(self, x, a):
        import torch

        return torch.nn.functional.silu(x) * a

    def slopes(self, x, a):
        """Give an operation whose derivative by x lacks a term."""
        import torch

        s = torch.sigmoid(x)
        return x * s.detach() * a

    @pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
    def test_rows(self, dtype):
        import torch

        rows = torch.logspace(-10, 10, 24, dtype=torch.float64)[:, None]
        x, a = drawn(24, 40), drawn(24, 40, seed=1) * rows
        x, a = (one.to(getattr(torch, dtype)) for one in (x, a))
        assert verify(single(self.operation), self.operation, x, a).ok
        wrong = in_single(self.operation, self.slopes)
        report = verify(wrong, self.operation, x, a)
        assert of("vjp by x", report) == "fail"
        assert of("vjp by a", report) == "pass"


class TestOverflow:
    def drawn(self):
        return (4 + 3 * drawn(24, 40)).half()

    def test_as_the_reference(self):
        import torch

        def kernel(x):
            return torch.exp(x.float()).to(x.dtype)

        report = verify(kernel, torch.exp, self.drawn(), order=0)
        assert report.ok, str(report)
        assert "where the reference is not finite, were not compared" in report.reason

    def test_too_early(self):
        import torch

        report = verify(lambda x: torch.exp(x / 2 + 3).square() / math.exp(6), torch.exp,
                        self.drawn(), order=0)  # fmt: skip
        assert report.verdict is Verdict.FAIL
        assert "not finite" in report.reason


class TestLongSums:
    def partial_sums(self, x, parts):
        """Sum in the dtype of x: so many parts, each in single precision, one after the other."""
        total = x[:, 0] * 0
        for part in x.chunk(parts, -1):
            total = total + part.float().sum(-1).to(x.dtype)
        return total

    def reference(self, x):
        return x.sum(-1)

    def test_partial_sums(self):
        x = drawn(12, 4096).bfloat16()
        kernel = partial(self.partial_sums, parts=256)
        report = verify(kernel, self.reference, x, order=0)
        assert report.ok, str(report)

    @pytest.mark.parametrize("signed", [True, False])
    def test_one_by_one(self, signed):
        x = drawn(12, 2048) if signed else drawn(12, 2048).abs()
        kernel = partial(self.partial_sums, parts=2048)
        report = verify(kernel, self.reference, x.bfloat16(), order=0)
        assert report.ok
        assert "a loss of accuracy" in str(report)
        limited = verify(kernel, self.reference, x.bfloat16(), order=0, max_k=4)
        assert "max_k=4" in limited.reason

    def test_without_the_last(self):
        x = drawn(12, 2048).abs().bfloat16()
        kernel = partial(self.partial_sums, parts=2048)
        report = verify(lambda x: kernel(x[:, :-64], parts=1984), self.reference, x, order=0,
                        max_k=4)  # fmt: skip
        assert report.verdict is Verdict.FAIL
        assert "max_k" not in report.reason  # which is said of a loss of accuracy alone


class TestAnApproximation:
    """The gelu of tanh for that of erf: within rounding in bfloat16 alone."""

    def verdict(self, dtype, **options):
        import torch

        gelu = torch.nn.functional.gelu
        kernel = single(partial(gelu, approximate="tanh"))
        return verify(kernel, gelu, 2 * drawn(24, 40).to(getattr(torch, dtype)), **options).verdict

    def test_half(self):
        assert self.verdict("bfloat16") is Verdict.PASS
        assert self.verdict("float16") is Verdict.FAIL

    def test_single(self):
        assert self.verdict("float32") is Verdict.FAIL


def _norm(x, *, ddof=0, outside=False, centred=True):
    deviation = x.var(-1, keepdim=True, correction=ddof)
    root = 1 / (deviation.sqrt() + 5e-2) if outside else (deviation + 5e-2).rsqrt()
    return (x - x.mean(-1, keepdim=True) if centred else x) * root


def _smoothed(x, share=0.1):
    logs = x.log_softmax(-1)
    return -(1 - share) * logs[:, 0] - share * logs.mean(-1)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize(
    ("reference", "wrong"),
    [
        pytest.param(_norm, partial(_norm, ddof=1), id="ddof"),
        pytest.param(_norm, partial(_norm, outside=True), id="epsilon outside of the root"),
        pytest.param(_norm, partial(_norm, centred=False), id="mean"),
        pytest.param(_smoothed, partial(_smoothed, share=0.0), id="label smoothing"),
        pytest.param(lambda x: x.logsumexp(-1), lambda x: x[:, :-4].logsumexp(-1), id="last chunk"),
    ],
)
def test_formulas_that_people_confuse(reference, wrong, dtype):
    import torch

    x = drawn(24, 40).to(getattr(torch, dtype))
    assert verify(single(reference), reference, x).ok
    report = verify(in_single(reference, wrong), reference, x)
    assert [str(check.verdict) for check in report.checks[:2]] == ["pass", "fail"], str(report)
    assert "loss of accuracy" not in str(report)


class TestSinglePrecision:
    """What func says in float32 shows more than in half precision, of what is exact else."""

    def verdict(self, mistake, operation=None):
        import torch

        operation = operation or (lambda x: torch.softmax(2 * x, -1))
        x = drawn(24, 40).bfloat16()

        def kernel(x):
            return mistake(operation(x.float())).to(x.dtype)

        return verify(kernel, operation, x, order=0).verdict

    def test_units_in_the_last_place(self):
        """Beyond a power of two they are twice as large, at some of the points."""
        import torch

        truth = torch.softmax(2 * drawn(24, 40).bfloat16().double(), -1)
        mantissa = torch.frexp(truth).mantissa
        places = ((mantissa < 0.503) | (mantissa > 0.997)).nonzero()[:5]
        assert len(places) == 5

        def mistake(y):
            y = y.clone()
            for i, j in places:
                y[i, j] += 8 * torch.exp2(torch.floor(torch.log2(y[i, j]))) * 2.0**-7
            return y

        assert self.verdict(mistake) is Verdict.FAIL
        for i, j in places:
            places = torch.tensor([[i, j]])
            assert self.verdict(mistake) is Verdict.FAIL

    def test_far_below_its_row(self):
        import torch

        truth = torch.softmax(2 * drawn(24, 40).bfloat16().double(), -1)
        least = int((truth / truth.amax(-1, keepdim=True)).argmin())

        def mistake(y):
            y = y.clone()
            y.view(-1)[least] = 0
            return y

        assert self.verdict(mistake) is Verdict.FAIL

    @pytest.mark.parametrize("factor", [1 + 2.0**-8, 1 - 2.0**-9, 1 + 2.0**-10])
    def test_within_a_rounding_of_itself(self, factor):
        """A constant in a few entries, or a function there that is good enough for bfloat16."""

        def mistake(y):
            y = y.clone()
            y[3, 5:9] *= factor
            return y

        assert self.verdict(mistake) is Verdict.PASS


def test_products_in_tf32():
    """Of numbers that matrix units of GPUs cut: found out, and right where it is declared."""
    from tests.references.styles import TF32, results

    def product(a, b):
        return a @ b

    def kernel(a, b, factor=1.0):
        return factor * results(product, [a, b], None, TF32)[0][0]

    a, b = drawn(24, 64).float(), drawn(64, 17).float()
    report = verify(kernel, product, a, b, order=0)
    assert report.verdict is Verdict.FAIL
    assert "as in tf32" in report.reason
    assert verify(kernel, product, a, b, order=0, precision="tf32").ok
    wrong = partial(kernel, factor=1.01)
    report = verify(wrong, product, a, b, order=0)
    assert "as in tf32" not in report.reason
    assert verify(wrong, product, a, b, order=0, precision="tf32").verdict is Verdict.FAIL
