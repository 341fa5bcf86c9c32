"""The commands, once their arguments are parsed."""

import argparse
import ast
import importlib
import importlib.util
import json
import os
import shlex
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import numpy as np
from rich.console import Console
from rich.text import Text
from rich.theme import Theme

from ._backends import Backend, backend_named, backend_of
from ._report import Interrupted, Report, Verdict
from ._verify import verify_jac

RAISED = 3
#: As shells have it for what SIGINT ended.
INTERRUPTED = 130
EXIT_CODES = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.INCONCLUSIVE: 4}

# A verdict is printed in the style of its own name.
_STYLES = Theme({"pass": "bold green", "fail": "bold red", "inconclusive": "bold yellow"})

# Wide enough for the demo's table in single lines. Where no terminal says how wide it is, rich
# would assume 80 columns.
_WIDTH = 110


class UsageError(Exception):
    """Nothing was checked, for a reason that the user can mend."""


class _UserCodeError(Exception):
    """The user's own code raised; the cause is what it raised."""


def demo() -> int:
    """Print the demonstration; return the exit code."""
    from ._demo import run

    return EXIT_CODES[Verdict.PASS if run(_console()) else Verdict.FAIL]


def check(options: argparse.Namespace) -> int:
    """
    Verify one gradient function and print the report.

    Parameters
    ----------
    options : argparse.Namespace
        As parsed by `gradproof.__main__`.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    UsageError
        If there is nothing to verify.
    """
    try:
        # Whoever asks for JSON gets nothing else there, whatever the user's functions print.
        with _no_way_out(), redirect_stdout(sys.stderr) if options.json else nullcontext():
            report = _verified(options)
    except _UserCodeError as err:
        cause = err.__cause__
        assert cause is not None
        traceback.print_exception(cause)
        return RAISED
    except Interrupted as err:
        report = err.report
    if options.json:
        print(json.dumps(report.to_dict()))
    else:
        text = Text(f"{report}\nrepeat with: {_again(options)}")
        text.stylize(report.verdict, 0, len(report.verdict))
        _console().print(text, highlight=False, soft_wrap=True)
    stopped = report.interrupted and report.verdict is not Verdict.FAIL
    return INTERRUPTED if stopped else EXIT_CODES[report.verdict]


@contextmanager
def _no_way_out() -> Iterator[None]:
    """
    Say so if the user's code ends the process by `os._exit`, with the code for what raised.

    Otherwise its code would pass for that of a verdict, without a word. (What ends a process from
    within a library in C does so unseen.)
    """
    leave, own = os._exit, os.getpid()

    def told(status: int) -> NoReturn:
        if os.getpid() != own:  # a process that was forked ends like this
            leave(status)
        sys.stdout.flush()
        print(f"gradproof: the code that is checked called os._exit({status})", file=sys.stderr)
        sys.stderr.flush()
        leave(RAISED)

    os._exit = told
    try:
        yield
    finally:
        os._exit = leave


def _console() -> Console:
    console = Console(theme=_STYLES)
    return console if console.is_terminal else Console(theme=_STYLES, width=_WIDTH)


def _verified(options: argparse.Namespace) -> Report:
    # The library and its precision come first: modules make arrays while they are imported.
    backend = _backend(options.backend) if options.backend else None
    x0 = _values(options)
    # Literals and random numbers come as lists, in no dtype of their own.
    dtype = options.dtype or _dtype_name(x0)
    if backend is not None and dtype is not None:
        _native_dtype(backend, dtype)
    func = _callable(options.func, "FUNC")
    grad = _callable(options.grad, "GRAD")
    if isinstance(x0, str):
        x0 = _object(x0, "--x0")
        if callable(x0) and not hasattr(x0, "dtype"):
            x0 = _run(x0)
    try:
        x0 = _filled(_converted(x0, backend, options.dtype))
        report = verify_jac(  # a gradient is the Jacobian of one value
            func, grad, x0, rtol=options.rtol, budget=options.budget, seed=options.seed
        )
    except UsageError:
        raise
    except (TypeError, ValueError) as err:
        if not _by_user(err):
            raise UsageError(str(err)) from err
        raise _UserCodeError from err
    except KeyboardInterrupt:
        raise
    except BaseException as err:  # a SystemExit, among others, must not pass for a verdict
        raise _UserCodeError from err
    return report


