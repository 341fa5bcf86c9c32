"""Sums that a hypothesis asks for: what of it cannot be seen in those that there are."""

import numpy as np

from .evidence import Case, Sum, blur, contracted

#: From this share of what is typical on, a change of an entry matters.
_MATTERS = 0.1


def asked(case: Case, among: np.ndarray) -> Sum | None:
    """Return a sum of some entries, with weights and signs at random; it is known from then on."""
    ask = case.evidence.ask
    if ask is None or not among.any():
        return None
    for known in case.evidence.sums if not among.all() else ():
        if set(known.weights) == {case.k} and np.array_equal(known.weights[case.k] != 0, among):
            return known  # it was asked for before
    rng = np.random.default_rng(len(case.evidence.sums))
    weights = rng.uniform(1, 2, among.shape) * rng.choice([-1.0, 1.0], among.shape)
    one = ask({case.k: np.where(among, weights, 0.0)})
    if one is not None:
        case.evidence.sums.append(one)
    return one


def off_elsewhere(case: Case, inside: np.ndarray) -> bool:
    """Tell whether a sum of the entries outside is off: more is wrong than what is inside."""
    own = case.own
    one = None if own.whole else asked(case, ~inside)
    if one is None:
        return False
    allowed = one.bar + blur(own.claimed, one.weights[case.k], own.rounding)
    return bool((np.abs(one.error) > allowed).any())


def holds_of_sum(case: Case, predicted: np.ndarray, among: np.ndarray) -> bool:
    """
    Tell whether a sum of some entries, with signs at random, is what is predicted of them.

    Where a claim is smooth, what is beside an entry that is wrong is as good as what is right.
    """
    own = case.own
    one = None if own.whole else asked(case, among)
    if one is None:
        return True
    weights = one.weights[case.k]
    left = one.error - contracted(np.where(among, predicted - own.claimed, 0.0), weights)
    return bool((np.abs(left) <= one.bar + blur(predicted, weights, own.rounding)).all())


def unseen(case: Case, change: np.ndarray) -> np.ndarray:
    """Return which entries may change so, by far more than nothing, without that any sum tells."""
    own = case.own
    hidden = np.abs(change) > _MATTERS * np.sqrt(np.mean(np.square(change)))
    hidden.reshape(-1)[own.where] = False
    for one in case.sums:
        weights = one.weights[case.k]
        allowed = one.bar + blur(own.claimed, weights, own.rounding)
        moved = np.abs(change.reshape(allowed.size, -1) * weights.reshape(-1))
        hidden &= (moved <= allowed[:, None]).reshape(hidden.shape)
    return np.asarray(hidden)


def all_seen(case: Case, change: np.ndarray) -> bool:
    """Tell whether such a change of an entry that was not measured would have been seen."""
    if case.own.whole or not unseen(case, change).any():
        return True
    rest = np.ones(change.size, dtype=bool)
    rest[case.own.where] = False
    asked(case, rest.reshape(change.shape))
    return not unseen(case, change).any()
