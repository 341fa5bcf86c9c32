"""
From a survey to pass, fail or inconclusive.

All quantities are relative to the moves of `Scales`: a slope is the change of f for a move of one
entry by its unit. Each rule says what it is for; ``docs/verdict.md`` tells the story.
"""

from dataclasses import dataclass, field

import numpy as np

from ._ladder import (
    NOISE,
    NOTHING,
    SEEN,
    Estimate,
    Rungs,
    estimate,
    noise_bound,
    noise_level,
    one_sided,
)
from ._probe import BudgetSpent
from ._survey import Survey
from ._weigh import hadamard, pseudo_standard_error

#: A coarse scale may excuse a difference of a quarter at most: never zero, a sign or a factor 2.
EXCUSE = 0.25
#: The standard error of a design is measured, with as many values as it has entries: 4 of it are
#: 6e-5, and whoever is suspected is looked at again.
_BY_DESIGN = 4.0
#: An error of the gradient as a whole that is smaller than this may be that of a single entry, to
#: be found and named; a larger one is said at once, whatever the number of entries.
_LOCAL = 0.05
_WHOLE = "the gradient as a whole is off: along the claim itself, func has another slope"
#: From this many entries on, a weighing design beats one difference for each when noise rules.
_DESIGN = 8


@dataclass
class Outcome:
    """What the check found; arrays over the entries, in the units of the gradient."""

    verdict: str
    reason: str
    remarks: list[str]
    error: np.ndarray
    truncation: np.ndarray
    noise: np.ndarray
    step: np.ndarray
    state: np.ndarray
    resolution: np.ndarray
    right: np.ndarray
    left: np.ndarray
    whole: float


PASS, FAIL, OPEN = "pass", "fail", "unresolved"


