"""What is large and what is small: units for moves of x, and for errors of a gradient."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .blocks import blocks, by_parts, lazy, stored
from .precision import Precision

#: Entries that stand for all where these are four times as many.
_SAMPLE = 2**18


def largest(values: np.ndarray) -> float:
    """Return the largest magnitude; NaN if there is one."""
    # Both are NaN if there is one. The functions `np.max` and `np.min` would take twice as long.
    most, least = (ufunc.reduce(values, initial=0.0) for ufunc in (np.maximum, np.minimum))
    return max(float(most), -float(least))


def largest_of(size: int, values: Callable[[slice], np.ndarray]) -> float:
    """Return the largest magnitude of an array that is made block by block; NaN if there is one."""
    found = [largest(values(part)) for part in blocks(size)]
    return found[0] if len(found) == 1 else float(np.max(found, initial=0.0))


def rms(values: np.ndarray) -> float:
    """Return the root mean square, without overflow."""
    return rms_of(values.size, values.__getitem__)


def rms_of(size: int, values: Callable[[slice], np.ndarray]) -> float:
    """Return the root mean square of an array that is made block by block."""
    most = largest_of(size, values)
    if most == 0 or not math.isfinite(most):
        return most
    total = 0.0
    for part in blocks(size):
        share = values(part) / most
        total += np.add.reduce(np.square(share, out=share))
    return most * math.sqrt(total / size)


def moves(x: np.ndarray, eps: float) -> np.ndarray:
    """
    Return the length by which each entry of x, one leaf, moves, times a step.

    It need not be right: steps span many decades. A short dtype has none to spare, so that entries
    much smaller than the others are moved on the scale of these, or on one of their own.
    """
    precision = Precision.of(eps)
    typical = rms(x)
    at_zero = min(typical, 1.0) or 1.0

    def made(part: slice) -> Any:
        size = np.abs(x[part]).astype(float, copy=False)
        own = np.where(size > 0, size, at_zero)
        apart = (size > 0) & (size < precision.own_scale * typical)
        return np.where(apart, own, np.maximum(own, precision.least_move * typical))

    return stored(x.size, made)


def moves_by_leaf(x: np.ndarray, parts: Iterable[slice], eps: float) -> np.ndarray:
    """Return the same of several leaves, each on a scale of its own."""
    found = [moves(x[part], eps) for part in parts]
    return found[0] if len(found) == 1 else np.concatenate([np.empty(0, x.dtype), *found])


def shortest_moves(x: np.ndarray, eps: float, backend: Any) -> Any:
    """
    Return the length below which entries of x do not move on an array library, 0 if it may be any.

    Where arithmetic takes what is below the smallest normal number for zero, func would stand
    still: of an x that is not above it, the finest steps, of some ulps, have to be.
    """
    if not backend.flushes:
        return 0.0
    least = Precision.of(eps).least_normal
    if not any((np.abs(x[part]) < 4 * least).any() for part in blocks(x.size)):
        return 0.0
    return np.where(np.abs(x) < 4 * least, least / eps, 0.0)


def _median(part: slice, values: Callable[[Any], np.ndarray]) -> float:
    """
    Return the lower median size of what is not zero: the larger of two excuses no other.

    Of very many entries a sample tells it: its rank is then off by a thousandth.
    """
    n = part.stop - part.start
    if n > 4 * _SAMPLE:
        there = np.abs(values(np.random.default_rng(0).integers(part.start, part.stop, _SAMPLE)))
    else:
        there = np.abs(values(part))
    if not there.all():
        there = there[there > 0]
    if not there.size:
        return 0.0
    middle = (there.size - 1) // 2
    there.partition(middle)
    return float(there[middle])


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
    nothing : tuple of (slice, float, float)
        For each leaf, the claims per move and per unit of x below which entries are nothing beside
        the others.
    """

    move: np.ndarray
    claim: np.ndarray
    material: np.ndarray
    resolved: np.ndarray
    nothing: tuple[tuple[slice, float, float], ...] = ()

    def floored(self, g: np.ndarray, parts: list[slice], share: float, rtol: float) -> "Scales":
        """
        Return the scales with a share of the root mean square of a leaf below which all is nothing.

        Per move or per unit of x, whichever is less, as of all scales. An error of such an entry is
        material from there on only.
        """
        move, claim = self.move, self.claim
        nothing = tuple(
            (part, share * rms_of(*inside(part, claim)), share * rms_of(*inside(part, g)))
            for part in parts
        )

        def own(k: int, at: slice) -> np.ndarray:
            least = np.minimum(nothing[k][1], nothing[k][2] * move[at])
            return np.where(np.abs(claim[at]) <= least, least / rtol, 0.0)

        floor = by_parts(parts, own)
        whole = self.material  # the other arrays of these scales are not to be kept by it
        material = lazy(g.size, lambda at: np.maximum(whole[at], floor(at)))
        resolved = stored(g.size, lambda at: np.maximum(self.resolved[at], floor(at)))
        return Scales(self.move, self.claim, material, resolved, nothing)

    @property
    def negligible(self) -> np.ndarray:
        """Which entries are claimed to be nothing beside the others."""
        found = np.zeros(self.claim.shape, dtype=bool)
        for part, per_move, per_x in self.nothing:
            least = np.minimum(per_move, per_x * self.move[part])
            found[part] = np.abs(self.claim[part]) <= least
        return found


