"""A single entry under examination: its scales, and its ladder."""

from dataclasses import InitVar, dataclass, field
from typing import Any

import numpy as np

from .._evaluation.outcomes import BudgetSpent
from .._numerics.extrapolation import NOTHING, Estimate
from .._numerics.noise import noise_bound
from .._numerics.rungs import SEEN, Rungs
from .._vectors.layout import leaf_of
from .evidence import beyond_doubt, suspicious
from .findings import Findings, Looked
from .survey import Survey


def first_steps(survey: Survey, material: float, claimed: float) -> np.ndarray:
    """Return steps from the top down to where noise hides what must be seen of an entry."""
    top, ratio, precision = survey.steps.top, survey.steps.ratio, survey.precision
    visible = max(survey.res * material, 1e-300)
    least = min(SEEN * survey.sigma / (np.sqrt(2) * visible), top / ratio**4)
    if survey.scalar.size and claimed:  # beside a pole func bends within func / slope
        least = min(least, survey.scalar.size / (16 * claimed))
    finest = precision.first_ulps * survey.scalar.x_eps, precision.first_eps * survey.eps
    count = int(np.log(top / max(least, *finest)) / np.log(ratio) * (1 + 1e-9)) + 1
    return top * ratio ** -np.arange(float(count))


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
        self.ladder = self.at(
            first_steps(survey, self.material, self.claimed) if steps is None else steps
        )

    def remark(self, text: str) -> None:
        """Say something of this entry in the report."""
        point = self.survey.scalar.values.point
        name = leaf_of(point.leaves, self.i).name(self.i) or point.base.called("")
        self.findings.remarks.append(f"{name}: {text}")

    def record(self, e: Estimate) -> None:
        """Keep an estimate, and the ladder that it is of."""
        self.findings.record(self.i, e)
        self.findings.show(Looked(self.i, self.ladder, e, self.material))

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
