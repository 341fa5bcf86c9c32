"""Verdicts on second derivatives: Hessians, and their products with tangents."""

from typing import Any, Unpack

import numpy as np

from .._backends.typing import Function
from .._claims.hessian import Hessian, HessianProduct
from .._claims.jvp import Tangents
from .._claims.linear_map import Columns
from .._evaluation.gradients import GradientValues
from .._evaluation.options import Evaluation, Settings
from .._evaluation.slopes import SlopeValues
from .._evaluation.values import Values
from .._numerics.rounding import ROUNDINGS, Ulps
from .._report.combined import beside, together, whole
from .._report.report import Report
from .._report.verdicts import Check, Verdict
from .._vectors.callables import checked_callable
from .._vectors.outputs import Outputs
from .._vectors.point import Point
from .._vectors.primals import ArgNums
from .._vectors.tangents import lines, tangent
from .._verdict.finer import of_slopes
from .._verdict.judge import of_columns
from .._verdict.options import Options
from .consistency import linear_in_tangent, same_product, where_finite


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
    settings = Settings.checked(evaluation)
    point = _real(Point((x0, *args), argnums, kwargs, func).with_entries())
    if grad is not None:
        checked_callable(grad, "grad")
        values: Values = GradientValues(grad, point, options.budget, settings)
        claim = Hessian(hess, point, values.outputs)
        report = of_columns(values, claim, options)
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
        return where_finite(_symmetric(columns, point, rtol), values)

    report, checks = beside(report, {"symmetry": symmetry})
    return whole(together([("Hessian", report)], checks, values.nfev, claim.calls))


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
    settings = Settings.checked(evaluation)
    point = _real(Point((x0, *args), argnums, kwargs, func).with_entries())
    span, tangents = lines(point, options.rng(2))
    outputs = _like_gradient(point)
    if grad is not None:
        checked_callable(grad, "grad")
        values: Values = GradientValues(grad, point, options.budget, settings)
        outputs = values.outputs
    claim = Tangents(hvp, point, span, tangents, outputs)
    claim.name = "hvp"
    if grad is not None:
        report = of_columns(values.along(span), claim, options)
    else:
        values = slopes = SlopeValues(func, point, options.budget, tangents[0], settings)
        report = of_slopes(slopes, HessianProduct(claim, tangents[0], point), options)
    rtol, other = report.rtol, tangent(point, options.rng(4), slice(None))

    def symmetry() -> Check:
        check = _symmetric_product(claim, tangents[0], other, options, rtol)
        return where_finite(check, values)

    pending = {
        "linearity of the hvp": lambda: linear_in_tangent(claim, values, options, rtol),
        "symmetry": symmetry,
    }
    report, checks = beside(report, pending)
    return whole(together([("hvp", report)], checks, values.nfev, claim.calls))


def _real(point: Point) -> Point:
    for leaf in point.leaves:
        if leaf.complex:
            msg = (
                f"{leaf.path or 'x0'} is complex; expected real numbers for second derivatives. "
                "Make func one of the real and the imaginary parts, stacked along a new axis."
            )
            raise TypeError(msg)
    return point


def _like_gradient(point: Point) -> Outputs:
    """Return the structure of a gradient, which is that of x0."""
    like = point.call(lambda *args, **_: point.chosen(args), point.copies())
    return Outputs(point.backend, like, held=point.held_paths)


def _symmetric_product(
    claim: Tangents, first: np.ndarray, other: np.ndarray, options: Options, rtol: float
) -> Check:
    """Return a check that a product is that of a symmetric matrix."""
    what = "the product is not that of a symmetric matrix: <w, H v> and <v, H w> differ"
    ulps = Ulps(claim.point.magnitude, max(claim.eps, claim.point.eps), options.rng(6))

    both = (claim.one, first, claim.one(first), other), (claim.one, other, claim.one(other), first)
    return same_product("symmetry", what, both, ulps, rtol)


def _symmetric(columns: Columns, point: Point, rtol: float) -> Check:
    """Return a check that a claimed Hessian is symmetric; names the worst pair of entries."""
    n = point.x.size
    move = np.where(point.magnitude > 0, point.magnitude, 1.0)
    rounding: Rounded | None = None
    worst, pair, blurred = 0.0, (0, 0), False
    for i in range(n):
        row, column = columns.row(i) * move * move[i], columns.column(i) * move * move[i]
        if not np.isfinite(row).all():
            return Check("symmetry", Verdict.FAIL, "the claim is not finite")
        own = np.maximum(np.abs(row), np.abs(column))
        off = np.abs(row - column) / np.maximum(own, 1e-300)
        # Relative to the pair itself, unless both are rounding beside the largest of their row.
        off[own < rtol * np.max(own, initial=0.0)] = 0.0
        if (off > rtol).any():
            rounding = rounding or Rounded(columns, point)
            floor = ROUNDINGS * rounding.of(i) * move * move[i]
            rounded = (off > rtol) & (np.abs(row - column) <= floor)
            off[rounded], blurred = 0.0, blurred or bool(rounded.any())
        j = int(np.argmax(off)) if n else 0
        if n and off[j] > worst:
            worst, pair = float(off[j]), (i, j)
    if worst <= rtol and blurred:
        text = "transposed entries differ by no more than rounding makes of terms that cancel"
        return Check("symmetry", Verdict.INCONCLUSIVE, text)
    if worst <= rtol:
        return Check("symmetry", Verdict.PASS, f"transposed entries differ by {worst:.0e} at most")
    i, j = pair
    one, other = point.name(i), point.name(j)
    text = (
        f"the claim is not symmetric: {columns.row(i)[j]:.6g} at {one} by {other}, but "
        f"{columns.row(j)[i]:.6g} at {other} by {one}"
    )
    return Check("symmetry", Verdict.FAIL, text)


class Rounded:
    """By how much rounding of x0 moves the entries of a claimed Hessian."""

    def __init__(self, columns: Columns, point: Point) -> None:
        ulps = Ulps(point.magnitude, max(columns.eps, point.eps), np.random.default_rng(0))
        self._at_x0, again = columns, columns.there(np.zeros(point.x.size))
        moves = [ulps.x() for _ in range(4)]
        moved = [(columns.there(d), columns.there(2 * d)) for d in moves]
        self._moved = [(a, b) for a, b in moved if a is not None and b is not None]
        if again is None or any(
            not np.array_equal(again.row(i), columns.row(i)) for i in range(point.x.size)
        ):
            self._moved = []  # random, not rounded

    def of(self, i: int) -> Any:
        """Return the same of the pairs of row and column `i`, the larger of two."""
        found = np.zeros(self._at_x0.shape[1])
        for one, two in self._moved:
            found = np.fmax(found, np.abs(two.row(i) - one.row(i)))
            found = np.fmax(found, np.abs(two.column(i) - one.column(i)))
        return found
