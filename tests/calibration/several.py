"""
Functions of several arrays with several results, and mistakes in their derivative.

The derivative of such a function is held as a matrix in double precision: a row for each entry of
the results, a column for each entry of the arrays. A wrong claim is the right one plus what a
wrong matrix has more, whether the claim is a Jacobian, a product with it, or a rule of autograd.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from tests.calibration.cases import EPS, Draw
from tests.calibration.mistakes import ENTRY, least_share, lengths, median

Leaves = tuple[Any, ...]
#: Tells a mistake from what is too small to be one; given the right and the wrong matrix.
Rule = Callable[[Any, Any], bool]
#: How many random products have to show a mistake, since nobody knows which one a check will draw.
DRAWS = 3


@dataclass(frozen=True)
class Several:
    """A function of tensors, and a point; it returns one tensor or a tuple of them."""

    func: Callable[..., Any]
    xs: Leaves
    seen: dict[Any, Any] = field(default_factory=dict, repr=False)

    def results(self, xs: Sequence[Any]) -> Leaves:
        """Return what func returns, as a tuple."""
        found = self.func(*xs)
        return found if isinstance(found, tuple) else (found,)

    def like(self, results: Leaves) -> Any:
        """Return results in the form in which func returns them."""
        return results if isinstance(self.func(*self.xs), tuple) else results[0]

    @property
    def double(self) -> Leaves:
        """The point, in double precision."""
        return tuple(x.double() for x in self.xs)

    @cached_property
    def matrix(self) -> Any:
        """The derivative at the point, computed in double precision."""
        return matrix(self, self.double)

    @cached_property
    def sizes(self) -> Any:
        """The length over which each entry is expected to vary."""
        eps = float(torch.finfo(self.xs[0].dtype).eps)
        return flat([lengths(x.double(), eps) for x in self.xs])

    def pulled(self, xs: Sequence[Any], cotangents: Leaves) -> Leaves:
        """Return the product of cotangents with the derivative, by autograd."""
        own = [x.detach().clone().requires_grad_() for x in xs]
        graph = [(y, ct) for y, ct in zip(self.results(own), cotangents, strict=True) if y.requires_grad]  # fmt: skip
        found = torch.autograd.grad([y for y, _ in graph], own, [ct.to(y.dtype) for y, ct in graph], allow_unused=True)  # fmt: skip
        return tuple(torch.zeros_like(x) if g is None else g for x, g in zip(own, found, strict=True))  # fmt: skip

    def pushed(self, xs: Sequence[Any], tangents: Leaves) -> Leaves:
        """Return the product of the derivative with tangents, by forward mode."""
        _, found = torch.func.jvp(lambda *given: self.results(given), tuple(xs), tangents)
        return tuple(found)


def matrix(several: Several, xs: Sequence[Any]) -> Any:
    """Return the derivative by autograd in the dtype of xs, a row for each entry of the results."""
    # The checks of all claims of a case ask at much the same points: half of the time is saved.
    key = (xs[0].dtype, *(tuple(x.reshape(-1).tolist()) for x in xs))
    if key not in several.seen:
        several.seen[key] = _matrix(several, xs)
    return several.seen[key]


def _matrix(several: Several, xs: Sequence[Any]) -> Any:
    own = [x.detach().clone().requires_grad_() for x in xs]
    rows = []
    for y in several.results(own):
        for value in y.reshape(-1):
            found = [None] * len(own)
            if value.requires_grad:
                found = torch.autograd.grad(value, own, retain_graph=True, allow_unused=True)
            rows.append(flat([torch.zeros_like(x) if g is None else g for x, g in zip(own, found, strict=True)]))  # fmt: skip
    return torch.stack(rows)


def flat(leaves: Sequence[Any]) -> Any:
    """Return all entries as one vector in double precision."""
    return torch.cat([x.detach().reshape(-1).double() for x in leaves])


def shaped(vector: Any, like: Sequence[Any]) -> Leaves:
    """Return the entries of a vector in the shapes and dtypes of leaves."""
    pieces = vector.split([x.numel() for x in like])
    return tuple(p.reshape(x.shape).to(x.dtype) for p, x in zip(pieces, like, strict=True))


def added(leaves: Leaves, off: Any) -> Leaves:
    """Return leaves plus the entries of a vector."""
    return shaped(flat(leaves) + off, leaves)


def altered(several: Several, draw: Draw, *, entry: float | None = None) -> dict[str, Any]:
    """Return wrong matrices, by the name of the mistake."""
    right = several.matrix
    rows, columns = right.shape
    found = {"sign": -right, "factor 2": 2 * right, "half": right / 2, "zero": 0 * right}
    i, j = _ordinary(right.abs() * several.sizes, draw)
    factors = {"entry": 1 + (entry or ENTRY[draw.name]), "sign of an entry": -1, "an entry zero": 0}
    for name, factor in factors.items():
        found[name] = _times(right, (i, j), factor)
    if rows > 1:
        found["a row zero"] = _times(right, (i, slice(None)), 0)
        found["a row twice"] = _times(right, (i, slice(None)), 2)
    if columns > 1:
        found["a column zero"] = _times(right, (slice(None), j), 0)
    if rows == columns > 1:
        found["transposed"] = right.T.clone()
    first, last = several.xs[0].numel(), several.results(several.xs)[-1].numel()
    if first < columns:
        found["a leaf left out"] = _times(right, (slice(None), slice(first, None)), 0)
    if last < rows:
        found["a result left out"] = _times(right, (slice(rows - last, None), slice(None)), 0)
    return found


def _ordinary(weight: Any, draw: Draw) -> tuple[int, int]:
    """Return the place of an entry that is not smaller than the median of its row."""
    typical = torch.stack([torch.as_tensor(median(row), dtype=torch.float64) for row in weight])
    places = torch.nonzero((weight > 0) & (weight >= typical[:, None])).tolist()
    return tuple(places[int(draw.rng.integers(len(places)))]) if places else (0, 0)


def _times(right: Any, place: tuple[Any, Any], factor: float) -> Any:
    wrong = right.clone()
    wrong[place] *= factor
    return wrong


def chosen(several: Several, draw: Draw, found: dict[str, Any], rule: Rule, count: int = 2) -> dict[str, Any]:  # fmt: skip
    """
    Return a few of the mistakes, those that are some by the rule; drawn, so that all come up.

    All of them in every case would take ten times as long and tell little more.
    """
    names = [name for name, wrong in found.items() if rule(several.matrix, wrong)]
    picked = draw.rng.permutation(len(names))[:count]
    return {names[k]: found[names[k]] for k in sorted(picked)}


def by_rows(several: Several, draw: Draw, entry: float | None = None) -> Rule:
    """Return the rule for Jacobians: each row is judged as a gradient is, each entry by itself."""
    share, sizes = least_share(entry or ENTRY[draw.name]), several.sizes
    return lambda right, wrong: bool(_matter(right, wrong, sizes, share).any())


def by_pulling(several: Several, draw: Draw) -> Rule:
    """Return the rule for gradients of a random sum of the results."""
    share, sizes = least_share(ENTRY[draw.name]), several.sizes
    weights = draw.normal(DRAWS, several.matrix.shape[0])
    return lambda right, wrong: bool(
        _matter(weights @ right, weights @ wrong, sizes, share).any(1).all()
    )


def by_pushing(several: Several, draw: Draw, entry: float | None = None) -> Rule:
    """Return the rule for products with a random tangent."""
    share = least_share(entry or ENTRY[draw.name])
    tangents = draw.normal(DRAWS, several.matrix.shape[1])

    def rule(right: Any, wrong: Any) -> bool:
        moved = (tangents @ (wrong - right).T).abs()
        return bool(((moved > 0) & (moved >= share * _along(right, tangents))).any(1).all())

    return rule


def _matter(right: Any, wrong: Any, sizes: Any, share: float) -> Any:
    """Tell for each entry of rows whether it is wrong by what has to be found."""
    moved, weight = (wrong - right).abs() * sizes, right.abs() * sizes
    typical = [max(median(a), median(b)) for a, b in zip(weight, wrong.abs() * sizes, strict=True)]
    least = share * weight.maximum(torch.as_tensor(typical, dtype=torch.float64)[:, None])
    return (moved > 0) & (moved >= least)


def _along(right: Any, tangents: Any) -> Any:
    """
    Return the size of products with tangents that matters.

    Their own, that of the terms they are the sum of, or that of the median of the results, if they
    are larger: a jvp is one vector, and judged as such.
    """
    own = (tangents @ right.T).abs()
    terms = ((tangents**2) @ (right**2).T).sqrt()
    typical = torch.as_tensor([median(row) for row in own], dtype=torch.float64)
    return own.maximum(terms).maximum(typical[:, None])


def rows_right(found: Any, true: Any, dtype: str) -> bool:
    """Tell whether rows, computed in a dtype, are right there, as `is_right` does of a gradient."""
    typical = torch.as_tensor([median(row) for row in true.abs()], dtype=torch.float64)[:, None]
    return _close(found, true, true.abs().maximum(typical), dtype)


def pulls_right(several: Several, draw: Draw) -> bool:
    """Tell whether autograd's vjp is right in its own dtype."""
    results = several.results(several.xs)
    found, true = [], []
    for _ in range(DRAWS):
        cotangents = shaped(draw.normal(several.matrix.shape[0]), results)
        found.append(flat(several.pulled(several.xs, cotangents)))
        true.append(flat(cotangents) @ several.matrix)
    return rows_right(torch.stack(found), torch.stack(true), draw.name) and _finite(results)


def pushes_right(several: Several, draw: Draw) -> bool:
    """Tell whether autograd's jvp is right in its own dtype."""
    results = several.results(several.xs)
    for _ in range(DRAWS):
        tangents = shaped(draw.normal(several.matrix.shape[1]), several.xs)
        found = flat(several.pushed(several.xs, tangents))
        tangent = flat(tangents)
        size = _along(several.matrix, tangent[None])[0]
        if not _close(found, several.matrix @ tangent, size, draw.name):
            return False
    return _finite(results)


def matrix_right(several: Several, draw: Draw) -> bool:
    """Tell whether autograd's Jacobian is right in its own dtype."""
    found = matrix(several, several.xs)
    return rows_right(found, several.matrix, draw.name) and _finite(several.results(several.xs))


def _close(found: Any, true: Any, size: Any, dtype: str) -> bool:
    share = EPS[dtype] ** (1 / 3) / 4
    return bool(torch.isfinite(found).all() and ((found - true).abs() <= share * size).all())


def _finite(leaves: Leaves) -> bool:
    return all(bool(torch.isfinite(y).all()) for y in leaves)
