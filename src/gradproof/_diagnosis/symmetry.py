"""A Hessian of which two entries that have to be equal are not."""

from collections.abc import Iterator

import numpy as np

from .._report.diagnoses import Kind
from .evidence import Case
from .named import Named
from .parts import listed_entries


def asymmetric(case: Case) -> Iterator[Named]:
    """Yield names: a Hessian is not symmetric; of two entries that should be equal one is wrong."""
    own = case.own
    if not own.symmetric:
        return
    half = own.claimed.ndim // 2
    mirrored = np.transpose(own.claimed, (*range(half, 2 * half), *range(half)))
    size = np.maximum(np.abs(own.claimed), np.abs(mirrored))
    apart = np.abs(own.claimed - mirrored) > own.slack * (size + np.max(size, initial=0.0))
    if not apart.any() or (own.wrong & ~own.taken(apart)).any():
        return
    wrong = own.wrong & own.taken(apart)
    if not own.fits(own.taken(mirrored), wrong):
        return
    count = int(apart.sum()) // 2
    places = np.transpose([axis[wrong] for axis in own.index])
    pairs = "pair" if count == 1 else "pairs"
    text = (
        f"is not symmetric, in {count} {pairs} of entries: wrong is {listed_entries(own, places)}"
    )
    predicted = own.claimed.copy()
    if own.where.size == own.claimed.size:
        predicted.reshape(-1)[own.where[wrong]] = mirrored.reshape(-1)[own.where[wrong]]
        yield Named(Kind.ASYMMETRIC, text, predicted, least=2.0)
