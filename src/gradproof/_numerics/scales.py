"""What is large and what is small: units for moves of x, and for errors of a gradient."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .blocks import blocks
from .precision import Precision


def largest(values: np.ndarray) -> float:
    """Return the largest magnitude; NaN if there is one."""
    return float(np.maximum(np.max(values, initial=0.0), -np.min(values, initial=0.0)))


def rms(values: np.ndarray) -> float:
    """Return the root mean square, without overflow."""
    return rms_of(values.size, values.__getitem__)


def rms_of(size: int, values: Callable[[slice], np.ndarray]) -> float:
    """Return the root mean square of an array that is made block by block."""
    most = float(np.max([largest(values(part)) for part in blocks(size)], initial=0.0))
    if most == 0 or not np.isfinite(most):
        return most
    total = 0.0
    for part in blocks(size):
        share = values(part) / most
        total += np.add.reduce(np.square(share, out=share))
    return most * float(np.sqrt(total / size))


def moves(x: np.ndarray, eps: float) -> np.ndarray:
    """
    Return the length by which each entry of x, one leaf, moves, times a step.

    It need not be right: steps span many decades. A short dtype has none to spare, so that entries
    much smaller than the others are moved on the scale of these, or on one of their own.
    """
    precision = Precision.of(eps)
    size = np.abs(x)
    typical = rms(x)
    at_zero = min(typical, 1.0) or 1.0
    own = np.where(size > 0, size, at_zero)
    apart = (size > 0) & (size < precision.own_scale * typical)
    return np.where(apart, own, np.maximum(own, precision.least_move * typical))


def moves_by_leaf(x: np.ndarray, parts: Iterable[slice], eps: float) -> np.ndarray:
    """Return the same of several leaves, each on a scale of its own."""
    found = np.empty_like(x)
    for part in parts:
        found[part] = moves(x[part], eps)
    return found


def shortest_moves(x: np.ndarray, eps: float, backend: Any) -> Any:
    """
    Return the length below which entries of x do not move on an array library, 0 if it may be any.

    Where arithmetic takes what is below the smallest normal number for zero, func would stand
    still: of an x that is not above it, the finest steps, of some ulps, have to be.
    """
    if not backend.flushes:
        return 0.0
    least = Precision.of(eps).least_normal
    small = np.abs(x) < 4 * least
    return np.where(small, least / eps, 0.0) if small.any() else 0.0


def _median(values: np.ndarray) -> float:
    """Return the lower median size of what is not zero: the larger of two excuses no other."""
    there = np.abs(values)
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
        material from there on only. (The arrays, which are as long as x0, are written to.)
        """
        nothing = tuple(
            (part, share * rms(self.claim[part]), share * rms(g[part])) for part in parts
        )
        found = replace(self, nothing=nothing)
        for at, least in found._negligible():
            own = np.where(np.abs(self.claim[at]) <= least, least / rtol, 0.0)
            for scale in (self.material, self.resolved):
                np.maximum(scale[at], own, out=scale[at])
        return found

    def _negligible(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield blocks of entries, and the claims per move that are nothing there."""
        for part, per_move, per_x in self.nothing:
            for here in blocks(part.stop - part.start):
                at = slice(part.start + here.start, part.start + here.stop)
                yield at, np.minimum(per_move, per_x * self.move[at])

    @property
    def negligible(self) -> np.ndarray:
        """Which entries are claimed to be nothing beside the others."""
        found = np.zeros(self.claim.shape, dtype=bool)
        for at, least in self._negligible():
            found[at] = np.abs(self.claim[at]) <= least
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
    claim = g * move
    if floor or not claim.any():
        material, resolved = (np.broadcast_to(slope, g.shape) for slope in floor or (0.0, 0.0))
        return Scales(move, claim, material, resolved)
    medians = {part.start: (_median(claim[part]), _median(g[part])) for part in parts}
    # A leaf whose claim is zero, or rounding of one that is (a bias before a normalisation), has no
    # scale: a slope that matters nowhere else matters not here. Unless that is all that there is.
    zero = {p.start for p in parts if largest(claim[p]) <= nothing}
    if len(zero) < len(parts):
        medians.update(dict.fromkeys(zero, (0.0, 0.0)))
    least = [min((m[k] for m in medians.values() if m[k]), default=0.0) for k in (0, 1)]
    material, resolved = np.empty_like(claim), np.empty_like(claim)
    for part in parts:
        own, unit = claim[part], move[part]
        per_move, per_x = (m or low for m, low in zip(medians[part.start], least, strict=True))
        move_rms, x_rms = rms(own), rms(g[part])
        for here in blocks(own.size):
            at = slice(part.start + here.start, part.start + here.stop)
            least_here = np.minimum(per_move, per_x * unit[here])
            material[at] = np.maximum(np.abs(own[here]), least_here)
            typical = np.minimum(move_rms, x_rms * unit[here])
            least_seen = np.minimum(ordinary * typical, hidden)
            resolved[at] = np.maximum(material[at], least_seen)
    return Scales(move, claim, material, resolved)
