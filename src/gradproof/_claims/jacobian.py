"""A claimed Jacobian, of any structure, as a matrix of real numbers."""

from typing import Any

import numpy as np

from .._backends.typing import Function
from .._vectors.callables import noted
from .._vectors.held import kept, writes_to_input, wrote
from .._vectors.outputs import Outputs
from .._vectors.point import Point
from .gradient import eps_of, pair
from .linear_map import Columns, Dense, _without, real_block
from .matching import matched, note_rows


class Jacobian:
    """
    A function that returns Jacobians, as the user gave it.

    Parameters
    ----------
    func : callable
        Called with func's arguments.
    point : Point
        Where.
    outputs : Outputs
        The structure of func's result.
    with_value : bool
        Whether it returns func's value and the Jacobian.

    Attributes
    ----------
    value : object
        What came with the first Jacobian.
    calls : int
        Calls of func.
    """

    name = "jac"
    products: tuple[str, ...] = ()

    def __init__(
        self, func: Function, point: Point, outputs: Outputs, *, with_value: bool = False
    ) -> None:
        self._func, self._point, self._outputs = func, point, outputs
        self._with_value, self.value = with_value, None
        self.calls, self.eps = 0, 0.0
        self.first = kept(point.backend, self.returned(point.copies_for_claim(), "at x0"))

    def at_x0(self) -> Columns:
        """Return the Jacobian at x0."""
        return self._columns(self.first)

    def returned(self, leaves: list[Any], where: str) -> Any:
        """Return what func returns at some leaves, as it is."""
        self.calls += 1
        with noted(lambda: f"{self.name} {where}", self._point.hint):
            claim = self._point.call(self._func, leaves, what=self.name)
        if self.calls == 1 and wrote(self._point.backend, leaves, self._point.at_x0):
            self._point.remarks.append(writes_to_input(self.name))
        if self._with_value:
            value, claim = pair(
                claim, self.name, "value_and_jac=True", "the value and the Jacobian"
            )
            self.value = kept(self._point.backend, value) if self.calls == 1 else self.value
        self.eps = max(self.eps, eps_of(self._point.backend, claim))
        return claim

    def product(self, leaves: list[Any], tangent: np.ndarray, where: str) -> np.ndarray:
        """Return the product with a tangent at some leaves, of shape (m,)."""
        return self._columns(self.returned(leaves, where)).along(tangent)

    def _near(self, displacement: np.ndarray) -> Columns | None:
        try:
            leaves = self._point.moved(displacement, for_claim=True)
            return self._columns(self.returned(leaves, "near x0"))
        except Exception:
            return None

    def _columns(self, claim: Any) -> Columns:
        point, outputs = self._point, self._outputs
        blocks = []
        parts, others = outputs.split(claim, self.name)
        note_rows(point, others)
        for out, part in zip(outputs.leaves, parts, strict=True):
            # The one value of func needs no rows; a leaf without values beside it has its own.
            rows = () if outputs.scalar and 0 not in out.shape else out.shape
            label = f"{self.name}{out.path}"
            arrays = matched(point, part, label, rows, real=not out.complex)
            for leaf, array in zip(point.leaves, arrays, strict=True):
                block = real_block(array, out, leaf, point.backend.conjugation)
                block = _without(block, outputs.unseen, out.where, axis=0)
                block = _without(block, point.fixed, leaf.where, axis=1)
                blocks.append((out.where, leaf.where, block))
        return Dense(blocks, (outputs.size, point.x.size), self.eps, self._near)
