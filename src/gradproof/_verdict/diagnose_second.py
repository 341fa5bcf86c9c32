"""A Hessian, or products with it, that failed where there is no gradient: what kind of mistake."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from .._backends.foreign import of_error
from .._claims.hessian import HessianProduct
from .._diagnosis.choose import diagnoses, named, places
from .._diagnosis.evidence import SECOND, Evidence
from .._diagnosis.fields import Beside, Field
from .._evaluation.outcomes import BudgetSpent
from .._evaluation.slopes import SlopeValues
from .._evaluation.wider import widened
from .._numerics.precision import Precision
from .._numerics.rungs import NOISE
from .._report.ladder import ENTRIES, Jacobian, Ladder
from .._report.report import Report
from .._vectors.layout import Pairs, leaf_of
from .._vectors.point import Point
from . import diagnose
from .context import lengths
from .judge import Seen
from .looked_at import by_columns
from .options import Options

#: Calls that a diagnosis may take where the verdict took fewer; the most entries of x of which a
#: claimed Hessian is formed; and those that are looked at in both of its axes, at least.
_LEAST, _LONG, _FEW = 40, 64, 4
#: With two steps of this power of machine epsilon and a half of it, rounding of second differences,
#: eps / h**2, and what is left of bends, h**4, are about equal: 1e-10 and 1e-4 of func.
_POWER = 0.15
#: What two steps differ in is the error of the finer one, thrice; theirs together is of h**4.
_LEFT = 0.25

#: A claimed Hessian, the entries of x that were looked at, second differences by these, their bars.
Looked = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def diagnosed(
    report: Report,
    seen: Seen,
    claim: tuple[SlopeValues, np.ndarray, HessianProduct],
    options: Options,
) -> Report:
    """
    Return a report with what kind of mistake it is, by entries of the Hessian if there are few.

    Parameters
    ----------
    report : Report
        The report, a fail.
    seen : tuple of Survey, Findings and ndarray
        What was seen of one product.
    claim : tuple of SlopeValues, ndarray and HessianProduct
        Func's slopes, their weight, and the claim.
    options : Options
        What the user chose.
    """
    values, _, product = claim
    if report.interrupted or not np.isfinite(product.at_x0).all():
        return diagnose.diagnosed(report, seen, claim, options)
    limit = values.nfev + max(values.nfev, _LEAST)
    try:
        wide = widened(values).values if Precision.of(values.dtype_eps).widens else None
        told = _told(wide or values, product, options.rng(11), limit)
    except BudgetSpent:
        told = None
    except KeyboardInterrupt:
        return replace(report, nfev=values.nfev, interrupted=True)
    except diagnose.CAUGHT as err:
        why = f"{diagnose.UNNAMED}: {of_error(err)}"
        return replace(report, nfev=values.nfev).with_remarks([why])
    report = replace(report, nfev=values.nfev, ngev=product.calls)
    if told is None:
        return diagnose.diagnosed(report, seen, claim, options)
    (evidence, found), looked = told
    return replace(
        _by_entries(report, values, looked),
        diagnosis=diagnoses(evidence, found),
        wrong_places=places(evidence, found),
    )


def _told(values: SlopeValues, product: HessianProduct, rng: Any, limit: float) -> Any:
    """Return what is known of a Hessian, and what is named; None if too few entries can be."""
    n, left = product.at_x0.size, min(limit - values.nfev, values.left())
    count = int(min(n, (math.sqrt(2 * max(left, 0) + 1) - 1) // 2))
    if n > _LONG or count < min(n, _FEW):
        return None
    chosen = np.sort(rng.choice(n, count, replace=False))
    matrix = product.matrix()
    measured, bar = _measured(values, chosen)
    fields = list(_fields(values, product, matrix, (chosen, measured, bar)))
    words = "the Hessian" if product.formed else "the Hessian behind the hvp"
    evidence = Evidence(
        fields,
        lengths=lengths(values),
        subject=lambda name: f"{words} of {name}" if name else words,
        truth=SECOND,
    )
    wrong = frozenset(k for k, own in enumerate(fields) if own.wrong.any())
    every = frozenset(range(len(fields)))
    right = every - wrong if count == n else frozenset()
    return (evidence, named(evidence, wrong, right)), (matrix, chosen, measured, bar)


def _measured(values: SlopeValues, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return second differences by pairs of entries, and their bars, by two steps."""
    magnitude = np.asarray(values.point.magnitude, dtype=float)
    move = np.where(magnitude > 0, magnitude, 1.0)[chosen]
    units = np.eye(values.point.x.size)[chosen] * move[:, None]
    first, second = np.triu_indices(chosen.size, 1)
    places = np.concatenate([units, units[first] + units[second]])
    found = []
    for h in (values.dtype_eps**_POWER, values.dtype_eps**_POWER / 2):
        both = np.stack([h * places, -h * places], axis=1).reshape(-1, units.shape[1])
        around = values.of_func(iter(both)).reshape(-1, 2).sum(axis=1) - 2 * values.returned[0]
        alone, together = around[: chosen.size], around[chosen.size :]
        hessian = np.diag(alone)
        hessian[first, second] = (together - alone[first] - alone[second]) / 2
        hessian = np.triu(hessian) + np.triu(hessian, 1).T
        found.append(hessian / h**2 / np.outer(move, move))
    coarse, fine = found
    noise = NOISE * 4 * values.rounding / h**2 / np.outer(move, move)
    return fine + (fine - coarse) / 3, _LEFT * np.abs(fine - coarse) + noise


