"""Where an error is, digit by digit: positions of entries are weighed into a direction."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .._report.places import Box
from .balance import Balance, Level

#: Half a cell between two digits is 8 deviations, and what is accepted a quarter of a cell: that
#: leaves the test whether it is one entry at all its power.
_CELL = 16.0
#: With fewer cells, halving costs no more, and copes with several entries.
_CELLS = 4.0


@dataclass
class Node:
    """
    Entries in which something is wrong: a box, its error, the uncertainty, and its history.

    That is how many halvings in a row have found errors in both halves, and in which box this one
    was found by its digits.
    """

    box: Box
    error: float
    spread: float
    both: int = 0
    found_in: Box = ()

    @property
    def within(self) -> Box:
        """The box that has this error, of which it may be a part."""
        return self.found_in or self.box

    def without(self, part: "Node") -> "Node":
        """Return what is left of it."""
        spread = math.hypot(self.spread, part.spread)
        return Node(self.box, self.error - part.error, spread, self.both)


def decoded(balance: Balance, node: Node) -> Box | None:
    """Return the entry, or the row or column, that all of an error is in; None if unknown."""
    box, known = node.box, 0
    for axis, (start, stop) in enumerate(node.box):
        if stop - start == 1:
            continue
        position = _position(balance, node, axis)
        if position is not None:
            box = (*box[:axis], (start + position, start + position + 1), *box[axis + 1 :])
            known += 1
    return box if known else None


def in_leaf(balance: Balance, node: Node) -> Box | None:
    """Return the leaf, or the row of one, that all of an error is in; None if it is unknown."""
    leaves = balance.survey.scalar.point.leaves
    if len(leaves) < 2 or node.box != balance.whole:
        return None
    sizes = [leaf.where.stop - leaf.where.start for leaf in leaves]
    k = _read(balance, node, len(leaves), lambda shares: np.repeat(shares, sizes))
    if k is None:
        return None
    leaf, start = leaves[k], leaves[k].where.start
    box = ((start, leaf.where.stop),)
    if leaf.complex or len(leaf.shape) < 2 or sizes[k] < 2:
        return box
    count = leaf.shape[0]
    length = sizes[k] // count
    inside = Node(box, node.error, node.spread)
    row = _read(balance, inside, count, lambda shares: np.repeat(shares, length))
    return box if row is None else ((start + row * length, start + (row + 1) * length),)


def _position(balance: Balance, node: Node, axis: int) -> int | None:
    """Return where along an axis of a node the error is, by its digits."""
    start, stop = node.box[axis]
    along = [1] * len(node.box)
    along[axis] = stop - start
    return _read(balance, node, stop - start, lambda shares: shares.reshape(along))


def _read(
    balance: Balance, node: Node, count: int, spread: Callable[[np.ndarray], np.ndarray]
) -> int | None:
    """Return which of so many parts of a node the error is in; `spread` gives each its share."""
    best, size = None, abs(node.error)
    for level in balance.levels:
        blur = balance.spread(node.box, level) + node.spread
        cells = min(size / (_CELL * max(blur, 1e-300)), _cells_of_x(balance, level))
        if cells >= _CELLS and count > 1:
            cost = level.steps.size * math.ceil(math.log(count) / math.log(cells))
            if best is None or cost < best[0]:
                best = cost, level, cells
    if best is None:
        return None
    _, level, cells = best
    position = 0
    for unit, base, shares in balance.digits(count, cells):
        error, blurred = balance.weigh(node.box, level, 1, spread(shares))
        ratio = error / node.error * (base - 1)
        blur = (blurred + abs(error / node.error) * node.spread) / size * (base - 1)
        digit = round(ratio) if np.isfinite(ratio) else -1
        # Roundings of a right claim blur the ratio as well.
        blur += balance.rounding(node.box) / size * (base - 1) / 4
        if not 0 <= digit < base or abs(ratio - digit) > min(4 * blur, 0.25):
            return None
        position += digit * unit
    return position if position < count else None


def _cells_of_x(balance: Balance, level: Level) -> float:
    """Return how many shares x can tell apart at the steps of a level."""
    return float(level.steps[-1]) / (16 * balance.survey.scalar.x_eps)
