"""What JAX computes, or a rule says, as claims of the engine."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..._claims.jvp import Tangents
from ..._claims.vjp import Vjp
from ..._numerics.precision import lifts
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
    """A vjp of leaves; from wide leaves, that of the narrow ones."""

    name = "vjp"
    value: Any

    def __init__(self, pull: Pull, values: LeafValues, narrow: LeafValues, u: np.ndarray) -> None:
        self._pull, self._narrow, self._wide = pull, narrow, narrow is not values
        super().__init__(pull, values.point, values.outputs, u, pullback=True)

    def _gradient(self, leaves: list[Any], where: str) -> np.ndarray:
        del where
        self.calls += 1
        backend, narrow = self.point.backend, self._narrow
        given = like(leaves, narrow.point.arrays)
        outputs, gradients = self._pull(given, narrow.outputs.cotangent(self.u))
        if self.value is None:
            self.value = flat_numbers(backend.to_host(list(outputs)))
        if not self._wide:
            eps = [float(backend.eps(g.dtype)) for g in gradients if backend.is_native(g)]
            self.eps = max([self.eps, *eps])
        return self.point.slopes([as_numbers(backend, g, self.name) for g in gradients])


class Pushed(Tangents):
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
        self._lifts = lifts(narrow.point.eps, narrow.outputs.eps)

    def _pushed(self, leaves: list[Any], tangent: np.ndarray) -> np.ndarray:
        backend, point = self.point.backend, self._narrow.point
        given = like(leaves, point.arrays)
        outputs, pushed = self._push(given, point.native(tangent))
        if self.value is None:
            self.value = flat_numbers(backend.to_host(list(outputs)))
        if not self._wide:
            eps = [float(backend.eps(t.dtype)) for t in pushed if backend.is_native(t)]
            self.eps = max([self.eps, *eps])
        return self.outputs.flat_tangent(pushed, self.name)[0]


def like(arrays: Iterable[Any], others: Iterable[Any]) -> list[Any]:
    """Return arrays in the dtypes of others."""
    return [
        array if array.dtype == other.dtype else array.astype(other.dtype)
        for array, other in zip(arrays, others, strict=True)
    ]


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
