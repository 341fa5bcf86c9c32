"""A weighted sum of func's values near x0, for the verdict: one number for each displacement."""

from functools import partial
from typing import Any

import numpy as np

from ._blocks import blocks, dot
from ._ladder import Rungs
from ._values import BudgetSpent, Values

__all__ = ["BudgetSpent", "Probe"]


class Probe:
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
        Machine epsilon of the coarsest dtype among x0 and func's values, of those, of x0.
    """

    def __init__(self, values: Values, weights: np.ndarray) -> None:
        self.values, self.weights = values, weights
        self.point = values.point
        self.x = values.point.x
        self.parts = [leaf.where for leaf in values.point.leaves]
        self.eps, self.output_eps, self.x_eps = values.eps, values.output_eps, values.point.eps
        self.exponent = 0
        self.size = self._size(values.at_x0)

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
        self.size = self._size(self.values.at_x0)

    def _size(self, values: np.ndarray) -> float:
        weighted = np.ldexp(values * self.weights, self.exponent)
        largest = float(np.max(np.abs(weighted), initial=0.0))
        if not np.isfinite(weighted).all():
            return float("nan")
        return largest * float(np.linalg.norm(weighted / largest)) if largest else 0.0

    def _change(self, values: np.ndarray) -> float:
        # Scaled first: the sum of changes may overflow where that of scaled ones does not.
        with np.errstate(all="ignore"):
            changes = np.ldexp(values - self.values.at_x0, self.exponent)
            return float(self.weights @ changes)

    def at(self, displacement: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the change of func at a displacement (NaN if it fails), and what happened."""
        values, happened = self.values.at(displacement)
        return self._change(values), happened

    def ladder(self, claim: np.ndarray, direction: np.ndarray, steps: np.ndarray) -> Rungs:
        """Return what `claim` leaves unexplained along a direction, at falling steps."""
        changes, claimed = np.empty((2, steps.size)), np.empty((2, steps.size))
        n, known = claim.size, _any_product(claim, direction)

        def weight(part: slice) -> Any:
            return np.abs(claim[part]) if known else np.ones(part.stop - part.start)

        whole = dot(n, weight, partial(_absolute, direction))
        share, size = np.empty((2, steps.size)), np.empty((2, steps.size))
        spare = None
        for j, step in enumerate(steps):
            for side, sign in enumerate((1.0, -1.0)):
                displacement = np.multiply(sign * step, direction, out=spare)
                values, happened = self.values.at(displacement, overwrite=True)
                changes[side, j], size[side, j] = self._change(values), self._size(values)
                claimed[side, j] = claim @ happened
                share[side, j] = dot(n, weight, partial(_absolute, happened)) / whole / step
                # Of func with several values, evaluations are kept.
                spare = happened if self.values.at_x0.size == 1 else None
        # A step is what happened of it; where x has no digits for it, there is no rung.
        lost = ((share < 0.5) | (share > 2)).any(axis=0)
        changes[:, lost], share[:, lost] = np.nan, 1.0
        changes[~np.isfinite(changes)] = np.nan
        # Rounding once has a standard deviation of eps / 2 / sqrt(3).
        largest = np.fmax.reduce(size, axis=0)
        h = steps * share.mean(axis=0)
        return Rungs(h, changes, claimed, 0.3 * self.output_eps * largest).distinct()

    def entry_ladder(self, claim: np.ndarray, i: int, unit: float, steps: np.ndarray) -> Rungs:
        """Return the same along entry `i`, in steps of `unit`."""
        direction = np.zeros_like(self.x)
        direction[i] = unit
        return self.ladder(claim, direction, steps)

    def both_ways(self, step: np.ndarray) -> tuple[Any, Any, Any, Any]:
        """
        Return the changes of func with one entry at a time displaced, up and down.

        Returns
        -------
        plus, up : ndarray of shape (n,)
            Changes and displacements, for a step up.
        minus, down : ndarray of shape (n,)
            The same for a step down.
        """
        if self.left() < 2 * step.size:
            raise BudgetSpent
        if not self.values.sweepable:
            return self._one_by_one(step)
        found: list[np.ndarray] = []
        with np.errstate(all="ignore"):
            for displacement in (step, -step):
                values, happened = self.values.sweep(displacement)
                changes = np.ldexp(values - self.values.at_x0[0], self.exponent)
                found += [self.weights[0] * changes, happened]
        return tuple(found)  # type: ignore[return-value]

    def _one_by_one(self, step: np.ndarray) -> tuple[Any, Any, Any, Any]:
        changes, happened = np.empty((2, step.size)), np.empty((2, step.size))
        displacement = np.zeros_like(step)
        for i, h in enumerate(step):
            for side, sign in enumerate((1.0, -1.0)):
                displacement[i] = sign * h
                changes[side, i], moved = self.at(displacement)
                happened[side, i] = moved[i]
            displacement[i] = 0.0
        return changes[0], happened[0], changes[1], happened[1]


def _absolute(values: np.ndarray, part: slice) -> Any:
    return np.abs(values[part])


def _any_product(a: np.ndarray, b: np.ndarray) -> bool:
    """Tell whether any product of two entries is not zero."""
    return any((a[part] * b[part]).any() for part in blocks(a.size))
