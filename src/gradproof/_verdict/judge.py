"""One judgement: a survey, a decision, and the report on it."""

from dataclasses import replace
from typing import Any

import numpy as np

from .._claims.gradient import Claim
from .._claims.linear_map import Claimed, Columns, Shifted
from .._evaluation.values import Values
from .._lines.findings import Column, Findings
from .._lines.scalarized import Scalarized
from .._lines.survey import Survey
from .._lines.ties import Side, Sides
from .._numerics.formats import Format
from .._report.reach import Reach, of_entries, unfinished
from .._report.report import Report
from .._report.verdicts import Verdict
from .._vectors.scope import Scope
from .._vectors.tangents import weights
from .beside import Judged, beside_a_tie, of_x_alone
from .conclusion import concluded
from .decision import Decision
from .directions import number_of
from .ladder import ladder_of
from .next_step import say_fewer_digits
from .nothing import with_slopes
from .options import Options
from .rows import EachValue
from .table import all_entries, few_entries, pairs_of, worst_of_columns
from .wider import Look

#: A problem, what was found of it, and the claim.
Seen = tuple[Survey, Findings, np.ndarray]


def of_gradient(
    values: Values, u: np.ndarray, claim: Claim, options: Options, eps: float | None = None
) -> Report:
    """
    Return the report on a claimed gradient of the sum of func's values times `u`.

    By what is seen in a dtype, given by its machine epsilon; by default the coarsest involved, and
    if that does not tell, one with more digits. If it fails, with what kind of mistake it is.
    """
    report, seen = undiagnosed(values, u, claim, options, eps)
    if report.verdict is not Verdict.FAIL:
        return report
    # What names mistakes is imported where there is one: it is a tenth of what importing takes.
    from .diagnose import diagnosed

    return diagnosed(report, seen, (values, u, claim), options)


def undiagnosed(
    values: Values, u: np.ndarray, claim: Claim, options: Options, eps: float | None = None
) -> tuple[Report, Seen]:
    """Return the same without the kind of mistake, and what was seen."""
    if values.outputs.unseen is not None and values.point.entrywise:
        # A weight of zero does not make a number of what leads to infinity.
        claim.hold(~np.isfinite(claim.at_x0))

    seen: list[Seen] = []

    def judged(values: Values, options: Options, eps: float) -> Report:
        return _of_gradient(values, u, claim, options, eps, seen)

    if eps is not None:
        return judged(values, options, eps), seen[-1]
    report = Look(values, u, claim.at_x0, options, judged).report(max(values.eps, claim.eps))
    return report, seen[-1]


def _of_gradient(
    values: Values,
    u: np.ndarray,
    claim: Claim,
    options: Options,
    eps: float,
    seen: list[Seen],
) -> Report:
    scalar = Scalarized(values, u)
    tolerance = options.tolerance(eps)
    survey = Survey(scalar, claim.near, claim.at_x0, eps, tolerance, options.streams())
    share, spent = survey.rtol / survey.res, 2 * survey.steps.line.size
    count = number_of(options.directions, survey.g.size, share, spent)

    def again(side: Side) -> Decision:
        there, near = side.near(claim.near), claim.near(side.shift)
        assert near is not None
        beside = Survey(
            Scalarized(side.values, u), there, near, eps, tolerance, options.streams("beside")
        )
        return Decision(beside, count, rows=options.directions == "auto")

    def sides() -> Sides:
        return Sides(values, claim.at_x0, claim.near, eps, options.rng(7))

    decision = Decision(survey, count, rows=options.directions == "auto")
    judged = beside_a_tie(Judged.of(decision), sides, again)
    at_x0 = judged.survey is survey
    survey, found = judged.survey, judged.findings
    claimed = claim.at_x0 if at_x0 else np.ldexp(survey.g, survey.exponent)
    alone = None
    if isinstance(found.state, Column):
        flat, alone = few_entries(survey, found, claimed)
    else:
        flat = all_entries(survey, found, claimed)
    say_fewer_digits(judged)
    seen.append((survey, found, claimed))
    made = claim.calls, claim.eps, claim.products
    return _report(survey, found, judged.verdict, judged.reason, flat, options, made, alone)


