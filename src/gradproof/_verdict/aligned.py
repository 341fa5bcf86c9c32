"""Whether a gradient is wrong as a whole, from a line along the claim: sign, factor, zero."""

import numpy as np

from .._lines.cancellation import CANCELS
from .._lines.evidence import DOUBT, beyond_doubt, suspicious
from .._lines.findings import FAIL, Findings
from .._lines.inexact import INEXACT_HERE
from .._lines.judgement import ALIGNED, AMONG, FIRST, Flagged, excepted, judged
from .._lines.survey import Survey
from .._numerics.noise import noise_level
from .._numerics.rungs import Rungs
from .._report.places import listed

#: An error of the gradient as a whole that is smaller than this may be that of a single entry, to
#: be found and named; a larger one is said at once, whatever the number of entries.
LOCAL = 0.05
#: Up to so many leaves an error of the whole is traced to one of them, at twice so many calls of
#: func for each: 64 calls in all, about as many as the rest of such a check.
_LEAVES, _STEPS = 16, 2


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
    look = AMONG if among and not findings.whole > LOCAL else ALIGNED
    flagged = Flagged(
        look, survey, [rungs], rungs, first, claimed, scale, survey.sigma, weights=weights
    )
    if not beyond_doubt(survey, first, allowed) or excepted(flagged, FIRST):
        return False
    steps = rungs.h / np.sqrt(rungs.h[0] / rungs.h[1])
    again = survey.scalar.ladder(survey.g, flagged.direction, steps)
    flagged.ladders.append(again)
    # A noise measured too low must not convict: measured more cautiously, on both ladders.
    flagged.sigma = max(survey.sigma, noise_level([rungs, again], survey.floor, together=2))
    found = judged(
        flagged, [flagged.sigma], lambda part, noise: survey.estimate(part, fine, noise)[0], allowed
    )
    if found.reason in (CANCELS, INEXACT_HERE):  # the others are for the entries to say
        findings.remarks.append(found.reason)
    if found.state == FAIL and claimed:
        ratio = 1 + (found.looks[0].value + found.looks[1].value) / 2 / claimed
        findings.remarks.append(f"along the claim, func has {ratio:.6g} times its slope")
    return found.state == FAIL


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
