"""
Right or wrong by a rule of thumb.

A stand-in, and the only place where it is applied: the demo and the command line ask `judge`.
It trusts a single forward difference and one number for all functions. At a stationary point,
or where func is far larger than its changes, it may call a right claim wrong; in bfloat16 it
lets mistakes below a fifth pass.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._check import Comparison, compared
from ._typing import Function

# A power of the machine epsilon, after the best that differences can do: the rounding error eps / h
# of a central difference is balanced with its truncation error h**2 at h = eps**(1/3), where either
# is eps**(2/3). The rule allows the square root of that. Hence a step may be wrong by decades
# before a right claim suffers: a forward difference, which errs by eps / h + h, may take steps
# between eps**(2/3) and eps**(1/3), and the default, eps**(1/2), is the middle of that window.
_POWER = 1 / 3


@dataclass(frozen=True)
class Judgement:
    """
    A claim beside the measurement, and what the rule of thumb says of it.

    Attributes
    ----------
    ok : bool
        Whether the claim is called right.
    error : float
        2-norm of claim minus measurement, in the units of the gradient. As `check_grad` returns.
    scale : float
        The larger of the 2-norms of claim and measurement. Along a random direction: of the
        whole claim, which is the root mean square of its slopes along all directions, and of the
        slope measured.
    rtol : float
        The share of `scale` that `error` may reach.
    index : tuple of int or None
        Place of the worst entry in the gradient (or Jacobian); None for a random direction.
    claimed, measured : float
        The two there.
    direction : {'all', 'random'}
        What was compared.
    """

    ok: bool
    error: float
    scale: float
    rtol: float
    index: tuple[int, ...] | None
    claimed: float
    measured: float
    direction: str

    @property
    def relative_error(self) -> float:
        """The error as a share of the scale; 0 where both are."""
        if self.scale == 0:
            return 0.0
        # Infinity over infinity is NaN, as it should be.
        return self.error / self.scale


def judge(
    func: Function,
    grad: Function,
    x0: Any,
    *args: Any,
    direction: str = "all",
    epsilon: Any = None,
    seed: Any = None,
) -> Judgement:
    """
    Tell whether a gradient function is right at a point, by a rule of thumb.

    Parameters
    ----------
    func, grad, x0, *args, direction, epsilon, seed : object
        As in `check_grad`.

    Returns
    -------
    Judgement
        The verdict with its numbers. Right means that the error is at most ``eps ** (1/3)`` of
        the scale, where eps is the machine epsilon of the coarser of the dtypes of `x0` and of
        what `func` returns. A NaN or an infinity anywhere is wrong.

    Raises
    ------
    TypeError, ValueError
        As by `check_grad`.

    Examples
    --------
    >>> import numpy as np
    >>> from gradproof._judge import judge
    >>> found = judge(lambda x: x[0] * x[1], lambda x: [x[1], -x[0]], np.array([2.0, 3.0]))
    >>> found.ok, found.index, found.claimed, round(found.measured, 4)
    (False, (1,), -2.0, 2.0)
    """
    c = compared(func, grad, x0, args, epsilon, direction, None, seed)
    with np.errstate(all="ignore"):
        claimed = np.asarray(c.claimed, dtype=np.float64)
        difference = claimed - c.slopes
        error = _norm(difference)
        claim = claimed if direction == "all" else _on_host(c)
        scale = max(_norm(claim), _norm(c.slopes))
    rtol = c.line.eps**_POWER
    # An infinite scale would allow anything, and NaN compares as false.
    ok = math.isfinite(error) and error <= rtol * scale
    index, claimed_there, measured_there = None, math.nan, math.nan
    if difference.size:
        worst = int(np.argmax(np.abs(difference)))  # the first NaN, if there is one
        claimed_there = float(claimed.reshape(-1)[worst])
        measured_there = float(c.slopes.reshape(-1)[worst])
        if direction == "all":
            index = tuple(int(i) for i in np.unravel_index(worst, difference.shape))
    return Judgement(ok, error, scale, rtol, index, claimed_there, measured_there, direction)


def _on_host(c: Comparison) -> np.ndarray:
    return np.asarray(c.primal.backend.to_host([c.claim])[0], dtype=np.float64)


def _norm(values: np.ndarray) -> float:
    """Return the 2-norm; its squares neither overflow nor underflow."""
    largest = float(np.max(np.abs(values), initial=0.0))
    if largest == 0 or not math.isfinite(largest):
        return largest
    return largest * float(np.sqrt(np.sum((values / largest) ** 2)))
