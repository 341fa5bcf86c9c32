"""One kind of calls of a rule, verified."""

import inspect
import random
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .._backends.recorded import Described, Looked, Recorder
from .._backends.registry import recorder_of, taken_apart
from .._checks.autodiff import verify_autodiff
from .._evaluation.deadline import ends_in
from .._reference.forward import FORWARD
from .._report.report import Interrupted, Report
from .._report.verdicts import Verdict
from .._vectors.callables import argument_names
from .kinds import Kind

#: Checks say the same each time.
SEED = 0


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
    cut : bool
        Whether the time was up before there was a verdict.
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
    cut: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return everything in lists, numbers and text: for JSON."""
        return {**asdict(self), "verdict": str(self.verdict), "notes": list(self.notes)}

    @staticmethod
    def from_dict(given: dict[str, Any]) -> "Outcome":
        """Return what `to_dict` was of."""
        verdict, notes = Verdict(given["verdict"]), tuple(given["notes"])
        return Outcome(**{**given, "verdict": verdict, "notes": notes})


@dataclass(frozen=True)
class Prepared:
    """
    A call that can be checked: a function of what is moved.

    Attributes
    ----------
    func : callable
        Of the arguments that are moved.
    primals : tuple
        Those arguments.
    names : tuple of str
        Their names.
    notes : tuple of str
        What is not checked.
    """

    func: Callable[..., Any]
    primals: tuple[Any, ...]
    names: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Repeat:
    """
    How a check was made.

    Attributes
    ----------
    moved : tuple of str
        The arguments that were moved.
    reference : str or None
        What was compared with; None for values of the rule.
    """

    moved: tuple[str, ...]
    reference: str | None = None


def outcome_of(
    kind: Kind, seconds: float, repeated: Callable[[Kind, int, "Repeat"], str]
) -> Outcome:
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
    cut = False
    call, recorder = kind.call, recorder_of(kind.call.rule.library)
    verdict, finding, text, notes = Verdict.INCONCLUSIVE, "", "", list[str]()
    found: list[tuple[Report, str | None, Prepared, int]] = []
    try:
        with _undisturbed(), recorder.undisturbed(call):
            for at, values in enumerate(kind.taken or [_drawn(kind, recorder)]):
                prepared = prepare(kind, recorder, values)
                if not prepared.primals:
                    finding = "nothing to differentiate by: " + "; ".join(prepared.notes)
                    break
                left = max(seconds - (time.perf_counter() - start), seconds / 4)
                found.append((*_checked(prepared, left), prepared, at))
    except Exception as err:
        finding = f"could not be called by itself: {type(err).__name__}: {err}".partition("\n")[0]
    snippet = ""
    if found:
        gravest = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)
        worst = min(found, key=lambda item: gravest.index(item[0].verdict))
        report, reference, prepared, at = worst
        # An exception at the second values is no pass.
        if not finding or report.verdict is Verdict.FAIL:
            verdict, finding, text = report.verdict, report.finding or report.reason, str(report)
        cut = report.interrupted and verdict is Verdict.INCONCLUSIVE
        if cut:
            finding = f"the time of {seconds:g} s was up: {finding}"
        notes += prepared.notes
        if verdict is Verdict.FAIL and kind.taken:
            snippet = repeated(kind, at, Repeat(prepared.names, reference))
    if not kind.taken:
        notes.append(f"values drawn at random ({kind.drawn or 'they could not be recorded'})")
    took = time.perf_counter() - start
    said = str(kind), kind.caller, kind.calls
    return Outcome(*said, verdict, finding, text, tuple(notes), took, snippet, cut=cut)


def prepare(kind: Kind, recorder: Recorder, values: list[Any]) -> Prepared:
    """Return the function of what is moved that a call of a rule is."""
    call = kind.call
    given = iter(values)
    leaves = [
        recorder.restored(leaf, next(given)) if isinstance(leaf, Described) else leaf
        for leaf in call.leaves
    ]
    args, kwargs = call.build(leaves)
    looked = _looked(recorder, kind, args, kwargs)
    names = argument_names(call.signature, len(args))
    moved, notes = list[int | str](), list[str]()
    named: list[tuple[int | str, str]] = [*enumerate(names), *((key, key) for key in kwargs)]
    for owner, name in named:
        at = [i for i, own in enumerate(call.owners) if own == owner]
        can = any(_moves(recorder, call.leaves[i]) for i in at)
        known = call.differentiated
        if known is not None:
            if any(known[i] for i in at):
                moved.append(owner)
            elif can:
                notes.append(f"not differentiated by in this call, not checked: {name}")
        elif owner in looked.ungiven and can:
            notes.append(f"the rule returns None for it, not checked: {name}")
        elif can:
            moved.append(owner)
    if looked.left_out:
        notes.append(f"results that the rule marks as not differentiable: {looked.left_out}")

    def func(*primals: Any) -> Any:
        again, keywords = [recorder.fresh(arg) for arg in args], {**kwargs}
        for owner, primal in zip(moved, primals, strict=True):
            if isinstance(owner, str):
                keywords[owner] = recorder.fresh(primal)
            else:
                again[owner] = recorder.fresh(primal)
        results = _leaves(call.target(*again, **keywords))
        kept = [results[i] for i in looked.results] or results
        return kept[0] if len(kept) == 1 else tuple(kept)

    said = tuple(names[owner] if isinstance(owner, int) else owner for owner in moved)
    every: list[tuple[int | str, Any]] = [*enumerate(args), *kwargs.items()]
    primals = tuple(value for owner, value in every if owner in moved)
    own: Any = func
    own.__signature__ = inspect.Signature(
        [inspect.Parameter(_identifier(name), _POSITIONAL) for name in said]
    )
    return Prepared(func, primals, said, tuple(notes))


_POSITIONAL = inspect.Parameter.POSITIONAL_OR_KEYWORD


def _identifier(name: str) -> str:
    return name if name.isidentifier() else "".join(c if c.isalnum() else "_" for c in name)


def _leaves(results: Any) -> list[Any]:
    return list(taken_apart(results)[1].leaves)


def _moves(recorder: Recorder, leaf: Any) -> bool:
    return isinstance(leaf, Described) and recorder.moves(leaf)


def _looked(recorder: Recorder, kind: Kind, args: Any, kwargs: Any) -> Looked:
    try:
        return recorder.looked(kind.call, args, kwargs)
    except Exception:  # the check says what the rule raises
        return Looked(frozenset(), ())


def _drawn(kind: Kind, recorder: Recorder) -> list[Any]:
    """Return values where shapes alone are known: normal, whole numbers zero, flags True."""
    rng = np.random.default_rng(SEED)
    drawn = []
    for leaf in kind.call.leaves:
        if isinstance(leaf, Described):
            if recorder.moves(leaf):
                numbers = rng.standard_normal(leaf.shape)
            else:
                numbers = (
                    np.ones(leaf.shape, bool) if leaf.dtype == "bool" else np.zeros(leaf.shape)
                )
            drawn.append(recorder.from_host(leaf, np.asarray(numbers)))
    return drawn


def _checked(prepared: Prepared, seconds: float) -> tuple[Report, str | None]:
    """
    Return a verdict, and the reference that it took.

    It is one from values of the rule, which knows of all that belongs to a rule; where values do
    not tell, one from its forward code. That has no steps between which it could be ended.
    """
    given = prepared.func, *prepared.primals
    with ends_in(seconds) as deadline:
        try:
            report = verify_autodiff(*given, seed=SEED, progress=False)
        except Interrupted as err:
            if not deadline.passed:
                raise
            report = err.report
    if report.verdict is not Verdict.INCONCLUSIVE or report.interrupted:
        return report, None
    try:
        other = verify_autodiff(*given, seed=SEED, reference=FORWARD)
    except (TypeError, ValueError):  # it cannot be differentiated
        return report, None
    return (report, None) if other.verdict is Verdict.INCONCLUSIVE else (other, FORWARD)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Leave random streams and warnings of the process as they are."""
    state, legacy = random.getstate(), np.random.get_state()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(state)
        np.random.set_state(legacy)
