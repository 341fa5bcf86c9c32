"""Rows of the leaves of x0: along an axis, in blocks of a vector, or a leaf as a whole."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._numerics.blocks import blocks
from .layout import Leaf


@dataclass(frozen=True)
class Rows:
    """
    The rows of a leaf along one of its axes, which are columns along the second.

    Attributes
    ----------
    leaf : Leaf
        The leaf.
    axis : int or None
        Its axis, of which one index is a row; None for the leaf as a whole, and -1 for blocks of a
        vector, whose rows are its entries.
    count : int
        Number of rows.
    """

    leaf: Leaf
    axis: int | None
    count: int

    @property
    def size(self) -> int:
        """Number of entries of the leaf."""
        return int(self.leaf.where.stop - self.leaf.where.start)

    def sums(self, values: Callable[[slice], np.ndarray]) -> np.ndarray:
        """Return the sum in each row of values of the leaf's entries, made block by block."""
        total = np.zeros(self.count)
        for part in blocks(self.size):
            own = values(part)
            if self.count == 1:
                total[0] += own.sum(dtype=float)
            else:
                total += np.bincount(self._row(part), weights=own, minlength=self.count)
        return total

    def spread(self, numbers: np.ndarray) -> np.ndarray:
        """Return one number for each entry of the leaf, that of its row."""
        found = np.empty(self.size, dtype=numbers.dtype)
        for part in blocks(self.size):
            found[part] = numbers[self._row(part)]
        return found

    def _row(self, part: slice) -> Any:
        """Return the row of some entries."""
        entries = np.arange(part.start, part.stop)
        if self.axis is None:
            return np.zeros_like(entries)
        if self.axis < 0:
            return entries // self._block
        # Of a complex leaf the imaginary parts follow all of the real ones.
        return entries // math.prod(self.leaf.shape[self.axis + 1 :]) % self.count

    def name(self, i: int | None = None) -> str:
        """Return the words for a row, as NumPy writes its index; of any row without one."""
        path = self.leaf.path
        if self.axis is None:
            return path or "x0"
        if self.axis < 0:
            block = self._block
            if i is None:
                return f"a block of {block} entries of {path or 'x0'}"
            return f"{path}[{i * block}:{(i + 1) * block}]"
        places = [":"] * len(self.leaf.shape)
        places[self.axis] = "i" if i is None else str(i)
        return f"{path}[{', '.join(places)}]"

    @property
    def _block(self) -> int:
        return -(-self.size // self.count)


def rows_of(leaf: Leaf) -> list[Rows]:
    """Return the ways in which a leaf has rows of several entries."""
    size = math.prod(leaf.shape)
    long = [k for k, length in enumerate(leaf.shape) if length > 1]
    if len(long) > 1:
        return [Rows(leaf, k, leaf.shape[k]) for k in long if size > leaf.shape[k]]
    entries = leaf.where.stop - leaf.where.start
    block = math.isqrt(max(entries - 1, 0)) + 1
    count = -(-entries // block)
    return [Rows(leaf, -1, count)] if count > 1 else []
