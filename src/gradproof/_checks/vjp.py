"""A verdict on a vjp: the product of a cotangent with a Jacobian that nobody forms."""

from typing import Any, Unpack

from .._backends.typing import Function
from .._claims.vjp import Vjp, takes_cotangent
from .._evaluation.options import Evaluation
from .._report.report import Report
from .._vectors.callables import checked_callable
from .._vectors.primals import ArgNums
from .._vectors.tangents import weights
from .._vectors.validation import flags
from .._verdict.judge import of_gradient
from .._verdict.options import Options
from .consistency import linear_in_cotangent, same_value, unless_random
from .cotangents import POSITIVE, of_positive
from .memory import LAYOUT, of_cotangent
from .repeat import repeatable
from .session import Pending, Session


@repeatable
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
    directions: int | str = "auto",
    budget: int | None = None,
    seed: int | None = None,
    **evaluation: Unpack[Evaluation],
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
        ``vjp(x, *args, **kwargs)`` returns func's value and the function from cotangent to
        gradient, as `jax.vjp` does (the value is then compared too). A tuple with one gradient for
        each positional argument of func is taken in the place of the gradient by `x0`.
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
    directions : {'auto', 'all'} or int
        'all' measures every entry; an int that many random directions instead, in which all
        entries move at once; 'auto' is 'all' up to 300 entries, and a few directions beyond, whose
        number follows from what has to be seen. Where a direction disagrees, the entries behind it
        are searched for, and named.
    budget : int, optional
        The most calls of `func`.
    seed : int, optional
        Repeats a check; drawn afresh by default, and in the report.
    **evaluation : Evaluation
        How `func` is evaluated, see `Evaluation`: many points at a time, by workers, with a bar.

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
    flags(has_aux=has_aux, **({} if pullback is None else {"pullback": pullback}))
    options = Options.checked(rtol, budget, seed, directions)
    session = Session.at(func, (x0, *args), (argnums, kwargs), options, evaluation)
    point, values = session.point, session.values(func, has_aux=has_aux)
    if pullback is None:
        pullback = not takes_cotangent(vjp, 1 + len(args), kwargs)
    cotangent = weights(values.outputs, values.at_x0, options.rng(1))
    claim = Vjp(vjp, point, values.outputs, cotangent, pullback=pullback)
    report = of_gradient(values, cotangent, claim, options)
    rtol = report.rtol
    pending: Pending = {
        "linearity of the vjp": lambda: linear_in_cotangent(claim, values, options, rtol)
    }
    if values.outputs.layouts():
        pending[LAYOUT] = lambda: unless_random(of_cotangent(claim, values, rtol), values)[0]
    if pullback:
        pending["value"] = lambda: same_value(values, claim.value, "vjp")
    again = of_positive(values, claim, options, report)
    reports = [("vjp", report)] + ([] if again is None else [(POSITIVE, again)])
    return session.told(reports, pending, values, claim)
