"""The errors of a claim in units of what rounding does, and how small a mistake would show."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import formulas
from .blocks import Place, Sums, part, places
from .formulas import ENTRY
from .sample import Sample, means

#: The least scatter of an error, in roundings: of the claim, and of what func says in single
#: precision. There its roundings are small beside those of half precision, but for constants that
#: are rounded once: by 1.7 of these at most, half of what is off. Such a constant is in most
#: entries; where 98 % of them are off by 128 times less than one rounding, half a rounding is off.
_FLOOR, _FLOOR_SINGLE, _FLOOR_CLEAN, _CLEAN = 1.0, 0.4, 1 / 16, 1 / 128
#: Of a leaf as a whole, in standard errors.
WHOLE = 4.0
#: A constant that is rounded once moves a leaf by a unit; half a unit more is for the others.
ALONG_TRUTH = 1.5
#: The least error of a reference that others are compared with, in roundings: it may be exact here.
_LEAST = 0.3
#: Entries that are put in order: of more, so many at equal distances.
_SORTED = 2**17


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
    off : int
        Entries that are off by themselves; `worst` is how far, in their own scatter.
    jumps : list of bool
        For each point, whether an entry is far off there and not at all points.
    common : tuple of ndarray
        What errors at two points have in common: its mean over all entries, the root mean square
        of its deviations from it, and its means over slices of each axis.
    """

    def __init__(self, sample: Sample, beside: list[Direction]) -> None:
        self.sample, self.n, self.coherent = sample, sample.n, 0.0
        truth = Direction("along its own values", None, is_truth=True)
        self.directions = [truth, Direction("by a constant", None), *beside]
        self._backend = sample.backend
        self._first_pass()
        self._second_pass()
        sample.narrow, sample.drawn = [], []
        self.directions = [Direction(d.name, None, d.size, d.is_truth) for d in self.directions]

    def _z(self, place: Place, several: list[Any]) -> list[Any]:
        scale = self.sample.scale(place)
        return [self.sample.block(array, place) / scale for array in several]

    def _first_pass(self) -> None:
        """Find how errors scatter over the points, and how large they are."""
        sample, native = self.sample, self._backend.native(formulas.scattered)
        logarithms, spreads, ours, theirs = Sums(sample.shape), [], 0.0, 0.0
        in_single, stay = Sums(sample.shape), [np.zeros(0)]
        step = max(1, math.prod(sample.shape) // _SORTED)
        for place in places(sample.shape):
            z, narrow = self._z(place, sample.errors), self._z(place, sample.narrow)
            spread, sums, squares = native(z, narrow)
            logarithms.add(place, self._host(sums))
            own, other = (float(one) for one in self._host(squares))
            ours, theirs = ours + own, theirs + other
            spreads.append(self._picked(spread, step))
            if sample.single:
                z = self._z(place, sample.single)
                in_single.add(place, self._host(native(z, narrow)[1]))
                stay.append(self._picked(self._backend.native(formulas.staying)(z), step))
        count = math.prod(sample.shape)
        self._around = means(logarithms, sample.shape)
        self._around_single = means(in_single, sample.shape)
        ordered = np.sort(np.concatenate(stay))
        clean = ordered.size and ordered[int(0.98 * (ordered.size - 1))] < _CLEAN
        self._floor_single = _FLOOR_CLEAN if clean else _FLOOR_SINGLE
        self.size = math.sqrt(ours / count)
        # The top 2 % may be mistakes.
        ordered = np.sort(np.concatenate(spreads))
        self.kappa = float(np.sqrt(np.mean(ordered[: max(1, int(0.98 * ordered.size))])))
        self.accuracy = self.size / max(math.sqrt(theirs / count), _LEAST)

    def _host(self, several: Any) -> list[np.ndarray]:
        found = self._backend.to_host(list(several))
        return [np.asarray(array, dtype=float) for array in found]

    def _picked(self, array: Any, step: int) -> np.ndarray:
        flat = self._backend.xp.reshape(array, (-1,))
        return self._host([flat[::step] if step > 1 else flat])[0]

    def _second_pass(self) -> None:
        """Find entries that are off, and the errors of slices and of the whole."""
        sample, native = self.sample, self._backend.native(formulas.projected)
        like = (len(self.directions), len(sample.errors) + len(sample.narrow) + len(sample.drawn))
        sums, squares = Sums(sample.shape, like), Sums(sample.shape, like[:1])
        counts, common = Sums(sample.shape), Sums(sample.shape)
        deviations, noise, step = 0.0, [], max(1, math.prod(sample.shape) // _SORTED)
        self.off, self.worst, self.jumps = 0, 0.0, [False] * len(sample.errors)
        for place in places(sample.shape):
            z, scale = self._z(place, sample.errors), sample.scale(place)
            own, wrong, worst, jumps, product = self._backend.native(formulas.entries)(
                *self._of_entries(place, z)
            )
            self.off += int(self._host([wrong])[0])
            self.worst = max(self.worst, float(self._host([worst])[0]))
            now = self._host([jumps])[0].astype(bool)
            self.jumps = [bool(a or b) for a, b in zip(self.jumps, now, strict=True)]
            others = self._z(place, [*sample.narrow, *sample.drawn])
            kept = part(sample.compared, place)
            directions = [self._block(d, place, scale, kept) for d in self.directions]
            for found, add in zip(
                native([*z, *others], directions, kept, product),
                (sums, squares, counts, common),
                strict=True,
            ):
                add.add(place, self._host(found))
            deviations += float(self._backend.xp.sum(product * product))
            noise.append(self._picked(own * scale, step))
        self._sums, self._squares, self._counts = sums, squares, counts
        n, mean = max(self.n, 1), float(common.total) / max(self.n, 1)
        each = [
            own / np.maximum(count, 1) if len(sample.shape) > 1 else np.zeros(0)
            for own, count in zip(common.axes, counts.axes, strict=True)
        ]
        self.common = mean, math.sqrt(max(deviations / n - mean * mean, 0.0)), each
        ordered = np.sort(np.concatenate(noise))
        self._typical = ENTRY * float(ordered[ordered.size // 2])

    def _of_entries(self, place: Place, z: list[Any]) -> tuple[Any, ...]:
        """Return what tells which entries of a block are off."""
        sample = self.sample
        around, floor = sample.vectors(self._around, place), max(_FLOOR, self.kappa)
        if not sample.single:
            return z, around, floor, [], [], 0.0
        single = sample.vectors(self._around_single, place)
        return z, around, floor, self._z(place, sample.single), single, self._floor_single

    def _block(self, direction: Direction, place: Place, scale: Any, kept: Any) -> Any:
        xp = self._backend.xp
        if direction.is_truth:
            return self.sample.block(self.sample.truth, place) / scale
        if direction.array is None:
            return xp.astype(kept, scale.dtype)
        return self.sample.block(direction.array, place) / direction.size

    def projections(self, direction: int, axis: int | None) -> Projections:
        """Return the sums along a direction: of the slices of an axis, or over all."""

        def of(sums: Sums) -> np.ndarray:
            return sums.total if axis is None else sums.axes[axis]

        points = len(self.sample.errors)
        every, square = of(self._sums)[..., direction, :], of(self._squares)[..., direction]
        return Projections(every[..., :points], every[..., points:], square, of(self._counts))

    def scaled(self, truth: Any) -> None:
        """Take truth at x0 where one argument is scaled by a rounding."""
        sample, change, square = self.sample, 0.0, 0.0
        xp = self._backend.xp
        for place in places(sample.shape):
            own, scale = sample.block(sample.truth, place), sample.scale(place)
            by = sample.block(truth, place) - own
            by = xp.where(xp.isfinite(by), by, xp.zeros_like(by)) / scale
            own = own / scale
            change += float(xp.sum(by * own))
            square += float(xp.sum(own * own))
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
        return max(limit, error), self._typical / size

    def each(self) -> Iterator[tuple[Place, np.ndarray, np.ndarray]]:
        """Yield blocks: what would have been seen of each entry, and which are off."""
        native = self._backend.native(formulas.off)
        for place in places(self.sample.shape):
            z, scale = self._z(place, self.sample.errors), self.sample.scale(place)
            own, wrong, _ = native(*self._of_entries(place, z))
            noise, off = self._host([ENTRY * own * scale, wrong])
            yield place, noise, off.astype(bool)

    def jumping(self, k: int) -> Any:
        """Return which entries are far off at point `k`, and not at all points."""
        xp, native, found = self._backend.xp, self._backend.native(formulas.off), []
        for place in places(self.sample.shape):
            z = self._z(place, self.sample.errors)
            far = native(*self._of_entries(place, z))[2][k]
            found.append(xp.reshape(far, (-1,)))
        shape = tuple(self.sample.claim.shape)
        return xp.reshape(found[0] if len(found) == 1 else xp.concat(found), shape)


def rms(numbers: np.ndarray) -> float:
    return math.sqrt(float(np.mean(numbers * numbers))) if numbers.size else 0.0
