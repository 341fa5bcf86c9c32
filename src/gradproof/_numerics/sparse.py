"""Sparse patterns, and columns of one colour: none of them has a row in common."""

import functools
import itertools
import operator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Coordinates:
    """
    A sparse matrix, as lists.

    Attributes
    ----------
    rows, columns, numbers : ndarray of shape (k,)
        Its entries; of repeated ones the sum counts.
    shape : tuple of int
        Its shape.
    """

    rows: np.ndarray
    columns: np.ndarray
    numbers: np.ndarray
    shape: tuple[int, int]

    def times(self, tangents: np.ndarray, colours: np.ndarray, count: int) -> np.ndarray:
        """Return the products with the tangents of all colours, of shape (m, count)."""
        place = self.rows * count + colours[self.columns]
        weight = self.numbers * tangents[self.columns]
        total = np.bincount(place, weight, minlength=self.shape[0] * count)
        return total.reshape(self.shape[0], count)


def coloured(matrix: Coordinates) -> tuple[np.ndarray, int]:
    """
    Return a colour for each column, so that no two of one colour share a row, and their number.

    First fit in the order of the columns: as few as the band is wide for a banded matrix.
    """
    m, n = matrix.shape
    taken = [0] * m  # the colours that have an entry in each row, as the bits of a number
    order = np.argsort(matrix.columns, kind="stable")
    rows, edges = matrix.rows[order].tolist(), np.searchsorted(matrix.columns[order], range(n + 1))
    colours = []
    for start, stop in itertools.pairwise(edges.tolist()):
        own = rows[start:stop]
        others = functools.reduce(operator.or_, (taken[row] for row in own), 0)
        free = ~others & (others + 1)  # the lowest bit that is not set
        for row in own:
            taken[row] |= free
        colours.append(free.bit_length() - 1)
    return np.array(colours, dtype=int), max(colours, default=-1) + 1
