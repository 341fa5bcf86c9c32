"""Which rules are the project's own."""

import fnmatch
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .._backends.recorded import Rule

_INSTALLED = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class Own:
    """
    Tells whether a rule is to be watched.

    Attributes
    ----------
    root : Path
        The folder of the project: rules that are defined there, or in packages that it installs,
        are its own.
    only, skip : sequence of str
        Patterns, with ``*`` for anything, of which one has to match a part of the qualified name,
        and of which none may.
    every : bool
        Whether rules of others are watched too.
    """

    root: Path
    only: Sequence[str] = ()
    skip: Sequence[str] = ()
    every: bool = False

    def __call__(self, rule: Rule) -> bool:
        """Tell whether a rule is to be watched."""
        if any(_matches(rule.name, pattern) for pattern in self.skip):
            return False
        if self.only:
            return any(_matches(rule.name, pattern) for pattern in self.only)
        return self.every or self._is_own(rule)

    def _is_own(self, rule: Rule) -> bool:
        if rule.name.partition(".")[0] in self._packages:
            return True
        if not rule.file or rule.file.startswith("<") or "ipykernel" in rule.file:
            # What has no file was written at a prompt, or in a notebook.
            return bool(rule.file)
        path = Path(rule.file)
        # A folder may have been reached by a link, which the other path does not name.
        return _is_below(path, self.root) or _is_below(path.resolve(), self.root.resolve())

    @cached_property
    def _packages(self) -> frozenset[str]:
        """The packages that the project installs, by the name in its pyproject.toml."""
        import tomllib
        from importlib import metadata

        try:
            with (self.root / "pyproject.toml").open("rb") as file:
                name = tomllib.load(file)["project"]["name"]
            files = metadata.distribution(name).files or []
        except (OSError, KeyError, tomllib.TOMLDecodeError, metadata.PackageNotFoundError):
            return frozenset()
        first = {file.parts[0] for file in files if file.suffix == ".py"}
        return frozenset(name.removesuffix(".py") for name in first)


def _is_below(path: Path, root: Path) -> bool:
    """Tell whether a file is in a folder, but in no environment with packages that is in it."""
    if not path.is_relative_to(root):
        return False
    environment = Path(sys.prefix)
    # A system's own Python may be above the project: /usr, and /usr/src/project.
    is_inside = environment != root and environment.is_relative_to(root)
    foreign = is_inside and path.is_relative_to(environment)
    return not foreign and not any(name in _INSTALLED for name in path.relative_to(root).parts)


def _matches(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, f"*{pattern}*")
