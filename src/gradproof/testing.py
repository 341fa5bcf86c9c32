"""
Assertions for test suites: each `verify_*` as an `assert_*` that raises with the report's text.

A fail raises `WrongDerivative`, an inconclusive check `Inconclusive`; both are AssertionErrors.
Each returns its report.
"""

import functools
from collections.abc import Callable
from typing import Any

from . import (
    Report,
    verify_autodiff,
    verify_grad,
    verify_hess,
    verify_hvp,
    verify_jac,
    verify_jvp,
    verify_vjp,
)

__all__ = [
    "assert_autodiff",
    "assert_grad",
    "assert_hess",
    "assert_hvp",
    "assert_jac",
    "assert_jvp",
    "assert_vjp",
]


def _asserting(verify: Callable[..., Report]) -> Callable[..., Report]:
    @functools.wraps(verify)
    def assertion(*args: Any, **kwargs: Any) -> Report:
        __tracebackhide__ = True  # pytest then shows the line of the test
        report = verify(*args, **kwargs)
        report.raise_if_wrong()
        return report

    name = verify.__name__.replace("verify", "assert")
    assertion.__name__ = assertion.__qualname__ = name
    assertion.__doc__ = f"Raise unless `{verify.__name__}`, with the same arguments, passes."
    return assertion


assert_autodiff = _asserting(verify_autodiff)
assert_grad = _asserting(verify_grad)
assert_hess = _asserting(verify_hess)
assert_hvp = _asserting(verify_hvp)
assert_jac = _asserting(verify_jac)
assert_jvp = _asserting(verify_jvp)
assert_vjp = _asserting(verify_vjp)
