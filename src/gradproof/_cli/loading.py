"""The user's own objects, by the names that the command line gives."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any


class UsageError(Exception):
    """Nothing was checked, for a reason that the user can mend."""


class _UserCodeError(Exception):
    """The user's own code raised; the cause is what it raised."""


def _by_user(err: Exception) -> bool:
    """Tell whether an exception left the user's function, or is gradproof's word on its result."""
    return any(note.startswith("gradproof: raised by") for note in getattr(err, "__notes__", ()))


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
