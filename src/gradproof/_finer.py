"""Verdicts on gradients of slopes: a claim that fails is looked at again with finer slopes."""

from dataclasses import replace

import numpy as np

from ._claims import Claim
from ._judge import of_gradient
from ._options import Options
from ._report import NOT_REACHED, Report, Verdict
from ._slopes import SlopeValues

_KINK = "func has a kink at x0 or next to it, along the tangent: it has no second derivative there"
_UNSURE = (
    "slopes by a finer step do not bear out that the claim is wrong: func may have a "
    "kink, or bend fast, within the steps"
)
_ADVICE = "give `grad`, whose differences reach less far, or check at a point without kinks"


def of_slopes(slopes: SlopeValues, claim: Claim, options: Options) -> Report:
    """
    Return the report on a claimed gradient of slopes.

    The steps of a stencil add to those of the check, and what they reach across may have nothing to
    do with func at x0. So a fail has to be one with a stencil of half the size as well.
    """
    first = of_gradient(slopes, np.ones(1), claim, options)
    certain = slopes.point.held_claims or not np.isfinite(claim.at_x0).all()
    if first.verdict is not Verdict.FAIL or certain or first.interrupted:
        return first
    unsure = replace(first, verdict=Verdict.INCONCLUSIVE, reason=_KINK, advice=_ADVICE)
    try:
        if slopes.kinked():
            return unsure
        if slopes.left() < 2 * slopes.cost:  # no budget for a second look
            return first
        second = of_gradient(slopes.finer(), np.ones(1), claim, options)
    except KeyboardInterrupt:
        return replace(unsure, reason=NOT_REACHED, interrupted=True)
    if second.verdict is Verdict.FAIL:
        return replace(first, interrupted=second.interrupted)
    return replace(unsure, reason=_UNSURE, interrupted=second.interrupted)
