"""Weighing designs: all entries move in every evaluation, and each evaluation tells of all."""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._findings import Findings
from ._ladder import NOISE
from ._probe import BudgetSpent
from ._survey import Survey

#: The standard error of a design is measured, with as many values as it has entries: 4 of it are
#: 6e-5, and whoever is suspected is looked at again.
DEVIATIONS = 4.0
#: The most designs, and from which standard error on more of them are in vain: four of them halve
#: it, and the others would leave it above what must be seen.
_MOST, _HOPELESS = 4, 4.0
#: The most entries of one design: its matrix is dense, and solving it costs their cube.
_BLOCK = 1024


@functools.lru_cache(maxsize=16)
def hadamard(least: int) -> np.ndarray:
    """
    Return a Hadamard matrix of the smallest order from `least` on that Paley or Sylvester give.

    Source: R. E. A. C. Paley, J. Math. and Phys. 12 (1933) 311.
    """
    order = max(4, -(-least // 4) * 4)
    while True:
        doublings, core = 1, order
        while core % 2 == 0 or core > 2:
            if core == 2 or (core % 4 == 0 and _is_prime(core - 1)):
                matrix = _paley(core - 1) if core > 2 else np.array([[1, 1], [1, -1]])
                for _ in range(doublings.bit_length() - 1):
                    matrix = np.kron(np.array([[1, 1], [1, -1]]), matrix)
                return matrix.astype(float)
            if core % 2:
                break
            doublings, core = doublings * 2, core // 2
        order += 4


def _is_prime(q: int) -> bool:
    return q > 1 and all(q % d for d in range(2, int(q**0.5) + 1))


def _paley(q: int) -> np.ndarray:
    """Return the matrix of order q + 1, q a prime of the form 4k - 1."""
    residues = {i * i % q for i in range(1, q)}
    character = np.array([0] + [1 if i in residues else -1 for i in range(1, q)])
    skew = np.zeros((q + 1, q + 1), dtype=int)
    skew[0, 1:], skew[1:, 0] = 1, -1
    skew[1:, 1:] = character[(np.arange(q)[None, :] - np.arange(q)[:, None]) % q]
    return skew + np.eye(q + 1, dtype=int)


def pseudo_standard_error(effects: np.ndarray) -> float:
    """
    Return the standard error of effects most of which are nothing but error.

    Source: R. V. Lenth, Technometrics 31 (1989) 469. The few effects that are real are left out.
    """
    size = np.abs(effects)
    first = 1.5 * float(np.median(size))
    rest = size[size < 2.5 * first]
    return 1.5 * float(np.median(rest)) if rest.size else first


@dataclass
class Designs:
    """
    The look at all entries at once.

    The effects of right entries are nothing but error and measure it (Lenth): rounding, its
    quantisation and aliased truncation alike. With foldover, so that even terms cancel.

    Attributes
    ----------
    survey : Survey
        The problem.
    findings : Findings
        What is known so far; updated.
    """

    survey: Survey
    findings: Findings

    def run(self) -> None:
        """Measure all entries until each agrees and could have been seen to disagree."""
        survey, found = self.survey, self.findings
        allowed = survey.rtol * survey.scales.material + survey.tau
        effects, weights = [], []
        previous = np.inf
        # A third of the step at which rounding eps / h and truncation h**2 are equal: all entries
        # move at once, and truncation with them.
        step = survey.eps ** (1 / 3) / 3
        for _ in range(_MOST):
            effect = self._design(step)
            if not np.isfinite(effect).all():  # out of the domain
                step /= 4
                if step < 2 * survey.probe.x_eps:
                    return
                continue
            # The rounding of func's result alone, averaged over a design of 2 n evaluations.
            least = survey.floor / (step * np.sqrt(2 * min(effect.size, _BLOCK)))
            error = max(pseudo_standard_error(effect), least, 1e-300)
            effects.append(effect)
            weights.append(error**-2)
            found.error = np.average(effects, axis=0, weights=weights)
            found.noise[:] = DEVIATIONS / np.sqrt(np.sum(weights))
            found.truncation = self._truncation(step, effects, weights)
            found.step[:] = step
            found.suspect = np.abs(found.error) > allowed + found.truncation + found.noise
            found.settle(allowed, survey.res * survey.scales.resolved)
            found.convicted = self._beyond_doubt(allowed, effects, weights)
            needed = survey.res * survey.scales.resolved / found.noise
            hopeless = needed.max() * _HOPELESS < 1
            if not found.unresolved.size or found.convicted.any() or hopeless:
                return
            # Noise does not grow with the step, truncation does: then stay, else go on.
            grown = error * step > 2 * previous
            previous = error * step
            step *= 0.7 if grown else 1.5

    def _beyond_doubt(
        self, allowed: np.ndarray, effects: list[np.ndarray], weights: list[float]
    ) -> Any:
        """Tell which entries all designs find off, and all together far off."""
        found = self.findings
        if len(effects) < 2:
            return np.zeros(allowed.shape, dtype=bool)
        bad = np.abs(found.error) > allowed + found.truncation + found.noise * NOISE / DEVIATIONS
        for effect, weight in zip(effects, weights, strict=True):
            alike = effect * found.error > 0
            bad &= alike & (np.abs(effect) > allowed + NOISE / 2 / np.sqrt(weight))
        return bad

    def _truncation(self, step: float, effects: list[np.ndarray], weights: list[float]) -> Any:
        """
        Return what the truncation of single entries may be.

        That of most of them is in the standard error. One that bends far more than the others shows
        in the claim, and as a difference between designs at different steps.
        """
        survey = self.survey
        by_claim = survey.bend_of_claim(step * survey.signs() * survey.move)
        apart = np.abs(np.array(effects) - self.findings.error)
        noise = DEVIATIONS / np.sqrt(np.array(weights))[:, None]
        return np.maximum(by_claim, np.where(apart > noise, apart, 0.0).max(axis=0))

    def _design(self, step: float) -> np.ndarray:
        """Return the error of each entry from one design; NaN if func was not finite."""
        survey, n = self.survey, self.survey.g.size
        error = np.empty(n)
        order = survey.rng.permutation(n) if n > _BLOCK else np.arange(n)
        for block in np.array_split(order, -(-n // _BLOCK)):
            error[block] = self._block(step, block)
        return error

    def _block(self, step: float, block: np.ndarray) -> np.ndarray:
        """Return the same for the entries of a block, while the others stay."""
        survey, n = self.survey, block.size
        design = hadamard(n + 1)
        rows = design.shape[0]
        if survey.probe.left() < 2 * rows:
            raise BudgetSpent
        columns = survey.rng.permutation(rows)[:n]
        signs = design[:, columns] * survey.rng.choice([-1.0, 1.0], n)
        signs *= survey.rng.choice([-1.0, 1.0], (rows, 1))
        matrix, y = np.empty((rows, n)), np.empty(rows)
        move = np.zeros(survey.g.size)
        for k, row in enumerate(signs):
            # Magnitudes differ a little, so that no two rows round to the same lattice points.
            size = step * survey.rng.uniform(0.8, 1.25)
            move[block] = size * row * survey.move[block]
            f_up, up = survey.probe.at(move)
            f_down, down = survey.probe.at(-move)
            matrix[k] = (up - down)[block] / survey.move[block]
            y[k] = f_up - f_down - float(survey.g @ (up - down))
            if not np.isfinite(y[k]):
                return np.full(n, np.nan)
        return np.linalg.lstsq(matrix, y, rcond=None)[0]
