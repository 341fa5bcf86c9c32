"""The arguments of func, and which of their numbers are moved."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Self

import numpy as np

from .._backends.pytrees import Flat, one
from .._backends.registry import Backend, backend_of, is_array, taken_apart
from .._backends.typing import Array, Function
from .arguments import refuse_unsound
from .callables import argument_names
from .held import Held
from .layout import Leaf, flat_numbers, layout, leaf_of
from .leaves import Taken, beside, refuse_unusable, taken
from .numbers import is_real
from .paths import leaves_by_path, listed
from .scope import Part, Scope, entries_held
from .validation import keywords, positions

#: Which of func's positional arguments are moved.
ArgNums = int | tuple[int, ...]
#: Lines move an entry by up to twice itself, and sums of a few such moves have to be numbers.
_LARGEST = np.finfo(np.float64).max / 16


def _of_numbers(argument: Any) -> np.ndarray:
    """Return a number, or a list of them, as an array; of whole ones a floating array."""
    array = np.asarray(argument)
    return array.astype(np.float64) if array.dtype.kind in "iu" else array


class Primals:
    """
    The arguments of func, taken apart: leaves, names, numbers, and what is held fixed.

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
    """

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
        self._called_by = names = names or argument_names(func, len(arguments))
        refuse_unsound({**dict(zip(names, arguments, strict=True)), **self._kwargs})
        self.chosen_names = {
            (f"[{k}]" if isinstance(self.argnums, tuple) else ""): names[i]
            for k, i in enumerate(self._positions)
        }
        chosen: Any = self.chosen(arguments)
        self.backend: Backend
        self._forms: list[Callable[[Any], Any] | None] = []
        self._kept: list[Part] = []
        self._number = False
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
        if self._number:  # also where func sees an array of one entry
            self.leaves = [replace(leaf, shape=()) for leaf in self.leaves]
        self.scope = self._scope(names)
        self.remarks: list[str] = []
        self._held = self._make_held(names)
        self.eps = max(float(self.backend.eps(array.dtype)) for array in self.arrays)
        self.at_x0 = self.x = self.numbers(self.arrays)
        self.fixed: np.ndarray | None = None
        self.hold(~np.isfinite(self.x), "not finite")
        self.hold(np.abs(self.x) > _LARGEST, "too large to be moved")

    def with_entries(self) -> Self:
        """Return the point; a ValueError if there is nothing that could be moved."""
        if self.x.size:
            return self
        what = ", ".join(f"{self.name_of(leaf)} {leaf.shape}" for leaf in self.leaves)
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
                self._kept.append(entries_held(self.name_of(leaf), own, why))
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

    def beside(self) -> Iterator[tuple[str, Any]]:
        """Yield the arguments that are not moved, and leaves that are held fixed, by name."""
        for i, value in enumerate(self.arguments):
            if i not in self._positions:
                yield self._called_by[i], value
        yield from self._kwargs.items()
        held = set(self.flat.paths) - set(self.paths)
        for path, leaf in zip(self.flat.paths, self.flat.leaves, strict=True):
            if path in held:
                yield self.called(path), leaf

    def name_of(self, leaf: Leaf) -> str:
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
        self._number = not given.shape
        if self._number and "complex" not in str(given.dtype):
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

    @property
    def single(self) -> bool:
        """Whether x0 is one array and no pytree."""
        return len(self.leaves) == 1 and not self.leaves[0].path

    def name(self, i: int) -> str:
        """Return the words for entry `i` of the flat vector."""
        return leaf_of(self.leaves, i).name(i) or self.called("")

    def numbers(self, arrays: list[Array]) -> np.ndarray:
        """Return arrays like the leaves as a flat vector."""
        return flat_numbers(self.backend.to_host(arrays), narrow=True)

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

    #: Whether func sees its leaves in the layout of x0, whatever that of those that it is given.
    own_layout = False

    @property
    def base(self) -> Self:
        """The point that moves."""
        return self
