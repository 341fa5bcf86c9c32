"""A term that is missing: a multiple of something known, or something of each slice of an axis."""

from collections.abc import Iterator

import numpy as np

from .._report.diagnoses import Kind
from .evidence import Case
from .factors import from_sums, sharpest, written
from .fields import Field
from .named import Named

#: What is left of an error beside what is constant along an axis, at most.
_CONSTANT = 1e-2
#: Of what is missing in proportion to the claim in each slice: a factor.
_ITSELF = "proportional to the claim"


def multiple(case: Case) -> Iterator[Named]:
    """Yield names: what is missing is a multiple of x, of the sign of x, or a constant."""
    own = case.own
    for what, like in _candidates(own):
        found = _fit(own, own.taken(like))
        if found is None:
            continue
        a, blur = sharpest([found, *from_sums(case, like)])
        if not abs(a) > 4 * blur:
            continue
        nearest = _round(a, blur)
        text = f"lacks a term: {written(nearest, blur)} times {what}"
        if what == "1":
            text = f"lacks a term: {written(nearest, blur)}, the same in every entry"
        yield Named(Kind.MISSING_TERM, text, own.claimed + a * like, 1, value=a, uncertainty=blur)


def _candidates(own: Field) -> Iterator[tuple[str, np.ndarray]]:
    for beside in own.beside:
        full = np.broadcast_to(beside.values, own.shape)
        if np.isfinite(full).all() and full.any():
            yield beside.name, full
            if beside.of_field:
                yield f"sign({beside.name})", np.sign(full)
    yield "1", np.ones(own.shape)


def _fit(own: Field, like: np.ndarray) -> tuple[float, float] | None:
    weight = np.square(like / own.bar)
    total = float(weight.sum())
    if not (np.isfinite(total) and total > 0):
        return None
    return float((like * own.error / np.square(own.bar)).sum() / total), 1 / np.sqrt(total)


def _round(a: float, blur: float) -> float:
    """Return a number of few digits if it is one within its uncertainty."""
    for digits in (1, 2, 3):
        near = float(f"{a:.{digits}g}")
        if abs(near - a) <= blur:
            return near
    return a


def along_axis(case: Case) -> Iterator[Named]:
    """Yield names: what is missing, as a term or a factor, is constant along an axis."""
    own = case.own
    for axis in reversed(own.axes):
        if own.shape[axis] < 2:
            continue
        for weights, of in _weights(own, axis):
            share = _share(own, axis, weights)
            if share is None or not _confirmed(case, axis, weights):
                continue
            last = axis == own.claimed.ndim - 1
            name = "the last axis" if last else f"axis {axis - own.batch}"
            if len(own.axes) == 1:
                name = "its axis"
            yield _constant(name, of, share)


def _constant(name: str, of: str, share: float) -> Named:
    """Return words for what is missing in each slice along an axis."""
    if of == _ITSELF:
        text = (
            f"lacks a factor that is the same along {name}, and another one elsewhere: is a sum "
            f"over {name} wrong, by which it is divided or multiplied?"
        )
        return Named(Kind.MISSING_FACTOR, text)
    over = "mean" if of == "constant" else "a projection"
    text = (
        f"lacks a term: what is missing is {of} along {name} ({100 * share:.4g} % of it); "
        f"{over} over {name} not subtracted?"
    )
    return Named(Kind.MISSING_TERM, text)


def _weights(own: Field, axis: int) -> Iterator[tuple[np.ndarray, str]]:
    """Yield arrays of which what is missing may be a multiple in each slice along an axis."""
    yield np.ones(own.shape), "constant"
    for beside in own.beside:
        full = np.broadcast_to(beside.values, own.shape)
        if np.isfinite(full).all() and full.any() and np.ptp(full, axis=axis).any():
            yield full, f"proportional to {beside.name}"
    if len(own.axes) > 1:  # one factor for all is another name
        yield own.claimed, _ITSELF


def _share(own: Field, axis: int, like: np.ndarray) -> float | None:
    """Return what share of the error is a multiple of an array in each slice; None if not most."""
    if own.claimed.ndim < 1:
        return None
    others = [i for n, i in enumerate(own.index) if n != axis]
    dims = [s for n, s in enumerate(own.shape) if n != axis]
    line = np.ravel_multi_index(others, dims) if others else np.zeros(own.where.size, dtype=int)
    taken = own.taken(like)
    _, group, count = np.unique(line, return_inverse=True, return_counts=True)
    several = count[group] > 1
    # Evidence: the measurements beyond one for each slice.
    if several.sum() - np.unique(group[several]).size < 2 or not own.wrong[several].any():
        return None
    weight = 1 / np.square(own.bar)
    top = np.bincount(group, weight * taken * own.error)
    below = np.bincount(group, weight * taken * taken)
    with np.errstate(all="ignore"):
        a = np.where(below > 0, top / below, 0.0)[group]
    left = (own.error - a * taken)[several]
    bars = own.bar[several] * 2
    if not (np.abs(left) <= bars + own.slack * np.abs(own.measured[several])).all():
        return None
    size = np.linalg.norm(own.error[several])
    # An error that is constant over all entries is another name, and so is one of a single slice.
    digits = np.clip(np.log10(np.maximum(np.abs(own.error[several]) / bars, 1.0)), 0.0, 3.0)
    extra = np.sort(digits)[: several.sum() - np.unique(group[several]).size]
    if extra.sum() < 4 or not size:
        return None
    return float(1 - np.linalg.norm(left) / size)


def _confirmed(case: Case, axis: int, like: np.ndarray) -> bool:
    """Tell whether a sum along which such an error cancels in each slice shows none."""
    own = case.own
    if own.whole:
        return True
    if case.evidence.ask is None:
        return False
    rng = np.random.default_rng(1)
    weights = rng.uniform(1, 2, own.shape) * rng.choice([-1.0, 1.0], own.shape)
    norm = np.sum(like * like, axis, keepdims=True)
    inner = np.sum(weights * like, axis, keepdims=True)
    weights = weights - like * np.divide(inner, norm, out=np.zeros_like(inner), where=norm > 0)
    one = case.evidence.ask({case.k: weights})
    if one is None:
        return False
    typical = float(np.sqrt(np.mean(np.square(own.error)))) * float(np.linalg.norm(weights))
    allowed = float(one.bar[0]) + _CONSTANT * typical * 1e-2
    return abs(float(one.error[0])) <= allowed and typical > 30 * float(one.bar[0])
