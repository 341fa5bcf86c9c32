"""What a report says of a decision: verdict and reason as they stand, the next step, remarks."""

from typing import NamedTuple

import numpy as np

from .._lines.findings import Column, Findings
from .._lines.stationary import NEARLY, claims_nothing
from .._lines.survey import Survey
from .._report.advice import STATIONARY, STRAIGHT_THROUGH
from .._report.reach import Reach
from .decision import UNRESOLVED
from .directions import CALLS_TELL, OPEN_ALONG
from .next_step import next_step, stands_still
from .nothing import told_of_nothing
from .spent import with_end


class Conclusion(NamedTuple):
    """What is said: verdict and reason, what would help, and what else was noticed."""

    verdict: str
    reason: str
    step: str
    remarks: list[str]


def concluded(
    survey: Survey,
    found: Findings,
    decided: tuple[str, str],
    flat: dict[str, np.ndarray],
    reach: Reach,
    *,
    still: bool,
) -> Conclusion:
    """
    Return what a report says.

    Parameters
    ----------
    survey, found : Survey, Findings
        The problem, and what is known of it.
    decided : tuple of two str
        The verdict and its reason.
    flat : dict of str to ndarray
        What is known of the entries, in the user's units.
    reach : Reach
        How small a mistake would have been seen.
    still : bool
        Whether a claim passes that is zero because the point is stationary.
    """
    (verdict, reason), values, step = decided, survey.scalar.values, ""
    if values.point.held_claims and verdict != "fail":
        verdict, reason = "fail", _of_held(values.point.held_claims)
    remarks = [*values.remarks, *values.point.remarks, *values.calls.remarks, *found.remarks]
    if values.failure:
        remarks.append(f"func raised away from x0, where steps were shortened: {values.failure}")
    if verdict == "pass" and claims_nothing(survey):
        why, said = told_of_nothing(survey, found, each="row" in flat, still=still)
        verdict, reason = ("inconclusive", why) if why else (verdict, reason)
        remarks += [said] if said else []
    if verdict == "fail":
        remarks += _left_out(survey)
        remarks += [STRAIGHT_THROUGH.step] if stands_still(survey) else []
    if verdict == "pass":
        reason = _as_far_as_seen(reason, survey, found, flat)
        reason += f"; {reach.of_nothing}" if reach.of_nothing else ""
    if verdict == "inconclusive":
        reason = with_end(reason, survey, found) if reason.startswith(CALLS_TELL) else reason
        step = next_step(survey, found, flat, reason)
    if step == STATIONARY.step and reason in (UNRESOLVED, OPEN_ALONG):
        reason = NEARLY
    return Conclusion(verdict, reason, step, remarks)


def _as_far_as_seen(
    reason: str, survey: Survey, found: Findings, flat: dict[str, np.ndarray]
) -> str:
    """Return the reason of a pass; with the error that was seen, if less would matter."""
    seen = flat["resolution"][np.isfinite(flat["resolution"])]
    worst = float(seen.max(initial=0.0))
    if isinstance(found.state, Column) or worst <= survey.rtol:
        return reason
    return reason.replace("seen to disagree", f"seen to be off by {worst:.1e}")


def _of_held(claims: dict[str, str]) -> str:
    """Say that a claim has a derivative where there is none."""
    name, number = next(iter(claims.items()))
    more = f", and {len(claims) - 1} more of the kind" if len(claims) > 1 else ""
    why = "which is held fixed" if name.startswith("by ") else "which is no floating number"
    return (
        f"the claim has a derivative {name} ({number}){more}, {why}: expected "
        "zeros or None there; make it floating if there is a derivative"
    )


def _left_out(survey: Survey) -> list[str]:
    """Say where a claim is 0 throughout: mostly that is no derivative, but the lack of one."""
    point, asked = survey.scalar.values.point, "was it detached, or left out (None)?"
    zero = [
        leaf
        for leaf in point.leaves
        if survey.g[leaf.where].size and not survey.g[leaf.where].any()
    ]
    if not survey.g.any():
        return [f"the claim is 0 in every entry: {asked}"]
    if not zero or not point.entrywise:
        return []
    paths = ", ".join(leaf.path for leaf in zero[:4]) + (", ..." if len(zero) > 4 else "")
    return [f"the claim is 0 in every entry of {paths}: {asked}"]
