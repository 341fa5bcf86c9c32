"""Pictures of matrices: as claimed, as measured, and the difference."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._vectors.layout import Leaf
from .contents import Contents
from .ladder import Jacobian, Places
from .naming import instead
from .plots import EMPTY, drawn_on

#: Sparse matrices that are longer than this are drawn by marks, since an entry is less than a dot.
_LONG = 100
#: The size of a mark in points, which is seen, however many there are.
_MARK = 1.5
_DIFFERENCE = "RdBu"


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
    pairs = report.pairs
    if pairs is not None and not pairs.by_entries:
        msg = f"no leaf was measured entry by entry: {instead(report)}."
        raise ValueError(msg)
    known = {one.path: one for one in report.leaves if not one.complex}
    if path is None and known:
        path = max(known, key=lambda name: _off(report, known[name].where))
    if path not in known:
        msg = f"path={path!r}; expected one of the real leaves of the report: {list(known)}."
        raise ValueError(msg)
    one = known[path]
    claimed, measured = (_picture(report, name, one) for name in ("claimed", "measured"))
    if np.isnan(measured).all():
        msg = f"no entry of {path or 'x0'} was measured by itself: {instead(report)}."
        raise ValueError(msg)
    what = "" if pairs is None else "slope of the value of func that is furthest off"
    own = len(report.scope.checked) == len(report.leaves)
    name = report.scope.checked[report.leaves.index(one)].name if own else path or "x0"
    return _drawn(Jacobian(claimed, measured, name, what), axes)


def jacobian(report: Contents, axes: Sequence[Any] | None) -> Any:
    """
    Draw a Jacobian as it is claimed, as it was measured, and the difference of both.

    Parameters
    ----------
    report : Contents
        Of a claimed Jacobian, or of products with it.
    axes : sequence of three matplotlib.axes.Axes or None
        Where to draw; a new figure if there is none.
    """
    found = report.jacobian
    if found is None or np.isnan(found.measured).all():
        msg = f"there is no Jacobian to draw: {instead(report)}."
        raise ValueError(msg)
    return _drawn(found, axes)


def _drawn(found: Jacobian, axes: Sequence[Any] | None) -> Any:
    """Draw two matrices, each entry in its place, and their difference."""
    difference = found.claimed - found.measured
    finite = [np.abs(part[np.isfinite(part)]) for part in (found.claimed, found.measured)]
    largest = max(float(part.max(initial=0.0)) for part in finite) or 1.0
    beyond = np.nanmax(np.abs(difference), initial=0.0) or 1.0
    pictures = (
        ("claimed", found.claimed, largest, "PuOr"),
        ("measured", found.measured, largest, "PuOr"),
        ("difference", difference, beyond, _DIFFERENCE),
    )
    with drawn_on(axes, 1.9, panels=3) as axes:
        for ax, (name, values, limit, colours) in zip(axes, pictures, strict=True):
            style = {"cmap": colours, "vmin": -limit, "vmax": limit}
            draw = _matrix if found.places is None else _sparse
            _scale(ax, draw(ax, values, found.places, style), limit)
            _numbered(ax, found.claimed.shape if found.places is None else found.places.shape)
            ax.set_title(name, loc="left")
        for ax in axes[1:]:
            ax.set_yticklabels([])
        axes[0].set_ylabel(found.rows)
        axes[1].set_xlabel(found.columns)
    return axes


def _numbered(ax: Any, shape: tuple[int, ...]) -> None:
    """Give few rows and columns a number, so that none runs into the next."""
    for axis, length in zip((ax.yaxis, ax.xaxis), shape, strict=True):
        if length == 1:
            axis.set_ticks([0])
        else:
            axis.get_major_locator().set_params(nbins=4 if length <= _LONG else 2, integer=True)


def _scale(ax: Any, image: Any, limit: float) -> None:
    """Draw the scale of the colours below."""
    bar = ax.figure.colorbar(image, ax=ax, location="bottom", ticks=[-limit, 0, limit])
    bar.ax.set_xticklabels([f"{-limit:.1g}", "0", f"{limit:.1g}"])
    for label, side in zip(bar.ax.get_xticklabels(), ("left", "center", "right"), strict=True):
        label.set_horizontalalignment(side)  # none runs into that of the next panel


def _matrix(ax: Any, values: np.ndarray, _: Places | None, style: dict[str, Any]) -> Any:
    """Draw a matrix; grey is what was not measured."""
    ax.set_facecolor(EMPTY)
    return ax.imshow(values, aspect="auto", interpolation="nearest", **style)


def _sparse(ax: Any, values: np.ndarray, places: Places | None, style: dict[str, Any]) -> Any:
    """Draw entries in their places; grey is what was not measured, blank what is not declared."""
    assert places is not None
    m, n = places.shape
    if max(m, n) <= _LONG:
        full, unknown = np.full((2, m, n), np.nan)
        full[places.rows, places.columns] = values
        unknown[places.rows, places.columns] = np.where(np.isnan(values), 1.0, np.nan)
        grey = {"cmap": "Greys", "vmin": 0.0, "vmax": 4.0}
        ax.imshow(unknown, aspect="auto", interpolation="nearest", **grey)
        return ax.imshow(full, aspect="auto", interpolation="nearest", **style)
    known, mark = ~np.isnan(values), {"marker": "s", "linewidths": 0, "clip_on": False}
    ax.scatter(places.columns[~known], places.rows[~known], color=EMPTY, s=_MARK**2, **mark)
    # The largest come last, so that none of them is below others; errors have larger marks.
    order = np.flatnonzero(known)[np.argsort(np.abs(values[known]), kind="stable")]
    at, shown = (places.columns[order], places.rows[order]), values[order]
    striking = (style["cmap"] == _DIFFERENCE) & (np.abs(shown) > style["vmax"] / 2)
    size = _MARK * (1 + striking)
    found = ax.scatter(*at, c=shown, s=size**2, **mark, **style)
    ax.set_xlim(-0.5, n - 0.5)
    ax.set_ylim(m - 0.5, -0.5)
    return found


def _off(report: Contents, where: slice) -> tuple[int, int, int]:
    """Return how many entries are off, were measured, and are there."""
    state, measured = report.flat["state"][where], report.flat["measured"][where]
    off = int(((state == "fail") | (state == "off")).sum())
    return off, int(np.isfinite(measured).any()), state.size


def _picture(report: Contents, name: str, one: Leaf) -> np.ndarray:
    values = report.flat[name][one.where]
    values = np.where(np.isfinite(values), values, np.nan)
    return values.reshape(-1, one.shape[-1]) if one.shape else values.reshape(1, 1)
