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
from .._vectors.numbers import as_numbers
from .._vectors.point import Point
from .._vectors.tangents import lines, weights
from .._verdict.judge import of_columns, of_gradient
from .._verdict.options import Options
from .consistency import (
    linear_in_cotangent,
    linear_in_tangent,
    same_vjp,
    transposed,
    unless_random,
    unsure,
    value_is,
)
from .memory import of_cotangent, of_inputs

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
        self._values, self._point = values, point
        self._options, self._modes, self._vmap, self._below = options, modes, vmap, below
        self._label = f"order {depth} " if depth > 1 else ""
        # Without any other mode, there is nothing to report on.
        self._lacking: Lacking = "raised" if len(modes) == 1 else lacking
        self._u = weights(values.outputs, values.at_x0, options.rng(1))
        self._no_layout: list[str] = []

    def gradient(self, leaves: list[Any]) -> Any:
        """Return the gradient of the weighted sum of func's values, as native leaves."""
        _, pull = self._values.backend.vjp(self._values.arrays_at, leaves)
        # A tuple: a list of 0-d arrays would count as one array, which no autodiff follows.
        return tuple(pull(self._values.outputs.cotangent(self._u)))

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
            vjp, report = self._reverse()
            claims.append(vjp)
            reports.append((f"{self._label}vjp", self._told(report)))
            own += self._of_vjp(vjp, whole(report).rtol)
            for why in self._no_layout:
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
            jvp, report = self._forward()
        except Exception as err:
            if self._lacking == "raised" or not self._values.backend.lacks_forward_mode(err):
                raise
            self._left_out(
                reports, own, "func has none", f"func has no forward mode: {of_error(err)}"
            )
            return
        claims.append(jvp)
        reports.append((f"{self._label}jvp", self._told(report)))
        found = self._of_jvp(jvp, whole(report).rtol)
        if vjp is not None:
            found.append(self._transposed(vjp, jvp, report.rtol))
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
        return report.with_remarks([DEEPER]) if deeper else report

    def _reverse(self) -> tuple[LibraryVjp, Report]:
        values = self._values
        claim = LibraryVjp(values.arrays_at, self._point, values.outputs, self._u, pullback=True)
        return claim, of_gradient(values, self._u, claim, self._options)

    def _forward(self) -> tuple[LibraryJvp, Report]:
        values, point = self._values, self._point
        span, tangents = lines(point, self._options.rng(2))
        claim = LibraryJvp(values.arrays_at, point, span, tangents, values.outputs)
        return claim, of_columns(values.along(span), claim, self._options)

    def _of_vjp(self, claim: LibraryVjp, rtol: float) -> list[Check]:
        values = self._values
        checks = [
            linear_in_cotangent(claim, values, self._options, rtol),
            self._value(claim, "vjp"),
        ]
        checks += of_cotangent(claim, values, rtol) + self._of_inputs(claim, rtol)
        return [self._named(check) for check in checks] + self._transformed(claim, rtol)

    def _of_inputs(self, claim: LibraryVjp, rtol: float) -> list[Check]:
        """Return a check of x0 in another layout, where func is handed what it is given."""
        backend, point = self._values.backend, self._point
        if not backend.layouts or point.own_layout or point.x.size < 2:
            return []
        leaves = [backend.laid_out(leaf, "transposed") for leaf in point.copies()]
        return of_inputs(claim, self._values, leaves, rtol, self._no_layout.append)

    def _of_jvp(self, claim: LibraryJvp, rtol: float) -> list[Check]:
        values = self._values
        checks = [linear_in_tangent(claim, values, self._options, rtol), self._value(claim, "jvp")]
        return [self._named(check) for check in checks]

    def _named(self, check: Check) -> Check:
        return Check(self._label + check.name, check.verdict, check.text)

    def _value(self, claim: Any, mode: str) -> Check:
        what = "the rule's own value is not what func returns when no derivative is taken"
        return value_is(self._values, claim.value, f"value of the {mode}", what)

    def _transposed(self, vjp: LibraryVjp, jvp: LibraryJvp, rtol: float) -> Check:
        """Return a check that both modes give ``<u, J v>``, which needs no difference of func."""
        return self._named(transposed(vjp, jvp, self._values, self._options, rtol))

    def _transformed(self, claim: LibraryVjp, rtol: float) -> list[Check]:
        values, backend = self._values, self._values.backend
        try:
            found = backend.transformed(
                values.arrays_at,
                self._point.copies(),
                values.outputs.cotangent(claim.u),
                vmap=self._vmap,
            )
        except Exception as err:
            # The first line says what is wrong; those after it where a tracer was made, here.
            text = f"the vjp fails under a transformation: {of_error(err, 250)}"
            return [Check(f"{self._label}transformed", Verdict.FAIL, text)]
        return [
            same_vjp(
                claim,
                (
                    claim.u,
                    claim.at_x0,
                    self._point.slopes([as_numbers(backend, g, name) for g in gradients]),
                ),
                values,
                (f"{self._label}under {name}", f"the vjp under {name} is another one than without"),
                rtol,
            )
            for name, gradients in found.items()
        ]


def _unresolved(report: Report, why: str) -> Report:
    """Return a report, an inconclusive one of the same numbers."""
    state = report.flat["state"]
    flat = {**report.flat, "state": np.where(state == "fail", "unresolved", state)}
    return replace(report, verdict=Verdict.INCONCLUSIVE, reason=why, flat=flat)
