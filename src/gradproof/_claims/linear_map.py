"""A claim as a linear map: by columns, of entries or of tangents, at x0 and near it."""

import abc
import math
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from .._vectors.layout import Leaf

#: Rows of a Jacobian that are copied at a time, where something is computed from all of it.
_ROWS = 256


class Columns(abc.ABC):
    """
    A claimed linear map from what is moved, n numbers, to func's values, m of them.

    Attributes
    ----------
    shape : tuple of int
        m and n.
    eps : float
        Machine epsilon of the coarsest dtype that it returned.
    """

    shape: tuple[int, int]
    eps: float
    #: Whether what is typical of an entry is seen in its column rather than in its row.
    by_column = False

    @abc.abstractmethod
    def column(self, i: int) -> np.ndarray:
        """Return column `i`, of shape (m,)."""

    @abc.abstractmethod
    def row(self, k: int) -> np.ndarray:
        """Return row `k`, of shape (n,)."""

    @abc.abstractmethod
    def weighted(self, u: np.ndarray) -> np.ndarray:
        """Return the sum of rows times weights, of shape (n,)."""

    @abc.abstractmethod
    def there(self, displacement: np.ndarray) -> "Columns | None":
        """Return the claim at a displaced point; None if it fails there."""

    def row_blocks(self, part: slice) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield some rows at a time, of the columns in `part`."""
        for start in range(0, self.shape[0], _ROWS):
            rows = slice(start, min(start + _ROWS, self.shape[0]))
            yield rows, np.stack([self.row(k)[part] for k in range(rows.start, rows.stop)])

    def numbers(self) -> np.ndarray:
        """Return all of its numbers, row by row."""
        found = [block.ravel() for _, block in self.row_blocks(slice(0, self.shape[1]))]
        return np.concatenate([np.empty(0), *found])

    def along(self, displacement: np.ndarray) -> np.ndarray:
        """Return what the claim says of a displacement, of shape (m,)."""
        change = np.zeros(self.shape[0])
        for i in np.flatnonzero(displacement):
            change += self.column(int(i)) * displacement[i]
        return change

    def near(self, u: np.ndarray) -> Callable[[np.ndarray], np.ndarray | None]:
        """Return a function from a displacement to the weighted sum of rows there."""

        def weighted(displacement: np.ndarray) -> np.ndarray | None:
            there = self.there(displacement)
            return None if there is None else there.weighted(u)

        return weighted

    def row_near(self, k: int) -> Callable[[np.ndarray], np.ndarray | None]:
        """Return a function from a displacement to row `k` there."""

        def row(displacement: np.ndarray) -> np.ndarray | None:
            there = self.there(displacement)
            return None if there is None else there.row(k)

        return row

    def rounding_by_ulps(self, survey: Any) -> Any:
        """Return by how much rounding of x0 moves the rows, root mean square, of shape (m,)."""
        ulp = survey.signs("claim rounding") * survey.scalar.point.eps * survey.scalar.magnitude
        least = np.full(self.shape[0], np.inf)
        for sign in (1.0, -1.0):
            there = self.there(sign * ulp)
            if there is None:
                continue
            change = np.zeros(self.shape[0])
            for part in survey.scalar.parts:
                pairs = zip(self.row_blocks(part), there.row_blocks(part), strict=True)
                for (rows, here), (_, moved) in pairs:
                    change[rows] = np.hypot(change[rows], _norms(moved - here))
            least = np.fmin(least, np.where(np.isfinite(change), change, np.inf))
        return np.where(np.isfinite(least), least, 0.0) / np.sqrt(max(self.shape[1], 1))


def _norms(block: np.ndarray) -> Any:
    """Return the 2-norm of each row, without overflow."""
    largest = np.max(np.abs(block), axis=1, initial=0.0)
    with np.errstate(all="ignore"):
        share = np.where(largest[:, None] > 0, block / largest[:, None], 0.0)
        return largest * np.sqrt((share**2).sum(axis=1))


class Shifted(Columns):
    """
    A claim at a displaced point, where it does not fail.

    Parameters
    ----------
    columns : Columns
        The claim at x0.
    shift : ndarray
        The displacement.
    """

    def __init__(self, columns: Columns, shift: np.ndarray) -> None:
        there = columns.there(shift)
        assert there is not None
        self._at_x0, self._shift, self._columns = columns, shift, there
        self.shape, self.eps, self.by_column = columns.shape, columns.eps, columns.by_column

    def column(self, i: int) -> np.ndarray:
        return self._columns.column(i)

    def row(self, k: int) -> np.ndarray:
        return self._columns.row(k)

    def weighted(self, u: np.ndarray) -> np.ndarray:
        return self._columns.weighted(u)

    def there(self, displacement: np.ndarray) -> "Columns | None":
        return self._at_x0.there(displaced(self._shift, displacement))


def displaced(shift: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    """Return the sum of two displacements, of which the second may be one along lines only."""
    total = shift.copy()
    total[: displacement.size] += displacement
    return total


class Dense(Columns):
    """
    A matrix that is there.

    Parameters
    ----------
    blocks : list of (slice, slice, ndarray)
        Rows, columns and the numbers there; of all of the matrix.
    shape : tuple of int
        Their numbers, m and n.
    eps : float
        Machine epsilon of its dtype.
    again : callable
        Returns the matrix at a displaced point.
    """

    def __init__(
        self,
        blocks: list[tuple[slice, slice, np.ndarray]],
        shape: tuple[int, int],
        eps: float,
        again: Callable[[np.ndarray], Columns | None],
    ) -> None:
        self._blocks, self.shape, self.eps, self._again = blocks, shape, eps, again

    def column(self, i: int) -> np.ndarray:
        column = np.empty(self.shape[0])
        for rows, columns, block in self._blocks:
            if columns.start <= i < columns.stop:
                column[rows] = block[:, i - columns.start]
        return column

    def row(self, k: int) -> np.ndarray:
        row = np.empty(self.shape[1])
        for rows, columns, block in self._blocks:
            if rows.start <= k < rows.stop:
                row[columns] = block[k - rows.start]
        return row

    def row_blocks(self, part: slice) -> Iterator[tuple[slice, np.ndarray]]:
        for rows, columns, block in self._blocks:
            if not columns.start <= part.start < columns.stop:
                continue
            inside = slice(part.start - columns.start, part.stop - columns.start)
            for start in range(rows.start, rows.stop, _ROWS):
                stop = min(start + _ROWS, rows.stop)
                yield slice(start, stop), block[start - rows.start : stop - rows.start, inside]

    def weighted(self, u: np.ndarray) -> np.ndarray:
        total = np.zeros(self.shape[1])
        for rows, columns, block in self._blocks:
            total[columns] += u[rows] @ block
        return total

    def there(self, displacement: np.ndarray) -> "Columns | None":
        return self._again(displacement)


class Products(Dense):
    """Products of a Jacobian with tangents, one for each column."""

    by_column = True


def real_block(block: np.ndarray, out: Leaf, leaf: Leaf, conjugation: float) -> np.ndarray:
    """
    Return a block of a Jacobian as one between real and imaginary parts.

    A complex block between complex leaves is that of a holomorphic function. One between a real
    value and a complex leaf holds gradients, in the convention of the library.
    """
    axes = block.ndim - len(leaf.shape)
    flat = block.reshape(math.prod(block.shape[:axes]), math.prod(leaf.shape))
    if not (out.complex or leaf.complex):
        return flat
    if not leaf.complex:
        return np.concatenate([flat.real, flat.imag], axis=0)
    if not out.complex:
        return np.concatenate([flat.real, conjugation * flat.imag], axis=1)
    return np.block([[flat.real, -flat.imag], [flat.imag, flat.real]])


def _without(block: np.ndarray, off: np.ndarray | None, part: slice, axis: int) -> Any:
    """Return a block, zero in the rows or columns of which nothing can be measured."""
    if off is None or not off[part].any():
        return block
    return np.where(np.expand_dims(off[part], 1 - axis), 0.0, block)


class Claimed(Protocol):
    """What a claim of columns has in common, whichever form it has."""

    @property
    def calls(self) -> int:
        """Number of calls of the claim."""

    @property
    def products(self) -> tuple[str, ...]:
        """Of a product: at how many tangents it is checked."""

    def at_x0(self) -> Columns:
        """Return the claim at x0."""
