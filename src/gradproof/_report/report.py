"""What a check found, for people and for programs."""

import math
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from typing import Any, NoReturn

import numpy as np

from .faces import Faces
from .verdicts import Inconclusive, Verdict, WrongDerivative


class Interrupted(KeyboardInterrupt):
    """
    Ctrl-C ended a check: what was measured until then is in a report.

    Attributes
    ----------
    report : Report
        Partial: what was not reached is unresolved, and it never passes. It fails if something was
        found to be wrong, and confirmed, before.
    """

    def __init__(self, report: "Report") -> None:
        super().__init__(str(report))
        self.report = report

    def __reduce__(self) -> tuple[Any, ...]:
        return Interrupted, (self.report,)


@dataclass(frozen=True, eq=False, repr=False)
class Report(Faces):
    """
    The result of a check.

    Attributes
    ----------
    verdict : Verdict
        'pass', 'fail' or 'inconclusive'.
    reason : str
        One sentence that says why.
    remarks : tuple of str
        What else was noticed: kinks, scales, exceptions of func.
    entries : dict of str to ndarray
        One number for each entry of x0, in its shape: ``claimed``, ``measured`` (slope of func),
        ``truncation`` and ``noise`` (bars for the two parts of its uncertainty), ``step`` (the
        finest step used), ``right`` and ``left`` (one-sided slopes, where they differ),
        ``resolution`` (the smallest relative error that would have been seen) and ``state``
        ('pass', 'fail', 'unresolved' or 'held fixed'). NaN and infinity where nothing was measured.
        Of a pytree, each is a dict from the path of a leaf to an array. Of a Jacobian, they are
        about the value of func that is furthest off, for each entry of x0; ``row`` is its place.
    rtol : float
        The relative error that matters.
    resolved : float
        What a pass must have been able to see, relative to the scale of each entry.
    whole : float
        Upper bound on the error along the claim itself, relative to the claim: the resolution
        for mistakes of the gradient as a whole.
    dtype : str
        The coarsest dtype involved.
    nfev, ngev : int
        Calls of func and of the claim; of a batch, its points. (What a batch has beside them, x0
        and a call to compare it with, is not counted.)
    seed : int
        Repeats the check.
    checks : tuple of Check
        What was checked, where that is more than one thing; the worst of them is the verdict, and
        what `entries` are about.
    advice : str
        What is known to help an inconclusive check; `next_step` says it.
    interrupted : bool
        Whether Ctrl-C ended the check. Then it is inconclusive unless something was wrong already,
        and what was not reached is unresolved.
    alone : tuple of two floats or None
        Of a check along directions: the smallest relative error of one entry that would have been
        seen if all others are right, for the median entry and for the worst. None if each entry was
        looked at.
    reach : Reach
        How small a mistake would have been seen: of the whole, of each leaf, of a row of it, of an
        entry. Of several things, the largest of each number.
    compile_time : float
        Seconds spent to compile func for batches; 0 where that was not needed, or done before.
    measured_in : str
        The dtype of func's values, where those of half precision did not tell and it was evaluated
        in a wider one; otherwise empty.
    scope : Scope
        What the verdict is about: the leaves that were ``checked``, those that were ``held`` fixed
        and why, at how many cotangents or tangents ``products`` were checked, and what was
        ``not_checked``, as a mode that func does not have.
    diagnosis : tuple of Diagnosis
        Of a claim that failed: what kind of mistake explains what was measured, best first; empty
        if none does.
    right : tuple of str
        Of a claim that failed: the arguments, or results, that were seen to be right.
    wrong_places : tuple of WrongPlace
        Arguments, leaves, rows, columns and blocks of them that are wrong as a whole, and how many
        of their entries were looked at.
    repeat : str
        The call that repeats the check where it was made, its seed said. An argument that has no
        expression there, or one whose value would be another one, as of random numbers, is said in
        marks that are no code, ``<x: float64 array of shape (3,)>``, to be replaced by hand. Empty
        where the check was not made by a `verify_*` or an `assert_*`.
    accuracy : tuple of (str, float)
        Of a comparison with a reference: how many times the error of the reference in its own
        dtype each result has.
    ladder : Ladder or None
        The differences of the line that decides, step by step, for `plot_steps`; None where there
        are none, as in a comparison with a reference.
    jacobian : Jacobian or None
        Of a claimed Jacobian, or of products with it, of up to 10,000 numbers, each as claimed
        and as measured, for `plot_jacobian`; `to_dict` leaves it out.
    called : str
        What `nfev` counts the calls of: 'func', or 'grad' where that was given.
    """

    def __bool__(self) -> NoReturn:
        msg = (
            "a Report is neither true nor false: use `report.ok`, `report.verdict` or "
            "`report.raise_if_wrong()`."
        )
        raise TypeError(msg)

    def to_dict(self) -> dict[str, Any]:
        """Return everything in lists, numbers, text and None (for NaN and infinity): for JSON."""
        return {
            "verdict": str(self.verdict),
            "reason": self.reason,
            "finding": self.finding,
            "diagnosis": [one.to_dict() for one in self.diagnosis],
            "right": list(self.right),
            "wrong_places": [one.to_dict() for one in self.wrong_places],
            "wrong_entries": [one.to_dict() for one in self.wrong_entries],
            "remarks": list(self.remarks),
            "next_step": self.next_step,
            "checks": [
                {"name": c.name, "verdict": str(c.verdict), "text": c.text} for c in self.checks
            ],
            "entries": {name: _plain(values) for name, values in self.entries.items()},
            "rtol": self.rtol,
            "resolved": self.resolved,
            "whole": _plain(self.whole),
            "dtype": self.dtype,
            "measured_in": self.measured_in or self.dtype,
            "nfev": self.nfev,
            "ngev": self.ngev,
            "seed": self.seed,
            "compile_time": self.compile_time,
            "alone": None if self.alone is None else _plain(list(self.alone)),
            "reach": None if self.reach is None else self.reach.to_dict(),
            "interrupted": self.interrupted,
            "scope": self.scope.to_dict(),
            "accuracy": {name: _plain(k) for name, k in self.accuracy},
            "repeat": self.repeat,
            "ladder": None if self.ladder is None else _plain(asdict(self.ladder)),
        }

    def with_remarks(self, remarks: list[str]) -> "Report":
        """Return the same report with more remarks."""
        return replace(self, remarks=(*self.remarks, *remarks))

    def without(self, *words: str) -> "Report":
        """Return the same report, with words for what was not checked in its scope."""
        return replace(self, scope=self.scope.without(*words))

    def raise_if_wrong(self) -> None:
        """
        Do nothing if the claim passed.

        Raises
        ------
        WrongDerivative
            If it failed.
        Inconclusive
            If nothing could be said.
        Interrupted
            If that is so because the check was interrupted: tests then end, as Ctrl-C wants it.
        """
        __tracebackhide__ = True  # pytest then shows the line of the test
        if self.ok:
            return
        if self.interrupted and self.verdict is not Verdict.FAIL:
            raise Interrupted(self)
        kind = WrongDerivative if self.verdict is Verdict.FAIL else Inconclusive
        error = kind(str(self))
        error.report = self
        raise error

    def __eq__(self, other: object) -> bool:
        """Whether all is the same, numbers of entries and NaN among it."""
        if not isinstance(other, Report):
            return NotImplemented
        return all(_same(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))

    def __hash__(self) -> int:
        return hash((self.verdict, self.reason, self.nfev, self.seed))


def _same(one: Any, other: Any) -> bool:
    """Tell whether two fields of a report hold the same; NaN is like NaN."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    if isinstance(one, np.ndarray):
        if one.shape != other.shape or one.dtype.kind != other.dtype.kind:
            return False
        return bool(((one == other) | ((one != one) & (other != other))).all())
    if is_dataclass(one) and type(one) is type(other):
        return all(_same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    if isinstance(one, tuple):
        pairs = other is not None and len(one) == len(other)
        return pairs and all(map(_same, one, other))
    return bool(one == other) or (one != one and other != other)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
