"""Calls of a rule that are of one kind, and values that are of another kind."""

import types
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._backends.recorded import Call, Described, code_of

#: Kinds of one rule that are kept: those that follow are counted, and named as not verified.
MOST = 64
#: Arrays of so many numbers, or fewer, are looked at for ties.
_FEW = 4096


@dataclass
class Kind:
    """
    The calls of a rule with one structure, shapes, dtypes and static arguments.

    Attributes
    ----------
    call : Call
        The first of them.
    caller : str
        Where that was made: the test, file and line.
    calls : int
        How many there were.
    taken : list of list
        The values of the arrays, of one call or of two whose values are of different kinds.
    characters : list
        What the values are like, for each in `taken`.
    looks : int
        How many calls' values were looked at.
    verified : tuple of bool or None
        By which leaves it was verified; None before that, and where it was by all.
    drawn : str
        Why there are no values, if there are none: they are drawn then.
    """

    call: Call
    caller: str
    calls: int = 0
    taken: list[list[Any]] = field(default_factory=list)
    characters: list[Any] = field(default_factory=list)
    looks: int = 0
    verified: tuple[bool, ...] | None = None
    drawn: str = ""

    @property
    def grown(self) -> bool:
        """Whether a call after it was verified is differentiated by more than that was by."""
        now = self.call.differentiated
        if self.verified is None or now is None:
            return False
        return any(new and not old for new, old in zip(now, self.verified, strict=True))

    def __str__(self) -> str:
        return ", ".join(_shown(leaf) for leaf in self.call.leaves)


def key_of(call: Call) -> Hashable:
    """Return what tells calls of different kinds apart."""
    closures = tuple(_kind(value) for part in call.parts for value in _closure(part))
    return call.rule, call.structure, call.settings, closures, tuple(map(_kind, call.leaves))


def _closure(function: Any) -> list[Any]:
    """Return what a function that is made by another one keeps of it."""
    cells = getattr(function, "__closure__", None) or ()
    return [_content(cell) for cell in cells]


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _kind(leaf: Any) -> Hashable:
    if leaf is None or isinstance(leaf, (bool, int, str, bytes, Described)):
        return type(leaf), leaf
    if isinstance(leaf, (float, complex)):
        # A rate that falls with each step makes no new kind.
        return type(leaf), leaf == 0, leaf == leaf, isinstance(leaf, float) and leaf > 0
    code: Hashable = code_of(leaf) if callable(leaf) else None
    if code is not None:
        return code
    own: Any = type(leaf).__eq__
    try:
        return (type(leaf),) if own is object.__eq__ else (leaf, hash(leaf))
    except TypeError:
        return (type(leaf),)


def _shown(leaf: Any) -> str:
    if isinstance(leaf, Described) or leaf is None or isinstance(leaf, (bool, int, float, complex)):
        return str(leaf)
    if isinstance(leaf, str):
        return repr(leaf) if len(leaf) <= 20 else f"'{leaf[:17]}...'"
    if isinstance(leaf, (types.FunctionType, types.MethodType, type)):
        return str(leaf.__name__)
    return type(leaf).__name__


def character(arrays: list[np.ndarray]) -> tuple[str, ...]:
    """
    Return what the values of a call are like, where derivatives may have cases of their own.

    Parameters
    ----------
    arrays : list of ndarray
        The arguments; half precision in single.
    """
    return tuple(map(_character, arrays))


def _character(array: np.ndarray) -> str:
    if array.size == 0:
        return "empty"
    if array.dtype == bool or np.issubdtype(array.dtype, np.integer):
        low, high = array.min(), array.max()
        return "saturated" if low == high else "mixed"
    if np.isnan(array).any():
        return "nan"
    if np.isinf(array).any():
        return "infinite"
    if not array.any():
        return "zeros"
    few = 1 < array.size <= _FEW
    tied = few and len(np.unique(array)) < array.size
    return "tied" if tied else ""
