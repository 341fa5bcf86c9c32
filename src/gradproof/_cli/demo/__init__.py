"""
A demonstration: right gradients and planted mistakes, on every library that is there.

Each gradient comes right, and with mistakes that people make. The table shows what gradproof says
of each of them.
"""

from .problems import Claim, Problem
from .show import HALF, LIBRARIES, run

__all__ = ["HALF", "LIBRARIES", "Claim", "Problem", "run"]
