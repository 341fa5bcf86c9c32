"""Arrays of half precision in single precision."""

from typing import Any

import numpy as np

from .._backends.registry import Backend
from .._backends.typing import Array
from .._numerics.precision import Precision
from .leaves import is_floating


def in_single(backend: Backend, array: Array) -> Array:
    """Return an array of half precision in single precision; any other as it is."""
    if not Precision.of(float(backend.eps(array.dtype))).widens:
        return array
    dtype = "complex64" if "complex" in str(array.dtype) else "float32"
    (numbers,) = backend.to_host([array])
    return backend.from_host(np.asarray(numbers, dtype=dtype), array, backend.dtype_named(dtype))


def further_in_single(backend: Backend, arrays: list[Array], value: Any) -> Any:
    """Return another argument in single precision, if it is an array of half like those moved."""
    alike = bool(arrays) and type(value) is type(arrays[0])
    return in_single(backend, value) if alike and is_floating(value) else value
