"""What is known of a claim that failed: entries and sums of entries, claimed and measured."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

#: Of so many entries, one in a hundred may be off by more than its bar, as `_TAIL` times it.
_MANY, _TAIL = 40, 5.0
#: The digits that one measurement may add to the evidence: what is ten thousand bars away is no
#: better proven than what is a thousand bars away.
_DIGITS = 3.0


@dataclass(frozen=True)
class Beside:
    """
    An array that entries of a field may depend on.

    Attributes
    ----------
    name : str
        As in a sentence: ``x``, ``func's values``, ``the cotangent``, ``mask``.
    values : ndarray
        Of the shape of the field, or one that broadcasts to it.
    of_field : bool
        Whether it is what the derivative is taken by.
    """

    name: str
    values: np.ndarray
    of_field: bool = False


@dataclass(frozen=True)
class Field:
    """
    One array of a claim: the gradient by a leaf, an output tangent, a block of a Jacobian.

    Attributes
    ----------
    name : str
        Of the leaf; may be empty if there is only one.
    claimed : ndarray
        The claim, in full.
    where : ndarray of int, shape (k,)
        The entries that were measured, as places in the flat array.
    measured, bar : ndarray of shape (k,)
        What was measured of them, and what that is off by at most.
    slack : float
        What an error of an entry has to exceed, as a share of the larger of claim and measurement,
        to be one.
    rounding : float
        What rounding may leave of an entry of the claim, as a share of it and of what is typical of
        the field, from which it may be computed.
    batch : int
        How many of the first axes number claims of the same kind (tangents; real and imaginary
        parts): a mistake is the same in all of them, and does not mix them.
    complex : bool
        Whether the first of these axes are real and imaginary parts.
    inner : int
        Of a Jacobian, the number of axes of what it is taken by, the last ones.
    beside : tuple of Beside
        Arrays that its entries may depend on.
    complete : bool
        Whether all entries that are off are among those that were measured.
    label : str, optional
        What comes before the index of an entry; by default the name.
    symmetric : bool
        Whether it has to be symmetric: its first half of axes and the other.
    """

    name: str
    claimed: np.ndarray
    where: np.ndarray
    measured: np.ndarray
    bar: np.ndarray
    slack: float = 1e-6
    rounding: float = 0.0
    batch: int = 0
    complex: bool = False
    inner: int = 0
    beside: tuple[Beside, ...] = ()
    complete: bool = False
    label: str | None = None
    symmetric: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the claim."""
        return self.claimed.shape

    @property
    def axes(self) -> range:
        """The axes along which a mistake may have a place."""
        return range(self.batch, self.claimed.ndim)

    @property
    def whole(self) -> bool:
        """Whether every entry was measured, or every one that is off."""
        return self.complete or self.where.size >= self.claimed.size

    @cached_property
    def at(self) -> np.ndarray:
        """The claim of the entries that were measured."""
        return np.asarray(self.claimed.reshape(-1)[self.where])

    @cached_property
    def error(self) -> np.ndarray:
        """What was measured less the claim."""
        return np.asarray(self.measured - self.at)

    @cached_property
    def index(self) -> tuple[np.ndarray, ...]:
        """The index of each measured entry, an array for each axis."""
        return np.unravel_index(self.where, self.shape) if self.shape else ()

    @property
    def called(self) -> str:
        """What comes before the index of an entry."""
        return self.name if self.label is None else self.label

    def entry(self, index: tuple[int, ...]) -> str:
        """Return the words for an entry."""
        index = index[self.batch :]
        if not self.inner:
            return f"{self.called}{_brackets(index)}"
        at, by = _brackets(index[: -self.inner]), _brackets(index[-self.inner :])
        return f"{at or 'func'} by {by}" if by else at

    def taken(self, array: np.ndarray) -> Any:
        """Return the measured entries of an array that broadcasts to the shape of the field."""
        if array.shape == self.shape:
            return array.reshape(-1)[self.where]
        full = np.broadcast_to(array, self.shape)
        return full[self.index] if self.shape else full.reshape(-1)

    def misfit(self, predicted: np.ndarray) -> Any:
        """Return by how many bars the measured entries are off what is predicted of them."""
        with np.errstate(all="ignore"):
            return np.abs(self.measured - predicted) / self.allowed(predicted)

    def allowed(self, predicted: np.ndarray) -> Any:
        """Return by how much measured entries may be off a prediction made of the claim."""
        with np.errstate(all="ignore"):
            size = np.abs(predicted)
            size = size + float(np.sqrt(np.mean(np.square(size)))) if size.size else size
        return np.maximum(self.bar + self.rounding * size, 1e-300)

    @cached_property
    def wrong(self) -> np.ndarray:
        """Which of the measured entries are off."""
        size = np.maximum(np.abs(self.at), np.abs(self.measured))
        with np.errstate(invalid="ignore"):
            return np.asarray(~(np.abs(self.error) <= self.allowed(self.at) + self.slack * size))

    def fits(self, predicted: np.ndarray, among: np.ndarray | None = None) -> bool:
        """Tell whether a prediction explains the measured entries, or those `among` them."""
        off = self.misfit(predicted)
        off = off if among is None else off[among]
        if not (off <= _TAIL).all():
            return False
        over = int((off > 1).sum())
        return over == 0 or (off.size >= _MANY and over <= off.size // 100)

    def digits(self, among: np.ndarray | None = None) -> np.ndarray:
        """Return the evidence against the claim that each entry is, in decimal digits, sorted."""
        among = self.wrong if among is None else among
        off = self.misfit(self.at)[among]
        return np.sort(np.clip(np.log10(np.maximum(off, 1.0)), 0.0, _DIGITS))

    def part(self, which: np.ndarray) -> "Field":
        """Return the field with some of the measurements."""
        return replace(
            self, where=self.where[which], measured=self.measured[which], bar=self.bar[which]
        )


def _brackets(index: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, index))}]" if index else ""


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
    """

    fields: list[Field]
    sums: list[Sum] = field(default_factory=list)
    ask: Callable[[dict[int, np.ndarray]], Sum | None] | None = None
    numbers: dict[str, float] = field(default_factory=dict)
    lengths: tuple[int, ...] = ()
    cotangent: np.ndarray | None = None
    subject: Callable[[str], str] = "the gradient by {}".format

    def consistent(self, predicted: dict[int, np.ndarray]) -> bool | None:
        """
        Tell whether predictions of some fields, in full, explain the sums that these decide.

        Parameters
        ----------
        predicted : dict of int to ndarray
            By the number of a field; of the others the claim is taken to be right.

        Returns
        -------
        bool or None
            None if there is no sum of such fields.
        """
        told = None
        for one in self.sums:
            if any(k in one.weights for k in predicted):
                told = True
                if not self._explained(one, predicted):
                    return False
        return told

    def _explained(self, one: Sum, predicted: dict[int, np.ndarray]) -> bool:
        left, allowed = one.error.astype(float), one.bar.astype(float)
        for k, weights in one.weights.items():
            own = self.fields[k]
            values = predicted.get(k, own.claimed)
            if k in predicted:
                left = left - contracted(values - own.claimed, weights)
            allowed = allowed + blur(values, weights, own.rounding)
        return bool((np.abs(left) <= allowed).all())


def blur(values: np.ndarray, weights: np.ndarray, rounding: float) -> Any:
    """
    Return what rounding of a prediction may add up to in a sum of it.

    Roundings add up like noise, but for a share that they may have in common, as that of a
    constant; and those of float64, in which it is computed, do.
    """
    products = (values.reshape(-1, math.prod(weights.shape)) * weights.reshape(-1)).T
    own, eps = np.sqrt(np.square(products).sum(axis=0)), float(np.finfo(float).eps)
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
