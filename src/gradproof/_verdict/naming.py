"""Evidence on a gradient that failed, as it grows: entries, sums, and the names they bear out."""

from typing import Any

import numpy as np

from .._diagnosis.choose import Found, crossed, named
from .._diagnosis.conditions import between
from .._diagnosis.evidence import SECOND, SLOPE, Evidence, Sum
from .._diagnosis.fields import Beside, is_rough
from .._diagnosis.named import Named
from .by_output import of_outputs
from .context import COTANGENT, beside_of, lengths
from .leaf_looks import by_leaf, decode, sample
from .probes import Probes, split

#: What is claimed, in words.
_OF_VALUES, _OF_SLOPES = "the gradient by {}", "the Hessian times a random tangent, by {},"
#: The most leaves that are looked at one by one.
_LEAVES = 24
#: Digits of evidence with which an entry that has no name will not get one by more of them.
_TELLS = 2.0
#: How often a limit is looked for in the middle of what is left: of 2000 entries it is found.
_HALVED = 11


class Naming:
    """
    What is known of a claim that failed, and what is said of it so far.

    Parameters
    ----------
    probes : Probes
        Measures.
    point : Point
        At which the gradient is claimed.
    beside : list of Beside
        Arrays that its entries may depend on.
    numbers : dict
        Numbers that a factor may be.
    """

    evidence: Evidence
    found: Found

    def __init__(
        self, probes: Probes, point: Any, beside: list[Beside], numbers: dict[str, float]
    ) -> None:
        self.probes, self.point = probes, point
        self._beside, self._numbers = beside, numbers
        self._leaves = point.leaves
        self._rng = probes.survey.rng("diagnosis")
        self._sums, self._across = probes.known(), set[int]()
        self._suspects, self.right = list(range(len(point.leaves))), set[int]()

    def _fields(self) -> list[Any]:
        point = self.point
        return [
            self.probes.field(leaf, point.name_of(leaf), beside_of(leaf, k, point, self._beside))
            for k, leaf in enumerate(self._leaves)
        ]

    def _ask(self, weights: dict[int, np.ndarray]) -> Sum | None:
        direction = np.zeros(self.probes.survey.g.size)
        for k, own in weights.items():
            direction[self._leaves[k].where] = own.reshape(-1)
        found = self.probes.along(direction)
        if found is None:
            return None
        return Sum(split(self._leaves, direction), np.array([found[0]]), np.array([found[1]]))

    def name(self) -> None:
        """Name what is wrong by all that is known."""
        scalar, fields = self.probes.survey.scalar, self._fields()
        # Of slopes of func along a tangent, each of several calls, the gradient is another thing.
        of_slopes = scalar.values.cost > 1
        subject = (_OF_SLOPES if of_slopes else _OF_VALUES).format
        cotangent = next((b.values for b in self._beside if b.name == COTANGENT), None)
        self.evidence = evidence = Evidence(
            fields, self._sums, self._ask, self._numbers, lengths(scalar.values), cotangent,
            subject, SECOND if of_slopes else SLOPE,
        )  # fmt: skip
        off = frozenset(k for k, own in enumerate(fields) if own.wrong.any())
        looked = [k for k in self._suspects if fields[k].where.size]
        wrong = off | frozenset(k for k in looked if evidence.off(k))
        self.right |= {k for k, own in enumerate(fields) if own.whole}
        self.found = named(evidence, wrong, frozenset(self.right) - wrong)
        while crossed(evidence, self.found, self._across):
            self.found = named(evidence, wrong, frozenset(self.right) - wrong)

    @property
    def settled(self) -> bool:
        """Whether all that is wrong is known, and nothing else can be wrong."""
        vague = any(one.vague for one in self.found.named.values())
        return not vague and self.found.settled(self.evidence)

    @property
    def weak(self) -> bool:
        """Whether what was measured of entries that have no name is too little for one."""
        alone = self.found.wrong - frozenset(self.found.named)
        fields = [self.evidence.fields[k] for k in alone]
        return any(is_rough(own) or own.digits().sum() < _TELLS for own in fields)

    def sample(self, entries: int) -> None:
        """Measure some entries of what may be wrong."""
        sample(self.probes, [self._leaves[k] for k in self._suspects], entries, self._rng)

    def by_leaf(self) -> None:
        """Look along each leaf, if there are several and not too many."""
        if 1 < len(self._leaves) <= _LEAVES:
            self._suspects, right, more = by_leaf(self.probes, self._leaves, self._rng)
            self.right |= right
            self._sums = self._sums + more

    def decode(self) -> None:
        """Look for the one entry, or row, that is wrong, if none of those measured is."""
        if len(self._suspects) == 1 and not any(own.wrong.any() for own in self.evidence.fields):
            decode(self.probes, self._leaves[self._suspects[0]])

    def by_output(self) -> dict[int, Named]:
        """Return names by the results of func that a mistake comes from, if there are several."""
        leaves = [leaf.where for leaf in self._leaves]
        return of_outputs(self.probes, self.evidence, self.found.wrong, leaves)

    def bisect(self) -> None:
        """Measure where the limit is, if wrong entries differ from right ones in their size."""
        asked = False
        for _ in range(_HALVED):
            fields = self._fields()
            names = self.found.named
            near = [
                self._leaves[k].where.start + i
                for k in self.found.wrong
                if k not in names
                or names[k].vague
                or (is_rough(fields[k]) and names[k].condition.startswith("where"))
                for i in between(fields[k])
            ]
            if not near or not all(map(self.probes.measure, near)):
                break
            asked = True
        if asked:
            self.name()
