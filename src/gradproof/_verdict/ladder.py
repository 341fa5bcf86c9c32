"""The line that decides, as a report keeps it for a picture."""

from dataclasses import replace
from typing import Any

import numpy as np

from .._lines.findings import FAIL, OPEN, Findings, Searched
from .._lines.survey import Survey
from .._numerics.extrapolation import NOTHING, Estimate
from .._numerics.rungs import Rungs
from .._report.ladder import Ladder

#: The state of an entry that decides, by the verdict.
_DECIDES = {"fail": FAIL, "inconclusive": OPEN}
#: What the line along which all entries move as the claim says is called.
CLAIMED = "the claim"
#: An entry that a search has found is looked at by fewer steps: a picture needs more.
_FEW = 5


def ladder_of(survey: Survey, found: Findings, verdict: str) -> Ladder | None:
    """
    Return the ladder of the entry that decides, or of a line; None without one.

    The line is that along the claim; if the entry was found by a search, that along which it was
    found. Nothing is evaluated, and nothing is kept that is as long as x0.
    """
    looked, along = found.looked, _along_claim(survey)
    if looked is not None and found.state[looked.i] == _DECIDES.get(verdict):
        i, rungs, e, scale = looked
        lines = [line for line in (along, found.searched) if line is not None]
        # Entries move by 1 to 2 of their moves along it.
        matters = survey.rtol * scale
        shown = [line for line in lines if _shows(line, matters)]
        if verdict == "fail" and rungs.h.size < _FEW and shown:
            line = max(shown, key=lambda line: line.rungs.h.size)
            return _of_line(survey, line, matters, i)
        return _made(survey, (float(survey.move[i]), rungs, e, scale), matters, i)
    if along is None:
        return None
    searched = found.searched if verdict == "fail" else None
    line = along
    if searched is not None and not _shows(along, survey.rtol * along.scale):
        line = searched
    return _of_line(survey, line, survey.rtol * line.scale)


def _along_claim(survey: Survey) -> Searched | None:
    """Return the line along the claim, if it was measured."""
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
    return Searched(CLAIMED, both, e, claimed or moved or 1.0)


def _shows(line: Searched, matters: float) -> bool:
    """Tell whether a line shows an error that matters, beyond its bar, at enough steps."""
    enough = line.rungs.h.size >= _FEW and line.e is not NOTHING
    return enough and abs(line.e.value) > line.e.bar + matters


def _of_line(survey: Survey, line: Searched, matters: float, found: int = -1) -> Ladder:
    made = _made(survey, (1.0, line.rungs.both(), line.e, line.scale), matters)
    return replace(made, line=line.line, found=found)


def _made(
    survey: Survey, line: tuple[float, Rungs, Estimate, float], matters: float, entry: int = -1
) -> Ladder:
    """Return a ladder whose steps are in a unit, and whose errors are compared with a scale."""
    unit, rungs, e, scale = line
    both, material = rungs.both(), max(scale, 1e-300)
    scale = material if e is NOTHING else max(material, abs(e.value))
    with np.errstate(all="ignore"):
        noise: Any = both.spread(survey.sigma) / (np.sqrt(2) * both.h)
    return Ladder(
        entry,
        tuple((both.h * unit).tolist()),
        tuple((both.error / scale).tolist()),
        tuple((noise / scale).tolist()),
        matters / scale,
        *(np.nan,) * 4 if e is NOTHING else (
            e.step * unit, e.value / scale, e.truncation / scale, e.noise / scale
        ),
    )  # fmt: skip