def of_columns(
    values: Values, claim: Claimed, options: Options, eps: float | None = None
) -> Report:
    """Return the report on a claimed Jacobian of func by what is moved; as `of_gradient` does."""
    columns, u = claim.at_x0(), weights(values.outputs, values.at_x0, options.rng(1))
    seen: list[tuple[Values, Columns]] = []

    def judged(values: Values, options: Options, eps: float) -> Report:
        return _of_columns(values, (claim, columns), u, options, eps, seen)

    if eps is not None:
        report = judged(values, options, eps)
    else:
        coarsest = max(values.eps, columns.eps)
        report = Look(values, u, columns.weighted(u), options, judged).report(coarsest)
    if not seen:
        return report
    if report.verdict is not Verdict.FAIL:
        return report
    from .diagnose_columns import diagnosed

    off = np.flatnonzero(report.flat["state"] == "fail").tolist()
    return diagnosed(report, *seen[-1], getattr(claim, "name", ""), options.rng(11), off)


def _of_columns(
    values: Values,
    claimed: tuple[Claimed, Columns],
    u: np.ndarray,
    options: Options,
    eps: float,
    seen: list[tuple[Values, Columns]],
) -> Report:
    claim, columns = claimed
    tolerance = options.tolerance(eps)

    def decision(values: Values, columns: Columns, part: str) -> Decision:
        near, g = columns.near(u), columns.weighted(u)
        survey = Survey(Scalarized(values, u), near, g, eps, tolerance, options.streams(part))
        return Decision(survey, each=EachValue(columns))

    def there(displacement: np.ndarray) -> Any:
        found = columns.there(displacement)
        return None if found is None else found.numbers()

    def again(side: Side) -> Decision:
        return decision(side.values, Shifted(columns, side.shift), "beside")

    def sides() -> Sides:
        return Sides(values, columns.numbers(), there, eps, options.rng(7))

    judged = beside_a_tie(Judged.of(decision(values, columns, "lines")), sides, again)
    say_fewer_digits(judged)
    flat = worst_of_columns(judged.survey, judged.findings)
    at_x0 = judged.survey.scalar.values is values
    if at_x0:  # beside it the claim is another one
        seen.append((values, columns))
    made = claim.calls, columns.eps, claim.products
    return _report(
        judged.survey, judged.findings, judged.verdict, judged.reason, flat, options, made
    )


def _report(
    survey: Survey,
    found: Findings,
    verdict: str,
    reason: str,
    flat: dict[str, np.ndarray],
    options: Options,
    claim: tuple[int, float, tuple[str, ...]],
    alone: tuple[float, float] | None = None,
) -> Report:
    values, (ngev, claim_eps, products) = survey.scalar.values, claim
    reach = _reach(survey, found, flat)
    told = concluded(survey, found, (verdict, reason), flat, reach, still=options.stationary)
    # Of the arrays, also where what is checked are differences, which have fewer digits.
    eps = max(values.dtype_eps, claim_eps)
    return Report(
        verdict=Verdict(told.verdict),
        reason=told.reason,
        remarks=tuple(of_x_alone(told.remarks)),
        rtol=survey.rtol,
        resolved=survey.res,
        whole=found.whole,
        dtype=Format.of(eps).name,
        nfev=values.nfev,
        ngev=ngev,
        seed=options.seed,
        alone=alone,
        compile_time=values.calls.compile_time,
        interrupted=found.interrupted,
        reach=reach,
        flat=flat,
        leaves=tuple(values.point.leaves),
        pairs=pairs_of(values) if "row" in flat else None,
        scope=_scope(values, products),
        advice=told.step,
        ladder=ladder_of(survey, found, told.verdict),
        jacobian=found.jacobian,
        called=values.what,
    )


def _scope(values: Values, products: tuple[str, ...]) -> Scope:
    """Return what a report is about."""
    scope, unseen = values.point.scope.of(*products), values.outputs.unseen
    if unseen is None:
        return scope
    places = np.flatnonzero(unseen)
    names = [values.outputs.name(int(k)) for k in places[:3]]
    more = f" and {places.size - 3} more" if places.size > 3 else ""
    return scope.without(f"{values.what}'s values {', '.join(names)}{more} (not finite)")


def _reach(survey: Survey, found: Findings, flat: dict[str, np.ndarray]) -> Reach:
    """Return how small a mistake would have been seen."""
    if found.reach:
        return Reach(found.whole, found.reach)
    point = survey.scalar.values.point
    if isinstance(found.state, Column) or not np.isfinite(flat["resolution"]).any():
        return unfinished(found.whole)
    reach = of_entries(
        list(point.leaves), flat["resolution"], found.whole, entrywise=point.entrywise
    )
    return reach if "row" in flat else replace(reach, leaves=with_slopes(survey, reach.leaves))
