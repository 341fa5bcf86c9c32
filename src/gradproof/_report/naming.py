"""What to call entries and lines of a report, in pictures, and what there is to draw."""

import numpy as np

from .._vectors.layout import leaf_of
from .contents import Contents, path_of
from .ladder import ENTRIES, KEPT, Ladder


def name_of(report: Contents, i: int) -> str:
    """Return what to call an entry; of a Jacobian, of the value that its column is about."""
    row = int(report.flat["row"][i]) if "row" in report.flat else -1
    if report.pairs is not None and row >= 0:
        return report.pairs.name(row, i)
    return path_of(report, i, leaf_of(list(report.leaves), i).name(i)) or "x0"


def line_of(report: Contents, ladder: Ladder) -> str:
    """Return what to call what moved along a ladder."""
    if ladder.entry >= 0:
        return ladder.line or name_of(report, ladder.entry)
    if ladder.found < 0:
        return f"along {ladder.line}"
    others = " and others" if (report.flat["state"] == "fail").sum() > 1 else ""
    return f"{name_of(report, ladder.found)}{others}, seen along {ladder.line}"


def step_of(report: Contents, ladder: Ladder) -> str:
    """Return what the steps of a ladder are steps of."""
    if ladder.entry < 0:
        return f"step along {ladder.line}, in units of x0"
    # Of an entry of a Jacobian, by which it is.
    return f"step of {line_of(report, ladder).rpartition(' by ')[2]}"


def instead(report: Contents) -> str:
    """Return what was measured, and which picture shows it."""
    count = int(np.isfinite(report.flat["measured"]).sum())
    if report.accuracy:
        return "results were compared with a reference: plot_leaf() and plot_entries() show them"
    seen = report.jacobian
    if report.pairs is not None and seen is not None and np.isfinite(seen.measured).any():
        what = seen.columns
        by = "entries of x0" if what == ENTRIES else f"{what}s"
        return f"values of func were measured by {by}: plot_jacobian() shows them"
    if report.pairs is not None and count:
        more = f"there are more than {KEPT} numbers, of which the one that is furthest off is kept"
        return f"{more} for each column: plot_entries() shows them"
    if count:
        of = f"{count} of {report.flat['measured'].size} slopes"
        return f"{of} were measured, as of a gradient: plot_leaf() and plot_entries() show them"
    if report.ladder is None:
        return f"nothing was measured ({report.reason})"
    looked = line_of(report, report.ladder)
    hint = '; directions="all" measures each entry' if report.alone is not None else ""
    return f"the check looked {looked}, which plot_steps() shows{hint}"
