"""
Many entries: all of them at once, along a few random directions.

One entry after another costs two calls of func for each. Along a direction in which all of them
move, a wrong one shows too: less sharply, since rounding and what matters grow with their number,
but for the same few calls however many there are. Where a direction disagrees, a search follows.
"""

import math
from dataclasses import dataclass, field, replace
from functools import partial
from typing import cast

import numpy as np

from ._balance import Balance, one_of, place_of, shape_of, size_of, within
from ._blocks import drawn, norm
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
from ._ladder import NOISE, NOTHING, Estimate, Rungs, noise_level
from ._locate import PATIENCE, SAMPLE, Search
from ._places import Box, are_off, in_common, listed
from ._probe import BudgetSpent
from ._survey import Line, Survey

#: Up to here each entry is measured: those 2 n calls are what a search may spend in vain before it
#: gives up (`_locate.PATIENCE`), and they resolve every entry to the last.
FEW = 300
#: What a right gradient may cost, however many entries it has, and the rungs of a short ladder.
_CALLS, _RUNGS = 40, 3
#: How often all directions may miss errors in many entries that are as large as what must be seen.
_MISS = 0.01
#: An error of the whole beyond this is said at once; a smaller one may be that of a part.
_PART = 0.5

WHOLE = "the gradient as a whole is off: along the claim itself, func has another slope"

