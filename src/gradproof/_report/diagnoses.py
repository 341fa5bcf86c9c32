"""What is wrong with a claim, in words and as values: kinds of mistakes, places, entries."""

import enum
import math
from dataclasses import asdict, dataclass
from typing import Any

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

    def to_dict(self) -> dict[str, Any]:
        """Return everything in numbers, text and None: for JSON."""
        return {
            "kind": str(self.kind),
            "place": self.place,
            "value": _plain(self.value),
            "uncertainty": _plain(self.uncertainty),
            "explained": _plain(self.explained),
            "text": self.text,
        }


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

    def to_dict(self) -> dict[str, Any]:
        """Return everything in numbers, text and None: for JSON."""
        numbers = {
            name: _plain(getattr(self, name)) for name in ("claimed", "measured", "uncertainty")
        }
        index, confirmed = list(self.index), self.confirmed
        return {"path": self.path, "index": index, **numbers, "confirmed": confirmed}


@dataclass(frozen=True)
class WrongPlace:
    """
    A part of a claim that is wrong as a whole, by a mistake that has a name.

    Attributes
    ----------
    path : str
        An argument or a leaf, a row, a column or a block of it: ``w``, ``w[3, :]``.
    size : int
        Number of entries that it has.
    looked_at, off : int
        How many of them were measured by themselves, and how many of these are off.
    """

    path: str
    size: int
    looked_at: int
    off: int

    def to_dict(self) -> dict[str, Any]:
        """Return everything in numbers and text: for JSON."""
        return asdict(self)


def _plain(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
