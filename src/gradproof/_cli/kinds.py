"""The kinds of checks that can be asked for, and which function makes each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .._checks.against import verify_against
from .._checks.autodiff import verify_autodiff
from .._checks.gradient import verify_grad
from .._checks.hessian import verify_hess, verify_hvp
from .._checks.jacobian import verify_jac
from .._checks.jvp import verify_jvp
from .._checks.vjp import verify_vjp
from .._report.report import Report

#: How func is evaluated: options of all checks that differentiate it.
EVALUATION = ("vectorize", "vectorized", "batch_size", "workers", "wider", "progress")
_MEASURED = ("rtol", "budget")


@dataclass(frozen=True)
class Kind:
    """
    A kind of check.

    Attributes
    ----------
    verify : callable
        What makes it.
    claim : str
        What its second function is called; empty if it takes none.
    says : str
        What that one is.
    short : str
        What the check tells, in one line.
    long : str
        What else there is to know.
    options : tuple of str
        The keywords of `verify` that can be asked for.
    """

    verify: Callable[..., Report]
    claim: str
    says: str
    short: str
    long: str
    options: tuple[str, ...]


def _gradient(func: Any, claim: Any, *primals: Any, **options: Any) -> Report:
    """Verify a gradient or a Jacobian, whichever func has."""
    # A gradient is the Jacobian of one value.
    verify: Callable[..., Report] = verify_jac
    word = "value_and_jac"
    if "directions" in options:
        verify, word = verify_grad, "value_and_grad"
    if options.pop("with_value", False):
        options[word] = True  # what is not asked for is not said in the report, either
    return verify(func, claim, *primals, **options)


KINDS = {
    "check": Kind(
        _gradient,
        "GRAD",
        "its gradient function, or its Jacobian",
        "tell whether a gradient or a Jacobian is right",
        "Pass, fail or inconclusive. There is no step and no tolerance to choose; steps, "
        "truncation error and noise are measured.\n\n"
        "For a function that returns an array, GRAD returns its Jacobian, of shape "
        "func.shape + x0.shape, which is verified entry by entry. So is a gradient, at two calls "
        "of FUNC for each entry: for more than some thousands say --directions auto, which looks "
        "along a few directions.",
        ("has_aux", "with_value", "directions", *_MEASURED, *EVALUATION),
    ),
    "vjp": Kind(
        verify_vjp,
        "VJP",
        "takes (x0, ..., cotangent) and returns the gradient, or takes (x0, ...) and returns "
        "FUNC's value and the function that does",
        "tell whether a vjp is right",
        "The gradient of the sum of FUNC's values, each times its weight in a random cotangent; "
        "whether VJP is linear in its cotangent is checked as well.",
        ("has_aux", "pullback", "directions", *_MEASURED, *EVALUATION),
    ),
    "jvp": Kind(
        verify_jvp,
        "JVP",
        "takes (x0, ..., tangent) and returns the tangent of func's result",
        "tell whether a jvp is right",
        "The product of the Jacobian with random tangents; whether JVP is linear in its tangent is "
        "checked as well.",
        ("has_aux", "with_value", *_MEASURED, *EVALUATION),
    ),
    "hess": Kind(
        verify_hess,
        "HESS",
        "returns the Hessian, of shape x0.shape + x0.shape",
        "tell whether a Hessian is right",
        "With --grad each entry of the Hessian is checked against differences of the gradient; "
        "without it the product with a random tangent is, against differences of FUNC. Whether it "
        "is symmetric is checked as well.",
        ("grad", *_MEASURED, *EVALUATION),
    ),
    "hvp": Kind(
        verify_hvp,
        "HVP",
        "takes (x0, ..., tangent) and returns the Hessian times the tangent",
        "tell whether a product with a Hessian is right",
        "Against differences of the gradient with --grad, of FUNC without it; whether it is linear "
        "in its tangent, and symmetric, is checked as well.",
        ("grad", *_MEASURED, *EVALUATION),
    ),
    "autodiff": Kind(
        verify_autodiff,
        "",
        "",
        "tell whether what JAX or PyTorch compute for a function is right",
        "For functions with rules of their own: jax.custom_vjp, jax.custom_jvp, "
        "torch.autograd.Function, kernels with a backward pass. Checked are both modes, that they "
        "are linear and transposes of each other, the value, and the same under jit and vmap. "
        "Numbers of --x0 need --backend jax or torch.",
        ("has_aux", "modes", "order", "vmap", "reference", "directions", *_MEASURED, *EVALUATION),
    ),
    "against": Kind(
        verify_against,
        "REFERENCE",
        "the same function in plain operations, or 'forward': FUNC's own forward code",
        "tell whether a kernel computes what a reference computes",
        "Values and derivatives, every entry of them, in any dtype, without a tolerance. Numbers "
        "of --x0 need --backend jax or torch, or --order 0, which compares values alone.",
        ("has_aux", "modes", "order", "precision", "max_k"),
    ),
}
#: What is compared with, where it may be the name of no function.
FORWARD = "forward"
#: Options that name a function.
FUNCTIONS = ("grad", "reference")
