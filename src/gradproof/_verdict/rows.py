"""
Every value of func by itself, from evaluations that tell of all of them.

A func of m values has m gradients. Moving one entry of x shows the slopes of all of them at once,
so that a Jacobian costs as many calls as a gradient does. What such a look suspects is examined as
an entry of the gradient of the one value that it is about.
"""

import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._claims.linear_map import Columns
from .._evaluation.values import Beside
from .._lines.entry import Entry
from .._lines.findings import FAIL, HELD, OPEN, PASS, Findings
from .._lines.nonsmooth import valid_together
from .._lines.row_scales import RowScales
from .._lines.scalarized import Scalarized
from .._lines.stationary import BELOW_ROUNDING
from .._lines.survey import Survey
from .._numerics.rungs import NOISE, Rungs
from .._report.jacobians import kept
from .._report.ladder import KEPT
from .._report.places import PairsOff
from .suspects import Entries

#: After this many suspects in a row that nothing resolves the others are left: the verdict is
#: inconclusive already.
_GIVE_UP = 8
#: The most suspects that are remembered, worst first; more of them are not looked at one by one.
_MOST = 256
#: Before any suspect that agrees but could not be resolved come those that do not agree.
_DISAGREES = 1e6


@dataclass(frozen=True)
class EachValue:
    """
    The look at a func of several values, for a `Decision` about their weighted sum.

    Attributes
    ----------
    columns : Columns
        The claim.
    """

    columns: Columns

    def in_part(self, survey: Survey, weights: np.ndarray, rungs: Rungs) -> bool:
        """Tell, without a call of func, whether some values are off along a line and others not."""
        step = float(survey.steps.line[np.argmin(np.abs(survey.steps.line - rungs.h[0] / 16))])
        plus, up = survey.scalar.values.at(step * weights * survey.move)
        minus, down = survey.scalar.values.at(-step * weights * survey.move)
        claimed = self.columns.along(up - down)
        with np.errstate(all="ignore"):
            error = plus - minus - claimed
        if not np.isfinite(error).all():
            return True
        # In units of the largest, so that no square overflows.
        _, most = np.frexp(max(float(np.abs(v).max(initial=0.0)) for v in (error, claimed)))
        error, claimed = np.ldexp(error, -most), np.ldexp(claimed, -most)
        # A factor that all have in common leaves the same share of each.
        share = float(error @ claimed) / float(claimed @ claimed or 1.0)
        return bool(np.linalg.norm(error - share * claimed) > 0.1 * np.linalg.norm(error))

    def run(self, survey: Survey, findings: Findings, step: float, leaves: float) -> bool:
        """
        Look at each entry; at this step truncation leaves a share of what is material.

        Returns whether slopes on kinks are valid together.
        """
        rows = Rows(survey, self.columns, findings)
        rows.run(step, leaves)
        return rows.fits()


