"""The problem in its own units: moves, scales, noise, and what rounding makes of the claim."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .._claims.near import NearClaim
from .._numerics.blocks import blocks, dot, drawn, norm
from .._numerics.extrapolation import Estimate
from .._numerics.noise import noise_level
from .._numerics.precision import COARSEST, Format, Found, Precision
from .._numerics.rungs import Rungs
from .._numerics.scales import Scales, largest, moves_by_leaf, rms, rms_of, scales, shortest_moves
from .scalarized import Scalarized

#: Exponents of numbers go up to 1023; what is left of them is for squares of what errors may be.
_BOUND = 512
#: A line through x0: the weight of each entry's move, and what its rungs showed.
Line = tuple[np.ndarray, Rungs]


def _product(a: np.ndarray, b: np.ndarray, part: slice) -> Any:
    return a[part] * b[part]


def _absolute(a: np.ndarray, part: slice) -> Any:
    return np.abs(a[part])


class Units:
    """
    The problem in its own units.

    Parameters
    ----------
    scalar : Scalarized
        Evaluations of func.
    claim : callable
        Returns the claim, flat, at a displaced point; None where it cannot.
    g : ndarray of shape (n,)
        The claim at x0.
    eps : float
        Machine epsilon of the coarsest dtype involved.
    rtol : float
        The relative error that matters.
    rng : numpy.random.Generator
        For the directions.
    """

    def __init__(
        self,
        scalar: Scalarized,
        claim: Callable[[np.ndarray], np.ndarray | None],
        g: np.ndarray,
        eps: float,
        rtol: float,
        rng: "np.random.Generator",  # not evaluated: numpy.random is slow to import
    ) -> None:
        self.scalar, self.eps, self.rtol, self.rng = scalar, eps, rtol, rng
        self.precision = Precision.of(eps)
        self.res = min(self.precision.resolution * rtol, COARSEST)
        self.steps = self.precision.steps
        self.move = moves_by_leaf(scalar.magnitude, scalar.parts, eps)
        self.move *= scalar.values.reach
        if scalar.point.entrywise:  # tangents are long enough
            for part in scalar.parts:
                least = shortest_moves(scalar.x[part], scalar.point.eps, scalar.values.backend)
                np.maximum(self.move[part], least, out=self.move[part])
        self._leave_zero(g)
        self.exponent = self._exponent(g)
        scalar.rescale(-self.exponent)
        self.near = NearClaim(claim, np.ldexp(g, -self.exponent), self.exponent)
        self.g = self.near.g
        least = float(np.ldexp(Format.of(scalar.output_eps).least, -self.exponent))
        self.floor = 0.3 * max(scalar.output_eps * scalar.size, least)
        self.rounding = 0.3 * eps * scalar.size
        self.sigma = self.floor
        self.grain = 0.0
        self.scales = self._scales((1.0, 1.0), 1.0)
        self.claim_rounding: np.ndarray = np.broadcast_to(0.0, self.g.shape)
        self.lines: list[Line] = []
        self.inexact: Any = None
        self._rounding_by_ulps: np.ndarray | None = None
        self.nothing = False

    def _scales(
        self,
        floor: tuple[float, float] | None,
        ordinary: float,
        nothing: float = 0.0,
        hidden: float = np.inf,
    ) -> Scales:
        g = self.g
        if not np.isfinite(largest(g)):
            g = np.where(np.isfinite(g), g, 0.0)
        return scales(g, self.move, floor, ordinary, self.scalar.parts, nothing, hidden)

    @property
    def noisier_than_rounding(self) -> bool:
        """
        Whether lines show far more noise than rounding makes, and no steps are too fine for it.

        They cross the jumps and kinks of all entries. "Far" is four bits, as wherever noise is
        compared.
        """
        return not self.precision.near and self.sigma > 16 * self.rounding

    def _exponent(self, g: np.ndarray) -> int:
        size = self.scalar.size
        sizes = [int(np.frexp(size)[1])] if size and np.isfinite(size) else []
        for part in blocks(g.size):
            own = g[part]
            there = np.isfinite(own) & (own != 0)
            if there.any():
                exponents = np.frexp(own[there])[1] + np.frexp(self.move[part][there])[1]
                sizes.append(int(exponents.max()))
        # The claim itself has to stay a number, where x0 has next to no size.
        most = max(largest(g[part]) for part in blocks(g.size)) if g.size else 0.0
        bound = int(np.frexp(most)[1]) - _BOUND if np.isfinite(most) else 0
        return int(max([bound, *sizes] if sizes else [0]))

    def _leave_zero(self, g: np.ndarray) -> None:
        """
        Move entries next to zero as those that are zero, where their claim cannot show otherwise.

        On the scale of an x0 of 1e-20 no slope of an ordinary func shows, right or wrong. Where
        other claims show, this is about entries that are nothing beside others of their leaf; not
        where all of a leaf move on a common scale anyway.
        """
        scalar, eps, precision = self.scalar, self.eps, self.precision
        least = precision.hidden * eps * scalar.size
        whole = dot(g.size, partial(_absolute, g), partial(_absolute, self.move))
        unseen = np.isfinite(scalar.size) and not whole > least
        for part in scalar.parts if unseen or precision.least_move < 1 else []:
            size, move = scalar.magnitude[part], self.move[part]
            # An x0 whose square is less than the rounding of 1, as in `_stationary.hidden`; beside
            # others, one that is less than their last digit.
            small = float(np.sqrt(eps)) if unseen else eps * rms(size)
            near = (size > 0) & (size < small) & (np.abs(g[part]) * move <= least)
            if near.any():
                # No farther than where the claim alone would move func by all of its size.
                steep = float(np.max(np.abs(g[part][near])))
                most = min(scalar.size / steep, 1.0) if steep and unseen else 1.0
                move[near] = np.maximum(move[near], min(rms(size[~near]), most) or most)

    def release_memory(self) -> None:
        """Drop what is needed for measuring anew alone: an array as long as x0."""
        self._rounding_by_ulps = None

    def signs(self) -> Any:
        """Return a random sign for each entry."""
        return drawn(self.g.size, partial(self.rng.choice, [-1.0, 1.0]))

    def look_near(self) -> None:
        """Learn, once, by how much an ulp of x0 moves the claim; the scales are to come anew."""
        # They are arrays as long as x0: these stand for them if that is interrupted.
        one = np.broadcast_to(1.0, self.g.shape)
        self.scales, self.claim_rounding = (
            Scales(self.move, one, one, one),
            np.broadcast_to(0.0, one.shape),
        )
        if self._rounding_by_ulps is None:
            self._rounding_by_ulps = self.near.rounding_by_ulps(self.ulps())
            most, blur = (self._largest_moved(g) for g in (self.g, self._rounding_by_ulps))
            self.nothing = not most > 16 * blur

    def _largest_moved(self, g: np.ndarray) -> float:
        """Return the largest of some slopes per move."""
        return max((largest(g[part] * self.move[part]) for part in blocks(g.size)), default=0.0)

    def ulps(self) -> Any:
        """Return a move of each entry by an ulp, in a random direction."""
        ulps = self.signs()
        ulps *= self.scalar.point.eps
        ulps *= self.scalar.magnitude
        return ulps

    def noise(self, ladders: list[Rungs]) -> float:
        """Return the noise of func that some ladders show, measured cautiously where it rules."""
        return noise_level(ladders, self.floor, together=self.precision.pooled)

    def estimate(self, rungs: Rungs, fine: float, sigma: float | None = None) -> Found:
        """Return the claim's error along a line, and the windows that were looked at, if any."""
        return self.precision.estimate(rungs, self.sigma if sigma is None else sigma, fine)

    def sides(self, rungs: Rungs, sigma: float | None = None) -> tuple[Estimate, Estimate]:
        """Return the claim's error to the right and to the left of x0."""
        return self.precision.sides(rungs, self.sigma if sigma is None else sigma)

    @property
    def typical(self) -> float:
        """The scale of the median entry's error, per move."""
        positive = self.scales.material[self.scales.material > 0]
        return float(np.median(positive)) if positive.size else 0.0

    def _least_slopes(self, lines: list[Line]) -> tuple[float, float]:
        """Return, for a claim of zero, a slope per move that func has at least, and one to see."""
        shown = [np.abs(r.changes).max(axis=0) / (r.h * np.linalg.norm(w)) for w, r in lines]
        moved = np.concatenate(shown)
        moved = moved[np.isfinite(moved) & (moved > 0)]
        least = float(moved.min()) if moved.size else 0.0
        # The share of f that half of its digits make up: slopes that add up to less matter to
        # nobody, even if func does not move at all.
        seen, n = float(np.sqrt(self.eps)) * self.scalar.size or 1.0, self.g.size
        # Where digits are few, each of many entries is below that share, and all together change f
        # as a whole. Designs see the less of each the more there are, like a root.
        together = float(np.sqrt(n)) if self.precision.designs else 1.0
        return max(least, seen / n), max(least, seen / together)

    def _claim_noise(self) -> Any:
        """
        Return by how much rounding alone may move each entry of the claim.

        Measured: x0 moves by an ulp either way, and the smaller change counts, since a kink on x0
        shows on one side only and is no noise. On top the roundings of the claim's last
        operations. Never more than what has to be resolved: a claim that rounding alone moves
        further is itself the defect, unless its dtype has no more digits.
        """
        assert self._rounding_by_ulps is not None
        in_full = self.precision.rounding_in_full
        claim_rounding = np.empty_like(self.g)
        for part in self.scalar.parts:
            rounding_by_ulps, move, own = (
                self._rounding_by_ulps[part],
                self.move[part],
                claim_rounding[part],
            )
            np.multiply(rounding_by_ulps, move, out=own)
            claim, resolved = self.scales.claim[part], self.scales.resolved[part]
            most = largest(claim)
            if in_full:
                per_x, per_move = rms(rounding_by_ulps), np.inf
            else:
                # What others share with it: not what kinks on x0 make of tied entries, which
                # change on both sides; per move or per unit of x, whichever is less, as with the
                # scales.
                few = np.empty(own.size, dtype=bool)
                for here in blocks(own.size):
                    few[here] = own[here] < 0.5 * self.res * resolved[here]
                per_x = rms_of(own.size, partial(_product, rounding_by_ulps, few))
                per_move = rms_of(own.size, partial(_product, own, few))
            per_unit = largest(self.g[part])
            for here in blocks(own.size):
                unit = move[here]
                total = np.maximum(own[here], np.minimum(per_x * unit, per_move))
                total += np.abs(claim[here]) * self.eps
                total *= self.precision.claim_margin
                whole = per_unit * unit
                total += (whole if in_full else np.minimum(whole, most)) * self.eps
                if not in_full:
                    np.minimum(total, 0.5 * self.res * resolved[here], out=total)
                own[here] = total
        return claim_rounding

    def size_along(self, weights: np.ndarray, kind: str = "material") -> float:
        """Return the 2-norm of weights times sizes: of what is material, or to be resolved."""
        return norm(weights.size, partial(_product, weights, getattr(self.scales, kind)))

    def rounding_along(self, weights: np.ndarray) -> tuple[float, float]:
        """Return the sum, and the 2-norm, of what rounding may move the claim by along a line."""

        def rounding(part: slice) -> Any:
            return np.abs(weights[part]) * self.claim_rounding[part]

        total = sum(float(rounding(part).sum()) for part in blocks(weights.size))
        return total, norm(weights.size, rounding)

    def claimed_along(self, weights: np.ndarray) -> float:
        """Return the sum of the sizes of the claim along a line."""
        claim = self.scales.claim
        return dot(weights.size, partial(_absolute, weights), partial(_absolute, claim))
