"""Claimed Hessians and their products, as Jacobians of a gradient."""

from typing import Any

import numpy as np

from .._vectors.point import Point
from .gradient import Claim
from .jacobian import Jacobian
from .jvp import Tangents


class Hessian(Jacobian):
    """A function that returns Hessians: Jacobians of the gradient."""

    name = "hess"


class HessianProduct(Claim):
    """The product of a Hessian with one tangent, as a gradient."""

    name = "hess"
    products = ("Hessian times 1 tangent",)

    def __init__(self, claim: Jacobian | Tangents, tangent: np.ndarray, point: Point) -> None:
        self._claim, self._tangent = claim, tangent
        super().__init__(lambda: None, point)

    @property
    def formed(self) -> bool:
        """Whether a Hessian is claimed, rather than products with it."""
        return not isinstance(self._claim, Tangents)

    def matrix(self) -> np.ndarray:
        """Return the claimed Hessian, a column by each entry: of products, so many more of them."""
        if isinstance(self._claim, Tangents):
            units = np.eye(self.at_x0.size)
            return np.stack([np.asarray(self._claim.one(unit)) for unit in units], axis=1)
        columns = self._claim.at_x0()
        return np.stack([columns.column(i) for i in range(columns.shape[1])], axis=1)

    def _gradient(self, leaves: list[Any], where: str) -> np.ndarray:
        product = self._claim.product(leaves, self._tangent, where)
        self.eps = self._claim.eps
        return product
