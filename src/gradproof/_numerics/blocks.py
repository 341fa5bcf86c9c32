"""Arrays as long as x0, a block at a time, so that what is in between need not be as long."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

#: Entries in a block: few calls for many of them, and small beside arrays of 10^6 and more.
BLOCK = 2**16


def blocks(size: int, start: int = 0) -> Iterator[slice]:
    """Yield the slices that cut entries `start` to `size` into blocks."""
    for at in range(start, size, BLOCK):
        yield slice(at, min(at + BLOCK, size))


def dot(size: int, left: Callable[[slice], Any], right: Callable[[slice], Any]) -> float:
    """Return the sum of the products of two arrays that are made block by block."""
    return float(sum(left(part) @ right(part) for part in blocks(size)))


def norm(size: int, values: Callable[[slice], Any]) -> float:
    """Return the 2-norm of an array that is made block by block."""
    norms = [float(np.linalg.norm(values(part))) for part in blocks(size)]
    return norms[0] if len(norms) == 1 else float(np.linalg.norm(norms))


def drawn(size: int, draw: Callable[[int], Any], dtype: Any = float) -> np.ndarray:
    """Return random numbers: in blocks a generator gives what it gives at once."""
    numbers = np.empty(size, dtype=dtype)
    for part in blocks(size):
        numbers[part] = draw(part.stop - part.start)
    return numbers
