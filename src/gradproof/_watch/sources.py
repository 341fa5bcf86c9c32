"""The source of a rule: its own functions, and what they use of the project."""

import functools
import hashlib
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from .._backends.recorded import code_of

_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_INSTALLED = ("site-packages", "dist-packages")
#: Objects that are looked at: what holds a whole program is known by its first part.
_MOST = 4096


def fingerprint(parts: Iterable[Any], root: str) -> str:
    """
    Return what changes with the code of a rule, and with what that uses.

    Parameters
    ----------
    parts : iterable of callable
        The functions that make up the rule.
    root : str
        The folder of the project: what is defined in it, or in a package of the rule, and is named
        by the rule, directly or through others, belongs to its code: functions, with defaults and
        closures, classes, objects and constants.
    """
    digest = hashlib.sha256()
    waiting: list[tuple[Any, tuple[str, ...]]] = [(part, ()) for part in parts]
    packages = {_package(part) for part, _ in waiting}
    known: dict[int, Any] = {}  # objects are kept: an id must not be given away
    while waiting and len(known) < _MOST:
        value, names = waiting.pop()
        if isinstance(value, (*_PLAIN, np.ndarray)):
            digest.update(repr(value).encode())
            digest.update(value.tobytes() if isinstance(value, np.ndarray) else b"")
            continue
        if id(value) in known and not isinstance(value, types.ModuleType):
            continue
        known[id(value)] = value
        if isinstance(value, types.FunctionType):
            _add(digest, value.__code__)
        is_own = functools.partial(_is_own, root=root, packages=packages)
        waiting += [(one, _names_of(value, names)) for one in _used(value, names, is_own)]
    return digest.hexdigest()


def _add(digest: Any, code: types.CodeType) -> None:
    digest.update(code.co_code)
    digest.update(repr((code.co_names, code.co_varnames)).encode())
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            _add(digest, constant)
        elif not isinstance(constant, frozenset):  # in no order
            digest.update(repr(constant).encode())


def _used(value: Any, names: tuple[str, ...], is_own: Callable[[Any], bool]) -> Iterator[Any]:
    """Yield what a value uses: of others, of what is not of the project, only what is in it."""
    if isinstance(value, types.FunctionType):
        found = _of_function(value)
    elif isinstance(value, types.ModuleType):
        found = [vars(value)[name] for name in names if name in vars(value)]
    elif isinstance(value, type):
        found = [*value.__bases__, *_attributes(value)]
    elif isinstance(value, (list, tuple, set, frozenset)):
        found = list(value)
    elif isinstance(value, dict):
        found = [*value.keys(), *value.values()]
    else:
        # Wrappers, partial functions, bound methods, and objects of the project's classes.
        inner = ("__wrapped__", "__func__", "func", "args", "keywords", "__self__", "fget")
        found = [getattr(value, name, None) for name in inner]
        found += [*_attributes(value), type(value)]
    for one in found:
        if isinstance(one, (*_PLAIN, np.ndarray, list, tuple, dict)) or is_own(one):
            yield one


def _attributes(value: Any) -> list[Any]:
    space = getattr(value, "__dict__", {})
    plain = (name for name in space if not (name.startswith("__") and name.endswith("__")))
    return [
        space[name]
        for name in (*plain, *(name for name in ("__init__", "__call__") if name in space))
    ]


def _of_function(function: types.FunctionType) -> list[Any]:
    """Return what a function finds in its module and its closure, and its defaults."""
    space = function.__globals__
    found: list[Any] = [space[name] for name in _names(function.__code__) if name in space]
    found += [function.__defaults__, function.__kwdefaults__]
    found += [getattr(function, "__wrapped__", None)]
    for cell in function.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:  # not filled yet
            continue
    return found


def _names_of(value: Any, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names that may be looked up in a module that a value uses."""
    return tuple(_names(value.__code__)) if isinstance(value, types.FunctionType) else names


def _names(code: types.CodeType) -> list[str]:
    names = list(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names += _names(constant)
    return names


def _package(value: Any) -> str:
    return str(getattr(value, "__module__", "")).partition(".")[0]


def _is_own(value: Any, *, root: str, packages: set[str]) -> bool:
    """Tell whether something is defined in the project, or, as an object, is of such a class."""
    if isinstance(value, types.ModuleType):
        file, package = getattr(value, "__file__", None) or "", value.__name__.partition(".")[0]
    else:
        code = code_of(value)
        module = sys.modules.get(getattr(value, "__module__", None) or type(value).__module__)
        file = getattr(module, "__file__", None) or "" if code is None else code.co_filename
        package = _package(value) or _package(type(value))
    if package in packages:
        return True
    return file.startswith(root) and not any(name in file for name in _INSTALLED)
