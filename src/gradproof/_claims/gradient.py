"""What the user claims: a gradient, at x0 and near it, as one flat vector."""

import abc
from typing import Any

import numpy as np

from .._backends.registry import Backend, is_array
from .._backends.typing import Function
from .._vectors.callables import noted
from .._vectors.held import kept, writes_to_input, wrote
from .._vectors.passes import moved_for_claim
from .._vectors.point import Point
from .matching import flat_claim


class Claim(abc.ABC):
    """
    A claimed gradient of a weighted sum of func's values.

    Parameters
    ----------
    func : callable
        The claim, as the user gave it.
    point : Point
        Where it is made.

    Attributes
    ----------
    at_x0 : ndarray of shape (n,)
        The gradient at x0, flat.
    calls : int
        Calls of the claim.
    eps : float
        Machine epsilon of the coarsest dtype that it returned; 0 for none of the library.
    """

    #: What the claim is called in messages.
    name: str
    #: Of a claim that is a product: at how many cotangents or tangents it is checked.
    products: tuple[str, ...] = ()

    def __init__(self, func: Function, point: Point) -> None:
        self._func, self.point = func, point
        self.calls, self.eps = 0, 0.0
        found = self._gradient(point.copies_for_claim(), "at x0")
        # It may be an array of the user's own, that later calls write to.
        self.at_x0 = found if found.base is None and found.flags.owndata else found.copy()

    def hold(self, entries: np.ndarray) -> None:
        """Hold fixed the entries for which there is no number, where func has none either."""
        self.point.hold(entries, "whose claim is not finite, as values of func are not")
        self.at_x0 = np.where(entries, 0.0, self.at_x0)

    def near(self, displacement: np.ndarray) -> np.ndarray | None:
        """Return the gradient at x0 plus a displacement; None if the claim fails there."""
        try:
            return self._gradient(moved_for_claim(self.point, displacement), "near x0")
        except Exception:
            return None

    def _called(self, leaves: list[Any], where: str, *extra: Any) -> Any:
        self.calls += 1
        with noted(lambda: f"{self.name} {where}", self.point.hint):
            value = self.point.call(self._func, leaves, *extra, what=self.name)
        if self.calls == 1 and wrote(self.point.backend, leaves, self.point.at_x0):
            self.point.remarks.append(writes_to_input(self.name))
        return value

    def _flat(self, claim: Any) -> np.ndarray:
        self.eps = max(self.eps, eps_of(self.point.backend, claim))
        return flat_claim(self.point, claim, self.name)

    @abc.abstractmethod
    def _gradient(self, leaves: list[Any], where: str) -> np.ndarray:
        """Return the claimed gradient at some leaves, flat."""


class Gradient(Claim):
    """A gradient of a func of one value, alone or after that value."""

    name = "grad"

    def __init__(self, func: Function, point: Point, *, with_value: bool) -> None:
        self._with_value = with_value
        self.value: Any = None
        super().__init__(func, point)

    def _gradient(self, leaves: list[Any], where: str) -> np.ndarray:
        claim = self._called(leaves, where)
        if self._with_value:
            value, claim = pair(
                claim, self.name, "value_and_grad=True", "the value and the gradient"
            )
            self.value = kept(self.point.backend, value) if self.calls == 1 else self.value
        return self._flat(claim)


def eps_of(backend: Backend, claim: Any) -> float:
    """Return the machine epsilon of the coarsest native array in a claim; 0 if there is none."""
    leaves = [claim] if is_array(claim) else backend.flatten(claim).leaves
    return max((float(backend.eps(v.dtype)) for v in leaves if backend.is_native(v)), default=0.0)


def pair(value: Any, name: str, form: str, expected: str) -> tuple[Any, Any]:
    """Return the two items of a pair; TypeError if it is none."""
    if isinstance(value, (tuple, list)) and len(value) == 2:
        return value[0], value[1]
    msg = (
        f"{name} returned {value!r:.60} of type {type(value).__name__}; {form} means a pair of "
        f"{expected}."
    )
    raise TypeError(msg)
