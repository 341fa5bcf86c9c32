"""Columns of a claim that failed, as they are looked at for a name: which, and how."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._claims.linear_map import Columns
from .._diagnosis.evidence import Sum
from .._evaluation.values import Values
from .._numerics.rungs import NOISE
from .._numerics.scales import rms


def some(n: int, count: int, rng: Any, off: Sequence[int]) -> list[int]:
    """Return some columns: half of them off, the first, the last, and others at random."""
    chosen = dict.fromkeys([*off[: max(count // 2, 1)], 0, n - 1][:count])
    while len(chosen) < count:
        chosen[int(rng.integers(n))] = None
    return sorted(chosen)


class Look:
    """Measures columns, all of func's values at once."""

    def __init__(self, values: Values, columns: Columns) -> None:
        self._values, self._columns = values, columns
        point = values.point
        # Where rounding, eps / h, and truncation, h**2, are equal.
        self._h = float(values.eps) ** (1 / 3)
        magnitude = np.asarray(point.magnitude, dtype=float)
        self._move = np.where(magnitude > 0, magnitude, 1.0)
        # What a value is computed from may be as large as others are.
        size = np.abs(values.at_x0)
        self._floor = values.output_eps * np.maximum(size, rms(size))

    def column(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the slopes of all values by entry `i`, and their bars."""
        direction = np.zeros(self._move.size)
        direction[i] = self._move[i]
        error, bar, width = self._error(direction, lambda by: float(by[i]))
        del width
        return self._columns.column(i) + error, bar

    def _error(
        self, direction: np.ndarray, length: Callable[[np.ndarray], float]
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """Return the claim's error along a direction, per its length, by two differences."""
        found = []
        for h in (self._h, self._h / 2):
            (plus, up), (minus, down) = (
                self._values.at(sign * h * direction) for sign in (1.0, -1.0)
            )
            both = up - down
            width = length(both)
            with np.errstate(all="ignore"):
                found.append((plus - minus - self._columns.along(both)) / width)
        (coarse, fine), width = found, abs(width)
        with np.errstate(all="ignore"):
            noise = NOISE * self._floor * math.sqrt(2) / width
            return fine + (fine - coarse) / 3, 4 * np.abs(fine - coarse) + noise, width

    def sums(self, rng: Any) -> list[Sum]:
        """Return what all columns add up to, along a random direction."""
        weights = rng.uniform(1, 2, self._move.size) * rng.choice([-1.0, 1.0], self._move.size)
        direction = weights * self._move
        inner = float(direction @ direction)
        error, bar, _ = self._error(direction, lambda by: float(by @ direction) / inner)
        found, point, outputs = [], self._values.point, self._values.outputs
        for o, out in enumerate(outputs.leaves):
            parts = {
                o * len(point.leaves) + k: direction[leaf.where].reshape(leaf.shape)
                for k, leaf in enumerate(point.leaves)
            }
            found.append(Sum(parts, error[out.where], bar[out.where]))
        return found
