"""Wrong claims, made from the numbers of one that is right, and what may be said of each."""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

Arrays = list[np.ndarray]
Change = Callable[[Arrays], Arrays]


@dataclass(frozen=True)
class Mutation:
    """
    What was done to a claim.

    Attributes
    ----------
    name : str
        The row of the table.
    change : callable
        From the arrays of the right claim to those of the wrong one; linear, but for those that a
        gradient alone has.
    kinds : str
        The kinds of mistake that it is; empty if it is in no catalogue.
    """

    name: str
    change: Change
    kinds: str = ""


@dataclass(frozen=True)
class Given:
    """
    What mutations may depend on.

    Attributes
    ----------
    x : list of ndarray
        What the derivative is by, an array for each array of the claim; empty if these differ.
    others : list of ndarray
        Further arguments of the function.
    batch : int
        How many of the first axes number claims of the same kind: real and imaginary parts.
    claim : str
        As of a `Function`.
    """

    x: Arrays
    others: Arrays
    batch: int
    claim: str


def mutations(right: Arrays, given: Given, rng: Any) -> Iterator[Mutation]:
    """Yield mistakes in all of a claim, then those in one of its arrays."""
    everywhere = range(len(right))
    yield from _whole(everywhere, "all leaves, " if len(right) > 1 else "")
    for k in everywhere:
        if len(right) > 1:
            yield from _whole([k], "a leaf, ")
        for own in _of_one(right[k], k, given, rng):
            yield _in_leaf(own, k)
    for i, j in itertools.combinations(everywhere, 2):
        if right[i].shape == right[j].shape:
            yield Mutation("leaves swapped", _swap(i, j), "swapped")


def _in_leaf(own: "_Own", k: int) -> Mutation:
    def change(arrays: Arrays) -> Arrays:
        return [own.change(a) if n == k else a for n, a in enumerate(arrays)]

    return Mutation(own.name, change, own.kinds)


def _swap(i: int, j: int) -> Change:
    def change(arrays: Arrays) -> Arrays:
        arrays = list(arrays)
        arrays[i], arrays[j] = arrays[j], arrays[i]
        return arrays

    return change


def _whole(which: Any, words: str) -> Iterator[Mutation]:
    factors = (("sign", -1.0, "sign"), ("zero", 0.0, "zero"))
    numbers = (2.0, 0.5, 1.02, math.sqrt(8.0), 3.7)
    several = (*factors, *((f"times {c:.3g}", c, "factor") for c in numbers))
    for name, factor, kinds in several:

        def change(arrays: Arrays, factor: float = factor) -> Arrays:
            return [a * factor if n in which else a for n, a in enumerate(arrays)]

        yield Mutation(words + name, change, kinds)


@dataclass(frozen=True)
class _Own:
    """A mistake in one array."""

    name: str
    change: Callable[[np.ndarray], np.ndarray]
    kinds: str = ""


def _of_one(g: np.ndarray, k: int, given: Given, rng: Any) -> Iterator[_Own]:
    yield from _arranged(g, given, rng)
    yield from _along(g, given, rng)
    yield from _masked(g, k, given, rng)
    if given.x:
        yield from _elementwise(g, given.x[k])
    yield from _numbers(g)
    if given.claim == "grad" and g.size > 2:  # of one number nobody can tell a term from a factor
        yield from _terms(g, given, k, rng)
    if given.claim == "hess":
        yield from _second_order(g)
    if g.size >= 8:
        yield from _unnamed(g, given, rng)


def _arranged(g: np.ndarray, given: Given, rng: Any) -> Iterator[_Own]:
    axes = range(given.batch, g.ndim)
    if len(axes) == 2:
        back = (*range(given.batch), *reversed(axes))
        if g.shape[-1] == g.shape[-2]:
            yield _Own("transposed", lambda a: np.transpose(a, back), "transposed")
        yield _Own(
            "order of memory", lambda a: np.transpose(a, back).reshape(a.shape), "transposed"
        )
    for axis in axes:
        if g.shape[axis] > 2:
            yield _Own("rolled", partial(np.roll, shift=1, axis=axis), "shifted")
            yield _Own("reversed", partial(np.flip, axis=axis), "permuted")
            yield _Own("shifted", partial(_shifted, axis=axis), "shifted")
    if not given.batch and g.size > 5:
        order = rng.permutation(g.size)
        yield _Own("permuted", lambda a: a.ravel()[order].reshape(a.shape), "permuted")


