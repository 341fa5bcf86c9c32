"""
Many entries: all of them at once, along a few random directions.

One entry after another costs two calls of func for each. Along a direction in which all of them
move, a wrong one shows too: less sharply, since rounding and what matters grow with their number,
but for the same few calls however many there are. Where a direction disagrees, a search follows.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from .._lines.evidence import DOUBT, suspicious
from .._lines.findings import FAIL, OPEN, Column
from .._lines.judgement import DIRECTION, LAST, Flagged
from .._lines.measured import RUNGS, Measured, Measurements
from .._lines.stationary import STATIONARY, bends, claims_nothing
from .._lines.units import Line
from .._numerics.blocks import Made
from .._numerics.noise import noise_level
from .._numerics.rungs import Rungs
from .._report.places import are_off, in_common, listed
from .._report.reach import ROWS_UP_TO
from .along import SLOPE_OFF
from .balance import one_of, place_of, shape_of, size_of, within
from .nothing import with_slopes
from .row_lines import RowLines, reach
from .rows_seen import Seen
from .traced import Tracing

#: Up to here each entry is measured: those 2 n calls are what a search may spend in vain before it
#: gives up (`search.CALLS_ALLOWED`), and they resolve every entry to the last.
FEW = 300
#: What a right gradient may cost, however many entries it has.
_CALLS = 40
#: How often all directions may miss errors in many entries that are as large as what must be seen.
_MISS = 0.01
_UNSEEN = (
    "all directions agree, but that {name} is missing would not have been seen (an error of "
    "{size:.1f} times its size would): directions='all' measures each entry"
)
_DARK = (
    "that {name} is missing would not be seen (an error of {size:.1f} times its size would): let "
    "func return float32, or directions='all' measure each entry"
)
WHOLE = "the claim as a whole is off: along the claim itself, func has another slope"
_AGAIN = "and a second look at other steps says the same"
_EVERYWHERE = "the gradient is off in many entries"
_ALONG = {
    "": SLOPE_OFF,
    "along x0": "along x0 itself, row by row, func has another slope than the claim",
    "constant": "where whole rows move by the same amount, func has another slope than the claim",
}
OPEN_ALONG = "along a random direction, the slope of func cannot be resolved here"
_SOMETHING = "along a random direction something is off, and the search did not find where"
_AGREES = "all directions agree, and would have been seen to disagree"
#: Reasons that more calls may remove.
CALLS_TELL = (OPEN_ALONG, _SOMETHING, _DARK.partition("{")[0])


def number_of(directions: int | str, n: int, share: float, spent: int) -> int:
    """
    Return the number of random directions to measure; 0 for entry by entry.

    Parameters
    ----------
    directions : {'auto', 'all'} or int
        What the user asks for.
    n : int
        Number of entries.
    share : float
        The error that is forgiven, as a share of that which must be seen.
    spent : int
        Calls of func that the first line costs.

    Notes
    -----
    Errors of random size in many entries add up to a normal number with, relative to what must be
    seen, a deviation of 1. All of k directions forgive it with ``P(|N| < share) ** k``.
    """
    if directions == "all" or (directions == "auto" and n <= FEW):
        return 0
    if directions != "auto":
        return int(directions)
    forgiven = math.erf(min(share, 1.0) / math.sqrt(2))
    wanted = math.ceil(math.log(_MISS) / math.log(forgiven))
    return max(1, min(wanted, (_CALLS - 2 - spent) // (2 * RUNGS)))


def calls_of(directions: int) -> int:
    """Return the calls that so many directions cost if the gradient is right."""
    return 2 * RUNGS * directions


@dataclass
class Directions(Tracing):
    """
    The look along random directions.

    Attributes
    ----------
    survey : Survey
        The problem.
    findings : Findings
        What is known so far; updated.
    count : int
        Number of directions.
    rows : bool
        Whether to look at the rows of each leaf as well, where directions do not show them.
    singles, blocks : dict of int to Estimate, list of Box
        What was found to be wrong.
    everywhere : str
        How many of a sample of entries are wrong, and where, if many are.
    hopeless : bool
        Whether integrating the claim along a direction did not help.
    row : str
        The name of a row that is off as a whole.
    looks : Measurements
        Measures along directions.
    """

    def run(self, lines: list[Line], *, failed: bool) -> tuple[bool, str]:
        """Return whether the claim fails otherwise than by a named entry, and the reason."""
        survey = self.survey
        base = lines[0][1]
        self.looks = looks = Measurements(survey, base)
        measurements = [looks.measured(*line) for line in lines[1:]]
        self._release_memory(lines)
        # A single line has half of the values: the noise is measured on two rungs together.
        survey.sigma = max(survey.sigma, noise_level([base], survey.floor, together=2))
        if self.short is not None and len(measurements) < self.count:
            measurements.append(looks.random(known=self.short.rungs))
        while len(measurements) < self.count:
            measurements.append(looks.random())
        rows = RowLines(survey, looks)
        rows.note(measurements)
        found_some = any(
            suspicious(measured.e, measured.common, DOUBT) for measured in measurements
        )
        if self.rows and (survey.precision.designs or (rows.unseen_rows and not found_some)):
            rows.run()
        measurements += rows.measurements
        order = sorted(
            measurements, key=lambda measured: -abs(measured.e.value) / max(measured.e.bar, 1e-300)
        )
        settled: list[Measured] = []
        for measured in order:
            settled.append(self._settled(measured))
            if settled[-1].state:  # what one search could not explain is beyond the next as well
                break
        return self._decided(settled, rows, base, failed=failed)

    def at_once(self, line: Line) -> str:
        """Return the reason of a fail, if an error along the claim was traced to entries."""
        settled = self.traced(line)
        if not settled:
            return ""
        rows = RowLines(self.survey, self.looks)
        rows.note(settled)
        return self._decided(settled, rows, line[1], failed=False)[1]

    def _decided(
        self, settled: list[Measured], rows: RowLines, base: Rungs, *, failed: bool
    ) -> tuple[bool, str]:
        """Return whether the claim fails otherwise than by a named entry, and the reason."""
        survey, found = self.survey, self.findings
        found.alone = min(
            (measured.seen for measured in settled if measured.needed), default=math.inf
        )
        found.reach = with_slopes(survey, reach(rows, found.whole, found.alone))
        return self._told(settled, rows.unseen_rows, base, failed=failed)

    def _told(
        self, settled: list[Measured], dark: Seen | None, base: Rungs, *, failed: bool
    ) -> tuple[bool, str]:
        """Return whether the claim fails otherwise than by a named entry, and the reason."""
        found = self.findings
        if self.everywhere:
            return True, f"{_EVERYWHERE}: {self.everywhere}"
        if found.failed:
            return failed, self._named(left=bool(settled[-1].state))
        if failed:
            if self._whole_is_inexact(base):
                return False, OPEN_ALONG
            return True, WHOLE
        if settled[-1].state == FAIL:
            if self.row:
                return True, f"{self.row} is off, {_AGAIN}"
            return True, _ALONG[settled[-1].part]
        if settled[-1].state == OPEN:
            return False, _SOMETHING
        if not all(measured.resolved for measured in settled if measured.needed):
            return False, OPEN_ALONG
        return False, self._agrees() if dark is None else self._unseen(dark)

    def _agrees(self) -> str:
        """Pass all entries; return the reason, and what would not have been seen."""
        self.findings.pass_rest()
        reach = self.findings.reach
        small = max(reach, key=lambda leaf: leaf.whole)
        if len(reach) > 1 and small.whole > 1:
            return _UNSEEN.format(name=small.path, size=small.whole)
        return _AGREES

    def _unseen(self, dark: Seen) -> str:
        """Return that rows may be missing; pass all entries if that is as well as can be told."""
        survey = self.survey
        name, from_size = dark.rows.name(), float(dark.reach.max())
        size = math.prod(dark.rows.leaf.shape)
        if self.rows and survey.precision.designs and size <= ROWS_UP_TO:
            if claims_nothing(survey) and bends(survey):  # more digits would say no more
                return STATIONARY
            return _DARK.format(name=name, size=from_size)
        self.findings.pass_rest()
        return _UNSEEN.format(name=name, size=from_size)

    def _whole_is_inexact(self, base: Rungs) -> bool:
        """Tell whether an error of the whole that no direction shows is that of func."""
        survey = self.survey
        e, _ = survey.estimate(base, 0.0)
        signs = np.where(survey.g < 0, -1.0, 1.0)
        claimed = survey.claimed_along(signs)
        sizes = claimed, claimed, survey.sigma
        reason = self._excepted(
            Flagged(DIRECTION, survey, [base], base, e, *sizes, weights=signs), LAST
        )
        self.findings.remarks += [reason] if reason else []
        return bool(reason)

    # --- measuring ---------------------------------------------------------------------------

    def _release_memory(self, lines: list[Line]) -> None:
        """Drop what has as many entries as x0 and is no longer needed; of scales keep 7 digits."""
        survey, scales = self.survey, self.survey.scales
        nothing = np.empty(0)
        survey.lines = [(nothing, rungs) for _, rungs in survey.lines]
        lines.clear()
        for part in ("claim", "material", "resolved"):  # one after the other, each in its place
            shorter: Any = {part: _shorter(getattr(scales, part))}
            survey.scales = scales = replace(scales, **shorter)
        survey.claim_rounding = _shorter(survey.claim_rounding)
        survey.release_memory()

    # --- judging -----------------------------------------------------------------------------

    def _named(self, *, left: bool) -> str:
        """Return how many entries are off, and the places of a few of them."""
        survey, shape = self.survey, shape_of(self.survey)
        leaves = survey.scalar.values.point.leaves
        states = cast(Column, self.findings.state).other
        wrong = [i for i, state in states.items() if state == FAIL]
        boxes = [*self.blocks, *(one_of(i, shape) for i in wrong)]
        boxes = [box for box in boxes if not any(within(box, other) for other in boxes)]
        # Of a block some were looked at; of what is left it is not known where it is.
        about = "at least " if left else "some " if self.blocks else ""
        text = are_off(sum(map(size_of, boxes)), survey.g.size, about=about)
        filled, common = ("", "") if self.blocks else in_common(leaves, wrong)
        places = filled or listed(place_of(box, survey) for box in boxes)
        return f"{text}, {_AGAIN}: {places}" + (f" (all in {common})" if common else "")


def _shorter(values: np.ndarray) -> np.ndarray:
    """Return numbers in single precision; as they are if they need no memory of their own."""
    if isinstance(values, Made) or not any(values.strides):
        return values
    return values.astype(np.float32, copy=False)
