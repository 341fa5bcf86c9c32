"""
Slopes of one line from a ladder of steps, each with an error bar; nothing but NumPy.

What is measured is the error of a claim, never the slope alone. With the displacement ``d`` that a
step h really made on either side, a rung of the ladder holds

    up = f(x + d) - f(x) - <g, d>,        down = f(x - d) - f(x) + <g, d>,

in which a right claim leaves only truncation and noise. ``(up - down) / 2h`` is the claim's error,
``up + down`` the second difference, ``up / h`` and ``-down / h`` belong to the one-sided slopes.
"""

import functools
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

#: Multiple of the standard deviation that noise does not reach: 2 Phi(-6) = 2e-9, over the 2n
#: differences of a check of 1e5 entries 4e-4, and then a re-test at fresh steps squares it. A
#: noise measured 30 % too low leaves 4.2 deviations, 3e-5, and squared 1e-9.
NOISE = 6.0
#: An error below threshold + NOISE can hide behind noise of -NOISE: what has surely been seen.
SEEN = 2 * NOISE
#: The difference of a value of the tableau to its parents exceeds the error left by the squared
#: ratio of the steps less one, 3 at least; 4 also covers that the best of five depths is taken.
TRUNCATION = 4.0
#: More than five differences gain nothing but noise in double precision (Ridders 1982).
_DEPTH = 5


@dataclass(frozen=True)
class Rungs:
    """
    A ladder of steps along one line.

    Attributes
    ----------
    h : ndarray of shape (k,)
        Steps as multiples of the line's direction, falling.
    changes : ndarray of shape (2, k)
        ``f(x + d) - f(x)`` and ``f(x - d) - f(x)``; NaN where func raised or was not finite.
    claimed : ndarray of shape (2, k)
        What the claim says of them.
    rounding : ndarray of shape (k,)
        Standard deviation that the rounding of func's result alone has at the larger value.
    changed : ndarray of shape (k,), optional
        The share of func's values, in the 2-norm, that changed at all; all of them by default.
    """

    h: np.ndarray
    changes: np.ndarray
    claimed: np.ndarray
    rounding: np.ndarray
    changed: np.ndarray | None = None

    def spread(self, sigma: float) -> Any:
        """Return the noise of each rung: that of func at x, or the rounding of larger values."""
        return np.maximum(sigma, self.rounding)

    @property
    def up(self) -> Any:
        """What the claim leaves unexplained to the right, in the units of f."""
        return self.changes[0] - self.claimed[0]

    @property
    def down(self) -> Any:
        """The same to the left."""
        return self.changes[1] - self.claimed[1]

    @functools.cached_property
    def error(self) -> Any:
        """The claim's error by central differences; its noise is ``sigma / (sqrt(2) h)``."""
        return (self.up - self.down) / (2 * self.h)

    @property
    def bend(self) -> Any:
        """The second difference."""
        return self.up + self.down

    def both(self) -> "Rungs":
        """Return the rungs with a value on both sides."""
        there = np.isfinite(self.changes)
        return self if there.all() else self.part(there.all(axis=0))

    def finest(self, step: float) -> "Rungs":
        """Return the six rungs with values on both sides that end at a step."""
        rungs = self.both()
        last = int(np.sum(rungs.h > step * (1 - 1e-9)))
        return rungs.part(slice(max(0, last - 6), last))

    def part(self, which: Any) -> "Rungs":
        """Return some of the rungs."""
        return Rungs(
            self.h[which],
            self.changes[:, which],
            self.claimed[:, which],
            self.rounding[which],
            None if self.changed is None else self.changed[which],
        )

    def joined(self, other: "Rungs") -> "Rungs":
        """Return the rungs of both, in order."""
        both = Rungs(
            np.concatenate([self.h, other.h]),
            np.concatenate([self.changes, other.changes], axis=1),
            np.concatenate([self.claimed, other.claimed], axis=1),
            np.concatenate([self.rounding, other.rounding]),
            None
            if self.changed is None or other.changed is None
            else np.concatenate([self.changed, other.changed]),
        )
        return both.part(np.argsort(-both.h, kind="stable")).distinct()

    def distinct(self) -> "Rungs":
        """Return the rungs without those that x, short of digits, made the same as another."""
        kept: list[int] = []
        for j, h in enumerate(self.h):
            if not kept or h < 0.9 * self.h[kept[-1]]:
                kept.append(j)
        return self.part(kept)

    @functools.cached_property
    def scatter(self) -> list[tuple[float, float, float]]:
        """Coarse to fine, log2 of a step and two differences in units of sigma there."""
        rungs = self.both()
        # At steps too fine to move func at all there is no noise to be seen.
        moved = np.flatnonzero(rungs.changes.any(axis=0))
        last = moved[-1] + 1 if moved.size else 0
        if last < 3:
            return []
        h, error, bend = rungs.h[:last], rungs.error[:last], rungs.bend[:last]
        ratio = h[1:] / h[:-1]
        q = ratio[1:]
        # Zero for h and for h**2, and in units of sigma if there is noise alone.
        a, b = _annihilator(q, ratio[:-1])
        third = np.abs(bend[2:] + a * bend[1:-1] + b * bend[:-2])
        third /= np.sqrt(2 * (1 + a * a + b * b) + 4 * (1 + a + b) ** 2)
        slope = np.abs(error[2:] - error[1:-1]) * h[2:] * np.sqrt(2 / (1 + q * q))
        # Steps of two ladders are the same up to what x can represent.
        place = np.round(4 * np.log2(h[2:])) / 4
        return list(zip(place.tolist(), third.tolist(), slope.tolist(), strict=True))


