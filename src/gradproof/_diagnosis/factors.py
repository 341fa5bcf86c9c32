"""A number by which a claim is off: fitted, and what it may be."""

import math
from collections.abc import Iterator

import numpy as np

from .evidence import Case, blur, contracted

#: How far a fitted number may be off, in bars of it: the fit of several entries is sharper than the
#: bars of each, which bound, and are no deviations.
_OFF = 1.0


def fitted(
    case: Case, like: np.ndarray, among: np.ndarray | None = None
) -> tuple[float, float] | None:
    """
    Return the number a, with its uncertainty, for which measured entries are ``a * like``.

    Parameters
    ----------
    case : Case
        The field, and what is known.
    like : ndarray
        Of the measured entries.
    among : ndarray of bool, optional
        Which of them count.

    Returns
    -------
    tuple of two floats or None
        None if `like` is nothing beside the bars.
    """
    own = case.own
    there = np.isfinite(like) & (like != 0) & np.isfinite(own.measured)
    there &= np.ones_like(there) if among is None else among
    if not there.any():
        return None
    with np.errstate(all="ignore"):
        # The claim is rounded, too, and with it what it is a multiple of.
        size = np.linalg.norm(own.measured[there]) / np.linalg.norm(like[there])
        bars = own.allowed(size * like)[there]
        weight = np.square(like[there] / bars)
        ratios = own.measured[there] / like[there]
    total = float(weight.sum())
    if not (math.isfinite(total) and total > 0):
        best = int(np.argmax(np.nan_to_num(weight, posinf=1e300)))
        return float(ratios[best]), float(bars[best] / abs(like[there][best]))
    return float((weight * ratios).sum() / total), 1 / math.sqrt(total)


def from_sums(case: Case, change: np.ndarray) -> Iterator[tuple[float, float]]:
    """Yield numbers a, with an uncertainty, for which sums are those of ``claim + a * change``."""
    own = case.own
    for one in case.sums:
        weights = one.weights[case.k]
        moved = contracted(change, weights)
        bar = one.bar + blur(own.claimed, weights, own.rounding)
        best = int(np.argmax(np.abs(moved) / np.maximum(bar, 1e-300)))
        if abs(moved[best]) > bar[best]:
            a = float(one.error[best] / moved[best])
            yield a, float(bar[best] / abs(moved[best])) * max(1.0, abs(a))


def sharpest(several: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the number with the least uncertainty."""
    return min(several, key=lambda one: one[1])


def known(case: Case, value: float, uncertainty: float) -> tuple[float, str]:
    """
    Return what a factor may be: its exact value, and words for it; empty if it is nothing known.

    Parameters
    ----------
    case : Case
        The field that is off by it.
    value, uncertainty : float
        The claim, divided by what was measured.
    """
    allowed = max(_OFF * uncertainty, 4e-16 * abs(value))
    if allowed > 0.02 * abs(value):
        return value, ""
    for exact, words in _constants(case):
        if abs(value - exact) <= allowed:
            return exact, words
    return value, ""


def _constants(case: Case) -> Iterator[tuple[float, str]]:
    """Yield numbers that a factor may be, the simplest first, with words for them."""
    own = case.own
    for number in (2.0, 0.5):
        yield number, f"{number:g}"
        yield -number, f"{-number:g}"
    lengths = {own.shape[axis]: f"the length {own.shape[axis]} of an axis" for axis in own.axes}
    for length in case.evidence.lengths:
        lengths.setdefault(length, f"the length {length} of an axis")
    size = own.claimed.size
    if len(own.axes) > 1:
        lengths.setdefault(size, f"the number of entries, {size}")
    for length, words in lengths.items():
        if length > 2:
            yield 1 / length, f"1 / {length}: {words}; mean instead of sum?"
            yield float(length), f"{length}: {words}; sum instead of mean?"
            yield math.sqrt(length), f"sqrt({length}): {words}"
            yield 1 / math.sqrt(length), f"1 / sqrt({length}): {words}"
            yield 1 / (length - 1), f"1 / {length - 1}: one less than {words}"
            yield length / (length - 1), f"{length} / {length - 1}: {words}, and one less"
            yield (length - 1) / length, f"{length - 1} / {length}: {words}, and one less"
    for name, number in case.evidence.numbers.items():
        if number and abs(number) != 1 and math.isfinite(number):
            yield number, f"{name}"
            yield 1 / number, f"1 / {name}"
            yield number**2, f"{name}**2"
            yield 1 / number**2, f"1 / {name}**2"
    for number in (3.0, 4.0, 10.0, 100.0, 0.75, 1.5):
        yield number, f"{number:g}"
        yield 1 / number, f"1 / {number:g}" if number == int(number) else f"{1 / number:g}"
    yield 2 * math.pi, "2 pi"
    yield 1 / (2 * math.pi), "1 / (2 pi)"
    yield math.pi, "pi"
    yield math.log(2), "log(2)"
    yield 1 / math.log(2), "1 / log(2)"
    yield math.log(10), "log(10)"
    yield 1 / math.log(10), "1 / log(10)"
    yield 180 / math.pi, "180 / pi: degrees for radians?"
    yield math.pi / 180, "pi / 180: degrees for radians?"


def written(value: float, uncertainty: float) -> str:
    """Return a number with the digits that its uncertainty leaves, and that."""
    if not (uncertainty > 0 and value):
        return f"{value:.7g}"
    digits = max(1, min(8, math.ceil(math.log10(abs(value) / uncertainty))))
    return f"{value:.{digits}g} +- {uncertainty:.1g}"


def times(value: float, uncertainty: float, words: str, where: str = "") -> str:
    """Return what a claim is that is off by a factor: what that may be, then as it was measured."""
    number = written(value, uncertainty)
    if not words:
        return f"is {number} times func's slope{where}"
    short, _, why = words.partition(": ")
    return f"is {short} times func's slope{where} (factor {number}{f': {why}' if why else ''})"
