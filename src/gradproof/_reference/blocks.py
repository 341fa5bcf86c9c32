"""Long arrays in blocks, and what is summed over them, on the host."""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

#: Entries of one block: a dozen arrays of it in float64 stay in the cache of a processor.
BLOCK = 2**16

Place = tuple[slice, ...]


def shape_of(array: Any) -> tuple[int, ...]:
    """Return the shape that an array is looked at in: one number is a vector of one."""
    return tuple(array.shape) or (1,)


def places(shape: Sequence[int]) -> Iterator[Place]:
    """Yield the blocks of a shape, in order, as slices: of the first axes, as far as needed."""
    ranges = []
    rest = math.prod(shape)
    for size in shape:
        rest //= size
        step = max(1, min(size, BLOCK // max(rest, 1)))
        ranges.append([slice(k, min(k + step, size)) for k in range(0, size, step)])
    yield from itertools.product(*ranges)


def part(array: Any, place: Place) -> Any:
    """Return a block of an array."""
    if not array.shape:
        return array[None]
    whole = all(one.stop - one.start == size for one, size in zip(place, array.shape, strict=True))
    return array if whole else array[place]


class Sums:
    """
    Sums over all axes of an array but one, for each of them, made of those of its blocks.

    Parameters
    ----------
    shape : tuple of int
        Of the array.
    like : tuple of int, optional
        Of what is summed for each entry: several numbers, where that is not one.
    """

    def __init__(self, shape: tuple[int, ...], like: tuple[int, ...] = ()) -> None:
        self.axes = [np.zeros((size, *like)) for size in shape]

    def add(self, place: Place, several: list[np.ndarray]) -> None:
        """Add the sums of a block, one array for each axis."""
        for own, where, sums in zip(self.axes, place, several, strict=True):
            own[where] += sums

    @property
    def total(self) -> np.ndarray:
        """The sum over all axes."""
        return np.asarray(self.axes[0].sum(axis=0))


def over_others(xp: Any, array: Any) -> list[Any]:
    """Return the sums of an array over all its axes but one, for each of them."""
    return [
        xp.sum(array, axis=tuple(k for k in range(array.ndim) if k != a))
        if array.ndim > 1
        else array
        for a in range(array.ndim)
    ]


def along(xp: Any, vectors: list[Any], ndim: int) -> list[Any]:
    """Return a vector for each axis, shaped so that all of them broadcast to the array."""
    return [
        xp.reshape(vector, tuple(-1 if k == axis else 1 for k in range(ndim)))
        for axis, vector in enumerate(vectors)
    ]
