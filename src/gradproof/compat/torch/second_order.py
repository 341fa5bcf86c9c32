"""`gradgradcheck`: the derivative of a gradient."""

from collections.abc import Callable
from typing import Any

import torch

from ..._vectors.callables import checked_callable
from ..._vectors.validation import tolerance
from .check import Settings
from .first_order import _run, _tolerances
from .inputs import as_tuple, followed


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float | None = None,
    atol: float | None = None,
    rtol: float | None = None,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """
    Check the gradients of gradients against gradients at other points, without a tolerance.

    A drop-in for `torch.autograd.gradgradcheck`: a `gradcheck` of the function from inputs and
    grad_outputs to the gradient by the inputs. That gradient itself is taken to be right.

    Parameters
    ----------
    func : callable
        As for `gradcheck`.
    inputs : tensor or tuple
        As for `gradcheck`.
    grad_outputs : tensor or tuple, optional
        Of the results of `func` that require a gradient; by default random, from torch's global
        generator. Those that require a gradient are moved too.
    eps, atol, rtol : float, optional
        As for `gradcheck`.
    gen_non_contig_grad_outputs : bool
        Whether random grad_outputs are not contiguous.
    raise_exception : bool
        As for `gradcheck`.
    nondet_tol : float
        As for `gradcheck`.
    check_undefined_grad : bool
        As for `gradcheck`.
    check_grad_dtypes : bool
        As for `gradcheck`.
    check_batched_grad : bool
        As for `gradcheck`.
    check_fwd_over_rev : bool
        Whether to check forward mode over the backward pass.
    check_rev_over_rev : bool
        Whether to check the backward pass of the backward pass.
    fast_mode : bool
        Makes no difference.
    masked : bool
        Makes no difference.

    Returns
    -------
    bool
        True; False if the derivatives are wrong and `raise_exception` is False.

    Raises
    ------
    GradcheckError, Inconclusive, ValueError, RuntimeError
        As by `gradcheck`. A backward pass that is marked `once_differentiable` has no derivative,
        which is a GradcheckError.

    See Also
    --------
    gradproof.verify_autodiff : With ``order=2``, returns a report.

    Examples
    --------
    >>> import torch
    >>> from gradproof.compat.torch import gradgradcheck
    >>> x = torch.linspace(0.5, 1.5, 6, requires_grad=True)
    >>> gradgradcheck(torch.sin, x)
    True
    """
    __tracebackhide__ = True  # pytest then shows the line of the test
    del fast_mode, masked
    checked_callable(func, "func")
    if not (check_fwd_over_rev or check_rev_over_rev):
        msg = "Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True"
        raise AssertionError(msg)
    if check_undefined_grad and not check_rev_over_rev:
        msg = "Setting check_undefined_grad=True requires check_rev_over_rev to be True"
        raise AssertionError(msg)
    if check_batched_grad and not check_rev_over_rev:
        msg = "Setting check_batched_grad=True requires check_rev_over_rev to be True"
        raise AssertionError(msg)
    inputs = as_tuple(inputs)
    settings = Settings(
        modes=("vjp",) * check_rev_over_rev + ("jvp",) * check_fwd_over_rev,
        tolerances=_tolerances(eps, atol, rtol),
        nondet_tol=tolerance("nondet_tol", nondet_tol) or 0.0,
        undefined=check_undefined_grad,
        dtypes=check_grad_dtypes,
        batched=check_batched_grad,
        batched_forward=False,
    )
    with torch.inference_mode(mode=False), torch.enable_grad():
        grads = as_tuple(grad_outputs)
        if grad_outputs is None:
            results = _followed_results(func(*inputs))
            grads = _drawn(results, noncontiguous=gen_non_contig_grad_outputs)
        count = len(inputs)
    return _run(
        _gradient_of(func, inputs, grads),
        inputs + grads,
        lambda i: f"inputs[{i}]" if i < count else f"grad_outputs[{i - count}]",
        settings,
        raise_exception=raise_exception,
        second=True,
    )


def _drawn(results: tuple[Any, ...], *, noncontiguous: bool) -> tuple[Any, ...]:
    """Return random grad_outputs, from torch's global generator."""
    return tuple(
        torch.testing.make_tensor(
            result.shape,
            dtype=result.dtype,
            device=result.device,
            low=-1,
            high=1,
            requires_grad=True,
            noncontiguous=noncontiguous,
        )
        for result in results
    )


def _followed_results(value: Any) -> tuple[Any, ...]:
    return tuple(followed(as_tuple(value)))


def _gradient_of(
    func: Callable[..., Any], inputs: tuple[Any, ...], grads: tuple[Any, ...]
) -> Callable[..., Any]:
    """Return the function from inputs and grad_outputs to the gradients by the inputs."""
    moved = [_needs(x) for x in inputs]
    weighted = [_needs(g) for g in grads]
    # Of a func that is made of steps, as a norm of order 0, autograd gives no gradient at all; by
    # copies, none of a func that reads the user's own tensors. The first call tells.
    nothing: bool | None = None

    def gradient(*args: Any) -> Any:
        # Forward mode hands detached tensors over, which autograd has to follow all the same.
        args = tuple(
            x.requires_grad_() if flag and not x.requires_grad else x
            for x, flag in zip(args, moved + weighted, strict=True)
        )
        own, weights = args[: len(moved)], args[len(moved) :]
        by = [leaf for x in own for leaf in followed((x,))]
        results = _followed_results(func(*own))
        found = torch.autograd.grad(results, by, weights, create_graph=True, allow_unused=True)
        nonlocal nothing
        if nothing is None:
            nothing = all(gradient is None for gradient in found)
        return () if nothing else tuple(found)

    return gradient


def _needs(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.requires_grad
