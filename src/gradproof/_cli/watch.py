"""The command that runs a script, and verifies the rules that it calls."""

import runpy
import sys
import traceback
from collections.abc import Sequence
from json import dumps
from pathlib import Path

from .._report.verdicts import Verdict
from .._watch.own import Own
from .._watch.report import WatchReport
from .._watch.watch import SECONDS, TOTAL, Watch, root_of
from .errors import UsageError, meant
from .loading import beside
from .outcome import EXIT_CODES, RAISED


def watch(
    script: str,
    arguments: Sequence[str],
    *,
    only: Sequence[str],
    skip: Sequence[str],
    every: bool,
    json: str | None,
    **times: float | None,
) -> int:
    """
    Run a script and print what was found about its rules.

    Parameters
    ----------
    script : str
        The Python file.
    arguments : sequence of str
        Those of the script.
    only, skip : sequence of str
        Patterns for the names of rules.
    every : bool
        Whether rules of other packages are watched as well.
    json : str or None
        A file to write.
    **times : float or None
        ``seconds`` for each kind of calls, and in ``total``.

    Returns
    -------
    int
        That of the verdict; of a script that raised or left with a code of its own, 3, unless a
        rule is wrong.

    Raises
    ------
    UsageError
        If there is no such file, or a time is not positive.
    """
    file = Path(script)
    if not file.is_file():
        suggested = meant(file.name, beside(file))
        msg = f"SCRIPT: there is no file {script!r}.{suggested} Expected a Python file to run."
        raise UsageError(msg)
    defaults = {"seconds": SECONDS, "total": TOTAL}
    limits = defaults | {name: value for name, value in times.items() if value is not None}
    for name, value in limits.items():
        if value <= 0:
            msg = f"--{name} {value:g}: expected a time in seconds, above 0."
            raise UsageError(msg)
    own = Own(root_of(file.resolve().parent), list(only), list(skip), every)
    with Watch(own) as rules:
        raised = _run(file, list(arguments))
    report = rules.verify(**limits)
    print(report)
    if json:
        Path(json).write_text(dumps(report.to_dict()))
    return _code(report, raised=raised)


def _code(report: WatchReport, *, raised: bool) -> int:
    if raised and report.verdict is not Verdict.FAIL:
        return RAISED
    if not any(rule.calls for rule in report.rules):
        return EXIT_CODES[Verdict.INCONCLUSIVE]
    return EXIT_CODES[report.verdict]


def _run(script: Path, arguments: list[str]) -> bool:
    """Run a script as Python does; return whether it raised."""
    argv, path = sys.argv[:], sys.path[:]
    sys.argv = [str(script), *arguments]
    sys.path.insert(0, str(script.resolve().parent))
    try:
        runpy.run_path(str(script.resolve()), run_name="__main__")
    except SystemExit as err:
        if err.code not in (None, 0):
            print(f"gradproof: the script left with {err.code!r}", file=sys.stderr)
            return True
    except Exception:
        traceback.print_exc()
        return True
    finally:
        sys.argv, sys.path[:] = argv, path
    return False
