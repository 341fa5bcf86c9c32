"""Which steps would tell more of an entry than those of its ladder."""

from typing import Any

import numpy as np

from .._numerics.extrapolation import NOTHING, Estimate
from .._numerics.rungs import NOISE, SEEN
from .._numerics.scales import rms
from .entry import Entry
from .evidence import beyond_doubt


def further_steps(entry: Entry, e: Estimate) -> Any:
    """Return steps that would sharpen an estimate that does not decide; None if none would."""
    survey, ratio = entry.survey, entry.survey.steps.ratio
    least, agrees = survey.precision.least_ulps * survey.scalar.x_eps, entry.agrees(e)
    finer = entry.ladder.h[-1] / ratio ** np.arange(1.0, 5.0)
    finer = finer[finer >= least]
    if not agrees and _quiet(entry) and finer.size:
        return finer
    decided = entry.seen(e) if agrees else beyond_doubt(survey, e, entry.allowed)
    if decided and e is not NOTHING:
        return None
    if finer.size and (e is NOTHING or _quiet(entry) or _bent(entry)):
        return finer
    # Tiny x, x at zero, a linear function in a large sum, an inexact func: larger steps; but not to
    # the trend of a staircase.
    highest, farther = float(entry.ladder.h[0]), survey.precision.near and not survey.grain
    if farther and highest < _farthest(entry) * survey.steps.top:
        return highest * 2.0 ** np.arange(4.0, 0.0, -1.0)
    return None


def fresh_steps(entry: Entry, e: Estimate, sigma: float) -> np.ndarray:
    """Return other steps, down to the finest at which noise would let such an error be seen."""
    survey = entry.survey
    steps = entry.ladder.h / np.sqrt(survey.steps.ratio)
    least = max(SEEN * sigma / (np.sqrt(2) * abs(e.value)), 4 * survey.scalar.x_eps)
    finer = steps[-1] / 4.0 ** np.arange(1.0, 6.0)
    return np.concatenate([steps, finer[finer >= least]])


def _farthest(entry: Entry) -> float:
    """Return how many moves a step may have: as far as x of typical size goes, if x is tiny."""
    scalar = entry.survey.scalar
    part = next(part for part in scalar.parts if entry.i < part.stop)
    return max(2.0**8, rms(scalar.x[part]) / float(entry.survey.move[entry.i]))


def _quiet(entry: Entry) -> bool:
    """Tell whether the finest rungs agree, or one with the claim, better than noise allows."""
    sigma, rungs = entry.survey.sigma, entry.ladder.both().part(slice(-2, None))
    if rungs.h.size < 2 or not rungs.changes.any(axis=0).all():
        return False
    apart = min(abs(rungs.error[0] - rungs.error[1]), abs(rungs.error[1])) * rungs.h[1]
    return bool(apart < sigma / 16 and entry.noise_of(entry.ladder) == sigma)


def _bent(entry: Entry) -> bool:
    """Tell whether func is not straight yet at the finest steps: truncation, not noise."""
    rungs = entry.ladder.both()
    gaps = np.abs(np.diff(rungs.error))[-3:]
    if gaps.size < 2:
        return True
    beyond_noise = gaps[-1] * rungs.h[-1] > NOISE * entry.survey.sigma
    return bool(beyond_noise or (gaps[1:] < gaps[:-1] / 2).all())
