"""Which leaves a claim that failed is wrong in, and which of their entries are measured for it."""

import itertools
from typing import Any

import numpy as np

from .._diagnosis.evidence import Sum, blur
from .probes import Probes, leaf_shape, places, split

#: How near to a whole number an index has to be, and the most entries that it leads to.
_WITHIN, _MEASURED = 0.02, 8


def decode(probes: Probes, leaf: Any) -> None:
    """
    Measure the entry, or some of the row or column, that a leaf's error may come from.

    Entries are weighed by their index along an axis, too: where one of them is wrong, or all that
    share an index, the two sums are apart by that. Source: `docs/verdict.md`, on the search.
    """
    survey, shape = probes.survey, leaf_shape(leaf)
    direction = np.zeros(survey.g.size)
    own = probes.known()[0].weights
    plain = direction.copy()
    for k, other in enumerate(survey.scalar.values.point.leaves):
        if other is leaf and k in own:
            plain[leaf.where] = own[k].reshape(-1)
    whole = probes.along(plain)
    if whole is None or not abs(whole[0]) > 4 * whole[1]:
        return
    place: list[int | None] = []
    for axis, length in enumerate(shape):
        digits = np.arange(length).reshape([-1 if n == axis else 1 for n in range(len(shape))])
        weights = np.broadcast_to(digits / max(length - 1, 1), shape).reshape(-1)
        direction[leaf.where] = plain[leaf.where] * weights
        weighed = probes.along(direction) if length > 1 else (0.0, 0.0)
        if weighed is None:
            return
        index = weighed[0] / whole[0] * (length - 1)
        near = abs(index - round(index)) < _WITHIN and 0 <= round(index) < length
        place.append(round(index) if near else None)
    if all(index is None for index in place):
        return
    ends = [[i] if i is not None else [0, n // 2, n - 1] for i, n in zip(place, shape, strict=True)]
    for chosen in itertools.islice(itertools.product(*ends), _MEASURED):
        probes.measure(leaf.where.start + int(np.ravel_multi_index(np.array(chosen), shape)))


def by_leaf(
    probes: Probes, leaves: list[Any], rng: np.random.Generator
) -> tuple[list[int], set[int], list[Sum]]:
    """Look along each leaf; return those that may be wrong, those that are right, and sums."""
    survey = probes.survey
    suspects, right, sums = [], set(), []
    for k, leaf in enumerate(leaves):
        size = leaf.where.stop - leaf.where.start
        if all(i in probes.error for i in range(leaf.where.start, leaf.where.stop)):
            suspects.append(k)
            continue
        g = survey.g[leaf.where]
        signs = np.where(g != 0, np.sign(g), rng.choice([-1.0, 1.0], size))
        direction = np.zeros(survey.g.size)
        direction[leaf.where] = rng.uniform(1, 2, size) * signs * survey.move[leaf.where]
        found = probes.along(direction)
        if found is None:
            suspects.append(k)
            continue
        error, bar = found
        sums.append(Sum(split(leaves, direction), np.array([error]), np.array([bar])))
        weights = np.zeros(survey.g.size)
        weights[leaf.where] = direction[leaf.where] / survey.move[leaf.where]
        material = float(np.ldexp(survey.size_along(weights), survey.exponent))
        bar += float(blur(probes.claimed, direction, 2 * probes.coarse)[0])
        if abs(error) <= bar + survey.rtol * material:
            if bar <= survey.res * material:
                right.add(k)
        else:
            suspects.append(k)
    return suspects, right, sums


def sample(probes: Probes, leaves: list[Any], entries: int, rng: np.random.Generator) -> None:
    """Measure so many entries of leaves that may be wrong: all of few, else some of each."""
    sizes = [leaf.where.stop - leaf.where.start for leaf in leaves]
    possible = probes.left // (2 * probes.steps.size)
    if sum(sizes) <= entries + len(probes.error):
        unknown = [
            i
            for leaf in leaves
            for i in range(leaf.where.start, leaf.where.stop)
            if i not in probes.error
        ]
        if len(unknown) <= min(entries, possible):
            for i in unknown:
                probes.measure(i)
            return
    # Some calls are left for sums.
    entries = int(min(0.8 * possible, entries))
    for leaf, size in zip(leaves, sizes, strict=True):
        share = size if sum(sizes) <= entries else max(entries // max(len(leaves), 1), 2)
        for i in places(leaf_shape(leaf), share, rng):
            if not probes.measure(leaf.where.start + i):
                return
