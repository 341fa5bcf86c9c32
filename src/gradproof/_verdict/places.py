"""Entries of an array, by their positions: whether one seems wrong, and how far such ones reach."""

import math
from dataclasses import dataclass

import numpy as np

from .._evaluation.outcomes import BudgetSpent
from .._lines.survey import Survey
from .._numerics.extrapolation import NOTHING, Estimate
from .._numerics.rungs import NOISE
from .._report.places import Box
from .balance import Balance, one_of, size_of

#: Entries of a row to look at beside its two ends.
_RANDOM = 2


@dataclass
class Places:
    """
    The entries of an array that is searched.

    Attributes
    ----------
    survey : Survey
        The problem.
    balance : Balance
        Its shape, and how far entries are moved.
    """

    survey: Survey
    balance: Balance

    def extent(self, place: tuple[int, ...], axis: int) -> tuple[int, int]:
        """Return between which positions along an axis entries are wrong."""
        ends = []
        for way, last in ((-1, 0), (1, self.balance.shape[axis] - 1)):

            def wrong(at: int, way: int = way, last: int = last) -> bool:
                # An entry may be right by chance (a zero): its neighbour is asked as well.
                return any(
                    self.is_wrong(self.flat([*place[:axis], k, *place[axis + 1 :]]))
                    for k in dict.fromkeys((at, at + way if at != last else at))
                )

            inside, outside, stride = place[axis], last + way, 1
            while abs(outside - inside) > 1:
                room = abs(outside - inside)
                known = outside != last + way
                at = inside + way * min(stride, room // 2 if known else room - 1)
                inside, outside = (at, outside) if wrong(at) else (inside, at)
                stride *= 4
            ends.append(inside)
        return ends[0], ends[1] + 1

    def is_wrong(self, i: int) -> bool:
        """Tell, by one difference, whether an entry seems to be wrong."""
        return self.seems_wrong(i, self.look(i))

    def seems_wrong(self, i: int, e: Estimate) -> bool:
        """Tell whether an entry of such an error seems to be wrong."""
        survey = self.survey
        allowed = survey.rtol * float(survey.scales.material[i]) + float(survey.claim_rounding[i])
        return abs(e.value) > allowed + e.noise

    def look(self, i: int) -> Estimate:
        """Return the error of an entry by one difference."""
        survey, level = self.survey, self.balance.levels[0]
        one = one_of(i, self.balance.shape)
        # At this step truncation is an eighth of what is forgiven, if func bends within x.
        step = min(
            float(level.steps[0]) * self.balance.growth(one, level), math.sqrt(survey.rtol / 8)
        )
        if survey.scalar.left() < 2:
            raise BudgetSpent
        unit = float(survey.move[i])
        rungs = survey.scalar.entry_ladder(survey.g, i, unit, np.array([step])).both()
        if not rungs.h.size:
            return NOTHING
        noise = NOISE * survey.sigma * math.sqrt(0.5) / float(rungs.h[0])
        truncation = survey.rtol * float(survey.scales.material[i]) / 8
        return Estimate(float(rungs.error[0]), truncation, noise, step)

    def of_slice(self, box: Box) -> list[int]:
        """Return the ends of a slice of the whole, others at random, and last one beside it."""
        size, rng = size_of(box), self.survey.rng("slices")
        chosen = [0, size - 1, *(int(k) for k in rng.integers(size, size=_RANDOM))]
        axis = next(k for k, ends in enumerate(box) if ends != self.balance.whole[k])
        start = box[axis][1] % self.balance.shape[axis]
        beside = (*box[:axis], (start, start + 1), *box[axis + 1 :])
        entries = dict.fromkeys(self.inside(box, k) for k in chosen)
        return [*entries, self.inside(beside, chosen[-1] % size_of(beside))]

    def flat(self, place: list[int]) -> int:
        return int(np.ravel_multi_index(place, self.balance.shape))

    def inside(self, box: Box, k: int) -> int:
        """Return the flat index of entry `k` of a box."""
        lengths = [stop - start for start, stop in box]
        inside = np.unravel_index(k, lengths)
        return self.flat([start + int(j) for (start, _), j in zip(box, inside, strict=True)])
