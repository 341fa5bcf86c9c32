"""Entries that are wrong where a condition holds, and right elsewhere."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .._report.diagnoses import Kind
from .._report.places import around, index_of
from .evidence import Beside, Evidence, Field
from .factors import fitted, from_sums, known, sharpest, times, written
from .named import Named

#: Blocks that an axis is cut in by a kernel, and the most periods and distinct labels to look for.
_BLOCKS = tuple(2**i for i in range(1, 11))
_PERIODS, _LABELS = (2, 3, 4, 8), 8
#: So many entries are named one by one rather than by a condition that they happen to share.
_FEW = 3


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


def zeros(evidence: Evidence, k: int, right: frozenset[int]) -> Iterator[Named]:
    """The claim is exactly 0 in some entries, func's slope is not, and all others are right."""
    own = evidence.fields[k]
    zero = own.claimed == 0
    if not own.claimed.any() or not zero.any():
        return
    inside = own.taken(zero)
    shows = np.abs(own.measured) > 4 * own.bar
    if (own.wrong & ~inside).any() or (shows & inside & ~own.wrong).any():
        return
    # Where the claim is 0 is known in full: what has just these entries is no chance.
    same = [one.words for one in _without_claim(own) if np.array_equal(one.inside, zero)]
    block = "" if own.batch else _block(np.argwhere(zero), own.shape)
    count = int(zero.sum())
    places = listed_entries(own, np.argwhere(zero))
    same = same if count > _FEW else []
    condition = block or (same[0] if same else f"in {count} of {zero.size} entries ({places})")
    also = (Kind.CONDITIONAL,) if same and not block else ()
    text = "is 0, and func's slope is not,"
    yield Named(Kind.ZERO, text, None, value=0.0, condition=condition, inside=zero, least=1.0,
                also=also)  # fmt: skip


def conditional(evidence: Evidence, k: int, right: frozenset[int]) -> Iterator[Named]:
    """Entries have the wrong sign, are 0 or off by a factor under a condition alone."""
    own = evidence.fields[k]
    count, total = int(own.wrong.sum()), own.wrong.size
    if not count or not own.claimed.ndim:
        return
    several = [one for one in conditions(own) if _separates(own, one)]
    # Of those that hold for the same entries the first, of all the one with the fewest entries
    # that are wrong by chance.
    several.sort(key=lambda one: int(one.inside.sum()) - int(own.taken(one.inside).sum()))
    for one in several:
        chance = _chance(own, one, len(several) + 20)
        yield from _inside(evidence, k, one, right, chance=chance)


def _separates(own: Field, one: Condition) -> bool:
    inside = own.taken(one.inside)
    if not inside.any() or (own.wrong & ~inside).any():
        return False
    # What is inside and right has to be so because there is nothing to be wrong: 0.
    shows = np.abs(own.measured) > 4 * own.bar
    return not (inside & ~own.wrong & shows).any() and not inside.all()


def _chance(own: Field, one: Condition, among: int) -> float:
    """Return the digits by which wrong entries are all inside not by chance."""
    inside = own.taken(one.inside)
    shows = own.wrong | (np.abs(own.measured) > 4 * own.bar)
    a, b = int((own.wrong & inside).sum()), int((shows & ~own.wrong).sum())
    return math.log10(max(math.comb(a + b, a), 1)) - math.log10(among)


def _inside(
    evidence: Evidence, k: int, one: Condition, right: frozenset[int], *, chance: float
) -> Iterator[Named]:
    own = evidence.fields[k]
    kind = Kind.CONDITIONAL
    where = dict(condition=one.words, inside=one.inside)
    told = bool(evidence.sums) or own.whole
    if not told and chance < 1:
        return
    for value, words, fit in _values(evidence, k, one, right):
        predicted = np.where(one.inside, own.claimed / value, own.claimed)
        inner = Kind.SIGN if value == -1 else Kind.FACTOR
        kinds = (inner, (kind,)) if one.place else (kind, (inner,))
        least = 1.0 if chance >= 1 and own.whole else 4.0
        yield Named(
            kinds[0], words, predicted, fit, value, 0.0, least=least, also=kinds[1], **where
        )
    inside = own.taken(one.inside)
    if (np.abs(own.measured[inside]) <= own.bar[inside]).all():
        text = "is not 0, where func's slope is"
        predicted = np.where(one.inside, 0.0, own.claimed)
        yield Named(kind, text, predicted, also=(Kind.MISSING_FACTOR,), **where)


def _values(
    evidence: Evidence, k: int, one: Condition, right: frozenset[int]
) -> Iterator[tuple[float, str, int]]:
    """Yield numbers that the claim may be off by under a condition, the words, what was fitted."""
    own = evidence.fields[k]
    yield -1.0, "has the wrong sign", 0
    found = fitted(evidence, k, own.at, own.taken(one.inside))
    if found is None:
        return
    change = np.where(one.inside, own.claimed, 0.0)
    sums = [(1 + a, blur) for a, blur in from_sums(evidence, k, change, right)]
    slope, blur = sharpest([found, *sums])
    if abs(slope) <= blur:
        return
    value, uncertainty = 1 / slope, blur / slope**2
    exact, words = known(evidence, own, value, uncertainty)
    text = times(value, uncertainty, words)
    yield (exact, text, 0) if words else (value, text, 1)


