"""Claimed jvps along a few tangents: the columns of a Jacobian by these."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .._backends.typing import Function
from .._numerics.formats import lifts
from .._vectors.callables import noted
from .._vectors.held import kept, writes_to, writes_to_input, wrote
from .._vectors.outputs import Outputs
from .._vectors.point import Point
from .._vectors.span import Span
from .gradient import eps_of, pair
from .linear_map import Columns, Products
from .matching import note_rows


class Tangents:
    """
    A jvp, as the user gave it, along the lines of a span.

    Parameters
    ----------
    func : callable
        Called with func's arguments and a tangent.
    point : Point
        Where.
    span : Span
        The lines.
    tangents : ndarray of shape (k, n)
        Their directions.
    outputs : Outputs
        The structure of func's result.
    with_value : bool
        Whether it returns func's value and the tangent.

    Attributes
    ----------
    value : object
        What came with the first tangent.
    calls : int
        Calls of func.
    """

    name = "jvp"

    def __init__(
        self,
        func: Function,
        point: Point,
        span: Span,
        tangents: np.ndarray,
        outputs: Outputs,
        *,
        with_value: bool = False,
    ) -> None:
        self._func, self.point, self._span, self.outputs = func, point, span, outputs
        self.tangents, self._with_value = tangents, with_value
        self.value: Any = None
        self.calls, self.eps = 0, 0.0
        self._lifts = lifts(point.eps, outputs.eps)

    @property
    def products(self) -> tuple[str, ...]:
        """At how many tangents the product is checked."""
        count = len(self.tangents)
        return (f"{self.name} at {count} tangent{'s' if count != 1 else ''}",)

    def at_x0(self) -> Columns:
        """Return func's output tangents at x0, a column for each line."""
        return self._columns(self.point.copies_for_claim, "at x0")

    def one(self, tangent: np.ndarray, displacement: np.ndarray | None = None) -> Any:
        """Return the output tangent of another tangent; None if it fails at a displaced point."""
        if displacement is None:
            return self._product(self.point.copies_for_claim(), tangent, "at x0")
        try:
            leaves = self.point.moved(displacement, for_claim=True)
            return self._product(leaves, tangent, "near x0")
        except Exception:
            return None

    def product(self, leaves: list[Any], tangent: np.ndarray, where: str) -> np.ndarray:
        """Return the product with a tangent at some leaves, of shape (m,)."""
        return self._product(leaves, tangent, where)

    def _near(self, displacement: np.ndarray) -> Columns | None:
        def leaves() -> list[Any]:
            return self._span.moved(displacement, for_claim=True)

        try:
            return self._columns(leaves, "near x0")
        except Exception:
            return None

    def _columns(self, leaves: Callable[[], list[Any]], where: str) -> Columns:
        columns = [self._product(leaves(), tangent, where) for tangent in self.tangents]
        matrix = np.stack(columns, axis=1)
        blocks = [(slice(0, matrix.shape[0]), slice(0, matrix.shape[1]), matrix)]
        return Products(blocks, matrix.shape, self.eps, self._near)

    def _product(self, leaves: list[Any], tangent: np.ndarray, where: str) -> np.ndarray:
        lift = self._lift(tangent)
        with noted(lambda: f"{self.name} {where}", self.point.hint):
            self.calls += 1
            # A copy: it may be memory that the next call writes to.
            found = self._pushed(leaves, np.ldexp(tangent, lift)).copy()
            if lift and not np.isfinite(found).all():
                self.calls += 1
                return self._pushed(leaves, tangent).copy()
        return np.asarray(np.ldexp(found, -lift))

    def _lift(self, tangent: np.ndarray) -> int:
        """
        Return by how many bits a tangent is longer where the claim is called.

        A product is linear: of a short tangent, float16 would leave none of the digits of it.
        """
        if not self._lifts:
            return 0
        longest = float(np.max(np.abs(tangent), initial=0.0))
        return max(0, 1 - int(np.frexp(longest)[1])) if longest else 0

    def _look_at(self, tangents: list[Any], tangent: np.ndarray) -> None:
        """Say, of the first call, whether it wrote to its tangent."""
        point = self.point
        if self.calls == 1:
            expected = point.numbers(point.native(tangent))
            if wrote(point.backend, tangents, expected):
                point.remarks.append(writes_to(self.name, "tangent"))

    def _pushed(self, leaves: list[Any], tangent: np.ndarray) -> np.ndarray:
        point, tangents = self.point, self.point.native(tangent)
        claim = point.call(self._func, leaves, point.tangent(tangents), what=self.name)
        self._look_at(tangents, tangent)
        if self.calls == 1 and wrote(point.backend, leaves, point.at_x0):
            point.remarks.append(writes_to_input(self.name))
        if self._with_value:
            value, claim = pair(claim, self.name, "with_value=True", "func's value and its tangent")
            self.value = kept(point.backend, value) if self.value is None else self.value
        self.eps = max(self.eps, eps_of(self.point.backend, claim))
        numbers, others = self.outputs.flat_tangent(claim, self.name)
        note_rows(point, others)
        return numbers
