"""One entry at a time: a ladder of its own, and a second look before it is called wrong."""

from dataclasses import dataclass, replace

import numpy as np

from .._lines.entry import Entry
from .._lines.entry_steps import fresh_steps, further_steps
from .._lines.evidence import DOUBT, suspicious
from .._lines.findings import FAIL, OPEN, PASS, Findings, Looked
from .._lines.judgement import (
    CONFIRMED,
    DESIGN,
    EDGE,
    ENTRY,
    FIRST,
    LAST,
    Flagged,
    judged,
    state_of,
    told,
)
from .._lines.nonsmooth import at_a_kink
from .._lines.staircases import standing_still
from .._lines.survey import Survey
from .._numerics.extrapolation import NOTHING, Estimate
from .._numerics.least_squares import fitted
from .._numerics.noise import noise_level
from .._numerics.rungs import SEEN

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
            return _at_edge_of_domain(entry)
        found, i = self.findings, entry.i
        if found.convicted[i]:
            found.show(Looked(i, entry.ladder, e, entry.material))
            return at_a_kink(entry) or self._confirmed_by_entries(entry, e)
        if not entry.agrees(e):
            entry.record(e)
            return state_of(ENTRY, entry, e, FIRST) or self._second_look(entry, e, sigma)
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
            more = further_steps(entry, e)
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
        entry.extend(fresh_steps(entry, said, self.survey.sigma))
        excuse = state_of(DESIGN, entry, e, FIRST, CONFIRMED)
        if excuse or _explained(entry, said):
            return excuse or OPEN
        # Chords across a kink beside x0 say what neither side of x0 does.
        if any(abs(side.value) + side.bar < abs(said.value) for side in entry.sides()):
            return OPEN
        # A ladder that is too blurred to contradict them still has to side with them, and where
        # their rows cross the jumps of all entries it has to tell by itself.
        e, _ = self.survey.estimate(entry.ladder, entry.fine)
        sides = abs(e.value - said.value) < abs(e.value)
        tells = not self.survey.noisier_than_rounding or suspicious(e, entry.allowed, 1.0)
        return state_of(DESIGN, entry, said, LAST) or (FAIL if sides and tells else OPEN)

    def _second_look(self, entry: Entry, first: Estimate, sigma: float) -> str:
        """Return the state of an entry that one ladder convicts."""
        for _ in range(_LOOKS):
            again = entry.at(fresh_steps(entry, first, sigma))
            sigma = max(sigma, entry.noise_of(again))
            flagged = Flagged.of(ENTRY, entry, first, again)
            # A noise measured too low must not convict, nor one so high that fine steps are blind.
            cautious = max(sigma, noise_level(flagged.ladders, self.survey.floor, together=2))
            noises = dict.fromkeys([cautious, sigma])
            found = judged(flagged, noises, entry.estimate, entry.allowed)
            one, two = found.looks
            if found.confirmed or not two.step < one.step:
                return told(entry, found)
            # A pole or a kink was too near: what finer steps say goes before.
            entry.ladder = entry.ladder.joined(again)
            first, sigma = self._measured(entry)
            if first is NOTHING:
                return OPEN
            entry.record(first)
            if entry.agrees(first):
                return PASS if entry.seen(first) else OPEN
        return OPEN


def _at_edge_of_domain(entry: Entry) -> str:
    """Return the state of an entry that can move to one side only."""
    survey = entry.survey
    noise = entry.noise_of(entry.ladder)
    sides = survey.sides(entry.ladder, noise)
    e = min(sides, key=lambda side: side.bar)
    if e is NOTHING:
        return OPEN
    entry.record(e)
    if suspicious(e, entry.allowed, 2 * DOUBT):  # there is no other side to look at again
        return state_of(EDGE, entry, e, CONFIRMED) or FAIL
    if not entry.passes(e):
        e = survey.precision.edge(entry.ladder, noise)
    if entry.passes(e):
        entry.record(e)
        entry.remark("func is defined on one side of x0 only")
        return PASS
    return OPEN


def _explained(entry: Entry, e: Estimate) -> bool:
    """
    Tell whether the claim explains the finest rung better than noise allows.

    On both sides, to a sixteenth: by chance in one of 400 cases. Where func stands still, only if
    its rounding would let the error of an estimate be seen there.
    """
    survey, rungs = entry.survey, entry.ladder.both()
    if not rungs.h.size:
        return False
    shown = abs(e.value) * rungs.h[-1] > SEEN * survey.rounding
    left = max(abs(rungs.up[-1]), abs(rungs.down[-1]))
    moved = shown or bool(rungs.changes[:, -1].all())
    return moved and bool(left < survey.sigma / 16)
