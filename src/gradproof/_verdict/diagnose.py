"""A claim that failed: what is measured of it in addition, and what kind of mistake that shows."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._backends.foreign import of_error
from .._claims.gradient import Claim
from .._diagnosis.choose import Found, diagnoses, named
from .._diagnosis.choose import places as places_of
from .._diagnosis.evidence import Evidence
from .._diagnosis.fields import Beside, Field
from .._diagnosis.parts import not_finite
from .._evaluation.outcomes import BudgetSpent
from .._evaluation.values import Values
from .._evaluation.wider import widened
from .._lines.findings import FAIL, Column, Findings
from .._lines.scalarized import Scalarized
from .._lines.survey import Survey
from .._numerics.precision import Precision
from .._report.diagnoses import Diagnosis
from .._report.report import Report
from .._report.verdicts import Verdict
from .context import around, beside_of
from .naming import Naming
from .options import Options
from .probes import Probes, leaf_shape
from .stale import stale

#: What goes wrong while a mistake is named does not take the verdict back; tests want to see it.
CAUGHT: tuple[type[Exception], ...] = (Exception,)
UNNAMED = "the mistake could not be named, which is a defect of gradproof"
#: Calls that a diagnosis may take, where the verdict took fewer.
_LEAST = 40
#: Entries that are measured for it, few first.
#: A hypothesis without a free number explains a wrong entry by chance as seldom as bars are short.
_STAGES = (9, 64)
#: So many equal numbers at the largest size are none by chance.
_CLIPPED = 3
#: Entries that failed of which more is to be known.
_FAILED = 8


#: A problem, what was found of it, and the claim.
Seen = tuple[Survey, Findings, np.ndarray]


def diagnosed(
    report: Report, seen: Seen, claim: tuple[Values, np.ndarray, Claim], options: Options
) -> Report:
    """
    Return a report with what kind of mistake it is, if the claim failed.

    Parameters
    ----------
    report : Report
        The report.
    seen : tuple of Survey, Findings and ndarray
        What it is about, and the claim.
    claim : tuple of Values, ndarray and Claim
        Func's values, the cotangent and the claim.
    options : Options
        What the user chose.
    """
    values, u, _ = claim
    if report.verdict is not Verdict.FAIL or report.interrupted or not values.point.entrywise:
        return report
    try:
        survey, findings, claimed = _wide(seen, claim, options)
        coarse = max(values.dtype_eps, claim[2].eps)
        suspects = _suspects(seen[1])
        told = of_gradient((survey, findings, claimed), coarse, suspects, *around(values, u))
    except BudgetSpent:
        return replace(report, nfev=values.nfev)
    except KeyboardInterrupt:
        return replace(report, nfev=values.nfev, interrupted=True)
    except CAUGHT as err:
        return replace(report, nfev=values.nfev).with_remarks([f"{UNNAMED}: {of_error(err)}"])
    if told is None:
        return replace(report, nfev=values.nfev)
    return replace(
        report,
        nfev=values.nfev,
        ngev=claim[2].calls,
        diagnosis=told.diagnosis,
        right=told.right,
        wrong_places=places_of(told.evidence, told.found),
        flat=_with(report.flat, told.evidence, survey.scalar.values.point.leaves),
    )


def _wide(seen: Seen, claim: tuple[Values, np.ndarray, Claim], options: Options) -> Seen:
    """Return a problem in half precision with values in single precision, if there are any."""
    survey = seen[0]
    values, u, made = claim
    if not Precision.of(survey.eps).widens:
        return seen
    wide = widened(values).values
    if wide is None:
        return seen
    streams = options.streams("diagnosis")
    tolerance = options.tolerance(wide.eps)
    again = Survey(Scalarized(wide, u), made.near, made.at_x0, wide.eps, tolerance, streams)
    again.settled([again.aligned()])
    return again, Findings.none(again.g.size), made.at_x0


def _striking(claimed: np.ndarray, probes: Probes) -> list[int]:
    """Return a few entries that stand out in the claim: those that are 0, or the largest thrice."""
    size = np.abs(claimed)
    zero, most = np.flatnonzero(size == 0), np.flatnonzero(size == size.max(initial=0.0))
    few = [part for part in (zero, most) if part.size >= _CLIPPED or part is zero]
    known = np.array(list(probes.error), dtype=int)
    few = [part for part in few if part.size <= claimed.size // 2]
    few = [part for part in few if np.isin(known, part).sum() < _CLIPPED]
    return [int(i) for part in few for i in part[:: max(1, part.size // _CLIPPED)][:_CLIPPED]]


def _suspects(findings: Findings) -> list[int]:
    """Return some entries that failed, which are to be measured anew by other values."""
    state = findings.state
    if isinstance(state, Column):
        return [i for i, own in state.other.items() if own == FAIL][:_FAILED]
    return [int(i) for i in np.flatnonzero(state == FAIL)[:_FAILED]]


def _with(flat: dict[str, np.ndarray], evidence: Evidence, leaves: Any) -> dict[str, np.ndarray]:
    """Return the numbers of a report with those of entries that were measured since."""
    flat = dict(flat)
    state = flat["state"]
    for leaf, own in zip(leaves, evidence.fields, strict=True):
        places = leaf.where.start + own.where
        new = ~np.isfinite(flat["measured"][places])
        if new.any():
            for name, values in (("measured", own.measured), ("noise", own.bar)):
                flat[name] = np.array(flat[name])
                flat[name][places[new]] = values[new]
            flat["truncation"] = np.array(flat["truncation"])
            flat["truncation"][places[new]] = 0.0
        off = places[own.wrong & (state[places] == "unresolved")]
        if off.size:
            state = flat["state"] = np.array(state)
            state[off] = "off"
    return flat


@dataclass(frozen=True)
class Told:
    """
    What is said of a claim that failed.

    Attributes
    ----------
    diagnosis : tuple of Diagnosis
        Best first.
    right : tuple of str
        Leaves that were seen to be right.
    evidence : Evidence
        What was measured.
    found : Found
        What was named.
    """

    diagnosis: tuple[Diagnosis, ...]
    right: tuple[str, ...]
    evidence: Evidence
    found: Found


def of_gradient(
    seen: Seen,
    coarse: float,
    suspects: list[int],
    beside: list[Beside],
    numbers: dict[str, float],
) -> Told | None:
    """
    Return what kind of mistake a claimed gradient has, as far as that can be told.

    Parameters
    ----------
    seen : tuple of Survey, Findings and ndarray
        The problem, what is known of it, and the claim.
    coarse : float
        Machine epsilon of the coarsest dtype involved, in which the claim is rounded.
    suspects : list of int
        Entries that failed.
    beside : list of Beside
        Arrays that its entries may depend on.
    numbers : dict
        Numbers that a factor may be.
    """
    survey, findings, claimed = seen
    point, nfev = survey.scalar.values.point, survey.scalar.nfev
    if not np.isfinite(claimed).all():
        return _not_finite(point, claimed, beside)
    if not survey.lines:
        return None
    try:
        probes = Probes(survey, findings, claimed, nfev + max(nfev, _LEAST), coarse)
        for i in (*suspects, *_striking(claimed, probes)):
            probes.measure(i)
        return _told(Naming(probes, point, beside, numbers))
    except BudgetSpent:
        return None


def _not_finite(point: Any, claimed: np.ndarray, beside: list[Beside]) -> Told:
    """Return where a claim is NaN or infinite: that is seen without a call of func."""
    nothing = np.empty(0)
    fields = [
        Field(
            point.name_of(leaf), claimed[leaf.where].reshape(leaf_shape(leaf)),
            nothing.astype(int), nothing, nothing, beside=beside_of(leaf, k, point, beside),
            batch=int(leaf.complex),
        )
        for k, leaf in enumerate(point.leaves)
    ]  # fmt: skip
    evidence = Evidence(fields)
    wrong = frozenset(k for k, own in enumerate(fields) if not np.isfinite(own.claimed).all())
    found = named(evidence, wrong, frozenset(), (not_finite,))
    return Told(diagnoses(evidence, found), (), evidence, found)


def _told(naming: Naming) -> Told:
    """Look at ever more entries until what is wrong has a name; the first look costs nothing."""
    for entries in (0, *_STAGES):
        if entries:
            naming.sample(entries)
        naming.name()
        if naming.settled and (entries or not naming.weak):
            break
        if entries:
            naming.bisect()
        if naming.settled and entries:
            break
        if entries == _STAGES[0]:
            naming.decode()
        if not entries:
            naming.by_leaf()
    evidence, found = naming.evidence, naming.found
    wrong, fields = found.wrong, evidence.fields
    if wrong and not found.named:
        found.named.update(naming.by_output())
    if wrong and not found.named:
        found.named.update(stale(evidence, wrong, naming.point.x, naming.probes.near))
    names = tuple(fields[k].name for k in sorted(naming.right - wrong))
    if found.settled(evidence):  # the sums of all entries leave nothing else to be wrong
        names = tuple(own.name for k, own in enumerate(fields) if k not in wrong)
        # What is predicted of a field was held against these sums: then its rest is right, too.
        told = {k for k, one in found.named.items() if one.predicted is not None}
        parts = [k for k, one in found.named.items() if one.inside is not None]
        parts = [k for k in parts if k in told or fields[k].whole]
        names += tuple(f"the rest of {fields[k].name}" for k in parts)
    return Told(diagnoses(evidence, found), names, evidence, found)
