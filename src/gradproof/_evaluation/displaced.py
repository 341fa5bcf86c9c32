"""Func at displacements from x0, and at x0 once more."""

import copy
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Self

import numpy as np

from .._vectors.passes import displaced, is_long
from .._vectors.point import Point
from .._vectors.span import Span
from .outcomes import Known
from .results import Results


class Displaced(Results):
    """Func at x0 plus displacements, with those that really happened."""

    #: Evaluations of a func with several values that are kept: those of the lines of a survey,
    #: which each of its values is judged by.
    _KEPT = 64

    def at(self, displacement: np.ndarray, *, fresh: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """
        Return func at x0 plus a displacement, and the one that happened.

        Parameters
        ----------
        displacement : ndarray of shape (n,)
            How far to go.
        fresh : bool
            Whether func is to be called even if its value there is known.

        Returns
        -------
        values : ndarray of shape (m,)
            NaN if func failed.
        happened : ndarray of shape (n,)
            The displacement, rounded in the dtypes of x0.
        """
        (found,) = self.many((displacement,), fresh=fresh)
        return found

    def many(
        self, displacements: Iterable[np.ndarray], *, fresh: bool = False
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """
        Yield func at x0 plus some displacements, and those that happened; see `at`.

        Parameters
        ----------
        displacements : iterable of ndarray of shape (n,)
            Independent of what comes back: workers take them ahead of it. One may be written over
            once the next is asked for.
        fresh : bool
            Whether to call func where the result is known, too.

        Yields
        ------
        values, happened : ndarray
            In order.
        """
        several = self.at_x0.size > 1
        called: deque[tuple[bytes, Any]] = deque()

        def points() -> Iterator[Any]:
            for displacement in displacements:
                key = displacement.tobytes() if several else b""
                if several and not fresh and key in self._known:
                    yield Known(self._known[key])
                    continue
                moved = self.point.moved(displacement)
                happened = self.point.happened(moved, displacement)
                called.append((key, happened))
                yield moved
                del moved, displacement, happened  # as long as x0

        for outcome in self.calls.each(self._function, points()):
            if isinstance(outcome, Known):
                yield outcome.result
                continue
            values = self._numbers(outcome)
            key, happened = called.popleft()
            if several:
                self._keep(key, values, happened)
            yield values, happened
            del happened  # as long as x0

    def _keep(self, key: bytes, values: np.ndarray, happened: np.ndarray) -> None:
        if len(self._known) >= self._KEPT:
            self._known.pop(next(iter(self._known)))
        self._known[key] = values, happened

    def rows(self, displacements: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """
        Yield the same for each of some displacements, by all of which x0 is moved in one pass.

        Parameters
        ----------
        displacements : ndarray of shape (k, n)
            Written over.

        Yields
        ------
        values, happened : ndarray
            In order.
        """
        keys = [by.tobytes() for by in displacements] if self.at_x0.size > 1 else []
        points, happened = self.point.together(displacements)
        # Each is looked up when it is its turn: those before it may take its place.
        todo = (
            Known(self._known[key]) if key in self._known else point
            for point, key in zip(points, keys or itertools.repeat(b""), strict=False)
        )
        for k, outcome in enumerate(self.calls.each(self._function, todo)):
            if isinstance(outcome, Known):
                yield outcome.result
                continue
            values = self._numbers(outcome)
            if keys:
                self._keep(keys[k], values, happened[k])
            yield values, happened[k]

    @property
    def long(self) -> bool:
        """Whether `on_line` is to be had: of one value, by very many entries."""
        return self.at_x0.size == 1 and self.entrywise and is_long(self.point)

    def on_line(
        self,
        direction: np.ndarray,
        steps: list[float],
        told: Callable[[int, slice, np.ndarray], None],
    ) -> Iterator[np.ndarray]:
        """
        Yield func at steps along a direction, x0 being displaced in one pass for each of them.

        Parameters
        ----------
        direction : ndarray of shape (n,)
            Sliced, and nothing else is done with it.
        steps : list of float
            How far to go along it, in order.
        told : callable
            Is told, before func is called, the place of a step in the list, a part of the entries,
            and the displacement that happened to these, in memory that is written over.

        Yields
        ------
        ndarray of shape (1,)
            NaN if func failed.
        """
        point = self.point
        assert isinstance(point, Point)
        points = (
            displaced(point, direction, step, partial(told, k)) for k, step in enumerate(steps)
        )
        for outcome in self.calls.each(self._function, points):
            yield self._numbers(outcome)

    def again(self, count: int) -> np.ndarray:
        """Return func at x0, called anew so many times, or as often as the budget allows."""
        count = int(min(count, self.left()))
        points = (self.point.copies() for _ in range(count))
        found = [self._numbers(outcome) for outcome in self.calls.each(self._function, points)]
        return np.array(found).reshape(count, self.at_x0.size)

    def change_at_x0(self) -> np.ndarray:
        """
        Return by how much func at x0 is another one than at first; func is asked once.

        Zero where it is the same, and if the budget leaves no call to ask by.
        """
        if self._change is None:
            again = self.again(1)
            now = again[0] if again.size else self.at_x0
            same = (now == self.at_x0) | (np.isnan(now) & np.isnan(self.at_x0))
            with np.errstate(all="ignore"):
                self._change = np.where(same, 0.0, now - self.at_x0)
        return self._change

    def in_dtypes_of(self, point: Point | Span) -> Self:
        """Return the same function at x0 in other dtypes, called there once; calls add up."""
        other = copy.copy(self)
        other.point, other._known, other._leafed_by, other._change = point, {}, {}, None
        self.calls.spend()
        other._take(point.copies(), self.outputs.of)
        return other

    def beside(self, point: Point | Span, reach: float) -> Self:
        """Return the same function around another point, to be moved less far; calls add up."""
        other = copy.copy(self)
        other.point, other.reach, other._known, other._leafed_by = point, reach, {}, {}
        (other.at_x0,) = other.again(1)
        return other
