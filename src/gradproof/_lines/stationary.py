"""
Points at which a gradient is zero: every multiple of a right claim is right there.

What passes at such a point has not been told from itself times any factor, and says nothing of the
formula. A func that does not move at all is another case: of it a claim of zero says everything.
"""

import numpy as np

from .._numerics.blocks import norm
from .._numerics.rungs import Rungs
from .findings import Findings
from .moves import largest_moved
from .survey import Survey

#: A change counts from here on, in standard deviations of what noise and rounding make of it. Four
#: bits more than a deviation, as wherever noise is compared.
_MOVES = 16
#: The least power of the step by which func moves from a stationary point: halfway between that of
#: a bend, 2 or more, and that of steps of a staircase and kinks beside x0, which is 1.
_POWER = 1.5
STATIONARY = (
    "the point is stationary: the claim is 0 in every entry, up to rounding, and so is the slope "
    "of func"
)
NEARLY = (
    "the point is stationary, or nearly so: the slope of func here is a small rest of what it is "
    "beside it, and some of it cannot be resolved"
)
STILL = (
    "the claim is 0 in every entry, and func does not move from its value here: a point where it "
    "does would tell more"
)
HIDDEN = (
    "neither the claim nor func moves func's value here by its rounding, and farther off func does "
    "move: no claim can be told from another"
)
BELOW_ROUNDING = (
    "what is claimed moves func by less than its value is rounded by: no claim can be told from "
    "another"
)


def claims_nothing(survey: Survey) -> bool:
    """Tell whether the claim moves func by no more than the rounding of its result."""
    least = survey.precision.zero * survey.eps * survey.scalar.size
    return bool(survey.g.size) and largest_moved(survey.g, survey.move) <= least


def seen_together(survey: Survey, found: Findings) -> bool:
    """Tell whether entries that each claim nothing move func together, along some direction."""
    if not np.isfinite(found.alone):  # which is known where there were directions
        return False
    claim = survey.scales.claim
    return found.whole < 1 or found.alone < norm(claim.size, claim.__getitem__)


def bends(survey: Survey) -> bool:
    """Tell whether func moves along a line, by a higher power of the step than a slope does."""
    return any(_bends(survey, rungs.both()) for _, rungs in survey.lines)


def _bends(survey: Survey, rungs: Rungs) -> bool:
    size = np.abs(rungs.changes).max(axis=0, initial=0.0)
    there = size > _MOVES * np.maximum(survey.sigma, rungs.rounding)
    there &= rungs.h <= survey.precision.plateau
    size, h = size[there], rungs.h[there]
    if size.size < 3:
        return False
    powers = np.log(size[:-1] / size[1:]) / np.log(h[:-1] / h[1:])
    steep = powers > _POWER
    return bool((steep[1:] & steep[:-1]).any())


def moves(survey: Survey) -> bool:
    """Tell whether func moves at all along the lines."""
    return any(
        bool((np.abs(rungs.changes) > _MOVES * rungs.rounding).any()) for _, rungs in survey.lines
    )


def hidden(survey: Survey) -> bool:
    """
    Tell whether func stands still only because x0 does not move it on its own scale.

    Asked where something is claimed, which may be rounding of a right zero or a slope that x0 is
    too small to show: at moves of ordinary size func stands still, or it does not.
    """
    scalar, values = survey.scalar, survey.scalar.values
    base = values.point.base
    # Of an x0 so small the square is less than the rounding of what is about 1.
    small = float(np.max(base.magnitude, initial=0.0)) < float(np.sqrt(survey.eps))
    if not (small or survey.g.any()) or values.left() < values.cost:
        return False
    # As far as the first step of a ladder; rounding to a result has a deviation of 0.3 of its unit.
    moved, _ = scalar.at(values.point.farther(survey.signs("hidden") / 32))
    return bool(abs(moved) > _MOVES * max(survey.sigma, 0.3 * scalar.output_eps * scalar.size))
