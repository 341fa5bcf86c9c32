"""Evaluations of func near x0 for the verdict: counted, bounded, and never fatal."""

from typing import Any

import numpy as np

from ._backends import Backend
from ._call import bound
from ._ladder import Rungs
from ._line import Line, Primal
from ._typing import Array, Function


class BudgetSpent(Exception):  # noqa: N818  # not an error, a reason to stop
    """No call of func is left."""


class Probe:
    """
    A function near x0, on the host's terms: displacements in, numbers out.

    Parameters
    ----------
    func : callable
        As the user gave it; called as ``func(x, *args)``.
    args : tuple
        Extra arguments.
    primal : Primal
        The point.
    budget : int or None
        The most calls of func.

    Attributes
    ----------
    x : ndarray of shape (n,), float64
        x0, flat.
    f0 : float
        func at x0.
    nfev : int
        Calls of func so far.
    failure : str or None
        What the first failed call off x0 raised, if any did. Such a call counts as NaN: a step
        out of func's domain shortens the ladder, it does not end the check.
    """

    def __init__(
        self, func: Function, args: tuple[Any, ...], primal: Primal, budget: int | None
    ) -> None:
        self._func, self._primal = bound(func, args), primal
        self._backend: Backend = primal.backend
        self._budget = budget
        self.primal = primal
        self.line = line = Line(func, args, primal)
        if not line.is_scalar:
            msg = (
                f"func returned shape {line.shape}; expected one number, since a gradient is "
                "checked. Sum the values with weights of your own, or check one at a time."
            )
            raise ValueError(msg)
        self.nfev = 1
        self.failure: str | None = None
        self.eps, self.output_eps, self.x_eps = line.eps, line.output_eps, primal.eps
        self.exponent = 0
        self.f0 = self._number(line.f0)
        self.x = self._numbers(primal.x)

    def left(self) -> float:
        """Return the number of calls that the budget still allows."""
        return np.inf if self._budget is None else self._budget - self.nfev

    def rescale(self, exponent: int) -> None:
        """From now on, return the values of func times ``2**exponent``."""
        self.f0 = float(np.ldexp(self.f0, exponent))
        self.exponent = exponent

    def at(self, displacement: np.ndarray) -> tuple[float, np.ndarray]:
        """Return func at x0 plus a displacement (NaN if it fails), and the one that happened."""
        point = self._moved(displacement)
        happened = self._numbers(point) - self.x
        outputs: list[Any] = []
        with self._backend.quiet():
            outputs.append(self._backend.keep(self._guarded(point)))
        return self._number(self._backend.to_host(outputs)[0]), happened

    def ladder(self, claim: np.ndarray, direction: np.ndarray, steps: np.ndarray) -> Rungs:
        """Return what `claim` leaves unexplained along a direction, at falling steps."""
        changes, claimed = np.empty((2, steps.size)), np.empty((2, steps.size))
        weight = np.abs(claim) if (claim * direction).any() else np.ones_like(claim)
        share = np.empty((2, steps.size))
        for j, step in enumerate(steps):
            for side, sign in enumerate((1.0, -1.0)):
                value, happened = self.at(sign * step * direction)
                changes[side, j] = value - self.f0
                claimed[side, j] = claim @ happened
                share[side, j] = (weight @ np.abs(happened)) / (weight @ np.abs(direction)) / step
        # A step is what happened of it; where x has no digits for it, there is no rung.
        lost = ((share < 0.5) | (share > 2)).any(axis=0)
        changes[:, lost], share[:, lost] = np.nan, 1.0
        changes[~np.isfinite(changes)] = np.nan
        # Rounding once has a standard deviation of eps / 2 / sqrt(3).
        largest = np.fmax.reduce(np.abs(changes + self.f0), axis=0)
        h = steps * share.mean(axis=0)
        return Rungs(h, changes, claimed, 0.3 * self.output_eps * largest).distinct()

    def entry_ladder(self, claim: np.ndarray, i: int, unit: float, steps: np.ndarray) -> Rungs:
        """Return the same along entry `i`, in steps of `unit`."""
        direction = np.zeros_like(self.x)
        direction[i] = unit
        return self.ladder(claim, direction, steps)

    def sweep(self, step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return func with one entry at a time displaced by its step, and the displacements."""
        if self.left() < step.size:
            raise BudgetSpent
        plus = self._moved(step)
        outputs: list[Any] = []
        with self._backend.quiet():
            self._backend.sweep(self._guarded, self._primal.x, plus, outputs)
        moved, *values = self._backend.to_host([plus, *outputs])
        values = [self._number(value) for value in values]
        return np.asarray(values), np.asarray(moved, dtype=np.float64).ravel() - self.x

    def _moved(self, displacement: np.ndarray) -> Array:
        with np.errstate(over="ignore"):  # beyond the largest number: infinite, and so refused
            point = (self.x + displacement).reshape(self._primal.shape)
            return self._backend.from_host(point, self._primal.x)

    def _guarded(self, point: Array) -> Any:
        if self.left() < 1:
            raise BudgetSpent
        self.nfev += 1
        try:
            return self._func(point)
        except Exception as err:
            if self.failure is None:
                self.failure = f"{type(err).__name__}: {err}"
            return np.nan

    def _number(self, value: Any) -> float:
        array = np.asarray(self._backend.to_host([value])[0])
        number = float(array.reshape(())) if array.size == 1 else np.nan
        return float(np.ldexp(number, self.exponent))

    def _numbers(self, array: Array) -> np.ndarray:
        flat = np.asarray(self._backend.to_host([array])[0], dtype=np.float64).ravel()
        return flat.copy()
