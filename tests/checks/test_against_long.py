"""Comparison with a reference where results are long: in blocks, and in single precision."""

from functools import partial

import numpy as np
import pytest
from tests.checks.test_against import SHAPE, both, drawn, kernels, rms_norm, times  # noqa: F401

import gradproof
from gradproof import Verdict
from gradproof._reference import blocks

verify = partial(gradproof.verify_against, seed=0)


@both
def test_blocks_make_no_difference(kernels, monkeypatch):  # noqa: F811
    x, w = kernels.array(drawn(*SHAPE), "bfloat16"), kernels.array(drawn(SHAPE[1]), "bfloat16")
    kernel = kernels.rms_norm(times(1.5, np.s_[3, 5]))
    reference = partial(rms_norm, kernels.xp)
    whole = verify(kernel, reference, x, w)
    monkeypatch.setattr(blocks, "_BLOCK", 64)
    if kernels.library == "torch":
        from gradproof._backends.torch import backend as torch_backend

        monkeypatch.setattr(torch_backend, "_BLOCK", 64)
    parts = verify(kernel, reference, x, w)
    assert parts.verdict is whole.verdict is Verdict.FAIL
    assert parts.reason == whole.reason
    for name in ("claimed", "measured", "state"):
        np.testing.assert_array_equal(parts.flat[name], whole.flat[name])
    np.testing.assert_allclose(parts.flat["noise"], whole.flat["noise"], rtol=1e-5)


@both
def test_nothing_but_zeros(kernels):  # noqa: F811
    x = kernels.array(drawn(*SHAPE), "bfloat16")
    report = verify(lambda x: x * 0, lambda x: x * 0, x, order=0)
    assert report.ok, str(report)
    report = verify(lambda x: x * 0 + 1e-3, lambda x: x * 0, x, order=0)
    assert report.verdict is Verdict.FAIL, str(report)


@pytest.mark.library("torch")
class TestTruthInSinglePrecision:
    """Half precision of very many entries is compared with truth in single precision."""

    def seen(self, reference, shape, dtype):
        import torch

        seen = []

        def noted(x):
            seen.append(x.dtype)
            return reference(x)

        x = torch.tensor(drawn(*shape)).to(getattr(torch, dtype))
        report = verify(lambda x: reference(x.float()).to(x.dtype), noted, x, order=0)
        return report, seen.count(torch.float64)

    @pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
    def test_where_it_is_as_good(self, dtype):
        report, in_double = self.seen(lambda x: x * x.sigmoid(), (512, 600), dtype)
        assert report.ok, str(report)
        assert in_double == 1

    def test_not_where_digits_cancel(self):
        report, in_double = self.seen(lambda x: (x + 4096) - 4096, (512, 600), "bfloat16")
        assert report.ok, str(report)
        assert in_double > 4

    @pytest.mark.parametrize(("shape", "dtype"), [((20, 30), "bfloat16"), ((512, 600), "float32")])
    def test_not_of_few_entries_or_long_numbers(self, shape, dtype):
        report, in_double = self.seen(lambda x: x * x.sigmoid(), shape, dtype)
        assert report.ok, str(report)
        assert in_double > 4
