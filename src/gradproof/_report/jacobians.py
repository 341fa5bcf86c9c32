"""What a report keeps of a Jacobian for a picture, where that was not measured as a matrix."""

from dataclasses import replace

import numpy as np

from .ladder import ENTRIES, KEPT, PRODUCT, TANGENTS, Jacobian, Places
from .report import Report


def kept(claimed: np.ndarray, what: str, *, entrywise: bool) -> Jacobian | None:
    """
    Return a Jacobian of which nothing was measured yet; None of one that is too large to keep.

    Parameters
    ----------
    claimed : ndarray of shape (m, n)
        What is claimed.
    what : str
        What the function is called that has it.
    entrywise : bool
        Whether there is a column for each entry of x0, rather than for each tangent.
    """
    if claimed.size > KEPT:
        return None
    columns = ENTRIES if entrywise else TANGENTS
    return Jacobian(claimed, np.full(claimed.shape, np.nan), f"value of {what}", columns)


def with_columns(
    report: Report,
    claimed: np.ndarray,
    columns: dict[int, tuple[np.ndarray, np.ndarray]],
    what: str,
    *,
    entrywise: bool,
) -> Report:
    """
    Return a report with columns that were measured since, if there is no picture of more.

    Parameters
    ----------
    report : Report
        The report.
    claimed : ndarray of shape (m, n)
        All that is claimed.
    columns : dict of int to tuple of ndarray of shape (m,)
        What was measured, and bars.
    what, entrywise : str, bool
        As of `kept`.
    """
    known, before = kept(claimed, what, entrywise=entrywise), report.jacobian
    sparse = report.pairs is not None and report.pairs.columns is not None
    if known is None or not columns or (before is not None and not sparse):
        return report
    beyond = claimed != 0
    for i, (slopes, bar) in columns.items():
        known.measured[:, i] = slopes
        beyond[:, i] |= np.abs(slopes) > bar
    if not sparse:
        return replace(report, jacobian=known)
    # What products have shown of other columns; one that was measured knows better.
    if before is not None and before.places is not None:
        at = before.places.rows, before.places.columns
        beyond[at] |= ~np.isin(at[1], list(columns))
        unknown = np.isnan(known.measured[at])
        known.measured[at] = np.where(unknown, before.measured, known.measured[at])
    rows, columns_ = np.nonzero(beyond)
    places = Places(rows, columns_, (claimed.shape[0], claimed.shape[1]))
    parts = claimed[beyond], known.measured[beyond]
    found = replace(known, claimed=parts[0], measured=parts[1], places=places)
    return replace(report, jacobian=found)


def as_row(report: Report) -> Report:
    """Return a report on a gradient as one on a Jacobian of one row, if any was measured."""
    claimed, measured = _numbers(report)
    if not np.isfinite(measured).any():
        return report
    return replace(report, jacobian=Jacobian(claimed[None, :], measured[None, :]))


def as_column(report: Report) -> Report:
    """Return a report on a product with one tangent as one on a column, if any was measured."""
    claimed, measured = _numbers(report)
    if not np.isfinite(measured).any():
        return report
    found = Jacobian(claimed[:, None], measured[:, None], PRODUCT, TANGENTS)
    return replace(report, jacobian=found)


def _numbers(report: Report) -> tuple[np.ndarray, np.ndarray]:
    """Return what is claimed and measured of each entry; nothing of very many."""
    claimed, measured = report.flat["claimed"], report.flat["measured"]
    return (claimed, measured) if measured.size <= KEPT else (claimed[:0], measured[:0])


def in_place(
    products: Jacobian,
    places: Places,
    numbers: np.ndarray,
    colours: np.ndarray,
    tangent: np.ndarray,
) -> Jacobian:
    """
    Return the entries of a sparse Jacobian from its products with a tangent of each colour.

    Parameters
    ----------
    products : Jacobian
        A column for each colour.
    places : Places
        Of the entries that the claim declares; of repeated ones the sum counts.
    numbers : ndarray of shape (k,)
        What is claimed of them.
    colours : ndarray of int
        Of each column.
    tangent : ndarray
        The sum of all tangents.

    Returns
    -------
    Jacobian
        Each declared entry once. It is all that its colour has in its row, if the pattern is right:
        what a pattern leaves out shows in an entry of the same row and colour.
    """
    m, n = places.shape
    where, back = np.unique(places.rows * n + places.columns, return_inverse=True)
    rows, columns = np.divmod(where, n)
    claimed = np.bincount(back, numbers, minlength=where.size)
    with np.errstate(all="ignore"):
        measured = products.measured[rows, colours[columns]] / tangent[columns]
    measured = np.where(np.isfinite(measured), measured, np.nan)
    return Jacobian(claimed, measured, products.rows, places=Places(rows, columns, (m, n)))
