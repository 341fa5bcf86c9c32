"""Tells whether a hand-written derivative is right, on NumPy, JAX and PyTorch arrays."""

from ._check import approx_fprime, check_grad

__version__ = "0.1.0"

__all__ = ["__version__", "approx_fprime", "check_grad"]
