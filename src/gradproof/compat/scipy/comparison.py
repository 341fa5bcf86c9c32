"""SciPy's `check_grad` and `approx_fprime`, on native arrays."""

import math
from typing import Any, Unpack

import numpy as np

from ..._backends.registry import Backend, backend_of
from ..._backends.typing import Function
from ..._evaluation.options import PLAIN, Evaluation, Settings
from ..._vectors.callables import add_note, bound, checked_callable
from ..._vectors.hints import of_exception, swapped
from ..._vectors.numbers import output_shape
from ..._vectors.validation import OF_SCIPY
from .line import Line, Primal, Shape, of_a_batch
from .steps import absolute_step
from .tangents import Tangents


def check_grad(
    func: Function,
    grad: Function,
    x0: Any,
    *args: Any,
    epsilon: Any = None,
    direction: str = "all",
    rng: Any = None,
    seed: Any = None,
    **evaluation: Unpack[Evaluation],
) -> float:
    """
    Compare a gradient function with a forward finite difference approximation.

    Parameters
    ----------
    func : callable
        The function whose derivative is to be checked, called as ``func(x, *args)`` with arrays
        of the type, dtype, shape and device of `x0` (a number becomes an array of shape (1,),
        integers become floating). Returns a number or an array of any shape.
    grad : callable
        The claim, called once, as ``grad(x0, *args)``. Returns the gradient in the shape of
        `x0`, or the Jacobian in the shape ``func.shape + x0.shape``: an array, or a list of
        numbers or of 0-d arrays.
    x0 : array, number or list, real
        The point, of any shape. It is not written to, and neither function gets hold of it.
    *args : object
        Extra arguments of both functions.
    epsilon : float or array of the shape of `x0`, optional
        The absolute step, as in `approx_fprime`.
    direction : {'all', 'random'}
        'all' compares all entries, for one call of `func` more than `x0` has entries; 'random'
        compares the slopes along one random direction, for two calls.
    rng, seed : None, int or generator, optional
        Where the random direction comes from; at most one of the two. Takes NumPy's `Generator`,
        `RandomState` and `SeedSequence` and `numpy.random` itself, a JAX key and a
        `torch.Generator`, each for arrays of any library. None means the library's own habit: the
        global state of NumPy (``numpy.random.seed``) and PyTorch (``torch.manual_seed``), fresh
        entropy on JAX. An int seeds a new generator of the library of `x0`; on NumPy, `seed` makes
        a `RandomState` of it and `rng` a `Generator`, as with SciPy.
    **evaluation : Evaluation
        How `func` is evaluated, see `Evaluation`: many points at a time, by workers, with a bar.

    Returns
    -------
    float
        The 2-norm of the difference between the two: an absolute number, in the units of the
        gradient, for which 'good' depends on the function, on its dtype and on the step.

    Raises
    ------
    TypeError
        If a function cannot be called or returns something else than real numbers, if `x0` is not
        real, or both `rng` and `seed` are given.
    ValueError
        If `direction` is unknown, the shapes of claim, func and x0 do not fit together, `epsilon`
        is not finite or of another shape, or `seed` is nothing to draw from.

    See Also
    --------
    approx_fprime : The approximation itself.

    Notes
    -----
    The order of calls is that of `scipy.optimize.check_grad`: `grad`, `func` at `x0`, then the
    moved points. On float64 arrays of NumPy the result is SciPy's to the bit. The norm is
    accumulated in the widest dtype of the library.

    Examples
    --------
    >>> import numpy as np
    >>> from gradproof import check_grad
    >>> def func(x):
    ...     return x[0] ** 2 - 0.5 * x[1] ** 3
    >>> def grad(x):
    ...     return [2 * x[0], -1.5 * x[1] ** 2]
    >>> check_grad(func, grad, [1.5, -1.5]) < 1e-7
    True
    >>> rng = np.random.default_rng(0)
    >>> check_grad(func, grad, [1.5, -1.5], direction="random", rng=rng) < 1e-7
    True
    """
    settings = Settings.checked(evaluation, OF_SCIPY)
    claimed, slopes = _compared(func, grad, x0, args, epsilon, direction, rng, seed, settings)
    if slopes.ndim == 0:  # the norm of one number, without the cost of arrays
        difference = float(claimed) - float(slopes)
        return math.sqrt(abs(difference * difference))
    with np.errstate(all="ignore"):
        difference = claimed - slopes
        # A square is not negative, but for the sign of NaN, which SciPy drops too.
        return math.sqrt(abs(np.add.reduce(difference * difference, axis=None)))


