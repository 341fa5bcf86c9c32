"""`gradcheck`: the first derivative of a function of tensors."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch.autograd.gradcheck import GradcheckError

from ..._checks.rules import DEEPER
from ..._report.combined import about
from ..._report.verdicts import Inconclusive, Verdict
from ..._vectors.callables import checked_callable
from ..._vectors.validation import real_number, tolerance
from .check import Settings, checked
from .inputs import ChangedError, as_tuple


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float | None = None,
    atol: float | None = None,
    rtol: float | None = None,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """
    Check the gradients that autograd computes against values of a function, without a tolerance.

    A drop-in for `torch.autograd.gradcheck`, for inputs of any floating or complex dtype.

    Parameters
    ----------
    func : callable
        Takes the inputs; returns a tensor, or a tuple of tensors. Results of whole numbers, None
        and results that do not require a gradient have none to be checked.
    inputs : tensor or tuple
        The arguments of `func`. Tensors that require a gradient are moved, in nested tuples, lists
        and dicts too; everything else is held fixed.
    eps : float, optional
        Step of the central differences that `atol` and `rtol` are about; by default the cube root
        of the machine epsilon. Otherwise steps are measured, and need none.
    atol, rtol : float, optional
        By default errors are judged by what can be told of them, as in `verify_autodiff`. Given any
        of `eps`, `atol` and `rtol`, a derivative is accepted, too, if all its numbers are within
        ``atol + rtol * abs(numerical)`` of the numerical ones, as the original compares them (but
        never by a projection). They excuse; they do not convict. One of the two that is not given
        is 0 (`atol`), or the relative error that matters to `verify_autodiff` (`rtol`). To accept a
        derivative that was found to be wrong is a UserWarning.
    raise_exception : bool
        Whether a wrong derivative raises; otherwise the result is False.
    nondet_tol : float
        By how much gradients of two backward passes on the same numbers may differ.
    check_undefined_grad : bool
        Whether undefined grad_outputs (and tangents, in forward mode) must be taken for zeros.
    check_grad_dtypes : bool
        Whether tangents in forward mode must be complex where results are. Gradients of another
        dtype than their input are never accepted; autograd itself converts them.
    check_batched_grad : bool
        Whether the backward pass must work under vmap.
    check_batched_forward_grad : bool
        Whether forward mode must work under vmap.
    check_forward_ad : bool
        Whether to check forward mode; a function without one raises.
    check_backward_ad : bool
        Whether to check the backward pass.
    fast_mode : bool
        Makes no difference: a check costs about ``2 n + 38`` calls of `func` and a handful of
        backward passes, and looks at every entry.
    masked : bool, optional
        Makes no difference: sparse inputs are refused.

    Returns
    -------
    bool
        True; False if the derivatives are wrong and `raise_exception` is False.

    Raises
    ------
    GradcheckError
        If the derivatives are wrong; the text is the report. This is torch's own exception.
    Inconclusive
        If the check could neither pass nor fail them, whatever `raise_exception` says: neither a
        test that expects a pass nor one that expects a fail then passes silently.
    ValueError
        If no input requires a gradient, or one is sparse, or a result is.
    RuntimeError
        If an input has a stride of 0; and what autograd raises.

    See Also
    --------
    gradproof.verify_autodiff : Returns the report.

    Notes
    -----
    Inputs are not written to, unless `func` takes them from elsewhere (from a closure, or a module
    whose parameters they are): then they are, and restored. Where an input is infinite or NaN it
    cannot be moved, and its gradient must be zero. A result that is not finite has no slope; if all
    else is right, the check is inconclusive. Random directions are the same in every run, and
    torch's generator is left alone.

    Examples
    --------
    >>> import torch
    >>> from gradproof.compat.torch import gradcheck
    >>> x = torch.linspace(0.5, 1.5, 6, requires_grad=True)  # float32
    >>> gradcheck(torch.sin, x)
    True
    """
    __tracebackhide__ = True  # pytest then shows the line of the test
    del fast_mode, masked
    checked_callable(func, "func")
    if not (check_forward_ad or check_backward_ad):
        msg = "Expected at least one of check_forward_ad or check_backward_ad to be True"
        raise AssertionError(msg)
    if check_batched_grad and not check_backward_ad:
        msg = "Setting check_batched_grad=True requires check_backward_ad to be True"
        raise AssertionError(msg)
    if check_batched_forward_grad and not check_forward_ad:
        msg = "Setting check_batched_forward_grad=True requires check_forward_ad to be True"
        raise AssertionError(msg)
    inputs = as_tuple(inputs)
    settings = Settings(
        modes=("vjp",) * check_backward_ad + ("jvp",) * check_forward_ad,
        tolerances=_tolerances(eps, atol, rtol),
        nondet_tol=tolerance("nondet_tol", nondet_tol) or 0.0,
        undefined=check_undefined_grad,
        dtypes=check_grad_dtypes,
        batched=check_batched_grad,
        batched_forward=check_batched_forward_grad,
    )
    return _run(func, inputs, lambda i: f"inputs[{i}]", settings, raise_exception=raise_exception)


def _tolerances(
    eps: float | None, atol: float | None, rtol: float | None
) -> tuple[float | None, float | None, float | None]:
    if eps is not None:
        expected = "a step, positive and finite, or None"
        eps = real_number("eps", eps, lambda given: 0 < given < math.inf, expected)
    return eps, tolerance("atol", atol), tolerance("rtol", rtol)


def _run(
    func: Callable[..., Any],
    inputs: tuple[Any, ...],
    names: Callable[[int], str],
    settings: Settings,
    *,
    raise_exception: bool,
    second: bool = False,
) -> bool:
    """Return what the original returns, or raise what it raises."""
    __tracebackhide__ = True
    with torch.inference_mode(mode=False), torch.enable_grad():
        try:
            report, is_excepted = checked(func, inputs, names, settings)
        except GradcheckError as err:  # of a gradient that cannot be compared with anything
            if raise_exception or isinstance(err, ChangedError):
                raise
            return False
    if report is None or report.ok:
        return True
    wrong = report.verdict is Verdict.FAIL
    if second:
        report = about(report, "second derivative")
        report = report.with_remarks([DEEPER] if wrong else [])
    if is_excepted:
        if wrong:
            msg = f"accepted within the tolerances that were given, but wrong: {report}"
            warnings.warn(msg, stacklevel=3)
        return True
    if not wrong:
        raise Inconclusive(str(report))
    if raise_exception:
        raise GradcheckError(str(report))
    return False
