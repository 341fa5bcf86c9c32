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
    weight = g.abs() * lengths(x0.double(), EPS[dtype])
    ordinary = free & (weight >= median(weight)) & (g != 0)

    found: dict[str, Claim] = {}
    for name, values in _altered(g, ordinary, dtype, seed).items():
        found[name] = partial(moved, right, values - g)
    wrong = dict(problem.wrong)
    if has_part(problem.ideal or problem.func):
        wrong["a part detached"] = partial(problem.ideal or problem.func, part=torch.detach)
    for name, func in wrong.items():
        found[name] = partial(gradient, func)
    return {name: claim for name, claim in found.items() if matters(g, claim(x0), x0, free, dtype)}


def least_share(entry: float) -> float:
    """
    Return the share by which a mistake has to move something.

    What moves no entry by a share that has to be found, of itself and of the median entry, is no
    mistake. Half the slope always is one.
    """
    return 0.9 * min(entry, 0.5)


def matters(g: Any, wrong: Any, x0: Any, free: Any, dtype: str) -> bool:
    """Tell whether a wrong gradient is a mistake; no slope on a kink is, where several are valid."""
    size = lengths(x0.double(), EPS[dtype])
    weight, wrong = g.abs() * size, wrong.double()
    off = (wrong - g).abs()
    typical = max(median(weight), median(wrong.abs() * size))
    least = least_share(ENTRY[dtype]) * weight.clamp(min=typical)
    return bool((free & (off != 0) & ~(off * size < least)).any())


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


def median(weight: Any) -> float:
    """Return the median of what is not zero; zero, if all is."""
    there = weight[weight > 0]
    return float(there.median()) if there.numel() else 0.0


def moved(right: Claim, offset: Any, x: Any) -> Any:
    """Return the right claim plus an offset, in its own dtype."""
    claim = right(x)
    return (claim.double() + offset).to(claim)


def lengths(x: Any, eps: float) -> Any:
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
