"""A weighted sum of func's values near x0, for the verdict: one number for each displacement."""

import math
from functools import partial
from typing import Any

import numpy as np

from .._evaluation.values import Values
from .._numerics.blocks import LONG, absolute, blocks, dot, sizes_or_ones, stacked
from .._numerics.rungs import Rungs

#: In units in which f is about 1: what squares to infinity is no slope, but a wall.
_WALL = 1e150
#: The numbers of points and values that are worked on at once, if there are more than one point: an
#: operation of NumPy on 2^14 of them takes ten times (2.7 us) what its call does (0.3 us), so that
#: with more of them no calls are left to be saved.
_TOGETHER = 2**14

#: Sides and places of steps.
Places = list[tuple[int, int]]


class Scalarized:
    """
    The sum of func's values, each times a weight, as changes from x0.

    Changes are summed, not values: a difference of values close to each other is exact, and a large
    value that does not change is nothing.

    Parameters
    ----------
    values : Values
        Evaluations of func.
    weights : ndarray of shape (m,)
        The cotangent; ``[1.0]`` for a func of one value.

    Attributes
    ----------
    x : ndarray of shape (n,), float64
        x0, flat.
    size : float
        What the rounding of func's values is relative to: the 2-norm of values times weights, the
        size of f itself if it is one value. NaN if a value is not finite.
    parts : list of slice
        The leaves of x0.
    eps, output_eps, x_eps : float
        Machine epsilon of the coarsest dtype among x0 and func's values, of those, of x0; the last
        in units of moves.
    """

    def __init__(self, values: Values, weights: np.ndarray) -> None:
        self.values, self.weights = values, weights
        self.point = values.point
        self.x = values.point.x
        self.parts = [leaf.where for leaf in values.point.leaves]
        self.eps, self.output_eps = values.eps, values.output_eps
        self.x_eps = values.point.eps / values.reach
        self.exponent = 0
        self.size = float(self.size_of(values.at_x0))

    @property
    def magnitude(self) -> Any:
        """The sizes of the entries of x0; of both parts of a complex one its modulus."""
        return self.point.magnitude  # made anew: it is as large as x0, and seldom asked for

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of x0 if it is one real array; otherwise it is looked at as flat."""
        (leaf, *others) = self.point.leaves
        return (self.x.size,) if others or leaf.complex else leaf.shape

    @property
    def nfev(self) -> int:
        """Number of calls of func so far."""
        return self.values.nfev

    def left(self) -> float:
        """Return the number of calls that the budget still allows."""
        return self.values.left()

    def rescale(self, exponent: int) -> None:
        """From now on, return the changes of func times ``2**exponent``."""
        self.exponent = exponent
        self.size = float(self.size_of(self.values.at_x0))

    def size_of(self, values: np.ndarray) -> Any:
        """Return the 2-norm of weighted values, of those in the last axis."""
        with np.errstate(over="ignore"):  # far beyond x0 and its values: nothing is seen from there
            weighted = np.ldexp(values * self.weights, self.exponent)
        largest = np.max(np.abs(weighted), axis=-1, initial=0.0)
        with np.errstate(all="ignore"):  # NaN if a value is not finite
            share = weighted / np.where(largest, largest, 1.0)[..., None]
            return largest * np.sqrt(np.vecdot(share, share))

    def share_of(self, changed: np.ndarray) -> Any:
        """Return what share of the 2-norm of weighted values some of them have, in each row."""
        size = np.square(np.ldexp(self.values.at_x0 * self.weights, self.exponent))
        total = float(size.sum())
        if not 0 < total < math.inf:
            return 1.0
        return np.sqrt(np.vecdot(size, changed.astype(float)) / total)

    def change(self, values: np.ndarray, at_x0: np.ndarray | None = None) -> Any:
        """Return the weighted sum of the changes of values, of those in the last axis."""
        at_x0 = self.values.at_x0 if at_x0 is None else at_x0
        # Scaled first: the sum of changes may overflow where that of scaled ones does not.
        with np.errstate(all="ignore"):
            return np.vecdot(self.weights, np.ldexp(values - at_x0, self.exponent))

    def change_at_x0(self) -> float:
        """Return by how much func at x0 is another one now than it was at first."""
        change = self.values.change_at_x0()
        with np.errstate(all="ignore"):
            return abs(float(np.vecdot(self.weights, np.ldexp(change, self.exponent))))

    def at(self, displacement: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the change of func at a displacement (NaN if it fails), and what happened."""
        values, happened = self.values.at(displacement)
        return float(self.change(values)), happened

    def ladder(self, claim: np.ndarray, direction: np.ndarray, steps: np.ndarray) -> Rungs:
        """Return what `claim` leaves unexplained along a direction, at falling steps."""
        if self.point.fixed is not None:
            direction = np.where(self.point.fixed, 0.0, direction)
        known = any((claim[part] * direction[part]).any() for part in blocks(claim.size))
        weight = sizes_or_ones(claim, known=known)
        whole = dot(claim.size, weight, partial(absolute, direction))
        # The finest first: what func keeps of its last call is then furthest from x0.
        places = [(side, j) for j in range(steps.size)[::-1] for side in (0, 1)]
        measure = _in_passes if self.values.long else _by_moves
        changes, size, claimed, share, moved = measure(
            self, claim, direction, steps, places, known=known
        )
        with np.errstate(all="ignore"):  # nowhere to go, or beyond the largest number
            share /= whole * steps
        # A step is what happened of it; where x has no digits for it, there is no rung.
        lost = ~((share >= 0.5) & (share <= 2)).all(axis=0)
        changes[:, lost], share[:, lost] = np.nan, 1.0
        changes[~(np.abs(changes) < _WALL)] = np.nan
        # Rounding once has a standard deviation of eps / 2 / sqrt(3).
        largest = np.fmax.reduce(size, axis=0)
        h = steps * share.mean(axis=0)
        rounding = 0.3 * self.output_eps * largest
        if not self.point.entrywise and claim.any():
            # Along a line x rounds in each of its entries, and off the line: what that makes of
            # values that do not depend on all of them shows in no displacement along it.
            rounding = np.hypot(rounding, 0.3 * self.point.eps * whole)
        return Rungs(h, changes, claimed, rounding, moved.max(axis=0)).distinct()

    def entry_ladder(self, claim: np.ndarray, i: int, unit: float, steps: np.ndarray) -> Rungs:
        """Return the same along entry `i`, in steps of `unit`."""
        direction = np.zeros_like(self.x)
        direction[i] = unit
        return self.ladder(claim, direction, steps)


