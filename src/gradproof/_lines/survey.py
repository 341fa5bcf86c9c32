"""
What a few lines through x0 teach before any entry is looked at.

How large claim and moves are, how noisy func and claim are, up to which step func is smooth, and
from all of these the step of the first difference of every entry.
"""

import numpy as np

from .._numerics.blocks import LONG, blocks, product, single_weights
from .._numerics.extrapolation import NOTHING, estimate
from .._numerics.noise import grain, noise_bound, noise_level
from .._numerics.rungs import Rungs
from .claim_noise import claim_noise, least_slopes
from .moves import largest_moved
from .units import Line, Units


class Survey(Units):
    """
    The problem in its own units, and what is known of it so far.

    Made as `Units` says.

    Attributes
    ----------
    near : NearClaim
        The claim near x0, in the units of the survey.
    exponent : int
        func and claim are scaled by ``2**-exponent``, so that f and its changes are about 1: that
        is exact, and no square or quotient overflows or underflows.
    res : float
        The relative error that a pass must have been able to see.
    move, scales, claim_rounding : ndarray of shape (n,), Scales, ndarray of shape (n,)
        Length of a move of each entry; what errors are compared with; by how much rounding alone
        may move the claim.
    floor, rounding, sigma, grain : float
        Rounding of func's result; the same in the coarsest dtype involved, in which func may have
        computed it; noise of func; grain of its values, 0 if there is none.
    nothing : bool
        Whether the claim may be nothing but its own rounding: x0 moved by an ulp changes it by as
        much, within four bits.
    precision, steps : Precision, Steps
        How to act in the coarsest dtype involved; its ladders.
    lines : list of Line
        What was measured along lines.
    roughness : Roughness
        What is known of how exact func is beside x0.
    """

    def aligned(self) -> Line:
        """Return the line along which all entries move as the claim says that func grows."""
        if self.g.size > LONG:
            weights = single_weights(self.g.size, self.rng("aligned line"))
            for part in blocks(self.g.size):
                own, g = weights[part], self.g[part]
                np.copyto(own, np.copysign(own, g), where=g != 0)
            return self._line(weights)
        signs = self.signs("aligned line")
        np.copyto(signs, np.sign(self.g), where=self.g != 0)
        return self._line(self.rng("aligned line").uniform(1, 2, self.g.size) * signs)

    def across(self) -> Line:
        """Return a line along which all entries move with random signs."""
        if self.g.size > LONG:
            return self._line(single_weights(self.g.size, self.rng("second line")))
        signs = self.signs("second line")
        return self._line(self.rng("second line").uniform(1, 2, self.g.size) * signs)

    def _line(self, weights: np.ndarray) -> Line:
        """Return a line. Of weights from 1 to 2 none is small, no two errors cancel for sure."""
        steps = self.steps.line
        if not self.precision.near:
            # Beside a pole func bends within 1 / claim: where eight rungs would end far above the
            # noise of such a claim, they start lower, as far as x has digits.
            claimed = float(np.abs(weights) @ np.abs(self.g * self.move)) * steps[-1]
            excess = claimed / max(64 * self.eps * self.scalar.size, 1e-300)
            lower = min(max(excess, 1.0), max(steps[-1] / self.scalar.x_eps, 1.0))
            steps = steps * 2.0 ** -np.floor(np.log2(lower))
        direction = product(weights, self.move)
        rungs = self.scalar.ladder(self.g, direction, steps)
        if self.precision.near:
            rungs = self._down_to_smooth(direction, rungs)
        return weights, rungs

    def _down_to_smooth(self, direction: np.ndarray, rungs: Rungs) -> Rungs:
        """
        Return rungs down to steps at which func is smooth, if it looks noisy and is not.

        Where func oscillates faster than the finest step shows, all steps say that it is noise, of
        a size with its changes or with changes that are nothing beside the claim; six bits less
        is neither. Three steps of some ulps tell: four bits less noise is none.
        """
        noise = noise_level([rungs], self.floor)
        changes = np.abs(rungs.changes[np.isfinite(rungs.changes)])
        moved, claimed = float(changes.max(initial=0.0)), float(np.abs(rungs.claimed).max())
        finer = float(rungs.h[-1]) / float(rungs.h[-2] / rungs.h[-1]) ** np.arange(1.0, 20.0)
        finer = finer[finer >= 4 * self.scalar.x_eps]
        odd = not moved or 64 * noise * (max(claimed, moved) / moved) > moved
        if noise <= 16 * self.rounding or not odd or finer.size < 3:
            return rungs
        last = self.scalar.ladder(self.g, direction, finer[-3:])
        if noise_bound(last, self.floor) > noise / 16:
            return rungs
        return rungs.joined(self.scalar.ladder(self.g, direction, finer[:-3])).joined(last)

    def measure(self, lines: list[Line]) -> None:
        """Set scales and noise from what some lines have shown."""
        self.lines = lines
        if not self._scaled:
            self.look_near()
            self._set_scales()
        ladders = [rungs for _, rungs in lines]
        self.grain = grain(ladders, self.floor)
        # Rounding to a grain has a standard deviation of 0.289 of it.
        self.sigma = max(self.noise(ladders), self.grain / 3)

    def _set_scales(self) -> None:
        """Set the scales, for good unless the claim is zero: then lines show what there is."""
        # Entries have a quarter of the digits to be smaller than the others and still be resolved:
        # differences take a half, and what has to be seen less than a third.
        ordinary = self.eps**0.25
        # A claim that is nothing but rounding of func's result is one of zero.
        least = self.precision.zero * self.eps * self.scalar.size
        claimed = largest_moved(self.g, self.move)
        self._scaled = not claimed <= least
        floor = None if self._scaled else least_slopes(self, self.lines)
        # That of one leaf may also be rounding of the claims of others, some operations of it.
        shared = 4 * self.eps * claimed
        # Nor has more to be seen of an entry where designs average rounding away: a share of the
        # root mean square would let most entries hide behind a giant one.
        hidden = shared if self.precision.designs else np.inf
        self.scales = self._scales(floor, ordinary, max(least, shared), hidden)
        if floor is None and self.precision.leaves_negligible:
            share = float(np.sqrt(self.eps))
            self.scales = self.scales.floored(self.g, self.scalar.parts, share, self.rtol)
        assert self._rounding_by_ulps is not None
        self.claim_rounding = claim_noise(self, self._rounding_by_ulps)

    def subgradient(self) -> bool:
        """Tell whether the claim lies between the one-sided slopes of func along all lines."""
        for _, rungs in self.lines:
            right, left = self.sides(rungs)
            low, high = sorted((right.value, left.value))
            if not low - right.bar - left.bar <= 0 <= high + right.bar + left.bar:
                return False
        return bool(self.lines)

    def settled(self, lines: list[Line]) -> list[Line]:
        """Measure, and go on to finer steps while func is not smooth at the finest."""
        for _ in range(3):
            known = len(lines) == len(self.lines)
            if not known or any(a is not b for a, b in zip(lines, self.lines, strict=True)):
                self.measure(lines)
            finest = min(float(rungs.h[-1]) for _, rungs in lines)
            smooth = any(_smooth_up_to(self, *line) >= finest for line in lines)
            if (smooth and not self._smoother_below(lines)) or finest < 64 * self.scalar.x_eps:
                break
            ratio = lines[0][1].h[-2] / lines[0][1].h[-1]
            finer = finest / ratio ** np.arange(1, 3)
            lines = [
                (w, r.joined(self.scalar.ladder(self.g, w * self.move, finer))) for w, r in lines
            ]
        return lines

    def _smoother_below(self, lines: list[Line]) -> bool:
        """
        Tell whether func is the less noisy the finer the steps, down to the finest.

        Then that is no noise yet, but what kinks and poles beside x0 make of the lines.
        """
        if not self.precision.near or self.grain or self.sigma <= 16 * self.floor:
            return False
        coarser = [rungs.both().part(slice(None, -1)) for _, rungs in lines]
        return self.noise(coarser) > 2 * self.sigma

    def first_steps(self, lines: list[Line]) -> tuple[list[float], float]:
        """
        Return the steps of the first differences of every entry, and the largest smooth one.

        One between noise and truncation. Where these leave no room, it may be the lines' fault:
        they cross n times more kinks than an entry does, and come n times nearer to edges and
        poles. Then two entries of ordinary size tell of the noise; if that does not help, there are
        two steps, so that each entry tells of its own truncation.
        """
        low, high = self._room(lines)
        noisy = self.sigma > 16 * self.floor and not self.grain
        if low >= high and noisy and self.g.size > 1 and not self.precision.designs:
            size = np.argsort(np.abs(self.scales.claim))
            any_one = int(self.rng("noise of an entry").integers(size.size))
            for i in {int(size[(size.size - 1) // 2]), any_one}:
                rungs = self.scalar.entry_ladder(self.g, i, float(self.move[i]), self.steps.line)
                self.sigma = min(self.sigma, noise_bound(rungs, self.floor))
            low, high = self._room(lines)
        top, ratio = self.steps.top, self.steps.ratio
        steps = [np.sqrt(low * high)] if low < high else [min(ratio * low, top), low]
        # A random factor, so that no function is resonant with the steps.
        factor = 2 ** self.rng("first step").uniform(-0.5, 0.5)
        return [float(min(step, top / ratio**j) * factor) for j, step in enumerate(steps)], high

    @property
    def typical(self) -> float:
        """The scale of the median entry's error, per move."""
        positive = self.scales.material[self.scales.material > 0]
        return float(np.median(positive)) if positive.size else 0.0

    def _room(self, lines: list[Line]) -> tuple[float, float]:
        """Return the step at which noise is immaterial, and up to which truncation is."""
        typical = self.typical
        low = max(8 * self.sigma / (self.rtol * typical), 64 * self.eps) if typical else np.inf
        return low, min(_smooth_up_to(self, *line) for line in lines)


def _smooth_up_to(survey: Survey, weights: np.ndarray, rungs: Rungs) -> float:
    """Return the largest step at which, and below which, truncation is immaterial."""
    least = float(rungs.h[-1]) / 8
    rungs = rungs.both()
    if rungs.h.size < 2:  # the domain ends nearer than that: nothing is known of it
        return least
    scale = survey.size_along(weights)
    limit, _ = estimate(rungs, survey.sigma, survey.rtol * scale)
    value = 0.0 if limit is NOTHING else limit.value
    material, excess = survey.rtol / 8 * scale, np.abs(rungs.error - value)
    smooth = excess <= material + 3 * survey.sigma / rungs.h
    high = least
    for h, left, ok in zip(rungs.h[::-1], excess[::-1], smooth[::-1], strict=True):
        if not ok:  # between two rungs: truncation falls with the square of the step
            return max(high, float(h * np.sqrt(material / left)))
        high = float(h)
    return high
