"""Calls of func near x0, counted, bounded and never fatal; and the numbers in what it returns."""

import copy
import math
from typing import Any

import numpy as np

from ._backends import Backend, is_array
from ._call import noted, output_shape
from ._point import Leaf, Point, Span, as_numbers, flat_numbers, layout, leaf_of
from ._typing import Function


class BudgetSpent(Exception):  # noqa: N818  # not an error, a reason to stop
    """No call of func is left."""


class Outputs:
    """
    The structure of what func returns, learnt from its first result.

    Parameters
    ----------
    backend : Backend
        The adapter of x0.
    value : number, array or pytree
        What func returned at x0. Whole numbers and booleans beside floating leaves have no
        derivative and are left out; on their own they count as numbers.
    name : str
        What returned it, for messages.

    Attributes
    ----------
    bare : bool
        Whether it is one array and no pytree.
    leaves : list of Leaf
        The arrays in it, and their places in a flat vector of real numbers.
    like : list of array
        The arrays that func returned.
    size : int
        The length of that vector.
    eps : float
        Machine epsilon of the coarsest of their dtypes; 0 for whole numbers.
    """

    def __init__(self, backend: Backend, value: Any, name: str = "func") -> None:
        self._backend, self._name = backend, name
        self.bare = _is_bare(value)
        self._kept: list[int] = [0]
        self._paths = [""]
        if self.bare:
            self.like = [self._array(value)]
        else:
            self._flat = flat = backend.flatten(value)
            self._paths = flat.paths
            numbers = [backend.leaf(leaf) for leaf in flat.leaves]
            self._kept = [i for i, number in enumerate(numbers) if number is not None]
            if not self._kept:
                msg = (
                    f"{name} returned {value!r:.80} of type {type(value).__name__}, without a "
                    "floating number in it; expected a number, an array or a pytree of them."
                )
                if value is None:
                    msg += " Is a `return` missing?"
                raise TypeError(msg)
            self.like = [numbers[i] for i in self._kept]
        self.leaves = layout([self._paths[i] for i in self._kept], self.like)
        self.eps = max(map(self._eps, self.like))
        self.size = self.leaves[-1].where.stop

    def _eps(self, array: Any) -> float:
        native = self._backend.is_native(array)
        return float(self._backend.eps(array.dtype)) if native else 0.0

    def _array(self, value: Any) -> Any:
        """Return the only leaf, if it is made of numbers."""
        if "complex" in str(getattr(value, "dtype", "")) or isinstance(value, complex):
            return value if hasattr(value, "dtype") else np.asarray(value)
        output_shape(value, self._name)
        return value if hasattr(value, "dtype") else np.asarray(self._backend.to_host([value])[0])

    def arrays(self, value: Any, where: str) -> list[Any]:
        """Return the leaves of another result; ValueError if its structure is another one."""
        if self.bare and _is_bare(value):
            found = [value]
        else:
            paths, leaves = [""], [value]
            if not _is_bare(value):
                flat = self._backend.flatten(value)
                paths, leaves = flat.paths, flat.leaves
            if paths != self._paths:
                self._refuse(where, f"{', '.join(paths) or 'no leaf'}", ", ".join(self._paths))
            found = [leaves[i] for i in self._kept]
        for leaf, array in zip(self.leaves, found, strict=True):
            shape = tuple(array.shape) if hasattr(array, "shape") else np.shape(array)
            if shape != leaf.shape:
                self._refuse(where, f"shape {shape}{_at(leaf)}", f"shape {leaf.shape}{_at(leaf)}")
        return found

    def _refuse(self, where: str, now: str, before: str) -> None:
        msg = (
            f"{self._name} returned {now} {where}, but {before} at x0; expected the same structure "
            "and shapes at all points."
        )
        raise ValueError(msg)

    def name(self, k: int) -> str:
        """Return the words for number `k` of the flat vector."""
        return leaf_of(self.leaves, k).name(k)

    def split(self, claim: Any, name: str) -> list[Any]:
        """
        Return the parts of a claim that has one for each leaf of func's result.

        Each part may be a pytree itself: containers are opened as deep as those of func's result.
        """
        if self.bare:
            return [claim]
        try:
            parts = self._flat.up_to(claim)
        except (TypeError, ValueError) as err:
            msg = f"{name} returned another structure than func: {err}"
            raise TypeError(msg) from None
        return [parts[i] for i in self._kept]

    def flat_tangent(self, claim: Any, name: str) -> np.ndarray:
        """Return a tangent of func's result, as a claim returned it, as a flat vector."""
        found = []
        for leaf, part in zip(self.leaves, self.split(claim, name), strict=True):
            array = as_numbers(self._backend, part, f"{name}{_at(leaf)}")
            if array.shape != leaf.shape and not (array.size == 1 == math.prod(leaf.shape)):
                msg = (
                    f"{name} returned shape {array.shape}{_at(leaf)}; expected that of func's "
                    f"result, {leaf.shape}."
                )
                raise ValueError(msg)
            if array.dtype.kind == "c" and not leaf.complex and np.any(array.imag):
                msg = f"{name} returned complex numbers{_at(leaf)}, where func's result is real."
                raise TypeError(msg)
            found.append(array if leaf.complex else array.real)
        return flat_numbers(found)

    @property
    def scalar(self) -> bool:
        """Whether it is one real number; shape (1,) counts, as with SciPy."""
        return self.size == 1 and len(self.leaves[0].shape) <= 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the only leaf."""
        return self.leaves[0].shape

    def cotangent(self, u: np.ndarray) -> list[Any]:
        """Return a flat vector of weights as native cotangents, one for each leaf."""
        found = []
        for leaf, like in zip(self.leaves, self.like, strict=True):
            weights = leaf.shaped(u)
            if leaf.complex and self._backend.conjugation < 0:
                weights = weights.conj()
            native = self._backend.is_native(like)
            found.append(self._backend.from_host(weights, like) if native else weights)
        return found

    def rebuilt(self, value: Any, arrays: list[Any]) -> Any:
        """Return `value`, a result of func, with other arrays for its floating leaves."""
        if self.bare:
            return arrays[0]
        flat = self._backend.flatten(value)
        leaves = [self._backend.fixed_tangent(leaf) for leaf in flat.leaves]
        for i, array in zip(self._kept, arrays, strict=True):
            leaves[i] = array
        return flat.rebuild(leaves)


def _is_bare(value: Any) -> bool:
    """Tell whether a result is one array; a list of numbers or of 0-d arrays is one too."""
    if isinstance(value, list):
        return all(_is_bare(item) and not isinstance(item, tuple) for item in value) and not any(
            getattr(item, "shape", ()) for item in value
        )
    return is_array(value) and not isinstance(value, tuple)


def _at(leaf: Leaf) -> str:
    return f" at leaf {leaf.path}" if leaf.path else ""


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
    has_aux : bool
        Whether func returns a pair, of which the second is no output.

    Attributes
    ----------
    at_x0 : ndarray of shape (m,)
        What func returned at x0.
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
    #: Evaluations of a func with several values that are kept: those of the lines of a survey,
    #: which each of its values is judged by.
    _KEPT = 64

    def __init__(
        self, func: Function, point: Point | Span, budget: int | None, *, has_aux: bool = False
    ) -> None:
        self._func, self._budget, self._aux = func, budget, has_aux
        self.point: Point | Span = point
        self.backend = backend = point.backend
        self.failure: str | None = None
        self._calls = [1]  # shared with what `along` returns
        self.remarks: list[str] = []
        self._known: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}
        copies = point.copies()
        with backend.quiet(), noted(lambda: f"{self.what} at x0"):
            self.value = self.primary(point.call(func, copies))
            self.outputs = Outputs(backend, self.value, self.what)
        arrays = [backend.keep(a) for a in self.outputs.arrays(self.value, "at x0")]
        self.at_x0 = flat_numbers(backend.to_host(arrays))
        if np.any(point.happened(copies)):
            self.remarks.append("func writes to its input; it was given a copy for each call")
        self.eps = self.dtype_eps = max(point.eps, self.outputs.eps)
        self.output_eps = self.outputs.eps or float(np.finfo(float).eps)

    def primary(self, value: Any) -> Any:
        """Return the output in what func returned: without what it has returned beside it."""
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
        return self.outputs.arrays(self.primary(self.point.call(self._func, leaves)), "near x0")

    def along(self, span: Span) -> "Values":
        """Return the same function on the lines of a span; calls are counted together."""
        other = copy.copy(self)
        other.point, other._known = span, {}
        return other

    def without_aux(self, value: Any) -> Any:
        """Return a value that a claim returned, without what func returns beside its output."""
        return value[0] if self._aux and isinstance(value, tuple) and len(value) == 2 else value

    @property
    def sweepable(self) -> bool:
        """Whether `sweep` is to be had: of one value, by entries of arrays."""
        return self.at_x0.size == 1 and self.point.entrywise

    @property
    def nfev(self) -> int:
        """Number of calls of func so far."""
        return self._calls[0]

    def left(self) -> float:
        """Return the number of calls that the budget still allows."""
        return np.inf if self._budget is None else self._budget - self.nfev

    def at(
        self, displacement: np.ndarray, *, fresh: bool = False, overwrite: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """
        Return func at x0 plus a displacement, and the one that happened.

        Parameters
        ----------
        displacement : ndarray of shape (n,)
            How far to go.
        fresh : bool
            Whether func is to be called even if its value there is known.
        overwrite : bool
            Whether the displacement that happened may take the memory of the other one.

        Returns
        -------
        values : ndarray of shape (m,)
            NaN if func failed.
        happened : ndarray of shape (n,)
            The displacement, rounded in the dtypes of x0.
        """
        several = self.at_x0.size > 1
        key = displacement.tobytes() if several else b""
        if several and not fresh and key in self._known:
            return self._known[key]
        moved = self.point.moved(displacement)
        happened = self.point.happened(moved, displacement if overwrite else None)
        del displacement  # as long as x0
        arrays = self.guarded(moved)
        values = flat_numbers(self.backend.to_host(arrays))
        if several:
            if len(self._known) >= self._KEPT:
                self._known.pop(next(iter(self._known)))
            self._known[key] = values, happened
        return values, happened

    def again(self, count: int) -> np.ndarray:
        """Return func at x0, called anew so many times, or as often as the budget allows."""
        count = int(min(count, self.left()))
        found = [self.guarded(self.point.copies()) for _ in range(count)]
        host = [flat_numbers(self.backend.to_host(arrays)) for arrays in found]
        return np.array(host).reshape(count, self.at_x0.size)

    def guarded(self, moved: list[Any]) -> list[Any]:
        """Return func's arrays at some leaves, kept from later calls; NaN where it fails."""
        if self.left() < 1:
            raise BudgetSpent
        self._calls[0] += 1
        try:
            with self.backend.quiet():
                value = self.point.call(self._func, moved)
        except Exception as err:
            if self.failure is None:
                self.failure = f"{type(err).__name__}: {err}"
            return [np.full(leaf.shape, np.nan) for leaf in self.outputs.leaves]
        arrays = self.outputs.arrays(self.primary(value), "near x0")
        return [self.backend.keep(array) for array in arrays]

    def sweep(self, step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """
        Return func of one value with one entry at a time displaced by its step.

        Returns
        -------
        values : ndarray of shape (n,)
            The values.
        happened : ndarray of shape (n,)
            The displacements, rounded in the dtypes of x0.
        """
        if self.left() < step.size:
            raise BudgetSpent
        assert isinstance(self.point, Point)
        values = []
        for i, (leaf, array) in enumerate(zip(self.point.leaves, self.point.arrays, strict=True)):
            one = self._one(i)
            for part in self._parts(leaf, step):
                outputs: list[Any] = []
                self.backend.sweep(one, array, self.backend.from_host(part, array), outputs)
                values.append(np.asarray(self.backend.to_host(outputs), dtype=np.float64).ravel())
        happened = self.point.happened(self.point.moved(step))
        return np.concatenate(values), happened

    def _parts(self, leaf: Leaf, step: np.ndarray) -> list[np.ndarray]:
        """Return the numbers of a leaf after its step; first the real parts, then the others."""
        before = leaf.shaped(self.point.x)
        by = leaf.shaped(step)
        return [before + by.real, before + 1j * by.imag] if leaf.complex else [before + by]

    def _one(self, i: int) -> Function:
        """Return func as one of leaf `i` alone, the others being at x0."""
        leaves: list[Any] = self.point.copies() if len(self.point.leaves) > 1 else [None]

        def func(array: Any) -> Any:
            leaves[i] = array
            try:
                return self.guarded(leaves)[0]
            finally:
                leaves[i] = None  # so that nobody else holds on to the array

        return func
