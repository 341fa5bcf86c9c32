"""A part of the entries is wrong, and shares a mistake: by condition, by place, one by one."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from .._report.diagnoses import Kind
from .._report.places import around, index_of
from .asked import all_seen, asked, off_elsewhere
from .conditions import Condition, conditions, without_claim
from .evidence import Case
from .factors import fitted, from_sums, known, sharpest, times
from .fields import Field, entry_of, part_of, shown
from .named import ENOUGH, Named, holds

#: So many entries are named one by one rather than by a condition that they happen to share.
_FEW = 3
#: Conditions that are looked for, by order of magnitude, beside those that separate entries.
_LOOKED_FOR = 20
#: How many pairs of conditions a sum is asked to tell apart.
_ASKED = 3
#: Digits that name entries that were found; right ones that tell how generous bars are; and how
#: near to a plain number a factor has to be for that.
_DIGITS, _TELL, _PLAIN = 2.0, 8, 0.05
#: Digits that a sign, 2 and 1/2 need less: they are met that much more often than other numbers.
_PRIOR = 0.5
#: A slope that is less than this share of others, its bar included, is none.
_NOTHING = 1e-2


def zeros(case: Case) -> Iterator[Named]:
    """Yield names: in some entries the claim is exactly 0, and func's slope is not."""
    own = case.own
    zero = own.claimed == 0
    if not own.claimed.any() or not zero.any():
        return
    inside = own.taken(zero)
    if (own.wrong & ~inside).any() or (shown(own) & inside & ~own.wrong).any():
        return
    if not own.wrong.any() or off_elsewhere(case, zero):
        return
    # Where slopes are 0, too, the claim is right: that is part of no pattern. Once one was seen to
    # be nothing beside those that are off, it is open of those that were not measured.
    least = _NOTHING * np.median(np.abs(own.measured[own.wrong]))
    nothing = inside & ~own.wrong & (np.abs(own.measured) + own.bar <= least)
    matters = np.full(own.claimed.size, not nothing.any())
    matters[own.where] = own.wrong
    matters = matters.reshape(own.shape) | ~zero
    where = _described(own, zero & matters, matters)
    also = {"off the diagonal": (Kind.PARTIAL,)} if own.symmetric else {}
    text = "is 0, and func's slope is not,"
    yield replace(
        where,
        text=text,
        value=0.0,
        least=1.0,
        also=(*where.also, *also.get(where.condition, ())),
    )


def not_finite(case: Case) -> Iterator[Named]:
    """Yield names: the claim is NaN or infinite in some entries, or in all of them."""
    own = case.own
    bad = ~np.isfinite(own.claimed)
    if not bad.any():
        return
    what = "NaN" if np.isnan(own.claimed[bad]).all() else "not finite"
    if bad.all():
        yield Named(Kind.NAN, f"is {what} in every entry", least=0.0)
        return
    where = _described(own, bad)
    yield replace(where, kind=Kind.NAN, text=f"is {what}", least=0.0, inside=None)


def _described(own: Field, inside: np.ndarray, matters: np.ndarray | None = None) -> Named:
    """Return words for entries that are known in full: what has just these is no chance."""
    matters = np.ones(own.shape, dtype=bool) if matters is None else matters
    count = int(inside.sum())
    if 1 < count < inside.size:  # as if all had been measured: no limit is unknown
        own = replace(
            own, claimed=np.where(inside, 0.0, 1.0), where=np.arange(inside.size),
            measured=np.ones(inside.size), bar=np.full(inside.size, 1e-9),
        )  # fmt: skip
    every = without_claim(own)
    same = [one.words for one in every if np.array_equal(one.inside & matters, inside)]
    same = same if count > _FEW else []
    block = "" if own.batch else _block(np.argwhere(inside), own.shape)
    places = listed_entries(own, np.argwhere(inside))
    condition = block or (same[0] if same else f"in {count} of {inside.size} entries ({places})")
    also = (Kind.CONDITIONAL,) if same and not block else ()
    return Named(Kind.ZERO, "", condition=condition, inside=inside, also=also)


