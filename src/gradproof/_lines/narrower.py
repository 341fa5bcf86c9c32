"""A func that computes in a shorter dtype than that of what it is given and returns."""

import numpy as np

from .._numerics.formats import FORMATS
from .._numerics.precision import Precision
from .survey import Survey

#: Bits by which a grain may be less than `eps` times the value, and more. A unit in the last place
#: is between a half and all of that; where terms are added up, the least that they move by is that
#: of a term, three bits less if each of eight is as large; and of terms that cancel it is more, up
#: to those of two bits, beyond which func loses digits of its own and has no name.
_LESS, _MORE = 4, 2
#: Bits that a result has more than its values show, at least: what is reckoned with for terms.
_BITS = 3
#: A number of so many bits is round: single precision has 24, of which the last eight are all zero
#: in one of 256 values that are not.
_ROUND = 16
#: As far as the first step of a ladder in double precision, which is 1/32 of a move.
_FAR = 1 / 32


def narrower(survey: Survey) -> str:
    """
    Return the precision in which func computes, where its values show another; else nothing.

    Such a func stands still at steps that its own dtype does not tell from x0, and where it moves,
    it moves by units in the last place of its values (or of those that it adds up: three bits
    either way). A func that rounds on purpose moves by more. The verdict stays what it is: errors
    that matter by the digits of x0 cannot be seen, and others would pass by fewer digits.
    """
    scalar = survey.scalar
    if not survey.g.any():  # a claim that staircases are of interest for
        return ""
    named = [(eps, known.precision) for eps, known in FORMATS.items() if known.precision]
    for eps, name in named:
        own = eps * scalar.size
        coarse = 0 < own / 2**_LESS <= survey.grain <= own * 2**_MORE
        if scalar.output_eps < eps / 2**_BITS and coarse:
            return name
    return "single" if Precision.of(scalar.output_eps).widest and _single(survey) else ""


def _single(survey: Survey) -> bool:
    """
    Tell whether all values of func are numbers of single precision, and most of no less.

    Lines that move many entries never stand still. Values at x0 and beside it tell as well, unless
    they are round numbers.
    """
    scalar = survey.scalar
    found = [scalar.values.at_x0]
    for sign in (1.0, -1.0):
        if scalar.values.left() < scalar.values.cost:
            return False
        # No round numbers: these would leave short ones in every precision.
        weights = sign * _FAR * survey.rng("precision").uniform(1, 2, survey.move.size)
        values, _ = scalar.values.at(weights * survey.move)
        found.append(values)
    every = np.concatenate(found)
    if not np.isfinite(every).all():
        return False
    with np.errstate(over="ignore"):
        single = every.astype(np.float32)
    # Whole numbers, and others that are round, are of every precision: most have to be none.
    short = np.frexp(every)[0] * 2.0**_ROUND
    return bool((single == every).all() and (short != np.round(short)).mean() > 0.5)
