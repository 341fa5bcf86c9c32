"""A verdict on a Jacobian, without a tolerance."""

from typing import Any, Unpack

import numpy as np

from .._backends.typing import Function
from .._claims.gradient import Gradient
from .._claims.jacobian import Jacobian
from .._claims.sparse import SparseJacobian
from .._evaluation.options import Evaluation
from .._report.jacobians import as_row
from .._report.report import Report
from .._vectors.callables import checked_callable
from .._vectors.primals import ArgNums
from .._vectors.validation import flags
from .._verdict.judge import of_columns, of_gradient
from .._verdict.options import Options
from .consistency import same_value
from .repeat import repeatable
from .session import Pending, Session
from .sparse import of_sparse


@repeatable
def verify_jac(
    func: Function,
    jac: Function,
    x0: Any,
    *args: Any,
    argnums: ArgNums = 0,
    kwargs: dict[str, Any] | None = None,
    has_aux: bool = False,
    value_and_jac: bool = False,
    rtol: float | None = None,
    budget: int | None = None,
    seed: int | None = None,
    **evaluation: Unpack[Evaluation],
) -> Report:
    """
    Tell whether a Jacobian is right at a point, each entry by itself.

    Parameters
    ----------
    func : callable
        Called as ``func(x, *args, **kwargs)``, as by `verify_grad`. Returns an array of any shape,
        or a pytree of them.
    jac : callable
        The claim, called in the same way. Returns an array of shape ``func.shape + x.shape``; for
        pytrees, the structure of func's result with, in the place of each array, the structure of
        `x0` (as `jax.jacobian` does). Between complex arrays it is the derivative of a holomorphic
        function; of a real result by complex leaves, gradients in the library's convention. A
        two-dimensional sparse matrix (of SciPy, PyTorch or JAX) is compared in compressed space.
    x0 : array, number, list or pytree
        The point.
    *args : object
        Extra arguments of both functions.
    argnums : int or tuple of int
        Which of the positional arguments ``(x0, *args)`` the Jacobian is by.
    kwargs : dict, optional
        Keyword arguments of both.
    has_aux : bool
        Whether `func` returns a pair, of which the second is no output.
    value_and_jac : bool
        Whether `jac` returns func's value and the Jacobian; the value is then compared too.
    rtol : float, optional
        The relative error that matters, as in `verify_grad`; relative to the entry, or to the
        median entry of its row where that is larger.
    budget : int, optional
        The most calls of `func`.
    seed : int, optional
        Repeats a check; drawn afresh by default, and in the report.
    **evaluation : Evaluation
        How `func` is evaluated, see `Evaluation`: many points at a time, by workers, with a bar.

    Returns
    -------
    Report
        Its `entries` hold, for each entry of `x0`, what concerns the value of func that is furthest
        off by it; ``row`` is the place of that value.

    Raises
    ------
    TypeError, ValueError
        As by `verify_grad`.

    See Also
    --------
    verify_vjp, verify_jvp : For products with a Jacobian that nobody forms.

    Notes
    -----
    Costs about ``2 n + 38`` calls of `func`, whatever the number of its values: each call shows the
    slopes of all of them. Columns are compared one after the other; there is no numerical Jacobian.

    Examples
    --------
    >>> import numpy as np
    >>> from gradproof import verify_jac
    >>> def func(x):
    ...     return np.array([x[0] * x[1], x[0] ** 2, x[1] ** 3])
    >>> def jac(x):
    ...     return np.array([[x[1], x[0]], [2 * x[0], 0.0], [0.0, 2 * x[1] ** 2]])
    >>> report = verify_jac(func, jac, np.array([1.5, 0.5]), seed=0)
    >>> report.verdict, report.worst(1)[0]["name"]
    (<Verdict.FAIL: 'fail'>, '[2] by [1]')
    """
    checked_callable(func, "func")
    checked_callable(jac, "jac")
    flags(has_aux=has_aux, value_and_jac=value_and_jac)
    options = Options.checked(rtol, budget, seed)
    session = Session.at(func, (x0, *args), (argnums, kwargs), options, evaluation)
    point, values = session.point, session.values(func, has_aux=has_aux)
    claim: Gradient | Jacobian
    if values.outputs.scalar and not values.outputs.leaves[0].complex:
        claim = Gradient(jac, point, with_value=value_and_jac)
        report = as_row(of_gradient(values, np.ones(1), claim, options))
    else:
        claim = Jacobian(jac, point, values.outputs, with_value=value_and_jac)
        if point.backend.coordinates(claim.first) is None:
            report = of_columns(values, claim, options)
        else:
            compressed = SparseJacobian(claim, point, values.outputs, options.rng(2))
            report = of_sparse(compressed, values, options)
    pending: Pending = {}
    if value_and_jac:
        pending["value"] = lambda: same_value(values, claim.value, "jac")
    return session.told([("Jacobian", report)], pending, values, claim)
