"""
Whether what looks like an error of a claim is that of a func that is not exact.

A solver that stops at a tolerance, an adaptive quadrature, a sum over a grid with a kink in it:
func is smooth as long as it takes the same steps, with a slope that is off by what the tolerance
leaves. From one such piece to the next it jumps, or has a kink, of which a right claim knows
nothing. Where an error of the claim has a kink, the claim has it too, and a larger one.

It is asked last, before a claim is convicted, and excuses no error as large as that of a sign, a
factor of 2 or zero.
"""

import itertools
from typing import Any

import numpy as np

from .._numerics.extrapolation import Estimate
from .._numerics.rungs import NOISE
from .line_errors import OUTER, SMOOTH, LineErrors
from .roughness import Others
from .survey import Survey

#: Said of a line on which it is so.
INEXACT_HERE = (
    "func itself jumps or bends sharply beside x0, by as much as the claim is off and not as the "
    "claim says: what stops at a tolerance is no sharper"
)
#: The largest share of the claim that may be excused: less than half, which is that of a factor 2.
_AT_MOST = 0.4
#: What may be excused where the claim is next to 0, as a share of what is typical.
_NEGLIGIBLE = 2.0**-6
#: Errors up to this share may be alike at all places, as those of a solver are that stops a little
#: early everywhere; what is larger has to be another error at most of them.
_SMALL = 2.0**-7
#: So many other lines are tried for these, besides the last one that was found to be rough.
_LINES = 3
#: And so many pieces of each of several others, those that bend most: there are many such lines.
_MOST = 4


def inexact(
    survey: Survey, direction: np.ndarray, e: Estimate, claimed: float, typical: float
) -> bool:
    """
    Tell whether func is rough beside x0 by as much as a claim is off, and the claim is not why.

    Parameters
    ----------
    survey : Survey
        The problem.
    direction : ndarray
        Of the line that convicts the claim.
    e : Estimate
        The error of the claim there.
    claimed, typical : float
        The size of the claim along the line, and of what its errors are compared with.
    """
    if not perhaps_inexact(survey, direction, e, claimed, typical):
        return False
    small = abs(e.value) <= _SMALL * max(claimed, typical)
    return _on_the_line(survey, direction, e, small=small) or _of_others(survey, direction, e)


def perhaps_inexact(
    survey: Survey, direction: np.ndarray, e: Estimate, claimed: float, typical: float
) -> bool:
    """Tell whether that may be so, by the few calls that show it of most claims that it is not."""
    if (
        not survey.precision.exact
        or not survey.g.any()
        or not abs(e.value) <= max(_AT_MOST * claimed, _NEGLIGIBLE * typical)
    ):
        return False
    return not (_alone(survey, direction, e) or _exact(survey, direction, e))


def _alone(survey: Survey, direction: np.ndarray, e: Estimate) -> bool:
    """
    Tell whether func does not bend where the claim is off, and the claim is right elsewhere.

    Of what is left by a tolerance many entries have a share, which adds up along a line of them: by
    chance to so little in one of a hundred cases.
    """
    typical = abs(e.value) / float(np.linalg.norm(direction / survey.move))
    if not survey.roughness.beside * _largest(survey) <= SMOOTH * typical:
        return False
    return survey.scalar.left() >= 6 and not LineErrors(survey, direction, direction, e).bends()


def _exact(survey: Survey, direction: np.ndarray, e: Estimate) -> bool:
    """
    Tell whether the error of the claim is a smooth one, on a line of all entries.

    That of an inexact func is not, wherever the line is long enough to leave the piece of x0.
    """
    known, everything = survey.roughness, bool((direction != 0).all())
    size = abs(e.value) / float(np.linalg.norm(direction / survey.move))
    if not everything:
        size /= _largest(survey)
    if everything or known.line is None:
        known.line = line = direction if everything else _drawn(survey)
        known.length = float(np.linalg.norm(line / survey.move))
        # At these steps noise leaves less.
        step = max(e.step, NOISE * np.sqrt(0.5) * survey.sigma / (SMOOTH * size * known.length))
        at_x0 = None if everything else size * known.length
        errors = LineErrors(survey, line, line, Estimate(e.value, 0.0, 0.0, step), at_x0)
        known.scatter = errors.scatter(step) if step < survey.steps.top else np.inf
    return known.scatter <= SMOOTH * size * known.length


def _on_the_line(survey: Survey, direction: np.ndarray, e: Estimate, *, small: bool) -> bool:
    """Tell whether func is rough on the line that convicts, or on others if that is enough."""
    line, known = LineErrors(survey, direction, direction, e), survey.roughness
    if not line.bends():
        return False
    if not small:
        return line.changes() and line.rough()
    if line.rough():
        known.rough = direction
        return True
    # What a solver leaves may depend smoothly on one entry, and not on the others.
    others = (_drawn(survey) for _ in range(_LINES))
    for other in itertools.chain([] if known.rough is None else [known.rough], others):
        if LineErrors(survey, other, direction, e).rough():
            known.rough = other
            return True
    return False


def _of_others(survey: Survey, direction: np.ndarray, e: Estimate) -> bool:
    """
    Tell whether the claim is as far off in other entries, where func is rough.

    The more entries share what is left by a tolerance, the longer the pieces on which it is smooth
    in each: on its own line its error looks like one of the claim. On a line of the others, of k
    entries, it is ``k ** (1/2)`` times as large, since its signs are random. The error per move of
    one entry is the largest of n.
    """
    known, everything = survey.roughness, bool((direction != 0).all())
    others = known.others
    if others is None or everything:  # lines of all entries have errors of all of them
        which = (direction == 0) | (direction != 0).all()
        others = Others(which, None if everything else known.line)
    if not everything:
        known.others = others
    typical = abs(e.value) / float(np.linalg.norm(direction / survey.move))
    if others.rough < typical < others.exact:
        # Where the claim is as far off and no kink is met, it may be on another line.
        for k in range(_LINES):
            line = _line_of(survey, others, typical, e.step)
            changes = line is not None and line.changes(OUTER)
            if line is not None and changes and line.rough(_MOST):
                others.rough = typical
                return True
            if not (k or changes):  # the others are right
                break
        others.exact = typical
    return bool(typical <= others.rough)


def _line_of(survey: Survey, others: Others, typical: float, step: float) -> LineErrors | None:
    """Return a line of other entries, and the error on it; None if noise hides that."""
    drawn, others.drawn = others.drawn, None
    direction = np.where(others.which, _drawn(survey) if drawn is None else drawn, 0.0)
    size = typical * float(np.linalg.norm(direction / survey.move)) / _largest(survey)
    # A step at which noise reaches no half of it.
    step = max(step, 2 * NOISE * np.sqrt(0.5) * survey.sigma / size)
    if step >= survey.steps.top:
        return None
    return LineErrors(survey, direction, direction, Estimate(np.nan, 0.0, 0.0, step), size)


def _largest(survey: Survey) -> float:
    """
    Return how much larger the largest error of an entry is than their root mean square.

    Errors that are products, of what a tolerance leaves and of how much an entry matters, have a
    fourth moment of 9 times the square of the second where both are normal.
    """
    return float((9 * survey.g.size) ** 0.25)


def _drawn(survey: Survey) -> Any:
    """Return a random move of all entries, of one to two moves each."""
    sizes = survey.rng("sizes of a solver's moves").uniform(1, 2, survey.g.size)
    return survey.signs("a solver's moves") * sizes * survey.move