def _times(a: np.ndarray, factor: Any) -> np.ndarray:
    return np.asarray(a * factor)


def _repeated(a: np.ndarray, of: Any, axis: int) -> np.ndarray:
    return np.broadcast_to(of(a, axis, keepdims=True), a.shape)


def _shifted(a: np.ndarray, axis: int) -> np.ndarray:
    """Return numbers one place further on; the first is 0."""
    moved = np.roll(a, 1, axis)
    first: list[Any] = [slice(None)] * a.ndim
    first[axis] = 0
    moved[tuple(first)] = 0
    return moved


def _along(g: np.ndarray, given: Given, rng: Any) -> Iterator[_Own]:
    for axis in range(given.batch, g.ndim):
        n = g.shape[axis]
        if n < 3:
            continue
        yield _Own("times 1 / length", partial(_times, factor=1 / n), "factor reduced")
        for name, of in (("sum", np.sum), ("mean", np.mean)):
            yield _Own(
                f"{name} along an axis",
                partial(_repeated, of=of, axis=axis),
                "reduced",
            )


def _masked(g: np.ndarray, k: int, given: Given, rng: Any) -> Iterator[_Own]:
    for name, mask in _masks(g, k, given, rng):
        if not mask.any() or mask.all():
            continue
        place = "place" in name
        for how, factor, kinds in (
            ("wrong sign", -1.0, "sign"),
            ("zero", 0.0, "zero"),
            ("times 2", 2.0, "factor"),
        ):
            more = " partial" if "subset" in name else "" if place else " conditional"
            yield _Own(
                f"{how} {name}",
                partial(_times, factor=np.where(mask, factor, 1.0)),
                kinds + more,
            )


def _masks(g: np.ndarray, k: int, given: Given, rng: Any) -> Iterator[tuple[str, np.ndarray]]:
    if given.x:
        x = np.broadcast_to(given.x[k], g.shape)
        if min((x < 0).sum(), (x >= 0).sum()) >= 3:
            yield "where x < 0", x < 0
            yield "where |x| is large", np.abs(x) > np.quantile(np.abs(x), 0.7)
    for other in given.others:
        if other.shape == g.shape and np.unique(other).size == 2:
            yield "where an argument is 0", other == 0
    axes = range(given.batch, g.ndim)
    for axis in axes:
        n = g.shape[axis]
        place = np.arange(n).reshape([-1 if i == axis else 1 for i in range(g.ndim)])
        if n > 3:
            if len(axes) > 1:
                row = int(rng.integers(n))
                yield "in a row (a place)", np.broadcast_to(place == row, g.shape)
            yield "at the first index (a place)", np.broadcast_to(place == 0, g.shape)
            yield "at the last index (a place)", np.broadcast_to(place == n - 1, g.shape)
        if n > 5:
            yield "at every second index", np.broadcast_to(place % 2 == 1, g.shape)
            block = 4 if n < 20 else 8
            if n % block:
                tail = np.broadcast_to(place >= n - n % block, g.shape)
                yield "in the tail of a block", tail
    if len(axes) == 2 and g.shape[-1] == g.shape[-2] > 2:
        i, j = np.indices(g.shape[-2:])
        for name, mask in (
            ("on the diagonal", i == j),
            ("off the diagonal", i != j),
            ("above the diagonal", j > i),
        ):
            yield name, np.broadcast_to(mask, g.shape)
    if g.size > 8 and not given.batch and g.ndim:
        large = np.flatnonzero(np.abs(g) > np.median(np.abs(g)))
        for count in (1, 3):
            if large.size > count:
                mask = np.zeros(g.size, dtype=bool)
                mask[rng.choice(large, count, replace=False)] = True
                yield f"in {count} entries (places)", mask.reshape(g.shape)
        if g.size > 30:
            yield "in a random subset", rng.random(g.shape) < 0.3