def conditions(own: Field) -> Iterator[Condition]:
    """Yield conditions under which entries may be wrong, the plainest first."""
    yield from _without_claim(own)
    claim = Beside("|claim|", np.abs(own.claimed))
    yield from _thresholds(own, claim)


def _without_claim(own: Field) -> Iterator[Condition]:
    yield from _of_axes(own)
    for beside in own.beside:
        yield from _of_values(own, beside)


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
    wrong, shown = here[own.wrong], here[~own.wrong & (np.abs(own.measured) > 4 * own.bar)]
    if not wrong.size or not shown.size:
        return
    full = np.broadcast_to(beside.values, own.shape)
    if wrong.min() > shown.max():
        limit = _between(float(shown.max()), float(wrong.min()))
        yield Condition(f"where {beside.name} > {limit:.3g}", full > limit)
    elif wrong.max() < shown.min():
        limit = _between(float(wrong.max()), float(shown.min()))
        yield Condition(f"where {beside.name} < {limit:.3g}", full < limit)


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
        if wrong.size == 1 and not lonely:
            yield _row(own, axis, int(wrong[0]))
        elif lonely and wrong.size == 1:
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


_ORDINAL = {2: "second", 3: "third", 4: "fourth", 8: "eighth"}


def _full(own: Field, inside: np.ndarray) -> np.ndarray:
    return np.broadcast_to(inside, own.shape)


def _row(own: Field, axis: int, j: int) -> Condition:
    inside = np.zeros(own.shape, dtype=bool)
    inside[(slice(None),) * axis + (j,)] = True
    box = [(0, n) for n in own.shape]
    box[axis] = (j, j + 1)
    return Condition(index_of(tuple(box[own.batch :]), own.shape[own.batch :]), inside, place=True)


def entries(evidence: Evidence, k: int, right: frozenset[int]) -> Iterator[Named]:
    """Few entries have the wrong sign, are 0 or off by the same factor, all others are right."""
    own = evidence.fields[k]
    count = int(own.wrong.sum())
    if not count or count > max(_FEW, own.wrong.size // 3) or own.claimed.size == 1:
        return
    inside = np.zeros(own.claimed.size, dtype=bool)
    inside[own.where[own.wrong]] = True
    inside = inside.reshape(own.shape)
    block = filled(own)
    words = listed_entries(own, np.transpose([axis[own.wrong] for axis in own.index]))
    condition = block or f"in {count} of {own.claimed.size} entries ({words})"
    where = dict(condition=condition, inside=inside, least=2.0)
    told = bool(evidence.sums) or own.whole
    if not told:
        return
    one = Condition("", inside, place=True)
    for value, text, fit in _values(evidence, k, one, right):
        predicted = np.where(inside, own.claimed / value, own.claimed)
        kind = Kind.SIGN if value == -1 else Kind.FACTOR
        yield Named(kind, text, predicted, fit, value, 0.0, **where)


def filled(own: Field) -> str:
    """Return the index of the block that the wrong entries fill, if they are several and do."""
    if own.batch:
        return ""
    return _block(np.transpose([axis[own.wrong] for axis in own.index]), own.shape)


def _block(places: np.ndarray, shape: tuple[int, ...]) -> str:
    if len(places) < 2 or not shape:
        return ""
    box = around(places)
    return index_of(box, shape) if math.prod(j - i for i, j in box) == len(places) else ""


def listed_entries(own: Field, places: np.ndarray) -> str:
    """Return the words for entries at some places, of many the first."""
    words = [own.entry(tuple(int(i) for i in row)) for row in places[:3]]
    more = len(places) - 3
    return ", ".join(words) + (f" and {more} more" if more > 0 else "")


def subset(evidence: Evidence, k: int, right: frozenset[int]) -> Iterator[Named]:
    """Some entries share a mistake, and nothing else that is known."""
    own = evidence.fields[k]
    share, measured = own.wrong, own.measured
    if share.all() or share.sum() < 3 or (~share).sum() < 2:
        return
    of = f"in {int(share.sum())} of the {share.size} entries that were measured, without a pattern"
    inner = own.part(share)
    if inner.fits(-inner.at):
        yield Named(Kind.SIGN, "has the wrong sign", None, value=-1.0, condition=of,
                    also=(Kind.PARTIAL,))  # fmt: skip
        return
    found = fitted(evidence, k, own.at, share)
    if found is None or abs(found[0]) <= found[1] or not inner.fits(found[0] * inner.at):
        return
    value, blur = 1 / found[0], found[1] / found[0] ** 2
    text = f"is {written(value, blur)} times func's slope"
    yield Named(Kind.FACTOR, text, None, 1, value, blur, condition=of, also=(Kind.PARTIAL,))
    del measured
