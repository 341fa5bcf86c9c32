"""What is known of one array of a claim that failed: entries, claimed and measured."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

#: Of so many entries one may be off by more than its bar, one by more than twice it, and none by
#: more than `_TAIL` times it.
_FEW, _MANY, _TAIL = 4, 100, 5.0
#: So many bars are far.
_FAR = 1e3
#: From this rounding of a claim on, sums do not tell whether a single entry is wrong.
_ROUGH = 1e-3
#: By how much an entry has to exceed what hides it.
_SHOWN = 4.0
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
            # A prediction beyond all that was measured does not explain it by its rounding.
            size = size + min(_rms(size), 2 * _rms(self.measured))
            return np.maximum(self.bar + self.rounding * size, 1e-300)

    @cached_property
    def wrong(self) -> np.ndarray:
        """Which of the measured entries are off."""
        size = np.maximum(np.abs(self.at), np.abs(self.measured))
        with np.errstate(invalid="ignore"):
            # Bars are made of few values: what is within two of them may be right.
            allowed = self.allowed(self.at) + self.bar + self.slack * size
            return np.asarray(~(np.abs(self.error) <= allowed))

    def fits(self, predicted: np.ndarray, among: np.ndarray | None = None) -> bool:
        """Tell whether a prediction explains the measured entries, or those `among` them."""
        off = self.misfit(predicted)
        off = off if among is None else off[among]
        if not (off <= _TAIL).all():
            return False
        # Bars are made of few values, and some are short: of ten one may be off by twice its own.
        over, twice = int((off > 1).sum()), int((off > 2).sum())
        if off.size > 1:
            # Where the claim is off by a thousand bars, what is within five of them is no chance.
            claim = self.misfit(self.at)
            claim = claim if among is None else claim[among]
            if np.median(claim) > _FAR:
                return bool(over <= 1 + off.size // 4 and twice <= (off.size + 6) // 10)
        return bool(over <= off.size // 10 + (off.size >= _FEW) and twice <= off.size // _MANY)

    def digits(self, among: np.ndarray | None = None) -> np.ndarray:
        """Return the evidence against the claim that each entry is, in decimal digits, sorted."""
        among = self.wrong if among is None else among
        off = np.nan_to_num(self.misfit(self.at)[among], nan=np.inf)
        return np.sort(np.clip(np.log10(np.maximum(off, 1.0)), 0.0, _DIGITS))


def is_rough(own: Field) -> bool:
    """Tell whether a claim is rounded so that sums do not tell if a single entry is wrong."""
    return own.rounding > _ROUGH


def _rms(numbers: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(numbers)))) if numbers.size else 0.0


def part_of(own: Field, which: np.ndarray) -> Field:
    """Return a field with some of the measurements."""
    where, measured, bar = own.where[which], own.measured[which], own.bar[which]
    return replace(own, where=where, measured=measured, bar=bar)


def shown(own: Field) -> Any:
    """Tell of which measured entries a mistake as large as themselves would have been seen."""
    size = np.abs(own.measured)
    return size > _SHOWN * (own.allowed(own.at) + own.slack * size)


def called(own: Field) -> str:
    """Return what comes before the index of an entry."""
    return own.name if own.label is None else own.label


def entry_of(own: Field, index: tuple[int, ...]) -> str:
    """Return the words for an entry."""
    index = index[own.batch :]
    if not own.inner:
        return f"{called(own)}{_brackets(index)}"
    at, by = _brackets(index[: -own.inner]), _brackets(index[-own.inner :])
    return f"{at or 'func'} by {by}" if by else at


def _brackets(index: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, index))}]" if index else ""
