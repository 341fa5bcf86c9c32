"""What counts as a number, and what may come back from the user's functions."""

import functools
import numbers
from collections.abc import Hashable
from typing import Any

import numpy as np

from .._backends.registry import Backend
from .._backends.typing import Array
from .._numerics.blocks import LONG
from .callables import _is_complex
from .hints import of_pair
from .paths import listed

#: Most of what functions return: numbers of which nothing needs to be asked.
PLAIN = (float, np.float64)
#: Dtypes that NumPy computes with.
_HOSTS = ("float16", "float32", "float64")


def output_shape(value: Any, name: str, *, flags: bool = False) -> tuple[int, ...]:
    """
    Return the shape of what a user's function returned, if it is made of real numbers.

    Parameters
    ----------
    value : number, array or nested list of them
        The returned value. Arrays are not read, only their shape and dtype.
    name : str
        What returned it, for the message.
    flags : bool
        Whether True and False are as good as 1 and 0.

    Returns
    -------
    tuple of int

    Raises
    ------
    TypeError
        If there is something else in it: None, complex numbers, text.
    """
    if type(value) in PLAIN:
        return ()
    dtype = bool if isinstance(value, bool) else getattr(value, "dtype", None)
    if dtype is not None:
        if not (is_real(dtype) or (flags and "bool" in str(dtype))):
            _refuse(dtype, name)
        return tuple(getattr(value, "shape", ()))
    if isinstance(value, (list, tuple)):
        shapes = [output_shape(item, name, flags=flags) for item in value]
        if any(shape != shapes[0] for shape in shapes):
            msg = f"{name} returned a list whose items differ in shape: {shapes[:6]}."
            raise TypeError(msg)
        return (len(value), *(shapes[0] if shapes else ()))
    if isinstance(value, numbers.Real):
        return ()
    msg = (
        f"{name} returned {value!r:.80} of type {type(value).__name__}; expected an array, a "
        "number, or a list of them, all real."
    )
    if value is None:
        msg += " Is a `return` missing?"
    raise TypeError(msg)


def is_complex(value: Any) -> bool:
    """Tell whether a number, or an array of any library, is complex."""
    dtype = getattr(value, "dtype", None)
    kind: Any = type(dtype)
    return isinstance(value, complex) if dtype is None else _is_complex(kind, dtype)


def is_real(dtype: Any) -> bool:
    """Tell whether a dtype of any library holds real numbers (bfloat16 and the like count)."""
    kind: Any = type(dtype)
    return _is_real(kind, dtype)


@functools.lru_cache(maxsize=256)
def _is_real(_: Hashable, dtype: Any) -> bool:
    # The name of a dtype of NumPy with swapped bytes says nothing, its kind does.
    return getattr(dtype, "kind", "") in tuple("fiu") or any(
        real in str(dtype) for real in ("float", "int")
    )


def _refuse(dtype: Any, name: str) -> None:
    dtype = getattr(dtype, "__name__", dtype)  # bool itself
    msg = f"{name} returned numbers of dtype {dtype}; expected real ones."
    if "complex" in str(dtype):
        msg += (
            " To check a complex function, return its real and its imaginary part, stacked along "
            "a new axis."
        )
    raise TypeError(msg)


def as_numbers(backend: Backend, value: Any, name: str, *, narrow: bool = False) -> np.ndarray:
    """
    Return what a claim has for one leaf as an array of the host, real or complex.

    In double precision; very many numbers, if they may be `narrow`, in single if that is theirs.
    """
    what = backend.no_derivative(value)
    if what:
        msg = (
            f"{name} returned {what} where a derivative is needed; return zeros if func does not "
            "depend on this."
        )
        if value is None:
            msg += " Is a `return` missing?"
        raise TypeError(msg)
    try:
        array = np.asarray(backend.to_host([value])[0])
    except (ValueError, TypeError) as err:
        if not isinstance(value, (tuple, list)):
            raise
        # A value and its derivative, mostly: NumPy speaks of inhomogeneous shapes.
        parts = listed({f"[{i}]": part for i, part in enumerate(value)})
        msg = (
            f"{name} returned a {type(value).__name__} that does not become one array: {parts}."
            f"{of_pair(value, name)}"
        )
        raise TypeError(msg) from err
    # A dtype that is not NumPy's own, such as bfloat16, has a kind of "V".
    if array.dtype.kind not in "fiuc" and not is_real(array.dtype):
        msg = (
            f"{name} returned {type(value).__name__} of dtype {array.dtype}, which does not become "
            "an array of numbers; expected a dense array or a list of numbers."
        )
        raise TypeError(msg)
    if narrow and array.size > LONG and array.dtype == np.float32:
        return array
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64, copy=False)


def host_dtype(array: Array) -> "np.dtype | None":
    """Return the dtype of an array, if it is one of NumPy's and real."""
    name = str(array.dtype).rpartition(".")[2]
    return np.dtype(name) if name in _HOSTS else None
