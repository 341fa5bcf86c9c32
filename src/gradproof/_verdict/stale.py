"""Whether a claim is the gradient at another point, a step of descent away."""

from collections.abc import Callable
from functools import partial

import numpy as np

from .._diagnosis.evidence import Evidence
from .._diagnosis.named import Named
from .._report.diagnoses import Kind

#: Steps that are tried at first, as shares of the size of x: 1/2 down to 2**-9, either way; and how
#: often the best one is improved. No call of func is among these.
_STEPS = 2.0 ** np.arange(-1, -10, -1)
_IMPROVED = 8
#: What the best of these leaves unexplained, at most, as a share: steps are a factor of 2 apart, so
#: that the right one is within 1.5 times one of them, which explains half of the error.
_FAR_MORE = 0.6
#: How often a step along the gradient that it leads to is gone again.
_AGAIN = 40
#: A step has settled where it changes by less, as a share: a few units in the last place of a bar.
_SETTLED = 1e-11
#: Entries that have to be explained, so that one number that was fitted is nothing to them.
_LEAST = 4

Near = Callable[[np.ndarray], np.ndarray | None]


@np.errstate(all="ignore")  # far steps may lead out of the domain of the claim
def stale(evidence: Evidence, wrong: frozenset[int], x: np.ndarray, near: Near) -> dict[int, Named]:
    """
    Return names for all fields that are wrong, if the claim elsewhere explains them.

    A claim that is the gradient a step away, ``G(x + d)``, is that of x when it is asked a step
    back. The step is one along the claim, or along the gradient that it then leads to.

    Parameters
    ----------
    evidence : Evidence
        What was measured.
    wrong : frozenset of int
        The numbers of fields that are off.
    x : ndarray of shape (n,)
        The point, flat.
    near : callable
        Returns the claim, flat, at a displaced point, or None.
    """
    measured = sum(int(evidence.fields[k].wrong.sum()) for k in wrong)
    g = np.concatenate([own.claimed.reshape(-1) for own in evidence.fields])
    size = float(np.linalg.norm(g))
    if measured < _LEAST or not size or g.size != x.size:
        return {}
    unit = max(float(np.linalg.norm(x)), 1e-300) / size
    first = _scanned(evidence, partial(_back, near, evidence, g, 0), unit)
    for again in (0, _AGAIN) if first else ():
        told = _improved(evidence, partial(_back, near, evidence, g, again), first)
        found = {} if told is None else _names(evidence, wrong, told[1])
        if told is not None and found:
            back = f"a step of {abs(told[0]):.3g} times it {'before' if told[0] > 0 else 'after'} x"
            text = f"is the gradient at another point, {back}: computed before an update?"
            return {
                k: Named(Kind.STALE, text, predicted, 1, value=told[0])
                for k, predicted in found.items()
            }
    return {}


def _back(
    near: Near, evidence: Evidence, g: np.ndarray, again: int, step: float
) -> np.ndarray | None:
    """Return the claim a step back, along what it is there if it is gone again."""
    found: np.ndarray | None = near(-step * _measured(evidence, g))
    for _ in range(again):
        if found is None or not np.isfinite(found).all():
            return None
        before, found = found, near(-step * _measured(evidence, found))
        if found is None or np.linalg.norm(found - before) <= _SETTLED * np.linalg.norm(before):
            break
    return found


def _measured(evidence: Evidence, claim: np.ndarray) -> np.ndarray:
    """Return a claim with what was measured in its place: steps were along the gradient at x."""
    claim, start = np.array(claim), 0
    for own in evidence.fields:
        claim[start + own.where] = own.measured
        start += own.claimed.size
    return claim


def _scanned(
    evidence: Evidence, at: Callable[[float], np.ndarray | None], unit: float
) -> list[float]:
    """Return the two steps that explain most, if they explain far more than none; else nothing."""
    here = np.concatenate([own.claimed.reshape(-1) for own in evidence.fields])
    tried = []
    for share in np.concatenate([_STEPS, -_STEPS]):
        claim = at(float(share) * unit)
        if claim is not None and np.isfinite(claim).all():
            left = float(np.linalg.norm(_left(evidence, claim)))
            tried.append((left, float(share) * unit))
    tried.sort()
    enough = len(tried) > 1 and tried[0][0] < _FAR_MORE * np.linalg.norm(_left(evidence, here))
    return [step for _, step in tried[:2]] if enough else []


def _improved(
    evidence: Evidence, at: Callable[[float], np.ndarray | None], steps: list[float]
) -> tuple[float, np.ndarray] | None:
    """Return the step that explains most, and the claim there: Gauss-Newton in one number."""
    known = [(step, at(step)) for step in steps]
    for _ in range(_IMPROVED):
        (other, there), (step, claim) = known[-2:]
        if there is None or claim is None or not np.isfinite(claim).all():
            return None
        left = _left(evidence, claim)
        slope = (left - _left(evidence, there)) / (step - other) if step != other else 0 * left
        if not (np.isfinite(slope).all() and slope.any()) or (np.abs(left) <= 1).all():
            break
        nearer = step - float(slope @ left) / float(slope @ slope)
        known.append((nearer, at(nearer)))
    step, claim = known[-1]
    return None if claim is None or not np.isfinite(claim).all() else (step, claim)


def _left(evidence: Evidence, claim: np.ndarray) -> np.ndarray:
    """Return what a claim leaves unexplained of all measured entries, in bars."""
    parts, start = [], 0
    for own in evidence.fields:
        values = claim[start : start + own.claimed.size]
        start += own.claimed.size
        taken = values[own.where]
        parts.append((own.measured - taken) / own.allowed(taken))
    return np.concatenate(parts)


def _names(evidence: Evidence, wrong: frozenset[int], claim: np.ndarray) -> dict[int, np.ndarray]:
    """Return what is predicted of each wrong field, if that explains all that is known."""
    predicted, start = {}, 0
    for k, own in enumerate(evidence.fields):
        values = claim[start : start + own.claimed.size].reshape(own.shape)
        start += own.claimed.size
        if not own.fits(own.taken(values)):
            return {}
        predicted[k] = values
    # The step was fitted to entries: sums are known better than these.
    blurred = {
        k: float(np.median(own.bar / np.maximum(np.abs(own.measured), 1e-300)))
        for k, own in enumerate(evidence.fields)
        if own.where.size
    }
    if evidence.consistent(predicted, blurred) is False:
        return {}
    digits = np.sort(np.concatenate([evidence.fields[k].digits() for k in wrong]))
    return {k: predicted[k] for k in wrong} if digits[:-1].sum() >= _LEAST else {}
