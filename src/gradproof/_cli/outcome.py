"""One check made: its report, or why there is none, and the exit code that says so."""

import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from .._backends.foreign import of_error
from .._report.report import Interrupted, Report
from .._report.verdicts import Verdict
from .errors import UsageError, UserCodeError, in_one_line
from .kinds import FORWARD, FUNCTIONS, KINDS
from .loading import by_user, callable_named
from .request import Request
from .words import as_typed
from .x0 import Arguments

#: The package, whose own frames are nothing to a user.
_HERE = Path(__file__).parents[1]
NOTHING_CHECKED = 2
RAISED = 3
#: As shells have it for what SIGINT ended.
INTERRUPTED = 130
EXIT_CODES = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.INCONCLUSIVE: 4}
#: Of several checks: a mistake that was found says most, and nothing hides behind a pass.
GRAVITY = (EXIT_CODES[Verdict.FAIL], INTERRUPTED, RAISED, NOTHING_CHECKED, 4, 0)


@dataclass(frozen=True)
class Outcome:
    """
    What came of a check.

    Attributes
    ----------
    request : Request
        What was asked for.
    code : int
        The exit code.
    seconds : float
        How long it took.
    report : Report or None
        What was found; None if nothing was checked.
    error : str
        Why there is no report, in one line.
    traceback : str
        Of what the user's own code raised.
    """

    request: Request
    code: int
    seconds: float
    report: Report | None = None
    error: str = ""
    traceback: str = ""


def worst(codes: list[int]) -> int:
    """Return the exit code of several checks."""
    return min(codes, key=GRAVITY.index)


def performed(request: Request) -> Outcome:
    """
    Make a check.

    Parameters
    ----------
    request : Request
        What is asked for.

    Returns
    -------
    Outcome
        With a report, also where Ctrl-C ended the check, or with what went wrong.

    Raises
    ------
    KeyboardInterrupt
        If nothing was measured before.
    """
    start = time.perf_counter()
    report, code, error, trace = None, RAISED, "", ""
    try:
        with _no_way_out():
            report = _verified(request)
    except Interrupted as err:
        report = err.report
    except UsageError as err:
        code, error = NOTHING_CHECKED, in_one_line(err)
    except UserCodeError as err:
        cause = err.__cause__
        assert cause is not None
        error = of_error(cause)
        trace = "".join(traceback.format_exception(_from_users_code(cause)))
    if report is not None:
        # The command, not the call.
        report = replace(as_typed(report), repeat=request.again())
        code = EXIT_CODES[report.verdict]
        if report.interrupted and report.verdict is not Verdict.FAIL:
            code = INTERRUPTED
    return Outcome(request, code, time.perf_counter() - start, report, error, trace)


def _from_users_code(err: BaseException) -> BaseException:
    """Return an exception whose traceback begins where the user's code does."""
    frame = err.__traceback__
    while frame is not None and frame.tb_next is not None:
        if not Path(frame.tb_frame.f_code.co_filename).is_relative_to(_HERE):
            break
        frame = (
            frame.tb_next
        )  # the last one is kept: a function that is called wrongly has no other
    return err.with_traceback(frame)


def _verified(request: Request) -> Report:
    kind = KINDS[request.kind]
    arguments = Arguments(request)
    order = request.options.get("order", 1)
    if request.kind in ("autodiff", "against") and order and arguments.without_library:
        msg = (
            "numbers become arrays of NumPy, which has no automatic differentiation. Say --backend "
            "jax or --backend torch, or give an x0 out of a module."
        )
        raise UsageError(msg)
    functions = [callable_named(request.func, "FUNC")]
    if kind.claim:
        functions.append(_function(request.claim, kind.claim))
    options = dict(request.options)
    for name in FUNCTIONS:
        if name in options:
            options[name] = _function(options[name], f"--{name}")
    try:
        primals, named = arguments.loaded()
        options |= {"kwargs": named} if named else {}
        return kind.verify(*functions, *primals, seed=request.seed, **options)
    except (UsageError, UserCodeError):
        raise
    except (TypeError, ValueError) as err:
        if not by_user(err):
            raise UsageError(str(err)) from err
        raise UserCodeError from err
    except KeyboardInterrupt:
        raise
    except BaseException as err:  # a SystemExit, among others, must not pass for a verdict
        raise UserCodeError from err


def _function(spec: str, argument: str) -> Any:
    """Return a function by its name; the code of func itself has a word of its own."""
    if spec == FORWARD and argument.endswith(("REFERENCE", "reference")):
        return FORWARD
    return callable_named(spec, argument)


@contextmanager
def _no_way_out() -> Iterator[None]:
    """
    Say so if the user's code ends the process by `os._exit`, with the code for what raised.

    Otherwise its code would pass for that of a verdict, without a word. (What ends a process from
    within a library in C does so unseen.)
    """
    leave, own = os._exit, os.getpid()

    def told(status: int) -> NoReturn:
        if os.getpid() != own:  # a process that was forked ends like this
            leave(status)
        sys.stdout.flush()
        print(f"gradproof: the code that is checked called os._exit({status})", file=sys.stderr)
        sys.stderr.flush()
        leave(RAISED)

    os._exit = told
    try:
        yield
    finally:
        os._exit = leave
