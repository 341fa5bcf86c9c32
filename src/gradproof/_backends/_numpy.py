"""The adapter for NumPy: SciPy's habits to the bit, and a loop as lean as Python allows."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from .._typing import Array, Function
from ._standard import StandardBackend


# Only CPython tells how many references an object has. Elsewhere every point is a new copy.
_references: Callable[[object], int] | None = getattr(sys, "getrefcount", None)


class NumPyBackend(StandardBackend):
    """NumPy arrays, and what becomes one: numbers, lists and whatever `np.asarray` takes."""

    name = "numpy"

    def __init__(self) -> None:
        super().__init__(np)

    def given(self, x0: Any) -> Array:
        return np.asarray(x0)

    def primal(self, given: Array) -> Array:
        # SciPy's func never sees a 0-d array, its grad does.
        x: Any = given if given.ndim else np.reshape(given, (1,))
        return x if x.dtype.kind == "f" else x.astype(np.float64)

    def copy(self, x: Array) -> Array:
        return np.array(x)

    def widest(self, like: Array) -> Any:
        return np.result_type(like.dtype, np.float64)

    def contract(self, claim: Any, tangent: Any) -> Array:
        # np.dot, whose sum SciPy's number hangs on.
        rows = claim.shape[: claim.ndim - tangent.ndim]
        slope: Array = np.dot(claim.reshape((*rows, tangent.size)), tangent.ravel())
        return slope

    def to_host(self, values: list[Any]) -> list[Any]:
        return values

    def from_host(self, values: np.ndarray, like: Array, dtype: Any = None) -> Array:
        return values.astype(dtype or like.dtype, copy=False)

    def is_native(self, value: Any) -> bool:
        return isinstance(value, np.ndarray)

    def keep(self, output: Any) -> Any:
        # Python's and NumPy's numbers cannot change, and are most of what functions return.
        return output if isinstance(output, (float, np.generic)) else np.array(output)

    def sweep(self, func: Function, x: Array, plus: Array, outputs: list[Any]) -> None:
        """
        Call func at x with one entry at a time replaced; append the outputs.

        One private array is moved and restored, which saves a copy of x for each call. It is
        left to func, and replaced, as soon as func holds on to it (a cache, a list of points);
        a func that writes to it gets a copy for each call.
        """
        start = len(outputs)
        trusted = self._sweep_in_place(func, x, plus, outputs) if _references else 0
        del outputs[start + trusted :]
        for i in range(trusted, x.size):  # type: ignore[attr-defined]
            point = np.array(x)
            point.reshape(-1)[i] = plus.reshape(-1)[i]  # type: ignore[attr-defined]
            outputs.append(self.keep(func(point)))

    def _sweep_in_place(self, func: Function, x: Any, plus: Any, outputs: list[Any]) -> int:
        """Return how many of the outputs belong to the points that were meant."""
        assert _references is not None
        keep = self.keep
        point = np.array(x)
        flat = point.reshape(-1)
        alone = _references(point)
        last = x.size - 1
        for i, (moved, base) in enumerate(zip(plus.ravel(), x.ravel(), strict=True)):
            flat[i] = moved
            outputs.append(keep(func(point)))
            if _references(point) != alone:
                point = np.array(x)
                flat = point.reshape(-1)
                continue
            flat[i] = base
            # A func that writes to its input does so at once; the last look is for one that
            # does so now and then. NaN in x counts as written to: copies are only slower.
            if (i == 0 or i == last) and not (point == x).all():
                return 1 if i == 0 else 0
        return x.size