_AGAIN = "and a second look at other steps says the same"
_EVERYWHERE = "the gradient is off in many entries"
_DIRECTION = "along a random direction, func has another slope than the claim"
_OPEN = "along a random direction, the slope of func cannot be resolved here"
_SOMETHING = "along a random direction something is off, and the search did not find where"
_INTEGRATED = "func is rough or noisy along a line; the claim, integrated along it, explains func"
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
    return max(1, min(wanted, (_CALLS - 2 - spent) // (2 * _RUNGS)))


def calls_of(directions: int) -> int:
    """Return the calls that so many directions cost if the gradient is right."""
    return 2 * _RUNGS * directions


@dataclass(frozen=True)
class Sight:
    """
    What a direction shows.

    Attributes
    ----------
    weights : ndarray of shape (n,)
        Of the moves of the entries.
    rungs : Rungs
        What was measured along it.
    e : Estimate
        The claim's error.
    common : float
        What the roundings of the claim may add up to.
    scale : float
        What errors are compared with: the 2-norm of weights times material sizes, to which errors
        of random signs add up.
    visible : float
        An error that must have been seen.
    state : str
        `FAIL` where the claim is off, `OPEN` where that cannot be told; else empty.
    """

    weights: np.ndarray
    rungs: Rungs
    e: Estimate
    common: float
    scale: float
    visible: float
    state: str = ""

    @property
    def resolved(self) -> bool:
        """Whether an error that must be seen would have been."""
        return abs(self.e.value) + self.e.bar + self.common <= max(self.visible, 2 * self.common)

    @property
    def seen(self) -> float:
        """The smallest error of a single entry, in units of its move, that is surely followed."""
        # Every weight is 1 at least. Beyond `common` and twice the bar it is followed; the bar once
        # more, since noise may hide it.
        return abs(self.e.value) + self.common + (DOUBT + 1) * self.e.bar


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
    singles, blocks : dict of int to Estimate, list of Box
        What was found to be wrong.
    everywhere : str
        How many of a sample of entries are wrong, and where, if many are.
    hopeless : bool
        Whether integrating the claim along a direction did not help.
    """

    survey: Survey
    findings: Findings
    count: int
    singles: dict[int, Estimate] = field(default_factory=dict)
    blocks: list[Box] = field(default_factory=list)
    everywhere: str = ""
    hopeless: bool = False

    def run(self, lines: list[Line], *, failed: bool) -> tuple[bool, str]:
        """Return whether the claim fails otherwise than by a named entry, and the reason."""
        survey, found = self.survey, self.findings
        base = lines[0][1]
        sights = [self._sight(*line) for line in lines[1:]]
        self._slim(lines)
        # A single line has half of the values: the noise is measured on two rungs together.
        survey.sigma = max(survey.sigma, noise_level([base], survey.floor, together=2))
        while len(sights) < self.count:
            sights.append(self._look(base))
        order = sorted(sights, key=lambda sight: -abs(sight.e.value) / max(sight.e.bar, 1e-300))
        settled: list[Sight] = []
        for sight in order:
            settled.append(self._settled(sight, base))
            if settled[-1].state:  # what one search could not explain is beyond the next as well
                break
        found.alone = min(sight.seen for sight in settled)
        if self.everywhere:
            return True, f"{_EVERYWHERE}: {self.everywhere}"
        if found.failed:
            return failed, self._named(left=bool(settled[-1].state))
        if failed:
            return True, WHOLE
        if settled[-1].state == FAIL:
            return True, _DIRECTION
        if settled[-1].state == OPEN:
            return False, _SOMETHING
        if not all(sight.resolved for sight in settled):
            return False, _OPEN
        found.pass_rest()
        return False, _AGREES

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

    def _look(self, base: Rungs) -> Sight:
        """Measure a random direction by a short ladder, at steps that suit the first line."""
        survey = self.survey
        sharp, _ = survey.estimate(base, 0.0)
        last = float(base.h[-1]) if sharp is NOTHING else sharp.step
        ratio = survey.steps.ratio
        # Where noise is a quarter of what must be seen: weights have a root mean square of 1.53.
        visible = survey.res * 1.53 * norm(survey.g.size, survey.scales.resolved.__getitem__)
        last = max(last, 4 * NOISE * np.sqrt(0.5) * survey.sigma / max(visible, 1e-300))
        steps = min(last * ratio ** (_RUNGS - 1), survey.steps.top) / ratio ** np.arange(_RUNGS)
        # A random factor, so that no function is resonant with the steps.
        steps *= 2 ** survey.rng.uniform(-0.5, 0.0)
        if survey.probe.left() < 2 * _RUNGS:
            raise BudgetSpent
        # Half precision has 1024 sizes between 1 and 2: two equal errors cancel along all of three
        # directions once in 1e10.
        n, uniform = survey.g.size, partial(survey.rng.uniform, 1, 2)
        weights = drawn(n, uniform, np.float16)
        weights *= drawn(n, partial(survey.rng.choice, [-1.0, 1.0]), np.float16)
        rungs = survey.probe.ladder(survey.g, weights * survey.move, steps)
        sight = self._sight(weights, rungs)
        for _ in range(2):
            if sight.resolved:
                break
            noisy = sight.e is not NOTHING and sight.e.noise > sight.e.truncation
            more = min(rungs.h[0] * ratio**4, survey.steps.top) / np.array([1.0, ratio])
            if not noisy or more[1] <= 1.1 * rungs.h[0]:
                more = rungs.h[-1] / ratio ** np.array([1.0, 2.0])
            rungs = rungs.joined(survey.probe.ladder(survey.g, weights * survey.move, more))
            sight = self._sight(weights, rungs)
        return sight

    def _sight(self, weights: np.ndarray, rungs: Rungs) -> Sight:
        survey = self.survey
        scale, seen = survey.size_along(weights), survey.size_along(weights, "resolved")
        # The roundings of the claim add up like noise, but for a share that they have in common.
        total, root = survey.rounding_along(weights)
        common = 2 * root + 2 * survey.eps * scale
        if survey.short and not survey.g.any():
            # A gradient left out adds up along its own signs, as no random direction shows: less
            # has to be seen of a func of few values, to each of which all entries add. (Other
            # dtypes have digits enough to see it along any direction.)
            n, m = survey.g.size, survey.probe.weights.size
            seen *= float(np.sqrt(min(m, n) / n))
        e, _ = survey.estimate(rungs, 0.0)
        return Sight(weights, rungs, e, min(total, common), scale, survey.res * seen)

    # --- judging -----------------------------------------------------------------------------

    def _settled(self, sight: Sight, base: Rungs) -> Sight:
        """Return a direction with its state: what is not explained is looked at again, searched."""
        survey = self.survey
        sight = self._explained(sight)
        if not suspicious(sight.e, sight.common, DOUBT):
            return sight if sight.resolved else self._integrated(sight)
        steps = base.h / np.sqrt(base.h[0] / base.h[1])
        if survey.probe.left() < 2 * steps.size:
            raise BudgetSpent
        more = survey.probe.ladder(survey.g, sight.weights * survey.move, steps)
        again = self._explained(replace(sight, rungs=more))
        sigma = max(survey.sigma, noise_level([base, more], survey.floor, together=2))
        fine = max(abs(sight.e.value) - sight.common, 0.0) / 3
        first, second = (survey.estimate(s.rungs, fine, sigma)[0] for s in (sight, again))
        both = sight.rungs.joined(again.rungs)
        e, _ = survey.estimate(both, fine, sigma)
        sight = replace(sight, rungs=both, e=e)
        if not confirmed(survey, first, second, sight.common):
            return replace(sight, state=OPEN if suspicious(e, sight.common, DOUBT) else "")
        # The finest window that convicts is not the sharpest, from which a search starts.
        sharp, _ = survey.estimate(both, 0.0, sigma)
        return self._searched(replace(sight, e=sharp), again.rungs, second)

    def _integrated(self, sight: Sight) -> Sight:
        """Return a direction with what its claim, integrated along it, leaves unexplained."""
        # A claim that is integrated knows of kinks, and large steps have little noise.
        survey = self.survey
        if self.hopeless:
            return sight
        rungs = sight.rungs.both().part(slice(0, 2 * _RUNGS))
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
        if kinked(survey, again, scale):
            return "func has a kink along a random direction"
        at_large = ([sight.rungs, again], survey.sigma, e)
        if right_at_another_scale(*at_large, claimed) or right_of_the_trend(*at_large, scale):
            return "func has another slope at another scale, along a random direction"
        if jumps(survey, again, e):
            return "func jumps, or has a kink, beside x0 along a random direction"
        return CANCELS if cancels(survey, sight.weights * survey.move, e.value) else ""

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
        state = FAIL if material and not excuse else OPEN
        return replace(sight, e=replace(sight.e, value=left), state=state)

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