@dataclass(frozen=True)
class Estimate:
    """
    The error of a claim along a line, with its uncertainty.

    Attributes
    ----------
    value : float
        The error of the claim: slope of func less claim.
    truncation, noise : float
        Bars for what the extrapolation leaves out and for the noise of func; the error of
        `value` is below their sum.
    step : float
        The finest step that went into it.
    """

    value: float
    truncation: float
    noise: float
    step: float

    @property
    def bar(self) -> float:
        """Bound on the error of `value`."""
        return self.truncation + self.noise


NOTHING = Estimate(np.nan, np.inf, np.inf, np.nan)


def weights_at_zero(nodes: np.ndarray) -> np.ndarray:
    """Return the weights with which a polynomial through values at `nodes` is taken to zero."""
    return np.asarray(_weights(nodes[None, :])[0])


def _weights(nodes: np.ndarray) -> Any:
    """Return such weights for each row of nodes."""
    itself = np.eye(nodes.shape[1], dtype=bool)
    apart = nodes[:, None, :] - nodes[:, :, None]
    ratios = nodes[:, None, :] / np.where(itself, 1.0, apart)
    return np.multiply.reduce(np.where(itself, 1.0, ratios), axis=2)


def windows(h: np.ndarray, slopes: np.ndarray, noise: np.ndarray, power: int) -> list[Estimate]:
    """
    Return, for each finest rung, the best extrapolation that ends there.

    Parameters
    ----------
    h, slopes : ndarray of shape (k,)
        Falling steps, and a slope at each that is a power series in ``h**power``.
    noise : ndarray of shape (k,)
        Standard deviation of each slope times its step.
    power : {1, 2}
        2 for central differences, 1 for one-sided ones.

    Returns
    -------
    list of Estimate
        From the second rung on. Source: the tableau of C. J. F. Ridders, Advances in Engineering
        Software 4 (1982) 75, with the amplification of noise by each entry, which is known.
    """
    tableau = _extrapolations(h.tobytes(), power)
    # A row for each depth of the tableau; NaN where that would take more rungs than there are.
    values, blur = np.full((2, len(tableau) + 1, len(h)), np.nan)
    values[0] = slopes
    for depth, (parts, weights) in enumerate(tableau, start=1):
        values[depth, depth:] = np.vecdot(weights, slopes[parts])
        blurred = weights * noise[parts] / h[parts]
        blur[depth, depth:] = np.vecdot(blurred, blurred)
    values, parents, blur = values[1:, 1:], values[:-1], NOISE * np.sqrt(blur[1:, 1:])
    own, other = np.abs(values - parents[:, 1:]), np.abs(values - parents[:, :-1])
    truncation = TRUNCATION * np.where(other > own, other, own)
    bars = truncation + blur
    bars[np.isnan(bars)] = np.inf
    found = []
    for j, depth in enumerate(bars.argmin(axis=0).tolist() if tableau else []):
        place = depth, j
        best = values[place], truncation[place], blur[place], h[j + 1]
        found.append(Estimate(*map(float, best)) if bars[place] < np.inf else NOTHING)
    return found


