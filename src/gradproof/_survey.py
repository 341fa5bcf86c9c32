"""
What a few lines through x0 teach before any entry is looked at.

How large claim and moves are, how noisy func and claim are, up to which step func is smooth, and
from all of these the step of the first difference of every entry.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ._blocks import blocks, dot, drawn, norm
from ._fit import fitted, fitted_sides
from ._ladder import NOTHING, Estimate, Rungs, estimate, grain, noise_bound, noise_level, one_sided
from ._near import NearClaim
from ._probe import Probe
from ._scales import Scales, largest, moves_by_leaf, rms, rms_of, scales, shortest_moves

#: What a pass must have been able to see, in units of rtol: two bits of room between what is
#: material and what is found in double precision, half a bit where rtol is coarse. Never more than
#: 0.3: a claim of twice the slope is off by 0.5 of itself and has to be seen in any dtype.
RESOLUTION, RESOLUTION_SHORT, COARSEST = 4.0, 1.5, 0.3

#: The smallest number of a dtype, by its machine epsilon: no result is rounded to less.
_LEAST = {2.0**-52: 2.0**-1074, 2.0**-23: 2.0**-149, 2.0**-10: 2.0**-24, 2.0**-7: 2.0**-133}

#: Exponents of numbers go up to 1023; what is left of them is for squares of what errors may be.
_BOUND = 512

#: A line through x0: the weight of each entry's move, and what its rungs showed.
Line = tuple[np.ndarray, Rungs]
Found = tuple[Estimate, list[Estimate]]


@dataclass(frozen=True)
class Steps:
    """The ladders of a dtype: as many decades as it has between truncation and rounding."""

    line: np.ndarray
    top: float
    ratio: float

    @staticmethod
    def of(eps: float) -> "Steps":
        """Return the steps for a machine epsilon."""
        if eps < 2.0**-40:
            return Steps(2.0 ** -(5.0 + 3.0 * np.arange(9)), 2.0**-5, 4.0)
        if eps < 2.0**-15:
            return Steps(2.0 ** -(1.0 + 1.5 * np.arange(9)), 0.5, 2.0)
        return Steps(2.0 ** -np.arange(1.0, 9.0), 0.5, 2.0)


class Survey:
    """
    The problem in its own units, and what is known of it so far.

    Parameters
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

    Attributes
    ----------
    near : NearClaim
        The claim near x0, in the units of the survey.
    exponent : int
        func and claim are scaled by ``2**-exponent``, so that f and its changes are about 1: that
        is exact, and no square or quotient overflows or underflows.
    res : float
        The relative error that a pass must have been able to see.
    move, scales, tau : ndarray of shape (n,), Scales, ndarray of shape (n,)
        Length of a move of each entry; what errors are compared with; by how much rounding alone
        may move the claim.
    floor, rounding, sigma, grain : float
        Rounding of func's result; the same in the coarsest dtype involved, in which func may have
        computed it; noise of func; grain of its values, 0 if there is none.
    nothing : bool
        Whether the claim may be nothing but its own rounding: x0 moved by an ulp changes it by as
        much, within four bits.
    steps : Steps
        The ladders.
    lines : list of Line
        What was measured along lines.
    rough : ndarray, optional
        The direction of a line on which func was found to be less exact than its dtype.
    inexact : object, optional
        What is known of how exact func is on a line of many entries.
    """

    def __init__(
        self,
        probe: Probe,
        claim: Callable[[np.ndarray], np.ndarray | None],
        g: np.ndarray,
        eps: float,
        rtol: float,
        rng: "np.random.Generator",  # not evaluated: numpy.random is slow to import
    ) -> None:
        self.probe, self.eps, self.rtol, self.rng = probe, eps, rtol, rng
        share = RESOLUTION if eps < 2.0**-40 else RESOLUTION_SHORT
        self.res = min(share * rtol, COARSEST)
        self.steps = Steps.of(eps)
        self.move = moves_by_leaf(probe.magnitude, probe.parts, eps)
        self.move *= probe.values.reach
        if probe.point.entrywise:  # tangents are long enough
            for part in probe.parts:
                least = shortest_moves(probe.x[part], probe.point.eps, probe.values.backend)
                np.maximum(self.move[part], least, out=self.move[part])
        self._leave_zero(g)
        self.exponent = self._exponent(g)
        probe.rescale(-self.exponent)
        self.near = NearClaim(claim, np.ldexp(g, -self.exponent), self.exponent)
        self.g = self.near.g
        least = float(np.ldexp(_LEAST.get(probe.output_eps, 0.0), -self.exponent))
        self.floor = 0.3 * max(probe.output_eps * probe.size, least)
        self.rounding = 0.3 * eps * probe.size
        self.sigma = self.floor
        self.grain = 0.0
        self.scales = self._scales((1.0, 1.0), 1.0)
        self.tau: np.ndarray = np.broadcast_to(0.0, self.g.shape)
        self.lines: list[Line] = []
        self.rough: np.ndarray | None = None
        self.inexact: Any = None
        self._wobble: np.ndarray | None = None
        self.nothing = False

    def _scales(
        self,
        floor: tuple[float, float] | None,
        ordinary: float,
        nothing: float = 0.0,
        hidden: float = np.inf,
    ) -> Scales:
        g = self.g
        if not np.isfinite(largest(g)):
            g = np.where(np.isfinite(g), g, 0.0)
        return scales(g, self.move, floor, ordinary, self.probe.parts, nothing, hidden)

    @property
    def short(self) -> bool:
        """Whether the coarsest dtype is one of half precision."""
        return self.eps > 2.0**-15

    @property
    def jumpy(self) -> bool:
        """
        Whether half precision shows far more noise along lines than rounding makes.

        Lines cross the jumps and kinks of all entries, and it has no steps too fine for them.
        "Far" is four bits, as wherever noise is compared.
        """
        return self.short and self.sigma > 16 * self.rounding

    def _exponent(self, g: np.ndarray) -> int:
        size = self.probe.size
        sizes = [int(np.frexp(size)[1])] if size and np.isfinite(size) else []
        for part in blocks(g.size):
            own = g[part]
            there = np.isfinite(own) & (own != 0)
            if there.any():
                exponents = np.frexp(own[there])[1] + np.frexp(self.move[part][there])[1]
                sizes.append(int(exponents.max()))
        # The claim itself has to stay a number, where x0 has next to no size.
        most = max(largest(g[part]) for part in blocks(g.size)) if g.size else 0.0
        bound = int(np.frexp(most)[1]) - _BOUND if np.isfinite(most) else 0
        return int(max([bound, *sizes] if sizes else [0]))

    def _leave_zero(self, g: np.ndarray) -> None:
        """
        Move entries next to zero as those that are zero, where their claim cannot show otherwise.

        On the scale of an x0 of 1e-20 no slope of an ordinary func shows, right or wrong. Where
        other claims show, this is about entries that are nothing beside others of their leaf. (In
        half precision these move on a common scale anyway.)
        """
        probe, eps = self.probe, self.eps
        # The rounding of func's result and four bits, as in `measure`; half precision has no bits
        # to spare for that.
        least = (1 if self.short else 16) * eps * probe.size
        whole = dot(g.size, partial(_absolute, g), partial(_absolute, self.move))
        unseen = np.isfinite(probe.size) and not whole > least
        for part in probe.parts if unseen or not self.short else []:
            size, move = probe.magnitude[part], self.move[part]
            # An x0 whose square is less than the rounding of 1, as in `_stationary.hidden`; beside
            # others, one that is less than their last digit.
            small = float(np.sqrt(eps)) if unseen else eps * rms(size)
            near = (size > 0) & (size < small) & (np.abs(g[part]) * move <= least)
            if near.any():
                # No farther than where the claim alone would move func by all of its size.
                steep = float(np.max(np.abs(g[part][near])))
                most = min(probe.size / steep, 1.0) if steep and unseen else 1.0
                move[near] = np.maximum(move[near], min(rms(size[~near]), most) or most)

    def forget(self) -> None:
        """Drop what is needed for measuring anew alone: an array as long as x0."""
        self._wobble = None

    def signs(self) -> Any:
        """Return a random sign for each entry."""
        return drawn(self.g.size, partial(self.rng.choice, [-1.0, 1.0]))

    def aligned(self) -> Line:
        """Return the line along which all entries move as the claim says that func grows."""
        return self.line(self._aligned_signs())

    def _aligned_signs(self) -> Any:
        signs = self.signs()
        np.copyto(signs, np.sign(self.g), where=self.g != 0)
        return signs

    def line(self, signs: np.ndarray) -> Line:
        """Return a line along which all entries move, with the given signs."""
        # Magnitudes of 1 to 2: no entry has a small weight, and no two errors cancel for sure.
        weights = drawn(self.g.size, partial(self.rng.uniform, 1, 2))
        weights *= signs
        del signs
        steps = self.steps.line
        if self.short:
            # Beside a pole func bends within 1 / claim: where eight rungs would end far above the
            # noise of such a claim, they start lower, as far as x has digits.
            claimed = float(np.abs(weights) @ np.abs(self.g * self.move)) * steps[-1]
            excess = claimed / max(64 * self.eps * self.probe.size, 1e-300)
            lower = min(max(excess, 1.0), max(steps[-1] / self.probe.x_eps, 1.0))
            steps = steps * 2.0 ** -np.floor(np.log2(lower))
        rungs = self.probe.ladder(self.g, weights * self.move, steps)
        return weights, rungs if self.short else self._down_to_calm(weights * self.move, rungs)

    def _down_to_calm(self, direction: np.ndarray, rungs: Rungs) -> Rungs:
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
        finer = finer[finer >= 4 * self.probe.x_eps]
        odd = not moved or 64 * noise * (max(claimed, moved) / moved) > moved
        if noise <= 16 * self.rounding or not odd or finer.size < 3:
            return rungs
        last = self.probe.ladder(self.g, direction, finer[-3:])
        if noise_bound(last, self.floor) > noise / 16:
            return rungs
        return rungs.joined(self.probe.ladder(self.g, direction, finer[:-3])).joined(last)

    def measure(self, lines: list[Line]) -> None:
        """Set scales and noise from what some lines have shown."""
        self.lines = lines
        self.look_near()
        # Entries have a quarter of the digits to be smaller than the others and still be resolved:
        # differences take a half, and what has to be seen less than a third.
        ordinary = self.eps**0.25
        # A claim that is nothing but rounding of func's result is one of zero. (In half precision
        # one of a hundred ordinary entries is no more than that.)
        least = 0.0 if self.short else 16 * self.eps * self.probe.size
        claimed = self._largest_moved(self.g)
        floor = self._least_slopes(lines) if claimed <= least else None
        # That of one leaf may also be rounding of the claims of others, some operations of it.
        shared = 4 * self.eps * claimed
        # Nor has more to be seen of an entry in half precision, where designs average rounding
        # away: a share of the root mean square would let most entries hide behind a giant one.
        hidden = shared if self.short else np.inf
        self.scales = self._scales(floor, ordinary, max(least, shared), hidden)
        if floor is None and not self.short:
            # What moves func by less than half of the digits of what the others do is nothing
            # beside them: residuals of a solver, duals of constraints that do not bind.
            share = float(np.sqrt(self.eps))
            self.scales = self.scales.floored(self.g, self.probe.parts, share, self.rtol)
        self.tau = self._claim_noise()
        ladders = [rungs for _, rungs in lines]
        self.grain = grain(ladders, self.floor)
        # Rounding to a grain has a standard deviation of 0.289 of it.
        self.sigma = max(self.noise(ladders), self.grain / 3)

    def look_near(self) -> None:
        """Learn, once, by how much an ulp of x0 moves the claim; the scales are to come anew."""
        # They are arrays as long as x0: these stand for them if that is interrupted.
        one = np.broadcast_to(1.0, self.g.shape)
        self.scales, self.tau = Scales(self.move, one, one, one), np.broadcast_to(0.0, one.shape)
        if self._wobble is None:
            self._wobble = self.near.wobble(self.ulps())
            most, blur = (self._largest_moved(g) for g in (self.g, self._wobble))
            self.nothing = not most > 16 * blur

    @property
    def wobbled(self) -> np.ndarray:
        """By how much, per move, an ulp of x0 moves each entry of the claim at least."""
        assert self._wobble is not None
        return np.asarray(self._wobble * self.move)

    def _largest_moved(self, g: np.ndarray) -> float:
        """Return the largest of some slopes per move."""
        return max((largest(g[part] * self.move[part]) for part in blocks(g.size)), default=0.0)

    def ulps(self) -> Any:
        """Return a move of each entry by an ulp, in a random direction."""
        ulps = self.signs()
        ulps *= self.probe.point.eps
        ulps *= self.probe.magnitude
        return ulps

    def noise(self, ladders: list[Rungs]) -> float:
        """Return the noise of func that some ladders show, measured cautiously where it rules."""
        return noise_level(ladders, self.floor, together=2 if self.short else 1)

    def estimate(self, rungs: Rungs, fine: float, sigma: float | None = None) -> Found:
        """Return the claim's error along a line, and the windows that were looked at, if any."""
        sigma = self.sigma if sigma is None else sigma
        return (fitted(rungs, sigma), []) if self.short else estimate(rungs, sigma, fine)

    def sides(self, rungs: Rungs, sigma: float | None = None) -> tuple[Estimate, Estimate]:
        """Return the claim's error to the right and to the left of x0."""
        sigma = self.sigma if sigma is None else sigma
        return fitted_sides(rungs, sigma) if self.short else one_sided(rungs, sigma)

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
            smooth = any(self._smooth_up_to(*line) >= finest for line in lines)
            if (smooth and not self._calmer(lines)) or finest < 64 * self.probe.x_eps:
                break
            ratio = lines[0][1].h[-2] / lines[0][1].h[-1]
            finer = finest / ratio ** np.arange(1, 3)
            lines = [
                (w, r.joined(self.probe.ladder(self.g, w * self.move, finer))) for w, r in lines
            ]
        return lines

    def _calmer(self, lines: list[Line]) -> bool:
        """
        Tell whether func is the less noisy the finer the steps, down to the finest.

        Then that is no noise yet, but what kinks and poles beside x0 make of the lines.
        """
        if self.short or self.grain or self.sigma <= 16 * self.floor:
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
        if low >= high and noisy and self.g.size > 1 and not self.short:
            size = np.argsort(np.abs(self.scales.claim))
            for i in {int(size[(size.size - 1) // 2]), int(self.rng.integers(size.size))}:
                rungs = self.probe.entry_ladder(self.g, i, float(self.move[i]), self.steps.line)
                self.sigma = min(self.sigma, noise_bound(rungs, self.floor))
            low, high = self._room(lines)
        top, ratio = self.steps.top, self.steps.ratio
        steps = [np.sqrt(low * high)] if low < high else [min(ratio * low, top), low]
        # A random factor, so that no function is resonant with the steps.
        factor = 2 ** self.rng.uniform(-0.5, 0.5)
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
        return low, min(self._smooth_up_to(*line) for line in lines)

    def _least_slopes(self, lines: list[Line]) -> tuple[float, float]:
        """Return, for a claim of zero, a slope per move that func has at least, and one to see."""
        shown = [np.abs(r.changes).max(axis=0) / (r.h * np.linalg.norm(w)) for w, r in lines]
        moved = np.concatenate(shown)
        moved = moved[np.isfinite(moved) & (moved > 0)]
        least = float(moved.min()) if moved.size else 0.0
        # The share of f that half of its digits make up: slopes that add up to less matter to
        # nobody, even if func does not move at all.
        seen, n = float(np.sqrt(self.eps)) * self.probe.size or 1.0, self.g.size
        # Half precision has few digits: each of many entries is below that share, all together
        # change f as a whole. Designs see the less of each the more there are, like a root.
        return max(least, seen / n), max(least, seen / (float(np.sqrt(n)) if self.short else 1.0))

    def _claim_noise(self) -> Any:
        """
        Return by how much rounding alone may move each entry of the claim.

        Measured: x0 moves by an ulp either way, and the smaller change counts, since a kink on x0
        shows on one side only and is no noise. On top the roundings of the claim's last
        operations. Never more than what has to be resolved: a claim that rounding alone moves
        further is itself the defect, unless it is half precision.
        """
        assert self._wobble is not None
        # Two samples miss the tail of what rounding does: twice that in half precision, where it is
        # large enough to hide mistakes; more where there is room.
        margin = 2.0 if self.short else 4.0
        tau = np.empty_like(self.g)
        for part in self.probe.parts:
            wobble, move, own = self._wobble[part], self.move[part], tau[part]
            np.multiply(wobble, move, out=own)
            claim, resolved = self.scales.claim[part], self.scales.resolved[part]
            most = largest(claim)
            if self.short:
                per_x, per_move = rms(wobble), np.inf
            else:
                # What others share with it: not what kinks on x0 make of tied entries, which
                # change on both sides; per move or per unit of x, whichever is less, as with the
                # scales.
                few = np.empty(own.size, dtype=bool)
                for here in blocks(own.size):
                    few[here] = own[here] < 0.5 * self.res * resolved[here]
                per_x = rms_of(own.size, partial(_product, wobble, few))
                per_move = rms_of(own.size, partial(_product, own, few))
            per_unit = largest(self.g[part])
            for here in blocks(own.size):
                unit = move[here]
                total = np.maximum(own[here], np.minimum(per_x * unit, per_move))
                total += np.abs(claim[here]) * self.eps
                total *= margin
                whole = per_unit * unit
                total += (whole if self.short else np.minimum(whole, most)) * self.eps
                # (In half precision x may have no digits to compute it from: nobody can tell.)
                if not self.short:
                    np.minimum(total, 0.5 * self.res * resolved[here], out=total)
                own[here] = total
        return tau

    def size_along(self, weights: np.ndarray, kind: str = "material") -> float:
        """Return the 2-norm of weights times sizes: of what is material, or to be resolved."""
        return norm(weights.size, partial(_product, weights, getattr(self.scales, kind)))

    def rounding_along(self, weights: np.ndarray) -> tuple[float, float]:
        """Return the sum, and the 2-norm, of what rounding may move the claim by along a line."""

        def rounding(part: slice) -> Any:
            return np.abs(weights[part]) * self.tau[part]

        total = sum(float(rounding(part).sum()) for part in blocks(weights.size))
        return total, norm(weights.size, rounding)

    def claimed_along(self, weights: np.ndarray) -> float:
        """Return the sum of the sizes of the claim along a line."""
        claim = self.scales.claim
        return dot(weights.size, partial(_absolute, weights), partial(_absolute, claim))

    def _smooth_up_to(self, weights: np.ndarray, rungs: Rungs) -> float:
        """Return the largest step at which, and below which, truncation is immaterial."""
        least = float(rungs.h[-1]) / 8
        rungs = rungs.both()
        if rungs.h.size < 2:  # the domain ends nearer than that: nothing is known of it
            return least
        scale = self.size_along(weights)
        limit, _ = estimate(rungs, self.sigma, self.rtol * scale)
        value = 0.0 if limit is NOTHING else limit.value
        material, excess = self.rtol / 8 * scale, np.abs(rungs.error - value)
        smooth = excess <= material + 3 * self.sigma / rungs.h
        high = least
        for h, left, ok in zip(rungs.h[::-1], excess[::-1], smooth[::-1], strict=True):
            if not ok:  # between two rungs: truncation falls with the square of the step
                return max(high, float(h * np.sqrt(material / left)))
            high = float(h)
        return high


def _product(a: np.ndarray, b: np.ndarray, part: slice) -> Any:
    return a[part] * b[part]


def _absolute(a: np.ndarray, part: slice) -> Any:
    return np.abs(a[part])
