"""
Whether a claim of zero passes only because the rounding of f hides its slope.

Where neither f nor the claim moves, nothing disagrees: so it is with a claim of zero for a cosine,
or an exponential, on the scale of an argument near zero, and with any claim along lines so short
that f does not move. On a plateau the same is right. What tells the two apart is f farther off: a
slope moves it less and less as steps fall, until rounding hides that; a plateau ends.
"""

from typing import Any

import numpy as np

from ..._numerics.precision import Precision
from .digits import Numbers

#: A change counts from here on, in standard deviations of the rounding of f's value: two units in
#: the last place and a bit.
_MOVES = 8
#: The powers of the step by which a slope moves f: halfway to those of noise and of a bend.
_LEAST, _MOST = 0.5, 1.5


def stands_still(numbers: Numbers, line: int) -> Any:
    """Tell which numbers do not move along a line, but for their rounding."""
    step = np.zeros(numbers.values.point.x.size)
    step[line] = Precision.of(numbers.values.eps).steps.line[0]
    changes = [numbers.change(numbers.values.at(by)[0]) for by in (step, -step)]
    return np.max(np.abs(changes), axis=0) <= _MOVES * numbers.rounding


def constant(numbers: Numbers, lines: list[int]) -> Any:
    """
    Tell which numbers are the same to the last bit wherever some lines are moved together.

    By random lengths, so that nothing cancels: these have no slope along any of the lines. One look
    at all of them, of which there is one for each entry of x0 where f is linear.
    """
    values, rng = numbers.values, np.random.default_rng(0)
    unit = np.zeros(values.point.x.size)
    unit[lines] = rng.choice([-1.0, 1.0], len(lines)) * rng.uniform(1.0, 2.0, len(lines))
    same = np.full(values.at_x0.size, fill_value=True)
    for by in (values.point.farther(unit), unit):
        for step in Precision.of(values.eps).steps.line:
            for sign in (1.0, -1.0):
                if same.any():
                    same &= values.at(sign * step * by)[0] == values.at_x0
    return same if numbers.u is None else np.array([same.all()])


def hides_a_slope(
    numbers: Numbers, line: int, still: np.ndarray, least: tuple[float, float]
) -> bool:
    """
    Tell whether a number that stood still has a slope along a line, of which rounding left nothing.

    Asked on the scale of x0, and at moves of ordinary size.

    Parameters
    ----------
    numbers : Numbers
        What slopes are taken of, in the widest dtype that there is.
    line : int
        Which line.
    still : ndarray of bool
        Which numbers stood still, and are claimed to.
    least : tuple of two floats
        The smallest slope that is not rounded to zero where it is claimed, for a change of x0 by 1;
        and the smallest that matters, for one along the line.
    """
    point = numbers.values.point
    unit = np.zeros(point.x.size)
    unit[line] = 1.0
    # All zero where a line moves nothing.
    lengths = {float(unit @ unit), float(np.abs(point.farther(unit)).max())}
    return any(_hidden(numbers, unit * length, still, least) for length in sorted(lengths))


def _hidden(
    numbers: Numbers, unit: np.ndarray, still: np.ndarray, least: tuple[float, float]
) -> bool:
    values, h = numbers.values, Precision.of(numbers.values.eps).steps.line
    lines: Any = values.point
    length = float(np.abs(lines.whole(unit)).max(initial=0.0))
    matters = max(least[0] * length, least[1] * float(unit.max()))
    odd, bar = np.zeros((2, h.size, still.size))
    for j, step in enumerate(h):
        plus, minus = (values.at(sign * step * unit)[0] for sign in (1.0, -1.0))
        up, down = numbers.change(plus), numbers.change(minus)
        odd[j] = np.abs(up - down) / 2
        bar[j] = _MOVES * np.maximum(numbers.rounding_of(plus), numbers.rounding_of(minus))
        # Both ends are rounded, to places that are not equally far off: of a bend that is a slope.
        bar[j] += _MOVES * values.eps / step * np.abs(up + down)
    return any(_of_a_slope(h, odd[:, k], bar[:, k], matters) for k in np.flatnonzero(still))


def _of_a_slope(h: np.ndarray, odd: np.ndarray, bar: np.ndarray, least: float) -> bool:
    """Tell whether changes are those of a slope, down to the step at which a bar hides them."""
    moved = np.flatnonzero(odd > bar)
    if not moved.size:
        return False
    first, last = int(moved[0]), int(moved[-1])
    if odd[last] < least * h[last]:
        return False
    if last + 1 < h.size and odd[last] * h[last + 1] / h[last] > bar[last + 1]:
        return False  # a plateau: a slope would have moved it at the next step as well
    if first == last:
        return True
    # Noise moves it as much at all steps, what bends by a higher power of them.
    whole = np.log(odd[first] / odd[last]) / np.log(h[first] / h[last])
    nearest = np.log(odd[last - 1] / odd[last]) / np.log(h[last - 1] / h[last])
    return bool(whole > _LEAST and nearest < _MOST)
