"""The commands, once their arguments are parsed."""

import argparse
import json
import os
import shlex
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from typing import NoReturn

from rich.console import Console
from rich.text import Text
from rich.theme import Theme

from .._checks.jacobian import verify_jac
from .._report.report import Interrupted, Report
from .._report.verdicts import Verdict
from .loading import UsageError, _by_user, _callable, _object, _run, _UserCodeError
from .x0 import _backend, _converted, _dtype_name, _filled, _native_dtype, _values

RAISED = 3
#: As shells have it for what SIGINT ended.
INTERRUPTED = 130
EXIT_CODES = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.INCONCLUSIVE: 4}
# A verdict is printed in the style of its own name.
_STYLES = Theme({"pass": "bold green", "fail": "bold red", "inconclusive": "bold yellow"})
# Wide enough for the demo's table in single lines. Where no terminal says how wide it is, rich
# would assume 80 columns.
_WIDTH = 110


def demo() -> int:
    """Print the demonstration; return the exit code."""
    from .demo.show import run

    return EXIT_CODES[Verdict.PASS if run(_console()) else Verdict.FAIL]


def check(options: argparse.Namespace) -> int:
    """
    Verify one gradient function and print the report.

    Parameters
    ----------
    options : argparse.Namespace
        As parsed by `parser_of`.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    UsageError
        If there is nothing to verify.
    """
    try:
        # Whoever asks for JSON gets nothing else there, whatever the user's functions print.
        with _no_way_out(), redirect_stdout(sys.stderr) if options.json else nullcontext():
            report = _verified(options)
    except _UserCodeError as err:
        cause = err.__cause__
        assert cause is not None
        traceback.print_exception(cause)
        return RAISED
    except Interrupted as err:
        report = err.report
    if options.json:
        print(json.dumps(report.to_dict()))
    else:
        text = Text(f"{report}\nrepeat with: {_again(options)}")
        text.stylize(report.verdict, 0, len(report.verdict))
        _console().print(text, highlight=False, soft_wrap=True)
    stopped = report.interrupted and report.verdict is not Verdict.FAIL
    return INTERRUPTED if stopped else EXIT_CODES[report.verdict]


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


def _console() -> Console:
    console = Console(theme=_STYLES)
    return console if console.is_terminal else Console(theme=_STYLES, width=_WIDTH)


def _verified(options: argparse.Namespace) -> Report:
    # The library and its precision come first: modules make arrays while they are imported.
    backend = _backend(options.backend) if options.backend else None
    x0 = _values(options)
    # Literals and random numbers come as lists, in no dtype of their own.
    dtype = options.dtype or _dtype_name(x0)
    if backend is not None and dtype is not None:
        _native_dtype(backend, dtype)
    func = _callable(options.func, "FUNC")
    grad = _callable(options.grad, "GRAD")
    if isinstance(x0, str):
        x0 = _object(x0, "--x0")
        if callable(x0) and not hasattr(x0, "dtype"):
            x0 = _run(x0)
    try:
        x0 = _filled(_converted(x0, backend, options.dtype))
        report = verify_jac(  # a gradient is the Jacobian of one value
            func, grad, x0, rtol=options.rtol, budget=options.budget, seed=options.seed
        )
    except UsageError:
        raise
    except (TypeError, ValueError) as err:
        if not _by_user(err):
            raise UsageError(str(err)) from err
        raise _UserCodeError from err
    except KeyboardInterrupt:
        raise
    except BaseException as err:  # a SystemExit, among others, must not pass for a verdict
        raise _UserCodeError from err
    return report


def _again(options: argparse.Namespace) -> str:
    """Return the command line that repeats this check, its defaults said."""
    words = ["python", "-m", "gradproof", "check", options.func, options.grad]
    for name in ("x0", "shape", "backend", "dtype", "rtol", "budget", "seed"):
        value = getattr(options, name)
        if value is not None:
            # In one word, as an x0 may start with a minus sign.
            words.append(f"--{name}={value}")
    return shlex.join(words)
