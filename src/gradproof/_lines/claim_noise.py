"""What rounding makes of a claim, and what is compared with where nothing is claimed."""

from functools import partial
from typing import Any

import numpy as np

from .._numerics.blocks import blocks
from .._numerics.scales import largest, rms, rms_of
from .units import Line, Units, product


def least_slopes(units: Units, lines: list[Line]) -> tuple[float, float]:
    """Return, for a claim of zero, a slope per move that func has at least, and one to see."""
    shown = [np.abs(r.changes).max(axis=0) / (r.h * np.linalg.norm(w)) for w, r in lines]
    moved = np.concatenate(shown)
    moved = moved[np.isfinite(moved) & (moved > 0)]
    least = float(moved.min()) if moved.size else 0.0
    # The share of f that half of its digits make up: slopes that add up to less matter to nobody,
    # even if func does not move at all.
    seen, n = float(np.sqrt(units.eps)) * units.scalar.size or 1.0, units.g.size
    # Where digits are few, each of many entries is below that share, and all together change f as a
    # whole. Designs see the less of each the more there are, like a root.
    together = float(np.sqrt(n)) if units.precision.designs else 1.0
    return max(least, seen / n), max(least, seen / together)


def claim_noise(units: Units, by_ulps: np.ndarray) -> Any:
    """
    Return by how much rounding alone may move each entry of the claim.

    Measured: x0 moves by an ulp either way, and the smaller change counts, since a kink on x0 shows
    on one side only and is no noise. On top the roundings of the claim's last operations. Never
    more than what has to be resolved: a claim that rounding alone moves further is itself the
    defect, unless its dtype has no more digits.
    """
    in_full, scales, eps = units.precision.rounding_in_full, units.scales, units.eps
    found = np.empty_like(units.g)
    for part in units.scalar.parts:
        rounding, move, own = by_ulps[part], units.move[part], found[part]
        np.multiply(rounding, move, out=own)
        claim, resolved = scales.claim[part], scales.resolved[part]
        most, per_unit = largest(claim), largest(units.g[part])
        if in_full:
            per_x, per_move = rms(rounding), np.inf
        else:
            # What others share with it: not what kinks on x0 make of tied entries, which change on
            # both sides; per move or per unit of x, whichever is less, as with the scales.
            few = np.empty(own.size, dtype=bool)
            for here in blocks(own.size):
                few[here] = own[here] < 0.5 * units.res * resolved[here]
            per_x = rms_of(own.size, partial(product, rounding, few))
            per_move = rms_of(own.size, partial(product, own, few))
        for here in blocks(own.size):
            unit = move[here]
            total = np.maximum(own[here], np.minimum(per_x * unit, per_move))
            total += np.abs(claim[here]) * eps
            total *= units.precision.claim_margin
            whole = per_unit * unit
            total += (whole if in_full else np.minimum(whole, most)) * eps
            if not in_full:
                np.minimum(total, 0.5 * units.res * resolved[here], out=total)
            own[here] = total
    return found
