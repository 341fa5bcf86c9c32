"""What earlier runs have found, by the source of a rule and the kind of a call."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from .._version import __version__
from .kinds import Kind
from .snippet import FOLDER
from .sources import fingerprint
from .verify import Outcome

_FILE = "rules.json"


class Cache:
    """
    Outcomes of earlier runs, in a file.

    A rule is known by its code, and the functions, classes and constants of the project that it
    names; a call by its structure, shapes, dtypes and static arguments. Versions of libraries
    count, too; values do not.

    Parameters
    ----------
    root : Path
        The folder of the project.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._path = root, root / FOLDER / _FILE
        self._new: dict[str, Any] = {}
        # Of the code as it was before its check, which may count calls.
        self._keys: dict[int, tuple[Kind, str]] = {}
        self._known = _read(self._path)

    @property
    def folder(self) -> Path:
        """Where values of calls that fail are kept."""
        return self._root / FOLDER

    def find(self, kind: Kind, seconds: float) -> Outcome | None:
        """Return what is known of a kind of calls; nothing if less time than this was too short."""
        found = self._known.get(self._key(kind))
        if found is None or 0 < found["cut"] < seconds:
            return None
        now = {"caller": kind.caller, "calls": kind.calls, "cached": True}
        return Outcome.from_dict({**found, **now})

    def keep(self, kind: Kind, outcome: Outcome) -> None:
        """Keep what was reported; an exception may have another cause the next time."""
        if outcome.text or outcome.cut:
            self._new[self._key(kind)] = outcome.to_dict()

    def save(self) -> None:
        """Write the file; processes that run side by side add to what is there."""
        if not self._new:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        ignore = self._path.parent / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        known = {**_read(self._path), **self._new}
        part = self._path.with_suffix(f".{id(self)}")
        part.write_text(json.dumps({"version": __version__, "outcomes": known}))
        part.replace(self._path)
        self._new.clear()

    def _key(self, kind: Kind) -> str:
        known = self._keys.get(id(kind))
        if known is None:
            known = self._keys[id(kind)] = kind, self._key_of(kind)
        return known[1]

    def _key_of(self, kind: Kind) -> str:
        call = kind.call
        text = (
            call.rule.name,
            call.rule.line,
            fingerprint(call.parts, str(self._root)),
            call.structure,
            call.settings,
            call.differentiated,
            str(kind),
            sys.version_info[:2],
            _version(call.rule.library),
        )
        return hashlib.sha256(repr(text).encode()).hexdigest()


def _version(library: str) -> str:
    from importlib import metadata

    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return ""


def _read(path: Path) -> dict[str, Any]:
    """Return what is in the file; nothing of another version, or of a file that is no such one."""
    try:
        found = json.loads(path.read_text())
        return dict(found["outcomes"]) if found["version"] == __version__ else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
