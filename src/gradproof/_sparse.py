"""
Sparse Jacobians, compared in compressed space.

Columns that share no row are moved together: each value of func then still has one claimed entry
to be compared with, and a banded Jacobian of any size costs as many tangents as its band is wide.
What is claimed to be zero is compared too: an entry outside the declared pattern shows in its row,
and is then looked for by halving. Source: A. R. Curtis, M. J. D. Powell and J. K. Reid, J. Inst.
Math. Appl. 13 (1974) 117.
"""

import functools
import itertools
import operator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ._columns import Columns, Dense, Jacobian
from ._findings import FAIL
from ._judge import of_columns
from ._layout import Pairs
from ._options import Options
from ._outputs import Outputs
from ._point import Point, Span
from ._report import Report
from ._tangents import tangent
from ._values import Values


@dataclass(frozen=True)
class Coordinates:
    """
    A sparse matrix, as lists.

    Attributes
    ----------
    rows, columns, numbers : ndarray of shape (k,)
        Its entries; of repeated ones the sum counts.
    shape : tuple of int
        Its shape.
    """

    rows: np.ndarray
    columns: np.ndarray
    numbers: np.ndarray
    shape: tuple[int, int]

    def times(self, tangents: np.ndarray, colours: np.ndarray, count: int) -> np.ndarray:
        """Return the products with the tangents of all colours, of shape (m, count)."""
        place = self.rows * count + colours[self.columns]
        weight = self.numbers * tangents[self.columns]
        total = np.bincount(place, weight, minlength=self.shape[0] * count)
        return total.reshape(self.shape[0], count)


def coloured(matrix: Coordinates) -> tuple[np.ndarray, int]:
    """
    Return a colour for each column, so that no two of one colour share a row, and their number.

    First fit in the order of the columns: as few as the band is wide for a banded matrix.
    """
    m, n = matrix.shape
    taken = [0] * m  # the colours that have an entry in each row, as the bits of a number
    order = np.argsort(matrix.columns, kind="stable")
    rows, edges = matrix.rows[order].tolist(), np.searchsorted(matrix.columns[order], range(n + 1))
    colours = []
    for start, stop in itertools.pairwise(edges.tolist()):
        own = rows[start:stop]
        others = functools.reduce(operator.or_, (taken[row] for row in own), 0)
        free = ~others & (others + 1)  # the lowest bit that is not set
        for row in own:
            taken[row] |= free
        colours.append(free.bit_length() - 1)
    return np.array(colours, dtype=int), max(colours, default=-1) + 1


class SparseJacobian:
    """
    A function that returns sparse Jacobians, as products with a tangent of each colour.

    Parameters
    ----------
    jac : Jacobian
        The function, which has been called at x0.
    point : Point
        Where.
    outputs : Outputs
        The structure of func's result.
    rng : numpy.random.Generator
        For the tangents.
    """

    def __init__(self, jac: Jacobian, point: Point, outputs: Outputs, rng: Any) -> None:
        self._jac, self.point, self._outputs = jac, point, outputs
        self.matrix = self._matrix(jac.first)
        self.colours, self.count = coloured(self.matrix)
        self.tangent = tangent(point, rng, slice(None))
        each = self.colours[None, :] == np.arange(self.count)[:, None]
        names = [f"columns of colour {c}" for c in range(self.count)]
        self.span = Span(point, each * self.tangent, names)

    @property
    def calls(self) -> int:
        """Number of calls of the claim."""
        return self._jac.calls

    @property
    def products(self) -> tuple[str, ...]:
        """None: each entry that the claim declares is compared."""
        return ()

    def at_x0(self) -> Columns:
        """Return the products with the tangents at x0."""
        return self._products(self.matrix)

    def _products(self, matrix: Coordinates) -> Columns:
        found = matrix.times(self.tangent, self.colours, self.count)
        blocks = [(slice(0, matrix.shape[0]), slice(0, self.count), found)]
        return Dense(blocks, found.shape, self._jac.eps, self._near)

    def _near(self, displacement: np.ndarray) -> Columns | None:
        try:
            leaves = self.span.moved(displacement, for_claim=True)
            return self._products(self._matrix(self._jac.returned(leaves, "near x0")))
        except Exception:
            return None

    def _matrix(self, claim: Any) -> Coordinates:
        found = self.point.backend.coordinates(claim)
        if found is None:
            msg = f"jac returned a {type(claim).__name__}, but a sparse matrix at x0."
            raise TypeError(msg)
        matrix = Coordinates(*found)
        expected = (self._outputs.size, self.point.x.size)
        if matrix.shape != expected:
            msg = (
                f"jac returned a sparse matrix of shape {matrix.shape}; expected {expected}: "
                "func's values by the entries of x0, each flattened."
            )
            raise ValueError(msg)
        for off, places in (
            (self._outputs.unseen, matrix.rows),
            (self.point.fixed, matrix.columns),
        ):
            if off is not None:
                matrix = replace(matrix, numbers=np.where(off[places], 0.0, matrix.numbers))
        return matrix

    def declared(self, row: int, colour: int) -> int | None:
        """Return the column that the pattern has in a row for a colour, if there is one."""
        here = self.matrix.columns[self.matrix.rows == row]
        found = here[self.colours[here] == colour]
        return int(found[0]) if found.size else None


def of_sparse(claim: SparseJacobian, values: Values, options: Options) -> Report:
    """Return the report on a claimed sparse Jacobian; each colour speaks of its worst entry."""
    report = of_columns(values.along(claim.span), claim, options)
    flat = {name: numbers.copy() for name, numbers in report.flat.items()}
    columns, remarks = np.full(claim.count, -1), list(report.remarks)
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
                column = culprit
                _undeclared(flat, colour)
                remarks.append(
                    f"{values.outputs.name(int(row))} by {claim.point.name(culprit)} is not zero, "
                    "and outside the pattern that the claim declares"
                )
        if column is not None:
            columns[colour] = column
            _per_unit(flat, colour, float(claim.tangent[column]))

    remarks.append(
        f"a sparse claim of {claim.matrix.rows.size} entries, compared in {claim.count} colours"
    )
    pairs = Pairs(
        tuple(values.outputs.leaves),
        tuple(claim.point.leaves),
        tuple(int(column) for column in columns),
    )
    return replace(report, flat=flat, remarks=tuple(remarks), pairs=pairs)


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
