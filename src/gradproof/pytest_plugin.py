"""
The plugin for pytest: rules that tests call are verified, and reports are shown, not tracebacks.

Loaded by pytest itself, see ``pytest --help``: there is nothing to import from it.
"""

import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from ._report.combined import LISTENERS
from ._report.report import Report
from ._report.verdicts import Inconclusive, Verdict, WrongDerivative
from ._verdict.options import SEEDS
from ._watch.cache import Cache
from ._watch.own import Own
from ._watch.report import WatchedRule, WatchReport, lines
from ._watch.snippet import page_of
from ._watch.watch import Watch

__all__ = ["Plugin"]

_HERE = str(Path(__file__).parent)
_OUTPUT = "gradproof"


class Plugin:
    """
    What happens in one run of pytest.

    Parameters
    ----------
    config : pytest.Config
        With the options of the command line.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config, self._options = config, config.option
        for name in ("seconds", "total", "memory"):
            value = getattr(self._options, f"gradproof_{name}")
            if value < 0 or (value == 0 and name != "memory"):
                msg = f"--gradproof-{name} {value:g}: expected a number above 0."
                raise pytest.UsageError(msg)
        self._watch: Watch | None = None
        self._found: WatchReport | None = None
        self._checks, self._calls = 0, 0
        self._slowest, self._slowest_test = 0.0, ""
        pages = self._options.gradproof_report
        self._pages = None if pages is None else Path(pages).absolute()
        self._test = ""
        SEEDS[0] = self._options.gradproof_seed
        LISTENERS.append(self._heard)
        # With workers, the process that starts them runs no test.
        starts_workers = bool(getattr(self._options, "tx", None)) and not _is_worker(config)
        runs_tests = not (starts_workers or self._options.collectonly)
        if self._options.gradproof and runs_tests:
            self._watch = self._watching(config)
            self._watch.__enter__()

    def _watching(self, config: pytest.Config) -> Watch:
        options, root = self._options, config.rootpath
        skip = (*options.gradproof_skip, *config.getini("gradproof_skip"))
        own = Own(root, tuple(options.gradproof_only), skip, options.gradproof_all)
        cache = Cache(root) if options.gradproof_cache else None
        return Watch(own, options.gradproof_memory * 2**20, cache, self._pages)

    def _heard(self, report: Report) -> None:
        if self._watch is not None and self._watch.records.paused:
            return  # a check of a watch, not of a test
        self._checks += 1
        self._calls += report.nfev
        if self._pages is not None and not report.ok:
            report.to_html(page_of(self._pages, f"{self._test} {self._checks}"))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Verify, after each test, what it called for the first time."""
        self._test = item.nodeid
        if self._watch is not None:
            self._watch.records.where = item.nodeid
        checks, start = self._checks, time.perf_counter()
        result = yield
        took = time.perf_counter() - start
        if self._checks > checks and took > self._slowest:
            self._slowest, self._slowest_test = took, item.nodeid
        if self._watch is not None:
            try:
                self._watch.verify_seen(
                    self._options.gradproof_seconds, self._options.gradproof_total
                )
            except Exception as err:
                self._watch.records.errors.append(f"after {item.nodeid}: {err!r}")
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, Any, Any]:
        """Show the report of a check that failed, and the line of the test that made it."""
        shown: Any = yield
        error = None if call.excinfo is None else call.excinfo.value
        short = item.config.getoption("tbstyle", "auto") == "auto"
        if short and shown.failed and _is_ours(error):
            start = item.config.invocation_params.dir
            shown.longrepr = _with_place(str(error), call.excinfo, start)
        return shown

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Join what was found, and let the run fail."""
        counts = self._checks, self._calls, self._slowest, self._slowest_test
        if self._watch is not None:
            try:
                self._watch.__exit__(None, None, None)
                own = self._watch.verify(
                    seconds=self._options.gradproof_seconds, total=self._options.gradproof_total
                )
            except Exception as err:
                own = WatchReport((), (f"at the end: {err!r}",))
            self._found = own if self._found is None else self._found.joined(own)
        if _is_worker(self._config):
            rules = None if self._found is None else self._found.to_dict()
            output: Any = self._config
            output.workeroutput[_OUTPUT] = {"counts": counts, "rules": rules}
            return
        if self._fails() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _fails(self) -> bool:
        if self._found is None or self._options.gradproof != "fail":
            return False
        bad = {Verdict.FAIL}
        if self._options.gradproof_strict:
            bad.add(Verdict.INCONCLUSIVE)
        return any(rule.verdict in bad for rule in self._found.rules)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker of pytest-xdist has found."""
        given = getattr(node, "workeroutput", {}).get(_OUTPUT)
        if given is None:
            return
        checks, calls, slowest, test = given["counts"]
        self._checks, self._calls = self._checks + checks, self._calls + calls
        if slowest > self._slowest:
            self._slowest, self._slowest_test = slowest, test
        if given["rules"] is not None:
            rules = tuple(map(WatchedRule.from_dict, given["rules"]["rules"]))
            found = WatchReport(rules, tuple(given["rules"]["errors"]))
            self._found = found if self._found is None else self._found.joined(found)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say what was found."""
        if self._found is not None:
            terminalreporter.ensure_newline()
            terminalreporter.section("gradproof: hand-written rules")
            for line in lines(self._found):
                terminalreporter.write_line(line, **_colour(line))
        if self._checks:
            test = f", slowest {self._slowest:.1f} s in {self._slowest_test}"
            count = f"{self._checks} check{'s' if self._checks > 1 else ''}"
            if self._pages is not None:
                where = f"gradproof: pages of what does not pass: {self._pages}"
                terminalreporter.write_line(where)
            terminalreporter.write_line(f"gradproof: {count}, {self._calls:,} calls of func{test}")

    def pytest_unconfigure(self) -> None:
        """Leave nothing behind in the process."""
        LISTENERS.remove(self._heard)
        SEEDS[0] = None


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _is_ours(error: BaseException | None) -> bool:
    """Tell whether an exception is the text of a report."""
    ours = isinstance(error, (WrongDerivative, Inconclusive))
    return ours or (type(error).__name__ == "GradcheckError" and _raised_here(error))


def _raised_here(error: BaseException | None) -> bool:
    trace = None if error is None else error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code.co_filename.startswith(_HERE)


def _with_place(text: str, excinfo: Any, start: Path) -> str:
    """
    Return a report, and below it the line that made the check.

    The report comes first, as pytest takes the first line for its short summary, with workers too.
    """
    outside = [
        entry
        for entry in excinfo.traceback
        if not str(entry.path).startswith(_HERE) and "_pytest" not in str(entry.path)
    ]
    if not outside:
        return text
    entry = outside[-1]
    path = Path(entry.path)
    if path.is_relative_to(start):
        path = path.relative_to(start)
    source = str(entry.statement).strip()
    return f"{text}\n\n>   {source}\n{path}:{entry.lineno + 1}"


def _colour(line: str) -> dict[str, bool]:
    first = line.split(maxsplit=1)[0].rstrip(":") if line.strip() else ""
    colours = {"fail": "red", "inconclusive": "yellow", "pass": "green"}
    return {colours[first]: True} if first in colours else {}
