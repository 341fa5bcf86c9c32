"""Whether a claimed Hessian, or its product with tangents, is symmetric."""

from typing import Any

import numpy as np

from .._claims.jvp import Tangents
from .._claims.linear_map import Columns
from .._numerics.rounding import ROUNDINGS, Ulps
from .._report.verdicts import Check, Verdict
from .._vectors.point import Point
from .._verdict.options import Options
from .consistency import same_product


def symmetric_product(
    claim: Tangents, first: np.ndarray, other: np.ndarray, options: Options, rtol: float
) -> Check:
    """Return a check that a product is that of a symmetric matrix."""
    what = "the product is not that of a symmetric matrix: <w, H v> and <v, H w> differ"
    eps = max(claim.eps, claim.point.eps)
    ulps = Ulps(claim.point.magnitude, eps, options.rng(6), claim.point.x)

    both = (claim.one, first, claim.one(first), other), (claim.one, other, claim.one(other), first)
    return same_product("symmetry", what, both, ulps, rtol)


def symmetric(columns: Columns, point: Point, rtol: float) -> Check:
    """Return a check that a claimed Hessian is symmetric; names the worst pair of entries."""
    n = point.x.size
    move = np.where(point.magnitude > 0, point.magnitude, 1.0)
    rounding: _Rounded | None = None
    worst, pair, blurred = 0.0, (0, 0), False
    for i in range(n):
        row, column = columns.row(i) * move * move[i], columns.column(i) * move * move[i]
        if not np.isfinite(row).all():
            return Check("symmetry", Verdict.FAIL, "the claim is not finite")
        own = np.maximum(np.abs(row), np.abs(column))
        off = np.abs(row - column) / np.maximum(own, 1e-300)
        # Relative to the pair itself, unless both are rounding beside the largest of their row.
        off[own < rtol * np.max(own, initial=0.0)] = 0.0
        if (off > rtol).any():
            rounding = rounding or _Rounded(columns, point)
            floor = ROUNDINGS * rounding.of(i) * move * move[i]
            rounded = (off > rtol) & (np.abs(row - column) <= floor)
            off[rounded], blurred = 0.0, blurred or bool(rounded.any())
        j = int(np.argmax(off)) if n else 0
        if n and off[j] > worst:
            worst, pair = float(off[j]), (i, j)
    if worst <= rtol and blurred:
        text = "transposed entries differ by no more than rounding makes of terms that cancel"
        return Check("symmetry", Verdict.INCONCLUSIVE, text)
    if worst <= rtol:
        return Check("symmetry", Verdict.PASS, f"transposed entries differ by {worst:.0e} at most")
    i, j = pair
    one, other = point.name(i), point.name(j)
    text = (
        f"the claim is not symmetric: {columns.row(i)[j]:.6g} at {one} by {other}, but "
        f"{columns.row(j)[i]:.6g} at {other} by {one}"
    )
    return Check("symmetry", Verdict.FAIL, text)


class _Rounded:
    """By how much rounding of x0 moves the entries of a claimed Hessian."""

    def __init__(self, columns: Columns, point: Point) -> None:
        ulps = Ulps(point.magnitude, max(columns.eps, point.eps), np.random.default_rng(0))
        self._at_x0, again = columns, columns.there(np.zeros(point.x.size))
        moves = [ulps.x() for _ in range(4)]
        moved = [(columns.there(d), columns.there(2 * d)) for d in moves]
        self._moved = [(a, b) for a, b in moved if a is not None and b is not None]
        if again is None or any(
            not np.array_equal(again.row(i), columns.row(i)) for i in range(point.x.size)
        ):
            self._moved = []  # random, not rounded

    def of(self, i: int) -> Any:
        """Return the same of the pairs of row and column `i`, the larger of two."""
        found = np.zeros(self._at_x0.shape[1])
        for one, two in self._moved:
            found = np.fmax(found, np.abs(two.row(i) - one.row(i)))
            found = np.fmax(found, np.abs(two.column(i) - one.column(i)))
        return found
