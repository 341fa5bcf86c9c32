"""What entries of a claim may depend on: arguments of func, its values, the cotangent."""

import math
from itertools import islice
from typing import Any

import numpy as np

from .._diagnosis.fields import Beside
from .._evaluation.values import Values
from .probes import leaf_shape

#: What the weights of func's values are called.
COTANGENT = "the cotangent"
#: Arrays longer than this are left alone: they are copied to the host.
_MOST = 2**20


def around(values: Values, u: np.ndarray) -> tuple[list[Beside], dict[str, float]]:
    """
    Return arrays that a mistake may have to do with, and numbers that a factor may be, by name.

    Parameters
    ----------
    values : Values
        Evaluations of func.
    u : ndarray of shape (m,)
        The cotangent.
    """
    found, numbers = [], {}
    for name, value in values.point.base.beside():
        if isinstance(value, bool):
            continue
        if isinstance(value, int | float) or _shape(value) == ():
            number = _number(value)
            if number is not None:
                numbers[name] = number
        elif math.prod(_shape(value) or (_MOST + 1,)) <= _MOST:
            array = _host(values, value)
            if array is not None:
                found.append(Beside(name, array))
    if len(values.outputs.leaves) == 1 and values.outputs.leaves[0].shape:
        (leaf,) = values.outputs.leaves
        if not leaf.complex and values.at_x0.size <= _MOST:
            found.append(Beside("func's values", leaf.shaped(values.at_x0)))
            if u.size == values.at_x0.size:
                found.append(Beside(COTANGENT, leaf.shaped(u)))
    return found, numbers


def _shape(value: Any) -> tuple[int, ...] | None:
    shape = getattr(value, "shape", None)
    return tuple(shape) if isinstance(shape, tuple) else None


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _host(values: Values, value: Any) -> np.ndarray | None:
    """Return an array of whatever library on the host; None if it is none of real numbers."""
    try:
        if not isinstance(value, np.ndarray):
            (value,) = values.backend.to_host([value])
        array = np.asarray(value)
    except Exception:  # a mask of another library, a lazy array, a key
        return None
    if array.dtype.kind not in "fiub" or not array.size:
        return None
    array = array.astype(float)
    return array if np.isfinite(array).all() else None


def lengths(values: Values) -> tuple[int, ...]:
    """Return the lengths of the axes of func's arguments and values, each once."""
    leaves = (*values.outputs.leaves, *values.point.base.leaves)
    shapes = [leaf.shape for leaf in leaves]
    shapes += [_shape(value) or () for _, value in values.point.base.beside()]
    return tuple(dict.fromkeys(length for shape in shapes for length in shape if length > 2))


def beside_of(leaf: Any, k: int, point: Any, others: list[Beside]) -> tuple[Beside, ...]:
    """Return the arrays that entries of a leaf may depend on."""
    shape = leaf_shape(leaf)
    own = Beside(point.name_of(leaf), point.at_x0[leaf.where].reshape(shape), of_field=True)
    fitting = [one for one in others if fits(one.values.shape, shape)]
    leaves = (
        Beside(point.name_of(other), point.at_x0[other.where].reshape(other.shape))
        for j, other in enumerate(point.leaves)
        if j != k and other.shape == leaf.shape and not other.complex and not leaf.complex
    )
    return (own, *fitting, *islice(leaves, 3))  # of thousands no more are made


def fits(shape: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    """Tell whether an array of one shape broadcasts to another."""
    try:
        return bool(shape) and np.broadcast_shapes(shape, whole) == whole
    except ValueError:
        return False