def _compared(
    func: Function,
    grad: Function,
    x0: Any,
    args: tuple[Any, ...],
    epsilon: Any,
    direction: str,
    rng: Any,
    seed: Any,
    settings: Settings,
) -> tuple[Any, Any]:
    """Return claim and slopes, of one shape; all that `check_grad` does but the norm."""
    checked_callable(func, "func")
    checked_callable(grad, "grad")
    if not (isinstance(direction, str) and direction in ("all", "random")):
        msg = (
            f"{direction} is not a valid string for ``direction`` argument; expected 'all' (every "
            "entry of x0) or 'random' (one random direction)."
        )
        raise ValueError(msg)
    primal = Primal(x0)
    backend = primal.backend
    tangents = Tangents(rng, seed, primal.x, backend)
    if direction == "all":
        steps = _step(epsilon, primal, primal.shape)
        claim, claim_shape = claim_at(grad, args, primal)
        line = Line(func, args, primal, settings)
        refuse_misfit(claim_shape, line, primal)
        slopes = line.slopes_by_entry(steps)
        claimed = numbers_of(backend.to_host([claim])[0]).reshape(slopes.shape)
    else:
        step = math.sqrt(primal.eps) if epsilon is None else float(_step(epsilon, primal, ()))
        claim, claim_shape = claim_at(grad, args, primal)
        if settings.vectorized:
            func, args = of_a_batch(bound(func, args)), ()
        ray = tangents.ray(func, args, step or math.sqrt(primal.eps))
        ray.contract(_beside(claim, primal))
        del claim  # as large as x0: func need not run beside it
        line = Line(func, args, primal, PLAIN, ray)
        refuse_misfit(claim_shape, line, primal)
        slopes, claimed = line.slope_along(ray)
        if type(claimed) is type(slopes) is np.float64:
            return claimed, slopes
        claimed = numbers_of(claimed)
        slopes = np.reshape(slopes, claimed.shape)
    return claimed, slopes


def _step(epsilon: Any, primal: Primal, shape: Shape) -> np.ndarray:
    if hasattr(epsilon, "dtype"):
        epsilon = backend_of(epsilon).to_host([epsilon])[0]
    return absolute_step(epsilon, shape, primal.eps)


def claim_at(grad: Function, args: tuple[Any, ...], primal: Primal) -> tuple[Any, Shape]:
    """Return what grad claims at x0, and its shape."""
    claimed = bound(grad, args)
    try:
        claim = claimed(primal.backend.lent(claimed, primal.given))
    except Exception as err:
        add_note(err, "grad at x0", of_exception(err, (primal.given, *args), (primal.given,)))
        raise
    shape = output_shape(claim, "grad", flags=True)
    size, n = math.prod(shape), math.prod(primal.shape)
    if size % n if n else size:
        # No func could make this fit, so func need not be called.
        msg = (
            f"grad returned shape {shape} for an x0 of shape {primal.shape}; expected the shape of "
            "x0, or (for a func that returns an array) that of func's result followed by it."
        )
        if size == 1:
            msg += swapped("grad")
        raise ValueError(msg)
    return claim, shape


def refuse_misfit(claim: Shape, line: Line, primal: Primal) -> None:
    """Raise unless the claim has one entry for each slope; nothing is broadcast."""
    rows = () if line.is_scalar else line.shape
    if claim == rows + primal.shape:
        return
    given = tuple(primal.given.shape)
    fits = {rows + primal.shape, rows + given}
    # A gradient in one row, and any single number for a single entry, as SciPy takes them.
    if line.is_scalar:
        fits.add((1,) * (len(claim) - len(primal.shape)) + primal.shape)
        if math.prod(primal.shape) == 1:
            fits.add((1,) * len(claim))
    if claim in fits:
        return
    msg = (
        f"grad returned shape {claim}; expected {rows + given}, since func returned shape "
        f"{line.shape} and x0 has shape {given}."
    )
    if math.prod(claim) == math.prod(rows + given):
        msg += " The number of entries fits: reshape or transpose the result of grad."
    raise ValueError(msg)


def numbers_of(claim: Any) -> np.ndarray:
    """Return a claim as an array of floating numbers."""
    array = np.asarray(claim)
    if array.dtype.kind in "fiu":
        return array
    try:
        return array.astype(np.float64)  # flags, fractions, bfloat16
    except (TypeError, ValueError):
        msg = (
            f"grad returned {type(claim).__name__} of dtype {array.dtype}, which does not become "
            "an array of real numbers; expected a dense array or a list of numbers."
        )
        raise TypeError(msg) from None


def _beside(claim: Any, primal: Primal) -> Any:
    """Return a claim as an array of the library and device of x0, whose axes are its last ones."""
    backend, x = primal.backend, primal.x
    if not backend.is_beside(claim, x):
        claim = backend.from_host(numbers_of(backend.to_host([claim])[0]), x, backend.widest(x))
    shape = tuple(claim.shape)
    if shape[len(shape) - len(primal.shape) :] == primal.shape and len(shape) >= len(primal.shape):
        return claim
    rows = math.prod(shape) // (math.prod(primal.shape) or 1)
    return backend.native(_reshaped)(claim, shape=(rows, *primal.shape))


def _reshaped(backend: Backend, claim: Any, *, shape: Shape) -> Any:
    return backend.xp.reshape(claim, shape)
