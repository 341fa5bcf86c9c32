"""The slope of func along one tangent, by differences, as a function of its own."""

from typing import Any

import numpy as np

from ._point import Point
from ._typing import Function
from ._values import BudgetSpent, Values

#: The stencil for a first derivative of fourth order, at -2, -1, 1 and 2 steps (Abramowitz and
#: Stegun, 25.3.6), and by how much it amplifies noise.
_STENCIL = ((-2, 1 / 12), (-1, -8 / 12), (1, 8 / 12), (2, -1 / 12))
_NOISE = float(np.linalg.norm([weight for _, weight in _STENCIL]))


class SlopeValues(Values):
    """
    The slope of a func of one value along a tangent, near x0.

    Its gradient is the Hessian times the tangent. The step is where rounding, eps / h, and
    truncation, h**4, are equal: both are then eps**(4/5), which is the precision of these values.

    Parameters
    ----------
    func : callable
        As the user gave it; returns one number.
    point : Point
        Its arguments.
    budget : int or None
        The most calls of func.
    tangent : ndarray of shape (n,)
        The direction, on the scale of x.
    """

    def __init__(
        self, func: Function, point: Point, budget: int | None, tangent: np.ndarray
    ) -> None:
        super().__init__(func, point, budget)
        self._refuse_several()
        self.tangent = tangent
        size = abs(float(self.at_x0[0]))
        self._h = self.eps**0.2
        self.at_x0 = self._slope(np.zeros_like(tangent))
        slope = abs(float(self.at_x0[0]))
        # Rounding of func's values, relative to the slope.
        blur = self.output_eps * size * _NOISE / self._h
        self.output_eps = blur / slope if slope and np.isfinite(blur) else self.output_eps
        self.eps = self.eps**0.8

    @property
    def sweepable(self) -> bool:
        """Whether `sweep` is to be had: not of differences."""
        return False

    def _refuse_several(self) -> None:
        if not self.outputs.scalar:
            msg = (
                f"func returned shape {self.outputs.shape}; expected one number, since a second "
                "derivative is checked. Give `grad` to check it as the Jacobian of that."
            )
            raise ValueError(msg)

    def at(
        self, displacement: np.ndarray, *, fresh: bool = False, overwrite: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the slope at x0 plus a displacement, measured anew, and what happened."""
        del fresh, overwrite  # nothing is kept
        happened = self.point.happened(self.point.moved(displacement))
        return self._slope(happened), happened

    def again(self, count: int) -> np.ndarray:
        """Return the slope at x0, measured anew so many times, or as often as the budget allows."""
        count = int(min(count, self.left() // len(_STENCIL)))
        nowhere = np.zeros_like(self.tangent)
        return np.array([self._slope(nowhere) for _ in range(count)]).reshape(count, 1)

    def _slope(self, displacement: np.ndarray) -> Any:
        if self.left() < len(_STENCIL):
            raise BudgetSpent
        total = np.zeros(1)
        for place, weight in _STENCIL:
            value, _ = super().at(displacement + place * self._h * self.tangent)
            total += weight * value
        return total / self._h
