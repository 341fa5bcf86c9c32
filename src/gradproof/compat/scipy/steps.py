"""Steps of finite differences, and the displacement that a step really makes."""

import math
from typing import Any

import numpy as np

from ..._backends.registry import Backend
from ..._backends.typing import Array


def displaced(backend: Backend, x: Array, step: Array, *, rel_step: float) -> Array:
    """
    Return ``x + step``, with no entry left where it was.

    Parameters
    ----------
    backend : Backend
        The adapter of the arrays.
    x, step : arrays of one shape and dtype
        Where to start, and how far to go, in the units of `x`.
    rel_step : float
        Positive. An entry that `step` does not move, since rounding undoes it or since it is
        zero, moves by ``rel_step * max(1, abs(x))`` away from zero instead.

    Returns
    -------
    array
        The sum, rounded in the dtype of `x`. Read the displacement off it, not off `step`.

    Notes
    -----
    The rule is that of `scipy.optimize.approx_fprime`, which keeps its numbers in float64 and
    rescues the short dtypes, where a default step often is less than half a unit in the last
    place.
    """
    plus: Array = x + step
    moved = plus - x
    if backend.all_nonzero(moved):
        return plus
    return _rescued(backend, x, plus, moved == 0, rel_step)


def displaced_along(
    backend: Backend, tangent: Array, x: Array, *, step: float, rel_step: float
) -> tuple[Array, Any]:
    """
    Return ``x + step * tangent``, with no entry left where it was.

    Parameters
    ----------
    backend : Backend
        The adapter of the arrays.
    tangent, x : arrays of one shape and dtype
        The direction, which is overwritten where that is possible, and where to start.
    step : float
        Multiple of the direction; not zero.
    rel_step : float
        For entries that would stay where they are, as in `displaced`.

    Returns
    -------
    plus : array
        The sum, rounded in the dtype of `x`.
    far : number or 0-d array
        How far the entries that would have stayed went, at most; 0 if there are none.
    """
    tangent *= step
    tangent += x
    moved = tangent - x
    if 0 in x.shape or backend.all_nonzero(moved):
        return tangent, 0.0
    xp, lost = backend.xp, moved == 0
    plus = _rescued(backend, x, tangent, lost, rel_step)
    return plus, xp.max(xp.where(lost, xp.abs(plus - x), xp.zeros_like(x)))


def followed(
    backend: Backend, tangent: Array, x: Array, *, step: float, rel_step: float
) -> tuple[Array, Any]:
    """Return a tangent that leads to where `displaced_along` does, and how far."""
    moved = tangent * step
    moved += x
    moved -= x
    if backend.all_nonzero(moved):
        return tangent, 0.0
    xp, lost = backend.xp, moved == 0
    change = _rescued(backend, x, x, lost, rel_step) - x
    far = xp.max(xp.where(lost, xp.abs(change), xp.zeros_like(x)))
    return xp.where(lost, change / step, tangent), far


def moved_along(_: Backend, tangent: Array, x: Array, *, step: float) -> tuple[Array, None]:
    """Return ``x + step * tangent``, and nothing."""
    tangent *= step
    tangent += x
    return tangent, None


def along(backend: Backend, claim: Array, plus: Array, x: Array) -> Any:
    """Return the sum over the entries of x of claim times displacement, in the widest dtype."""
    xp: Any = backend.xp
    wide = backend.widest(x)
    return backend.contract(claim, xp.astype(plus, wide) - xp.astype(x, wide))


def _rescued(backend: Backend, x: Array, plus: Array, lost: Array, rel_step: float) -> Array:
    """Return `plus`, with the entries that are `lost` moved by a step relative to `x`."""
    xp = backend.xp
    size = xp.maximum(xp.abs(x), 1.0)
    rescued = xp.where(lost, x + xp.where(x >= 0, size, -size) * rel_step, plus)
    return _as_x(xp, rescued, x)


def _as_x(xp: Any, point: Any, x: Array) -> Array:
    """Return a point in the dtype of x, which bfloat16 in NumPy leaves for a Python number."""
    converted: Array = point if point.dtype == x.dtype else xp.astype(point, x.dtype)
    return converted


def absolute_step(epsilon: Any, shape: tuple[int, ...], eps: float) -> np.ndarray:
    """
    Return the step of each entry, after checking what the user gave.

    Parameters
    ----------
    epsilon : None, number or array_like
        In the units of x; None means ``sqrt(eps)``, one for all entries.
    shape : tuple of int
        Shape of x; () if there is one step for all of it.
    eps : float
        Machine epsilon of the dtype of x.

    Returns
    -------
    ndarray of shape `shape`, float64

    Raises
    ------
    ValueError
        If `epsilon` is not finite, or of another shape than one number or `shape`.
    TypeError
        If `epsilon` is not made of real numbers.
    """
    if epsilon is None:
        return np.full(shape, math.sqrt(eps))
    steps = np.asarray(epsilon)
    if steps.dtype.kind not in "fiu":
        msg = f"epsilon={epsilon!r} is not made of real numbers; give a step or one for each entry."
        raise TypeError(msg)
    if steps.size != 1 and steps.shape != shape:
        expected = (
            f"one number, or one for each entry of x0, which has shape {shape}"
            if shape
            else "one number (with direction='random', how far to go along the direction)"
        )
        msg = f"epsilon has shape {steps.shape}; expected {expected}."
        raise ValueError(msg)
    if not np.isfinite(steps).all():
        msg = f"epsilon={epsilon!r} is not finite; give a step in the units of x0."
        raise ValueError(msg)
    return np.broadcast_to(steps.reshape(()) if steps.size == 1 else steps, shape).astype(float)
