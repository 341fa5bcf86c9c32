"""Claims of nothing, and leaves of which nothing is claimed: what a pass says of them."""

from dataclasses import replace

import numpy as np

from .._lines.findings import Findings
from .._lines.stationary import (
    BELOW_ROUNDING,
    HIDDEN,
    STATIONARY,
    STILL,
    bends,
    hidden,
    moves,
    seen_together,
)
from .._lines.survey import Survey
from .._report.reach import LeafReach
from .._vectors.layout import Leaf


def told_of_nothing(survey: Survey, found: Findings, *, each: bool, still: bool) -> tuple[str, str]:
    """
    Return why a claim of nothing that agrees does not pass, and what is remarked if it does.

    Parameters
    ----------
    survey, found : Survey, Findings
        The problem, and what was found.
    each : bool
        Whether each row of a Jacobian was asked for itself what moves it.
    still : bool
        Whether such a claim passes at a stationary point.
    """
    if not (survey.nothing or each or seen_together(survey, found)):
        return BELOW_ROUNDING, ""
    if not moves(survey):
        return ("", STILL) if still or not hidden(survey) else (HIDDEN, "")
    return STATIONARY if not still and bends(survey) else "", ""


def with_slopes(survey: Survey, reach: tuple[LeafReach, ...]) -> tuple[LeafReach, ...]:
    """
    Return the reach of leaves, with that of those of which nothing is claimed as a slope.

    An error of such a leaf is relative to what has to be seen beside all others: less than that may
    be all that there is of a small leaf. Not said in double precision, which sees a millionth, nor
    where nothing at all is claimed.
    """
    if survey.precision.widest or not survey.g.any() or not survey.scalar.point.entrywise:
        return reach
    leaves = {(leaf.path, leaf.shape): leaf for leaf in survey.scalar.point.leaves}
    return tuple(
        found if survey.g[leaf.where].any() else replace(found, slope=_slope(survey, leaf, found))
        for found in reach
        for leaf in [leaves[found.path, found.shape]]
    )


def _slope(survey: Survey, leaf: Leaf, found: LeafReach) -> float:
    """Return the least slope that is seen if each entry of a leaf has one like it."""
    scales, where = survey.scales, leaf.where
    # What is seen has to be more than what is forgiven beside all others.
    forgiven = survey.rtol * scales.material[where].astype(float) + survey.claim_rounding[where]
    per_move = found.whole * scales.resolved[where].astype(float) + forgiven
    per_x = np.ldexp(per_move, survey.exponent) / survey.move[where]
    return float(np.sqrt(np.mean(per_x**2)))
