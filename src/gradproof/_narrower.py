"""A func that computes in a shorter dtype than that of what it is given and returns."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ._survey import Survey

#: Machine epsilons of single and of half precision, and what they are called.
NAMES = {2.0**-23: "single", 2.0**-10: "half"}


def narrower(survey: "Survey") -> str:
    """
    Return the precision in which func computes, where its values show another; else nothing.

    Such a func stands still at steps that its own dtype does not tell from x0, and where it moves,
    it moves by units in the last place of its values (or of those that it adds up: three bits
    either way). A func that rounds on purpose moves by more. The verdict stays what it is: errors
    that matter by the digits of x0 cannot be seen, and others would pass by fewer digits.
    """
    probe = survey.probe
    if not survey.g.any():  # a claim that staircases are of interest for
        return ""
    for eps, name in NAMES.items():
        own = eps * probe.size
        if probe.output_eps < eps / 8 and own / 16 <= survey.grain <= 4 * own:
            return name
    return "single" if probe.output_eps < 2.0**-40 and _single(survey) else ""


def _single(survey: "Survey") -> bool:
    """
    Tell whether all values of func are numbers of single precision, and most of no less.

    Lines that move many entries never stand still. Values at x0 and beside it tell as well, unless
    they are round numbers.
    """
    probe = survey.probe
    found = [probe.values.at_x0]
    for sign in (1.0, -1.0):
        if probe.values.left() < 1:
            return False
        # No round numbers: these would leave short ones in every precision.
        weights = sign / 32 * survey.rng.uniform(1, 2, survey.move.size)
        values, _ = probe.values.at(weights * survey.move)
        found.append(values)
    every = np.concatenate(found)
    if not np.isfinite(every).all():
        return False
    with np.errstate(over="ignore"):
        single = every.astype(np.float32)
    # Eight bits less: whole numbers, and others that are round, are of every precision.
    short = np.frexp(every)[0] * 2.0**16
    return bool((single == every).all() and (short != np.round(short)).mean() > 0.5)
