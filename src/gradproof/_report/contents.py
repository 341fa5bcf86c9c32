"""The contents of a report: its fields, and what follows from them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._backends.foreign import escaped
from .._vectors.layout import Leaf, Pairs, leaf_of
from .._vectors.scope import NOTHING, Scope
from .advice import of_reason
from .diagnoses import Diagnosis, WrongEntry, WrongPlace
from .ladder import Jacobian, Ladder
from .reach import Reach
from .verdicts import Check, Verdict


@dataclass(frozen=True, eq=False, repr=False)
class Contents:
    """What a report holds; `Report` says what each field is."""

    verdict: Verdict
    reason: str
    remarks: tuple[str, ...]
    rtol: float
    resolved: float
    whole: float
    dtype: str
    nfev: int
    ngev: int
    seed: int
    flat: dict[str, np.ndarray]
    leaves: tuple[Leaf, ...]
    pairs: Pairs | None = None
    checks: tuple[Check, ...] = ()
    alone: tuple[float, float] | None = None
    reach: Reach | None = None
    compile_time: float = 0.0
    advice: str = ""
    interrupted: bool = False
    scope: Scope = NOTHING
    accuracy: tuple[tuple[str, float], ...] = ()
    measured_in: str = ""
    diagnosis: tuple[Diagnosis, ...] = ()
    right: tuple[str, ...] = ()
    wrong_places: tuple[WrongPlace, ...] = ()
    repeat: str = ""
    ladder: Ladder | None = None
    jacobian: Jacobian | None = None
    called: str = "func"

    def __post_init__(self) -> None:
        # Exceptions, paths and values of the user are part of these.
        object.__setattr__(self, "reason", escaped(self.reason))
        object.__setattr__(self, "remarks", tuple(map(escaped, self.remarks)))
        object.__setattr__(self, "repeat", escaped(self.repeat))

    @property
    def ok(self) -> bool:
        """Whether the claim passed; an inconclusive check is not ok."""
        return self.verdict is Verdict.PASS

    @property
    def next_step(self) -> str:
        """What would help a check that is inconclusive; empty for one that is not."""
        if self.verdict is not Verdict.INCONCLUSIVE:
            return ""
        return self.advice or of_reason(self.reason)

    @property
    def finding(self) -> str:
        """What was found, in one sentence: the mistake if it could be named, else the reason."""
        if not self.diagnosis:
            return self.reason
        text = self.diagnosis[0].text
        others = [one.place for one in self.diagnosis[1:] if one.place != self.diagnosis[0].place]
        if others:
            text += f"; something is wrong in {others[0]}, too"
        if self.right:
            names = [name if " " in name else f"`{name}`" for name in self.right]
            more = f" and {len(names) - 4} more" if len(names) > 4 else ""
            text += f"; {', '.join(names[:4])}{more} {'is' if len(names) == 1 else 'are'} right"
        return text

    @property
    def wrong_entries(self) -> list[WrongEntry]:
        """The entries that were measured to be off, those that are furthest off first."""
        flat = self.flat
        if self.verdict is not Verdict.FAIL:
            return []
        state = flat["state"]
        with np.errstate(all="ignore"):
            bar = flat["truncation"] + flat["noise"]
            off = np.abs(flat["measured"] - flat["claimed"]) - bar
        places = np.flatnonzero((state == "fail") | (state == "off"))
        places = places[np.argsort(-np.nan_to_num(off[places], nan=np.inf), kind="stable")]
        found = []
        for i in places:
            one = _entry(self, int(i))
            path, confirmed = path_of(self, int(i), one["name"]), one["state"] == "fail"
            claimed, measured = one["claimed"], one["measured"]
            found.append(
                WrongEntry(path, one["index"], claimed, measured, float(bar[i]), confirmed)
            )
        return found

    @property
    def entries(self) -> dict[str, Any]:
        """One number for each entry of x0, by name; see the class."""
        return {name: _shaped(self, values) for name, values in self.flat.items()}

    def worst(self, k: int = 5) -> list[dict[str, Any]]:
        """
        Return the entries that are furthest off, or least resolved, first.

        Parameters
        ----------
        k : int
            How many at most.

        Returns
        -------
        list of dict
            With the ``name`` of the entry, the ``index`` in its leaf and the ``leaf`` (its path),
            its ``place`` among all entries, and its numbers from `entries`.
        """
        state = self.flat["state"]
        # What was not reached may be all that there is of an interrupted check, and says nothing.
        measured = np.isfinite(self.flat["measured"])
        kinds = [
            state == "fail",
            state == "off",
            (state == "unresolved") & measured,
            state == "unresolved",
        ]
        rank = np.select(kinds, [4, 3, 2, 1], 0)
        # By state, then by resolution; the first of equals first.
        order = np.lexsort((-self.flat["resolution"], -rank))
        return [_entry(self, int(i)) for i in order[:k]]


def _shaped(contents: Contents, values: np.ndarray) -> Any:
    """Return numbers of all entries in the shape of x0."""
    parts: dict[str, Any] = {}
    for leaf in contents.leaves:
        own = values[leaf.where]
        shape = leaf.shape
        parts[leaf.path] = own.reshape((2, *shape) if leaf.complex else shape)
    return parts[""] if list(parts) == [""] else parts


def path_of(contents: Contents, i: int, name: str) -> str:
    """Return what to call an entry, by the name of its argument if it is one of an argument."""
    parts, leaves = contents.scope.checked, contents.leaves
    # What is compared with a reference are results, and not what they are computed from.
    if contents.pairs is not None or contents.accuracy or len(parts) != len(leaves):
        return name
    leaf = leaf_of(list(leaves), i)
    called = parts[leaves.index(leaf)].name
    return name if name == called else f"{called}{name[len(leaf.path) :]}"


def _entry(contents: Contents, i: int) -> dict[str, Any]:
    """Return the name of an entry, and its numbers."""
    leaf = leaf_of(list(contents.leaves), i)
    numbers = {name: values[i].item() for name, values in contents.flat.items()}
    name = leaf.name(i)
    row = numbers.get("row", -1)
    if contents.pairs is not None and row >= 0:
        name = contents.pairs.name(row, i)
    name = name or path_of(contents, i, name) or "x0"  # of one number: what its argument is called
    return {"name": name, "leaf": leaf.path, "index": leaf.index(i), "place": i, **numbers}
