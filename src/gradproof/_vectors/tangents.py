"""Random tangents of x0, and random cotangents of what func returns."""

from typing import Any

import numpy as np

from .._numerics.formats import Format
from .._numerics.scales import moves_by_leaf, shortest_moves
from .outputs import Outputs
from .point import Point
from .span import Span

#: Up to this many leaves each gets a tangent of its own, so that a mistake in one of them is not
#: diluted by the others.
LEAVES = 8


def tangent(point: Point, rng: Any, part: slice) -> np.ndarray:
    """Return a random tangent of some entries, on the scale of each."""
    found = np.zeros_like(point.x)
    shortest = Format.of(point.eps).shortest
    leaves = [leaf.where for leaf in point.leaves]
    size = np.maximum(moves_by_leaf(point.magnitude, leaves, point.eps)[part], shortest)
    size = np.maximum(size, shortest_moves(point.x[part], point.eps, point.backend))
    found[part] = size * rng.choice([-1.0, 1.0], size.size) * rng.uniform(1, 2, size.size)
    if point.fixed is not None:
        found[point.fixed] = 0.0
    return found


def lines(point: Point, rng: Any) -> tuple[Span, np.ndarray]:
    """Return the lines that a jvp is measured along: random ones, and one for each leaf."""
    moves = np.ones(point.x.size, dtype=bool) if point.fixed is None else ~point.fixed
    several = [leaf for leaf in point.leaves if moves[leaf.where].any()]
    if not 1 < len(several) <= LEAVES:
        several = []
    found = [tangent(point, rng, slice(None)) for _ in range(min(2, point.x.size))]
    names = ["a random tangent", "another random tangent"][: len(found)]
    for leaf in several:
        found.append(tangent(point, rng, leaf.where))
        names.append(f"a tangent of {leaf.path}")
    tangents = np.array(found).reshape(len(names), point.x.size)
    return Span(point, tangents, names), tangents


def weights(outputs: Outputs, at_x0: np.ndarray, rng: "np.random.Generator") -> np.ndarray:
    """
    Return a random cotangent for func's values, which are `at_x0`.

    Half of them are negative, so that no rule that ignores a sign passes by luck. Sizes between 1
    and 2, so that none counts for little, in steps of 1/128: bfloat16 and all that is wider hold
    them exactly, so that func and claim see the same in different dtypes. Each array
    counts alike, whatever its units: its weights are divided by a power of two near its size.
    """
    m = at_x0.size
    signs = rng.permutation(np.where(np.arange(m) % 2, -1.0, 1.0))
    u = signs * (1 + rng.integers(128, size=m) / 128)
    if len(outputs.leaves) > 1:
        for leaf in outputs.leaves:
            own = np.abs(at_x0[leaf.where])
            size = float(np.max(own[np.isfinite(own)], initial=0.0))
            if size:
                # Within what half precision can hold.
                u[leaf.where] *= 2.0 ** -np.clip(np.floor(np.log2(size)), -10, 10)
    return outputs.finite(u)
