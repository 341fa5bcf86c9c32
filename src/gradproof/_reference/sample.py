"""What was seen of one result at all points, and how much each entry may be off by rounding."""

import math
from typing import Any

import numpy as np

from .._numerics.precision import Precision
from .blocks import Place, Sums, along, over_others, part, places, shape_of

#: The moves of an entry have a mean square of 2 units in the last place, squared; a rounding, even
#: over such a unit, has one of 1/12.
_MOVES = 24.0
#: How many samples the scale of an entry is made of: 3 neighbours, 4 of the reference, 3 drawn. One
#: in nine parts is its neighbourhood's, which lifts a lucky small one to a third of it.
_OWN, _POOLED = 8 / 9, 1 / 9


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
    compared : array of bool
        The entries at which truth and reference are finite, at all points, and the claim is.
    n : int
        How many these are.
    lost : int
        Entries of the claim that are not finite, at any point, where truth and reference are.
    largest : float
        The largest size of truth.
    """

    def __init__(self, backend: Any, claim: Any, unit: float) -> None:
        self.backend, self.claim, self.unit = backend, claim, unit
        self.shape = shape_of(claim)
        xp = backend.xp
        wide = backend.wide(claim)
        self.half = Precision.of(float(backend.eps(claim.dtype))).widens
        self._truth_dtype = xp.float32 if self.half else wide
        self._dtype = getattr(xp, "bfloat16", xp.float32) if self.half else xp.float32
        self.errors: list[Any] = []
        self.single: list[Any] = []
        self.narrow: list[Any] = []
        self.drawn: list[Any] = []
        self._moved: Any = None
        self.squares = Sums(self.shape)
        self._there: Any = None
        self._kept: Any = None

    def add(self, truth: Any, narrow: Any, claim: Any, single: Any) -> None:
        """Take what both functions say at one more point, x0 first."""
        xp = self.backend.xp
        low, own = xp.astype(narrow, truth.dtype), xp.astype(claim, truth.dtype)
        there = xp.isfinite(truth) & xp.isfinite(low)
        kept = there & xp.isfinite(own)
        first = self._there is None
        self._there = there if first else self._there & there
        self._kept = kept if first else self._kept & kept
        self.narrow.append(xp.astype(low - truth, self._dtype))
        self.errors.append(xp.astype(own - truth, self._dtype))
        if single is not None:
            self.single.append(xp.astype(xp.astype(single, truth.dtype) - truth, self._dtype))
        if first:
            self.truth = xp.astype(truth, self._truth_dtype)
            return
        change = xp.abs(truth - xp.astype(self.truth, truth.dtype)) / math.sqrt(_MOVES * 3)
        change = xp.astype(change, xp.float32)
        self._moved = change if self._moved is None else xp.hypot(self._moved, change)

    def draw(self, truth: Any, share: float) -> None:
        """Take truth at x0 with a rounding drawn for each operation, larger by a share."""
        xp = self.backend.xp
        change = (xp.astype(truth, self.truth.dtype) - self.truth) * share
        change = xp.where(xp.isfinite(change), change, xp.zeros_like(change))
        self.drawn.append(xp.astype(change, self._dtype))

    def settle(self) -> None:
        """Find the scales, once all points are there."""
        xp = self.backend.xp
        if len(self.single) < len(self.errors):
            self.single = []
        self.compared, self.n = self._kept, int(xp.sum(self._kept))
        self.lost = int(xp.sum(self._there & ~self._kept))
        kept = xp.where(self._kept, self.truth, xp.zeros_like(self.truth))
        self.largest = float(xp.max(xp.abs(kept)))
        self._there = self._kept = None
        self._everywhere = self.n == math.prod(self.shape)
        self._tiny = float(np.finfo(np.float64).smallest_normal)
        self._in_roots()
        self._in_scales(self._in_logarithms())

    def block(self, array: Any, place: Place) -> Any:
        """Return a block of an array in the widest dtype, zero where nothing is compared."""
        xp = self.backend.xp
        own = xp.astype(part(array, place), self.backend.wide(self.claim))
        if self._everywhere:
            return own
        return xp.where(part(self.compared, place), own, xp.zeros_like(own))

    def _host(self, several: list[Any]) -> list[np.ndarray]:
        return [np.asarray(array, dtype=float) for array in self.backend.to_host(list(several))]

    def _in_roots(self) -> None:
        """Find the root of what each rounding makes of an entry."""
        squared = self.backend.native(_squares)
        for place in places(self.shape):
            self.squares.add(place, self._host(squared(self.block(self.truth, place))))
        count = math.prod(self.shape)
        overall = float(self.squares.total) / count
        each = [own * (len(own) / count) for own in self.squares.axes]
        # Terms of an entry are as large as its neighbours: a product of its slices' mean squares.
        shares = [own / (overall or 1.0) for own in each]
        shares[0] = shares[0] * (overall or 1.0)
        native, xp = self.backend.native(_root), self.backend.xp
        total, some, parts = 0.0, 0, []
        for place in places(self.shape):
            blocks = [self.block(array, place) for array in (self.truth, self._moved)]
            narrow = [self.block(array, place) for array in self.narrow]
            drawn = [self.block(array, place) for array in self.drawn]
            around = self.vectors(shares, place)
            root, sums = native(*blocks, narrow, drawn, around, self.unit, self._tiny)
            own, number = (float(one) for one in self.backend.to_host([*sums]))
            total, some = total + own, some + int(number)
            parts.append(xp.astype(root, self._truth_dtype))
        self._root = _joined(xp, parts, self.shape)
        self._moved = None
        # What is zero by construction has the rounding of its leaf, as that of terms which cancel.
        self._typical = max(total / max(some, 1), self._tiny)

    def _in_logarithms(self) -> list[np.ndarray]:
        """Find the mean logarithm of the squares along each axis: what has rank one is pooled."""
        native, sums = self.backend.native(_logarithms), Sums(self.shape)
        for place in places(self.shape):
            root = part(self._root, place)
            sums.add(place, self._host(native(root, self._typical, self._tiny)))
        return means(sums, self.shape)

    def _in_scales(self, pooled: list[np.ndarray]) -> None:
        """Find what rounding does to each entry: the unit of everything that is judged."""
        native, xp, parts = self.backend.native(_scale), self.backend.xp, []
        most = (self.unit * self.unit * self.largest) ** 2
        for place in places(self.shape):
            around, root = self.vectors(pooled, place), part(self._root, place)
            scale = native(root, around, self._typical, self._tiny, most)
            parts.append(xp.astype(scale, self._truth_dtype))
        self._scale, self._root = _joined(xp, parts, self.shape), None

    def scale(self, place: Place) -> Any:
        """Return what rounding does to each entry of a block."""
        return self.backend.xp.astype(part(self._scale, place), self.backend.wide(self.claim))

    def vectors(self, several: list[np.ndarray], place: Place) -> list[Any]:
        """Return a vector of the host for each axis of a block, so shaped that all broadcast."""
        dtype = self.backend.wide(self.claim)
        pairs = zip(several, place, strict=True)
        found = [self.backend.from_host(own[where], self.truth, dtype) for own, where in pairs]
        return along(self.backend.xp, found, len(place))

    def differs(self, k: int, claim: Any, truth: Any) -> Any:
        """Return where a claim at point `k` is another one than before."""
        xp = self.backend.xp
        error = xp.astype(xp.astype(claim, truth.dtype) - truth, self._dtype)
        return self.compared & (error != self.errors[k])

    def apart(self, one: Any, other: Any) -> tuple[float, float]:
        """Return by how much two arrays differ: relative to the larger, and in roundings."""
        xp, sums = self.backend.xp, np.zeros(4)
        for place in places(self.shape):
            first, second = self.block(one, place), self.block(other, place)
            change = second - first
            every = (first, second, change, change / self.scale(place))
            sums += [float(xp.sum(array * array)) for array in every]
        size, count = max(sums[0], sums[1]), max(self.n, 1)
        share = math.sqrt(sums[2] / size) if size else 0.0
        return share, math.sqrt(sums[3] / count)


def means(sums: Sums, shape: tuple[int, ...]) -> list[np.ndarray]:
    """Return vectors for each axis, whose sum is what has rank one, from sums of logarithms."""
    count = math.prod(shape)
    overall = float(sums.total) / count
    found = [own * (len(own) / count) for own in sums.axes]
    if len(shape) == 1:
        return [np.full(shape, overall)]
    found[0] = found[0] - (len(shape) - 1) * overall
    return found


def _joined(xp: Any, parts: list[Any], shape: tuple[int, ...]) -> Any:
    """Return the array that has some blocks, in order."""
    if len(parts) == 1:
        return parts[0]
    return xp.reshape(xp.concat([xp.reshape(one, (-1,)) for one in parts]), shape)


def _squares(backend: Any, truth: Any) -> list[Any]:
    return over_others(backend.xp, truth * truth)


def _root(
    backend: Any,
    truth: Any,
    moved: Any,
    narrow: list[Any],
    drawn: list[Any],
    around: list[Any],
    unit: float,
    tiny: float,
) -> tuple[Any, tuple[Any, Any]]:
    """Return the root of the squares of all roundings, and the sum and count of those of any."""
    xp = backend.xp
    product = around[0]
    for other in around[1:]:
        product = product * other
    one_row = truth.ndim == 1
    near = truth * truth if one_row else product
    r = unit * unit * (truth * truth / 3 + near / 12) + moved * moved
    for several in (narrow, drawn):
        for one in several:
            r = r + one * one / len(several)
    some = r > tiny
    sums = xp.sum(xp.where(some, r, xp.zeros_like(r))), xp.sum(xp.astype(some, r.dtype))
    return xp.sqrt(r), sums


def _filled(xp: Any, root: Any, typical: float, tiny: float, dtype: Any) -> Any:
    r = xp.astype(root, dtype)
    r = r * r
    return xp.where(r <= tiny, xp.zeros_like(r) + typical, r)


def _logarithms(backend: Any, root: Any, typical: float, tiny: float) -> list[Any]:
    xp = backend.xp
    return over_others(xp, xp.log(_filled(xp, root, typical, tiny, backend.wide(root))))


def _scale(
    backend: Any, root: Any, around: list[Any], typical: float, tiny: float, most: float
) -> Any:
    """Return the scale of each entry: its own roundings, and a share of those of its neighbours."""
    xp = backend.xp
    r = _filled(xp, root, typical, tiny, around[0].dtype)
    pooled = around[0]
    for other in around[1:]:
        pooled = pooled + other
    return xp.sqrt(_OWN * r + _POOLED * xp.exp(pooled) + most)
