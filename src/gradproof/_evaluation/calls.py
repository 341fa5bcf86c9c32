"""Calls of func, one after the other or many at once: the one place where they are made."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np

from .._backends.registry import Backend
from .._backends.typing import Array, Function
from .._vectors.remarks import NOT_IN_BATCHES
from .agreement import agreeing
from .batches import Leafed, Refused, batched_from, run_of
from .deadline import ticking
from .options import Settings
from .outcomes import BudgetSpent, Entries, Failed, Known, Points, outcome, quiet_of
from .progress import Progress, progress_of
from .workers import Workers

#: Points that are handed to workers at a time: all of a survey's lines, and four for each of 16
#: workers; of large ones fewer, as many as 128 MB of float64 hold.
_TOGETHER, _ROOM = 64, 2**24
#: Entries that batches do before something else is looked at: four batches of 128.
_IN_A_ROW = 508


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
        self._workers: Workers | None = None
        if settings.workers is not None:
            self._workers = Workers(settings.workers, threads=backend.threads)
        self._progress = progress_of(settings)
        self._tick = ticking(None if self._progress is None else self._progress.tick)

    def left(self) -> float:
        """Return the number of calls that the budget still allows."""
        return np.inf if self.budget is None else self.budget - self.nfev

    def spend(self, count: int = 1) -> None:
        """Count calls that are about to be made; `BudgetSpent` if there are fewer left."""
        if self.budget is not None and self.left() < count:
            raise BudgetSpent
        if self._tick is not None:
            self._tick(self.nfev)
        self.nfev += count

    def shown(self, expected: int) -> AbstractContextManager[None]:
        """Return the context in which a bar may show the calls, so many of them expected."""
        return nullcontext() if self._progress is None else self._shown(self._progress, expected)

    @contextmanager
    def _shown(self, progress: Progress, expected: int) -> Iterator[None]:
        progress.start(self.nfev, expected)
        try:
            yield
        finally:
            progress.stop(self.nfev)

    def expect(self, more: int) -> None:
        """Say, for the bar, how many calls are left."""
        if self._progress is not None:
            self._progress.expect(self.nfev + more)

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
        if self._workers is not None:
            yield from self._by_workers(self._workers, func, iter(points))
            return
        quiet = quiet_of(self.backend)
        for point in points:
            if isinstance(point, Known):
                yield point
            else:
                self.spend()
                yield outcome(quiet, func, point)
            del point  # as long as x0

    def _by_workers(self, workers: Workers, func: Function, points: Iterator[Any]) -> Iterator[Any]:
        """Do the same, some points at a time; what a budget leaves is done before it ends."""
        spent, more = None, True
        while more and spent is None:
            taken: list[Any] = []
            more, room = False, _ROOM
            for point in points:
                if not isinstance(point, Known):
                    try:
                        self.spend()
                    except BudgetSpent as err:
                        spent = err
                        break
                    room -= sum(math.prod(np.shape(array)) for array in point)
                taken.append(point)
                if len(taken) >= _TOGETHER or room <= 0:
                    more = True
                    break
            called = [point for point in taken if not isinstance(point, Known)]
            found = iter(workers.run(Points(self.backend, func), called))
            for point in taken:
                yield point if isinstance(point, Known) else next(found)
        if spent is not None:
            raise spent

    def sweep(
        self,
        leafed: Leafed,
        x: Array,
        plus: Array,
        outputs: list[Any],
        taken: Callable[[Any], Any] | None = None,
        entries: range | None = None,
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
        entries : range, optional
            Which entries, of all by default.
        """
        func = leafed.call
        if entries is None:
            entries = range(math.prod(x.shape))
        if self._workers is not None:
            self.spend(len(entries))
            for found in self._workers.run(Entries(self.backend, func, x, plus), entries):
                if taken is None and isinstance(found, Failed):
                    raise found.error
                outputs.append(found if taken is None else taken(found))
            return
        if taken is None:
            # As lean as can be: a cheap func is called a million times a second.
            called = func if self._tick is None else self._ticking(func, outputs, self._tick)
            self.spend(len(entries))
            with self.backend.quiet():
                self.backend.sweep(called, x, plus, outputs, entries)
            return

        quiet = quiet_of(self.backend)

        bounded = self.budget is not None or self._tick is not None

        def one(point: Array) -> Any:
            if bounded:
                self.spend()
            else:
                self.nfev += 1
            return taken(outcome(quiet, func, point))

        self.backend.sweep(one, x, plus, outputs, entries)

    def _ticking(self, func: Function, outputs: list[Any], tick: Callable[[int], None]) -> Function:
        """Return func, with a bar that follows the outputs of its sweep."""
        before = self.nfev - len(outputs)

        def called(point: Array) -> Any:
            tick(before + len(outputs))
            return func(point)

        return called

    def in_batches(self, x: Array) -> bool:
        """Tell whether the entries of an array are many enough for `batches`."""
        return math.prod(x.shape) >= self._batched_from

    def together(self, leafed: Leafed, x: Array, least: int) -> int:
        """Return how many entries of an array to do in a row, so many or more: full batches."""
        run = run_of(self.backend, self.settings, leafed, x)
        return -(-max(least, _IN_A_ROW) // run) * run

    def batches(
        self, leafed: Leafed, x: Array, plus: Array, at_x0: np.ndarray, entries: range
    ) -> Iterator[np.ndarray]:
        """
        Yield func at x with one of these entries at a time replaced by that of `plus`, in batches.

        Parameters
        ----------
        leafed : Leafed
            The function of one array.
        x, plus : array
            Of one shape.
        at_x0 : ndarray of shape (m,)
            The real numbers in what a plain call returned at x.
        entries : range
            The entries to do. Those that the budget does not allow are not to be asked for: what a
            batch costs is counted once it is there.

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
        before = leafed.compile_time
        try:
            given = self.backend, self.settings, leafed
            for block in agreeing(*given, (x, plus), at_x0, entries):
                self.spend(len(block) - 1)
                yield block
        except Refused as err:
            self._batched_from = math.inf
            self._refuse(err)
            raise
        finally:
            self.compile_time += leafed.compile_time - before

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
        self.remarks.append(f"{NOT_IN_BATCHES}: {err}")
