"""The claim near x0: what it says there of the claim at x0."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from .._numerics.blocks import LONG, blocks, stored, times
from .._numerics.rungs import Rungs
from .._numerics.scales import largest_of

#: Places on either side of x0 where a claim is asked how far it strays. Where a chord is off by
#: some error, they are off by as much in the mean, hardly ever all of them by less than half of it.
_PLACES = 8


class NearClaim:
    """
    A claimed gradient at x0 and near it.

    Parameters
    ----------
    claimed : callable
        Returns the claim, flat, at a displaced point; None where it cannot.
    g : ndarray of shape (n,)
        The claim at x0, times ``2**-exponent``.
    exponent : int
        By which it is scaled everywhere.
    """

    def __init__(
        self, claimed: Callable[[np.ndarray], np.ndarray | None], g: np.ndarray, exponent: int
    ) -> None:
        self._claimed, self.g, self._exponent = claimed, g, exponent

    def integrated(self, rungs: Rungs, direction: np.ndarray) -> Rungs:
        """Return rungs with the claim integrated along their line, not taken at x0."""
        nodes, weights = np.polynomial.legendre.leggauss(8)
        claimed = rungs.claimed.copy()
        for j, h in enumerate(rungs.h):
            for side, sign in enumerate((1.0, -1.0)):
                for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
                    change = self._change(direction, sign * h, node)
                    claimed[side, j] += weight * change
        return replace(rungs, claimed=claimed)

    def _change(self, direction: np.ndarray, step: float, node: float) -> float:
        """Return by how much the claim along a step differs from x0 at some node of it."""
        if direction.size <= LONG:
            d = step * direction
            there = self._claimed(node * d)
            return np.nan if there is None else float((self._scaled(there) - self.g) @ d)
        there = self._claimed(times(direction, step * node))
        if there is None:
            return np.nan
        return step * sum(
            float((self._scaled(there[p].astype(float)) - self.g[p]) @ direction[p].astype(float))
            for p in blocks(direction.size)
        )

    def there(self, displacement: np.ndarray) -> Any:
        """Return the claim at a displaced point, None where it has none."""
        found = self._claimed(displacement)
        return None if found is None else self._scaled(found)

    def between(self, rungs: Rungs, direction: np.ndarray) -> Rungs:
        """
        Return rungs with the claim integrated from one side of x0 to the other.

        By Gauss with three nodes, of which x0 is one: a right claim leaves the seventh power of the
        step. Half of what that adds is put on either side, and counts in `Rungs.error` alone.
        """
        claimed = rungs.claimed.copy()
        for j, h in enumerate(rungs.h):
            d = h * direction
            change = 0.0
            for sign in (0.6**0.5, -(0.6**0.5)):
                there = self._beside(sign * d)
                there -= self.g
                change += 5 / 18 * float(there @ d)
            claimed[:, j] += change, -change
        return replace(rungs, claimed=claimed)

    def doubt(self, d: np.ndarray) -> float:
        """
        Return how far two integrals of the claim from -d to d differ, halved: as in `curvature`.

        Or what the differences of all entries add up to with random signs, if that is more: those
        of kinks, which are far apart, may cancel along one line.
        """
        three, two = np.zeros_like(self.g), np.zeros_like(self.g)
        for sign in (1.0, -1.0):
            three += 5 / 18 * (self._beside(sign * 0.6**0.5 * d) - self.g)
            two += (self._beside(sign * d / 3**0.5) - self.g) / 2
        three -= two
        doubt = max(abs(float(three @ d)), float(np.linalg.norm(three * d)))
        return doubt if np.isfinite(doubt) else np.inf

    def changes(self, displacement: np.ndarray, direction: np.ndarray) -> list[float]:
        """Return by how much the claim along a line changes, on either side of x0."""
        near = [self._claimed(sign * displacement) for sign in (1.0, -1.0)]
        changes = [abs((self._scaled(g) - self.g) @ direction) for g in near if g is not None]
        return [float(change) for change in changes if np.isfinite(change)]

    def strays(self, i: int, d: np.ndarray) -> float:
        """
        Return the most that an entry of the claim, halfway between -d and d, differs from x0.

        Infinity where it cannot be told. The slope of a chord across x0 is the mean of such pairs
        of a right claim: it is off by no more than this. At irregular places, one in each of as
        many equal parts, so that hardly any oscillation has the same phase at all of them.
        """
        parts = np.arange(_PLACES)
        most = 0.0
        for place in (parts + np.sqrt(2) * (parts + 1) % 1) / _PLACES:
            sides = [self._beside(sign * place * d)[i] - self.g[i] for sign in (1.0, -1.0)]
            stray = abs(float(sides[0] / 2 + sides[1] / 2))
            most = max(most, stray if np.isfinite(stray) else np.inf)
        return most

    def explained(self, up: np.ndarray, down: np.ndarray, *, integrate: bool) -> float:
        """Return the change of func from one displacement to another that the claim explains."""
        mean = self.g
        if integrate:  # Gauss with three nodes, x0 in the middle: exact up to the fifth power
            mean = (
                8 * self.g + 5 * self._beside(0.6**0.5 * up) + 5 * self._beside(0.6**0.5 * down)
            ) / 18
        return float(mean @ (up - down))

    def curvature(self, d: np.ndarray, unit: np.ndarray) -> tuple[Any, Any]:
        """
        Return how far its mean from -d to d differs from that at x0, and is in doubt, per `unit`.

        By Gauss with three nodes; what that leaves out is less than its difference to two nodes,
        of which x0 is none: a claim that is another one there than beside it is in doubt as well.
        """
        far, near = 0.6**0.5 * d, d / 3**0.5
        three = (8 * self.g + 5 * self._beside(far) + 5 * self._beside(-far)) / 18
        two = (self._beside(near) + self._beside(-near)) / 2
        with np.errstate(invalid="ignore"):
            curvature, doubt = np.abs(three - self.g) * unit, np.abs(three - two) * unit
        curvature, doubt = (
            np.where(np.isfinite(part), part, np.inf) for part in (curvature, doubt)
        )
        return curvature, doubt

    def _beside(self, displacement: np.ndarray) -> Any:
        """Return the claim at a displaced point, NaN where it has none."""
        there = self.there(displacement)
        return np.full(self.g.shape, np.nan) if there is None else there

    def _scaled(self, claim: np.ndarray) -> Any:
        return np.ldexp(claim, -self._exponent)

    def change_at_x0(self) -> Any:
        """Return by how much the claim at x0 is another one now; None if it fails."""
        change = self._claimed(np.broadcast_to(0.0, self.g.shape))
        if change is not None:
            change = self._scaled(change)  # it may be an array of the user's own
            change -= self.g
        return change

    def visit(self, displacement: np.ndarray) -> None:
        """Call the claim at a displaced point, whatever it says there."""
        self._claimed(displacement)

    def rounding_by_ulps(self, ulp: np.ndarray) -> Any:
        """Return by how much each entry changes at least where x0 moves by `ulp`."""
        least: Any = None
        for sign in (1.0, -1.0):
            there = self._claimed(times(ulp, sign))
            if there is not None and np.isfinite(largest_of(there.size, there.__getitem__)):
                least = stored(there.size, partial(self._changed, there, least))
            del there  # before the claim is called again
        return np.zeros_like(self.g) if least is None else least

    def _changed(self, there: np.ndarray, least: np.ndarray | None, part: slice) -> Any:
        """Return by how much a part of the claim changed, or some other change that is less."""
        change = np.abs(self._scaled(there[part].astype(float, copy=False)) - self.g[part])
        return change if least is None else np.minimum(least[part], change)
