"""SciPy's `approx_fprime`, on native arrays."""

from typing import Any, Unpack

from ..._backends.typing import Function
from ..._evaluation.options import Evaluation, Settings
from ..._vectors.callables import checked_callable
from ..._vectors.validation import OF_SCIPY
from .comparison import _step
from .line import Line, Primal


def approx_fprime(
    xk: Any, f: Function, epsilon: Any = None, *args: Any, **evaluation: Unpack[Evaluation]
) -> Any:
    """
    Return the forward finite difference approximation of the derivative of `f` at `xk`.

    Parameters
    ----------
    xk : array, number or list, real
        The point, of any shape. What is no array of another library becomes a NumPy array.
    f : callable
        Called as ``f(x, *args)`` with arrays of the type, dtype, shape and device of `xk` (a
        number becomes an array of shape (1,), integers become floating). Returns a number or an
        array of any shape.
    epsilon : float or array of the shape of `xk`, optional
        The absolute step, in the units of `xk`; negative for backward differences. By default
        the square root of the machine epsilon of the dtype of `xk`. An entry that its step does
        not move takes one of ``sqrt(eps) * max(1, abs(x))`` instead.
    *args : object
        Extra arguments of `f`.
    **evaluation : Evaluation
        How `f` is evaluated, see `Evaluation`: many points at a time, by workers, with a bar.

    Returns
    -------
    array
        Of the type, dtype and device of `xk`, and of shape ``f.shape + xk.shape``: the Jacobian
        in rows, or the gradient where `f` returns a number (or an array of shape (1,)).

    Raises
    ------
    TypeError
        If `f` cannot be called, or `xk` or what `f` returns is not real.
    ValueError
        If `epsilon` is not finite or of another shape, or `f` changes the shape of its result.

    See Also
    --------
    check_grad : Compare a gradient function with this approximation.

    Notes
    -----
    Calls `f` at `xk` and then once for each entry, in order. The truncation error is about
    ``epsilon * abs(f'') / 2``, the rounding error ``2 * eps * abs(f) / epsilon``; neither is
    estimated here. On float64 arrays of NumPy the result is that of
    `scipy.optimize.approx_fprime` to the bit.

    Examples
    --------
    >>> import numpy as np
    >>> from gradproof import approx_fprime
    >>> def f(x, c0, c1):
    ...     return c0 * x[0] ** 2 + c1 * x[1] ** 2
    >>> approx_fprime(np.ones(2), f, [1e-8, 2e-7], 1, 200).round(4)
    array([  2., 400.])
    """
    checked_callable(f, "f")
    settings = Settings.checked(evaluation, OF_SCIPY)
    primal = Primal(xk)
    step = _step(epsilon, primal, primal.shape)
    slopes = Line(f, args, primal, settings).slopes_by_entry(step)
    return primal.backend.from_host(slopes, primal.x)
