"""What a claim must be beside right: its value is func's own, and it is linear."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .._claims.jvp import Tangents
from .._claims.vjp import Vjp
from .._evaluation.values import Values
from .._numerics.rounding import Ulps, blur
from .._numerics.scales import moves_by_leaf
from .._report.verdicts import Check, Verdict
from .._vectors.layout import flat_numbers
from .._vectors.tangents import tangent, weights
from .._verdict.options import Options
from .rounding import unless_rounding


def alike(
    name: str, given: np.ndarray, expected: np.ndarray, size: float, allowed: float, what: str
) -> Check:
    """
    Return a check that two vectors are the same, relative to a size.

    Parameters
    ----------
    name : str
        Of the check.
    given, expected : ndarray
        The vectors.
    size : float
        What a difference is relative to.
    allowed : float
        The largest relative difference that passes.
    what : str
        Says what differs, for a fail.
    """
    finite = np.isfinite(given) & np.isfinite(expected)
    same = finite | (given == expected) | (np.isnan(given) & np.isnan(expected))
    with np.errstate(all="ignore"):
        apart = float(np.max(np.abs(given - expected)[finite], initial=0.0))
    if np.isnan(size):  # of what is no number: that of the others
        size = float(np.max(np.abs(expected)[finite], initial=0.0))
    share = apart / size if size else (np.inf if apart else 0.0)
    if same.all() and share <= allowed:
        return Check(name, Verdict.PASS, f"{share:.0e} apart, relative to {size:.3g}")
    if not same.all():
        return Check(name, Verdict.FAIL, f"{what}: finite in one and not in the other")
    return Check(name, Verdict.FAIL, f"{what}: by up to {apart:.3g}, {share:.1e} of its size")


#: Factors of two products in a third one that no sign, square or size of a vector is blind to.
_FACTORS = (-2.5, 0.75, 1.0)


def same_value(values: Values, claimed: Any, name: str) -> Check:
    """Return a check that the value that comes with a claim is func's own."""
    outputs, backend = values.outputs, values.backend
    try:
        arrays = outputs.arrays(values.without_aux(claimed), "beside the claim")
    except (ValueError, TypeError) as err:
        msg = f"the value that {name} returned beside its claim is not like func's: {err}"
        raise type(err)(msg) from None
    given = flat_numbers(backend.to_host(arrays))
    count = f"{given.size} number{'' if given.size == 1 else 's'}"
    what = f"the value that comes with the claim is not what func returns ({count})"
    return unless_random([value_is(values, given, "value", what)], values)[0]


def value_is(values: Values, given: np.ndarray, name: str, what: str, least: float = 0.0) -> Check:
    """Return a check that some numbers, of that size at least, are func's values at x0."""
    at_x0, unseen = values.at_x0, values.outputs.unseen
    if unseen is not None and np.array_equal(
        given[unseen], values.returned[unseen], equal_nan=True
    ):
        given = values.outputs.finite(given)
    size = float(np.max(np.abs(at_x0[np.isfinite(at_x0)]), initial=least))
    # Two ways to compute one value may differ by their rounding: by half of the digits at most.
    allowed = max(values.eps, np.finfo(float).eps) ** 0.5
    check = alike(name, given, at_x0, size, allowed, what)
    with np.errstate(all="ignore"):
        apart = given - at_x0
    ulps = Ulps(values.point.magnitude, values.eps, np.random.default_rng(0))

    def again() -> Any:
        return at_x0 + values.change_at_x0()

    def moved() -> tuple[Any, Any]:
        if values.left() < 2:
            return None, None
        d = ulps.x()
        return values.at(d, fresh=True)[0], values.at(2 * d, fresh=True)[0]

    # A value of which rounding leaves less than half of its digits is none that can be compared;
    # of another way to compute it as much may be left, or less.
    parts = [leaf.where for leaf in values.outputs.leaves]
    return unless_rounding(check, apart, parts, lambda: blur(at_x0, again, moved), np.inf)