@functools.lru_cache(maxsize=64)  # a ladder is looked at several times
def _extrapolations(steps: bytes, power: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return, for each depth of a tableau, the rungs that each of its values takes, and weights."""
    nodes = np.frombuffer(steps) ** power
    found = []
    for depth in range(1, min(len(nodes) - 1, _DEPTH) + 1):
        parts = np.arange(len(nodes) - depth)[:, None] + np.arange(depth + 1)
        found.append((parts, _weights(nodes[parts])))
    return found


def estimate(rungs: Rungs, sigma: float, fine: float) -> tuple[Estimate, list[Estimate]]:
    """
    Return the claim's error along a line, and every window that was looked at.

    Parameters
    ----------
    rungs : Rungs
        The ladder.
    sigma : float
        Standard deviation of the noise of func.
    fine : float
        A bar that is good enough.

    Returns
    -------
    chosen : Estimate
        From the finest window with a bar of at most `fine`; without one, that with the least
        bar. Never the least bar as such: a coarse window may be precise and wrong (aliasing,
        ripples, kinks). A window counts only if every finer rung agrees with it, within its noise.
        `NOTHING` if no window does.
    all : list of Estimate
        The best window of each rung, coarse to fine, contradicted ones among them.
    """
    rungs = rungs.both()
    h, error = rungs.h, rungs.error
    noise = rungs.spread(sigma) * np.sqrt(0.5)
    found = windows(h, error, noise, 2)
    valid = _uncontradicted(found, h, error, noise, 2)
    good = [window for window in valid if window.bar <= fine]
    if good:
        return good[-1], found
    return min(valid, key=lambda window: window.bar, default=NOTHING), found


def one_sided(rungs: Rungs, sigma: float) -> tuple[Estimate, Estimate]:
    """Return the claim's error to the right and to the left of x, each with its bar."""
    sides = []
    for values, sign in ((rungs.up, 1.0), (rungs.down, -1.0)):
        there = np.isfinite(values)
        h = rungs.h[there]
        # f(x) has noise of its own, common to all rungs: hence sqrt(2).
        noise = rungs.spread(sigma)[there] * np.sqrt(2.0)
        slopes = sign * values[there] / h
        valid = _uncontradicted(windows(h, slopes, noise, 1), h, slopes, noise, 1)
        sides.append(min(valid, key=lambda window: window.bar, default=NOTHING))
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
    found, last = [NOTHING] * max(h.size - 1, 0), np.nan
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
            found[j - 1] = Estimate(float(value), float(truncation), blur, float(h[j]))
        last = value
    valid = _uncontradicted(found, h, slopes, noise, 0)
    return min([*series, *valid], key=lambda window: window.bar, default=NOTHING)


def _uncontradicted(
    found: list[Estimate], h: np.ndarray, slopes: np.ndarray, noise: np.ndarray, power: int
) -> list[Estimate]:
    """Return the windows with which every finer rung agrees, within its noise."""
    if not found:
        return []
    value, bar = np.array([(window.value, window.bar) for window in found]).T[:, :, None]
    # A row for each window, a column for each rung.
    apart, own = np.abs(slopes - value), np.abs(slopes[1:, None] - value)
    allowed = bar + NOISE * noise / h + 2 * own * (h / h[1:, None]) ** power
    finer = np.arange(h.size) > np.arange(1, h.size)[:, None]
    valid = (apart <= allowed) | ~finer
    return list(itertools.compress(found, valid.all(axis=1)))


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
    rows = [row for rungs in ladders for row in rungs.scatter]
    if not rows:
        return floor
    steps = sorted({row[0] for row in rows})
    starts = range(max(1, len(steps) - together + 1))
    sets = [
        [v for row in rows if row[0] in steps[start : start + together] for v in row[1:]]
        for start in starts
    ]
    # `np.mean` would cost three times as much.
    squares = (np.add.reduce(np.square(values)) / len(values) for values in sets)
    least = float(np.sqrt(min(squares)))
    return max(floor, 1.5 * least)


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


def _annihilator(q: np.ndarray, p: np.ndarray) -> Any:
    """Return a, b with ``s(h) + a s(h/q) + b s(h/qp) = 0`` for s = h and for s = h**2."""
    # 1 + a/q + b/(qp) = 0 and 1 + a/q**2 + b/(qp)**2 = 0.
    matrices = np.array([[1 / q, 1 / (q * p)], [1 / q**2, 1 / (q * p) ** 2]])
    return np.linalg.solve(np.moveaxis(matrices, 2, 0), np.full((q.size, 2, 1), -1.0))[:, :, 0].T
