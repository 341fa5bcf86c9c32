"""
What is accepted of a product that f has not the digits to resolve.

JAX's checkers forgive absolute errors, whatever they are errors of: of the slope of a cosine at
pi, of the fourth derivative of a softplus at 40. Here a product has to be bounded by what f shows,
or to be nothing beside what f itself is.
"""

from dataclasses import dataclass

import numpy as np

from ..._numerics.extrapolation import estimate
from ..._numerics.noise import noise_level
from ..._numerics.precision import COARSEST, Precision
from ..._numerics.rungs import Rungs
from ..._numerics.scales import rms
from .values import LeafValues

#: The most numbers that are looked at: each takes half a millisecond.
_MOST = 4096


@dataclass(frozen=True)
class Numbers:
    """
    The numbers that slopes are taken of: f's values, or their sum, each times a weight.

    Attributes
    ----------
    values : LeafValues
        Evaluations of f along lines.
    u : ndarray of shape (m,), or None
        The weights.
    """

    values: LeafValues
    u: np.ndarray | None

    def change(self, values: np.ndarray) -> np.ndarray:
        """Return by how much each number has changed."""
        by = values - self.values.at_x0
        return by if self.u is None else np.array([self.u @ by])

    @property
    def sizes(self) -> np.ndarray:
        """Return the size of each; of a value the root mean square of its leaf, if that is more."""
        here = np.abs(self.values.at_x0)
        if self.u is not None:
            return np.array([np.linalg.norm(self.u * here)])
        for leaf in self.values.outputs.leaves:
            here[leaf.where] = np.maximum(here[leaf.where], rms(here[leaf.where]))
        return here

    @property
    def rounding(self) -> np.ndarray:
        """Return the deviation that rounding gives to each."""
        return self.rounding_of(self.values.at_x0)

    def rounding_of(self, values: np.ndarray) -> np.ndarray:
        """Return the deviation that rounding gives to each where f has such values."""
        here = np.abs(values)
        size = here if self.u is None else np.array([np.linalg.norm(self.u * here)])
        return np.asarray(0.3 * self.values.output_eps * size)

    @property
    def terms(self) -> np.ndarray:
        """Return the size of the terms that each is made of."""
        terms = self.values.terms
        return terms if self.u is None else np.array([np.abs(self.u) @ terms])


def beyond_digits(
    numbers: Numbers, claims: dict[int, np.ndarray], rtol: float, *, convicted: bool
) -> bool:
    """
    Tell whether claims are right along some lines as far as the digits of f go.

    Each has to be one of these. It agrees, and twice as much or none of it would have been seen. It
    agrees, and all that there is moves f by less than half of its digits, here or as far away as
    steps go. What is claimed and what
    is measured are both less than a rounding of the terms that f is made of; where f is a
    derivative, which is less than its terms, less than half of their digits.

    Parameters
    ----------
    numbers : Numbers
        What slopes are taken of.
    claims : dict of int to ndarray
        Slopes that are claimed of each number, by the line.
    rtol : float
        The relative error that matters.
    convicted : bool
        Whether f was seen to disagree: then only a rounding counts, and what agrees to `rtol`.
    """
    eps = numbers.values.eps
    if sum(claimed.size for claimed in claims.values()) > _MOST:
        return False
    for line, claimed in claims.items():
        error, bar, reach = _measured(numbers, line, claimed)
        size, seen = np.abs(claimed), np.abs(error) + bar
        good = size + seen <= eps * numbers.terms
        if convicted:
            good |= seen <= rtol * size
        else:
            beside = np.maximum(numbers.sizes, np.maximum(reach, rms(claimed)))
            small = size + seen <= eps**0.5 * beside
            good |= (np.abs(error) <= bar + eps * size) & ((seen <= COARSEST * size) | small)
            # A derivative of one that rounding hides: no digits of its own could tell.
            lost = numbers.terms > numbers.sizes
            good |= lost & (size + seen <= eps**0.5 * numbers.terms)
        if not good.all():
            return False
    return bool(claims)


def _measured(
    numbers: Numbers, line: int, claimed: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how much slopes along a line differ from a claim, the bars, and the largest change."""
    values = numbers.values
    steps = Precision.of(values.eps).steps.line
    changes, h = np.empty((2, steps.size, claimed.size)), np.empty(steps.size)
    for j, step in enumerate(steps):
        displacement = np.zeros(values.point.x.size)
        displacement[line] = step
        (plus, up), (minus, down) = values.at(displacement), values.at(-displacement)
        changes[:, j] = numbers.change(plus), numbers.change(minus)
        h[j] = (up[line] - down[line]) / 2
    error, bar = np.empty((2, claimed.size))
    for k, (slope, rounding) in enumerate(zip(claimed, numbers.rounding, strict=True)):
        at_each = np.full(steps.size, rounding)
        rungs = Rungs(h, changes[:, :, k], slope * np.array([h, -h]), at_each)
        found, _ = estimate(rungs, noise_level([rungs], float(rounding)), 0.0)
        error[k], bar[k] = found.value, found.bar
    return error, bar, np.fmax.reduce(np.abs(changes), axis=(0, 1))
