"""
One judgement of a claim on a line: whether it is off beyond doubt, and what excepts it then.

A claim that a line flags is looked at again, along the same line and without a common step. If both
looks say the same, the exceptions are asked in one order, and the first that holds leaves the claim
open (or passes it): cheap questions before dear ones, those of func before those of the claim.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .._numerics.blocks import product
from .._numerics.extrapolation import NOTHING, Estimate
from .._numerics.rungs import Rungs
from .cancellation import CANCELS, cancels
from .entry import Entry
from .evidence import (
    confirmed,
    confirmed_at_fine_steps,
    integrates,
    jumps,
    kinked,
    right_at_another_scale,
    right_of_the_trend,
)
from .findings import FAIL, OPEN
from .inexact import INEXACT_HERE, inexact, perhaps_inexact
from .nonsmooth import at_a_kink, out_of_sight, smooth_nearer, witnessed
from .staircases import STAIRS, line_on_a_step, on_a_step
from .survey import Survey

#: Who looks: at one entry; at one that designs convict, that a search has led to, the same before
#: any second look, that can move to one side only; along the claim, alone or among other
#: directions, which come first for an error as small as one of few entries; there, before an error
#: is traced to entries, which are asked all the rest; along a random direction; along a line
#: through rows.
ENTRY, DESIGN, SEARCH, HASTY, EDGE = "entry", "design", "search", "hasty", "edge"
ALIGNED, AMONG, TRACED, DIRECTION, ROWS = "aligned", "among", "traced", "direction", "rows"
#: When: before a second look; before both are compared; when they have confirmed an error; when it
#: was not traced to an entry; before the claim is called wrong.
FIRST, SECOND, CONFIRMED, UNTRACED, LAST = range(5)
_ALONE, _WHOLE, _THROUGH = (ENTRY, DESIGN, SEARCH, HASTY), (ALIGNED, AMONG), (DIRECTION, ROWS)


def _asked(when: int, *looks: str) -> dict[str, int]:
    return dict.fromkeys(looks, when)


@dataclass
class Flagged:
    """
    A line along which a claim looks wrong.

    Attributes
    ----------
    look : str
        Who looks.
    survey : Survey
        The problem.
    ladders : list of Rungs
        What was measured along the line: a first ladder, and a second one if there is.
    near : Rungs
        The one that tells of kinks and jumps.
    e : Estimate
        The claim's error.
    claimed, scale : float
        The size of the claim along the line, and of what its errors are compared with.
    sigma : float
        Noise of func.
    weights : ndarray of shape (n,), optional
        Of the moves along the line.
    entry : Entry, optional
        The entry that moves alone, instead.
    where : str
        Says which line it is, after what is found there.
    """

    look: str
    survey: Survey
    ladders: list[Rungs]
    near: Rungs
    e: Estimate
    claimed: float
    scale: float
    sigma: float
    weights: np.ndarray | None = None
    entry: Entry | None = None
    where: str = ""

    @staticmethod
    def of(look: str, entry: Entry, e: Estimate, *again: Rungs) -> "Flagged":
        """Return an entry that looks wrong."""
        survey, ladder = entry.survey, entry.ladder
        sizes = entry.claimed, entry.material, survey.sigma
        return Flagged(look, survey, [ladder, *again], ladder, e, *sizes, entry=entry)

    @cached_property
    def direction(self) -> Any:
        """The displacement of x at a step of 1."""
        return self.entry.direction if self.entry else product(self.weights, self.survey.move)

    def asks(self, holds: Callable[[Entry, Estimate], str]) -> str:
        """Return what a question of single entries finds."""
        return holds(self.entry, self.e) if self.entry else ""


@dataclass(frozen=True)
class Judgement:
    """
    What becomes of a flagged claim.

    Attributes
    ----------
    state : str
        `FAIL`, `OPEN` or `PASS`.
    reason : str
        Why, where that was not said yet.
    looks : tuple of Estimate
        What two ladders said of the error.
    confirmed : bool
        Whether they said the same.
    """

    state: str
    reason: str = ""
    looks: tuple[Estimate, Estimate] = (NOTHING, NOTHING)
    confirmed: bool = True


@dataclass(frozen=True)
class Excepted:
    """
    A reason for which a claim that is off along a line need not be wrong.

    Attributes
    ----------
    name : str
        What it is called.
    holds : callable
        Takes a `Flagged`; returns the state of the claim or True for `OPEN`, nothing if it is none.
    looks : dict of str to int
        By which looks it is asked, and when.
    said : str
        The reason, for the report; empty where `holds` says it.
    """

    name: str
    holds: Callable[[Flagged], str | bool]
    looks: dict[str, int]
    said: str = ""


def _at_a_kink(flagged: Flagged) -> str | bool:
    if flagged.entry:
        return at_a_kink(flagged.entry)
    return kinked(flagged.survey, flagged.near, flagged.scale)


def _on_a_step(flagged: Flagged) -> bool:
    survey, e, weights = flagged.survey, flagged.e, flagged.weights
    if flagged.entry:
        return on_a_step(flagged.entry, e)
    return weights is not None and line_on_a_step(survey, weights, flagged.near, abs(e.value))


def _at_another_scale(flagged: Flagged) -> bool:
    known = flagged.ladders, flagged.sigma, flagged.e
    other = right_at_another_scale(*known, flagged.claimed)
    return other or right_of_the_trend(*known, flagged.scale)


#: What excepts a flagged claim, in the order in which it is asked.
EXCEPTIONS = (
    Excepted(
        "coarse steps alone",
        lambda f: not confirmed_at_fine_steps(f.survey, f.near, f.e),
        {ROWS: CONFIRMED},
        "at large steps func does not change as the claim does, and fine ones cannot tell",
    ),
    Excepted(
        "kink",
        _at_a_kink,
        _asked(FIRST, *_ALONE, *_WHOLE, TRACED) | _asked(CONFIRMED, *_THROUGH),
        "func has a kink along {line}",
    ),
    Excepted(
        "staircase",
        _on_a_step,
        _asked(FIRST, *_WHOLE, TRACED) | {ENTRY: CONFIRMED, DESIGN: LAST},
        STAIRS,
    ),
    Excepted(
        "scale",
        _at_another_scale,
        {ENTRY: SECOND, TRACED: FIRST} | _asked(CONFIRMED, *_WHOLE, *_THROUGH),
        "func has another slope at another scale{where}, and the claim is one of them",
    ),
    Excepted("oscillation", lambda f: f.asks(smooth_nearer), {ENTRY: CONFIRMED}),
    Excepted(
        "jump",
        lambda f: jumps(f.survey, f.near, f.e),
        {TRACED: FIRST} | _asked(CONFIRMED, *_ALONE, *_WHOLE, *_THROUGH),
        "func jumps, or has a kink, beside x0{where}",
    ),
    Excepted(
        "integral",
        lambda f: integrates(f.survey, f.near, f.direction, f.e, f.scale),
        _asked(CONFIRMED, *_ALONE, *_WHOLE) | _asked(UNTRACED, *_THROUGH),
        "func changes as the claim does along {line}, not at x0",
    ),
    Excepted("single entries", lambda f: not witnessed(f.survey), _asked(CONFIRMED, *_WHOLE)),
    Excepted(
        "rounding",
        lambda f: cancels(f.survey, f.direction, f.e),
        _asked(CONFIRMED, *_ALONE, EDGE, *_WHOLE, *_THROUGH),
        CANCELS,
    ),
    Excepted(
        "perhaps inexact",
        lambda f: perhaps_inexact(f.survey, f.direction, f.e, f.claimed, f.scale),
        {HASTY: CONFIRMED},
    ),
    Excepted(
        "inexact",
        lambda f: inexact(f.survey, f.direction, f.e, f.claimed, f.scale),
        _asked(CONFIRMED, ENTRY, DESIGN, SEARCH, EDGE, ALIGNED) | _asked(LAST, *_THROUGH),
        INEXACT_HERE,
    ),
    Excepted("elsewhere", lambda f: f.asks(out_of_sight), {ENTRY: CONFIRMED}),
)


def excepted(flagged: Flagged, *when: int) -> Judgement | None:
    """Return the first exception that holds, of those that a look asks for at some times."""
    line = flagged.where or "the line"
    where = f" along {line}" if flagged.where else ""
    for exception in EXCEPTIONS:
        held = exception.looks.get(flagged.look) in when and exception.holds(flagged)
        if held:
            silent = flagged.entry and exception.name == "kink"  # which says more of it
            reason = "" if silent else exception.said.format(where=where, line=line)
            return Judgement(OPEN if held is True else held, reason)
    return None


def judged(
    flagged: Flagged,
    noises: Iterable[float],
    estimate: Callable[[Rungs, float], Estimate],
    allowed: float,
) -> Judgement:
    """
    Return what becomes of a claim that a line flags, of which there are two ladders.

    Parameters
    ----------
    flagged : Flagged
        The line.
    noises : iterable of float
        Noises of func with each of which both ladders have to convict the claim.
    estimate : callable
        Returns the claim's error by a ladder and a noise.
    allowed : float
        The error that is forgiven.
    """
    found, looks = excepted(flagged, SECOND), (NOTHING, NOTHING)
    if found:
        return found
    for noise in noises:
        one, two = (estimate(rungs, noise) for rungs in flagged.ladders)
        looks = one, two
        if not confirmed(flagged.survey, one, two, allowed):
            return Judgement(OPEN, looks=looks, confirmed=False)
    flagged.e = looks[0]
    return excepted(flagged, CONFIRMED) or Judgement(FAIL, looks=looks)


def state_of(look: str, entry: Entry, e: Estimate, *when: int) -> str:
    """Return the state of an entry that looks wrong if an exception holds, and say so; else ''."""
    return told(entry, excepted(Flagged.of(look, entry, e), *when))


def told(entry: Entry, found: Judgement | None) -> str:
    """Return the state of an entry by a judgement, and say why in the report."""
    if found is None:
        return ""
    if found.reason:
        entry.remark(found.reason)
    return found.state
