"""Mistakes of a whole field that need no look at its places: zero, sign, factor, and their like."""

from collections.abc import Iterator

import numpy as np

from .._report.diagnoses import Kind
from .evidence import Case
from .factors import fitted, from_sums, known, sharpest, times
from .fields import Field
from .named import Named

#: Of a factor that is 1, -1, 2 or 1/2 and is seen in one number only: how far off it may be.
_SINGLE = 0.02
#: How sharp a factor has to be that is seen in one number and is no plain one: of 10^6 numbers a
#: thousand have three digits.
_SHARP = 1e-6
#: Bits that the fractions of claimed numbers have at least if they are not round by themselves.
_DTYPES = (("bfloat16", 8), ("float16", 11), ("float32", 24))


def zero(case: Case) -> Iterator[Named]:
    """Yield names: the claim is 0 throughout, and what was measured is not."""
    own = case.own
    if not own.claimed.any() and own.wrong.any():
        text = "is 0 in every entry, and func's slope is not: left out, detached, or None?"
        yield Named(Kind.ZERO, text, value=0.0, uncertainty=0.0, least=1.0)


def straight_through(case: Case) -> Iterator[Named]:
    """Yield names: the claim is the cotangent, or the tangent, itself."""
    own = case.own
    for beside in own.beside:
        if beside.name not in ("the cotangent", "the tangent"):
            continue
        same = np.broadcast_to(beside.values, own.shape)
        if own.claimed.any() and np.array_equal(same, own.claimed):
            text = f"is {beside.name} itself, and func is not linear with slope 1"
            yield Named(Kind.STRAIGHT_THROUGH, text, least=1.0, also=(Kind.MISSING_FACTOR,))


def sign(case: Case) -> Iterator[Named]:
    """Yield names: all is there, with the wrong sign."""
    own = case.own
    if own.claimed.any():
        text = "has the wrong sign in every entry" if own.claimed.size > 1 else "has the wrong sign"
        least = 1.0 if _single(own, -1.0) else 4.0
        yield Named(Kind.SIGN, text, -own.claimed, value=-1.0, uncertainty=0.0, least=least)


def _single(own: Field, value: float) -> bool:
    """Tell whether a field is one number, which is off by about this factor."""
    if own.claimed.size > 1 or not own.measured.size:
        return False
    return bool(abs(own.measured[0] - value * own.at[0]) <= _SINGLE * abs(own.measured[0]))


def factor(case: Case) -> Iterator[Named]:
    """Yield names: all is there, times a number."""
    own = case.own
    found = fitted(case, own.at)
    if found is None:
        return
    sums = [(1 + a, s) for a, s in from_sums(case, own.claimed)]
    slope, blur = sharpest([found, *sums])
    if abs(slope) <= blur:
        yield from _spurious(own)
        return
    value, uncertainty = 1 / slope, blur / slope**2
    exact, words = known(case, value, uncertainty)
    single = own.claimed.size == 1 and own.where.size == 1
    if single:
        exact = (
            2.0 if _single(own, 0.5) else 0.5 if _single(own, 2.0) else _short(value, uncertainty)
        )
        if not exact:
            return
        words = f"{exact:g}"
    every = " in every entry" if own.claimed.size > 1 else ""
    text = times(value, uncertainty, words, every)
    also = (Kind.REDUCED,) if "instead of" in words else ()
    yield Named(
        Kind.FACTOR, text, own.claimed / (exact if words else value), 0 if words else 1, value,
        uncertainty, least=1.0 if single else 4.0, also=also,
    )  # fmt: skip


def _short(value: float, uncertainty: float) -> float:
    """Return the number of three digits that a sharp number is: one in a thousand is; else 0."""
    exact = float(f"{value:.3g}")
    sharp = uncertainty <= _SHARP * abs(value) and abs(exact) != 1
    return exact if sharp and abs(value - exact) <= uncertainty else 0.0


def _spurious(own: Field) -> Iterator[Named]:
    """Yield names: there is no slope, and one is claimed."""
    if (np.abs(own.measured) <= own.bar).all():
        text = "is not 0, and func does not depend on it"
        yield Named(Kind.FACTOR, text, np.zeros_like(own.claimed), value=np.inf)


def conjugate(case: Case) -> Iterator[Named]:
    """Yield names: imaginary parts have the wrong sign."""
    own = case.own
    if own.complex:
        signs = np.array([1.0, -1.0]).reshape(2, *[1] * (own.claimed.ndim - 1))
        text = "is the complex conjugate of what it should be"
        yield Named(Kind.CONJUGATE, text, own.claimed * signs)
        yield Named(Kind.CONJUGATE, text + ", with the wrong sign", -own.claimed * signs)


def precision(case: Case) -> Iterator[Named]:
    """Yield names: the claim has fewer digits than its dtype."""
    own = case.own
    numbers = own.claimed[np.isfinite(own.claimed) & (own.claimed != 0)]
    for name, bits in _DTYPES:
        if own.slack > 2.0 ** (2 - bits) or not numbers.size:
            continue
        mantissa, _ = np.frexp(numbers)
        scaled = np.ldexp(mantissa, bits)
        if not (scaled == np.round(scaled)).all():
            continue
        # Round numbers, as those of a claim that is 1 or 2 throughout, are so in every dtype.
        long = np.unique(mantissa[np.ldexp(mantissa, bits - 4) % 1 != 0])
        if long.size < min(own.claimed.size, 3):
            continue
        with np.errstate(all="ignore"):
            near = np.abs(own.error) <= 2.0 ** (1 - bits) * np.abs(own.measured) * 1.01 + own.bar
        if near.all():
            text = f"is rounded to {name}: computed in it, or stored so?"
            yield Named(Kind.PRECISION, text, value=2.0**-bits, least=1.0)
            return


def clipped(case: Case) -> Iterator[Named]:
    """Yield names: the largest numbers are all the same, where larger ones were measured."""
    own = case.own
    size = np.abs(own.claimed)
    limit = float(size.max(initial=0.0))
    at = size == limit
    if not limit or at.sum() < 3 or at.all():
        return
    inside = own.taken(at)
    if (own.wrong & ~inside).any() or not (own.wrong & inside).any():
        return
    beyond = np.abs(own.measured[inside]) + own.bar[inside] >= limit
    if beyond.all() and (np.sign(own.measured[inside]) == np.sign(own.at[inside])).all():
        text = f"is clipped at {limit:.6g}, in {int(at.sum())} of {at.size} entries"
        yield Named(Kind.CLIPPED, text, value=limit, inside=at, condition=f"|claim| = {limit:.6g}")
