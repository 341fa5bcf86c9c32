"""Functions of lists of leaves: compiled, and of their finite values alone."""

from collections.abc import Callable
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


class Compiled:
    """
    A function, compiled if it can be: checks call it some dozen times.

    Python that looks at numbers (``if x > 0``) cannot be compiled, and runs as it is.

    Parameters
    ----------
    func : callable
        The function.
    partial : bool
        Whether it comes of one of which values are left out.
    """

    def __init__(self, func: Callable[..., Any], *, partial: bool = False) -> None:
        self._func, self.partial = func, partial
        self._run: Callable[..., Any] | None = None

    def __call__(self, *leaves: Any) -> Any:
        """Return the results at some leaves."""
        if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree_util.tree_leaves(leaves)):
            return self._func(*leaves)  # part of what is compiled already, or never can be
        if self._run is None:
            # Compilation takes most of the time of a check, and on the CPU a third of it goes into
            # optimizations that some dozen calls never pay back.
            options = {"xla_backend_optimization_level": 0}
            cpu = jax.default_backend() == "cpu"
            compiled = jax.jit(self._func, compiler_options=options if cpu else None)
            try:
                found = compiled(*leaves)
            except Exception:
                # Raises again what is not about compilation.
                found = self._func(*leaves)
                self._run = self._func
            else:
                self._run = compiled
            return found
        return self._run(*leaves)
