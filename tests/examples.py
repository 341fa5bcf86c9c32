"""Functions with right gradients, and the mistakes that are planted in them."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

N = 6


def point(seed: int = 0, n: int = N) -> np.ndarray:
    """Return an x that every short dtype holds exactly, entries of either sign, none near 0."""
    rng = np.random.default_rng(seed)
    return rng.choice([-1.0, 1.0], n) * rng.integers(8, 24, n) / 16


def func(x: Any) -> Any:
    """Return a smooth function in which no entry enters as another does."""
    total = 0.0
    for i in range(x.shape[0]):
        total = total + (0.5 + 0.25 * i) * x[i] * x[i] + 0.125 * x[i] * x[i - 1]
    return total


def in_table(report: Any, name: str) -> bool:
    """Tell whether the text of a report has a row for an entry, whose name ends like this."""
    return re.search(rf"(?m)^  .*{re.escape(name)}  +-?[0-9]", str(report)) is not None


def grad(x: Any) -> list[Any]:
    """Return its gradient, as a list of 0-d arrays."""
    n = x.shape[0]
    return [(1.0 + 0.5 * i) * x[i] + 0.125 * (x[i - 1] + x[(i + 1) % n]) for i in range(n)]


def _one_entry(g: list[Any]) -> list[Any]:
    return [*g[:3], g[3] + 6.0, *g[4:]]


def _nan(g: list[Any]) -> list[Any]:
    return [*g[:-1], g[-1] * float("nan")]


#: What people get wrong, as a change to the list of entries of a right gradient.
MISTAKES: dict[str, Callable[[list[Any]], list[Any]]] = {
    "sign": lambda g: [-v for v in g],
    "factor 2": lambda g: [2.0 * v for v in g],
    "mean for sum": lambda g: [v / len(g) for v in g],
    "dropped term": lambda g: [v - 2.0 for v in g],
    "one entry": _one_entry,
    "rolled": lambda g: g[-1:] + g[:-1],
    "reversed": lambda g: g[::-1],
    "detached": lambda g: [0.0 * v for v in g],
    "NaN": _nan,
}
