"""Whether a claim is off along one direction through many entries, and which of them are."""

from dataclasses import dataclass, field, replace

import numpy as np

from .._evaluation.outcomes import BudgetSpent
from .._lines.cancellation import CANCELS, cancels
from .._lines.evidence import (
    DOUBT,
    confirmed,
    integrates,
    jumps,
    kinked,
    right_at_another_scale,
    right_of_the_trend,
    suspicious,
)
from .._lines.findings import FAIL, OPEN, Findings
from .._lines.inexact import INEXACT_HERE, inexact
from .._lines.sight import RUNGS, Looks, Sight
from .._lines.survey import Survey
from .._numerics.extrapolation import Estimate
from .._numerics.rungs import NOISE, Rungs
from .._report.places import Box
from .balance import Balance, one_of, place_of
from .row_search import wrong_row
from .search import PATIENCE, SAMPLE, Search
from .suspects import Entries

_INTEGRATED = "func is rough or noisy along a line; the claim, integrated along it, explains func"
_FAR = "at large steps func does not change as the claim does, and fine ones cannot tell"
DIRECTION = "along a random direction, func has another slope than the claim"


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
    looks: Looks = field(init=False)

    def _settled(self, sight: Sight) -> Sight:
        """Return a direction with its state: what is not explained is looked at again, searched."""
        survey = self.survey
        sight = self._explained(sight)
        if not suspicious(sight.e, sight.common, DOUBT):
            return sight if sight.resolved or not sight.needed else self._integrated(sight)
        more = self.looks.again(sight)
        again = self._explained(replace(sight, rungs=more))
        sigma = self.looks.noise([more])
        fine = max(abs(sight.e.value) - sight.common, 0.0) / 3
        first, second = (self.looks.estimate(sight, s.rungs, fine, sigma) for s in (sight, again))
        both = sight.rungs.joined(again.rungs)
        e = self.looks.estimate(sight, both, fine, sigma)
        sight = replace(sight, rungs=both, e=e)
        if not confirmed(survey, first, second, sight.common):
            return replace(sight, state=OPEN if suspicious(e, sight.common, DOUBT) else "")
        # The finest window that convicts is not the sharpest, from which a search starts.
        sharp = self.looks.estimate(sight, both, 0.0, sigma)
        if sight.part:
            return self._of_rows(replace(sight, e=sharp), again.rungs, second)
        return self._searched(replace(sight, e=sharp), again.rungs, second)

    def _integrated(self, sight: Sight) -> Sight:
        """Return a direction with what its claim, integrated along it, leaves unexplained."""
        # A claim that is integrated knows of kinks, and large steps have little noise.
        survey = self.survey
        if self.hopeless:
            return sight
        rungs = sight.rungs.both().part(slice(0, 2 * RUNGS))
        rungs = survey.near.integrated(rungs, sight.weights * survey.move)
        e, _ = survey.estimate(rungs, 0.0)
        better = replace(sight, e=e)
        if not better.resolved or suspicious(e, sight.common, DOUBT):
            self.hopeless = True  # nor will it help along the others, at a hundred calls each
            return sight
        if _INTEGRATED not in self.findings.remarks:
            self.findings.remarks.append(_INTEGRATED)
        return better

    def _explained(self, sight: Sight) -> Sight:
        """Return a direction without what the entries that were found add to it."""
        value = bar = 0.0
        for i, e in self.singles.items():
            weight = float(sight.weights[i])
            value, bar = value + weight * e.value, bar + abs(weight) * e.bar
        if self.blocks:
            balance = self._balance(sight)
            balance.known = [one_of(i, balance.shape) for i in self.singles]
            for block in self.blocks:
                enough = (sight.e.bar + sight.common) / NOISE
                error, spread = balance.weigh(block, *balance.cheapest(block, enough, enough))
                value, bar = value + error, bar + NOISE * spread
        if not value:
            return sight
        h = sight.rungs.h
        rungs = replace(sight.rungs, claimed=sight.rungs.claimed + value * np.array([h, -h]))
        e, _ = self.survey.estimate(rungs, 0.0)
        return replace(sight, rungs=rungs, e=replace(e, truncation=e.truncation + bar))

    def _balance(self, sight: Sight) -> Balance:
        return Balance(self.survey, sight.weights, sight.rungs, sight.e.value, sight.common)

    def _excuse(self, sight: Sight, again: Rungs, e: Estimate, scale: float) -> str:
        """Return why a direction that convicts the claim need not mean that it is wrong, if so."""
        survey = self.survey
        claimed = abs(float(sight.weights @ survey.scales.claim))
        if sight.integrated:
            again = self.looks.near(sight)
        if sight.part and not self.looks.borne_out(again, e):
            return _FAR
        if kinked(survey, again, scale):
            return "func has a kink along a random direction"
        at_large = ([sight.rungs, again], survey.sigma, e)
        if right_at_another_scale(*at_large, claimed) or right_of_the_trend(*at_large, scale):
            return "func has another slope at another scale, along a random direction"
        if jumps(survey, again, e):
            return "func jumps, or has a kink, beside x0 along a random direction"
        return CANCELS if cancels(survey, sight.weights * survey.move, e.value) else ""

    def _convicted(self, sight: Sight, e: Estimate) -> str:
        """Return FAIL for a direction that nothing else excuses, OPEN where func is not exact."""
        survey = self.survey
        claimed = abs(float(sight.weights @ survey.scales.claim))
        if not inexact(survey, sight.weights * survey.move, e, claimed, sight.scale):
            return FAIL
        self.findings.remarks.append(INEXACT_HERE)
        return OPEN

    def _whole_is_inexact(self, base: Rungs) -> bool:
        """Tell whether an error of the whole that no direction shows is that of func."""
        survey = self.survey
        e, _ = survey.estimate(base, 0.0)
        signs = np.where(survey.g < 0, -1.0, 1.0)
        claimed = survey.claimed_along(signs)
        if not inexact(survey, signs * survey.move, e, claimed, claimed):
            return False
        self.findings.remarks.append(INEXACT_HERE)
        return True

    def _searched(self, sight: Sight, again: Rungs, e: Estimate) -> Sight:
        """Search for the entries that a direction convicts; return it without what was found."""
        survey, found = self.survey, self.findings
        balance = self._balance(sight)
        balance.known = [one_of(i, balance.shape) for i in self.singles] + self.blocks
        # What explains an error leaves no more than a quarter of it.
        scale = min(sight.scale, abs(e.value) / (4 * survey.rtol))
        excuse = self._excuse(sight, again, e, scale)
        search = Search(Entries(survey, found), balance, PATIENCE // 4 if excuse else PATIENCE)
        search.run(sight.e.value, sight.e.bar / NOISE)
        self.singles.update(search.found)
        self.blocks += search.blocks
        if search.everywhere:
            place = place_of(search.where, survey) if search.where != balance.whole else "x0"
            self.everywhere = f"{search.everywhere} of {SAMPLE} picked at random in {place}"
        if not search.left:
            return replace(sight, e=replace(sight.e, value=0.0))
        if not search.found and not search.blocks and not search.everywhere:
            integrated = self._integrated(sight)
            if integrated is not sight:
                return integrated
            if not excuse and integrates(survey, again, sight.weights * survey.move, e, scale):
                excuse = "func changes as the claim does along a random direction, not at x0"
        left = sum(node.error for node in search.left)
        for node in search.left:
            share = abs(node.error) / sight.scale
            found.remarks.append(
                f"{place_of(node.box, survey)}: an error that is {share:.0e} of the "
                "gradient along a random direction was not traced to an entry"
            )
        if excuse:
            found.remarks.append(excuse)
        material = abs(e.value) > survey.rtol * sight.scale + sight.common + DOUBT * e.bar
        state = OPEN
        if material and not excuse:  # what is named has been asked of already
            state = FAIL if found.failed else self._convicted(sight, e)
        return replace(sight, e=replace(sight.e, value=left), state=state)

    def _of_rows(self, sight: Sight, again: Rungs, e: Estimate) -> Sight:
        """Return a line through rows, of which one may be named, with its state."""
        survey = self.survey
        scale = min(sight.scale, abs(e.value) / (4 * survey.rtol))
        excuse = self._excuse(sight, again, e, scale)
        if not (excuse or sight.integrated) and integrates(
            survey, again, sight.weights * survey.move, e, scale
        ):
            excuse = "func changes as the claim does along a line through rows, not at x0"
        if excuse:
            self.findings.remarks.append(excuse)
            return replace(sight, state=OPEN)
        if isinstance(sight.part, str):
            if abs(e.value) > survey.rtol * sight.scale + sight.common + DOUBT * e.bar:
                return replace(sight, state=self._convicted(sight, e))
            return self._searched(sight, again, e)
        try:
            self.row = wrong_row(self.looks, sight, self._excuse)
        except BudgetSpent:
            self.row = ""
        if self.row:
            return replace(sight, state=self._convicted(sight, e))
        # Rows add up what kinks of all their entries make: without a name they convict nobody.
        searched = self._searched(sight, again, e)
        return replace(searched, state=OPEN) if searched.state == FAIL else searched
