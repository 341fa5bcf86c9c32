"""Why a check could neither pass nor fail, and the step that removes the cause."""

import numpy as np

from .._lines.findings import Column, Findings
from .._lines.narrower import narrower
from .._lines.survey import Survey
from .._report.advice import (
    EACH,
    FEWER,
    INEXACT,
    INSIDE,
    POINT,
    SMALLER,
    STATIONARY,
    STRAIGHT_THROUGH,
    of_reason,
)
from .beside import Judged
from .decision import SPENT

#: What a func that does not move at all cannot miss, in standard deviations of its rounding.
_FAR = 256
#: At a step that moves x by a hundredth to a half, func bends by about that share of its slope; by
#: 64 times its slope only where that is zero to a few digits of what it is beside x0.
_BENDS = 64
#: The most entries that are measured one by one as a matter of course: some 1e5 calls of func.
_EACH = 50_000


def next_step(survey: Survey, found: Findings, flat: dict[str, np.ndarray], reason: str) -> str:
    """
    Return what would help a check that is inconclusive.

    Parameters
    ----------
    survey : Survey
        The problem, and what was measured along lines.
    found : Findings
        What is known of the entries.
    flat : dict of str to ndarray
        The same in the user's units.
    reason : str
        Of the verdict.
    """
    if reason == SPENT and not found.interrupted:
        return _budget(survey, found)
    told = of_reason(" ".join([reason, *found.remarks]) if not found.interrupted else reason)
    if told is INSIDE:
        return f"{INSIDE}, or {_tolerance(survey, flat) or POINT}"
    if told is not POINT:
        return told
    if stationary(survey):
        return STATIONARY
    return _of_noise(survey, found, flat)


def _of_noise(survey: Survey, found: Findings, flat: dict[str, np.ndarray]) -> str:
    """Return what would help where rounding or noise hides the slope."""
    tolerance = _tolerance(survey, flat)
    if stands_still(survey):
        return STRAIGHT_THROUGH + (f"; or {tolerance}" if tolerance else "")
    if not survey.precision.widest:
        return f"check in a wider dtype, or {tolerance or POINT.removeprefix('check ')}"
    if isinstance(found.state, Column):
        return EACH if survey.g.size <= _EACH else SMALLER
    return tolerance or (INEXACT if survey.sigma > 64 * survey.rounding else POINT)


def stationary(survey: Survey) -> bool:
    """Tell whether func, a step from x0, has a slope of which that at x0 is a small rest."""
    rungs = [rungs for _, rungs in survey.lines[:1] if rungs.h.size]
    if not rungs:
        return False
    (first,) = rungs
    up, down = first.changes[:, 0]
    claimed = abs(first.claimed[:, 0]).max()
    return bool(abs(up + down) / 2 > _BENDS * max(claimed, abs(up - down) / 2))


def stands_still(survey: Survey) -> bool:
    """Tell whether func keeps its value to the bit where the claim has it move far above that."""
    finest = [
        rungs.changes[:, -1].any()
        or not (np.abs(rungs.claimed[:, -1]) > _FAR * rungs.rounding[-1]).all()
        for _, rungs in survey.lines
        if rungs.h.size
    ]
    return bool(finest) and not any(finest)


def _budget(survey: Survey, found: Findings) -> str:
    n, cost = survey.g.size, survey.scalar.values.cost
    each = not isinstance(found.state, Column)
    # Two calls and two more for each entry that is looked at again; a search may take 600.
    enough = cost * ((4 * n if each else 600) + 200)
    return (
        f"pass budget={enough} or more, or none: {'2 n + 37' if each else 'some 40'} calls of func"
    )


def _tolerance(survey: Survey, flat: dict[str, np.ndarray]) -> str:
    """Return an rtol with which what was measured would have passed; empty if none would."""
    seen = flat["resolution"]
    worst = float(np.max(seen, initial=0.0))
    share = survey.res / survey.rtol
    # A quarter more than needed, in one digit.
    least = 1.25 * worst / share
    if not 0 < least < 0.2:
        return ""
    digit = 10.0 ** np.floor(np.log10(least))
    return f"pass rtol={np.ceil(least / digit) * digit:.0g}, if errors of that size do not matter"


def say_fewer_digits(judged: Judged) -> None:
    """Say of a func, of which nothing could be said, if it computes with fewer digits than x0."""
    found = judged.findings
    if judged.verdict != "inconclusive" or found.interrupted:
        return
    try:
        name = narrower(judged.survey)
    except KeyboardInterrupt:  # of the calls that this takes: what is known stays so
        found.interrupted = True
        return
    if name:
        found.remarks.append(f"func {FEWER} {name} precision, whatever the dtype of its result")