def _by_user(err: Exception) -> bool:
    """Tell whether an exception left the user's function, or is gradproof's word on its result."""
    return any(note.startswith("gradproof: raised by") for note in getattr(err, "__notes__", ()))


def _again(options: argparse.Namespace) -> str:
    """Return the command line that repeats this check, its defaults said."""
    words = ["python", "-m", "gradproof", "check", options.func, options.grad]
    for name in ("x0", "shape", "backend", "dtype", "rtol", "budget", "seed"):
        value = getattr(options, name)
        if value is not None:
            # In one word, as an x0 may start with a minus sign.
            words.append(f"--{name}={value}")
    return shlex.join(words)


# --- x0 --------------------------------------------------------------------------------------


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


# --- the user's objects ----------------------------------------------------------------------


def _callable(spec: str, argument: str) -> Any:
    found = _object(spec, argument)
    if not callable(found):
        msg = f"{argument} {spec!r} is of type {type(found).__name__}; expected a function."
        raise UsageError(msg)
    return found


def _object(spec: str, argument: str) -> Any:
    """Return the object that is called ``module:name`` or ``file.py:name``."""
    where, _, name = spec.rpartition(":")
    relative = where.startswith(".") and not where.endswith(".py")
    if not where or relative or not name:
        msg = (
            f"{argument} {spec!r} names no object; expected module:name or path/to/file.py:name, "
            "such as losses.py:loss."
        )
        raise UsageError(msg)
    found: Any = _file(where, argument) if where.endswith(".py") else _module(where, argument)
    for part in name.split("."):
        owner = found
        try:
            found = _run(getattr, owner, part)  # a module may have a __getattr__ of its own
        except _UserCodeError as err:
            if not isinstance(err.__cause__, AttributeError):
                raise
            msg = f"{argument} {spec!r}: there is no {part!r} in {where}."
            names = [
                name
                for name, value in getattr(owner, "__dict__", {}).items()
                if name[0] != "_" and not isinstance(value, ModuleType)
            ]
            if names:
                msg += f" There are: {', '.join(sorted(names)[:20])}."
            raise UsageError(msg) from None
    return found


def _module(name: str, argument: str) -> ModuleType:
    try:
        spec = _run(importlib.util.find_spec, name)
        loaded = _loaded(spec.origin) if spec is not None else None
        module: ModuleType = loaded or _run(importlib.import_module, name)
    except _UserCodeError as err:
        cause = err.__cause__
        missing = cause.name if isinstance(cause, ModuleNotFoundError) else None
        # A module that exists but imports one that does not is the user's code.
        if missing is None or not f"{name}.".startswith(f"{missing}."):
            raise
        msg = (
            f"{argument}: there is no module {name!r} ({cause}). Expected an installed module or "
            f"one in this folder ({Path.cwd()}); for a file write its path, ending in .py."
        )
        raise UsageError(msg) from None
    return module


def _file(text: str, argument: str) -> ModuleType:
    path = Path(text).expanduser().resolve()
    if not path.is_file():
        msg = (
            f"{argument}: there is no file {text!r}; expected a Python file, its path absolute or "
            f"from here ({Path.cwd()})."
        )
        raise UsageError(msg)
    loaded = _loaded(str(path))
    if loaded is not None:
        return loaded
    # Not under its own name, which may be that of another module.
    name = f"_gradproof_file_{len(sys.modules)}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    # Modules beside the file are importable from it, as if it were run; last, to hide nothing.
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    try:
        _run(spec.loader.exec_module, module)
    except _UserCodeError:
        del sys.modules[name]
        raise
    return module


def _loaded(file: str | None) -> ModuleType | None:
    """Return the module that was loaded from a file; nothing is loaded twice under two names."""
    if file is None:
        return None
    path = Path(file)
    for module in list(sys.modules.values()):
        known = Path(getattr(module, "__file__", None) or "")
        # The names first: to resolve a path asks the file system.
        if known.name == path.name and known.resolve() == path.resolve():
            return module
    return None


def _run(function: Any, *args: Any) -> Any:
    """Call the user's code; what it raises is no mistake in the command line."""
    try:
        return function(*args)
    except KeyboardInterrupt:
        raise
    except BaseException as err:
        raise _UserCodeError from err
