"""A verdict on a function against another implementation of it: a kernel and its reference."""

from functools import partial
from typing import Any

import numpy as np

from .._backends.typing import Function
from .._reference.arguments import Arguments
from .._reference.compare import compared, names_of
from .._reference.explain import COARSER, explained
from .._reference.report import report_of
from .._reference.runs import Runs
from .._report.report import Report
from .._vectors.callables import checked_callable
from .._vectors.validation import chosen, flags, keywords, real_number, whole_number
from .._verdict.options import Options


def verify_against(
    func: Function,
    reference: Function,
    *primals: Any,
    argnums: int | tuple[int, ...] | None = None,
    kwargs: dict[str, Any] | None = None,
    has_aux: bool = False,
    order: int = 1,
    precision: str = "auto",
    max_k: float | None = None,
    seed: int | None = None,
) -> Report:
    """
    Tell whether a function computes what a reference computes, and its vjp that of the reference.

    For kernels with a backward pass of their own, of any size: every entry of every result is
    compared, without a tolerance, in a handful of calls. The reference, in plain operations that
    the library differentiates, is evaluated in float64 at the exact numbers of x0, which is the
    truth. How far an entry may be off it is measured: at three more points, beside x0, on which
    roundings differ and mistakes stay; by the reference in the dtype of x0; and with a rounding
    drawn for each operation.

    Parameters
    ----------
    func : callable
        Called as ``func(*primals, **kwargs)`` with arrays of NumPy, JAX or PyTorch. Returns an
        array, or a pytree of them.
    reference : callable
        Takes the same arguments and returns the same structure, in operations that the library
        differentiates, and in any floating dtype.
    *primals : array or pytree
        The point, in the dtype of the kernel.
    argnums : int or tuple of int, optional
        Which of the primals derivatives are taken by; by default all that have floating arrays.
    kwargs : dict, optional
        Keyword arguments of both; floating arrays in them are rounded, and not differentiated by.
    has_aux : bool
        Whether both return a pair, of which the second is no output.
    order : {1, 0}
        1 for values and vjps, 0 for values alone, as of a kernel for inference, or with NumPy.
    precision : {'auto', 'tf32', 'bfloat16'}
        In which matrix products of float32 may be computed; by default in float32.
    max_k : float, optional
        How many times the error of the reference in its own dtype a right function may have. By
        default any: ``report.accuracy`` has the number for each result.
    seed : int, optional
        Repeats a check; drawn afresh by default, and in the report.

    Returns
    -------
    Report
        With a check for each result: its values, and its vjp by each argument. ``measured`` of its
        entries is the truth, and ``noise`` what would have been seen of one entry.

    Raises
    ------
    TypeError
        If there is no floating array among the arguments, or the structures of the results differ.
    ValueError
        If an option is out of range, or shapes of the results differ.

    See Also
    --------
    verify_autodiff : For rules of a function of which there is no other implementation.

    Examples
    --------
    >>> import torch
    >>> from gradproof import verify_against
    >>> class Softmax(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         y = torch.softmax(x.float(), -1).to(x.dtype)
    ...         ctx.save_for_backward(y)
    ...         return y
    ...
    ...     @staticmethod
    ...     def backward(ctx, ct):
    ...         (y,) = ctx.saved_tensors
    ...         return y * ct  # lacks the mean
    >>> x = torch.linspace(-2, 2, 600, dtype=torch.bfloat16).reshape(20, 30)
    >>> report = verify_against(Softmax.apply, lambda x: torch.softmax(x, -1), x, seed=0)
    >>> print(report.verdict)
    fail
    >>> {check.name: str(check.verdict) for check in report.checks}
    {'value': 'pass', 'vjp by x': 'fail'}
    """
    checked_callable(func, "func")
    checked_callable(reference, "reference")
    options = Options.checked(None, None, seed)
    (precision,) = chosen("precision", (precision,), ("auto", *COARSER))
    order = whole_number("order", order, 0, "0 for values alone or 1 for vjps as well")
    if order > 1:
        msg = f"order={order}: expected 0 for values alone, or 1 for vjps as well."
        raise ValueError(msg)
    flags(has_aux=has_aux)
    keywords(kwargs)
    if max_k is not None:
        max_k = real_number("max_k", max_k, lambda k: k > 0, "a positive number, or None")
    arguments = Arguments((func, reference), primals, kwargs or {}, argnums)
    if order and not arguments.moved:
        msg = (
            f"argnums={argnums!r} names no floating array; expected arguments that have some, or "
            "order=0 to compare values alone."
        )
        raise TypeError(msg)
    runs = partial(_runs, arguments, func, reference, has_aux, order, options)
    with arguments.backend.widest_numbers(), np.errstate(all="ignore"):
        first = runs(COARSER.get(precision, 0.0))
        names = names_of(arguments, _paths(arguments, func, reference, has_aux=has_aux), order)
        results = compared(first, names)
        said, lost = explained(first, results, names, runs)
        return report_of(first, results, said, lost, options.seed, max_k)


def _runs(
    arguments: Arguments,
    func: Function,
    reference: Function,
    has_aux: bool,  # noqa: FBT001  # by a partial
    order: int,
    options: Options,
    unit: float,
) -> Runs:
    ours = arguments.call(func, has_aux=has_aux)
    theirs = arguments.call(reference, has_aux=has_aux)
    return Runs(arguments, ours, theirs, order, options.rng(1), unit)


def _paths(
    arguments: Arguments, func: Function, reference: Function, *, has_aux: bool
) -> list[str]:
    """Return the paths of func's results; an error if the reference has others."""
    found = []
    for function in (func, reference):
        value = arguments.value(function)
        if has_aux:
            value = value[0]
        paths, arrays = arguments.results(value)
        found.append({p: tuple(a.shape) for p, a in zip(paths, arrays, strict=True)})
    ours, theirs = found
    if list(ours) != list(theirs):
        msg = (
            f"func returned floating arrays at {list(ours)} and the reference at {list(theirs)}; "
            "expected the same structure from both."
        )
        raise TypeError(msg)
    for name, shape in [*ours.items(), *((n, a.shape) for n, a in arguments.named())]:
        if 0 in shape:
            msg = f"{name or 'the result'} has shape {tuple(shape)}; expected one entry at least."
            raise ValueError(msg)
    for path, shape in ours.items():
        if shape != theirs[path]:
            msg = (
                f"func returned shape {shape}{' at ' + path if path else ''} and the reference "
                f"{theirs[path]}; expected the same: nothing is broadcast."
            )
            raise ValueError(msg)
    if not ours:
        msg = "func returned no floating array; expected one, or a pytree with some."
        raise TypeError(msg)
    return list(ours)
