"""
From a survey to pass, fail or inconclusive.

All quantities are relative to the moves of `Scales`: a slope is the change of f for a move of one
entry by its unit. Each rule says what it is for; ``docs/verdict.md`` tells the story.
"""

from dataclasses import dataclass, field

import numpy as np

from .._evaluation.outcomes import BudgetSpent
from .._lines.evidence import DOUBT
from .._lines.findings import FAIL, HELD, OPEN, PASS, Column, Findings
from .._lines.nonsmooth import valid_together
from .._lines.survey import Survey
from .._lines.units import Line
from .._numerics.rungs import TRUNCATION
from .._report.places import listed, off_in
from .._vectors.layout import leaf_of
from .aligned import LOCAL, leaves_off, whole_is_wrong
from .chance import Chance
from .designs import weigh
from .differences import Differences
from .directions import WHOLE as _WHOLE
from .directions import Directions, calls_of
from .rows import EachValue
from .spent import said
from .steady import claim_depends_on_calls, func_depends_on_calls
from .suspects import Entries
from .traced import in_part

#: Stands for the sentence that counts the entries that are off, until all is measured.
_ENTRY = "entries are off"
_TOGETHER = "at a kink, the entries of the claim are no subgradient together"
UNRESOLVED = "some entries cannot be resolved here"
_AGREES = "every entry agrees, and would have been seen to disagree"
_FUNC_MOVES = "func does not return the same at x0 when it is called there again"
_CLAIM_MOVES = "the claim is not the same at x0 when it is called there again"
#: What is said of entries that differ and do not matter.
_NEGLIGIBLE = "move func by so much less than the others do that it does not matter"
_NOT_FINITE = "func is not finite at x0: there is no slope to compare with"


