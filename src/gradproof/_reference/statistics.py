"""Mistakes stay at all points, roundings do not: what is counted, and from where on."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .errors import ALONG_TRUTH, WHOLE, Direction, Errors, rms

#: Of a slice, in deviations: of 10**4 slices one has 4 such in a row once in 1e23.
_SLICE = 5.0
#: Of a slice along its own values, in units: of several that are rounded once together.
_SLICE_ALONG_TRUTH = 2.0
#: A claim whose own scatter is so many roundings is inaccurate.
SLOPPY = 8.0


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


def findings(errors: Errors) -> list[Finding]:
    """Return what is off with a result."""
    return list(_found(errors))


def _found(errors: Errors) -> Iterator[Finding]:
    lost, n = errors.sample.lost, errors.n
    if lost:
        yield Finding(f"{lost} of {n + lost} entries are not finite", math.inf, lost)
    if not n:
        return
    if errors.entries.off:
        yield Finding(
            f"{errors.entries.off} of {n} entries are off", errors.entries.worst, errors.entries.off
        )
    for k, direction in enumerate(errors.directions):
        yield from _whole(errors, k, direction)
    axes = range(len(errors.sample.shape) if len(errors.sample.shape) > 1 else 0)
    slices = [
        found
        for axis in axes
        for k, direction in enumerate(errors.directions)
        for found in _slices(errors, axis, k, direction)
    ]
    yield from sorted(slices, key=lambda found: -found.size)  # what shows most clearly first
    yield from _any_shape(errors)


def _whole(errors: Errors, k: int, direction: Direction) -> Iterator[Finding]:
    sums, u = errors.projections(k, None), errors.sample.unit
    square = float(sums.square)
    if not square:
        return
    size, seen = math.sqrt(square), sums.errors / square
    yard, least = rms(sums.theirs / square), float(_stays(seen))
    if direction.is_truth:
        limit = max(u * max(ALONG_TRUTH, errors.coherent), 2 * yard)
        # Of whatever mistake: only where all entries are off by the same factor, it is that.
        text = f"by the best fit {1 + seen[0]:.6g} times what it should be"
        if least < 1e-5:
            text = f"by the best fit off by {seen[0]:.2g} of what it should be"
    else:  # of a direction with a mean square of 1, a rounding for each entry
        limit = max(math.sqrt(errors.n) / size, 2 * yard)
        text = f"off as a whole {direction.name}"
    limit = max(limit, WHOLE * max(errors.kappa, 1.0) / size)
    if least > limit:
        yield Finding(text, least / limit, errors.n)


def _slices(errors: Errors, axis: int, k: int, direction: Direction) -> Iterator[Finding]:
    sums, u, shape = errors.projections(k, axis), errors.sample.unit, errors.sample.shape
    there = sums.square > 0
    size = np.sqrt(np.where(there, sums.square, 1.0))
    seen = sums.errors / size[:, None] ** 2
    middle = seen.mean(axis=1, keepdims=True)
    # In units of the deviation that independent roundings have.
    scatter = np.sum((seen - middle) ** 2, axis=1) * size**2 / (seen.shape[1] - 1)
    own = math.sqrt(float(np.mean(scatter)))
    theirs = np.sqrt(np.mean(sums.theirs**2, axis=1)) / size
    deviation = np.maximum(theirs, max(errors.kappa, own, 1.0))
    least = _stays(seen)
    if direction.is_truth:
        far = least > _SLICE_ALONG_TRUTH * u * max(1.0, errors.coherent / ALONG_TRUTH)
    else:
        far = least * size / np.sqrt(np.maximum(sums.count, 1.0)) > 1.5
    off = there & far & (least * size > _SLICE * deviation)
    many = int(off.sum())
    if not many:
        return
    ratio = float(np.max((least * size / deviation)[off]))
    how = "off in proportion" if direction.is_truth else f"off {direction.name}"
    if direction.is_truth and many == 1:
        how = f"{1 + float(seen[off][0, 0]):.4g} times what it should be"
    text = f"{_places(off, axis, len(shape))} {'is' if many == 1 else 'are'} {how}"
    yield Finding(text, ratio, many * math.prod(shape) // shape[axis])


def _any_shape(errors: Errors) -> Iterator[Finding]:
    """Tell of what stays in many entries, each of them within its rounding."""
    mean, deviation, each = errors.common
    error = deviation / math.sqrt(errors.n)
    for own in each:
        if own.size:
            error = max(error, math.sqrt(float(np.mean((own - mean) ** 2)) / own.size))
    if mean - 4 * error > 2.0**2:
        size = math.sqrt(mean)
        text = f"entries are off by {size:.1f} roundings on average, alike at all points"
        yield Finding(text, size, errors.n)


def _stays(several: np.ndarray) -> np.ndarray:
    """Return the smallest size of what has one sign at all points, the last axis; else 0."""
    same = (several > 0).all(axis=-1) | (several < 0).all(axis=-1)
    return np.where(same, np.abs(several).min(axis=-1), 0.0)


def _places(off: np.ndarray, axis: int, axes: int) -> str:
    """Return the words for some slices of an axis."""
    places = [k for k, there in enumerate(off.tolist()) if there]
    parts = [":"] * axes
    parts[axis] = str(places[0]) if len(places) == 1 else f"{places[0]}...{places[-1]}"
    more = f" ({len(places)} of {off.shape[0]})" if len(places) > 1 else ""
    return f"[{', '.join(parts)}]{more}"
