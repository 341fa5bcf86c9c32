"""What one direction through many entries shows: a short ladder along it, longer where needed."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._evaluation.outcomes import BudgetSpent
from .._numerics.blocks import half_weights, norm, product
from .._numerics.extrapolation import NOTHING, Estimate
from .._numerics.least_squares import pooled
from .._numerics.noise import noise_level
from .._numerics.rungs import NOISE, Rungs
from .evidence import DOUBT
from .survey import Survey

#: An error to be seen, the size of the claim along a direction, and what moved.
Aim = tuple[float, float, Any]
#: Steps, as shares of the largest, at which the claim is integrated: few, since noise falls with
#: them, and one of half of it, by which what the integral leaves would be 1/64 of the error.
_FAR = np.array([1.0, 0.88, 0.77, 0.5])
#: The most times that a step is halved since the integral of the claim is in doubt.
_HALVINGS = 4
#: The rungs of a short ladder.
RUNGS = 3
#: Root mean square of weights between 1 and 2.
_TYPICAL = 1.53
#: A value of func that keeps its rounding adds no noise. One that moves by less than that changes
#: seldom, then by a unit in the last place, three times what is reckoned with; and of many that may
#: change none does in one of ``exp(9)`` cases where nine are expected to.
_FLIP, _UNSEEN = 3.0, 9.0


@dataclass(frozen=True)
class Measured:
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
    share : float
        The share of func's noise that it has: some of its values did not change at all.
    needed : bool
        Whether a pass must have resolved it; else it is there for what else it shows.
    integrated, doubt : float
        The largest step at which the claim is integrated along it, 0 if it is not, and in how much
        doubt that leaves it.
    part : list or str
        Rows, with a number for each, that moved as claimed; or how entries moved otherwise.
    """

    weights: np.ndarray
    rungs: Rungs
    e: Estimate
    common: float
    scale: float
    visible: float
    state: str = ""
    share: float = 1.0
    needed: bool = True
    integrated: float = 0.0
    doubt: float = 0.0
    part: Any = ""

    @property
    def resolved(self) -> bool:
        """Whether an error that must be seen would have been."""
        if not self.needed:
            return self.seen <= self.visible
        return abs(self.e.value) + self.e.bar + self.common <= max(self.visible, 2 * self.common)

    @property
    def seen(self) -> float:
        """The smallest error of entries of weight 1 that is surely followed, in their moves."""
        # Beyond `common` and twice the bar it is followed; the bar once more, since noise may
        # hide it.
        return abs(self.e.value) + self.common + (DOUBT + 1) * self.e.bar


