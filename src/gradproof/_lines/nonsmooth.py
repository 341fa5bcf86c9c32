"""Where func has no derivative at x0, or none that its values show: kinks, walls, staircases."""

import numpy as np

from .._evaluation.outcomes import BudgetSpent
from .._numerics.extrapolation import NOTHING, Estimate
from .._numerics.noise import noise_bound
from .._numerics.rungs import NOISE, Rungs
from .._vectors.layout import leaf_of
from .alike import fit_alike
from .cancellation import CANCELS, cancels
from .entry import Entry
from .evidence import DOUBT, EXCUSE, integrates, jumps, suspicious
from .findings import FAIL, OPEN, PASS, Findings
from .inexact import INEXACT_HERE, inexact
from .survey import Survey

#: A plateau narrower than this share of x is the grain of a func with a slope, as likely as a step
#: of one without.
STEP_OF_STAIRS = 2.0**-7
#: Entries that are asked whether func is a staircase. If a quarter of them stand still by rounding
#: inside of func, most of 16 do once in 100 (binomial, 9 or more: 0.0075).
_FEW = 16
#: The finest steps, from four ulps on, that are tried where func looks noisy: a window of five
#: depths takes six, and two finer ones have to agree with it.
_CALM = 8
_STAIRS = "func is a staircase here; zero is its slope, and not that of its trend"


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
    entry.remark(_STAIRS)
    return OPEN


def _still(h: np.ndarray, changes: np.ndarray) -> float:
    """Return the largest of some falling steps up to which func stands still on one side."""
    moved = np.flatnonzero(changes)
    first = int(moved[-1]) + 1 if moved.size else 0
    return float(h[first]) if first < h.size else 0.0


def on_a_step(entry: Entry, e: Estimate) -> str:
    """Return OPEN if the claim is zero and func stands still where its trend would show."""
    if entry.survey.g[entry.i] or not _unmoved(entry.survey, entry.i, e.value, e.step):
        return ""
    entry.remark(_STAIRS)
    return OPEN


def on_no_step(survey: Survey, findings: Findings) -> None:
    """
    Leave open what steps as large as x pass, if func, nearer to x0, does not move at all.

    A few entries also stand still where func rounds inside of it; on a staircase most do.
    """
    passed = np.flatnonzero((findings.state == PASS) & (survey.g != 0))
    few = survey.rng.permutation(passed)[:_FEW]
    findings.state[few] = OPEN  # if the budget ends before
    still = [
        int(i)
        for i in few
        if _unmoved(survey, int(i), survey.scales.claim[i], findings.step[i] / 2)
    ]
    if 2 * len(still) <= few.size:
        still = []
    findings.state[np.setdiff1d(few, still)] = PASS
    leaves = survey.scalar.values.point.leaves
    names = (leaf_of(leaves, i).name(i) or "the entry" for i in still)
    findings.remarks += [f"{name}: {_STAIRS}" for name in names]


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


def at_edge_of_domain(entry: Entry) -> str:
    """Return the state of an entry that can move to one side only."""
    survey = entry.survey
    noise = entry.noise_of(entry.ladder)
    sides = survey.sides(entry.ladder, noise)
    e = min(sides, key=lambda side: side.bar)
    if e is NOTHING:
        return OPEN
    entry.record(e)
    if suspicious(e, entry.allowed, 2 * DOUBT):  # there is no other side to look at again
        return rounded(entry, e) or stopped_early(entry, e) or FAIL
    if not entry.passes(e):
        e = survey.precision.edge(entry.ladder, noise)
    if entry.passes(e):
        entry.record(e)
        entry.remark("func is defined on one side of x0 only")
        return PASS
    return OPEN


def at_a_kink(entry: Entry) -> str:
    """Return PASS for a valid subgradient at a kink, OPEN for an unusual one, else ''."""
    survey, found = entry.survey, entry.findings
    right, left = entry.sides()
    if not survey.precision.near:
        # A kink may lie beside x0, nearer than steps can get: it bends one side only.
        for side in (right, left):
            right_there = abs(side.value) <= side.bar + entry.claim_rounding
            if right_there and abs(side.value) + side.bar <= entry.visible:
                entry.remark("the claim is the slope on one side of x0")
                entry.record(side)
                found.right[entry.i], found.left[entry.i] = right.value, left.value
                return PASS
    bars, gap = right.bar + left.bar, abs(right.value - left.value)
    if not np.isfinite(bars) or gap <= max(bars, entry.allowed) or not _lasts(entry):
        return ""
    found.right[entry.i], found.left[entry.i] = right.value, left.value
    middle = (right.value + left.value) / 2
    finest = float(entry.ladder.h[-1])
    for value, bar in ((right.value, right.bar), (left.value, left.bar), (middle, bars)):
        if bar <= EXCUSE * gap and entry.passes(Estimate(value, 0.0, bar, finest)):
            entry.remark("func has a kink here; the claim is a subgradient")
            entry.record(Estimate(0.0, 0.0, bar, finest))
            return PASS
    low, high = sorted((right.value, left.value))
    if not low - entry.allowed <= 0 <= high + entry.allowed:
        return ""
    between = "func has a kink here; the claim lies between the one-sided slopes"
    if bars <= EXCUSE * gap and survey.subgradient():
        entry.remark(between)
        entry.record(Estimate(0.0, 0.0, bars, finest))
        return PASS
    entry.remark(between + " of this entry, but not of others together with it")
    return OPEN


