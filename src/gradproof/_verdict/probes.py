"""What is measured of a claim that failed, so that its mistake can be named."""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from .._diagnosis.evidence import Sum
from .._diagnosis.fields import Field
from .._lines.findings import Findings
from .._lines.survey import Survey
from .._numerics.blocks import LONG, product, single_weights
from .._numerics.rungs import NOISE, TRUNCATION, Rungs
from .._numerics.scales import rms
from .._vectors.layout import Leaf

#: Entries of a leaf that are measured at first: the ends of each axis and their middle, 3 x 3 of a
#: matrix, which show what is the same along an axis.
_ENDS = 3
#: From this share of machine epsilons on a claim is far coarser than func's values.
_COARSE = 16.0
#: By how much the bar of the sharpest of many windows may be too short: it is the luckiest one. A
#: sum that is to refute a hypothesis at twelve digits has some to spare.
_LUCK = 4.0


@dataclass
class Probes:
    """
    Measures entries and sums of entries, each by a difference or two, in the user's units.

    Attributes
    ----------
    survey : Survey
        The problem.
    findings : Findings
        What is known of entries.
    claimed : ndarray of shape (n,)
        The claim.
    limit : float
        The number of calls of func after which nothing more is measured.
    coarse : float
        Machine epsilon of the coarsest dtype involved.
    """

    survey: Survey
    findings: Findings
    claimed: np.ndarray
    limit: float
    coarse: float
    error: dict[int, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        survey, found = self.survey, self.findings
        lines = [line for line in survey.lines if line[0].size == survey.g.size]
        self.lines = lines or self._again()
        steps, smooth = survey.first_steps(self.lines)
        if self.coarse > _COARSE * survey.eps:
            steps = self._one_step(smooth) or steps
        self.steps = np.array(steps, dtype=float)
        # Up to the step `smooth` a line leaves an eighth of rtol, growing with its square.
        self.leaves = TRUNCATION * survey.rtol / 8 * (self.steps[-1] / smooth) ** 2
        known = getattr(found.error, "other", None)
        places = range(found.state.size) if known is None else list(known)
        for i in places:
            e, bar = float(found.error[i]), float(found.truncation[i] + found.noise[i])
            if math.isfinite(e) and math.isfinite(bar):
                self.error[int(i)] = e, _LUCK * bar + float(survey.claim_rounding[i])

    def _one_step(self, smooth: float) -> list[float]:
        """
        Return the step at which noise and truncation together are least, if that is enough.

        A claim that is rounded far more coarsely than func's values does not need two.
        """
        survey = self.survey
        noise = NOISE * math.sqrt(0.5) * survey.sigma
        bend = TRUNCATION * survey.rtol / 8 * survey.typical / smooth**2
        if not (noise > 0 and bend > 0):
            return []
        step = min((noise / (2 * bend)) ** (1 / 3), survey.steps.top)
        enough = noise / step + bend * step**2 <= self.coarse * survey.typical
        return [float(step)] if enough else []

    def _again(self) -> list[tuple[np.ndarray, Rungs]]:
        """Return the first line with its weights, which were dropped: they are drawn once more."""
        survey = self.survey
        rng = survey.rng.new("aligned line")
        if survey.g.size > LONG:
            weights = single_weights(survey.g.size, rng)
            weights = np.where(survey.g != 0, np.copysign(weights, survey.g), weights)
        else:
            signs = 2.0 * rng.integers(2, size=survey.g.size) - 1.0
            np.copyto(signs, np.sign(survey.g), where=survey.g != 0)
            weights = rng.uniform(1, 2, survey.g.size) * signs
        return [(weights, survey.lines[0][1])]

    @cached_property
    def _ordinary(self) -> np.ndarray:
        """Moves of each entry that are those of typical ones of its leaf, at least."""
        moves = np.array(self.survey.move, dtype=float)
        for part in self.survey.scalar.parts:
            moves[part] = np.maximum(moves[part], rms(moves[part]))
        return moves

    @property
    def left(self) -> float:
        """Number of calls that may still be made."""
        scalar = self.survey.scalar
        return min(self.limit - scalar.nfev, scalar.left()) / scalar.values.cost

    def measure(self, i: int) -> bool:
        """Measure an entry, if it is not known; tell whether that was possible."""
        if i in self.error:
            return True
        survey = self.survey
        if self.left < 2 * self.steps.size:
            return False
        rungs = survey.scalar.entry_ladder(survey.g, i, float(survey.move[i]), self.steps).both()
        if not rungs.h.size:
            self.error[i] = math.nan, math.inf
            return True
        scale = float(survey.scales.material[i])
        e, bar = self._of(rungs, scale)
        self.error[i] = e, bar + float(survey.claim_rounding[i])
        return True

    def near(self, displacement: np.ndarray) -> np.ndarray | None:
        """Return the claim at a displaced point, in the user's units; None if there is none."""
        found = self.survey.near.there(displacement)
        return None if found is None else np.asarray(np.ldexp(found, self.survey.exponent))

    def _of(self, rungs: Rungs, scale: float) -> tuple[float, float]:
        """Return the error that rungs show, and its bar."""
        noise = NOISE * math.sqrt(0.5) * float(rungs.spread(self.survey.sigma)[-1] / rungs.h[-1])
        e = float(rungs.error[-1])
        truncation = self.leaves * scale
        if rungs.h.size > 1:
            truncation = abs(float(rungs.error[0]) - e)
        return e, truncation + noise

    def along(self, direction: np.ndarray) -> tuple[float, float] | None:
        """Return the claim's error along a direction, in the user's units, and its bar."""
        survey = self.survey
        # In moves of ordinary size: an entry that is near 0 need not stay there.
        top = float(np.max(np.abs(direction / self._ordinary), initial=0.0))
        if not (top > 0 and math.isfinite(top)):
            return None
        # As far as on the lines through all entries, and finer once: the two tell what bends func.
        ratio = survey.steps.ratio
        steps = np.array([self.smooth, self.smooth / ratio, self.smooth / ratio**2])
        if self.left < 2 * steps.size:
            return None
        rungs = survey.scalar.ladder(survey.g, direction / top, steps)
        e, _ = survey.estimate(rungs, 0.0)
        if not math.isfinite(e.value):
            return None
        value, bar = (float(np.ldexp(v * top, survey.exponent)) for v in (e.value, _LUCK * e.bar))
        return value, bar + self._rounding(direction)

    def _rounding(self, direction: np.ndarray) -> float:
        """Return what the roundings of the claim may add up to along a direction."""
        total, root = self.survey.rounding_along(direction / self.survey.move)
        return float(np.ldexp(min(total, 2 * root), self.survey.exponent))

    @property
    def smooth(self) -> float:
        """The largest step of a line, in moves, from which its extrapolation starts."""
        sharp, _ = self.survey.estimate(self.lines[0][1], 0.0)
        step = sharp.step if math.isfinite(sharp.step) else float(self.steps[-1])
        return float(min(step * self.survey.steps.ratio**2, self.survey.steps.top))

    def known(self) -> list[Sum]:
        """Return the sums that were measured along lines through all entries."""
        survey, found = self.survey, []
        for weights, rungs in self.lines:
            e, _ = survey.estimate(rungs, 0.0)
            if not math.isfinite(e.value):
                continue
            value, bar = (np.ldexp(v, survey.exponent) for v in (e.value, _LUCK * e.bar))
            direction = np.asarray(product(weights, survey.move), dtype=float)
            if survey.scalar.point.fixed is not None:
                direction = np.where(survey.scalar.point.fixed, 0.0, direction)
            found.append((direction, float(value), float(bar) + self._rounding(direction)))
        leaves = survey.scalar.values.point.leaves
        return [
            Sum(split(leaves, direction), np.array([value]), np.array([bar]))
            for direction, value, bar in found
        ]

    def field(self, leaf: Leaf, name: str, beside: tuple[Any, ...]) -> Field:
        """Return what is known of a leaf, in the user's units."""
        survey = self.survey
        where = np.array(
            sorted(i for i in self.error if leaf.where.start <= i < leaf.where.stop), dtype=int
        )
        with np.errstate(all="ignore"):  # beyond the largest number nothing is known
            unit = np.ldexp(1 / survey.move[where].astype(float), survey.exponent)
            e, bar = np.array([self.error[int(i)] for i in where]).reshape(-1, 2).T * unit
        there = np.isfinite(e) & np.isfinite(bar)
        where, e, bar = where[there], e[there], bar[there]
        shape = leaf_shape(leaf)
        return Field(
            name=name,
            claimed=self.claimed[leaf.where].reshape(shape),
            where=where - leaf.where.start,
            measured=self.claimed[where] + e,
            bar=bar,
            slack=8 * self.coarse,
            rounding=2 * self.coarse,
            batch=int(leaf.complex),
            complex=leaf.complex,
            beside=beside,
        )


def leaf_shape(leaf: Leaf) -> tuple[int, ...]:
    """Return the shape of the real numbers of a leaf: both parts of a complex one."""
    return (2, *leaf.shape) if leaf.complex else leaf.shape


def split(leaves: Any, direction: np.ndarray) -> dict[int, np.ndarray]:
    """Return a direction leaf by leaf, those along which it does not lead left out."""
    parts = {}
    for k, leaf in enumerate(leaves):
        own = direction[leaf.where].reshape(leaf_shape(leaf))
        if own.any():
            parts[k] = own
    return parts


def places(shape: tuple[int, ...], count: int, rng: np.random.Generator) -> list[int]:
    """
    Return entries of a leaf to look at: a grid of ends and middles, then at random.

    Parameters
    ----------
    shape : tuple of int
        Of the leaf.
    count : int
        How many at most.
    rng : Generator
        For those at random.
    """
    size = math.prod(shape)
    if size <= count:
        return list(range(size))
    grid: list[int] = []
    axes = [sorted({0, n - 1, int(rng.integers(n))} if n > _ENDS else range(n)) for n in shape]
    # Of many axes the last two: the others at random places.
    for extra in range(len(axes) - 2):
        axes[extra] = [axes[extra][int(rng.integers(len(axes[extra])))]]
    mesh = np.meshgrid(*axes, indexing="ij")
    grid = np.ravel_multi_index([m.ravel() for m in mesh], shape).tolist() if shape else [0]
    grid = grid[: max(count - count // 3, 1)]
    chosen = dict.fromkeys(grid)
    while len(chosen) < count:
        chosen[int(rng.integers(size))] = None
    return list(chosen)
