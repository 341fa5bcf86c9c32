"""What a report says, in lines of text: plain, or for a terminal, of which each has a style."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from .contents import Contents
from .document import Document, document, listed
from .rows import HEADS, ONCE, Row, columns_of
from .table import aligned

#: From the verdict that decides to the one that does not.
GRAVITY = ("fail", "inconclusive", "pass")
#: pytest cuts what stands in an assertion at 240 characters; with some room for what is around it.
_ONE_LINE = 200
#: Entries, names of a kind and remarks, in the short text and in all of it.
_FEW, _MANY = 4, 12
#: Columns of the table that a narrow terminal does without: notes, the limit, the error, the ratio.
_SPARE = (7, 6, 5, 4)


@dataclass(frozen=True)
class Line:
    """
    A line of text.

    Attributes
    ----------
    text : str
        What it says; all but the first are set in by two places.
    style : str
        What it is: a verdict, 'table', 'next', 'weak', 'small', 'repeat' or nothing.
    head : int
        How many of its first characters have that style; all by default.
    """

    text: str
    style: str = ""
    head: int | None = None

    def __str__(self) -> str:
        return self.text


def in_lines(report: Contents) -> str:
    """Return the short text of a report: what was found, where, what is not covered, what next."""
    shown = document(report, _FEW, heat=False)
    return "\n".join(map(str, lines(shown, everything=False)))


def lines(shown: Document, *, everything: bool, width: int | None = None) -> Iterator[Line]:
    """
    Yield the lines of a report.

    Parameters
    ----------
    shown : Document
        The report.
    everything : bool
        Whether all is said, or what decides alone, with the number of remarks that are left out.
    width : int, optional
        The most characters of a row of a table.
    """
    verdict = str(shown.verdict)
    yield Line(f"{verdict}: {shown.finding}", verdict, len(verdict))
    if everything and shown.reason:
        yield Line(f"  {shown.reason}")
    most = _MANY if everything else _FEW
    if shown.rows:
        inside = None if width is None else width - 2
        for line in _entries(shown.rows[:most], inside, everything=everything):
            yield Line(f"  {line}", "table")
        more = max(shown.off, len(shown.rows)) - most
        if more > 0 and shown.off:
            yield Line(
                f"  and {more} more that {'was' if more == 1 else 'were'} measured to be off"
            )
    if shown.next_step:
        yield Line(f"  next: {shown.next_step}", "next", len("  next:"))
    for text in shown.seen:
        yield Line(f"  {text}", "weak" if shown.weak else "")
    if everything:
        yield from (Line(f"  {text}") for text in shown.more)
        yield from _leaves(shown)
    for text in shown.failing:
        yield Line(f"  {text}")
    yield from _checks(shown)
    scope = "   ".join(f"{name}: {listed(groups, most)}" for name, groups in shown.scope)
    if scope:
        yield Line(f"  {scope}")
    for text in shown.cost:
        yield Line(f"  {text}", "small")
    yield from _remarks(shown, most)
    if everything and shown.repeat:
        yield Line(f"  repeat: {shown.repeat}", "repeat")


def in_one_line(report: Contents) -> str:
    """Return the finding, and the entry that is furthest off if there is one."""
    shown = document(report, 1, heat=False)
    words = [f"{shown.verdict}: {shown.finding}"]
    for row in shown.rows:
        claimed, measured, bar, *_ = row.cells
        words.append(f"{row.name}: claimed {claimed}, measured {measured} +- {bar}")
    return textwrap.shorten("; ".join(words), _ONE_LINE, placeholder=" ...")


def _entries(entries: list[Row], width: int | None, *, everything: bool) -> list[str]:
    """Return a table of entries; in short, how often each was measured is left out."""
    notes = ["" if row.note == ONCE and not everything else row.note for row in entries]
    rows = [(row.name, *row.cells, note) for row, note in zip(entries, notes, strict=True)]
    said = [0, *(1 + i for i in columns_of(entries))]
    heads = [head if i in said else "" for i, head in enumerate((*HEADS, ""))]
    spare = [i for i in _SPARE if i in said or i == len(HEADS)]
    return aligned([heads, *rows], left=(0, len(heads) - 1), width=width, spare=spare)


def _leaves(shown: Document) -> Iterator[Line]:
    """Yield a line on each leaf, where there are several."""
    if len(shown.branches) < 2:
        return
    branches = shown.branches
    if len(branches) > _MANY:  # those that need a reader come first
        branches = sorted(branches, key=lambda branch: (*GRAVITY, "").index(branch.told[0]))
    rows = [
        (branch.path, f"({', '.join(map(str, branch.shape))})", branch.told[1])
        for branch in branches[:_MANY]
    ]
    for line in aligned(rows, left=range(3)):
        yield Line(f"  {line}", "table")
    if len(shown.branches) > _MANY:
        yield Line(f"  and {len(shown.branches) - _MANY} more leaves")


def _checks(shown: Document) -> Iterator[Line]:
    """Yield the names of what was checked, by verdict, where that is more than one thing."""
    for verdict in GRAVITY:
        names = [name for name, own, _ in shown.checks if own == verdict]
        if names:
            yield Line(f"  {verdict}: {', '.join(names)}", verdict, 2 + len(verdict))


def _remarks(shown: Document, most: int) -> Iterator[Line]:
    for remark in shown.remarks[:most]:
        yield Line(f"  {remark}")
    left = len(shown.remarks) - most
    if left > 0:
        yield Line(f"  ... and {left} more {'remark' if left == 1 else 'remarks'}", "small")
