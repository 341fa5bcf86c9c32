"""A check that its budget of calls has ended: what is said of it, and which budget is enough."""

import math

from .._evaluation.values import Values
from .._lines.findings import Column, Findings
from .._lines.survey import Survey
from .._report.report import Report
from .._report.verdicts import Verdict

ENDED = "the budget of calls ended"
#: Before any entry was looked at, or all of them.
SPENT = f"{ENDED} before all entries were measured"
_MORE = f"{ENDED} before more was known"
_UNNAMED = "few calls of the budget were left to name the mistake by: pass budget={} or more"
#: With fewer calls left than these a search, or a look at rows, may have ended early.
_SHORT = 40


def said(survey: Survey, found: Findings) -> str:
    """Return how much of a check was left when its budget ended."""
    unsettled, unseen = found.open_ones
    n = survey.g.size
    left = f"not reached: {unseen}" if unseen else f"not settled: {unsettled}"
    return f"{SPENT} ({left} of {n})"


def with_end(reason: str, survey: Survey, found: Findings) -> str:
    """Return why random directions did not tell; with the budget, where it has ended them."""
    values = survey.scalar.values
    budget = values.calls.budget
    if budget is None or not isinstance(found.state, Column) or ENDED in reason:
        return reason
    short = values.left() < _SHORT * values.cost and _enough(survey, found) > budget
    return f"{reason}; {_MORE}" if short else reason


def larger(survey: Survey, found: Findings) -> str:
    """Return the words for a budget with which the check ends."""
    budget = survey.scalar.values.calls.budget or 0
    return f"pass budget={max(_enough(survey, found), 2 * budget)} or more, or none"


def _enough(survey: Survey, found: Findings) -> int:
    n, cost = survey.g.size, survey.scalar.values.cost
    each = not isinstance(found.state, Column)
    # Two calls and two more for each entry that is looked at again; a search may take 600.
    return cost * ((4 * n if each else 600) + 200)


def ended(report: Report) -> bool:
    """Tell whether a report says that the budget ended."""
    return ENDED in report.reason


def by_few(report: Report, values: Values) -> Report:
    """Return a report; of a fail without a kind, that the budget may be why it has none."""
    budget = values.calls.budget
    if budget is None or report.verdict is not Verdict.FAIL or report.diagnosis:
        return report
    if values.left() >= max(_SHORT * values.cost, math.ceil(budget / 2)):
        return report  # as many as were spent
    return report.with_remarks([_UNNAMED.format(2 * max(budget, _SHORT * values.cost))])
