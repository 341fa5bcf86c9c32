"""
Func in single precision, where x0 has half: the values that half precision has no digits for.

They are those of the same function only if both agree wherever both are called: at x0, some way
beside it, and wherever half precision was measured and did not decide. A func that rounds inside,
or that does something else in another dtype, does not.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from .._backends.foreign import of_error
from .._numerics.formats import Format
from .._numerics.precision import Precision
from .._numerics.scales import moves_by_leaf
from .displaced import Displaced
from .outcomes import BudgetSpent
from .values import Values

#: What values in half precision may differ by, in units of their last place: what rounding makes of
#: some operations in a row, three bits. Where they mostly differ by less, so they do everywhere:
#: by six times the median and a unit, which of a thousand sums of roundings one is above.
_ROUNDINGS, _USUAL = 8.0, 6.0
#: How far beside x0 both are compared, as a share of moves: half of the first step of a ladder.
_FAR = 0.25

V = TypeVar("V", bound=Values)


@dataclass(frozen=True)
class Wider(Generic[V]):
    """
    Func in single precision, beside func in half precision.

    Attributes
    ----------
    narrow : Values
        Its values in half precision.
    values : Values or None
        Those in single precision, around the same x0; None if there are none.
    why : str
        Why not.
    """

    narrow: V
    values: V | None
    why: str = ""

    def same(self, rng: "np.random.Generator", beside: Iterable[np.ndarray]) -> bool:
        """
        Tell whether func is the same function in both.

        Parameters
        ----------
        rng : numpy.random.Generator
            For two places, to opposite sides of x0, with all entries moved.
        beside : iterable of ndarray of shape (n,)
            Displacements to more of them.
        """
        assert self.values is not None
        # Where lines are moved along, their numbers are rounded: both are to get the same.
        narrow, wide = (values.along(values.point.base) for values in (self.narrow, self.values))
        found = [_apart(narrow, narrow.returned, wide.returned)]
        for displacement in (*_around(narrow, rng), *map(self.narrow.point.whole, beside)):
            if narrow.left() < 2:
                return False
            # Of slopes by differences the values of func: their steps are those of a dtype.
            ((one, happened),) = Displaced.many(narrow, [displacement])
            ((other, _),) = Displaced.many(wide, [happened])
            found.append(_apart(narrow, one, other))
        return max(found) <= min(_ROUNDINGS, 1 + _USUAL * float(np.median(found)))


def widened(values: V) -> Wider[V]:
    """Return func in single precision, if it is the same function at x0 there."""
    if not Precision.of(values.dtype_eps).widens:
        return Wider(values, None, "nothing is in half precision")
    if values.calls.settings.wider is False:
        return Wider(values, None, "wider=False")
    point = values.point.widened()
    if point is None:
        return Wider(values, None, "x0 is in single precision already")
    try:
        wide = values.in_dtypes_of(point)
    except BudgetSpent:
        return Wider(values, None, "the budget of calls ended before")
    except Exception as err:
        # A library that mixes no dtypes takes all of its arguments in one.
        try:
            wide = values.in_dtypes_of(point.all_widened())
        except Exception:
            return Wider(values, None, f"there it raises {of_error(err)}")
    if Precision.of(wide.dtype_eps).widens:
        return Wider(values, None, "its result is of half precision there, too")
    if _apart(values, values.returned, wide.returned) > _ROUNDINGS:
        return Wider(values, None, "it returns something else there")
    return Wider(values, wide)


def _around(values: Values, rng: "np.random.Generator") -> tuple[np.ndarray, np.ndarray]:
    """Return two displacements of all entries, to opposite sides."""
    point = values.point
    move = moves_by_leaf(point.magnitude, [leaf.where for leaf in point.leaves], point.eps)
    by = _FAR * move * rng.choice([-1.0, 1.0], move.size) * rng.uniform(1, 2, move.size)
    return by, -by


def _apart(values: Values, narrow: np.ndarray, found: np.ndarray) -> float:
    """Return by how many units in the last place of half precision two results differ."""
    there = np.isfinite(narrow)
    if not np.array_equal(there, np.isfinite(found)):
        return np.inf
    # Results below the normal numbers are rounded to the smallest one.
    least, most = Format.of(values.outputs.eps).least, 0.0
    for leaf in values.outputs.leaves:
        own = there[leaf.where]
        one, other = narrow[leaf.where][own], found[leaf.where][own]
        unit = values.dtype_eps * float(np.max(np.abs(other), initial=0.0)) + least
        by = float(np.max(np.abs(one - other), initial=0.0))
        most = max(most, by / unit if unit else (np.inf if by else 0.0))
    return most
