"""Whether a claim is off along one direction through many entries, and which of them are."""

from dataclasses import dataclass, field, replace

import numpy as np

from .._evaluation.outcomes import BudgetSpent
from .._lines.evidence import DOUBT, confirmed, right_at_another_scale, suspicious
from .._lines.findings import FAIL, OPEN, Findings, Searched
from .._lines.judgement import (
    CONFIRMED,
    DIRECTION,
    LAST,
    ROWS,
    UNTRACED,
    Flagged,
    excepted,
)
from .._lines.measured import RUNGS, Measured, Measurements
from .._lines.survey import Survey
from .._numerics.blocks import product
from .._numerics.extrapolation import NOTHING, Estimate
from .._numerics.rungs import NOISE, Rungs
from .._report.places import Box
from .balance import Balance, levels, one_of, place_of
from .decoding import Node
from .ladder import CLAIMED
from .row_search import wrong_row
from .search import CALLS_ALLOWED, SAMPLE, Search
from .suspects import Entries

_INTEGRATED = "func is rough or noisy along a line; the claim, integrated along it, explains func"
_RANDOM = "a random direction"
SLOPE_OFF = "along a random direction, func has another slope than the claim"


@dataclass
class Settling:
    """What is decided of one direction, once it was measured."""

    survey: Survey
    findings: Findings
    count: int
    rows: bool = True
    singles: dict[int, Estimate] = field(default_factory=dict)
    blocks: list[Box] = field(default_factory=list)
    everywhere: str = ""
    hopeless: bool = False
    row: str = ""
    looks: Measurements = field(init=False)

    def _settled(self, measured: Measured) -> Measured:
        """Return a direction with its state: what is not explained is looked at again, searched."""
        survey = self.survey
        measured = self._explained(measured)
        if not suspicious(measured.e, measured.common, DOUBT):
            return (
                measured if measured.resolved or not measured.needed else self._integrated(measured)
            )
        more = self.looks.again(measured)
        again = self._explained(replace(measured, rungs=more))
        sigma = self.looks.noise([more])
        fine = max(abs(measured.e.value) - measured.common, 0.0) / 3
        first, second = (
            self.looks.estimate(measured, s.rungs, fine, sigma) for s in (measured, again)
        )
        both = measured.rungs.joined(again.rungs)
        e = self.looks.estimate(measured, both, fine, sigma)
        measured = replace(measured, rungs=both, e=e)
        if not confirmed(survey, first, second, measured.common):
            flagged = suspicious(e, measured.common, DOUBT)
            return self._unsettled(measured, e) if flagged else replace(measured, state="")
        # The finest window that convicts is not the sharpest, from which a search starts.
        sharp = self.looks.estimate(measured, both, 0.0, sigma)
        measured = replace(measured, e=sharp)
        told = self._of_rows if measured.part else self._searched
        settled = told(measured, again.rungs, second)
        if settled.state == FAIL:  # without a single entry
            _keep(self.findings, self.looks.base, measured)
        return settled

    def _unsettled(self, measured: Measured, e: Estimate) -> Measured:
        """
        Return a direction that is flagged, and does not convict: open, or as if it showed nothing.

        Of one beside those that have to be looked at, the finest steps show nothing but rounding
        where larger ones have the slope of the claim: in sums of equal numbers all terms round the
        same way, and what is left is a slope of its own.
        """
        claimed = abs(float(measured.weights @ self.survey.scales.claim))
        ladders = [measured.rungs]
        if not measured.needed and right_at_another_scale(ladders, self.survey.sigma, e, claimed):
            return replace(measured, e=NOTHING, state="")
        return replace(measured, state=OPEN)

    def _integrated(self, measured: Measured) -> Measured:
        """Return a direction with what its claim, integrated along it, leaves unexplained."""
        # A claim that is integrated knows of kinks, and large steps have little noise.
        survey = self.survey
        if self.hopeless:
            return measured
        rungs = measured.rungs.both().part(slice(0, 2 * RUNGS))
        rungs = survey.near.integrated(rungs, product(measured.weights, survey.move))
        e, _ = survey.estimate(rungs, 0.0)
        better = replace(measured, e=e)
        if not better.resolved or suspicious(e, measured.common, DOUBT):
            self.hopeless = True  # nor will it help along the others, at a hundred calls each
            return measured
        if _INTEGRATED not in self.findings.remarks:
            self.findings.remarks.append(_INTEGRATED)
        return better

    def _explained(self, measured: Measured) -> Measured:
        """Return a direction without what the entries that were found add to it."""
        value = bar = 0.0
        moved = product(measured.weights, self.survey.move) if self.singles else measured.weights
        for i, e in self.singles.items():
            weight = float(moved[i]) / float(self.survey.move[i])
            value, bar = value + weight * e.value, bar + abs(weight) * e.bar
        if self.blocks:
            balance = self._balance(measured)
            balance.known = [one_of(i, balance.shape) for i in self.singles]
            for block in self.blocks:
                enough = (measured.e.bar + measured.common) / NOISE
                error, spread = balance.weigh(block, *balance.cheapest(block, enough, enough))
                value, bar = value + error, bar + NOISE * spread
        if not value:
            return measured
        h = measured.rungs.h
        rungs = replace(measured.rungs, claimed=measured.rungs.claimed + value * np.array([h, -h]))
        e, _ = self.survey.estimate(rungs, 0.0)
        return replace(measured, rungs=rungs, e=replace(e, truncation=e.truncation + bar))

    def _balance(self, measured: Measured) -> Balance:
        survey, base = self.survey, self.looks.base
        aligned, _ = survey.estimate(base, 0.0)
        other = measured.rungs is not base and aligned is not NOTHING
        known = levels(base, aligned.value, survey.sigma) if other else []
        return Balance(
            survey, measured.weights, measured.rungs, measured.e.value, measured.common, known
        )

    def _flagged(self, measured: Measured, again: Rungs, e: Estimate, scale: float) -> Flagged:
        """Return a direction as a line that convicts the claim."""
        look, where = (ROWS, "a line through rows") if measured.part else (DIRECTION, _RANDOM)
        claimed = abs(float(measured.weights @ self.survey.scales.claim))
        sizes = claimed, scale, self.survey.sigma
        ladders = [measured.rungs, again]
        return Flagged(
            look, self.survey, ladders, again, e, *sizes, weights=measured.weights, where=where
        )

    def _exception(self, measured: Measured, again: Rungs, e: Estimate, scale: float) -> str:
        """Return why a direction that convicts the claim need not mean that it is wrong, if so."""
        if measured.integrated:
            again = self.looks.near(measured)
        return self._excepted(self._flagged(measured, again, e, scale), CONFIRMED)

    @staticmethod
    def _excepted(flagged: Flagged, when: int) -> str:
        found = excepted(flagged, when)
        return found.reason if found else ""

    def _rejected_by(self, measured: Measured, e: Estimate) -> str:
        """Return FAIL for a direction that nothing else excepts, OPEN where func is not exact."""
        flagged = self._flagged(measured, measured.rungs, e, measured.scale)
        reason = self._excepted(flagged, LAST)
        self.findings.remarks += [reason] if reason else []
        return OPEN if reason else FAIL

    def _searched(self, measured: Measured, again: Rungs, e: Estimate) -> Measured:
        """Search for the entries that a direction convicts; return it without what was found."""
        survey, found = self.survey, self.findings
        # What explains an error leaves no more than a quarter of it.
        scale = min(measured.scale, abs(e.value) / (4 * survey.rtol))
        excuse = self._exception(measured, again, e, scale)
        search = self._search(measured, CALLS_ALLOWED // 4 if excuse else CALLS_ALLOWED)
        if not search.left:
            return replace(measured, e=replace(measured.e, value=0.0))
        if not search.found and not search.blocks and not search.everywhere:
            integrated = self._integrated(measured)
            if integrated is not measured:
                return integrated
            excuse = excuse or self._excepted(self._flagged(measured, again, e, scale), UNTRACED)
        found.remarks += untraced(survey, measured, search.left)
        left = sum(node.error for node in search.left)
        if excuse:
            found.remarks.append(excuse)
        material = abs(e.value) > survey.rtol * measured.scale + measured.common + DOUBT * e.bar
        state = OPEN
        if material and not excuse:  # what is named has been asked of already
            state = FAIL if found.failed else self._rejected_by(measured, e)
        return replace(measured, e=replace(measured.e, value=left), state=state)

    def _search(self, measured: Measured, calls: int, *, hasty: bool = False) -> Search:
        """Search for what is wrong along a direction, and keep what was found."""
        survey, balance = self.survey, self._balance(measured)
        balance.known = [one_of(i, balance.shape) for i in self.singles] + self.blocks
        search = Search(Entries(survey, self.findings), balance, calls, hasty)
        search.run(measured.e.value, measured.e.bar / NOISE)
        if search.found or search.blocks or search.everywhere:
            _keep(self.findings, self.looks.base, measured)
        self.singles.update(search.found)
        self.blocks += search.blocks
        if search.everywhere:
            place = place_of(search.where, survey) if search.where != balance.whole else "x0"
            self.everywhere = f"{search.everywhere} of {SAMPLE} picked at random in {place}"
        return search

    def _of_rows(self, measured: Measured, again: Rungs, e: Estimate) -> Measured:
        """Return a line through rows, of which one may be named, with its state."""
        survey = self.survey
        scale = min(measured.scale, abs(e.value) / (4 * survey.rtol))
        excuse = self._exception(measured, again, e, scale)
        if not (excuse or measured.integrated):
            excuse = self._excepted(self._flagged(measured, again, e, scale), UNTRACED)
        if excuse:
            self.findings.remarks.append(excuse)
            return self._unsettled(replace(measured, rungs=measured.rungs.joined(again)), e)
        if isinstance(measured.part, str):
            if abs(e.value) > survey.rtol * measured.scale + measured.common + DOUBT * e.bar:
                return replace(measured, state=self._rejected_by(measured, e))
            return self._searched(measured, again, e)
        try:
            self.row = wrong_row(self.looks, measured, self._exception)
        except BudgetSpent:
            self.row = ""
        if self.row:
            return replace(measured, state=self._rejected_by(measured, e))
        # Rows add up what kinks of all their entries make: without a name they convict nobody.
        searched = self._searched(measured, again, e)
        return replace(searched, state=OPEN) if searched.state == FAIL else searched


def _keep(findings: Findings, base: Rungs, measured: Measured) -> None:
    """Keep the ladder of the first line that convicts, or led to entries, for a picture."""
    if findings.searched is None and not measured.integrated:
        line = "a line through rows" if measured.part else _RANDOM
        line = CLAIMED if np.array_equal(measured.rungs.h, base.h) else line
        findings.searched = Searched(line, measured.rungs, measured.e, measured.scale)


def untraced(survey: Survey, measured: Measured, left: list[Node]) -> list[str]:
    """Say what a search along a direction has left."""
    return [
        f"{place_of(node.box, survey)}: an error that is {abs(node.error) / measured.scale:.0e} of "
        "the gradient along a random direction was not traced to an entry"
        for node in left
    ]
