"""What a call of func comes to, here or with a worker: a value, a failure, or one known already."""

import copy
import pickle
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from .._backends.registry import Backend
from .._backends.typing import Array, Function


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

    def __reduce__(self) -> tuple[Any, ...]:
        try:  # on its way from another process
            pickle.loads(pickle.dumps(self.error))
        except Exception:
            return Failed, (RuntimeError(f"{type(self.error).__name__}: {self.error}"),)
        return Failed, (self.error,)


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


def quiet_of(backend: Backend) -> AbstractContextManager[Any] | None:
    """Return the context in which func is called, for many calls; None for none in particular."""
    quiet = backend.quiet()
    return None if isinstance(quiet, nullcontext) else quiet


def outcome(quiet: AbstractContextManager[Any] | None, func: Function, point: Any) -> Any:
    """Return what func returns at a point, or `Failed`."""
    try:
        if quiet is None:
            return func(point)
        with quiet:
            return func(point)
    except Exception as err:
        return Failed(err)


@dataclass(frozen=True)
class Points:
    """
    The task of a worker who is given points.

    Attributes
    ----------
    backend : Backend
        The adapter of x0.
    func : callable
        Takes one point.
    """

    backend: Backend
    func: Function

    def __call__(self, points: Iterable[Any]) -> list[Any]:
        """Return what func returns at some points, in a form that its next calls cannot change."""
        quiet = quiet_of(self.backend)
        found = (outcome(quiet, self.func, point) for point in points)
        return [one if isinstance(one, Failed) else copy.deepcopy(one) for one in found]


@dataclass(frozen=True)
class Entries(Points):
    """
    The task of a worker who is told which entries of an array to move.

    Attributes
    ----------
    x, plus : array
        Where the entries are, and where each of them goes.
    """

    x: Array
    plus: Array

    def __call__(self, places: Iterable[Any]) -> list[Any]:
        """Return what func returns with each entry in a range moved by itself."""
        assert isinstance(places, range)
        return super().__call__(self.backend.points(self.x, self.plus, places))
