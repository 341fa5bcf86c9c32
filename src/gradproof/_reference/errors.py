"""The errors of a claim in units of what rounding does, and how small a mistake would show."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import formulas
from .blocks import Place, Sums, on_host, over_others
from .entries import Entries, Scatter
from .sample import Sample, in_roundings, some_of
from .scales import means

#: The least scatter of an error, in roundings: of the claim, and of what func says in single
#: precision. There its roundings are small beside those of half precision, but for constants that
#: are rounded once: by 1.7 of these at most, half of what is off. Such a constant is in most
#: entries; where 98 % of them are off by so little as `_CLEAN`, it is in none of these, and the
#: largest of 3,672 right results was off by 1/600 of a rounding anywhere.
_FLOOR, _FLOOR_SINGLE, _CLEAN = 1.0, 0.4, 1 / 128
#: Of a leaf as a whole, in standard errors.
WHOLE = 4.0
#: A constant that is rounded once moves a leaf by a unit; half a unit more is for the others.
ALONG_TRUTH = 1.5
#: The least error of a reference that others are compared with, in roundings: it may be exact here.
_LEAST = 0.3


@dataclass(frozen=True)
class Direction:
    """
    What errors are projected on.

    Attributes
    ----------
    name : str
        In words.
    array : array or None
        An argument or a cotangent of the same shape; None for truth, and for ones.
    size : float
        Its root mean square.
    is_truth : bool
        Whether it is truth, in roundings.
    """

    name: str
    array: Any
    size: float = 1.0
    is_truth: bool = False


@dataclass(frozen=True)
class Projections:
    """
    Sums over the entries of a slice, or of all of them.

    Attributes
    ----------
    errors : ndarray of shape (..., 4)
        Of the claim's errors at each point times a direction, in roundings.
    theirs : ndarray of shape (..., k)
        Of those of the reference by roundings.
    square : ndarray of shape (...)
        Of the direction.
    count : ndarray of shape (...)
        Of the entries that are compared.
    """

    errors: np.ndarray
    theirs: np.ndarray
    square: np.ndarray
    count: np.ndarray


class Errors:
    """
    The errors of one result.

    Parameters
    ----------
    sample : Sample
        What was seen of it.
    beside : list of Direction
        Arguments and cotangents of its shape: directions in which a mistake may be left.

    Attributes
    ----------
    n : int
        The entries that are compared.
    coherent : float
        What a rounding of one argument as a whole does along truth, in units of the dtype.
    kappa : float
        The scatter of errors over the points, in roundings.
    size : float
        The root mean square of the errors, in roundings.
    accuracy : float
        How many times the error of the reference in its own dtype the claim has.
    entries : Entries
        Those that are off by themselves.
    common : tuple of ndarray
        What errors at two points have in common: its mean over all entries, the root mean square
        of its deviations from it, and its means over slices of each axis.
    """

    def __init__(self, sample: Sample, beside: list[Direction]) -> None:
        self.sample, self.n, self.coherent = sample, sample.n, 0.0
        truth = Direction("along its own values", None, is_truth=True)
        self.directions = [truth, Direction("on average", None), *beside]
        self._backend = sample.backend
        self._survey()
        sample.narrow, sample.drawn = [], []
        self.entries = Entries(sample, self._scatter)
        self.directions = [Direction(d.name, None, d.size, d.is_truth) for d in self.directions]

    def _survey(self) -> None:
        """Find how errors scatter over the points, how large they are, and their sums."""
        sample, native = self.sample, self._backend.native
        like = (len(self.directions), len(sample.errors) + len(sample.narrow) + len(sample.drawn))
        self._sums, self._squares = Sums(sample.shape, like), Sums(sample.shape, like[:1])
        self._counts, self._common = Sums(sample.shape), Sums(sample.shape)
        self._logarithms = Sums(sample.shape), Sums(sample.shape)
        spreads, stay, ours, theirs, deviations = [], [np.zeros(0)], 0.0, 0.0, 0.0
        for place in sample.places():
            z = in_roundings(sample, place, sample.errors)
            narrow = in_roundings(sample, place, sample.narrow)
            spread, logs = native(formulas.spread)(z)
            self._logarithms[0].add(place, on_host(self._backend, logs))
            spreads.append(some_of(sample, spread))
            ours += float(native(formulas.squared)(z))
            theirs += float(native(formulas.squared)(narrow))
            self._project(place, [*z, *narrow, *in_roundings(sample, place, sample.drawn)])
            sums, squares = native(formulas.common)(z)
            self._common.add(place, on_host(self._backend, sums))
            deviations += float(squares)
            if sample.single:
                z = in_roundings(sample, place, sample.single)
                self._logarithms[1].add(
                    place, on_host(self._backend, native(formulas.spread)(z)[1])
                )
                stay.append(some_of(sample, native(formulas.staying)(z)))
        self._conclude(np.sort(np.concatenate(spreads)), np.sort(np.concatenate(stay)))
        count, n = math.prod(sample.shape), max(self.n, 1)
        self.size = math.sqrt(ours / count)
        self.accuracy = self.size / max(math.sqrt(theirs / count), _LEAST)
        mean = float(self._common.total) / n
        each = [
            own / np.maximum(count, 1) if len(sample.shape) > 1 else np.zeros(0)
            for own, count in zip(self._common.axes, self._counts.axes, strict=True)
        ]
        self.common = mean, math.sqrt(max(deviations / n - mean * mean, 0.0)), each

    def _conclude(self, spreads: np.ndarray, stay: np.ndarray) -> None:
        """Find the scatter that an entry has at least, from those of some of them, in order."""
        around, around_single = (means(own, self.sample.shape) for own in self._logarithms)
        clean = stay.size and stay[int(0.98 * (stay.size - 1))] < _CLEAN
        # The top 2 % may be mistakes.
        self.kappa = float(np.sqrt(np.mean(spreads[: max(1, int(0.98 * spreads.size))])))
        single = (around_single, *((_CLEAN, 0.0) if clean else (_FLOOR_SINGLE, 1.0)))
        self._scatter = Scatter(around, max(_FLOOR, self.kappa), *single)

    def _project(self, place: Place, several: list[Any]) -> None:
        """Add the sums of errors of a block along each direction."""
        xp, there, scale = self._backend.xp, self.sample.kept(place), self.sample.scale(place)
        directions = [self._block(d, place, scale) for d in self.directions]
        sums, squares = self._backend.native(formulas.projected)(several, directions)
        ones = xp.ones_like(scale) if there is None else xp.astype(there, scale.dtype)
        counts = on_host(self._backend, over_others(xp, ones))
        self._counts.add(place, counts)
        self._sums.add(place, on_host(self._backend, sums))
        # Along a constant, which is the second direction, squares are counts.
        found = zip(on_host(self._backend, squares), counts, strict=True)
        self._squares.add(place, [np.insert(own, 1, count, axis=0) for own, count in found])

    def _block(self, direction: Direction, place: Place, scale: Any) -> Any:
        sample = self.sample
        if direction.is_truth:
            return sample.block(sample.truth, place, sample.dtype) / scale
        if direction.array is None:
            return None
        return sample.block(direction.array, place, sample.dtype) / direction.size

    def projections(self, direction: int, axis: int | None) -> Projections:
        """Return the sums along a direction: of the slices of an axis, or over all."""

        def of(sums: Sums) -> np.ndarray:
            return sums.total if axis is None else np.moveaxis(sums.axes[axis], -1, 0)

        points = len(self.sample.errors)
        every, square = of(self._sums)[..., direction, :], of(self._squares)[..., direction]
        return Projections(every[..., :points], every[..., points:], square, of(self._counts))

    def scaled(self, truth: Any) -> None:
        """Take truth at x0 where one argument is scaled by a rounding."""
        sample, change, square = self.sample, 0.0, 0.0
        native, xp = self._backend.native(formulas.changed), self._backend.xp
        for place in sample.places():
            own = sample.block(sample.truth, place, sample.dtype)
            by = sample.block(truth, place, sample.dtype) - own
            sums = native(own, by, sample.scale(place))
            if not math.isfinite(float(sums[0])):
                by = xp.where(xp.isfinite(by), by, xp.zeros_like(by))
                sums = native(own, by, sample.scale(place))
            change, square = change + float(sums[0]), square + float(sums[1])
        share = abs(change / square) if square else 0.0
        self.coherent = max(self.coherent, share / sample.unit)

    @property
    def reach(self) -> tuple[float, float]:
        """The least errors that would have been seen, as shares of all of the leaf, of an entry."""
        along, n = self.projections(0, None), math.prod(self.sample.shape)
        size = math.sqrt(float(self.sample.squares.total) / n)
        if not (size and float(along.square)):
            return math.inf, math.inf
        yard = rms(along.theirs / along.square)
        limit = max(self.sample.unit * max(ALONG_TRUTH, self.coherent), 2 * yard)
        error = WHOLE * max(self.kappa, 1.0) / math.sqrt(float(along.square))
        return max(limit, error), self.entries.typical / size


def rms(numbers: np.ndarray) -> float:
    return math.sqrt(float(np.mean(numbers * numbers))) if numbers.size else 0.0
