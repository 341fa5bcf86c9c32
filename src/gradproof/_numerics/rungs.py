"""The steps of one line, and what func changes by at each: the ladder that slopes are made of."""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

#: Multiple of the standard deviation that noise does not reach: 2 Phi(-6) = 2e-9, over the 2n
#: differences of a check of 1e5 entries 4e-4, and then a re-test at fresh steps squares it. A
#: noise measured 30 % too low leaves 4.2 deviations, 3e-5, and squared 1e-9.
NOISE = 6.0
#: An error below threshold + NOISE can hide behind noise of -NOISE: what has surely been seen.
SEEN = 2 * NOISE
#: The difference of a value of the tableau to its parents exceeds the error left by the squared
#: ratio of the steps less one, 3 at least; 4 also covers that the best of five depths is taken.
TRUNCATION = 4.0


@dataclass(frozen=True)
class Rungs:
    """
    A ladder of steps along one line.

    Attributes
    ----------
    h : ndarray of shape (k,)
        Steps as multiples of the line's direction, falling.
    changes : ndarray of shape (2, k)
        ``f(x + d) - f(x)`` and ``f(x - d) - f(x)``; NaN where func raised or was not finite.
    claimed : ndarray of shape (2, k)
        What the claim says of them.
    rounding : ndarray of shape (k,)
        Standard deviation that the rounding of func's result alone has at the larger value.
    changed : ndarray of shape (k,), optional
        The share of func's values, in the 2-norm, that changed at all; all of them by default.
    """

    h: np.ndarray
    changes: np.ndarray
    claimed: np.ndarray
    rounding: np.ndarray
    changed: np.ndarray | None = None

    def spread(self, sigma: float) -> Any:
        """Return the noise of each rung: that of func at x, or the rounding of larger values."""
        return np.maximum(sigma, self.rounding)

    @property
    def up(self) -> Any:
        """What the claim leaves unexplained to the right, in the units of f."""
        return self.changes[0] - self.claimed[0]

    @property
    def down(self) -> Any:
        """The same to the left."""
        return self.changes[1] - self.claimed[1]

    @functools.cached_property
    def error(self) -> Any:
        """The claim's error by central differences; its noise is ``sigma / (sqrt(2) h)``."""
        return (self.up - self.down) / (2 * self.h)

    @property
    def curvature(self) -> Any:
        """The second difference."""
        return self.up + self.down

    def both(self) -> "Rungs":
        """Return the rungs with a value on both sides."""
        there = np.isfinite(self.changes)
        return self if there.all() else self.part(there.all(axis=0))

    def finest(self, step: float) -> "Rungs":
        """Return the six rungs with values on both sides that end at a step."""
        rungs = self.both()
        last = int(np.sum(rungs.h > step * (1 - 1e-9)))
        return rungs.part(slice(max(0, last - 6), last))

    def part(self, which: Any) -> "Rungs":
        """Return some of the rungs."""
        return Rungs(
            self.h[which],
            self.changes[:, which],
            self.claimed[:, which],
            self.rounding[which],
            None if self.changed is None else self.changed[which],
        )

    def joined(self, other: "Rungs") -> "Rungs":
        """Return the rungs of both, in order."""
        both = Rungs(
            np.concatenate([self.h, other.h]),
            np.concatenate([self.changes, other.changes], axis=1),
            np.concatenate([self.claimed, other.claimed], axis=1),
            np.concatenate([self.rounding, other.rounding]),
            None
            if self.changed is None or other.changed is None
            else np.concatenate([self.changed, other.changed]),
        )
        return both.part(np.argsort(-both.h, kind="stable")).distinct()

    def distinct(self) -> "Rungs":
        """Return the rungs without those that x, short of digits, made the same as another."""
        kept, last = [], np.inf
        for j, h in enumerate(self.h.tolist()):
            if h < 0.9 * last:
                kept.append(j)
                last = h
        return self if len(kept) == self.h.size else self.part(kept)

    @functools.cached_property
    def scatter(self) -> list[tuple[float, float, float]]:
        """Coarse to fine, log2 of a step and two differences in units of sigma there."""
        rungs = self.both()
        # At steps too fine to move func at all there is no noise to be seen.
        moved = np.flatnonzero(rungs.changes.any(axis=0))
        last = moved[-1] + 1 if moved.size else 0
        if last < 3:
            return []
        h, error, curvature = rungs.h[:last], rungs.error[:last], rungs.curvature[:last]
        ratio = h[1:] / h[:-1]
        q = ratio[1:]
        # Zero for h and for h**2, and in units of sigma if there is noise alone.
        a, b = _annihilator(q, ratio[:-1])
        third = np.abs(curvature[2:] + a * curvature[1:-1] + b * curvature[:-2])
        third /= np.sqrt(2 * (1 + a * a + b * b) + 4 * (1 + a + b) ** 2)
        slope = np.abs(error[2:] - error[1:-1]) * h[2:] * np.sqrt(2 / (1 + q * q))
        # Steps of two ladders are the same up to what x can represent.
        place = np.round(4 * np.log2(h[2:])) / 4
        return list(zip(place.tolist(), third.tolist(), slope.tolist(), strict=True))


def _annihilator(q: np.ndarray, p: np.ndarray) -> Any:
    """Return a, b with ``s(h) + a s(h/q) + b s(h/qp) = 0`` for s = h and for s = h**2."""
    # 1 + a/q + b/(qp) = 0 and 1 + a/q**2 + b/(qp)**2 = 0.
    matrices = np.empty((q.size, 2, 2))
    matrices[:, 0, 0], matrices[:, 0, 1] = 1 / q, 1 / (q * p)
    matrices[:, 1, 0], matrices[:, 1, 1] = 1 / q**2, 1 / (q * p) ** 2
    return np.linalg.solve(matrices, [[-1.0], [-1.0]])[:, :, 0].T
