"""Each entry by a central difference or two, and what these settle."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._evaluation.outcomes import BudgetSpent
from .._lines.findings import Findings
from .._lines.survey import Survey
from .._lines.sweep import both_ways
from .._numerics.rungs import NOISE
from .._numerics.scales import rms
from .suspects import Entries

#: What a budget that does not reach all entries leaves for the worst suspect: some 60 to 90 calls
#: convict one.
_CONVICTION = 100


@dataclass
class Differences:
    """
    A sweep over the entries.

    Attributes
    ----------
    survey : Survey
        The problem.
    findings : Findings
        Where it says what was measured.
    """

    survey: Survey
    findings: Findings

    def run(self, steps: list[float], leaves: float, entries: Entries) -> None:
        """Measure each entry by a difference or two, then examine what these do not settle."""
        found = self.findings
        seen = np.full((len(steps), 3, found.state.size), np.nan)
        reached = np.zeros(found.state.size, dtype=bool)
        values = self.survey.scalar.values
        values.calls.expect(2 * len(steps) * found.state.size * values.cost)
        try:
            self._central(steps, seen, reached)
        except KeyboardInterrupt:
            found.interrupted = True
        self._settle(steps, leaves, seen)  # what was measured counts, whatever ended it
        if found.interrupted:
            raise BudgetSpent
        entries.examined |= ~reached  # there is nothing to suspect them of
        entries.examine_flagged()
        if not (found.failed or reached.all()):
            raise BudgetSpent

    def _settle(self, steps: list[float], leaves: float, seen: np.ndarray) -> None:
        """Settle the entries that agree and could tell, by one difference or two."""
        survey, found = self.survey, self.findings
        error, curvature, width = seen[-1]
        bends = np.abs(curvature[np.isfinite(curvature) & (curvature != 0)])
        if bends.size >= 8:  # noise is at most what the second differences scatter by
            scatter = 1.5 * float(np.median(bends)) / (0.6745 * np.sqrt(6))
            survey.sigma = max(survey.floor, min(survey.sigma, scatter))
        with np.errstate(all="ignore"):
            noise = NOISE * survey.sigma * np.sqrt(2) / width
            truncation = leaves * survey.scales.material
            if len(seen) > 1:  # less than what the first of two steps differs by
                truncation = np.abs(seen[0, 0] - error)
        usable = np.isfinite(error) & np.isfinite(truncation) & (width > 0)
        found.error[usable], found.noise[usable] = error[usable], noise[usable]
        found.truncation[usable], found.step[usable] = truncation[usable], steps[-1]
        found.settle(
            survey.rtol * survey.scales.material + survey.claim_rounding,
            survey.res * survey.scales.resolved,
        )

    def _typical_x(self) -> np.ndarray:
        """Return, for each entry of x0, the root mean square of its leaf."""
        scalar, typical = self.survey.scalar, np.empty_like(self.survey.move)
        for part in scalar.parts:
            typical[part] = rms(scalar.x[part])
        return typical

    def _central(self, steps: list[float], seen: np.ndarray, reached: np.ndarray) -> None:
        """Measure the claim's error in each entry, the second difference, and the width."""
        survey = self.survey
        lengths = [step * survey.move * self._further() for step in steps]
        for block in both_ways(survey.scalar, lengths, _CONVICTION):
            here, both = slice(block.entries.start, block.entries.stop), block.up - block.down
            with np.errstate(all="ignore"):
                width = both / survey.move[here]
                error = (block.plus - block.minus - survey.g[here] * both) / width
                curvature = block.plus + block.minus - survey.g[here] * (block.up + block.down)
            seen[block.k, :, here] = np.stack([error, curvature, width])
            reached[here] = block.k == len(steps) - 1

    def _further(self) -> Any:
        """Return how much further than others each entry moves."""
        survey = self.survey
        # Where noise would hide a small slope, an entry smaller than the others moves further, by
        # up to a decade: as far as one of typical size does.
        wanted = survey.typical / np.maximum(survey.scales.material, 1e-300)
        others = np.minimum(self._typical_x() / survey.move, 10.0)
        return np.clip(wanted, 1.0, np.maximum(others, 1.0))
