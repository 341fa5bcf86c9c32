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

from .._numerics.extrapolation import NOTHING, Estimate
from .._numerics.rungs import NOISE
from .survey import Survey

#: Said of a line on which it is so.
INEXACT_HERE = (
    "func itself jumps or bends sharply beside x0, by as much as the claim is off and not as the "
    "claim says: what stops at a tolerance is no sharper. Tighten the tolerance, or pass rtol="
)
#: Where a line is cut in pieces, in units of its moves, up to where x is nearly zero, or twice
#: itself: the finer a tolerance, the shorter the pieces on which func is smooth.
_CUTS = np.array([1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 0.9])
#: Those of them that are not on the piece of x0 where a line of many entries has several.
_OUTER = _CUTS[_CUTS >= 1 / 8]
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
#: A kink or jump is followed into so many halvings, to 1e-8 of x: what is no kink is smooth
#: long before, and what the claim bends by itself is nothing beside a kink there.
_HALVINGS = 24
#: A kink bends a line by `error * width / _BENT` at least: from piece to piece slopes differ by
#: about the error, and less shows where the kink is not in the middle of three points.
_BENT = 8.0
#: What bends a line less, far from x0, is no error of func, which differs from piece to piece.
_STRAIGHT = 2.0**-6
#: The width of three points, in units of the step that convicts, at which noise does not bend them
#: so, whatever it is: an error that convicts has 8.5 deviations of it at a single step, and at 32
#: times that half of the width 34, where a second difference has 2.4.
_WIDE = 64.0
#: How many times less than func by itself the claim turns where a kink is none of its own.
_CALM = 8.0
#: Three points of equal distance: their places, the changes of func there, and what the claim says
#: of the change from each to the next: all of it, and its share in the direction that is in doubt.
_Piece = tuple[list[tuple[float, float]], list[np.ndarray]]


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
        survey.short
        or not survey.g.any()
        or not size <= max(_AT_MOST * claimed, _NEGLIGIBLE * typical)
    ):
        return False
    small = size <= _SMALL * max(claimed, typical)
    return _on_the_line(survey, direction, e, small=small) or _of_others(survey, direction, e)


def _on_the_line(survey: Survey, direction: np.ndarray, e: Estimate, *, small: bool) -> bool:
    """Tell whether func is rough on the line that convicts, or on others if that is enough."""
    line = _Line(survey, direction, direction, e)
    if not line.bends():
        return False
    if not small:
        return line.changes() and line.rough()
    if line.rough():
        survey.rough = direction
        return True
    # What a solver leaves may depend smoothly on one entry, and not on the others.
    others = (_drawn(survey) for _ in range(_LINES))
    for other in itertools.chain([] if survey.rough is None else [survey.rough], others):
        if _Line(survey, other, direction, e).rough():
            survey.rough = other
            return True
    return False


