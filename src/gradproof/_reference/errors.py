"""The errors of a claim in units of what rounding does, and how small a mistake would show."""

import math
from typing import Any

from .scale import Sample, mean_square, pooled, rounding

#: The least size of an error of one entry at four points, in its own scatter. Roundings that stay
#: (of a constant that is added) are 1.7 of it at most; the largest of 2,200 right claims was 5.7.
ENTRY = 8.0
#: Of a leaf as a whole, in standard errors.
WHOLE = 4.0
#: A constant that is rounded once moves a leaf by a unit; half a unit more is for the others.
ALONG_TRUTH = 1.5
#: The logarithm of the mean square of three deviations is low by 0.37 on average.
_BIAS = math.exp(0.37)
#: The least error of a reference that others are compared with, in roundings: it may be exact here.
_LEAST = 0.3


class Errors:
    """
    The errors of one result.

    Parameters
    ----------
    xp : namespace
        Of its arrays.
    sample : Sample
        What was seen of it.

    Attributes
    ----------
    scale : array
        What rounding does to each entry.
    z : list of array
        Errors at each point, in that unit.
    theirs : list of array
        Errors of the reference by roundings, in that unit.
    coherent : float
        What a rounding of one argument as a whole does along truth, in units of the dtype.
    kappa : float
        The scatter of z over the points.
    own : array
        That of each entry, 1 at least.
    least : array
        What has the same sign at all points, by its smallest size.
    n : int
        The entries that are compared.
    size : float
        The root mean square of z.
    accuracy : float
        How many times the error of the reference in its own dtype the claim has.
    reach : tuple of two floats
        The least errors that would have been seen, as shares of the leaf: of all of it, of an
        entry.
    """

    def __init__(self, xp: Any, sample: Sample) -> None:
        self._xp, self._sample = xp, sample
        self.scale = s = rounding(xp, sample)
        self.z = [error / s for error in sample.error]
        middle = sum(self.z[1:], self.z[0]) / len(self.z)
        self._spread = mean_square(xp, [z - middle for z in self.z]) * len(self.z) / 3
        self.n = int(xp.sum(sample.compared))
        self.theirs = [error / s for error in (*sample.narrow, *sample.drawn)]
        self.coherent = self._coherent()
        self.kappa = self._scatter()
        floor = float(xp.finfo(s.dtype).smallest_normal)
        around = _BIAS * xp.exp(pooled(xp, xp.log(self._spread + floor)))
        own = xp.sqrt(xp.maximum(self._spread, around))
        self.own = xp.maximum(own, xp.asarray(max(1.0, self.kappa), dtype=own.dtype))
        self.least = self.stays(self.z)
        self.size = math.sqrt(float(xp.mean(mean_square(xp, self.z))))
        self.accuracy = self._accuracy()
        self.reach = self._reach()

    def _scatter(self) -> float:
        """Return the scatter of the claim, in roundings; the top 2 % may be mistakes."""
        xp = self._xp
        ordered = self._in_order(self._spread)
        keep = max(1, int(0.98 * ordered.shape[0]))
        return float(xp.sqrt(xp.mean(ordered[:keep])))

    def release(self) -> None:
        """Give up the arrays that findings alone need: there are as many as of all others."""
        self.theirs = []
        for several in (self._sample.narrow, self._sample.drawn, self._sample.scaled):
            several.clear()

    def _in_order(self, array: Any) -> Any:
        """Return the entries of an array in order; of many, some 2^17 at equal distances."""
        xp = self._xp
        flat = xp.reshape(array, (-1,))
        return xp.sort(flat[:: max(1, flat.shape[0] >> 17)])

    def stays(self, several: list[Any]) -> Any:
        """Return the smallest size of what has one sign at all points; 0 where it has not."""
        xp = self._xp
        least, same = xp.abs(several[0]), xp.ones_like(several[0], dtype=xp.bool)
        for other in several[1:]:
            same = same & (several[0] * other > 0)
            least = xp.minimum(least, xp.abs(other))
        return xp.where(same, least, xp.zeros_like(least))

    def _accuracy(self) -> float:
        theirs = mean_square(self._xp, self.theirs[: len(self._sample.narrow)])
        return self.size / max(math.sqrt(float(self._xp.mean(theirs))), _LEAST)

    def _reach(self) -> tuple[float, float]:
        xp, truth = self._xp, self._sample.truth[0]
        size = float(xp.sqrt(xp.mean(truth * truth)))
        norm = float(xp.sqrt(xp.sum((truth / self.scale) ** 2)))
        if not (size and norm):
            return math.inf, math.inf
        yard = rms([float(a) for a in self.along(self.theirs, truth / self.scale)])
        u = self._sample.unit
        limit = max(u * max(ALONG_TRUTH, self.coherent), 2 * yard)
        ordered = self._in_order(ENTRY * self.own * self.scale)
        middle = float(ordered[ordered.shape[0] // 2])
        return max(limit, WHOLE * max(self.kappa, 1.0) / norm), middle / size

    def wrong(self) -> Any:
        """Return which entries are off by themselves."""
        return self.least > ENTRY * self.own

    def along(self, several: list[Any], direction: Any, axes: Any = None) -> list[Any]:
        """Return how much of some arrays there is along a direction, on all axes or some."""
        xp = self._xp
        square = xp.sum(direction * direction, axis=axes)
        square = xp.where(square > 0, square, xp.ones_like(square))
        return [xp.sum(one * direction, axis=axes) / square for one in several]

    def _coherent(self) -> float:
        """Return what a rounding of one argument as a whole does along truth, in units."""
        truth = self._sample.truth[0] / self.scale
        changes = [change / self.scale for change in self._sample.scaled]
        shares = [abs(float(share)) for share in self.along(changes, truth)]
        return max(shares, default=0.0) / self._sample.unit


def rms(numbers: list[float]) -> float:
    return math.sqrt(sum(number * number for number in numbers) / max(len(numbers), 1))