def unless_random(checks: list[Check], values: Values) -> list[Check]:
    """Return checks of two results that should be one, without a fail if func is random."""
    failed = any(check.verdict is not Verdict.PASS for check in checks)
    if not (failed and values.change_at_x0().any()):
        return checks
    return unsure(checks, "func is not deterministic, which may be all that is seen here: ")


def where_finite(check: Check, values: Values) -> Check:
    """Return a check of a claim, which cannot fail where func has no finite value to derive."""
    if np.isfinite(values.at_x0).all():
        return check
    return unsure([check], "func is not finite at x0, nor may its derivatives be: ")[0]


def unsure(checks: list[Check], why: str) -> list[Check]:
    """Return checks, those that failed as inconclusive ones."""
    return [
        Check(check.name, Verdict.INCONCLUSIVE, why + check.text)
        if check.verdict is Verdict.FAIL
        else check
        for check in checks
    ]


def linear_in_cotangent(claim: Vjp, values: Values, options: Options, rtol: float) -> Check:
    """Return a check that a vjp is linear in its cotangent."""
    first, other = claim.u, weights(values.outputs, values.at_x0, options.rng(3))
    eps, point = max(claim.eps, values.eps), claim.point
    # Slopes that add up to less than half of the digits of f, for a move of x, matter to nobody.
    size = float(np.linalg.norm(first * values.at_x0))
    leaves = [leaf.where for leaf in point.leaves]
    least = eps**0.5 * size / moves_by_leaf(point.magnitude, leaves, eps)
    check = _linear(
        "linearity of the vjp",
        "the vjp is not linear in its cotangent: that of a sum is not the sum of the vjps",
        (first, other),
        claim.of,
        Ulps(point.magnitude, eps, options.rng(6), point.x),
        (leaves, least, rtol),
    )
    return where_finite(check, values)


def linear_in_tangent(claim: Tangents, values: Values, options: Options, rtol: float) -> Check:
    """Return a check that a jvp is linear in its tangent."""
    first = claim.tangents[0]
    other = tangent(claim.point, options.rng(3), slice(None))
    eps, outputs = max(claim.eps, values.eps), claim.outputs
    least = np.zeros(outputs.size)
    if values.at_x0.size == outputs.size:  # not so of an hvp by differences of func
        for leaf in outputs.leaves:
            least[leaf.where] = eps**0.5 * np.max(np.abs(values.at_x0[leaf.where]), initial=0.0)
    check = _linear(
        f"linearity of the {claim.name}",
        f"the {claim.name} is not linear in its tangent: that of a sum is not the sum of two",
        (first, other),
        claim.one,
        Ulps(claim.point.magnitude, eps, options.rng(6), claim.point.x),
        ([leaf.where for leaf in outputs.leaves], least, rtol),
    )
    return where_finite(check, values)


def transposed(vjp: Vjp, jvp: Tangents, values: Values, options: Options, rtol: float) -> Check:
    """Return a check that both modes give ``<u, J v>``, which needs no difference of func."""
    u, v = vjp.u, jvp.tangents[0]
    eps = max(vjp.eps, jvp.eps, values.eps)
    check = same_product(
        "forward against reverse",
        "forward and reverse mode differ: one of the two rules is wrong",
        ((jvp.one, v, jvp.one(v), u), (vjp.of, u, vjp.at_x0, v)),
        Ulps(jvp.point.magnitude, eps, options.rng(6), jvp.point.x),
        rtol,
        # As of slopes: what is less than half of the digits of f, for a move of x, is nothing.
        eps**0.5 * float(np.linalg.norm(u * values.at_x0)),
    )
    return where_finite(check, values)


#: A linear map, a vector, their product, and a vector that this is multiplied by.
Bilinear = tuple[Callable[..., Any], np.ndarray, np.ndarray, np.ndarray]