def _lasts(entry: Entry) -> bool:
    """Tell whether the gap between the sides stays as steps fall; curvature's would shrink."""
    if entry.survey.precision.near:
        return True  # many decades of steps: the one-sided slopes tell
    rungs = entry.near.both()
    seen = np.abs(rungs.curvature) > NOISE * np.sqrt(6) * rungs.spread(entry.survey.sigma)
    gaps = np.abs(rungs.curvature / rungs.h)[seen][-3:]
    return bool(gaps.size == 3 and gaps.max() <= 1.5 * gaps.min())


def smooth_nearer(entry: Entry, e: Estimate) -> str:
    """
    Return what steps of some ulps say of a claim, if func looks noisy at those that convict it.

    Where func oscillates faster than these show, they say that it is noise about a constant. Nearer
    to x0 it is smooth, and the claim right there, or not.
    """
    survey = entry.survey
    noise = entry.noise_of(entry.ladder)
    finer = e.step / survey.steps.ratio ** np.arange(1.0, 40.0)
    finer = finer[finer >= 4 * survey.scalar.x_eps][-_CALM:]
    if not survey.precision.near or noise <= 16 * survey.rounding or finer.size < 3:
        return ""
    near = entry.at(finer)
    nearer, _ = survey.estimate(near, entry.fine, noise_bound(near, survey.floor))
    if not entry.agrees(nearer) or not nearer.bar < EXCUSE * abs(e.value):
        return ""
    entry.record(nearer)
    return PASS if entry.passes(nearer) else OPEN


def out_of_sight(entry: Entry, e: Estimate) -> str:
    """
    Return OPEN if steps convict that are beyond x itself, over which the claim is another one.

    Where noise is as large as what func does on the scale of x, only chords that are far longer
    have less of it. They belong to other places, and no finer step is sharp enough to contradict.
    """
    survey = entry.survey
    if not e.step > survey.steps.top:
        return ""
    unit = float(survey.move[entry.i])
    strays = survey.near.strays(entry.i, e.step * entry.direction) * unit
    return OPEN if 2 * strays > abs(e.value) else ""


def is_excepted(entry: Entry, e: Estimate) -> str:
    """Return OPEN where an error is that of no slope: func or the claim is no smoother."""
    return beside_x0(entry, e) or rounded(entry, e) or stopped_early(entry, e)


def stopped_early(entry: Entry, e: Estimate) -> str:
    """Return OPEN where func itself is rough by as much as the claim is off, else ''."""
    if not inexact(entry.survey, entry.direction, e, entry.claimed, entry.material):
        return ""
    entry.remark(INEXACT_HERE)
    return OPEN


def rounded(entry: Entry, e: Estimate) -> str:
    """Return OPEN where an error is no more than the rounding of the claim, else ''."""
    if not cancels(entry.survey, entry.direction, e.value):
        return ""
    entry.remark(CANCELS)
    return OPEN


def beside_x0(entry: Entry, e: Estimate) -> str:
    """Return OPEN where func is not smooth at the steps that convict, nearer to x0, else ''."""
    if jumps(entry.survey, entry.ladder, e):
        entry.remark("func jumps, or has a kink, beside x0")
        return OPEN
    if integrates(entry.survey, entry.ladder, entry.direction, e, entry.material):
        entry.remark("func changes as the claim does along the line, not at x0")
        return OPEN
    return ""


def _outside(survey: Survey, rungs: Rungs) -> bool:
    """Tell whether the claim is clearly outside of the one-sided slopes along a line."""
    low, high = sorted(survey.sides(rungs), key=lambda side: side.value)
    bars, gap = low.bar + high.bar, high.value - low.value
    clearly = bars + EXCUSE * gap
    return bool(bars < EXCUSE * gap and not low.value - clearly <= 0 <= high.value + clearly)


def valid_together(survey: Survey, findings: Findings) -> bool:
    """
    Tell whether subgradients that are valid entry by entry are one together.

    Full weight for each of a tie is right for every entry alone, and wrong for the maximum. Along
    each line either func moves as the entries do alone, added up, or the claim lies between the
    one-sided slopes.
    """
    if not survey.precision.near:
        return fit_alike(survey, findings)
    kinks = np.isfinite(findings.right) & (findings.state == PASS)
    if kinks.sum() < 2:
        # Half of a jump of the slope is what a central difference shows: entries agree, unasked.
        return not any(_outside(survey, rungs) for _, rungs in survey.lines)
    for weights, rungs in survey.lines:
        w, right, left = weights[kinks], findings.right[kinks], findings.left[kinks]
        # Going up the line, an entry with a negative weight goes down.
        alone = w @ np.where(w > 0, right, left), w @ np.where(w > 0, left, right)
        sides = survey.sides(rungs)
        slack = EXCUSE * float(np.abs(w) @ np.abs(right - left)) / w.size
        apart = any(
            abs(side.value - sum_) > side.bar + slack
            for side, sum_ in zip(sides, alone, strict=True)
        )
        low, high = sorted(side.value for side in sides)
        bars = sides[0].bar + sides[1].bar
        if apart and bars < slack and not low - bars <= 0 <= high + bars:
            return False
    return True
