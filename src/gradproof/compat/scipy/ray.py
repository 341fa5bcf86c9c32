"""The way from x0 along one random direction: where it ends, and what a claim says of it."""

import math
from typing import Any

import numpy as np

from ..._backends.registry import Backend
from ..._backends.standard.directions import SHORTEST
from ..._backends.typing import Array, Function
from .steps import along, displaced_along, followed, moved_along


class Ray:
    """
    The displacement of x0 along a tangent, in the tangent's own memory where that can be written.

    Parameters
    ----------
    backend : Backend
        The adapter of x0.
    x : array
        The point, of a real floating dtype.
    tangent : array of its shape, dtype and device
        The direction. It is used up.
    longest : float
        The length of the longest entries of such a direction.
    step : float
        Multiple of the direction; not zero.

    Notes
    -----
    A claim is contracted with the displacement that happened, ``plus - x``, in the widest dtype of
    the library, so that rounding of `x` is no error. In float64 of NumPy it is contracted with the
    tangent, which is SciPy's number; rounding takes 1e-8 of it at most, as much as a forward
    difference leaves out anyway.

    An entry that `step` does not move goes ``sqrt(eps) * max(1, abs(x))`` away from zero. Where
    that is more than `longest` steps, slopes are divided by a longer step, so that they are those
    of a direction of ordinary length.
    """

    def __init__(
        self, backend: Backend, x: Array, tangent: Array, longest: float, step: float
    ) -> None:
        self._backend, self._x, self.step, self._longest = backend, x, step, longest
        self._exact = backend.contracts_tangents(x)
        rel_step = math.sqrt(backend.eps(x.dtype))
        formula = followed if self._exact else displaced_along
        # The tangent, where that is what a claim is contracted with, the moved point otherwise.
        self._way: Any
        self._way, self._far = backend.overwritten(
            formula, tangent, x, step=step, rel_step=rel_step
        )
        self._sums: list[Any] = []

    def contract(self, claim: Array) -> None:
        """Take in a claim, whose last axes are those of x0; it is not needed any more then."""
        if self._exact:
            self._sums = [self._backend.contract(claim, self._way)]
        else:
            self._sums = self._backend.summed(along, claim, self._way, self._x)

    def start(self, func: Function) -> Any:
        """Return what func returns at x0."""
        return func(self._backend.copy(self._x))

    def end(self, func: Function) -> Any:
        """Return what func returns at the moved point, which is handed over to it."""
        plus, self._way = self._way, None
        if self._exact:
            plus, _ = self._backend.overwritten(moved_along, plus, self._x, step=self.step)
        return func(self._backend.same_kind(plus, self._x))

    def slopes(self, f0: Any, f1: Any) -> tuple[Any, Any, Any, float]:
        """
        Return what came of it, on the host.

        Parameters
        ----------
        f0, f1 : object
            What func returned at either end.

        Returns
        -------
        f0, f1 : object
            The same on the host.
        claimed : float or ndarray
            What the claim says of the slopes along the direction.
        length : float
            What slopes are to be divided by; positive, so that those of a negative step are slopes
            against the direction, as is claimed too.
        """
        count = len(self._sums)
        f0, f1, *rest = self._backend.to_host([f0, f1, *self._sums, *self._far])
        far = max(map(float, rest[count:]))
        length = max(abs(self.step), far / self._longest)
        total: Any = rest[0] if count == 1 else np.sum(rest[:count], axis=0)
        if not self._exact:
            return f0, f1, np.asarray(total, dtype=np.float64) / length, length
        return f0, f1, total if length == self.step else total * (self.step / length), length


class FusedRay(Ray):
    """
    The same where the moved point need not exist: it is made inside a program of the library.

    Parameters
    ----------
    backend : Backend
        The adapter of x0.
    program : object
        What the adapter's `fused` returned: `start` and `end` return what func returns there,
        `contract` the sum of a claim and how far the entries went that the step would not move.
    step : float
        Multiple of the direction; not zero.
    """

    def __init__(self, backend: Backend, program: Any, step: float) -> None:
        self._backend, self._program, self.step = backend, program, step
        self._exact, self._longest = False, 2 * SHORTEST

    def contract(self, claim: Array) -> None:
        """Take down the slope that is claimed along the direction."""
        total, far = self._program.contract(claim)
        self._sums, self._far = [total], [far]

    def start(self, func: Function) -> Any:  # noqa: ARG002
        """Return what func returns at x0."""
        return self._program.start()

    def end(self, func: Function) -> Any:  # noqa: ARG002
        """Return what func returns at the end of the step."""
        return self._program.end()
