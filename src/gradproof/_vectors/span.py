"""Lines through x0 as points of their own: an entry for each of a few tangents."""

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from .._backends.typing import Array, Function
from .layout import Leaf
from .point import Point
from .scope import Scope


class Span:
    """
    A point on few lines through x0: what is moved is how far to go along each of them.

    Parameters
    ----------
    point : Point
        Where they begin.
    tangents : ndarray of shape (k, n)
        The lines' directions.
    paths : list of str
        What to call each line in a report.

    Attributes
    ----------
    x, leaves, magnitude : as of `Point`
        The origin of the lines; each entry is a leaf of its own, on its own scale.
    """

    entrywise = False

    def __init__(self, point: Point, tangents: np.ndarray, paths: list[str]) -> None:
        self._point, self._tangents = point, tangents
        self.backend, self.eps, self.remarks = point.backend, point.eps, point.remarks
        self.x = np.zeros(len(tangents))
        self.magnitude = np.ones(len(tangents))
        self.leaves = [
            Leaf(path, (), slice(i, i + 1), complex=False) for i, path in enumerate(paths)
        ]
        # Entries of x0 that move by next to nothing, or by far less than others, count alike.
        _, self._sizes = np.frexp(np.abs(tangents).max(axis=0, initial=0.0))
        self._scaled = np.ldexp(tangents, -self._sizes)
        self._inverse = _inverse(self._scaled)
        still = np.asarray(~tangents.any(axis=1))  # where all that would move is held fixed
        self.fixed: np.ndarray | None = still if still.any() else None

    @property
    def scope(self) -> Scope:
        """What a check on these lines is about."""
        return self._point.scope

    @property
    def held_claims(self) -> dict[str, str]:
        """What a claim had where there is no derivative."""
        return self._point.held_claims

    def hint(self, err: Exception) -> str:
        """Return what may be behind an exception of a function that was called here."""
        return self._point.hint(err)

    def call(self, func: Function, moved: list[Array], *extra: Any, what: str = "func") -> Any:
        """Call func at some leaves."""
        return self._point.call(func, moved, *extra, what=what)

    def caller(self, func: Function) -> Function:
        """Return func as a function of leaves, for many calls."""
        return self._point.caller(func)

    def copies(self) -> list[Array]:
        """Return copies of the leaves at x0."""
        return self._point.copies()

    @property
    def at_x0(self) -> np.ndarray:
        """The numbers of the leaves at x0."""
        return self._point.at_x0

    def moved(self, displacement: np.ndarray, *, for_claim: bool = False) -> list[Array]:
        """Return the leaves at x0 plus a sum of tangents."""
        return self._point.moved(self.whole(displacement), for_claim=for_claim)

    def together(self, displacements: np.ndarray) -> tuple[Iterator[list[Array]], np.ndarray]:
        """Return the leaves at x0 plus each of some sums of tangents; see `Point.together`."""
        whole = np.stack([self.whole(displacement) for displacement in displacements])
        points, by = self._point.together(whole)
        pairs = zip(by, displacements, strict=True)
        return points, np.stack([self._measured(one, asked) for one, asked in pairs])

    def whole(self, displacement: np.ndarray) -> Any:
        """Return a displacement as one of the entries of x0."""
        count = len(self._tangents)
        along = displacement[:count] @ self._tangents
        return along + displacement[count:] if displacement.size > count else along

    def farther(self, weights: np.ndarray) -> Any:
        """Return a displacement along lines by moves of ordinary size, 1 at least."""
        longest = np.abs(self._tangents).max(axis=1, initial=0.0)
        with np.errstate(over="ignore"):
            further = np.where(longest > 0, 1 / np.maximum(longest, 1e-300), 0.0)
        return weights * np.maximum(further, 1.0)

    def towards(self, change: np.ndarray) -> np.ndarray:
        """Return the displacement, off the lines, that changes the entries of x0 so."""
        return np.concatenate([self.x, change])

    def shifted(self, change: np.ndarray) -> "Span":
        """Return the same lines through a point beside this one."""
        other = copy.copy(self)
        other._point = self._point.shifted(change)
        return other

    def widened(self) -> "Span | None":
        """Return the same lines through the point in single precision; None if it is so already."""
        point = self._point.widened()
        if point is None:
            return None
        other = copy.copy(self)
        other._point, other.eps = point, point.eps
        return other

    def all_widened(self) -> "Span":
        """Return the same lines through a point of which further arrays are in single, too."""
        other = copy.copy(self)
        other._point = self._point.all_widened()
        return other

    @property
    def base(self) -> Point:
        """The point that moves."""
        return self._point

    def happened(
        self,
        moved: list[Array],
        asked: np.ndarray | None = None,
        out: np.ndarray | None = None,  # noqa: ARG002
    ) -> Any:
        """
        Return how far the leaves have moved along each tangent, rounding averaged out.

        Only what rounding added to what was asked for is projected: where tangents hang together
        (those of all leaves add up to what the halves of all entries add up to), a projection of
        the whole would hand part of a step along one of them to the others.
        """
        return self._measured(self._point.happened(moved), asked)

    def _measured(self, by: np.ndarray, asked: np.ndarray | None) -> Any:
        """Return how far along each tangent a displacement of the entries of x0 is."""
        by = np.ldexp(by, -self._sizes)
        if asked is None:
            return by @ self._inverse
        along, off = asked[: self.x.size], asked[self.x.size :]
        whole = along @ self._scaled
        if off.size:
            whole += np.ldexp(off, -self._sizes)
        return along + (by - whole) @ self._inverse


def _inverse(rows: np.ndarray) -> np.ndarray:
    """Return the pseudoinverse of a matrix; of one entry in each row and column at once."""
    there = rows != 0
    if (there.sum(axis=0) > 1).any() or (there.sum(axis=1) > 1).any():
        return np.linalg.pinv(rows)
    # What is moved entry by entry, of which some hundreds take a tenth of a second otherwise.
    return np.asarray(np.divide(1.0, rows, out=np.zeros_like(rows), where=there).T)
