"""The line that decides, as a report keeps it for a picture."""

from typing import Any

import numpy as np

from .._lines.findings import FAIL, OPEN, Findings
from .._lines.survey import Survey
from .._numerics.extrapolation import NOTHING, Estimate
from .._numerics.rungs import Rungs
from .._report.ladder import Ladder

#: The state of an entry that decides, by the verdict.
_DECIDES = {"fail": FAIL, "inconclusive": OPEN}


def ladder_of(survey: Survey, found: Findings, verdict: str) -> Ladder | None:
    """
    Return the ladder of the entry that decides, or of the line along the claim; None without one.

    Nothing is evaluated, and nothing is kept that is as long as x0.
    """
    looked = found.looked
    if looked is not None and found.state[looked.i] == _DECIDES.get(verdict):
        i, rungs, e, scale = looked
        return _made(survey, i, float(survey.move[i]), rungs, e, scale)
    if not survey.lines:
        return None
    _, rungs = survey.lines[0]
    both = rungs.both()
    if not both.h.size:
        return None
    claimed = float(np.abs(both.claimed[:, -1]).max() / both.h[-1])
    # A claim of zero is compared with the slope that there is.
    moved = float(np.abs(both.changes).max(axis=0)[0] / both.h[0])
    e, _ = survey.estimate(rungs, 0.0)
    return _made(survey, -1, 1.0, both, e, claimed or moved or 1.0)


def _made(
    survey: Survey, entry: int, unit: float, rungs: Rungs, e: Estimate, scale: float
) -> Ladder:
    both, material = rungs.both(), max(scale, 1e-300)
    scale = material if e is NOTHING else max(material, abs(e.value))
    with np.errstate(all="ignore"):
        noise: Any = both.spread(survey.sigma) / (np.sqrt(2) * both.h)
    return Ladder(
        entry,
        tuple((both.h * unit).tolist()),
        tuple((both.error / scale).tolist()),
        tuple((noise / scale).tolist()),
        survey.rtol * material / scale,
        *(np.nan,) * 4 if e is NOTHING else (
            e.step * unit, e.value / scale, e.truncation / scale, e.noise / scale
        ),
    )  # fmt: skip
