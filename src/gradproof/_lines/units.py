"""The problem in its own units: moves, scales, noise, and what rounding makes of the claim."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .._claims.near import NearClaim
from .._numerics.blocks import LONG, Made, absolute, blocks, dot, drawn, norm, stored
from .._numerics.extrapolation import Estimate
from .._numerics.formats import Format
from .._numerics.noise import noise_level
from .._numerics.precision import COARSEST, Found, Precision
from .._numerics.rungs import Rungs
from .._numerics.scales import Scales, largest, scales
from .._numerics.streams import Streams
from .moves import exponent_of, largest_moved, moves_of
from .roughness import Roughness
from .scalarized import Scalarized

#: A line through x0: the weight of each entry's move, and what its rungs showed.
Line = tuple[np.ndarray, Rungs]


def product(a: np.ndarray, b: np.ndarray, part: slice) -> Any:
    """Return the products of a part of two arrays."""
    # NumPy multiplies arrays of two dtypes at half the speed of what converts them first.
    return a[part].astype(float, copy=False) * b[part].astype(float, copy=False)


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
    rng : Streams
        For what is drawn: each consumer draws from a stream of its own.
    """

    def __init__(
        self,
        scalar: Scalarized,
        claim: Callable[[np.ndarray], np.ndarray | None],
        g: np.ndarray,
        eps: float,
        rtol: float,
        rng: Streams,
    ) -> None:
        self.scalar, self.eps, self.rtol, self.rng = scalar, eps, rtol, rng
        self.precision = Precision.of(eps)
        self.res = min(self.precision.resolution * rtol, COARSEST)
        self.steps = self.precision.steps
        self.move = moves_of(scalar, g, eps)
        self.exponent = exponent_of(scalar.size, self.move, g)
        scalar.rescale(-self.exponent)
        self.near = NearClaim(claim, _in_units(g, self.exponent), self.exponent)
        self.g = self.near.g
        least = float(np.ldexp(Format.of(scalar.output_eps).least, -self.exponent))
        self.floor = 0.3 * max(scalar.output_eps * scalar.size, least)
        self.rounding = 0.3 * eps * scalar.size
        self.sigma = self.floor
        self.grain = 0.0
        self.scales = self._scales((1.0, 1.0), 1.0)
        self.claim_rounding: np.ndarray = np.broadcast_to(0.0, self.g.shape)
        self.lines: list[Line] = []
        self.roughness = Roughness()
        self._rounding_by_ulps: np.ndarray | None = None
        self._scaled = False
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

    def release_memory(self) -> None:
        """Drop what is needed for measuring anew alone: an array as long as x0."""
        self._rounding_by_ulps = None

    def signs(self, consumer: str) -> Any:
        """Return a random sign for each entry, for a consumer of random numbers."""
        rng = self.rng(consumer)
        if self.g.size > LONG:  # a tenth of the time
            return drawn(self.g.size, lambda n: 1.0 - 2.0 * rng.integers(2, size=n))
        return 2.0 * rng.integers(2, size=self.g.size) - 1.0

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
            most, blur = (largest_moved(g, self.move) for g in (self.g, self._rounding_by_ulps))
            self.nothing = not most > 16 * blur

    def ulps(self) -> Any:
        """Return a move of each entry by an ulp, in a random direction."""
        if self.g.size > LONG and not any(leaf.complex for leaf in self.scalar.point.leaves):
            rng = self.rng("claim rounding")
            signs = drawn(self.g.size, lambda n: rng.integers(2, size=n), np.int8)
            signs *= 2
            signs -= 1
            x, eps = self.scalar.x, self.scalar.point.eps
            return Made(self.g.size, lambda at: signs[at] * (eps * np.abs(x[at].astype(float))))
        ulps = self.signs("claim rounding")
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

    def size_along(self, weights: np.ndarray, kind: str = "material") -> float:
        """Return the 2-norm of weights times sizes: of what is material, or to be resolved."""
        return norm(weights.size, partial(product, weights, getattr(self.scales, kind)))

    def rounding_along(self, weights: np.ndarray) -> tuple[float, float]:
        """Return the sum, and the 2-norm, of what rounding may move the claim by along a line."""

        def rounding(part: slice) -> Any:
            return np.abs(product(weights, self.claim_rounding, part))

        total = sum(float(rounding(part).sum()) for part in blocks(weights.size))
        return total, norm(weights.size, rounding)

    def claimed_along(self, weights: np.ndarray) -> float:
        """Return the sum of the sizes of the claim along a line."""
        claim = self.scales.claim
        return dot(weights.size, partial(absolute, weights), partial(absolute, claim))


def _in_units(g: np.ndarray, exponent: int) -> Any:
    """Return the claim in the units of the survey; of single precision in that."""
    if g.size <= LONG or g.itemsize > 4:
        return np.ldexp(g, -exponent)
    return stored(g.size, lambda at: np.ldexp(g[at].astype(float), -exponent))
