"""One entry at a time: a ladder of its own, and a second look before it is called wrong."""

from dataclasses import dataclass, replace

import numpy as np

from .._lines.entry import Entry
from .._lines.evidence import confirmed, right_at_another_scale, right_of_the_trend, suspicious
from .._lines.findings import FAIL, OPEN, PASS, Findings
from .._lines.nonsmooth import (
    at_a_kink,
    at_edge_of_domain,
    is_excepted,
    on_a_step,
    out_of_sight,
    smooth_nearer,
    standing_still,
)
from .._lines.survey import Survey
from .._numerics.extrapolation import NOTHING, Estimate
from .._numerics.least_squares import fitted
from .._numerics.noise import noise_level
from .._numerics.rungs import Rungs

#: The most times that a ladder gets more rungs.
_ROUNDS = 5
#: The most second looks at an entry: each is at finer steps.
_LOOKS = 3


@dataclass
class Entries:
    """
    The look at single entries.

    Attributes
    ----------
    survey : Survey
        The problem.
    findings : Findings
        What is known so far; updated.
    """

    survey: Survey
    findings: Findings

    def __post_init__(self) -> None:
        self.examined = np.zeros(self.findings.state.size, dtype=bool)

    def examine_flagged(self) -> None:
        """Examine what is not settled, worst first; stop at the first entry that is wrong."""
        found, survey, hopeless = self.findings, self.survey, 0
        left = found.unresolved
        left = left[found.convicted[left] | ~self.examined[left]]
        size = np.where(np.isfinite(found.error), np.abs(found.error), np.inf)
        # First what designs suspect, then what differs beyond its bar, then what is hidden by it.
        bar = (
            survey.rtol * survey.scales.material
            + survey.claim_rounding
            + found.truncation
            + found.noise
        )
        share = size / np.maximum(survey.scales.material, 1e-300)
        keys = (-share[left], ~(size > bar)[left], ~found.flagged[left])
        for i in left[np.lexsort(keys)]:
            self.examined[i] = True
            found.state[i] = self.examine(Entry(self.survey, found, int(i)))
            if found.state[i] == FAIL:
                return
            hopeless = hopeless + 1 if found.state[i] == OPEN else 0
            if hopeless == self.survey.precision.give_up:
                return

    def examine(self, entry: Entry) -> str:
        """Return the state of one entry."""
        still = standing_still(entry)
        if still:
            return still
        e, sigma = self._measured(entry)
        if e is NOTHING:
            return at_edge_of_domain(entry)
        found, i = self.findings, entry.i
        if found.convicted[i]:
            return at_a_kink(entry) or self._confirmed_by_entries(entry, e)
        if not entry.agrees(e):
            entry.record(e)
            return at_a_kink(entry) or self._second_look(entry, e, sigma)
        if found.flagged[i] and e.bar > found.truncation[i] + found.noise[i]:
            return at_a_kink(entry) or OPEN  # a suspicion is not cleared by a weaker look
        if entry.seen(e) or not e.bar > found.truncation[i] + found.noise[i]:
            entry.record(e)
        return PASS if entry.seen(e) else at_a_kink(entry) or self._averaged(entry)

    def _measured(self, entry: Entry) -> tuple[Estimate, float]:
        """Return an estimate and the noise that it reckons with; the ladder grows as needed."""
        for _ in range(_ROUNDS):
            sigma = self.survey.sigma
            e, _ = self.survey.estimate(entry.ladder, entry.fine)
            if entry.passes(e):
                break
            sigma = entry.noise_of(entry.ladder)
            e = entry.estimate(entry.ladder, sigma)
            more = entry.further_steps(e)
            if more is None:
                break
            entry.extend(more)
        return e, sigma

    def _averaged(self, entry: Entry) -> str:
        """Return PASS if more evaluations than a polynomial needs resolve an entry in noise."""
        if self.survey.precision.designs:
            return OPEN  # that is what has been done
        entry.extend(entry.ladder.h / np.sqrt(self.survey.steps.ratio))
        e = fitted(entry.ladder, self.survey.sigma)
        if not entry.passes(e):
            return OPEN
        entry.record(e)
        return PASS

    def _confirmed_by_entries(self, entry: Entry, e: Estimate) -> str:
        """Return the state of an entry that designs convict, given a ladder of its own."""
        found, i = self.findings, entry.i
        if abs(e.value - found.error[i]) > e.bar + found.truncation[i] + found.noise[i]:
            return OPEN
        # Designs cannot come near x0: their steps cross kinks that finer ones do not.
        said = replace(e, value=float(found.error[i]))
        entry.extend(entry.fresh_steps(said, self.survey.sigma))
        excuse = at_a_kink(entry) or is_excepted(entry, e)
        if excuse or entry.explained(said):
            return excuse or OPEN
        # Chords across a kink beside x0 say what neither side of x0 does.
        if any(abs(side.value) + side.bar < abs(said.value) for side in entry.sides()):
            return OPEN
        # A ladder that is too blurred to contradict them still has to side with them, and where
        # their rows cross the jumps of all entries it has to tell by itself.
        e, _ = self.survey.estimate(entry.ladder, entry.fine)
        sides = abs(e.value - said.value) < abs(e.value)
        tells = not self.survey.noisier_than_rounding or suspicious(e, entry.allowed, 1.0)
        return on_a_step(entry, said) or (FAIL if sides and tells else OPEN)

    def _second_look(self, entry: Entry, first: Estimate, sigma: float) -> str:
        """Return the state of an entry that one ladder convicts."""
        for _ in range(_LOOKS):
            again = entry.at(entry.fresh_steps(first, sigma))
            sigma = max(sigma, entry.noise_of(again))
            state, finer = self._compared(entry, again, first, sigma)
            if not finer:
                return state
            # A pole or a kink was too near: what finer steps say goes before.
            entry.ladder = entry.ladder.joined(again)
            first, sigma = self._measured(entry)
            if first is NOTHING:
                return OPEN
            entry.record(first)
            if entry.agrees(first):
                return PASS if entry.seen(first) else OPEN
        return OPEN

    def _compared(
        self, entry: Entry, again: Rungs, first: Estimate, sigma: float
    ) -> tuple[str, bool]:
        """Return the state by a second ladder, and whether finer steps might say otherwise."""
        survey, ladders = self.survey, [entry.ladder, again]
        at_large = (ladders, survey.sigma, first)
        if right_at_another_scale(*at_large, entry.claimed) or right_of_the_trend(
            *at_large, entry.material
        ):
            entry.remark("func has another slope at another scale, and the claim is one of them")
            return OPEN, False
        # A noise measured too low must not convict, nor one so high that fine steps are blind.
        cautious = max(sigma, noise_level(ladders, survey.floor, together=2))
        for noise in dict.fromkeys([cautious, sigma]):
            one, two = (entry.estimate(rungs, noise) for rungs in ladders)
            if NOTHING in (one, two) or not confirmed(survey, one, two, entry.allowed):
                return OPEN, two is not NOTHING and two.step < one.step
        excuse = on_a_step(entry, one) or smooth_nearer(entry, one) or is_excepted(entry, one)
        return excuse or out_of_sight(entry, one) or FAIL, False
