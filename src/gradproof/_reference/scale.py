"""How much each entry may be off by rounding, measured: the unit of everything that is judged."""

from dataclasses import dataclass
from typing import Any

#: The moves of an entry have a mean square of 2 units in the last place, squared; a rounding, even
#: over such a unit, has one of 1/12.
_MOVES = 24.0
#: How many samples the scale of an entry is made of: 3 neighbours, 4 of the reference, 3 drawn. One
#: in nine parts is its neighbourhood's, which lifts a lucky small one to a third of it.
_OWN, _POOLED = 8 / 9, 1 / 9


@dataclass
class Sample:
    """
    What was seen of one result at all points.

    Attributes
    ----------
    unit : float
        The largest relative rounding of its dtype.
    truth : list of array
        In the widest dtype, at x0 and its neighbours.
    error : list of array
        Of the claim, likewise.
    narrow : list of array
        Errors of the reference in the dtype that it is given.
    drawn : list of array
        Changes of truth at x0 by roundings that were drawn.
    scaled : list of array
        Changes of truth at x0 where one argument is scaled by a rounding.
    compared : array of bool
        The entries at which truth and reference are finite, at all points.
    lost : int
        Entries of the claim among these that are not finite, at any point.
    """

    unit: float
    truth: list[Any]
    error: list[Any]
    narrow: list[Any]
    drawn: list[Any]
    scaled: list[Any]
    compared: Any
    lost: int


def mean_square(xp: Any, several: list[Any]) -> Any:
    """Return the mean square of some arrays, entry by entry."""
    total = xp.zeros_like(several[0])
    for one in several:
        total = total + one * one
    return total / len(several)


def axes_but(array: Any, axis: int) -> tuple[int, ...]:
    """Return all axes of an array but one."""
    return tuple(k for k in range(array.ndim) if k != axis)


def pooled(xp: Any, logarithms: Any) -> Any:
    """Return logarithms as a sum of a term for each axis: of what has rank one."""
    if logarithms.ndim < 2:
        return xp.mean(logarithms) + xp.zeros_like(logarithms)
    overall = xp.mean(logarithms)
    total = xp.zeros_like(logarithms) - (logarithms.ndim - 1) * overall
    for axis in range(logarithms.ndim):
        total = total + xp.mean(logarithms, axis=axes_but(logarithms, axis), keepdims=True)
    return total


def rounding(xp: Any, sample: Sample) -> Any:
    """
    Return the legitimate rounding of each entry, one for each operation.

    Its own rounding; that of terms as large as its neighbours are; what rounding of x0 makes of it;
    what the dtype makes of the reference; and what the roundings of its operations do.
    """
    u, truth = sample.unit, sample.truth[0]
    square = mean_square(xp, sample.truth)
    tiny = float(xp.finfo(truth.dtype).smallest_normal)
    around = square
    if truth.ndim > 1:
        overall = float(xp.mean(square)) or 1.0
        around = xp.ones_like(square) * overall
        for axis in range(truth.ndim):
            own = xp.mean(square, axis=axes_but(square, axis), keepdims=True)
            around = around * (own / overall)
    moved = mean_square(xp, [other - truth for other in sample.truth[1:]]) / _MOVES
    r = u * u * (truth * truth / 3 + around / 12) + moved + mean_square(xp, sample.narrow)
    if sample.drawn:
        r = r + mean_square(xp, sample.drawn)
    nothing = r <= tiny
    # What is zero by construction has the rounding of its leaf, as that of terms which cancel.
    typical = xp.sum(xp.where(nothing, xp.zeros_like(r), r)) / max(int(xp.sum(~nothing)), 1)
    r = xp.where(nothing, xp.maximum(typical, xp.asarray(tiny, dtype=r.dtype)), r)
    s = _OWN * r + _POOLED * xp.exp(pooled(xp, xp.log(r)))
    return xp.sqrt(s + (u * u * float(xp.max(xp.abs(truth)))) ** 2)
