"""Summed, averaged or broadcast along an axis where it should not be, or not where it should."""

import itertools
from collections.abc import Iterator

import numpy as np

from .._report.diagnoses import Kind
from .evidence import Case
from .fields import Field
from .named import Named

#: A sum tells if it is so many times what it may be off by: an exact constant is evidence, too.
_CLEAR = 10.0


def constant_along(case: Case) -> Iterator[Named]:
    """Yield names: the claim is the same along an axis, a sum or a mean of what was measured."""
    own = case.own
    several = [axis for axis in own.axes if own.shape[axis] > 1]
    groups = [(axis,) for axis in several] + ([tuple(several)] if len(several) > 1 else [])
    for axes in groups:
        first = np.take(own.claimed, [0], axes[0])
        for axis in axes[1:]:
            first = np.take(first, [0], axis)
        if not own.claimed.any() or not (own.claimed == first).all():
            continue
        for scale, what in ((1, "summed"), (1 / np.prod([own.shape[a] for a in axes]), "averaged")):
            if _adds_up(case, axes, scale):
                along = f"axis {axes[0] - own.batch}" if len(axes) == 1 else "all axes"
                text = f"is {what} along {along}, and repeated, where func's slope is not"
                yield Named(Kind.REDUCED, text, None)


def _adds_up(case: Case, axes: tuple[int, ...], scale: float) -> bool:
    """Tell whether sums of what was measured, times a number, are the claim, which is constant."""
    own = case.own
    if own.where.size == own.claimed.size:
        full, bar = np.empty(own.claimed.size), np.empty(own.claimed.size)
        full[own.where], bar[own.where] = own.measured, own.bar
        total = full.reshape(own.shape).sum(axes, keepdims=True) * scale
        size = np.sqrt(np.square(full).reshape(own.shape).sum(axes, keepdims=True))
        allowed = bar.reshape(own.shape).sum(axes, keepdims=True) + own.rounding * size
        near = np.abs(own.claimed - total) <= allowed * scale + own.slack * np.abs(total)
        return bool(near.all()) and bool(np.abs(total).max() > _CLEAR * scale * allowed.max())
    if case.evidence.ask is None:
        return False
    # One sum tells: each slice by a random weight, the same all along the axes.
    rng = np.random.default_rng(0)
    slices = [1 if axis in axes else n for axis, n in enumerate(own.shape)]
    weights = np.broadcast_to(
        rng.uniform(1, 2, slices) * rng.choice([-1.0, 1.0], slices), own.shape
    )
    one = case.evidence.ask({case.k: weights})
    if one is None:
        return False
    claimed = float((own.claimed * weights).sum())
    count = float(np.prod([own.shape[a] for a in axes]))
    slope = float(one.error[0]) + claimed
    # The claim, summed, is `scale * count` times the slope.
    predicted = slope * scale * count
    # What it was added up from was rounded.
    size = float(np.sqrt(np.mean(np.square(own.measured)))) * float(np.linalg.norm(weights))
    allowed = (float(one.bar[0]) + own.rounding * size) * scale * count
    near = abs(predicted - claimed) <= allowed + own.slack * abs(predicted)
    return near and abs(claimed) > _CLEAR * allowed


def of_cotangent(case: Case) -> Iterator[Named]:
    """Yield names: the derivative is a sum of the cotangent, the claim a part or a mean of it."""
    own, ct = case.own, case.evidence.cotangent
    if ct is None or own.batch or ct.ndim <= own.claimed.ndim:
        return
    for axes in itertools.combinations(range(ct.ndim), ct.ndim - own.claimed.ndim):
        if np.sum(ct, axes).shape == own.shape:
            yield from _parts(own, ct, axes)


def _parts(own: Field, ct: np.ndarray, axes: tuple[int, ...]) -> Iterator[Named]:
    total = np.sum(ct, axes)
    for part, words in (
        (np.mean(ct, axes), "the mean of the cotangent over its other axes, where it is the sum"),
        (
            np.take(ct.reshape(-1, *total.shape), 0, 0),
            "the first row of the cotangent alone: the sum over its other axes is missing",
        ),
        (
            np.take(ct.reshape(-1, *total.shape), -1, 0),
            "the last row of the cotangent alone: the sum over its other axes is missing",
        ),
    ):
        if axes != tuple(range(len(axes))) and "row" in words:
            continue
        near = np.abs(own.claimed - part) <= own.slack * np.abs(part).max(initial=0.0)
        if near.all():
            yield Named(Kind.REDUCED, f"is {words}", np.broadcast_to(total, own.shape))
