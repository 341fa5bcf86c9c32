"""What is seen of the rows of a leaf, along whatever lines."""

import math
from typing import Any

import numpy as np

from .._vectors.leaf_rows import Rows

#: How often all lines may miss an error of random signs that is as large as what they see.
MISS = 0.01


class Seen:
    """
    How small an error of each row would have been seen.

    Parameters
    ----------
    rows : Rows
        Of which leaf, along which axis.
    own : ndarray of shape (count,)
        What a missing row adds to a line along which it is moved as its claim says.
    material : ndarray of shape (count,)
        What errors of random signs add to a line if each entry of a row is off by what must be
        seen of it.

    Attributes
    ----------
    weak : ndarray of bool
        Rows of which so little is claimed, or nothing, that more has to be missing to matter; in
        which direction, the claim does not say.
    size : ndarray of shape (count,)
        What an error of a row is relative to: the row, or the (lower) median row if that is
        larger.
    """

    def __init__(self, rows: Rows, own: np.ndarray, material: np.ndarray) -> None:
        self.rows, self.own, self.material = rows, own, material
        self.weak = own <= material
        typical = [_median(own[~self.weak]), _median(material)]
        self.size = np.where(
            self.weak, np.maximum(material, typical[1]), np.maximum(own, typical[0])
        )
        self._surely = np.full(own.size, np.inf)
        self._chance: list[np.ndarray] = []

    def followed(self, which: np.ndarray, error: float) -> None:
        """Take down that an error of rows moved as claimed is followed from a size on."""
        self._surely[which] = np.fmin(self._surely[which], error)

    def might(self, which: np.ndarray, error: float) -> None:
        """Take down the same of rows of which each entry moves by a sign of its own."""
        seen = np.full(self.size.size, np.inf)
        seen[which] = error
        self._chance.append(seen)

    @property
    def reach(self) -> Any:
        """
        The smallest error, relative to the size of each row, that would have been followed.

        An error of random signs adds up to a normal number of deviation r. Several lines miss it
        with the product of ``P(|N| < seen / r)``, which may be one in a hundred: where that is
        small ``sqrt(2 / pi) seen / r`` each.
        """
        size = np.where(self.size > 0, self.size, 1.0)
        surely = np.where(self.weak, np.inf, self._surely / size)
        if not self._chance:
            return np.where(self.size > 0, surely, 0.0)
        square = np.where(self.weak, size, self.material)
        seen = np.sort(np.stack(self._chance), axis=0)
        chance = np.full(size.size, np.inf)
        for k in range(1, len(seen) + 1):
            with np.errstate(over="ignore"):
                mean = np.exp(np.mean(np.log(seen[:k]), axis=0))
            chance = np.fmin(chance, mean / square * math.sqrt(2 / math.pi) / MISS ** (1 / k))
        return np.where(self.size > 0, np.fmin(surely, chance), 0.0)

    @property
    def of_claim(self) -> Any:
        """The same relative to the claim of each row itself, where there is one."""
        error = np.fmin(self.reach * self.size, self._surely)
        return np.where(self.own > 0, error / np.where(self.own > 0, self.own, 1.0), self.reach)

    @property
    def dark(self) -> Any:
        """The rows of which an error as large as themselves would not have been seen."""
        return np.flatnonzero(self.reach > 1)


def _median(sizes: np.ndarray) -> float:
    """Return the lower median, 0 of none."""
    return float(np.sort(sizes)[(sizes.size - 1) // 2]) if sizes.size else 0.0
