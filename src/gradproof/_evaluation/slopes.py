"""The slope of func along one tangent, by differences, as a function of its own."""

import copy
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Self

import numpy as np

from .._backends.typing import Function
from .._numerics.rungs import NOISE
from .._vectors.hints import of_output
from .._vectors.point import Point
from .._vectors.span import Span
from .options import PLAIN, Settings
from .outcomes import BudgetSpent
from .values import Values

#: The stencil for a first derivative of fourth order, at -2, -1, 1 and 2 steps (Abramowitz and
#: Stegun, 25.3.6), and by how much it amplifies noise.
_STENCIL = ((-2, 1 / 12), (-1, -8 / 12), (1, 8 / 12), (2, -1 / 12))
_NOISE = float(np.linalg.norm([weight for _, weight in _STENCIL]))
#: A second look is by a step of at most this: the stencil then reaches across a quarter of x, which
#: leaves room for the steps of a check before x changes its sign.
_FINER = 1 / 8
#: At these shares of the step, a factor of 4 apart, second differences are taken to see a kink.
#: What grows with the square of the step is taken away; of a kink an amount in proportion to the
#: step is left, of a smooth func the fourth power: 1/64 of that from one to the next. Up to a
#: factor of 2 either way it is a kink; noise would be 4 times as much for each unit of the step.
_KINK_SHARES, _KINK = (4.0, 1.0, 1 / 4, 1 / 16), 2.0


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

    Attributes
    ----------
    rounding : float
        What func's own values are rounded by.
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
        if self.left() < self.cost:
            msg = (
                f"budget={budget}; expected {self.nfev + self.cost} or more: one second derivative "
                f"takes {self.cost} calls of func beside the one at x0."
            )
            raise ValueError(msg)
        self.tangent = tangent
        self._look_at_steps()

    def _look_at_steps(self) -> None:
        """Find the step, and the slope at x0; the values are then those slopes."""
        self.rounding = self.output_eps * abs(float(self.at_x0[0]))
        self._widest, self._own_eps = float(self.eps**0.2), self.output_eps
        self._h = self._step(self.rounding * _NOISE)
        if not np.isfinite(self.returned).all():  # which no symmetric stencil sees
            self.at_x0 = np.full_like(self.at_x0, np.nan)
        self.output_eps = self._blurred()
        self.eps = self.eps**0.8

    def in_dtypes_of(self, point: Point | Span) -> Self:
        other = super().in_dtypes_of(point)
        other._look_at_steps()
        return other

    def _step(self, rounding: float) -> float:
        """
        Return the largest step without truncation to speak of, the slope at x0 measured with it.

        `rounding` is that of the slope, times the step. A step is right once one of half its size
        shows the same slope, but for rounding and for a sixteenth of what matters.
        """
        nowhere = np.zeros_like(self.tangent)
        self._h = h = self._widest
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

    def _blurred(self) -> float:
        """Return the rounding of func's values in a slope, relative to that at x0."""
        slope, blur = abs(float(self.at_x0[0])), self.rounding * _NOISE / self._h
        return blur / slope if slope and np.isfinite(blur) else self._own_eps

    def finer(self) -> "SlopeValues":
        """Return the same slopes by a step of half the size at most; calls add up."""
        other = copy.copy(self)
        other._h, other._known, other._change = min(self._h / 2, _FINER), {}, None
        (other.at_x0,) = other.again(1)
        other.output_eps = other._blurred()
        return other

    def kinked(self) -> bool:
        """
        Tell whether func has a kink at x0, or so near to it that it is one to these slopes.

        A symmetric stencil does not see a kink at its centre: the slope at x0 is the mean of those
        on both sides, whatever the step, and is another one everywhere beside x0.
        """
        shares = np.array(_KINK_SHARES) * self._widest
        if self.left() < 2 * shares.size:
            return False
        places = (sign * share * self.tangent for share in shares for sign in (1.0, -1.0))
        around = np.array([float(v[0]) for v, _ in super().many(places)]).reshape(-1, 2)
        with np.errstate(all="ignore"):
            curvature = around.sum(axis=1) - 2 * float(self.returned[0])
            curvature = curvature[1:] - curvature[:-1] / 16
            # Where terms cancel at x0, values around it show what is rounded: those at the step and
            # at the next larger one. What others do farther off, as large steps in half precision
            # make them, does not hide a kink.
            sizes = np.abs(around).max(axis=1)
            largest = np.maximum(sizes[1:], sizes[:-1])
            rounding = np.maximum(self.rounding, self._own_eps * largest)
            clear = np.abs(curvature) > NOISE * rounding
            ratio = (curvature / shares[1:])[1:] / (curvature / shares[1:])[:-1]
        alike = (ratio > 1 / _KINK) & (ratio < _KINK)
        return bool((alike & clear[1:] & clear[:-1]).any())

    def of_func(self, displacements: Iterable[np.ndarray]) -> np.ndarray:
        """Return func's own values at x0 plus some displacements."""
        return np.array([float(value[0]) for value, _ in super().many(displacements)])

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
        self, displacements: Iterable[np.ndarray], *, fresh: bool = False
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the slopes at x0 plus some displacements, measured anew, and what happened."""
        del fresh  # nothing is kept
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

    def rows(self, displacements: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the same for each of some displacements."""
        return self.many(displacements)

    def again(self, count: int) -> np.ndarray:
        """Return the slope at x0, measured anew so many times, or as often as the budget allows."""
        count = int(min(count, self.left() // len(_STENCIL)))
        nowhere = np.zeros_like(self.tangent)
        return np.array([v for v, _ in self.many([nowhere] * count)]).reshape(count, 1)
