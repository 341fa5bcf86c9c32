"""A second cotangent of a vjp, in half precision."""

from dataclasses import replace

import numpy as np

from .._claims.vjp import Vjp
from .._evaluation.values import Values
from .._evaluation.wider import widened
from .._numerics.precision import Precision
from .._report.report import Report
from .._report.verdicts import Verdict
from .._vectors.tangents import tangent
from .._verdict.judge import of_gradient
from .._verdict.options import Options

#: What the check of it is called.
POSITIVE = "vjp of a positive cotangent"
#: Of a step by this share of moves, single precision has fifteen bits left for a difference.
_STEP = 2.0**-8
#: A claim in half precision is right up to so many units in the last place of its entries, three
#: bits; and values in single precision up to so many of theirs, four bits.
_CLAIM, _VALUES = 8, 16


def of_positive(values: Values, claim: Vjp, options: Options, report: Report) -> Report | None:
    """
    Return the report on a vjp for a cotangent of positive weights, if it is wrong there.

    Or if Ctrl-C came before that was known.

    Random signs may cancel in what an entry of x0 adds to several results, and in what is left out
    of all of them alike; what is left of it is too little for the digits of half precision. Where
    all weights are positive it counts in full. (Signs of the Jacobian may cancel there, so that one
    does not stand for the other.) A difference along one line, of values in single precision, tells
    where a look is worth its calls. Of those only a fail counts, and none at a kink.
    """
    drowns = Precision.of(values.eps).designs and values.at_x0.size > 1
    if not drowns or report.verdict is Verdict.FAIL or report.interrupted:
        return None
    u = np.abs(claim.u)
    try:
        other = claim.at(u)
        again = None if _agrees(values, other, options) else of_gradient(values, u, other, options)
    except KeyboardInterrupt:  # of the calls that this takes: what is known stays so
        return replace(report, interrupted=True)
    claim.calls = other.calls
    if again is None or not (again.verdict is Verdict.FAIL or again.interrupted):
        return None
    # At a tie or a kink, one-sided slopes of half precision are those of several valid claims.
    kinks = any(np.isfinite(one.flat["right"]).any() for one in (report, again))
    return None if kinks and not again.interrupted else again


def _agrees(values: Values, claim: Vjp, options: Options) -> bool:
    """Tell whether a vjp agrees with a difference along a line, as far as it has digits."""
    wide = widened(values).values
    if wide is None or wide.left() < 2 or not np.isfinite(claim.at_x0).all():
        return False
    by = _STEP * tangent(wide.point.base, options.rng(11), slice(None))
    (up, plus), (down, minus) = (wide.at(sign * by) for sign in (1.0, -1.0))
    happened = plus - minus
    apart = abs(float(claim.u @ (up - down)) - float(claim.at_x0 @ happened))
    digits = _CLAIM * max(values.eps, claim.eps) * float(np.linalg.norm(claim.at_x0 * happened))
    size = float(np.linalg.norm(claim.u * wide.at_x0))
    return bool(apart <= digits + _VALUES * wide.output_eps * size)
