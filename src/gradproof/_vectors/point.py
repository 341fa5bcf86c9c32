"""The point of evaluation: an array or a pytree, as a flat vector of real numbers."""

import copy
from collections.abc import Callable, Hashable, Iterator
from functools import partial
from typing import Any

import numpy as np

from .._backends.typing import Array, Function
from .._numerics.blocks import LONG
from .hints import of_exception
from .numbers import host_dtype
from .primals import Primals
from .single import further_in_single, in_single


def _with_one(
    func: Function, before: list[Any], after: list[Any], kwargs: dict[str, Any], moved: list[Array]
) -> Any:
    """Return what func returns for one moved leaf; a function of its own, for other processes."""
    return func(*before, moved[0], *after, **kwargs)


class Point(Primals):
    """
    The arguments of func, those of them that are moved as one flat vector of real numbers.

    Made, and taken apart, as `Primals` says.

    Attributes
    ----------
    backend : Backend
        The adapter of the library of the leaves.
    leaves : list of Leaf
        The places of what is moved.
    paths : list of str
        Where the leaves are in the structure of a claim.
    scope : Scope
        What a check at this point is about.
    held_claims : dict of str to str
        What a claim had by a leaf that is held fixed, or of an output that is not floating, where
        that is neither nothing nor zero.
    arrays, given : list of array
        Its numbers, real or complex floating, the way func is to see them; and the way a claim
        is to see them: autograd may need a flag of theirs.
    x, at_x0 : ndarray of shape (n,), float64
        The numbers of all leaves, 0 where they are held fixed; and as they are.
    fixed : ndarray of bool or None
        The entries that are held fixed: NaN and infinity have no neighbours.
    eps : float
        Machine epsilon of the coarsest of their dtypes.
    remarks : list of str
        Which functions write to what they are handed.
    """

    def call(self, func: Function, moved: list[Array], *extra: Any, what: str = "func") -> Any:
        """
        Call func with other leaves in the place of those that are moved, and `extra` last.

        What is held fixed is the user's own, or copies of it: see `Held`, for which `what` is the
        name of func.
        """
        moved = self._formed(moved)
        return self._held.call(func, what, lambda held: self._called(func, held, moved, extra))

    def caller(self, func: Function) -> Function:
        """Return func as a function of leaves, as `call` calls it, for many calls: it is lean."""
        lean = self.single and not any(self._forms) and not self._held.writable
        if not lean or type(self).call is not Point.call or not isinstance(self.argnums, int):
            return partial(self.call, func)
        place, (_, arguments, kwargs) = self.argnums, self._held.all
        before, after = arguments[:place], arguments[place + 1 :]
        return partial(_with_one, func, before, after, kwargs)

    def _called(
        self,
        func: Function,
        held: tuple[list[Any], list[Any], dict[str, Any]],
        moved: list[Array],
        extra: tuple[Any, ...],
    ) -> Any:
        fixed, arguments, kwargs = held
        arguments = list(arguments)
        if self.single and isinstance(self.argnums, int):  # what there mostly is
            arguments[self.argnums] = moved[0]
            return func(*arguments, *extra, **kwargs)
        leaves = list(fixed)
        for i, leaf in zip(self._moved, moved, strict=True):
            leaves[i] = leaf
        chosen = self.flat.rebuild(leaves)
        if isinstance(self.argnums, tuple):
            for i, value in zip(self.argnums, chosen, strict=True):
                arguments[i] = value
        else:
            arguments[self.argnums] = chosen
        return func(*arguments, *extra, **kwargs)

    def _formed(self, moved: list[Array]) -> list[Any]:
        """Return leaves as func sees them: a number beside arrays as the number that it was."""
        if not any(self._forms):
            return moved
        return [
            array if form is None else form(array)
            for array, form in zip(moved, self._forms, strict=True)
        ]

    @property
    def form(self) -> Hashable:
        """What `again` hangs on, beside what is held."""
        return type(self), self.argnums, tuple(self._moved)

    def held(self) -> Any:
        """Return a pytree of all that func is called with."""
        leaves = list(self.flat.leaves)
        for i, array in zip(self._moved, self.arrays, strict=True):
            leaves[i] = array
        _, arguments, kwargs = self._held.all
        return self.flat.rebuild(leaves), arguments, kwargs

    def again(self, i: int) -> Callable[[Function, Any, Any], Any]:
        """Return a function that calls func with what is held, leaf `i` being another one."""
        single, argnums, place = self.single, self.argnums, self._moved[i]
        flatten = self.backend.flatten

        def called(func: Function, held: Any, array: Array) -> Any:
            chosen, arguments, kwargs = held
            if single:
                chosen = array
            else:
                flat = flatten(chosen)
                leaves = list(flat.leaves)
                leaves[place] = array
                chosen = flat.rebuild(leaves)
            arguments = list(arguments)
            if isinstance(argnums, tuple):
                for k, value in zip(argnums, chosen, strict=True):
                    arguments[k] = value
            else:
                arguments[argnums] = chosen
            return func(*arguments, **kwargs)

        return called

    def copies(self) -> list[Array]:
        """Return copies of the leaves, for func."""
        return [self.backend.copy(array) for array in self.arrays]

    def copies_for_claim(self) -> list[Array]:
        """Return copies of the leaves, for a claim."""
        return [self.backend.copy(array) for array in self.given]

    def moved(self, displacement: np.ndarray, *, for_claim: bool = False) -> list[Array]:
        """Return the leaves at x0 plus a displacement, rounded in their own dtypes."""
        with np.errstate(over="ignore"):  # beyond the largest number: infinite, and so refused
            there = self.x + displacement
        if self.fixed is not None:
            there[self.fixed] = self.at_x0[self.fixed]
        return self._native(there, for_claim=for_claim)

    def together(self, displacements: np.ndarray) -> tuple[Iterator[list[Array]], np.ndarray]:
        """
        Return the leaves at x0 plus each of some displacements, and those that happened.

        Parameters
        ----------
        displacements : ndarray of shape (k, n)
            Written over.

        Returns
        -------
        points : iterator of list of array
            Each in memory of its own.
        happened : ndarray of shape (k, n)
            The displacements, rounded in the dtypes of x0.
        """
        dtypes = {host_dtype(array) for array in self.arrays}
        if len(dtypes) > 1 or None in dtypes or self.backend.flushes:
            moved = [self.moved(by) for by in displacements]
            return iter(moved), np.stack([self.happened(leaves) for leaves in moved])
        with np.errstate(over="ignore", invalid="ignore"):
            there = (self.x + displacements).astype(dtypes.pop(), copy=False)
            if self.fixed is not None:
                there[:, self.fixed] = self.at_x0[self.fixed]
            happened = np.subtract(there, self.x, out=displacements)
            if self.fixed is not None:
                happened[:, self.fixed] = 0.0
        rows = there if len(there) == 1 else map(np.copy, there)
        return map(self._native, rows), happened

    def native(self, flat: np.ndarray) -> list[Array]:
        """Return a flat vector as arrays like the leaves, in memory of their own."""
        return self._native(flat.copy())

    def _native(self, flat: np.ndarray, *, for_claim: bool = False) -> list[Array]:
        return [
            self.backend.from_host(leaf.shaped(flat).reshape(tuple(like.shape)), like)
            for leaf, like in zip(
                self.leaves, self.given if for_claim else self.arrays, strict=True
            )
        ]

    def tangent(self, arrays: list[Array]) -> Any:
        """Return arrays like the leaves as a tangent: a pytree like x0."""
        values: list[Any] = [self.backend.fixed_tangent(leaf) for leaf in self.flat.leaves]
        for i, array in zip(self._moved, self._formed(arrays), strict=True):
            values[i] = array
        if self._tangents is None:
            # Taken apart once more: a module is rebuilt in one private copy, which x0 is in.
            again, tree = self.flat.made
            self._tangents = again(tree)
        return self._tangents.rebuild(values)

    def happened(
        self,
        moved: list[Array],
        asked: np.ndarray | None = None,  # noqa: ARG002
        out: np.ndarray | None = None,
    ) -> Any:
        """Return the displacement of moved leaves, in the memory of `out` if there is one."""
        with np.errstate(invalid="ignore"):
            found = np.subtract(self.numbers(moved), self.x, out=out)
        if self.fixed is not None:
            found[self.fixed] = 0.0
        return found

    def farther(self, weights: np.ndarray) -> Any:
        """Return a displacement by moves of ordinary size, 1 at least, times weights."""
        return np.maximum(self.magnitude, 1.0) * weights

    def whole(self, displacement: np.ndarray) -> np.ndarray:
        """Return a displacement as one of the entries of x0, which it is."""
        return displacement

    def towards(self, change: np.ndarray) -> np.ndarray:
        """Return the displacement that changes the entries of x0 so, for a claim."""
        return change

    def shifted(self, change: np.ndarray) -> "Point":
        """Return the point beside this one, as far as its dtypes can represent it."""
        other = copy.copy(self)
        other.given = self.moved(change, for_claim=True)
        other.arrays = self.moved(change)
        other.x = self.numbers(other.arrays)
        return other

    def widened(self) -> "Point | None":
        """Return this point with its numbers of half precision in single; None without any."""
        other = copy.copy(self)
        other.arrays = [in_single(self.backend, array) for array in self.arrays]
        if all(one is own for one, own in zip(other.arrays, self.arrays, strict=True)):
            return None
        other.given = other.arrays
        other.eps = max(float(self.backend.eps(array.dtype)) for array in other.arrays)
        return other

    def all_widened(self) -> "Point":
        """Return this point, in single precision already, with its further arrays there as well."""
        other = copy.copy(self)
        further = partial(further_in_single, self.backend, self.arrays)
        other.arguments = tuple(map(further, self.arguments))
        other._kwargs = {name: further(value) for name, value in self._kwargs.items()}
        other._held = other._make_held(self._called_by)
        return other

    @property
    def entrywise(self) -> bool:
        """Whether an entry of x is one of an array, which can be moved in place."""
        return True

    def hint(self, err: Exception) -> str:
        """Return what may be behind an exception of a function that was called here."""
        return of_exception(err, self.arguments, self.given)

    def slopes(self, gradients: list[np.ndarray]) -> np.ndarray:
        """
        Return gradients by the leaves, on the host, as slopes along each real number.

        Those of one leaf with very many entries in their own memory and precision.
        """
        (leaf, *others), (array, *_) = self.leaves, gradients
        if self.x.size > LONG and not others and not leaf.complex and self.fixed is None:
            return np.asarray(array.real).reshape(-1)
        slopes = np.empty(self.x.size)
        for leaf, array in zip(self.leaves, gradients, strict=True):
            own = slopes[leaf.where]
            values = array.reshape(-1)
            if leaf.complex:
                own[: values.size] = values.real
                own[values.size :] = self.backend.conjugation * values.imag
            else:
                own[:] = values.real
        if self.fixed is not None:
            slopes[self.fixed] = 0.0
        return slopes
