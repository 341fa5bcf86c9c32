"""The command that makes the checks of a file, and shows all of them in a table."""

import contextlib
import fnmatch
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .config import found, read
from .console import console
from .errors import UsageError, meant
from .outcome import INTERRUPTED, NOTHING_CHECKED, RAISED, Outcome, performed
from .outputs import Outputs
from .request import Request
from .single import shown

#: What stands for a verdict where there is none.
_WITHOUT = {NOTHING_CHECKED: "not checked", RAISED: "raised", INTERRUPTED: "interrupted"}


def several(file: str | None, only: Sequence[str], outputs: Outputs, *, verbose: bool) -> int:
    """
    Make the checks of a file.

    Parameters
    ----------
    file : str or None
        The TOML file, as typed.
    only : sequence of str
        Patterns for the names of those to make; all if there are none.
    outputs : Outputs
        What to write beside the text.
    verbose : bool
        Whether to print the reports of those that pass, too.

    Returns
    -------
    int
        The worst exit code.
    """
    path = found(file)
    requests = _chosen(read(path), only)
    outputs.refuse_unwritable()
    outcomes = []
    with contextlib.ExitStack() as stack:
        if outputs.json:  # nothing else there, whatever the user's functions print
            stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        stack.enter_context(_within(path.absolute().parent))
        for outcome in _performed(requests):
            outcomes.append(outcome)
            if not outputs.json and (verbose or outcome.code):
                _told(outcome)
    if not outputs.json:
        console().print(_table(outcomes))
    return outputs.write(outcomes)


def _chosen(requests: list[Request], only: Sequence[str]) -> list[Request]:
    for pattern in only:
        names = [one.title for one in requests]
        if not fnmatch.filter(names, pattern):
            suggested = meant(pattern, names)
            every = ", ".join(names)
            msg = f"--only {pattern!r}: no check is called so.{suggested} There are: {every}."
            raise UsageError(msg)
    return [one for one in requests if not only or any(fnmatch.fnmatch(one.title, p) for p in only)]


@contextlib.contextmanager
def _within(folder: Path) -> Iterator[None]:
    """Stand in the folder of the file: its names are seen from there."""
    with contextlib.chdir(folder):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
        yield


def _performed(requests: Sequence[Request]) -> Iterator[Outcome]:
    """Yield what came of each; Ctrl-C ends all."""
    ended = ""
    for one in requests:
        if ended:
            yield Outcome(one, INTERRUPTED, 0.0, error=ended)
            continue
        try:
            outcome = performed(one)
        except KeyboardInterrupt:
            outcome = Outcome(one, INTERRUPTED, 0.0, error="before anything was measured")
        stopped = outcome.report is not None and outcome.report.interrupted
        if stopped or outcome.code == INTERRUPTED:
            ended = "not reached"
        yield outcome


def _told(outcome: Outcome) -> None:
    """Print the name of a check, and its report or why there is none."""
    print(f"== {outcome.request.title}")
    if outcome.report is None and not outcome.traceback:
        print(outcome.error)
    shown(outcome)
    print()


def _table(outcomes: Sequence[Outcome]) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    # Words may wrap, numbers may not: so the table fits narrow terminals.
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("check", overflow="fold")
    table.add_column("verdict", no_wrap=True)
    table.add_column("finding", overflow="fold", ratio=1)
    for heading in ("calls", "s"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in outcomes:
        report = one.report
        word = _WITHOUT[one.code] if report is None else str(report.verdict)
        table.add_row(
            Text(one.request.title),
            Text(word, "fail" if report is None else report.verdict),
            Text(one.error if report is None else report.finding),
            "" if report is None else str(report.nfev),
            f"{one.seconds:.1f}",
        )
    return table
