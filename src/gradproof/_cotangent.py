"""A function of several values as one of one value: their sum with random weights."""

from typing import Any

import numpy as np

from ._check import claim_at, refuse_misfit
from ._line import Line, Primal
from ._typing import Function


def contracted(
    func: Function, grad: Function, x0: Any, seed: int
) -> tuple[Function, Function, tuple[str, ...]]:
    """
    Return func and grad as `verify_grad` takes them, and a remark where that changed them.

    A func that returns an array becomes the sum of its values times a cotangent u, and grad, a
    Jacobian, its rows summed likewise. A mistake anywhere in the Jacobian shows in that sum,
    except for errors of several rows that happen to cancel with these weights. Calls func once.

    Parameters
    ----------
    func, grad, x0 : object
        As in `check_grad`.
    seed : int
        Of u.

    Returns
    -------
    func, grad : callable
        The same objects if func returns one number.
    remarks : tuple of str
        What to tell the user; nothing if func returns one number.

    Raises
    ------
    TypeError, ValueError
        As by `check_grad`, and if func returns no number at all.
    """
    primal = Primal(x0)
    line = Line(func, (), primal)
    if line.is_scalar:
        return func, grad, ()
    rows, backend = line.shape, primal.backend
    if 0 in rows:
        msg = f"func returned shape {rows}, no number at all; expected one number at least."
        raise ValueError(msg)
    refuse_misfit(claim_at(grad, (), primal)[1], line, primal)
    rng = np.random.default_rng([seed, 1])  # x0 may be drawn from the seed itself
    # Sizes between 1 and 2, so that no row counts for little, in steps of 1/128: bfloat16 and all
    # that is wider hold them exactly, so that func and grad have the same u in different dtypes.
    u = rng.choice([-1.0, 1.0], rows) * (1 + rng.integers(128, size=rows) / 128)

    def total(values: Any) -> Any:
        xp: Any = np
        weights: Any = u
        if backend.is_native(values):
            xp = backend.xp
            if not backend.eps(values.dtype):  # integers
                values = xp.astype(values, primal.x.dtype)
            weights = backend.from_host(u, values)
        else:
            values = np.asarray(backend.to_host([values])[0])
        weights = xp.reshape(weights, rows + (1,) * (values.ndim - len(rows)))
        return xp.sum(weights * values, axis=tuple(range(len(rows))))

    remark = (
        f"func returns shape {rows}; verified is the gradient of the sum of its values, each times "
        "a random weight (size 1 to 2, either sign)"
    )
    return lambda x: total(func(x)), lambda x: total(grad(x)), (remark,)
