"""Verdicts on second derivatives: Hessians, and their products with tangents."""

from dataclasses import replace
from typing import Any, Unpack

from .._backends.typing import Function
from .._claims.hessian import Hessian, HessianProduct
from .._claims.jvp import Tangents
from .._evaluation.gradients import GradientValues
from .._evaluation.options import Evaluation
from .._evaluation.slopes import SlopeValues
from .._evaluation.values import Values
from .._report.report import Report
from .._report.verdicts import Check
from .._vectors.callables import checked_callable
from .._vectors.outputs import Outputs
from .._vectors.point import Point
from .._vectors.primals import ArgNums
from .._vectors.tangents import lines, tangent
from .._verdict.finer import of_slopes
from .._verdict.judge import of_columns
from .._verdict.options import Options
from .consistency import linear_in_tangent, where_finite
from .repeat import repeatable
from .session import Pending, Session
from .symmetry import symmetric, symmetric_product


@repeatable
def verify_hess(
    func: Function,
    hess: Function,
    x0: Any,
    *args: Any,
    grad: Function | None = None,
    argnums: ArgNums = 0,
    kwargs: dict[str, Any] | None = None,
    rtol: float | None = None,
    budget: int | None = None,
    seed: int | None = None,
    **evaluation: Unpack[Evaluation],
) -> Report:
    """
    Tell whether a Hessian is right at a point, and symmetric.

    Parameters
    ----------
    func : callable
        Called as ``func(x, *args, **kwargs)``, as by `verify_grad`; returns one number.
    hess : callable
        The claim, called in the same way. Returns an array of shape ``x.shape + x.shape``; for
        pytrees, the structure of `x0` with that structure in the place of each leaf (as
        `jax.hessian` does).
    x0 : array, number, list or pytree
        The point; real.
    *args : object
        Extra arguments of all functions.
    grad : callable, optional
        The gradient of `func`, which is taken to be right (`verify_grad` tells). With it, each
        entry of the Hessian is checked against differences of the gradient; without it, the
        product of the Hessian with a random tangent is, against differences of `func`.
    argnums : int or tuple of int
        Which of the positional arguments ``(x0, *args)`` derivatives are taken by.
    kwargs : dict, optional
        Keyword arguments of all functions.
    rtol : float, optional
        The relative error that matters, as in `verify_jac`. Without `grad` its default is
        ``eps ** (4/15)``: 7e-5, 1.4e-2 (float32).
    budget : int, optional
        The most calls of `grad`, if it is given, or of `func`.
    seed : int, optional
        Repeats a check; drawn afresh by default, and in the report.
    **evaluation : Evaluation
        How `func`, or `grad` if it is given, is evaluated, see `Evaluation`: many points at a
        time, by workers, with a bar.

    Returns
    -------
    Report
        As of `verify_jac`; whether the claim is symmetric is one of its `checks`.

    Raises
    ------
    TypeError, ValueError
        As by `verify_grad`, and if `x0` is complex.

    See Also
    --------
    verify_hvp : For products with a Hessian that nobody forms.

    Examples
    --------
    >>> import numpy as np
    >>> from gradproof import verify_hess
    >>> x0 = np.linspace(0.5, 1.5, 4)
    >>> def func(x):
    ...     return np.sin(x.sum()) + (x**3).sum()
    >>> def grad(x):
    ...     return np.cos(x.sum()) + 3 * x**2
    >>> def hess(x):
    ...     return -np.sin(x.sum()) + np.diag(6 * x)
    >>> verify_hess(func, hess, x0, grad=grad, seed=0).verdict
    <Verdict.PASS: 'pass'>
    """
    checked_callable(func, "func")
    checked_callable(hess, "hess")
    options = Options.checked(rtol, budget, seed)
    session = Session.at(func, (x0, *args), (argnums, kwargs), options, evaluation)
    point, settings = _real(session.point), session.settings
    if grad is not None:
        checked_callable(grad, "grad")
        values: Values = GradientValues(grad, point, options.budget, settings)
        claim = Hessian(hess, point, values.outputs)
        report = _of_grad(of_columns(values, claim, options))
        columns = claim.at_x0()
    else:
        direction = tangent(point, options.rng(2), slice(None))
        slopes = SlopeValues(func, point, options.budget, direction, settings)
        # The structure of a gradient is that of x0.
        claim = Hessian(hess, point, _like_gradient(point))
        columns = claim.at_x0()
        product = HessianProduct(claim, slopes.tangent, point)
        report = of_slopes(slopes, product, options)
        report = report.with_remarks(["measured: the Hessian times a random tangent"])
        values = slopes
    rtol = report.rtol

    def symmetry() -> Check:
        return where_finite(symmetric(columns, point, rtol), values)

    return session.told([("Hessian", report)], {"symmetry": symmetry}, values, claim)


