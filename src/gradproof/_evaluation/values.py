"""Calls of func near x0, counted, bounded and never fatal; and the numbers in what it returns."""

import math
from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np

from .._backends.typing import Array
from .._vectors.layout import Leaf
from .._vectors.outputs import Outputs
from .._vectors.point import Point
from .batches import Again, Leafed, Refused, refuse_misshapen
from .displaced import Displaced
from .outcomes import BudgetSpent

__all__ = ["BudgetSpent", "Outputs", "Values"]
#: The most entries that are moved, each alone, before what that made of func is looked at; and the
#: most numbers that this takes: as many as stay in the cache.
_IN_A_ROW, _NUMBERS = 16, 2**14
#: Func at a displacement, the displacement that happened, and func at x0, computed alike.
Beside = tuple[np.ndarray, np.ndarray, np.ndarray]


class Values(Displaced):
    """
    Func near x0 on the host's terms: displacements in, vectors of numbers out.

    Made, and taken apart, as `Results` says.

    Attributes
    ----------
    at_x0, returned : ndarray of shape (m,)
        What func returned at x0: 0 where that is not finite and others are, and as it is.
    outputs : Outputs
        Its structure.
    value : object
        What func returned at x0, for rules that return the like of it.
    eps, output_eps : float
        The relative precision of these values, with and without that of x0.
    dtype_eps : float
        Machine epsilon of the coarsest dtype among x0 and func's result.
    failure : str or None
        What the first failed call off x0 raised, if any did. Such a call counts as NaN: a step
        out of func's domain shortens the ladder, it does not end the check.
    remarks : list of str
        What was noticed.
    """

    @property
    def sweepable(self) -> bool:
        """Whether `sweep` is to be had: of one value, by entries of arrays."""
        return self.at_x0.size == 1 and self.entrywise

    def sweep(self, step: np.ndarray, entries: range) -> np.ndarray:
        """Return by how much func of one value changes with one of these entries displaced."""
        if self.left() < len(entries):
            raise BudgetSpent
        changes = [np.empty(0)]
        for i, part, here, _ in self._pieces(step, entries):
            assert isinstance(self.point, Point)
            plus = self.backend.from_host(part, self.point.arrays[i])
            changes.append(self._changes(i, plus, here))
        return np.concatenate(changes)

    def _pieces(
        self, step: np.ndarray, entries: range
    ) -> Iterator[tuple[int, np.ndarray, range, int]]:
        """Yield leaves, numbers of them after their steps, and which of some entries they hold."""
        assert isinstance(self.point, Point)
        start = 0
        for i, leaf in enumerate(self.point.leaves):
            for part in self._parts(leaf, step):
                here = range(max(entries.start - start, 0), min(entries.stop - start, part.size))
                if here:
                    yield i, part, here, start
                start += part.size

    def _changes(self, i: int, plus: Array, entries: range) -> np.ndarray:
        """Return by how much func of one value changes with entries of leaf `i` replaced."""
        assert isinstance(self.point, Point)
        array, leafed = self.point.arrays[i], self._leafed(i)
        if self.calls.in_batches(array):
            before = self.nfev
            try:
                found = [
                    block[1:, 0] - block[0, 0]
                    for block in self.calls.batches(leafed, array, plus, self.at_x0, entries)
                ]
                return np.asarray(np.concatenate(found), dtype=np.float64)
            except Refused:
                self.calls.nfev = before  # all of them once more
        outputs: list[Any] = []
        self.calls.sweep(leafed, array, plus, outputs, self._array, entries)
        values = np.asarray(self.backend.to_host(outputs), dtype=np.float64).ravel()
        return np.asarray(values - self.at_x0[0])

    def blocks(self, least: int) -> Iterator[range]:
        """Yield all entries in blocks of some size or more: full batches, where there are any."""
        n = self.point.x.size
        arrays = self.point.arrays if isinstance(self.point, Point) and self.entrywise else []
        if not any(self.calls.in_batches(array) for array in arrays):
            yield from (range(start, min(start + least, n)) for start in range(0, n, least))
            return
        for i, part, here, first in self._pieces(np.zeros(n), range(n)):
            size = least
            if self.calls.in_batches(arrays[i]):
                size = self.calls.together(self._leafed(i), arrays[i], least)
            for start in range(first, first + part.size, size):
                yield range(start, min(start + size, first + len(here)))

    def each_entry(
        self, step: np.ndarray, entries: range | None = None
    ) -> Iterator[tuple[Beside, Beside]]:
        """Yield func with one entry at a time displaced by its step, up and down."""
        entries = range(step.size) if entries is None else entries
        if not self.entrywise:
            yield from self._one_by_one(step, entries)
            return
        assert isinstance(self.point, Point)
        sides = zip(self._pieces(step, entries), self._pieces(-step, entries), strict=True)
        for (i, up, here, first), (_, down, _, _) in sides:
            array, left = self.point.arrays[i], range(first + here.start, first + here.stop)
            if self.calls.in_batches(array) and self.left() >= 2 * len(left):
                both = self.backend.from_host(up, array), self.backend.from_host(down, array)
                try:
                    for pair in self._in_batches(i, here, first, step, both):
                        yield pair
                        left = left[1:]
                except Refused:
                    pass
            yield from self._one_by_one(step, left)

    def _one_by_one(self, step: np.ndarray, entries: range) -> Iterator[tuple[Beside, Beside]]:
        run = max(1, min(_IN_A_ROW, _NUMBERS // (step.size + self.at_x0.size)))
        while entries:
            some = entries[: int(max(1, min(run, self.left() / (2 * self.cost))))]
            alone = np.zeros((2 * len(some), step.size))
            for side, sign in enumerate((1.0, -1.0)):
                alone[side::2][range(len(some)), some] = sign * step[some.start : some.stop]
            found = self.rows(alone)
            for up in found:
                yield (*up, self.at_x0), (*next(found), self.at_x0)
            entries = entries[len(some) :]

    def _in_batches(
        self, i: int, here: range, first: int, step: np.ndarray, sides: tuple[Array, Array]
    ) -> Iterator[tuple[Beside, Beside]]:
        """Yield func with entries of leaf `i`, `first` of all, replaced by those of each side."""
        point, leafed = self.point, self._leafed(i)
        assert isinstance(point, Point)
        happened = [point.happened(point.moved(sign * step)) for sign in (1.0, -1.0)]
        array, place = point.arrays[i], first + here.start
        blocks = (self.calls.batches(leafed, array, s, self.returned, here) for s in sides)
        for both in zip(*blocks, strict=True):
            pair = [self.outputs.finite(block) for block in both]
            for k in range(1, len(pair[0])):
                found = []
                for block, by in zip(pair, happened, strict=True):
                    alone = np.zeros_like(step)
                    alone[place] = by[place]
                    found.append((block[k], alone, block[0]))
                place += 1
                yield found[0], found[1]

    def _parts(self, leaf: Leaf, step: np.ndarray) -> list[np.ndarray]:
        """Return the numbers of a leaf after its step; first the real parts, then the others."""
        before = leaf.shaped(self.point.at_x0)
        by = leaf.shaped(step)
        return [before + by.real, before + 1j * by.imag] if leaf.complex else [before + by]

    def _leafed(self, i: int) -> Leafed:
        """Return func as one of leaf `i` alone, the others being at x0."""
        if i not in self._leafed_by:
            self._leafed_by[i] = self._made_leafed(i)
        return self._leafed_by[i]

    def _made_leafed(self, i: int) -> Leafed:
        point, backend, shapes = self.point, self.backend, [o.shape for o in self.outputs.leaves]
        assert isinstance(point, Point)
        others: list[Any] = point.copies() if len(point.leaves) > 1 else [None]
        others[i] = None
        whole = self._function

        def call(array: Any) -> Any:
            # A list of its own, gone with the call: nobody else holds on to the array.
            return whole([*others[:i], array, *others[i + 1 :]])

        def many(block: Any, count: int) -> list[Any]:
            leaves = [block if o is None else backend.repeated(o, count) for o in others]
            value = self._output(point.call(self._func, leaves))
            arrays = self.outputs.every(value)
            refuse_misshapen(arrays, shapes, count)
            return arrays

        def remake() -> tuple[Any, Again, Hashable]:
            form = point.form, i, self._aux, self._vectorized
            return point.held(), point.again(i), form

        there = [other for other in others if other is not None]
        beside = sum(math.prod(other.shape) * backend.itemsize(other.dtype) for other in there)
        return Leafed(
            self._func, call, self._leaves_of, many, self.at_x0.size, self.dtype_eps, beside, remake
        )
