"""Evaluations of func on lines through x0, and the slopes that they show."""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..._backends.registry import Backend, backend_of
from ..._backends.typing import Array, Function
from ..._evaluation.batches import Leafed, Refused, one_of, refuse_misshapen
from ..._evaluation.calls import Calls
from ..._evaluation.options import Settings
from ..._vectors.arguments import refuse_unsound
from ..._vectors.callables import add_note, bound
from ..._vectors.numbers import PLAIN, is_real, output_shape
from .ray import Ray
from .steps import displaced

Shape = tuple[int, ...]
_EPS = float(np.finfo(np.float64).eps)


class Primal:
    """
    The point of evaluation, as the user's functions see it.

    Parameters
    ----------
    x0 : array, number or nested list
        Anything but complex numbers.

    Attributes
    ----------
    backend : Backend
        The adapter of the library of x0.
    given : array
        x0 as an array, its dtype left alone; the claim sees copies of it.
    x : array
        x0 in a real floating dtype; func sees copies of it. Of the shape of `given`, except that
        a number is an array of shape (1,), as with SciPy.
    """

    def __init__(self, x0: Any) -> None:
        refuse_unsound({"x0": x0})
        self.backend: Backend = backend_of(x0)
        self.given = self.backend.given(x0)
        if not is_real(self.given.dtype):
            _refuse(self.given.dtype)
        self.x = self.backend.primal(self.given)

    @property
    def shape(self) -> Shape:
        """Shape of x."""
        return tuple(self.x.shape)

    @property
    def eps(self) -> float:
        """Machine epsilon of x."""
        return float(self.backend.eps(self.x.dtype))

    def moved_entry(self, i: int, plus: Array) -> str:
        """Return the words for the point at which entry `i` is that of `plus`."""
        index = np.unravel_index(i, self.shape)
        before, after = (np.asarray(a).reshape(-1)[i] for a in self.backend.to_host([self.x, plus]))
        place = ", ".join(str(int(k)) for k in index)
        return f"func at x0 with x0[{place}] moved from {before!s} to {after!s}"


def _refuse(dtype: Any) -> None:
    if "bool" in str(dtype):
        return  # as good as integers
    msg = f"x0 has dtype {dtype}; expected real numbers."
    if "complex" in str(dtype):
        msg += (
            " To check a function of complex numbers, make it one of their real and imaginary "
            "parts, stacked along a new axis."
        )
    raise TypeError(msg)


