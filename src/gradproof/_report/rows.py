"""The entries that a report names: their numbers, with as many digits as each has."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._vectors.layout import Leaf, leaf_of
from .contents import Contents, path_of
from .verdicts import Verdict

#: States of entries that are wrong: beyond doubt, and by one look.
WRONG = ("fail", "off")
#: What is said of an entry that no second look at other steps has confirmed.
ONCE = "measured once"
#: Beyond so many times its bar, one look says that an entry is off.
_BARS = 2


@dataclass(frozen=True)
class Row:
    """
    An entry, as a report shows it.

    Attributes
    ----------
    name : str
        The entry, by the name of the argument: ``w[3, 2]``.
    claimed, measured, bar : float
        The claim, func's own slope, and what that may be off by.
    limit : float
        What the claim may differ by from what was measured, in the same units.
    off : bool
        Whether it differs by more than its bar explains.
    note : str
        What else there is to say: that it was measured once only, that noise hides it.
    """

    name: str
    claimed: float
    measured: float
    bar: float
    limit: float
    off: bool
    note: str

    @property
    def ratio(self) -> float:
        """The claim over what was measured; NaN where that is zero within its bar."""
        known = abs(self.measured) > self.bar
        return self.claimed / self.measured + 0.0 if known else math.nan  # no -0

    @property
    def error(self) -> float:
        """How far the claim is off, relative to what was measured, or else to the claim."""
        return abs(self.claimed - self.measured) / self._size

    @property
    def allowed(self) -> float:
        """The limit, relative to the same."""
        return self.limit / self._size

    @property
    def _size(self) -> float:
        """What was measured; the claim where that is zero within its bar."""
        known = abs(self.measured) > self.bar
        return abs(self.measured if known else self.claimed) or math.nan

    @property
    def cells(self) -> tuple[str, str, str, str, str, str]:
        """Claim, measured, bar, ratio, error and limit, in digits."""
        numbers = digits(self.claimed, self.measured, self.bar)
        if not self.off or math.isnan(self._size):
            return (*numbers, "", "", "")
        ratio = f"{self.ratio:.4g}"
        if float(ratio) == 1:  # a small error takes more digits to be seen
            ratio = f"{self.ratio:.7g}"
        shown = "" if math.isnan(self.ratio) else ratio
        return (*numbers, shown, f"{self.error:.2g}", f"{self.allowed:.2g}")


#: What stands above the cells of a row; error and limit are relative to what was measured.
HEADS = ("entry", "claimed", "measured", "+-", "ratio", "error", "limit")


def columns_of(rows: list[Row]) -> list[int]:
    """Return the columns of `HEADS` that say something of one row at least, but its name."""
    return [i for i in range(len(HEADS) - 1) if any(row.cells[i] for row in rows)]


def digits(claimed: float, measured: float, bar: float) -> tuple[str, str, str]:
    """
    Return a claim, what was measured and its bar, with the digits that each has.

    Parameters
    ----------
    claimed, measured : float
        The two that are compared: as many digits as tell them apart.
    bar : float
        What the measured one may be off by: it has no more digits than that leaves.
    """
    claimed, measured = claimed + 0.0, measured + 0.0  # no -0
    if not (math.isfinite(claimed) and math.isfinite(measured)):
        return f"{claimed:.6g}", f"{measured:.6g}", f"{bar:.1g}"
    error, size = abs(measured - claimed), max(abs(claimed), abs(measured))
    apart = 6 if not error else max(6, math.floor(math.log10(size / error)) + 2)
    known = apart
    if bar > 0 and measured:
        known = min(apart, max(1, math.ceil(math.log10(abs(measured) / bar)) + 1))
    shown = f"{measured:.{known}g}" if abs(measured) > bar / 10 or not bar else "0"
    return f"{claimed:.{apart}g}", shown, f"{bar:.1g}"


def limits(report: Contents, leaf: Leaf) -> np.ndarray:
    """
    Return what each entry of a leaf may be off by, in the units of the slopes.

    Of a comparison with a reference that is its bar, which rounding has made. Elsewhere it is what
    one look may be off by, and the error that matters: relative to the entry, or to the median
    entry of its leaf where that is larger.
    """
    claimed, measured, truncation, noise = (
        report.flat[name][leaf.where] for name in ("claimed", "measured", "truncation", "noise")
    )
    bar = truncation + noise
    if report.accuracy:
        return np.asarray(bar)
    with np.errstate(all="ignore"):
        size = np.fmax(np.abs(claimed), np.abs(measured))
        known = size[np.isfinite(size)]
        middle = float(np.median(known)) if known.size else 0.0
        return np.asarray(_BARS * bar + report.rtol * np.fmax(size, middle))


def off_in(report: Contents) -> np.ndarray:
    """Tell which entries are off: called so, or by one look beyond their limit."""
    flat = report.flat
    off = np.asarray((flat["state"] == WRONG[0]) | (flat["state"] == WRONG[1]))
    if report.verdict is not Verdict.FAIL:
        return off
    for leaf in report.leaves:
        claimed, measured = flat["claimed"][leaf.where], flat["measured"][leaf.where]
        seen = np.isfinite(measured) & (flat["state"][leaf.where] == "unresolved")
        if seen.any():
            with np.errstate(invalid="ignore"):
                beyond = np.abs(measured - claimed) > limits(report, leaf)
            off[leaf.where] |= seen & beyond
    return off


def rows_of(report: Contents, most: int, off: np.ndarray) -> list[Row]:
    """Return the entries that are furthest off, or least resolved, at most so many."""
    if report.ok:
        return []
    found = [entry for entry in report.worst(most) if entry["state"] not in ("pass", "held fixed")]
    if any(entry["state"] in WRONG for entry in found):
        # What could not be resolved, and agrees, is no news beside what is wrong.
        found = [entry for entry in found if off[entry["place"]]]
    found = [entry for entry in found if math.isfinite(entry["measured"])]
    known = {leaf.path: limits(report, leaf) for leaf in _leaves(report, found)}
    return [_row(report, entry, known, off=bool(off[entry["place"]])) for entry in found]


def _leaves(report: Contents, entries: list[dict[str, Any]]) -> list[Leaf]:
    paths = {entry["leaf"] for entry in entries}
    return [leaf for leaf in report.leaves if leaf.path in paths]


def _row(
    report: Contents, entry: dict[str, Any], known: dict[str, np.ndarray], *, off: bool
) -> Row:
    i = entry["place"]
    leaf = leaf_of(list(report.leaves), i)
    claimed, measured, bar = entry["claimed"], entry["measured"], _bar(entry)
    limit = float(known[leaf.path][i - leaf.where.start])
    if off and abs(claimed - measured) <= limit and not report.accuracy:
        # The entry was held against its own size: the median counts by moves that no report has.
        limit = _BARS * bar + report.rtol * abs(claimed)
    return Row(
        path_of(report, i, entry["name"]) or "the entry",
        claimed,
        measured,
        bar,
        limit,
        off and report.verdict is Verdict.FAIL,
        _note(entry, off=off),
    )


def _note(entry: dict[str, Any], *, off: bool) -> str:
    if math.isfinite(entry["right"]):
        return f"one-sided {entry['left']:.6g} and {entry['right']:.6g}"
    if off:
        return "" if entry["state"] == "fail" else ONCE
    if entry["state"] == "unresolved" and _bar(entry) > abs(entry["measured"]):
        return "noise hides it" if entry["noise"] > entry["truncation"] else ""
    return ""


def _bar(entry: dict[str, Any]) -> float:
    return float(entry["truncation"] + entry["noise"])
