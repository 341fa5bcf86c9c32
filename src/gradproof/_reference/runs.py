"""What the claim, the reference, and the reference with other roundings say at each point."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .arguments import Arguments
from .neighbours import POINTS, Neighbours

Leafwise = Callable[[list[Any]], list[Any]]
#: Runs of the reference with a rounding drawn for each operation.
DRAWN = 3


@dataclass(frozen=True)
class Point:
    """One of the points: floating arguments, and cotangents of the results."""

    arrays: list[Any]
    cotangents: list[Any]


class Runs:
    """
    The evaluations that a comparison is made of.

    Parameters
    ----------
    arguments : Arguments
        At x0.
    func, reference : callable
        From floating arrays to floating results.
    order : int
        0 for values alone, 1 for vjps as well.
    rng : numpy.random.Generator
        For cotangents, neighbours and roundings.
    unit : float
        The rounding of a declared precision, 0 for that of each dtype.

    Attributes
    ----------
    points : list of Point
        x0 and its neighbours.
    calls, reference_calls : int
        Calls of func, and of the reference, so far.
    """

    def __init__(
        self,
        arguments: Arguments,
        func: Leafwise,
        reference: Leafwise,
        order: int,
        rng: Any,
        unit: float = 0.0,
    ) -> None:
        self.arguments, self.func, self.reference = arguments, func, reference
        self.backend, self._order, self._rng = arguments.backend, order, rng
        self.unit, self.calls, self.reference_calls = unit, 0, 0
        first = self._unlike()
        cotangents = [self._drawn(array) for array in first] if order else []
        near = Neighbours(self.backend, rng, unit)
        arrays = [near.of(array) for array in arguments.arrays]
        beside = [near.of(array) for array in cotangents]
        self.points = [
            Point([own[k] for own in arrays], [own[k] for own in beside]) for k in range(POINTS)
        ]

    def _drawn(self, like: Any) -> Any:
        return self.backend.from_host(self._rng.normal(size=tuple(like.shape)), like)

    def _unlike(self) -> list[Any]:
        """
        Call func at an unlike point, and return its results there.

        A cache that is filled there shows at x0; one that is filled at a neighbour would not.
        """
        xp = self.backend.xp
        elsewhere = [
            xp.roll(array, 1, axis=-1) * 0.75 if len(array.shape) else array * 0.75
            for array in self.arguments.arrays
        ]
        self.calls += 1
        return self.func(elsewhere)

    def _of(self, func: Leafwise, point: Point) -> list[Any]:
        """Return results, and cotangents pulled back to what is moved; func may write to both."""
        copy = self.backend.copy
        own = Point([copy(a) for a in point.arrays], [copy(a) for a in point.cotangents])
        found = self._recorded(func, own)
        return [self.backend.unrecorded(array) for array in found]

    def _recorded(self, func: Leafwise, point: Point) -> list[Any]:
        if not self._order:
            return func(point.arrays)
        moved = self.arguments.moved

        def of_moved(leaves: list[Any]) -> list[Any]:
            arrays = list(point.arrays)
            for i, leaf in zip(moved, leaves, strict=True):
                arrays[i] = leaf
            return func(arrays)

        values, pullback = self.backend.vjp(of_moved, [point.arrays[i] for i in moved])
        # A reference may return its results in another dtype than func.
        xp = self.backend.xp
        cotangents = [
            xp.astype(cotangent, value.dtype)
            for cotangent, value in zip(point.cotangents, values, strict=True)
        ]
        return [*values, *pullback(cotangents)]

    def claim(self, k: int) -> list[Any]:
        """Return what func and its rules say at point `k`."""
        self.calls += 1
        return self._of(self.func, self.points[k])

    def narrow(self, k: int) -> list[Any]:
        """Return what the reference says at point `k`, in the dtype that it is given."""
        self.reference_calls += 1
        return self._of(self.reference, self.points[k])

    def in_single(self) -> list[Any]:
        """Return what func and its rules say at x0 in single precision."""
        xp, point = self.backend.xp, self.points[0]
        self.calls += 1
        single = [
            [xp.astype(a, xp.float32) for a in part] for part in (point.arrays, point.cotangents)
        ]
        return self._of(self.func, Point(*single))

    def wide(self, point: Point) -> Point:
        """Return a point in the widest dtype."""
        xp, wide = self.backend.xp, self.backend.wide

        def widened(arrays: list[Any]) -> list[Any]:
            return [xp.astype(array, wide(array)) for array in arrays]

        return Point(widened(point.arrays), widened(point.cotangents))

    def truth(self, k: int) -> list[Any]:
        """Return what the reference says at point `k`, in the widest dtype."""
        self.reference_calls += 1
        return self._of(self.reference, self.wide(self.points[k]))

    def rounded(self, unit: float) -> Iterator[list[Any]]:
        """Yield what the reference says at x0 with a rounding drawn for each operation."""
        point = self.wide(self.points[0])
        count = len(point.arrays)

        def of(every: list[Any]) -> list[Any]:
            return self._of(self.reference, Point(every[:count], every[count:]))

        for _ in range(DRAWN):
            seed = int(self._rng.integers(2**31))
            found = self.backend.rounded(of, [*point.arrays, *point.cotangents], unit, seed)
            if not found:  # a library whose operations cannot be followed
                return
            self.reference_calls += 1
            yield [self.backend.unrecorded(array) for array in found]

    def scaled(self, unit: float) -> Iterator[list[Any]]:
        """Yield what the reference says at x0 with one argument at a time scaled by a rounding."""
        point = self.wide(self.points[0])
        for i in range(len(point.arrays)):
            self.reference_calls += 1
            arrays = list(point.arrays)
            arrays[i] = arrays[i] * (1 + unit)
            yield self._of(self.reference, Point(arrays, point.cotangents))
