"""A claimed vjp at one cotangent: of func's values weighed by it, a gradient."""

import copy
import inspect
from typing import Any, Self

import numpy as np

from .._backends.typing import Function
from .._vectors.held import kept, writes_to
from .._vectors.outputs import Outputs
from .._vectors.point import Point
from .gradient import Claim, pair
from .matching import of_arguments

#: What is said of a vjp that takes x0 alone, and returns no pair.
_PULLBACK = "a vjp that takes no cotangent"


class Vjp(Claim):
    """
    A vjp, for one cotangent.

    Attributes
    ----------
    value : object
        What came back beside the pullback, if it is of that form.
    writes : bool
        Whether its first call wrote to the cotangent.
    """

    name = "vjp"
    products = ("vjp at 1 cotangent",)

    def __init__(
        self, func: Function, point: Point, outputs: Outputs, u: np.ndarray, *, pullback: bool
    ) -> None:
        self._pullback, self.outputs = pullback, outputs
        self.value: Any = None
        self.u, self._layout = u, ""
        self.writes = False
        super().__init__(func, point)

    def of(self, u: np.ndarray, displacement: np.ndarray | None = None, *, layout: str = "") -> Any:
        """
        Return the gradient for another cotangent; None if it fails at a displaced point.

        `layout` is how the cotangent lies in memory; contiguous by default.
        """
        before, self.u, self._layout = self.u, u, layout
        try:
            if displacement is not None:
                return self.near(displacement)
            return self._gradient(self.point.copies_for_claim(), "at x0")
        finally:
            self.u, self._layout = before, ""

    def at(self, u: np.ndarray) -> Self:
        """Return the same vjp for another cotangent, as a claim of its own; calls go on."""
        other = copy.copy(self)
        other.u, other.at_x0 = u, self.of(u)
        other.calls = self.calls
        return other

    def _gradient(self, leaves: list[Any], where: str) -> np.ndarray:
        weights = self.outputs.cotangent(self.u, self._layout)
        cotangent = self.outputs.rebuilt(self.outputs.value, weights)
        if not self._pullback:
            grads = self._called(leaves, where, cotangent)
        else:
            returned = self._called(leaves, where)
            value, pull = pair(returned, self.name, _PULLBACK, "y and a function of the cotangent")
            self.value = kept(self.point.backend, value) if self.calls == 1 else self.value
            grads = pull(cotangent)
        self._look_at(weights)
        return self._flat(self._unwrapped(grads))

    def _look_at(self, weights: list[Any]) -> None:
        """Say, of the first call, whether it wrote to its cotangent."""
        if self.calls == 1 and self.outputs.written(weights, self.u):
            self.writes = True
            self.point.remarks.append(writes_to(self.name, "cotangent"))

    def _unwrapped(self, grads: Any) -> Any:
        """Return the gradients by what is moved, where there is one for each argument of func."""
        return of_arguments(self.point, grads, self.name)


def takes_cotangent(vjp: Function, count: int, kwargs: dict[str, Any] | None) -> bool:
    """
    Tell whether a vjp takes a cotangent after func's arguments, or returns a pullback.

    Parameters
    ----------
    vjp : callable
        As the user gave it.
    count : int
        Number of func's positional arguments.
    kwargs : dict or None
        Its keyword arguments.
    """
    try:
        signature = inspect.signature(vjp)
    except (TypeError, ValueError):  # some builtins have none
        return True

    def takes(n: int) -> bool:
        try:
            signature.bind(*range(n), **(kwargs or {}))
        except TypeError:
            return False
        return True

    if takes(count + 1):
        return True
    if takes(count):
        return False
    msg = (
        f"vjp{signature} takes neither func's {count} positional arguments and a cotangent, nor "
        "func's arguments alone (then it returns y and a pullback)."
    )
    raise TypeError(msg)
