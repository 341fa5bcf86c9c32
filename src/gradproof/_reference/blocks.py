"""Long arrays in blocks, and what is summed over them, on the host."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

#: Entries of one block of a library that has no number of its own: its operations are compiled, or
#: run on a device to which each call costs more than memory does.
_BLOCK = 2**20

Place = tuple[slice, ...]


def shape_of(array: Any) -> tuple[int, ...]:
    """Return the shape that an array is looked at in: one number is a vector of one."""
    return tuple(array.shape) or (1,)


def places(backend: Any, array: Any) -> Iterator[Place]:
    """Yield the blocks of an array, in order, as slices: of the first axes, as far as needed."""
    shape, most, ranges = shape_of(array), backend.block(array) or _BLOCK, []
    rest = math.prod(shape)
    for size in shape:
        rest //= size
        step = max(1, min(size, most // max(rest, 1)))
        ranges.append([slice(k, min(k + step, size)) for k in range(0, size, step)])
    yield from itertools.product(*ranges)


def part(array: Any, place: Place) -> Any:
    """Return a block of an array."""
    if not array.shape:
        return array[None]
    whole = all(one.stop - one.start == size for one, size in zip(place, array.shape, strict=True))
    return array if whole else array[place]


def kept(xp: Any, array: Any, there: Any, dtype: Any) -> Any:
    """Return an array in a dtype, zero where nothing is compared."""
    own = xp.astype(array, dtype, copy=False)
    return own if there is None else xp.where(there, own, xp.zeros_like(own))


class Written:
    """
    An array that is made block by block: in place, where its library allows for it.

    Parameters
    ----------
    backend : Backend
        Of its blocks.
    like : array
        Of its shape, on its device.
    dtype : dtype
        Of its numbers.
    memory : array, optional
        Of that shape and dtype, which it takes the place of.
    """

    def __init__(self, backend: Any, like: Any, dtype: Any, memory: Any = None) -> None:
        self._xp, self._dtype, self._shape = backend.xp, dtype, shape_of(like)
        self._blocks: list[Any] = []
        self._whole: Any = memory if backend.mutable else None
        if backend.mutable and memory is None:
            self._whole = self._xp.reshape(self._xp.empty_like(like, dtype=dtype), self._shape)

    def put(self, place: Place, block: Any) -> None:
        """Take the next block."""
        block = self._xp.astype(block, self._dtype, copy=False)
        if self._whole is None:
            self._blocks.append(block)
        else:
            self._whole[place] = block

    @property
    def array(self) -> Any:
        """All of them."""
        if self._whole is not None:
            return self._whole
        if len(self._blocks) == 1:
            return self._blocks[0]
        return self._xp.reshape(
            self._xp.concat([self._xp.reshape(one, (-1,)) for one in self._blocks]), self._shape
        )


class Sums:
    """
    Sums over all axes of an array but one, for each of them, made of those of its blocks.

    Of a vector there is one slice, which is all of it.

    Parameters
    ----------
    shape : tuple of int
        Of the array.
    like : tuple of int, optional
        Of what is summed for each entry: several numbers, where that is not one.
    """

    def __init__(self, shape: tuple[int, ...], like: tuple[int, ...] = ()) -> None:
        self._single = len(shape) == 1
        self.axes = [np.zeros((*like, 1 if self._single else size)) for size in shape]

    def add(self, place: Place, several: list[np.ndarray]) -> None:
        """Add the sums of a block, one array for each axis."""
        for own, where, sums in zip(self.axes, place, several, strict=True):
            own[..., slice(None) if self._single else where] += sums

    @property
    def total(self) -> np.ndarray:
        """The sum over all axes."""
        return np.asarray(self.axes[0].sum(axis=-1))


def over_others(xp: Any, array: Any) -> list[Any]:
    """Return the sums of an array over all its axes but one, for each of them."""
    if array.ndim == 1:
        return [xp.reshape(xp.sum(array), (1,))]
    return [
        xp.sum(array, axis=tuple(k for k in range(array.ndim) if k != a)) for a in range(array.ndim)
    ]


def along(xp: Any, vectors: list[Any], ndim: int) -> list[Any]:
    """Return a vector for each axis, shaped so that all of them broadcast to the array."""
    return [
        xp.reshape(vector, tuple(-1 if k == axis else 1 for k in range(ndim)))
        for axis, vector in enumerate(vectors)
    ]


def on_host(backend: Any, several: Any) -> list[np.ndarray]:
    """Return short arrays as those of NumPy, in double precision."""
    return [np.asarray(array, dtype=float) for array in backend.to_host(list(several))]
