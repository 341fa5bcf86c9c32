"""What is checked of the rules by which a library differentiates a function."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from .._backends.foreign import of_error
from .._claims.autodiff import LibraryJvp, LibraryVjp
from .._evaluation.values import Values
from .._report.combined import together, whole
from .._report.report import Report
from .._report.verdicts import NOT_REACHED, Check, Verdict
from .._vectors.point import Point
from .._verdict.options import Options
from .._verdict.spent import by_few
from .consistency import unless_random, unsure
from .cotangents import POSITIVE
from .modes import Modes

# What becomes of a forward mode that func does not have: it is named as not checked, it makes the
# check inconclusive, or the library's own exception is raised.
Lacking = Literal["said", "unsure", "raised"]
#: What is said where a gradient has a wrong derivative.
DEEPER = (
    "what is off is the derivative of the gradient, not the gradient: does the rule save something "
    "that was computed in forward, or detach it? Only what is an input or a result has a history"
)


class Rules:
    """
    The derivatives of one order of a function, and all that is checked of them.

    Parameters
    ----------
    values : Values
        Evaluations of the function.
    point : Point
        Where.
    options : Options
        What the user chose.
    modes : tuple of str
        Forward, reverse or both.
    vmap : bool
        Whether a rule of PyTorch has to work under vmap.
    depth : int
        Their order.
    below : Rules, optional
        Those of the order below.
    lacking : {'said', 'unsure', 'raised'}
        What becomes of a forward mode that func does not have.
    """

    def __init__(
        self,
        values: Values,
        point: Point,
        options: Options,
        modes: tuple[str, ...],
        *,
        vmap: bool,
        depth: int = 1,
        below: "Rules | None" = None,
        lacking: Lacking = "said",
    ) -> None:
        self._values, self._point, self._modes, self._below = values, point, modes, below
        self._label = f"order {depth} " if depth > 1 else ""
        # Without any other mode, there is nothing to report on.
        self._lacking: Lacking = "raised" if len(modes) == 1 else lacking
        self._each = Modes(values, point, options, self._label, vmap=vmap)

    def gradient(self, leaves: list[Any]) -> Any:
        """Return the gradient of the weighted sum of func's values, as native leaves."""
        _, pull = self._values.backend.vjp(self._values.arrays_at, leaves)
        # A tuple: a list of 0-d arrays would count as one array, which no autodiff follows.
        return tuple(pull(self._values.outputs.cotangent(self._each.u)))

    def report(self, others: Sequence[Check] = ()) -> Report:
        """Return the report on these derivatives, on those of lower orders, and on `others`."""
        reports, checks, nfev, ngev = self._parts()
        return together(reports, [*checks, *others], nfev, ngev)

    def _parts(self) -> tuple[list[tuple[str, Report]], list[Check], int, int]:
        reports, checks, nfev, ngev = self._below._parts() if self._below else ([], [], 0, 0)
        claims: list[LibraryVjp | LibraryJvp] = []
        own: list[Check] = []
        try:
            if reports:
                whole(reports[-1][1])
            self._look(claims, reports, own)
            checks += unless_random(own, self._values)
        except KeyboardInterrupt:
            if not reports:  # nothing was measured
                raise
            name, last = reports[-1]
            reports[-1] = name, replace(last, interrupted=True)
            left = Check(f"{self._label}remaining checks", Verdict.INCONCLUSIVE, NOT_REACHED)
            checks += [*unsure(own, "interrupted, and func may be random: "), left]
        calls = sum(claim.calls for claim in claims)
        return reports, checks, nfev + self._values.nfev, ngev + calls

    def _look(
        self,
        claims: list[LibraryVjp | LibraryJvp],
        reports: list[tuple[str, Report]],
        own: list[Check],
    ) -> None:
        """Check each mode, then both together; what is found is appended to the lists."""
        if "vjp" in self._modes:
            vjp, report = self._each.reverse()
            claims.append(vjp)
            reports.append((f"{self._label}vjp", self._told(report)))
            again = self._each.of_positive(vjp, whole(report))
            if again is not None:
                reports.append((f"{self._label}{POSITIVE}", self._told(again)))
                whole(again)
            own += self._each.of_vjp(vjp, report.rtol)
            for why in self._each.no_layout:
                name, first = reports[-1]
                reports[-1] = name, first.without(f"x0 transposed in memory ({why:.80})")
            if "jvp" not in self._modes:
                return
            self._look_forward(claims, reports, own, vjp)
        else:
            self._look_forward(claims, reports, own, None)

    def _look_forward(
        self,
        claims: list[LibraryVjp | LibraryJvp],
        reports: list[tuple[str, Report]],
        own: list[Check],
        vjp: LibraryVjp | None,
    ) -> None:
        """Check forward mode, and that it is the transpose of the reverse one."""
        try:
            jvp, report = self._each.forward()
        except Exception as err:
            if self._lacking == "raised" or not self._values.backend.lacks_forward_mode(err):
                raise
            self._left_out(
                reports, own, "func has none", f"func has no forward mode: {of_error(err)}"
            )
            return
        claims.append(jvp)
        reports.append((f"{self._label}jvp", self._told(report)))
        found = self._each.of_jvp(jvp, whole(report).rtol)
        if vjp is not None:
            found.append(self._each.transposed(vjp, jvp, report.rtol))
        if not report.ok or any(check.verdict is not Verdict.PASS for check in found):
            tangents = self._point.native(jvp.tangents[0])
            lost = self._values.backend.loses_tangents(
                self._values.arrays_at, self._point.copies(), tangents
            )
            if lost:
                # What was measured are the zeros that torch returns in its place.
                why = f"{lost} has none, and returns tangents of zero"
                if vjp is None:
                    reports[-1] = "jvp", _unresolved(report, f"no forward mode: {why}")
                else:
                    del reports[-1]
                self._left_out(reports, own, why, f"no forward mode: {why}")
                return
        own += found

    def _left_out(
        self, reports: list[tuple[str, Report]], own: list[Check], why: str, text: str
    ) -> None:
        """Say that forward mode was not checked, as the user wants to be told of it."""
        name, first = reports[-1]
        if self._lacking != "said":
            own.append(Check(f"{self._label}jvp", Verdict.INCONCLUSIVE, text[:200]))
        reports[-1] = name, first.without(f"{self._label}forward mode ({why})")

    def _told(self, report: Report) -> Report:
        deeper = self._label and report.verdict is Verdict.FAIL
        report = by_few(report, self._values)
        return report.with_remarks([DEEPER]) if deeper else report


def _unresolved(report: Report, why: str) -> Report:
    """Return a report, an inconclusive one of the same numbers."""
    state = report.flat["state"]
    flat = {**report.flat, "state": np.where(state == "fail", "unresolved", state)}
    return replace(report, verdict=Verdict.INCONCLUSIVE, reason=why, flat=flat)
