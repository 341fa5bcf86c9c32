"""The slope of func along one tangent, by differences, as a function of its own."""

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from ._evaluation import PLAIN, Settings
from ._hints import of_output
from ._ladder import NOISE
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
    Where func bends more than that, which a step of half the size shows, the step is halved.

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
    settings : Settings
        How func is evaluated.
    """

    cost = len(_STENCIL)

    def __init__(
        self,
        func: Function,
        point: Point,
        budget: int | None,
        tangent: np.ndarray,
        settings: Settings = PLAIN,
    ) -> None:
        super().__init__(func, point, budget, settings)
        self._refuse_several()
        self.tangent = tangent
        rounding = self.output_eps * abs(float(self.at_x0[0])) * _NOISE
        self._h = self._step(rounding)
        slope = abs(float(self.at_x0[0]))
        # Rounding of func's values, relative to the slope.
        blur = rounding / self._h
        self.output_eps = blur / slope if slope and np.isfinite(blur) else self.output_eps
        self.eps = self.eps**0.8

    def _step(self, rounding: float) -> float:
        """
        Return the largest step without truncation to speak of, the slope at x0 measured with it.

        `rounding` is that of the slope, times the step. A step is right once one of half its size
        shows the same slope, but for rounding and for a sixteenth of what matters.
        """
        nowhere = np.zeros_like(self.tangent)
        self._h = h = float(self.eps**0.2)
        self.at_x0, _ = self.at(nowhere)
        # Four bits at least are left for the differences of these slopes.
        while h > 16 * self.eps and self.left() >= len(_STENCIL):
            self._h = h / 2
            finer, _ = self.at(nowhere)
            change = abs(float(finer[0] - self.at_x0[0]))
            matters = self.eps ** (4 / 15) * abs(float(finer[0]))  # of errors: see `verify_hess`
            if not change > NOISE * 2 * rounding / h + matters / 16:
                break
            self.at_x0, h = finer, h / 2
        return h

    @property
    def entrywise(self) -> bool:
        """Whether moving an entry is a call with an entry replaced: not of differences."""
        return False

    def _refuse_several(self) -> None:
        if not self.outputs.scalar:
            msg = (
                f"func returned shape {self.outputs.shape}; expected one number, since a second "
                "derivative is checked. Give `grad` to check it as the Jacobian of that."
            )
            leaves = self.point.leaves
            shapes = [out.shape for out in self.outputs.leaves]
            like_hess = shapes == [a.shape + b.shape for a in leaves for b in leaves]
            raise ValueError(msg + of_output(self.value, "hess", like_claim=like_hess))

    def many(
        self, displacements: Iterable[np.ndarray], *, fresh: bool = False, overwrite: bool = False
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the slopes at x0 plus some displacements, measured anew, and what happened."""
        del fresh, overwrite  # nothing is kept
        happened: deque[np.ndarray] = deque()

        def places() -> Iterator[np.ndarray]:
            for displacement in displacements:
                moved = self.point.moved(displacement)
                happened.append(self.point.happened(moved, displacement))
                if self.left() < len(_STENCIL):
                    raise BudgetSpent
                for place, _ in _STENCIL:
                    yield happened[-1] + place * self._h * self.tangent

        total = np.zeros(1)
        for k, (value, _) in enumerate(super().many(places())):
            total += _STENCIL[k % len(_STENCIL)][1] * value
            if k % len(_STENCIL) == len(_STENCIL) - 1:
                yield total / self._h, happened.popleft()
                total = np.zeros(1)

    def again(self, count: int) -> np.ndarray:
        """Return the slope at x0, measured anew so many times, or as often as the budget allows."""
        count = int(min(count, self.left() // len(_STENCIL)))
        nowhere = np.zeros_like(self.tangent)
        return np.array([v for v, _ in self.many([nowhere] * count)]).reshape(count, 1)
