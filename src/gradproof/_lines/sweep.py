"""Every entry of x moved alone, up and down, in blocks."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .scalarized import Scalarized

#: The least entries of a block, and the most blocks: little is lost of a sweep that ends early, and
#: what a block costs besides its calls of func, a few copies of x0, does not count. Workers, who
#: wait for each other at its end, and whom it pays to start for many calls only, get more of them.
_BLOCK, _BLOCK_OF_WORKERS, _BLOCKS = 64, 1024, 64


class Block(NamedTuple):
    """
    What was measured of some entries, each moved alone.

    Attributes
    ----------
    k : int
        The place of the step in the list of steps.
    entries : range
        The entries.
    plus, up : ndarray
        Changes of func and displacements, for a step up.
    minus, down : ndarray
        The same for a step down.
    """

    k: int
    entries: range
    plus: np.ndarray
    up: np.ndarray
    minus: np.ndarray
    down: np.ndarray


def both_ways(scalar: Scalarized, steps: list[np.ndarray], reserve: int) -> Iterator[Block]:
    """
    Yield the changes of func with one entry at a time displaced, up and down.

    Entries come in blocks, each measured with every step before the next: what ends a check
    early, the budget or the user, takes nothing from blocks that are done.

    Parameters
    ----------
    scalar : Scalarized
        Evaluations of func.
    steps : list of ndarray of shape (n,)
        The steps of all entries, one or more times.
    reserve : int
        If the budget does not reach all entries, the calls to leave to others, but no more
        than half of what there is.

    Yields
    ------
    Block
        For each block and each step.
    """
    n, price = steps[0].size, 2 * scalar.values.cost * len(steps)
    left = scalar.left()
    reserve = min(reserve, int(left / 2)) if left < n * price else 0
    happened = _happened(scalar, steps) if scalar.values.sweepable else None
    least = _BLOCK if scalar.values.calls.settings.workers is None else _BLOCK_OF_WORKERS
    for block in scalar.values.blocks(max(least, -(-n // _BLOCKS))):
        start = block.start
        stop = int(min(block.stop, start + (scalar.left() - reserve) // price))
        if stop <= start:
            return
        entries = range(start, stop)
        for k, step in enumerate(steps):
            if happened is None:
                yield _one_by_one(scalar, k, step, entries)
            else:
                plus, minus = (_swept(scalar, sign * step, entries) for sign in (1.0, -1.0))
                up, down = happened[k][:, start:stop]
                yield Block(k, entries, plus, up, minus, down)
        if stop < block.stop:
            return


def _happened(scalar: Scalarized, steps: list[np.ndarray]) -> list[np.ndarray]:
    """Return the displacements that steps of all entries make, up and down."""
    point = scalar.point
    return [
        np.stack([point.happened(point.moved(sign * step)) for sign in (1.0, -1.0)])
        for step in steps
    ]


def _swept(scalar: Scalarized, step: np.ndarray, entries: range) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.asarray(
            scalar.weights[0] * np.ldexp(scalar.values.sweep(step, entries), scalar.exponent)
        )


def _one_by_one(scalar: Scalarized, k: int, step: np.ndarray, entries: range) -> Block:
    changes, happened = np.empty((2, 2, len(entries)))
    for j, sides in enumerate(scalar.values.each_entry(step, entries)):
        for side, (values, moved, at_x0) in enumerate(sides):
            changes[side, j] = scalar.change(values, at_x0)
            happened[side, j] = moved[entries[j]]
    return Block(k, entries, changes[0], happened[0], changes[1], happened[1])
