"""
Whether what looks like an error of a claim is rounding of terms, its own or func's, that cancel.

The residual of a fit, one less a probability that is nearly one: what is left of the terms has few
digits, however right the formula. It is asked last, before a claim is convicted, and of the claim;
func is called where the claim elsewhere is so much larger that rounding of it is its error here.
"""

from typing import Any

import numpy as np

from .._claims.linear_map import displaced
from .._numerics.extrapolation import Estimate
from .._numerics.rounding import ROUNDINGS, Ulps
from .survey import Survey

#: Random moves by an ulp, of which the largest change counts: a few, and more where they help.
_FEW, _DRAWS = 4, 16
#: Multiples of x0 at which terms that cancel at x0 may not. Towards zero whatever saturates is
#: less saturated, and away from it whatever is a small difference may be a large one.
_ELSEWHERE = (0.75, 0.5, 0.25, 0.0625, 0.0, 1.5, 2.0, -1.0)
#: Points on each side of x0 on which the claim is asked whether it is smooth, and the least number
#: of values that it has to take there: fewer are those of a kink or two.
_SIDE, _VALUES = 4, 5
#: From one spacing of these points to the next.
_SPACING = 8.0
CANCELS = (
    "terms of func or of the claim cancel here, and what is left of them is rounding: nothing can "
    "be told of the claim at this point"
)


def cancels(survey: Survey, direction: np.ndarray, e: Estimate) -> bool:
    """
    Tell whether rounding of terms may be all of the error of a claim along a direction.

    Either moves of x0 by an ulp change the claim as much (on both sides of x0: a kink changes it
    on one); or its terms, seen elsewhere, are so large that their rounding is, and near x0 either
    func stands still or the claim takes steps of that size where it should be smooth.
    """
    whole = survey.precision.rounding_in_full
    if not whole and _by_ulps(survey, direction, e.value):
        return True
    error = abs(e.value)
    rounding = rounding_of_terms(survey, direction, error)
    # Values tell of their terms by themselves: of these the claim need only give a hint.
    if ROUNDINGS * rounding < error:
        return False
    return _stands_still(survey, direction, e) or (
        not whole and rounding >= error and _ragged(survey, direction, error)
    )


def _by_ulps(survey: Survey, direction: np.ndarray, error: float) -> bool:
    """
    Tell whether moves of x0 by an ulp change the claim by as much as it is off.

    Rounding of a few digits often makes no change at all: where that of another entry is as large,
    more moves are tried; and the median entry's tells of one that they leave as it is.
    """
    point, hopeful = survey.scalar.point, False
    ulps = Ulps(point.base.magnitude, survey.eps, survey.rng("cancellation"))
    most = np.zeros_like(survey.move)
    for k in range(_DRAWS):
        if k >= _FEW and not hopeful:
            return False
        d = point.towards(ulps.x())
        both = [_between(survey, side, 2 * side) for side in (d, -d)]
        both = [change for change in both if change is not None]
        if not both:
            continue
        if ROUNDINGS * min(abs(change @ direction) for change in both) >= abs(error):
            return True
        most = np.maximum(most, np.abs(both).min(axis=0) * survey.move)
        hopeful = ROUNDINGS * float(most.max()) >= abs(error)
    return ROUNDINGS * float(np.median(most)) >= abs(error)


def _between(survey: Survey, one: np.ndarray, other: np.ndarray) -> Any:
    """
    Return by how much the claim differs between two displacements; None if it fails there.

    To the same side of x0: ties are told apart, and kinks decided, on both alike.
    """
    near = survey.near.there(one), survey.near.there(other)
    if near[0] is None or near[1] is None:
        return None
    with np.errstate(all="ignore"):
        change = near[1] - near[0]
    return change if np.isfinite(change).all() else None


def rounding_of_terms(survey: Survey, direction: np.ndarray, enough: float) -> float:
    """
    Return what rounding makes of the largest terms that the claim has on the ray through x0.

    Once that is `enough`, the claim is not asked for larger ones.
    """
    size, point, found = np.abs(direction), survey.scalar.point, 0.0
    for factor in _ELSEWHERE:
        there = survey.near.there(point.towards((factor - 1) * point.base.x))
        with np.errstate(all="ignore"):
            terms = 0.0 if there is None else float(np.abs(there) @ size)
        if np.isfinite(terms):
            found = max(found, ROUNDINGS * survey.eps * terms)
        if found >= enough:
            break
    return found


def _stands_still(survey: Survey, direction: np.ndarray, e: Estimate) -> bool:
    """
    Tell whether values of func that do not move along a direction may have lost the claim's error.

    The cross entropy of a class that is certain, ``log(sum(exp(z))) - z[0]``, is 0 to the bit, and
    its gradient is not: a value that is nothing beside its terms does not tell of their rounding.
    Where they do not cancel it is as large as they are, and does move.
    """
    scalar, point = survey.scalar, survey.scalar.point
    at_x0, still = scalar.values.at_x0, scalar.weights != 0
    # Of few digits one rounding is a large share of a value, and is counted as one.
    roundings = 1 if survey.precision.rounding_in_full else ROUNDINGS
    for step in (e.step, -e.step):
        still &= scalar.values.at(step * direction)[0] == at_x0
    if not still.any():
        return False
    for factor in _ELSEWHERE:
        there = point.towards((factor - 1) * point.base.x)
        # By a whole move, there: a finer step might be lost in rounding once more.
        values, beside = (scalar.values.at(by)[0] for by in (there, displaced(there, direction)))
        with np.errstate(all="ignore"):
            terms = roundings * survey.eps * np.abs(values - at_x0)
        lost = np.where(still & (beside != values) & (np.abs(at_x0) <= terms), terms, 0.0)
        size = float(scalar.size_of(lost))
        if np.isfinite(size) and size >= abs(e.value) * e.step:
            return True
    return False


def _ragged(survey: Survey, direction: np.ndarray, error: float) -> bool:
    """
    Tell whether the claim, on the ray through x0, scatters by the size of its error.

    A smooth claim has steps of an ulp of itself at the finest spacing at which it takes several
    values, and fourth differences that grow with the fourth power of the spacing from there on. One
    of few digits has larger ones, or takes hardly another value at all; and what rounding makes of
    terms beside smooth ones is alike at all spacings at which it shows.
    """
    places, point = np.arange(-_SIDE, _SIDE + 1.0), survey.scalar.point
    spacing, before = 4 * point.eps, np.inf
    while spacing * _SIDE <= 0.75:
        moves = (point.towards(spacing * k * point.base.x) for k in places)
        there = [survey.near.there(move) for move in moves]
        values = np.array([g @ direction for g in there if g is not None])
        if values.size == places.size and np.unique(values).size >= _VALUES:
            # The weights 1, -4, 6, -4, 1 make of steps of one deviation a sum of sqrt(70).
            scatter = float(np.max(np.abs(np.diff(values, 4))) / np.sqrt(70))
            # Half of the digits between growth with the fourth power and none.
            large = ROUNDINGS * min(before, scatter) >= abs(error)
            if large and scatter <= before * _SPACING**2:
                return True
            before = scatter
        spacing *= _SPACING
    return before == np.inf
