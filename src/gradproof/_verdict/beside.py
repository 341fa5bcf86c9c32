"""What is said of a claim that did not pass, where x0 is on a tie or a kink of func."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .._lines.cancellation import CANCELS
from .._lines.findings import Findings
from .._lines.survey import Survey
from .._lines.ties import Side, Sides
from .decision import Decision
from .steady import depends_on_calls

_TIED = "x0 is on a tie or a kink of func, where the claim can neither be proven nor refuted"
TIE = (
    "x0 is on a tie or a kink: however near to x0, the claim is another one. Equal entries have "
    "several valid derivatives"
)
BESIDE = (
    "x0 is on a tie or a kink: the claim there is the one of a side of x0, on which func was "
    "measured, a little beside x0"
)


@dataclass(frozen=True)
class Judged:
    """A decision, and what came of it."""

    survey: Survey
    findings: Findings
    verdict: str
    reason: str

    @staticmethod
    def of(decision: Decision) -> "Judged":
        """Run a decision."""
        verdict, reason = decision.run()
        return Judged(decision.survey, decision.findings, verdict, reason)


def of_x_alone(remarks: list[str]) -> list[str]:
    """Return remarks without those that a claim which is another one in each call only feigns."""
    random = any(remark.startswith("func is not deterministic") for remark in remarks)
    if not (random or depends_on_calls(tuple(remarks))):
        return remarks
    return [remark for remark in remarks if remark not in (CANCELS, TIE)]


def beside_a_tie(
    first: Judged, sides: Callable[[], Sides], again: Callable[[Side], Decision]
) -> Judged:
    """
    Return what is said of a claim that did not pass, if x0 is on a tie or a kink of func.

    It is right if it is the gradient on some side of x0, wrong if it is not on a side on which it
    is the same; and where neither can be told, nothing can be said of it.
    """
    values, found = first.survey.scalar.values, first.findings
    finite = np.isfinite(first.survey.g).all() and np.isfinite(first.survey.scalar.size)
    if first.verdict == "pass" or found.interrupted or not finite or values.cost > 1:
        return first
    try:
        look = sides()
        if not look.tied:
            return first
        side = look.found() if values.left() > 1 else None
    except KeyboardInterrupt:
        found.interrupted = True
        return first
    if side is None:
        if first.verdict == "inconclusive":
            found.remarks.append(TIE)
        return first
    if found.off_alike:
        # Beside x0 steps of half precision cross the tie, and show half of a slope.
        found.remarks.append(TIE)
        return first
    second = Judged.of(again(side))
    if second.verdict == "pass":
        second.findings.remarks.append(BESIDE)
        return second
    convicts = second.verdict == "fail" and first.survey.precision.near  # steps cross no tie
    if convicts and first.verdict == "inconclusive":
        second.findings.remarks.append(BESIDE)
        return replace(second, reason=f"{second.reason}; beside x0, which is on a tie or a kink")
    if second.verdict == "inconclusive":
        found.remarks.append(TIE)
        found.interrupted = second.findings.interrupted
        return replace(first, verdict="inconclusive", reason=_TIED)
    return first
