"""
A demonstration: right gradients and planted mistakes, on every library that is there.

Each gradient comes twice, once right and once with a mistake that people make. The table shows
what gradproof says of each of them.
"""

from ._problems import Claim, Problem
from ._run import LIBRARIES, run

__all__ = ["LIBRARIES", "Claim", "Problem", "run"]
