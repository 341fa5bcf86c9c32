"""Derivatives of any order: what each mode of JAX computes, as functions to be checked again."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from ..._backends.typing import Function
from ..._numerics.scales import moves
from ..._report.report import Report
from ..._vectors.point import Point
from ..._vectors.tangents import lines, weights
from ..._verdict.options import Options
from .claims import Pull, Push
from .functions import Compiled, Results, finite_part
from .rules import forward, reverse
from .values import LeafValues, Tolerances, values_of


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
            u = weights(values.outputs, values.at_x0, options.rng(1))
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


def _like(arrays: Iterable[Any], others: Iterable[Any]) -> list[Any]:
    """Return arrays in the dtypes of others."""
    return [
        array if array.dtype == other.dtype else array.astype(other.dtype)
        for array, other in zip(arrays, others, strict=True)
    ]
