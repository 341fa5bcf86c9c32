"""What is checked of a derivative of a function of leaves, whoever computes it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._claims import Vjp
from .._columns import Tangents
from .._consistent import linear_in_cotangent, linear_in_tangent, value_is
from .._judge import of_columns, of_gradient, weights
from .._layout import flat_numbers
from .._options import Options
from .._point import Point, Span
from .._report import Check, Report, Verdict, together, whole
from .._scales import moves
from .._structure import as_numbers
from .._tangents import LEAVES, lines, tangent
from .._typing import Function
from .._values import Values
from ._jax_digits import Numbers, beyond_digits
from ._jax_leaves import Compiled, Results, finite_part
from ._jax_values import LeafValues, Tolerances, values_of

#: Up to this many entries each is measured by itself in reverse mode, which takes two calls of f;
#: more are measured along lines.
_ENTRIES = 256
#: Machine epsilon of single precision.
_SINGLE = 2.0**-23
#: How much shorter lines are where longer ones could not tell.
_NEAR = (2.0**-6, 2.0**-11)

#: Takes leaves and tangents of them; returns results and their tangents.
Push = Callable[[list[Any], list[Any]], tuple[Results, Results]]
#: Takes leaves and cotangents of results; returns results and gradients by the leaves.
Pull = Callable[[list[Any], list[Any]], tuple[Results, list[Any]]]


@dataclass(frozen=True)
class Level:
    """
    A function whose derivatives are checked: f, or a derivative of it.

    Attributes
    ----------
    function : callable
        From a list of leaves to a list of leaves.
    names : list of str
        The paths of what it returns.
    point : Point
        Where.
    terms : ndarray or float
        The size of the terms that its values are made of, if they are derivatives.
    label : str
        The chain of modes that made it; empty for f.
    """

    function: Function
    names: list[str]
    point: Point
    terms: np.ndarray | float = 0.0
    label: str = ""

    @staticmethod
    def of(
        function: Function,
        names: list[str],
        point: Point,
        terms: np.ndarray | float = 0.0,
        label: str = "",
    ) -> "Level":
        """Return a level, of the finite values of a function alone."""
        return Level(finite_part(function, point.arrays), names, point, terms, label)

    def values(self) -> LeafValues | None:
        """Return evaluations; None if there is nothing to differentiate."""
        return values_of(self.function, self.names, self.point, self.terms)


class Derivatives:
    """
    What JAX computes for a function, by each mode.

    Parameters
    ----------
    function : callable
        From a list of leaves to a list of leaves.
    values : LeafValues
        Its evaluations.
    """

    def __init__(self, function: Function, values: LeafValues) -> None:
        self._function, self._values = function, values

    def report(self, mode: str, tolerances: Tolerances) -> Report:
        """Return the report on one mode."""
        if mode == "rev":
            return reverse(self._values, self._pull(), tolerances)
        return forward(self._values, self._push(mode), tolerances)

    @np.errstate(all="ignore")
    def below(self, mode: str, label: str) -> Level:
        """Return what a mode computes, for one tangent or cotangent, as a function."""
        values, push = self._values, self._push(mode)
        point, options = values.point, Options.checked(None, None, 0)
        if mode == "rev":
            u = weights(values, options.rng(1))
            cotangents = tuple(values.outputs.cotangent(u))

            def gradient(leaves: list[Any]) -> Results:
                outputs, pullback = jax.vjp(self._function, leaves)
                return tuple(pullback(tuple(_like(cotangents, outputs)))[0])

            terms = float(np.abs(u) @ values.terms) / moves(point.magnitude, point.eps)
            names = [leaf.path for leaf in point.leaves]
            return Level.of(Compiled(gradient, partial=values.partial), names, point, terms, label)
        tangents = point.native(lines(point, options.rng(2))[1][0])
        pushed = Compiled(
            lambda leaves: push(leaves, _like(tangents, leaves))[1], partial=values.partial
        )
        names = [leaf.path for leaf in values.outputs.leaves]
        return Level.of(pushed, names, point, values.terms, label)

    def _push(self, mode: str) -> Push:
        function = self._function

        def pushed(leaves: list[Any], tangents: list[Any]) -> Any:
            return jax.jvp(function, (leaves,), (tangents,))

        def linearized(leaves: list[Any], tangents: list[Any]) -> Any:
            outputs, push = jax.linearize(function, leaves)
            return outputs, push(tangents)

        return Compiled(linearized if mode == "lin" else pushed)

    def _pull(self) -> Pull:
        def pulled(leaves: list[Any], cotangents: list[Any]) -> Any:
            outputs, pullback = jax.vjp(self._function, leaves)
            return outputs, pullback(tuple(cotangents))[0]

        # In one program, with the cotangents.
        return Compiled(pulled)


class _Pulled(Vjp):
    """A vjp of leaves; from wide leaves, that of the narrow ones."""

    name = "vjp"
    value: Any

    def __init__(self, pull: Pull, values: LeafValues, narrow: LeafValues, u: np.ndarray) -> None:
        self._pull, self._narrow = pull, narrow
        super().__init__(pull, values.point, values, u, pullback=True)

    def _gradient(self, leaves: list[Any], where: str) -> np.ndarray:
        del where
        self.calls += 1
        backend, narrow = self.point.backend, self._narrow
        given = _like(leaves, narrow.point.arrays)
        outputs, gradients = self._pull(given, narrow.outputs.cotangent(self.u))
        if self.value is None:
            self.value = flat_numbers(backend.to_host(list(outputs)))
        if narrow is self.values:
            eps = [float(backend.eps(g.dtype)) for g in gradients if backend.is_native(g)]
            self.eps = max([self.eps, *eps])
        return self.point.slopes([as_numbers(backend, g, self.name) for g in gradients])


class _Pushed(Tangents):
    """A jvp of leaves, along the lines of a span; from wide leaves, that of the narrow ones."""

    name = "jvp"

    def __init__(
        self,
        push: Push,
        values: LeafValues,
        narrow: LeafValues,
        span: Span,
        tangents: np.ndarray,
    ) -> None:
        self._push, self._narrow, self._wide = push, narrow, narrow is not values
        super().__init__(push, values.point, span, tangents, values.outputs)

    def _pushed(self, leaves: list[Any], tangent: np.ndarray) -> np.ndarray:
        backend, point = self.point.backend, self._narrow.point
        given = _like(leaves, point.arrays)
        outputs, pushed = self._push(given, point.native(tangent))
        if self.value is None:
            self.value = flat_numbers(backend.to_host(list(outputs)))
        if not self._wide:
            eps = [float(backend.eps(t.dtype)) for t in pushed if backend.is_native(t)]
            self.eps = max([self.eps, *eps])
        return self.outputs.flat_tangent(pushed, self.name)


def _like(arrays: Iterable[Any], others: Iterable[Any]) -> list[Any]:
    """Return arrays in the dtypes of others."""
    return [
        array if array.dtype == other.dtype else array.astype(other.dtype)
        for array, other in zip(arrays, others, strict=True)
    ]


class _Lines:
    """
    A vjp as a gradient by how far to go along each of some lines.

    Parameters
    ----------
    claim : _Pulled
        The vjp.
    span : Span
        The lines.
    tangents : ndarray of shape (k, n)
        Their directions.
    """

    def __init__(self, claim: _Pulled, span: Span, tangents: np.ndarray) -> None:
        self._claim, self._span, self._tangents = claim, span, tangents
        self.at_x0 = tangents @ claim.at_x0
        self.products = claim.products

    @property
    def eps(self) -> float:
        """Machine epsilon of what the claim returned."""
        return self._claim.eps

    @property
    def calls(self) -> int:
        """Calls of the claim."""
        return self._claim.calls

    def near(self, displacement: np.ndarray) -> np.ndarray | None:
        """Return the gradient at a displaced point; None if the claim fails there."""
        there = self._claim.near(self._span.whole(displacement))
        return None if there is None else self._tangents @ there


# Infinite claims and values are named in the report; suites make errors of warnings.
@np.errstate(all="ignore")
def forward(values: LeafValues, push: Push, tolerances: Tolerances) -> Report:
    """Return the report on a jvp."""
    options = tolerances.options(values)

    def look(func: LeafValues, options: Options, size: float) -> _Look:
        span, tangents = lines(func.point, options.rng(2))
        tangents = tangents * size
        span = Span(func.point, tangents, [leaf.path for leaf in span.leaves])
        claim = _Pushed(push, func, values, span, tangents)
        along: Any = func.along(span)
        report = whole(of_columns(along, claim, options))
        return _Look(claim, report, lambda: (along, None, map(claim.one, tangents)))

    claim, report = _looked(look, values, options)

    def compared(slope: np.ndarray, along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return claim.one(along), slope

    checks = [linear_in_tangent(claim, values, options, report.rtol), _value(values, claim)]
    return _settled(values, "JVP", report, checks, claim, tolerances, compared)


@np.errstate(all="ignore")
def reverse(values: LeafValues, pull: Pull, tolerances: Tolerances) -> Report:
    """Return the report on a vjp."""
    options = tolerances.options(values)
    u = weights(values, options.rng(1))
    if values.partial:
        pull = _without_idle(pull, values, u)

    def look(func: LeafValues, options: Options, size: float) -> _Look:
        point, claim = func.point, _Pulled(pull, func, values, u)
        few = point.x.size <= _ENTRIES
        if few:
            tangents = np.diag(moves(point.magnitude, point.eps))
            names = [point.name(i) for i in range(point.x.size)]
        else:
            tangents, names = _aimed(point, claim.at_x0, values.eps, options)
        tangents = tangents * size

        def along() -> tuple[Any, np.ndarray, np.ndarray]:
            span = Span(point, tangents, names)
            return func.along(span), u, (tangents @ claim.at_x0)[:, None]

        if few and size == 1:
            report = of_gradient(func, u, claim, options)
        else:
            span = Span(point, tangents, names)
            lines: Any = _Lines(claim, span, tangents)
            report = of_gradient(func.along(span), u, lines, options)
        return _Look(claim, whole(report), along)

    claim, report = _looked(look, values, options)

    def compared(slope: np.ndarray, along: np.ndarray) -> tuple[Any, Any]:
        return claim.at_x0 @ along, u @ slope

    checks = [linear_in_cotangent(claim, values, options, report.rtol), _value(values, claim)]
    return _settled(values, "VJP", report, checks, claim, tolerances, compared)


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


@dataclass(frozen=True)
class _Look:
    """
    A look at a claim, at slopes of f in one dtype.

    Attributes
    ----------
    claim : _Pulled or _Pushed
        The claim.
    report : Report
        What was found.
    lines : callable
        Returns f along the lines that the report has its entries by; the weights of a sum of its
        values, if it is about one; and the slopes that are claimed along each line.
    """

    claim: Any
    report: Report
    lines: Callable[[], tuple[LeafValues, np.ndarray | None, Iterable[np.ndarray]]]

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


def _looked(
    look: Callable[[LeafValues, Options, float], _Look], values: LeafValues, options: Options
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
    wide = values.widened() if short and not report.ok else values
    if report.ok or wide is None:
        return first.claim, report
    if short or report.verdict is not Verdict.FAIL:
        for size in (1.0, *_NEAR) if short else _NEAR:
            again = look(wide, replace(options, rtol=report.rtol), size)
            if again.report.ok:
                return first.claim, again.report
            last = again if size == 1 else last
    settled = last.settled()
    return first.claim, settled if settled.ok else report


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
    if eps < 2.0**-15:  # what cancels in the others; of some draws one that does not cancel itself
        draws = [tangent(point, rng, slice(None)) for _ in range(4)]
        found.append(max(draws, key=lambda draw: abs(float(draw @ gradient))))
        names.append("a random tangent")
    return np.array(found), names


def _value(values: Values, claim: Any) -> Check:
    """Return a check that the value beside a product is that of f."""
    what = "the rule's own value is not what f returns when no derivative is taken"
    return value_is(values, claim.value, "value", what)


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
