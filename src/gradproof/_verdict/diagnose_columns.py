"""A Jacobian, or products with tangents, that failed: what kind of mistake that shows."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .._backends.foreign import of_error
from .._claims.linear_map import Columns
from .._diagnosis.choose import diagnoses, named, places
from .._diagnosis.evidence import OF_GRAD, SLOPE, Evidence
from .._diagnosis.fields import Beside, Field
from .._evaluation.outcomes import BudgetSpent
from .._evaluation.values import Values
from .._evaluation.wider import widened
from .._numerics.precision import Precision
from .._report.diagnoses import Diagnosis, WrongPlace
from .._report.jacobians import with_columns
from .._report.report import Report
from .._report.verdicts import Verdict
from .._vectors.layout import Leaf
from . import diagnose
from .column_looks import Look, some
from .context import around, fits, lengths
from .looked_at import by_columns
from .table import pairs_of

#: Calls that a diagnosis may take where the verdict took fewer; the most columns, and numbers of a
#: Jacobian, that are looked at; and the most pairs of leaves.
_LEAST, _COLUMNS, _NUMBERS, _PAIRS = 40, 64, 2**20, 16


#: A claim as a matrix; and columns that were measured, with their bars.
Seen = tuple[np.ndarray, dict[int, tuple[np.ndarray, np.ndarray]]]
#: How a tangent is called that moves one leaf alone.
_OF_LEAF = "a tangent of "
#: What a claim is called in a sentence.
_SUBJECTS = {"jac": "the Jacobian", "hess": "the Hessian", "jvp": "the jvp", "hvp": "the hvp"}


def diagnosed(
    report: Report,
    values: Values,
    columns: Columns,
    name: str,
    rng: Any,
    off: Sequence[int] = (),
) -> Report:
    """
    Return a report on columns with what kind of mistake it is, if the claim failed.

    Parameters
    ----------
    report : Report
        The report.
    values : Values
        Func's values around the point, or along tangents.
    columns : Columns
        The claim.
    name : str
        What the user calls the claim: jac, hess, jvp, hvp.
    rng : Generator
        For which columns are looked at.
    off : sequence of int
        Columns that are known to be off: these are looked at before others.
    """
    m, n = columns.shape
    complex_ = any(leaf.complex for leaf in (*values.outputs.leaves, *values.point.leaves))
    if report.verdict is not Verdict.FAIL or report.interrupted or complex_ or m * n > _NUMBERS:
        return report
    if name not in _SUBJECTS:  # sparse claims are compared in colours, and told of by themselves
        return report
    subject = _SUBJECTS[name]
    limit = values.nfev + max(values.nfev, _LEAST)
    try:
        wide = widened(values).values if Precision.of(values.dtype_eps).widens else None
        slack = 8 * max(values.eps, columns.eps)
        told = _told(wide or values, columns, subject, (slack, rng, limit), off)
    except BudgetSpent:
        return replace(report, nfev=values.nfev)
    except KeyboardInterrupt:
        return replace(report, nfev=values.nfev, interrupted=True)
    except diagnose.CAUGHT as err:
        why = f"{diagnose.UNNAMED}: {of_error(err)}"
        return replace(report, nfev=values.nfev).with_remarks([why])
    diagnosis, right, places_, looked = told
    report = replace(report, nfev=values.nfev, diagnosis=diagnosis, right=right)
    report = _measured(replace(report, wrong_places=places_), values, *looked)
    return with_columns(report, *looked, values.what, entrywise=values.point.entrywise)


def _measured(
    report: Report,
    values: Values,
    matrix: np.ndarray,
    found: dict[int, tuple[np.ndarray, np.ndarray]],
) -> Report:
    """Return a report of a claim that is off as a whole with the entries that were measured now."""
    if not found or np.isfinite(report.flat["measured"]).any():
        return report
    columns, rows = np.array(list(found)), np.arange(matrix.shape[0])
    known = tuple(np.stack(own, axis=1) for own in zip(*found.values(), strict=True))
    claimed = matrix[:, columns]
    flat = by_columns(report, claimed, (known[0], known[1]), (rows, columns), matrix.shape[1])
    return replace(report, flat=flat, leaves=tuple(values.point.leaves), pairs=pairs_of(values))


def _told(
    values: Values,
    columns: Columns,
    subject: str,
    how: tuple[float, Any, float],
    off: Sequence[int],
) -> tuple[tuple[Diagnosis, ...], tuple[str, ...], tuple[WrongPlace, ...], Seen]:
    slack, rng, limit = how
    left = min(limit - values.nfev, values.left()) / values.cost
    n = columns.shape[1]
    count = int(min(left // 4 - (n * 4 > left), _COLUMNS, n))
    if count < 1:
        return (), (), (), (np.empty((0, 0)), {})
    chosen = list(range(n)) if count == n else some(n, count, rng, off)
    look = Look(values, columns)
    found = {i: look.column(i) for i in chosen}
    matrix = np.stack([columns.column(i) for i in range(n)], axis=1)
    evidence = _evidence(values, matrix, found, subject)
    evidence.fields = [
        replace(
            own,
            slack=slack,
            rounding=slack / (2 if subject == _SUBJECTS["hess"] else 4),
            symmetric=_symmetric(own, subject),
        )
        for own in evidence.fields
    ]
    evidence.lengths = lengths(values)
    if count < n:
        evidence.sums.extend(look.sums(rng))
    wrong = frozenset(k for k, own in enumerate(evidence.fields) if own.wrong.any())
    right = frozenset(range(len(evidence.fields))) - wrong if count == n else frozenset[int]()
    told = named(evidence, wrong, right)
    names = tuple(evidence.fields[k].name for k in sorted(right))
    return diagnoses(evidence, told), names, places(evidence, told), (matrix, found)


def _symmetric(own: Field, subject: str) -> bool:
    """Tell whether a block has to be symmetric."""
    half = own.claimed.ndim // 2
    square = own.inner == half > 0 and own.shape[:half] == own.shape[half:]
    return square and subject == _SUBJECTS["hess"] and " by " not in own.name


def _evidence(
    values: Values,
    matrix: np.ndarray,
    found: dict[int, tuple[np.ndarray, np.ndarray]],
    subject: str,
) -> Evidence:
    outputs, point = values.outputs, values.point
    # A Hessian, or a product with it, is compared in columns with differences of a gradient alone.
    truth = OF_GRAD if subject in (_SUBJECTS["hess"], _SUBJECTS["hvp"]) else SLOPE
    others, numbers = around(values, np.empty(0))
    others = [one for one in others if one.name != "func's values"]
    if not point.entrywise:
        fields = [
            _tangents(values, out, group, matrix, found, others)
            for group in _groups(list(point.leaves))
            for out in outputs.leaves
        ]
        words = subject if len(outputs.leaves) == 1 else f"{subject} of {{}}"
        return Evidence(fields, numbers=numbers, subject=_words(subject, words), truth=truth)
    if len(outputs.leaves) * len(point.leaves) > _PAIRS:
        return Evidence([])
    fields = [
        _block(values, out, leaf, matrix, found, others)
        for out in outputs.leaves
        for leaf in point.leaves
        if math.prod(leaf.shape)
    ]
    words = f"{subject} of {{}}"
    return Evidence(fields, numbers=numbers, subject=_words(subject, words), truth=truth)


def _words(alone: str, of: str) -> Callable[[str], str]:
    def subject(name: str) -> str:
        if name.startswith("`by "):  # all that func returns, by an argument
            return f"{alone} by {name.replace('`by ', '`')}"
        return of.format(name) if name else alone

    return subject


def _groups(leaves: list[Leaf]) -> list[list[Leaf]]:
    """Return tangents that are looked at together: those of one leaf, if there are, by itself."""
    of_leaves = [leaf for leaf in leaves if leaf.path.startswith(_OF_LEAF)]
    return [[leaf] for leaf in of_leaves] or [leaves]


def _tangents(
    values: Values,
    out: Leaf,
    group: list[Leaf],
    matrix: np.ndarray,
    found: dict[int, tuple[np.ndarray, np.ndarray]],
    others: list[Beside],
) -> Field:
    point = values.point.base
    columns = [leaf.where.start for leaf in group if leaf.where.start in found]
    claimed = np.stack([matrix[out.where, i].reshape(out.shape) for i in columns])
    beside = [
        Beside(point.name_of(leaf), point.at_x0[leaf.where].reshape(1, *leaf.shape), of_field=True)
        for leaf in point.leaves
        if leaf.shape == out.shape and not leaf.complex
    ]
    beside.append(Beside("func's values", values.at_x0[out.where].reshape(1, *out.shape)))
    for leaf in point.leaves:
        if leaf.shape == out.shape and not leaf.complex:
            moved = [values.point.whole(np.eye(len(values.point.leaves))[i]) for i in columns]
            tangents = np.stack([by[leaf.where].reshape(leaf.shape) for by in moved])
            beside.append(Beside("the tangent", tangents))
    beside += [one for one in others if fits(one.values.shape, claimed.shape)]
    name = out.path
    if group[0].path.startswith(_OF_LEAF):
        by = group[0].path.removeprefix(_OF_LEAF)
        name = f"{out.path} by {by}" if out.path else f"by {by}"
    return Field(
        name=name,
        claimed=claimed,
        where=np.arange(claimed.size),
        measured=np.stack([found[i][0][out.where] for i in columns]).reshape(-1),
        bar=np.stack([found[i][1][out.where] for i in columns]).reshape(-1),
        batch=1,
        beside=tuple(beside),
    )


def _block(
    values: Values,
    out: Leaf,
    leaf: Leaf,
    matrix: np.ndarray,
    found: dict[int, tuple[np.ndarray, np.ndarray]],
    others: list[Beside],
) -> Field:
    shape = (*out.shape, *leaf.shape)
    columns = [i for i in found if leaf.where.start <= i < leaf.where.stop]
    places = np.arange(math.prod(shape)).reshape(math.prod(out.shape), math.prod(leaf.shape))
    where = places[:, [i - leaf.where.start for i in columns]]
    measured = np.stack([found[i][0][out.where] for i in columns], axis=1)
    bars = np.stack([found[i][1][out.where] for i in columns], axis=1)
    x = values.point.at_x0[leaf.where].reshape([1] * len(out.shape) + list(leaf.shape))
    name = values.point.base.name_of(leaf)
    several = len(values.point.leaves) > 1 or len(values.outputs.leaves) > 1
    beside = [Beside(name, x, of_field=True)]
    at = values.at_x0[out.where].reshape(list(out.shape) + [1] * len(leaf.shape))
    beside.append(Beside("func's values", at))
    beside += [one for one in others if fits(one.values.shape, shape)]
    return Field(
        name=(f"{out.path} by {name}" if out.path else f"by {name}") if several else "",
        claimed=matrix[out.where, leaf.where].reshape(shape),
        where=where.reshape(-1),
        measured=measured.reshape(-1),
        bar=bars.reshape(-1),
        inner=len(leaf.shape),
        beside=tuple(beside),
    )
