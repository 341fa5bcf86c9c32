"""What is checked of a derivative of a function of leaves, whoever computes it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..._checks.consistency import linear_in_cotangent, linear_in_tangent, value_is
from ..._numerics.precision import Precision
from ..._numerics.scales import moves
from ..._report.combined import together, whole
from ..._report.report import Report
from ..._report.verdicts import Check, Verdict
from ..._vectors.point import Point
from ..._vectors.span import Span
from ..._vectors.tangents import LEAVES, lines, tangent, weights
from ..._verdict.judge import of_columns, of_gradient
from ..._verdict.options import Options
from .claims import AlongLines, Pull, Pulled, Push, Pushed
from .functions import Results
from .looks import ALL, Look, alone, looked
from .values import LeafValues, Tolerances

#: Up to this many entries each is measured by itself in reverse mode, which takes two calls of f;
#: more are measured along lines.
_ENTRIES = 256


@np.errstate(all="ignore")
def forward(values: LeafValues, push: Push, tolerances: Tolerances) -> Report:
    """Return the report on a jvp."""
    options = tolerances.options(values)

    def look(func: LeafValues, options: Options, size: float, which: slice = ALL) -> Look:
        found, tangents = lines(func.point, options.rng(2))
        leaves = alone(func.point, tangents)
        tangents, names = tangents[which] * size, [leaf.path for leaf in found.leaves][which]
        claim = Pushed(push, values, Span(values.point, tangents, names), tangents)
        along: Any = func.along(Span(func.point, tangents, names))
        report = whole(of_columns(along, claim, options, _eps_of(func, values)))
        return Look(claim, report, lambda: (along, None, map(claim.one, tangents)), leaves, size)

    claim, report = looked(look, values, options)

    def compared(slope: np.ndarray, along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return claim.one(along), slope

    checks = [linear_in_tangent(claim, values, options, report.rtol), _value(values, claim)]
    return _settled(values, "JVP", report, checks, claim, tolerances, compared)


@np.errstate(all="ignore")
def reverse(values: LeafValues, pull: Pull, tolerances: Tolerances) -> Report:
    """Return the report on a vjp."""
    options = tolerances.options(values)
    u = weights(values.outputs, values.at_x0, options.rng(1))
    if values.partial:
        pull = _without_idle(pull, values, u)

    def look(func: LeafValues, options: Options, size: float, which: slice = ALL) -> Look:
        point, claim = func.point, Pulled(pull, values, u)
        few = point.x.size <= _ENTRIES
        if few:
            tangents = np.diag(moves(point.magnitude, point.eps))
            names = [point.name(i) for i in range(point.x.size)]
        else:
            tangents, names = _aimed(point, claim.at_x0, values.eps, options)
        leaves = {} if few else alone(point, tangents)
        tangents, names = tangents[which] * size, names[which]

        def along() -> tuple[Any, np.ndarray, np.ndarray]:
            span = Span(point, tangents, names)
            return func.along(span), u, (tangents @ claim.at_x0)[:, None]

        if few and size == 1:
            report = of_gradient(func, u, claim, options, _eps_of(func, values))
        else:
            span = Span(point, tangents, names)
            lines: Any = AlongLines(claim, span, tangents)
            report = of_gradient(func.along(span), u, lines, options, _eps_of(func, values))
        return Look(claim, whole(report), along, leaves, size)

    claim, report = looked(look, values, options)

    def compared(slope: np.ndarray, along: np.ndarray) -> tuple[Any, Any]:
        return claim.at_x0 @ along, u @ slope

    checks = [linear_in_cotangent(claim, values, options, report.rtol), _value(values, claim)]
    return _settled(values, "VJP", report, checks, claim, tolerances, compared)


def _eps_of(func: LeafValues, values: LeafValues) -> float | None:
    """Return the machine epsilon to judge a claim by: that of f in a wider dtype."""
    return None if func is values else func.eps


def _without_idle(pull: Pull, values: LeafValues, u: np.ndarray) -> Pull:
    """
    Return a vjp that is zero by entries that are NaN and move no finite value of f.

    Where some values of f are not finite, their cotangents are zero; but zero times the slope of an
    arcsine beyond 1 is NaN.
    """
    point = values.point
    gradients = pull(point.arrays, values.outputs.cotangent(u))[1]
    lost = ~np.isfinite(point.numbers(gradients))
    by = np.where(lost, moves(point.magnitude, point.eps) / 8, 0.0)
    beside = (values.at(sign * by)[0] for sign in (1.0, -1.0))
    if not lost.any() or not all(np.array_equal(there, values.at_x0) for there in beside):
        return pull
    idle = [jnp.asarray(leaf.shaped(lost).reshape(leaf.shape) != 0) for leaf in point.leaves]

    def pulled(leaves: list[Any], cotangents: list[Any]) -> tuple[Results, list[Any]]:
        outputs, found = pull(leaves, cotangents)
        return outputs, [jnp.where(out, 0, g) for out, g in zip(idle, found, strict=True)]

    return pulled


def _aimed(
    point: Point, gradient: np.ndarray, eps: float, options: Options
) -> tuple[np.ndarray, list[str]]:
    """
    Return tangents along which a gradient of many entries shows, and what to call them.

    Random signs would leave the root of the number of entries, which half precision cannot tell
    from noise: so the tangents have the signs of the gradient, each on its share of the entries.
    """
    rng = options.rng(2)
    whole = np.abs(tangent(point, rng, slice(None)))
    signs = np.where(gradient != 0, np.sign(gradient), rng.choice([-1.0, 1.0], whole.size))
    share = rng.integers(2, size=whole.size)
    found = [np.where(share == half, signs * whole, 0.0) for half in (0, 1)]
    names = ["half of the entries", "the other half"]
    several = [leaf for leaf in point.leaves if leaf.where.stop > leaf.where.start]
    for leaf in several if 1 < len(several) <= LEAVES else []:
        found.append(np.zeros_like(whole))
        found[-1][leaf.where] = (signs * whole)[leaf.where]
        names.append(leaf.path)
    if not Precision.of(
        eps
    ).designs:  # what cancels in the others; of some draws one that does not cancel itself
        draws = [tangent(point, rng, slice(None)) for _ in range(4)]
        found.append(max(draws, key=lambda draw: abs(float(draw @ gradient))))
        names.append("a random tangent")
    return np.array(found), names


def _value(values: LeafValues, claim: Any) -> Check:
    """Return a check that the value beside a product is that of f."""
    what = "the rule's own value is not what f returns when no derivative is taken"
    # A derivative that is less than a rounding of what it is the derivative of has no digits.
    least = values.eps * float(np.max(values.terms, initial=0.0))
    return value_is(values, claim.value, "value", what, least)


def _settled(
    values: LeafValues,
    name: str,
    report: Report,
    checks: list[Check],
    claim: Any,
    tolerances: Tolerances,
    compared: Callable[..., Any],
) -> Report:
    """Return one report on a product and what belongs to it, once tolerances have had their say."""
    linear, value = checks
    if linear.verdict is Verdict.INCONCLUSIVE:  # JAX does not ask for it
        checks = [value]
    found = together([(name, report)], checks, values.nfev, claim.calls)
    if found.ok or value.verdict is Verdict.FAIL:
        return found
    if tolerances.excuse(values, report.rtol, compared):
        return replace(found, verdict=Verdict.PASS, reason="within the tolerances that were given")
    return found
