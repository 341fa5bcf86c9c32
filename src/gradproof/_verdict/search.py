"""
Which entries are wrong: a search by weighing, where a direction has shown that some are.

The position of an entry, digit by digit, is weighed into the direction: if one entry is wrong, the
ratio to the plain direction is its digit. The axes of x0 are the first digits, so that a wrong row
or column shows as such. Where several are wrong the array is halved, and the second half is what
the first leaves. Source of the idea: group testing by weighing, with a designed ratio.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from .._evaluation.outcomes import BudgetSpent
from .._lines.entry import Entry
from .._lines.evidence import beyond_doubt
from .._lines.findings import FAIL
from .._lines.judgement import CONFIRMED, FIRST, HASTY, SEARCH, state_of
from .._lines.survey import Survey
from .._numerics.extrapolation import NOTHING, Estimate
from .._numerics.rungs import NOISE
from .._report.places import Box
from .balance import Balance, one_of, size_of
from .decoding import Node, decoded, in_leaf
from .places import Places
from .suspects import Entries

#: A search that finds nothing may cost what one wrong row of many costs to be named, and more.
CALLS_ALLOWED = 600
#: Of the budget so many calls are kept for a second look at an entry, where others are not found:
#: six, and what the last step of a search may cost.
_KEPT = 40
#: The most entries that are named.
_MOST = 32
#: So many halvings in a row that find errors in both halves ask how many entries are wrong.
_BOTH = 3
#: Entries to look at then, and how many of them say that errors are everywhere.
SAMPLE, _DENSE = 8, 2
#: A block of a larger share of all entries is none: errors are everywhere.
_PART = 0.75
#: A line of so many moves has enough entries to tell that others than one are right: some dozens.
_AMONG = 10.0


@dataclass
class Search:
    """
    A search for wrong entries along one direction.

    Attributes
    ----------
    entries : Entries
        The look at single entries, which names them.
    balance : Balance
        The look at many.
    calls_allowed : int
        Calls of func after which a search that has found no entry gives up; if it has,
        `CALLS_ALLOWED` more.
    hasty : bool
        Whether no direction was looked at twice: then an entry that may be excepted ends it, and
        some calls of the budget are kept for a second look.
    found : dict of int to Estimate
        What was measured of single entries.
    blocks : list of Box
        Rows, columns, blocks in which every entry that was looked at is wrong.
    left : list of Node
        What was not found.
    everywhere : int
        How many of a sample of entries are wrong, if the search ended since many are.
    where : Box
        Where they were picked.
    """

    entries: Entries
    balance: Balance
    calls_allowed: int = CALLS_ALLOWED
    hasty: bool = False
    found: dict[int, Estimate] = field(default_factory=dict)
    blocks: list[Box] = field(default_factory=list)
    left: list[Node] = field(default_factory=list)
    everywhere: int = 0
    where: Box = ()
    _last: int = 0
    _sampled: bool = False
    _doubted: set[int] = field(default_factory=set)

    @property
    def survey(self) -> Survey:
        """The problem."""
        return self.entries.survey

    @property
    def _places(self) -> Places:
        return Places(self.survey, self.balance)

    def run(self, error: float, spread: float) -> None:
        """Search all entries for what adds up to an error."""
        self._last = self.survey.scalar.nfev
        nodes = [Node(self.balance.whole, error, spread)]
        try:
            while nodes and not self.everywhere:
                nodes.sort(key=lambda node: abs(node.error))
                node = nodes.pop()
                if not self._significant(node):
                    continue
                if self._given_up():
                    self.left.append(node)
                    break
                blocks = len(self.blocks)
                nodes += self._pursued(node)
                if len(self.blocks) > blocks:  # parts of it are in other nodes
                    nodes = [self._weighed(self.balance.whole, node)]
        except BudgetSpent:
            self.left.append(node)
        self.left += filter(self._significant, nodes)

    def _significant(self, node: Node) -> bool:
        allowed = NOISE * node.spread + self.balance.rounding(node.box)
        return bool(abs(node.error) > allowed)

    def _given_up(self) -> bool:
        scalar = self.survey.scalar
        spent = scalar.nfev - self._last > self.calls_allowed or scalar.left() < _KEPT * self.hasty
        return spent or len(self.found) >= _MOST

    def _pursued(self, node: Node) -> list[Node]:
        """Return what is left of a node, in parts."""
        if size_of(node.box) == 1:
            if not self._named(node):
                self.left.append(node)
            return []
        box = decoded(self.balance, node)
        if box is None and (leaf := in_leaf(self.balance, node)) is not None:
            return [] if self._is_slice(leaf) else [Node(leaf, node.error, node.spread)]
        if box is not None and size_of(box) == 1:
            part = Node(box, node.error, node.spread, found_in=node.box)
            if self._named(part):
                return [node.without(part)]
        elif box is not None and node.box == self.balance.whole and self._is_slice(box):
            return []
        elif box is not None and box != node.box:
            part = self._weighed(box, node)
            if not self._significant(node.without(part)):
                return [] if self._is_block(box, SAMPLE // 2) else [part]
        if node.both >= _BOTH and not self._sampled:
            self._sampled = True
            if self._is_block(self.balance.whole, _DENSE):
                return []
            if self.everywhere:
                self.left.append(node)
                return []
        elif node.both >= _BOTH + 2:
            node.both = 0
            if self._is_block(node.box, SAMPLE // 2):
                return []
            if self.everywhere:
                self.left.append(node)
                return []
        return self._halved(node)

    # --- several entries ---------------------------------------------------------------------

    def _weighed(self, box: Box, node: Node) -> Node:
        """Return what part of a node holds."""
        size = abs(node.error)
        level, times = self.balance.cheapest(box, size / 100, size / (2.2 * NOISE))
        error, spread = self.balance.weigh(box, level, times)
        return Node(box, error, spread, node.both)

    def _halved(self, node: Node) -> list[Node]:
        axis = int(np.argmax([stop - start for start, stop in node.box]))
        start, stop = node.box[axis]
        middle = (start + stop) // 2
        first, second = (
            (*node.box[:axis], ends, *node.box[axis + 1 :])
            for ends in ((start, middle), (middle, stop))
        )
        one = self._weighed(first, node)
        if not np.isfinite(one.error):
            self.left.append(node)
            return []
        other = Node(second, node.error - one.error, math.hypot(node.spread, one.spread), node.both)
        # The error of what was derived adds up: where it is felt, weigh instead.
        if NOISE * other.spread > 0.3 * abs(other.error) and self._significant(one):
            other = self._weighed(second, node)
        halves = [half for half in (one, other) if self._significant(half)]
        if not halves:
            self.left.append(node)
        for half in halves:
            half.both = node.both + 1 if len(halves) == 2 else 0
        return halves

    # --- single entries ----------------------------------------------------------------------

    def _named(self, node: Node) -> bool:
        """Look at the entry of a node alone; take what it holds off the node."""
        i = self._places.flat([start for start, _ in node.box])
        weight = float(self.balance.direction[i]) / float(self.survey.move[i])
        if i in self.found or not weight:  # a line through rows does not move all of them
            return False
        expected, bar = node.error / weight, NOISE * node.spread / abs(weight)
        inside = tuple(slice(*ends) for ends in node.within)
        weights = self.balance.weights.reshape(self.balance.shape)[inside]
        length = float(np.linalg.norm(weights.astype(float, copy=False)))
        e = self._looked_at(i, expected, bar, length / abs(weight))
        if self.entries.findings.state[i] != FAIL and not abs(e.value) > 2 * e.bar:
            return False
        self.found[i] = e
        self.balance.known.append(node.box)
        node.error, node.spread = e.value * weight, abs(weight) * e.bar / NOISE
        return True

    def _looked_at(self, i: int, expected: float, bar: float, among: float = 0.0) -> Estimate:
        """
        Look at an entry alone, of which an error was seen, and tell whether it is wrong.

        `among` is the length of the line on which it was seen, in units of the move of the entry.
        """
        survey, findings = self.survey, self.entries.findings
        one = one_of(i, self.balance.shape)
        entry = Entry(survey, findings, i, self.balance.steps_of(one, expected))
        e = entry.estimate(entry.ladder, survey.sigma)
        left = abs(e.value - expected) + e.bar + bar
        survey.roughness.beside = left / among if among > _AMONG else np.inf
        # What was seen before, and the entry alone: two looks at other steps.
        alike = abs(e.value - expected) <= e.bar + bar
        sure = alike and beyond_doubt(survey, e, entry.allowed)
        look = HASTY if self.hasty else SEARCH
        if sure and not state_of(look, entry, e, FIRST, CONFIRMED):
            entry.record(e)
            findings.state[i] = FAIL
        elif self.hasty:
            # What is left by a chance of digits leads to another entry the next time.
            if alike or i in self._doubted:
                self.calls_allowed = -1
            self._doubted.add(i)
            return NOTHING
        else:
            findings.state[i] = self.entries.examine(entry)
        if findings.state[i] == FAIL:
            self._last, self.calls_allowed = survey.scalar.nfev, CALLS_ALLOWED
        return Estimate(findings.error[i], findings.truncation[i], findings.noise[i], 0.0)

    # --- blocks ------------------------------------------------------------------------------

    def _is_slice(self, box: Box) -> bool:
        """
        Tell whether the entries of a row, column, ... are wrong as a whole, which then is named.

        Its two ends and others at random are looked at, the one that is furthest off by two steps
        more, and asked all that may except it; and one beside it, which has to be right.
        """
        places, findings, looks = self._places, self.entries.findings, {}
        *chosen, beside = places.of_slice(box)
        for i in (*chosen, beside):
            looks[i] = places.look(i)
            if places.seems_wrong(i, looks[i]) == (i == beside):
                return False
        i = max(chosen, key=lambda i: abs(looks[i].value))
        self._looked_at(i, looks[i].value, looks[i].bar)
        if findings.state[i] != FAIL:
            return False
        for j in looks.keys() - {i}:
            findings.record(j, looks[j])
        self.blocks.append(box)
        self.balance.known.append(box)
        return True

    def _is_block(self, box: Box, least: int) -> bool:
        """Tell whether entries of a box are wrong in a block, which then is named."""
        size = size_of(box)
        rng = self.survey.rng("blocks")
        places, findings = self._places, self.entries.findings
        sample = {places.inside(box, int(rng.integers(size))) for _ in range(SAMPLE)}
        looks = {i: places.look(i) for i in sorted(sample)}
        wrong = [i for i, look in looks.items() if places.seems_wrong(i, look)]
        if len(wrong) < min(least, len(sample)):
            return False
        i = wrong[int(rng.integers(len(wrong)))]
        if self.hasty:
            self._looked_at(i, looks[i].value, looks[i].bar)
            if findings.state[i] != FAIL:
                return False
        place = tuple(int(k) for k in np.unravel_index(i, self.balance.shape))
        block = tuple(places.extent(place, axis) for axis in range(len(place)))
        others = {places.inside(block, int(rng.integers(size_of(block)))) for _ in range(SAMPLE)}
        # Smaller ones come about by chance where a third of the entries are wrong.
        dense = size_of(block) > SAMPLE and sum(map(places.is_wrong, others)) > 0.7 * len(others)
        if not self.hasty:
            findings.state[i] = self.entries.examine(Entry(self.survey, findings, i))
        part = size_of(block) < _PART * size_of(self.balance.whole)
        if findings.state[i] == FAIL and dense and part:
            self._last = self.survey.scalar.nfev
            self.blocks.append(block)
            self.balance.known.append(block)
            return True
        if findings.state[i] == FAIL and size > 2 * SAMPLE:
            self.everywhere, self.where = len(wrong), box
        return False
