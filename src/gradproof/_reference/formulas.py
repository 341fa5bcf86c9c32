"""What is computed of a block of errors, on the device that it is on."""

import math
from typing import Any

from .blocks import over_others

#: The least size of an error of one entry at four points, in its own scatter. Roundings that stay
#: (of a constant that is added) are 1.7 of it at most; the largest of 2,200 right claims was 5.7.
ENTRY = 8.0
#: What is so far off at some points only is asked again: a race, or a discontinuity within an ulp.
JUMP = 30.0
#: The logarithm of the mean square of three deviations is low by 0.37 on average.
_BIAS = math.exp(0.37)
#: Errors of so many roundings are as wrong as larger ones, and have squares in float32.
_MOST = 1e17


def variance(z: list[Any]) -> Any:
    """Return the variance of errors over the points."""
    middle = sum(z[1:], z[0]) / len(z)
    return sum(((one - middle) ** 2 for one in z[1:]), (z[0] - middle) ** 2) / (len(z) - 1)


def scattered(backend: Any, z: list[Any], narrow: list[Any]) -> tuple[Any, list[Any], list[Any]]:
    """Return variances over the points, sums of their logarithms, and mean squares."""
    xp, spread = backend.xp, variance(z)
    floor = float(xp.finfo(spread.dtype).smallest_normal)
    squares = [
        sum((xp.sum(one * one) for one in several[1:]), xp.sum(several[0] * several[0]))
        / len(several)
        for several in (z, narrow)
    ]
    return spread, over_others(xp, xp.log(spread + floor)), squares


def scatter(xp: Any, z: list[Any], around: list[Any], floor: float) -> Any:
    """Return the scatter of each entry: its own, or that of its neighbours; the floor at least."""
    pooled = sum(around[1:], around[0])
    own = xp.sqrt(xp.maximum(variance(z), _BIAS * xp.exp(pooled)))
    return xp.maximum(own, xp.zeros_like(own) + floor)


def stays(xp: Any, several: list[Any]) -> Any:
    """Return the smallest size of what has one sign at all points; 0 where it has not."""
    least, same = xp.abs(several[0]), xp.ones_like(several[0], dtype=xp.bool)
    for other in several[1:]:
        same = same & (several[0] * other > 0)
        least = xp.minimum(least, xp.abs(other))
    return xp.where(same, least, xp.zeros_like(least))


def staying(backend: Any, several: list[Any]) -> Any:
    return stays(backend.xp, several)


def off(
    backend: Any,
    z: list[Any],
    around: list[Any],
    floor: float,
    single: list[Any],
    around_single: list[Any],
    floor_single: float,
) -> tuple[Any, Any, list[Any]]:
    """
    Return the scatter of each entry, which are off, and which are far off at some points.

    An entry that is off in single precision is off by that, if it is off in half precision too, up
    to its rounding there.
    """
    xp = backend.xp
    own = scatter(xp, z, around, floor)
    wrong = stays(xp, z) > ENTRY * own
    if single:
        finer = scatter(xp, single, around_single, floor_single)
        sharp = stays(xp, single) > ENTRY * finer
        for one, other in zip(z, single, strict=True):
            sharp = sharp & (xp.abs(one - other) <= ENTRY * own)
        wrong, own = wrong | sharp, xp.minimum(own, finer)
    # Not beside its own scatter, which is that of the jump.
    return own, wrong, [(xp.abs(one) > JUMP * floor) & ~wrong for one in z]


def entries(backend: Any, z: list[Any], *others: Any) -> tuple[Any, ...]:
    """Return the scatter of entries, how many are off, how far, jumps, and what points share."""
    xp = backend.xp
    own, wrong, far = off(backend, z, *others)
    worst = xp.max(xp.where(wrong, xp.abs(z[0]) / own, xp.zeros_like(own)))
    jumps = xp.stack([xp.any(one) for one in far])
    total = sum(z[1:], z[0])
    squares = sum((one * one for one in z[1:]), z[0] * z[0])
    pairs = len(z) * (len(z) - 1)
    return own, xp.sum(wrong), worst, jumps, (total * total - squares) / pairs


def projected(
    backend: Any, several: list[Any], directions: list[Any], kept: Any, product: Any
) -> tuple[list[Any], ...]:
    """Return sums, over all axes but one, of errors times directions, of squares, and of ones."""
    xp = backend.xp
    shape = product.shape
    single = [xp.astype(xp.clip(one, -_MOST, _MOST), xp.float32) for one in several]
    errors, along = xp.stack(single), xp.stack([xp.astype(d, xp.float32) for d in directions])
    sums, squares = [], []
    for axis in range(len(shape)):
        order = (axis + 1, 0, *(k + 1 for k in range(len(shape)) if k != axis))
        flat = [
            xp.reshape(xp.permute_dims(a, order), (shape[axis], a.shape[0], -1))
            for a in (along, errors)
        ]
        sums.append(xp.matmul(flat[0], xp.permute_dims(flat[1], (0, 2, 1))))
        squares.append(xp.sum(flat[0] * flat[0], axis=-1))
    counts = over_others(xp, xp.astype(kept, product.dtype))
    return sums, squares, counts, over_others(xp, product)
