"""Arrays of any array API namespace: what they are, and their way to the host and back."""

import functools
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np

from ..pytrees import Flat, flattened
from ..typing import Array


def is_odd(array: Any) -> bool:
    """Tell whether an array of NumPy is of a kind with an arithmetic of its own."""
    return isinstance(array, np.ma.MaskedArray | np.matrix)


@functools.lru_cache(maxsize=256)
def _eps(xp: Any, dtype: Any) -> Any:
    try:
        return xp.finfo(dtype).eps
    # Integers have none; each library says so differently, array_api_compat by an AttributeError.
    except (TypeError, ValueError, AttributeError):
        if getattr(dtype, "kind", "") != "V":
            return 0.0
        import ml_dtypes  # whose dtype it is: bfloat16 in an array of NumPy

        return float(ml_dtypes.finfo(dtype).eps)


def _nested(value: Any, convert: Callable[[Any], Any]) -> Any:
    if isinstance(value, (list, tuple)):
        return np.asarray([_nested(item, convert) for item in value])
    return convert(value) if hasattr(value, "dtype") else value


def _like(moved: Any, like: Any) -> Any:
    """Return numbers as an array of NumPy, or as a number of its, with the dtype of another."""
    array = np.asarray(moved).astype(like.dtype)
    return array if isinstance(like, np.ndarray) else array[()]


