"""A report as one structure, in the order in which a reader wants it; text and HTML show it."""

import math
from dataclasses import dataclass

import numpy as np

from .._vectors.layout import Leaf
from .contents import Contents
from .diagnoses import WrongEntry
from .verdicts import Verdict

#: Colours of a heat map: the error in units of its limit, by powers of ten.
STEPS = (1.0, 10.0, 1e2, 1e3, 1e4)
#: The cells that a heat map has along each side at most.
_CELLS = 64


@dataclass(frozen=True)
class Heat:
    """
    How far the entries of a leaf are off, in cells of one or several entries.

    Attributes
    ----------
    steps : ndarray of int
        For each cell the number of the limits in `STEPS` that its largest error exceeds; -1 where
        nothing was measured.
    block : tuple of int
        How many rows and columns of the leaf are one cell.
    """

    steps: np.ndarray
    block: tuple[int, int]


@dataclass(frozen=True)
class Branch:
    """
    A leaf, and what was found for its entries.

    Attributes
    ----------
    path : str
        The leaf, by the name of the argument where that is known.
    shape : tuple of int
        Its shape.
    wrong, right, unresolved, held : int
        How many of its entries are off, agree, were not resolved or measured, are held fixed.
    heat : Heat or None
        Of a leaf with entries that are off.
    """

    path: str
    shape: tuple[int, ...]
    wrong: int
    right: int
    unresolved: int
    held: int
    heat: Heat | None = None


@dataclass(frozen=True)
class Document:
    """
    What a report says.

    Attributes
    ----------
    verdict : Verdict
        'pass', 'fail' or 'inconclusive'.
    finding : str
        One sentence.
    reason : str
        What it rests on, if that is another sentence.
    next_step : str
        What helps; empty where nothing has to be done.
    wrong : list of WrongEntry
        The entries that are off, those furthest off first.
    branches : list of Branch
        The leaves.
    checks : list of (str, str, str)
        Name, verdict and text of whatever was checked.
    scope : list of (str, str)
        What was checked, held fixed and not checked, by those words.
    small_print : list of str
        How sharp it was, what it cost, how it is repeated.
    remarks : tuple of str
        What else was noticed.
    """

    verdict: Verdict
    finding: str
    reason: str
    next_step: str
    wrong: list[WrongEntry]
    branches: list[Branch]
    checks: list[tuple[str, str, str]]
    scope: list[tuple[str, str]]
    small_print: list[str]
    remarks: tuple[str, ...]


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
    if not (math.isfinite(claimed) and math.isfinite(measured)):
        return f"{claimed:.6g}", f"{measured:.6g}", f"{bar:.1g}"
    error, size = abs(measured - claimed), max(abs(claimed), abs(measured))
    apart = 6 if not error else max(6, math.floor(math.log10(size / error)) + 2)
    known = apart
    if bar > 0 and measured:
        known = min(apart, max(1, math.ceil(math.log10(abs(measured) / bar)) + 1))
    shown = f"{measured:.{known}g}" if abs(measured) > bar / 10 or not bar else "0"
    return f"{claimed:.{apart}g}", shown, f"{bar:.1g}"


def document_of(report: Contents, small_print: list[str]) -> Document:
    """Return what a report says, with what stands below it in text."""
    scope = report.scope
    words = [
        ("checked", ", ".join(map(str, (*scope.checked, *scope.products)))),
        ("held fixed", ", ".join(map(str, scope.held))),
        ("not checked", ", ".join(scope.not_checked)),
    ]
    return Document(
        report.verdict,
        report.finding,
        report.reason if report.diagnosis else "",
        report.next_step,
        report.wrong_entries,
        [_branch(report, i, leaf) for i, leaf in enumerate(report.leaves)],
        [(check.name, str(check.verdict), check.text) for check in report.checks],
        [(name, text) for name, text in words if text],
        small_print,
        report.remarks,
    )


def _branch(report: Contents, i: int, leaf: Leaf) -> Branch:
    states = report.flat["state"][leaf.where]
    parts = report.scope.checked
    own = report.pairs is None and len(parts) == len(report.leaves)
    path = parts[i].name if own else leaf.path or "x0"
    counts = {name: int((states == name).sum()) for name in ("fail", "off", "pass", "held fixed")}
    wrong = counts["fail"] + counts["off"]
    unresolved = states.size - wrong - counts["pass"] - counts["held fixed"]
    heat = _heat(report, leaf) if report.verdict is Verdict.FAIL and wrong else None
    return Branch(path, leaf.shape, wrong, counts["pass"], unresolved, counts["held fixed"], heat)


def _heat(report: Contents, leaf: Leaf) -> Heat | None:
    """Return how far entries are off in units of what they may be: two bars, and what matters."""
    if leaf.complex or not leaf.shape:
        return None
    claimed, measured, truncation, noise = (
        report.flat[name][leaf.where] for name in ("claimed", "measured", "truncation", "noise")
    )
    with np.errstate(all="ignore"):
        limit = 2 * (truncation + noise) + report.rtol * np.maximum(abs(claimed), abs(measured))
        ratio = np.abs(claimed - measured) / limit
    rows = ratio.reshape(-1, leaf.shape[-1])
    block = tuple(-(-length // _CELLS) for length in rows.shape)
    cells = np.full([-(-n // b) for n, b in zip(rows.shape, block, strict=True)], -1)
    for i, j in np.ndindex(*cells.shape):
        part = rows[i * block[0] : (i + 1) * block[0], j * block[1] : (j + 1) * block[1]]
        known = part[~np.isnan(part)]
        if known.size:
            cells[i, j] = int(np.searchsorted(STEPS, known.max(), side="left"))
    return Heat(cells, (block[0], block[1]))
