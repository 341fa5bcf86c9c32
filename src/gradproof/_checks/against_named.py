"""What kind of mistake a result has that is off the reference: every entry is known."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from .._diagnosis.choose import PLAIN, diagnoses, named, places
from .._diagnosis.evidence import Evidence
from .._diagnosis.fields import Beside, Field
from .._reference.runs import Runs
from .._report.report import Report
from .._report.verdicts import Verdict
from .._vectors.layout import Leaf

#: Up to so many entries of a result all are held against hypotheses; of more a sample of so many,
#: half of it entries that are off. Beyond the last number hypotheses about places are left out:
#: the places of what is off are found otherwise, and an array takes seconds.
_ALL, _SAMPLE, _LONG = 2**14, 2**12, 2**20


def diagnosed(report: Report, runs: Runs) -> Report:
    """Return a report on a comparison with what kind of mistake it is, if it failed."""
    failed = {check.name for check in report.checks if check.verdict is Verdict.FAIL}
    if report.verdict is not Verdict.FAIL:
        return report
    leaves = [leaf for leaf in report.leaves if leaf.path in failed and not leaf.complex]
    fields = [_field(report, leaf, runs) for leaf in leaves]
    fields = [own for own in fields if own.where.size and own.wrong.any()]
    evidence = Evidence(fields, numbers={}, subject=_subject, truth="the reference")
    long = any(own.claimed.size > _LONG for own in fields)
    wrong = frozenset(range(len(fields)))
    found = named(evidence, wrong, frozenset(), PLAIN if long else None)
    right = tuple(leaf.path for leaf in report.leaves if leaf.path not in failed)
    where = places(evidence, found)
    told = diagnoses(evidence, found)
    return replace(report, diagnosis=told, right=right, wrong_places=where)


def _subject(name: str) -> str:
    # Of several, each is between marks of its own.
    return name if "`, `" in name else name.strip("`") or "the result"


def _field(report: Report, leaf: Leaf, runs: Runs) -> Field:
    flat, rng = report.flat, np.random.default_rng(report.seed)
    size = math.prod(leaf.shape)
    claimed, measured, bar, state = (
        flat[name][leaf.where] for name in ("claimed", "measured", "noise", "state")
    )
    there = np.isfinite(claimed) & np.isfinite(measured) & (state != "held fixed")
    off = np.flatnonzero((state == "fail") & there)
    if size <= _ALL:
        where = np.flatnonzero(there)
    else:
        some = rng.choice(off, min(off.size, _SAMPLE // 2), replace=False) if off.size else off
        where = np.union1d(some, rng.integers(size, size=_SAMPLE // 2))
        where = where[there[where]]
    return Field(
        name=leaf.path,
        claimed=claimed.reshape(leaf.shape).astype(float, copy=False),
        where=where,
        measured=measured[where].astype(float),
        bar=np.maximum(bar[where].astype(float), 1e-300),
        slack=report.rtol,
        label=leaf.path.rpartition(" by ")[2] if " by " in leaf.path else "",
        complete=bool(size <= _ALL or off.size <= _SAMPLE // 2),
        beside=_beside(leaf, runs),
    )


def _beside(leaf: Leaf, runs: Runs) -> tuple[Beside, ...]:
    """Return arguments and cotangents that entries of a result may depend on."""
    point, backend = runs.points[0], runs.backend
    arrays: list[tuple[str, Any]] = list(zip(runs.arguments.names, point.arrays, strict=True))
    arrays += [("the cotangent", array) for array in point.cotangents]
    arrays += [("the tangent", array) for array in point.tangents]
    found = []
    for name, array in arrays:
        if tuple(array.shape) == leaf.shape and math.prod(leaf.shape) <= _LONG:
            (host,) = backend.to_host([array])
            values = np.asarray(host, dtype=float).reshape(leaf.shape)
            if np.isfinite(values).all():
                found.append(Beside(name, values, of_field=leaf.path.endswith(f"by {name}")))
    return tuple(found)
