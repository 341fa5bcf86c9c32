"""Tells whether a hand-written derivative is right, on NumPy, JAX and PyTorch arrays."""

import importlib as _importlib
import types as _types

from ._checks.against import verify_against
from ._checks.autodiff import verify_autodiff
from ._checks.gradient import verify_grad
from ._checks.hessian import verify_hess, verify_hvp
from ._checks.jacobian import verify_jac
from ._checks.jvp import verify_jvp
from ._checks.moved import beside
from ._checks.pictures import plot_steps, plot_taylor
from ._checks.vjp import verify_vjp
from ._evaluation.options import Evaluation
from ._report.diagnoses import Diagnosis, Kind, WrongEntry, WrongPlace
from ._report.report import Interrupted, Report
from ._report.verdicts import Inconclusive, Verdict, WrongDerivative
from ._version import __version__
from ._watch.report import WatchedRule, WatchReport
from ._watch.watch import Watch, watch
from .compat.scipy.comparison import check_grad
from .compat.scipy.differences import approx_fprime

__all__ = [
    "Diagnosis",
    "Evaluation",
    "Inconclusive",
    "Interrupted",
    "Kind",
    "Report",
    "Verdict",
    "Watch",
    "WatchReport",
    "WatchedRule",
    "WrongDerivative",
    "WrongEntry",
    "WrongPlace",
    "__version__",
    "approx_fprime",
    "beside",
    "check_grad",
    "plot_steps",
    "plot_taylor",
    "verify_against",
    "verify_autodiff",
    "verify_grad",
    "verify_hess",
    "verify_hvp",
    "verify_jac",
    "verify_jvp",
    "verify_vjp",
    "watch",
]

# Their private modules are nobody's business: not in a traceback, a pickle or a page of the docs.
for _name in __all__:
    if _name != "__version__":
        globals()[_name].__module__ = __name__
del _name


def __getattr__(name: str) -> _types.ModuleType:
    """Import `gradproof.testing` and `gradproof.compat` when they are first used."""
    if name in ("compat", "testing"):
        return _importlib.import_module(f"{__name__}.{name}")
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
