"""A verdict on jvps: products of a Jacobian that nobody forms with tangents."""

from typing import Any, Unpack

from .._backends.typing import Function
from .._claims.jvp import Tangents
from .._evaluation.options import Evaluation
from .._report.report import Report
from .._vectors.callables import checked_callable
from .._vectors.primals import ArgNums
from .._vectors.tangents import lines
from .._vectors.validation import flags
from .._verdict.judge import of_columns
from .._verdict.options import Options
from .consistency import linear_in_tangent, same_value
from .repeat import repeatable
from .session import Pending, Session


@repeatable
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
    **evaluation: Unpack[Evaluation],
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
    **evaluation : Evaluation
        How `func` is evaluated, see `Evaluation`: many points at a time, by workers, with a bar.

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
    flags(has_aux=has_aux, with_value=with_value)
    options = Options.checked(rtol, budget, seed)
    session = Session.at(func, (x0, *args), (argnums, kwargs), options, evaluation)
    point, values = session.point, session.values(func, has_aux=has_aux)
    span, tangents = lines(point, options.rng(2))
    claim = Tangents(jvp, point, span, tangents, values.outputs, with_value=with_value)
    report = of_columns(values.along(span), claim, options)
    rtol = report.rtol
    pending: Pending = {
        "linearity of the jvp": lambda: linear_in_tangent(claim, values, options, rtol)
    }
    if with_value:
        pending["value"] = lambda: same_value(values, claim.value, "jvp")
    return session.told([("jvp", report)], pending, values, claim)
