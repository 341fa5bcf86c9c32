"""Functions of lists of leaves: of their finite values alone."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..._backends.typing import Function

#: Leaves of the result of f: a tuple, since a list of numbers would count as one array.
Results = tuple[Any, ...]


def where_finite(array: Any) -> np.ndarray | None:
    """Return where an array is finite; None if that is everywhere."""
    finite = np.isfinite(np.asarray(jax.device_get(array)))
    return None if finite.all() else finite


def masked(finite: np.ndarray | None, array: Any) -> Any:
    """Return an array with zeros for what is not finite."""
    return array if finite is None else jnp.where(finite, array, jnp.zeros_like(array))


def finite_part(function: Function, leaves: list[Any]) -> Function:
    """Return a function with zeros for what is not finite at some leaves; itself for nothing."""
    finite = [where_finite(leaf) for leaf in function(leaves)]
    return function if all(mask is None for mask in finite) else _FinitePart(function, finite)


class _FinitePart:
    """A function of leaves with zeros in some places."""

    partial = True

    def __init__(self, function: Function, finite: list[np.ndarray | None]) -> None:
        self._function, self._finite = function, finite

    def __call__(self, leaves: list[Any]) -> Results:
        return tuple(map(masked, self._finite, self._function(leaves)))
