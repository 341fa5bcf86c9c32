"""What is known of a claim that failed: its arrays, and sums of their entries."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .fields import Field

#: What most claims are held against; what claimed Hessians are, and with `grad=`.
SLOPE, SECOND, OF_GRAD = "func's slope", "func's second derivative", "the slope of grad"


@dataclass(frozen=True)
class Sum:
    """
    A sum of entries, each times a weight, that was measured as one.

    Attributes
    ----------
    weights : dict of int to ndarray
        By the number of a field: of what it is taken by (its last axes), or of all its axes.
    error : ndarray
        What was measured, less what is claimed: one number, or one for each value of func.
    bar : ndarray
        What that is off by at most.
    """

    weights: dict[int, np.ndarray]
    error: np.ndarray
    bar: np.ndarray


@dataclass
class Evidence:
    """
    All that is known.

    Attributes
    ----------
    fields : list of Field
        The arrays of the claim.
    sums : list of Sum
        Sums of entries, of all fields or of some.
    ask : callable or None
        Measures a `Sum` with the given weights; None if no more can be measured.
    numbers : dict of str to float
        Numbers among the arguments of func, by name, which a factor may be.
    lengths : tuple of int
        Lengths of axes of func's arguments and values, which a factor may be, too.
    cotangent : ndarray, optional
        What func's values are weighed by, in their shape.
    subject : callable
        From the name of a field to the words for the claim: "the gradient by `w`".
    truth : str
        The words for what the claim is held against; names say `SLOPE`.
    """

    fields: list[Field]
    sums: list[Sum] = field(default_factory=list)
    ask: Callable[[dict[int, np.ndarray]], Sum | None] | None = None
    numbers: dict[str, float] = field(default_factory=dict)
    lengths: tuple[int, ...] = ()
    cotangent: np.ndarray | None = None
    subject: Callable[[str], str] = "the gradient by {}".format
    truth: str = SLOPE

    def consistent(
        self, predicted: dict[int, np.ndarray], blurred: dict[int, float] | None = None
    ) -> bool | None:
        """
        Tell whether predictions of some fields, in full, explain the sums that these decide.

        Parameters
        ----------
        predicted : dict of int to ndarray
            By the number of a field; of the others the claim is taken to be right.
        blurred : dict of int to float, optional
            The relative uncertainty of a number in a prediction.

        Returns
        -------
        bool or None
            None if there is no sum of such fields.
        """
        told = None
        for one in self.sums:
            if any(k in one.weights for k in predicted):
                told = True
                if not self._explained(one, predicted, blurred or {}):
                    return False
        return told

    def off(self, k: int) -> bool:
        """Tell whether a sum of a field alone shows that it is wrong."""
        own = self.fields[k]
        for one in self.sums:
            if set(one.weights) == {k}:
                bar = one.bar + blur(own.claimed, one.weights[k], own.rounding)
                size = np.abs(contracted(own.claimed, one.weights[k]))
                if (np.abs(one.error) > bar + own.slack * size).any():
                    return True
        return False

    def _explained(
        self, one: Sum, predicted: dict[int, np.ndarray], blurred: dict[int, float]
    ) -> bool:
        left, allowed = one.error.astype(float), one.bar.astype(float)
        for k, weights in one.weights.items():
            own = self.fields[k]
            values = predicted.get(k, own.claimed)
            if k in predicted:
                left = left - contracted(values - own.claimed, weights)
                allowed = allowed + blurred.get(k, 0.0) * np.abs(contracted(values, weights))
            allowed = allowed + blur(values, weights, own.rounding)
        return bool((np.abs(left) <= allowed).all())


def blur(values: np.ndarray, weights: np.ndarray, rounding: float) -> Any:
    """
    Return what rounding of a prediction may add up to in a sum of it.

    Roundings add up like noise, but for a share that they may have in common, as that of a
    constant; and those of float64, in which it is computed, do.
    """
    products = (values.reshape(-1, math.prod(weights.shape)) * weights.reshape(-1)).T
    top = float(np.abs(products).max(initial=0.0))
    top = top if top and np.isfinite(top) else 1.0  # so that no square is too large
    own, eps = top * np.sqrt(np.square(products / top).sum(axis=0)), float(np.finfo(float).eps)
    return rounding * (own + np.abs(products.sum(axis=0)) / 2) + 8 * eps * own


def contracted(values: np.ndarray, weights: np.ndarray) -> Any:
    """Return the sum of values times weights over the axes of the weights, the last ones."""
    size = math.prod(weights.shape)
    return values.reshape(-1, size) @ weights.reshape(-1) if size else np.zeros(1)


@dataclass(frozen=True)
class Case:
    """
    A field that is wrong, and all that is known beside it.

    Attributes
    ----------
    evidence : Evidence
        All that is known.
    k : int
        The number of the field.
    right : frozenset of int
        The numbers of those that were seen to be right.
    """

    evidence: Evidence
    k: int
    right: frozenset[int]

    @property
    def own(self) -> Field:
        """The field."""
        return self.evidence.fields[self.k]

    @property
    def sums(self) -> list[Sum]:
        """The sums that involve no other field that may be wrong."""
        return [
            one
            for one in self.evidence.sums
            if self.k in one.weights
            and self.right.issuperset(j for j in one.weights if j != self.k)
        ]
