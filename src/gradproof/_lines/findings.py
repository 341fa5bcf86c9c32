"""What a check has found so far, entry by entry."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from .._numerics.extrapolation import Estimate
from .._numerics.rungs import Rungs
from .._report.ladder import Jacobian
from .._report.places import PairsOff
from .._report.reach import LeafReach

PASS, FAIL, OPEN = "pass", "fail", "unresolved"
#: Of an entry that cannot be moved, of which nothing is said.
HELD = "held fixed"


class Column:
    """
    One value for each entry, of which all but a few are the same: what directions leave to say.

    Parameters
    ----------
    size : int
        Number of entries.
    usual : float or str
        The value of most of them.
    """

    def __init__(self, size: int, usual: Any) -> None:
        self.size, self.usual = size, usual
        self.other: dict[int, Any] = {}

    def __getitem__(self, i: Any) -> Any:
        return self.other.get(int(i), self.usual)

    def __setitem__(self, i: Any, value: Any) -> None:
        self.other[int(i)] = value

    def full(self, dtype: Any) -> np.ndarray:
        """Return the values as an array; where all are the same, a view of one."""
        if not self.other:
            return np.broadcast_to(np.asarray(self.usual, dtype=dtype), (self.size,))
        full = np.full(self.size, self.usual, dtype=dtype)
        full[list(self.other)] = list(self.other.values())
        return full


class Looked(NamedTuple):
    """An entry that was looked at by itself, and what errors of it are compared with."""

    i: int
    rungs: Rungs
    e: Estimate
    material: float


class Searched(NamedTuple):
    """A line through entries, and what errors along it are compared with."""

    line: str
    rungs: Rungs
    e: Estimate
    scale: float


@dataclass
class Findings:
    """
    What is known of each entry; arrays of shape (n,), in the units of the survey.

    Attributes
    ----------
    error, truncation, noise : ndarray
        The claim's error, and the two parts of its bar; NaN and infinity where not measured.
    step : ndarray
        The finest step that went into it.
    right, left : ndarray
        The claim's error on either side, where they differ.
    state : ndarray of object
        `PASS`, `FAIL`, `OPEN` or `HELD`.
    flagged : ndarray of bool
        Where a difference was seen beyond its bar. Only a sharper look may clear such an entry.
    convicted : ndarray of bool
        Where two looks at all entries, without a common evaluation, say that the claim is off.
    row, claimed, resolution : ndarray
        Of a Jacobian: the value of func that an entry is about, what is claimed of it, and the
        relative error that would have been seen; empty for a gradient.
    looked : Looked or None
        The ladder of an entry that was looked at by itself: of one that is off, if there is one.
    searched : Searched or None
        The ladder of the first line that a search has gone along.
    jacobian : Jacobian or None
        Of a small Jacobian: each entry by one difference, or by a ladder where there was one.
    off : PairsOff or None
        Of a Jacobian: how many of its entries one look says are off, and where.
    whole : float
        Bound on the error of the gradient as a whole, relative to the claim.
    alone : float
        The least error of one entry alone that directions would have shown; NaN if each entry was
        looked at.
    reach : tuple of LeafReach
        What directions would have shown of leaves and rows.
    remarks : list of str
        What else was noticed.
    interrupted : bool
        Whether the user ended the check early.
    off_alike : bool
        Whether the claim is off on both sides of x0 where equal entries move alike.
    """

    error: np.ndarray
    truncation: np.ndarray
    noise: np.ndarray
    step: np.ndarray
    right: np.ndarray
    left: np.ndarray
    state: np.ndarray
    flagged: np.ndarray
    convicted: np.ndarray
    row: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=int))
    claimed: np.ndarray = field(default_factory=lambda: np.empty(0))
    resolution: np.ndarray = field(default_factory=lambda: np.empty(0))
    looked: Looked | None = None
    searched: Searched | None = None
    jacobian: Jacobian | None = None
    off: PairsOff | None = None
    whole: float = np.nan
    alone: float = np.nan
    reach: tuple[LeafReach, ...] = ()
    remarks: list[str] = field(default_factory=list)
    interrupted: bool = False
    off_alike: bool = False

    @classmethod
    def none(cls, n: int) -> "Findings":
        """Return the findings before the first look."""
        nan, infinite = np.full(n, np.nan), np.full(n, np.inf)
        return cls(
            error=nan.copy(),
            truncation=infinite.copy(),
            noise=infinite.copy(),
            step=nan.copy(),
            right=nan.copy(),
            left=nan.copy(),
            state=np.full(n, OPEN, dtype=object),
            flagged=np.zeros(n, dtype=bool),
            convicted=np.zeros(n, dtype=bool),
        )

    @classmethod
    def few(cls, n: int) -> "Findings":
        """Return the same, for a check that looks at few of the entries by themselves."""
        usual = {
            "error": np.nan, "truncation": np.inf, "noise": np.inf, "step": np.nan,
            "right": np.nan, "left": np.nan, "state": OPEN, "flagged": 0, "convicted": 0,
        }  # fmt: skip
        # A `Column` is read and written to like an array.
        columns: dict[str, Any] = {name: Column(n, value) for name, value in usual.items()}
        return cls(**columns)

    def pass_rest(self) -> None:
        """Pass what is still open."""
        if isinstance(self.state, Column):
            self.state.usual = PASS
            kept = {i: state for i, state in self.state.other.items() if state != OPEN}
            self.state.other = kept
        else:
            self.state[self.state == OPEN] = PASS

    def record(self, i: int, e: Estimate) -> None:
        """Keep the estimate for entry `i`."""
        self.error[i], self.truncation[i], self.noise[i] = e.value, e.truncation, e.noise
        self.step[i] = e.step

    def settle(self, allowed: np.ndarray, visible: np.ndarray) -> None:
        """Pass entries that agree, and of which the bar says that they could have disagreed."""
        size, bar = np.abs(self.error), self.truncation + self.noise
        good = (size <= allowed + bar) & (size + bar <= visible)
        self.state[good & (self.state == OPEN)] = PASS

    def show(self, looked: Looked) -> None:
        """Keep a ladder for a picture, unless one of a wrong entry is kept."""
        if self.looked is None or self.state[self.looked.i] != FAIL:
            self.looked = looked

    @property
    def failed(self) -> bool:
        """Whether an entry is off."""
        return self._any(FAIL)

    @property
    def wrong(self) -> list[int]:
        """The entries that are off."""
        if isinstance(self.state, Column):
            return [i for i, state in self.state.other.items() if state == FAIL]
        return [int(i) for i in np.flatnonzero(self.state == FAIL)]

    @property
    def open_ones(self) -> tuple[int, int]:
        """How many entries are without a verdict, and how many of these without a measurement."""
        if not isinstance(self.state, Column):
            unmeasured = np.isnan(self.error) & (self.state == OPEN)
            return self.unresolved.size, int(unmeasured.sum())
        if self.state.usual != OPEN:
            return 0, 0
        settled = {i for i, state in self.state.other.items() if state != OPEN}
        errors: Any = self.error
        measured = {i for i, error in errors.other.items() if np.isfinite(error)}
        return self.state.size - len(settled), self.state.size - len(settled | measured)

    @property
    def undecided(self) -> bool:
        """Whether an entry is without a verdict."""
        return self._any(OPEN)

    def _any(self, state: str) -> bool:
        if isinstance(self.state, Column):
            return state in (self.state.usual, *self.state.other.values())
        return bool((self.state == state).any())

    @property
    def unresolved(self) -> np.ndarray:
        """The entries without a verdict."""
        return np.flatnonzero(self.state == OPEN)
