"""Arrays as long as x0, a block at a time, so that what is in between need not be as long."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

#: Entries in a block: a few arrays of double precision of them stay in the cache, and what a call
#: of NumPy costs by itself (0.5 us) is a tenth of what it does with them.
BLOCK = 2**14
#: From here on arrays as long as x0 are looked at block by block, and kept in single precision.
LONG = 2**16
#: Single precision has numbers down to its inverse and this, with room for others beside them.
_LEAST = 2.0**-100


def blocks(size: int, start: int = 0) -> Iterator[slice]:
    """Yield the slices that cut entries `start` to `size` into blocks."""
    for at in range(start, size, BLOCK):
        yield slice(at, min(at + BLOCK, size))


def dot(size: int, left: Callable[[slice], Any], right: Callable[[slice], Any]) -> float:
    """Return the sum of the products of two arrays that are made block by block."""
    return float(sum(left(part) @ right(part) for part in blocks(size)))


def norm(size: int, values: Callable[[slice], Any]) -> float:
    """Return the 2-norm of an array that is made block by block."""
    norms = [float(np.linalg.norm(values(part).astype(float, copy=False))) for part in blocks(size)]
    return norms[0] if len(norms) == 1 else float(np.linalg.norm(norms))


def absolute(values: np.ndarray, part: slice) -> Any:
    """Return the sizes of a part of some numbers."""
    return np.abs(values[part])


def sizes_or_ones(values: np.ndarray, *, known: bool) -> Callable[[slice], Any]:
    """Return what tells, of a part, how much each entry counts: its size, if any is known."""
    if values.size <= LONG:
        all_of_them = np.abs(values) if known else np.ones_like(values)
        return all_of_them.__getitem__
    return lambda part: np.abs(values[part]) if known else np.ones(part.stop - part.start)


def stacked(rows: tuple[np.ndarray, ...]) -> np.ndarray:
    """Return rows as one array; a single one, which may be long, is not copied."""
    return rows[0][None] if len(rows) == 1 else np.stack(rows)


def drawn(size: int, draw: Callable[[int], Any], dtype: Any = float) -> np.ndarray:
    """Return random numbers: in blocks a generator gives what it gives at once."""
    numbers = np.empty(size, dtype=dtype)
    for part in blocks(size):
        numbers[part] = draw(part.stop - part.start)
    return numbers


def half_weights(size: int, rng: "np.random.Generator") -> np.ndarray:
    """
    Return random weights from 1 to 2, of either sign, in half precision.

    It has 1024 sizes between 1 and 2: two equal errors cancel along all of three directions once in
    1e10. Very many of them are made of bits, which takes a tenth of the time.
    """
    if size <= LONG:
        weights = rng.uniform(1, 2, size).astype(np.float16)
        weights *= rng.choice([-1.0, 1.0], size).astype(np.float16)
        return weights
    bits = drawn(size, lambda n: rng.integers(2**16, size=n, dtype=np.uint16), np.uint16)
    bits &= 0x83FF
    bits |= 0x3C00
    return bits.view(np.float16)


def single_weights(size: int, rng: "np.random.Generator") -> np.ndarray:
    """
    Return the same in single precision, of very many entries.

    Equal entries, where they are moved by equal weights, round alike: what has to show small errors
    of all of them needs more sizes than half precision has.
    """
    bits = drawn(size, lambda n: rng.integers(2**32, size=n, dtype=np.uint32), np.uint32)
    bits &= 0x807FFFFF
    bits |= 0x3F800000
    return bits.view(np.float32)


def product(a: Any, b: np.ndarray) -> np.ndarray:
    """Return the product of two arrays, computed in double precision."""
    # NumPy multiplies arrays of two dtypes at half the speed of what converts them first.
    return stored(
        a.size, lambda at: a[at].astype(float, copy=False) * b[at].astype(float, copy=False)
    )


def same_numbers(a: np.ndarray, b: np.ndarray) -> bool:
    """Tell whether two flat arrays hold the same numbers; NaN is NaN."""
    if a.shape != b.shape:
        return False
    return all(
        np.array_equal(a[p], b[p]) or np.array_equal(a[p], b[p], equal_nan=True)
        for p in blocks(a.size)
    )


class Made(NDArrayOperatorsMixin):
    """
    An array as long as x0 whose numbers are made where they are looked at.

    To take a slice or an entry of it makes these; all else that NumPy does with arrays makes all of
    them first.

    Parameters
    ----------
    size : int
        How many there are.
    make : callable
        Returns those of a slice, which lies inside.
    """

    def __init__(self, size: int, make: Callable[[slice], np.ndarray]) -> None:
        self.size, self.shape, self.ndim = size, (size,), 1
        self._make = make

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice) and key.step in (None, 1):
            start, stop, _ = key.indices(self.size)
            return self._make(slice(start, stop))
        if isinstance(key, int | np.integer):
            return self._make(slice(int(key), int(key) + 1))[0]
        return self.__array__()[key]

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        """Return all of them."""
        del copy  # they are new
        found = np.empty(self.size, dtype)
        for part in blocks(self.size):
            found[part] = self._make(part)
        return found

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Do with all of them what NumPy does with arrays."""
        every = [np.asarray(one) if isinstance(one, Made) else one for one in inputs]
        return getattr(ufunc, method)(*every, **kwargs)


def by_parts(
    parts: list[slice], make: Callable[[int, slice], np.ndarray]
) -> Callable[[slice], np.ndarray]:
    """Return what makes any slice from what makes slices of each part, given the part's number."""
    if len(parts) == 1:
        return lambda at: make(0, at)

    def found(at: slice) -> np.ndarray:
        pieces = [
            make(k, slice(max(at.start, part.start), min(at.stop, part.stop)))
            for k, part in enumerate(parts)
            if part.start < at.stop and part.stop > at.start
        ]
        return pieces[0] if len(pieces) == 1 else np.concatenate([np.empty(0), *pieces])

    return found


def lazy(size: int, make: Callable[[slice], np.ndarray]) -> Any:
    """Return numbers as an array, or, if they are very many, as what makes them."""
    return Made(size, make) if size > LONG else make(slice(0, size))


def stored(size: int, make: Callable[[slice], np.ndarray]) -> np.ndarray:
    """Return numbers that are made block by block; very many of them in single precision."""
    if size <= LONG:
        return make(slice(0, size))
    found = np.empty(size, np.float32)
    for part in blocks(size):
        own = make(part)
        most = max(float(own.max()), -float(own.min()))
        if not (most == 0 or _LEAST < most < 1 / _LEAST):  # out of the range of single precision
            return np.concatenate([make(part) for part in blocks(size)])
        found[part] = own
    return found


def times(direction: np.ndarray, step: float) -> Any:
    """Return a step along a direction; a long one is made where it is looked at."""
    if direction.size <= LONG:
        return step * direction
    return Made(direction.size, lambda part: step * direction[part].astype(float))
