"""
The arrays that the suite runs on.

``GRADPROOF_BACKENDS`` names the libraries that a run is about, separated by commas; nox sets it.
Each of them must import, or the run fails; of the others nothing is tested.
"""

import functools
import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

REQUIRED = tuple(os.environ.get("GRADPROOF_BACKENDS", "numpy,array_api_strict").split(","))


def about(library: str, *values: Any, name: str) -> Any:
    """Return a case of a parametrized test that is about a library."""
    return pytest.param(*values, marks=pytest.mark.library(library), id=name)


EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}


@dataclass(frozen=True)
class Kind:
    """One way in which arrays come: a library, and what is special about its arrays."""

    library: str
    variant: str
    make: Callable[[Any, str], Any]

    @property
    def name(self) -> str:
        return f"{self.library}-{self.variant}" if self.variant else self.library


def _numpy(values: Any, dtype: str) -> Any:
    return np.array(values, dtype=dtype)


def _numpy_readonly(values: Any, dtype: str) -> Any:
    array = _numpy(values, dtype)
    array.flags.writeable = False
    return array


def _strict(values: Any, dtype: str, device: str = "CPU_DEVICE") -> Any:
    import array_api_strict as xp

    return xp.asarray(values, dtype=getattr(xp, dtype), device=xp.Device(device))


def _dask(values: Any, dtype: str) -> Any:
    import dask.array as da

    return da.asarray(np.array(values, dtype=dtype))


def _torch(values: Any, dtype: str) -> Any:
    import torch

    return torch.tensor(values, dtype=getattr(torch, dtype))


def _jax(values: Any, dtype: str, device: int = 0) -> Any:
    import jax
    import jax.numpy as jnp

    array = jnp.asarray(values, dtype=dtype)
    return jax.device_put(array, jax.devices()[device]) if device else array


KINDS = (
    Kind("numpy", "", _numpy),
    Kind("numpy", "readonly", _numpy_readonly),
    Kind("array_api_strict", "", _strict),
    Kind("array_api_strict", "device1", functools.partial(_strict, device="device1")),
    Kind("dask", "", _dask),
    Kind("torch", "", _torch),
    Kind("jax", "", _jax),
    Kind("jax", "device1", functools.partial(_jax, device=1)),
)


def dtypes(library: str) -> tuple[str, ...]:
    """Return the floating dtypes of a library, as it is set up in this run."""
    if library == "array_api_strict":
        return ("float64", "float32")
    if library == "dask":  # by far the slowest, and its dtypes are NumPy's
        return ("float64",)
    if library == "numpy":
        return ("float64", "float32", "float16")
    if library == "jax" and os.environ.get("JAX_ENABLE_X64", "0") in ("", "0"):
        return ("float32", "float16", "bfloat16")
    return ("float64", "float32", "float16", "bfloat16")


@dataclass(frozen=True)
class Arrays:
    """Makes arrays of one kind and dtype."""

    kind: Kind
    dtype: str

    def __call__(self, values: Any) -> Any:
        return self.kind.make(values, self.dtype)

    @property
    def library(self) -> str:
        return self.kind.library

    @property
    def eps(self) -> float:
        return EPS[self.dtype]

    @property
    def xp(self) -> Any:
        """The namespace for functions under test."""
        from array_api_compat import array_namespace

        return array_namespace(self.kind.make([0.0], self.dtype))

    def numpy(self, array: Any) -> np.ndarray:
        """Return an array of this kind as float64 numbers of NumPy."""
        if self.library == "torch":
            return array.detach().double().cpu().numpy()
        if self.kind.variant == "device1" and self.library == "array_api_strict":
            array = array.to_device(_strict(0, "float64").device)
        return np.asarray(array).astype(np.float64)


def of_arrays() -> list[str]:
    """Return the libraries of arrays that this run is about; others have functions alone."""
    known = {kind.library for kind in KINDS}
    return [library for library in REQUIRED if library in known]


def all_arrays() -> list[Arrays]:
    """
    Return every kind and dtype of the libraries that this run is about.

    What is special about a variant (a device, memory that cannot be written to) does not depend on
    the dtype: one dtype stands for all of them there.
    """
    return [
        Arrays(kind, dtype)
        for kind in KINDS
        if kind.library in REQUIRED
        for dtype in dtypes(kind.library)[: 1 if kind.variant else None]
    ]


def imported(library: str) -> Any:
    """Import a library that this run is about; where it is missing, the test fails."""
    return importlib.import_module(library)