class Arrays:
    """Arrays of a library, by the array API standard alone."""

    #: Said in messages, and by the command line.
    name = "array API"
    #: The sign of an imaginary part in a cotangent: a gradient ``a + sign * 1j * b`` has the slope
    #: a along the real part and b along the imaginary one. JAX has the other sign.
    conjugation = 1.0
    #: Whether functions of such arrays let threads run side by side; None where that differs.
    threads: bool | None = None
    #: Whether a function can write to an array.
    mutable = True
    #: Whether arithmetic takes numbers below the smallest normal one for zero.
    flushes = False
    #: How arrays of more than one entry can lie in memory, beside contiguous: "transposed" (or with
    #: gaps, of one axis) and "expanded" (all entries being one number).
    layouts: tuple[str, ...] = ()

    def __init__(self, xp: Any) -> None:
        self.xp = xp

    def given(self, x0: Any) -> Array:
        """Return x0 as an array, the way the claim is to see it: its dtype is left alone."""
        return x0

    def primal(self, given: Array) -> Array:
        """Return x0 the way func is to see it: real floating, and not to be written to."""
        if self.xp.isdtype(given.dtype, "real floating"):
            return given
        return self.xp.astype(given, self.default_dtype())

    def floating(self, given: Array) -> Array:
        """Return an array in real or complex floating numbers, its shape left alone."""
        kinds = ("real floating", "complex floating")
        if self.xp.isdtype(given.dtype, kinds):
            return given
        return self.xp.astype(given, self.default_dtype())

    def leaf(self, value: Any) -> Array | None:
        """Return a leaf of a pytree as an array that can be moved; None if it is held fixed."""
        kinds = ("real floating", "complex floating")
        if self.is_native(value) and self.xp.isdtype(value.dtype, kinds):
            return value
        return None

    def form(self, leaf: Array) -> Callable[[Any], Any] | None:
        """Return what makes an array like a leaf one in all of its ways; None if nothing has to."""
        return None

    def traced(self, value: Any) -> str:
        """Return the words for what has no numbers that could be read; none for all else."""
        return ""

    def unusable(self, value: Any) -> str:
        """Return what an array that cannot be moved is, and what to do instead; or nothing."""
        return ""

    def parameters(self, func: Any) -> list[Any]:
        """Return the arrays that a function has by itself, as a module has; none for all else."""
        return []

    def unmovable(self, func: Any) -> str:
        """Return why what a function has by itself cannot be moved; empty if it can."""
        return ""

    def adopted(self, value: Any) -> tuple[Array, Callable[[Any], Any] | None] | None:
        """
        Return a number, or an array of NumPy, beside arrays of this library as one of them.

        With it comes what makes of such an array what func is to see. None for all else.
        """
        if isinstance(value, np.ndarray | np.generic):
            short = value.dtype.itemsize <= (16 if value.dtype.kind == "c" else 8)
            if value.dtype.kind not in "fc" or not short or is_odd(value):
                return None
            return self.from_numpy(value), lambda moved: _like(self.to_host([moved])[0], value)
        real = isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral)
        if not (real or isinstance(value, complex)):
            return None
        kind: Any = float if real else complex
        return self.from_numpy(kind(value)), lambda moved: kind(self.to_host([moved])[0])

    def frozen(self, leaves: list[Any]) -> list[bool]:
        """Tell of each leaf whether it is a parameter that its library does not train."""
        return [False] * len(leaves)

    def from_numpy(self, array: Any) -> Array:
        """Return an array of NumPy as one of this library, with numbers of its own."""
        return self.xp.asarray(np.array(array))

    def flatten(self, tree: Any) -> "Flat":
        """Return the leaves of a pytree, the path of each, and what builds the tree from others."""
        return flattened(tree)

    def default_dtype(self) -> Any:
        """Return the dtype that an x0 of integers is turned into."""
        return self.xp.__array_namespace_info__().default_dtypes()["real floating"]

    def dtype_named(self, name: str) -> Any:
        """Return a dtype by its name in the standard; AttributeError if there is none."""
        return getattr(self.xp, name)

    def copy(self, x: Array) -> Array:
        """Return a copy that a user's function may keep or write to."""
        return self.xp.asarray(x, copy=True)

    def lendable(self, value: Any) -> bool:
        """Tell whether a value is an array that can be written to, and that a copy stands for."""
        return self.mutable and self.is_native(value)

    def laid_out(self, x: Array, layout: str) -> Array:
        """Return the same numbers in memory of their own of another layout, if it can be had."""
        return x

    def never_gapped(self, x: Any) -> bool:
        """Tell whether this is an array of one axis that nobody stores with gaps."""
        return False

    def unrecorded(self, x: Array) -> Array:
        """Return an array as one that autograd does not follow."""
        return x

    def eps(self, dtype: Any) -> Any:
        """Return the machine epsilon of a real dtype, 0 of one of integers."""
        return _eps(self.xp, dtype)

    def widest(self, like: Array) -> Any:
        """Return the dtype in which sums over entries of `like` are accumulated."""
        return self.xp.float64

    def to_host(self, values: list[Any]) -> list[Any]:
        """
        Hand arrays, numbers and nested lists of them over to NumPy, all at once.

        No value is narrowed. What comes back is for `np.asarray` to take.
        """
        convert = self._one_to_host
        return [v if isinstance(v, float) else _nested(v, convert) for v in values]

    def _one_to_host(self, value: Any) -> Any:
        try:
            return np.asarray(value)
        except (TypeError, ValueError, RuntimeError, BufferError):  # it lives on another device
            return np.from_dlpack(value, device="cpu", copy=True)

    def from_host(self, values: np.ndarray, like: Array, dtype: Any = None) -> Array:
        """Return NumPy numbers as an array on the device of `like`, in its dtype or in `dtype`."""
        from array_api_compat import device

        # A dtype of the standard is known to `xp.asarray`; one outside it (bfloat16) is not
        # known to NumPy, hence the native cast.
        return self.xp.astype(self.xp.asarray(values, device=device(like)), dtype or like.dtype)

    def is_native(self, value: Any) -> bool:
        """Tell whether a claim is an array of this library, or numbers in some other form."""
        from array_api_compat import is_array_api_obj

        return is_array_api_obj(value) and not isinstance(value, np.ndarray | np.generic)

    def is_beside(self, value: Any, like: Array) -> bool:
        """Tell whether a claim is an array of this library, and on the device of `like`."""
        from array_api_compat import device

        return self.is_native(value) and device(value) == device(like)

    def same_kind(self, point: Array, x: Array) -> Array:
        """Return a point, computed from x, as an array in all of x's ways."""
        return point

    def coordinates(self, matrix: Any) -> Any:
        """Return rows, columns, numbers and shape of a sparse matrix, None if it is not one."""
        if not hasattr(matrix, "tocoo"):  # SciPy's, whichever the format
            return None
        found = matrix.tocoo()
        rows, columns = (np.asarray(places) for places in (found.row, found.col))
        return rows, columns, np.asarray(found.data, dtype=np.float64), tuple(found.shape)
