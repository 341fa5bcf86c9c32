"""What customary rules say of the results of a kernel, at one point."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

#: Of claimed results, those of the reference in the dtype of the kernel, and those in float64.
Rule = Callable[[Sequence[Tensor], Sequence[Tensor], Sequence[Tensor]], bool]

#: The tolerance, relative and absolute, that tests of kernels have for a dtype.
CUSTOMARY = {torch.bfloat16: 2e-2, torch.float16: 1e-2, torch.float32: 1e-4}


def twice(claims: Sequence[Tensor], narrow: Sequence[Tensor], truth: Sequence[Tensor]) -> bool:
    """At most twice the largest error of the reference, as in the tests of FlashAttention."""
    for k, (claim, low, true) in enumerate(zip(claims, narrow, truth, strict=True)):
        atol = 1e-5 if k == 0 else 3e-5
        least = 2 * (low.double() - true).abs().max() + atol
        if not (claim.double() - true).abs().max() <= least:
            return False
    return True


def assert_close(claims: Sequence[Tensor], narrow: Sequence[Tensor], _: Sequence[Tensor]) -> bool:
    """As close to the reference in the same dtype as PyTorch's testing has it by default."""
    try:
        torch.testing.assert_close(list(claims), list(narrow))
    except AssertionError:
        return False
    return True


def allclose(claims: Sequence[Tensor], narrow: Sequence[Tensor], _: Sequence[Tensor]) -> bool:
    """As close to the reference in the same dtype as many tests of kernels have it."""
    return all(
        torch.allclose(claim, low, rtol=CUSTOMARY[claim.dtype], atol=CUSTOMARY[claim.dtype])
        for claim, low in zip(claims, narrow, strict=True)
    )


PEERS: dict[str, Rule] = {
    "twice the error of the reference (FlashAttention)": twice,
    "`torch.testing.assert_close`, defaults": assert_close,
    "`allclose`, 2e-2 / 1e-2 / 1e-4": allclose,
}
