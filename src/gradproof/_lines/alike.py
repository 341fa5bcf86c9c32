"""
Lines along which entries that are equal move alike: what a claim at a tie has to be there.

Where entries are equal, the slopes of one of them alone are those of several valid claims, and half
precision tells a right one neither from twice of it nor from half of it. Along a line on which
equal entries stay equal, func has no kink of theirs: every claim that is valid at the tie (all on
one of them, or shares that sum to one) says the same there, and others do not.
"""

import numpy as np

from .._evaluation.outcomes import BudgetSpent
from .._numerics.extrapolation import NOTHING
from .findings import PASS, Findings
from .survey import Survey


def fit_alike(survey: Survey, findings: Findings) -> bool:
    """
    Tell whether a claim that passes in half precision is one where equal entries move alike.

    Asked where rounding x0 moves the claim by what matters, or where an entry has passed at a kink.
    """
    if not (_tied(survey) and _in_question(survey, findings)):
        return True
    return all(_fits(survey, findings, weights) for weights in _lines(survey))


def _tied(survey: Survey) -> bool:
    """Tell whether an entry of x0 is 0, or two of a leaf are equal up to their sign."""
    for part in survey.scalar.parts:
        size = np.sort(np.abs(survey.scalar.x[part]))
        if (size[:1] == 0).any() or (size[1:] == size[:-1]).any():
            return True
    return False


def _in_question(survey: Survey, findings: Findings) -> bool:
    """
    Tell whether the claim jumps at x0, or an entry has passed by the slope of one side.

    Of a claim of zero neither shows where func is even, as a maximum over all equal entries is.
    """
    if not survey.g.any() or (np.isfinite(findings.right) & (findings.state == PASS)).any():
        return True
    # On one side it may stay: of a maximum, where the entry that it is by moves up.
    apart = _apart(survey)
    return any(_is_another(survey, sign * apart) for sign in (1.0, -1.0))


def _apart(survey: Survey) -> np.ndarray:
    """Return a displacement by ulps in which entries that are equal move both ways."""
    scalar, signs = survey.scalar, np.empty_like(survey.move)
    for part in scalar.parts:
        drawn = survey.rng("order of equals").permutation(part.stop - part.start)
        order = drawn[np.argsort(scalar.x[part][drawn], kind="stable")]
        signs[part][order] = np.where(np.arange(order.size) % 2, -1.0, 1.0)
    return np.asarray(signs * scalar.point.eps * scalar.magnitude)


def _is_another(survey: Survey, displacement: np.ndarray) -> bool:
    """Tell whether the claim beside x0 is another one, by half of what matters."""
    there = survey.near.there(displacement)
    if there is None:
        return False
    # Half: two of an entry that is off by as much would not be forgiven together.
    off = np.abs(there - survey.g) * survey.move > survey.rtol / 2 * survey.scales.material
    return bool(off.any())


def _lines(survey: Survey) -> list[np.ndarray]:
    """
    Return weights of the moves, which are the same, but for a sign, of entries of the same size.

    Those that are equal move alike; then those that are equal up to their sign move in proportion
    to x0. Each group in the direction in which the claim says that func grows.
    """
    x, lines = survey.scalar.x, []
    signs = np.where(x < 0, -1.0, 1.0)
    for group, along in ((x, np.ones_like(x)), (np.abs(x), signs)):
        weights = np.empty_like(x)
        for part in survey.scalar.parts:
            _, which = np.unique(group[part], return_inverse=True)
            claimed = np.bincount(which, (survey.scales.claim * along)[part])
            chosen = survey.rng("signs of equals").choice([-1.0, 1.0], claimed.size)
            chosen = np.where(claimed != 0, np.sign(claimed), chosen)
            weights[part] = chosen[which] * along[part]
        lines.append(weights)
    same = np.array_equal(lines[0], lines[1]) or np.array_equal(lines[0], -lines[1])
    return lines[:1] if same else lines


def _fits(survey: Survey, findings: Findings, weights: np.ndarray) -> bool:
    """
    Tell whether the claim lies between the one-sided slopes along a line, up to their bars.

    Off by as much on both sides, it is right on no side of x0 either: that is taken down.
    """
    direction = weights * survey.move
    if survey.scalar.left() < 2 * survey.steps.line.size:
        raise BudgetSpent
    rungs = survey.scalar.ladder(survey.g, direction, survey.steps.line)
    claimed = abs(float(survey.g @ direction))
    allowed = survey.rtol * claimed + 2 * survey.eps * survey.claimed_along(weights)
    # Rounding that equal entries share; their tie is none of it, as they stay equal.
    blur = min(survey.near.changes(survey.scalar.x_eps * direction, direction), default=0.0)
    sides = survey.sides(rungs)
    if NOTHING in sides:
        return True
    off = [abs(side.value) > allowed + 2 * blur + side.bar for side in sides]
    if all(off):  # a kink that is none of a tie: the claim lies between its slopes, or not
        findings.off_alike |= sides[0].value * sides[1].value > 0
        return sides[0].value * sides[1].value < 0
    if not any(off):
        # Weights that cancel in the sum of a tie leave nothing of twice a claim, or half of it.
        tells = min(side.bar for side in sides) + allowed < claimed / 2
        return bool(tells or not survey.claimed_along(weights))
    # A side that is too blurred to tell from the other one says nothing for the claim.
    blurred, clear = sides if off[1] else sides[::-1]
    return bool(blurred.bar < abs(clear.value) / 2)
