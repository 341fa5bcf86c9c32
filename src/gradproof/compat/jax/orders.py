"""Derivatives of any order: what each mode of JAX computes, as functions to be checked again."""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from ..._backends.jax.compiled import Compiled
from ..._backends.typing import Function
from ..._numerics.scales import moves
from ..._report.report import Report
from ..._vectors.point import Point
from ..._vectors.tangents import lines, weights
from ..._verdict.options import Options
from .claims import Pull, Push
from .functions import Results, finite_part
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
        # One program for each mode, which orders above are made of, too.
        self._pushed: dict[str, Push] = {}

    def report(self, mode: str, tolerances: Tolerances) -> Report:
        """Return the report on one mode."""
        if mode == "rev":
            return reverse(self._values, self._pull, tolerances)
        return forward(self._values, self._push(mode), tolerances)

    @np.errstate(all="ignore")
    def below(self, mode: str, label: str) -> Level:
        """Return what a mode computes, for one tangent or cotangent, as a function."""
        values, options = self._values, Options.checked(None, None, 0)
        point = values.point
        if mode == "rev":
            u = weights(values.outputs, values.at_x0, options.rng(1))
            derivative = Derivative(self._pull, values.outputs.cotangent(u), values.partial)
            terms = float(np.abs(u) @ values.terms) / moves(point.magnitude, point.eps)
            names = [leaf.path for leaf in point.leaves]
            return Level.of(derivative, names, point, terms, label)
        tangents = point.native(lines(point, options.rng(2))[1][0])
        derivative = Derivative(self._push(mode), tangents, values.partial)
        names = [leaf.path for leaf in values.outputs.leaves]
        return Level.of(derivative, names, point, values.terms, label)

    def _push(self, mode: str) -> Push:
        if mode not in self._pushed:
            self._pushed[mode] = Compiled(self._linearized if mode == "lin" else self._along)
        return self._pushed[mode]

    def _along(self, leaves: list[Any], tangents: list[Any]) -> Any:
        return jax.jvp(self._function, (leaves,), (_like(tangents, leaves),))

    def _linearized(self, leaves: list[Any], tangents: list[Any]) -> Any:
        outputs, push = jax.linearize(self._function, leaves)
        return outputs, push(_like(tangents, leaves))

    @functools.cached_property
    def _pull(self) -> Pull:
        def pulled(leaves: list[Any], cotangents: list[Any]) -> Any:
            outputs, pullback = jax.vjp(self._function, leaves)
            return outputs, pullback(tuple(_like(cotangents, outputs)))[0]

        # In one program, with the cotangents.
        return Compiled(pulled)


@dataclass(frozen=True)
class Derivative:
    """
    What a mode computes for one tangent or cotangent, as a function of leaves.

    Attributes
    ----------
    computed : callable
        Takes leaves and tangents or cotangents; returns values, and what is computed.
    along : list of array
        The tangents or cotangents.
    partial : bool
        Whether it comes of a function of which values are left out.
    """

    computed: Push | Pull
    along: list[Any]
    partial: bool

    def __call__(self, leaves: list[Any]) -> Results:
        """Return the derivative at some leaves."""
        return tuple(self.computed(leaves, self.along)[1])


def _like(arrays: Iterable[Any], others: Iterable[Any]) -> list[Any]:
    """Return arrays in the dtypes of others."""
    return [
        array if array.dtype == other.dtype else array.astype(other.dtype)
        for array, other in zip(arrays, others, strict=True)
    ]
