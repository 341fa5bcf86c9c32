"""How small a mistake a check would have seen: of the whole, of leaves, of rows, of an entry."""

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._vectors.layout import Leaf

#: Up to so many entries of a leaf, a pass in half precision must have been able to see each of its
#: rows missing: an array of 256 x 384. Some 200 calls of func can show that of most functions, not
#: of longer ones.
ROWS_UP_TO = 10**5
_TANGENTS = (
    "along tangents, rows and entries of x0 have no number of their own; what is called a leaf is "
    "a tangent"
)
_UNFINISHED = "the check ended before rows and entries were looked at"


@dataclass(frozen=True)
class LeafReach:
    """
    How small a mistake of one leaf would have been seen.

    All numbers are relative errors: 1 is something that is missing, 2 a wrong sign. Of what is
    claimed to be less than the median of the leaf, they are relative to that. Infinity where no
    mistake would have been seen, None where there is no such thing.

    Attributes
    ----------
    path : str
        The place of the leaf in the pytree, empty if it is all that there is.
    shape : tuple of int
        Its shape.
    whole : float
        Of the leaf as a whole.
    rows : tuple of float
        Of the least visible row along each axis, of which a row is what one index selects:
        ``leaf[i, :]`` along the first axis, ``leaf[:, j]``, a column, along the second.
    entry : float or None
        Of the least visible entry, if all others are right.
    slope : float or None
        Of a leaf of which nothing is claimed, beside others of which something is: it has no size
        to relate an error to. The least slope that would have been seen if each of its entries had
        one like it, in the units of func and x0. None of other leaves.
    """

    path: str
    shape: tuple[int, ...]
    whole: float
    rows: tuple[float, ...]
    entry: float | None
    slope: float | None = None

    def worse(self, other: "LeafReach") -> "LeafReach":
        """Return the larger of the numbers of two checks of the same leaf."""
        entries = [e for e in (self.entry, other.entry) if e is not None]
        rows = tuple(map(max, self.rows, other.rows)) if other.rows else self.rows
        slopes = [slope for slope in (self.slope, other.slope) if slope is not None]
        return LeafReach(
            self.path,
            self.shape,
            max(self.whole, other.whole),
            rows or other.rows,
            max(entries, default=None),
            max(slopes, default=None),
        )


@dataclass(frozen=True)
class Reach:
    """
    How small a mistake a check would have seen, as relative errors.

    Attributes
    ----------
    whole : float
        Of all of the claim: of a factor, a sign, zero.
    leaves : tuple of LeafReach
        Of each leaf, of its rows along each axis and of its entries.
    reason : str
        Why there are no numbers of some, empty if there are.
    """

    whole: float
    leaves: tuple[LeafReach, ...]
    reason: str = ""

    @property
    def of_nothing(self) -> str:
        """What would have been seen of leaves of which nothing is claimed, in words."""
        slopes = [f"{leaf.slope:.2g} in {leaf.path}" for leaf in self.leaves if leaf.slope]
        if not slopes:
            return ""
        more = f" and {len(slopes) - 4} more" if len(slopes) > 4 else ""
        listed = ", ".join(slopes[:4]) + more
        return f"where nothing is claimed, slopes would have been seen from {listed} on"

    @property
    def leaf(self) -> float | None:
        """That of the least visible leaf."""
        return max((leaf.whole for leaf in self.leaves), default=None)

    @property
    def row(self) -> float | None:
        """That of the least visible row of any leaf along any axis."""
        return max((row for leaf in self.leaves for row in leaf.rows), default=None)

    @property
    def entry(self) -> float | None:
        """That of the least visible entry of any leaf."""
        entries = (leaf.entry for leaf in self.leaves)
        return max((entry for entry in entries if entry is not None), default=None)

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers for JSON, None for infinity."""
        return {
            "whole": _plain(self.whole),
            "leaves": [
                {
                    "path": leaf.path,
                    "shape": list(leaf.shape),
                    "whole": _plain(leaf.whole),
                    "rows": [_plain(row) for row in leaf.rows],
                    "entry": _plain(leaf.entry),
                    "slope": _plain(leaf.slope),
                }
                for leaf in self.leaves
            ],
            "reason": self.reason,
        }

    def worse(self, other: "Reach") -> "Reach":
        """Return the larger of the numbers of two checks, of leaves of the same place."""
        found = {(leaf.path, leaf.shape): leaf for leaf in self.leaves}
        for leaf in other.leaves:
            key = (leaf.path, leaf.shape)
            found[key] = found[key].worse(leaf) if key in found else leaf
        reason = "; ".join(dict.fromkeys(r for r in (self.reason, other.reason) if r))
        return Reach(max(self.whole, other.whole), tuple(found.values()), reason)


def of_entries(
    leaves: list[Leaf], resolution: np.ndarray, whole: float, *, entrywise: bool
) -> Reach:
    """
    Return the reach of a check that looked at each entry.

    A leaf, or a row of it, in which each entry is off is seen by the entry that shows most.
    """
    found = []
    for leaf in leaves:
        own = resolution[leaf.where]
        if leaf.complex:
            own = own.reshape(2, -1).min(axis=0)
        if own.size:
            rows = _rows(own.reshape(leaf.shape)) if entrywise else ()
            entry = float(own.max()) if entrywise else None
            found.append(LeafReach(leaf.path, leaf.shape, float(own.min()), rows, entry))
    return Reach(_known(whole), tuple(found), "" if entrywise else _TANGENTS)


def _rows(own: np.ndarray) -> tuple[float, ...]:
    axes = range(own.ndim)
    return tuple(float(own.min(axis=tuple(k for k in axes if k != axis)).max()) for axis in axes)


def worst_of(several: list[Reach | None]) -> Reach | None:
    """Return the larger of the numbers of several checks."""
    known = [reach for reach in several if reach is not None]
    return functools.reduce(Reach.worse, known) if known else None


def unfinished(whole: float) -> Reach:
    """Return the reach of a check that ended before anything but the whole was looked at."""
    return Reach(_known(whole), (), _UNFINISHED)


def _known(whole: float) -> float:
    return whole if math.isfinite(whole) else math.inf


def _plain(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
