"""
The kernels of the docs in Pallas: right, and with the mistakes that people make.

Interpreted, step by step, with NaN beyond the arrays: what a mask lets through is seen.
"""

import pytest
from tests.kernels.planted import EXAMPLES, Mistake, loaded, planted

from gradproof import Verdict, verify_against

pytestmark = pytest.mark.library("jax")

KERNELS = ("softmax", "rms_norm", "attention")

MISTAKES = (
    Mistake(
        "no steps for the tail of columns",
        "softmax",
        "return _call(backward, grid, [_tile, _tile",
        "return _call(backward, (grid[0], n // COLUMNS), [_tile, _tile",
        {"vjp by x": "in [:, 32...40], 117 of 533 entries are not finite"},
    ),
    Mistake(
        "no scale in the backward",
        "softmax",
        "dx = scale * y_ref",
        "dx = y_ref",
        {"vjp by x": "times what it should be"},
    ),
    Mistake(
        "the sum of the last block alone",
        "softmax",
        "inner_ref[...] += product",
        "inner_ref[...] = product",
        {"vjp by x": "entries are off"},
    ),
    Mistake(
        "rows of the tail are not masked",
        "rms_norm",
        "_there(x_ref.shape, 0, m, pl.program_id(0)) & _there(x_ref.shape, 1, n, 0)",
        "_there(x_ref.shape, 1, n, 0)",
        {"vjp by w": "51 of 51 entries are not finite"},
    ),
    Mistake(
        "divided by the width of the block",
        "rms_norm",
        "(pulled * unit).sum(1, keepdims=True) / n",
        "(pulled * unit).sum(1, keepdims=True) / x_ref.shape[1]",
        {"vjp by x": "are off by a multiple of x"},
    ),
    Mistake(
        "the sum of the last block alone",
        "rms_norm",
        "dw_ref[...] +=",
        "dw_ref[...] =",
        {"vjp by w": "entries are off"},
    ),
    Mistake(
        "no steps for the tail of keys",
        "attention",
        "many_k, keys, _ = _pieces(n, d, KEYS, 1)",
        "many_k, keys, _ = n // KEYS, *_pieces(n, d, KEYS, 1)[1:]",
        {"vjp by k": "[:, 16...20, :]", "vjp by v": "[:, 16...20, :]"},
    ),
    Mistake(
        "no scale in the backward",
        "attention",
        "dk_ref[0] += scale *",
        "dk_ref[0] +=",
        {"vjp by k": "times what it should be"},
    ),
    Mistake(
        "the sum of the last block alone",
        "attention",
        "dq_ref[0] += scale",
        "dq_ref[0] = scale",
        {"vjp by q": "entries are off"},
    ),
)


def checked(module, kernel):
    """Compare one of the kernels with plain JAX, at sizes that its blocks do not divide."""
    import jax
    import jax.numpy as jnp

    keys = iter(jax.random.split(jax.random.key(0), 3))

    def drawn(*shape):
        return jax.random.normal(next(keys), shape).astype("bfloat16")

    def softmax(x):
        return jax.nn.softmax(0.5 * x, axis=-1)

    def rms_norm(x, w):
        return x / jnp.sqrt(jnp.mean(x * x, axis=-1, keepdims=True) + 1e-6) * w

    def attention(q, k, v):
        return jax.nn.softmax(q @ k.mT * q.shape[-1] ** -0.5, axis=-1) @ v

    func, reference, primals = {
        "softmax": lambda: (lambda x: module.softmax(x, 0.5), softmax, [drawn(13, 41)]),
        "rms_norm": lambda: (module.rms_norm, rms_norm, [drawn(21, 51), drawn(51)]),
        "attention": lambda: (module.attention, attention, [drawn(2, 21, 16) for _ in range(3)]),
    }[kernel]()
    return verify_against(jax.jit(func), reference, *primals, seed=0)


@pytest.mark.parametrize("kernel", KERNELS)
def test_kernels_are_right(kernel):
    report = checked(loaded(EXAMPLES / "pallas_kernels.py"), kernel)
    assert report.verdict is Verdict.PASS, report
    assert max(k for _, k in report.accuracy) < 2, report


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: f"{one.kernel}: {one.name}")
def test_mistakes_are_found_where_they_are(mistake, tmp_path):
    report = checked(planted("pallas_kernels", mistake, tmp_path), mistake.kernel)
    failed = {check.name: check.text for check in report.checks if check.verdict is Verdict.FAIL}
    assert list(failed) == list(mistake.failed), report
    for name, text in mistake.failed.items():
        assert text in failed[name], failed
