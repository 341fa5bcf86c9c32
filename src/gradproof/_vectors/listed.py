"""A point for functions of the list of its leaves."""

from collections.abc import Callable
from typing import Any

from .._backends.typing import Array, Function
from .point import Point


class Listed(Point):
    """A point for functions of the list of its leaves, which make no pytree of them."""

    def __init__(self, point: Point) -> None:
        self.__dict__.update(point.__dict__)

    def held(self) -> Any:
        """Return the list of leaves."""
        return self.arrays

    def again(self, i: int) -> Callable[[Function, Any, Any], Any]:
        """Return a function that calls func with leaves, leaf `i` being another one."""
        return lambda func, leaves, array: func([*leaves[:i], array, *leaves[i + 1 :]])

    def call(self, func: Function, moved: list[Array], *extra: Any, what: str = "func") -> Any:
        """Call func with the list of leaves."""
        del what  # of what is held fixed it sees nothing
        return func(moved, *extra)
