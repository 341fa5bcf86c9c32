"""Slopes from one side of x0: where the other is out of func's domain, or has another slope."""

import numpy as np

from .extrapolation import Estimate, Windows, uncontradicted, windows
from .rungs import NOISE, TRUNCATION, Rungs


def one_sided(rungs: Rungs, sigma: float) -> tuple[Estimate, Estimate]:
    """Return the claim's error to the right and to the left of x, each with its bar."""
    sides = []
    for values, sign in ((rungs.up, 1.0), (rungs.down, -1.0)):
        there = np.isfinite(values)
        h = rungs.h[there]
        # f(x) has noise of its own, common to all rungs: hence sqrt(2).
        noise = rungs.spread(sigma)[there] * np.sqrt(2.0)
        slopes = sign * values[there] / h
        found = windows(h, slopes, noise, 1)
        sides.append(found.sharpest(uncontradicted(found, h, slopes, noise, 1)))
    return sides[0], sides[1]


def at_an_edge(rungs: Rungs, sigma: float) -> Estimate:
    """
    Return the claim's error where x can move to one side only, sharper if it can be had so.

    At the edge of its domain func is seldom a power series: of ``x**1.5`` at zero the slope falls
    like the root of the step. Whatever the power is, on steps of one ratio what it leaves falls by
    one factor, and the limit follows from three of them (A. C. Aitken, Proc. Roy. Soc. Edinburgh 46
    (1926) 289).
    """
    series = one_sided(rungs, sigma)
    right = np.isfinite(rungs.up).sum() > np.isfinite(rungs.down).sum()
    values, sign = (rungs.up, 1.0) if right else (rungs.down, -1.0)
    there = np.isfinite(values)
    h = rungs.h[there]
    slopes, noise = sign * values[there] / h, rungs.spread(sigma)[there] * np.sqrt(2.0)
    found, last = Windows.none(max(h.size - 1, 0)), np.nan
    for j in range(2, h.size):
        before, after = slopes[j - 1] - slopes[j - 2], slopes[j] - slopes[j - 1]
        even = abs(h[j] * h[j - 2] / h[j - 1] ** 2 - 1) < 1e-3
        factor = after / before if before and even else np.nan
        if not 0 < factor < 1:
            last = np.nan
            continue
        value = slopes[j] + after * factor / (1 - factor)
        # The derivative of the limit by each of the three slopes, which noise moves.
        a, b = factor * (2 - factor) / (1 - factor) ** 2, (factor / (1 - factor)) ** 2
        weights = np.array([b, -a - b, 1 + a])
        blur = NOISE * float(np.linalg.norm(weights * (noise / h)[j - 2 : j + 1]))
        truncation = TRUNCATION * abs(value - last)
        if np.isfinite(truncation):
            for part, number in zip(found, (value, truncation, blur, h[j]), strict=True):
                part[j - 1] = number
        last = value
    sharpest = found.sharpest(uncontradicted(found, h, slopes, noise, 0))
    return min([*series, sharpest], key=lambda window: window.bar)
