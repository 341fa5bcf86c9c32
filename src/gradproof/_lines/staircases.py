"""Staircases: a claim of zero is their slope where func stands still, whatever their trend is."""

import numpy as np

from .._evaluation.outcomes import BudgetSpent
from .._numerics.blocks import norm
from .._numerics.extrapolation import Estimate
from .._numerics.rungs import NOISE, Rungs
from .._vectors.layout import leaf_of
from .entry import Entry
from .findings import OPEN, PASS, Findings
from .survey import Survey

#: A plateau narrower than this share of x is the grain of a func with a slope, as likely as a step
#: of one without.
STEP_OF_STAIRS = 2.0**-7
#: Entries that are asked whether func is a staircase. If a quarter of them stand still by rounding
#: inside of func, most of 16 do once in 100 (binomial, 9 or more: 0.0075).
_FEW = 16
#: The finest steps, from four ulps on, that are tried where an entry stands still on one side.
_CALM = 8
#: The chance at most that a line of a staircase moves where it is taken for none.
_HARDLY = 2.0**-8
STAIRS = "func is a staircase here; zero is its slope, and not that of its trend"


def standing_still(entry: Entry) -> str:
    """Return, for a claim of zero, PASS if func stands still, OPEN on a narrow step, else ''."""
    survey = entry.survey
    if survey.g[entry.i]:
        return ""
    crossed = entry.ladder.changes[:, -1] != 0
    if crossed.all():
        return ""
    # A jump on one side may be nearer than the finest step, and is if anything is there.
    depths = np.arange(1.0, (_CALM if crossed.any() else 2) + 1)
    finer = entry.ladder.h[-1] / survey.steps.ratio**depths
    entry.extend(finer[finer >= 4 * survey.scalar.x_eps] if crossed.any() else finer)
    ladder = entry.ladder
    if ladder.changes[:, -1].any():
        return ""
    moved = np.flatnonzero(ladder.changes.any(axis=0))
    first = moved[-1] + 1 if moved.size else 0
    if first > ladder.h.size - 3:
        return ""
    # Where rounding would hide a slope that matters, standing still says nothing.
    width = float(ladder.h[first])
    if NOISE * survey.rounding / (np.sqrt(2) * width) > entry.visible:
        return ""
    entry.record(Estimate(0.0, 0.0, 0.0, width))
    # x0 may be near one end of its plateau, which is as wide as its wider side at least.
    widest = max(_still(ladder.h, side) for side in ladder.changes)
    if not moved.size or widest >= STEP_OF_STAIRS:
        return PASS
    entry.remark(STAIRS)
    return OPEN


def _still(h: np.ndarray, changes: np.ndarray) -> float:
    """Return the largest of some falling steps up to which func stands still on one side."""
    moved = np.flatnonzero(changes)
    first = int(moved[-1]) + 1 if moved.size else 0
    return float(h[first]) if first < h.size else 0.0


def on_a_step(entry: Entry, e: Estimate) -> bool:
    """Tell whether the claim is zero and func stands still where its trend would show."""
    return not entry.survey.g[entry.i] and _unmoved(entry.survey, entry.i, e.value, e.step)


def on_no_step(survey: Survey, findings: Findings) -> None:
    """
    Leave open what steps as large as x pass, if func, nearer to x0, does not move at all.

    A few entries also stand still where func rounds inside of it; on a staircase most do.
    """
    passed = np.flatnonzero((findings.state == PASS) & (survey.g != 0))
    few = survey.rng("passed once more").permutation(passed)[:_FEW]
    findings.state[few] = OPEN  # if the budget ends before
    still = [
        int(i)
        for i in few
        if _unmoved(survey, int(i), survey.scales.claim[i], findings.step[i] / 2)
    ]
    if 2 * len(still) <= few.size:
        still = []
    findings.state[np.setdiff1d(few, still)] = PASS
    point = survey.scalar.values.point
    names = (leaf_of(point.leaves, i).name(i) or point.base.called("") for i in still)
    findings.remarks += [f"{name}: {STAIRS}" for name in names]


def _unmoved(survey: Survey, i: int, slope: float, below: float) -> bool:
    """Tell whether an entry leaves func as it is, on both sides, at a step that shows a slope."""
    shown = survey.precision.moving * survey.rounding
    step = max(shown / max(abs(slope), 1e-300), 2 * survey.scalar.x_eps)
    if step >= below:
        return False
    if survey.scalar.left() < 2:
        raise BudgetSpent
    unit = float(survey.move[i])
    return not survey.scalar.entry_ladder(survey.g, i, unit, np.array([step])).changes.any()


def line_on_a_step(survey: Survey, weights: np.ndarray, rungs: Rungs, slope: float) -> bool:
    """
    Tell whether func may be a staircase of which a claim of zero is right, though a line moves it.

    A line that stands still up to steps far above the digits of x may be one of a staircase, which
    a single entry would leave at steps a few times larger. (The finest rung does not count alone.)
    """
    if survey.g.any():
        return False
    narrow = rungs.h <= (survey.precision.narrow or 4 * rungs.h[-1])
    return not rungs.changes[:, narrow].any() or _alone(survey, weights, rungs, slope)


def _alone(survey: Survey, weights: np.ndarray, rungs: Rungs, slope: float) -> bool:
    """
    Tell whether one entry does not move func, which a line did move: a staircase, maybe.

    At a step so fine that an entry with an even share of the line's slope would move func by 16
    units in its last place (`rounding` is 0.3 of one): the line crosses steps of all entries,
    this one hardly any. A step that is no plateau's any more cannot tell; half precision, where
    most of them are as large, tries one of four times that. No need where the line has
    moved func at a step so fine that hardly a plateau of any entry could have ended there.
    """
    crossed = 3 * weights.size * float(rungs.h[-1]) / STEP_OF_STAIRS
    if rungs.changes[:, -1].any() and crossed < _HARDLY:
        return False
    share = slope / norm(weights.size, weights.__getitem__)
    step = max(16 * survey.rounding / (0.3 * 2 * share), 4 * survey.scalar.x_eps)
    if step > survey.precision.stair:
        return True
    step = min(step, 4 * STEP_OF_STAIRS)
    i = int(survey.rng("staircase").integers(survey.g.size))
    alone = survey.scalar.entry_ladder(survey.g, i, float(survey.move[i]), np.array([step]))
    return not alone.changes.any()
