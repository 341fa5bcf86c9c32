"""Tells whether a hand-written derivative is right, on NumPy, JAX and PyTorch arrays."""

from ._autodiff import verify_autodiff
from ._check import approx_fprime, check_grad
from ._evaluation import Evaluation
from ._products import verify_jvp, verify_vjp
from ._report import Inconclusive, Interrupted, Report, Verdict, WrongDerivative
from ._second import verify_hess, verify_hvp
from ._verify import verify_grad, verify_jac

__version__ = "0.1.0"

__all__ = [
    "Evaluation",
    "Inconclusive",
    "Interrupted",
    "Report",
    "Verdict",
    "WrongDerivative",
    "__version__",
    "approx_fprime",
    "check_grad",
    "verify_autodiff",
    "verify_grad",
    "verify_hess",
    "verify_hvp",
    "verify_jac",
    "verify_jvp",
    "verify_vjp",
]

# Their private modules are nobody's business: not in a traceback, a pickle or a page of the docs.
for _name in __all__:
    if _name != "__version__":
        globals()[_name].__module__ = __name__
del _name
