"""What JAX computes, or a rule says, as claims of the engine."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..._claims.jvp import Tangents
from ..._claims.vjp import Vjp
from ..._vectors.layout import flat_numbers
from ..._vectors.numbers import as_numbers
from ..._vectors.span import Span
from .functions import Results
from .values import LeafValues

#: Takes leaves and tangents of them; returns results and their tangents.
Push = Callable[[list[Any], list[Any]], tuple[Results, Results]]
#: Takes leaves and cotangents of results; returns results and gradients by the leaves.
Pull = Callable[[list[Any], list[Any]], tuple[Results, list[Any]]]


class Pulled(Vjp):
    """A vjp of leaves."""

    name = "vjp"
    value: Any

    def __init__(self, pull: Pull, values: LeafValues, u: np.ndarray) -> None:
        self._pull = pull
        super().__init__(pull, values.point, values.outputs, u, pullback=True)

    def _gradient(self, leaves: list[Any], where: str) -> np.ndarray:
        del where
        self.calls += 1
        backend = self.point.backend
        outputs, gradients = self._pull(leaves, self.outputs.cotangent(self.u))
        if self.value is None:
            self.value = flat_numbers(backend.to_host(list(outputs)))
        eps = [float(backend.eps(g.dtype)) for g in gradients if backend.is_native(g)]
        self.eps = max([self.eps, *eps])
        return self.point.slopes([as_numbers(backend, g, self.name) for g in gradients])


class Pushed(Tangents):
    """A jvp of leaves, along the lines of a span."""

    name = "jvp"

    def __init__(self, push: Push, values: LeafValues, span: Span, tangents: np.ndarray) -> None:
        self._push = push
        super().__init__(push, values.point, span, tangents, values.outputs)

    def _pushed(self, leaves: list[Any], tangent: np.ndarray) -> np.ndarray:
        backend = self.point.backend
        outputs, pushed = self._push(leaves, self.point.native(tangent))
        if self.value is None:
            self.value = flat_numbers(backend.to_host(list(outputs)))
        eps = [float(backend.eps(t.dtype)) for t in pushed if backend.is_native(t)]
        self.eps = max([self.eps, *eps])
        return self.outputs.flat_tangent(pushed, self.name)[0]


class AlongLines:
    """
    A vjp as a gradient by how far to go along each of some lines.

    Parameters
    ----------
    claim : Pulled
        The vjp.
    span : Span
        The lines.
    tangents : ndarray of shape (k, n)
        Their directions.
    """

    def __init__(self, claim: Pulled, span: Span, tangents: np.ndarray) -> None:
        self._claim, self._span, self._tangents = claim, span, tangents
        self.at_x0 = tangents @ claim.at_x0
        self.products = claim.products

    @property
    def eps(self) -> float:
        """Machine epsilon of what the claim returned."""
        return self._claim.eps

    @property
    def calls(self) -> int:
        """How often the claim was called."""
        return self._claim.calls

    def near(self, displacement: np.ndarray) -> np.ndarray | None:
        """Return the gradient at a displaced point; None if the claim fails there."""
        there = self._claim.near(self._span.whole(displacement))
        return None if there is None else self._tangents @ there
