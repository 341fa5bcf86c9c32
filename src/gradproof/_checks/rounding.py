"""Whether two results differ by no more than rounding."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from .._numerics.rounding import ROUNDINGS
from .._report.verdicts import Check, Verdict


def unless_rounding(
    check: Check,
    apart: np.ndarray,
    parts: list[slice],
    blurred: Callable[[], np.ndarray],
    least: Any,
) -> Check:
    """
    Return a check of two vectors, without a fail where they differ by rounding alone.

    Parameters
    ----------
    check : Check
        What a comparison with the size of the vectors says.
    apart : ndarray
        Their difference; not finite where one of them is not.
    parts : list of slice
        The arrays in them: terms of one are as large as rounding of any of its entries says.
    blurred : callable
        Returns how much rounding makes of each entry; only called if it matters.
    least : ndarray or float
        What matters to nobody, for each entry: a pass says that rounding is less.
    """
    if check.verdict is not Verdict.FAIL or not np.isfinite(apart).all():
        return check
    blurs, floor = blurred(), np.zeros_like(apart)
    for part in parts:
        floor[part] = ROUNDINGS * np.max(blurs[part], initial=0.0)
    if not (np.abs(apart) <= floor).all():
        return check
    size = float(np.max(np.abs(apart), initial=0.0))
    if (floor <= least).all():
        text = f"{size:.0e} apart, which is rounding of terms that cancel here"
        return replace(check, verdict=Verdict.PASS, text=text)
    text = f"cannot be told here: {size:.2g} apart, which rounding of terms that cancel makes alone"
    return replace(check, verdict=Verdict.INCONCLUSIVE, text=text)
