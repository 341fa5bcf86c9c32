"""Verdicts on products with a Jacobian that nobody forms: vjps and jvps."""

from typing import Any

import numpy as np

from ._call import checked_callable
from ._claims import Vjp, takes_cotangent
from ._columns import Tangents
from ._judge import Options, alike, of_columns, of_gradient, weights
from ._point import ArgNums, Point, Span
from ._report import Check, Report, together
from ._scales import moves
from ._typing import Function
from ._values import Values
from ._verify import same_value

#: Up to this many leaves each gets a tangent of its own, so that a mistake in one of them is not
#: diluted by the others.
_LEAVES = 8


def verify_vjp(
    func: Function,
    vjp: Function,
    x0: Any,
    *args: Any,
    argnums: ArgNums = 0,
    kwargs: dict[str, Any] | None = None,
    has_aux: bool = False,
    pullback: bool | None = None,
    rtol: float | None = None,
    budget: int | None = None,
    seed: int | None = None,
) -> Report:
    """
    Tell whether a vjp, the product of a cotangent with a Jacobian, is right at a point.

    Parameters
    ----------
    func : callable
        Called as ``func(x, *args, **kwargs)``, as by `verify_grad`. Returns an array of any shape,
        or a pytree of them.
    vjp : callable
        The claim, in one of two forms. ``vjp(x, *args, cotangent, **kwargs)`` takes a cotangent in
        the structure of func's result and returns the gradient in that of `x0`; or
        ``vjp(x, *args, **kwargs)`` returns func's value and the function from cotangent to gradient,
        as `jax.vjp` does (the value is then compared too). A tuple with one gradient for each
        positional argument of func is taken in the place of the gradient by `x0`.
    x0 : array, number, list or pytree
        The point.
    *args : object
        Extra arguments of both functions.
    argnums : int or tuple of int
        Which of the positional arguments ``(x0, *args)`` the gradient is by.
    kwargs : dict, optional
        Keyword arguments of both.
    has_aux : bool
        Whether `func` returns a pair, of which the second is no output.
    pullback : bool, optional
        Which form `vjp` has; by default read off its signature, a cotangent if it takes one.
    rtol : float, optional
        The relative error that matters, as in `verify_grad`.
    budget : int, optional
        The most calls of `func`.
    seed : int, optional
        Repeats a check; drawn afresh by default, and in the report.

    Returns
    -------
    Report
        On the gradient of the sum of func's values, each times its weight in a random cotangent;
        whether the vjp is linear in its cotangent is one of its `checks`.

    Raises
    ------
    TypeError, ValueError
        As by `verify_grad`.

    See Also
    --------
    verify_autodiff : For custom rules of JAX and PyTorch, with all that belongs to them.
    verify_jvp : The other product.

    Examples
    --------
    >>> import numpy as np
    >>> from gradproof import verify_vjp
    >>> x0 = np.linspace(0.5, 1.5, 6)
    >>> print(verify_vjp(np.sin, lambda x, ct: ct * np.cos(x), x0, seed=0).verdict)
    pass
    >>> print(verify_vjp(np.sin, lambda x, ct: np.cos(x), x0, seed=0).verdict)
    fail
    """
    checked_callable(func, "func")
    checked_callable(vjp, "vjp")
    options = Options.checked(rtol, budget, seed)
    point = Point((x0, *args), argnums, kwargs)
    values = Values(func, point, budget, has_aux=has_aux)
    if pullback is None:
        pullback = not takes_cotangent(vjp, 1 + len(args), kwargs)
    cotangent = weights(values, options.rng(1))
    claim = Vjp(vjp, point, values, cotangent, pullback=pullback)
    report = of_gradient(values, cotangent, claim, options)
    checks = [linear_in_cotangent(claim, values, options, report.rtol)]
    if pullback:
        checks.append(same_value(values, claim.value, "vjp"))
    return together([("vjp", report)], checks, values.nfev, claim.calls)


def linear_in_cotangent(claim: Vjp, values: Values, options: Options, rtol: float) -> Check:
    """Return a check that a vjp is linear in its cotangent."""
    other = weights(values, options.rng(3))
    # With factors that no sign, square or size of a cotangent is blind to.
    return _linear(
        "linearity of the vjp",
        "the vjp is not linear in its cotangent: that of a sum is not the sum of the vjps",
        (claim.at_x0, claim.of(other), claim.of(0.75 * other - 2.5 * claim.u)),
        max(claim.eps, values.eps),
        rtol,
    )


def linear_in_tangent(claim: Tangents, values: Values, options: Options, rtol: float) -> Check:
    """Return a check that a jvp is linear in its tangent."""
    first = claim.tangents[0]
    other = tangent(claim.point, options.rng(3), slice(None))
    return _linear(
        f"linearity of the {claim.name}",
        f"the {claim.name} is not linear in its tangent: that of a sum is not the sum of two",
        (claim.one(first), claim.one(other), claim.one(0.75 * other - 2.5 * first)),
        max(claim.eps, values.eps),
        rtol,
    )


