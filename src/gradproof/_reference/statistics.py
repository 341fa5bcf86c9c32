"""Mistakes stay at all points, roundings do not: what is counted, and from where on."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .errors import ALONG_TRUTH, WHOLE, Errors, rms
from .scale import Sample, axes_but, mean_square

#: Of a slice, in deviations: of 10**4 slices one has 4 such in a row once in 1e23.
_SLICE = 5.0
#: Of a slice along its own values, in units: of several that are rounded once together.
_SLICE_ALONG_TRUTH = 2.0
#: A claim whose own scatter is so many roundings is inaccurate.
SLOPPY = 8.0
#: What is so far off at some points only is asked again: a race, or a discontinuity within an ulp.
JUMP = 30.0


@dataclass(frozen=True)
class Finding:
    """
    Something that is off.

    Attributes
    ----------
    text : str
        What, in words that follow the name of a result.
    size : float
        How many times what rounding would do.
    count : int
        The entries that it is about.
    """

    text: str
    size: float
    count: int


class Judged(Errors):
    """
    A result, judged.

    Parameters
    ----------
    xp : namespace
        Of its arrays.
    sample : Sample
        What was seen of it.
    beside : list of (str, array)
        Arguments and cotangents of its shape: directions in which a mistake may be left.
    """

    def __init__(self, xp: Any, sample: Sample, beside: list[tuple[str, Any]]) -> None:
        super().__init__(xp, sample)
        self._beside = beside
        self.findings = list(self._found())
        self._beside = []
        self.release()

    def _found(self) -> Iterator[Finding]:
        xp = self._xp
        if self._sample.lost:
            n = self._sample.lost
            yield Finding(f"{n} of {self.n + n} entries are not finite", math.inf, n)
        if not self.n:
            return
        wrong = self.wrong()
        count = int(xp.sum(wrong))
        if count:
            size = float(xp.max(xp.where(wrong, self.least / self.own, xp.zeros_like(self.own))))
            yield Finding(f"{count} of {self.n} entries are off", size, count)
        yield from self._whole()
        yield from self._slices()
        yield from self._any_shape()

    def _directions(self) -> Iterator[tuple[str, Any, bool]]:
        """Yield what errors are projected on, in roundings: words, direction, whether truth."""
        xp, sample = self._xp, self._sample
        yield "along its own values", sample.truth[0] / self.scale, True
        yield "by a constant", xp.astype(sample.compared, self.scale.dtype), False
        for name, array in self._beside:
            yield f"by a multiple of {name}", array, False

    def _whole(self) -> Iterator[Finding]:
        xp, u = self._xp, self._sample.unit
        theirs = self.theirs
        for name, direction, is_truth in self._directions():
            size = float(xp.sqrt(xp.sum(direction * direction)))
            if not size:
                continue
            seen = [float(share) for share in self.along(self.z, direction)]
            yard = rms([float(share) for share in self.along(theirs, direction)])
            least = min(map(abs, seen)) if len({share > 0 for share in seen}) == 1 else 0.0
            error = max(self.kappa, 1.0) / size
            if is_truth:
                limit = max(u * max(ALONG_TRUTH, self.coherent), 2 * yard)
                text = f"the whole is {1 + seen[0]:.6g} times what it should be"
                if least < 1e-5:
                    text = f"the whole is off by {seen[0]:.2g} of it"
            else:  # of a direction with a mean square of 1, a rounding for each entry
                limit = max(math.sqrt(self.n) / size, 2 * yard)
                text = f"off as a whole {name}"
            if least > max(limit, WHOLE * error):
                yield Finding(text, least / max(limit, WHOLE * error), self.n)

    def _slices(self) -> Iterator[Finding]:
        for axis in range(self.z[0].ndim if self.z[0].ndim > 1 else 0):
            for name, direction, is_truth in self._directions():
                yield from self._slices_of(axis, name, direction, is_truth=is_truth)

    def _slices_of(
        self, axis: int, name: str, direction: Any, *, is_truth: bool
    ) -> Iterator[Finding]:
        xp, axes, u = self._xp, axes_but(direction, axis), self._sample.unit
        size = xp.sqrt(xp.sum(direction * direction, axis=axes))
        count = xp.sum(xp.astype(self._sample.compared, size.dtype), axis=axes)
        there = size > 0
        safe = xp.where(there, size, xp.ones_like(size))
        seen = self.along(self.z, direction, axes)
        middle = sum(seen[1:], seen[0]) / len(seen)
        # In units of the deviation that independent roundings have.
        scatter = mean_square(xp, [(one - middle) * safe for one in seen]) * len(seen) / 3
        own = math.sqrt(float(xp.mean(scatter)))
        theirs = xp.sqrt(mean_square(xp, self.along(self.theirs, direction, axes))) * safe
        deviation = xp.maximum(theirs, xp.asarray(max(self.kappa, own, 1.0), dtype=size.dtype))
        least = self.stays(seen)
        if is_truth:
            limit = _SLICE_ALONG_TRUTH * u * max(1.0, self.coherent / ALONG_TRUTH)
            far = least > limit
        else:
            far = least * safe / xp.sqrt(xp.where(count > 0, count, xp.ones_like(count))) > 1.5
        off = there & far & (least * safe > _SLICE * deviation)
        many = int(xp.sum(off))
        if many:
            ratio = float(xp.max(xp.where(off, least * safe / deviation, xp.zeros_like(size))))
            places = _places(off, axis, direction.ndim)
            how = "off in proportion" if is_truth else f"off {name}"
            if is_truth and many == 1:
                share = float(xp.sum(xp.where(off, seen[0], xp.zeros_like(size))))
                how = f"{1 + share:.4g} times what it should be"
            entries = many * math.prod(direction.shape) // direction.shape[axis]
            yield Finding(f"{places} {'is' if many == 1 else 'are'} {how}", ratio, entries)

    def _any_shape(self) -> Iterator[Finding]:
        """Tell of what stays in many entries, each of them within its rounding."""
        xp, pairs = self._xp, [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
        product = sum((self.z[k] * self.z[j] for k, j in pairs), xp.zeros_like(self.z[0])) / 6
        mean = float(xp.sum(product)) / self.n
        error = math.sqrt(float(xp.mean((product - mean) ** 2)) / self.n)
        for axis in range(product.ndim if product.ndim > 1 else 0):
            own = xp.mean(product, axis=axes_but(product, axis))
            count = own.shape[0]
            error = max(error, math.sqrt(float(xp.mean((own - mean) ** 2)) / max(count, 1)))
        if mean - 4 * error > 2.0**2:
            size = math.sqrt(mean)
            text = f"entries are off by {size:.1f} roundings on average, alike at all points"
            yield Finding(text, size, self.n)


def _places(off: Any, axis: int, axes: int) -> str:
    """Return the words for some slices of an axis."""
    places = [k for k, there in enumerate(off.tolist()) if there]
    parts = [":"] * axes
    parts[axis] = str(places[0]) if len(places) == 1 else f"{places[0]}...{places[-1]}"
    more = f" ({len(places)} of {off.shape[0]})" if len(places) > 1 else ""
    return f"[{', '.join(parts)}]{more}"