def _of_others(survey: Survey, direction: np.ndarray, e: Estimate) -> bool:
    """
    Tell whether the claim is as far off in other entries, where func is rough.

    The more entries share what is left by a tolerance, the longer the pieces on which it is smooth
    in each: on its own line its error looks like one of the claim. On a line of the others, of k
    entries, it is ``k ** (1/2)`` times as large, since its signs are random.
    """
    others, everything = survey.inexact, (direction != 0).all()
    if others is None or everything:  # lines of all entries have errors of all of them
        others = _Others(survey, direction)
    if not everything:
        survey.inexact = others
    length = float(np.linalg.norm(direction / survey.move))
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
    """

    def __init__(self, survey: Survey, direction: np.ndarray) -> None:
        self._survey = survey
        self._which = (direction == 0) | (direction != 0).all()
        self._exact, self._rough = np.inf, 0.0

    def as_far_off(self, typical: float, step: float) -> bool:
        """
        Tell whether the claim is off by an error per entry, or near it, and func is why.

        Parameters
        ----------
        typical : float
            The error per move of one entry, the largest of n. Errors that are products, of what a
            tolerance leaves and of how much an entry matters, have a fourth moment of 9 times the
            square of the second where both are normal: the largest is about ``(9 n) ** (1/4)``
            times the root mean square.
        step : float
            At which it shows.
        """
        if self._rough < typical < self._exact:
            # Where the claim is as far off and no kink is met, it may be on another line.
            for k in range(_LINES):
                line = self._line(typical, step)
                changes = line is not None and line.changes(_OUTER)
                if line is not None and changes and line.rough(_MOST):
                    self._rough = typical
                    return True
                if not (k or changes):  # the others are right
                    break
            self._exact = typical
        return typical <= self._rough

    def _line(self, typical: float, step: float) -> "_Line | None":
        """Return a line, and the error on it; None if noise hides that."""
        survey, direction = self._survey, np.where(self._which, _drawn(self._survey), 0.0)
        largest = (9 * survey.g.size) ** 0.25
        size = typical * float(np.linalg.norm(direction / survey.move)) / largest
        # A step at which noise reaches no half of it.
        step = max(step, 2 * NOISE * np.sqrt(0.5) * survey.sigma / size)
        if step >= survey.steps.top:
            return None
        return _Line(survey, direction, direction, Estimate(np.nan, 0.0, 0.0, step), size)


def _drawn(survey: Survey) -> Any:
    """Return a random move of all entries, of one to two moves each."""
    return survey.signs() * survey.rng.uniform(1, 2, survey.g.size) * survey.move


class _Line:
    """Func and claim on a line, and an error of the claim that is in doubt, maybe of another."""

    def __init__(
        self,
        survey: Survey,
        line: np.ndarray,
        direction: np.ndarray,
        e: Estimate,
        size: float | None = None,
    ) -> None:
        fixed = survey.probe.point.fixed
        self._d = line if fixed is None else np.where(fixed, 0.0, line)
        self._part = np.where(direction != 0, self._d, 0.0)
        # No square underflows or overflows, wherever x0 is.
        self._along = self._d / (float(np.abs(self._d).max()) or 1.0)
        self._survey, self._length = survey, float(self._d @ self._along)
        self._e = e if size is None else self._at_x0(e.step)
        self._size = abs(e.value) if size is None else size
        # A second difference of noise has sqrt(6) deviations, and half the width counts.
        quiet = 2 * _BENT * NOISE * np.sqrt(6) * survey.sigma / self._size
        self._least = min(_WIDE * e.step, quiet)
        claimed, error = float(survey.g @ direction), self._e.value
        # Of a claim that is next to nothing an error is no share.
        self._share = error / claimed if 0 < abs(error) <= abs(claimed) / 2 else 0.0

    def _at_x0(self, step: float) -> Estimate:
        """Return the error of the claim along the line by a single difference."""
        if not self._length or self._survey.probe.left() < 2:
            return NOTHING
        (low, below), (high, above) = self._at(-step), self._at(step)
        error = (above - below) / (high - low) if high > low else np.nan
        return Estimate(error - float(self._survey.g @ self._d), 0.0, 0.0, step)

    def bends(self) -> bool:
        """Tell whether func bends far from x0 at all, but for an error of one size or share."""
        if not self._length or self._survey.probe.left() < 6:
            return False
        far = [self._piece(*sorted((sign * _CUTS[-2], sign * _CUTS[-1]))) for sign in (-1.0, 1.0)]
        return not all(self._bend(piece) < _STRAIGHT for piece in far)

    def rough(self, most: int = 2 * _CUTS.size) -> bool:
        """Tell whether func has a kink or jump on the line, of the size of the error."""
        if not self._length or self._survey.probe.left() < 6 * _CUTS.size:
            return False
        pieces = sorted(self._pieces(), key=self._bend, reverse=True)[:most]
        return any(map(self._kinked, pieces))

    def changes(self, cuts: np.ndarray = _CUTS) -> bool:
        """Tell whether at most places the claim is off by something else than at x0."""
        step, others, known = self._e.step, 0, 0
        if not self._length or self._survey.probe.left() < 4 * cuts.size:
            return False
        for t in np.concatenate([-cuts, cuts]):
            (low, below), (high, above) = self._at(t - step), self._at(t + step)
            claim, _ = self._slopes(t)
            error = (above - below) / (high - low) - claim if high > low else np.nan
            if np.isfinite(error):
                known += 1
                like = min(abs(error - self._e.value), abs(error - self._share * claim))
                others += like > self._size / 2
        return known >= cuts.size and 2 * others > known

    def _pieces(self) -> list[_Piece]:
        """Return the pieces of the line on which func and claim are numbers."""
        cuts = itertools.pairwise([*-_CUTS[::-1], *_CUTS])
        pieces = [self._piece(*ends) for ends in cuts]
        return [piece for piece in pieces if np.isfinite(self._bend(piece))]

    def _piece(self, left: float, right: float) -> _Piece:
        points = [self._at(t) for t in (left, (left + right) / 2, right)]
        return points, [self._claimed(a, b) for a, b in itertools.pairwise(points)]

    def _bend(self, piece: _Piece) -> float:
        """Return how much func bends on a piece by itself, as a share of error times width."""
        points, claimed = piece
        (left, a), (_, b), (right, c) = points
        claim, part = claimed[1] - claimed[0]
        # Neither what a claim leaves that is off by a constant, nor by a share of itself.
        by_itself = (c - b) - (b - a) - claim
        least = min(abs(by_itself), abs(by_itself - self._share * part))
        return float(2 * least / (self._size * (right - left))) if right > left else np.nan

    def _kinked(self, piece: _Piece) -> bool:
        """Tell whether a piece bends, and its halves as well, however short, but not the claim."""
        turns: list[float] = []
        for _ in range(_HALVINGS):
            bend = self._bend(piece)
            left, _, right = (place for place, _ in piece[0])
            slopes = [float(self._slopes(place)[0]) for place, _ in piece[0]]
            turns.append((max(slopes) - min(slopes)) / self._size)
            if not bend >= 1 / _BENT or self._survey.probe.left() < 2:
                return False
            # An error that is a share of the claim, up to a half, has that share of its kinks, and
            # an integral across one is off by less. A smooth claim turns by an eighth of that
            # after three halvings.
            claimed = not turns[-1] <= bend / _CALM
            if claimed and len(turns) > 3 and not turns[-1] < 0.75 * turns[-4]:
                return False
            if right - left <= self._least:
                return not claimed
            piece = max(self._halves(piece), key=self._bend)
        return not claimed

    def _halves(self, piece: _Piece) -> list[_Piece]:
        """Return the left half of a piece, the one in the middle, and the right one."""
        (a, m, b), _ = piece
        points = [a, self._at((a[0] + m[0]) / 2), m, self._at((m[0] + b[0]) / 2), b]
        claimed = [self._claimed(p, q) for p, q in itertools.pairwise(points)]
        halves = [(points[j : j + 3], claimed[j : j + 2]) for j in range(3)]
        return [half for half in halves if np.isfinite(self._bend(half))] or [piece]

    def _at(self, t: float) -> tuple[float, float]:
        """Return the place that x really moves to, and by how much func changes."""
        change, happened = self._survey.probe.at(float(t) * self._d)
        return float(happened @ self._along) / self._length, change

    def _slopes(self, t: float) -> Any:
        """Return the slope that is claimed, and the part of it in doubt; NaN if there is none."""
        there = self._survey.near.there(float(t) * self._d)
        if there is None:
            return np.full(2, np.nan)
        return np.array([there @ self._d, there @ self._part])

    def _claimed(self, a: tuple[float, float], b: tuple[float, float]) -> Any:
        """Return what is claimed of the change between two places: Gauss, three nodes."""
        middle, half = (a[0] + b[0]) / 2, (b[0] - a[0]) / 2
        ends = self._slopes(middle - 0.6**0.5 * half) + self._slopes(middle + 0.6**0.5 * half)
        return half * (8 * self._slopes(middle) + 5 * ends) / 9
