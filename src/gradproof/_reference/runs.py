"""What the claim, the reference, and the reference with other roundings say at each point."""

import math
from collections.abc import Iterator
from typing import Any

from .._numerics.precision import Precision
from .arguments import Arguments
from .blocks import Written, part, places
from .neighbours import POINTS, Neighbours
from .products import Leafwise, Point, Products

#: Runs of the reference with a rounding drawn for each operation.
DRAWN = 3
#: From so many entries on, truth may be in single precision where results are in half: to widen
#: fewer to double precision costs less than to find out whether it has to be.
_LONG = 2**18
#: What may be between the two, in roundings of half precision: an eighth of the least that is
#: looked for, `ENTRY` times the least scatter of what func says in single precision.
_SHARE = 1 / 128
#: What is said of a reference that raises there: most often it has numbers of its own.
_EXACT = (
    "gradproof called the reference with its arguments in {}, to learn what is right. Numbers that "
    "it takes from elsewhere, as the parameters of a module, stay as they are: make them arguments."
)


def at_unlike_point(arguments: Arguments, func: Leafwise) -> list[Any]:
    """
    Return func's results at an unlike point, at which it is to be called first.

    A cache that is filled there shows at x0; one that is filled at a neighbour would not.
    """
    xp = arguments.backend.xp
    return func(
        [
            xp.roll(array, 1, axis=-1) * 0.75 if len(array.shape) else array * 0.75
            for array in arguments.arrays
        ]
    )


class Runs:
    """
    The evaluations that a comparison is made of.

    Parameters
    ----------
    products : Products
        What is compared of both functions.
    func, reference : callable
        From floating arrays to floating results.
    results : list of array
        What func returns: like its results are its cotangents.
    rng : numpy.random.Generator
        For cotangents, tangents, neighbours and roundings.
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
        products: Products,
        func: Leafwise,
        reference: Leafwise,
        results: list[Any],
        rng: Any,
        unit: float = 0.0,
    ) -> None:
        self.products, self.func, self.reference = products, func, reference
        self.arguments = products.arguments
        self.backend, self._rng = self.arguments.backend, rng
        self.unit, self.calls, self.reference_calls = unit, 1, 0
        self._in_single = False
        x0 = self._drawn(results)
        near = Neighbours(self.backend, rng, unit)
        several = [near.of(array) for array in x0.flat()]
        self.points = [x0.like([own[k] for own in several]) for k in range(POINTS)]

    def _drawn(self, results: list[Any]) -> Point:
        """Return x0, with what is drawn for the products."""
        arrays, products = self.arguments.arrays, self.products
        moved = [arrays[i] for i in self.arguments.moved]

        def like(several: list[Any], *, wanted: bool) -> list[Any]:
            return [self._one(array) for array in several] if wanted else []

        return Point(
            arrays,
            like(results, wanted="vjp" in products.modes or products.order > 1),
            like(moved, wanted="jvp" in products.modes),
            like(moved, wanted=products.order > 1),
        )

    def _one(self, like: Any) -> Any:
        xp, drawn = self.backend.xp, Written(self.backend, like, like.dtype)
        for place in places(self.backend, like):
            numbers = self._rng.normal(size=[one.stop - one.start for one in place])
            drawn.put(place, self.backend.from_host(numbers, like))
        return xp.reshape(drawn.array, like.shape)

    def at(self, point: Point) -> list[Any]:
        """Return what func and its rules say at a point."""
        self.calls += 1
        return self.products.of(self.func, point)

    def claim(self, k: int) -> list[Any]:
        """Return what func and its rules say at point `k`."""
        return self.at(self.points[k])

    def narrow(self, k: int) -> list[Any]:
        """Return what the reference says at point `k`, in the dtype that it is given."""
        self.reference_calls += 1
        return self.products.of(self.reference, self.points[k])

    def in_single(self, k: int = 0) -> list[Any]:
        """Return what func and its rules say at point `k` in single precision."""
        xp = self.backend.xp
        self.calls += 1
        point = self.points[k].mapped(lambda array: xp.astype(array, xp.float32))
        return self.products.at(self.func, point)

    def wide(self, point: Point) -> Point:
        """Return a point in the widest dtype."""
        xp, wide = self.backend.xp, self.backend.wide
        return point.mapped(lambda array: xp.astype(array, wide(array)))

    def _exact(self, point: Point) -> Point:
        """Return a point, in arrays of its own, in the dtype that truth is found in."""
        if not self._in_single:
            return self.wide(point)
        xp = self.backend.xp
        return point.mapped(lambda array: xp.astype(array, xp.float32))

    def truth(self, k: int) -> list[Any]:
        """Return what the reference says at point `k`, in more digits than func has."""
        self.reference_calls += 1
        point = self._exact(self.points[k])
        try:
            return self.products.at(self.reference, point)
        except Exception as err:
            err.add_note(_EXACT.format(str(point.arrays[0].dtype).rpartition(".")[2]))
            raise

    def settle(self, claims: list[Any], truths: list[Any]) -> None:
        """Find truth in single precision from here on, if at x0 it is the same in double."""
        backend, given = self.backend, [*claims, *self.points[0].flat()]
        units = [float(backend.eps(array.dtype)) for array in given]
        longest = max(math.prod(array.shape) for array in given)
        if longest < _LONG or not all(Precision.of(unit).widens for unit in units):
            return
        self._in_single = True
        pairs = zip(self.truth(0), truths, units[: len(claims)], strict=True)
        self._in_single = all(_alike(backend, *pair) for pair in pairs)

    def rounded(self, unit: float) -> Iterator[list[Any]]:
        """Yield what the reference says at x0 with a rounding drawn for each operation."""
        for _ in range(DRAWN):
            point, seed = self._exact(self.points[0]), int(self._rng.integers(2**31))

            def of(arrays: list[Any], point: Point = point) -> list[Any]:
                return self.products.at(self.reference, point.like(arrays))

            found = self.backend.rounded(of, point.flat(), unit, seed)
            if not found:  # a library whose operations cannot be followed
                return
            self.reference_calls += 1
            yield [self.backend.unrecorded(array) for array in found]

    def scaled(self, unit: float) -> Iterator[list[Any]]:
        """Yield what the reference says at x0 with one argument at a time scaled by a rounding."""
        for i in range(len(self.points[0].arrays)):
            point = self._exact(self.points[0])
            point.arrays[i] = point.arrays[i] * (1 + unit)
            self.reference_calls += 1
            yield self.products.at(self.reference, point)


def _alike(backend: Any, single: Any, truth: Any, eps: float) -> bool:
    """Tell whether truth in single precision is as good, for half precision, as in double."""
    native = backend.native(_far)
    return not any(
        bool(native(part(single, place), part(truth, place), unit=eps / 2))
        for place in places(backend, truth)
    )


def _far(backend: Any, single: Any, truth: Any, unit: float) -> Any:
    xp = backend.xp
    # Terms of an entry are as large as its neighbours, and so is its rounding.
    near = xp.sqrt(xp.mean(truth * truth, axis=-1, keepdims=True))
    allowed = _SHARE * unit * (xp.abs(truth) + near)
    return xp.any(~(xp.abs(xp.astype(single, truth.dtype) - truth) <= allowed))
