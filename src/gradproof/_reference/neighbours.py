"""Points beside x0: every entry on other numbers of its dtype, each in an order of its own."""

from itertools import permutations
from typing import Any

import numpy as np

from .._backends.registry import Backend

#: The moves of an entry, in units of its last place: their mean square is 2.
MOVES = (1, -1, 2)
#: How many points there are, with x0.
POINTS = len(MOVES) + 1
#: Their orders, with either sign of the last one.
_ORDERS = np.array(
    [
        [m * sign if abs(m) > 1 else m for m in order]
        for order in permutations(MOVES)
        for sign in (1, -1)
    ],
    dtype=np.int8,
)


class Neighbours:
    """
    Points beside x0, made from a seed.

    Parameters
    ----------
    backend : Backend
        Makes arrays.
    rng : numpy.random.Generator
        For the order of the moves, and the sign of the last one.
    unit : float, optional
        The rounding of a declared precision, coarser than that of the dtype.
    """

    def __init__(self, backend: Backend, rng: Any, unit: float = 0.0) -> None:
        self._backend, self._rng, self._unit = backend, rng, unit

    def of(self, array: Any) -> list[Any]:
        """Return an array at x0 and at each neighbour, in its dtype."""
        backend, xp = self._backend, self._backend.xp
        wide = xp.astype(array, backend.wide(array))
        shape = tuple(array.shape)
        order = self._rng.integers(len(_ORDERS), size=shape, dtype=np.uint8)
        # The next number away from zero: a move of little more than half a unit is rounded to it,
        # wherever in a binade the number is.
        u = float(backend.eps(array.dtype)) / 2
        up = xp.astype(xp.astype(wide * (1 + 1.01 * u), array.dtype), wide.dtype)
        # Whole numbers are masks, counts and sizes; what is not finite has no neighbours.
        whole = (wide == xp.round(wide)) | ~xp.isfinite(wide)
        ulp = up - wide
        if self._unit > u:
            # A whole unit of the coarser precision would leave the low bits, and the rounding.
            share = self._rng.uniform(0.6, 1.4, shape)
            ulp = backend.from_host(share, array, wide.dtype) * wide * (1.5 * self._unit)
        ulp = xp.where(whole, xp.zeros_like(wide), ulp)
        found = [array]
        for k in range(len(MOVES)):
            move = backend.from_host(np.asarray(_ORDERS[:, k][order]), array, wide.dtype)
            found.append(xp.astype(xp.where(whole, wide, wide + move * ulp), array.dtype))
        return found