class Measurements:
    """
    Measures the claim's error along directions.

    Parameters
    ----------
    survey : Survey
        The problem.
    base : Rungs
        The ladder along the claim, which tells what steps are good.
    """

    def __init__(self, survey: Survey, base: Rungs) -> None:
        self.survey, self.base = survey, base

    def random(self, *, short: bool = False, known: Rungs | None = None) -> Measured:
        """
        Look along a random direction in which all entries move.

        Parameters
        ----------
        short : bool
            Whether to look by few steps only.
        known : Rungs, optional
            What these have shown.
        """
        survey = self.survey
        n = survey.g.size
        # Where noise is a quarter of what must be seen.
        visible = survey.res * _TYPICAL * norm(n, survey.scales.resolved.__getitem__)
        steps = self._steps(visible)
        weights = half_weights(n, survey.rng("directions"))
        measured = (
            self._at(weights, steps, None) if known is None else self.measured(weights, known)
        )
        return measured if short else self.lengthened(measured)

    def along(
        self, weights: np.ndarray, visible: float, scale: float = 0.0, part: Any = ""
    ) -> Measured:
        """
        Look along a direction that follows the claim, for an error of a size.

        Parameters
        ----------
        weights : ndarray of shape (n,)
            Of the moves.
        visible : float
            The error.
        scale : float
            What the claim adds up to along the direction, if that is more than random signs make.
            The roundings of its last operations, which entries may have in common, are a share.
        part : object
            Kept with the result.
        """
        aim = visible, scale, part
        measured = self._at(weights, self._steps(visible), aim)
        if not measured.resolved and self.survey.precision.designs:
            measured = self._integrated(measured)
            if measured.integrated:
                return measured
        return self.lengthened(measured, aim)

    def _steps(self, visible: float) -> np.ndarray:
        """Return the steps of a short ladder at which noise is a quarter of an error, or less."""
        survey = self.survey
        sharp, _ = survey.estimate(self.base, 0.0)
        last = float(self.base.h[-1]) if sharp is NOTHING else sharp.step
        ratio = survey.steps.ratio
        last = max(last, 4 * NOISE * math.sqrt(0.5) * survey.sigma / max(visible, 1e-300))
        steps = min(last * ratio ** (RUNGS - 1), survey.steps.top) / ratio ** np.arange(RUNGS)
        # A random factor, so that no function is resonant with the steps.
        return np.asarray(steps * 2 ** survey.rng("steps of directions").uniform(-0.5, 0.0))

    def _at(self, weights: np.ndarray, steps: np.ndarray, aim: Aim | None) -> Measured:
        survey = self.survey
        if survey.scalar.left() < 2 * RUNGS:
            raise BudgetSpent
        rungs = survey.scalar.ladder(survey.g, product(weights, survey.move), steps)
        return self.measured(weights, rungs, aim)

    def lengthened(self, measured: Measured, aim: Aim | None = None) -> Measured:
        """Return a direction by more steps, if it is not resolved."""
        survey, ratio = self.survey, self.survey.steps.ratio
        weights, rungs = measured.weights, measured.rungs
        direction = product(weights, survey.move)
        for _ in range(2):
            if measured.resolved:
                break
            noisy = measured.e is not NOTHING and measured.e.noise > measured.e.truncation
            more = min(rungs.h[0] * ratio**4, survey.steps.top) / np.array([1.0, ratio])
            if not noisy or more[1] <= 1.1 * rungs.h[0]:
                more = rungs.h[-1] / ratio ** np.array([1.0, 2.0])
            rungs = rungs.joined(survey.scalar.ladder(survey.g, direction, more))
            measured = self.measured(weights, rungs, aim)
        return measured

    def _integrated(self, measured: Measured) -> Measured:
        """Return a line along which the claim is integrated, at large steps, if that shows more."""
        survey, direction = self.survey, product(measured.weights, self.survey.move)
        step = survey.steps.top * survey.rng("integrals").uniform(0.9, 1.0)
        for _ in range(_HALVINGS):
            # Asked of the claim alone: how far its integral can be trusted.
            doubt = survey.near.doubt(step * direction) / step
            if doubt <= measured.visible / 8:
                break
            step /= 2
        else:
            return measured
        rungs = self._far(direction, step)
        better = replace(
            measured, rungs=rungs, share=_share(survey, rungs), integrated=step, doubt=doubt
        )
        better = replace(better, e=self.estimate(better, rungs, 0.0))
        return better if better.seen < measured.seen else measured

    def _far(self, direction: np.ndarray, step: float) -> Rungs:
        survey = self.survey
        if survey.scalar.left() < 2 * _FAR.size:
            raise BudgetSpent
        return survey.near.between(
            survey.scalar.ladder(survey.g, direction, step * _FAR), direction
        )

    def again(self, measured: Measured) -> Rungs:
        """Return another ladder along a direction, without a common step."""
        if measured.integrated:
            direction = product(measured.weights, self.survey.move)
            return self._far(direction, 0.93 * measured.integrated)
        return self.near(measured)

    def near(self, measured: Measured) -> Rungs:
        """Return a ladder down to fine steps, with the claim as it is at x0."""
        survey, direction = self.survey, product(measured.weights, self.survey.move)
        steps = self.base.h / np.sqrt(self.base.h[0] / self.base.h[1])
        if survey.scalar.left() < 2 * steps.size:
            raise BudgetSpent
        return survey.scalar.ladder(survey.g, direction, steps)

    def measured(self, weights: np.ndarray, rungs: Rungs, aim: Aim | None = None) -> Measured:
        """Return what rungs along a direction show."""
        survey = self.survey
        scale, seen = survey.size_along(weights), survey.size_along(weights, "resolved")
        # The roundings of the claim add up like noise, but for a share that they have in common.
        total, root = survey.rounding_along(weights)
        common = 2 * root + 2 * survey.eps * scale
        if survey.precision.designs and not survey.g.any():
            # A gradient left out adds up along its own signs, as no random direction shows where
            # digits are few: less has to be seen of a func of few values, to each of which all
            # entries add.
            n, m = survey.g.size, survey.scalar.weights.size
            seen *= float(np.sqrt(min(m, n) / n))
        measured = Measured(weights, rungs, NOTHING, min(total, common), scale, survey.res * seen)
        if aim is not None:
            visible, along, part = aim
            common = min(total, root + 2 * survey.eps * max(scale, along))
            measured = replace(measured, visible=visible, needed=False, share=_share(survey, rungs))
            measured = replace(measured, common=common, scale=max(scale, along), part=part)
        return replace(measured, e=self.estimate(measured, rungs, 0.0))

    def estimate(
        self, measured: Measured, rungs: Rungs, fine: float, sigma: float | None = None
    ) -> Estimate:
        """Return the claim's error along a direction that has its share of the noise."""
        sigma = self.survey.sigma if sigma is None else sigma
        if measured.share < 1:
            sigma, rungs = (
                sigma * measured.share,
                replace(rungs, rounding=rungs.rounding * measured.share),
            )
        if not measured.integrated:
            return self.survey.estimate(rungs, fine, sigma)[0]
        e = pooled(rungs, sigma)
        return replace(e, truncation=e.truncation + measured.doubt)

    def noise(self, ladders: list[Rungs]) -> float:
        """Return the noise of func, measured cautiously: too little of it must not convict."""
        survey = self.survey
        return max(survey.sigma, noise_level([self.base, *ladders], survey.floor, together=2))


def _share(survey: Survey, rungs: Rungs) -> float:
    if rungs.changed is None:
        return 1.0
    changed = float(np.max(rungs.changed, initial=0.0))
    unseen = _UNSEEN / survey.scalar.weights.size
    return min(1.0, _FLIP * math.sqrt(changed**2 + unseen))
