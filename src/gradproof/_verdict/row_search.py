"""Which row is wrong, where a line along which rows move as one has shown that some are."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .._lines.evidence import confirmed
from .._lines.measured import Measured, Measurements
from .._numerics.extrapolation import NOTHING, Estimate
from .._numerics.rungs import NOISE, Rungs
from .row_lines import Part, moved_as_claimed


class _Node(NamedTuple):
    """Rows, with the error that they hold, and its bar."""

    part: Part
    error: float
    bar: float


def wrong_row(
    looks: Measurements,
    measured: Measured,
    excuse: Callable[[Measured, Rungs, Estimate, float], str],
) -> str:
    """
    Return the name of a row that is off, empty if there is none.

    Parameters
    ----------
    looks : Measurements
        Measures along directions.
    measured : Measured
        The line that convicts.
    excuse : callable
        Tells why a line need not mean that the claim is wrong.
    """
    survey, node = looks.survey, _Node(measured.part, measured.e.value, measured.e.bar)
    while sum(np.count_nonzero(numbers) for _, numbers in node.part) > 1:
        one, other = _halves(node.part)
        first = looks.along(moved_as_claimed(survey, one), abs(node.error) / 2).e
        if first is NOTHING:
            return ""
        rest = _Node(other, node.error - first.value, first.bar + node.bar)
        node = max(_Node(one, first.value, first.bar), rest, key=lambda half: abs(half.error))
        if abs(node.error) <= node.bar:
            return ""
    ((seen, numbers),) = node.part
    i = int(np.flatnonzero(numbers)[0])
    size = abs(float(numbers[i])) * float(seen.size[i])
    measured = looks.along(
        moved_as_claimed(survey, node.part), abs(node.error) / 2, size, node.part
    )
    more = looks.again(measured)
    sigma, fine = looks.noise([more]), abs(measured.e.value) / (2 * NOISE)
    one_look, other_look = (
        looks.estimate(measured, r, fine, sigma) for r in (measured.rungs, more)
    )
    allowed = survey.rtol * size + measured.common
    if NOTHING in (one_look, other_look):
        return ""
    if not confirmed(survey, one_look, other_look, allowed):
        return ""
    scale = min(size, abs(other_look.value) / (4 * survey.rtol))
    return "" if excuse(measured, more, other_look, scale) else seen.rows.name(i)


def _halves(part: Part) -> tuple[Part, Part]:
    """Return two parts of about as many rows: of leaves, or of the rows of one."""
    part = [(seen, numbers) for seen, numbers in part if numbers.any()]
    if len(part) > 1:
        return part[: len(part) // 2], part[len(part) // 2 :]
    ((seen, numbers),) = part
    there = np.flatnonzero(numbers)
    first = np.arange(numbers.size) < there[there.size // 2]
    return [(seen, np.where(first, numbers, 0.0))], [(seen, np.where(first, 0.0, numbers))]
