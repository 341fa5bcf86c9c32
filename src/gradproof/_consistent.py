"""What a claim must be beside right: its value is func's own, and it is linear."""

from typing import Any

import numpy as np

from ._claims import Vjp
from ._columns import Tangents
from ._judge import alike, weights
from ._layout import flat_numbers
from ._options import Options
from ._report import Check
from ._tangents import tangent
from ._values import Values


def same_value(values: Values, claimed: Any, name: str) -> Check:
    """Return a check that the value that comes with a claim is func's own."""
    outputs, backend = values.outputs, values.backend
    try:
        arrays = outputs.arrays(values.without_aux(claimed), "beside the claim")
    except (ValueError, TypeError) as err:
        msg = f"the value that {name} returned beside its claim is not like func's: {err}"
        raise type(err)(msg) from None
    given = flat_numbers(backend.to_host(arrays))
    size = float(np.max(np.abs(values.at_x0[np.isfinite(values.at_x0)]), initial=0.0))
    # Two ways to compute one value may differ by their rounding: by half of the digits at most.
    allowed = max(values.eps, np.finfo(float).eps) ** 0.5
    what = f"the value that comes with the claim is not what func returns ({given.size} numbers)"
    return alike("value", given, values.at_x0, size, allowed, what)


def linear_in_cotangent(claim: Vjp, values: Values, options: Options, rtol: float) -> Check:
    """Return a check that a vjp is linear in its cotangent."""
    other = weights(values, options.rng(3))
    # With factors that no sign, square or size of a cotangent is blind to.
    return _linear(
        "linearity of the vjp",
        "the vjp is not linear in its cotangent: that of a sum is not the sum of the vjps",
        (claim.at_x0, claim.of(other), claim.of(0.75 * other - 2.5 * claim.u)),
        max(claim.eps, values.eps),
        rtol,
    )


def linear_in_tangent(claim: Tangents, values: Values, options: Options, rtol: float) -> Check:
    """Return a check that a jvp is linear in its tangent."""
    first = claim.tangents[0]
    other = tangent(claim.point, options.rng(3), slice(None))
    return _linear(
        f"linearity of the {claim.name}",
        f"the {claim.name} is not linear in its tangent: that of a sum is not the sum of two",
        (claim.one(first), claim.one(other), claim.one(0.75 * other - 2.5 * first)),
        max(claim.eps, values.eps),
        rtol,
    )


def _linear(name: str, what: str, products: tuple[Any, Any, Any], eps: float, rtol: float) -> Check:
    """Return a check that the third product is 0.75 times the second less 2.5 times the first."""
    first, other, both = products
    size = float(np.max(np.abs(np.stack(products)), initial=0.0))
    with np.errstate(all="ignore"):  # infinite ones, as of a square root at 0, are no numbers then
        expected = 0.75 * other - 2.5 * first
    # Where half precision has few digits, a dozen roundings of a unit in the last place count.
    return alike(name, both, expected, size, max(rtol / 4, 16 * eps), what)
