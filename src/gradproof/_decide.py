"""
From a survey to pass, fail or inconclusive.

All quantities are relative to the moves of `Scales`: a slope is the change of f for a move of one
entry by its unit. Each rule says what it is for; ``docs/verdict.md`` tells the story.
"""

from dataclasses import dataclass, field

import numpy as np

from ._directions import WHOLE as _WHOLE
from ._directions import Directions, in_part
from ._entries import Entries
from ._evidence import (
    DOUBT,
    beyond_doubt,
    confirmed,
    integrates,
    jumps,
    kinked,
    right_at_another_scale,
    right_of_the_trend,
    suspicious,
)
from ._findings import FAIL, OPEN, Findings
from ._ladder import NOISE, TRUNCATION, Rungs, noise_level
from ._probe import BudgetSpent
from ._rough import STEP_OF_STAIRS, valid_together
from ._rows import EachValue
from ._scales import rms
from ._survey import Line, Survey
from ._weigh import Designs

#: An error of the gradient as a whole that is smaller than this may be that of a single entry, to
#: be found and named; a larger one is said at once, whatever the number of entries.
_LOCAL = 0.05

#: Differences of a random func that are drawn before it convicts an entry: six deviations of their
#: mean are then as rare as 5e-4 (Student's t of seven degrees).
_DRAWS = 8
#: In half precision, the most calls of func for each entry, and 100 on top, that designs are given:
#: what they do not resolve stays open.
_CALLS = 12

#: A line that stands still up to here, far above the digits of x, may be one of a staircase, which
#: a single entry would leave at steps a few times larger.
_NARROW = 2.0**-11

