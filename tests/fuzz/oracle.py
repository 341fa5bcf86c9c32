"""What a check said of a problem, beside what may be said of it."""

import linecache
import time
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tests.fuzz.problems import Problem, UserError
from tests.fuzz.roads import checked

import gradproof

_OURS = str(Path(gradproof.__file__).parent)
_TESTS = str(Path(__file__).parent)

#: What func does that leaves nothing to be passed, right or wrong.
NEVER_PASSED = ("stale",)
#: A check of so few entries takes no longer, in seconds.
CALLS_ALLOWED = 60.0


@dataclass(frozen=True)
class Finding:
    """
    Something that should not have been said.

    Attributes
    ----------
    kind : str
        'passed a wrong claim', 'failed a right one', 'exception', 'slow'.
    where : str
        The road, and for an exception the place that it comes from.
    text : str
        What was said.
    """

    kind: str
    where: str
    text: str

    @property
    def key(self) -> str:
        """What is the same for findings of one kind."""
        return f"{self.kind}: {self.where}"


@dataclass(frozen=True)
class Outcome:
    """What a check said, in a word, in full, and what is wrong with that."""

    verdict: str
    text: str
    finding: Finding | None
    seconds: float


def outcome(problem: Problem, road: str) -> Outcome:
    """Check a problem, and judge the check."""
    start = time.perf_counter()
    finding, text = None, ""
    beside = f"{problem.behaviour} {problem.claim_behaviour}"
    tags = f"{road} {problem.library} {problem.dtype} {beside}".strip()
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error", RuntimeWarning)
            said = checked(problem, road)
        text = str(said)
        verdict = text.split(":")[0]
    except BaseException as err:  # whatever it is, is judged
        if isinstance(err, KeyboardInterrupt):
            raise
        verdict, text = f"{type(err).__name__}", f"{type(err).__name__}: {err}"
        finding = _of_exception(err, tags, problem)
    seconds = time.perf_counter() - start
    if finding is None:
        finding = _of_verdict(problem, verdict, text, tags)
    if finding is None and seconds > CALLS_ALLOWED:
        finding = Finding("slow", tags, f"{seconds:.0f} s, {text}")
    return Outcome(verdict, text, finding, seconds)


def claimed_kind(problem: Problem) -> str:
    """Return 'right', 'wrong', or 'form' where a mistake of form is none for these leaves."""
    if problem.mistake.name == "right":
        return "right"
    if problem.mistake.form and not _is_mistaken(problem):
        return "form"
    return "wrong"


def _of_verdict(problem: Problem, verdict: str, text: str, tags: str) -> Finding | None:
    kind = claimed_kind(problem)
    if kind == "form":
        return None
    wrong = kind == "wrong"
    if verdict == "pass" and (wrong or problem.behaviour in NEVER_PASSED):
        return Finding("passed a wrong claim", f"{tags} {problem.mistake.name}", text)
    if verdict == "fail" and not wrong and problem.behaviour not in NEVER_PASSED:
        return Finding("failed a right one", tags, text)
    return None


def _is_mistaken(problem: Problem) -> bool:
    """Tell whether a mistake of form is one, for these leaves."""
    form = problem.mistake.form
    if form == "missing key":
        kinds = {problem.arguments[0].kind}
        first = problem.leaves[next(problem.arguments[0].places())]
        return bool(kinds & {"dict", "module"}) and first.moved
    target = problem.leaves[problem.moved[problem.mistake.leaf % len(problem.moved)]]
    if form == "held claimed":
        return any(leaf.kind in ("int", "bool", "python int") for leaf in problem.leaves)
    if form in ("nan", "none leaf") and not target.size:
        return False
    return target.kind != "python float"


def _of_exception(err: BaseException, tags: str, problem: Problem) -> Finding | None:
    frames = traceback.extract_tb(err.__traceback__)
    last = frames[-1]
    if isinstance(err, UserError):
        return None
    if last.filename.startswith(_TESTS):  # a mistake in these tests, not in what they test
        shown = "".join(traceback.format_exception(type(err), err, err.__traceback__)[-6:])
        return Finding("harness", f"{type(err).__name__} in {last.name}", f"{tags}\n{shown}")
    line = linecache.getline(last.filename, last.lineno or 0).strip()
    ours = last.filename.startswith(_OURS)
    deliberate = ours and line.startswith(("raise", "_refuse", "self._refuse"))
    if deliberate and problem.mistake.form and isinstance(err, (TypeError, ValueError)):
        return None
    # torch's checkers, and so their drop-ins, refuse strides of 0 by a RuntimeError. Nothing else
    # is refused for what it is about.
    shared = any(leaf.layout == "broadcast" for leaf in problem.leaves)
    if deliberate and shared and "gradcheck" in tags and isinstance(err, RuntimeError):
        return None
    mine = next((f for f in reversed(frames) if f.filename.startswith(_OURS)), last)
    place = f"{Path(mine.filename).name}:{mine.name}"
    shown = "".join(traceback.format_exception(type(err), err, err.__traceback__)[-6:])
    return Finding("exception", f"{type(err).__name__} in {place}", f"{tags}\n{shown}")


def described(problem: Problem, road: str, found: Outcome) -> str:
    """Return a problem and what was said of it, for people."""
    lines: list[Any] = [
        f"road {road}, {problem.library} {problem.dtype}, seed={problem.seed}",
        f"arguments {problem.arguments}, argnums={problem.argnums}",
        f"held {problem.held_args}, keyword {problem.keyword}",
        *(f"  leaf {i}: {leaf}" for i, leaf in enumerate(problem.leaves)),
        f"program {problem.program}",
        f"output {problem.output!r}, func {problem.behaviour!r}, claim {problem.claim_behaviour!r}",
        f"claim: {problem.mistake.name}",
        f"verdict: {found.text}",
    ]
    return "\n".join(map(str, lines))
