"""The command that runs a script, and verifies the rules that it calls."""

import argparse
import json
import runpy
import sys
import traceback
from pathlib import Path

from .._report.verdicts import Verdict
from .._watch.own import Own
from .._watch.report import WatchReport
from .._watch.watch import SECONDS, TOTAL, Watch, root_of
from .commands import EXIT_CODES, RAISED
from .loading import UsageError


def watch(options: argparse.Namespace) -> int:
    """
    Run a script and print what was found about its rules.

    Parameters
    ----------
    options : argparse.Namespace
        As parsed by `parser_of`.

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
    script = Path(options.script)
    if not script.is_file():
        msg = f"SCRIPT: there is no file {options.script!r}; expected a Python file to run."
        raise UsageError(msg)
    times = {"seconds": options.seconds or SECONDS, "total": options.total or TOTAL}
    for name, value in times.items():
        if value <= 0:
            msg = f"--{name} {value:g}: expected a time in seconds, above 0."
            raise UsageError(msg)
    own = Own(root_of(script.resolve().parent), options.only, options.skip, options.every)
    with Watch(own) as rules:
        raised = _run(script, options.arguments)
    report = rules.verify(**times)
    print(report)
    if options.json:
        Path(options.json).write_text(json.dumps(report.to_dict()))
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
