"""A report as a picture in a file."""

import sys
from pathlib import Path

from .outcome import Outcome
from .words import typed

#: What may be drawn, each with the size of its figure in inches.
DRAWN = {"entries": (7.0, 3.6), "steps": (5.0, 4.2), "leaf": (7.0, 3.2), "jacobian": (7.0, 3.2)}


def draw(outcome: Outcome, path: Path, kind: str | None = None) -> None:
    """
    Draw a report, if there is one that has what is to be drawn; else say on stderr why not.

    Parameters
    ----------
    outcome : Outcome
        What came of a check.
    path : Path
        The file.
    kind : str, optional
        One of `DRAWN`, by default what the check itself asks for.
    """
    report, kind = outcome.report, kind or outcome.request.plot_kind or "entries"
    if report is None:
        return
    from matplotlib.figure import Figure  # without pyplot, which may open a window

    figure = Figure(figsize=DRAWN[kind], layout="constrained")
    try:
        if kind == "entries":
            report.plot_entries(figure.subplots())
        elif kind == "steps":
            report.plot_steps(figure.subplots())
        elif kind == "leaf":
            report.plot_leaf(axes=figure.subplots(1, 3))
        else:
            report.plot_jacobian(figure.subplots(1, 3))
        figure.savefig(path, dpi=150)
    except ValueError as err:  # nothing to draw, or a file of a kind that is unknown
        print(f"gradproof: no plot in {str(path)!r}: {typed(str(err))}", file=sys.stderr)
