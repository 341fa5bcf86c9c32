"""The point and further arguments: numbers, a file, or drawn; of any library and dtype."""

import ast
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .._backends.registry import Backend, backend_named, backend_of, is_array, taken_apart
from .errors import UsageError, meant
from .loading import beside, made, object_named
from .request import Request

#: Parameters that need not be given.
_ANY = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Arguments:
    """
    The positional arguments of func.

    Parameters
    ----------
    request : Request
        What was asked for. The library and its precision come first: modules that are loaded
        afterwards make arrays while they are imported.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._backend = _backend(request.backend) if request.backend else None
        self._x0 = _values(request)
        # Literals and random numbers come as lists, in no dtype of their own.
        dtype = request.dtype or _dtype_name(self._x0)
        if self._backend is not None and dtype is not None:
            _native_dtype(self._backend, dtype)

    @property
    def without_library(self) -> bool:
        """Whether there are numbers, and no library was asked for."""
        return self._backend is None and not isinstance(self._x0, str)

    def loaded(self) -> tuple[list[Any], dict[str, Any]]:
        """Return positional and keyword arguments, objects of the user's modules among them."""
        x0, request = self._x0, self._request
        if isinstance(x0, str):
            x0 = made(object_named(x0, "--x0"))
        x0 = self._point(x0)
        like = _Like.of(x0, request.dtype)
        others = [_argument(value, "--arg", like) for value in request.args]
        named = {
            name: _argument(value, f"--kwarg {name}", like)
            for name, value in request.kwargs.items()
        }
        return [x0, *others], named

    def _point(self, x0: Any) -> Any:
        request = self._request
        if is_array(x0):
            return _filled(_converted(x0, self._backend, request.dtype))
        for name in ("backend", "dtype"):
            if getattr(request, name):
                msg = (
                    f"--{name} together with an x0 that is a {type(x0).__name__}; a pytree keeps "
                    "its own arrays: make them so in your module."
                )
                raise UsageError(msg)
        return x0


@dataclass(frozen=True)
class _Like:
    """The library and dtype of x0, which numbers of further arguments take."""

    backend: Backend
    asked: str | None
    dtype: str | None

    @staticmethod
    def of(x0: Any, asked: str | None) -> "_Like":
        if is_array(x0):
            return _Like(backend_of(x0), asked, asked or _dtype_name(x0))
        backend, flat = taken_apart(x0)
        return _Like(backend, asked, next(filter(None, map(_dtype_name, flat.leaves)), None))

    def array(self, given: Any) -> Any:
        """Return numbers or the array of a file as one of x0's library."""
        array = np.asarray(given)
        if array.dtype.kind in "iub":  # labels, positions and flags stay what they are
            return self.backend.xp.asarray(array.tolist())
        # A file has a dtype of its own, as it has where it is x0.
        return _converted(given, self.backend, self.asked if given is array else self.dtype)


def _values(request: Request) -> Any:
    """Return the numbers of x0, or the name of an object that is yet to be loaded."""
    x0, shape = request.x0, request.shape
    if (x0 is None) == (shape is None):
        given = "neither --x0 nor --shape" if x0 is None else "both --x0 and --shape"
        msg = (
            f'got {given}; expected one of them. Give the point, such as --x0 "[1.5, -1.5]", or '
            "--shape 3,4 for a random one."
        )
        raise UsageError(msg)
    if request.seed < 0:
        msg = f"--seed {request.seed} is negative; expected a whole number from 0 on."
        raise UsageError(msg)
    if shape is not None:
        return _drawn(_shape(shape), shape, request.seed)
    if not isinstance(x0, str):
        return _numbers(x0, str(x0))
    found = _read(x0, "--x0")
    if isinstance(found, str | np.ndarray):
        return found
    return _numbers(found, x0)


def _read(text: str, argument: str) -> Any:
    """Return a literal, the array of a file, or the name of an object of a module."""
    if text.endswith(".npy"):
        return _saved(text, argument)
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        if ":" in text:
            return text
        msg = (
            f'{argument} {text!r} is no number and no list of numbers; expected such as "[1.5, '
            '-1.5]", a .npy file, or module:name or file.py:name of an array.'
        )
        if argument != "--x0":
            msg += f""" Text has quotes of its own: "{text!r}"."""
        raise UsageError(msg) from None


