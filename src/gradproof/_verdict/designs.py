"""Weighing designs: all entries move in every evaluation, and each evaluation tells of all."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._evaluation.outcomes import BudgetSpent
from .._lines.findings import OPEN, Findings
from .._lines.staircases import on_no_step
from .._lines.survey import Survey
from .._numerics.hadamard import DEVIATIONS, hadamard, pseudo_standard_error
from .._numerics.rungs import NOISE
from .._numerics.scales import rms
from .suspects import Entries

#: In half precision, the most calls of func for each entry, and 100 on top, that designs are given:
#: what they do not resolve stays open.
_CALLS = 12
#: The most designs; the least rows of one, for a standard error with eleven values at least; the
#: most suspects that the next one looks at alone.
_MOST, _ROWS, _SUSPECTS = 8, 12, 8
#: The most times that a step is halved because the claim bends too much: from x to a few ulps.
_HALVINGS = 6
#: From this many columns without an entry on, their root mean square is known within a quarter.
_IDLE = 8
#: The share of what must be visible that is left to noise where an entry was not settled with
#: twice of it: then its error, or what the claim leaves in doubt, takes the rest.
_ROOM = 0.25
#: Noise of more than this share of it settles nothing: right entries have errors of their own.
_VAIN = 0.8
#: The most entries of one design: its matrix is dense, and solving it costs their cube.
_BLOCK = 1024


@dataclass
class Designs:
    """
    The look at all entries at once.

    The effects of right entries, and those of columns that stand for no entry, are nothing but
    error and measure it (Lenth): rounding, its quantisation and aliased truncation alike. With
    foldover, so that even terms cancel. Where the claim bends along a line, it is integrated: a
    right claim then explains steps as large as x, and the noise of func counts the less.

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
        survey = self.survey
        self.allowed = survey.rtol * survey.scales.material + survey.claim_rounding
        self.visible = survey.res * survey.scales.resolved
        # A third of the step at which rounding eps / h and truncation h**2 are equal: all entries
        # move at once, and truncation with them.
        self.low, self.top = survey.eps ** (1 / 3) / 3, survey.steps.top
        self.sigma, self.last = survey.sigma, (np.inf, np.inf)
        self.shrink = np.ones(survey.g.size)
        self.effects: list[np.ndarray] = []
        self.weights: list[np.ndarray] = []

    def run(self, limit: float) -> None:
        """Measure until each entry agrees and could have been seen to disagree, or is convicted."""
        survey, found = self.survey, self.findings
        block, top = found.unresolved, self.top
        for _ in range(_MOST):
            if not block.size:
                return
            blocks = -(-block.size // _BLOCK)
            most = (limit - survey.scalar.nfev) / (2 * blocks)
            step, _ = self._plan(block, top, most)
            step, curvature, doubt = self._tamed(step, block)
            _, rows = self._plan(block, step, most)
            if not rows:
                return
            integrate = bool((curvature[block] > self.allowed[block] / 8).any())
            error, idle, still = self._design(step, block, rows, integrate=integrate)
            if not np.isfinite(error).all():  # out of the domain
                self.top = top = step / 4
                if top < 2 * survey.scalar.x_eps:
                    return
                continue
            self._learn(step, block, rows, error, idle, still=still)
            found.truncation[block] = np.maximum(doubt if integrate else curvature, self._apart())[
                block
            ]
            found.step[block] = (step * self.shrink)[block]
            excess = np.abs(found.error) - self.allowed - found.truncation - found.noise
            found.flagged = excess > 0
            found.settle(self.allowed, self.visible)
            found.convicted = self._beyond_doubt()
            if not found.unresolved.size or found.convicted.any():
                return
            once = np.sum(np.array(self.weights) > 0, axis=0) == 1
            suspects = np.flatnonzero(found.flagged & once & (found.state == OPEN))
            if suspects.size:
                # At another step, and alone: kinks and truncation do not scale.
                block = suspects[np.argsort(-excess[suspects])][:_SUSPECTS]
                top = step / 2
            else:
                # Where noise is not what hides an entry, more designs are in vain.
                noisy = found.noise > _ROOM * self.visible
                block, top = np.flatnonzero(noisy & (found.state == OPEN)), self.top

    def _plan(self, block: np.ndarray, top: float, most: float) -> tuple[float, int]:
        """
        Return step and rows of a design: the smallest step that needs no more rows, or more rows.

        Half of what must be visible is left to the bar. A design of ``rows`` pairs has a standard
        error of ``sigma / (step sqrt(2 rows))``, and those before count with their weights. The
        first shows what noise there is, whatever it costs; others only if they are not in vain.
        """
        able = block[self.shrink[block] > _ROOM]
        able = able if able.size else block
        weight = np.sum([w[able] for w in self.weights], axis=0) if self.weights else 0.0
        unit = (DEVIATIONS / (self.visible * self.shrink)[able]) ** 2

        def wanted(share: float, sigma: float) -> float:
            return max(float((unit / share**2 - weight).max()), 0.0) * sigma**2 / 2

        least = hadamard(max(min(block.size, _BLOCK) + 1, _ROWS)).shape[0]
        needed = wanted(_ROOM if self.weights else 2 * _ROOM, self.sigma)
        step = float(np.clip(np.sqrt(needed / least), min(self.low, top), top))
        rows = max(needed / step**2, least)
        hopeful = wanted(_VAIN, min(self.sigma, self.survey.sigma)) / step**2 < most
        if rows > most and (hopeful or not self.weights):
            rows = max(min(rows, 0.9 * most), least)
        if rows > most:
            return step, 0
        return step, hadamard(int(np.ceil(min(rows, 2 * _BLOCK)))).shape[0]

    def _tamed(self, step: float, block: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """
        Return a step at which integrals of the claim can be had, their bend and their doubt.

        Asked of the claim alone. A few entries that are near a pole, a kink or the edge of the
        domain move less than the others.
        """
        survey = self.survey
        self.shrink = np.ones(survey.g.size)
        least = 2 * survey.scalar.x_eps
        for _ in range(_HALVINGS):
            d = step * self.shrink * survey.signs("shrink") * survey.move
            curvature, doubt = survey.near.curvature(d, survey.move)
            rough = doubt[block] > self.visible[block] / 8 + survey.claim_rounding[block]
            if not rough.any():
                break
            if rough.mean() > _ROOM and step > self.low:
                step = max(step / 2, self.low)
            else:
                few = block[rough]
                self.shrink[few] = np.maximum(self.shrink[few] / 2, min(least / step, 1.0))
        return step, curvature, doubt

    def _learn(
        self,
        step: float,
        block: np.ndarray,
        rows: int,
        error: np.ndarray,
        idle: np.ndarray,
        *,
        still: bool,
    ) -> None:
        """Combine a design with those before, and tell noise from truncation by the step."""
        survey, found = self.survey, self.findings
        per_error = step * np.sqrt(2 * rows)
        spread = pseudo_standard_error(np.concatenate([error * self.shrink[block], idle]))
        if idle.size >= _IDLE:  # jumps in a few rows leave most effects, but not their sum, at zero
            spread = max(spread, rms(idle))
        # No less than the rounding of func's result alone; standing still is not to be without it.
        least = survey.sigma if still else survey.floor
        spread = max(spread, least / per_error, 1e-150)  # the square of which is a number
        effect, weight = np.full(survey.g.size, np.nan), np.zeros(survey.g.size)
        effect[block], weight[block] = error, (self.shrink[block] / spread) ** 2
        self.effects.append(effect)
        self.weights.append(weight)
        total = np.sum(self.weights, axis=0)[block]
        found.error[block] = (
            np.nansum(np.multiply(self.effects, self.weights), axis=0)[block] / total
        )
        found.noise[block] = DEVIATIONS / np.sqrt(total)
        seen = spread * per_error
        if step > self.last[0] and seen / step > self.last[1] / self.last[0]:
            self.top = self.last[0]  # a larger step that shows less: truncation, or kinks
        else:
            # More than the line has shown may be noise or truncation: the next design will tell.
            first = len(self.weights) == 1
            self.sigma = float(np.sqrt(seen * self.sigma)) if first else seen
            self.last = step, seen

    def _apart(self) -> Any:
        """Return by how much designs differ, beyond their noise: truncation at different steps."""
        apart = np.abs(np.array(self.effects) - self.findings.error)
        with np.errstate(divide="ignore"):
            noise = DEVIATIONS / np.sqrt(self.weights)
        return np.where(apart > noise, apart, 0.0).max(axis=0)

    def _beyond_doubt(self) -> Any:
        """Tell which entries all designs find off, two at least, and all together far off."""
        found, effects = self.findings, np.array(self.effects)
        measured = ~np.isnan(effects)
        with np.errstate(divide="ignore"):
            noise = NOISE / 2 / np.sqrt(self.weights)
        alike = (effects * found.error > 0) & (np.abs(effects) > self.allowed + noise)
        bar = found.truncation + found.noise * NOISE / DEVIATIONS
        far = np.abs(found.error) > self.allowed + bar
        return far & (measured.sum(axis=0) > 1) & (alike | ~measured).all(axis=0)

    def _design(
        self, step: float, which: np.ndarray, rows: int, *, integrate: bool
    ) -> tuple[np.ndarray, np.ndarray, bool]:
        """
        Return the errors of some entries, and of none, and whether func mostly stood still.

        NaN if func was not finite.
        """
        parts = np.arange(which.size)
        if which.size > _BLOCK:
            parts = self.survey.rng("blocks of designs").permutation(parts)
        error, idle, still = np.empty(which.size), [], []
        for part in np.array_split(parts, -(-which.size // _BLOCK)):
            error[part], none, same = self._block(step, which[part], rows, integrate=integrate)
            idle.append(none)
            still.append(same)
        return error, np.concatenate(idle), all(still)

    def _block(
        self, step: float, block: np.ndarray, rows: int, *, integrate: bool
    ) -> tuple[np.ndarray, np.ndarray, bool]:
        """Return the same for the entries of a block, while the others stay."""
        survey, n = self.survey, block.size
        design = hadamard(rows)
        rows = design.shape[0]
        if survey.scalar.left() < 2 * rows:
            raise BudgetSpent
        rng = survey.rng("designs")
        signs = design[:, rng.permutation(rows)] * rng.choice([-1.0, 1.0], rows)
        signs *= rng.choice([-1.0, 1.0], (rows, 1))
        matrix, y, same = np.empty((rows, n)), np.empty(rows), 0
        move = np.zeros(survey.g.size)
        for k, row in enumerate(signs[:, :n]):
            # Magnitudes differ a little, so that no two rows round to the same lattice points.
            size = step * rng.uniform(0.8, 1.25)
            move[block] = size * row * (self.shrink * survey.move)[block]
            f_up, up = survey.scalar.at(move)
            f_down, down = survey.scalar.at(-move)
            matrix[k] = (up - down)[block] / survey.move[block]
            y[k] = f_up - f_down - survey.near.explained(up, down, integrate=integrate)
            same += f_up == f_down
            if not np.isfinite(y[k]):
                return np.full(n, np.nan), np.empty(0), False
        error = np.linalg.lstsq(matrix, y, rcond=None)[0]
        idle = signs[:, n:].T @ (y - matrix @ error) / (2 * step * rows)
        return error, idle, 2 * same > rows


def weigh(survey: Survey, found: Findings, entries: Entries) -> None:
    """Measure all entries together, then some alone, and what is left together again."""
    designs = Designs(survey, found)
    for share in (0.5, 1.0):
        designs.run(share * (_CALLS * survey.g.size + 100))
        entries.examine_flagged()
        if found.failed or not found.unresolved.size:
            break
    # Four roundings of func's result and more: sixteen of those inside of it, or its steps.
    if not found.failed and designs.sigma > 4 * survey.rounding:
        on_no_step(survey, found)
