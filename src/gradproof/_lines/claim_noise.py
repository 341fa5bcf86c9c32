"""What rounding makes of a claim, and what is compared with where nothing is claimed."""

from typing import Any

import numpy as np

from .._numerics.blocks import by_parts, norm, stored
from .._numerics.scales import inside, largest, largest_of, rms, rms_of
from .units import Line, Units


def least_slopes(units: Units, lines: list[Line]) -> tuple[float, float]:
    """Return, for a claim of zero, a slope per move that func has at least, and one to see."""
    shown = [np.abs(r.changes).max(axis=0) / (r.h * norm(w.size, w.__getitem__)) for w, r in lines]
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
    in_full, margin = units.precision.rounding_in_full, units.precision.claim_margin
    scales, eps = units.scales, units.eps
    shared = [_shared(units, by_ulps, part) for part in units.scalar.parts]

    def rounding(k: int, at: slice) -> Any:
        (per_x, per_move), per_unit, most = shared[k]
        unit = units.move[at]
        total = np.maximum(by_ulps[at] * unit, np.minimum(per_x * unit, per_move))
        total += np.abs(scales.claim[at]) * eps
        total *= margin
        whole = per_unit * unit
        total += (whole if in_full else np.minimum(whole, most)) * eps
        return total if in_full else np.minimum(total, 0.5 * units.res * scales.resolved[at])

    return stored(units.g.size, by_parts(units.scalar.parts, rounding))


def _shared(
    units: Units, by_ulps: np.ndarray, part: slice
) -> tuple[tuple[float, float], float, float]:
    """Return what entries of a leaf share: of an ulp, and of the claim's last operations."""
    ulps, move = by_ulps[part], units.move[part]
    n, claim = inside(part, units.scales.claim)
    sizes = largest(units.g[part]), largest_of(n, claim)
    if units.precision.rounding_in_full:
        return (rms(ulps), np.inf), *sizes
    # What others share with it: not what kinks on x0 make of tied entries, which change on both
    # sides; per move or per unit of x, whichever is less, as with the scales.
    _, resolved = inside(part, units.scales.resolved)

    def few(at: slice) -> Any:
        return ulps[at] * move[at] < 0.5 * units.res * resolved(at)

    per_x = rms_of(n, lambda at: ulps[at] * few(at))
    return (per_x, rms_of(n, lambda at: ulps[at] * move[at] * few(at))), *sizes
