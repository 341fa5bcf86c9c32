"""
Many entries: all of them at once, along a few random directions.

One entry after another costs two calls of func for each. Along a direction in which all of them
move, a wrong one shows too: less sharply, since rounding and what matters grow with their number,
but for the same few calls however many there are. Where a direction disagrees, a search follows.
"""

import math
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np

from ._balance import Balance, one_of, place_of, shape_of, size_of, within
from ._cancels import CANCELS, cancels
from ._entries import Entries
from ._evidence import (
    DOUBT,
    confirmed,
    integrates,
    jumps,
    kinked,
    right_at_another_scale,
    right_of_the_trend,
    suspicious,
)
from ._findings import FAIL, OPEN, Column, Findings
from ._inexact import INEXACT_HERE, inexact
from ._ladder import NOISE, Estimate, Rungs, noise_level
from ._locate import PATIENCE, SAMPLE, Search
from ._places import Box, are_off, in_common, listed
from ._probe import BudgetSpent
from ._reach import ROWS_UP_TO
from ._row_lines import RowLines
from ._row_search import wrong_row
from ._sight import RUNGS, Looks, Sight
from ._stationary import STATIONARY, bends, claims_nothing
from ._survey import Line, Survey

#: Up to here each entry is measured: those 2 n calls are what a search may spend in vain before it
#: gives up (`_locate.PATIENCE`), and they resolve every entry to the last.
FEW = 300
#: What a right gradient may cost, however many entries it has.
_CALLS = 40
#: How often all directions may miss errors in many entries that are as large as what must be seen.
_MISS = 0.01
#: An error of the whole beyond this is said at once; a smaller one may be that of a part.
_PART = 0.5

_UNSEEN = (
    "all directions agree, but that {name} is missing would not have been seen (an error of "
    "{size:.1f} times its size would): directions='all' measures each entry"
)
_DARK = (
    "that {name} is missing would not be seen (an error of {size:.1f} times its size would): let "
    "func return float32, or directions='all' measure each entry"
)

WHOLE = "the gradient as a whole is off: along the claim itself, func has another slope"

_AGAIN = "and a second look at other steps says the same"
_EVERYWHERE = "the gradient is off in many entries"
_DIRECTION = "along a random direction, func has another slope than the claim"
_ALONG = {
    "": _DIRECTION,
    "along x0": "along x0 itself, row by row, func has another slope than the claim",
    "constant": "where whole rows move by the same amount, func has another slope than the claim",
}
_OPEN = "along a random direction, the slope of func cannot be resolved here"
_SOMETHING = "along a random direction something is off, and the search did not find where"
_INTEGRATED = "func is rough or noisy along a line; the claim, integrated along it, explains func"
_FAR = "at large steps func does not change as the claim does, and fine ones cannot tell"
_AGREES = "all directions agree, and would have been seen to disagree"


