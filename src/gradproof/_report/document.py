"""A report as one structure, in the order in which a reader wants it; all faces show it."""

from dataclasses import dataclass

import numpy as np

from .._vectors.remarks import NOT_IN_BATCHES
from .contents import Contents
from .heat import Heat, heat_of
from .ladder import Ladder
from .naming import line_of
from .rows import Row, off_in, rows_of
from .seen import along_the_claim, cost, in_colours, is_weak, smallest_seen
from .verdicts import Verdict

#: Entries that a page has at most.
MOST = 1000
#: Entries that a remark names.
_NAMED = 3


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
    as_a_whole : bool
        Whether it was seen to be right by sums of its entries, where a claim failed elsewhere.
    """

    path: str
    shape: tuple[int, ...]
    wrong: int
    right: int
    unresolved: int
    held: int
    heat: Heat | None = None
    as_a_whole: bool = False

    @property
    def told(self) -> tuple[str, str]:
        """The verdict on the leaf, empty where it has none, and how many entries that is about."""
        if self.wrong:
            return "fail", f"{self.wrong} off"
        if self.unresolved and self.as_a_whole:
            return "pass", "right as a whole"
        if self.unresolved:
            return "inconclusive", f"{self.unresolved} not measured or not resolved"
        if self.right:
            return "pass", f"{self.right} agree"
        return "", "held fixed"


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
    rows : list of Row
        The entries that are off, or not resolved, the worst first; `MOST` at most.
    off : int
        How many entries are off.
    next_step : str
        What helps; empty where nothing has to be done.
    seen : list of str
        How small a mistake would have been seen.
    weak : bool
        Whether a mistake as large as what it is in would not have been seen somewhere.
    more : list of str
        More about that.
    branches : list of Branch
        The leaves.
    checks : list of (str, str, str)
        Name, verdict and text of whatever was checked.
    failing : list of str
        What fails besides that which the finding is about.
    scope : list of (str, list of list of str)
        What was checked, held fixed and not checked, by those words: leaves, and then products.
    cost : list of str
        What was called how often, and which errors matter.
    repeat : str
        The call that repeats it; empty where it is not known.
    remarks : list of str
        What else was noticed.
    ladder : (Ladder, str) or None
        The steps along the line that decides, and what moved along it.
    """

    verdict: Verdict
    finding: str
    reason: str
    rows: list[Row]
    off: int
    next_step: str
    seen: list[str]
    weak: bool
    more: list[str]
    branches: list[Branch]
    checks: list[tuple[str, str, str]]
    failing: list[str]
    scope: list[tuple[str, list[list[str]]]]
    cost: list[str]
    repeat: str
    remarks: list[str]
    ladder: tuple[Ladder, str] | None


def listed(groups: list[list[str]], most: int = MOST) -> str:
    """Return what is in groups of names in a line, so many of each group, the others counted."""
    words = [
        ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
        for names in groups
        if names
    ]
    return "; ".join(words)


def document(report: Contents, most: int = MOST, *, heat: bool = True) -> Document:
    """Return what a report says, with so many entries at most, and without pictures for text."""
    scope = report.scope
    words = [
        ("checked", [list(map(str, scope.checked)), list(scope.products)]),
        ("held fixed", [list(map(str, scope.held))]),
        ("not checked", [list(scope.not_checked)]),
    ]
    off = off_in(report)
    remarks = [one for one in report.remarks if not one.startswith(NOT_IN_BATCHES)]
    texts = [(check, f"{check.name}: {check.text}") for check in report.checks]
    return Document(
        verdict=report.verdict,
        finding=report.finding,
        reason=report.reason if report.diagnosis else "",
        rows=rows_of(report, most, off),
        off=int(off.sum()),
        next_step=report.next_step,
        seen=smallest_seen(report),
        weak=is_weak(report),
        more=[*along_the_claim(report), *(one for one in remarks if _is_evidence(report, one))],
        branches=[
            _branch(report, i, off[leaf.where], heat)
            for i, leaf in enumerate(report.leaves)
            if not in_colours(report)  # which are no leaves
        ],
        checks=[(check.name, str(check.verdict), check.text) for check in report.checks],
        # The finding tells of the one that decides.
        failing=[
            text for check, text in texts if check.verdict == "fail" and text != report.reason
        ],
        scope=[(name, groups) for name, groups in words if any(groups)],
        cost=cost(report),
        repeat=report.repeat,
        remarks=_together([one for one in remarks if not _is_evidence(report, one)]),
        ladder=_ladder(report),
    )


def _ladder(report: Contents) -> tuple[Ladder, str] | None:
    return None if report.ladder is None else (report.ladder, line_of(report, report.ladder))


def _together(remarks: list[str]) -> list[str]:
    """Return remarks; one that is made of several entries is said once, with their names."""
    groups: dict[str, list[str]] = {}
    for remark in remarks:
        name, told, text = remark.partition(": ")
        if text not in remarks:  # else it is said of the claim as a whole, too
            groups.setdefault(text if told else remark, []).append(name)
    return [
        text if names == [text] else f"{listed([names], _NAMED)}: {text}"
        for text, names in groups.items()
    ]


def _is_evidence(report: Contents, remark: str) -> bool:
    """Tell whether a remark is what a failure has said already, as the slope along the claim."""
    return report.verdict is Verdict.FAIL and remark.startswith("along the claim, func")


def _branch(report: Contents, i: int, off: np.ndarray, heat: bool) -> Branch:  # noqa: FBT001
    leaf = report.leaves[i]
    states = report.flat["state"][leaf.where]
    parts = report.scope.checked
    own = report.pairs is None and not report.accuracy and len(parts) == len(report.leaves)
    path = parts[i].name if own else leaf.path or "x0"
    wrong = int(off.sum())
    right, held = (int((states == name).sum()) for name in ("pass", "held fixed"))
    shown = heat and report.verdict is Verdict.FAIL and wrong
    picture = heat_of(report, leaf) if shown else None
    unresolved, whole = states.size - wrong - right - held, path in report.right
    return Branch(path, leaf.shape, wrong, right, unresolved, held, picture, whole)
