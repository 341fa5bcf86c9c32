"""What a picture of a check is made of: the steps of one line, and a small Jacobian."""

from dataclasses import dataclass

import numpy as np

#: Jacobians of more numbers are compared column by column, and none is kept.
KEPT = 10_000
#: What there is a row for: numbers that func returns, or a product has; and a column for.
VALUES, PRODUCT = "value of func", "entry of the product"
ENTRIES, TANGENTS = "entry of x0", "tangent"


@dataclass(frozen=True)
class Ladder:
    """
    Differences of func along one line, without what the claim says of them.

    Attributes
    ----------
    entry : int
        The entry of x0 that moved alone; -1 where all moved, along a line.
    steps : tuple of float
        Falling; by how much the entry moved, or in units of x0.
    errors : tuple of float
        Central difference less claim at each, relative to the larger of the error that was found
        and what errors are compared with.
    noise : tuple of float
        The standard deviation that the noise of func has in each.
    limit : float
        An error that matters.
    step, error, truncation, bar : float
        The finest step that the estimate was made of, the error of the claim by that, and the
        bounds of what the estimate leaves out and of what noise makes of it.
    line : str
        Which line, where all moved; of an entry a name, if it is not that which the report has.
    found : int
        The entry that a search has found to be wrong along that line, at two or three steps; -1
        where there was no search.
    """

    entry: int
    steps: tuple[float, ...]
    errors: tuple[float, ...]
    noise: tuple[float, ...]
    limit: float
    step: float
    error: float
    truncation: float
    bar: float
    line: str = ""
    found: int = -1


@dataclass(frozen=True, eq=False)
class Jacobian:
    """
    A Jacobian, or products with it, of which entries were measured.

    Attributes
    ----------
    claimed, measured : ndarray of shape (m, n)
        Each value of func by each entry that was moved, or along each tangent; NaN where nothing
        was measured. Of a sparse claim of shape (k,): the entries that it declares.
    rows, columns : str
        What there is a row, and a column, for.
    places : Places or None
        Of a sparse claim, where its entries are.
    """

    claimed: np.ndarray
    measured: np.ndarray
    rows: str = VALUES
    columns: str = ENTRIES
    places: "Places | None" = None


@dataclass(frozen=True, eq=False)
class Places:
    """
    Where the entries of a sparse Jacobian are.

    Attributes
    ----------
    rows, columns : ndarray of shape (k,)
        Of each entry.
    shape : tuple of int
        Of the Jacobian.
    """

    rows: np.ndarray
    columns: np.ndarray
    shape: tuple[int, int]