def few_entries(case: Case) -> Iterator[Named]:
    """Yield names: a few entries, or a block of them, have the same mistake."""
    if case.own.wrong.sum() <= _FEW or _filled(case.own):
        yield from entries(case)


def entries(case: Case) -> Iterator[Named]:
    """Yield names: some entries have the wrong sign, or are off by the same factor."""
    own = case.own
    count = int(own.wrong.sum())
    if not count or count > own.claimed.size // 2 or own.claimed.size == 1:
        return
    if not (case.evidence.sums or own.whole):  # others may be wrong as well
        return
    inside = np.zeros(own.claimed.size, dtype=bool)
    inside[own.where[own.wrong]] = True
    inside = inside.reshape(own.shape)
    words = listed_entries(own, np.transpose([axis[own.wrong] for axis in own.index]))
    listed = f"in {count} of {own.claimed.size} entries ({words})"
    condition = _filled(own) or listed
    one = Condition(condition, inside, place=True)
    for named in _off_by(case, one):
        named = replace(named, kind=named.also[0], also=(), least=_least(own, named.value))
        if not (named.value and holds(case, named)):
            continue
        # Those that were not measured may be off by the same.
        if _hides(own, named.value) or not all_seen(case, own.claimed - own.claimed / named.value):
            named = replace(named, condition=f"in at least {listed.removeprefix('in ')}")
        yield named


def _least(own: Field, value: float | None) -> float:
    """
    Return the digits that name entries: fewer where other entries show that bars are generous.

    What a claim is rounded by is known by right entries. A sign, 2 and 1/2 are no chance, if these
    are off by far less than is allowed.
    """
    right = own.misfit(own.at)[~own.wrong]
    plain = value is not None and any(abs(value - number) < _PLAIN for number in (-1, 2, 0.5))
    if not plain or right.size < _TELL:
        return _DIGITS
    spare = -math.log10(min(max(2 * float(right.max()), 0.2), 1.0))
    return max(_DIGITS - _PRIOR - spare * int(own.wrong.sum()), 1.0)


def _hides(own: Field, value: float) -> bool:
    """Tell whether such a mistake of an entry that seems to be right would not have been seen."""
    moved = np.abs(own.at - own.at / value)
    return bool((~own.wrong & (own.at != 0) & (moved <= own.allowed(own.at))).any())


def conditional(case: Case) -> Iterator[Named]:
    """Yield names: entries have the wrong sign, or are off by a factor, under a condition alone."""
    own = case.own
    if not own.wrong.any() or not own.claimed.ndim:
        return
    plain = [one for one in conditions(own) if _separates(own, one)]
    # The narrowest first: of what was measured it has the same.
    several = sorted(plain, key=lambda one: int(one.inside.sum()))
    good: list[Named] = []
    for one in several:
        chance = _chance(own, one, len(several) + _LOOKED_FOR)
        if not (case.evidence.sums or own.whole) and chance < 1:
            continue
        least = 1.0 if chance >= 1 and own.whole else ENOUGH
        good += [named for named in _under(case, one, least) if holds(case, named)]
    yield from _told_apart(case, good, [one.words for one in plain])


def _under(case: Case, one: Condition, least: float) -> Iterator[Named]:
    """Yield what may be wrong where a condition holds."""
    own, inside = case.own, case.own.taken(one.inside)
    for named in _off_by(case, one):
        kinds = (named.also[0], named.kind) if one.place else (named.kind, named.also[0])
        yield replace(named, kind=kinds[0], also=kinds[1:], least=least)
    if (np.abs(own.measured[inside]) <= own.bar[inside]).all():
        text = "is not 0, and func's slope is,"
        predicted = np.where(one.inside, 0.0, own.claimed)
        yield Named(
            Kind.CONDITIONAL, text, predicted, condition=one.words, inside=one.inside,
            also=(Kind.MISSING_FACTOR,),
        )  # fmt: skip


def _differ(one: Named, other: Named) -> np.ndarray:
    """Return the entries that one of two conditions holds for."""
    assert one.inside is not None
    assert other.inside is not None
    return np.asarray(one.inside ^ other.inside)


