"""
A claim at a tie or a kink of func: whether it is the gradient in a region that reaches x0.

Where entries are equal, sorting, picking and pooling follow one order of them, and the slopes of
single entries say nothing of that order: moved up, an entry passes all that are equal to it. What
is right there is the limit of gradients beside x0. So a side is looked for on which the claim is
what it is at x0, and func is measured there, with steps that stay on that side.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._claims.linear_map import displaced
from .._evaluation.values import Values
from .._numerics.precision import Precision
from .._numerics.scales import moves_by_leaf

#: The claim beside x0 is the same as at x0 up to this share of its largest entry, and what differs
#: shrinks with the distance, up to a factor: that is asked at `Beside.closer` of it as well.
_SAME, _FACTOR = 1 / 16, 4.0
#: The most claims that a side is looked for with. Among four equal numbers one order of 24 may be
#: the one: at random it is found so with a chance of 99.6 %.
_MOST = 256


@dataclass(frozen=True)
class Side:
    """
    A side of x0 on which a claim is what it is at x0.

    Attributes
    ----------
    values : Values
        Func around a point on that side.
    shift : ndarray
        The displacement of that point, for the claim.
    """

    values: Values
    shift: np.ndarray

    def near(self, claim: Callable[[np.ndarray], Any]) -> Callable[[np.ndarray], Any]:
        """Return a claim as one of displacements from that point."""
        return lambda displacement: claim(displaced(self.shift, displacement))


@dataclass
class Sides:
    """
    The search for a side.

    Attributes
    ----------
    values : Values
        Func around x0.
    at_x0 : ndarray
        All numbers of the claim.
    there : callable
        Returns them at a displaced point; None where the claim fails.
    eps : float
        Machine epsilon of the coarsest dtype involved.
    rng : numpy.random.Generator
        For the search.
    """

    values: Values
    at_x0: np.ndarray
    there: Callable[[np.ndarray], Any]
    eps: float
    rng: "np.random.Generator"  # not evaluated: numpy.random is slow to import

    def __post_init__(self) -> None:
        eps, self._looks = self.eps, Precision.of(self.eps).beside
        self._closer = self._looks.closer or 4 * eps / self._looks.far
        base = self.values.point.base
        self._move = moves_by_leaf(base.magnitude, [leaf.where for leaf in base.leaves], eps)
        self._size = float(np.max(np.abs(self.at_x0), initial=0.0))

    @property
    def tied(self) -> bool:
        """Whether the claim is another one beside x0, however near, and no other twice as far."""
        for _ in range(2):
            p = self._drawn()
            for sign in (1.0, -1.0):
                near, far = (self._beside(sign * p, self._closer / k) for k in (2, 1))
                if near is None or far is None:
                    continue
                jump = np.abs(near - self.at_x0)
                allowed = self._looks.jump * self._size * min(1.0, _FACTOR * self._closer)
                if ((jump > allowed) & (4 * np.abs(far - near) < jump)).any():
                    return True
        return False

    def found(self) -> Side | None:
        """Return a side on which the claim is what it is at x0, if there is one."""
        best, least = self._drawn(), self.at_x0.size + 1
        for k in range(_MOST):
            p = self._tried(best, k)
            apart = self._apart(p)
            if apart is not None and apart <= least:
                best, least = p, apart
            if not least:
                break
        if least or (self._looks.closer and self._apart(best, self._closer) != 0):
            return None
        values, change = self.values, self._looks.far * best * self._move
        point = values.point.shifted(change)
        return Side(values.beside(point, self._looks.reach), values.point.towards(change))

    def _drawn(self) -> Any:
        return self.rng.uniform(-1, 1, self._move.size)

    def _tried(self, best: np.ndarray, k: int) -> Any:
        """Return a side to try: those of the usual orders first, then the best but for a few."""
        n = self._move.size
        ramp = (np.arange(n) + 0.5) / n
        usual = (ramp, -ramp, ramp[::-1], -ramp[::-1])
        if k < len(usual):
            return usual[k]
        if k % 2:  # where no small step is an advance
            return self._drawn()
        p, few = best.copy(), self.rng.permutation(n)[: 1 + k // 2 % 3]
        p[few] = self.rng.uniform(-1, 1, few.size)
        return p

    def _apart(self, p: np.ndarray, share: float = 1.0) -> int | None:
        """
        Return how many numbers of the claim are others on a side; None if it fails there.

        At a share of the distance.
        """
        there = self._beside(p, share)
        if there is None:
            return None
        allowed = _SAME * self._size * min(1.0, _FACTOR * share)
        return int((np.abs(there - self.at_x0) > allowed).sum())

    def _beside(self, p: np.ndarray, share: float) -> Any:
        """Return the claim on a side, at a share of the distance; None if it fails there."""
        there = self.there(self.values.point.towards(share * self._looks.far * p * self._move))
        return there if there is not None and np.isfinite(there).all() else None
