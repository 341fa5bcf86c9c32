"""The point of evaluation: an array or a pytree, as a flat vector of real numbers."""

import copy
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

import numpy as np

from ._arguments import refuse_unsound
from ._backends import Backend, Flat, backend_of, is_array, one, taken_apart
from ._call import argument_names, is_real
from ._held import Held
from ._hints import of_exception
from ._layout import Leaf, flat_numbers, layout, leaf_of
from ._leaves import Taken, beside, refuse_unusable, taken
from ._options import keywords, positions
from ._paths import leaves_by_path, listed
from ._scope import Part, Scope, entries_held
from ._typing import Array, Function

#: Which of func's positional arguments are moved.
ArgNums = int | tuple[int, ...]

#: Lines move an entry by up to twice itself, and sums of a few such moves have to be numbers.
_LARGEST = np.finfo(np.float64).max / 16


class Point:
    """
    The arguments of func, those of them that are moved as one flat vector of real numbers.

    Parameters
    ----------
    arguments : tuple
        The positional arguments of func.
    argnums : int or tuple of int
        Which of them are moved; each is an array, or a pytree of arrays. Leaves that are not
        floating are held fixed.
    kwargs : dict
        Keyword arguments of func.
    func : callable, optional
        Knows what its arguments are called.
    names : list of str, optional
        What to call them, if it does not.
    tracked : bool
        Whether the library differentiates by the leaves, rather than that they are displaced.

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

    #: Whether func sees its leaves in the layout of x0, whatever that of those that it is given.
    own_layout = False

    def __init__(
        self,
        arguments: tuple[Any, ...],
        argnums: ArgNums,
        kwargs: dict[str, Any] | None,
        func: Function | None = None,
        *,
        names: list[str] | None = None,
        tracked: bool = False,
    ) -> None:
        self._tracked = tracked
        self.held_claims: dict[str, str] = {}
        self._tangents: Flat | None = None
        keywords(kwargs)
        self.arguments, self._kwargs = arguments, kwargs or {}
        self.argnums = positions(argnums, len(arguments))
        names = names or argument_names(func, len(arguments))
        refuse_unsound({**dict(zip(names, arguments, strict=True)), **self._kwargs})
        self.chosen_names = {
            (f"[{k}]" if isinstance(self.argnums, tuple) else ""): names[i]
            for k, i in enumerate(self._positions)
        }
        chosen: Any = self.chosen(arguments)
        self.backend: Backend
        self._forms: list[Callable[[Any], Any] | None] = []
        self._kept: list[Part] = []
        if is_array(chosen) and not isinstance(self.argnums, tuple):
            self._one(chosen)
        else:
            if is_array(chosen):  # several arguments, each a number or a list of them
                chosen = tuple(map(_of_numbers, chosen))
            self.backend, flat = taken_apart(chosen)
            self._several(chosen, flat)
        self.paths = [self.flat.paths[i] for i in self._moved]
        several = isinstance(self.argnums, tuple)
        self.leaves = layout(
            [self.called(path) if several else path for path in self.paths], self.arrays
        )
        self.scope = self._scope(names)
        self.remarks: list[str] = []
        self._held = self._make_held(names)
        self.eps = max(float(self.backend.eps(array.dtype)) for array in self.arrays)
        self.at_x0 = self.x = self.numbers(self.arrays)
        self.fixed: np.ndarray | None = None
        self.hold(~np.isfinite(self.x), "not finite")
        self.hold(np.abs(self.x) > _LARGEST, "too large to be moved")

    def with_entries(self) -> "Point":
        """Return the point; a ValueError if there is nothing that could be moved."""
        if self.x.size:
            return self
        what = ", ".join(f"{self._name_of(leaf)} {leaf.shape}" for leaf in self.leaves)
        msg = f"{what} has no entries: there is nothing to check. Expected one number at least."
        raise ValueError(msg)

    def hold(self, entries: np.ndarray, why: str) -> None:
        """Hold some entries fixed from now on; of a complex number both parts."""
        if not entries.any():
            return
        entries = entries.copy()
        for leaf in self.leaves:
            own = entries[leaf.where]
            if leaf.complex:
                own |= np.roll(own, own.size // 2)
            if own.any():
                self._kept.append(entries_held(self._name_of(leaf), own, why))
        self.fixed = entries if self.fixed is None else self.fixed | entries
        # Numbers that arithmetic goes on with; func and claim see them as they are.
        self.x = np.where(self.fixed, 0.0, self.at_x0)
        self.scope = replace(self.scope, held=tuple(self._kept))

    @property
    def _positions(self) -> tuple[int, ...]:
        return self.argnums if isinstance(self.argnums, tuple) else (self.argnums,)

    def called(self, path: str) -> str:
        """Return what to call a leaf: its path from the argument, by that one's name."""
        top = path[: path.index("]") + 1] if isinstance(self.argnums, tuple) else ""
        return self.chosen_names[top] + path[len(top) :]

    @property
    def held_paths(self) -> dict[str, str]:
        """The paths of leaves that are held fixed, with the words for a derivative by them."""
        held = set(self.flat.paths) - set(self.paths)
        return {path: f"by {self.called(path)}" for path in sorted(held)}

    def _name_of(self, leaf: Leaf) -> str:
        """Return what to call a leaf, with its argument's name."""
        return leaf.path if isinstance(self.argnums, tuple) else self.called(leaf.path)

    def _scope(self, names: list[str]) -> Scope:
        """Return what a check at this point is about."""
        moved = zip(self.paths, self.leaves, strict=True)
        checked = tuple(Part(self.called(path), leaf.shape) for path, leaf in moved)
        others = {
            names[i]: value for i, value in enumerate(self.arguments) if i not in self._positions
        }
        for name, value in {**others, **self._kwargs}.items():
            self._kept += beside(name, value)
        return Scope(checked, tuple(self._kept))

    def chosen(self, arguments: tuple[Any, ...]) -> Any:
        """Return those of func's arguments that are moved."""
        if isinstance(self.argnums, tuple):
            return tuple(arguments[i] for i in self.argnums)
        return arguments[self.argnums]

    def _one(self, x0: Any) -> None:
        self.backend = backend_of(x0)
        refuse_unusable(self.backend, x0, self.called(""))
        given = self.backend.given(x0)
        if not (is_real(given.dtype) or "complex" in str(given.dtype)):
            msg = (
                f"{self.called('')} has dtype {given.dtype}; expected numbers. Nothing can be "
                "differentiated by flags or text: pass floating numbers."
            )
            raise TypeError(msg)
        array = self.backend.floating(given)
        if self._tracked and array.dtype != given.dtype:
            msg = (
                f"{self.called('')} has dtype {given.dtype}; expected floating numbers, which "
                "alone have a derivative: convert it."
            )
            raise TypeError(msg)
        if not given.shape and "complex" not in str(given.dtype):
            array = self.backend.primal(given)  # func sees a number as it does in `check_grad`
        self.arrays: list[Any] = [array]
        # Whole numbers do not move by an ulp: neither function sees them.
        self.given: list[Any] = [given if given.dtype == array.dtype else array]
        self.flat, self._moved = one(self.given[0]), [0]

    def _several(self, tree: Any, flat: Flat) -> None:
        self.flat = flat
        found = [
            taken(self.backend, leaf, self.called(path), tracked=self._tracked)
            for path, leaf in zip(flat.paths, flat.leaves, strict=True)
        ]
        if self._tracked:
            frozen = self.backend.frozen(flat.leaves)
            found = [
                Taken(why="requires_grad=False") if off else one
                for one, off in zip(found, frozen, strict=True)
            ]
        self._moved = [i for i, leaf in enumerate(found) if leaf.array is not None]
        if not self._moved:
            msg = (
                f"x0 is a {type(tree).__name__} without a floating leaf: there is nothing to "
                f"differentiate by. Its leaves: {listed(leaves_by_path(flat)) or 'none'}."
            )
            raise TypeError(msg)
        self._hold(found)
        self.given = [found[i].array for i in self._moved]
        self._forms = [found[i].form for i in self._moved]
        self.arrays = [self.backend.floating(array) for array in self.given]

    def _hold(self, found: list[Taken]) -> None:
        """Take down what is held fixed, and why."""
        fixed = [
            (path, leaf, one.why)
            for path, leaf, one in zip(self.flat.paths, self.flat.leaves, found, strict=True)
            if one.array is None
        ]
        for path, leaf, why in (*fixed, *self.flat.beside):
            shape = tuple(leaf.shape) if hasattr(leaf, "shape") else None
            self._kept.append(Part(self.called(path), shape, why))

    @property
    def magnitude(self) -> Any:
        """The sizes of the entries of x; of both parts of a complex one its modulus."""
        size = np.abs(self.x)
        for leaf in self.leaves:
            if leaf.complex:
                size[leaf.where] = np.tile(np.abs(leaf.shaped(self.x)).ravel(), 2)
        return size

    # --- names -------------------------------------------------------------------------------

    @property
    def single(self) -> bool:
        """Whether x0 is one array and no pytree."""
        return len(self.leaves) == 1 and not self.leaves[0].path

    def name(self, i: int) -> str:
        """Return the words for entry `i` of the flat vector."""
        return leaf_of(self.leaves, i).name(i)

    # --- evaluation --------------------------------------------------------------------------

    def call(self, func: Function, moved: list[Array], *extra: Any, what: str = "func") -> Any:
        """
        Call func with other leaves in the place of those that are moved, and `extra` last.

        What is held fixed is the user's own, or copies of it: see `Held`, for which `what` is the
        name of func.
        """
        moved = self._formed(moved)
        return self._held.call(func, what, lambda held: self._called(func, held, moved, extra))

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

    def _make_held(self, names: list[str]) -> Held:
        """Return what is not moved, of arguments with these names."""
        fixed: list[Any] = list(self.flat.leaves)
        for i in self._moved:
            fixed[i] = None
        arguments: list[Any] = list(self.arguments)
        for i in self.argnums if isinstance(self.argnums, tuple) else (self.argnums,):
            arguments[i] = None
        paths = [self.called(path) for path in self.flat.paths]
        return Held((fixed, arguments, self._kwargs), (paths, names), self.remarks)

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

    def numbers(self, arrays: list[Array]) -> np.ndarray:
        """Return arrays like the leaves as a flat vector."""
        return flat_numbers(self.backend.to_host(arrays))

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

    def towards(self, change: np.ndarray) -> np.ndarray:
        """Return the displacement that changes the entries of x0 so, for a claim."""
        return change

    @property
    def base(self) -> "Point":
        """The point that moves."""
        return self

    def shifted(self, change: np.ndarray) -> "Point":
        """Return the point beside this one, as far as its dtypes can represent it."""
        other = copy.copy(self)
        other.given = self.moved(change, for_claim=True)
        other.arrays = self.moved(change)
        other.x = self.numbers(other.arrays)
        return other

    @property
    def entrywise(self) -> bool:
        """Whether an entry of x is one of an array, which can be moved in place."""
        return True

    def hint(self, err: Exception) -> str:
        """Return what may be behind an exception of a function that was called here."""
        return of_exception(err, self.arguments, self.given)

    def slopes(self, gradients: list[np.ndarray]) -> np.ndarray:
        """Return gradients by the leaves, on the host, as slopes along each real number."""
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


