"""Slopes of one line by extrapolation, each with bars for truncation and noise."""

import functools
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

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


class Windows(NamedTuple):
    """
    For each rung of a ladder but the first, the best extrapolation of which it is the finest.

    Attributes
    ----------
    value, truncation, noise, step : ndarray of shape (k - 1,)
        As of `Estimate`; those of `NOTHING` where there is none.
    """

    value: np.ndarray
    truncation: np.ndarray
    noise: np.ndarray
    step: np.ndarray

    @staticmethod
    def none(count: int) -> "Windows":
        """Return so many windows that say nothing."""
        return Windows(*np.tile([[np.nan], [np.inf], [np.inf], [np.nan]], count))

    @property
    def bar(self) -> Any:
        """Bound on the error of each `value`."""
        return self.truncation + self.noise

    def sharpest(self, among: list[bool], fine: float = 0.0) -> Estimate:
        """Return the finest of some windows with a bar that is good enough, or the sharpest one."""
        bars = [bar if one else np.inf for bar, one in zip(self.bar.tolist(), among, strict=True)]
        least = min(bars, default=np.inf)
        if not least < np.inf:
            return NOTHING
        place = max(k for k, bar in enumerate(bars) if bar <= fine or (bar == least > fine))
        return Estimate(*(float(part[place]) for part in self))


def weights_at_zero(nodes: np.ndarray) -> Any:
    """Return the weights with which a polynomial through values at `nodes` is taken to zero."""
    return _weights(nodes, ~np.eye(nodes.size, dtype=bool))


def _weights(nodes: np.ndarray, others: np.ndarray) -> Any:
    """Return such weights for each row of nodes, `others` being those that come with each."""
    apart = np.where(others, nodes[..., None, :] - nodes[..., :, None], 1.0)
    return np.multiply.reduce(np.where(others, nodes[..., None, :] / apart, 1.0), axis=-1)


def windows(h: np.ndarray, slopes: np.ndarray, noise: np.ndarray, power: int) -> Windows:
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
    Windows
        From the second rung on. Source: the tableau of C. J. F. Ridders, Advances in Engineering
        Software 4 (1982) 75, with the amplification of noise by each entry, which is known.
    """
    if len(h) < 2 or not noise[-1] < np.inf:
        return Windows.none(max(len(h) - 1, 0))
    if not math.isfinite(np.add.reduce(slopes)):  # no window is across where the claim is none
        lost = int(np.isfinite(slopes).argmin())
        parts = [
            windows(h[at], slopes[at], noise[at], power)
            for at in (slice(lost), slice(lost + 1, None))
        ]
        parts.insert(1, Windows.none(len(h) - 1 - sum(part.value.size for part in parts)))
        return Windows(*map(np.concatenate, zip(*parts, strict=True)))
    table, beyond = _tableau(h.tobytes(), power)
    values = np.vecdot(table, slopes)
    blurred = table[1:, 1:] * noise / h
    blur = NOISE * np.sqrt(np.vecdot(blurred, blurred))
    values, own, other = values[1:, 1:], values[:-1, 1:], values[:-1, :-1]
    truncation = TRUNCATION * np.maximum(np.abs(values - own), np.abs(values - other))
    best = (truncation + blur + beyond).argmin(axis=0), np.arange(len(h) - 1)
    return Windows(values[best], truncation[best], blur[best], h[1:])


@functools.lru_cache(maxsize=64)  # a ladder is looked at several times
def _tableau(steps: bytes, power: int) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the weights of all rungs in a tableau, by depths and finest rungs.

    And infinity for what would take more rungs than there are, without the first depth and rung.
    """
    nodes = np.append(np.frombuffer(steps) ** power, 1.0)
    parts, others, beyond = _places(len(nodes) - 1)
    table = np.zeros((len(parts) + 1, len(nodes) - 1, len(nodes)))
    table[0] = np.eye(*table.shape[1:])
    np.put_along_axis(table[1:, 1:], parts, _weights(nodes[parts], others), axis=-1)
    return np.ascontiguousarray(table[:, :, :-1]), beyond


@functools.lru_cache(maxsize=64)
def _places(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the rungs that each value takes, or else one more; `others`; and the same infinity."""
    depth = np.arange(1, min(count - 1, _DEPTH) + 1)[:, None, None]
    last, place = np.arange(1, count)[:, None], np.arange(_DEPTH + 1)
    taken = (place <= depth) & (depth <= last)
    both = taken[..., None, :] & taken[..., :, None] & ~np.eye(_DEPTH + 1, dtype=bool)
    beyond = np.where(depth <= last, 0.0, np.inf)[..., 0]
    return np.where(taken, last - depth + place, count), both, beyond


def estimate(rungs: Rungs, sigma: float, fine: float) -> tuple[Estimate, Windows]:
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
    all : Windows
        Contradicted ones among them.
    """
    rungs = rungs.both()
    h, error = rungs.h, rungs.error
    noise = rungs.spread(sigma) * np.sqrt(0.5)
    found = windows(h, error, noise, 2)
    return found.sharpest(uncontradicted(found, h, error, noise, 2), fine), found


def uncontradicted(
    found: Windows, h: np.ndarray, slopes: np.ndarray, noise: np.ndarray, power: int
) -> list[bool]:
    """Tell of each window whether every finer rung agrees with it, within its noise."""
    growth, coarser = _growth(h.tobytes(), power)
    # A row for each window, a column for each rung.
    value = found.value[:, None]
    apart, own = np.abs(slopes - value), np.abs(slopes[1:, None] - value)
    allowed = found.bar[:, None] + NOISE * noise / h + own * growth + coarser
    agrees: list[bool] = (apart <= allowed).all(axis=1).tolist()
    return agrees


@functools.lru_cache(maxsize=64)
def _growth(steps: bytes, power: int) -> tuple[np.ndarray, np.ndarray]:
    """Return by what the error of a rung may be larger at another one; and which are no finer."""
    h = np.frombuffer(steps)
    last = h[1:, None]
    return 2 * (h / last) ** power, np.where(h < last, 0.0, np.inf)
