"""Moves of x0 along a line in one pass: a block of entries at a time, into what func is to see."""

import math
from collections.abc import Callable, Iterator

import numpy as np

from .._backends.typing import Array
from .._numerics.blocks import BLOCK, LONG
from .layout import Leaf
from .numbers import host_dtype
from .point import Point
from .span import Span

#: Takes what happened to a part of the entries.
Told = Callable[[slice, np.ndarray], None]


def is_long(point: Point | Span) -> bool:
    """Tell whether x0 has so many entries, all real, that `displaced` is the way to move them."""
    if not isinstance(point, Point) or point.x.size <= LONG or not point.entrywise:
        return False
    return all(host_dtype(array) is not None for array in point.arrays)


def moved_for_claim(point: Point | Span, displacement: np.ndarray) -> list[Array]:
    """Return the leaves at x0 plus a displacement, which need not be an array if it is long."""
    if not isinstance(point, Point) or not is_long(point):
        return point.moved(displacement, for_claim=True)
    return displaced(point, displacement, 1.0, lambda *_: None, for_claim=True)


def displaced(
    point: Point, direction: np.ndarray, step: float, told: Told, *, for_claim: bool = False
) -> list[Array]:
    """
    Return the leaves at x0 plus a step along a direction, rounded in their own dtypes.

    Parameters
    ----------
    point : Point
        Where x0 is; one for which `is_long`.
    direction : ndarray of shape (n,)
        The direction.
    step : float
        How far to go along it.
    told : callable
        Is told of each block of entries which they are, and the displacement that happened; that
        memory is written over.
    for_claim : bool
        Whether a claim is to see them.

    Returns
    -------
    list of array
        In memory of their own.
    """
    found = []
    scratch = np.empty((2, BLOCK))
    for leaf, like in zip(point.leaves, point.given if for_claim else point.arrays, strict=True):
        buffer = np.empty(math.prod(leaf.shape), dtype=host_dtype(like))
        with np.errstate(over="ignore", invalid="ignore"):  # infinite, and so refused
            for part in _blocks(leaf):
                there, happened = scratch[:, : part.stop - part.start]
                before, own = point.x[part], buffer[part.start - leaf.where.start :][: there.size]
                # In double precision, so that each step leads along the same line.
                there[...] = direction[part]
                there *= step
                there += before
                if point.fixed is not None:
                    np.copyto(there, point.at_x0[part], where=point.fixed[part])
                own[...] = there
                np.subtract(own, before, out=happened)
                if point.fixed is not None:
                    happened[point.fixed[part]] = 0.0
                told(part, happened)
        found.append(point.backend.from_host(buffer.reshape(tuple(like.shape)), like))
    return found


def _blocks(leaf: Leaf) -> Iterator[slice]:
    start, stop = leaf.where.start, leaf.where.stop
    return (slice(at, min(at + BLOCK, stop)) for at in range(start, stop, BLOCK))
