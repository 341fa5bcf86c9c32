"""
From a claim and evaluations to pass, fail or inconclusive: the only place with thresholds.

All quantities are relative to the moves of `Scales`: a slope is the change of f for a move of one
entry by its unit. Each rule says what it is for; ``docs/verdict.md`` tells the story.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ._ladder import (
    NOISE,
    NOTHING,
    SEEN,
    Estimate,
    Rungs,
    estimate,
    grain,
    noise_bound,
    noise_level,
    one_sided,
)
from ._probe import BudgetSpent, Probe
from ._scales import Scales, moves, rms, scales
from ._weigh import hadamard, pseudo_standard_error

#: What a pass must have been able to see, in units of rtol: two bits of room between what is
#: material and what is found in double precision, one bit where rtol is coarse already. Never more
#: than 0.35: a claim of twice the slope is off by 0.5 of itself and has to be seen in any dtype.
RESOLUTION, RESOLUTION_SHORT, COARSEST = 4.0, 2.0, 0.35
#: A coarse scale may excuse a difference of a quarter at most: never zero, a sign or a factor 2.
EXCUSE = 0.25
#: The standard error of a design is measured, with as many values as it has entries: 4 of it are
#: 6e-5, and whoever is suspected is looked at again.
_BY_DESIGN = 4.0
#: An error of the gradient as a whole that is smaller than this may be that of a single entry, to
#: be found and named; a larger one is said at once, whatever the number of entries.
_LOCAL = 0.05
#: From this many entries on, a weighing design beats one difference for each when noise rules.
_DESIGN = 8


@dataclass(frozen=True)
class Steps:
    """The ladders of a dtype: as many decades as it has between truncation and rounding."""

    line: np.ndarray
    top: float
    ratio: float

    @staticmethod
    def of(eps: float) -> "Steps":
        if eps < 2.0**-40:
            return Steps(2.0 ** -(5.0 + 3.0 * np.arange(9)), 2.0**-5, 4.0)
        if eps < 2.0**-15:
            return Steps(2.0 ** -(1.0 + 1.5 * np.arange(9)), 0.5, 2.0)
        return Steps(2.0 ** -np.arange(1.0, 7.0), 1.0, 2.0)


@dataclass
class Outcome:
    """What the check found; arrays over the entries, in the units of the gradient."""

    verdict: str
    reason: str
    remarks: list[str]
    scales: Scales | None
    rtol: float
    resolved: float
    error: np.ndarray
    truncation: np.ndarray
    noise: np.ndarray
    step: np.ndarray
    state: np.ndarray
    resolution: np.ndarray
    right: np.ndarray
    left: np.ndarray
    whole: float = np.nan


PASS, FAIL, OPEN = "pass", "fail", "unresolved"


@dataclass
class Decision:
    """
    One check of a gradient at a point.

    Attributes
    ----------
    probe : Probe
        Evaluations of func.
    claim : callable
        Returns the claim, flat, at a displaced point; None where it cannot.
    g : ndarray of shape (n,)
        The claim at x0.
    eps : float
        Machine epsilon of the coarsest dtype involved.
    rtol : float
        The relative error that matters.
    rng : numpy.random.Generator
        For the directions.
    remarks : list of str
        What was noticed on the way.
    """

    probe: Probe
    claim: Callable[[np.ndarray], np.ndarray | None]
    g: np.ndarray
    eps: float
    rtol: float
    rng: np.random.Generator
    remarks: list[str] = field(default_factory=list)

    def run(self) -> Outcome:
        """Return the outcome; the budget may end it early."""
        n = self.g.size
        short = self.eps > 2.0**-40
        self.res = min((RESOLUTION_SHORT if short else RESOLUTION) * self.rtol, COARSEST)
        self.steps = Steps.of(self.eps)
        self.move = moves(self.probe.x, self.eps)
        self.error, self.step = np.full(n, np.nan), np.full(n, np.nan)
        self.truncation, self.noise = np.full(n, np.inf), np.full(n, np.inf)
        self.right, self.left = np.full(n, np.nan), np.full(n, np.nan)
        self.state = np.full(n, OPEN, dtype=object)
        exponent = self._normalise()
        self.scales: Scales | None = None
        self.whole = np.nan
        try:
            reason = self._decide()
        except BudgetSpent:
            reason = "the budget of calls ended before all entries were measured"
        states = set(self.state)
        verdict = (
            FAIL if FAIL in states or self.failed else "inconclusive" if OPEN in states else PASS
        )
        resolution = (np.abs(self.error) + self.truncation + self.noise) / self._resolved()
        resolution = np.where(np.isnan(resolution), np.inf, resolution)
        with np.errstate(all="ignore"):
            error, truncation, noise, right, left = (
                np.ldexp(quantity / self.move, exponent)
                for quantity in (self.error, self.truncation, self.noise, self.right, self.left)
            )
        return Outcome(
            verdict, reason, self.remarks, self.scales, self.rtol, self.res, error, truncation,
            noise, self.step * self.move, self.state, resolution, right, left, self.whole,
        )  # fmt: skip

    failed: bool = False

    @property
    def _short(self) -> bool:
        """Whether the coarsest dtype is one of half precision."""
        return self.eps > 2.0**-15

    def _normalise(self) -> int:
        """
        Scale func and claim by a power of two, so that f and its changes are about 1.

        That is exact, and no square or quotient overflows or underflows. Return the exponent.
        """
        sizes = [np.frexp(self.probe.f0)[1]] if self.probe.f0 else []
        with np.errstate(all="ignore"):
            there = np.isfinite(self.g) & (self.g != 0)
            sizes += list(np.frexp(self.g[there])[1] + np.frexp(self.move[there])[1])
        exponent = int(max(sizes, default=0))
        self.probe.rescale(-exponent)
        self.g = np.ldexp(self.g, -exponent)
        claim = self.claim

        def scaled(displacement: np.ndarray) -> np.ndarray | None:
            there = claim(displacement)
            return None if there is None else np.ldexp(there, -exponent)

        self.claim = scaled
        return exponent

    def _resolved(self) -> np.ndarray:
        return self.scales.resolved if self.scales is not None else np.full(self.g.size, np.nan)

    # --- the sequence ------------------------------------------------------------------------

    def _decide(self) -> str:
        if not np.isfinite(self.g).all():
            self.failed = True
            bad = np.flatnonzero(~np.isfinite(self.g))
            self.state[bad] = FAIL
            return f"the claim is not finite in {bad.size} of {self.g.size} entries"
        if not np.isfinite(self.probe.f0):
            return "func is not finite at x0: there is no slope to compare with"
        if self.g.size == 0:
            return "there is no entry to be wrong"
        self.floor = 0.3 * self.probe.output_eps * abs(self.probe.f0)
        aligned = self._line(np.where(self.g != 0, np.sign(self.g), self._signs()))
        self._set_scales([aligned])
        self._measure_noise([aligned])
        whole = "the gradient as a whole is off: along the claim itself, func has another slope"
        convicted = self._wrong_as_a_whole(*aligned)
        if convicted and self.whole > _LOCAL:
            self.failed = True
            return whole
        lines = [aligned] if self.g.size == 1 else [aligned, self._line(self._signs())]
        if len(lines) > 1 and not self.g.any() and self._wrong_as_a_whole(*lines[1]):
            self.failed = True
            return whole
        lines = self._settled_scales(lines)
        step = self._choose_step(lines)
        # In half precision noise is sure to rule.
        if self._short and self.g.size >= _DESIGN:
            self._weigh()
        else:
            self._one_difference_each(step)
        if self.failed:
            return "an entry is off, in two designs that share no evaluation"
        reason = self._suspects()
        if convicted and not self.failed:
            self.failed = True
            return whole
        return reason

    def _signs(self) -> Any:
        return self.rng.choice([-1.0, 1.0], self.g.size)

    def _line(self, signs: np.ndarray) -> tuple[np.ndarray, Rungs]:
        # Magnitudes of 1 to 2: no entry has a small weight, and no two errors cancel for sure.
        weights = signs * self.rng.uniform(1, 2, self.g.size)
        return weights, self.probe.ladder(self.g, weights * self.move, self.steps.line)

    def _measure_noise(self, lines: list[tuple[np.ndarray, Rungs]]) -> None:
        ladders = [rungs for _, rungs in lines]
        self.grain = grain(ladders, self.floor)
        # Rounding to a grain has a standard deviation of 0.289 of it.
        self.sigma = max(noise_level(ladders, self.floor), self.grain / 3)

    def _settled_scales(
        self, lines: list[tuple[np.ndarray, Rungs]]
    ) -> list[tuple[np.ndarray, Rungs]]:
        """Set scales and noise; go on to finer steps while func is not smooth at the finest."""
        for _ in range(3):
            self._set_scales(lines)
            self._measure_noise(lines)
            finest = min(float(rungs.h[-1]) for _, rungs in lines)
            if finest < 64 * self.probe.x_eps or any(
                self._smooth_up_to(w, r) >= finest for w, r in lines
            ):
                break
            ratio = lines[0][1].h[-2] / lines[0][1].h[-1]
            finer = finest / ratio ** np.arange(1, 3)
            lines = [
                (w, r.joined(self.probe.ladder(self.g, w * self.move, finer))) for w, r in lines
            ]
        return lines

    def _set_scales(self, lines: list[tuple[np.ndarray, Rungs]]) -> None:
        """Set the scales, for a claim of zero from the least slope that func shows for sure."""
        floor = 0.0
        if not self.g.any():
            shown = [np.abs(r.changes).max(axis=0) / (r.h * np.linalg.norm(w)) for w, r in lines]
            moved = np.concatenate(shown)
            moved = moved[np.isfinite(moved) & (moved > 0)]
            # ... and no less than the share of f that half of its digits make up: slopes below
            # that matter to nobody, even if func does not move at all.
            least = np.sqrt(self.eps) * abs(self.probe.f0) or 1.0
            floor = max(float(moved.min(initial=np.inf)) if moved.size else 0.0, least)
        # Half precision has no noise to spare for entries smaller than most.
        self.scales = scales(self.g, self.move, floor, 1.0 if self._short else 0.3)
        self.tau = self._claim_noise()

    def _claim_noise(self) -> Any:
        """
        Return by how much rounding alone may move each entry of the claim.

        Measured: x0 moves by an ulp either way, and the smaller change counts, since a kink on x0
        shows on one side only and is no noise. On top the roundings of the claim's last
        operations. Never more than what has to be resolved: a claim that rounding alone moves
        further is itself the defect.
        """
        if not hasattr(self, "wobble"):
            signs = self._signs()
            changes = []
            for sign in (1.0, -1.0):
                there = self.claim(sign * signs * self.probe.x_eps * self.probe.x)
                if there is not None and np.isfinite(there).all():
                    changes.append(np.abs(there - self.g))
            self.wobble = np.min(changes, axis=0) if changes else np.zeros_like(self.g)
        assert self.scales is not None
        tau = self.scales.move * (
            4 * np.maximum(self.wobble, rms(self.wobble))
            + 4 * self.eps * np.abs(self.g)
            + self.eps * np.abs(self.g).max()
        )
        return np.minimum(tau, 0.5 * self.res * self.scales.resolved)

    def _wrong_as_a_whole(self, weights: np.ndarray, rungs: Rungs) -> bool:
        """Tell whether the slope along the claim is wrong beyond what right entries can add to."""
        assert self.scales is not None
        size = np.abs(weights)
        scale = float(size @ np.abs(self.scales.claim)) or float(
            np.linalg.norm(size * self.scales.material)
        )
        # The roundings of the claim add up like noise, but for a share that they have in common.
        rounding = size * self.tau
        common = min(
            float(rounding.sum()), 2 * float(np.linalg.norm(rounding)) + 2 * self.eps * scale
        )
        allowed = self.rtol * scale + common
        first, _ = estimate(rungs, self.sigma, self.rtol * scale)
        self.whole = (abs(first.value) + first.bar) / scale if scale else 0.0
        if not self._suspicious(first, allowed, 2.0) or self._kinked(rungs, scale):
            return False
        again = self.probe.ladder(
            self.g, weights * self.move, rungs.h / np.sqrt(rungs.h[0] / rungs.h[1])
        )
        # A noise measured too low must not convict: measured more cautiously, on both ladders.
        sigma = max(self.sigma, noise_level([rungs, again], self.floor, together=2))
        first, second = (estimate(part, sigma, self.rtol * scale)[0] for part in (rungs, again))
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
        right, left = one_sided(rungs, self.sigma)
        gap = abs(right.value - left.value)
        return bool(gap > right.bar + left.bar and gap > self.rtol * scale)

    def _excused(self, first: Rungs, second: Rungs, e: Estimate, scale: float) -> bool:
        """
        Tell whether a claim that is off at the chosen scale is right at another, honest one.

        Two neighbouring finer windows that reject the estimate and support the claim, or two
        coarser ones if the claim is off by no more than a quarter (then the small scale is the
        noise of a solver or of a plateau).
        """
        assert self.scales is not None
        for rungs in (first, second):
            _, found = estimate(rungs, self.sigma, self.rtol * scale)
            good = [
                abs(w.value - e.value) > w.bar + e.bar
                and abs(w.value) <= w.bar + self.rtol * scale
                and w.bar <= 0.1 * scale
                for w in found
            ]
            for j in range(len(found) - 1):
                if good[j] and good[j + 1]:
                    finer = found[j + 1].step < e.step
                    if finer or abs(e.value) <= EXCUSE * scale:
                        return True
        return False

    # --- noise and step ----------------------------------------------------------------------

    def _choose_step(self, lines: list[tuple[np.ndarray, Rungs]]) -> float:
        """Return the step of the first difference of every entry, between noise and truncation."""
        assert self.scales is not None
        positive = self.scales.material[self.scales.material > 0]
        typical = float(np.median(positive)) if positive.size else 0.0
        low = max(8 * self.sigma / (self.rtol * typical), 64 * self.eps) if typical else np.inf
        high = min(self._smooth_up_to(w, r) for w, r in lines)
        if low < high:
            step = np.sqrt(low * high)
        else:
            # Noise and truncation leave no room: where the noise is half of what must be seen.
            least = SEEN * self.sigma / (np.sqrt(2) * self.res * typical) if typical else high
            step = max(high, min(low, 2 * least))
        # A random factor, so that no function is resonant with the steps.
        return float(min(step, self.steps.top) * 2 ** self.rng.uniform(-0.5, 0.5))

    def _smooth_up_to(self, weights: np.ndarray, rungs: Rungs) -> float:
        """Return the largest step at which, and below which, truncation is immaterial."""
        assert self.scales is not None
        rungs = rungs.both()
        if rungs.h.size < 2:
            return float(self.steps.line[-1])
        scale = float(np.linalg.norm(weights * self.scales.material))
        limit, _ = estimate(rungs, self.sigma, self.rtol * scale)
        value = 0.0 if limit is NOTHING else limit.value
        smooth = np.abs(rungs.error - value) <= self.rtol / 8 * scale + 3 * self.sigma / rungs.h
        high = float(rungs.h[-1]) / 8
        for h, ok in zip(rungs.h[::-1], smooth[::-1], strict=True):
            if not ok:
                break
            high = float(h)
        return high

    # --- all entries -------------------------------------------------------------------------

    def _one_difference_each(self, step: float) -> None:
        """Measure each entry by one central difference; settle those that agree and could tell."""
        assert self.scales is not None
        h = step * self.move
        plus, up = self.probe.sweep(h)
        minus, down = self.probe.sweep(-h)
        with np.errstate(all="ignore"):
            width = (up - down) / self.move
            error = (plus - minus - self.g * (up - down)) / width
            bend = plus + minus - 2 * self.probe.f0 - self.g * (up + down)
        self.bend = bend
        bends = np.abs(bend[np.isfinite(bend) & (bend != 0)])
        if bends.size >= 8:  # noise is at most what the second differences scatter by
            scatter = 1.5 * float(np.median(bends)) / (0.6745 * np.sqrt(6))
            self.sigma = max(self.floor, min(self.sigma, scatter))
        with np.errstate(all="ignore"):
            noise = NOISE * self.sigma * np.sqrt(2) / width
        usable = np.isfinite(error) & (width > 0)
        self.error[usable], self.noise[usable] = error[usable], noise[usable]
        self.truncation[usable], self.step[usable] = 0.0, step
        self._settle(usable)

    def _settle(self, which: np.ndarray) -> None:
        """Pass entries that agree, and of which the bar says that they could have disagreed."""
        assert self.scales is not None
        agrees = np.abs(self.error) <= self.rtol * self.scales.material + self.tau + self.noise
        seen = np.abs(self.error) + self.noise <= self.res * self.scales.resolved
        self.state[which & agrees & seen & (self.state == OPEN)] = PASS

    def _weigh(self) -> None:
        """
        Measure all entries by weighing designs, with foldover, at different steps.

        All entries move at once, so that noise common to all evaluations is averaged over all of
        them. The effects of right entries are nothing but error and measure it (Lenth): rounding,
        its quantisation and aliased truncation alike.
        """
        assert self.scales is not None
        allowed = self.rtol * self.scales.material + self.tau
        weights, looks = [], []
        previous = np.inf
        # A third of the step at which rounding eps / h and truncation h**2 are equal: all entries
        # move at once, and truncation with them.
        step = self.eps ** (1 / 3) / 3
        for _ in range(4):
            look = self._design(step)
            if look is None:
                return
            _, error = look
            looks.append(look)
            weights.append(max(error, self.floor / step, 1e-300) ** -2)
            self.error = np.average([e for e, _ in looks], axis=0, weights=weights)
            self.noise[:], self.truncation[:] = _BY_DESIGN / np.sqrt(np.sum(weights)), 0.0
            self.step[:] = step
            self._settle(np.ones(self.g.size, dtype=bool))
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
        n = self.g.size
        order = hadamard(n + 1)
        rows = order.shape[0]
        if self.probe.left() < 2 * rows:
            raise BudgetSpent
        columns = self.rng.permutation(rows)[:n]
        signs = order[:, columns] * self._signs() * self.rng.choice([-1.0, 1.0], (rows, 1))
        matrix, y = np.empty((rows, n)), np.empty(rows)
        for k, row in enumerate(signs):
            # Magnitudes differ a little, so that no two rows round to the same lattice points.
            size = step * self.rng.uniform(0.8, 1.25)
            f_up, up = self.probe.at(size * row * self.move)
            f_down, down = self.probe.at(-size * row * self.move)
            matrix[k] = (up - down) / self.move
            y[k] = f_up - f_down - float(self.g @ (up - down))
        if not np.isfinite(y).all():
            return None
        effects = np.linalg.lstsq(matrix, y, rcond=None)[0]
        return effects, pseudo_standard_error(effects)

    def _convict(self, bad: np.ndarray) -> bool:
        """Fail the worst of some entries, unless it has a kink at x0 that explains it."""
        assert self.scales is not None
        worst = int(bad[np.argmax(np.abs(self.error[bad]) / self.scales.material[bad])])
        ladder = self._entry(worst, self.steps.line)
        allowed = float(self.rtol * self.scales.material[worst] + self.tau[worst])
        kink = self._at_kink(worst, ladder, allowed)
        rungs = ladder.both()
        blur = NOISE * rungs.spread(self.sigma) * np.sqrt(0.5) / rungs.h + self.noise[worst]
        # Half the gap between the slopes on either side; curvature falls with the step, a kink
        # at x0 or nearer than all steps keeps it.
        gap = np.abs(rungs.bend) / (2 * rungs.h)
        explained = gap.min(initial=np.inf) >= abs(self.error[worst]) - float(self.noise[worst])
        if kink or explained or np.any(np.abs(rungs.error - self.error[worst]) > blur):
            # A kink may be all that the designs have seen, or a finer step contradicts them.
            self.state[worst] = kink or OPEN
            return False
        self.state[worst] = FAIL
        self.failed = True
        return True

    # --- one entry at a time -----------------------------------------------------------------

    def _suspects(self) -> str:
        """Examine what is not settled, worst first; stop at the first entry that is wrong."""
        assert self.scales is not None
        left = np.flatnonzero(self.state == OPEN)
        size = np.where(np.isfinite(self.error), np.abs(self.error), np.inf)
        worth = size / np.maximum(self.scales.material, 1e-300)
        for i in left[np.argsort(-worth[left], kind="stable")]:
            self.state[i] = self._examine(int(i))
            if self.state[i] == FAIL:
                self.failed = True
                return "an entry is off, and a second look at other steps says the same"
        if OPEN in set(self.state):
            return "some entries cannot be resolved here"
        return "every entry agrees, and would have been seen to disagree"

    def _record(self, i: int, e: Estimate) -> None:
        self.error[i], self.truncation[i], self.noise[i] = e.value, e.truncation, e.noise
        self.step[i] = e.step

    def _examine(self, i: int) -> str:
        """Return the state of one entry, from a ladder of its own."""
        assert self.scales is not None
        s, r, tau = self.scales.material[i], self.scales.resolved[i], self.tau[i]
        fine, allowed = self.rtol * s / 4, self.rtol * s + tau
        ladder = self._entry(i, self._entry_steps(s))
        if self.g[i] == 0 and self._still(ladder, r):
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
            if abs(first.value) + first.bar <= self.res * r + tau:
                return PASS
            return self._at_kink(i, ladder, allowed) or OPEN
        kink = self._at_kink(i, ladder, allowed)
        if kink:
            return kink
        again = self._entry(i, ladder.h / np.sqrt(self.steps.ratio))
        sigma = max(sigma, self._own_noise(again))
        if self._excused(ladder, again, first, s):
            self.remarks.append(
                f"entry {i}: func has another slope at another scale; the claim is one of them"
            )
            return PASS
        # A noise measured too low must not convict: measured more cautiously, on both ladders.
        sigma = max(sigma, noise_level([ladder, again], self.floor, together=2))
        first, second = (
            self._sharpened(rungs, estimate(rungs, sigma, fine)[0], allowed, sigma)
            for rungs in (ladder, again)
        )
        if NOTHING in (first, second) or not self._confirmed(first, second, allowed):
            return OPEN
        if self._short and self.g.size >= _DESIGN:
            return OPEN  # one entry alone is no match for the noise: only designs convict
        return FAIL

    def _own_noise(self, ladder: Rungs) -> float:
        """
        Return the noise of func on this line, if it is clearly less than on the first ones.

        Those cross n times more kinks, and come n times nearer to the edges of a domain.
        """
        # Standing still is not being without noise, and a few values may agree by chance: "clearly"
        # is four bits.
        bound = noise_bound(ladder, self.floor)
        return bound if not self.grain and bound < self.sigma / 16 else self.sigma

    def _further_steps(
        self, ladder: Rungs, e: Estimate, allowed: float, r: float
    ) -> np.ndarray | None:
        """Return steps that would sharpen an estimate that does not decide; None if none would."""
        decided = (
            abs(e.value) + e.bar <= self.res * r
            if abs(e.value) <= allowed + e.bar
            else self._suspicious(e, allowed, 2.0)
        )
        if decided and e is not NOTHING:
            return None
        lowest, highest = float(ladder.h[-1]), float(ladder.h[0])
        if e is NOTHING or e.truncation > e.noise or np.isnan(ladder.changes[:, :-2]).all():
            finer = lowest / self.steps.ratio ** np.arange(1.0, 5.0)
            finer = finer[finer >= 4 * self.probe.x_eps]
            if finer.size:
                return finer
        # Tiny x, x at zero, a linear function in a large sum, an inexact func: larger steps.
        if highest < 2.0**8 * self.steps.top:
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
        if self.probe.left() < 2 * steps.size:
            raise BudgetSpent
        return self.probe.entry_ladder(self.g, i, float(self.move[i]), steps)

    def _entry_steps(self, s: float) -> np.ndarray:
        """Return steps from the top down to where noise hides what must be seen."""
        least = SEEN * self.sigma / (np.sqrt(2) * max(self.res * s, 1e-300))
        least = min(max(least, 16 * self.eps), self.steps.top / self.steps.ratio**4)
        count = int(np.log(self.steps.top / least) / np.log(self.steps.ratio)) + 1
        return self.steps.top * self.steps.ratio ** -np.arange(float(max(count, 5)))

    def _still(self, ladder: Rungs, r: float) -> bool:
        """Tell whether func does not move at all with this entry, near x0."""
        if ladder.changes[:, -3:].any():
            return False
        # Where rounding would hide a slope that matters, standing still says nothing.
        moved = np.flatnonzero(ladder.changes.any(axis=0))
        widest = ladder.h[moved[-1] + 1] if moved.size else ladder.h[0]
        return bool(NOISE * self.floor / (np.sqrt(2) * widest) <= self.res * r)

    def _at_kink(self, i: int, ladder: Rungs, allowed: float) -> str:
        """Return PASS for a valid subgradient at a kink, OPEN for an unusual one, else ''."""
        right, left = one_sided(ladder, self.sigma)
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