def _argument(given: Any, option: str, like: _Like) -> Any:
    """Return a further argument; text has quotes of its own, as it has in Python."""
    found = _read(given, option) if isinstance(given, str) else given
    if isinstance(found, np.ndarray) or (isinstance(found, list) and is_array(found)):
        return like.array(found)
    if not isinstance(given, str) or found is not given:
        return found
    value = object_named(given, option)
    try:
        needed = inspect.signature(value).parameters.values()
        ready = all(p.default is not p.empty or p.kind in _ANY for p in needed)
    except (TypeError, ValueError):
        ready = False
    return made(value) if ready else value  # what needs arguments is one itself: an activation


def _shape(given: Any) -> tuple[int, ...]:
    text = given if isinstance(given, str) else ",".join(map(str, np.atleast_1d(given)))
    try:
        shape = tuple(int(part) for part in text.strip("()[] ").rstrip(",").split(","))
    except ValueError:
        shape = (0,)
    if min(shape) < 1:
        msg = (
            f"--shape {text!r} is no shape; expected whole numbers from 1 on with commas between "
            "them, such as 3,4."
        )
        raise UsageError(msg)
    return shape


def _drawn(shape: tuple[int, ...], text: Any, seed: int) -> Any:
    try:
        return np.random.default_rng(seed).standard_normal(shape).tolist()
    except (MemoryError, ValueError, OverflowError) as err:
        msg = (
            f"--shape {text} is more than this machine has memory for: {err}. Expected a smaller "
            "one, of at most some 1e7 numbers."
        )
        raise UsageError(msg) from None


def _saved(text: str, argument: str) -> np.ndarray:
    path = Path(text)
    try:
        loaded = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as err:
        msg = (
            f"{argument} {text!r} cannot be read: {err}.{meant(path.name, beside(path, '.npy'))} "
            f"Expected a file written by numpy.save, its path absolute or from here ({Path.cwd()})."
        )
        raise UsageError(msg) from None
    return np.asarray(loaded)


def _numbers(literal: Any, text: str) -> Any:
    try:
        values = np.asarray(literal)
    except ValueError:  # ragged
        values = np.asarray(None)
    if values.dtype.kind not in "fiu":
        msg = (
            f"--x0 {text!r} is not made of real numbers in rows of one length; expected such as "
            '"[1.5, -1.5]" or "[[1, 2], [3, 4]]".'
        )
        raise UsageError(msg)
    # Whole numbers too: 2 is a short way to write 2.0.
    return values.astype(np.float64).tolist()


def _converted(x0: Any, backend: Backend | None, dtype: str | None) -> Any:
    """Return x0 as an array of the library and dtype that were asked for."""
    own = backend_of(x0)
    if (backend or own) is own and dtype is None:
        return own.given(x0)
    name = dtype or _dtype_name(x0)
    backend = backend or own
    if backend is own and backend.name != "numpy":
        # Natively: it stays on its device.
        return backend.xp.astype(x0, _native_dtype(backend, name or "float64"))
    values = np.asarray(own.to_host([x0])[0])
    like: Any = backend.xp.asarray(0.0)
    wanted = _native_dtype(backend, name) if name else None
    return backend.from_host(values, like, wanted)


def _filled(x0: Any) -> Any:
    if 0 in x0.shape:
        msg = f"x0 has shape {tuple(x0.shape)}, no entry at all; expected one entry at least."
        raise UsageError(msg)
    return x0


def _dtype_name(x0: Any) -> str | None:
    """Return the dtype of an array, by name, if it is floating."""
    name = str(getattr(x0, "dtype", "")).rpartition(".")[2]
    return name if "float" in name else None


def _native_dtype(backend: Backend, name: str) -> Any:
    try:
        return backend.dtype_named(name)
    except AttributeError:
        msg = (
            f"--dtype {name}: {backend.xp.__name__} has no such dtype. Choose another one, or "
            "--backend jax or torch, which have them all."
        )
        raise UsageError(msg) from None


def _backend(name: str) -> Backend:
    try:
        return backend_named(name)
    except ImportError as err:
        msg = f"--backend {name} does not import: {err}. Expected numpy, "
        if name in ("jax", "torch"):
            msg += f'or to install it: pip install "gradproof[{name}]"'
        else:
            msg += "jax, torch, or the name of an installed module, such as array_api_strict."
            msg += meant(name, ("numpy", "jax", "torch", "array_api_strict", "dask.array"))
    except (TypeError, ValueError) as err:
        msg = f"--backend {name}: {err}"
    raise UsageError(msg)
