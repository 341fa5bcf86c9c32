"""Func and claim on one line, far from x0: where func bends or jumps, and the claim does not."""

import itertools
from typing import Any

import numpy as np

from .._numerics.extrapolation import NOTHING, Estimate
from .._numerics.rungs import NOISE
from .survey import Survey

#: Where a line is cut in pieces, in units of its moves, up to where x is nearly zero, or twice
#: itself: the finer a tolerance, the shorter the pieces on which func is smooth.
CUTS = np.array([1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 0.9])
#: Those of them that are not on the piece of x0 where a line of many entries has several.
OUTER = CUTS[CUTS >= 1 / 8]
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
#: So many values more than coefficients tell whether errors are smooth along a line.
_LEFT = 3
#: Where they leave a smooth curve by less than this share, they are of the claim, or of a func that
#: is as smooth: those that are others at each place leave so little once in about 64**3.
SMOOTH = 2.0**-6
#: How many times less than func by itself the claim turns where a kink is none of its own.
_CALM = 8.0
#: Three points of equal distance: their places, the changes of func there, and what the claim says
#: of the change from each to the next: all of it, and its share in the direction that is in doubt.
_Piece = tuple[list[tuple[float, float]], list[np.ndarray]]


class LineValues:
    """
    Func and claim on a line through x0, at places in units of its moves.

    Parameters
    ----------
    survey : Survey
        The problem.
    line : ndarray of shape (n,)
        A displacement of x.
    direction : ndarray of shape (n,)
        Its entries that are not zero have the part of the claim that is in doubt.
    """

    def __init__(self, survey: Survey, line: np.ndarray, direction: np.ndarray) -> None:
        fixed = survey.scalar.point.fixed
        self._d = line if fixed is None else np.where(fixed, 0.0, line)
        self._part = np.where(direction != 0, self._d, 0.0)
        # No square underflows or overflows, wherever x0 is.
        self._along = self._d / (float(np.abs(self._d).max()) or 1.0)
        self._survey, self.length = survey, float(self._d @ self._along)
        self._known: dict[float, tuple[float, float]] = {}

    @property
    def claimed_at_x0(self) -> float:
        """The slope that is claimed at x0."""
        return float(self._survey.g @ self._d)

    def at(self, t: float) -> tuple[float, float]:
        """Return the place that x really moves to, and by how much func changes."""
        t = float(t)
        if t not in self._known:
            change, happened = self._survey.scalar.at(t * self._d)
            self._known[t] = float(happened @ self._along) / self.length, change
        return self._known[t]

    def slopes(self, t: float) -> Any:
        """Return the slope that is claimed, and the part of it in doubt; NaN if there is none."""
        there = self._survey.near.there(float(t) * self._d)
        if there is None:
            return np.full(2, np.nan)
        return np.array([there @ self._d, there @ self._part])

    def claimed(self, a: tuple[float, float], b: tuple[float, float]) -> Any:
        """Return what is claimed of the change between two places: Gauss, three nodes."""
        middle, half = (a[0] + b[0]) / 2, (b[0] - a[0]) / 2
        ends = self.slopes(middle - 0.6**0.5 * half) + self.slopes(middle + 0.6**0.5 * half)
        return half * (8 * self.slopes(middle) + 5 * ends) / 9

    def piece(self, left: float, right: float) -> _Piece:
        """Return a piece of the line between two places."""
        points = [self.at(t) for t in (left, (left + right) / 2, right)]
        return points, [self.claimed(a, b) for a, b in itertools.pairwise(points)]


