"""The claim's error in part of the entries, weighed along one direction through x0."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .._lines.survey import Survey
from .._numerics.blocks import product
from .._numerics.extrapolation import weights_at_zero
from .._numerics.rungs import NOISE, Rungs
from .._report.places import Box, of_box

#: The most pairs of evaluations that one weighing extrapolates from.
_PAIRS = 3
#: Steps are taken this much smaller than where noise and truncation were seen to be equal: noise is
#: the same for all parts, but the truncation of one random direction may be small by luck.
_UNDERSHOOT = 2.0
#: The most repetitions that average noise.
_REPEATS = 16


def size_of(box: Box) -> int:
    """Return the number of entries in a box."""
    return math.prod(stop - start for start, stop in box)


def shape_of(survey: Survey) -> tuple[int, ...]:
    """Return the shape of x0."""
    return survey.scalar.shape


def one_of(i: int, shape: tuple[int, ...]) -> Box:
    """Return the box of one entry."""
    return tuple((int(k), int(k) + 1) for k in np.unravel_index(i, shape))


def within(box: Box, other: Box) -> bool:
    """Tell whether a box is part of another, larger one."""
    inside = all(a >= c and b <= d for (a, b), (c, d) in zip(box, other, strict=True))
    return inside and box != other


def place_of(box: Box, survey: Survey) -> str:
    """Return the words for a box: of each leaf the index, as NumPy writes it."""
    return of_box(box, survey.scalar.values.point.leaves, shape_of(survey))


@dataclass(frozen=True)
class Level:
    """
    One way of weighing.

    Attributes
    ----------
    steps, weights : ndarray of shape (k,)
        Of the pairs of evaluations, and what the extrapolation multiplies them with.
    noise, truncation : float
        Standard deviation of the result, and what the extrapolation leaves out, for all entries.
    """

    steps: np.ndarray
    weights: np.ndarray
    noise: float
    truncation: float


def levels(rungs: Rungs, value: float, sigma: float, known: Sequence[Level] = ()) -> list[Level]:
    """
    Return, for one pair of evaluations, two and three, the steps that weigh best.

    Parameters
    ----------
    rungs : Rungs
        A full ladder along the direction.
    value : float
        The best estimate that it gives, of what is to be weighed.
    sigma : float
        Noise of func.
    known : sequence of Level
        What is known of truncation along other directions.
    """
    rungs = rungs.both()
    h, error, found = rungs.h, rungs.error, []
    for pairs in range(1, _PAIRS + 1):
        best = None
        previous = np.inf
        for j in range(h.size - pairs + 1):
            part = slice(j, j + pairs)
            weights = weights_at_zero(h[part] ** 2)
            noise = sigma * np.sqrt(0.5) * float(np.linalg.norm(weights / h[part]))
            seen = abs(float(weights @ error[part]) - value)
            # Truncation falls like h**(2 pairs): where it vanishes, the coarser step knows better.
            fall = (h[j] / h[j - 1]) ** (2 * pairs) if j else 0.0
            truncation = max(seen, previous * fall, _elsewhere(known, pairs, h[j]))
            previous = seen
            if best is None or np.hypot(noise, truncation) < np.hypot(best.noise, best.truncation):
                best = Level(h[part], weights, noise, truncation)
        if best is not None:
            found.append(
                Level(
                    best.steps / _UNDERSHOOT,
                    best.weights,
                    best.noise * _UNDERSHOOT,
                    4 * max(best.truncation, best.noise) / _UNDERSHOOT ** (2 * pairs),
                )
            )
    return found


def _elsewhere(known: Sequence[Level], pairs: int, step: float) -> float:
    """Return the truncation that other directions have at a step, as `levels` reckons with it."""
    alike = (level for level in known if level.steps.size == pairs)
    return max(
        (level.truncation / 4 * (step / level.steps[0]) ** (2 * pairs) for level in alike),
        default=0.0,
    )


class Balance:
    """
    Weighs the claim's error in boxes of entries.

    One direction serves all weighings: what a box holds is what its halves hold.

    Parameters
    ----------
    survey : Survey
        The problem.
    weights : ndarray of shape (n,)
        Of the moves along the direction.
    rungs : Rungs
        A full ladder along it.
    value, common : float
        The claim's error along it, and what the roundings of a right claim may add up to.
    aligned : Sequence of Level
        What is known of the line along the claim, where this is a random direction. Along that,
        truncation may be small by luck; it is that line's, but adds up like the root of the number.

    Attributes
    ----------
    shape : tuple of int
        That of x0.
    known : list of Box
        What is wrong for sure, and stays where it is from now on.
    """

    def __init__(
        self,
        survey: Survey,
        weights: np.ndarray,
        rungs: Rungs,
        value: float,
        common: float,
        aligned: Sequence[Level] = (),
    ) -> None:
        self.survey, self.weights, self.common = survey, weights, common
        # As it was measured: the product of very many numbers is in single precision.
        self.direction = product(weights, survey.move)
        self.shape = shape_of(survey)
        root = math.sqrt(weights.size)
        known = [replace(level, truncation=level.truncation / root) for level in aligned]
        self.levels = levels(rungs, value, survey.sigma, known)
        self.known: list[Box] = []

    @property
    def whole(self) -> Box:
        """All entries."""
        return tuple((0, length) for length in self.shape)

    def rounding(self, box: Box) -> float:
        """Return what the roundings of a right claim may add up to in a box."""
        return self.common * math.sqrt(size_of(box) / self.weights.size)

    def spread(self, box: Box, level: Level) -> float:
        """Return the uncertainty of a weighing."""
        growth, share = self.growth(box, level), size_of(box) / self.weights.size
        power = 2 * level.steps.size
        # Random signs: truncation adds up like the root of the number.
        return float(
            np.hypot(level.noise / growth, level.truncation * growth**power * math.sqrt(share))
        )

    def growth(self, box: Box, level: Level) -> float:
        """Return by how much larger the steps are in a box, where truncation is less."""
        share, power = size_of(box) / self.weights.size, 2 * level.steps.size
        room = max(self.survey.steps.top / float(level.steps[0]), 1.0)
        return float(min(share ** (-0.5 / (power + 1)), room))

    def steps_of(self, box: Box, error: float) -> np.ndarray:
        """Return the steps of a short ladder for a box alone, in which an error was seen."""
        survey, steps, (level, *_) = self.survey, self.survey.steps, self.levels
        coarser = min(float(level.steps[0]) * self.growth(box, level), steps.top)
        noise = NOISE * math.sqrt(0.5) * survey.sigma * steps.ratio / coarser
        if noise <= survey.rtol * abs(error) / 4:
            return np.array([coarser, coarser / steps.ratio])
        return np.asarray(steps.top / steps.ratio ** np.arange(3.0))

    def cheapest(self, box: Box, good: float, enough: float) -> tuple[Level, int]:
        """Return the level and the repetitions that weigh a box to `good`, or else to `enough`."""
        for level in self.levels:
            if self.spread(box, level) <= good:
                return level, 1
        options = []
        for level in self.levels:
            excess = min(self.spread(box, level) / max(enough, 1e-300), float(_REPEATS))
            options.append((level, min(max(1, math.ceil(excess**2)), _REPEATS)))
        return min(options, key=lambda option: option[1] * option[0].steps.size)

    def weigh(
        self, box: Box, level: Level, times: int = 1, shares: np.ndarray | None = None
    ) -> tuple[float, float]:
        """Return the error in a box, with its uncertainty; each entry counts with its share."""
        direction = np.zeros(self.weights.size)
        inside = tuple(slice(*ends) for ends in box)
        view = direction.reshape(self.shape)
        view[inside] = self.direction.reshape(self.shape)[inside]
        if shares is not None:
            view[inside] *= shares
        for known in self.known:
            view[tuple(slice(*ends) for ends in known)] = 0.0
        steps = level.steps * self.growth(box, level)
        # Other steps each time: at the same ones, rounding would be the same.
        results = [self._slope(direction, steps * 0.93**k, level.weights) for k in range(times)]
        return float(np.mean(results)), self.spread(box, level) / math.sqrt(times)

    def _slope(self, direction: np.ndarray, steps: np.ndarray, weights: np.ndarray) -> float:
        survey, result = self.survey, 0.0
        for step, weight in zip(steps, weights, strict=True):
            f_up, up = survey.scalar.at(step * direction)
            f_down, down = survey.scalar.at(-step * direction)
            up -= down
            result += weight * (f_up - f_down - float(survey.g @ up)) / (2 * step)
        return result

    def digits(self, length: int, cells: float) -> Iterator[tuple[int, int, np.ndarray]]:
        """Return the digits of a position: what one counts, the base, and a share for each."""
        count = max(1, math.ceil(math.log(length) / math.log(cells) - 1e-9))
        base = max(2, math.ceil(length ** (1 / count) - 1e-9))
        for k in reversed(range(count)):
            yield base**k, base, np.arange(length) // base**k % base / (base - 1)
