"""Whether what a report says of a mistake is true of the numbers."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradproof._report.diagnoses import Diagnosis


@dataclass(frozen=True)
class Leaf:
    """
    An array of a claim.

    Attributes
    ----------
    name : str
        As reports call it; may be empty.
    claimed, right : ndarray
        The claim, and what it should be.
    beside : dict of str to ndarray
        What a mistake may depend on, by the name that reports give it.
    batch : int
        How many of the first axes number claims of the same kind.
    tol : float
        What two derivatives may differ by and be the same, as a share of the largest entry.
    """

    name: str
    claimed: np.ndarray
    right: np.ndarray
    beside: dict[str, np.ndarray]
    batch: int
    tol: float

    @property
    def bar(self) -> float:
        """What two derivatives may differ by and be the same."""
        return self.tol * float(np.abs(self.right).max(initial=0.0)) + 1e-300

    def is_right(self, predicted: Any) -> bool:
        """Tell whether a prediction, made from the claim, is the right derivative."""
        with np.errstate(all="ignore"):
            return bool((np.abs(predicted - self.right) <= self.bar).all())

    @property
    def wrong(self) -> np.ndarray:
        """Which entries are wrong."""
        return np.asarray(~(np.abs(self.claimed - self.right) <= self.bar))


VAGUE = "without a pattern"


def judged(said: Sequence[Diagnosis], leaves: list[Leaf], kinds: str) -> str:
    """Return what a diagnosis is: right, equivalent, vague, wrong or silent."""
    if not said:
        return "silent"
    true = [_true(one, leaves) for one in said]
    if any(one is False for one in true):
        return "wrong"
    named = any(str(one.kind) in kinds.split() for one in said)
    listed = any(
        re.search(r"in (at least )?([4-9]|\d\d+) of \d+ entries \(", one.place) for one in said
    )
    vague = any(VAGUE in one.place for one in said) or (listed and "conditional" in kinds.split())
    if vague and "partial" not in kinds.split():
        return "vague"  # there is a condition, or a place
    if None in true:  # the kind has to tell
        return "right" if named else "wrong"
    return "right" if named else "equivalent"


def _true(one: Diagnosis, leaves: list[Leaf]) -> bool | None:
    """Tell whether a sentence is true; None if its words are not known here."""
    # A comparison says it of the reference, what is claimed of a Hessian of second derivatives.
    others = "the reference|func's second derivative|the slope of grad"
    text = re.sub(others, "func's slope", one.text)
    one = replace(one, text=text)
    concerned, condition = _placed(one.place, leaves)
    if not concerned:
        return False
    found = [_true_of(one, leaf, condition, leaves) for leaf in concerned]
    if False in found:
        return False
    return None if None in found else True


def _placed(place: str, leaves: list[Leaf]) -> tuple[list[Leaf], str]:
    """Return the leaves that a place names, and the condition."""
    found: list[Leaf] = []
    rest = place
    while True:
        for leaf in sorted(leaves, key=lambda leaf: -len(leaf.name)):
            after = rest[len(leaf.name) :]
            if leaf.name and rest.startswith(leaf.name) and after[:1] in ("", ",", " ", "["):
                found.append(leaf)
                rest = after
                break
        else:
            break
        if not rest.startswith(", "):
            break
        rest = rest[2:]
    if not found and len(leaves) == 1:
        found = leaves
        rest = re.sub(r"^by \w+(, by \w+)*", "", rest)
    return found, rest.strip()


def _true_of(one: Diagnosis, leaf: Leaf, condition: str, leaves: list[Leaf]) -> bool | None:
    if np.array_equal(leaf.claimed, leaf.right):
        return False
    masks = [np.ones(leaf.claimed.shape, dtype=bool)]
    if condition:
        found = _masks(condition, leaf)
        if found is None:
            return None
        masks = found
    told = [_holds(one, leaf, mask, leaves) for mask in masks]
    return True if True in told else (False if False in told or not told else None)


def _holds(one: Diagnosis, leaf: Leaf, mask: np.ndarray, leaves: list[Leaf]) -> bool | None:
    text, claim = one.text, leaf.claimed

    def right(inside: Any) -> bool:
        with np.errstate(all="ignore"):
            return leaf.is_right(np.where(mask, inside, claim))

    if "has the wrong sign" in text and "conjugate" not in text:
        return right(-claim)
    if re.search(r"\bis 0[ ,]", text):
        return bool((claim[mask] == 0).all()) and leaf.is_right(np.where(mask, leaf.right, claim))
    if "is not 0, " in text:
        return right(0.0)
    if "times func's slope" in text and one.value is not None:
        return right(claim / one.value)
    for holds in (_term, _factor, _arranged, _reduced, _plain):
        told = holds(one, leaf, leaves)
        if told is not None:
            return told
    return None


def _term(one: Diagnosis, leaf: Leaf, leaves: list[Leaf]) -> bool | None:
    if "lacks a term" not in one.text:
        return None
    if found := re.search(r"what is missing is (constant|proportional to (.*)) along", one.text):
        like = _named(found[2], leaf) if found[2] else np.ones(leaf.claimed.shape)
        return None if like is None else _constant(leaf, like)
    if one.value is None:
        return None
    if "the same in every entry" in one.text:
        return leaf.is_right(leaf.claimed + one.value)
    found = re.search(r"times (sign\()?(.+?)\)?(;|, |$| \()", one.text)
    like = _named(found[2], leaf) if found else None
    if found is None or like is None:
        return None
    return leaf.is_right(leaf.claimed + one.value * (np.sign(like) if found[1] else like))


def _constant(leaf: Leaf, like: np.ndarray) -> bool:
    """Tell whether what is missing is a multiple of an array in each slice along an axis."""
    missing = leaf.right - leaf.claimed
    for axis in range(leaf.batch, missing.ndim):
        norm = np.square(like).sum(axis, keepdims=True)
        share = (missing * like).sum(axis, keepdims=True) / np.where(norm, norm, 1)
        if (np.abs(missing - share * like) <= leaf.bar).all():
            return True
    return False


def _factor(one: Diagnosis, leaf: Leaf, leaves: list[Leaf]) -> bool | None:
    lacks = re.search(r"lacks a factor: func's slope is (.*) times that", one.text)
    extra = re.search(r"lacks its inverse: (.*)$", one.text)
    found = lacks or extra
    if "lacks a factor that is the same along" in one.text:
        return _constant(leaf, leaf.claimed)
    if not found:
        return None
    names: dict[str, Any] = {
        name: getattr(np, name) for name in ("exp", "tanh", "cos", "sin", "sqrt", "log", "sign")
    }
    names["sigmoid"] = lambda v: 0.5 * (1 + np.tanh(v / 2))
    names["slope"] = lambda v: 0.25 - 0.25 * np.tanh(v / 2) ** 2
    words = found[1].replace("sigmoid'", "slope")
    for n, name in enumerate(sorted(leaf.beside, key=lambda name: -len(name))):
        if not _fits(leaf.beside[name], leaf):
            continue
        words = re.sub(rf"(?<![\w']){re.escape(name)}(?![\w'])", f"_v{n}", words)
        names[f"_v{n}"] = np.broadcast_to(leaf.beside[name], leaf.claimed.shape)
    words = re.sub(r"\|(.*)\|", r"abs(\1)", words).replace(") (", ") * (")
    words = re.sub(r"(\w) ([(_])", r"\1 * \2", words)
    try:
        with np.errstate(all="ignore"):
            value = eval(words, {"abs": np.abs}, names)
            return leaf.is_right(leaf.claimed * value if lacks else leaf.claimed / value)
    except (SyntaxError, NameError, TypeError):
        return None


def _arranged(one: Diagnosis, leaf: Leaf, leaves: list[Leaf]) -> bool | None:
    text, claim = one.text, leaf.claimed
    axes = range(leaf.batch, claim.ndim)
    if "swapped?" in text:
        same = [other for other in leaves if other.claimed.size == claim.size and other is not leaf]
        return any(leaf.is_right(other.claimed.reshape(claim.shape)) for other in same)
    if "transposed" in text or "another order" in text:
        return any(leaf.is_right(there) for there in _orders(claim, leaf.batch))
    if "is reversed" in text:
        return any(leaf.is_right(np.flip(claim, axis)) for axis in axes)
    if found := re.search(r"is (rolled|shifted) by ([+-]\d+)", text):
        by = int(found[2])
        return any(
            _moved(leaf, np.roll(claim, sign * by, a), a, by) for a in axes for sign in (1, -1)
        )
    if "halves" in text or "permuted" in text:
        near = np.abs(np.sort(claim, axis=None) - np.sort(leaf.right, axis=None))
        return bool((near <= leaf.bar).all())
    return None


def _orders(claim: np.ndarray, batch: int) -> Any:
    lead = tuple(range(batch))
    for order in itertools.permutations(range(batch, claim.ndim)):
        there = np.transpose(claim, (*lead, *order))
        if there.shape == claim.shape:
            yield there
        yield np.ascontiguousarray(there).reshape(claim.shape)
        again = claim.reshape([claim.shape[i] for i in (*lead, *order)])
        yield np.transpose(again, np.argsort((*lead, *order)))


def _moved(leaf: Leaf, there: np.ndarray, axis: int, by: int) -> bool:
    n = there.shape[axis]
    inner = np.arange(abs(by), n - abs(by))
    near = np.abs(np.take(there - leaf.right, inner, axis))
    return inner.size > 0 and bool((near <= leaf.bar).all())


def _reduced(one: Diagnosis, leaf: Leaf, leaves: list[Leaf]) -> bool | None:
    found = re.search("is (summed|averaged) along (axis|all)", one.text)
    if not found:
        return None
    of = np.sum if found[1] == "summed" else np.mean
    every = tuple(range(leaf.batch, leaf.claimed.ndim))
    groups = [every] if found[2] == "all" else [(axis,) for axis in every]
    several = (leaf.claimed - of(leaf.right, axes, keepdims=True) for axes in groups)
    limit = leaf.tol * float(np.abs(leaf.claimed).max())
    return any(bool((np.abs(left) <= limit).all()) for left in several)


def _plain(one: Diagnosis, leaf: Leaf, leaves: list[Leaf]) -> bool | None:
    if found := re.search("is clipped at ([^ ,]+)", one.text):
        top = float(found[1])
        near = np.abs(np.clip(leaf.right, -top, top) - leaf.claimed)
        return bool((near <= leaf.bar).all())
    if one.kind == "precision" and one.value:
        near = np.abs(leaf.claimed - leaf.right) <= 2.1 * one.value * np.abs(leaf.right) + leaf.bar
        return bool(near.all())
    if "not symmetric" in one.text:
        listed = re.findall(r"\[([\d, ]+)\] by \[([\d, ]+)\]", one.text)
        places = [tuple(int(i) for i in f"{row}, {column}".split(",")) for row, column in listed]
        return all(bool(leaf.wrong[place]) for place in places)
    if one.kind == "conjugate" and leaf.batch:
        signs = np.array([1.0, -1.0]).reshape(2, *[1] * (leaf.claimed.ndim - 1))
        return leaf.is_right(leaf.claimed * signs) or leaf.is_right(-leaf.claimed * signs)
    return None


def _named(name: str, leaf: Leaf) -> np.ndarray | None:
    beside = {**leaf.beside, "claim": leaf.claimed}
    if name not in beside or not _fits(beside[name], leaf):
        return None
    return np.broadcast_to(beside[name], leaf.claimed.shape)


def _fits(array: np.ndarray, leaf: Leaf) -> bool:
    try:
        return np.broadcast_shapes(array.shape, leaf.claimed.shape) == leaf.claimed.shape
    except ValueError:
        return False


_ORDINAL = {"second": 2, "third": 3, "fourth": 4, "eighth": 8}


def _masks(words: str, leaf: Leaf) -> list[np.ndarray] | None:
    """Return where a condition may hold; None if its words are not known here."""
    shape = leaf.claimed.shape
    axes = range(leaf.batch, len(shape))
    if VAGUE in words:
        return [leaf.wrong]
    if found := re.search(r"^\[([^\]]*)\]$", words):
        parts = [_index(part) for part in found[1].split(",")]
        mask = np.zeros(shape, dtype=bool)
        mask[(slice(None),) * leaf.batch + tuple(parts)] = True
        return [mask]
    if found := re.search(r"^in at least (\d+) of \d+ entries", words):
        off = leaf.claimed != leaf.right
        enough = int(found[1]) <= off.sum() or leaf.batch  # of some of the tangents
        return [off if enough else np.zeros(shape, dtype=bool)]
    if found := re.search(r"^in (\d+) of (\d+) entries \((.*)\)", words):
        return _listed(int(found[1]), found[3], leaf)
    if "diagonal" in words:
        return _triangles(words, leaf)
    if found := re.search(r"^where (.+) ([<>=]) (\S+)$", words):
        name, limit = found[1], float(found[3])
        size = name.startswith("|") and name.endswith("|")
        like = _named(name.strip("|"), leaf)
        if like is None:
            return None
        like = np.abs(like) if size else like
        mask = {"<": like < limit, ">": like > limit, "=": like == limit}[found[2]]
        if found[2] == "=":
            return [mask]
        near = np.abs(like - limit) <= 5e-3 * abs(limit)  # a limit is said in three digits
        return [np.where(near, leaf.wrong, mask)]
    several = []
    for axis in axes:
        n = shape[axis]
        place = np.arange(n).reshape([-1 if i == axis else 1 for i in range(len(shape))])
        if found := re.search(r"^in the last (\d+) of", words):
            several.append(place >= n - int(found[1]))
        elif found := re.search(r"^in every (\w+) index.*from (\d+) on", words):
            period = _ORDINAL[found[1]]
            several.append(place % period == int(found[2]))
        elif found := re.search(r"^in the (first|second) half", words):
            several.append(place < n // 2 if found[1] == "first" else place >= n // 2)
    return [np.broadcast_to(mask, shape) for mask in several] or None


def _index(part: str) -> Any:
    first, colon, last = part.strip().partition(":")
    if not colon:
        return int(first)
    return slice(int(first) if first else None, int(last) if last else None)


def _listed(count: int, words: str, leaf: Leaf) -> list[np.ndarray]:
    """Return the wrong entries, if it is so many, and those that are listed are among them."""
    off = (leaf.claimed != leaf.right) | (leaf.claimed == 0)
    if not leaf.wrong.sum() <= count <= off.sum() and not leaf.batch:  # of some of the tangents
        return [np.zeros(leaf.claimed.shape, dtype=bool)]
    mask = off if off.any() else leaf.wrong
    return [mask]


def _triangles(words: str, leaf: Leaf) -> list[np.ndarray]:
    shape, found = leaf.claimed.shape, []
    for first in range(leaf.batch, len(shape) - 1):
        i = np.arange(shape[first]).reshape([-1 if n == first else 1 for n in range(len(shape))])
        j = np.arange(shape[first + 1])
        j = j.reshape([-1 if n == first + 1 else 1 for n in range(len(shape))])
        mask = {
            "on the diagonal": i == j,
            "off the diagonal": i != j,
            "above the diagonal": j > i,
            "below the diagonal": j < i,
            "on the diagonal and above": j >= i,
            "on the diagonal and below": j <= i,
        }[words]
        found.append(np.broadcast_to(mask, shape))
    return found
