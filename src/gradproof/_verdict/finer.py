"""Verdicts on gradients of slopes: a claim that fails is looked at again with finer slopes."""

from dataclasses import replace

import numpy as np

from .._claims.hessian import HessianProduct
from .._evaluation.outcomes import BudgetSpent
from .._evaluation.slopes import SlopeValues
from .._report.jacobians import as_column
from .._report.report import Report
from .._report.verdicts import NOT_REACHED, Verdict
from .judge import Seen, undiagnosed
from .options import Options
from .spent import ENDED, ended, larger

_KINK = "func has a kink at x0 or next to it, along the tangent: it has no second derivative there"
_UNSURE = (
    "slopes by a finer step do not bear out that the claim is wrong: func may have a "
    "kink, or bend fast, within the steps"
)
_CUT = f"{ENDED} before slopes by a finer step told whether the claim is wrong"
#: By slopes of half the step, an error that is one of steps falls by a power of 2: to this share of
#: itself or less, if the power is a quarter or more. That of a claim stays.
_FALLS = 0.5**0.25


def of_slopes(slopes: SlopeValues, claim: HessianProduct, options: Options) -> Report:
    """
    Return the report on a claimed gradient of slopes.

    The steps of a stencil add to those of the check, and what they reach across may have nothing to
    do with func at x0. So a fail has to be one with a stencil of half the size as well.
    """
    report, seen = _of_both(slopes, claim, options)
    if report.verdict is Verdict.FAIL:
        # What names mistakes is imported where there is one.
        from .diagnose_second import diagnosed

        report = diagnosed(report, seen, (slopes, np.ones(1), claim), options)
    return report if report.jacobian is not None else as_column(report)


def _of_both(slopes: SlopeValues, claim: HessianProduct, options: Options) -> tuple[Report, Seen]:
    """Return the report by both stencils, and what was seen by the first."""
    first, seen = undiagnosed(slopes, np.ones(1), claim, options)
    certain = slopes.point.held_claims or not np.isfinite(claim.at_x0).all()
    if first.verdict is not Verdict.FAIL or certain or first.interrupted:
        return first, seen
    unsure = replace(first, verdict=Verdict.INCONCLUSIVE, reason=_KINK, advice="")
    cut = replace(unsure, reason=_CUT, advice=larger(*seen[:2]))
    try:
        if slopes.kinked():
            return unsure, seen
        if slopes.left() < 2 * slopes.cost:
            return cut, seen
        second, _ = undiagnosed(slopes.finer(), np.ones(1), claim, options)
    except KeyboardInterrupt:
        return replace(unsure, reason=NOT_REACHED, interrupted=True), seen
    except BudgetSpent:
        return cut, seen
    if second.verdict is Verdict.FAIL and _same_error(first, second):
        return replace(first, interrupted=second.interrupted), seen
    if second.verdict is Verdict.INCONCLUSIVE and ended(second):
        return replace(unsure, reason=second.reason, advice=second.advice), seen
    return replace(unsure, reason=_UNSURE, interrupted=second.interrupted), seen


def _same_error(first: Report, second: Report) -> bool:
    """
    Tell whether a claim is off by the same, whatever the step of the slopes.

    Where a higher derivative of func jumps, as the third one of ``|x|**3`` at 0, slopes nearer than
    a step are those of another func, smooth, and no ladder of them shows it. What that makes a
    right claim off by falls with some power of the step; the error of a claim does not.
    """
    both = [_errors(report) for report in (first, second)]
    failed = both[0][1] & both[1][1]
    if not failed.any():
        # As a whole, or for a reason that is not one of steps.
        known = np.isfinite(first.whole) and np.isfinite(second.whole)
        return not known or second.whole > _FALLS * first.whole
    (one, _, doubt), (two, _, more) = both
    with np.errstate(all="ignore"):
        falls = np.abs(two - one) > (1 - _FALLS) * np.abs(one) + doubt + more
    return bool((failed & ~falls).any())


def _errors(report: Report) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return by what entries are off, which of them fail, and their bars."""
    flat = report.flat
    with np.errstate(all="ignore"):
        error = flat["measured"] - flat["claimed"]
    return error, flat["state"] == "fail", flat["truncation"] + flat["noise"]