def same_product(
    name: str,
    what: str,
    both: tuple[Bilinear, Bilinear],
    ulps: Ulps,
    rtol: float,
    least: float = 0.0,
) -> Check:
    """Return a check that two ways to multiply a map from both sides give one number."""
    terms = [found * other for _, _, found, other in both]
    size = float(max(np.abs(each).sum() for each in terms))
    one, two = (np.array([each.sum()]) for each in terms)
    check = alike(name, one, two, size, rtol, what)

    def blurred() -> Any:
        return sum(
            _blur_of(partial(_dotted, product, other), vector, at_x0, ulps)
            for (product, vector, _, other), at_x0 in zip(both, (one, two), strict=True)
        )

    with np.errstate(all="ignore"):
        apart = one - two
    return unless_rounding(check, apart, [slice(None)], blurred, least)


def _dotted(product: Callable[..., Any], other: np.ndarray, *arguments: np.ndarray) -> Any:
    """Return a product times another vector; None if it fails at a displaced point."""
    found = product(*arguments)
    return None if found is None else np.array([(found * other).sum()])


def same_vjp(
    claim: Vjp,
    found: tuple[np.ndarray, np.ndarray, np.ndarray],
    values: Values,
    texts: tuple[str, str],
    rtol: float,
) -> Check:
    """
    Return a check that a vjp that was computed in another way is the one that is claimed.

    Parameters
    ----------
    claim : Vjp
        The claim.
    found : tuple of three ndarrays
        A cotangent; the vjp of it; that which was computed in another way.
    values : Values
        Func.
    texts : tuple of two str
        The name of the check, and what differs where it fails.
    rtol : float
        The relative error that matters.

    Returns
    -------
    Check
    """
    (u, at_x0, again), (name, what) = found, texts
    eps = max(claim.eps, values.eps)
    size = float(np.max(np.abs(at_x0[np.isfinite(at_x0)]), initial=0.0))
    check = alike(name, again, at_x0, size, max(rtol / 4, 16 * eps), what)
    ulps = Ulps(claim.point.magnitude, eps, np.random.default_rng(0), claim.point.x)
    with np.errstate(all="ignore"):
        apart = again - at_x0
    parts = [leaf.where for leaf in claim.point.leaves]
    return unless_rounding(check, apart, parts, lambda: _blur_of(claim.of, u, at_x0, ulps), np.inf)


def _blur_of(product: Callable[..., Any], vector: np.ndarray, at_x0: np.ndarray, ulps: Ulps) -> Any:
    """Return by how much rounding of x0, of a vector and of terms moves their product."""
    again = product(vector)
    moved = blur(at_x0, lambda: again, lambda: ulps.two(product, vector))
    if again is None or not np.array_equal(again, at_x0, equal_nan=True):
        return moved  # a random one has no such floor
    return np.fmax(moved, ulps.of_terms(product, vector))


def _linear(
    name: str,
    what: str,
    vectors: tuple[np.ndarray, np.ndarray],
    product: Callable[..., Any],
    ulps: Ulps,
    scales: tuple[list[slice], Any, float],
) -> Check:
    """Return a check that the product with a sum of two vectors is the sum of two products."""
    parts, least, rtol = scales
    three = [*vectors, _FACTORS[0] * vectors[0] + _FACTORS[1] * vectors[1]]
    products = [product(vector) for vector in three]
    size = float(np.max(np.abs(np.stack(products)), initial=0.0))
    first, other, both = products
    with np.errstate(all="ignore"):  # infinite ones, as of a square root at 0, are no numbers then
        expected = _FACTORS[0] * first + _FACTORS[1] * other
        apart = both - expected
    # Where half precision has few digits, a dozen roundings of a unit in the last place count.
    check = alike(name, both, expected, size, max(rtol / 4, 16 * ulps.eps), what)

    def blurred() -> Any:
        each = zip(_FACTORS, three, products, strict=True)
        return sum(abs(c) * _blur_of(product, vector, at_x0, ulps) for c, vector, at_x0 in each)

    return unless_rounding(check, apart, parts, blurred, least)
