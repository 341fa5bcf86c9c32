"""The command line: ``python -m gradproof``, or ``gradproof``."""

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from ._cli.app import cli
from ._cli.errors import UsageError, in_one_line
from ._cli.parameters import said

#: As shells have it for what SIGINT and SIGPIPE ended; and for what the user's code raised.
_INTERRUPTED, _CUT_OFF, _RAISED = 130, 141, 3


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        0 for pass, 1 for fail, 3 if the user's own code raised, 4 for inconclusive, 130 for a
        check that was interrupted. Python's own code for an exception, 1, would mean fail: 3 is
        returned for whatever else is raised.

    Raises
    ------
    SystemExit
        With code 2 if nothing could be checked, and with 0 after ``--help`` and ``--version``.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if "_GRADPROOF_COMPLETE" in os.environ:  # a shell asks
        from ._cli import completion  # noqa: F401 (click learns from it what bash is like)
    try:
        action: Any = cli.main(arguments, prog_name="gradproof", standalone_mode=False)
    except click.ClickException as err:
        _refuse(err.ctx.command_path if isinstance(err, click.UsageError) and err.ctx else "", err)
    if not callable(action):  # what was asked for is printed: help, the version
        raise SystemExit(action)
    # The script `gradproof` has its own folder there, where nothing of the user's is.
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
    try:
        return int(action())
    except UsageError as err:
        command = next((word for word in arguments if word in cli.commands), "")
        _refuse(f"gradproof {command}", err)
    except KeyboardInterrupt:
        print("interrupted before anything was measured", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:  # as by `| head`; what is left to say has nowhere to go
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _CUT_OFF
    except Exception:
        traceback.print_exc()
        return _RAISED


def _refuse(command: str, err: Exception) -> NoReturn:
    """End with one line on stderr."""
    text = said(err) if isinstance(err, click.ClickException) else str(err)
    print(f"{command.strip() or 'gradproof'}: error: {in_one_line(text)}", file=sys.stderr)
    raise SystemExit(2)


if __name__ == "__main__":
    raise SystemExit(main())