class Line:
    """
    A function at x0 and near it.

    Parameters
    ----------
    func : callable
        As the user gave it; called as ``func(x, *args)``.
    args : tuple
        Extra arguments.
    primal : Primal
        The point.
    settings : Settings
        How func is evaluated.
    ray : Ray, optional
        The way on which func is to be called, if that is all that is wanted.

    Attributes
    ----------
    f0 : object
        What func returned at x0. The constructor makes this one call.
    shape : tuple of int
        Its shape.
    eps : float
        Machine epsilon of the coarser of the dtypes of x0 and of f0.
    output_eps : float
        Machine epsilon of f0 alone; float64's for a Python number.
    """

    def __init__(
        self,
        func: Function,
        args: tuple[Any, ...],
        primal: Primal,
        settings: Settings,
        ray: Ray | None = None,
    ) -> None:
        self._given, self._args, self._primal = func, args, primal
        self._func = of_a_batch(bound(func, args)) if settings.vectorized else bound(func, args)
        self._calls = Calls(primal.backend, settings)
        backend, x = primal.backend, primal.x
        start = ray.start if ray else lambda func: func(backend.copy(x))
        output, self.shape = self._at(start, lambda: "func at x0")
        own = backend.eps(output.dtype) if backend.is_native(output) else 0.0
        self.output_eps = float(own) or _EPS
        eps = max(backend.eps(x.dtype), own)
        self.eps = float(eps)
        # Relative to x, for entries that the step asked for does not move.
        self._rel_step = _root(eps)
        self.f0 = backend.keep(output)

    def _at(self, call: Callable[[Function], Any], where: Callable[[], str]) -> tuple[Any, Shape]:
        """Return what a call of func returns, and its shape."""
        try:
            with self._primal.backend.quiet():
                output = call(self._func)
        except Exception as err:
            add_note(err, where())
            raise
        return output, () if type(output) in PLAIN else output_shape(output, where())

    def slopes_by_entry(self, step: np.ndarray) -> np.ndarray:
        """
        Return the forward difference quotients of func along each entry of x0.

        Parameters
        ----------
        step : ndarray of the shape of x0
            Absolute; an entry that its step does not move takes a larger one.

        Returns
        -------
        ndarray
            Of shape ``f.shape + x.shape``, or ``x.shape`` where f is a number or has shape (1,).
            Not narrower than float64.
        """
        primal, backend = self._primal, self._primal.backend
        native_step = backend.from_host(step, primal.x)
        plus = backend.native(displaced)(primal.x, native_step, rel_step=self._rel_step)
        leafed = self._leafed()
        if self._calls.in_batches(primal.x):
            slopes = self._from_batches(leafed, plus)
            if slopes is not None:
                return self._by_entry(slopes)
        outputs: list[Any] = []
        try:
            with self._calls.shown(step.size):
                self._calls.sweep(leafed, primal.x, plus, outputs)
        except Exception as err:
            add_note(err, primal.moved_entry(len(outputs), plus))
            raise
        x, moved, *values = backend.to_host([primal.x, plus, self.f0, *outputs])
        displacement = _wide(moved).ravel() - _wide(x).ravel()
        return self._by_entry(
            self._quotients(values, displacement, lambda i: primal.moved_entry(i, plus))
        )

    def _by_entry(self, slopes: np.ndarray) -> np.ndarray:
        """Return slopes of shape ``(n, *f.shape)`` as `slopes_by_entry` does."""
        if self.is_scalar:
            return slopes.reshape(self._primal.shape)
        return np.moveaxis(slopes, 0, -1).reshape(self.shape + self._primal.shape)

    def _from_batches(self, leafed: Leafed, plus: Array) -> np.ndarray | None:
        """Return the quotients along each entry, in its own row; None if they need plain calls."""
        x, backend = self._primal.x, self._primal.backend
        before, moved, f0 = (np.asarray(array) for array in backend.to_host([x, plus, self.f0]))
        n, done = math.prod(self._primal.shape), 0
        slopes = np.empty((n, math.prod(self.shape)))
        alone = np.asarray(f0, dtype=np.float64).ravel()
        try:
            with self._calls.shown(n):
                for block in self._calls.batches(leafed, x, plus, alone, range(n)):
                    done, start = done + len(block) - 1, done
                    with np.errstate(all="ignore"):
                        # Of each batch by itself, so that its way of rounding is on both sides.
                        np.subtract(block[1:], block[0], out=slopes[start:done])
        except Refused:
            return None
        with np.errstate(all="ignore"):
            slopes /= (_wide(moved).ravel() - _wide(before).ravel())[:, None]
        return slopes.reshape(-1, *self.shape)

    def _leafed(self) -> Leafed:
        def arrays(value: Any) -> list[Any]:
            shape = output_shape(value, "func")
            if shape != self.shape:
                msg = f"func returned shape {shape}, but {self.shape} at x0"
                raise ValueError(msg)
            return [value]

        def many(block: Array, count: int) -> list[Any]:
            value = self._given(block, *self._args)
            refuse_misshapen([value], [self.shape], count)
            return [value]

        return Leafed(
            self._given, self._func, arrays, many, math.prod(self.shape), self.eps,
            remake=lambda: (self._args, _with_args, Line),
        )  # fmt: skip

    def slope_along(self, ray: Ray) -> tuple[Any, Any]:
        """
        Return the forward difference quotient of func along a ray, and what is claimed of it.

        Returns
        -------
        slope : ndarray of the shape of f, or np.float64
            Not narrower than float64.
        claimed : object
            As the host has it.
        """

        def where(_: int = 0) -> str:
            return f"func at x0 + {ray.step!r} * (the random direction)"

        output, _ = self._at(ray.end, where)
        f0, f1, claimed, length = ray.slopes(self.f0, self._primal.backend.keep(output))
        if type(f0) in PLAIN and type(f1) in PLAIN:  # without the cost of arrays
            return np.float64((float(f1) - float(f0)) / length), claimed
        return self._quotients([f0, f1], np.reshape(length, (1,)), where)[0], claimed

    @property
    def is_scalar(self) -> bool:
        """Tell whether func has one value; shape (1,) counts, as with SciPy."""
        return self.shape in ((), (1,))

    def _quotients(
        self, values: list[Any], displacement: np.ndarray, where: Callable[[int], str]
    ) -> np.ndarray:
        """
        Return ``(values[1:] - values[0]) / displacement``, once the shapes are checked.

        The difference is taken in func's own dtype, as by SciPy: it is exact where the values
        agree within a factor of two (Sterbenz).
        """
        try:
            f = np.asarray(values)
        except ValueError:  # ragged
            f = np.asarray(None)
        if f.dtype.kind not in "fiu" or f.shape[1:] != self.shape:
            shapes = [output_shape(value, "func") for value in values]
            i = next((i for i, shape in enumerate(shapes) if shape != self.shape), None)
            if i is not None:
                msg = (
                    f"func returned shape {self.shape} at x0, but shape {shapes[i]} when called as "
                    f"{where(i - 1)}. Expected the same shape at all points."
                )
                raise ValueError(msg)
        with np.errstate(all="ignore"):  # NaN and infinities are answers too
            quotients = (f[1:] - f[0]) / displacement.reshape((-1,) + (1,) * (f.ndim - 1))
        return np.asarray(quotients, dtype=np.float64)


def _with_args(func: Function, args: Any, x: Array) -> Any:
    return func(x, *args)


def of_a_batch(func: Function) -> Function:
    """Return a function of one point, from one that takes a batch of them."""

    def one(x: Any) -> Any:
        return one_of(func(x[None, ...]), "func")

    return one


@functools.lru_cache(maxsize=64, typed=True)
def _root(eps: Any) -> float:
    """Return the square root of eps, taken in the dtype of eps, as by SciPy."""
    return float(eps**0.5)


def _wide(x: Any) -> np.ndarray:
    """Return numbers of half or single precision as float64, which is exact."""
    array = np.asarray(x)
    return array.astype(np.float64) if array.dtype.itemsize < 8 else array
