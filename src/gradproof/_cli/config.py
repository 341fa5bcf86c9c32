"""Several checks out of one TOML file."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from .errors import UsageError, meant
from .kinds import KINDS
from .loading import beside
from .options import names_of, option, request_of
from .request import Request

#: What a file is called, if it is not named; and where its tables are in a pyproject.toml.
FILE, PROJECT, TABLE = "gradproof.toml", "pyproject.toml", "tool.gradproof"
_TOP = ("defaults", "check")


def found(given: str | None) -> Path:
    """
    Return the file with the checks.

    Parameters
    ----------
    given : str or None
        As typed.

    Returns
    -------
    Path
        By default ``gradproof.toml`` of the current folder, or its ``pyproject.toml``.

    Raises
    ------
    UsageError
        If there is none.
    """
    if given is None:
        for name in (FILE, PROJECT):
            if Path(name).is_file():
                return Path(name)
        msg = f"there is neither {FILE} nor {PROJECT} in this folder ({Path.cwd()})."
        raise UsageError(msg)
    path = Path(given)
    if not path.is_file():
        suggested = meant(path.name, beside(path, ".toml"))
        msg = f"FILE: there is no file {given!r}.{suggested} Expected a TOML file with checks."
        raise UsageError(msg)
    return path


def read(path: Path) -> list[Request]:
    """
    Return the checks of a file.

    Parameters
    ----------
    path : Path
        With tables ``[[check]]``, and ``[defaults]`` of all of them; below ``tool.gradproof`` in a
        pyproject.toml.

    Returns
    -------
    list of Request
        In the order of the file.

    Raises
    ------
    UsageError
        If there is none, or something else is in it than what a check knows.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:  # of TOML, and of UTF-8
        msg = f"{path}: {err}"
        raise UsageError(msg) from err
    below = f"[[{TABLE}.check]]" if path.name == PROJECT else "[[check]]"
    if path.name == PROJECT:
        table = table.get("tool", {}).get("gradproof", {})
    _refuse_unknown(table, _TOP, f"{path}")
    checks, defaults = table.get("check", []), table.get("defaults", {})
    if not (isinstance(checks, list) and checks and all(isinstance(c, dict) for c in checks)):
        msg = f"{path} has no checks; expected a table {below} for each."
        raise UsageError(msg)
    every = dict.fromkeys(name for kind in KINDS for name in names_of(kind))
    _refuse_unknown(defaults, ["kind", *every], f"{path}: defaults")
    requests = [
        _request({**defaults, **check}, set(defaults) - set(check), f"{path}: check {number}")
        for number, check in enumerate(checks, 1)
    ]
    titles = [one.title for one in requests]
    for title in titles:
        if titles.count(title) > 1:
            msg = f"{path}: two checks are called {title!r}; give each a name of its own."
            raise UsageError(msg)
    return requests


def _request(given: dict[str, Any], default: set[str], where: str) -> Request:
    """Return a check; a default that it does not know is none of its own."""
    if isinstance(given.get("name"), str):
        where = f"{where} ({given['name']})"
    kind = given.pop("kind", "check")
    if kind not in KINDS:
        suggested = meant(str(kind), KINDS)
        msg = f"{where}: there is no kind {kind!r}.{suggested} Expected one of {', '.join(KINDS)}."
        raise UsageError(msg)
    second = _second(kind)
    known = ["name", "func", *second, *names_of(kind)]
    for name in default - set(known):
        given.pop(name, None)
    _refuse_unknown(given, known, where)
    for name in ("func", *second):
        if name not in given:
            msg = f'{where}: {name} is missing; expected such as {name} = "losses.py:{name}".'
            raise UsageError(msg)
    words = {name: given.pop(name) for name in ("name", "func", *second) if name in given}
    for name, value in words.items():
        _expect(value, str, f"{where}: {name}", "text")
    values = {name: _value(name, value, where) for name, value in given.items()}
    if second:
        words["claim"] = words.pop(second[0])
    return request_of(kind, {**words, **values})


def _second(kind: str) -> tuple[str, ...]:
    """Return the key of the second function of a check, if it has one."""
    metavar = KINDS[kind].claim
    return () if not metavar else ("reference",) if metavar == "REFERENCE" else ("claim",)


def _value(name: str, value: Any, where: str) -> Any:
    """Return the value of a key, as its option would read it."""
    key = f"{where}: {name}"
    if name in ("x0", "shape"):
        return value
    if name == "args":
        _expect(value, list, key, "a list")
        return tuple(value)
    if name == "kwargs":
        _expect(value, dict, key, "a table")
        return value
    param = option(name)
    if param.is_flag:
        _expect(value, bool, key, "true or false")
        return None if name == "wider" and value else value
    if param.type is click.INT:
        _expect(value, int, key, "a whole number")
    elif param.type is click.FLOAT:
        _expect(value, (int, float), key, "a number")
    elif param.type is click.STRING:
        _expect(value, str, key, "text")
    try:
        return param.type.convert(value, None, None)
    except click.BadParameter as err:
        msg = f"{key}: {err.message}"
        raise UsageError(msg) from None


def _expect(value: Any, kind: Any, key: str, words: str) -> None:
    # True is a whole number to Python.
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        msg = f"{key} = {value!r}; expected {words}."
        raise UsageError(msg)


def _refuse_unknown(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    known = list(known)
    for name in table:
        if name not in known:
            suggested, every = meant(name, known), ", ".join(known)
            msg = f"{where}: there is no key {name!r}.{suggested} Expected some of {every}."
            raise UsageError(msg)
