"""Calls of func, one after the other or many at once: the one place where they are made."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._backends import Backend
from ._evaluation import Settings
from ._typing import Array, Function


class BudgetSpent(Exception):  # noqa: N818  # not an error, a reason to stop
    """No call of func is left."""


@dataclass(frozen=True)
class Failed:
    """
    What stands for the result of a call that raised.

    Attributes
    ----------
    error : Exception
        What it raised.
    """

    error: Exception


@dataclass(frozen=True)
class Known:
    """
    What stands among points for one that need not be called.

    Attributes
    ----------
    result : object
        What is known of it.
    """

    result: Any


class Calls:
    """
    The calls of one function: counted, bounded, and made in the way that was chosen.

    Parameters
    ----------
    backend : Backend
        The adapter of x0.
    settings : Settings
        How func is evaluated.
    budget : int or None
        The most calls.

    Attributes
    ----------
    nfev : int
        Number of calls so far.
    """

    def __init__(self, backend: Backend, settings: Settings, budget: int | None = None) -> None:
        self.backend, self.settings, self.budget = backend, settings, budget
        self.nfev = 0

    def left(self) -> float:
        """Return the number of calls that the budget still allows."""
        return np.inf if self.budget is None else self.budget - self.nfev

    def spend(self, count: int = 1) -> None:
        """Count calls that are about to be made; `BudgetSpent` if there are fewer left."""
        if self.left() < count:
            raise BudgetSpent
        self.nfev += count

    def each(self, func: Function, points: Iterable[Any]) -> Iterator[Any]:
        """
        Yield what func returns at some points, in order; `Failed` where it raises.

        Parameters
        ----------
        func : callable
            Takes one point.
        points : iterable
            Taken one at a time, or as many as there are workers for: they may be as large as x0.
            `Known` among them comes back as it is, in its place.

        Yields
        ------
        object
            The results.
        """
        for point in points:
            if isinstance(point, Known):
                yield point
            else:
                self.spend()
                yield self._one(func, point)

    def _one(self, func: Function, point: Any) -> Any:
        try:
            with self.backend.quiet():
                return func(point)
        except Exception as err:
            return Failed(err)

    def sweep(
        self,
        func: Function,
        x: Array,
        plus: Array,
        outputs: list[Any],
        taken: Callable[[Any], Any] | None = None,
    ) -> None:
        """
        Call func at x with one entry at a time replaced by that of `plus`; append the outputs.

        Parameters
        ----------
        func : callable
            Takes one array; raises what the user's function raises.
        x, plus : array
            Of one shape.
        outputs : list
            Grows in the order of entries: where an exception ends a sweep, its length tells at
            which entry.
        taken : callable, optional
            From what func returned, or `Failed`, to the output. Without it what func returned is
            the output, and what it raises is raised here.
        """
        if taken is None:
            # As lean as can be: a cheap func is called a million times a second.
            self.spend(math.prod(x.shape))
            with self.backend.quiet():
                self.backend.sweep(func, x, plus, outputs)
            return

        def one(point: Array) -> Any:
            self.spend()
            return taken(self._one(func, point))

        self.backend.sweep(one, x, plus, outputs)
