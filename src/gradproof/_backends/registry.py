"""One adapter per array library; nothing but NumPy is imported before an array asks for it."""

import copyreg
import functools
import importlib
import numbers
import sys
from types import ModuleType
from typing import Any

import numpy as np

from .numpy import NumPyBackend
from .pytrees import Flat, flattened, one
from .recorded import Recorder
from .standard.backend import StandardBackend
from .standard.directions import SHORTEST
from .standard.precisions import Leafwise

Backend = StandardBackend
__all__ = [
    "SHORTEST",
    "Backend",
    "Flat",
    "Leafwise",
    "backend_named",
    "backend_of",
    "is_array",
    "one",
    "recorder_of",
    "taken_apart",
]


def _by_name(backend: Backend) -> tuple[Any, ...]:
    """Return how another process finds an adapter: there is one for each library."""
    return backend_named, (backend.xp.__name__,)


def _the_only(backend: Backend) -> Backend:
    """Return an adapter, which is sent to other processes by the name of its library."""
    copyreg.pickle(type(backend), _by_name)
    return backend


_NUMPY = _the_only(NumPyBackend())


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


def is_array(value: Any) -> bool:
    """Tell whether a value is one array, or numbers that become one, rather than a pytree."""
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return True
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return all(_is_plain(item) for item in value)
    return isinstance(value, numbers.Number)


def _is_plain(value: Any) -> bool:
    """Tell whether there is nothing in a nest of lists but numbers."""
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return all(_is_plain(item) for item in value)
    return isinstance(value, numbers.Number)


def taken_apart(tree: Any) -> tuple[Backend, Flat]:
    """
    Return the leaves of a pytree, and the adapter of the library that they belong to.

    Parameters
    ----------
    tree : pytree
        JAX's registry takes it apart where there is an array of JAX in it, optree otherwise.

    Returns
    -------
    backend : Backend
        The adapter.
    flat : Flat
        Leaves, their paths, and how to build the tree again.
    """
    if "jax" in sys.modules:
        import jax

        if any(isinstance(leaf, jax.Array) for leaf in jax.tree_util.tree_leaves(tree)):
            backend = _load_jax()
            return backend, backend.flatten(tree)
    if "torch" in sys.modules:
        flat = _load_torch().flatten(tree)
        if flat.made[0] is not flattened:  # there are modules in it
            return _load_torch(), flat
    else:
        flat = flattened(tree)
    arrays = [leaf for leaf in flat.leaves if hasattr(leaf, "dtype") and hasattr(leaf, "shape")]
    for array in arrays:
        backend = backend_of(array)
        if backend is not _NUMPY:
            return backend, flat
    return _NUMPY, flat


@functools.cache
def recorder_of(library: str) -> Recorder:
    """Return what records calls of rules of a library that is imported: 'jax' or 'torch'."""
    if library == "torch":
        from .torch.recorded import TorchRecorder

        return TorchRecorder()
    from .jax.recorded import JAXRecorder

    return JAXRecorder()


def imported() -> list[Backend]:
    """Return the adapters of the libraries with modules that are imported already."""
    loads = {"torch": _load_torch, "jax": _load_jax}
    return [load() for name, load in loads.items() if name in sys.modules]


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
    return _the_only(StandardBackend(xp))


@functools.cache
def _load_torch() -> Backend:
    from .torch.backend import TorchBackend

    return _the_only(TorchBackend())


@functools.cache
def _load_jax() -> Backend:
    from .jax.backend import JAXBackend

    return _the_only(JAXBackend())
