"""Where the entries are that are off: a row, the tail of an axis, a block."""

import dataclasses
import math
from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from .._report.verdicts import Check

#: More of an axis than this is all of it: some entries of a wrong row are right by chance.
_SMALL = 0.5


def located(
    checks: list[Check], state: np.ndarray, shapes: Sequence[tuple[int, ...]]
) -> list[Check]:
    """
    Return checks with the box that holds all entries which are off, where it is a small one.

    Parameters
    ----------
    checks : list of Check
        One for each result.
    state : array of str
        Of the entries of all results.
    shapes : list of tuple of int
        Of the results.
    """
    firsts = [0, *accumulate(math.prod(shape) for shape in shapes)]
    found = []
    for check, shape, first in zip(checks, shapes, firsts, strict=False):
        box = _box((state[first : first + math.prod(shape)] == "fail").reshape(shape))
        text = f"in {box}, {check.text}" if box else check.text
        found.append(dataclasses.replace(check, text=text))
    return found


def _box(wrong: np.ndarray) -> str:
    """Return the words for the box around some entries; empty if there is none, or a large one."""
    parts = []
    for axis, length in enumerate(wrong.shape):
        others = tuple(k for k in range(wrong.ndim) if k != axis)
        places = np.flatnonzero(wrong.any(axis=others))
        if not places.size:
            return ""
        first, last = int(places[0]), int(places[-1])
        if last - first + 1 > _SMALL * length:
            parts.append(":")
        else:
            parts.append(str(first) if first == last else f"{first}...{last}")
    return f"[{', '.join(parts)}]" if set(parts) - {":"} else ""