def number_of(directions: int | str, n: int, share: float, spent: int) -> int:
    """
    Return the number of random directions to measure; 0 for entry by entry.

    Parameters
    ----------
    directions : {'auto', 'all'} or int
        What the user asks for.
    n : int
        Number of entries.
    share : float
        The error that is forgiven, as a share of that which must be seen.
    spent : int
        Calls of func that the first line costs.

    Notes
    -----
    Errors of random size in many entries add up to a normal number with, relative to what must be
    seen, a deviation of 1. All of k directions forgive it with ``P(|N| < share) ** k``.
    """
    if directions == "all" or (directions == "auto" and n <= FEW):
        return 0
    if directions != "auto":
        return int(directions)
    forgiven = math.erf(min(share, 1.0) / math.sqrt(2))
    wanted = math.ceil(math.log(_MISS) / math.log(forgiven))
    return max(1, min(wanted, (_CALLS - 2 - spent) // (2 * RUNGS)))


def calls_of(directions: int) -> int:
    """Return the calls that so many directions cost if the gradient is right."""
    return 2 * RUNGS * directions


def in_part(survey: Survey, line: Line, whole: float) -> bool:
    """
    Tell, by two calls, whether an error along the claim is that of a part of the entries.

    Each axis is cut in five, and two of the pieces are left out. Of an error that is everywhere as
    much stays as of the claim, more or less; of that of a row, a column, a block all or nothing.
    """
    weights, rungs = line
    if whole > _PART or not survey.g.any() or survey.probe.left() < 2:
        return False
    e, _ = survey.estimate(rungs, 0.0)
    balance = Balance(survey, weights, rungs, e.value, 0.0)
    shares = np.zeros(balance.shape)
    for axis, length in enumerate(balance.shape):
        pieces = survey.rng.permutation(np.array([0.0, 0.0, 1.0, 1.0, 1.0]))
        along = [1] * len(balance.shape)
        along[axis] = length
        shares += pieces[np.arange(length) * 5 // length].reshape(along) / len(balance.shape)
    claim = np.abs(weights * survey.scales.claim)
    expected = float(shares.ravel() @ claim) / float(claim.sum())
    error, spread = balance.weigh(balance.whole, balance.levels[0], 1, shares)
    return abs(error / e.value - expected) > 0.1 + NOISE * spread / abs(e.value)


@dataclass
class Directions:
    """
    The look along random directions.

    Attributes
    ----------
    survey : Survey
        The problem.
    findings : Findings
        What is known so far; updated.
    count : int
        Number of directions.
    rows : bool
        Whether to look at the rows of each leaf as well, where directions do not show them.
    singles, blocks : dict of int to Estimate, list of Box
        What was found to be wrong.
    everywhere : str
        How many of a sample of entries are wrong, and where, if many are.
    hopeless : bool
        Whether integrating the claim along a direction did not help.
    row : str
        The name of a row that is off as a whole.
    looks : Looks
        Measures along directions.
    """

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

    def run(self, lines: list[Line], *, failed: bool) -> tuple[bool, str]:
        """Return whether the claim fails otherwise than by a named entry, and the reason."""
        survey, found = self.survey, self.findings
        base = lines[0][1]
        self.looks = looks = Looks(survey, base)
        sights = [looks.sight(*line) for line in lines[1:]]
        self._slim(lines)
        # A single line has half of the values: the noise is measured on two rungs together.
        survey.sigma = max(survey.sigma, noise_level([base], survey.floor, together=2))
        while len(sights) < self.count:
            sights.append(looks.random())
        rows = RowLines(survey, looks)
        rows.note(sights)
        found_some = any(suspicious(sight.e, sight.common, DOUBT) for sight in sights)
        if self.rows and (survey.short or (rows.in_the_dark and not found_some)):
            rows.run()
        sights += rows.sights
        order = sorted(sights, key=lambda sight: -abs(sight.e.value) / max(sight.e.bar, 1e-300))
        settled: list[Sight] = []
        for sight in order:
            settled.append(self._settled(sight))
            if settled[-1].state:  # what one search could not explain is beyond the next as well
                break
        found.alone = min((sight.seen for sight in settled if sight.needed), default=math.inf)
        found.reach = rows.reach(found.whole, found.alone)
        if self.everywhere:
            return True, f"{_EVERYWHERE}: {self.everywhere}"
        if found.failed:
            return failed, self._named(left=bool(settled[-1].state))
        if failed:
            if self._whole_is_inexact(base):
                return False, _OPEN
            return True, WHOLE
        if settled[-1].state == FAIL:
            if self.row:
                return True, f"{self.row} is off, {_AGAIN}"
            return True, _ALONG[settled[-1].part]
        if settled[-1].state == OPEN:
            return False, _SOMETHING
        if not all(sight.resolved for sight in settled if sight.needed):
            return False, _OPEN
        dark = rows.in_the_dark
        if dark is None:
            found.pass_rest()
            small = max(found.reach, key=lambda leaf: leaf.whole)
            if len(found.reach) > 1 and small.whole > 1:
                return False, _UNSEEN.format(name=small.path, size=small.whole)
            return False, _AGREES
        name, from_size = dark.rows.name(), float(dark.reach.max())
        size = math.prod(dark.rows.leaf.shape)
        if self.rows and survey.short and size <= ROWS_UP_TO:
            if claims_nothing(survey) and bends(survey):  # more digits would say no more
                return False, STATIONARY
            return False, _DARK.format(name=name, size=from_size)
        found.pass_rest()
        return False, _UNSEEN.format(name=name, size=from_size)

    # --- measuring ---------------------------------------------------------------------------

    def _slim(self, lines: list[Line]) -> None:
        """Drop what has as many entries as x0 and is no longer needed; of scales keep 7 digits."""
        survey, scales = self.survey, self.survey.scales
        nothing = np.empty(0)
        survey.lines = [(nothing, rungs) for _, rungs in survey.lines]
        lines.clear()
        for part in ("claim", "material", "resolved"):  # one after the other, each in its place
            shorter = getattr(scales, part).astype(np.float32)
            survey.scales = scales = replace(scales, **{part: shorter})
        survey.tau = survey.tau.astype(np.float32)
        survey.forget()

    # --- judging -----------------------------------------------------------------------------

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

    def _named(self, *, left: bool) -> str:
        """Return how many entries are off, and the places of a few of them."""
        survey, shape = self.survey, shape_of(self.survey)
        leaves = survey.probe.values.point.leaves
        states = cast(Column, self.findings.state).other
        wrong = [i for i, state in states.items() if state == FAIL]
        boxes = [*self.blocks, *(one_of(i, shape) for i in wrong)]
        boxes = [box for box in boxes if not any(within(box, other) for other in boxes)]
        # Of a block some were looked at; of what is left it is not known where it is.
        about = "at least " if left else "some " if self.blocks else ""
        text = are_off(sum(map(size_of, boxes)), survey.g.size, about=about)
        filled, common = ("", "") if self.blocks else in_common(leaves, wrong)
        places = filled or listed(place_of(box, survey) for box in boxes)
        return f"{text}, {_AGAIN}: {places}" + (f" (all in {common})" if common else "")