def _told_apart(case: Case, good: list[Named], plain: list[str]) -> Iterator[Named]:
    """Yield the one of several conditions that a sum of where they differ speaks for."""
    if case.own.whole and good:
        # What conditions differ in was measured, and is hidden by its bars: the plainest is said.
        some = [one for one in good if case.own.claimed[_differ(good[0], one)].any()]
        good = [min([good[0], *some], key=lambda one: plain.index(one.condition))]
    for _ in range(_ASKED if not case.own.whole else 0):
        differ = [_differ(good[0], one) for one in good]
        others = [one for one, differs in zip(good, differ, strict=True) if differs.any()]
        if not others or asked(case, _differ(good[0], others[0])) is None:
            break
        still = [one for one in good if holds(case, one)]
        if len(still) == len(good):  # what they differ in is nothing: the plainer one
            last = max(good[0], others[0], key=lambda one: plain.index(one.condition))
            still = [one for one in good if one.condition != last.condition]
        good = still
    yield from good[:1]


def _separates(own: Field, one: Condition) -> bool:
    """Tell whether what is wrong is inside, and what is inside and right could not be wrong."""
    inside = own.taken(one.inside)
    if not inside.any() or inside.all() or (own.wrong & ~inside).any():
        return False
    return not (inside & ~own.wrong & shown(own)).any()


def _chance(own: Field, one: Condition, among: int) -> float:
    """Return the digits by which wrong entries are all inside not by chance."""
    inside = own.taken(one.inside)
    shows = own.wrong | shown(own)
    a, b = int((own.wrong & inside).sum()), int((shows & ~own.wrong).sum())
    return math.log10(max(math.comb(a + b, a), 1)) - math.log10(among)


def _off_by(case: Case, one: Condition) -> Iterator[Named]:
    """Yield what the claim may be inside: of the wrong sign, or times a number."""
    own = case.own
    base = Named(Kind.CONDITIONAL, "", condition=one.words, inside=one.inside)
    flipped = np.where(one.inside, -own.claimed, own.claimed)
    text = "has the wrong sign"
    yield replace(
        base, text=text, predicted=flipped, value=-1.0, uncertainty=0.0, also=(Kind.SIGN,)
    )
    found = fitted(case, own.at, own.taken(one.inside))
    if found is None:
        return
    change = np.where(one.inside, own.claimed, 0.0)
    sums = [(1 + a, blur) for a, blur in from_sums(case, change)]
    slope, blur = sharpest([found, *sums])
    if abs(slope) <= blur:
        return
    value, uncertainty = 1 / slope, blur / slope**2
    exact, words = known(case, value, uncertainty)
    predicted = np.where(one.inside, own.claimed / (exact if words else value), own.claimed)
    text = times(value, uncertainty, words)
    yield replace(
        base, text=text, predicted=predicted, fitted=0 if words else 1, value=value,
        uncertainty=uncertainty, also=(Kind.FACTOR,),
    )  # fmt: skip


def subset(case: Case) -> Iterator[Named]:
    """Yield names: some entries share a mistake, and nothing else that is known."""
    own = case.own
    share = own.wrong
    if share.all() or share.sum() < _FEW or (~share).sum() < 2:
        return
    of = f"in {int(share.sum())} of the {share.size} entries that were measured, without a pattern"
    base = Named(Kind.SIGN, "has the wrong sign", None, value=-1.0, condition=of,
                 also=(Kind.PARTIAL,))  # fmt: skip
    inner = part_of(own, share)
    if inner.fits(-inner.at):
        yield base
        return
    found = fitted(case, own.at, share)
    if found is None or abs(found[0]) <= found[1] or not inner.fits(found[0] * inner.at):
        return
    value, blur = 1 / found[0], found[1] / found[0] ** 2
    text = times(value, blur, known(case, value, blur)[1])
    yield replace(base, kind=Kind.FACTOR, text=text, fitted=1, value=value, uncertainty=blur)


def _filled(own: Field) -> str:
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
    if own.batch:  # of several tangents, an entry has one name
        places = np.array(places)
        places[:, : own.batch] = 0
        places = np.unique(places, axis=0)
    words = [entry_of(own, tuple(int(i) for i in row)) for row in places[:3]]
    more = len(places) - 3
    return ", ".join(words) + (f" and {more} more" if more > 0 else "")
