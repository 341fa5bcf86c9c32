"""What the user may choose of a verdict, checked once."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._numerics.streams import Streams
from .._vectors.validation import real_number, whole_number

if TYPE_CHECKING:
    import numpy as np


#: The seed of checks that are given none, as a run of tests may want it; None for a fresh one.
SEEDS: list[int | None] = [None]


@dataclass(frozen=True)
class Options:
    """
    What the user may choose in every check.

    Attributes
    ----------
    rtol : float or None
        The relative error that matters; None for ``eps ** (1/3)``.
    budget : int or None
        The most calls of func.
    seed : int
        Repeats a check.
    directions : int or {'auto', 'all'}
        How many random directions to measure instead of each entry.
    stationary : bool
        Whether a claim passes that is zero because the point is stationary: what the drop-ins'
        originals say.
    """

    rtol: float | None
    budget: int | None
    seed: int
    directions: int | str = "all"
    stationary: bool = False

    @staticmethod
    def checked(rtol: Any, budget: Any, seed: Any, directions: Any = "all") -> "Options":
        """Return the options, a seed drawn if there is none; ValueError for one out of range."""
        if rtol is not None:
            expected = "the relative error that matters, a number between 0 and 1, or None"
            rtol = real_number("rtol", rtol, lambda given: 0 < given < 1, expected)
        if budget is not None:
            expected = "the number of calls of func to spend, a whole number, 1 at least, or None"
            budget = whole_number("budget", budget, 1, expected)
        if seed is None:
            seed = int.from_bytes(os.urandom(4), "little") if SEEDS[0] is None else SEEDS[0]
        seed = whole_number("seed", seed, 0, "an int that is not negative, or None")
        if not (isinstance(directions, str) and directions in ("auto", "all")):
            expected = (
                "'auto', 'all' (every entry), or the number of random directions to measure, 1 at "
                "least"
            )
            directions = whole_number("directions", directions, 1, expected)
        return Options(rtol, budget, seed, directions)

    def rng(self, stream: int) -> "np.random.Generator":
        """Return a generator; another one for each stream."""
        return Streams(self.seed).new(str(stream))

    def streams(self, part: str = "lines") -> Streams:
        """Return a stream for each consumer of random numbers in a part of a check."""
        return Streams(self.seed, part)

    def tolerance(self, eps: float) -> float:
        """Return the relative error that matters in the coarsest dtype involved."""
        return self.rtol if self.rtol is not None else float(eps ** (1 / 3))
