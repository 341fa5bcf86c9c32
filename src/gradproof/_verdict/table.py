"""What was found of each entry, as a report has it: in the user's units."""

from typing import cast

import numpy as np

from .._evaluation.values import Values
from .._lines.findings import Column, Findings
from .._lines.survey import Survey
from .._vectors.layout import Pairs

#: What a report calls numbers of an entry, and what findings call them; of these, which are errors
#: of the claim and become slopes.
_NUMBERS = {
    "measured": "error", "truncation": "truncation", "noise": "noise", "step": "step",
    "right": "right", "left": "left",
}  # fmt: skip
_CLAIMED = ("error", "right", "left")


def all_entries(survey: Survey, found: Findings, claimed: np.ndarray) -> dict[str, np.ndarray]:
    """Return the numbers of each entry, in the user's units."""
    with np.errstate(all="ignore"):
        seen = (np.abs(found.error) + found.truncation + found.noise) / survey.scales.resolved
        error, truncation, noise, right, left = (
            np.ldexp(quantity / survey.move, survey.exponent)
            for quantity in (found.error, found.truncation, found.noise, found.right, found.left)
        )
    return {
        "claimed": claimed,
        "measured": claimed + error,
        "truncation": truncation,
        "noise": noise,
        "step": found.step * survey.move,
        "right": claimed + right,
        "left": claimed + left,
        "resolution": np.where(np.isnan(seen), np.inf, seen),
        "state": found.state.astype(str),
    }


def few_entries(
    survey: Survey, found: Findings, claimed: np.ndarray
) -> tuple[dict[str, np.ndarray], tuple[float, float]]:
    """
    Return the numbers of each entry for a report, and what one entry alone would have shown.

    Returns
    -------
    flat : dict of str to ndarray of shape (n,)
        Where nothing was looked at by itself, the arrays are views of one number.
    alone : tuple of float
        The smallest relative error of an entry that the directions would have shown if all others
        are right: of the median entry, and of that which is the least visible.
    """
    # What the user's units need of the few entries that were looked at.
    state, error = cast(Column, found.state), cast(Column, found.error)
    looked_at = [i for i in error.other if np.isfinite(error[i])]
    columns = {name: Column(claimed.size, np.nan) for name in _NUMBERS}
    columns["truncation"].usual = columns["noise"].usual = np.inf
    resolved = survey.scales.resolved
    with np.errstate(all="ignore"):
        seen = np.divide(found.alone, resolved, dtype=np.float32)
        for i in looked_at:
            unit = 1 / float(survey.move[i])
            for name, source in _NUMBERS.items():
                value = float(getattr(found, source)[i])
                if source == "step":
                    columns[name][i] = value / unit
                    continue
                value = float(np.ldexp(value * unit, survey.exponent))
                columns[name][i] = value + (claimed[i] if source in _CLAIMED else 0.0)
            bar = abs(found.error[i]) + found.truncation[i] + found.noise[i]
            seen[i] = bar / float(resolved[i])
        seen[np.isnan(seen)] = np.inf
    middle = seen.size // 2
    worst = float(seen.max())
    alone = float(np.partition(seen, middle)[middle]), worst
    flat = {name: column.full(float) for name, column in columns.items()}
    flat |= {"claimed": claimed, "resolution": seen, "state": state.full("U10")}
    return flat, alone


def worst_of_columns(survey: Survey, found: Findings) -> dict[str, np.ndarray]:
    """Return the numbers of the value that is furthest off, by each entry."""
    if not found.row.size:  # decided before any entry was looked at
        nothing = np.full(survey.g.size, np.nan)
        found.row, found.claimed = np.full(survey.g.size, -1), nothing
        found.resolution = np.full(survey.g.size, np.inf)
    return {
        "row": found.row,
        "claimed": found.claimed,
        "measured": found.claimed + found.error,
        "truncation": found.truncation,
        "noise": found.noise,
        "step": found.step * survey.move,
        "right": found.claimed + found.right,
        "left": found.claimed + found.left,
        "resolution": np.where(np.isnan(found.resolution), np.inf, found.resolution),
        "state": found.state.astype(str),
    }


def pairs_of(values: Values) -> Pairs:
    """Return the names of what the numbers of columns are about."""
    outputs, point = values.outputs, values.point
    return Pairs(tuple(outputs.leaves), tuple(point.leaves), by_entries=point.entrywise)
