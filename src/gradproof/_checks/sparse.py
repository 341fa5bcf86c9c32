"""Sparse Jacobians: a verdict in compressed space, and the entries that are behind an error."""

from dataclasses import replace

import numpy as np

from .._claims.sparse import SparseJacobian
from .._evaluation.values import Values
from .._lines.findings import FAIL
from .._report.jacobians import in_place
from .._report.ladder import KEPT, Jacobian, Places
from .._report.report import Report
from .._report.verdicts import Verdict
from .._vectors.layout import Pairs
from .._verdict.judge import of_columns
from .._verdict.options import Options


def of_sparse(claim: SparseJacobian, values: Values, options: Options) -> Report:
    """Return the report on a claimed sparse Jacobian; with what kind of mistake, if it failed."""
    report = _by_colours(claim, values, options)
    if report.verdict is not Verdict.FAIL or report.interrupted:
        return report
    # What names mistakes is imported where there is one.
    from .._verdict.diagnose_columns import diagnosed

    assert report.pairs is not None
    known = zip(report.pairs.columns or (), report.flat["state"], strict=True)
    off = [column for column, state in known if state == FAIL and column >= 0]
    return diagnosed(report, values, claim.columns(), "jac", options.rng(11), off)


def _by_colours(claim: SparseJacobian, values: Values, options: Options) -> Report:
    """Return the report in compressed space; each colour speaks of its worst entry."""
    report = of_columns(values.along(claim.span), claim, options)
    flat = {name: numbers.copy() for name, numbers in report.flat.items()}
    columns, remarks = np.full(claim.count, -1), list(report.remarks)
    jacobian = _in_place(claim, report.jacobian)
    for colour, row in enumerate(flat["row"]):
        if row < 0:
            continue
        column = claim.declared(int(row), colour)
        if flat["state"][colour] == FAIL:
            error = float(flat["measured"][colour] - flat["claimed"][colour])
            step = float(flat["step"][colour])
            culprit = None
            try:
                if not report.interrupted:
                    culprit = _culprit(claim, values, int(row), colour, step, error)
            except KeyboardInterrupt:  # the error stands, without its column
                report = replace(report, interrupted=True)
            if culprit not in (None, column):
                jacobian = _moved(jacobian, int(row), (column, culprit), error / claim.tangent)
                column = culprit
                _undeclared(flat, colour)
                remarks.append(
                    f"{values.outputs.name(int(row))} by {claim.point.name(culprit)} is not zero, "
                    "and outside the pattern that the claim declares"
                )
        if column is not None:
            columns[colour] = column
            _per_unit(flat, colour, float(claim.tangent[column]))

    colours = f"{claim.count} colour{'' if claim.count == 1 else 's'}"
    remarks.append(f"a sparse claim of {claim.matrix.rows.size} entries, compared in {colours}")
    pairs = Pairs(
        tuple(values.outputs.leaves),
        tuple(claim.point.leaves),
        tuple(int(column) for column in columns),
        by_entries=False,
    )
    reason = report.reason.replace(
        f" of {values.outputs.size * claim.count} entries", " of the entries"
    )
    reach = report.reach
    if reach is not None and reach.leaves:  # those of tangents, which are colours here
        reach = replace(reach, leaves=(), reason="")
    report = replace(report, flat=flat, remarks=tuple(remarks), pairs=pairs, jacobian=jacobian)
    return replace(report, reason=reason, reach=reach)


def _in_place(claim: SparseJacobian, products: Jacobian | None) -> Jacobian | None:
    """Return the entries that the claim declares, for a picture, if not too many were measured."""
    matrix = claim.matrix
    if products is None or matrix.rows.size > KEPT:
        return None
    places = Places(matrix.rows, matrix.columns, matrix.shape)
    return in_place(products, places, matrix.numbers, claim.colours, claim.tangent)


def _moved(
    jacobian: Jacobian | None, row: int, columns: tuple[int | None, int], error: np.ndarray
) -> Jacobian | None:
    """Return a picture with an error where it is: in a column that the claim does not declare."""
    if jacobian is None or jacobian.places is None:
        return jacobian
    places, (declared, column) = jacobian.places, columns
    measured = jacobian.measured.copy()
    # Of the entry that is declared there is no measurement without it.
    measured[(places.rows == row) & (places.columns == declared)] = np.nan
    return replace(
        jacobian,
        claimed=np.append(jacobian.claimed, 0.0),
        measured=np.append(measured, error[column]),
        places=Places(np.append(places.rows, row), np.append(places.columns, column), places.shape),
    )


def _undeclared(flat: dict[str, np.ndarray], colour: int) -> None:
    """Let a colour's numbers be about an entry that is claimed to be zero."""
    for name in ("measured", "right", "left"):
        flat[name][colour] -= flat["claimed"][colour]
    flat["claimed"][colour] = 0.0


def _per_unit(flat: dict[str, np.ndarray], colour: int, unit: float) -> None:
    """Let a colour's numbers be slopes per unit of x instead of per tangent."""
    for name in ("claimed", "measured", "right", "left"):
        flat[name][colour] /= unit
    for name in ("truncation", "noise"):
        flat[name][colour] /= abs(unit)


def _culprit(
    claim: SparseJacobian, values: Values, row: int, colour: int, step: float, error: float
) -> int | None:
    """Return the column of a colour that is behind an error in a row, by halving."""
    declared = claim.declared(row, colour)
    here = (claim.matrix.rows == row) & (claim.matrix.columns == declared)
    left = np.flatnonzero(claim.colours == colour)

    def error_of(columns: np.ndarray) -> float:
        displacement = np.zeros(claim.tangent.size)
        displacement[columns] = step * claim.tangent[columns]
        up, down = (values.at(sign * displacement)[0][row] for sign in (1.0, -1.0))
        claimed = claim.matrix.numbers[here].sum() * claim.tangent[declared] if here.any() else 0.0
        return float((up - down) / (2 * step)) - (claimed if declared in columns else 0.0)

    while left.size > 1:
        first, second = np.array_split(left, 2)
        found = error_of(first)
        if not np.isfinite(found):
            return None
        if abs(found) > abs(error - found):
            left, error = first, found
        else:
            left, error = second, error - found
    return int(left[0]) if left.size else None
