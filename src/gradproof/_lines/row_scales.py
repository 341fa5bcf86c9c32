"""What an error of one entry of a Jacobian is compared with."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._claims.linear_map import Columns
from .._numerics.scales import Scales
from .._vectors.layout import Leaf
from .survey import Survey


@dataclass(frozen=True)
class RowScales:
    """
    Typical sizes in a claimed Jacobian, for each block of one leaf of x and one value of func.

    As in `Scales`: an error is material relative to the entry, or to the median of its row where
    that is larger; and has to be resolved relative to a share of the root mean square as well. Of
    products with tangents, which are few and may be small by chance, it is that of the column, over
    the array of func's result that the value belongs to, if that is larger.

    Attributes
    ----------
    columns : Columns
        The claim.
    survey : Survey
        The problem.
    outputs : list of Leaf
        What func returns.
    sizes : ndarray of shape (5, parts, m)
        Medians per move and per unit of x, root mean squares of the same, and the largest entry.
    hidden : ndarray of shape (m,)
        Which rows move func by less than its value is rounded by, and are no rounding themselves:
        of these nothing can be told.
    """

    columns: Columns
    survey: Survey
    outputs: list[Leaf]
    sizes: np.ndarray
    hidden: np.ndarray

    @staticmethod
    def of(
        columns: Columns, survey: Survey, outputs: list[Leaf], rounding_by_ulps: Any
    ) -> "RowScales":
        """Return the scales of a claim; rounding of x0 moves each row by `rounding_by_ulps`."""
        parts, move = survey.scalar.parts, survey.move
        sizes = np.zeros((5, len(parts), columns.shape[0]))
        most = np.zeros(columns.shape[0])  # claimed per move
        for part in parts:
            for rows, block in columns.row_blocks(part):
                moved = np.max(np.abs(block * move[part]), axis=1, initial=0.0)
                most[rows] = np.maximum(most[rows], moved)
        if columns.by_column:  # all tangents together: each of them is a part of its own
            for rows, block in columns.row_blocks(slice(0, columns.shape[1])):
                sizes[:, :, rows] = _sizes(np.abs(block), move)[:, None]
        else:
            for p, part in enumerate(parts):
                for rows, block in columns.row_blocks(part):
                    sizes[:, p, rows] = _sizes(np.abs(block), move[part])
            _filled(sizes[:2])
        noise = sizes[4].max(axis=0, initial=0.0) <= 16 * rounding_by_ulps
        below = most <= survey.precision.zero * survey.eps * np.abs(survey.scalar.values.at_x0)
        hidden = below & ~noise & (most > 0)
        return RowScales(columns, survey, outputs, sizes, hidden)

    def of_column(self, i: int, claim: np.ndarray) -> tuple[Any, Any, Any]:
        """Return what is material, what has to be resolved and the largest claim, by value."""
        own, move = np.abs(claim), float(self.survey.move[i])
        if self.columns.by_column:
            sizes = np.empty((5, own.size))
            for leaf in self.outputs:
                column = own[leaf.where][None, :]
                sizes[:, leaf.where] = _sizes(column, np.full(column.shape[1], move))
            _filled(sizes[:2, None])
            sizes = np.maximum(sizes, self.sizes[:, 0])
        else:
            p = next(p for p, part in enumerate(self.survey.scalar.parts) if i < part.stop)
            sizes = self.sizes[:, p]
        return self._compared(own, move, sizes, slice(None))

    def of_row(self, k: int, survey: Survey) -> Scales:
        """Return the scales of one value, in the units of its survey."""
        whole, n = self.survey, survey.g.size
        if self.columns.by_column:  # few
            found = [self.of_column(i, self.columns.column(i)) for i in range(n)]
            material, resolved = (np.array([f[j][k] for f in found]) for j in (0, 1))
        else:
            sizes = np.empty((5, n))
            for p, part in enumerate(whole.scalar.parts):
                sizes[:, part] = self.sizes[:, p, k, None]
            own = np.abs(self.columns.row(k))
            material, resolved, _ = self._compared(own, whole.move, sizes, k)
        unit = np.ldexp(survey.move, -survey.exponent)
        return Scales(survey.move, survey.scales.claim, material * unit, resolved * unit)

    def _compared(
        self, own: np.ndarray, move: Any, sizes: np.ndarray, rows: Any
    ) -> tuple[Any, Any, Any]:
        """Return what is material, what has to be resolved and the largest claim of entries."""
        size = np.abs(self.survey.scalar.values.at_x0[rows])
        material = np.maximum(own, np.minimum(sizes[0] / move, sizes[1]))
        # Where all is claimed to be zero: half of the digits of func's value (of 1, if it is zero)
        # per move; slopes below that matter to nobody.
        floor = np.sqrt(self.survey.eps) * np.where(size > 0, size, 1.0) / move
        eps = self.survey.eps
        # A row that is nothing but rounding of func's value is one of zeros.
        least = self.survey.precision.zero * eps * size / move
        material = np.where(material > least, material, np.maximum(material, floor))
        typical = np.minimum(sizes[2] / move, sizes[3])
        if self.survey.precision.leaves_negligible:  # as of a gradient: `Scales.floored`
            small = np.sqrt(eps) * typical
            material = np.where(
                own > small, material, np.maximum(material, small / self.survey.rtol)
            )
        return material, np.maximum(material, eps**0.25 * typical), sizes[4]


def _sizes(block: np.ndarray, move: np.ndarray) -> Any:
    """Return the five sizes of each row."""
    if not block.shape[1]:
        return np.zeros((5, block.shape[0]))
    per_move = block * move
    mean = [np.sqrt(np.mean(values**2, axis=1)) for values in (per_move, block)]
    return np.stack([_medians(per_move), _medians(block), *mean, block.max(axis=1)])


def _medians(values: np.ndarray) -> Any:
    """Return the lower median of what is not zero in each row; 0 where nothing is."""
    ordered = np.sort(np.where(values > 0, values, np.inf), axis=1)
    count = (values > 0).sum(axis=1)
    median = ordered[np.arange(len(ordered)), np.maximum((count - 1) // 2, 0)]
    return np.where(count > 0, median, 0.0)


def _filled(medians: np.ndarray) -> None:
    """Give rows of zeros the least of the others' medians: what matters nowhere else is nothing."""
    for own in medians.reshape(-1, medians.shape[-1]):
        least = own[own > 0].min(initial=np.inf)
        own[own == 0] = least if np.isfinite(least) else 0.0
