"""A verdict on a function against another implementation of it: a kernel and its reference."""

from typing import Any

import numpy as np

from .._backends.typing import Function
from .._reference.arguments import Arguments
from .._reference.compare import compared
from .._reference.explain import COARSER, explained
from .._reference.forward import FORWARD, cut, forward_code
from .._reference.layouts import other_layouts
from .._reference.products import Products
from .._reference.report import Found, report_of
from .._reference.runs import Runs, at_unlike_point
from .._report.combined import done
from .._report.report import Report
from .._report.verdicts import Verdict
from .._vectors.callables import checked_callable
from .._vectors.validation import chosen, flags, keywords, real_number, whole_number
from .._verdict.options import Options
from .repeat import repeatable

_MODES = ("vjp", "jvp")
_ORDER = "0 for values alone, 1 for vjps and jvps as well, 2 for vjps of the vjp too"


@repeatable
def verify_against(
    func: Function,
    reference: Function | str,
    *primals: Any,
    argnums: int | tuple[int, ...] | None = None,
    kwargs: dict[str, Any] | None = None,
    has_aux: bool = False,
    order: int = 1,
    modes: tuple[str, ...] | None = None,
    precision: str = "auto",
    max_k: float | None = None,
    seed: int | None = None,
) -> Report:
    """
    Tell whether a function computes what a reference computes, and its derivatives are those of it.

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
    reference : callable or 'forward'
        Takes the same arguments and returns the same structure, in operations that the library
        differentiates, and in any floating dtype. 'forward' is func itself without its rules: the
        function that a `jax.custom_vjp` or `jax.custom_jvp` decorates, the ``forward`` of each
        `torch.autograd.Function`, differentiated by the library. Rules that JAX and PyTorch bring
        with them stay.
    *primals : array or pytree
        The point, in the dtype of the kernel.
    argnums : int or tuple of int, optional
        Which of the primals derivatives are taken by; by default all that have floating arrays.
    kwargs : dict, optional
        Keyword arguments of both; floating arrays in them are rounded, and not differentiated by.
    has_aux : bool
        Whether both return a pair, of which the second is no output.
    order : {1, 0, 2}
        1 for values, vjps and jvps, 0 for values alone, as of a kernel for inference, or with
        NumPy; 2 for derivatives of the vjp as well, by the arguments and by its cotangent.
    modes : tuple of {'vjp', 'jvp'}, optional
        Which products are compared. By default both, as far as there are any: a forward mode that
        func or the reference does not have is named in the report as not checked. Asked for by
        name, it makes the check inconclusive.
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
        If there is no floating array among the arguments, the structures of the results differ, or
        func's forward code, taken for the reference, cannot be differentiated.
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
    options = Options.checked(None, None, seed)
    (precision,) = chosen("precision", (precision,), ("auto", *COARSER))
    order = whole_number("order", order, 0, _ORDER)
    if order > len(_MODES):
        msg = f"order={order}: expected {_ORDER}."
        raise ValueError(msg)
    wanted = chosen("modes", _MODES if modes is None else modes, _MODES) if order else ()
    flags(has_aux=has_aux)
    keywords(kwargs)
    if max_k is not None:
        max_k = real_number("max_k", max_k, lambda k: k > 0, "a positive number, or None")
    if reference != FORWARD:
        checked_callable(reference, "reference", f", or {FORWARD!r}")
    both = (func,) if isinstance(reference, str) else (func, reference)
    arguments = Arguments(both, primals, kwargs or {}, argnums)
    if order and not arguments.moved:
        msg = (
            f"argnums={argnums!r} names no floating array; expected arguments that have some, or "
            "order=0 to compare values alone."
        )
        raise TypeError(msg)
    products = Products(arguments, wanted, order, asked=modes is not None)
    with arguments.backend.widest_numbers(), np.errstate(all="ignore"):
        found = _compared(both, products, has_aux, COARSER.get(precision, 0.0), options, max_k)
    return done(found)


def _compared(
    both: tuple[Function, ...],
    products: Products,
    has_aux: bool,  # noqa: FBT001  # of a public function
    unit: float,
    options: Options,
    max_k: float | None,
) -> Report:
    """Return the report on a function and its reference; of a function alone, its forward code."""
    arguments = products.arguments
    functions = [arguments.call(function, has_aux=has_aux) for function in both]
    like = at_unlike_point(arguments, functions[0])
    paths = _paths(arguments, both, has_aux=has_aux)
    forward = len(both) == 1
    if forward:
        functions.append(forward_code(arguments, functions[0], products.order))
    ours, theirs = functions
    products = products.without_jvps(ours, theirs)
    names = products.names(paths)

    def runs(rounding: float) -> Runs:
        return Runs(products, ours, theirs, like, options.rng(1), rounding)

    first = runs(unit)
    results = compared(first, names)
    said, lost = explained(first, results, names, runs)
    wrong = bool(said) or any(result.findings for result in results)
    checks, unseen = ([], []) if wrong else other_layouts(first, results)
    no_truth = ""
    if forward and products.order:
        no_truth = cut(products, theirs, first.wide(first.points[0]), options.rng(2))
    found = Found(said, lost, tuple(checks), tuple(unseen), no_truth)
    report = report_of(first, results, found, options.seed, max_k)
    if report.verdict is not Verdict.FAIL:
        return report
    from .against_named import diagnosed  # where there is a mistake to name

    return diagnosed(report, first)


def _paths(arguments: Arguments, both: tuple[Function, ...], *, has_aux: bool) -> list[str]:
    """Return the paths of func's results; an error if the reference has others."""
    found = []
    for function in (both[0], both[-1]):
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
