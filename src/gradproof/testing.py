"""
Assertions for test suites: each `verify_*` as an `assert_*` that raises with the report's text.

A fail raises `WrongDerivative`, an inconclusive check `Inconclusive`; both are AssertionErrors.
Each returns its report. The arguments are those of the `verify_*`, but that `seed` is 0 unless it
is given: a test says the same in each run. ``seed=None`` draws a fresh one.
"""

import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec

from . import (
    Report,
    verify_against,
    verify_autodiff,
    verify_grad,
    verify_hess,
    verify_hvp,
    verify_jac,
    verify_jvp,
    verify_vjp,
)
from ._verdict.options import SEEDS

__all__ = [
    "assert_against",
    "assert_autodiff",
    "assert_grad",
    "assert_hess",
    "assert_hvp",
    "assert_jac",
    "assert_jvp",
    "assert_vjp",
]

#: The seed of an assertion that is given none.
_SEED = 0

_P = ParamSpec("_P")


def _asserting(verify: Callable[_P, Report]) -> Callable[_P, Report]:
    @functools.wraps(verify)
    def assertion(*args: _P.args, **kwargs: _P.kwargs) -> Report:
        __tracebackhide__ = True  # pytest then shows the line of the test
        kwargs.setdefault("seed", _SEED if SEEDS[0] is None else SEEDS[0])
        report = verify(*args, **kwargs)
        report.raise_if_wrong()
        return report

    name = verify.__name__.replace("verify", "assert")
    assertion.__name__ = assertion.__qualname__ = name
    assertion.__module__ = __name__
    assertion.__doc__ = (
        f"Raise unless `{verify.__name__}`, with the same arguments, passes; seed={_SEED} by "
        "default."
    )
    signature = inspect.signature(verify)
    parameters = [
        p.replace(default=_SEED) if p.name == "seed" else p for p in signature.parameters.values()
    ]
    # What `inspect` shows; static checkers have it from ParamSpec.
    assertion.__dict__["__signature__"] = signature.replace(parameters=parameters)
    return assertion


assert_against = _asserting(verify_against)
assert_autodiff = _asserting(verify_autodiff)
assert_grad = _asserting(verify_grad)
assert_hess = _asserting(verify_hess)
assert_hvp = _asserting(verify_hvp)
assert_jac = _asserting(verify_jac)
assert_jvp = _asserting(verify_jvp)
assert_vjp = _asserting(verify_vjp)
