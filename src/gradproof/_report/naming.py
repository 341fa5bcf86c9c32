"""What to call entries and lines of a report, in pictures."""

from .._vectors.layout import leaf_of
from .contents import Contents, path_of
from .ladder import Ladder


def name_of(report: Contents, i: int) -> str:
    """Return what to call an entry; of a Jacobian, of the value that its column is about."""
    row = int(report.flat["row"][i]) if "row" in report.flat else -1
    if report.pairs is not None and row >= 0:
        return report.pairs.name(row, i)
    return path_of(report, i, leaf_of(list(report.leaves), i).name(i)) or "x0"


def line_of(report: Contents, ladder: Ladder) -> str:
    """Return what to call what moved along a ladder."""
    if ladder.entry >= 0:
        return name_of(report, ladder.entry)
    if ladder.found < 0:
        return f"along {ladder.line}"
    others = " and others" if (report.flat["state"] == "fail").sum() > 1 else ""
    return f"{name_of(report, ladder.found)}{others}, seen along {ladder.line}"


def step_of(report: Contents, ladder: Ladder) -> str:
    """Return what the steps of a ladder are steps of."""
    if ladder.entry < 0:
        return f"step along {ladder.line}, in units of x0"
    # Of an entry of a Jacobian, by which it is.
    return f"step of {name_of(report, ladder.entry).rpartition(' by ')[2]}"