def _linear(name: str, what: str, products: tuple[Any, Any, Any], eps: float, rtol: float) -> Check:
    """Return a check that the third product is 0.75 times the second less 2.5 times the first."""
    first, other, both = products
    size = float(np.max(np.abs(np.stack(products)), initial=0.0))
    with np.errstate(all="ignore"):  # infinite products are for the check to name
        expected = 0.75 * other - 2.5 * first
    # 64: a sum of some dozen roundings; far below what matters where digits are many.
    return alike(name, both, expected, size, max(rtol / 4, 64 * eps), what)


def verify_jvp(
    func: Function,
    jvp: Function,
    x0: Any,
    *args: Any,
    argnums: ArgNums = 0,
    kwargs: dict[str, Any] | None = None,
    has_aux: bool = False,
    with_value: bool = False,
    rtol: float | None = None,
    budget: int | None = None,
    seed: int | None = None,
) -> Report:
    """
    Tell whether a jvp, the product of a Jacobian with a tangent, is right at a point.

    Parameters
    ----------
    func : callable
        Called as ``func(x, *args, **kwargs)``, as by `verify_grad`. Returns an array of any shape,
        or a pytree of them.
    jvp : callable
        The claim, called as ``jvp(x, *args, tangent, **kwargs)`` with a tangent in the structure of
        `x0`; returns the tangent of func's result, in its structure.
    x0 : array, number, list or pytree
        The point.
    *args : object
        Extra arguments of both functions.
    argnums : int or tuple of int
        Which of the positional arguments ``(x0, *args)`` the tangent is of.
    kwargs : dict, optional
        Keyword arguments of both.
    has_aux : bool
        Whether `func` returns a pair, of which the second is no output.
    with_value : bool
        Whether `jvp` returns func's value and the tangent, as `jax.jvp` does; the value is then
        compared too.
    rtol : float, optional
        The relative error that matters, as in `verify_jac`.
    budget : int, optional
        The most calls of `func`.
    seed : int, optional
        Repeats a check; drawn afresh by default, and in the report.

    Returns
    -------
    Report
        Its `entries` have a number for each tangent: random ones, and of several leaves one for
        each leaf. Whether the jvp is linear in its tangent is one of its `checks`.

    Raises
    ------
    TypeError, ValueError
        As by `verify_grad`.

    See Also
    --------
    verify_vjp : The other product.

    Notes
    -----
    Costs about 45 calls of `func`, however many entries `x0` and func's result have.

    Examples
    --------
    >>> import numpy as np
    >>> from gradproof import verify_jvp
    >>> x0 = np.linspace(0.5, 1.5, 6)
    >>> print(verify_jvp(np.sin, lambda x, t: np.cos(x) * t, x0, seed=0).verdict)
    pass
    >>> print(verify_jvp(np.sin, lambda x, t: -np.cos(x) * t, x0, seed=0).verdict)
    fail
    """
    checked_callable(func, "func")
    checked_callable(jvp, "jvp")
    options = Options.checked(rtol, budget, seed)
    point = Point((x0, *args), argnums, kwargs)
    values = Values(func, point, budget, has_aux=has_aux)
    span, tangents = lines(point, options)
    claim = Tangents(jvp, point, span, tangents, values.outputs, with_value=with_value)
    report = of_columns(values.along(span), claim, options)
    checks = [linear_in_tangent(claim, values, options, report.rtol)]
    if with_value:
        checks.append(same_value(values, claim.value, "jvp"))
    return together([("jvp", report)], checks, values.nfev, claim.calls)


def tangent(point: Point, rng: Any, part: slice) -> np.ndarray:
    """Return a random tangent of some entries, on the scale of each."""
    found = np.zeros_like(point.x)
    size = moves(point.magnitude[part], point.eps)
    found[part] = size * rng.choice([-1.0, 1.0], size.size) * rng.uniform(1, 2, size.size)
    return found


def lines(point: Point, options: Options) -> tuple[Span, np.ndarray]:
    """Return the lines that a jvp is measured along: random ones, and one for each leaf."""
    rng = options.rng(2)
    several = [leaf for leaf in point.leaves if leaf.where.stop > leaf.where.start]
    if not 1 < len(several) <= _LEAVES:
        several = []
    found = [tangent(point, rng, slice(None)) for _ in range(min(2, point.x.size))]
    names = ["a random tangent", "another random tangent"][: len(found)]
    for leaf in several:
        found.append(tangent(point, rng, leaf.where))
        names.append(f"a tangent of {leaf.path}")
    tangents = np.array(found).reshape(len(names), point.x.size)
    return Span(point, tangents, names), tangents
