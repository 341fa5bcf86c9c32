"""One kind of calls of a rule, verified."""

import random
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .._backends.registry import recorder_of
from .._report.advice import of_reason
from .._report.verdicts import Verdict
from .checked import Checked, OutOfTime, Repeat, checked
from .kinds import Kind
from .prepared import drawn, prepare


@dataclass(frozen=True)
class Outcome:
    """
    What was found for one kind of calls.

    Attributes
    ----------
    kind : str
        The arguments: dtypes, shapes, static ones.
    caller : str
        Who made the first of the calls.
    calls : int
        How many there were.
    verdict : Verdict
        'pass', 'fail' or 'inconclusive'.
    finding : str
        One sentence.
    text : str
        The report; empty if there is none.
    notes : tuple of str
        What was not checked, or drawn.
    seconds : float
        What it took.
    snippet : str
        Code that repeats the check.
    cached : bool
        Whether it is known from an earlier run.
    cut : float
        The time that was up before there was a verdict, in seconds; 0 if there is one.
    nothing : bool
        Whether there was nothing to differentiate by.
    next_step : str
        What would help, where the verdict is inconclusive; empty elsewhere.
    """

    kind: str
    caller: str
    calls: int
    verdict: Verdict
    finding: str
    text: str = ""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    snippet: str = ""
    cached: bool = False
    cut: float = 0.0
    nothing: bool = False
    next_step: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return everything in lists, numbers and text: for JSON."""
        return {**asdict(self), "verdict": str(self.verdict), "notes": list(self.notes)}

    @staticmethod
    def from_dict(given: dict[str, Any]) -> "Outcome":
        """Return what `to_dict` was of."""
        verdict, notes = Verdict(given["verdict"]), tuple(given["notes"])
        return Outcome(**{**given, "verdict": verdict, "notes": notes})


def outcome_of(kind: Kind, seconds: float, repeated: Callable[[Kind, int, Repeat], str]) -> Outcome:
    """
    Return what is found for a kind of calls, within a time.

    Parameters
    ----------
    kind : Kind
        What was recorded.
    seconds : float
        After which a check ends; what JAX compiles is not interrupted.
    repeated : callable
        From a kind, which of its values were used, and how the check was made, to code that
        repeats it.
    """
    start = time.perf_counter()
    call, recorder = kind.call, recorder_of(kind.call.rule.library)
    finding, found, notes, cut = "", list[Checked](), list[str](), 0.0
    verdict, text, known, snippet, nothing = Verdict.INCONCLUSIVE, "", "", "", False
    try:
        with _undisturbed(), recorder.undisturbed(call):
            for at, values in enumerate(kind.taken or [drawn(kind, recorder)]):
                prepared = prepare(kind, recorder, values)
                if prepared.empty:
                    verdict, finding = Verdict.PASS, "arrays without entries: nothing to check"
                    break
                if not prepared.primals:
                    nothing, finding = True, "; ".join(("nothing to move", *prepared.notes))
                    break
                left = max(seconds - (time.perf_counter() - start), seconds / 4)
                found.append(checked(prepared, left, at))
    except OutOfTime:
        finding, cut = f"the time of {seconds:g} s was up before the check began", seconds
    except Exception as err:
        finding = f"could not be called by itself: {type(err).__name__}: {err}".partition("\n")[0]
    worst = min(found, key=lambda one: one.gravity, default=None)
    if worst is not None:
        notes += worst.notes
        # An exception at the second values is no pass.
        if not finding or worst.verdict is Verdict.FAIL:
            verdict, finding, known = worst.verdict, worst.finding, worst.next_step
            text = str(worst.report)
        if not cut and worst.report.interrupted and verdict is Verdict.INCONCLUSIVE:
            cut, known = seconds, ""
            finding = f"the time of {seconds:g} s was up: {finding}"
        if verdict is Verdict.FAIL and kind.taken:
            how = Repeat(worst.prepared.names, worst.reference, worst.report)
            snippet = repeated(kind, worst.at, how)
    if not kind.taken:
        notes.append(f"values drawn at random ({kind.drawn or 'they could not be recorded'})")
    step = (known or of_reason(finding)) if verdict is Verdict.INCONCLUSIVE else ""
    took = time.perf_counter() - start
    said = str(kind), kind.caller, kind.calls, verdict, finding, text, tuple(notes), took, snippet
    return Outcome(*said, cut=cut, nothing=nothing, next_step=step)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Leave random streams and warnings of the process as they are."""
    state, legacy = random.getstate(), np.random.get_state()
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(state)
        np.random.set_state(legacy)
