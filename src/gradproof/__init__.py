"""Tells whether a hand-written derivative is right, on NumPy, JAX and PyTorch arrays."""

from ._check import approx_fprime, check_grad
from ._report import Inconclusive, Report, Verdict, WrongDerivative
from ._verify import verify_grad

__version__ = "0.1.0"

__all__ = [
    "Inconclusive",
    "Report",
    "Verdict",
    "WrongDerivative",
    "__version__",
    "approx_fprime",
    "check_grad",
    "verify_grad",
]