def _by_entries(report: Report, values: SlopeValues, looked: Looked) -> Report:
    """Return a report whose numbers are those of the Hessian: by column, the entry furthest off."""
    matrix, chosen, measured, bar = looked
    n, own = matrix.shape[0], matrix[np.ix_(chosen, chosen)]
    flat = by_columns(report, own, (measured, bar), (chosen, chosen), n)
    jacobian = Jacobian(matrix.copy(), np.full((n, n), np.nan), ENTRIES)
    jacobian.measured[np.ix_(chosen, chosen)] = measured
    leaves = tuple(values.point.base.leaves)
    report = replace(report, ladder=_of_product(report.ladder, values.point.base))
    return replace(report, flat=flat, leaves=leaves, pairs=Pairs(leaves, leaves), jacobian=jacobian)


def _of_product(ladder: Ladder | None, point: Point) -> Ladder | None:
    """Return a ladder of slopes along the tangent, with a name: no entry of the Hessian has it."""
    if ladder is None or ladder.entry < 0:
        return ladder
    leaf = leaf_of(point.leaves, ladder.entry)
    name = leaf.name(ladder.entry).removeprefix(leaf.path)
    return replace(ladder, line=f"{point.name_of(leaf)}{name}")


def _fields(
    values: SlopeValues,
    product: HessianProduct,
    matrix: np.ndarray,
    known: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> Any:
    """Yield the blocks of a Hessian, by two leaves each."""
    chosen, measured, bar = known
    point, eps = values.point.base, max(values.dtype_eps, product.eps)
    for one in point.leaves:
        for other in point.leaves:
            rows, columns = (
                np.flatnonzero((chosen >= leaf.where.start) & (chosen < leaf.where.stop))
                for leaf in (one, other)
            )
            block = matrix[one.where, other.where]
            at = np.ix_(chosen[rows] - one.where.start, chosen[columns] - other.where.start)
            where = np.arange(block.size).reshape(block.shape)[at].reshape(-1)
            order = np.argsort(where)
            several = len(point.leaves) > 1
            x = point.at_x0[other.where].reshape([1] * len(one.shape) + list(other.shape))
            yield Field(
                name=f"{point.name_of(one)} by {point.name_of(other)}" if several else "",
                claimed=block.reshape((*one.shape, *other.shape)),
                where=where[order],
                measured=measured[np.ix_(rows, columns)].reshape(-1)[order],
                bar=bar[np.ix_(rows, columns)].reshape(-1)[order],
                slack=max(8 * eps, 1e-6),
                rounding=4 * eps,
                inner=len(other.shape),
                beside=(Beside(point.name_of(other), x, of_field=True),),
                symmetric=one is other,
            )
