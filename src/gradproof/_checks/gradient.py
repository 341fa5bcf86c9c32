"""A verdict on a gradient, without a tolerance."""

from typing import Any, Unpack

import numpy as np

from .._backends.typing import Function
from .._claims.gradient import Gradient
from .._evaluation.options import Evaluation
from .._evaluation.values import Values
from .._report.report import Report
from .._vectors.callables import checked_callable
from .._vectors.hints import of_output
from .._vectors.primals import ArgNums
from .._vectors.validation import flags
from .._verdict.judge import of_gradient
from .._verdict.options import Options
from .consistency import same_value
from .repeat import repeatable
from .session import Pending, Session


@repeatable
def verify_grad(
    func: Function,
    grad: Function,
    x0: Any,
    *args: Any,
    argnums: ArgNums = 0,
    kwargs: dict[str, Any] | None = None,
    has_aux: bool = False,
    value_and_grad: bool = False,
    rtol: float | None = None,
    directions: int | str = "auto",
    budget: int | None = None,
    seed: int | None = None,
    **evaluation: Unpack[Evaluation],
) -> Report:
    """
    Tell whether a gradient is right at a point: pass, fail or inconclusive.

    There is no step and no tolerance to choose. Steps, truncation error and the noise of `func`
    are measured, and a pass states what it could have seen.

    Parameters
    ----------
    func : callable
        Called as ``func(x, *args, **kwargs)`` with arrays of the type, dtype, shape and device
        of `x0`. Returns one number.
    grad : callable
        The claim, called in the same way; returns the gradient in the structure and shape of
        `x0`. It is also called at two points an ulp away from `x0`, to see by how much rounding
        moves it.
    x0 : array, number, list or pytree
        The point: an array of any shape, or a pytree (dict, list, tuple, dataclass, an nn.Module's
        parameters, what JAX has registered) of them. Leaves that are not floating are held fixed.
        Of a complex leaf the gradient has the convention of its library: JAX's is the conjugate of
        PyTorch's, whose real and imaginary parts are the slopes along those of `x0`.
    *args : object
        Extra arguments of both functions.
    argnums : int or tuple of int
        Which of the positional arguments ``(x0, *args)`` the gradient is by; of several, `grad`
        returns a tuple.
    kwargs : dict, optional
        Keyword arguments of both.
    has_aux : bool
        Whether `func` returns a pair, of which the second is no output.
    value_and_grad : bool
        Whether `grad` returns the value and the gradient; the value is then compared too.
    rtol : float, optional
        The relative error that matters; by default ``eps ** (1/3)`` of the coarsest dtype among
        `x0`, func's result and the claim: 6e-6, 5e-3 (float32), 0.1 (float16), 0.2 (bfloat16). It
        is relative to the entry, or to the median entry of its leaf where that is larger, so that
        entries near zero raise no alarm and one giant entry excuses nothing.
    directions : {'auto', 'all'} or int
        'all' measures every entry; an int that many random directions instead, in which all
        entries move at once; 'auto' is 'all' up to 300 entries, and a few directions beyond, whose
        number follows from what has to be seen. Where a direction disagrees, the entries behind it
        are searched for, and named.
    budget : int, optional
        The most calls of `func`. What they do not reach is unresolved, never passed.
    seed : int, optional
        Repeats a check; drawn afresh by default, and in the report.
    **evaluation : Evaluation
        How `func` is evaluated, see `Evaluation`: many points at a time, by workers, with a bar.

    Returns
    -------
    Report
        With `verdict`, `ok`, `entries`, `worst`, `raise_if_wrong`; its text says it all in short.

    Raises
    ------
    TypeError
        If a function cannot be called or returns something else than numbers, or the claim has
        another structure than `x0`.
    ValueError
        If `func` returns more than one number, the claim has another shape than `x0`, or an option
        is out of range.

    See Also
    --------
    verify_jac : For a func of several values.
    check_grad : One number, with a step of your choice, as SciPy computes it.

    Notes
    -----
    A right gradient of a smooth function costs about ``2 n + 38`` calls of `func` in float64, and
    one that is wrong as a whole 38, whatever n; to name the mistake takes as many again at most. Of
    more than 300 entries a right gradient costs at most 40 calls where func is smooth: all entries
    move at once along a few directions, and `report.alone` says how large the error of one entry
    alone must be to be seen there. If they disagree, a search names the wrong entries, rows,
    columns and blocks, at about 20 calls for each on top of 70. With noise, as in half precision, a
    single wrong entry may pass unseen: pass ``directions="all"`` to have each of them measured. An
    exception of `func` away from `x0`, or a value that is not finite, shortens the steps.

    Ctrl-C ends a check with `Interrupted`, a KeyboardInterrupt whose `report` is on what was
    measured until then: what was not reached is unresolved.

    A claim fails only after a second look, at other steps, has said the same. False alarms are so
    bounded over all entries of a check: a difference of 6 standard deviations of the noise, twice.

    Examples
    --------
    >>> import numpy as np
    >>> from gradproof import verify_grad
    >>> x0 = np.linspace(0.5, 1.5, 6)
    >>> report = verify_grad(lambda x: (x**3).sum(), lambda x: 3 * x**2, x0, seed=0)
    >>> report.verdict
    <Verdict.PASS: 'pass'>
    >>> wrong = verify_grad(lambda x: (x**3).sum(), lambda x: x**2, x0, seed=0)
    >>> print(wrong.verdict, wrong.nfev)
    fail 50
    """
    checked_callable(func, "func")
    checked_callable(grad, "grad")
    flags(has_aux=has_aux, value_and_grad=value_and_grad)
    options = Options.checked(rtol, budget, seed, directions)
    session = Session.at(func, (x0, *args), (argnums, kwargs), options, evaluation)
    point, values = session.point, session.values(func, has_aux=has_aux)
    _refuse_several(values)
    claim = Gradient(grad, point, with_value=value_and_grad)
    report = of_gradient(values, np.ones(1), claim, options)
    pending: Pending = {}
    if value_and_grad:
        pending["value"] = lambda: same_value(values, claim.value, "grad")
    return session.told([("gradient", report)], pending, values, claim)


def _refuse_several(values: Values) -> None:
    outputs = values.outputs
    if outputs.scalar and not outputs.leaves[0].complex:
        return
    what = f"shape {outputs.shape}" if outputs.bare else f"{len(outputs.leaves)} arrays"
    if outputs.bare and outputs.leaves[0].complex:
        what = f"complex numbers of {what}"
    msg = (
        f"func returned {what}; expected one real number, since a gradient is checked. Use "
        "verify_jac for a Jacobian, verify_vjp or verify_jvp for its products."
    )
    like_x0 = [leaf.shape for leaf in outputs.leaves] == [
        leaf.shape for leaf in values.point.leaves
    ]
    raise ValueError(msg + of_output(values.value, "grad", like_claim=like_x0))
