"""What is checked of each mode of automatic differentiation: its rule, and what belongs to it."""

from typing import Any

from .._backends.foreign import of_error
from .._claims.autodiff import LibraryJvp, LibraryVjp
from .._evaluation.values import Values
from .._report.report import Report
from .._report.verdicts import Check, Verdict
from .._vectors.numbers import as_numbers
from .._vectors.point import Point
from .._vectors.tangents import lines, weights
from .._verdict.judge import of_columns, of_gradient
from .._verdict.options import Options
from .consistency import linear_in_cotangent, linear_in_tangent, same_vjp, transposed, value_is
from .cotangents import of_positive
from .memory import of_cotangent, of_inputs

#: The check that a rule works under jit and vmap at all.
TRANSFORMED = "transformed"


class Modes:
    """
    The modes by which a library differentiates a function.

    Parameters
    ----------
    values : Values
        Evaluations of the function.
    point : Point
        Where.
    options : Options
        What the user chose.
    label : str
        Begins the name of each check.
    vmap : bool
        Whether a rule of PyTorch has to work under vmap.

    Attributes
    ----------
    u : ndarray
        The cotangent.
    no_layout : list of str
        Why func does not take an x0 of another layout, if it does not.
    """

    def __init__(
        self, values: Values, point: Point, options: Options, label: str, *, vmap: bool
    ) -> None:
        self._values, self._point, self._options = values, point, options
        self._label, self._vmap = label, vmap
        self.u = weights(values.outputs, values.at_x0, options.rng(1))
        self.no_layout: list[str] = []
        self._trusted = False

    def reverse(self) -> tuple[LibraryVjp, Report]:
        """Return what reverse mode computes, and the report on it."""
        values = self._values
        claim = LibraryVjp(values.arrays_at, self._point, values.outputs, self.u)
        self._trusted = claim.compiled
        return claim, of_gradient(values, self.u, claim, self._options)

    def of_positive(self, claim: LibraryVjp, report: Report) -> Report | None:
        """Return the report for another cotangent, if the vjp is wrong there."""
        return of_positive(self._values, claim, self._options, report)

    def forward(self) -> tuple[LibraryJvp, Report]:
        """Return what forward mode computes, along some lines, and the report on it."""
        values, point = self._values, self._point
        found = lines(point, self._options.rng(2))
        trusted = self._trusted
        claim = LibraryJvp(values.arrays_at, point, found, values.outputs, trusted=trusted)
        return claim, of_columns(values.along(found[0]), claim, self._options)

    def of_vjp(self, claim: LibraryVjp, rtol: float) -> list[Check]:
        """Return the checks of what belongs to reverse mode."""
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
        leaves = [
            leaf if backend.never_gapped(given) else backend.laid_out(leaf, "transposed")
            for leaf, given in zip(point.copies(), point.given, strict=True)
        ]
        return of_inputs(claim, self._values, leaves, rtol, self.no_layout.append)

    def of_jvp(self, claim: LibraryJvp, rtol: float) -> list[Check]:
        """Return the checks of what belongs to forward mode."""
        values = self._values
        checks = [linear_in_tangent(claim, values, self._options, rtol), self._value(claim, "jvp")]
        return [self._named(check) for check in checks]

    def _named(self, check: Check) -> Check:
        return Check(self._label + check.name, check.verdict, check.text)

    def _value(self, claim: Any, mode: str) -> Check:
        what = "the rule's own value is not what func returns when no derivative is taken"
        return value_is(self._values, claim.value, f"value of the {mode}", what)

    def transposed(self, vjp: LibraryVjp, jvp: LibraryJvp, rtol: float) -> Check:
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
            return [Check(f"{self._label}{TRANSFORMED}", Verdict.FAIL, text)]
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
