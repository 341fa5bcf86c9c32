"""What is wrong with a claim, in words and as values: kinds of mistakes, places, entries."""

import enum
from dataclasses import dataclass

from .._backends.foreign import escaped


class Kind(enum.StrEnum):
    """
    A kind of mistake.

    Each says what the claim is where it is wrong, or what was done to it.
    """

    SIGN = "sign"
    FACTOR = "factor"
    ZERO = "zero"
    TRANSPOSED = "transposed"
    PERMUTED = "permuted"
    SHIFTED = "shifted"
    REDUCED = "reduced"
    SWAPPED = "swapped"
    STALE = "stale"
    MISSING_TERM = "missing_term"
    MISSING_FACTOR = "missing_factor"
    CONDITIONAL = "conditional"
    PRECISION = "precision"
    CLIPPED = "clipped"
    NAN = "nan"
    STRAIGHT_THROUGH = "straight_through"
    CONJUGATE = "conjugate"
    ASYMMETRIC = "asymmetric"
    PARTIAL = "partial"


@dataclass(frozen=True)
class Diagnosis:
    """
    A mistake that explains what was measured.

    Attributes
    ----------
    kind : Kind
        What kind of mistake it is.
    place : str
        Where: a leaf, by the name of the argument, an entry or a part of it, and the condition
        under which entries are wrong, as in ``x where x < 0``; empty for all of the claim.
    value, uncertainty : float or None
        The number that belongs to it, as a factor: what the claim is, divided by what was measured.
    explained : float
        The share of the measured error, in the 2-norm, that it accounts for.
    text : str
        A sentence.
    """

    kind: Kind
    place: str
    value: float | None
    uncertainty: float | None
    explained: float
    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "place", escaped(self.place))
        object.__setattr__(self, "text", escaped(self.text))


@dataclass(frozen=True)
class WrongEntry:
    """
    An entry that was measured to be off, beyond its uncertainty.

    Attributes
    ----------
    path : str
        The entry, by the name of the argument: ``w[3, 2]``.
    index : tuple of int
        Its index in its leaf.
    claimed, measured, uncertainty : float
        The claim, what was measured, and what that may be off by.
    confirmed : bool
        Whether a second look, at other steps, says the same.
    """

    path: str
    index: tuple[int, ...]
    claimed: float
    measured: float
    uncertainty: float
    confirmed: bool


@dataclass(frozen=True)
class WrongPlace:
    """
    A part of a claim in which every entry that was looked at is off.

    Attributes
    ----------
    path : str
        A leaf, a row, a column or a block: ``w``, ``w[3]``, ``w[:, 2]``.
    size : int
        Number of entries that it has.
    looked_at : int
        Number of those that were measured by themselves.
    """

    path: str
    size: int
    looked_at: int
