"""The right numbers at wrong places: transposed, flipped, rolled, shifted, swapped, permuted."""

import itertools
import math
from collections.abc import Iterator

import numpy as np

from .._report.diagnoses import Kind
from .asked import holds_of_sum
from .evidence import Case
from .named import ENOUGH, Named

#: How far along an axis numbers may be off their place.
_FAR = 2
#: Up to so many axes all orders of axes are tried.
_AXES = 4


def swapped(case: Case) -> Iterator[Named]:
    """Yield names: the claim is that of another leaf."""
    own = case.own
    for j, other in enumerate(case.evidence.fields):
        others = j != case.k and j not in case.right
        if others and other.claimed.size == own.claimed.size:
            alike = other.shape == own.shape
            numbers = other.claimed if alike else other.claimed.reshape(own.shape)
            if not np.array_equal(numbers, own.claimed):
                text = f"is that by {other.name}: swapped?"
                # Two numbers that are each other's are more evidence than each of them.
                both = own.fits(own.taken(numbers)) and other.where.size > 0
                back = own.claimed.reshape(other.shape)
                least = 2.0 if both and other.fits(other.taken(back)) else ENOUGH
                yield Named(Kind.SWAPPED, text, numbers, least=least)


def transposed(case: Case) -> Iterator[Named]:
    """Yield names: the axes are in another order, or numbers in another order of memory."""
    own = case.own
    lead, axes = list(range(own.batch)), list(own.axes)
    if len(axes) < 2 or len(axes) > _AXES:
        return
    for order in itertools.permutations(axes):
        if list(order) == axes:
            continue
        there = np.transpose(own.claimed, (*lead, *order))
        what = "is transposed" if len(axes) == 2 else f"has its axes in another order, {order}"
        if there.shape == own.shape and not np.array_equal(there, own.claimed):
            yield Named(Kind.TRANSPOSED, what, there)
        text = f"{what} in memory, and reshaped"
        again = own.claimed.reshape([own.shape[i] for i in (*lead, *order)])
        back = np.transpose(again, np.argsort((*lead, *order)))
        if not np.array_equal(back, own.claimed):
            yield Named(Kind.TRANSPOSED, text, back)
        again = np.ascontiguousarray(there).reshape(own.shape)
        if not np.array_equal(again, own.claimed):
            yield Named(Kind.TRANSPOSED, text, again)


def moved(case: Case) -> Iterator[Named]:
    """Yield names: all numbers are flipped, rolled or shifted along an axis."""
    own = case.own
    for axis in own.axes:
        length = own.shape[axis]
        if length < 2:
            continue
        along = f" along axis {axis - own.batch}" if len(own.axes) > 1 else ""
        yield Named(Kind.PERMUTED, f"is reversed{along}", np.flip(own.claimed, axis))
        for by in range(1, min(_FAR, length - 1) + 1):
            for shift in (by, -by):
                words = f"is rolled by {-shift:+d}{along}: every number is {by} off its place"
                yield Named(Kind.SHIFTED, words, np.roll(own.claimed, shift, axis))
        if length == 2:
            continue
        for by in range(1, min(_FAR, length - 2) + 1):
            for shift in (by, -by):
                yield from _shifted(case, axis, shift, along)


def _shifted(case: Case, axis: int, shift: int, along: str) -> Iterator[Named]:
    """Yield names: the same with nothing known of what was shifted out at the end."""
    own = case.own
    there = np.roll(own.claimed, shift, axis)
    inside = np.ones(own.shape, dtype=bool)
    edge = [slice(None)] * own.claimed.ndim
    edge[axis] = slice(0, shift) if shift > 0 else slice(shift, None)
    inside[tuple(edge)] = False
    taken = own.taken(inside)
    if (own.wrong & taken).sum() < 2 or not own.fits(own.taken(there), taken):
        return
    # What is at the edge is anybody's guess: the entries inside are the evidence.
    if own.digits(own.wrong & taken).sum() >= 4 and holds_of_sum(case, there, inside):
        text = f"is shifted by {-shift:+d}{along}: every number is {abs(shift)} off its place"
        yield Named(Kind.SHIFTED, text, None)


def halves(case: Case) -> Iterator[Named]:
    """Yield names: the halves of an axis are swapped, or it is interleaved."""
    own = case.own
    for axis in own.axes:
        length = own.shape[axis]
        if length < 4 or length % 2:
            continue
        along = f" along axis {axis - own.batch}" if len(own.axes) > 1 else ""
        half = np.arange(length).reshape(2, -1)
        for order, words in (
            (half[::-1].ravel(), "has its halves swapped"),
            (half.T.ravel(), "is interleaved: halves for pairs"),
            (half.ravel().reshape(-1, 2).T.ravel(), "is interleaved: pairs for halves"),
        ):
            yield Named(Kind.PERMUTED, words + along, np.take(own.claimed, order, axis))


def permuted(case: Case) -> Iterator[Named]:
    """Yield names: every measured number stands elsewhere in the claim."""
    own = case.own
    wrong = np.flatnonzero(own.wrong)
    if wrong.size < 3:
        return
    numbers = np.sort(own.claimed, axis=None)
    place = np.clip(np.searchsorted(numbers, own.measured), 1, numbers.size - 1)
    near = np.minimum(
        np.abs(numbers[place - 1] - own.measured), np.abs(numbers[place] - own.measured)
    )
    allowed = own.allowed(own.measured)
    if not (near <= allowed).all():
        return
    # Each number of the claim is at one other place: as often as it was measured, it was claimed.
    low, high = own.measured - 2 * allowed, own.measured + 2 * allowed
    claimed = np.searchsorted(numbers, high, "right") - np.searchsorted(numbers, low)
    known = np.sort(own.measured)
    measured = np.searchsorted(known, high - allowed, "right") - np.searchsorted(
        known, low + allowed
    )
    if (measured > claimed).any():
        return
    # By chance a number is within a bar of one of them as often as these fill their range.
    spread = float(numbers[-1] - numbers[0])
    if not spread:
        return
    chance = numbers.size * 2 * allowed / spread
    digits = np.clip(-np.log10(np.clip(chance[wrong], 1e-300, 1.0)), 0.0, 3.0)
    if digits.sum() >= 6 and math.isfinite(spread):
        text = "has the right numbers at other places: permuted?"
        yield Named(Kind.PERMUTED, text, None)
