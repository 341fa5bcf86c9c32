"""A call of a rule, checked within a time."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._backends.registry import is_array, taken_apart
from .._checks.autodiff import verify_autodiff
from .._checks.modes import TRANSFORMED
from .._evaluation.deadline import ends_in
from .._numerics.precision import Precision
from .._reference.forward import FORWARD
from .._report.advice import of_reason
from .._report.report import Interrupted, Report
from .._report.verdicts import Verdict
from .prepared import SEED, Prepared
from .symmetric import Symmetric

#: Roundings of the largest argument: a handful of terms, or a bisection of 50 steps in float64.
_CANCELLED = 32
_GRAVITY = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)


class OutOfTime(Exception):  # noqa: N818  # it is no error
    """Raised where the time is up before a check begins."""


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
    report : Report
        What was found.
    """

    moved: tuple[str, ...]
    reference: str | None
    report: Report


@dataclass(frozen=True)
class Checked:
    """
    What was found at one call's values.

    Attributes
    ----------
    prepared : Prepared
        What was checked.
    report : Report
        What that said.
    reference : str or None
        What was compared with; None for values of the rule.
    doubt : str
        Why a pass is none, if it is none.
    notes : tuple of str
        What was not checked, or in which way.
    at : int
        Which of the values that were recorded.
    """

    prepared: Prepared
    report: Report
    reference: str | None = None
    doubt: str = ""
    notes: tuple[str, ...] = ()
    at: int = 0

    @property
    def verdict(self) -> Verdict:
        """That of the report, unless there is a doubt."""
        return Verdict.INCONCLUSIVE if self.doubt else self.report.verdict

    @property
    def finding(self) -> str:
        """One sentence."""
        return self.doubt or self.report.finding or self.report.reason

    @property
    def next_step(self) -> str:
        """What would help, if anything has to."""
        return of_reason(self.doubt) if self.doubt else self.report.next_step

    @property
    def gravity(self) -> int:
        """What sorts the worst first."""
        return _GRAVITY.index(self.verdict)


def checked(prepared: Prepared, seconds: float, at: int) -> Checked:
    """
    Return what is found for a call, within a time.

    Parameters
    ----------
    prepared : Prepared
        The call.
    seconds : float
        The time; a second look has as much.
    at : int
        Which of the values that were recorded.
    """
    plain = Checked(prepared, *_from_both(prepared, seconds), notes=prepared.notes, at=at)
    if plain.verdict is not Verdict.FAIL:
        return plain
    failed = [check for check in plain.report.checks if check.verdict is Verdict.FAIL]
    if failed and all(check.name.endswith(TRANSFORMED) for check in failed):
        # The program may call it without: by a flag of Python, or with a callback inside.
        return replace(plain, doubt=f"right as it was called; {failed[0].text}")
    if {check.name for check in failed} <= {"vjp", "jvp"} and _are_rounding(prepared):
        return replace(plain, doubt="its results are no larger than the rounding of its arguments")
    matrices = Symmetric(prepared.func, prepared.primals)
    if not matrices.places:
        return plain
    report, reference = _from_both(replace(prepared, func=matrices.func), seconds)
    if report.verdict is Verdict.FAIL:
        return plain
    names = ", ".join(prepared.names[i] for i in matrices.places)
    doubt = ""
    if report.verdict is Verdict.PASS and not matrices.is_claimed():
        doubt = f"right while {names} is symmetric, as it is here, and wrong otherwise"
    notes = (*prepared.notes, f"moved as symmetric, which it is here: {names}")
    return Checked(prepared, report, reference, doubt, notes, at)


def _are_rounding(prepared: Prepared) -> bool:
    """Tell whether the results of a rule are what rounding leaves of sums that cancel."""
    returned, _ = _largest(prepared.func(*prepared.primals))
    given, eps = _largest(prepared.primals)
    # In half precision so many roundings are a size that results have.
    if Precision.of(eps).widens:
        return False
    # What is zero may be so for any reason.
    return 0 < returned <= _CANCELLED * eps * given


def _largest(tree: Any) -> tuple[float, float]:
    """Return the size of the largest number in arrays, and the rounding of the coarsest."""
    backend, flat = taken_apart(tree)
    arrays = [leaf for leaf in flat.leaves if is_array(leaf) and 0 not in leaf.shape]
    numbers = [float(np.abs(np.asarray(one)).max()) for one in backend.to_host(arrays)]
    return max(numbers, default=0.0), max((float(backend.eps(a.dtype)) for a in arrays), default=0)


def _from_both(prepared: Prepared, seconds: float) -> tuple[Report, str | None]:
    """
    Return a verdict, and the reference that it took.

    It is one from values of the rule, which knows of all that belongs to a rule; where values do
    not tell, one from its forward code. That has no steps between which it could be ended.
    """
    given = prepared.func, *prepared.primals
    with ends_in(seconds) as deadline:
        try:
            report = verify_autodiff(*given, seed=SEED, progress=False)
        except KeyboardInterrupt as err:
            if not deadline.passed:
                raise
            if not isinstance(err, Interrupted):
                raise OutOfTime from None
            report = err.report
    if report.verdict is not Verdict.INCONCLUSIVE or report.interrupted:
        return report, None
    try:
        other = verify_autodiff(*given, seed=SEED, reference=FORWARD)
    except Exception:  # it cannot be differentiated, or not be called elsewhere
        return report, None
    return (report, None) if other.verdict is Verdict.INCONCLUSIVE else (other, FORWARD)
