"""What is known of how exact func is beside x0, whatever convicts the claim."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Others:
    """
    What func leaves of the claim on lines of other entries than those that convict it.

    Attributes
    ----------
    which : ndarray of bool
        The entries.
    drawn : ndarray, optional
        A random move of all entries, for the first line.
    exact, rough : float
        From which error per entry on func is exact, and up to which it is rough.
    """

    which: np.ndarray
    drawn: np.ndarray | None
    exact: float = np.inf
    rough: float = 0.0


@dataclass
class Roughness:
    """
    What lines have shown.

    Attributes
    ----------
    rough : ndarray, optional
        The last one on which func was rough.
    line, length, scatter : ndarray, float, float
        One of all entries, its length in moves, and by how much errors leave what is smooth on it.
    others : Others, optional
        The same of others.
    beside : float
        A bound on the typical error, per move, of the entries that moved on a line together with
        the one that is looked at.
    """

    rough: np.ndarray | None = None
    line: np.ndarray | None = None
    length: float = 0.0
    scatter: float = np.inf
    others: Others | None = None
    beside: float = np.inf
