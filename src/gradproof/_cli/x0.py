"""The point from the command line: numbers, a file, or drawn; of any library and dtype."""

import argparse
import ast
from pathlib import Path
from typing import Any

import numpy as np

from .._backends.registry import Backend, backend_named, backend_of
from .loading import UsageError


def _values(options: argparse.Namespace) -> Any:
    """Return the numbers of x0, or the name of an object that is yet to be loaded."""
    if (options.x0 is None) == (options.shape is None):
        given = "neither --x0 nor --shape" if options.x0 is None else "both --x0 and --shape"
        msg = (
            f'got {given}; expected one of them. Give the point, such as --x0 "[1.5, -1.5]", or '
            "--shape 3,4 for a random one."
        )
        raise UsageError(msg)
    if options.seed < 0:
        msg = f"--seed {options.seed} is negative; expected a whole number from 0 on."
        raise UsageError(msg)
    if options.shape is not None:
        return _drawn(_shape(options.shape), options.shape, options.seed)
    text: str = options.x0
    if text.endswith(".npy"):
        return _saved(text)
    try:
        literal = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        if ":" in text:
            return text
        msg = (
            f'--x0 {text!r} is no number and no list of numbers; expected such as "[1.5, -1.5]", '
            "a .npy file, or module:name or file.py:name of an array."
        )
        raise UsageError(msg) from None
    return _numbers(literal, text)


def _shape(text: str) -> tuple[int, ...]:
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


def _drawn(shape: tuple[int, ...], text: str, seed: int) -> Any:
    try:
        return np.random.default_rng(seed).standard_normal(shape).tolist()
    except (MemoryError, ValueError, OverflowError) as err:
        msg = (
            f"--shape {text} is more than this machine has memory for: {err}. Expected a smaller "
            "one, of at most some 1e7 numbers."
        )
        raise UsageError(msg) from None


def _saved(text: str) -> np.ndarray:
    try:
        loaded = np.load(Path(text), allow_pickle=False)
    except (OSError, ValueError, EOFError) as err:
        msg = (
            f"--x0 {text!r} cannot be read: {err}. Expected a file written by numpy.save, its path "
            f"absolute or from here ({Path.cwd()})."
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
    except (TypeError, ValueError) as err:
        msg = f"--backend {name}: {err}"
    raise UsageError(msg)
