"""How much each entry of a result may be off by rounding: the unit of everything that is judged."""

import math
from typing import Any

import numpy as np

from .blocks import Sums, Written, kept, on_host, over_others, part

#: How many samples the scale of an entry is made of: 3 neighbours, 4 of the reference, 3 drawn. One
#: in nine parts is its neighbourhood's, which lifts a lucky small one to a third of it.
_OWN, _POOLED = 8 / 9, 1 / 9
#: The largest logarithm of a share of a slice: its power is finite.
_LONGEST = 700.0


class Scales:
    """
    The scale of each entry of a result.

    Parameters
    ----------
    sample : Sample
        What was seen of it.
    moved : array
        What the moves of x0 make of truth, in roundings.

    Attributes
    ----------
    array : array
        The scales.
    squares : Sums
        Of truth.
    """

    def __init__(self, sample: Any, moved: Any) -> None:
        self._sample, self._backend = sample, sample.backend
        self._wide = self._backend.wide(sample.claim)
        self.squares, self._largest = Sums(sample.shape), 0.0
        # The least square that is one: also of what is kept in single precision.
        smallest = float(self._backend.xp.finfo(sample.dtype).smallest_normal)
        self._tiny = max(smallest**2, float(np.finfo(np.float64).smallest_normal))
        self.array: Any = None
        self._in_scales(self._in_roots(moved))

    def _around(self) -> list[np.ndarray]:
        """Return vectors for each axis, whose product is what entries of the same slices have."""
        sample, squared = self._sample, self._backend.native(_squares)
        for place in sample.places():
            sums, largest = squared(sample.block(sample.truth, place))
            self.squares.add(place, on_host(self._backend, sums))
            self._largest = max(self._largest, float(largest))
        count = math.prod(sample.shape)
        overall = float(self.squares.total) / count
        each = [own * (own.size / count) for own in self.squares.axes]
        # Terms of an entry are as large as its neighbours: a product of its slices' mean squares.
        shares = [own / (overall or 1.0) for own in each]
        shares[0] = shares[0] * (overall or 1.0)
        return shares

    def _in_roots(self, moved: Any) -> list[np.ndarray]:
        """Find the root of what each rounding makes of an entry; return its mean logarithms."""
        sample, native, logarithms = self._sample, self._backend.native, Sums(self._sample.shape)
        shares, total, some, every = self._around(), 0.0, 0, True
        written = Written(self._backend, sample.claim, sample.dtype)
        for place in sample.places():
            parts = [
                [part(array, place) for array in several]
                for several in ([sample.truth, moved], sample.narrow, sample.drawn)
            ]
            around = sample.vectors(shares, place, self._wide)
            root, sums, least, logs = native(_root)(*parts, sample.kept(place), around, sample.unit)
            own, number = float(sums), math.prod(root.shape)
            if float(least) > self._tiny:
                logarithms.add(place, on_host(self._backend, logs))
            else:
                every = False
                own, number = map(float, native(_some)(root, self._tiny))
            total, some = total + own, some + int(number)
            written.put(place, root)
        self.array = written.array
        # What is zero by construction has the rounding of its leaf, as that of terms which cancel.
        self._typical = None if every else max(total / max(some, 1), self._tiny)
        return means(logarithms if every else self._logarithms(), sample.shape)

    def _logarithms(self) -> Sums:
        """Return sums of logarithms of squares, where some are zero."""
        native, sums = self._backend.native(_logarithms), Sums(self._sample.shape)
        for place in self._sample.places():
            root = part(self.array, place)
            sums.add(place, on_host(self._backend, native(root, self._typical, self._tiny)))
        return sums

    def _in_scales(self, pooled: list[np.ndarray]) -> None:
        """Find what rounding does to each entry."""
        sample, native = self._sample, self._backend.native(_scale)
        most = (sample.unit * sample.unit * self._largest) ** 2 + self._tiny
        written = Written(self._backend, sample.claim, sample.dtype, self.array)
        powers = [np.exp(np.clip(own, -_LONGEST, _LONGEST)) for own in pooled]
        for place in sample.places():
            around, root = sample.vectors(powers, place, self._wide), part(self.array, place)
            written.put(place, native(root, around, self._typical, self._tiny, most))
        self.array = written.array


def means(sums: Sums, shape: tuple[int, ...]) -> list[np.ndarray]:
    """Return vectors for each axis, whose sum is what has rank one, from sums of logarithms."""
    count = math.prod(shape)
    overall = float(sums.total) / count
    if len(shape) == 1:
        return [np.full(1, overall)]
    common = overall * (len(shape) - 1) / len(shape)
    return [own * (own.size / count) - common for own in sums.axes]


def _squares(backend: Any, truth: Any) -> tuple[list[Any], Any]:
    return over_others(backend.xp, truth * truth), backend.xp.max(backend.xp.abs(truth))


def _root(
    backend: Any,
    first: list[Any],
    narrow: list[Any],
    drawn: list[Any],
    there: Any,
    around: list[Any],
    unit: float,
) -> tuple[Any, Any, Any, list[Any]]:
    """Return the root of the squares of all roundings, their sum, least, and logarithms."""
    xp, dtype = backend.xp, around[0].dtype
    truth, moved = (kept(xp, array, there, dtype) for array in first)
    product = around[0]
    for other in around[1:]:
        product = product * other
    near = truth * truth
    r = near * (unit * unit / 3) + (near if truth.ndim == 1 else product) * (unit * unit / 12)
    r = r + moved * moved
    for several in (narrow, drawn):
        for one in several:
            one = kept(xp, one, there, dtype)
            r = r + one * one / len(several)
    root = xp.astype(xp.sqrt(r), first[0].dtype)
    return root, xp.sum(r), xp.min(r), over_others(xp, 2 * xp.log(root))


def _some(backend: Any, root: Any, tiny: float) -> tuple[Any, Any]:
    """Return the sum and count of the squares of those that have any rounding."""
    xp = backend.xp
    r = xp.astype(root, backend.wide(root))
    r = r * r
    some = r > tiny
    return xp.sum(xp.where(some, r, xp.zeros_like(r))), xp.sum(xp.astype(some, r.dtype))


def _filled(xp: Any, root: Any, typical: float | None, tiny: float, dtype: Any) -> Any:
    r = xp.astype(root, dtype, copy=False)
    r = r * r
    return r if typical is None else xp.where(r <= tiny, xp.zeros_like(r) + typical, r)


def _logarithms(backend: Any, root: Any, typical: float, tiny: float) -> list[Any]:
    xp = backend.xp
    return over_others(xp, xp.log(_filled(xp, root, typical, tiny, backend.wide(root))))


def _scale(
    backend: Any, root: Any, around: list[Any], typical: float | None, tiny: float, most: float
) -> Any:
    """Return the scale of each entry: its own roundings, and a share of those of its neighbours."""
    xp = backend.xp
    r = _filled(xp, root, typical, tiny, around[0].dtype)
    pooled = around[0]
    for other in around[1:]:
        pooled = pooled * other
    return xp.sqrt(_OWN * r + _POOLED * pooled + most)
