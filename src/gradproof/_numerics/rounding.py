"""
What rounding alone makes of a product with a claim: the floor under comparisons of two of them.

Where the terms of a product cancel, as in the gradient of a sum of probabilities or at a fitted
optimum, nothing is left of it but rounding, and to be off by as much as it is means nothing. How
large the terms were is seen where x0 and the vector of the product move by an ulp; of a softmax
that is saturated, ``p * (v - p @ v)``, whose terms move alike, it is seen nearer to zero.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .precision import Precision

#: Moves by an ulp, in random directions. Of four draws the largest is 0.3 of a deviation at least
#: in 998 of 1000 cases, and 16 of it five deviations.
_DRAWS = 4
#: So many roundings are none of what is compared: as of half precision elsewhere.
ROUNDINGS = 16.0
#: Multiples of x0 at which what is saturated at x0 is less so. Not farther from zero: what grows is
#: larger there, and is none of the terms at x0.
_NEARER = (0.75, 0.5, 0.25, 0.0625, 0.0)


@dataclass(frozen=True)
class Ulps:
    """
    Random moves by an ulp.

    Attributes
    ----------
    magnitude : ndarray of shape (n,)
        The sizes of the entries of x0.
    eps : float
        Machine epsilon of the coarsest dtype involved.
    rng : numpy.random.Generator
        For the directions.
    at : ndarray of shape (n,)
        The entries of x0; nothing where terms are not looked for elsewhere.
    """

    magnitude: np.ndarray
    eps: float
    rng: "np.random.Generator"  # not evaluated: numpy.random is slow to import
    at: Any = None

    def x(self) -> Any:
        """Return a displacement of x0."""
        return self.magnitude * self._signs(self.magnitude)

    def _signs(self, vector: np.ndarray) -> Any:
        return self.eps * self.rng.choice([-1.0, 1.0], vector.shape)

    def two(self, product: Callable[..., Any], vector: np.ndarray) -> tuple[Any, Any]:
        """
        Return a product with x0 and the vector moved by an ulp and by two, to the same side.

        What differs between the two is rounding; from x0 itself they differ by more where it is
        on a kink, or where equal entries are told apart.
        """
        d, v = self.x(), vector * self._signs(vector)
        return product(vector + v, d), product(vector + 2 * v, 2 * d)

    def of_terms(self, product: Callable[..., Any], vector: np.ndarray) -> Any:
        """Return a rounding of each entry of a product, as large as that is nearer to zero."""
        found = np.zeros(())
        for factor in _NEARER if self.at is not None else ():
            there = product(vector, (factor - 1) * self.at)
            if there is not None:
                with np.errstate(all="ignore"):
                    found = np.fmax(found, np.where(np.isfinite(there), np.abs(there), 0.0))
        # Of few digits one rounding is a large share of a number, and is counted as one.
        few = Precision.of(self.eps).rounding_in_full
        return found * (self.eps / ROUNDINGS if few else self.eps)


def blur(at_x0: np.ndarray, again: Callable[[], Any], moved: Callable[[], tuple[Any, Any]]) -> Any:
    """
    Return by how much each entry of a product changes at most where what goes into it is rounded.

    Parameters
    ----------
    at_x0 : ndarray
        The product.
    again : callable
        Computes it once more: one that is another one then is not rounded, but random, and has no
        such floor.
    moved : callable
        Computes it twice from arguments that are moved by some ulps; None where that fails.

    Returns
    -------
    ndarray
        Of the shape of the product.
    """
    found = np.zeros_like(at_x0)
    repeated = again()
    if repeated is None or not np.array_equal(repeated, at_x0, equal_nan=True):
        return found
    for _ in range(_DRAWS):
        one, two = moved()
        if one is not None and two is not None:
            with np.errstate(all="ignore"):
                found = np.fmax(found, np.abs(two - one))
    return np.where(np.isfinite(found), found, 0.0)