def _of_numbers(argument: Any) -> np.ndarray:
    """Return a number, or a list of them, as an array; of whole ones a floating array."""
    array = np.asarray(argument)
    return array.astype(np.float64) if array.dtype.kind in "iu" else array


class Listed(Point):
    """A point for functions of the list of its leaves, which make no pytree of them."""

    def __init__(self, point: Point) -> None:
        self.__dict__.update(point.__dict__)

    def held(self) -> Any:
        """Return the list of leaves."""
        return self.arrays

    def again(self, i: int) -> Callable[[Function, Any, Any], Any]:
        """Return a function that calls func with leaves, leaf `i` being another one."""
        return lambda func, leaves, array: func([*leaves[:i], array, *leaves[i + 1 :]])

    def call(self, func: Function, moved: list[Array], *extra: Any, what: str = "func") -> Any:
        """Call func with the list of leaves."""
        del what  # of what is held fixed it sees nothing
        return func(moved, *extra)


class Span:
    """
    A point on few lines through x0: what is moved is how far to go along each of them.

    Parameters
    ----------
    point : Point
        Where they begin.
    tangents : ndarray of shape (k, n)
        The lines' directions.
    paths : list of str
        What to call each line in a report.

    Attributes
    ----------
    x, leaves, magnitude : as of `Point`
        The origin of the lines; each entry is a leaf of its own, on its own scale.
    """

    entrywise = False

    def __init__(self, point: Point, tangents: np.ndarray, paths: list[str]) -> None:
        self._point, self._tangents = point, tangents
        self.backend, self.eps, self.remarks = point.backend, point.eps, point.remarks
        self.x = np.zeros(len(tangents))
        self.magnitude = np.ones(len(tangents))
        self.leaves = [
            Leaf(path, (), slice(i, i + 1), complex=False) for i, path in enumerate(paths)
        ]
        # Entries of x0 that move by next to nothing, or by far less than others, count alike.
        _, self._sizes = np.frexp(np.abs(tangents).max(axis=0, initial=0.0))
        self._scaled = np.ldexp(tangents, -self._sizes)
        self._inverse = np.linalg.pinv(self._scaled) if tangents.size else tangents.T
        still = np.asarray(~tangents.any(axis=1))  # where all that would move is held fixed
        self.fixed: np.ndarray | None = still if still.any() else None

    @property
    def scope(self) -> Scope:
        """What a check on these lines is about."""
        return self._point.scope

    @property
    def held_claims(self) -> dict[str, str]:
        """What a claim had where there is no derivative."""
        return self._point.held_claims

    def hint(self, err: Exception) -> str:
        """Return what may be behind an exception of a function that was called here."""
        return self._point.hint(err)

    def call(self, func: Function, moved: list[Array], *extra: Any, what: str = "func") -> Any:
        """Call func at some leaves."""
        return self._point.call(func, moved, *extra, what=what)

    def copies(self) -> list[Array]:
        """Return copies of the leaves at x0."""
        return self._point.copies()

    @property
    def at_x0(self) -> np.ndarray:
        """The numbers of the leaves at x0."""
        return self._point.at_x0

    def moved(self, displacement: np.ndarray, *, for_claim: bool = False) -> list[Array]:
        """Return the leaves at x0 plus a sum of tangents."""
        return self._point.moved(self.whole(displacement), for_claim=for_claim)

    def whole(self, displacement: np.ndarray) -> Any:
        """Return a displacement as one of the entries of x0."""
        count = len(self._tangents)
        along = displacement[:count] @ self._tangents
        return along + displacement[count:] if displacement.size > count else along

    def farther(self, weights: np.ndarray) -> Any:
        """Return a displacement along lines by moves of ordinary size, 1 at least."""
        longest = np.abs(self._tangents).max(axis=1, initial=0.0)
        with np.errstate(over="ignore"):
            further = np.where(longest > 0, 1 / np.maximum(longest, 1e-300), 0.0)
        return weights * np.maximum(further, 1.0)

    def towards(self, change: np.ndarray) -> np.ndarray:
        """Return the displacement, off the lines, that changes the entries of x0 so."""
        return np.concatenate([self.x, change])

    def shifted(self, change: np.ndarray) -> "Span":
        """Return the same lines through a point beside this one."""
        other = copy.copy(self)
        other._point = self._point.shifted(change)
        return other

    @property
    def base(self) -> Point:
        """The point that moves."""
        return self._point

    def happened(
        self,
        moved: list[Array],
        asked: np.ndarray | None = None,
        out: np.ndarray | None = None,  # noqa: ARG002
    ) -> Any:
        """
        Return how far the leaves have moved along each tangent, rounding averaged out.

        Only what rounding added to what was asked for is projected: where tangents hang together
        (those of all leaves add up to what the halves of all entries add up to), a projection of
        the whole would hand part of a step along one of them to the others.
        """
        by = np.ldexp(self._point.happened(moved), -self._sizes)
        if asked is None:
            return by @ self._inverse
        return asked + (by - asked @ self._scaled) @ self._inverse
