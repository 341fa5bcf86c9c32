"""How a check is handed a function of several arrays: as arguments, or as one pytree."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.calibration.cases import Draw
from tests.calibration.several import Leaves, Several


@dataclass(frozen=True)
class Given:
    """The arguments of a check, and the way between them and the leaves."""

    several: Several
    tree: bool

    def func(self, *args: Any) -> Any:
        return self.several.func(*self.leaves(args))

    @property
    def x0s(self) -> tuple[Any, ...]:
        return (self.packed(self.several.xs),) if self.tree else self.several.xs

    @property
    def argnums(self) -> int | tuple[int, ...]:
        single = self.tree or len(self.several.xs) == 1
        return 0 if single else tuple(range(len(self.several.xs)))

    def leaves(self, args: Sequence[Any]) -> Leaves:
        """Return the leaves of what a function was called with."""
        return (args[0]["first"], *args[0]["others"]) if self.tree else tuple(args)

    def packed(self, leaves: Leaves) -> Any:
        """Return leaves in the form of what is differentiated by."""
        if self.tree:
            return {"first": leaves[0], "others": list(leaves[1:])}
        return leaves if len(leaves) > 1 else leaves[0]

    def unpacked(self, packed: Any) -> Leaves:
        """Return the leaves of what is in that form."""
        if self.tree:
            return self.leaves((packed,))
        return packed if len(self.several.xs) > 1 else (packed,)


def given(several: Several, draw: Draw) -> Given:
    """Return a function of several arrays in either form, one of a single array as it is."""
    return Given(several, tree=len(several.xs) > 1 and bool(draw.rng.integers(2)))
