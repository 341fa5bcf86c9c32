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
from .survey import Survey

#: Said of a line on which it is so.
INEXACT_HERE = (
    "func itself jumps or bends sharply beside x0, by as much as the claim is off and not as the "
    "claim says: what stops at a tolerance is no sharper. Tighten the tolerance, or pass rtol="
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
    size = abs(e.value)
    if (
        not survey.precision.exact
        or not survey.g.any()
        or not size <= max(_AT_MOST * claimed, _NEGLIGIBLE * typical)
    ):
        return False
    if survey.inexact is None:
        survey.inexact = _Known(survey)
    known: _Known = survey.inexact
    if known.exact(direction, e):
        return False
    small = size <= _SMALL * max(claimed, typical)
    return known.on_the_line(direction, e, small=small) or known.of_others(direction, e)


class _Known:
    """
    What is known of how exact func is beside x0, whatever convicts the claim.

    Parameters
    ----------
    survey : Survey
        The problem.
    """

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self._rough: np.ndarray | None = None
        self._others: _Others | None = None
        self._line: np.ndarray | None = None
        self._scatter, self._length = np.inf, 0.0

    def exact(self, direction: np.ndarray, e: Estimate) -> bool:
        """
        Tell whether the error of the claim is a smooth one, on a line of all entries.

        That of an inexact func is not, wherever the line is long enough to leave the piece of x0.
        """
        survey, everything = self._survey, bool((direction != 0).all())
        size = abs(e.value) / float(np.linalg.norm(direction / survey.move))
        if not everything:
            size /= _largest(survey)
        if everything or self._line is None:
            self._line = line = direction if everything else _drawn(survey)
            self._length = float(np.linalg.norm(line / survey.move))
            # At these steps noise leaves less.
            step = max(e.step, NOISE * np.sqrt(0.5) * survey.sigma / (SMOOTH * size * self._length))
            at_x0 = None if everything else size * self._length
            errors = LineErrors(survey, line, line, Estimate(e.value, 0.0, 0.0, step), at_x0)
            self._scatter = errors.scatter(step) if step < survey.steps.top else np.inf
        return self._scatter <= SMOOTH * size * self._length

    def on_the_line(self, direction: np.ndarray, e: Estimate, *, small: bool) -> bool:
        """Tell whether func is rough on the line that convicts, or on others if that is enough."""
        line = LineErrors(self._survey, direction, direction, e)
        if not line.bends():
            return False
        if not small:
            return line.changes() and line.rough()
        if line.rough():
            self._rough = direction
            return True
        # What a solver leaves may depend smoothly on one entry, and not on the others.
        others = (_drawn(self._survey) for _ in range(_LINES))
        for other in itertools.chain([] if self._rough is None else [self._rough], others):
            if LineErrors(self._survey, other, direction, e).rough():
                self._rough = other
                return True
        return False

    def of_others(self, direction: np.ndarray, e: Estimate) -> bool:
        """
        Tell whether the claim is as far off in other entries, where func is rough.

        The more entries share what is left by a tolerance, the longer the pieces on which it is
        smooth in each: on its own line its error looks like one of the claim. On a line of the
        others, of k entries, it is ``k ** (1/2)`` times as large, since its signs are random.
        """
        others, everything = self._others, bool((direction != 0).all())
        if others is None or everything:  # lines of all entries have errors of all of them
            others = _Others(self._survey, direction, None if everything else self._line)
        if not everything:
            self._others = others
        length = float(np.linalg.norm(direction / self._survey.move))
        return bool(others.as_far_off(abs(e.value) / length, e.step))


class _Others:
    """
    What func leaves of the claim on lines of many entries, asked for what convicts some.

    Parameters
    ----------
    survey : Survey
        The problem.
    direction : ndarray
        What convicts the claim first: of its entries others are asked, if there are any.
    drawn : ndarray, optional
        A random move of all entries, for the first line.
    """

    def __init__(
        self, survey: Survey, direction: np.ndarray, drawn: np.ndarray | None = None
    ) -> None:
        self._survey, self._drawn = survey, drawn
        self._which = (direction == 0) | (direction != 0).all()
        self._exact, self._rough = np.inf, 0.0

    def as_far_off(self, typical: float, step: float) -> bool:
        """
        Tell whether the claim is off by an error per entry, or near it, and func is why.

        Parameters
        ----------
        typical : float
            The error per move of one entry, the largest of n.
        step : float
            At which it shows.
        """
        if self._rough < typical < self._exact:
            # Where the claim is as far off and no kink is met, it may be on another line.
            for k in range(_LINES):
                line = self._line(typical, step)
                changes = line is not None and line.changes(OUTER)
                if line is not None and changes and line.rough(_MOST):
                    self._rough = typical
                    return True
                if not (k or changes):  # the others are right
                    break
            self._exact = typical
        return typical <= self._rough

    def _line(self, typical: float, step: float) -> LineErrors | None:
        """Return a line, and the error on it; None if noise hides that."""
        survey, drawn = self._survey, self._drawn
        self._drawn = None
        direction = np.where(self._which, _drawn(survey) if drawn is None else drawn, 0.0)
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
    return survey.signs() * survey.rng.uniform(1, 2, survey.g.size) * survey.move