def _elementwise(g: np.ndarray, x: np.ndarray) -> Iterator[_Own]:
    if x.shape != g.shape or x.size < 3:
        return
    for name, factor in (
        ("x", x),
        ("1 / x", 1 / np.where(x == 0, 1, x)),
        ("tanh'(x)", 1 - np.tanh(x) ** 2),
        ("sigmoid'(x)", 0.25 - 0.25 * np.tanh(x / 2) ** 2),
        ("exp(x)", np.exp(x)),
    ):
        if np.abs(factor).max() < 1e4 * np.abs(factor).min():
            yield _Own(
                f"lacks a factor {name}", partial(_times, factor=1 / factor), "missing_factor"
            )


def _numbers(g: np.ndarray) -> Iterator[_Own]:
    for name, bits in (("bfloat16", 8), ("float16", 11), ("float32", 24)):
        yield _Own(f"rounded to {name}", partial(rounded, bits=bits), "precision")
    if g.size > 8:
        top = float(f"{np.quantile(np.abs(g), 0.6):.3g}")
        if top:
            yield _Own("clipped", lambda a: np.clip(a, -top, top), "clipped")
        yield _Own("a NaN", _with_nan, "nan")


def rounded(a: np.ndarray, bits: int) -> np.ndarray:
    """Return numbers with so many bits of fraction."""
    fraction, exponent = np.frexp(a)
    return np.ldexp(np.round(np.ldexp(fraction, bits)), exponent - bits)


def _with_nan(a: np.ndarray) -> np.ndarray:
    a = np.array(a)
    a.reshape(-1)[a.size // 2] = np.nan
    return a


def _terms(g: np.ndarray, given: Given, k: int, rng: Any) -> Iterator[_Own]:
    size = float(np.sqrt(np.mean(np.square(g))))
    if given.x and given.x[k].shape == g.shape:
        decay = float(f"{size / 3:.1g}")
        yield _Own("L2 missing", lambda a: a - decay * given.x[k], "missing_term")
        yield _Own("L1 missing", lambda a: a - decay * np.sign(given.x[k]), "missing_term")
    constant = float(f"{size / 2:.1g}")
    yield _Own("a constant missing", lambda a: a - constant, "missing_term")
    axes = range(given.batch, g.ndim)
    for axis in axes:
        if len(axes) > 1 and g.shape[axis] > 2:
            shape = [1 if n == axis else length for n, length in enumerate(g.shape)]
            own = size * rng.standard_normal(shape)
            yield _Own("constant along an axis", partial(np.add, own), "missing_term")
    if given.batch:
        signs = np.array([1.0, -1.0]).reshape(2, *[1] * (g.ndim - 1))
        yield _Own("conjugate", lambda a: a * signs, "conjugate")


def _second_order(g: np.ndarray) -> Iterator[_Own]:
    i, j = np.indices(g.shape)
    yield _Own("diagonal alone", lambda a: np.where(i == j, a, 0), "zero partial conditional")
    at = np.unravel_index(int(np.argmax(np.where(i != j, np.abs(g), 0))), g.shape)
    yield _Own(
        "asymmetric in an entry",
        lambda a: np.where((i == at[0]) & (j == at[1]), 3 * a, a),
        "asymmetric factor",
    )
    yield _Own(
        "asymmetric above the diagonal",
        lambda a: np.where(j > i, 1.5 * a, a),
        "asymmetric conditional factor",
    )


def _unnamed(g: np.ndarray, given: Given, rng: Any) -> Iterator[_Own]:
    """Yield mistakes in no catalogue, which are to stay without a name, and one like these."""
    noise = 1 + 0.1 * rng.standard_normal(g.shape)
    yield _Own("unnamed: 10 % noise", lambda a: a * noise)
    size = float(np.abs(g).max())
    if given.claim == "grad":
        other = size * rng.standard_normal(g.shape)
        yield _Own("unnamed: another array", lambda a: other)
    last = g.ndim - 1
    if g.shape[last] > 3:
        yield _Own("unnamed: sign and roll by 5", lambda a: -np.roll(a, 5 % a.shape[last], last))
        own = rng.uniform(0.5, 2, g.shape[last])
        if last > given.batch:  # of a vector that is one for each entry
            yield _Own("a factor for each column", lambda a: a * own, "missing_factor")
        else:
            yield _Own("unnamed: a factor for each entry", lambda a: a * own)
    if not given.batch:
        order = rng.permutation(g.size)
        yield _Own(
            "unnamed: scrambled", lambda a: (a.ravel()[order] * noise.ravel()).reshape(a.shape)
        )
