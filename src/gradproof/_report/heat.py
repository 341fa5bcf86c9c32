"""A picture of a leaf: how far its entries are off, in cells of one or several of them."""

from dataclasses import dataclass

import numpy as np

from .._vectors.layout import Leaf
from .contents import Contents
from .rows import limits

#: Colours of a heat map: the error in units of its limit, by powers of ten.
STEPS = (1.0, 10.0, 1e2, 1e3, 1e4)
#: The cells that a heat map has along each side at most.
_CELLS = 64


@dataclass(frozen=True)
class Heat:
    """
    How far the entries of a leaf are off, in cells of one or several entries.

    Attributes
    ----------
    steps : ndarray of int
        For each cell the number of the limits in `STEPS` that its largest error exceeds; -1 where
        nothing was measured.
    block : tuple of int
        How many rows and columns of the leaf are one cell.
    """

    steps: np.ndarray
    block: tuple[int, int]


def heat_of(report: Contents, leaf: Leaf) -> Heat | None:
    """Return the picture of a leaf, None for a number and for complex ones."""
    if leaf.complex or not leaf.shape:
        return None
    claimed, measured = (report.flat[name][leaf.where] for name in ("claimed", "measured"))
    with np.errstate(all="ignore"):
        ratio = np.abs(claimed - measured) / limits(report, leaf)
    rows = ratio.reshape(-1, leaf.shape[-1])
    block = tuple(-(-length // _CELLS) for length in rows.shape)
    cells = np.full([-(-n // b) for n, b in zip(rows.shape, block, strict=True)], -1)
    for i, j in np.ndindex(*cells.shape):
        part = rows[i * block[0] : (i + 1) * block[0], j * block[1] : (j + 1) * block[1]]
        known = part[~np.isnan(part)]
        if known.size:
            cells[i, j] = int(np.searchsorted(STEPS, known.max(), side="left"))
    return Heat(cells, (block[0], block[1]))
