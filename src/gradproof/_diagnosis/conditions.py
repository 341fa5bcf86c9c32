"""Conditions under which entries may be wrong: on values, on their place in the array."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .._report.places import index_of
from .fields import Beside, Field, shown

#: Blocks that an axis is cut in by a kernel, and the most periods and distinct labels to look for.
_BLOCKS = tuple(2**i for i in range(1, 11))
_PERIODS, _LABELS = (2, 3, 4, 8), 8
_ORDINAL = {2: "second", 3: "third", 4: "fourth", 8: "eighth"}


@dataclass(frozen=True)
class Condition:
    """
    Where entries are wrong.

    Attributes
    ----------
    words : str
        As in "where x < 0"; of a place, its index: "[3, :]".
    inside : ndarray of bool
        In full.
    place : bool
        Whether it is a row, a column or an entry, rather than a condition.
    """

    words: str
    inside: np.ndarray
    place: bool = False


def conditions(own: Field) -> Iterator[Condition]:
    """Yield conditions under which entries may be wrong, the plainest first."""
    yield from without_claim(own)
    claim = Beside("|claim|", np.abs(own.claimed))
    yield from _thresholds(own, claim)


def without_claim(own: Field) -> Iterator[Condition]:
    """Yield those that do not ask how large the claim is."""
    yield from _of_axes(own)
    for beside in own.beside:
        yield from _of_values(own, beside)


def sizes(own: Field) -> Iterator[Beside]:
    """Yield numbers whose size may tell which entries are wrong, one for each entry."""
    for beside in own.beside:
        full = np.broadcast_to(beside.values, own.shape)
        if beside.of_field or np.unique(beside.values)[: _LABELS + 1].size > _LABELS:
            yield Beside(f"|{beside.name}|", np.abs(full))
            yield Beside(beside.name, full)
    yield Beside("|claim|", np.abs(own.claimed))


def between(own: Field) -> list[int]:
    """Return entries that tell where the limit between wrong entries and right ones is."""
    found: list[int] = []
    for beside in sizes(own):
        here = own.taken(beside.values)
        wrong, right = here[own.wrong], here[~own.wrong & shown(own)]
        if not wrong.size or not right.size:
            continue
        if wrong.min() > right.max():
            low, high = right.max(), wrong.min()
        elif wrong.max() < right.min():
            low, high = wrong.max(), right.min()
        else:
            continue
        full = beside.values.reshape(-1)
        gap = np.flatnonzero((full > low) & (full < high) & (own.claimed.reshape(-1) != 0))
        gap = np.setdiff1d(gap, own.where)
        if gap.size:
            found.append(int(gap[np.argsort(full[gap])[gap.size // 2]]))
    return list(dict.fromkeys(found))


def _of_values(own: Field, beside: Beside) -> Iterator[Condition]:
    full = np.broadcast_to(beside.values, own.shape)
    name = beside.name
    distinct = np.unique(beside.values)[: _LABELS + 1]
    if distinct.size <= _LABELS and distinct.size > 1 and not beside.of_field:
        for value in distinct:
            yield Condition(f"where {name} = {value:g}", full == value)
        return
    if (beside.values < 0).any() and (beside.values > 0).any():
        yield Condition(f"where {name} < 0", full < 0)
        yield Condition(f"where {name} > 0", full > 0)
    yield from _thresholds(own, Beside(f"|{name}|", np.abs(full)))
    yield from _thresholds(own, Beside(name, full))


def _thresholds(own: Field, beside: Beside) -> Iterator[Condition]:
    """Yield a condition on size that separates wrong entries from right ones, if there is one."""
    here = own.taken(beside.values)
    wrong, right = here[own.wrong], here[~own.wrong & shown(own)]
    if not wrong.size or not right.size:
        return
    full = np.broadcast_to(beside.values, own.shape)
    if wrong.min() > right.max():
        limit = _between(float(right.max()), float(wrong.min()))
        yield Condition(f"where {beside.name} > {limit:.7g}", full > limit)
    elif wrong.max() < right.min():
        limit = _between(float(wrong.max()), float(right.min()))
        yield Condition(f"where {beside.name} < {limit:.7g}", full < limit)


def _between(low: float, high: float) -> float:
    """Return the number of the fewest digits between two."""
    for digits in range(1, 8):
        for number in (float(f"{(low + high) / 2:.{digits}g}"),):
            if low < number < high:
                return number
    return (low + high) / 2


def _of_axes(own: Field) -> Iterator[Condition]:
    """Yield rows and columns, ends, tails of blocks, every so many, diagonals and triangles."""
    shape = own.shape
    for axis in own.axes:
        length = shape[axis]
        if length < 2:
            continue
        place = np.arange(length).reshape([-1 if n == axis else 1 for n in range(len(shape))])
        wrong = np.unique(own.index[axis][own.wrong])
        lonely = len(own.axes) == 1
        if (wrong.size == 1 and not lonely) or (lonely and wrong.size == 1):
            yield _row(own, axis, int(wrong[0]))
        along = "" if lonely else f" along axis {axis - own.batch}"
        for block in _BLOCKS:
            tail = length % block
            if block < length and tail:
                words = f"in the last {tail} of {length}{along} (left over by blocks of {block})"
                yield Condition(words, _full(own, place >= length - tail))
        for period in _PERIODS:
            if period < length:
                for first in range(period):
                    words = f"in every {_ORDINAL[period]} index{along}, from {first} on"
                    yield Condition(words, _full(own, place % period == first))
        yield Condition(f"in the first half{along}", _full(own, place < length // 2))
        yield Condition(f"in the second half{along}", _full(own, place >= length // 2))
        if 1 < wrong.size < length:
            low, high = int(wrong.min()), int(wrong.max()) + 1
            if high - low < length:
                box = [(0, n) for n in shape]
                box[axis] = (low, high)
                yield Condition(
                    index_of(tuple(box[own.batch :]), shape[own.batch :]),
                    _full(own, (place >= low) & (place < high)), place=True,
                )  # fmt: skip
    for first, second in itertools.combinations(own.axes, 2):
        if second != first + 1 or shape[first] < 2 or shape[second] < 2:
            continue
        i = np.arange(shape[first]).reshape([-1 if n == first else 1 for n in range(len(shape))])
        j = np.arange(shape[second]).reshape([-1 if n == second else 1 for n in range(len(shape))])
        yield Condition("on the diagonal", _full(own, i == j))
        yield Condition("off the diagonal", _full(own, i != j))
        yield Condition("above the diagonal", _full(own, j > i))
        yield Condition("below the diagonal", _full(own, j < i))
        yield Condition("on the diagonal and above", _full(own, j >= i))
        yield Condition("on the diagonal and below", _full(own, j <= i))


def _full(own: Field, inside: np.ndarray) -> np.ndarray:
    return np.broadcast_to(inside, own.shape)


def _row(own: Field, axis: int, j: int) -> Condition:
    inside = np.zeros(own.shape, dtype=bool)
    inside[(slice(None),) * axis + (j,)] = True
    box = [(0, n) for n in own.shape]
    box[axis] = (j, j + 1)
    return Condition(index_of(tuple(box[own.batch :]), own.shape[own.batch :]), inside, place=True)
