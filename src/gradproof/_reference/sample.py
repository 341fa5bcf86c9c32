"""What was seen of one result at all points, and how much each entry may be off by rounding."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .._numerics.precision import Precision
from . import formulas
from .blocks import Place, Written, along, kept, on_host, part, places, shape_of
from .scales import Scales

#: The moves of an entry have a mean square of 2 units in the last place, squared; a rounding, even
#: over such a unit, has one of 1/12.
_MOVES = 24.0
#: Entries that are put in order: of more, so many at equal distances.
_SORTED = 2**17


class Sample:
    """
    What was seen of one result at all points.

    Errors are kept in as few digits as tell: bfloat16 has two of them, and the range of float32.

    Parameters
    ----------
    backend : Backend
        Of its arrays.
    claim : array
        The result at x0.
    unit : float
        The largest relative rounding of its dtype.

    Attributes
    ----------
    half : bool
        Whether the claim is in half precision.
    claim, truth : array
        At x0; truth in float32 or the widest dtype.
    errors : list of array
        Of the claim, at x0 and its neighbours.
    single : list of array
        Errors of what func says in single precision, where the claim is in half; or empty.
    narrow : list of array
        Errors of the reference in the dtype that it is given.
    drawn : list of array
        Changes of truth at x0 by roundings that were drawn.
    compared : array of bool or None
        The entries at which truth and reference are finite, at all points, and the claim is; None
        for all of them.
    n : int
        How many these are.
    lost : int
        Entries of the claim that are not finite, at any point, where truth and reference are.
    largest : float
        The largest size of truth.
    squares : Sums
        Of truth.
    dtype : dtype
        In which errors are looked at in roundings: single precision, where the claim is in half.
    """

    def __init__(self, backend: Any, claim: Any, unit: float) -> None:
        self.backend, self.claim, self.unit = backend, claim, unit
        self.shape = shape_of(claim)
        xp = backend.xp
        wide = backend.wide(claim)
        self.half = Precision.of(float(backend.eps(claim.dtype))).widens
        self._wide, self.dtype = wide, xp.float32 if self.half else wide
        self._dtype = getattr(xp, "bfloat16", xp.float32) if self.half else xp.float32
        self.errors: list[Any] = []
        self.single: list[Any] = []
        self.narrow: list[Any] = []
        self.drawn: list[Any] = []
        self.truth = self._moved = self._there = self.compared = None

    def places(self) -> Iterator[Place]:
        """Yield the blocks in which it is looked at."""
        return places(self.backend, self.claim)

    def add(self, truth: Any, narrow: Any, claim: Any, single: Any) -> None:
        """Take what both functions say at one more point, x0 first."""
        backend, xp = self.backend, self.backend.xp
        given = [narrow, claim] + ([single] if single is not None else [])
        written = [Written(backend, self.claim, self._dtype) for _ in given]
        first, finite = self.truth, True
        dtype = self.dtype if first is None else xp.float32
        beside = Written(backend, self.claim, dtype, self._moved)
        for place in self.places():
            own = part(truth, place)
            errors, total = backend.native(_errors)(own, [part(one, place) for one in given])
            finite = finite and math.isfinite(float(total))
            for one, error in zip(written, errors, strict=True):
                one.put(place, error)
            if first is not None:
                before = None if self._moved is None else part(self._moved, place)
                own = backend.native(_moved)(own, part(first, place), before)
            beside.put(place, own)
        if first is None:
            self.truth = beside.array
        else:
            self._moved = beside.array
        for several, one in zip((self.narrow, self.errors, self.single), written, strict=False):
            several.append(one.array)
        if not finite:
            self._leave_out(truth, narrow, claim)

    def _leave_out(self, truth: Any, narrow: Any, claim: Any) -> None:
        xp = self.backend.xp
        truth, narrow, claim = (xp.reshape(one, self.shape) for one in (truth, narrow, claim))
        there = xp.isfinite(truth) & xp.isfinite(narrow)
        kept = there & xp.isfinite(claim)
        self._there = there if self._there is None else self._there & there
        self.compared = kept if self.compared is None else self.compared & kept

    def draw(self, truth: Any, share: float) -> None:
        """Take truth at x0 with a rounding drawn for each operation, larger by a share."""
        native, xp = self.backend.native(_drawn), self.backend.xp
        written = Written(self.backend, self.claim, self._dtype)
        for place in self.places():
            change, total = native(part(truth, place), part(self.truth, place), share)
            if not math.isfinite(float(total)):
                change = xp.where(xp.isfinite(change), change, xp.zeros_like(change))
            written.put(place, change)
        self.drawn.append(written.array)

    def settle(self) -> None:
        """Find the scales, once all points are there."""
        xp = self.backend.xp
        if len(self.single) < len(self.errors):
            self.single = []
        self.n, self.lost = math.prod(self.shape), 0
        if self.compared is not None:
            self.n = int(xp.sum(self.compared))
            self.lost = int(xp.sum(self._there & ~self.compared))
        scales = Scales(self, self._moved)
        self._scale, self.squares = scales.array, scales.squares
        self._there = self._moved = None

    def block(self, array: Any, place: Place, dtype: Any = None) -> Any:
        """Return a block of an array, in the widest dtype; zero where nothing is compared."""
        block = part(array, place)
        return kept(self.backend.xp, block, self.kept(place), dtype or self._wide)

    def kept(self, place: Place) -> Any:
        """Return which entries of a block are compared; None for all of them."""
        return None if self.compared is None else part(self.compared, place)

    def scale(self, place: Place) -> Any:
        """Return what rounding does to each entry of a block."""
        return part(self._scale, place)

    def vectors(self, several: list[np.ndarray], place: Place, dtype: Any) -> list[Any]:
        """Return a vector of the host for each axis of a block, so shaped that all broadcast."""
        if len(place) == 1:
            place = (slice(None),)
        pairs = zip(several, place, strict=True)
        found = [self.backend.from_host(own[where], self.claim, dtype) for own, where in pairs]
        return along(self.backend.xp, found, len(place))

    def differs(self, k: int, claim: Any, truth: Any) -> Any:
        """Return where a claim at point `k` is another one than before."""
        xp = self.backend.xp
        error = xp.astype(xp.astype(claim, truth.dtype) - truth, self._dtype)
        other = xp.reshape(error, self.shape) != self.errors[k]
        return other if self.compared is None else self.compared & other

    def apart(self, one: Any, other: Any) -> tuple[float, float]:
        """Return by how much two arrays differ: relative to the larger, and in roundings."""
        native, sums = self.backend.native(_apart), np.zeros(4)
        if one.dtype == other.dtype and not bool(self.backend.xp.any(one != other)):
            return 0.0, 0.0
        for place in self.places():
            first, second = self.block(one, place), self.block(other, place)
            sums += [float(part) for part in native(first, second, self.scale(place))]
        size, count = max(sums[0], sums[1]), max(self.n, 1)
        share = math.sqrt(sums[2] / size) if size else 0.0
        return share, math.sqrt(sums[3] / count)


def in_roundings(sample: Sample, place: Place, several: list[Any]) -> list[Any]:
    """Return errors in a block, in units of the scale of each entry."""
    native, parts = sample.backend.native(formulas.in_roundings), [part(a, place) for a in several]
    return list(native(sample.scale(place), sample.kept(place), parts, dtype=sample.dtype))


def some_of(sample: Sample, array: Any) -> np.ndarray:
    """Return the entries of a block that are put in order with those of other blocks."""
    flat = sample.backend.xp.reshape(array, (-1,))
    step = max(1, math.prod(sample.shape) // _SORTED)
    return on_host(sample.backend, [flat[::step] if step > 1 else flat])[0]


def _errors(backend: Any, truth: Any, several: list[Any]) -> tuple[list[Any], Any]:
    """Return errors, and a sum that is finite where those of the first two of them are."""
    xp = backend.xp
    errors = [xp.astype(one, truth.dtype) - truth for one in several]
    return errors, xp.sum(errors[0]) + xp.sum(errors[1])


def _moved(backend: Any, truth: Any, first: Any, before: Any) -> Any:
    """Return what a move makes of truth, with those before it, in roundings."""
    xp = backend.xp
    change = xp.abs(truth - xp.astype(first, truth.dtype)) / math.sqrt(_MOVES * 3)
    change = xp.astype(change, xp.float32)
    return change if before is None else xp.hypot(before, change)


def _drawn(backend: Any, truth: Any, first: Any, share: float) -> tuple[Any, Any]:
    xp = backend.xp
    change = (xp.astype(truth, first.dtype) - first) * share
    return change, xp.sum(change)


def _apart(backend: Any, first: Any, second: Any, scale: Any) -> list[Any]:
    xp = backend.xp
    change = second - first
    return [xp.sum(own * own) for own in (first, second, change, change / scale)]
