"""Where errors are, in words: entries, rows, columns and blocks of a leaf; and how many."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .._vectors.layout import Leaf, leaf_of

#: Part of an array: where it starts and stops along each axis.
Box = tuple[tuple[int, int], ...]
#: So many places stand in a sentence; the others are counted.
_NAMED = 4


def index_of(box: Box, shape: tuple[int, ...]) -> str:
    """Return the index of a box in an array, as NumPy writes it."""
    words = [
        ":" if (start, stop) == (0, length) else f"{start}" if stop == start + 1
        else f"{start}:{stop}"
        for (start, stop), length in zip(box, shape, strict=True)
    ]  # fmt: skip
    return f"[{', '.join(words)}]" if words else ""


def of_box(box: Box, leaves: Sequence[Leaf], shape: tuple[int, ...]) -> str:
    """
    Return the words for a box of x0, which has this shape; flat, it is that of several leaves.

    Several leaves are named one by one, each with the part of it that is in the box.
    """
    if len(leaves) == 1 and not leaves[0].complex and leaves[0].shape == shape:
        return f"{leaves[0].path}{index_of(box, shape)}"
    ((start, stop),) = box
    inside = [leaf for leaf in leaves if leaf.where.start < stop and leaf.where.stop > start]
    return listed(
        of_range(leaf, max(start, leaf.where.start), min(stop, leaf.where.stop)) for leaf in inside
    )


def of_range(leaf: Leaf, start: int, stop: int) -> str:
    """Return the words for some neighbouring entries of a leaf, in places of all leaves."""
    if stop == start + 1:
        return leaf.name(start)
    if (start, stop) == (leaf.where.start, leaf.where.stop):
        return leaf.path or "x0"
    size = math.prod(leaf.shape)
    first, last = start - leaf.where.start, stop - 1 - leaf.where.start
    if not (leaf.complex and first // size != last // size):
        one, other = leaf.index(start), leaf.index(stop - 1)
        axis = next(k for k, (i, j) in enumerate(zip(one, other, strict=True)) if i != j)
        whole = zip(one[axis + 1 :], other[axis + 1 :], leaf.shape[axis + 1 :], strict=True)
        if all(i == 0 and j == length - 1 for i, j, length in whole):
            box = [(i, i + 1) for i in one[:axis]] + [(one[axis], other[axis] + 1)]
            box += [(0, length) for length in leaf.shape[axis + 1 :]]
            part = "" if not leaf.complex else (".real", ".imag")[first >= size]
            return f"{leaf.path}{index_of(tuple(box), leaf.shape)}{part}"
    return f"{leaf.name(start)} to {leaf.name(stop - 1)}"


def listed(words: Iterable[str]) -> str:
    """Return some words in a row, and how many more there are."""
    every = list(words)
    more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return ", ".join(every[:_NAMED]) + more


def are_off(count: int, of: int, *, about: str = "") -> str:
    """Return the words for so many of some entries that are off."""
    if of == 1:
        return "the entry is off"
    if count == of:
        return f"all {of} entries are off"
    return f"{about}{count} of {of} entries {'is' if count == 1 else 'are'} off"


def off_in(leaves: Sequence[Leaf], off: np.ndarray) -> str:
    """
    Return how many entries are off, and in which leaves, or which part of the only leaf.

    Parameters
    ----------
    leaves : sequence of Leaf
        The leaves of x0.
    off : ndarray of shape (n,), bool
        Which entries are off.
    """
    text = are_off(int(off.sum()), off.size)
    if off.all():
        return text
    parts = [(leaf, off[leaf.where]) for leaf in leaves]
    concerned = [(leaf, own) for leaf, own in parts if own.any()]
    if len(leaves) == 1:
        inside = _block(*concerned[0])
        return f"{text} ({inside})" if inside else text
    return f"{text} ({listed(_share(leaf, own) for leaf, own in concerned)})"


def _share(leaf: Leaf, own: np.ndarray) -> str:
    """Return how many entries of one leaf are off, and where if that is a block of it."""
    if own.all():
        return f"all {own.size} of {leaf.path}" if own.size > 1 else leaf.path
    if own.sum() == 1:
        return leaf.name(leaf.where.start + int(np.argmax(own)))
    return _block(leaf, own) or f"{int(own.sum())} of {own.size} of {leaf.path}"


def _block(leaf: Leaf, own: np.ndarray) -> str:
    """Return the index of the entries that are off if they are several, and fill a block."""
    if leaf.complex or own.sum() < 2 or not leaf.shape:
        return ""
    box = around(np.argwhere(own.reshape(leaf.shape)))
    filled = math.prod(stop - start for start, stop in box) == own.sum()
    return f"{leaf.path}{index_of(box, leaf.shape)}" if filled else ""


def around(places: np.ndarray) -> Box:
    """Return the smallest box around some places, one a row."""
    first, last = places.min(axis=0), places.max(axis=0)
    return tuple((int(i), int(j) + 1) for i, j in zip(first, last, strict=True))


def in_common(leaves: Sequence[Leaf], wrong: list[int]) -> tuple[str, str]:
    """
    Return what three entries at least have in common.

    Returns
    -------
    filled : str
        The block of one leaf that they fill, if they do.
    common : str
        Else the row or column of one leaf that all of them are in.
    """
    if len(wrong) < 3:
        return "", ""
    leaf = leaf_of(list(leaves), wrong[0])
    if leaf.complex or any(not leaf.where.start <= i < leaf.where.stop for i in wrong):
        return "", ""
    box = around(np.array([leaf.index(i) for i in wrong]))
    if math.prod(stop - start for start, stop in box) == len(wrong):
        return f"{leaf.path}{index_of(box, leaf.shape)}", ""
    sides = list(zip(box, leaf.shape, strict=True))
    if not any(j == i + 1 < length for (i, j), length in sides):
        return "", ""
    common = tuple((i, j) if j == i + 1 else (0, length) for (i, j), length in sides)
    return "", f"{leaf.path}{index_of(common, leaf.shape)}"


@dataclass
class PairsOff:
    """
    The entries of a Jacobian that one look says are off: how many, and in which rows and columns.

    Attributes
    ----------
    values, leaves : tuple of Leaf
        The places of func's values, and of what it is differentiated by.
    looked_at, count : int
        Entries that were looked at, and those of them that are off.
    """

    values: tuple[Leaf, ...]
    leaves: tuple[Leaf, ...]
    looked_at: int = 0
    count: int = 0

    def __post_init__(self) -> None:
        self._off = np.zeros(self.values[-1].where.stop, dtype=bool)
        self._columns: list[int] = []

    def add(self, i: int, off: np.ndarray) -> None:
        """Take which values of func are off by entry `i`."""
        self.looked_at += off.size
        self.count += int(off.sum())
        self._off |= off
        if off.any():
            self._columns.append(i)

    def told(self) -> str:
        """Return how many are off, and the row or the column that all of them are in."""
        text = are_off(max(self.count, 1), self.looked_at)
        rows = np.flatnonzero(self._off).tolist()
        if self.count < 2 or self.count == self.looked_at:
            return text
        if len(rows) == 1:
            (row,) = rows
            return f"{text} (all of func's value {leaf_of(list(self.values), row).name(row)})"
        if len(self._columns) == 1 < self.leaves[-1].where.stop:
            (i,) = self._columns
            return f"{text} (all by {leaf_of(list(self.leaves), i).name(i)})"
        return text
