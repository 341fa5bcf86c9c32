"""Leaves of func's arguments: which are moved, which are held fixed, and which are refused."""

import enum
import numbers
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from .._backends.registry import Backend, is_array, taken_apart
from .._backends.typing import Array
from .scope import Part

_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, type)


@dataclass(frozen=True)
class Taken:
    """
    What becomes of a leaf.

    Attributes
    ----------
    array : array or None
        Its numbers, if it is moved.
    form : callable or None
        From an array like it to what func is to see, where that is another thing: a Python number
        beside tensors.
    why : str
        Why it is held fixed, if it is.
    """

    array: Array | None = None
    form: Callable[[Any], Any] | None = None
    why: str = ""


def taken(backend: Backend, value: Any, name: str, *, tracked: bool = False) -> Taken:
    """
    Return what becomes of a leaf: nothing that has a derivative is held fixed without a word.

    Parameters
    ----------
    backend : Backend
        The adapter of the library that is moved.
    value : object
        The leaf.
    name : str
        What it is called.
    tracked : bool
        Whether the library differentiates by it, rather than that it is displaced.

    Raises
    ------
    TypeError
        If it has floating numbers that cannot be moved.
    """
    array = backend.leaf(value)
    if array is not None:
        refuse_unusable(backend, value, name)
        return Taken(array, backend.form(array))
    adopted = backend.adopted(value)
    if adopted is not None and tracked:
        return Taken(why=f"{backend.name} does not differentiate by a {kind_of(value)}")
    if adopted is not None:
        return Taken(*adopted)
    why = _held(value)
    if not why:
        _refuse(backend, value, name)
    return Taken(why=why)


def refuse_unusable(backend: Backend, value: Any, name: str) -> None:
    """Raise a TypeError if an array cannot be moved entry by entry, with what to do."""
    words = backend.unusable(value)
    if words:
        msg = f"{name} is {words}"
        raise TypeError(msg)


def kind_of(value: Any) -> str:
    """Return the words for a value's type, with its library."""
    kind: Any = type(value)
    library = kind.__module__.partition(".")[0]
    return kind.__name__ if library in ("builtins", "__main__") else f"{library}.{kind.__name__}"


def _held(value: Any) -> str:
    """Return why a leaf without a derivative is held fixed; empty if it may have one."""
    if value is None:
        return "None"
    dtype = getattr(value, "dtype", None)
    if dtype is not None and hasattr(value, "shape"):
        kind, words = getattr(dtype, "kind", ""), str(dtype)
        if "bool" in words or kind == "b":
            return "bool"
        if kind in ("i", "u") or ("int" in words and ".q" not in words):
            return "integer"
        # Text, times, and the keys of JAX's random numbers.
        return words if kind in tuple("SUMm") or words.startswith("key<") else ""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, numbers.Integral):
        return "integer"
    if isinstance(value, numbers.Number) or _has_numbers(value):
        return ""
    return "function" if isinstance(value, _FUNCTIONS) else kind_of(value)


def _has_numbers(value: Any) -> bool:
    """Tell whether an object, which is no container, holds floating arrays."""
    if isinstance(value, (str, bytes, enum.Enum, *_FUNCTIONS)):
        return False
    if hasattr(value, "__array__") or hasattr(value, "tocoo") or hasattr(value, "parameters"):
        return True
    return any(map(is_floating, getattr(value, "__dict__", {}).values()))


def is_floating(value: Any) -> bool:
    """Tell whether a value is an array of real or complex floating numbers."""
    words = str(getattr(value, "dtype", ""))
    return hasattr(value, "shape") and ("float" in words or "complex" in words)


def _refuse(backend: Backend, value: Any, name: str) -> NoReturn:
    shape = f" of shape {tuple(value.shape)}" if hasattr(value, "shape") else ""
    beside = "" if backend.name == "numpy" else ", NumPy arrays and Python numbers beside them"
    msg = (
        f"{name} is a {kind_of(value)}{shape}, which cannot be moved together with arrays of "
        f"{backend.name}; expected arrays of {backend.name}{beside}. "
    )
    if hasattr(value, "to_numpy"):
        msg += "Pass its numbers: .to_numpy()."
    elif hasattr(value, "dequantize") and value.is_quantized:
        msg += "Pass its numbers: .dequantize()."
    elif hasattr(value, "toarray"):
        msg += "Pass a dense array: .toarray()."
    elif isinstance(value, numbers.Number):
        msg += "Pass float(...) of it."
    elif is_array(value):
        msg += "Convert it, so that all leaves are of one library, or leave it out of argnums."
    else:
        msg += (
            "Make it a dict, a dataclass or another pytree of arrays, or leave it out of argnums."
        )
    raise TypeError(msg)


def has_floating(value: Any) -> bool:
    """Tell whether an argument has a floating leaf, which a derivative may be by."""
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return is_floating(value)
    if isinstance(value, numbers.Number):
        return isinstance(value, (float, complex))
    backend, flat = taken_apart(value)
    return any(backend.leaf(leaf) is not None or is_floating(leaf) for leaf in flat.leaves)


def beside(name: str, value: Any) -> list[Part]:
    """Return the parts of an argument that no derivative is taken by: what has numbers in it."""
    shape = tuple(value.shape) if hasattr(value, "shape") else None
    if shape is None and isinstance(value, (list, tuple)) and is_array(value):
        shape = np.shape(value)
    if shape is not None and not is_floating(value):
        return [Part(name, shape, _held(value) or kind_of(value))]
    if isinstance(value, numbers.Number):
        return [Part(name, None, "a number")] if isinstance(value, (float, complex)) else []
    if shape is not None or has_floating(value):
        return [Part(name, shape, "not in argnums")]
    return []
