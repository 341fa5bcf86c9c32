"""
An error along the claim that is traced to its entries at once, before any second look.

A wrong entry that is named has been looked at twice: along the claim, together with all the others,
and alone. Where such entries explain what two directions through all of them show, no more
directions are needed. Where they do not, one of them is looked at once more, or nothing is said.
"""

import copy
from dataclasses import dataclass, replace

import numpy as np

from .._evaluation.outcomes import BudgetSpent
from .._lines.entry import Entry
from .._lines.evidence import DOUBT, confirmed, suspicious
from .._lines.findings import FAIL, OPEN
from .._lines.judgement import CONFIRMED, FIRST, SEARCH, TRACED, Flagged, excepted, state_of
from .._lines.measured import Measured, Measurements
from .._lines.roughness import Roughness
from .._lines.survey import Survey
from .._lines.units import Line
from .._numerics.rungs import NOISE
from .aligned import LOCAL
from .along import Settling, untraced
from .balance import Balance
from .search import CALLS_ALLOWED

#: An error of the whole beyond this is said at once; a smaller one may be that of a part.
_PART = 0.5
#: Calls in vain after which a search gives up of which nothing is borne out by a second look yet:
#: twenty times four find one of a million, and sixteen ask whether errors are everywhere.
_IN_VAIN = 100


def in_part(survey: Survey, line: Line, whole: float) -> bool:
    """
    Tell, by two calls, whether an error along the claim is that of a part of the entries.

    Each axis is cut in five, and two of the pieces are left out. Of an error that is everywhere as
    much stays as of the claim, more or less; of that of a row, a column, a block all or nothing.
    """
    weights, rungs = line
    if whole > _PART or not survey.g.any() or survey.scalar.left() < 2:
        return False
    e, _ = survey.estimate(rungs, 0.0)
    balance = Balance(survey, weights, rungs, e.value, 0.0)
    shares = np.zeros(balance.shape)
    for axis, length in enumerate(balance.shape):
        pieces = survey.rng("balance").permutation(np.array([0.0, 0.0, 1.0, 1.0, 1.0]))
        along = [1] * len(balance.shape)
        along[axis] = length
        shares += pieces[np.arange(length) * 5 // length].reshape(along) / len(balance.shape)
    claim = np.abs(weights * survey.scales.claim)
    expected = float(shares.ravel() @ claim) / float(claim.sum())
    error, spread = balance.weigh(balance.whole, balance.levels[0], 1, shares)
    return abs(error / e.value - expected) > 0.1 + NOISE * spread / abs(e.value)


@dataclass
class Tracing(Settling):
    """
    What is done where the line along the claim is off, before anything else is measured.

    Attributes
    ----------
    short : Measured, optional
        A random direction that was measured for it.
    throughout : bool
        Whether the error was seen to be everywhere.
    """

    short: Measured | None = None
    throughout: bool = False

    def traced(self, line: Line) -> list[Measured]:
        """Return directions with what is left of their errors, if entries were found; else none."""
        survey, found = self.survey, self.findings
        if survey.precision.designs:  # which see no single entry of many
            return []
        sigma, rng, remarks = survey.sigma, survey.rng, len(found.remarks)
        survey.rng = copy.deepcopy(rng)  # so that nothing that follows depends on what is drawn
        self.looks = Measurements(survey, line[1])
        survey.sigma = self.looks.noise([])
        settled: list[Measured] = []
        try:
            if self._is_local(line):
                settled = self._traced(line)
        except BudgetSpent:
            settled = []
        if not settled:
            survey.sigma, survey.rng, survey.roughness = sigma, rng, Roughness()
            del found.remarks[remarks:]
            for i in self.singles:
                found.state[i] = OPEN
            self.singles, self.blocks, self.everywhere = {}, [], ""
        return settled

    def _is_local(self, line: Line) -> bool:
        """Tell whether the claim is off along a line, and may be so in a part of the entries."""
        survey, (weights, rungs) = self.survey, line
        along = self.looks.measured(*line)
        # Less than what matters in an ordinary entry: it is passed, whatever it comes from.
        if not _flagged(along) or abs(along.e.value) <= survey.rtol * survey.typical:
            return False
        claimed = survey.claimed_along(weights)
        scale = claimed or along.scale
        flagged = Flagged(
            TRACED, survey, [rungs], rungs, along.e, claimed, scale, survey.sigma, weights=weights
        )
        if excepted(flagged, FIRST):
            return False
        self.findings.whole = whole = (abs(along.e.value) + along.e.bar) / scale
        self.throughout = whole > LOCAL and not in_part(survey, line, whole)
        return not self.throughout

    def _traced(self, line: Line) -> list[Measured]:
        """Search along a random direction, then along the claim, until both are explained."""
        self.short = self.looks.random(short=True)
        left, done, hasty = [self.short, self.looks.measured(*line)], list[Measured](), True
        while left:
            explained = [self._explained(one) for one in left]
            k = max(range(len(left)), key=lambda k: _flagged(explained[k]))
            root, measured = explained[k], left.pop(k)
            if _flagged(root):
                known = len(self.singles) + len(self.blocks)
                search = self._search(root, _IN_VAIN if hasty else CALLS_ALLOWED, hasty=hasty)
                if self.everywhere:
                    return [root]
                if hasty and search.left and self._stands():
                    left, hasty = [measured, *left], False  # what is left need not be seen twice
                    continue
                self.findings.remarks += untraced(self.survey, root, search.left)
                if search.left or known == len(self.singles) + len(self.blocks):
                    left.append(root)
                    break
                root = replace(root, e=replace(root.e, value=0.0))
            done.append(root)
        wrong = [i for i in self.singles if self.findings.state[i] == FAIL]
        whole = bool(wrong) and len(wrong) == len(self.singles) and not left
        if not (self.blocks or whole or not hasty or self._stands()):
            return []
        return [*done, *(replace(one, state=OPEN) for one in left)]

    def _stands(self) -> bool:
        """Tell whether a look at the entry that is furthest off, at large steps, says the same."""
        wrong = [i for i in self.singles if self.findings.state[i] == FAIL]
        if not wrong:
            return False
        i = max(wrong, key=lambda i: abs(self.singles[i].value))
        steps = self.survey.steps
        entry = Entry(
            self.survey, self.findings, i, steps.top / steps.ratio ** (np.arange(3) + 0.5)
        )
        e = entry.estimate(entry.ladder, self.survey.sigma)
        alike = confirmed(self.survey, self.singles[i], e, entry.allowed)
        return alike and not state_of(SEARCH, entry, e, FIRST, CONFIRMED)


def _flagged(measured: Measured) -> bool:
    return suspicious(measured.e, measured.common, DOUBT)
