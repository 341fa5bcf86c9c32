"""A single entry under examination: its scales, its ladder, and which steps would tell more."""

from dataclasses import InitVar, dataclass, field
from typing import Any

import numpy as np

from .._evaluation.outcomes import BudgetSpent
from .._numerics.extrapolation import NOTHING, Estimate
from .._numerics.noise import noise_bound
from .._numerics.rungs import NOISE, SEEN, Rungs
from .._numerics.scales import rms
from .._vectors.layout import leaf_of
from .evidence import beyond_doubt, suspicious
from .findings import Findings
from .survey import Survey


@dataclass
class Entry:
    """
    One entry of x, moved alone.

    Attributes
    ----------
    survey : Survey
        The problem.
    findings : Findings
        What is known of all entries; updated.
    i : int
        The entry.
    steps : ndarray, optional
        Those of the first ladder.
    material, claim_rounding, claimed : float
        Scale of its errors; what rounding may move its claim by; the size of that.
    allowed, visible, fine : float
        The error that is forgiven; that which must have been visible; a bar that is sharp.
    ladder : Rungs
        What was measured of it so far.
    """

    survey: Survey
    findings: Findings
    i: int
    steps: InitVar[Any] = None
    ladder: Rungs = field(init=False)

    def __post_init__(self, steps: Any) -> None:
        survey, i = self.survey, self.i
        self.material, self.claim_rounding = (
            float(survey.scales.material[i]),
            float(survey.claim_rounding[i]),
        )
        self.claimed = abs(float(survey.scales.claim[i]))
        self.allowed = survey.rtol * self.material + self.claim_rounding
        self.visible = survey.res * float(survey.scales.resolved[i])
        self.fine = survey.rtol * self.material / 4
        self.ladder = self.at(self._first_steps() if steps is None else steps)

    def remark(self, text: str) -> None:
        """Say something of this entry in the report."""
        name = leaf_of(self.survey.scalar.values.point.leaves, self.i).name(self.i)
        self.findings.remarks.append(f"{name or 'the entry'}: {text}")

    def record(self, e: Estimate) -> None:
        """Keep an estimate."""
        self.findings.record(self.i, e)

    @property
    def direction(self) -> np.ndarray:
        """The move of this entry alone."""
        direction = np.zeros_like(self.survey.move)
        direction[self.i] = self.survey.move[self.i]
        return direction

    def at(self, steps: np.ndarray) -> Rungs:
        """Return the rungs at some steps."""
        survey = self.survey
        if survey.scalar.left() < 2 * steps.size:
            raise BudgetSpent
        return survey.scalar.entry_ladder(survey.g, self.i, float(survey.move[self.i]), steps)

    def extend(self, steps: np.ndarray) -> None:
        """Add rungs to the ladder."""
        self.ladder = self.ladder.joined(self.at(steps))

    # --- what an estimate says ---------------------------------------------------------------

    def agrees(self, e: Estimate) -> bool:
        """Tell whether the claim agrees with an estimate."""
        return not suspicious(e, self.allowed, 1.0)

    def seen(self, e: Estimate) -> bool:
        """Tell whether an entry that agrees would have been seen to disagree."""
        return bool(abs(e.value) + e.bar <= self.visible)

    def passes(self, e: Estimate) -> bool:
        """Tell whether an estimate is all that a pass needs."""
        return e is not NOTHING and self.agrees(e) and self.seen(e)

    def explained(self, e: Estimate) -> bool:
        """
        Tell whether the claim explains the finest rung better than noise allows.

        On both sides, to a sixteenth: by chance in one of 400 cases. Where func stands still, only
        if its rounding would let the error of an estimate be seen there.
        """
        survey, rungs = self.survey, self.ladder.both()
        if not rungs.h.size:
            return False
        shown = abs(e.value) * rungs.h[-1] > SEEN * survey.rounding
        left = max(abs(rungs.up[-1]), abs(rungs.down[-1]))
        moved = shown or bool(rungs.changes[:, -1].all())
        return moved and bool(left < survey.sigma / 16)

    def estimate(self, rungs: Rungs, sigma: float) -> Estimate:
        """Return an estimate, sharp enough to tell whether a suspicious one is beyond doubt."""
        e, _ = self.survey.estimate(rungs, self.fine, sigma)
        if e is NOTHING or self.agrees(e) or beyond_doubt(self.survey, e, self.allowed):
            return e
        sharper, _ = self.survey.estimate(rungs, (abs(e.value) - self.allowed) / 3, sigma)
        return sharper

    @property
    def near(self) -> Rungs:
        """The ladder as far as x itself: beyond, what bends func is no kink at x0."""
        return self.ladder.part(self.ladder.h <= 1.5 * self.survey.steps.top)

    def sides(self) -> tuple[Estimate, Estimate]:
        """Return the claim's error on either side of x0."""
        return self.survey.sides(self.near, self.noise_of(self.near))

    def noise_of(self, rungs: Rungs) -> float:
        """
        Return the noise of func on this line, if it is clearly less than on the first ones.

        Those cross n times more kinks, and come n times nearer to the edges of a domain.
        """
        # Standing still is not being without noise, and a few values may agree by chance: "clearly"
        # is four bits.
        survey = self.survey
        bound = noise_bound(rungs, survey.floor)
        return survey.sigma if survey.grain or bound >= survey.sigma / 16 else bound

    # --- steps -------------------------------------------------------------------------------

    def _first_steps(self) -> np.ndarray:
        """Return steps from the top down to where noise hides what must be seen."""
        survey = self.survey
        top, ratio = survey.steps.top, survey.steps.ratio
        visible = max(survey.res * self.material, 1e-300)
        least = min(SEEN * survey.sigma / (np.sqrt(2) * visible), top / ratio**4)
        if survey.scalar.size and self.claimed:  # beside a pole func bends within func / slope
            least = min(least, survey.scalar.size / (16 * self.claimed))
        precision = survey.precision
        least = max(
            least, precision.first_ulps * survey.scalar.x_eps, precision.first_eps * survey.eps
        )
        count = int(np.log(top / least) / np.log(ratio) * (1 + 1e-9)) + 1
        return top * ratio ** -np.arange(float(count))

    def further_steps(self, e: Estimate) -> Any:
        """Return steps that would sharpen an estimate that does not decide; None if none would."""
        survey, ratio = self.survey, self.survey.steps.ratio
        least = survey.precision.least_ulps * survey.scalar.x_eps
        finer = self.ladder.h[-1] / ratio ** np.arange(1.0, 5.0)
        finer = finer[finer >= least]
        if not self.agrees(e) and self._quiet() and finer.size:
            return finer
        decided = (
            abs(e.value) + e.bar <= self.visible
            if self.agrees(e)
            else beyond_doubt(survey, e, self.allowed)
        )
        if decided and e is not NOTHING:
            return None
        if finer.size and (e is NOTHING or self._quiet() or self._bent()):
            return finer
        # Tiny x, x at zero, a linear function in a large sum, an inexact func: larger steps; but
        # not to the trend of a staircase.
        highest, farther = float(self.ladder.h[0]), survey.precision.farther and not survey.grain
        if farther and highest < self._farthest() * survey.steps.top:
            return highest * 2.0 ** np.arange(4.0, 0.0, -1.0)
        return None

    def _farthest(self) -> float:
        """Return how many moves a step may have: as far as x of typical size goes, if x is tiny."""
        scalar = self.survey.scalar
        part = next(part for part in scalar.parts if self.i < part.stop)
        return max(2.0**8, rms(scalar.x[part]) / float(self.survey.move[self.i]))

    def fresh_steps(self, e: Estimate, sigma: float) -> np.ndarray:
        """Return other steps, down to the finest at which noise would let such an error be seen."""
        survey = self.survey
        steps = self.ladder.h / np.sqrt(survey.steps.ratio)
        least = max(SEEN * sigma / (np.sqrt(2) * abs(e.value)), 4 * survey.scalar.x_eps)
        finer = steps[-1] / 4.0 ** np.arange(1.0, 6.0)
        return np.concatenate([steps, finer[finer >= least]])

    def _quiet(self) -> bool:
        """Tell whether the finest rungs agree, or one with the claim, better than noise allows."""
        sigma, rungs = self.survey.sigma, self.ladder.both().part(slice(-2, None))
        if rungs.h.size < 2 or not rungs.changes.any(axis=0).all():
            return False
        apart = min(abs(rungs.error[0] - rungs.error[1]), abs(rungs.error[1])) * rungs.h[1]
        return bool(apart < sigma / 16 and self.noise_of(self.ladder) == sigma)

    def _bent(self) -> bool:
        """Tell whether func is not straight yet at the finest steps: truncation, not noise."""
        rungs = self.ladder.both()
        gaps = np.abs(np.diff(rungs.error))[-3:]
        if gaps.size < 2:
            return True
        beyond_noise = gaps[-1] * rungs.h[-1] > NOISE * self.survey.sigma
        return bool(beyond_noise or (gaps[1:] < gaps[:-1] / 2).all())
