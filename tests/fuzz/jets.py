"""
Exact derivatives of random programs: vectors of float64 that carry their slopes and curvatures.

What is checked is checked against these, which share no code with gradproof or an array library's
autodiff.
"""

from collections.abc import Callable
from typing import Any

import numpy as np


class Jet:
    """
    A vector of k numbers, with its derivatives by n others.

    Parameters
    ----------
    v : ndarray of shape (k,)
        The numbers.
    d : ndarray of shape (k, n)
        Their slopes.
    h : ndarray of shape (k, n, n) or None
        Their second derivatives, where they are asked for.
    """

    __array_priority__ = 100

    def __init__(self, v: np.ndarray, d: np.ndarray, h: np.ndarray | None) -> None:
        self.v, self.d, self.h = v, d, h

    def elementwise(self, f: Callable[[Any], tuple[Any, Any, Any]]) -> "Jet":
        """Return a function of each entry, which gives value, slope and curvature."""
        v, f1, f2 = f(self.v)
        h = None
        if self.h is not None:
            h = f1[:, None, None] * self.h + f2[:, None, None] * _outer(self.d, self.d)
        return Jet(v, f1[:, None] * self.d, h)

    def linear(self, f: Callable[[np.ndarray], np.ndarray]) -> "Jet":
        """Return a linear function along the first axis."""
        return Jet(f(self.v), f(self.d), None if self.h is None else f(self.h))

    def __mul__(self, other: Any) -> "Jet":
        if not isinstance(other, Jet):
            other = np.asarray(other, dtype=float)
            return self.linear(lambda a: a * other.reshape(other.shape + (1,) * (a.ndim - 1)))
        h = None
        if self.h is not None:
            assert other.h is not None
            cross = _outer(self.d, other.d)
            h = self.v[:, None, None] * other.h + other.v[:, None, None] * self.h
            h = h + cross + np.swapaxes(cross, 1, 2)
        d = self.v[:, None] * other.d + other.v[:, None] * self.d
        return Jet(self.v * other.v, d, h)

    __rmul__ = __mul__

    def __add__(self, other: Any) -> "Jet":
        if not isinstance(other, Jet):
            return Jet(self.v + other, self.d, self.h)
        h = None if self.h is None or other.h is None else self.h + other.h
        return Jet(self.v + other.v, self.d + other.d, h)

    __radd__ = __add__


def _outer(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[:, :, None] * b[:, None, :]


class JetOps:
    """What programs are written in, for jets."""

    def sin(self, x: Jet) -> Jet:
        return x.elementwise(lambda v: (np.sin(v), np.cos(v), -np.sin(v)))

    def tanh(self, x: Jet) -> Jet:
        def f(v: Any) -> Any:
            t = np.tanh(v)
            return t, 1 - t * t, -2 * t * (1 - t * t)

        return x.elementwise(f)

    def exp(self, x: Jet) -> Jet:
        return x.elementwise(lambda v: (np.exp(v),) * 3)

    def log(self, x: Jet) -> Jet:
        return x.elementwise(lambda v: (np.log(v), 1 / v, -1 / v**2))

    def sqrt(self, x: Jet) -> Jet:
        return x.elementwise(lambda v: (np.sqrt(v), 0.5 / np.sqrt(v), -0.25 * v**-1.5))

    def reciprocal(self, x: Jet) -> Jet:
        return x.elementwise(lambda v: (1 / v, -1 / v**2, 2 / v**3))

    def abs(self, x: Jet) -> Jet:
        return x.elementwise(lambda v: (np.abs(v), np.where(v < 0, -1.0, 1.0), 0 * v))

    def apply(self, matrix: np.ndarray, x: Jet) -> Jet:
        return x.linear(lambda a: np.tensordot(matrix, a, 1))

    def sum(self, x: Jet) -> Jet:
        return x.linear(lambda a: a.sum(0, keepdims=True))

    def cumsum(self, x: Jet) -> Jet:
        return x.linear(lambda a: np.cumsum(a, 0))

    def sort(self, x: Jet) -> Jet:
        order = np.argsort(x.v, kind="stable")
        return x.linear(lambda a: a[order])

    def max(self, x: Jet) -> Jet:
        first = int(np.argmax(x.v))
        return x.linear(lambda a: a[first : first + 1])

    def spread(self, x: Jet, count: int) -> Jet:
        """Return a vector of one number as one of that number `count` times."""
        return x.linear(lambda a: np.repeat(a, count, 0))


def at(x: np.ndarray, order: int) -> Jet:
    """Return the numbers at which derivatives are taken."""
    n = x.size
    return Jet(x, np.eye(n), np.zeros((n, n, n)) if order > 1 else None)


def part(x: Jet, where: slice) -> Jet:
    """Return some of the entries."""
    return x.linear(lambda a: a[where])


def finite_only(x: Jet) -> Jet:
    """Return x with zeros, which do not move, for entries that are not finite."""
    kept = np.isfinite(x.v)
    return Jet(
        np.where(kept, x.v, 0.0),
        np.where(kept[:, None], x.d, 0.0),
        None if x.h is None else np.where(kept[:, None, None], x.h, 0.0),
    )
