"""A claimed sparse Jacobian, in compressed space: a column for each colour."""

from dataclasses import replace
from typing import Any

import numpy as np

from .._numerics.sparse import Coordinates, coloured
from .._vectors.outputs import Outputs
from .._vectors.point import Point
from .._vectors.span import Span
from .._vectors.tangents import tangent
from .jacobian import Jacobian
from .linear_map import Columns, Dense


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

    def columns(self) -> Columns:
        """Return the matrix by the entries of x0, at x0."""
        return _Scattered(self.matrix, self._jac.eps)

    def declared(self, row: int, colour: int) -> int | None:
        """Return the column that the pattern has in a row for a colour, if there is one."""
        here = self.matrix.columns[self.matrix.rows == row]
        found = here[self.colours[here] == colour]
        return int(found[0]) if found.size else None


class _Scattered(Columns):
    """A sparse matrix of which a row or a column is written out when it is asked for."""

    def __init__(self, matrix: Coordinates, eps: float) -> None:
        self._matrix, self.shape, self.eps = matrix, matrix.shape, eps

    def column(self, i: int) -> np.ndarray:
        here = self._matrix.columns == i
        return _summed(self._matrix.rows[here], self._matrix.numbers[here], self.shape[0])

    def row(self, k: int) -> np.ndarray:
        here = self._matrix.rows == k
        return _summed(self._matrix.columns[here], self._matrix.numbers[here], self.shape[1])

    def weighted(self, u: np.ndarray) -> np.ndarray:
        numbers = u[self._matrix.rows] * self._matrix.numbers
        return _summed(self._matrix.columns, numbers, self.shape[1])

    def there(self, displacement: np.ndarray) -> Columns | None:  # noqa: ARG002
        """Return nothing: it is known at x0 alone."""
        return None


def _summed(places: np.ndarray, numbers: np.ndarray, size: int) -> np.ndarray:
    return np.bincount(places, numbers, minlength=size).astype(float)
