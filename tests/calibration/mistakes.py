"""Claims that are wrong, made from one that is right."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from tests.calibration.cases import EPS, Problem, gradient, has_part, right_claim

#: The error of a single entry of ordinary size that each dtype has to find.
ENTRY = {"float64": 3e-5, "float32": 1e-2, "float16": 0.3, "bfloat16": 0.6}
#: Mistakes of the gradient as a whole, which do not take one look at each entry to be seen.
OF_THE_WHOLE = ("sign", "factor 2", "half", "zero", "mean for sum")

Claim = Callable[[Any], Any]


def mistakes(problem: Problem, dtype: str, seed: int) -> dict[str, Claim]:
    """Return the wrong claims, by name."""
    right, x0 = right_claim(problem), problem.x0
    g = right(x0).double().contiguous()
    free = ~problem.kinks if problem.kinks is not None else torch.ones_like(g, dtype=torch.bool)
    size = _lengths(x0.double(), EPS[dtype])
    weight = g.abs() * size
    typical = _median(weight)

    found: dict[str, Claim] = {}
    for name, values in _altered(g, free & (weight >= typical) & (g != 0), dtype, seed).items():
        found[name] = partial(_moved, right, values - g)
    wrong = dict(problem.wrong)
    if has_part(problem.ideal or problem.func):
        wrong["a part detached"] = partial(problem.ideal or problem.func, part=torch.detach)
    for name, func in wrong.items():
        found[name] = partial(gradient, func)

    # What moves no entry by a share that has to be found, of itself and of the median entry, is
    # no mistake; nor is any slope on a kink, where several are valid. Half the slope always is one.
    # The median is also that of the wrong claim, the only one that a checker knows.
    share = 0.9 * min(ENTRY[dtype], 0.5)

    def matters(claim: Claim) -> bool:
        wrong = claim(x0).double()
        moved = (wrong - g).abs()
        least = share * weight.clamp(min=max(typical, _median(wrong.abs() * size)))
        return bool((free & (moved != 0) & ~(moved * size < least)).any())

    return {name: claim for name, claim in found.items() if matters(claim)}


def _altered(g: Any, ordinary: Any, dtype: str, seed: int) -> dict[str, Any]:
    """Return wrong values of the gradient; mistakes of one entry are made in an ordinary one."""
    last = g.clone()
    last.view(-1)[-1] = torch.nan
    found = {"sign": -g, "factor 2": 2 * g, "half": 0.5 * g, "zero": 0 * g, "NaN": last}
    if g.numel() == 1:
        return found
    places = torch.nonzero(ordinary.ravel()).ravel().numpy()
    if places.size:
        i = int(np.random.default_rng(seed).choice(places))
        factors = {"entry": 1 + ENTRY[dtype], "sign of an entry": -1, "an entry zero": 0}
        for name, factor in factors.items():
            found[name] = g.clone()
            found[name].view(-1)[i] *= factor
    flat = g.ravel()
    found["mean for sum"] = g / g.numel()
    found["rolled"] = torch.roll(flat, 1).reshape(g.shape)
    found["reversed"] = flat.flip(0).reshape(g.shape)
    if g.ndim == 2:
        found["transposed"] = g.T.reshape(g.shape)
    return found


def _median(weight: Any) -> float:
    there = weight[weight > 0]
    return float(there.median()) if there.numel() else 0.0


def _moved(right: Claim, offset: Any, x: Any) -> Any:
    """Return the right claim plus an offset, in its own dtype."""
    claim = right(x)
    return (claim.double() + offset).to(claim)


def _lengths(x: Any, eps: float) -> Any:
    """
    Return the length over which each entry of x is expected to vary: its own size.

    That of the others for an entry at zero; in shorter dtypes small entries share in the size of
    the others, since there are no decades to spare.
    """
    largest = x.abs().max()
    typical = largest * ((x / largest) ** 2).mean().sqrt() if largest > 0 else largest
    shared = 0.0 if eps < 2.0**-40 else 0.1 if eps < 2.0**-15 else 1.0
    at_zero = min(float(typical), 1.0) or 1.0
    own = torch.where(x == 0, at_zero, x.abs())
    apart = (x != 0) & (x.abs() < 2.0**-10 * typical)
    return torch.where(apart, own, own.clamp(min=shared * float(typical)))