_ENTRY = "an entry is off, and a second look at other steps says the same"
_TOGETHER = "at a kink, each entry of the claim is a subgradient, and together they are none"
_RANDOM = "func is another one in each call, by more than what an entry seems to be off"
_UNRESOLVED = "some entries cannot be resolved here"
_AGREES = "every entry agrees, and would have been seen to disagree"
_SPENT = "the budget of calls ended before all entries were measured"


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
    each : EachValue, optional
        Looks at each value of a func of several.
    findings : Findings
        What the check found, in the units of the survey.
    failed : bool
        Whether the claim was found to be wrong otherwise than in an entry that is named.
    """

    survey: Survey
    directions: int = 0
    each: EachValue | None = None
    findings: Findings = field(init=False)
    failed: bool = False

    def __post_init__(self) -> None:
        g = self.survey.g
        few = self.directions and np.isfinite(g).all()
        self.findings = Findings.few(g.size) if few else Findings.none(g.size)

    def run(self) -> tuple[str, str]:
        """Return the verdict and its reason; the budget may end the check early."""
        try:
            reason = self._decide()
        except BudgetSpent:
            reason = _WHOLE if self.failed else _SPENT
        if self._repeat() and self.findings.failed and not self.failed:
            reason = self._spare() or reason
        if self.failed or self.findings.failed:
            return "fail", reason
        return ("inconclusive" if self.findings.undecided else "pass"), reason

    def _spare(self) -> str:
        """Leave open what a func that is another one in each call does not convict beyond doubt."""
        survey, found, values = self.survey, self.findings, self.survey.probe.values
        for i in found.wrong:
            d = np.zeros_like(survey.move)
            d[i] = found.step[i] * survey.move[i]
            if values.left() < 2 * _DRAWS:
                found.state[i] = OPEN
                continue
            ends = [
                [values.at(sign * d, fresh=True)[0] for sign in (1.0, -1.0)] for _ in range(_DRAWS)
            ]
            if self.each is None:
                claimed = float(np.ldexp(survey.g[i], survey.exponent))
                changes = np.array([(up - down) @ survey.probe.weights for up, down in ends])
            else:
                claimed, k = float(found.claimed[i]), int(found.row[i])
                changes = np.array([up[k] - down[k] for up, down in ends])
            left = changes - 2 * claimed * d[i]
            if not abs(left.mean()) > NOISE * float(np.std(left)) / np.sqrt(_DRAWS):
                found.state[i] = OPEN
        return "" if found.failed else _RANDOM

    def _repeat(self) -> bool:
        """Tell whether func returns something else each time, and say so."""
        values, survey = self.survey.probe.values, self.survey
        if survey.sigma <= 64 * survey.rounding or values.left() < 1:
            return False
        again = values.again(1)[:1]
        if not again.size or np.array_equal(again[0], values.at_x0, equal_nan=True):
            return False
        with np.errstate(all="ignore"):
            change = np.linalg.norm(again - values.at_x0) / np.linalg.norm(values.at_x0)
        self.findings.remarks.append(
            f"func is not deterministic: called again at x0, it changed by {change:.0e} of "
            "itself. Fix its seed, or turn dropout off, for a sharper check"
        )
        return True

    def _decide(self) -> str:
        survey, found = self.survey, self.findings
        bad = np.flatnonzero(~np.isfinite(survey.g))
        if bad.size:
            found.state[bad] = FAIL
            return f"the claim is not finite in {bad.size} of {survey.g.size} entries"
        if not np.isfinite(survey.probe.size):
            return "func is not finite at x0: there is no slope to compare with"
        if survey.g.size == 0:
            return "there is no entry to be wrong"
        aligned = survey.aligned()
        survey.measure([aligned])
        self.failed = self._wrong_as_a_whole(*aligned)
        if self.failed and found.whole > _LOCAL and not self._in_part(aligned):
            return _WHOLE
        lines = [aligned]
        # In half precision noise is sure to rule, and a second line has little to add.
        enough = (survey.short or self.directions > 0) and survey.g.any()
        if survey.g.size > 1 and not enough:
            lines.append(survey.line(survey.signs()))
        if len(lines) > 1 and not survey.g.any() and self._wrong_as_a_whole(*lines[1]):
            self.failed = True
            return _WHOLE
        lines = survey.settled(lines)
        if self.directions:
            del aligned  # an array as large as x0
            look = Directions(survey, found, self.directions)
            self.failed, reason = look.run(lines, failed=self.failed)
            return reason
        steps, smooth = survey.first_steps(lines)
        # Up to the step `smooth` the lines leave an eighth of rtol, growing with its square.
        leaves = TRUNCATION * survey.rtol / 8 * (steps[-1] / smooth) ** 2
        entries = Entries(survey, found)
        if self.each is not None:
            self.each.run(survey, found, steps[-1], leaves)
        elif survey.short:
            self._weigh(entries)
        else:
            self._differences(steps, leaves)
            entries.suspects()
        if found.failed:
            return _ENTRY
        if self.failed:
            return _WHOLE
        if not valid_together(survey, found):
            found.state[np.isfinite(found.right)] = OPEN
            return _TOGETHER
        return _UNRESOLVED if found.unresolved.size else _AGREES

    def _in_part(self, line: Line) -> bool:
        """Tell whether an error along the claim is that of some entries, which are to be named."""
        if self.each is not None:
            return self.each.in_part(self.survey, *line)
        return in_part(self.survey, line, self.findings.whole)

    def _weigh(self, entries: Entries) -> None:
        """Measure all entries together, then some alone, and what is left together again."""
        survey, found = self.survey, self.findings
        designs = Designs(survey, found)
        for share in (0.5, 1.0):
            designs.run(share * (_CALLS * survey.g.size + 100))
            entries.suspects()
            if found.failed or not found.unresolved.size:
                return

    def _wrong_as_a_whole(self, weights: np.ndarray, rungs: Rungs) -> bool:
        """Tell whether the slope along the claim is wrong beyond what right entries can add to."""
        survey = self.survey
        claimed = survey.claimed_along(weights)
        scale = claimed or survey.size_along(weights)
        # The roundings of the claim add up like noise, but for a share that they have in common.
        total, root = survey.rounding_along(weights)
        common = min(total, 2 * root + 2 * survey.eps * scale)
        allowed, fine = survey.rtol * scale + common, survey.rtol * scale
        first, _ = survey.estimate(rungs, fine)
        sharp, _ = survey.estimate(rungs, 0.0)
        self.findings.whole = min(abs(e.value) + e.bar for e in (first, sharp)) / (scale or 1.0)
        if suspicious(sharp, common, DOUBT) and abs(sharp.value) + sharp.bar < allowed:
            self.findings.remarks.append(
                f"along the claim, func's slope differs by {abs(sharp.value) / scale:.0e} of it: "
                "significant, but less than what matters"
            )
        if not beyond_doubt(survey, first, allowed) or kinked(survey, rungs, scale):
            return False
        narrow = rungs.h <= _NARROW
        if not survey.g.any() and (self._stands_still() or not rungs.changes[:, narrow].any()):
            return False
        direction = weights * survey.move
        again = survey.probe.ladder(survey.g, direction, rungs.h / np.sqrt(rungs.h[0] / rungs.h[1]))
        # A noise measured too low must not convict: measured more cautiously, on both ladders.
        sigma = max(survey.sigma, noise_level([rungs, again], survey.floor, together=2))
        first, second = (survey.estimate(part, fine, sigma)[0] for part in (rungs, again))
        wrong = (
            confirmed(survey, first, second, allowed)
            and not right_at_another_scale([rungs, again], sigma, first, claimed)
            and not right_of_the_trend([rungs, again], sigma, first, scale)
            and not jumps(survey, rungs, first)
            and not integrates(survey, rungs, direction, first, scale)
        )
        if wrong and claimed:
            ratio = 1 + (first.value + second.value) / 2 / claimed
            self.findings.remarks.append(f"along the claim, func has {ratio:.6g} times its slope")
        return wrong

    def _stands_still(self) -> bool:
        """Tell whether one entry does not move func, which a line did move: a staircase, maybe."""
        survey = self.survey
        i = int(survey.rng.integers(survey.g.size))
        steps = STEP_OF_STAIRS * 2.0 ** np.array([2.0, 1.0, 0.0] if survey.short else [0.0])
        rungs = survey.probe.entry_ladder(survey.g, i, float(survey.move[i]), steps)
        return not rungs.changes.any()

    def _differences(self, steps: list[float], leaves: float) -> None:
        """Measure each entry by a difference or two; settle those that agree and could tell."""
        survey, found = self.survey, self.findings
        seen = [self._central(step) for step in steps]
        error, bend, width = seen[-1]
        bends = np.abs(bend[np.isfinite(bend) & (bend != 0)])
        if bends.size >= 8:  # noise is at most what the second differences scatter by
            scatter = 1.5 * float(np.median(bends)) / (0.6745 * np.sqrt(6))
            survey.sigma = max(survey.floor, min(survey.sigma, scatter))
        with np.errstate(all="ignore"):
            noise = NOISE * survey.sigma * np.sqrt(2) / width
            truncation = leaves * survey.scales.material
            if len(seen) > 1:  # less than what the first of two steps differs by
                truncation = np.abs(seen[0][0] - error)
        usable = np.isfinite(error) & np.isfinite(truncation) & (width > 0)
        found.error[usable], found.noise[usable] = error[usable], noise[usable]
        found.truncation[usable], found.step[usable] = truncation[usable], steps[-1]
        found.settle(
            survey.rtol * survey.scales.material + survey.tau, survey.res * survey.scales.resolved
        )

    def _typical_x(self) -> np.ndarray:
        """Return, for each entry of x0, the root mean square of its leaf."""
        probe, typical = self.survey.probe, np.empty_like(self.survey.move)
        for part in probe.parts:
            typical[part] = rms(probe.x[part])
        return typical

    def _central(self, step: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the claim's error in each entry, the second differences, and the widths."""
        survey = self.survey
        # Where noise would hide a small slope, an entry smaller than the others moves further, by
        # up to a decade: as far as one of typical size does.
        wanted = survey.typical / np.maximum(survey.scales.material, 1e-300)
        others = np.minimum(self._typical_x() / survey.move, 10.0)
        h = step * survey.move * np.clip(wanted, 1.0, np.maximum(others, 1.0))
        plus, up, minus, down = survey.probe.both_ways(h)
        with np.errstate(all="ignore"):
            width = (up - down) / survey.move
            error = (plus - minus - survey.g * (up - down)) / width
            bend = plus + minus - survey.g * (up + down)
        return error, bend, width
