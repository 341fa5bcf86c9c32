"""Calls of func, one after the other or many at once: the one place where they are made."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._backends import Backend
from ._batches import Leafed, Refused, apart, batched_from, batches, plainly
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
        Number of calls so far; of a batch, the number of its points.
    compile_time : float
        Seconds spent to compile func.
    remarks : list of str
        What was noticed.
    """

    def __init__(self, backend: Backend, settings: Settings, budget: int | None = None) -> None:
        self.backend, self.settings, self.budget = backend, settings, budget
        self.nfev, self.compile_time = 0, 0.0
        self.remarks: list[str] = []
        self._batched_from = batched_from(settings, backend)

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
        leafed: Leafed,
        x: Array,
        plus: Array,
        outputs: list[Any],
        taken: Callable[[Any], Any] | None = None,
    ) -> None:
        """
        Call func at x with one entry at a time replaced by that of `plus`; append the outputs.

        Parameters
        ----------
        leafed : Leafed
            The function of one array.
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
                self.backend.sweep(leafed.call, x, plus, outputs)
            return

        def one(point: Array) -> Any:
            self.spend()
            return taken(self._one(leafed.call, point))

        self.backend.sweep(one, x, plus, outputs)

    def in_batches(self, x: Array) -> bool:
        """Tell whether the entries of an array are many enough for `batches`."""
        return math.prod(x.shape) >= self._batched_from

    def batches(
        self, leafed: Leafed, x: Array, plus: Array, at_x0: np.ndarray
    ) -> Iterator[np.ndarray]:
        """
        Yield func at x with one entry at a time replaced by that of `plus`, in batches.

        Parameters
        ----------
        leafed : Leafed
            The function of one array.
        x, plus : array
            Of one shape.
        at_x0 : ndarray of shape (m,)
            The real numbers in what a plain call returned at x.

        Yields
        ------
        ndarray of shape (1 + k, m)
            At x, as the batch has it, and at the points of the next k entries.

        Raises
        ------
        Refused
            If that cannot be done, or does not agree with a plain call: plain calls have to do it.
            Why is among the remarks.
        ValueError
            In its place, if the user wants batches.
        """
        if self.left() < math.prod(x.shape):
            raise BudgetSpent
        before = leafed.compile_time
        try:
            for block in self._agreeing(leafed, x, plus, at_x0):
                self.nfev += len(block) - 1
                yield block
        except Refused as err:
            self._batched_from = math.inf
            self._refuse(err)
            raise
        finally:
            self.compile_time += leafed.compile_time - before

    def _agreeing(
        self, leafed: Leafed, x: Array, plus: Array, at_x0: np.ndarray
    ) -> Iterator[np.ndarray]:
        """Yield batches that were seen to agree with plain calls, entries of them if any."""
        again = False
        for check, block in self._tried(leafed, x, plus):
            off = self._apart(leafed, x, at_x0, check, block)
            # A program that was kept is of func as it was then.
            again = bool(off) and leafed.reused
            if again:
                break
            if off:
                msg = f"a batch is not what plain calls return: {off}"
                raise Refused(msg)
            if len(block) > 1:
                yield block
        if again:
            leafed.fresh, leafed.reused = True, False
            yield from self._agreeing(leafed, x, plus, at_x0)

    def _tried(
        self, leafed: Leafed, x: Array, plus: Array
    ) -> Iterator[tuple[np.ndarray | None, np.ndarray]]:
        found = batches(self.backend, self.settings, leafed, x, plus)
        while True:
            try:
                with self.backend.quiet():
                    batch = next(found)
            except StopIteration:
                return
            except Refused:
                raise
            except Exception as err:
                raise Refused(_reason(err)) from err
            yield batch

    def _apart(
        self,
        leafed: Leafed,
        x: Array,
        at_x0: np.ndarray,
        check: np.ndarray | None,
        block: np.ndarray,
    ) -> str:
        """Return by how much a batch differs from plain calls, at x0 and once at another point."""
        batch, alone = block[:1], at_x0[None]
        if check is not None and not leafed.agreed:
            try:
                with self.backend.quiet():
                    point = plainly(self.backend, leafed, x)
            except Exception as err:
                raise Refused(_reason(err)) from err
            batch, alone = np.stack([block[0], check]), np.stack([at_x0, point])
        off = apart(batch, alone, leafed.eps)
        leafed.agreed = not off
        return off

    def _refuse(self, err: Refused) -> None:
        settings = self.settings
        if settings.vectorized and err.__cause__ is None:  # func itself did not raise
            msg = (
                f"vectorized=True, but func does not take a leading batch axis: {err}. Expected "
                "results of shape (batch, *shape) for arrays of shape (batch, *x.shape)."
            )
            raise ValueError(msg) from err
        if settings.vectorize is True and not settings.vectorized:
            msg = (
                f"vectorize=True, but func cannot be evaluated in batches: {err}. With "
                "vectorize='auto' it is called one by one then."
            )
            raise ValueError(msg) from err
        self.remarks.append(f"func was called one by one, not in batches: {err}")


def _reason(err: Exception) -> str:
    """Return the first sentence of an exception, in short."""
    first = (str(err).strip().splitlines() or [""])[0]
    text = f"{type(err).__name__}: {first}"
    return text if len(text) <= 160 else f"{text[:157]}..."