def _by_moves(
    scalar: Scalarized,
    claim: np.ndarray,
    direction: np.ndarray,
    steps: Any,
    places: Places,
    *,
    known: bool,
) -> np.ndarray:
    """Return changes, sizes, what was claimed, how far it went, and what share changed."""
    told = np.ones((5, 2, steps.size))
    changes, size, claimed, share, moved = told
    weight = sizes_or_ones(claim, known=known)
    # A few at a time where they are short: then an operation costs more than its numbers.
    together = max(1, _TOGETHER // max(claim.size + scalar.weights.size, 1))
    for start in range(0, len(places), together):
        side, j = np.transpose(places[start : start + together])
        at, signed = (side, j), (-1.0) ** side * steps[j]
        found = scalar.values.rows(signed[:, None] * direction)
        values, happened = map(stacked, zip(*found, strict=True))
        claimed[at] = np.vecdot(happened, claim)
        if claim.size <= LONG:
            share[at] = np.vecdot(np.abs(happened), weight(slice(None)))
        else:
            share[at] = [dot(claim.size, weight, partial(absolute, by)) for by in happened]
        del happened  # as long as x0
        changes[at], size[at] = scalar.change(values), scalar.size_of(values)
        if scalar.weights.size > 1:
            moved[at] = scalar.share_of(values != scalar.values.at_x0)
    return told


def _in_passes(
    scalar: Scalarized,
    claim: np.ndarray,
    direction: np.ndarray,
    steps: Any,
    places: Places,
    *,
    known: bool,
) -> np.ndarray:
    """Return the same of a func of one value, in one pass over the entries for each step."""
    found = np.ones((5, 2, steps.size))
    changes, size, claimed, share, _ = found
    claimed[:], share[:] = 0.0, 0.0

    def told(k: int, part: slice, happened: np.ndarray) -> None:
        if known:
            happened *= claim[part]
            claimed[places[k]] += np.add.reduce(happened)
        share[places[k]] += np.add.reduce(np.abs(happened, out=happened))

    signed = [float((-1.0) ** side * steps[j]) for side, j in places]
    for at, values in zip(places, scalar.values.on_line(direction, signed, told), strict=True):
        changes[at], size[at] = scalar.change(values), scalar.size_of(values)
    return found
