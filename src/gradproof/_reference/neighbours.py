"""Points beside x0: every entry on other numbers of its dtype, each in an order of its own."""

from itertools import permutations
from typing import Any

import numpy as np

from .._backends.registry import Backend
from .._numerics.precision import Precision
from .blocks import Written, part, places, shape_of

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
        shape, eps = shape_of(array), float(backend.eps(array.dtype))
        order = self._rng.integers(len(_ORDERS), size=shape, dtype=np.uint8)
        # A whole unit of a coarser precision would leave the low bits, and the rounding.
        coarse = self._unit > eps / 2
        share = self._rng.uniform(0.6, 1.4, shape) * 1.5 * self._unit if coarse else None
        written = [Written(backend, array, array.dtype) for _ in MOVES]
        dtype = xp.float32 if Precision.of(eps).widens else backend.wide(array)
        moved = backend.native(_moved)
        for place in places(backend, array):
            shares = None if share is None else backend.from_host(share[place], array, dtype)
            moves = [backend.from_host(own[order[place]], array, dtype) for own in _ORDERS.T]
            found = moved(part(array, place), moves, shares, u=eps / 2, dtype=dtype)
            for one, block in zip(written, found, strict=True):
                one.put(place, block)
        return [array, *(xp.reshape(one.array, array.shape) for one in written)]


def _moved(
    backend: Any, array: Any, moves: list[Any], share: Any, *, u: float, dtype: Any
) -> list[Any]:
    """Return a block of each neighbour."""
    xp = backend.xp
    wide = xp.astype(array, dtype)
    # Whole numbers are masks, counts and sizes; what is not finite, and so not a distance away
    # from any, has no neighbours.
    whole = ~(xp.abs(wide - xp.round(wide)) > 0)
    if share is None:
        # The next number away from zero: a move of little more than half a unit is rounded to it,
        # wherever in a binade the number is.
        ulp = xp.astype(xp.astype(wide * (1 + 1.01 * u), array.dtype), dtype) - wide
    else:
        ulp = share * wide
    return [xp.astype(xp.where(whole, wide, wide + move * ulp), array.dtype) for move in moves]