@dataclass
class Rows:
    """
    The look at all entries of a Jacobian.

    Attributes
    ----------
    survey : Survey
        Of the weighted sum of func's values.
    columns : Columns
        The claim.
    findings : Findings
        Of the entry of each column that is furthest off, in units of func and x.
    """

    survey: Survey
    columns: Columns
    findings: Findings
    _suspects: list[tuple[float, int, int]] = field(default_factory=list)
    _forgotten: set[int] = field(default_factory=set)
    _surveys: dict[int, tuple[Survey, Findings]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        found, n = self.findings, self.survey.g.size
        values = self.survey.scalar.values
        found.off = PairsOff(tuple(values.outputs.leaves), tuple(values.point.leaves))
        found.row, found.claimed = np.full(n, -1), np.full(n, np.nan)
        found.resolution = np.full(n, np.inf)
        if n * values.at_x0.size <= KEPT:
            claimed = np.full((values.at_x0.size, n), np.nan)
            found.jacobian = kept(claimed, values.what, entrywise=values.point.entrywise)
        self._values = self.survey.scalar.values

    def run(self, step: float, leaves: float) -> None:
        """Measure every column by one central difference, then what is suspected one by one."""
        survey, values = self.survey, self._values
        if survey.precision.designs:
            # Where rounding eps / h and truncation h**2 are equal.
            step, leaves = survey.eps ** (1 / 3), 0.0
        self._sigma, self._rounding_by_ulps = self._noise(), self.columns.rounding_by_ulps(survey)
        leaves_of = values.outputs.leaves
        self._scales = RowScales.of(self.columns, survey, leaves_of, self._rounding_by_ulps)
        for i, (above, below) in enumerate(values.each_entry(step * survey.move)):
            self._column(i, step, leaves, above, below)
        self._examine()

    def _noise(self) -> Any:
        """
        Return the noise of each value, from the lines that the survey has measured.

        Differences of three neighbouring rungs cancel slope and curvature; the least of them over
        the ladder is the noise, or less, by luck: hence 1.5 times the root mean square of two.
        """
        survey, values = self.survey, self._values
        floor = 0.3 * values.output_eps * np.abs(values.at_x0)
        scatter = []
        for direction, rungs in survey.lines:
            bends = []
            for h in survey.steps.line:
                up, down = (values.at(s * direction * survey.move)[0] for s in (h, -h))
                bends.append((h, up + down - 2 * values.at_x0))
            for (h0, b0), (h1, b1), (h2, b2) in zip(bends, bends[1:], bends[2:], strict=False):
                a, b = np.linalg.solve([[h1, h0], [h1**2, h0**2]], [-h2, -(h2**2)])
                blur = np.sqrt(2 * (1 + a * a + b * b) + 4 * (1 + a + b) ** 2)
                scatter.append(np.abs(b2 + a * b1 + b * b0) / blur)
            del rungs
        with np.errstate(all="ignore"):
            pairs = [np.hypot(s, t) / np.sqrt(2) for s, t in itertools.pairwise(scatter)]
            least = np.fmin.reduce(pairs) if pairs else np.zeros_like(floor)
        return np.maximum(floor, 1.5 * np.nan_to_num(least, nan=0.0, posinf=0.0))

    def _column(self, i: int, step: float, leaves: float, above: Beside, below: Beside) -> None:
        """Look at the slopes of all values by one entry of x, from func on either side of it."""
        survey, found = self.survey, self.findings
        if found.state[i] == HELD:
            return
        (plus, up, at_x0), (minus, down, other) = above, below
        minus = minus + (at_x0 - other)  # one batch need not round as another does
        claim = self.columns.column(i)
        own = np.abs(claim)
        material, resolved, largest = self._scales.of_column(i, claim)
        # As of a gradient: `claim_noise`.
        claim_rounding = survey.precision.claim_margin * (self._rounding_by_ulps + survey.eps * own)
        claim_rounding += survey.eps * largest
        visible = survey.res * resolved
        if not survey.precision.rounding_in_full:
            claim_rounding = np.minimum(claim_rounding, visible / 2)
        with np.errstate(all="ignore"):
            width = float(up[i] - down[i])
            error = (plus - minus - self.columns.along(up - down)) / width
            noise = NOISE * self._sigma * np.sqrt(2) / abs(width)
            truncation, size = leaves * material, np.abs(error)
            bar = truncation + noise
            agrees = size <= survey.rtol * material + claim_rounding + bar
            seen = size + bar <= visible + np.minimum(claim_rounding, visible / 2)
            # Nothing claimed, and nothing that moves: no scale is needed to see that.
            still = (claim == 0) & (plus == at_x0) & (minus == at_x0) & (width != 0)
            resolution = np.where(still, 0.0, (size + bar) / np.maximum(resolved, 1e-300))
            beyond = ~still & (size > survey.rtol * material + claim_rounding + 2 * bar)
        if found.off is not None:
            found.off.add(i, beyond)
        if found.jacobian is not None:
            found.jacobian.claimed[:, i], found.jacobian.measured[:, i] = claim, claim + error
        good = ((agrees & seen) | still) & ~self._scales.hidden
        rank = np.where(np.isfinite(size), size, np.inf) / np.maximum(material, 1e-300)
        rank = np.where(good, -1.0, np.where(agrees, 0.0, _DISAGREES) + rank)
        k = int(np.argmax(resolution if good.all() else rank))
        found.row[i], found.claimed[i] = k, claim[k]
        found.error[i], found.noise[i], found.truncation[i] = error[k], noise[k], truncation[k]
        found.step[i], found.resolution[i] = step, resolution[k]
        found.state[i] = PASS if good.all() else OPEN
        self._suspects += [(float(rank[k]), int(k), i) for k in np.flatnonzero(~good)]
        if len(self._suspects) > 4 * _MOST:
            self._forget()

    def _forget(self) -> None:
        """Keep the worst suspects only; the columns of the others stay unresolved."""
        self._suspects.sort(reverse=True)
        self._forgotten |= {i for _, _, i in self._suspects[_MOST:]}
        del self._suspects[_MOST:]

    def _examine(self) -> None:
        """Examine what is suspected, worst first; stop at the first entry that is wrong."""
        self._forget()
        found, hopeless = self.findings, 0
        cleared = {i: i not in self._forgotten for _, _, i in self._suspects}
        for _, k, i in self._suspects:
            state = self._one(k, i)
            if state == FAIL:
                found.state[i] = FAIL
                return
            cleared[i] &= state == PASS
            hopeless = hopeless + 1 if state == OPEN else 0
            if hopeless == _GIVE_UP:
                return
        found.state[[i for i, clear in cleared.items() if clear]] = PASS

    def fits(self) -> bool:
        """
        Tell whether subgradients of one value of func, entry by entry, are one together.

        Other values have slopes of their own: what has to hold together is a row.
        """
        apart = [own for one, own in self._surveys.values() if not valid_together(one, own)]
        state = self.findings.state
        self.findings.off_alike = any(own.off_alike for own in apart)
        for own in apart:
            known = np.isfinite(own.right) & (state == PASS)
            state[known if known.any() else state == PASS] = OPEN
        return not apart

    def _one(self, k: int, i: int) -> str:
        """Return the state of one entry of the Jacobian, and keep its numbers if it matters."""
        if self._scales.hidden[k]:
            self.findings.remarks.append(f"{self._of_value(k)}, {BELOW_ROUNDING}")
            return OPEN
        survey, own = self._survey_of(k)
        state = own.state[i] = Entries(survey, own).examine(Entry(survey, own, i))
        found = self.findings
        if state == FAIL or found.row[i] == k:
            unit = float(np.ldexp(1.0, survey.exponent))
            found.row[i], found.claimed[i] = k, survey.g[i] * unit
            unit /= float(survey.move[i])
            for name in ("error", "truncation", "noise"):
                getattr(found, name)[i] = getattr(own, name)[i] * unit
            found.step[i] = own.step[i]
            if found.jacobian is not None:
                found.jacobian.measured[k, i] = found.claimed[i] + found.error[i]
            if state == FAIL or found.looked is None:
                found.looked = own.looked
            seen = abs(own.error[i]) + own.truncation[i] + own.noise[i]
            found.resolution[i] = seen / survey.scales.resolved[i]
        found.remarks += [f"{self._of_value(k)}, {remark}" for remark in own.remarks]
        own.remarks.clear()
        return state

    def _of_value(self, k: int) -> str:
        return self._values.outputs.name(k) or "func"

    def _survey_of(self, k: int) -> tuple[Survey, Findings]:
        """Return the survey of one value of func, from the lines that there are."""
        if k not in self._surveys:
            whole, weights = self.survey, np.zeros(self._values.at_x0.size)
            weights[k] = 1.0
            row, near = self.columns.row(k), self.columns.row_near(k)
            one = Survey(
                Scalarized(self._values, weights), near, row, whole.eps, whole.rtol, whole.rng
            )
            steps = one.steps.line  # known: nothing is evaluated
            one.measure(
                [(w, one.scalar.ladder(one.g, w * one.move, steps)) for w, _ in whole.lines]
            )
            one.scales = self._scales.of_row(k, one)
            self._surveys[k] = one, Findings.none(one.g.size)
        return self._surveys[k]
