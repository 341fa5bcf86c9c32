"""
Rows, columns and whole leaves: lines along which the entries of each of them move as one.

Along a random direction the errors of a row add up like noise does: where the rounding of func's
result rules, a row that is missing drowns in it. Moved as the claim says that func grows, its
entries add up one by one: against the rounding of a result of as many numbers as x0, one pair of
evaluations then shows each row of every leaf (of ``R`` rows of ``L`` entries, each missing one with
``L h`` against ``0.3 eps sqrt(R L)``). Rows among each other have random signs and sizes, so that
errors of several do not cancel.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from .._evaluation.outcomes import BudgetSpent
from .._lines.evidence import DOUBT, suspicious
from .._lines.measured import Measured, Measurements
from .._lines.survey import Survey
from .._numerics.scales import inside
from .._report.reach import LeafReach
from .._vectors.leaf_rows import Rows, rows_of
from .rows_seen import MISS, Seen

#: What looks at rows may cost: with one look along each axis of each of ten leaves, and as many
#: again at what these leave in the dark.
_MOST = 240
#: Lines with random signs through rows of which little is claimed: first, and if more help.
_DRAWS, _DRAWS_AT_MOST = 3, 8
#: Axes, the first and the last, along which x and ones are lined up with the claim.
_AXES = 2
#: Parts that rows are cut into at once where a look at all of them shows too little.
_PARTS = 4
#: Leaves that are looked at alone have so many entries at least, by which their rounding is known
#: to a quarter; the most leaves of which this is done.
_ENTRIES, _LEAVES = 8, 16
Part = list[tuple[Seen, np.ndarray]]


def moved_as_claimed(survey: Survey, part: Part) -> np.ndarray:
    """Return weights with which rows move as their claims say, each times a number of its own."""
    weights = np.zeros(survey.g.size, dtype=np.float16)
    for seen, numbers in part:
        where = seen.rows.leaf.where
        g = survey.g[where]
        signs = survey.rng("row lines").choice([-1.0, 1.0], g.size)
        np.copyto(signs, np.sign(g), where=g != 0)
        weights[where] += (signs * seen.rows.spread(numbers)).astype(np.float16)
    return weights


def _seen(survey: Survey, rows: Rows) -> Seen:
    where, scales, fixed = rows.leaf.where, survey.scales, survey.scalar.point.fixed
    (_, claim), (_, resolved) = (inside(where, a) for a in (scales.claim, scales.resolved))

    def square(part: slice) -> np.ndarray:
        found = np.square(resolved(part), dtype=float)
        return found if fixed is None else np.where(fixed[where][part], 0.0, found)

    own = rows.sums(lambda part: np.abs(claim(part)))
    return Seen(rows, own, np.sqrt(rows.sums(square)))


class RowLines:
    """
    Looks at the rows of all leaves.

    Parameters
    ----------
    survey : Survey
        The problem.
    looks : Measurements
        Measures along directions.
    """

    def __init__(self, survey: Survey, looks: Measurements) -> None:
        self.survey, self.looks = survey, looks
        self.measurements: list[Measured] = []
        leaves = [leaf for leaf in survey.scalar.point.leaves if leaf.where.stop > leaf.where.start]
        self.wholes = [_seen(survey, Rows(leaf, None, 1)) for leaf in leaves]
        self.rows = [[_seen(survey, rows) for rows in rows_of(leaf)] for leaf in leaves]
        self._first = survey.scalar.nfev

    @property
    def unseen_rows(self) -> Seen | None:
        """The leaf, or the rows, that may be missing without being seen: those of worst reach."""
        leaves = self.wholes if len(self.wholes) > 1 else []
        return max(
            (seen for seen in (*leaves, *itertools.chain(*self.rows)) if seen.dark.size),
            key=lambda seen: float(seen.reach.max()),
            default=None,
        )

    @property
    def every(self) -> list[Seen]:
        """All rows of all leaves, and these as a whole."""
        return [*self.wholes, *(seen for several in self.rows for seen in several)]

    def note(self, measurements: list[Measured]) -> None:
        """Take down what random directions would have shown of rows."""
        for measured in measurements:
            for seen in self.every:
                seen.might(np.arange(seen.size.size), measured.seen)

    def run(self) -> None:
        """Look at all rows together, then at those that this leaves in the dark."""
        try:
            for part in self._parts():
                self._look(part)
            self._look_at_weak()
            self._look_at_small_leaves()
            self._look_along_x()
            leaves = self.wholes if len(self.wholes) > 1 else []
            for seen in (*leaves, *itertools.chain(*self.rows)):
                self._closer(seen)
        except BudgetSpent:
            return

    def _parts(self) -> Iterator[Part]:
        """Yield the first parts: the leaves, then their rows along the first axis of each, ..."""
        groups = [self.wholes] if len(self.wholes) > 1 else []
        groups += [
            [several[k] for several in self.rows if k < len(several)]
            for k in range(max(map(len, self.rows), default=0))
        ]
        for group in groups:
            yield [(seen, np.flatnonzero(~seen.weak)) for seen in group]

    def _closer(self, seen: Seen) -> None:
        """Look at the rows that are in the dark, in smaller parts each time."""
        for _ in range(3):
            dark = seen.dark
            dark = dark[~seen.weak[dark]]
            if not dark.size or self._suspicious():
                return
            wanted = int(np.ceil(min(float(seen.reach[dark].max()), 1e3) ** 2))
            count = min(max(wanted, 1), _PARTS, dark.size)
            for some in np.array_split(self.survey.rng("parts").permutation(dark), count):
                self._look([(seen, some)])

    def _suspicious(self) -> bool:
        """Tell whether there is something to search for already."""
        return any(suspicious(measured.e, measured.common, DOUBT) for measured in self.measurements)

    def _look(self, part: Part) -> None:
        """Look at rows, each of which moves as its claim says."""
        numbered = []
        for seen, which in part:
            numbers = np.zeros(seen.size.size)
            rng = self.survey.rng("row lines")
            numbers[which] = rng.uniform(1, 2, which.size) * rng.choice([-1.0, 1.0], which.size)
            numbered.append((seen, numbers))
        sizes = np.concatenate([seen.size[which] for seen, which in part])
        if sizes.size:
            scale = math.sqrt(sum(float(np.square(n * s.size).sum()) for s, n in numbered))
            weights = moved_as_claimed(self.survey, numbered)
            self._measured(weights, float(sizes.min()), scale, numbered)
            for seen, which in part:
                seen.followed(which, self.measurements[-1].seen)

    def _look_at_weak(self) -> None:
        """Look at the entries of rows of which little is claimed, with random signs."""
        survey = self.survey
        there, least = np.zeros(survey.g.size, dtype=bool), math.inf
        for seen in self.every:
            if seen.weak.any():
                there[seen.rows.leaf.where] |= seen.rows.spread(seen.weak)
                least = min(least, float(seen.size[seen.weak].min()))
        if not 0 < least < math.inf:
            return
        for k in range(_DRAWS_AT_MOST):
            dark = max(float(seen.reach[seen.weak].max(initial=0.0)) for seen in self.every)
            # With twice the lines, their geometric mean need be the less improbable by a root.
            if dark <= 1 or (k >= _DRAWS and dark > MISS ** (1 / _DRAWS_AT_MOST - 1 / k)):
                return
            if self._suspicious():
                return
            weights = survey.signs("signs of rows").astype(np.float16)
            weights *= there
            # Three lines miss a normal number below a quarter of its deviation once in a hundred.
            self._measured(weights, least / 4)
            for seen in self.every:
                seen.might(np.flatnonzero(seen.weak), self.measurements[-1].seen)

    def _look_at_small_leaves(self) -> None:
        """
        Look at leaves alone of which so little is claimed that it may be rounding of the others.

        Along signs of its own what is rounding adds up like a claim, and all of it, as an ulp of x0
        moves it, has to be allowed for: how much that is, few entries do not tell.
        """
        small = [whole for whole in self.wholes if whole.weak[0] and whole.own[0] > 0]
        for whole in small if 1 < len(self.wholes) <= _LEAVES else []:
            if whole.rows.leaf.where.stop - whole.rows.leaf.where.start < _ENTRIES:
                continue
            if self._suspicious():
                return
            part, own = [(whole, np.ones(1))], float(whole.own[0])
            weights = moved_as_claimed(self.survey, part)
            self._measured(weights, own, own, part)
            total, _ = self.survey.rounding_along(weights)
            self.measurements[-1] = replace(self.measurements[-1], common=total)
            whole.followed(np.array([0]), self.measurements[-1].seen)

    def _measured(
        self, weights: np.ndarray, visible: float, scale: float = 0.0, part: Part | str = ""
    ) -> None:
        if self.survey.scalar.nfev - self._first > _MOST:
            raise BudgetSpent
        self.measurements.append(self.looks.along(weights, visible, scale, part))

    def _look_along_x(self) -> None:
        """
        Look along x itself, and along ones: a normalisation changes by neither.

        A term that is missing in its derivative (the projection) is along x, or constant, in each
        row that is normalised, and may be small beside each entry; along all of them it is as large
        as what the claim says there.
        """
        survey = self.survey
        for k, constant in itertools.product(range(_AXES), (False, True)):
            weights, claimed = np.zeros(survey.g.size, dtype=np.float16), 0.0
            for whole, several in zip(self.wholes, self.rows, strict=True):
                if k and len(several) < 2:
                    continue
                rows = (several or [whole])[-k].rows
                where = rows.leaf.where
                move = survey.move[where]
                own = np.full(move.size, move.min()) if constant else survey.scalar.x[where]
                own = own / move
                along = rows.sums((own * survey.scales.claim[where]).__getitem__)
                numbers = survey.rng("scaled rows").uniform(1, 2, rows.count) * np.where(
                    along < 0, -1.0, 1.0
                )
                weights[where] = own * rows.spread(numbers)
                claimed += float(numbers @ along)
            if weights.any():
                visible = survey.res * max(claimed, survey.size_along(weights, "resolved"))
                self._measured(weights, visible, claimed, "constant" if constant else "along x0")


def reach(lines: RowLines, whole_of_all: float, alone: float) -> tuple[LeafReach, ...]:
    """
    Return how small a mistake of each leaf, of its rows and entries would have been seen.

    Parameters
    ----------
    lines : RowLines
        What was looked at.
    whole_of_all : float
        That of the whole.
    alone : float
        The least error of one entry that is followed, in the units of the survey.
    """
    found = []
    for whole, several in zip(lines.wholes, lines.rows, strict=True):
        leaf = whole.rows.leaf
        least = float(np.min(lines.survey.scales.resolved[leaf.where]))
        entry = alone / least if least > 0 else math.inf
        by_axis = {seen.rows.axis: float(seen.reach.max()) for seen in several}
        of_whole = float(whole.of_claim[0]) if len(lines.wholes) > 1 else whole_of_all
        size = math.prod(leaf.shape)
        rows = tuple(
            by_axis.get(k, of_whole if length == 1 and size > 1 else entry)
            for k, length in enumerate(leaf.shape)
        )
        found.append(LeafReach(leaf.path, leaf.shape, of_whole, rows, entry))
    return tuple(found)
