"""
The kernels of the docs in Triton: right, and with the mistakes that people make.

Interpreted, on the CPU, by ``nox -s kernels``; the same compiled, where there is an NVIDIA GPU, by
``nox -s gpu``.
"""

import os

import pytest
from tests.kernels.planted import EXAMPLES, Mistake, loaded, planted

from gradproof import Verdict, verify_against

TRITON = (pytest.mark.library("torch"), pytest.mark.library("triton"))
DEVICES = [
    pytest.param("cpu", marks=TRITON),
    pytest.param("cuda", marks=(*TRITON, pytest.mark.gpu)),
]
KERNELS = ("softmax", "rms_norm", "attention")

MISTAKES = (
    Mistake(
        "columns of the tail are not written",
        "softmax",
        "keep_dims=True)\n    for start in range(0, n, COLUMNS):",
        "keep_dims=True)\n    for start in range(0, n // COLUMNS * COLUMNS, COLUMNS):",
        {"vjp by x": "[:, 32...40]"},
    ),
    Mistake(
        "beyond the tail there are zeros, not -inf",
        "softmax",
        'there, float("-inf")',
        "there, 0.0",
        {"value": "times what it should be", "vjp by x": "entries are off"},
    ),
    Mistake(
        "no scale in the backward",
        "softmax",
        "dx = scale * y * (dy - inner)",
        "dx = y * (dy - inner)",
        {"vjp by x": "times what it should be"},
    ),
    Mistake(
        "the sum of the last block alone",
        "softmax",
        "inner += tl.sum",
        "inner = tl.sum",
        {"vjp by x": "entries are off"},
    ),
    Mistake(
        "rows of the tail are left out",
        "rms_norm",
        "for start in range(0, m, ROWS)",
        "for start in range(0, m // ROWS * ROWS, ROWS)",
        {"vjp by x": "[16...20, :]", "vjp by w": "entries are off"},
    ),
    Mistake(
        "divided by the width of the block",
        "rms_norm",
        "keep_dims=True) / n + eps",
        "keep_dims=True) / WIDTH + eps",
        {"value": "times what it should be", "vjp by x": "are off", "vjp by w": "times what"},
    ),
    Mistake(
        "the sum of the last block alone",
        "rms_norm",
        "dw += tl.sum",
        "dw = tl.sum",
        {"vjp by w": "entries are off"},
    ),
    Mistake(
        "keys beyond the tail are attended to",
        "attention",
        'scores = tl.where(tl.trans(keys) < n, scores, float("-inf"))',
        "",
        dict.fromkeys(("value", "vjp by q", "vjp by k", "vjp by v"), "entries are off"),
    ),
    Mistake(
        "no program for the tail of keys",
        "attention",
        "(triton.cdiv(n, KEYS), heads)\n        _attention_backward_q",
        "(n // KEYS, heads)\n        _attention_backward_q",
        {"vjp by k": "[:, 16...20, :]", "vjp by v": "[:, 16...20, :]"},
    ),
    Mistake(
        "no scale in the backward",
        "attention",
        "    dq = scale * dq\n",
        "",
        {"vjp by q": "times what it should be"},
    ),
    Mistake(
        "sums are not scaled to a larger maximum",
        "attention",
        "o = o * shrunk +",
        "o = o +",
        dict.fromkeys(("value", "vjp by q", "vjp by k"), "entries are off"),
    ),
)


def checked(module, kernel, device, *, rows=21, **options):
    """Compare one of the kernels with plain PyTorch, at sizes that its blocks do not divide."""
    import torch

    compiled = device != "cpu"
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    assert interpreted != compiled, "TRITON_INTERPRET=1 is for the CPU, and only for it"
    draw = torch.Generator().manual_seed(0)
    # The interpreter of Triton has no products of bfloat16 blocks.
    dtype = torch.bfloat16 if compiled or kernel != "attention" else torch.float16

    def drawn(*shape):
        return torch.randn(*shape, generator=draw).to(device, dtype)

    def softmax(x):
        return torch.softmax(0.5 * x, -1)

    def rms_norm(x, w):
        return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6) * w

    def attention(q, k, v):
        return torch.softmax(q @ k.mT * q.shape[-1] ** -0.5, -1) @ v

    func, reference, primals = {
        "softmax": lambda: (lambda x: module.softmax(x, 0.5), softmax, [drawn(13, 41)]),
        "rms_norm": lambda: (
            lambda x, w: module.rms_norm(x, w),
            rms_norm,
            [drawn(rows, 51), drawn(51)],
        ),
        "attention": lambda: (
            lambda q, k, v: module.attention(q, k, v),
            attention,
            [drawn(2, 21, 16) for _ in range(3)],
        ),
    }[kernel]()
    return verify_against(func, reference, *primals, seed=0, **options)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_kernels_are_right(kernel, device):
    report = checked(loaded(EXAMPLES / "triton_kernels.py"), kernel, device)
    assert report.verdict is Verdict.PASS, report
    # The interpreter cuts numbers off where it makes them bfloat16: twice the error.
    assert max(k for _, k in report.accuracy) < 4, report


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: f"{one.kernel}: {one.name}")
def test_mistakes_are_found_where_they_are(mistake, device, tmp_path):
    report = checked(planted("triton_kernels", mistake, tmp_path), mistake.kernel, device)
    failed = {check.name: check.text for check in report.checks if check.verdict is Verdict.FAIL}
    assert list(failed) == list(mistake.failed), report
    for name, text in mistake.failed.items():
        assert text in failed[name], failed


@pytest.mark.parametrize("device", DEVICES)
def test_sums_in_half_precision_lose_accuracy(device, tmp_path):
    mistake = Mistake(
        "a sum in the dtype of the kernel",
        "rms_norm",
        "dw += tl.sum(dy * unit, 0, keep_dims=True)",
        "dw += tl.sum(dy * unit, 0, keep_dims=True)\n"
        "        dw = dw.to(w_at.dtype.element_ty).to(tl.float32)",
        {},
    )
    module = planted("triton_kernels", mistake, tmp_path)
    report = checked(module, "rms_norm", device, rows=165)
    assert report.ok, report
    assert dict(report.accuracy)["vjp by w"] > 3, report
    limited = checked(module, "rms_norm", device, rows=165, max_k=2)
    (failed,) = (c.name for c in limited.checks if c.verdict is Verdict.FAIL)
    assert failed == "vjp by w", limited
