"""Whether a gradient is wrong as a whole, from a line along the claim: sign, factor, zero."""

import numpy as np

from .._lines.cancellation import CANCELS, cancels
from .._lines.evidence import (
    DOUBT,
    EXCUSE,
    beyond_doubt,
    confirmed,
    integrates,
    jumps,
    kinked,
    right_at_another_scale,
    right_of_the_trend,
    suspicious,
)
from .._lines.findings import Findings
from .._lines.inexact import INEXACT_HERE, inexact
from .._lines.nonsmooth import STEP_OF_STAIRS
from .._lines.survey import Survey
from .._numerics.noise import noise_level
from .._numerics.rungs import Rungs
from .._report.places import listed

#: An error of the gradient as a whole that is smaller than this may be that of a single entry, to
#: be found and named; a larger one is said at once, whatever the number of entries.
LOCAL = 0.05
#: Entries that are asked whether the gradient is wrong as a whole, where lines are jumpy.
_WITNESSES = 3
#: Up to so many leaves an error of the whole is traced to one of them, at twice so many calls of
#: func for each: 64 calls in all, about as many as the rest of such a check.
_LEAVES, _STEPS = 16, 2
#: The chance at most that a line of a staircase moves where it is taken for none.
_HARDLY = 2.0**-8


def whole_is_wrong(
    survey: Survey, findings: Findings, weights: np.ndarray, rungs: Rungs, *, among: bool = False
) -> bool:
    """
    Tell whether the slope along the claim is wrong beyond what right entries can add to.

    `among` other directions, which are to tell whether an error is that of a few entries.
    """
    claimed = survey.claimed_along(weights)
    scale = claimed or survey.size_along(weights)
    # The roundings of the claim add up like noise, but for a share that they have in common.
    total, root = survey.rounding_along(weights)
    common = min(total, 2 * root + 2 * survey.eps * scale)
    allowed, fine = survey.rtol * scale + common, survey.rtol * scale
    first, _ = survey.estimate(rungs, fine)
    sharp, _ = survey.estimate(rungs, 0.0)
    findings.whole = min(abs(e.value) + e.bar for e in (first, sharp)) / (scale or 1.0)
    if suspicious(sharp, common, DOUBT) and abs(sharp.value) + sharp.bar < allowed:
        findings.remarks.append(
            f"along the claim, func's slope differs by {abs(sharp.value) / scale:.0e} of it: "
            "significant, but less than what matters"
        )
    if not beyond_doubt(survey, first, allowed) or kinked(survey, rungs, scale):
        return False
    # A line that stands still up to there may be one of a staircase, which a single entry would
    # leave at steps a few times larger. (The finest rung does not count alone.)
    narrow = rungs.h <= (survey.precision.narrow or 4 * rungs.h[-1])
    still = not rungs.changes[:, narrow].any()
    if not survey.g.any() and (still or _stands_still(survey, abs(first.value), weights, rungs)):
        return False
    direction = weights * survey.move
    again = survey.scalar.ladder(survey.g, direction, rungs.h / np.sqrt(rungs.h[0] / rungs.h[1]))
    # A noise measured too low must not convict: measured more cautiously, on both ladders.
    sigma = max(survey.sigma, noise_level([rungs, again], survey.floor, together=2))
    first, second = (survey.estimate(part, fine, sigma)[0] for part in (rungs, again))
    wrong = (
        confirmed(survey, first, second, allowed)
        and not right_at_another_scale([rungs, again], sigma, first, claimed)
        and not right_of_the_trend([rungs, again], sigma, first, scale)
        and not jumps(survey, rungs, first)
        and not integrates(survey, rungs, direction, first, scale)
        and _witnessed(survey)
    )
    if wrong and cancels(survey, direction, first.value):
        findings.remarks.append(CANCELS)
        return False
    alone = not among or findings.whole > LOCAL  # else directions come first
    if wrong and alone and inexact(survey, direction, first, claimed, scale):
        findings.remarks.append(INEXACT_HERE)
        return False
    if wrong and claimed:
        ratio = 1 + (first.value + second.value) / 2 / claimed
        findings.remarks.append(f"along the claim, func has {ratio:.6g} times its slope")
    return wrong


def leaves_off(survey: Survey, weights: np.ndarray, rungs: Rungs) -> str:
    """
    Return which leaves an error of the gradient as a whole is in, from a short line in each.

    Words to follow a sentence; none for a single leaf.
    """
    leaves, scalar = survey.scalar.values.point.leaves, survey.scalar
    if len(leaves) < 2 or not scalar.point.entrywise:  # tangents have no place in x0
        return ""
    sharp, _ = survey.estimate(rungs, 0.0)
    steps = rungs.h[rungs.h >= sharp.step][-_STEPS:]
    if len(leaves) > _LEAVES or scalar.left() < 2 * steps.size * len(leaves) or not steps.size:
        return f"; which of the {len(leaves)} leaves it is in was not measured"
    off, right = [], []
    for leaf in leaves:
        own = np.zeros_like(weights)
        own[leaf.where] = weights[leaf.where]
        if not own.any():  # without an entry
            continue
        e, _ = survey.estimate(scalar.ladder(survey.g, own * survey.move, steps), 0.0)
        claimed = survey.claimed_along(own)
        scale = claimed or survey.size_along(own)
        total, root = survey.rounding_along(own)
        common = min(total, 2 * root + 2 * survey.eps * scale)
        if suspicious(e, survey.rtol * scale + common, DOUBT):
            times = f"func has {1 + e.value / claimed:.4g} times its slope" if claimed else ""
            off.append(f"{leaf.path} ({times or 'claimed to be 0'})")
        elif abs(e.value) + e.bar <= abs(sharp.value) / 10:  # of the error it has a tenth at most
            right.append(leaf.path)
    if not off:
        return "; which leaves it is in could not be measured"
    return f"; in {listed(off)}" + (f", not in {listed(right)}" if right else "")


def _witnessed(survey: Survey) -> bool:
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


def _stands_still(survey: Survey, slope: float, weights: np.ndarray, rungs: Rungs) -> bool:
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
    share = slope / float(np.linalg.norm(weights))
    step = max(16 * survey.rounding / (0.3 * 2 * share), 4 * survey.scalar.x_eps)
    if step > survey.precision.stair:
        return True
    step = min(step, 4 * STEP_OF_STAIRS)
    i = int(survey.rng.integers(survey.g.size))
    alone = survey.scalar.entry_ladder(survey.g, i, float(survey.move[i]), np.array([step]))
    return not alone.changes.any()
