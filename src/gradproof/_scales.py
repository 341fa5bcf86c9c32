"""What is large and what is small: units for moves of x, and for errors of a gradient."""

from dataclasses import dataclass

import numpy as np


def rms(values: np.ndarray) -> float:
    """Return the root mean square, without overflow."""
    largest = float(np.max(np.abs(values), initial=0.0))
    if largest == 0 or not np.isfinite(largest):
        return largest
    return largest * float(np.sqrt(np.mean((values / largest) ** 2)))


def moves(x: np.ndarray, eps: float) -> np.ndarray:
    """
    Return the length by which each entry of x, one leaf, moves, times a step.

    It need not be right: steps span many decades. A short dtype has no decades to spare, so that
    entries much smaller than the others are moved on the scale of these: by 0.1 of it at least
    where eps is 1e-7, by all of it in half precision; unless they are a thousand times smaller (in
    single precision), which is a scale of its own.
    """
    size = np.abs(x)
    typical = rms(x)
    least = 0.0 if eps < 2.0**-40 else 0.1 if eps < 2.0**-15 else 1.0
    at_zero = min(typical, 1.0) or 1.0
    own = np.where(size > 0, size, at_zero)
    apart = (size > 0) & (size < 2.0**-10 * typical) & (eps < 2.0**-15)
    return np.where(apart, own, np.maximum(own, least * typical))


def _median(values: np.ndarray) -> float:
    """Return the lower median of what is not zero: the larger of two must not excuse the other."""
    there = values[values > 0]
    middle = (there.size - 1) // 2
    return float(np.partition(there, middle)[middle]) if there.size else 0.0


@dataclass(frozen=True)
class Scales:
    """
    What an error of each entry is compared with, in the units of `Scales.claim`.

    Attributes
    ----------
    move : ndarray of shape (n,)
        Length of a move of each entry of x.
    claim : ndarray of shape (n,)
        The claim per move: ``g * move``, in the units of f.
    material : ndarray of shape (n,)
        Errors are material relative to this: the entry itself, or the median entry if that is
        larger, taken per move or per unit of x, whichever is less. Per move alone, an entry with
        a tiny x would hide; per unit alone, most entries would where x spans many decades. The
        median, since one giant entry must not excuse the errors of ordinary ones.
    resolved : ndarray of shape (n,)
        What a pass must have resolved: the same, with the root mean square for the median, so
        that saturated entries, smaller than the rest by many decades, ask for nothing.
    """

    move: np.ndarray
    claim: np.ndarray
    material: np.ndarray
    resolved: np.ndarray


def scales(
    g: np.ndarray,
    move: np.ndarray,
    floor: float,
    ordinary: float,
    parts: list[slice],
    nothing: float = 0.0,
    hidden: float = np.inf,
) -> Scales:
    """
    Return the scales of a claim.

    Parameters
    ----------
    g : ndarray of shape (n,)
        The claim.
    move : ndarray of shape (n,)
        From `moves`.
    floor : float
        A slope per move that func is known to have, where the claim is zero; else 0.
    ordinary : float
        The share of the root mean square that an entry must reach to be resolved on its own.
    parts : list of slice
        The leaves of x, each of which has a scale of its own.
    nothing : float
        A claim per move that is no more than rounding of func's result.
    hidden : float
        A claim per move of which the size need not be seen, however large the others are.
    """
    claim = g * move
    if floor or not claim.any():
        flat = np.full(g.shape, floor)
        return Scales(move, claim, flat, flat)
    medians = {
        part.start: (_median(np.abs(claim[part])), _median(np.abs(g[part]))) for part in parts
    }
    # A leaf whose claim is zero, or rounding of one that is (a bias before a normalisation), has no
    # scale: a slope that matters nowhere else matters not here. Unless that is all that there is.
    zero = {p.start for p in parts if np.max(np.abs(claim[p]), initial=0.0) <= nothing}
    if len(zero) < len(parts):
        medians.update(dict.fromkeys(zero, (0.0, 0.0)))
    least = [min((m[k] for m in medians.values() if m[k]), default=0.0) for k in (0, 1)]
    material, resolved = np.empty_like(claim), np.empty_like(claim)
    for part in parts:
        own, unit = claim[part], move[part]
        per_move, per_x = (m or low for m, low in zip(medians[part.start], least, strict=True))
        material[part] = np.maximum(np.abs(own), np.minimum(per_move, per_x * unit))
        typical = np.minimum(rms(own), rms(g[part]) * unit)
        least_seen = np.minimum(ordinary * typical, hidden)
        resolved[part] = np.maximum(material[part], least_seen)
    return Scales(move, claim, material, resolved)
