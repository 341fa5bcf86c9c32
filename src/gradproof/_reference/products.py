"""What is compared of two functions: values, vjps, jvps, and vjps of the vjp."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from .arguments import Arguments

Leafwise = Callable[[list[Any]], list[Any]]


@dataclass(frozen=True)
class Point:
    """
    Where both functions are looked at.

    Attributes
    ----------
    arrays : list of array
        Floating arguments.
    cotangents : list of array
        Like the results; empty where no vjp is compared.
    tangents : list of array
        Like the arguments that are moved; empty where no jvp is compared.
    weights : list of array
        Cotangents of the vjps, like the arguments that are moved; empty without second derivatives.
    """

    arrays: list[Any]
    cotangents: list[Any]
    tangents: list[Any]
    weights: list[Any]

    @property
    def parts(self) -> tuple[list[Any], ...]:
        """All lists."""
        return self.arrays, self.cotangents, self.tangents, self.weights

    def mapped(self, convert: Callable[[Any], Any]) -> "Point":
        """Return the point with another array for each."""
        return Point(*([convert(array) for array in part] for part in self.parts))

    def flat(self) -> list[Any]:
        """Return all arrays."""
        return [array for part in self.parts for array in part]

    def like(self, arrays: list[Any]) -> "Point":
        """Return a point of arrays in the order of `flat`."""
        given = iter(arrays)
        return self.mapped(lambda _: next(given))


@dataclass(frozen=True)
class Products:
    """
    From a function and a point to all that is compared of it.

    Attributes
    ----------
    arguments : Arguments
        Of both functions.
    modes : tuple of {'vjp', 'jvp'}
        Which products are.
    order : int
        0 for values alone, 1 for products too, 2 for vjps of the vjp as well.
    lacking : str
        Why jvps are not compared, where func or the reference has none; otherwise empty.
    asked : bool
        Whether modes were asked for by name.
    """

    arguments: Arguments
    modes: tuple[str, ...]
    order: int
    lacking: str = ""
    asked: bool = False

    def without_jvps(self, func: Leafwise, reference: Leafwise) -> "Products":
        """Return the same without jvps, if one of the functions has no forward mode."""
        if "jvp" not in self.modes:
            return self
        backend, arrays = self.arguments.backend, self.arguments.arrays
        tangents = [backend.xp.ones_like(arrays[i]) for i in self.arguments.moved]
        trial = replace(self, modes=("jvp",), order=1)
        for name, function in (("func", func), ("the reference", reference)):
            try:
                trial.of(function, Point(arrays, [], tangents, []))
            except Exception as err:
                if not backend.lacks_forward_mode(err):
                    raise
                modes = tuple(mode for mode in self.modes if mode != "jvp")
                return replace(self, modes=modes, lacking=f"{name} has no forward mode")
        return self

    def names(self, paths: list[str]) -> list[str]:
        """Return what each result is called, from the paths of func's results."""
        by = [self.arguments.names[i] for i in self.arguments.moved]
        values = [f"value{path}" for path in paths]
        found = list(values)
        if "vjp" in self.modes:
            found += [f"vjp by {name}" for name in by]
        if "jvp" in self.modes:
            found += [f"jvp of {value}" for value in values]
        if self.order > 1:
            found += [f"vjp of the vjp by {name}" for name in by]
            found += [f"vjp of the vjp by the cotangent of {value}" for value in values]
        return found

    def of(self, func: Leafwise, point: Point) -> list[Any]:
        """Return values and products; func may write to what it gets."""
        return self.at(func, point.mapped(self.arguments.backend.copy))

    def at(self, func: Leafwise, point: Point) -> list[Any]:
        """Return the same, of arrays that func may write to."""
        backend = self.arguments.backend
        moved = [point.arrays[i] for i in self.arguments.moved]
        found = self._values_and_vjps(func, point, moved)
        if "jvp" in self.modes:
            pushed = backend.jvp(self._of_moved(func, point), moved, point.tangents)[1]
            found += [*pushed]
        if self.order > 1:
            found += self._second(func, point, moved)
        return [backend.unrecorded(array) for array in found]

    def _of_moved(self, func: Leafwise, point: Point) -> Leafwise:
        def of(leaves: list[Any]) -> list[Any]:
            arrays = list(point.arrays)
            for i, leaf in zip(self.arguments.moved, leaves, strict=True):
                arrays[i] = leaf
            return func(arrays)

        return of

    def _values_and_vjps(self, func: Leafwise, point: Point, moved: list[Any]) -> list[Any]:
        if "vjp" not in self.modes:
            return list(func(point.arrays))
        once = "jvp" not in self.modes and self.order == 1  # nothing else is computed of the point
        values, pullback = self.arguments.backend.vjp(self._of_moved(func, point), moved, once=once)
        return [*values, *pullback(self._cotangents(point.cotangents, values))]

    def _cotangents(self, cotangents: list[Any], values: list[Any]) -> list[Any]:
        # A reference may return its results in another dtype than func.
        astype = self.arguments.backend.xp.astype
        pairs = zip(cotangents, values, strict=True)
        return [astype(cotangent, value.dtype, copy=False) for cotangent, value in pairs]

    def _second(self, func: Leafwise, point: Point, moved: list[Any]) -> list[Any]:
        """Return the derivatives of the vjp, weighed, by arguments and by its cotangents."""
        backend, count = self.arguments.backend, len(moved)
        of_moved = self._of_moved(func, point)

        def first(leaves: list[Any]) -> list[Any]:
            values, pullback = backend.vjp(of_moved, leaves[:count])
            return pullback(self._cotangents(leaves[count:], values))

        _, pullback = backend.vjp(first, [*moved, *point.cotangents])
        return pullback(point.weights)
