"""
Arguments that are symmetric matrices, moved as such.

A rule for them may read one triangle alone, or share a derivative between the two: for a matrix
that is symmetric by the way it is made, all of that gives one gradient of what it is made of.
"""

from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np

from .._backends.registry import backend_of, is_array, taken_apart

#: Units in the last place by which products that are symmetric in exact numbers differ.
_ROUNDING = 8


class Symmetric:
    """
    Which matrices among the arguments of a function are symmetric.

    Parameters
    ----------
    func : callable
        Of the primals.
    primals : tuple
        Arrays or pytrees.

    Attributes
    ----------
    places : list of int
        Those of primals with symmetric matrices.
    """

    def __init__(self, func: Callable[..., Any], primals: tuple[Any, ...]) -> None:
        self._func, self._primals = func, primals
        self._which = [list(map(_is_one, _leaves(primal))) for primal in primals]
        self.places = [i for i, which in enumerate(self._which) if any(which)]

    def func(self, *moved: Any) -> Any:
        """Return what the function returns for the symmetric parts of these matrices."""
        return self._func(*map(_symmetric_part, moved, self._which))

    def is_claimed(self) -> bool:
        """Tell whether the derivatives by these matrices are symmetric, as their author meant."""
        backend, flat = taken_apart(self._primals)
        at = [i for i, is_one in enumerate(chain(*self._which)) if is_one]

        def of_matrices(matrices: list[Any]) -> list[Any]:
            leaves = list(flat.leaves)
            for i, matrix in zip(at, matrices, strict=True):
                leaves[i] = matrix
            return _leaves(self._func(*flat.rebuild(leaves)))

        outputs, pullback = backend.vjp(of_matrices, [flat.leaves[i] for i in at])
        rng = np.random.default_rng(0)
        weights = [backend.from_host(rng.standard_normal(one.shape), one) for one in outputs]
        grads = backend.to_host(pullback(weights))
        # An error that matters is larger than the root of the rounding.
        return all(
            _across(np.asarray(grad)) <= float(backend.eps(flat.leaves[i].dtype)) ** 0.5
            for i, grad in zip(at, grads, strict=True)
        )


def _leaves(tree: Any) -> list[Any]:
    return list(taken_apart(tree)[1].leaves)


def _symmetric_part(primal: Any, which: list[bool]) -> Any:
    if not any(which):
        return primal
    flat = taken_apart(primal)[1]
    pairs = zip(flat.leaves, which, strict=True)
    return flat.rebuild([leaf / 2 + leaf.mT / 2 if is_one else leaf for leaf, is_one in pairs])


def _is_one(leaf: Any) -> bool:
    """Tell whether an array holds symmetric matrices, and not by accident, as a unit matrix."""
    if not is_array(leaf) or leaf.ndim < 2 or leaf.shape[-1] != leaf.shape[-2]:
        return False
    size = leaf.shape[-1]
    if size < 2 or 0 in leaf.shape:
        return False
    backend = backend_of(leaf)
    numbers = np.asarray(backend.to_host([leaf])[0])
    if numbers.dtype.kind != "f" or not np.isfinite(numbers).all():
        return False
    beside = numbers[..., ~np.eye(size, dtype=bool)]
    bar = _ROUNDING * float(backend.eps(leaf.dtype))
    return bool(beside.any() and np.ptp(numbers) > 0 and _across(numbers) <= bar)


def _across(matrix: np.ndarray) -> float:
    """Return how far a matrix is from its transpose, in units of its largest entry."""
    largest = float(np.abs(matrix).max()) or 1.0
    return float(np.abs(matrix - matrix.swapaxes(-1, -2)).max()) / largest
