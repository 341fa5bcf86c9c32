"""Functions in the widest numbers of a library, and with other roundings."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from .calls import Calls

#: A function of a list of arrays that returns a list of arrays.
Leafwise = Callable[[list[Any]], list[Any]]


class Precisions(Calls):
    """What a comparison with another implementation asks of a library."""

    def wide(self, like: Any) -> Any:
        """Return the widest floating dtype that there is on the device of an array."""
        return self.xp.float64

    def widest_numbers(self) -> AbstractContextManager[Any]:
        """Return a context in which there are numbers of that dtype."""
        return nullcontext()

    def rounded(self, func: Leafwise, leaves: list[Any], unit: float, seed: int) -> list[Any]:
        """Return func's leaves with a rounding drawn for each operation; none if unknown."""
        return []

    def without_rules(self, func: Leafwise, taken: list[str]) -> Leafwise:
        """Return a function with the forward code of its rules in their place, and note these."""
        return func
