"""Whether numbers that were computed in two ways are the same but for rounding."""

import math

import numpy as np

#: Two ways of rounding a sum of a million terms differ by about its square root in units of eps.
_ROUNDINGS = 2.0**10


def apart(one: np.ndarray, other: np.ndarray, eps: float) -> str:
    """
    Return by how much numbers differ, beyond rounding; empty if they do not.

    Parameters
    ----------
    one, other : ndarray
        Of one shape; differences are relative to the largest of the second.
    eps : float
        Machine epsilon of the coarsest dtype involved.
    """
    if not np.array_equal(np.isfinite(one), np.isfinite(other)):
        return "a value is finite in one of the two only"
    with np.errstate(all="ignore"):
        size = np.max(np.abs(other), initial=0.0, where=np.isfinite(other))
        off = np.abs(np.nan_to_num(one - other, posinf=0.0, neginf=0.0)).max(initial=0.0)
    if off > min(_ROUNDINGS * eps, math.sqrt(eps)) * size:
        return f"values differ by {off:.1e}, relative to {size:.3g}"
    return ""