class LineErrors:
    """Func and claim on a line, and an error of the claim that is in doubt, maybe of another."""

    def __init__(
        self,
        survey: Survey,
        line: np.ndarray,
        direction: np.ndarray,
        e: Estimate,
        size: float | None = None,
    ) -> None:
        self._survey, self._line = survey, LineValues(survey, line, direction)
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
        if not self._line.length or self._survey.scalar.left() < 2:
            return NOTHING
        (low, below), (high, above) = self._line.at(-step), self._line.at(step)
        error = (above - below) / (high - low) if high > low else np.nan
        return Estimate(error - self._line.claimed_at_x0, 0.0, 0.0, step)

    def bends(self) -> bool:
        """Tell whether func bends far from x0 at all, but for an error of one size or share."""
        if not self._line.length or self._survey.scalar.left() < 6:
            return False
        far = [
            self._line.piece(*sorted((sign * CUTS[-2], sign * CUTS[-1]))) for sign in (-1.0, 1.0)
        ]
        return not all(self._bend(piece) < _STRAIGHT for piece in far)

    def rough(self, most: int = 2 * CUTS.size) -> bool:
        """Tell whether func has a kink or jump on the line, of the size of the error."""
        if not self._line.length or self._survey.scalar.left() < 6 * CUTS.size:
            return False
        pieces = sorted(self._pieces(), key=self._bend, reverse=True)[:most]
        return any(map(self._kinked, pieces))

    def changes(self, cuts: np.ndarray = CUTS) -> bool:
        """Tell whether the claim is off by something else at most places, and not smoothly so."""
        like, others = 0, 0
        if not self._line.length or self._survey.scalar.left() < 4 * cuts.size:
            return False
        for t in np.concatenate([-cuts, cuts]):
            error, claim = self._error(t, self._e.step)
            if np.isfinite(error):
                apart = min(abs(error - self._e.value), abs(error - self._share * claim))
                others += apart > self._size / 2
                like += not apart > self._size / 2
            if max(others - 1, like) >= cuts.size:  # most of all places, or not
                break
        most = like + others >= cuts.size and others > like
        return most and not self.scatter(self._e.step) <= SMOOTH * self._size

    def scatter(self, step: float) -> float:
        """
        Return by how much errors of the claim, at x0 and far from it, leave what is smooth.

        That is a polynomial, or one and another times the claim, since what is left out of a claim
        often looks like the rest of it. Infinite if there are too few values.
        """
        if not self._line.length or self._survey.scalar.left() < 4 * OUTER.size:
            return np.inf
        places = np.concatenate([[0.0], -OUTER, OUTER])
        found = [self._error(t, step) for t in places[1:]]
        errors, claims = np.array([(self._e.value, self._line.slopes(0.0)[0]), *found]).T
        there = np.isfinite(errors + claims)
        count = int(np.count_nonzero(there)) - _LEFT
        if count < _LEFT:
            return np.inf
        errors, claims = errors[there], claims[there] / (np.abs(claims[there]).max() or 1.0)
        powers = np.vander(places[there], count, increasing=True)
        half = (count + 1) // 2
        mixed = np.hstack([powers[:, :half], powers[:, : count - half] * claims[:, None]])
        fits = (basis @ np.linalg.lstsq(basis, errors, rcond=None)[0] for basis in (powers, mixed))
        return min(float(np.abs(errors - fit).max()) for fit in fits)

    def _error(self, t: float, step: float) -> tuple[float, float]:
        """Return the error of the claim at a place by a single difference, and the claim."""
        (low, below), (high, above) = self._line.at(t - step), self._line.at(t + step)
        claim, _ = self._line.slopes(t)
        return (above - below) / (high - low) - claim if high > low else np.nan, float(claim)

    def _pieces(self) -> list[_Piece]:
        """Return the pieces of the line on which func and claim are numbers."""
        cuts = itertools.pairwise([*-CUTS[::-1], *CUTS])
        pieces = [self._line.piece(*ends) for ends in cuts]
        return [piece for piece in pieces if np.isfinite(self._bend(piece))]

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
            curvature = self._bend(piece)
            left, _, right = (place for place, _ in piece[0])
            slopes = [float(self._line.slopes(place)[0]) for place, _ in piece[0]]
            turns.append((max(slopes) - min(slopes)) / self._size)
            if not curvature >= 1 / _BENT or self._survey.scalar.left() < 2:
                return False
            # An error that is a share of the claim, up to a half, has that share of its kinks, and
            # an integral across one is off by less. A smooth claim turns by an eighth of that
            # after three halvings.
            claimed = not turns[-1] <= curvature / _CALM
            if claimed and len(turns) > 3 and not turns[-1] < 0.75 * turns[-4]:
                return False
            if right - left <= self._least:
                return not claimed
            piece = max(self._halves(piece), key=self._bend)
        return not claimed

    def _halves(self, piece: _Piece) -> list[_Piece]:
        """Return the left half of a piece, the one in the middle, and the right one."""
        (a, m, b), _ = piece
        points = [a, self._line.at((a[0] + m[0]) / 2), m, self._line.at((m[0] + b[0]) / 2), b]
        claimed = [self._line.claimed(p, q) for p, q in itertools.pairwise(points)]
        halves = [(points[j : j + 3], claimed[j : j + 2]) for j in range(3)]
        return [half for half in halves if np.isfinite(self._bend(half))] or [piece]
