"""A function of leaves as JAX's checkers take it: its values, and how much error is excused."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..._backends.typing import Function
from ..._evaluation.values import Values
from ..._numerics.precision import Precision
from ..._vectors.point import Point
from ..._vectors.validation import real_number, tolerance
from ..._verdict.options import Options

#: A number, or one for each dtype.
Tolerance = float | Mapping[Any, float] | None


class Tolerances:
    """
    Tolerances as JAX takes them: they excuse, they do not judge.

    Parameters
    ----------
    atol, rtol : float or dict of dtype to float or None
        As given.
    eps : float or None
        Step of a central difference.
    """

    def __init__(self, atol: Tolerance, rtol: Tolerance, eps: float | None) -> None:
        for name, value in (("atol", atol), ("rtol", rtol)):
            for each in value.values() if isinstance(value, Mapping) else [value]:
                tolerance(name, each)
        if eps is not None:
            expected = "a step, positive and finite, or None"
            real_number("eps", eps, lambda given: 0 <= given < np.inf, expected)
        self._atol, self._rtol, self._eps = atol, rtol, eps

    def options(self, values: "LeafValues") -> Options:
        """Return the options of a check; always the same directions, as by JAX."""
        rtol = self._of(self._rtol, values)
        options = Options.checked(rtol if rtol is not None and 0 < rtol < 1 else None, None, 0)
        return replace(options, stationary=True)

    @staticmethod
    def _of(tolerance: Tolerance, values: "LeafValues") -> float | None:
        """Return the largest tolerance for a dtype that is involved; None if there is none."""
        if not isinstance(tolerance, Mapping):
            return tolerance
        dtypes = {array.dtype for array in (*values.point.arrays, *values.outputs.like)}
        known = {
            jax.dtypes.canonicalize_dtype(np.dtype(key)): tol for key, tol in tolerance.items()
        }
        return max((known[dtype] for dtype in dtypes if dtype in known), default=None)

    def excuse(self, values: "LeafValues", rtol: float, claimed: Callable[..., Any]) -> bool:
        """
        Tell whether a product with a tangent is within the tolerances, if there are any.

        Parameters
        ----------
        values : LeafValues
            Evaluations of f.
        rtol : float
            For where only `atol` was given.
        claimed : callable
            From changes of f's values for a tangent, and that tangent, to two arrays to compare.
        """
        given = self._of(self._atol, values), self._of(self._rtol, values)
        if given == (None, None):
            return False
        absolute, relative = given[0] or 0.0, rtol if given[1] is None else given[1]
        point = values.point
        tangent = np.random.RandomState(0).randn(point.x.size)
        size = float(np.max(np.abs(point.x), initial=0.0)) or 1.0
        step = self._eps or values.eps ** (1 / 3) * size
        (up, _), (down, _) = values.at(step * tangent), values.at(-step * tangent)
        with np.errstate(all="ignore"):
            actual, expected = claimed((up - down) / (2 * step), tangent)
            return bool((np.abs(actual - expected) <= absolute + relative * np.abs(expected)).all())


class LeafValues(Values):
    """
    Evaluations of a function of leaves.

    Attributes
    ----------
    terms : ndarray of shape (m,)
        The size of the terms that each value is made of: itself, and what it is a derivative of.
    partial : bool
        Whether values are left out since they are not finite: they are zero.
    """

    point: Point
    may_be_empty = True
    terms: np.ndarray
    partial: bool

    def narrows(self) -> bool:
        """Tell whether a function of double precision computes in single precision inside."""
        if not Precision.of(self.eps).widest:
            return False
        try:
            program = str(jax.make_jaxpr(self._func)(self.point.arrays))
        except Exception:  # Python that looks at numbers
            return False
        return "f32[" in program or "c64[" in program

    @property
    def least(self) -> float:
        """The smallest slope that no dtype of arguments or results rounds to zero."""
        dtypes = {array.dtype for array in (*self.point.arrays, *self.outputs.like)}
        return max(float(jnp.finfo(dtype).smallest_subnormal) for dtype in dtypes)


@np.errstate(all="ignore")
def values_of(
    function: Function, names: list[str], point: Point, terms: np.ndarray | float = 0.0
) -> LeafValues | None:
    """Return evaluations of a function of leaves; None if there is nothing to differentiate."""
    if not names or not point.x.size:
        return None
    values = LeafValues(function, point, None)
    for i, name in enumerate(names):
        values.outputs.leaves[i] = replace(values.outputs.leaves[i], path=name)
    values.partial = getattr(function, "partial", False)
    values.terms = np.maximum(np.abs(values.at_x0), terms)
    return values if values.outputs.size else None