@dataclass
class Decision:
    """
    One check of a gradient at a point.

    Attributes
    ----------
    survey : Survey
        The problem, and what is known of it.
    remarks : list of str
        What was noticed on the way.
    failed : bool
        Whether the claim was found to be wrong otherwise than in an entry that is named.
    """

    survey: Survey
    remarks: list[str] = field(default_factory=list)
    failed: bool = False

    def run(self) -> Outcome:
        """Return the outcome; the budget may end it early."""
        survey, n = self.survey, self.survey.g.size
        self.error, self.step = np.full(n, np.nan), np.full(n, np.nan)
        self.truncation, self.noise = np.full(n, np.inf), np.full(n, np.inf)
        self.right, self.left = np.full(n, np.nan), np.full(n, np.nan)
        self.state = np.full(n, OPEN, dtype=object)
        self.whole = np.nan
        try:
            reason = self._decide()
        except BudgetSpent:
            spent = "the budget of calls ended before all entries were measured"
            reason = _WHOLE if self.failed else spent
        states = set(self.state)
        verdict = (
            FAIL if FAIL in states or self.failed else "inconclusive" if OPEN in states else PASS
        )
        with np.errstate(all="ignore"):
            seen = (np.abs(self.error) + self.truncation + self.noise) / survey.scales.resolved
            error, truncation, noise, right, left = (
                np.ldexp(quantity / survey.move, survey.exponent)
                for quantity in (self.error, self.truncation, self.noise, self.right, self.left)
            )
        return Outcome(
            verdict=verdict,
            reason=reason,
            remarks=self.remarks,
            error=error,
            truncation=truncation,
            noise=noise,
            step=self.step * survey.move,
            state=self.state,
            resolution=np.where(np.isnan(seen), np.inf, seen),
            right=right,
            left=left,
            whole=self.whole,
        )

    # --- the sequence ------------------------------------------------------------------------

    def _decide(self) -> str:
        if not np.isfinite(self.survey.g).all():
            self.failed = True
            bad = np.flatnonzero(~np.isfinite(self.survey.g))
            self.state[bad] = FAIL
            return f"the claim is not finite in {bad.size} of {self.survey.g.size} entries"
        if not np.isfinite(self.survey.probe.f0):
            return "func is not finite at x0: there is no slope to compare with"
        if self.survey.g.size == 0:
            return "there is no entry to be wrong"
        aligned = self.survey.line(
            np.where(self.survey.g != 0, np.sign(self.survey.g), self.survey.signs())
        )
        self.survey.measure([aligned])
        self.failed = self._wrong_as_a_whole(*aligned)
        if self.failed and self.whole > _LOCAL:
            return _WHOLE
        lines = (
            [aligned]
            if self.survey.g.size == 1
            else [aligned, self.survey.line(self.survey.signs())]
        )
        if len(lines) > 1 and not self.survey.g.any() and self._wrong_as_a_whole(*lines[1]):
            self.failed = True
            return _WHOLE
        lines = self.survey.settled(lines)
        step = self.survey.first_step(lines)
        # In half precision noise is sure to rule.
        if self.survey.short and self.survey.g.size >= _DESIGN:
            self._weigh()
        else:
            self._one_difference_each(step)
        if FAIL in set(self.state):
            return "an entry is off, in two designs that share no evaluation"
        reason = self._suspects()
        return reason if FAIL in set(self.state) or not self.failed else _WHOLE

    def _wrong_as_a_whole(self, weights: np.ndarray, rungs: Rungs) -> bool:
        """Tell whether the slope along the claim is wrong beyond what right entries can add to."""
        size = np.abs(weights)
        scale = float(size @ np.abs(self.survey.scales.claim)) or float(
            np.linalg.norm(size * self.survey.scales.material)
        )
        # The roundings of the claim add up like noise, but for a share that they have in common.
        rounding = size * self.survey.tau
        common = min(
            float(rounding.sum()), 2 * float(np.linalg.norm(rounding)) + 2 * self.survey.eps * scale
        )
        allowed = self.survey.rtol * scale + common
        first, _ = estimate(rungs, self.survey.sigma, self.survey.rtol * scale)
        self.whole = (abs(first.value) + first.bar) / scale if scale else 0.0
        if not self._suspicious(first, allowed, 2.0) or self._kinked(rungs, scale):
            return False
        again = self.survey.probe.ladder(
            self.survey.g, weights * self.survey.move, rungs.h / np.sqrt(rungs.h[0] / rungs.h[1])
        )
        # A noise measured too low must not convict: measured more cautiously, on both ladders.
        sigma = max(self.survey.sigma, noise_level([rungs, again], self.survey.floor, together=2))
        first, second = (
            estimate(part, sigma, self.survey.rtol * scale)[0] for part in (rungs, again)
        )
        confirmed = self._confirmed(first, second, allowed)
        return confirmed and not self._excused(rungs, again, first, scale)

    def _suspicious(self, e: Estimate, allowed: float, doubt: float) -> bool:
        return abs(e.value) > allowed + doubt * e.bar

    def _confirmed(self, first: Estimate, second: Estimate, allowed: float) -> bool:
        """Tell whether a re-test at fresh steps says the same; twice the doubt that passes get."""
        return (
            self._suspicious(first, allowed, 2.0)
            and self._suspicious(second, allowed, 2.0)
            and first.value * second.value > 0
            and min(abs(first.value), abs(second.value)) > 2 * abs(first.value - second.value)
        )

    def _kinked(self, rungs: Rungs, scale: float) -> bool:
        """Tell whether the one-sided slopes differ, beyond their bars."""
        right, left = one_sided(rungs, self.survey.sigma)
        gap = abs(right.value - left.value)
        return bool(gap > right.bar + left.bar and gap > self.survey.rtol * scale)

    def _excused(self, first: Rungs, second: Rungs, e: Estimate, scale: float) -> bool:
        """
        Tell whether a claim that is off at the chosen scale is right at another, honest one.

        Two neighbouring finer windows that reject the estimate and support the claim, or two
        coarser ones if the claim is off by no more than a quarter (then the small scale is the
        noise of a solver or of a plateau).
        """
        for rungs in (first, second):
            _, found = estimate(rungs, self.survey.sigma, self.survey.rtol * scale)
            good = [
                abs(w.value - e.value) > w.bar + e.bar
                and abs(w.value) <= w.bar + self.survey.rtol * scale
                and w.bar <= 0.1 * scale
                for w in found
            ]
            for j in range(len(found) - 1):
                if good[j] and good[j + 1]:
                    finer = found[j + 1].step < e.step
                    if finer or abs(e.value) <= EXCUSE * scale:
                        return True
        return False

    # --- all entries -------------------------------------------------------------------------

    def _one_difference_each(self, step: float) -> None:
        """Measure each entry by one central difference; settle those that agree and could tell."""
        h = step * self.survey.move
        plus, up = self.survey.probe.sweep(h)
        minus, down = self.survey.probe.sweep(-h)
        with np.errstate(all="ignore"):
            width = (up - down) / self.survey.move
            error = (plus - minus - self.survey.g * (up - down)) / width
            bend = plus + minus - 2 * self.survey.probe.f0 - self.survey.g * (up + down)
        bends = np.abs(bend[np.isfinite(bend) & (bend != 0)])
        if bends.size >= 8:  # noise is at most what the second differences scatter by
            scatter = 1.5 * float(np.median(bends)) / (0.6745 * np.sqrt(6))
            self.survey.sigma = max(self.survey.floor, min(self.survey.sigma, scatter))
        with np.errstate(all="ignore"):
            noise = NOISE * self.survey.sigma * np.sqrt(2) / width
        usable = np.isfinite(error) & (width > 0)
        self.error[usable], self.noise[usable] = error[usable], noise[usable]
        self.truncation[usable], self.step[usable] = 0.0, step
        self._settle(usable)

    def _settle(self, which: np.ndarray) -> None:
        """Pass entries that agree, and of which the bar says that they could have disagreed."""
        agrees = (
            np.abs(self.error)
            <= self.survey.rtol * self.survey.scales.material + self.survey.tau + self.noise
        )
        seen = np.abs(self.error) + self.noise <= self.survey.res * self.survey.scales.resolved
        self.state[which & agrees & seen & (self.state == OPEN)] = PASS

    def _weigh(self) -> None:
        """
        Measure all entries by weighing designs, with foldover, at different steps.

        All entries move at once, so that noise common to all evaluations is averaged over all of
        them. The effects of right entries are nothing but error and measure it (Lenth): rounding,
        its quantisation and aliased truncation alike.
        """
        allowed = self.survey.rtol * self.survey.scales.material + self.survey.tau
        weights, looks = [], []
        previous = np.inf
        # A third of the step at which rounding eps / h and truncation h**2 are equal: all entries
        # move at once, and truncation with them.
        step = self.survey.eps ** (1 / 3) / 3
        for _ in range(4):
            look = self._design(step)
            if look is None:
                return
            _, error = look
            looks.append(look)
            weights.append(max(error, self.survey.floor / step, 1e-300) ** -2)
            self.error = np.average([e for e, _ in looks], axis=0, weights=weights)
            self.noise[:], self.truncation[:] = _BY_DESIGN / np.sqrt(np.sum(weights)), 0.0
            self.step[:] = step
            self._settle(np.ones(self.survey.g.size, dtype=bool))
            if not (self.state == OPEN).any():
                return
            # Beyond doubt in two designs, which share no evaluation.
            bad = np.abs(self.error) > allowed + self.noise * NOISE / _BY_DESIGN
            for e, se in looks:
                bad &= (np.abs(e) > allowed + NOISE / 2 * se) & (e * self.error > 0)
            if len(looks) > 1 and bad.any() and self._convict(np.flatnonzero(bad)):
                return
            # Noise does not grow with the step, truncation does: then stay, else go on.
            grown = error * step > 2 * previous
            previous = error * step
            step *= 0.7 if grown else 1.5

    def _design(self, step: float) -> tuple[np.ndarray, float] | None:
        """Return the error of each entry from one design, and their common standard error."""
        n = self.survey.g.size
        order = hadamard(n + 1)
        rows = order.shape[0]
        if self.survey.probe.left() < 2 * rows:
            raise BudgetSpent
        columns = self.survey.rng.permutation(rows)[:n]
        signs = (
            order[:, columns] * self.survey.signs() * self.survey.rng.choice([-1.0, 1.0], (rows, 1))
        )
        matrix, y = np.empty((rows, n)), np.empty(rows)
        for k, row in enumerate(signs):
            # Magnitudes differ a little, so that no two rows round to the same lattice points.
            size = step * self.survey.rng.uniform(0.8, 1.25)
            f_up, up = self.survey.probe.at(size * row * self.survey.move)
            f_down, down = self.survey.probe.at(-size * row * self.survey.move)
            matrix[k] = (up - down) / self.survey.move
            y[k] = f_up - f_down - float(self.survey.g @ (up - down))
        if not np.isfinite(y).all():
            return None
        effects = np.linalg.lstsq(matrix, y, rcond=None)[0]
        return effects, pseudo_standard_error(effects)

    def _convict(self, bad: np.ndarray) -> bool:
        """Fail the worst of some entries, unless it has a kink at x0 that explains it."""
        worst = int(bad[np.argmax(np.abs(self.error[bad]) / self.survey.scales.material[bad])])
        ladder = self._entry(worst, self.survey.steps.line)
        allowed = float(
            self.survey.rtol * self.survey.scales.material[worst] + self.survey.tau[worst]
        )
        kink = self._at_kink(worst, ladder, allowed)
        rungs = ladder.both()
        blur = NOISE * rungs.spread(self.survey.sigma) * np.sqrt(0.5) / rungs.h + self.noise[worst]
        # Half the gap between the slopes on either side; curvature falls with the step, a kink
        # at x0 or nearer than all steps keeps it.
        gap = np.abs(rungs.bend) / (2 * rungs.h)
        explained = gap.min(initial=np.inf) >= abs(self.error[worst]) - float(self.noise[worst])
        if kink or explained or np.any(np.abs(rungs.error - self.error[worst]) > blur):
            # A kink may be all that the designs have seen, or a finer step contradicts them.
            self.state[worst] = kink or OPEN
            return False
        self.state[worst] = FAIL
        return True

    # --- one entry at a time -----------------------------------------------------------------

    def _suspects(self) -> str:
        """Examine what is not settled, worst first; stop at the first entry that is wrong."""
        left = np.flatnonzero(self.state == OPEN)
        size = np.where(np.isfinite(self.error), np.abs(self.error), np.inf)
        worth = size / np.maximum(self.survey.scales.material, 1e-300)
        for i in left[np.argsort(-worth[left], kind="stable")]:
            self.state[i] = self._examine(int(i))
            if self.state[i] == FAIL:
                return "an entry is off, and a second look at other steps says the same"
        if OPEN in set(self.state):
            return "some entries cannot be resolved here"
        return "every entry agrees, and would have been seen to disagree"

    def _record(self, i: int, e: Estimate) -> None:
        self.error[i], self.truncation[i], self.noise[i] = e.value, e.truncation, e.noise
        self.step[i] = e.step

    def _examine(self, i: int) -> str:
        """Return the state of one entry, from a ladder of its own."""
        s, r, tau = (
            self.survey.scales.material[i],
            self.survey.scales.resolved[i],
            self.survey.tau[i],
        )
        fine, allowed = self.survey.rtol * s / 4, self.survey.rtol * s + tau
        ladder = self._entry(i, self._entry_steps(s))
        if self.survey.g[i] == 0 and self._still(ladder, r):
            self._record(i, Estimate(0.0, 0.0, 0.0, float(ladder.h[0])))
            return PASS
        for _ in range(4):
            sigma = self._own_noise(ladder)
            first, _ = estimate(ladder, sigma, fine)
            first = self._sharpened(ladder, first, allowed, sigma)
            more = self._further_steps(ladder, first, allowed, r)
            if more is None:
                break
            ladder = ladder.joined(self._entry(i, more))
        if first is NOTHING:
            return self._at_kink(i, ladder, allowed) or OPEN
        self._record(i, first)
        if not self._suspicious(first, allowed, 1.0):
            if abs(first.value) + first.bar <= self.survey.res * r + tau:
                return PASS
            return self._at_kink(i, ladder, allowed) or OPEN
        kink = self._at_kink(i, ladder, allowed)
        if kink:
            return kink
        again = self._entry(i, ladder.h / np.sqrt(self.survey.steps.ratio))
        sigma = max(sigma, self._own_noise(again))
        if self._excused(ladder, again, first, s):
            self.remarks.append(
                f"entry {i}: func has another slope at another scale; the claim is one of them"
            )
            return PASS
        # A noise measured too low must not convict: measured more cautiously, on both ladders.
        sigma = max(sigma, noise_level([ladder, again], self.survey.floor, together=2))
        first, second = (
            self._sharpened(rungs, estimate(rungs, sigma, fine)[0], allowed, sigma)
            for rungs in (ladder, again)
        )
        if NOTHING in (first, second) or not self._confirmed(first, second, allowed):
            return OPEN
        if self.survey.short and self.survey.g.size >= _DESIGN:
            return OPEN  # one entry alone is no match for the noise: only designs convict
        return FAIL

    def _own_noise(self, ladder: Rungs) -> float:
        """
        Return the noise of func on this line, if it is clearly less than on the first ones.

        Those cross n times more kinks, and come n times nearer to the edges of a domain.
        """
        # Standing still is not being without noise, and a few values may agree by chance: "clearly"
        # is four bits.
        bound = noise_bound(ladder, self.survey.floor)
        return (
            bound if not self.survey.grain and bound < self.survey.sigma / 16 else self.survey.sigma
        )

    def _further_steps(
        self, ladder: Rungs, e: Estimate, allowed: float, r: float
    ) -> np.ndarray | None:
        """Return steps that would sharpen an estimate that does not decide; None if none would."""
        decided = (
            abs(e.value) + e.bar <= self.survey.res * r
            if abs(e.value) <= allowed + e.bar
            else self._suspicious(e, allowed, 2.0)
        )
        if decided and e is not NOTHING:
            return None
        lowest, highest = float(ladder.h[-1]), float(ladder.h[0])
        if e is NOTHING or e.truncation > e.noise or np.isnan(ladder.changes[:, :-2]).all():
            finer = lowest / self.survey.steps.ratio ** np.arange(1.0, 5.0)
            finer = finer[finer >= 4 * self.survey.probe.x_eps]
            if finer.size:
                return finer
        # Tiny x, x at zero, a linear function in a large sum, an inexact func: larger steps.
        if highest < 2.0**8 * self.survey.steps.top:
            return highest * 2.0 ** np.arange(4.0, 0.0, -1.0)
        return None

    def _sharpened(self, ladder: Rungs, e: Estimate, allowed: float, sigma: float) -> Estimate:
        """Return an estimate sharp enough to tell whether a suspicious one is beyond doubt."""
        excess = abs(e.value) - allowed
        if e is NOTHING or excess <= 0 or self._suspicious(e, allowed, 2.0):
            return e
        sharper, _ = estimate(ladder, sigma, excess / 3)
        return sharper

    def _entry(self, i: int, steps: np.ndarray) -> Rungs:
        if self.survey.probe.left() < 2 * steps.size:
            raise BudgetSpent
        return self.survey.probe.entry_ladder(self.survey.g, i, float(self.survey.move[i]), steps)

    def _entry_steps(self, s: float) -> np.ndarray:
        """Return steps from the top down to where noise hides what must be seen."""
        least = SEEN * self.survey.sigma / (np.sqrt(2) * max(self.survey.res * s, 1e-300))
        least = min(
            max(least, 16 * self.survey.eps), self.survey.steps.top / self.survey.steps.ratio**4
        )
        count = int(np.log(self.survey.steps.top / least) / np.log(self.survey.steps.ratio)) + 1
        return self.survey.steps.top * self.survey.steps.ratio ** -np.arange(float(max(count, 5)))

    def _still(self, ladder: Rungs, r: float) -> bool:
        """Tell whether func does not move at all with this entry, near x0."""
        if ladder.changes[:, -3:].any():
            return False
        # Where rounding would hide a slope that matters, standing still says nothing.
        moved = np.flatnonzero(ladder.changes.any(axis=0))
        widest = ladder.h[moved[-1] + 1] if moved.size else ladder.h[0]
        return bool(NOISE * self.survey.floor / (np.sqrt(2) * widest) <= self.survey.res * r)

    def _at_kink(self, i: int, ladder: Rungs, allowed: float) -> str:
        """Return PASS for a valid subgradient at a kink, OPEN for an unusual one, else ''."""
        right, left = one_sided(ladder, self.survey.sigma)
        if not np.isfinite(right.bar + left.bar):
            return ""
        bars = right.bar + left.bar
        gap = abs(right.value - left.value)
        if gap <= bars or gap <= allowed:
            return ""
        self.right[i] = right.value
        self.left[i] = left.value
        middle = (right.value + left.value) / 2
        for value, bar in ((right.value, right.bar), (left.value, left.bar), (middle, bars)):
            if abs(value) <= allowed + bar and bar <= EXCUSE * gap:
                self.remarks.append(f"entry {i}: func has a kink here; the claim is a subgradient")
                self._record(i, Estimate(0.0, 0.0, bar, float(ladder.h[-1])))
                return PASS
        if min(right.value, left.value) - bars <= 0 <= max(right.value, left.value) + bars:
            self.remarks.append(
                f"entry {i}: func has a kink here; the claim lies between the one-sided slopes, at "
                "neither end nor in the middle"
            )
            return OPEN
        return ""
