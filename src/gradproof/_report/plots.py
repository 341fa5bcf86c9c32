"""Pictures of a report, with matplotlib, which is imported when one is drawn."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .contents import Contents
from .ladder import Ladder
from .naming import instead, line_of, name_of, step_of

#: Colours that people with any sight tell apart (Okabe and Ito 2008): claim, measurement, error.
CLAIM, MEASURED, WRONG = "#0072B2", "#000000", "#D55E00"
#: What is no number of the claim: noise, guides; and places where nothing was measured.
AID, EMPTY = "0.45", "0.8"
#: A column of a page, in inches, and letters that are legible at that width.
_COLUMN, _LETTERS = 3.4, {"font.size": 8.0, "legend.fontsize": 7.0, "axes.titlesize": 8.0}
#: Entries that have a label of their own along the axis.
_LABELS = 16


def pyplot() -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError as err:
        msg = "plots need matplotlib; install it by `pip install 'gradproof[plot]'`."
        raise ImportError(msg) from err
    return plt


@contextmanager
def drawn_on(axes: Any, height: float = 2.6, panels: int = 1) -> Iterator[Any]:
    """Give axes to draw on: those that there are, or new ones that are as wide as a column."""
    plt = pyplot()
    with plt.rc_context({} if axes is not None else _LETTERS):
        if axes is None:
            _, axes = plt.subplots(1, panels, figsize=(_COLUMN, height), layout="constrained")
        interactive = plt.isinteractive()
        yield axes
    if interactive:  # which a notebook says with its first figure, and the context takes back
        plt.ion()


def entries(report: Contents, ax: Any, most: int) -> Any:
    """
    Draw the claim beside what was measured, with its bar, for the entries that are worst.

    Parameters
    ----------
    report : Contents
        With entries that were measured.
    ax : matplotlib.axes.Axes or None
        Where to draw; a new figure if there is none.
    most : int
        The most entries.
    """
    found = [e for e in report.worst(len(report.flat["state"])) if np.isfinite(e["measured"])]
    shown = found[:most]
    if not shown:
        msg = f"no entry was measured by itself, so there is none to draw: {instead(report)}."
        raise ValueError(msg)
    left = len(found) - len(shown)
    with drawn_on(ax) as ax:
        _entries(ax, shown, [name_of(report, e["place"]) for e in shown])
        said = f"{report.verdict}" + (f" ({left} more measured)" if left else "")
        # Above the legend, whatever the size of its letters.
        ax.set_title(said, loc="left", pad=2.3 * pyplot().rcParams["font.size"])
    return ax


def _entries(ax: Any, shown: list[dict[str, Any]], names: list[str]) -> None:
    at = np.arange(len(shown))
    claimed, measured = (np.array([e[name] for e in shown]) for name in ("claimed", "measured"))
    bar = np.array([e["truncation"] + e["noise"] for e in shown])
    wrong = np.array([e["state"] in ("fail", "off") for e in shown])
    ax.errorbar(at, measured, bar, fmt="o", color=MEASURED, ms=4, capsize=3, label="measured ± bar")
    if not wrong.all():
        ax.plot(at[~wrong], claimed[~wrong], "_", color=CLAIM, ms=12, mew=2, label="claimed")
    if wrong.any():
        ax.plot(at[wrong], claimed[wrong], "x", color=WRONG, ms=7, mew=2, label="claimed, off")
    if len(shown) > _LABELS:
        ax.set_xticks([])
        ax.set_xlabel(f"the {len(shown)} entries that are worst")
    else:
        ax.set_xticks(at, names, rotation=60, ha="right", rotation_mode="anchor")
    ax.set_ylabel("slope of func")
    ax.axhline(0, color=EMPTY, lw=0.8, zorder=0)
    ax.margins(y=0.15)
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.3}
    ax.legend(frameon=False, ncols=3, columnspacing=1, handletextpad=0.3, **place)


def steps(report: Contents, ax: Any) -> Any:
    """
    Draw the error of the claim against the step, along the line that decides.

    Parameters
    ----------
    report : Contents
        With differences of func.
    ax : matplotlib.axes.Axes or None
        Where to draw; a new figure if there is none.
    """
    ladder = report.ladder
    if ladder is None:
        msg = (
            "there are no steps to draw. Expected a report on differences of func, which were "
            "measured near x0: not one of verify_against, nor of a func that is not finite."
        )
        raise ValueError(msg)
    with drawn_on(ax, 3.0) as ax:
        _steps(ax, ladder)
        ax.set_xlabel(step_of(report, ladder))
        ax.set_title(f"{report.verdict}: {line_of(report, ladder)}", loc="left")
    return ax


def _steps(ax: Any, ladder: Ladder) -> None:
    h, errors, noise = (np.array(part) for part in (ladder.steps, ladder.errors, ladder.noise))
    # Zero has no place.
    shown, heard = (np.where(part > 0, part, np.nan) for part in (np.abs(errors), noise))
    ax.loglog(h, shown, "s-", ms=3.5, lw=0.8, color=CLAIM, label="claim less difference")
    ax.loglog(h, heard, ":", lw=1.2, color=AID, label="noise, 1 / step")
    bends = np.abs(errors - (ladder.error if np.isfinite(ladder.error) else 0.0))
    seen = np.flatnonzero(bends > 6 * noise)
    if seen.size:
        first = seen[0]
        guide = bends[first] * (h / h[first]) ** 2
        kept = guide > np.nanmin(np.append(noise, bends[seen]))
        if kept.sum() > 1:
            ax.loglog(h[kept], guide[kept], "-.", lw=0.8, color=AID, label="truncation, step$^2$")
    label = f"what matters, {ladder.limit:.0e}"
    ax.axhline(ladder.limit, color=WRONG, ls="--", lw=0.9, label=label)
    if h.size and h[0] < 100 * h[-1]:  # or their labels run into each other
        ax.tick_params(axis="x", which="minor", labelbottom=False)
        if np.floor(np.log10(h[0])) < np.log10(h[-1]):  # no power of ten is among them
            ax.set_xticks([h[-1], h[0]], [f"{h[-1]:.1e}", f"{h[0]:.1e}"])
    _chosen(ax, ladder)
    ax.set_ylabel("relative error of the claim")
    place = {"loc": "upper center", "bbox_to_anchor": (0.45, -0.24), "borderaxespad": 0}
    ax.legend(frameon=False, ncols=2, columnspacing=1, **place)


def _chosen(ax: Any, ladder: Ladder) -> None:
    """Draw what the check made of the steps: an error with its bar, or what it is less than."""
    size, bar = abs(ladder.error), ladder.truncation + ladder.bar
    if not np.isfinite(size + bar):
        return
    style = {"color": MEASURED, "zorder": 4, "ms": 6}
    if size > bar:
        ax.errorbar(ladder.step, size, bar, fmt="o", capsize=3, label="extrapolated", **style)
    else:
        ax.plot(ladder.step, size + bar, "v", label="extrapolated: less", **style)
