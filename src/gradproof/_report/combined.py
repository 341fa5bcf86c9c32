"""Several checks of one claim in one report."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, replace

from .advice import POINT, at
from .reach import worst_of
from .report import Interrupted, Report
from .text import GRAVITY
from .verdicts import Check, Verdict

#: What needs no word before the name of a mistake, which says what is claimed.
_PLAIN = ("gradient", "Jacobian", "vjp", "jvp", "Hessian", "hvp")


def together(
    reports: list[tuple[str, Report]], checks: list[Check], nfev: int, ngev: int
) -> Report:
    """
    Return one report on several things.

    Parameters
    ----------
    reports : list of (str, Report)
        By name, one at least.
    checks : list of Check
        What was checked without a report of its own.
    nfev, ngev : int
        Calls of func and of the claim in all.

    Returns
    -------
    Report
        With the worst verdict of all; its numbers are those of the report that decides.
    """
    every = [Check(name, r.verdict, r.reason) for name, r in reports] + checks
    decides = min(every, key=lambda check: GRAVITY.index(check.verdict))
    _, main = min(reports, key=lambda item: GRAVITY.index(item[1].verdict))
    alone = len(every) == 1
    several = decides.verdict is Verdict.PASS or alone
    remarks = dict.fromkeys(remark for _, r in reports for remark in r.remarks)
    interrupted = any(r.interrupted for _, r in reports)
    if main.diagnosis and decides.name not in _PLAIN and not alone:
        main = replace(main, diagnosis=about(main, decides.name).diagnosis)
    return replace(
        main,
        verdict=decides.verdict,
        reason=main.reason if several else f"{decides.name}: {decides.text}",
        remarks=tuple(remarks),
        advice=main.advice if decides.verdict is main.verdict else "",
        nfev=nfev,
        ngev=ngev,
        reach=worst_of([report.reach for _, report in reports]),
        compile_time=max(report.compile_time for _, report in reports),
        checks=() if alone else tuple(every),
        interrupted=interrupted,
        measured_in=next((r.measured_in for _, r in reports if r.measured_in), ""),
        scope=reports[0][1].scope.joined(r.scope for _, r in reports[1:]),
    )


def about(report: Report, words: str) -> Report:
    """Return a report that says first what it is about."""
    named = tuple(replace(one, text=f"{words}: {one.text}") for one in report.diagnosis)
    return replace(report, reason=f"{words}: {report.reason}", diagnosis=named)


@dataclass(frozen=True)
class Asked:
    """
    The check that a user is making, as it is written.

    Attributes
    ----------
    text : str
        The call, without its seed and what closes it; empty where it is not known.
    point : str
        What is moved; empty where it is not known.
    """

    text: str = ""
    point: str = ""


#: What is being made.
CALL: ContextVar[Asked] = ContextVar("CALL", default=Asked())  # noqa: B039  # it is frozen
#: What is told of each check that a user makes, when it is done.
LISTENERS: list[Callable[[Report], None]] = []


def done(report: Report, point: str = POINT) -> Report:
    """
    Return the report on a check that a user has made, as `whole` does, and tell who listens.

    Parameters
    ----------
    report : Report
        Does not know how it was asked for.
    point : str
        What its reader calls what is moved, where the check has not said it.
    """
    asked = CALL.get()
    if asked.text:
        report = replace(report, repeat=f"{asked.text}, seed={report.seed})")
    if report.next_step:
        report = replace(report, advice=at(report.next_step, asked.point or point))
    for listener in tuple(LISTENERS):
        listener(report)
    return whole(report)


def whole(report: Report) -> Report:
    """Return a report; if it is partial, `Interrupted` has it, so that loops and scripts end."""
    if report.interrupted:
        raise Interrupted(report)
    return report
