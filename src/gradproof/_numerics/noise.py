"""The noise of func, as its values on one line show it."""

import math

import numpy as np

from .rungs import Rungs


def noise_level(ladders: list[Rungs], floor: float, together: int = 1) -> float:
    """
    Return the standard deviation of the noise of func, from the rungs of a few lines.

    Parameters
    ----------
    ladders : list of Rungs
        With the same steps.
    floor : float
        The least that it can be, since func rounds its result.
    together : int
        Number of neighbouring rungs to measure it on at a time. On one, truncation is in it least
        often; but of two lines the least measurement is 0.5 of the true noise in the median and
        0.16 in one of a hundred cases. On two it is 0.7 and 0.34 (simulated, 2000 draws).

    Returns
    -------
    float
        The root mean square of differences that cancel slope, curvature and a kink at x, over
        the neighbouring rungs where they are least: truncation only ever adds. Source: the idea
        of J. J. More and S. M. Wild, SIAM J. Sci. Comput. 33 (2011) 1292, on a geometric ladder.
    """
    rows = [(step, a * a, b * b) for rungs in ladders for step, a, b in rungs.scatter]
    if not rows:
        return floor
    place = {step: k for k, step in enumerate(sorted({row[0] for row in rows}))}
    sets: list[list[float]] = [[] for _ in range(max(1, len(place) - together + 1))]
    for step, *squares in rows:
        k = place[step]
        for own in sets[max(0, k - together + 1) : k + 1]:
            own += squares
    # `np.mean` would cost three times as much.
    return max(floor, 1.5 * math.sqrt(min(np.add.reduce(own) / len(own) for own in sets)))


def noise_bound(rungs: Rungs, floor: float) -> float:
    """
    Return a noise that func on one line does not exceed, from the three rungs that show least.

    One ladder has too few values for the least of them to mean anything: the largest of the six
    at three neighbouring rungs is used, and 1.5 times that, so that four of five plateaus of a
    quantised func do not pass for smoothness. Truncation only ever adds.
    """
    rows = [max(row[1:]) for row in rungs.scatter]
    if not rows:
        return np.inf
    return max(floor, 1.5 * min(max(rows[j : j + 3]) for j in range(max(1, len(rows) - 2))))


def grain(ladders: list[Rungs], floor: float) -> float:
    """
    Return the grain of a func whose values are quantised, 0 if they are not.

    Such a func stands still at the finest steps, and where it moves, it moves by its grain. A
    smooth one that stands still may move by four units in the last place (`floor` is 0.3 of one)
    at the next step, eight times larger: from 16 floors on, that is no rounding of the result.
    """
    least = np.inf
    for rungs in ladders:
        rungs = rungs.both()
        if rungs.h.size and not rungs.changes[:, -1].any():
            sizes = np.abs(rungs.changes[rungs.changes != 0])
            least = min(least, float(sizes.min(initial=np.inf)))
    return least if np.isfinite(least) and least > 16 * floor else 0.0
