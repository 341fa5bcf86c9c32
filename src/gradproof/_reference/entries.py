"""Entries that are off by themselves, and how small a mistake of one would show."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._numerics.blocks import LONG
from . import formulas
from .blocks import Place, on_host
from .sample import Sample, in_roundings, some_of

#: What an entry is to be off by in single precision, in roundings of itself alone: two of them are
#: its own, and that of a constant in it alone, or of a function as good as its dtype can tell.
_ITSELF = 2.0


@dataclass(frozen=True)
class Scatter:
    """
    How errors scatter over the points.

    Attributes
    ----------
    around, around_single : list of ndarray
        Vectors for each axis, whose sum is the mean logarithm of the scatter of an entry's slices,
        squared: of the claim, and of what func says in single precision.
    floor, floor_single : float
        The least scatter of an entry.
    share_single : float
        How much the scatter of an entry itself counts in single precision.
    """

    around: list[np.ndarray]
    floor: float
    around_single: list[np.ndarray]
    floor_single: float
    share_single: float


class Entries:
    """
    Which entries of a result are off by themselves.

    Parameters
    ----------
    sample : Sample
        What was seen of it.
    scatter : Scatter
        How its errors scatter.

    Attributes
    ----------
    off : int
        How many are off; `worst` is how far, in their own scatter.
    wrong : array of bool or None
        Which these are; None of none.
    noise : array
        What would be seen of each entry.
    typical : float
        The median of that.
    jumps : list of bool
        For each point, whether an entry is far off there and not at all points.
    """

    def __init__(self, sample: Sample, scatter: Scatter) -> None:
        self._sample, self._scatter, noise = sample, scatter, []
        native = sample.backend.native
        self.wrong: np.ndarray | None = None
        self.off, self.worst, self.jumps = 0, 0.0, [False] * len(sample.errors)
        long = math.prod(sample.shape) > LONG
        self.noise = np.empty(sample.shape, dtype=np.float32 if long else np.float64)
        for place in sample.places():
            given = self._given(place)
            own, most = native(formulas.quiet)(sample.scale(place), *given)
            self.noise[place] = on_host(sample.backend, [own])[0]
            noise.append(some_of(sample, own))
            if all(float(one) <= 1 for one in most):
                continue
            wrong, worst, jumps = native(formulas.entries)(*given)
            self._mark(place, on_host(sample.backend, [wrong])[0].astype(bool))
            self.worst = max(self.worst, float(worst))
            now = on_host(sample.backend, [jumps])[0].astype(bool)
            self.jumps = [bool(a or b) for a, b in zip(self.jumps, now, strict=True)]
        ordered = np.sort(np.concatenate(noise))
        self.typical = float(ordered[ordered.size // 2])

    def _mark(self, place: Place, wrong: np.ndarray) -> None:
        if self.wrong is None and wrong.any():
            self.wrong = np.zeros(self._sample.shape, dtype=bool)
        if self.wrong is not None:
            self.wrong[place] = wrong
            self.off += int(wrong.sum())

    def _given(self, place: Place) -> tuple[Any, ...]:
        """Return what tells which entries of a block are off."""
        sample, own, single = self._sample, self._scatter, self._sample.single
        z = in_roundings(sample, place, sample.errors)
        around = self._pooled(own.around, own.floor, place)
        if not single:
            return z, around, own.floor, [], [], 0.0, 1.0
        beside = self._pooled(own.around_single, own.floor_single, place)
        finer = in_roundings(sample, place, single)
        xp, share = sample.backend.xp, _ITSELF * sample.unit / formulas.ENTRY
        itself = xp.abs(sample.block(sample.truth, place, sample.dtype)) / sample.scale(place)
        floor = xp.clip(itself * share, own.floor_single, None)
        return z, around, own.floor, finer, beside, floor, own.share_single

    def _pooled(self, around: list[np.ndarray], floor: float, place: Place) -> list[Any]:
        """Return the scatter of neighbours of a block; nothing where all of it is below a floor."""
        most = math.log(formulas.BIAS) + sum(float(own.max()) for own in around)
        if most < 2 * math.log(floor):
            return []
        return self._sample.vectors(around, place, self._sample.dtype)

    def jumping(self, k: int) -> Any:
        """Return which entries are far off at point `k`, and not at all points."""
        xp, native, found = self._sample.backend.xp, self._sample.backend.native(formulas.off), []
        for place in self._sample.places():
            far = native(*self._given(place))[2][k]
            found.append(xp.reshape(far, (-1,)))
        shape = tuple(self._sample.claim.shape)
        return xp.reshape(found[0] if len(found) == 1 else xp.concat(found), shape)
