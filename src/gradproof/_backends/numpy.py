"""The adapter for NumPy: SciPy's habits to the bit, and a loop as lean as Python allows."""

import math
import numbers
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from .standard.backend import StandardBackend
from .typing import Array, Function

_FLOAT64 = np.dtype(np.float64)
# Entries that are worked on at once: what a block needs stays in the cache, and what it takes is
# less than the 128 kB from which malloc asks the system for fresh pages each time, which costs ten
# times the arithmetic.
_BLOCK = 2**13
# Only CPython tells how many references an object has. Elsewhere every point is a new copy.
_references: Callable[[object], int] | None = getattr(sys, "getrefcount", None)


class NumPyBackend(StandardBackend):
    """NumPy arrays, and what becomes one: numbers, lists and whatever `np.asarray` takes."""

    name = "numpy"
    layouts = ("transposed",)  # what NumPy expands cannot be written to

    def __init__(self) -> None:
        super().__init__(np)

    def given(self, x0: Any) -> Array:
        if hasattr(x0, "tocoo"):  # SciPy's: what `np.asarray` makes of it is one object
            msg = f"x0 is a sparse {type(x0).__name__}; expected a dense array: pass x0.toarray()."
            raise TypeError(msg)
        given = np.asarray(x0)
        if given.dtype == object and all(isinstance(v, numbers.Real) for v in given.flat):
            return given.astype(np.float64)  # fractions, whole numbers of more than 64 bits
        return given

    def primal(self, given: Any) -> Array:
        # SciPy's func never sees a 0-d array, its grad does.
        x: Any = given if given.ndim else np.reshape(given, (1,))
        if x.dtype.kind == "f" and x.dtype.isnative:
            return x
        # bfloat16 is floating without NumPy's knowing; the bytes of other machines are swapped.
        return x.astype(x.dtype.newbyteorder("=") if "float" in x.dtype.name else np.float64)

    def floating(self, given: Any) -> Array:
        return given if _is_floating(given.dtype) else given.astype(np.float64)

    def leaf(self, value: Any) -> Array | None:
        if isinstance(value, float | complex | np.ndarray | np.generic):
            array = np.asarray(value)
            return array if _is_floating(array.dtype) else None
        return None

    def unusable(self, value: Any) -> str:
        if isinstance(value, np.ma.MaskedArray):
            return (
                "a masked array, whose mask would be lost; expected a plain array: pass its "
                "numbers without the masked ones, x.compressed(), and apply the mask inside func."
            )
        if isinstance(value, np.matrix):
            return (
                "an np.matrix, for which * is the product of matrices; expected a plain array: "
                "pass np.asarray(x), and write @ in func."
            )
        return ""

    def adopted(self, value: Any) -> tuple[Array, Callable[[Any], Any] | None] | None:
        real = isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral)
        if real:  # a fraction
            return np.asarray(float(value)), None
        if isinstance(value, np.ndarray) and value.dtype == object and value.size:
            given = self.given(value)
            return None if given.dtype == object else (given, None)
        # bfloat16 is floating without NumPy's knowing.
        if isinstance(value, np.ndarray | np.generic) and "bfloat16" in value.dtype.name:
            return np.asarray(value, dtype=np.float64), None
        return None

    def copy(self, x: Array) -> Array:
        return np.array(x)

    def lendable(self, value: Any) -> bool:
        # Neither a subclass, which may be a file or have units, nor what holds other objects.
        return type(value) is np.ndarray and value.flags.writeable and value.dtype.kind in "biufc"

    def laid_out(self, x: Any, layout: str) -> Array:
        if sum(size > 1 for size in x.shape) > 1:
            return np.array(x, order="F")
        # Between its entries there is what they are not.
        return np.stack([x, -x], axis=-1)[..., 0] if x.size > 1 else x

    def widest(self, like: Array) -> Any:
        return _FLOAT64 if like.dtype.itemsize <= 8 else like.dtype

    def all_nonzero(self, x: Any) -> bool:
        return bool(x.all())

    def block(self, x: Any) -> int:
        return _BLOCK

    def constant(self, value: float, x: Any) -> Any:
        return x.dtype.type(value)  # bfloat16 in NumPy gives way to Python's numbers

    def contracts_tangents(self, x: Any) -> bool:
        return x.dtype == self.widest(x)  # as SciPy does

    def contract(self, claim: Any, tangent: Any) -> Array:
        # np.dot, whose sum SciPy's number hangs on.
        rows = claim.shape[: claim.ndim - tangent.ndim]
        return np.dot(claim.reshape((*rows, tangent.size)), tangent.ravel())

    def to_host(self, values: list[Any]) -> list[Any]:
        for value in values:
            _refuse_masked(value)
        return values

    def from_host(self, values: np.ndarray, like: Array, dtype: Any = None) -> Array:
        return values.astype(dtype or like.dtype, copy=False)

    def is_native(self, value: Any) -> bool:
        return isinstance(value, (np.ndarray, np.generic))

    def is_beside(self, value: Any, like: Array) -> bool:
        return self.is_native(value)

    def keep(self, output: Any) -> Any:
        _refuse_masked(output)
        return np.array(output) if isinstance(output, (np.ndarray, list, tuple)) else output

    def sweep(self, func: Function, x: Any, plus: Any, outputs: list[Any], entries: range) -> None:
        """
        Call func at x with one of these entries at a time replaced; append the outputs.

        One private array is moved and restored, which saves a copy of x for each call. It is
        left to func, and replaced, as soon as func holds on to it (a cache, a list of points);
        a func that writes to it gets a copy for each call.
        """
        start = len(outputs)
        moved = plus.ravel()[entries.start : entries.stop].tolist()
        for i, value in zip(entries, moved, strict=True):
            point = np.array(x)
            point.flat[i] = value  # in the order of entries, whatever that of the memory
            before = np.array(point) if i == entries.start else None
            outputs.append(self.keep(func(point)))
            if before is not None and _references is not None and _same(point, before):
                # A func that writes to its input mostly does so at once. One that does so now
                # and then is found at the end, and its outputs are not trusted.
                if _same(self._sweep_in_place(func, x, moved[1:], outputs, entries[1:]), x):
                    return
                del outputs[start + 1 :]

    def _sweep_in_place(
        self, func: Function, x: Any, moved: list[float], outputs: list[Any], entries: range
    ) -> np.ndarray:
        """Do so with one array; return it, for inspection."""
        assert _references is not None
        keep, float64 = self.keep, np.float64
        base = x.ravel()[entries.start : entries.stop].tolist()
        point = np.array(x)
        flat = point.flat
        alone = _references(point)
        for i, value, before in zip(entries, moved, base, strict=True):
            flat[i] = value
            output = func(point)
            # NumPy's numbers cannot change, and are most of what functions return.
            outputs.append(output if type(output) is float64 else keep(output))
            if _references(point) == alone and point.flags.writeable:
                flat[i] = before
            else:
                point = np.array(x)
                flat = point.flat
        return point

    def normal(self, generator: Any, shape: tuple[int, ...], like: Any) -> Array:
        size = math.prod(shape)
        if like is None or like.dtype == _FLOAT64:
            return super().normal(generator, shape, like)
        # The same numbers, without all of them in float64 first: generators give in blocks what
        # they give at once.
        drawn = np.empty(size, dtype=like.dtype)
        for start in range(0, size, _BLOCK):
            drawn[start : start + _BLOCK] = generator.standard_normal(min(_BLOCK, size - start))
        return drawn.reshape(shape)


def _refuse_masked(value: Any) -> None:
    """Raise for a result some numbers of which are not meant: a plain array would have them all."""
    # Plain arrays first: each call of func comes by here.
    if type(value) is not np.ndarray and isinstance(value, np.ma.MaskedArray):
        msg = (
            "a function returned a masked array, whose mask would be lost; expected a plain array: "
            "return its numbers with zeros in place of the masked ones, y.filled(0)."
        )
        raise TypeError(msg)


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    """Tell whether two arrays of one dtype hold the same numbers, the sign of zero included."""
    if a.dtype.itemsize > 8:  # a long double has bytes that mean nothing
        return np.array_equal(a, b, equal_nan=True)
    return a.tobytes() == b.tobytes()


def _is_floating(dtype: Any) -> bool:
    """Tell whether a dtype holds floating numbers: bfloat16 does without NumPy's knowing."""
    return dtype.kind in "fc" or dtype.name == "bfloat16"
