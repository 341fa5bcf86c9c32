"""The user's own objects, by the names that the command line gives."""

import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from .errors import UsageError, UserCodeError, meant


def by_user(err: Exception) -> bool:
    """Tell whether an exception left the user's function, or is gradproof's word on its result."""
    return any(note.startswith("gradproof: raised by") for note in getattr(err, "__notes__", ()))


def callable_named(spec: str, argument: str) -> Any:
    """Return the function that is called so."""
    found = object_named(spec, argument)
    if not callable(found):
        msg = f"{argument} {spec!r} is of type {type(found).__name__}; expected a function."
        raise UsageError(msg)
    return found


def object_named(spec: str, argument: str) -> Any:
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
            found = run(getattr, owner, part)  # a module may have a __getattr__ of its own
        except UserCodeError as err:
            if not isinstance(err.__cause__, AttributeError):
                raise
            msg = f"{argument} {spec!r}: there is no {part!r} in {where}."
            names = [
                name
                for name, value in getattr(owner, "__dict__", {}).items()
                if name[0] != "_" and not isinstance(value, ModuleType)
            ]
            msg += meant(part, names)
            if names:
                msg += f" There are: {', '.join(sorted(names)[:20])}."
            raise UsageError(msg) from None
    return found


def _module(name: str, argument: str) -> ModuleType:
    try:
        spec = run(importlib.util.find_spec, name)
        loaded = _loaded(spec.origin) if spec is not None else None
        module: ModuleType = loaded or run(importlib.import_module, name)
    except UserCodeError as err:
        cause = err.__cause__
        missing = cause.name if isinstance(cause, ModuleNotFoundError) else None
        # A module that exists but imports one that does not is the user's code.
        if missing is None or not f"{name}.".startswith(f"{missing}."):
            raise
        suggested = meant(name, _modules(name))
        msg = (
            f"{argument}: there is no module {name!r} ({cause}).{suggested} Expected an installed "
            f"module or one in this folder ({Path.cwd()}); of a file write the path, with .py."
        )
        raise UsageError(msg) from None
    return module


def _file(text: str, argument: str) -> ModuleType:
    path = Path(text).expanduser().resolve()
    if not path.is_file():
        msg = (
            f"{argument}: there is no file {text!r}.{meant(path.name, beside(path))} Expected a "
            f"Python file, its path absolute or from here ({Path.cwd()})."
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
        run(spec.loader.exec_module, module)
    except UserCodeError:
        del sys.modules[name]
        raise
    return module


def beside(path: Path, suffix: str = ".py") -> list[str]:
    """Return the names of files of a kind in the folder of a path: one of them may be meant."""
    return [file.name for file in path.parent.glob(f"*{suffix}")]


def _modules(name: str) -> list[str]:
    """Return the names of modules in the current folder, or in the same package below it."""
    package = name[: name.rfind(".") + 1]
    folder = Path.cwd() / package.replace(".", "/")
    return [f"{package}{Path(file).stem}" for file in beside(folder / "any")]


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


def made(value: Any) -> Any:
    """
    Return what a function makes, if it is one that makes something; or what was found, as it is.

    A module (of PyTorch, Equinox) can be called and is a pytree all the same; classes, functions
    and wrappers of functions, such as those of `jax.jit` and `functools.cache`, are not.
    """
    makes = inspect.isroutine(value) or inspect.isclass(value) or hasattr(value, "__wrapped__")
    return run(value) if makes or type(value).__name__ == "partial" else value


def run(function: Any, *args: Any) -> Any:
    """Call the user's code; what it raises is no mistake in the command line."""
    try:
        return function(*args)
    except KeyboardInterrupt:
        raise
    except BaseException as err:
        raise UserCodeError from err
