"""What a check was about: what was moved, what was held fixed, and what was not checked."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from .._backends.foreign import escaped

#: So many names stand in a line; the others are counted.
_NAMED = 4


@dataclass(frozen=True)
class Part:
    """
    One leaf of func's arguments.

    Attributes
    ----------
    name : str
        What it is called: ``params['scale']``.
    shape : tuple of int or None
        Its shape; None for what is no array.
    why : str
        Of what is held fixed, the reason: 'integer', 'not in argnums'.
    """

    name: str
    shape: tuple[int, ...] | None
    why: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", escaped(self.name))

    def __str__(self) -> str:
        shape = "" if self.shape is None else f" ({', '.join(map(str, self.shape))})"
        return f"{self.name}{shape}{f' ({self.why})' if self.why else ''}"


def entries_held(name: str, held: Any, why: str) -> Part:
    """Return what to say of a leaf of which some entries are held fixed, where `held` is true."""
    return Part(name, None, f"{int(held.sum())} of {math.prod(held.shape)} entries, {why}")


@dataclass(frozen=True)
class Scope:
    """
    What a verdict is about.

    Attributes
    ----------
    checked : tuple of Part
        The leaves that func was moved by, and the claim is about.
    held : tuple of Part
        Those that were held fixed, each with the reason.
    products : tuple of str
        At how many cotangents or tangents the product with a Jacobian was checked: of a Jacobian
        that nobody forms, no more is known.
    not_checked : tuple of str
        What was asked for, or belongs to the claim, and could not be checked, with the reason:
        'forward mode (func has none)'.
    """

    checked: tuple[Part, ...] = ()
    held: tuple[Part, ...] = ()
    products: tuple[str, ...] = ()
    not_checked: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "not_checked", tuple(map(escaped, self.not_checked)))

    def without(self, *words: str) -> "Scope":
        """Return the same scope, with more that was not checked."""
        return replace(self, not_checked=_once(self.not_checked + words))

    def of(self, *products: str) -> "Scope":
        """Return the same scope, for products at some cotangents or tangents."""
        return replace(self, products=_once(self.products + products))

    def joined(self, others: Iterable["Scope"]) -> "Scope":
        """Return one scope for several checks at one point."""
        found = self
        for other in others:
            found = Scope(
                _once(found.checked + other.checked),
                _once(found.held + other.held),
                _once(found.products + other.products),
                _once(found.not_checked + other.not_checked),
            )
        return found

    def __str__(self) -> str:
        """Say it in one line, the first few of each kind by name."""
        checked = _listed(self.checked)
        if self.products:
            checked += ("; " if checked else "") + ", ".join(self.products)
        parts = {
            "checked": checked,
            "held fixed": _listed(self.held),
            "not checked": _listed(self.not_checked),
        }
        return "   ".join(f"{what}: {words}" for what, words in parts.items() if words)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it in lists, numbers, text and None: for JSON."""
        return {
            "checked": [{"name": p.name, "shape": _plain(p.shape)} for p in self.checked],
            "held": [{"name": p.name, "shape": _plain(p.shape), "why": p.why} for p in self.held],
            "products": list(self.products),
            "not_checked": list(self.not_checked),
        }


#: Of a report that nobody told.
NOTHING = Scope()


def _listed(items: tuple[Any, ...]) -> str:
    more = len(items) - _NAMED
    words = ", ".join(str(item) for item in items[:_NAMED])
    return words + (f" and {more} more" if more > 0 else "")


def _once(items: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(items))


def _plain(shape: tuple[int, ...] | None) -> list[int] | None:
    return None if shape is None else list(shape)
