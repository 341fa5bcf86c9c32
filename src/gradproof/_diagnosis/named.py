"""A mistake that may explain a field, and what the field says of it."""

from dataclasses import dataclass

import numpy as np

from .._report.diagnoses import Kind
from .evidence import Case, Sum, blur, contracted
from .fields import Field

#: Digits of evidence that a name takes. A wrong hypothesis without a free number explains an entry
#: as well as its bar by luck in one of as many cases as there are bars in its error: of 10^4,
#: with some hundred hypotheses, one in a hundred is a coincidence, and a sum of entries then tells.
ENOUGH = 4.0
#: Of a claim of zero, which is evidence by itself, and of what few entries leave no more of.
_OWN = 1.0


@dataclass(frozen=True)
class Named:
    """
    A mistake in a field.

    Attributes
    ----------
    kind : Kind
        What it is.
    text : str
        What the claim is: a predicate, as in "has the wrong sign".
    predicted : ndarray or None
        What the derivative is if this is the mistake, in full; None where that is not known.
    fitted : int
        How many numbers were fitted to the measurements.
    value, uncertainty : float or None
        The number that belongs to it.
    condition : str
        Where, if not everywhere: "where x < 0", "in row 3".
    inside : ndarray of bool or None
        Which entries that is, in full.
    least : float
        Digits of evidence that are enough.
    also : tuple of Kind
        Other names for the same.
    """

    kind: Kind
    text: str
    predicted: np.ndarray | None = None
    fitted: int = 0
    value: float | None = None
    uncertainty: float | None = None
    condition: str = ""
    inside: np.ndarray | None = None
    least: float = ENOUGH
    also: tuple[Kind, ...] = ()

    @property
    def vague(self) -> bool:
        """Whether it is said of entries that were measured, and nothing of the others."""
        return Kind.PARTIAL in self.also and self.predicted is None and self.inside is None


def holds(case: Case, named: Named) -> bool:
    """Tell whether what was measured of a field, and sums of it, bear a mistake out."""
    own = case.own
    concerned = own.wrong
    if named.inside is not None:
        inside = own.taken(named.inside)
        if (concerned & ~inside).any():
            return False
    digits = own.digits(concerned)
    if named.predicted is not None:
        if not own.fits(own.taken(named.predicted)):
            return False
        told = [_told(own, one, case.k, named.predicted) for one in case.sums]
        if -np.inf in told:
            return False
        if own.claimed.size > 1:  # sums of a single number say nothing that it does not
            digits = np.sort([*digits, *told])
    # A number that was fitted explains the best of what is known by itself.
    kept = digits[: max(digits.size - named.fitted, 0)] if named.fitted else digits
    return bool(kept.sum() >= named.least)


def _told(own: Field, one: Sum, k: int, predicted: np.ndarray) -> float:
    """Return the digits by which a sum speaks for a prediction; minus infinity if against it."""
    weights = one.weights[k]
    left = one.error - contracted(predicted - own.claimed, weights)
    bar = one.bar + blur(predicted, weights, own.rounding)
    if not (np.abs(left) <= bar).all():
        return -np.inf
    with np.errstate(all="ignore"):
        off = float(np.max(np.abs(one.error) / bar, initial=1.0))
    return float(np.clip(np.log10(max(off, 1.0)), 0.0, 3.0))


def share_explained(own: Field, predicted: np.ndarray) -> float:
    """Return what share of the measured error a prediction accounts for, in the 2-norm."""
    with np.errstate(all="ignore"):
        left = np.linalg.norm(np.maximum(np.abs(own.measured - own.taken(predicted)) - own.bar, 0))
        whole = np.linalg.norm(own.error)
    return float(np.clip(1 - left / whole, 0.0, 1.0)) if whole else 0.0
