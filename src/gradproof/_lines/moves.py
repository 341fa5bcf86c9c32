"""How far each entry of x moves, and by which power of two func and claim are scaled."""

from functools import partial

import numpy as np

from .._numerics.blocks import absolute, blocks, dot
from .._numerics.precision import Precision
from .._numerics.scales import largest, moves_by_leaf, rms, shortest_moves
from .scalarized import Scalarized

#: Exponents of numbers go up to 1023; what is left of them is for squares of what errors may be.
_BOUND = 512


def moves_of(scalar: Scalarized, g: np.ndarray, eps: float) -> np.ndarray:
    """Return the length of a move of each entry, times a step; `g` is the claim."""
    move = moves_by_leaf(scalar.magnitude, scalar.parts, eps)
    move *= scalar.values.reach
    if scalar.point.entrywise:  # tangents are long enough
        for part in scalar.parts:
            least = shortest_moves(scalar.x[part], scalar.point.eps, scalar.values.backend)
            np.maximum(move[part], least, out=move[part])
    _leave_zero(scalar, move, g, eps)
    return move


def _leave_zero(scalar: Scalarized, moves: np.ndarray, g: np.ndarray, eps: float) -> None:
    """
    Move entries next to zero as those that are zero, where their claim cannot show otherwise.

    On the scale of an x0 of 1e-20 no slope of an ordinary func shows, right or wrong. Where other
    claims show, this is about entries that are nothing beside others of their leaf; not where all
    of a leaf move on a common scale anyway.
    """
    precision = Precision.of(eps)
    least = precision.hidden * eps * scalar.size
    whole = dot(g.size, partial(absolute, g), partial(absolute, moves))
    unseen = np.isfinite(scalar.size) and not whole > least
    sizes = scalar.magnitude
    for part in scalar.parts if unseen or precision.least_move < 1 else []:
        size, move = sizes[part], moves[part]
        # An x0 whose square is less than the rounding of 1, as in `stationary.hidden`; beside
        # others, one that is less than their last digit.
        small = float(np.sqrt(eps)) if unseen else eps * rms(size)
        if not any(((size[p] > 0) & (size[p] < small)).any() for p in blocks(size.size)):
            continue
        near = (size > 0) & (size < small) & (np.abs(g[part]) * move <= least)
        if near.any():
            # No farther than where the claim alone would move func by all of its size.
            steep = float(np.max(np.abs(g[part][near])))
            most = min(scalar.size / steep, 1.0) if steep and unseen else 1.0
            move[near] = np.maximum(move[near], min(rms(size[~near]), most) or most)


def exponent_of(size: float, move: np.ndarray, g: np.ndarray) -> int:
    """Return the exponent of the largest of func's size and what it is claimed to move by."""
    sizes = [int(np.frexp(size)[1])] if size and np.isfinite(size) else []
    for part in blocks(g.size):
        own = g[part]
        there = np.isfinite(own) & (own != 0)
        if there.any():
            where = slice(None) if there.all() else there
            exponents = np.frexp(own[where])[1] + np.frexp(move[part][where])[1]
            sizes.append(int(exponents.max()))
    # The claim itself has to stay a number, where x0 has next to no size.
    most = max(largest(g[part]) for part in blocks(g.size)) if g.size else 0.0
    bound = int(np.frexp(most)[1]) - _BOUND if np.isfinite(most) else 0
    return int(max([bound, *sizes] if sizes else [0]))


def largest_moved(g: np.ndarray, move: np.ndarray) -> float:
    """Return the largest of some slopes per move."""
    return max((largest(g[part] * move[part]) for part in blocks(g.size)), default=0.0)
