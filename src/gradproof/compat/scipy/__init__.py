"""
SciPy's `check_grad` and `approx_fprime`, on native arrays.

The same two functions as `gradproof.check_grad` and `gradproof.approx_fprime`.
"""

from .comparison import check_grad
from .differences import approx_fprime

__all__ = ["approx_fprime", "check_grad"]
