"""One adapter per array library; nothing but NumPy is imported before an array asks for it."""

import functools
import importlib
from types import ModuleType
from typing import Any

import numpy as np

from ._numpy import NumPyBackend
from ._standard import StandardBackend

Backend = StandardBackend

__all__ = ["Backend", "backend_named", "backend_of"]

_NUMPY = NumPyBackend()


def backend_of(x0: Any) -> Backend:
    """
    Return the adapter of the library that x0 belongs to.

    Parameters
    ----------
    x0 : array, number or nested list of numbers
        Whatever is no array of another library is NumPy's.

    Returns
    -------
    Backend
        The adapter.
    """
    if type(x0) is np.ndarray:
        return _NUMPY
    kind: Any = type(x0)
    return _of_type(kind) or _of_namespace(x0)


def backend_named(name: str) -> Backend:
    """
    Return the adapter of a library, which is imported.

    Parameters
    ----------
    name : str
        "numpy", "jax", "torch", or the name by which another array API namespace is imported.

    Returns
    -------
    Backend
        The adapter.

    Raises
    ------
    ImportError
        If there is no such library here.
    ValueError
        If it is a module without arrays.
    """
    # An array knows its library best; these are the names of what makes one.
    xp = importlib.import_module("jax.numpy" if name == "jax" else name)
    try:
        return backend_of(xp.asarray(0.0))
    except AttributeError:
        msg = (
            f"{name!r} is no array library: it has no function `asarray`. Expected numpy, jax, "
            "torch or the array namespace of another library, such as array_api_strict or "
            "dask.array."
        )
        raise ValueError(msg) from None


@functools.lru_cache(maxsize=256)
def _of_type(kind: Any) -> Backend | None:
    """Return the adapter of a class, None where the object itself must be asked."""
    # Subclasses (an nn.Parameter, a user's own tensor) are found through their bases.
    for base in kind.__mro__:
        library = base.__module__.partition(".")[0]
        if library == "torch":
            return _load_torch()
        if library in ("jax", "jaxlib"):
            return _load_jax()
        if library == "numpy":
            return _NUMPY
    return _NUMPY if kind.__module__ == "builtins" else None


def _of_namespace(x0: Any) -> Backend:
    from array_api_compat import array_namespace, is_array_api_obj

    # Anything else may be made of numbers all the same: a pandas Series, a list of one's own.
    return _standard(array_namespace(x0)) if is_array_api_obj(x0) else _NUMPY


@functools.cache
def _standard(xp: ModuleType) -> Backend:
    return StandardBackend(xp)


@functools.cache
def _load_torch() -> Backend:
    from ._torch import TorchBackend

    return TorchBackend()


@functools.cache
def _load_jax() -> Backend:
    from ._jax import JAXBackend

    return JAXBackend()
