"""Looks at a claim: along all lines, shorter ones, in a wider dtype, along those of one leaf."""

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..._evaluation.wider import widened
from ..._numerics.precision import COARSEST, Precision
from ..._report.report import Report
from ..._report.verdicts import Verdict
from ..._vectors.point import Point
from ..._verdict.options import Options
from ..._verdict.wider import settled as told_apart
from .digits import Numbers, beyond_digits
from .still import constant, hides_a_slope, stands_still
from .values import LeafValues

#: Machine epsilon of single precision.
_SINGLE = 2.0**-23
#: How much shorter lines are where longer ones could not tell.
_NEAR = (2.0**-6, 2.0**-11)
#: All lines of a look.
ALL = slice(None)
_NOT_THERE = (
    "the claim is 0 where func does not move from its value, and farther off, or in single "
    "precision, func has a slope that its rounding hides here"
)


@dataclass(frozen=True)
class Look:
    """
    A look at a claim, at slopes of f in one dtype.

    Attributes
    ----------
    claim : Pulled or Pushed
        The claim.
    report : Report
        What was found.
    lines : callable
        Returns f along the lines that the report has its entries by; the weights of a sum of its
        values, if it is about one; and the slopes that are claimed along each line.
    leaves : dict of int to str
        The lines along which one leaf alone moves, and the paths of these leaves.
    size : float
        The length of lines, as a share of that of the first look.
    """

    claim: Any
    report: Report
    lines: Callable[[], tuple[LeafValues, np.ndarray | None, Iterable[np.ndarray]]]
    leaves: dict[int, str]
    size: float

    def doubtful(self) -> list[int]:
        """Return the lines of one leaf along which a factor of two would not have been seen."""
        flat = self.report.flat
        with np.errstate(all="ignore"):
            bar = flat["truncation"] + flat["noise"] + np.abs(flat["measured"] - flat["claimed"])
            seen = (bar <= COARSEST * np.abs(flat["claimed"])) | (flat["state"] == "fail")
        return [i for i in self.leaves if not seen[i]]

    @functools.cached_property
    def nothing(self) -> list[np.ndarray]:
        """By the line, of which numbers nothing is claimed."""
        return [np.atleast_1d(claimed) == 0 for claimed in self.lines()[2]]

    def blind(self, whole: "Look", narrow: LeafValues) -> bool:
        """
        Tell whether a claim of zero passed, though f has a slope.

        Parameters
        ----------
        whole : Look
            Along lines of full length, in the widest dtype that there is.
        narrow : LeafValues
            The function that the claim is about.
        """
        idle = [i for i, which in enumerate(self.nothing) if which.any()]
        if not idle:
            return False
        (own, u, _), (values, _, slopes) = self.lines(), whole.lines()
        never = constant(Numbers(values, u), idle)
        # One that is zero among others may be what rounding left of its terms.
        matters = self.report.rtol * max(float(np.max(np.abs(s), initial=0.0)) for s in slopes)
        # What moves f by half of its digits counts where lines have their full length and f its own
        # dtype: there only what stands still is asked for.
        full = self.size == 1 and not Precision.of(narrow.eps).widens
        for i in idle:
            which = self.nothing[i] & ~never
            if full and which.any():
                which &= stands_still(Numbers(own, u), i)
            if which.any() and hides_a_slope(Numbers(values, u), i, which, (narrow.least, matters)):
                return True
        return False

    def settled(self) -> Report:
        """Return the report, a pass if the claim is right as far as the digits of f go."""
        values, u, slopes = self.lines()
        left = self.report.flat["state"] != "pass"
        claims = {i: claimed for i, claimed in enumerate(slopes) if left[i]}
        convicted = self.report.verdict is Verdict.FAIL
        if not beyond_digits(Numbers(values, u), claims, self.report.rtol, convicted=convicted):
            return self.report
        return replace(
            self.report, verdict=Verdict.PASS, reason="right as far as the digits of f go"
        )