def scales(
    g: np.ndarray,
    move: np.ndarray,
    floor: tuple[float, float] | None,
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
    floor : tuple of two floats, or None
        Where the claim is zero, a slope per move that func is known to have, and one that has to be
        seen.
    ordinary : float
        The share of the root mean square that an entry must reach to be resolved on its own.
    parts : list of slice
        The leaves of x, each of which has a scale of its own.
    nothing : float
        A claim per move that is no more than rounding of func's result.
    hidden : float
        A claim per move of which the size need not be seen, however large the others are.
    """

    def claimed(at: Any) -> Any:
        return g[at].astype(float, copy=False) * move[at]

    claim = lazy(g.size, claimed)
    if floor or not any(claimed(part).any() for part in blocks(g.size)):
        material, resolved = (np.broadcast_to(slope, g.shape) for slope in floor or (0.0, 0.0))
        return Scales(move, claim, material, resolved)
    medians = {p.start: (_median(p, claimed), _median(p, g.__getitem__)) for p in parts}
    # A leaf whose claim is zero, or rounding of one that is (a bias before a normalisation), has no
    # scale: a slope that matters nowhere else matters not here. Unless that is all that there is.
    zero = {p.start for p in parts if largest_of(*inside(p, claim)) <= nothing}
    if len(zero) < len(parts):
        medians.update(dict.fromkeys(zero, (0.0, 0.0)))
    least = [min((m[k] for m in medians.values() if m[k]), default=0.0) for k in (0, 1)]
    middle = [[m or low for m, low in zip(medians[p.start], least, strict=True)] for p in parts]
    mean = [(rms_of(*inside(p, claim)), rms_of(*inside(p, g))) for p in parts]

    def of_material(k: int, at: slice) -> Any:
        per_move, per_x = middle[k]
        return np.maximum(np.abs(claimed(at)), np.minimum(per_move, per_x * move[at]))

    def of_resolved(k: int, at: slice) -> Any:
        per_move, per_x = mean[k]
        typical = np.minimum(per_move, per_x * move[at])
        return np.maximum(of_material(k, at), np.minimum(ordinary * typical, hidden))

    resolved = stored(g.size, by_parts(parts, of_resolved))
    return Scales(move, claim, lazy(g.size, by_parts(parts, of_material)), resolved)


def inside(part: slice, values: Any) -> tuple[int, Callable[[slice], np.ndarray]]:
    """Return the size of a part of an array, and what returns slices of it."""
    return part.stop - part.start, lambda at: values[part.start + at.start : part.start + at.stop]
