"""Entries that were measured for the name of a mistake, as a report has them."""

import numpy as np

from .._numerics.scales import rms
from .._report.report import Report


def by_columns(
    report: Report,
    claimed: np.ndarray,
    known: tuple[np.ndarray, np.ndarray],
    places: tuple[np.ndarray, np.ndarray],
    n: int,
) -> dict[str, np.ndarray]:
    """
    Return the numbers of a report of columns: of each, the entry that is furthest off.

    Parameters
    ----------
    report : Report
        Says which errors matter.
    claimed : ndarray of shape (r, c)
        The claim of the entries that were measured.
    known : tuple of two ndarrays
        What was measured of them, and what that is off by at most.
    places : tuple of two ndarrays
        The rows and the columns that these are.
    n : int
        How many columns there are.
    """
    (measured, bar), (rows, columns) = known, places
    with np.errstate(all="ignore"):
        error, size = np.abs(measured - claimed), np.fmax(np.abs(claimed), np.abs(measured))
        finite = size[np.isfinite(size)]
        size = np.fmax(size, rms(finite))  # most entries of a diagonal matrix are zero
        allowed, least = 2 * bar + report.rtol * size, np.finfo(float).tiny
        row = np.argmax(np.nan_to_num(error / np.fmax(allowed, least)), axis=0)
        at = row, np.arange(columns.size)
        seen = (error + bar)[at] / np.fmax(size[at], least)
    agrees = np.where(seen <= report.resolved, "pass", "unresolved")
    numbers = {
        "row": (rows[row], -1),
        "claimed": (claimed[at], np.nan),
        "measured": (measured[at], np.nan),
        "truncation": (bar[at], np.inf),
        "noise": (np.zeros(columns.size), np.inf),
        "resolution": (np.where(np.isnan(seen), np.inf, seen), np.inf),
        "state": (np.where((error > allowed)[at], "off", agrees), "unresolved"),
    }
    flat = {name: np.full(n, np.nan) for name in ("step", "right", "left")}
    for name, (own, unknown) in numbers.items():
        flat[name] = np.full(n, unknown, dtype=np.result_type(own, np.array(unknown)))
        flat[name][columns] = own
    return flat
