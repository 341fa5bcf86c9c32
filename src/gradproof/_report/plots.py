"""Pictures of a report, with matplotlib, which is imported when one is drawn."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .contents import Contents

#: Colours that people with any sight tell apart (Okabe and Ito 2008): claim, measurement, error.
CLAIM, MEASURED, WRONG = "#0072B2", "#000000", "#D55E00"
#: Entries that have a label of their own along the axis.
_LABELS = 24


def pyplot() -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError as err:
        msg = "plots need matplotlib; install it by `pip install 'gradproof[plot]'`."
        raise ImportError(msg) from err
    return plt


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
        msg = (
            "no entry was measured by itself, so there is none to draw: the check looked along "
            'directions. Check with directions="all".'
        )
        raise ValueError(msg)
    if ax is None:
        _, ax = pyplot().subplots(figsize=(7, 3.6), layout="constrained")
    at = np.arange(len(shown))
    claimed, measured = (np.array([e[name] for e in shown]) for name in ("claimed", "measured"))
    bar = np.array([e["truncation"] + e["noise"] for e in shown])
    wrong = np.array([e["state"] in ("fail", "off") for e in shown])
    ax.errorbar(
        at, measured, bar, fmt="o", color=MEASURED, ms=4, capsize=3, label="measured, with its bar"
    )
    ax.plot(at[~wrong], claimed[~wrong], "_", color=CLAIM, ms=12, mew=2, label="claimed")
    ax.plot(at[wrong], claimed[wrong], "x", color=WRONG, ms=8, mew=2, label="claimed, and off")
    ax.set_xticks(at, [e["name"] or "the entry" for e in shown], rotation=60, ha="right")
    if len(shown) > _LABELS:
        ax.set_xticks([])
        ax.set_xlabel(f"the {len(shown)} entries that are worst")
    ax.set_ylabel("slope of func")
    ax.axhline(0, color="0.8", lw=0.8, zorder=0)
    ax.legend(frameon=False)
    left = len(found) - len(shown)
    ax.set_title(f"{report.verdict}" + (f" ({left} more measured)" if left else ""), loc="left")
    return ax


def leaf(report: Contents, path: str | None, axes: Sequence[Any] | None) -> Any:
    """
    Draw a leaf as it is claimed, as it was measured, and the difference of both.

    Parameters
    ----------
    report : Contents
        With entries that were measured.
    path : str or None
        Which leaf, as in `entries`; by default the one with most entries that are off.
    axes : sequence of three matplotlib.axes.Axes or None
        Where to draw; a new figure if there is none.
    """
    known = {one.path: one for one in report.leaves if not one.complex}
    if path is None and known:
        path = max(known, key=lambda name: _off(report, known[name].where))
    if path not in known:
        msg = f"path={path!r}; expected one of the real leaves of the report: {list(known)}."
        raise ValueError(msg)
    one = known[path]
    claimed, measured = (_picture(report, name, one) for name in ("claimed", "measured"))
    if axes is None:
        _, axes = pyplot().subplots(1, 3, figsize=(9, 3.2), layout="constrained")
    difference = claimed - measured
    largest = np.nanmax(np.abs([claimed, measured]), initial=0.0) or 1.0
    beyond = np.nanmax(np.abs(difference), initial=0.0) or 1.0
    pictures = (("claimed", claimed, largest), ("measured", measured, largest))
    for ax, (name, values, limit) in zip(
        axes, (*pictures, ("claimed - measured", difference, beyond)), strict=True
    ):
        ax.set_facecolor("0.8")  # where nothing was measured
        colour = "PuOr" if name in ("claimed", "measured") else "RdBu"
        image = ax.imshow(
            values, cmap=colour, vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest"
        )
        ax.figure.colorbar(image, ax=ax, location="bottom")
        ax.set_title(name, loc="left")
    axes[0].set_ylabel(path or "x0")
    return axes


def _off(report: Contents, where: slice) -> float:
    state = report.flat["state"][where]
    return float(((state == "fail") | (state == "off")).sum()) + 1e-9 * state.size


def _picture(report: Contents, name: str, one: Any) -> np.ndarray:
    values = report.flat[name][one.where]
    values = np.where(np.isfinite(values), values, np.nan)
    return values.reshape(-1, one.shape[-1]) if one.shape else values.reshape(1, 1)
