"""Pictures of a gradient along a line: remainders of Taylor's series, errors of differences."""

import math
from typing import Any

import numpy as np

from .._backends.typing import Function
from .._claims.gradient import Gradient
from .._report.plots import CLAIM, MEASURED, WRONG, drawn_on
from .._vectors.callables import checked_callable
from .._vectors.primals import ArgNums
from .._verdict.options import Options
from .session import Session

#: Steps of both pictures: half-decades down from 1, in units of the size of x0.
_HALVES = 2
#: The step that a guide goes through, counted from the largest: two decades below it.
_ANCHOR = 4


class _Line:
    """
    A function and its claim along one random line through x0.

    Parameters
    ----------
    func, grad : callable
        As of `verify_grad`.
    arguments : tuple
        x0 and the other arguments of func.
    moved : tuple of argnums and kwargs
        Which of them are moved, and keyword arguments.
    seed : int or None
        Of the direction.
    """

    def __init__(
        self,
        func: Function,
        grad: Function,
        arguments: tuple[Any, ...],
        moved: tuple[ArgNums, dict[str, Any] | None],
        seed: int | None,
    ) -> None:
        checked_callable(func, "func")
        checked_callable(grad, "grad")
        options = Options.checked(None, None, seed)
        session = Session.at(func, arguments, moved, options, {})
        self._values = session.values(func)
        point = session.point
        self._claim = Gradient(grad, point, with_value=False).at_x0
        x, rng = point.x, options.rng(0)
        size = np.maximum(np.abs(x), math.sqrt(float(np.mean(x * x))) or 1.0)
        # Entries that are held fixed do not move, whatever the tangent.
        self._tangent = size * rng.choice([-1.0, 1.0], x.size)
        self._at_x0 = float(self._values.at_x0[0])
        digits = -math.log10(self._values.eps)
        exponents = np.arange(0, _HALVES * digits + 1) / _HALVES
        self.steps = 10.0**-exponents

    def change(self, step: float) -> tuple[float, float]:
        """Return how func changes by a step, and by how much the claim says that it does."""
        values, happened = self._values.at(step * self._tangent)
        return float(values[0]) - self._at_x0, float(self._claim @ happened)


def plot_taylor(
    func: Function,
    grad: Function,
    x0: Any,
    *args: Any,
    argnums: ArgNums = 0,
    kwargs: dict[str, Any] | None = None,
    seed: int | None = None,
    ax: Any = None,
) -> Any:
    """
    Draw what a gradient leaves of func's change against the step, along a random line.

    The change itself falls like the step (slope 1), what a right gradient leaves of it like its
    square (slope 2), down to the rounding of func. What a wrong one leaves falls like the step.

    Parameters
    ----------
    func : callable
        Called as ``func(x, *args)``; returns one real number.
    grad : callable
        Called likewise; returns its gradient.
    x0 : array or pytree
        The point.
    *args : object
        Other arguments of both.
    argnums : int or tuple of int
        Which arguments are moved.
    kwargs : dict, optional
        Keyword arguments of both.
    seed : int, optional
        Of the direction; drawn afresh by default.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Where it was drawn.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError, ValueError
        As `verify_grad`.

    See Also
    --------
    verify_grad : A verdict, which needs nobody to look at it.
    plot_steps : The error of differences.

    Notes
    -----
    Brook Taylor's theorem: ``f(x + t v) = f(x) + t <g, v> + O(t**2)``. Some 33 calls of `func` in
    double precision, 15 in single precision.
    """
    line = _Line(func, grad, (x0, *args), (argnums, kwargs), seed)
    changes = [line.change(step) for step in line.steps]
    change = np.array([abs(one) for one, _ in changes])
    left = np.array([abs(one - claimed) for one, claimed in changes])
    with drawn_on(ax) as ax:
        ax.loglog(line.steps, change, "o", ms=3, color=MEASURED, label="f(x + t v) - f(x)")
        ax.loglog(line.steps, left, "s", ms=4, color=CLAIM, label="the same, less t <grad, v>")
        for values, slope in ((change, 1), (left, 2)):
            _guide(ax, line.steps, values, slope)
        ax.set_xlabel("step t, in units of x0")
        ax.set_ylabel("change of func")
        ax.legend(frameon=False, loc="upper left")
    return ax


def plot_steps(
    func: Function,
    grad: Function,
    x0: Any,
    *args: Any,
    argnums: ArgNums = 0,
    kwargs: dict[str, Any] | None = None,
    seed: int | None = None,
    ax: Any = None,
) -> Any:
    """
    Draw the difference of a gradient from central differences against their step.

    For a right gradient it falls like the square of the step, down to where the rounding of func
    is divided by an ever smaller step: a V. For a wrong one it stays at its error in between.

    Parameters
    ----------
    func, grad, x0, *args, argnums, kwargs, seed, ax : object
        As of `plot_taylor`.

    Returns
    -------
    matplotlib.axes.Axes
        Where it was drawn.

    See Also
    --------
    verify_grad : A verdict, which measures truncation and noise and needs no choice of a step.
    plot_taylor : Remainders of the series.

    Notes
    -----
    ``(f(x + t v) - f(x - t v)) / (2 t) = <g, v> + O(t**2) + O(eps |f| / t)``. Some 66 calls of
    `func` in double precision.
    """
    line = _Line(func, grad, (x0, *args), (argnums, kwargs), seed)
    errors = []
    for step in line.steps:
        (up, claimed_up), (down, claimed_down) = line.change(step), line.change(-step)
        moved = claimed_up - claimed_down
        errors.append(abs((up - down) / moved - 1) if moved else math.nan)
    found = np.array(errors)
    with drawn_on(ax) as ax:
        label = "|difference / claim - 1|"
        ax.loglog(line.steps, found, "s-", ms=4, lw=0.8, color=CLAIM, label=label)
        best = int(np.nanargmin(np.where(found > 0, found, np.nan))) if (found > 0).any() else 0
        _guide(ax, line.steps[: best + 1], found[: best + 1], 2)
        _guide(ax, line.steps[best:], found[best:], -1)
        ax.set_xlabel("step t, in units of x0")
        ax.set_ylabel("relative error along the line")
        ax.legend(frameon=False, loc="upper center")
    return ax


def _guide(ax: Any, steps: np.ndarray, values: np.ndarray, slope: int) -> None:
    """Draw a line of a slope through the value at a large step; at the least, if negative."""
    known = np.flatnonzero(np.isfinite(values) & (values > 0))
    if not known.size:
        return
    # At the largest steps of all there are terms of higher order, too.
    at = known[min(_ANCHOR, known.size - 1)] if slope > 0 else known[-1]
    line = values[at] * (steps / steps[at]) ** float(slope)
    keep = line > np.min(values[known]) / 10
    ax.loglog(steps[keep], line[keep], "--", color=WRONG, lw=0.8, label=f"slope {slope}")
