"""Where func has no derivative at x0, or none that its values show: kinks, oscillation, noise."""

import numpy as np

from .._numerics.extrapolation import Estimate
from .._numerics.noise import noise_bound, noise_level
from .._numerics.rungs import NOISE, Rungs
from .alike import fit_alike
from .entry import Entry
from .evidence import EXCUSE, suspicious
from .findings import OPEN, PASS, Findings
from .survey import Survey

#: Entries that are asked whether the gradient is wrong as a whole, where lines are jumpy.
_WITNESSES = 3
#: The finest steps, from four ulps on, that are tried where func looks noisy: a window of five
#: depths takes six, and two finer ones have to agree with it.
_CALM = 8


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


def witnessed(survey: Survey) -> bool:
    """
    Tell whether single entries bear out that the gradient is wrong as a whole.

    Lines that cross the jumps of all entries cannot tell. If all is wrong, each entry is.
    What is another value in each call is no jump: of that the lines have the noise.
    """
    random = survey.scalar.values.change_at_x0().any()
    if not survey.noisier_than_rounding or not survey.g.any() or random:
        return True
    size = np.abs(survey.scales.claim)
    for i in np.argsort(-size)[:_WITNESSES]:
        unit = float(survey.move[i])
        rungs = survey.scalar.entry_ladder(survey.g, int(i), unit, survey.steps.line)
        sigma = noise_level([rungs], survey.rounding, together=2)
        e, _ = survey.estimate(rungs, 0.0, sigma)
        if not suspicious(e, EXCUSE * float(size[i]), 1.0):
            return False
    return True


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
