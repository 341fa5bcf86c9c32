"""What is computed of a block of errors, on the device that it is on."""

import math
from typing import Any

from .blocks import kept, over_others

#: The least size of an error of one entry at four points, in its own scatter. Roundings that stay
#: (of a constant that is added) are 1.7 of it at most; the largest of 2,200 right claims was 5.7.
ENTRY = 8.0
#: What is so far off at some points only is asked again: a race, or a discontinuity within an ulp.
JUMP = 30.0
#: The logarithm of the mean square of three deviations is low by 0.37 on average.
BIAS = math.exp(0.37)
#: Errors of so many roundings are as wrong as larger ones, and have sums of squares in float32.
_MOST = 1e15


def variance(z: list[Any]) -> Any:
    """Return the variance of errors over the points."""
    middle = sum(z[1:], z[0]) / len(z)
    return sum(((one - middle) ** 2 for one in z[1:]), (z[0] - middle) ** 2) / (len(z) - 1)


def in_roundings(backend: Any, scale: Any, there: Any, several: list[Any], dtype: Any) -> list[Any]:
    """Return errors in units of the scale of each entry, zero where nothing is compared."""
    xp = backend.xp
    share = 1 / xp.astype(scale, dtype, copy=False)
    return [xp.clip(kept(xp, one, there, dtype) * share, -_MOST, _MOST) for one in several]


def spread(backend: Any, z: list[Any]) -> tuple[Any, list[Any]]:
    """Return variances over the points, and sums of their logarithms."""
    xp, found = backend.xp, variance(z)
    floor = float(xp.finfo(found.dtype).smallest_normal)
    return found, over_others(xp, xp.log(found + floor))


def squared(backend: Any, z: list[Any]) -> Any:
    """Return the sum of the mean squares of entries."""
    xp = backend.xp
    return sum((xp.sum(one * one) for one in z[1:]), xp.sum(z[0] * z[0])) / len(z)


def scatter(xp: Any, z: list[Any], around: list[Any], floor: Any, share: float = 1.0) -> Any:
    """
    Return the scatter of each entry: its own, or that of its neighbours; the floor at least.

    A mistake of so many units in the last place is twice as large beyond a power of two, and so
    scatters itself: where all else is exact, no share of an entry's own scatter counts.
    """
    own = share * variance(z)
    if around:
        own = xp.maximum(own, BIAS * xp.exp(sum(around[1:], around[0])))
    return xp.sqrt(xp.clip(own, floor * floor, None))


def stays(xp: Any, several: list[Any]) -> Any:
    """Return the smallest size of what has one sign at all points; 0 where it has not."""
    lowest = highest = several[0]
    for other in several[1:]:
        lowest, highest = xp.minimum(lowest, other), xp.maximum(highest, other)
    return xp.clip(xp.maximum(lowest, -highest), 0.0, None)


def staying(backend: Any, several: list[Any]) -> Any:
    return stays(backend.xp, several)


def _scatters(
    xp: Any,
    z: list[Any],
    around: list[Any],
    floor: float,
    single: list[Any],
    around_single: list[Any],
    floor_single: Any,
    share_single: float,
) -> tuple[Any, Any, Any]:
    """Return the scatter of each entry, that in single precision or nothing, and the least."""
    own = scatter(xp, z, around, floor)
    if not single:
        return own, None, own
    finer = scatter(xp, single, around_single, floor_single, share_single)
    return own, finer, xp.minimum(own, finer)


def quiet(
    backend: Any, scale: Any, z: list[Any], around: list[Any], floor: float, *others: Any
) -> tuple[Any, list[Any]]:
    """
    Return what would be seen of each entry, and the most that is seen of any.

    That is in units of what is off: of what stays, of what stays in single precision, and of one
    point. Where neither is more than 1, `entries` has nothing to find.
    """
    xp, single = backend.xp, others[0]
    own, finer, least = _scatters(xp, z, around, floor, *others)
    highest = [xp.max(xp.abs(one)) for one in z]
    most = [xp.max(stays(xp, z) / own) / ENTRY, xp.max(xp.stack(highest)) / (JUMP * floor)]
    if single:
        most.append(xp.max(stays(xp, single) / finer) / ENTRY)
    return ENTRY * xp.astype(scale, own.dtype, copy=False) * least, most


def off(
    backend: Any, z: list[Any], around: list[Any], floor: float, *others: Any
) -> tuple[Any, Any, list[Any]]:
    """
    Return the scatter of each entry, which are off, and which are far off at some points.

    An entry that is off in single precision is off by that, if it is off in half precision too, up
    to its rounding there.
    """
    xp, single = backend.xp, others[0]
    own, finer, least = _scatters(xp, z, around, floor, *others)
    wrong = stays(xp, z) > ENTRY * own
    if single:
        sharp = stays(xp, single) > ENTRY * finer
        for one, other in zip(z, single, strict=True):
            sharp = sharp & (xp.abs(one - other) <= ENTRY * own)
        wrong = wrong | sharp
    # Not beside its own scatter, which is that of the jump.
    return least, wrong, [(xp.abs(one) > JUMP * floor) & ~wrong for one in z]


def entries(backend: Any, z: list[Any], *others: Any) -> tuple[Any, Any, Any]:
    """Return which entries are off, how far, and whether any is far off at a point alone."""
    xp = backend.xp
    own, wrong, far = off(backend, z, *others)
    worst = xp.max(xp.where(wrong, xp.abs(z[0]) / own, xp.zeros_like(own)))
    return wrong, worst, xp.stack([xp.any(one) for one in far])


def common(backend: Any, z: list[Any]) -> tuple[list[Any], Any]:
    """Return sums of what errors at two points have in common, and of its squares."""
    xp = backend.xp
    total = sum(z[1:], z[0])
    squares = sum((one * one for one in z[1:]), z[0] * z[0])
    product = (total * total - squares) / (len(z) * (len(z) - 1))
    return over_others(xp, product), xp.sum(product * product)


def projected(backend: Any, several: list[Any], directions: list[Any]) -> tuple[list[Any], ...]:
    """
    Return sums, over all axes but one, of errors times directions, and of the directions' squares.

    A direction is an array of 1 and 0 where it is constant: None in its place.
    """
    xp = backend.xp
    several = [xp.astype(one, xp.float32, copy=False) for one in several]
    ones = [None if one is None else xp.astype(one, xp.float32, copy=False) for one in directions]
    every = [
        over_others(xp, one if direction is None else one * direction)
        for direction in ones
        for one in several
    ]
    shape = len(directions), len(several), -1
    axes = range(len(every[0]))
    sums = [xp.reshape(xp.stack([one[axis] for one in every]), shape) for axis in axes]
    squares = [over_others(xp, one * one) for one in ones if one is not None]
    return sums, [xp.stack([one[axis] for one in squares]) for axis in axes]


def changed(backend: Any, truth: Any, by: Any, scale: Any) -> tuple[Any, Any]:
    """Return the sum of truth times its change, and of its squares, in roundings."""
    xp = backend.xp
    own = truth / scale
    return xp.sum(by / scale * own), xp.sum(own * own)
