"""What convicts a claim on one line through x0, and what excuses it."""

import functools
import math

import numpy as np

from .._numerics.extrapolation import Estimate, estimate, weights_at_zero
from .._numerics.least_squares import DEVIATIONS
from .._numerics.rungs import NOISE, SEEN, Rungs
from .survey import Survey

#: A coarse scale may excuse a difference of a quarter at most: never zero, a sign or a factor 2.
EXCUSE = 0.25
#: Fail asks for twice the doubt that a pass forgives.
DOUBT = 2.0
#: So many measurements of the scatter tell noise, of slope 0 in a plot of logarithms, from a kink,
#: of slope 1: over three halvings of the step the slope has a deviation of 0.4.
_RAGGED = 4
#: What of the largest step is fine enough for an error of the slope to have to show alone.
_FINE = 8.0


def suspicious(e: Estimate, allowed: float, doubt: float) -> bool:
    """Tell whether an error is beyond what is allowed, and beyond its bar times `doubt`."""
    return abs(e.value) > allowed + doubt * e.bar


def beyond_doubt(survey: Survey, e: Estimate, allowed: float) -> bool:
    """Tell whether an error is enough for a fail, if a second look says the same."""
    return suspicious(e, allowed, survey.precision.doubt)


def confirmed(survey: Survey, first: Estimate, second: Estimate, allowed: float) -> bool:
    """Tell whether two ladders without a common step convict alike."""
    return (
        beyond_doubt(survey, first, allowed)
        and beyond_doubt(survey, second, allowed)
        and first.value * second.value > 0
        and min(abs(first.value), abs(second.value)) > 2 * abs(first.value - second.value)
    )


def confirmed_at_fine_steps(survey: Survey, near: Rungs, e: Estimate) -> bool:
    """
    Tell whether fine steps say what a line says at large ones.

    Rows that move as one add up what kinks and bends of all their entries make, of which three
    neighbouring steps may say the same; at finer ones less and less of it is left, while an
    error of the slope stays. No step may contradict it by more than half, beyond the rounding
    of func's result, and two fine ones have to be able to.
    """
    near = near.both()
    noise = DEVIATIONS * near.spread(survey.rounding) * math.sqrt(0.5) / near.h
    half = abs(e.value) / 2
    tell = (near.h <= survey.steps.top / _FINE) & (noise < half)
    return bool((np.abs(near.error - e.value) <= half + noise).all() and tell.sum() > 1)


def kinked(survey: Survey, rungs: Rungs, scale: float) -> bool:
    """Tell whether the one-sided slopes differ, beyond their bars."""
    right, left = survey.sides(rungs)
    gap = abs(right.value - left.value)
    return bool(gap > right.bar + left.bar and gap > survey.rtol * scale)


def right_at_another_scale(ladders: list[Rungs], sigma: float, e: Estimate, claimed: float) -> bool:
    """
    Tell whether a claim that is off is the slope of func at larger steps.

    The small scale may be the noise of a solver, or a plateau between roundings inside of func,
    smooth as it is. Three neighbouring windows have to say so, each at least four times nearer to
    the claim than to the estimate and than the claim to nothing, which `claimed`, its size along
    the line, is for. Truncation cannot: where it cancels an error, it leaves 3/4 at half the step.
    """
    near = EXCUSE * min(abs(e.value), claimed)
    # Together they show a scale that is too short for either: neighbours stay apart by half a step.
    together = [functools.reduce(Rungs.joined, ladders)] if len(ladders) > 1 else []
    for rungs in [*ladders, *together]:
        _, found = estimate(rungs, sigma, 0.0)
        supports = np.abs(found.value[found.step > e.step]) <= near
        if (supports[:-2] & supports[1:-1] & supports[2:]).any():
            return True
    return False


def right_of_the_trend(ladders: list[Rungs], sigma: float, e: Estimate, scale: float) -> bool:
    """
    Tell whether func is ragged at larger steps, and the claim the slope of its trend there.

    A lower precision inside, a table or a solver scatter func by as much at every step beyond their
    grain, while inside of a grain it may be smooth, with another slope. Where that is so, the slope
    of the trend is that of a line through the rungs, and its noise is the scatter about it. It has
    to be known to a quarter of `scale`, with which errors of the claim are compared.
    """
    for rungs in ladders:
        rows = [row for row in rungs.scatter if 2.0 ** row[0] > 2 * e.step]
        for k in range(len(rows) - _RAGGED + 1):
            log_h, *sizes = np.array(rows[k:]).T
            size = np.hypot(*sizes) / np.sqrt(2)
            if size.min() <= SEEN * sigma:
                break
            # Smooth func falls like h**3 at least, a kink beside x0 like h; noise does not.
            if np.polyfit(log_h, np.log2(size), 1)[0] > 0.75:
                continue
            part = rungs.both().part(slice(k, None))  # a row is of its rung and two before it
            part = part.part(part.h > 2 * e.step)
            weight = part.h / (part.h @ part.h)
            trend = float(weight @ (part.error * part.h))
            # Half of what noise does not reach: what is excused so is not passed, but left open.
            bar = NOISE / 2 * float(np.sqrt(np.mean(size**2) / 2 / (part.h @ part.h)))
            if abs(trend) <= bar <= min(abs(e.value) / 2, EXCUSE * scale):
                return True
    return False


def jumps(survey: Survey, rungs: Rungs, e: Estimate) -> bool:
    """
    Tell whether what looks like an error of the slope is a jump, or a kink beside x0.

    An error of the slope leaves nothing unexplained at a step of zero. A jump nearer to x0 than the
    steps does, and so does a kink that all of them cross. A line through the two finest rungs and a
    parabola through three say alike how much; what only curvature leaves, the parabola removes.
    """
    near = rungs.finest(e.step).part(slice(-3, None))
    if near.h.size < 3:
        return False
    straight, bent = np.append(0.0, weights_at_zero(near.h[1:])), weights_at_zero(near.h)
    # f at x0 has noise of its own, common to all rungs, and the weights add up to 1.
    blur = np.linalg.norm(bent * near.spread(survey.sigma))
    noise = NOISE * float(np.hypot(blur, survey.sigma))
    for side in (near.up, near.down):
        left = abs(float(bent @ side))
        alike = abs(float((bent - straight) @ side)) < left / 2
        if alike and left > max(noise, 0.5 * abs(e.value) * float(near.h[-1])):
            return True
    return False


def integrates(
    survey: Survey, rungs: Rungs, direction: np.ndarray, e: Estimate, scale: float
) -> bool:
    """
    Tell whether the claim, integrated along the line, explains what func does there.

    Then func and claim belong together, and what looked like an error is a kink or a bend nearer to
    x0 than the steps: f(b) - f(a) is the integral of the gradient across all of them. That tells
    nothing of a claim at x0 that is another one than beside it.
    """
    near = rungs.finest(e.step)
    beside = survey.near.changes(4 * survey.scalar.x_eps * direction, direction)
    far = survey.near.changes(near.h[0] * direction, direction)
    # Nor can an integral over what hardly changes explain it.
    if min(beside, default=0.0) > abs(e.value) / 2 or max(far, default=0.0) < abs(e.value) / 2:
        return False
    whole, _ = survey.estimate(survey.near.integrated(near, direction), survey.rtol * scale)
    return abs(whole.value) <= survey.rtol * scale + whole.bar and DOUBT * whole.bar < abs(e.value)