@dataclass
class Decision:
    """
    One check of a gradient at a point.

    Attributes
    ----------
    survey : Survey
        The problem, and what is known of it.
    directions : int
        How many random directions to measure instead of each entry, 0 for none.
    rows : bool
        Whether to look at the rows of each leaf as well.
    each : EachValue, optional
        Looks at each value of a func of several.
    findings : Findings
        What the check found, in the units of the survey.
    failed : bool
        Whether the claim was found to be wrong otherwise than in an entry that is named.
    unsteady : bool
        Whether the claim at x0 depends on what was called before: then it does not pass.
    """

    survey: Survey
    directions: int = 0
    rows: bool = True
    each: EachValue | None = None
    findings: Findings = field(init=False)
    failed: bool = False
    unsteady: bool = False

    def __post_init__(self) -> None:
        g = self.survey.g
        few = self.directions and np.isfinite(g).all()
        self.findings = Findings.few(g.size) if few else Findings.none(g.size)
        fixed = self.survey.scalar.point.fixed
        for i in [] if fixed is None else np.flatnonzero(fixed):
            self.findings.state[i] = HELD

    @property
    def _chance(self) -> Chance:
        return Chance(self.survey, self.findings, self.each)

    def run(self) -> tuple[str, str]:
        """Return the verdict and its reason; the budget, or the user, may end the check early."""
        values, steps = self.survey.scalar.values, self.survey.steps
        left = 1 + 4 * steps.line.size + 2 * self.survey.g.size  # 1: x0 again
        if self.directions:
            left = 1 + 2 * steps.line.size + calls_of(self.directions)
        with values.calls.shown(values.nfev + left * values.cost):
            return self._judged()

    def _judged(self) -> tuple[str, str]:
        found = self.findings
        try:
            reason = self._measured()
        except KeyboardInterrupt:
            if found.interrupted:  # already: the user wants no report
                raise
            found.interrupted = True
        if found.interrupted:
            reason = self._cut_short()
        if self.failed or found.failed:
            return "fail", reason
        if found.interrupted or found.undecided:
            return "inconclusive", reason
        return ("inconclusive", _CLAIM_MOVES) if self.unsteady else ("pass", reason)

    def _measured(self) -> str:
        """Measure and judge; return the reason of the verdict."""
        found = self.findings
        try:
            reason = self._decide()
        except BudgetSpent:
            reason = _WHOLE if self.failed else _ENTRY if found.failed else said(self.survey, found)
            if self.failed or found.failed:
                found.remarks.append(said(self.survey, found))
        if not (found.interrupted or reason is _FUNC_MOVES) and self._chance.there:
            self._chance.say()
            if found.failed and not self.failed:
                reason = self._chance.leave_open() or reason
        return self._entries_off() if reason == _ENTRY else reason

    def _entries_off(self) -> str:
        """Return how many entries are off, where, and what the second look has confirmed."""
        survey, found = self.survey, self.findings
        leaves = survey.scalar.values.point.leaves
        if self.each is not None and found.off is not None:
            text, several = found.off.told(), found.off.count > 1
        elif isinstance(found.state, Column):  # a look at few of them, which was cut short
            off = np.zeros(survey.g.size, dtype=bool)
            off[found.wrong] = True
            text, several = f"at least {off_in(leaves, off)}", False
        else:
            bar = survey.rtol * survey.scales.material + survey.claim_rounding
            with np.errstate(all="ignore"):
                # What is beyond twice the bar of one look, though no second one has confirmed it.
                beyond = np.abs(found.error) > bar + 2 * (found.truncation + found.noise)
            off = (found.state == FAIL) | ((found.state == OPEN) & beyond)
            text, several = off_in(leaves, off), int(off.sum()) > 1
        wrong = found.wrong
        if not several or not wrong:
            return f"{text}, and a second look at other steps says the same"
        # Of a column, the entry that is furthest off is looked at again.
        what = self._names(wrong) if self.each is None else _of_them(len(wrong))
        again = f"a second look at {what}, at other steps, says the same"
        return f"{text}, and {again}"

    def _names(self, entries: list[int]) -> str:
        leaves = self.survey.scalar.values.point.leaves
        return listed(leaf_of(leaves, i).name(i) for i in entries)

    def _cut_short(self) -> str:
        """Return the reason of a verdict on what was measured until now; func is called no more."""
        survey, found = self.survey, self.findings
        # There are no draws any more that convict beyond doubt.
        if found.wrong and not self.failed and self._chance.there:
            for i in found.wrong:
                found.state[i] = OPEN
        # Without slopes near x0 that takes lines, and func is called no more.
        entrywise = not isinstance(found.state, Column)
        if entrywise and (not survey.precision.near or not valid_together(survey, found)):
            found.state[np.isfinite(found.right) & (found.state == PASS)] = OPEN
        unsettled, unseen = found.open_ones
        reason = (
            f"interrupted after {survey.scalar.nfev} calls of func: {unseen} of {survey.g.size} "
            "entries were not reached"
        )
        if unsettled and not unseen:
            calls = f"interrupted after {survey.scalar.nfev} calls of func"
            reason = f"{calls}: {unsettled} of {survey.g.size} entries not settled"
        elif unsettled > unseen:
            reason += f", {unsettled - unseen} more not settled"
        if self.failed or found.failed:
            reason = f"{_WHOLE if self.failed else self._entries_off()}; {reason}"
        return reason

    def _decide(self) -> str:
        survey, found = self.survey, self.findings
        fixed = survey.scalar.point.fixed
        if fixed is not None and fixed.all():  # then nothing is known of any entry
            found.state[0] = OPEN
        if not np.isfinite(survey.scalar.size):  # whatever the claim is: that may be no number too
            return _NOT_FINITE
        bad = np.flatnonzero(~np.isfinite(survey.g))
        if bad.size:
            found.state[bad] = FAIL
            what = "entries" if self.each is None else "columns"
            text = f"the claim is not finite in {bad.size} of {survey.g.size} {what}"
            few = bad.size < min(5, survey.g.size)
            return f"{text}: {self._names(bad.tolist())}" if few else text
        if fixed is not None and fixed.all():
            return "no entry can be moved: there is no slope to compare with"
        aligned = survey.aligned()
        if self._depends_on_calls(aligned):
            return _FUNC_MOVES
        look = Directions(survey, found, self.directions, rows=self.rows)
        at_once = look.at_once(aligned) if self.directions else ""
        if at_once:
            self.failed = not found.failed
            return at_once
        self.failed = whole_is_wrong(survey, found, *aligned, among=bool(self.directions))
        if self.failed and found.whole > LOCAL and (look.throughout or not self._in_part(aligned)):
            return _WHOLE + leaves_off(survey, *aligned)
        lines = [aligned]
        # Where noise is sure to rule, a second line has little to add.
        enough = (survey.precision.designs or self.directions > 0) and survey.g.any()
        if survey.g.size > 1 and not enough:
            lines.append(survey.across())
        if len(lines) > 1 and not survey.g.any() and whole_is_wrong(survey, found, *lines[1]):
            self.failed = True
            return _WHOLE
        lines = survey.settled(lines)
        if self.directions:
            del aligned  # an array as large as x0
            self.failed, reason = look.run(lines, failed=self.failed)
            return reason
        return self._entry_by_entry(lines)

    def _entry_by_entry(self, lines: list[Line]) -> str:
        """Measure each entry; return the reason of the verdict."""
        survey, found = self.survey, self.findings
        steps, smooth = survey.first_steps(lines)
        # Up to the step `smooth` the lines leave an eighth of rtol, growing with its square.
        leaves = TRUNCATION * survey.rtol / 8 * (steps[-1] / smooth) ** 2
        entries = Entries(survey, found)
        fits: bool | None = None  # of a Jacobian each row is asked for itself
        if self.each is not None:
            fits = self.each.run(survey, found, steps[-1], leaves)
        elif survey.precision.designs:
            weigh(survey, found, entries)
        else:
            Differences(survey, found).run(steps, leaves, entries)
        if found.failed:
            return _ENTRY
        if self.failed:
            return _WHOLE
        if fits is None and not valid_together(survey, found):
            known = np.isfinite(found.right)
            found.state[known if known.any() else slice(None)] = OPEN
            fits = False
        if fits is False:
            return _TOGETHER
        if found.unresolved.size:
            return UNRESOLVED
        return self._but_negligible() if self.each is None else _AGREES

    def _depends_on_calls(self, line: Line) -> bool:
        """Measure a line, and tell whether func is no function of x: then it shows nothing."""
        survey, remarks = self.survey, self.findings.remarks
        survey.look_near()
        # Func was last called at the largest step of the line. So the claim comes before func; and
        # both are asked before there are more arrays as long as x0.
        why = claim_depends_on_calls(survey, float(survey.steps.line[0]))
        self.unsteady = bool(why)
        survey.scalar.values.change_at_x0()
        survey.measure([line])
        of_func = func_depends_on_calls(survey)
        remarks += [text for text in (why, of_func) if text]
        return bool(of_func)

    def _but_negligible(self) -> str:
        """Return the words for a pass, with how many entries differ and are nothing."""
        survey, found = self.survey, self.findings
        with np.errstate(invalid="ignore"):
            small = survey.scales.negligible
            allowed = survey.rtol * np.abs(survey.scales.claim) + survey.claim_rounding
            off = np.abs(found.error) > allowed + DOUBT * (found.truncation + found.noise)
        count = int((small & off & (found.state == PASS)).sum())
        if not count:
            return _AGREES
        n = small.size
        return f"every entry that matters agrees; {count} of {n} entries differ, and {_NEGLIGIBLE}"

    def _in_part(self, line: Line) -> bool:
        """Tell whether an error along the claim is that of some entries, which are to be named."""
        if self.each is not None:
            return self.each.in_part(self.survey, *line)
        return in_part(self.survey, line, self.findings.whole)


def _of_them(count: int) -> str:
    """Return how many of what was named before, in words."""
    return "one of them" if count == 1 else f"{count} of them"
