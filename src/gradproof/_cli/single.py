"""A command that makes one check: what it prints and writes."""

import sys
from contextlib import nullcontext, redirect_stdout

from .console import console
from .errors import UsageError
from .outcome import NOTHING_CHECKED, Outcome, performed
from .outputs import Outputs
from .request import Request


def one(request: Request, outputs: Outputs) -> int:
    """
    Make one check, print its report and write it where it is asked for.

    Parameters
    ----------
    request : Request
        The check.
    outputs : Outputs
        What to write beside the text.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    UsageError
        If there is nothing to verify.
    """
    outputs.refuse_unwritable()
    # Whoever asks for JSON gets nothing else there, whatever the user's functions print.
    with redirect_stdout(sys.stderr) if outputs.json else nullcontext():
        outcome = performed(request)
    if not outputs.json:
        shown(outcome)
    elif outcome.traceback:
        print(outcome.traceback, end="", file=sys.stderr)
    code = outputs.write([outcome])
    if outcome.code == NOTHING_CHECKED:
        raise UsageError(outcome.error)
    return code


def shown(outcome: Outcome) -> None:
    """Print what came of a check, and how to repeat it."""
    if outcome.report is None:
        print(outcome.traceback, end="", file=sys.stderr)
        return
    outcome.report.show(console())
