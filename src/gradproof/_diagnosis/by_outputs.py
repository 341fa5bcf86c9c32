"""By which of func's results a mistake comes in: its cotangent is left out, or times a number."""

import numpy as np

from .._report.diagnoses import Kind
from .factors import written
from .named import ENOUGH, Named

#: A factor that is so near to 0 or -1, in its uncertainties, is that.
_NEAR = 4.0
_ORDINAL = ("first", "second", "third", "fourth")


def by_outputs(
    claimed: np.ndarray, slopes: np.ndarray, bar: np.ndarray, names: list[str]
) -> Named | None:
    """
    Return a name, if the claim is the derivative with one result's share times a number.

    Parameters
    ----------
    claimed : ndarray of shape (k,)
        The claim of some entries.
    slopes : ndarray of shape (k, outputs)
        What each result of func, times its cotangent, adds to the derivative by them.
    bar : ndarray of shape (k,)
        What their sum and the claim are off by at most.
    names : list of str
        What to call the results; empty ones are counted.
    """
    error, told = claimed - slopes.sum(axis=1), []
    for k, share in enumerate(slopes.T):
        weight = np.square(share / bar)
        total = float(weight.sum())
        if not total > 0:
            continue
        change = float((share * error / np.square(bar)).sum() / total)
        left = np.abs(error - change * share)
        digits = np.sort(np.clip(np.log10(np.maximum(np.abs(error) / bar, 1.0)), 0.0, 3.0))
        if (left <= bar).all() and digits[:-1].sum() >= ENOUGH:
            told.append((k, 1 + change, 1 / np.sqrt(total)))
    if len(told) != 1:
        return None
    ((k, value, blur),) = told
    ordinal = f"{_ORDINAL[k]} " if k < len(_ORDINAL) else f"{k + 1}th "
    which = f"func's {ordinal}result{f' ({names[k]})' if names[k] else ''}"
    if abs(value) <= _NEAR * blur:
        text = f"lacks what comes from {which}: its cotangent is left out"
        return Named(Kind.MISSING_TERM, text, also=(Kind.PARTIAL,))
    if abs(value + 1) <= _NEAR * blur:
        text = f"has the wrong sign in what comes from {which}"
        return Named(Kind.SIGN, text, value=-1.0, uncertainty=0.0, also=(Kind.PARTIAL,))
    text = f"has {written(value, blur)} times what comes from {which}"
    return Named(Kind.FACTOR, text, value=value, uncertainty=blur, also=(Kind.PARTIAL,))
