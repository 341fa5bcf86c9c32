"""The source of a rule: its own functions, and those of the project that they name."""

import hashlib
import types
from collections.abc import Iterable
from typing import Any

from .._backends.recorded import code_of


def fingerprint(parts: Iterable[Any], root: str) -> str:
    """
    Return what changes with the code of a rule.

    Parameters
    ----------
    parts : iterable of callable
        The functions that make up the rule.
    root : str
        The folder of the project: functions that are defined in it, and that the rule names,
        directly or through others, are part of its code.
    """
    digest = hashlib.sha256()
    waiting, known = list(parts), set[int]()
    while waiting:
        function = waiting.pop()
        code = code_of(function)
        if code is None or id(code) in known:
            continue
        known.add(id(code))
        _add(digest, code)
        waiting += [one for one in _named(function, code) if _is_of(one, root)]
    return digest.hexdigest()


def _add(digest: Any, code: types.CodeType) -> None:
    digest.update(code.co_code)
    digest.update(repr((code.co_names, code.co_varnames)).encode())
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            _add(digest, constant)
        elif not isinstance(constant, frozenset):  # in no order
            digest.update(repr(constant).encode())


def _named(function: Any, code: types.CodeType) -> list[Any]:
    """Return what a function finds in its module and in its closure."""
    inner = function
    while code_of(inner) is not None and not hasattr(inner, "__globals__"):
        inner = (
            getattr(inner, "__wrapped__", None)
            or getattr(inner, "func", None)
            or getattr(inner, "__func__", None)
        )
    space = getattr(inner, "__globals__", {})
    found = [space[name] for name in _names(code) if name in space]
    for cell in getattr(inner, "__closure__", None) or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:  # not filled yet
            continue
    return found


def _names(code: types.CodeType) -> list[str]:
    names = list(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names += _names(constant)
    return names


def _is_of(value: Any, root: str) -> bool:
    code = code_of(value)
    return code is not None and code.co_filename.startswith(root)
