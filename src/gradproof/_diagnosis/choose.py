"""From evidence to the mistakes that explain it: the catalogue, in order, field by field."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from .._report.diagnoses import Diagnosis, Kind, WrongPlace
from . import arranged, elementwise, parts, plain, reduced, symmetry, terms
from .asked import asked
from .evidence import SLOPE, Case, Evidence
from .fields import Field, called, is_rough
from .named import ENOUGH, Named, holds, share_explained

Hypotheses = Callable[[Case], Iterator[Named]]
#: The first that explains all that was measured is said: the simplest ones come first, those with
#: numbers that are fitted, or with a pattern that is looked for, last.
CATALOGUE: tuple[Hypotheses, ...] = (
    parts.not_finite,
    plain.zero,
    parts.zeros,
    plain.straight_through,
    plain.sign,
    plain.factor,
    plain.conjugate,
    plain.precision,
    plain.clipped,
    arranged.swapped,
    arranged.transposed,
    arranged.moved,
    arranged.halves,
    reduced.of_cotangent,
    reduced.constant_along,
    symmetry.asymmetric,
    parts.few_entries,
    parts.conditional,
    parts.entries,
    terms.multiple,
    elementwise.missing,
    terms.along_axis,
    arranged.permuted,
    parts.subset,
)
#: So many times what a name takes is evidence that needs no sum beside it, of a rough claim.
_CROSSED = 4
#: Up to so many entries calls are kept for entries.
_SMALL = 32
#: The most entries of which no more is known than where they are.
_LISTED = 32
#: Those that look at no places.
PLAIN = CATALOGUE[: CATALOGUE.index(plain.clipped) + 1]


@dataclass
class Found:
    """
    What is said of a claim.

    Attributes
    ----------
    named : dict of int to Named
        The mistake of a field, by its number.
    located : dict of int to ndarray
        Of fields without a name, what the derivative is if all that is wrong was measured.
    wrong, right : set of int
        Fields in which entries are wrong, and those that were seen to be right.
    """

    named: dict[int, Named] = field(default_factory=dict)
    located: dict[int, np.ndarray] = field(default_factory=dict)
    wrong: frozenset[int] = frozenset()
    right: frozenset[int] = frozenset()

    def settled(self, evidence: Evidence) -> bool:
        """Tell whether all that is wrong is known, and nothing else can be wrong."""
        if not self.wrong or self.wrong != frozenset(self.named) | frozenset(self.located):
            return False
        every = frozenset(range(len(evidence.fields)))
        predicted = self.predicted
        if len(predicted) < len(self.wrong):
            return self.wrong | self.right == every
        if all(own.whole for own in evidence.fields):
            return True
        return evidence.consistent(predicted, self.blurred) is True

    @property
    def blurred(self) -> dict[int, float]:
        """The relative uncertainty of numbers that were fitted."""
        return {
            k: one.uncertainty / abs(one.value)
            for k, one in self.named.items()
            if one.fitted and one.uncertainty and one.value
        }

    @property
    def predicted(self) -> dict[int, np.ndarray]:
        """What derivatives are by the mistakes that were named, as far as these tell."""
        found = {k: one.predicted for k, one in self.named.items() if one.predicted is not None}
        return {**found, **self.located}


@np.errstate(all="ignore")  # of numbers near the largest and the smallest ones
def named(
    evidence: Evidence,
    wrong: frozenset[int],
    right: frozenset[int],
    catalogue: tuple[Hypotheses, ...] | None = None,
) -> Found:
    """
    Return the mistakes that explain the fields that are wrong.

    Parameters
    ----------
    evidence : Evidence
        What is known.
    wrong, right : frozenset of int
        The numbers of fields that are off, and of those that were seen to be right.
    catalogue : tuple of callable, optional
        The hypotheses, in order; all by default.
    """
    found = Found({}, {}, wrong, right)
    for k in sorted(wrong):
        name = _first(Case(evidence, k, right), catalogue or CATALOGUE)
        if name is not None:
            found.named[k] = name
        elif 0 < evidence.fields[k].wrong.sum() <= _LISTED:
            found.located[k] = _corrected(evidence.fields[k])
    _shared(evidence, found)
    predicted = found.predicted
    every = len(predicted) == len(wrong)
    if every and evidence.consistent(predicted, found.blurred) is False:
        # Each explains its own entries; together they do not explain the sums of all.
        if found.located:  # more is wrong there than what was measured
            found.located.clear()
        elif len(wrong) > 1:
            found.named.clear()
    return found


def crossed(evidence: Evidence, found: Found, across: set[int]) -> bool:
    """
    Ask for a sum of a field with signs at random, where entries say little; tell whether it came.

    Sums along the claim alone are off by the same share wherever the mistake is, and entries of a
    claim that is rounded to few digits, or that are below the noise, hide what others have.
    """
    for k in sorted(found.wrong - across):
        own = evidence.fields[k]
        name = found.named.get(k)
        if own.whole or k in found.located:
            continue
        if own.claimed.size <= _SMALL and not is_rough(own):  # all of it can be measured
            continue
        if own.digits().sum() >= ENOUGH * (_CROSSED if is_rough(own) else 1):
            continue
        if name is not None and (
            name.predicted is None or (name.inside is not None and not is_rough(own))
        ):
            continue
        across.add(k)
        if asked(Case(evidence, k, frozenset()), np.ones(own.shape, dtype=bool)) is not None:
            return True
    return False


def _shared(evidence: Evidence, found: Found) -> None:
    """Name fields that have too few entries to tell by the factor of another, if that explains."""
    factors = [
        one
        for one in found.named.values()
        if one.kind in (Kind.SIGN, Kind.FACTOR) and one.inside is None and one.value
    ]
    for k in sorted(found.wrong - frozenset(found.named)):
        own = evidence.fields[k]
        for one in factors:
            assert one.value is not None
            predicted = own.claimed / one.value
            if np.isfinite(one.value) and own.fits(own.taken(predicted)):
                found.named[k] = replace(one, predicted=predicted)
                found.located.pop(k, None)
                break


def _corrected(own: Field) -> np.ndarray:
    """Return the claim with what was measured in the place of what is wrong."""
    full = own.claimed.copy()
    full.reshape(-1)[own.where[own.wrong]] = own.measured[own.wrong]
    return full


def _first(case: Case, catalogue: tuple[Hypotheses, ...]) -> Named | None:
    """Return the first name that what was measured bears out."""
    for hypotheses in catalogue:
        for one in hypotheses(case):
            if holds(case, one):
                return one
    return None


def _joined(evidence: Evidence, found: Found) -> None:
    """Let fields that are off by the same factor say it in the words of the sharpest."""
    plain = {
        k: one
        for k, one in found.named.items()
        if one.kind in (Kind.SIGN, Kind.FACTOR) and one.inside is None and one.value is not None
    }
    blur = {k: one.uncertainty or 0.0 for k, one in plain.items()}
    leaders: list[int] = []
    # Of single numbers nothing is "in every entry": they follow.
    for k in sorted(plain, key=lambda k: (evidence.fields[k].claimed.size == 1, blur[k])):
        one = plain[k]
        for leader in leaders:
            other = plain[leader]
            assert one.value is not None
            assert other.value is not None
            apart = abs(one.value - other.value)
            if one.kind == other.kind and apart <= blur[k] + blur[leader] + 1e-9 * abs(one.value):
                text, number, sharp = other.text, other.value, other.uncertainty
                found.named[k] = replace(one, text=text, value=number, uncertainty=sharp)
                break
        else:
            leaders.append(k)


@np.errstate(all="ignore")  # of numbers near the largest and the smallest ones
def diagnoses(evidence: Evidence, found: Found) -> tuple[Diagnosis, ...]:
    """Return what is said, fields with one mistake together; what explains most comes first."""
    _joined(evidence, found)
    groups: dict[tuple[object, ...], list[int]] = {}
    for k, one in found.named.items():
        groups.setdefault(
            (one.kind, one.text, one.condition if one.inside is None else k), []
        ).append(k)
    told = [_diagnosis(evidence, found, ks) for ks in groups.values()]
    told.sort(key=lambda pair: -pair[0])
    first = [one for _, several in told for one in several[:1]]
    return (*first, *(one for _, several in told for one in several[1:]))


def places(evidence: Evidence, found: Found) -> tuple[WrongPlace, ...]:
    """Return the fields, and blocks of them, that are wrong as a whole."""
    told = []
    for k, one in found.named.items():
        own = evidence.fields[k]
        block = one.condition.startswith("[")
        if one.condition and not block:
            continue
        inside = np.ones(own.shape, dtype=bool) if one.inside is None else one.inside
        taken = own.taken(inside)
        path = f"{called(own)}{one.condition}" if block else own.name
        count, off = int(inside.sum()), int((taken & own.wrong).sum())
        told.append(WrongPlace(path, count, int(taken.sum()), off))
    return tuple(told)


def _diagnosis(evidence: Evidence, found: Found, ks: list[int]) -> tuple[float, list[Diagnosis]]:
    one = found.named[ks[0]]
    fields = [evidence.fields[k] for k in ks]
    explained = min(_explained(own, found.named[k]) for k, own in zip(ks, fields, strict=True))
    size = sum(float(np.square(own.error).sum()) for own in fields)
    names = [own.name for own in fields if own.name]
    place = ", ".join(names)
    text = f"{_subject(evidence, names)} {one.text.replace(SLOPE, evidence.truth)}"
    if one.condition.startswith("["):
        place = f"{called(fields[0])}{one.condition}"
        text += f" in {place}"
    elif one.condition:
        place = f"{place} {one.condition}".strip()
        text += f" {one.condition}"
    kinds: tuple[Kind, ...] = (one.kind, *one.also)
    return size, [
        Diagnosis(kind, place, one.value, one.uncertainty, explained, text) for kind in kinds
    ]


def _explained(own: Field, one: Named) -> float:
    """Return what share of the error a mistake accounts for, or has where it says that it is."""
    if one.predicted is not None:
        return share_explained(own, one.predicted)
    if one.inside is None:
        return 1.0
    inside = own.taken(one.inside)
    whole = float(np.square(own.error).sum())
    return float(np.square(own.error[inside]).sum()) / whole if whole else 0.0


def _subject(evidence: Evidence, names: list[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    if not quoted:
        return evidence.subject("")
    if len(quoted) == 1:
        return evidence.subject(quoted[0])
    listed = ", ".join(quoted[:3]) + (f" and {len(quoted) - 3} more" if len(quoted) > 3 else "")
    return evidence.subject(listed)
