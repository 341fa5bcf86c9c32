"""Leaves of which nothing is claimed: how large a slope of theirs would have been seen."""

from dataclasses import replace

import numpy as np

from .._lines.survey import Survey
from .._report.reach import LeafReach
from .._vectors.layout import Leaf


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
