"""Slopes of one line by extrapolation, each with bars for truncation and noise."""

import functools
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from .rungs import NOISE, TRUNCATION, Rungs

#: More than five differences gain nothing but noise in double precision (Ridders 1982).
_DEPTH = 5


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
