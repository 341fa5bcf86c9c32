"""Calls of func near x0, counted, bounded and never fatal; and the numbers in what it returns."""

import copy
import functools
import math
from collections import deque
from collections.abc import Hashable, Iterable, Iterator
from typing import Any

import numpy as np

from ._batches import Again, Leafed, Refused, one_of, refuse_misshapen
from ._call import PLAIN as _PLAIN_NUMBERS
from ._call import is_complex, noted
from ._calls import BudgetSpent, Calls, Failed, Known
from ._evaluation import PLAIN, Settings
from ._foreign import of_error
from ._held import writes_to_input, wrote
from ._layout import Leaf, flat_numbers
from ._outputs import Outputs, is_bare
from ._point import Point, Span
from ._typing import Array, Function

__all__ = ["BudgetSpent", "Outputs", "Values", "each_alone"]

#: Func at a displacement, the displacement that happened, and func at x0, computed alike.
Beside = tuple[np.ndarray, np.ndarray, np.ndarray]


class Values:
    """
    Func near x0 on the host's terms: displacements in, vectors of numbers out.

    Parameters
    ----------
    func : callable
        As the user gave it.
    point : Point
        Its arguments.
    budget : int or None
        The most calls of func.
    settings : Settings
        How func is evaluated; by default one call after the other.
    has_aux : bool
        Whether func returns a pair, of which the second is no output.
    tracked : bool
        Whether only those outputs count that automatic differentiation follows.

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

    #: What func is called in messages.
    what = "func"
    #: Whether it may return no number at all: what JAX's checkers accept.
    may_be_empty = False
    #: How many calls of it one value costs.
    cost = 1
    #: How far entries are moved, as a share of what is usual.
    reach = 1.0
    #: Evaluations of a func with several values that are kept: those of the lines of a survey,
    #: which each of its values is judged by.
    _KEPT = 64

    def __init__(
        self,
        func: Function,
        point: Point | Span,
        budget: int | None,
        settings: Settings = PLAIN,
        *,
        has_aux: bool = False,
        tracked: bool = False,
    ) -> None:
        self._func, self._aux = func, has_aux
        self.point: Point | Span = point
        self.backend = backend = point.backend
        self.failure: str | None = None
        self.calls = Calls(backend, settings, budget)  # shared with what `along` returns
        self.calls.spend()
        self.remarks: list[str] = []
        self._known: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}
        self._change: np.ndarray | None = None
        self._leafed_by: dict[int, Leafed] = {}
        copies = point.copies()
        with backend.quiet(), noted(lambda: f"{self.what} at x0", point.hint):
            self.value = self.primary(self._call(copies))
            self.outputs = self._structure(tracked=tracked)
        arrays = [backend.keep(a) for a in self.outputs.arrays(self.value, "at x0")]
        if not self.outputs.size and not self.may_be_empty:
            msg = (
                f"{self.what} returned no number, but shape {self.outputs.shape}: there is nothing "
                "to check. Expected one value at least."
            )
            raise ValueError(msg)
        self.returned = flat_numbers(backend.to_host(arrays))
        finite = np.isfinite(self.returned)
        if finite.any() and not finite.all():
            self.outputs.unseen = ~finite
        self.at_x0 = self.outputs.finite(self.returned)
        if wrote(backend, copies, point.at_x0):
            self.remarks.append(writes_to_input(self.what))
        self.eps = self.dtype_eps = max(point.eps, self.outputs.eps)
        self.output_eps = self.outputs.eps or float(np.finfo(float).eps)

    def _structure(self, *, tracked: bool) -> Outputs:
        """Return the structure of what func returned."""
        return Outputs(self.backend, self.value, self.what, tracked=tracked)

    @property
    def _vectorized(self) -> bool:
        return self.calls.settings.vectorized

    def _call(self, leaves: list[Any]) -> Any:
        """Return what func returns at some leaves; as a batch of one, if that is what it takes."""
        if self._vectorized:
            leaves = [leaf[None, ...] for leaf in leaves]
        return self.point.call(self._func, leaves, what=self.what)

    @property
    def _function(self) -> Function:
        """Func as one of leaves; without self, which other processes have no use for."""
        return self._call if self._vectorized else functools.partial(self.point.call, self._func)

    def primary(self, value: Any) -> Any:
        """Return the output in what func returned, without a batch axis or what came beside it."""
        value = self._output(value)
        if not self._vectorized:
            return value
        if is_bare(value):
            return one_of(value, self.what)
        flat = self.backend.flatten(value)
        return flat.rebuild([one_of(leaf, self.what) for leaf in flat.leaves])

    def _output(self, value: Any) -> Any:
        if not self._aux:
            return value
        if not isinstance(value, tuple) or len(value) != 2:
            msg = (
                f"has_aux=True, but func returned {value!r:.60}; expected a pair of its output and "
                "of anything else."
            )
            raise TypeError(msg)
        return value[0]

    def arrays_at(self, leaves: list[Any]) -> list[Any]:
        """Return what func returns at some leaves as a list of arrays; for automatic rules."""
        return self._leaves_of(self._call(leaves))

    def _leaves_of(self, value: Any) -> list[Any]:
        return self.outputs.arrays(self.primary(value), "near x0")

    def along(self, span: Span) -> "Values":
        """Return the same function on the lines of a span; calls are counted together."""
        other = copy.copy(self)
        other.point, other._known = span, {}
        return other

    def beside(self, point: Point | Span, reach: float) -> "Values":
        """Return the same function around another point, to be moved less far; calls add up."""
        other = copy.copy(self)
        other.point, other.reach, other._known, other._leafed_by = point, reach, {}, {}
        (other.at_x0,) = other.again(1)
        return other

    def without_aux(self, value: Any) -> Any:
        """Return a value that a claim returned, without what func returns beside its output."""
        return value[0] if self._aux and isinstance(value, tuple) and len(value) == 2 else value

    @property
    def sweepable(self) -> bool:
        """Whether `sweep` is to be had: of one value, by entries of arrays."""
        return self.at_x0.size == 1 and self.entrywise

    @property
    def entrywise(self) -> bool:
        """Whether moving an entry of x is a call of func with an entry of an array replaced."""
        return self.point.entrywise

    @property
    def nfev(self) -> int:
        """Number of calls of func so far."""
        return self.calls.nfev

    def left(self) -> float:
        """Return the number of calls that the budget still allows."""
        return self.calls.left()

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
        self, displacements: Iterable[np.ndarray], *, fresh: bool = False, overwrite: bool = False
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
        overwrite : bool
            Whether what happened may be written over what was asked for.

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
                out = displacement if overwrite else None
                happened = self.point.happened(moved, displacement, out)
                called.append((key, happened))
                yield moved
                del moved, displacement, happened, out  # as long as x0

        for outcome in self.calls.each(self._function, points()):
            if isinstance(outcome, Known):
                yield outcome.result
                continue
            values = self._numbers(outcome)
            key, happened = called.popleft()
            if several:
                if len(self._known) >= self._KEPT:
                    self._known.pop(next(iter(self._known)))
                self._known[key] = values, happened
            yield values, happened
            del happened  # as long as x0

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

    def _arrays(self, outcome: Any) -> list[Any]:
        """Return the arrays in what func returned, kept from later calls; NaN where it failed."""
        if isinstance(outcome, Failed):
            if self.failure is None:
                self.failure = of_error(outcome.error)
            return self._nowhere()
        found = [self.backend.keep(array) for array in self._leaves_of(outcome)]
        for leaf, array in zip(self.outputs.leaves, found, strict=True):
            if not leaf.complex and is_complex(array):
                if self.failure is None:
                    self.failure = "TypeError: its value is complex there, and real at x0"
                return self._nowhere()
        return found

    def _nowhere(self) -> list[Any]:
        """Return what stands for the arrays where func has none."""
        kinds = [complex if leaf.complex else float for leaf in self.outputs.leaves]
        shapes = [leaf.shape for leaf in self.outputs.leaves]
        return [np.full(shape, kind(np.nan)) for shape, kind in zip(shapes, kinds, strict=True)]

    def _is_number(self, outcome: Any) -> bool:
        """Tell whether func returned a number, as most do: with these less is to be done."""
        return type(outcome) in _PLAIN_NUMBERS and self.outputs.number and not self._aux

    def _array(self, outcome: Any) -> Any:
        """Return the array in what func, which has only one value, returned."""
        return outcome if self._is_number(outcome) else self._arrays(outcome)[0]

    def _numbers(self, outcome: Any) -> np.ndarray:
        """Return the numbers in what func returned."""
        if self._is_number(outcome):
            return np.array([outcome], dtype=np.float64)
        return self.outputs.finite(flat_numbers(self.backend.to_host(self._arrays(outcome))))

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
        found = self.many(each_alone(step, entries))
        for up in found:
            yield (*up, self.at_x0), (*next(found), self.at_x0)

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


def each_alone(step: np.ndarray, entries: range) -> Iterator[np.ndarray]:
    """Yield displacements of one entry after the other, up and down; one array, written over."""
    displacement = np.zeros_like(step)
    for i in entries:
        for sign in (1.0, -1.0):
            displacement[i] = sign * step[i]
            yield displacement
        displacement[i] = 0.0