@repeatable
def verify_hvp(
    func: Function,
    hvp: Function,
    x0: Any,
    *args: Any,
    grad: Function | None = None,
    argnums: ArgNums = 0,
    kwargs: dict[str, Any] | None = None,
    rtol: float | None = None,
    budget: int | None = None,
    seed: int | None = None,
    **evaluation: Unpack[Evaluation],
) -> Report:
    """
    Tell whether an hvp, the product of a Hessian with a tangent, is right at a point.

    Parameters
    ----------
    func : callable
        Called as ``func(x, *args, **kwargs)``, as by `verify_grad`; returns one number.
    hvp : callable
        The claim, called as ``hvp(x, *args, tangent, **kwargs)`` with a tangent in the structure of
        `x0`; returns the product in the same structure.
    x0 : array, number, list or pytree
        The point; real.
    *args : object
        Extra arguments of all functions.
    grad : callable, optional
        The gradient of `func`, which is taken to be right; products are then checked against
        differences of it, otherwise against differences of `func`.
    argnums : int or tuple of int
        Which of the positional arguments ``(x0, *args)`` derivatives are taken by.
    kwargs : dict, optional
        Keyword arguments of all functions.
    rtol : float, optional
        The relative error that matters, as in `verify_hess`.
    budget : int, optional
        The most calls of `grad`, if it is given, or of `func`.
    seed : int, optional
        Repeats a check; drawn afresh by default, and in the report.
    **evaluation : Evaluation
        How `func`, or `grad` if it is given, is evaluated, see `Evaluation`: many points at a
        time, by workers, with a bar.

    Returns
    -------
    Report
        Whether the product is linear in its tangent, and symmetric, is among its `checks`.

    Raises
    ------
    TypeError, ValueError
        As by `verify_grad`, and if `x0` is complex.

    See Also
    --------
    verify_hess : For a Hessian that is there.

    Examples
    --------
    >>> import numpy as np
    >>> from gradproof import verify_hvp
    >>> x0 = np.linspace(0.5, 1.5, 4)
    >>> report = verify_hvp(lambda x: (x**3).sum(), lambda x, v: 6 * x * v, x0, seed=0)
    >>> report.verdict
    <Verdict.PASS: 'pass'>
    """
    checked_callable(func, "func")
    checked_callable(hvp, "hvp")
    options = Options.checked(rtol, budget, seed)
    session = Session.at(func, (x0, *args), (argnums, kwargs), options, evaluation)
    point, settings = _real(session.point), session.settings
    span, tangents = lines(point, options.rng(2))
    outputs = _like_gradient(point)
    if grad is not None:
        checked_callable(grad, "grad")
        values: Values = GradientValues(grad, point, options.budget, settings)
        outputs = values.outputs
    claim = Tangents(hvp, point, span, tangents, outputs)
    claim.name = "hvp"
    if grad is not None:
        report = _of_grad(of_columns(values.along(span), claim, options))
    else:
        values = slopes = SlopeValues(func, point, options.budget, tangents[0], settings)
        report = of_slopes(slopes, HessianProduct(claim, tangents[0], point), options)
    rtol, other = report.rtol, tangent(point, options.rng(4), slice(None))

    def symmetry() -> Check:
        check = symmetric_product(claim, tangents[0], other, options, rtol)
        return where_finite(check, values)

    pending: Pending = {
        "linearity of the hvp": lambda: linear_in_tangent(claim, values, options, rtol),
        "symmetry": symmetry,
    }
    return session.told([("hvp", report)], pending, values, claim)


def _real(point: Point) -> Point:
    for leaf in point.leaves:
        if leaf.complex:
            msg = (
                f"{leaf.path or 'x0'} is complex; expected real numbers for second derivatives. "
                "Make func one of the real and the imaginary parts, stacked along a new axis."
            )
            raise TypeError(msg)
    return point


def _of_grad(report: Report) -> Report:
    """Return a report that says what func, which is not called, was not compared with."""
    return replace(report, scope=report.scope.without("grad, which is taken to be right"))


def _like_gradient(point: Point) -> Outputs:
    """Return the structure of a gradient, which is that of x0."""
    like = point.call(lambda *args, **_: point.chosen(args), point.copies())
    return Outputs(point.backend, like, held=point.held_paths)