def looked(
    look: Callable[[LeafValues, Options, float], Look], values: LeafValues, options: Options
) -> tuple[Any, Report]:
    """
    Return a claim and the report on it, after another look if the first one could not tell.

    Steps span decades up to the size of x0, and may cross kinks all around (`max`, `sort`): a
    second look takes shorter ones. Where all of x0 is small they may move f by less than its
    rounding: then one takes steps up to 1, as JAX's own checks do whatever the size of x0; and what
    it convicts is not excused by the digits of f. Half precision has no room for that: there it is
    one at the same function in single precision, at all lengths, of which only a pass counts.
    """
    if options.rtol is None and values.narrows():
        options = replace(options, rtol=_SINGLE ** (1 / 3))
    first = look(values, options, 1.0)
    report = first.report
    if report.verdict is Verdict.FAIL and not Precision.of(values.eps).widens:
        settled = first.settled()
        far = (look(values, options, size).report.verdict for size in _farther(values))
        if settled.ok and Verdict.FAIL not in far:
            return first.claim, settled
        return first.claim, _with_leaves(look, values, first, options)
    if report.ok:
        if not _passed_blind(look, values, first, options):
            return first.claim, _with_leaves(look, values, first, options)
        first = replace(
            first, report=replace(report, verdict=Verdict.INCONCLUSIVE, reason=_NOT_THERE)
        )
    return first.claim, _looked_again(look, values, first, options)


def _looked_again(
    look: Callable[[LeafValues, Options, float], Look],
    values: LeafValues,
    first: Look,
    options: Options,
) -> Report:
    """Return the report on a claim of which a first look could not tell."""
    report, last, widens = first.report, first, Precision.of(values.eps).widens
    wide = widened(values).values if widens else values
    if wide is None or (widens and told_apart(report)):
        return report
    convicted = False
    for size in (1.0, *_NEAR) if widens else (*_NEAR, *_farther(values)):
        again = look(wide, replace(options, rtol=report.rtol), size)
        last = again if size == 1 else last
        if again.report.ok and not again.blind(last, values):
            return _with_leaves(look, values, again, options)
        convicted = size > 1 and again.report.verdict is Verdict.FAIL
    if last.report.ok or convicted:  # or blind
        return report
    settled = last.settled()
    return settled if settled.ok else report


def _farther(values: LeafValues) -> list[float]:
    """Return the length of lines that reach as far as 1, for an x0 that is smaller by a bit."""
    longest = float(np.max(values.point.magnitude, initial=0.0))
    return [1 / longest] if 0 < longest < 0.5 else []


def _passed_blind(
    look: Callable[..., Look], values: LeafValues, first: Look, options: Options
) -> bool:
    """Tell whether a first look passed a claim of zero where rounding hides the slope of f."""
    if not any(which.any() for which in first.nothing):
        return False
    wide = widened(values).values
    if wide is None:
        return first.blind(first, values)
    whole = look(wide, replace(options, rtol=first.report.rtol), 1.0)
    found = whole if whole.report.ok else first
    return found.blind(whole, values)


def alone(point: Point, tangents: np.ndarray) -> dict[int, str]:
    """Return the lines along which one of several leaves moves alone, and its path."""
    found = {}
    for i, line in enumerate(tangents) if len(point.leaves) > 1 else []:
        moved = [leaf.path for leaf in point.leaves if line[leaf.where].any()]
        if len(moved) == 1:
            found[i] = moved[0]
    return found


def _with_leaves(
    look: Callable[..., Look], values: LeafValues, found: Look, options: Options
) -> Report:
    """
    Return what a look found, or that a claim is wrong by a leaf that it could not see alone.

    Beside large leaves a small one matters little along a line, and may be left out of a claim; and
    where lines through many leaves convict it, the leaf that is behind it is not said.
    """
    doubtful, rtol = found.doubtful(), options.rtol
    if doubtful and Precision.of(values.eps).widens:
        # A right claim, rounded to half precision, may differ from a slope in single precision: not
        # by half of it.
        values, rtol = widened(values).values or values, 0.5
    for i in doubtful:
        report = look(values, replace(options, rtol=rtol), 1.0, slice(i, i + 1)).report
        if report.verdict is Verdict.FAIL:
            return replace(report, reason=f"{found.leaves[i]}: {report.reason}")
    return found.report
