"""What a shell completes: commands, options, files, and the names in the user's modules."""

import ast
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    ShellComplete,
    add_completion_class,
    get_completion_class,
)

if TYPE_CHECKING:
    _Item = CompletionItem[Any]
else:  # up to click 8.3 it is not generic
    _Item = CompletionItem

#: By which the script of a shell asks; click makes the same of the name of the program.
VARIABLE = "_GRADPROOF_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


@add_completion_class
class _Bash(BashComplete):
    """
    Bash, which takes ``losses.py:gr`` for three words, and replaces the last of them.

    Attributes
    ----------
    _before : str
        What stands before that last word.
    """

    name = "bash"
    _before = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        words, incomplete = super().get_completion_args()
        words.append(incomplete)
        joined: list[str] = []
        for word in words:
            after = bool(joined) and (word == ":" or joined[-1].endswith(":"))
            if after and not joined[-1].startswith("-"):
                joined[-1] += word
            else:
                joined.append(word)
        *args, last = joined
        if len(joined) < len(words) and ":" in last:
            self._before = last[: last.rindex(":") + 1]
        return args, last

    def format_completion(self, item: _Item) -> str:
        item.value = item.value.removeprefix(self._before)
        return super().format_completion(item)


def completion(shell: str, cli: click.Command) -> int:
    """
    Print the script that makes a shell complete.

    Parameters
    ----------
    shell : str
        One of `SHELLS`.
    cli : click.Command
        What is completed.

    Returns
    -------
    int
        0.
    """
    known = get_completion_class(shell)
    assert known is not None
    # Bash's own method asks which version there is; it is for another machine, perhaps.
    print(ShellComplete.source(known(cli, {}, "gradproof", VARIABLE)))
    return 0


def names(_: Any, __: Any, incomplete: str) -> list[_Item]:
    """Return names of the user's objects, ``file.py:name``, which are read and not imported."""
    where, colon, name = incomplete.rpartition(":")
    if colon:
        files = [Path(where if where.endswith(".py") else f"{where.replace('.', os.sep)}.py")]
        found = [f"{where}:{one}" for file in files for one in _defined(file)]
    else:
        start = Path(incomplete)
        folder = start if incomplete.endswith(os.sep) else start.parent
        found = [f"{file}:{one}" for file in sorted(folder.glob("*.py")) for one in _defined(file)]
    # A list of numbers, a .npy file, a folder: what the shell knows.
    matching = [_Item(one) for one in found if one.startswith(incomplete)]
    return matching or [_Item(name, type="file")]


def _defined(file: Path) -> list[str]:
    """Return the public names that a module defines."""
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return []
    found: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.append(node.name)
        elif isinstance(node, ast.Assign):
            found += [one.id for one in node.targets if isinstance(one, ast.Name)]
    return sorted(name for name in found if name[0] != "_")
