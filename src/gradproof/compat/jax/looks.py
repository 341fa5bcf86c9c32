"""Looks at a claim: along all lines, shorter ones, in a wider dtype, along those of one leaf."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..._numerics.precision import COARSEST
from ..._report.report import Report
from ..._report.verdicts import Verdict
from ..._vectors.point import Point
from ..._verdict.options import Options
from .digits import Numbers, beyond_digits
from .values import LeafValues

#: Machine epsilon of single precision.
_SINGLE = 2.0**-23
#: How much shorter lines are where longer ones could not tell.
_NEAR = (2.0**-6, 2.0**-11)
#: All lines of a look.
ALL = slice(None)


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
    """

    claim: Any
    report: Report
    lines: Callable[[], tuple[LeafValues, np.ndarray | None, Iterable[np.ndarray]]]
    leaves: dict[int, str]

    def doubtful(self) -> list[int]:
        """Return the lines of one leaf along which a factor of two would not have been seen."""
        flat = self.report.flat
        with np.errstate(all="ignore"):
            bar = flat["truncation"] + flat["noise"] + np.abs(flat["measured"] - flat["claimed"])
            seen = (bar <= COARSEST * np.abs(flat["claimed"])) | (flat["state"] == "fail")
        return [i for i in self.leaves if not seen[i]]

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
    second look takes shorter ones. Half precision has no room for that, and derivatives in it
    seldom enough digits to be differentiated once more: their slopes are then taken of the same
    function in single precision, and the claim, as it was, is compared with these. Only a pass
    counts, since what is rounded to half precision may be off there. It also counts against a
    fail: the coarse steps of half precision take a jump nearby for a slope.
    """
    if options.rtol is None and values.narrows():
        options = replace(options, rtol=_SINGLE ** (1 / 3))
    first = last = look(values, options, 1.0)
    report, short = first.report, values.eps > 2.0**-15
    if report.verdict is Verdict.FAIL and not short and (settled := first.settled()).ok:
        return first.claim, settled
    if report.ok or (report.verdict is Verdict.FAIL and not short):
        return first.claim, _with_leaves(look, values, first, options)
    wide = values.widened() if short else values
    if wide is None:
        return first.claim, report
    for size in (1.0, *_NEAR) if short else _NEAR:
        again = look(wide, replace(options, rtol=report.rtol), size)
        if again.report.ok:
            return first.claim, _with_leaves(look, values, again, options)
        last = again if size == 1 else last
    settled = last.settled()
    return first.claim, settled if settled.ok else report


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
    if doubtful and values.eps > 2.0**-15:
        # A right claim, rounded to half precision, may differ from a slope in single precision: not
        # by half of it.
        values, rtol = values.widened() or values, 0.5
    for i in doubtful:
        report = look(values, replace(options, rtol=rtol), 1.0, slice(i, i + 1)).report
        if report.verdict is Verdict.FAIL:
            return replace(report, reason=f"{found.leaves[i]}: {report.reason}")
    return found.report
