"""Why a check could neither pass nor fail, and the step that removes the cause."""

import numpy as np

from .._lines.cancellation import rounding_of_terms
from .._lines.findings import Column, Findings
from .._lines.narrower import narrower
from .._lines.stationary import claims_nothing
from .._lines.survey import Survey
from .._numerics.blocks import norm
from .._numerics.precision import Precision
from .._report.advice import (
    BELOW_ROUNDING,
    CANCELS,
    DOUBLE,
    ELSEWHERE,
    INEXACT,
    KINK,
    NEAR_ZERO,
    NOISE,
    SINGLE,
    STATIONARY,
    STRAIGHT_THROUGH,
    cause_of,
)
from .beside import Judged
from .spent import ENDED, larger

#: What a func that does not move at all cannot miss, in standard deviations of its rounding.
_FAR = 256
#: At a step that moves x by a hundredth to a half, func bends by about that share of its slope; by
#: 64 times its slope only where that is zero to a few digits of what it is beside x0.
_BENDS = 64
#: Rungs that have to be alike; the most that a power of the step may be by which func moves,
#: halfway between that of a slope, 1, and of a root, 1/2; and what it is off by for other terms.
#: Of noise, all steps from rung to rung are in that range, with one sign, once in some 10**4.
_RUNGS, _STEEP, _ALIKE = 6, 0.75, 0.1


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
    if found.interrupted:
        return cause_of(reason).step
    if ENDED in reason:
        return larger(survey, found)
    cause = cause_of(" ".join([reason, *found.remarks]))
    if cause in (ELSEWHERE, INEXACT) and _steep(survey):
        return KINK.step
    if cause is BELOW_ROUNDING:
        return _of_an_offset(survey)
    if cause in (CANCELS, ELSEWHERE) and stationary(survey):
        return STATIONARY.step
    # What rounding alone may make is nothing that could be tightened.
    if cause is ELSEWHERE or (cause is INEXACT and _hidden_by_noise(survey, found, flat)):
        return _of_noise(survey, found, flat)
    return cause.step


def _of_noise(survey: Survey, found: Findings, flat: dict[str, np.ndarray]) -> str:
    """Return what would help where rounding or noise hides the slope."""
    if stands_still(survey):
        return CANCELS.step if _saturated(survey) else STRAIGHT_THROUGH.step
    if not survey.precision.widest:
        return _of_a_short_dtype(survey)
    rtol = _tolerance(survey, found, flat)
    if rtol and not claims_nothing(survey):  # of which any slope is infinitely many times as much
        return NOISE.step.format(rtol=rtol)
    return INEXACT.step if survey.sigma > 64 * survey.rounding else _of_an_offset(survey)


def _of_an_offset(survey: Survey) -> str:
    """Return what would help where the claim moves func by less than its value is rounded by."""
    size = float(np.max(survey.scalar.values.point.magnitude, initial=0.0))
    if size < float(np.sqrt(survey.eps)):  # the square of x0 is less than the rounding of 1
        return NEAR_ZERO.step
    return BELOW_ROUNDING.step if survey.precision.widest else _of_a_short_dtype(survey)


def _of_a_short_dtype(survey: Survey) -> str:
    """Return where more digits would come from."""
    return SINGLE.step if Precision.of(survey.scalar.output_eps).widens else DOUBLE.step


def _hidden_by_noise(survey: Survey, found: Findings, flat: dict[str, np.ndarray]) -> bool:
    """Tell whether noise alone would hide an error that must be seen, in an entry that is open."""
    if isinstance(found.state, Column):
        return False
    with np.errstate(all="ignore"):
        bar = np.abs(flat["measured"] - flat["claimed"]) + flat["truncation"] + flat["noise"]
        by_noise = flat["resolution"] * flat["noise"] / bar
    return bool((by_noise[flat["state"] == "unresolved"] > survey.res).any())


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


def _steep(survey: Survey) -> bool:
    """
    Tell whether func moves, at ever finer steps to a side, by more and more times its step.

    A jump at x0 does, by the same at all of them, and so does the root at 0: neither has a slope.
    What noise makes has no sign in common.
    """
    for _, rungs in survey.lines:
        for side in rungs.changes:
            known = np.isfinite(side)
            change, h = side[known][-_RUNGS:], rungs.h[known][-_RUNGS:]
            alike = change.size == _RUNGS and abs(np.sign(change).sum()) == _RUNGS
            if not alike or not abs(change[-1]) > _FAR * rungs.rounding[-1]:
                continue
            powers = np.diff(np.log(np.abs(change))) / np.diff(np.log(h))
            if (np.abs(powers - _STEEP / 2) < _STEEP / 2 + _ALIKE).all() and powers[-1] < _STEEP:
                return True
    return False


def _saturated(survey: Survey) -> bool:
    """Tell whether func may stand still for the rounding of terms that are larger elsewhere."""
    by = (weights * survey.move for weights, _ in survey.lines if weights.size)
    sizes = ((d, float(np.abs(survey.g) @ np.abs(d))) for d in by)
    return any(rounding_of_terms(survey, d, size) >= size for d, size in sizes)


def _tolerance(survey: Survey, found: Findings, flat: dict[str, np.ndarray]) -> str:
    """Return an rtol with which what was measured would have passed; empty if none would."""
    worst = float(np.max(flat["resolution"], initial=0.0))
    if isinstance(found.state, Column):
        # What directions show is relative to all entries together.
        resolved = survey.scales.resolved
        worst = found.alone / max(norm(resolved.size, resolved.__getitem__), 1e-300)
    share = survey.res / survey.rtol
    # A quarter more than needed, in one digit.
    least = 1.25 * worst / share
    if not survey.rtol < least < 0.2:
        return ""
    digit = 10.0 ** np.floor(np.log10(least))
    return f"{np.ceil(least / digit) * digit:.0g}"


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
        found.remarks.append(
            f"func seems to compute in {name} precision, whatever the dtype of its result"
        )
