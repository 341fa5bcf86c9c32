"""What func returns, as one flat vector of real numbers."""

import copy
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from .._backends.registry import Backend, backend_of, is_array
from .held import wrote
from .hints import of_output, of_pair
from .layout import Leaf, flat_numbers, layout, leaf_of
from .numbers import PLAIN as _PLAIN_NUMBERS
from .numbers import as_numbers, output_shape


class Outputs:
    """
    The structure of what func returns, learnt from its first result.

    Parameters
    ----------
    backend : Backend
        The adapter of x0.
    value : number, array or pytree
        What func returned at x0. Whole numbers and booleans beside floating leaves have no
        derivative and are left out; on their own they count as numbers.
    name : str
        What returned it, for messages.
    tracked : bool
        Whether only arrays of the library count, which its automatic differentiation follows.
    held : dict of str to str
        What is left out although it may be floating, by path, with the words for it: of a
        gradient, what it has by leaves that are held fixed.

    Attributes
    ----------
    bare : bool
        Whether it is one array and no pytree.
    leaves : list of Leaf
        The arrays in it, and their places in a flat vector of real numbers.
    like : list of array
        The arrays that func returned.
    size : int
        The length of that vector.
    number : bool
        Whether it is one array without an axis, or a number.
    eps : float
        Machine epsilon of the coarsest of their dtypes; 0 for whole numbers.
    unseen : ndarray of bool or None
        The numbers that are not finite at x0, where others are: they have no slope.
    """

    def __init__(
        self,
        backend: Backend,
        value: Any,
        name: str = "func",
        *,
        tracked: bool = False,
        held: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._backend, self._name, self._held = backend, name, held
        self.unseen: np.ndarray | None = None
        self.bare, self.value = is_bare(value), value
        self._kept: list[int] = [0]
        self._paths = [""]
        if self.bare:
            self.like = [self._array(value)]
        else:
            self._flat = flat = backend.flatten(value)
            self._paths = flat.paths
            numbers = [backend.leaf(leaf) for leaf in flat.leaves]
            if not tracked:
                # A number of Python or NumPy beside arrays of another library is a value as well.
                pairs = zip(numbers, flat.leaves, strict=True)
                numbers = [_host_number(leaf) if own is None else own for own, leaf in pairs]
            self._kept = [
                i
                for i, (path, number) in enumerate(zip(self._paths, numbers, strict=True))
                if number is not None and path not in held
            ]
            if not self._kept:
                msg = (
                    f"{name} returned {value!r:.80} of type {type(value).__name__}, without a "
                    "floating number in it; expected a number, an array or a pytree of them."
                )
                if value is None:
                    msg += " Is a `return` missing?"
                raise TypeError(msg)
            self.like = [numbers[i] for i in self._kept]
        self.like = [backend.unrecorded(array) for array in self.like]
        self.leaves = layout([self._paths[i] for i in self._kept], self.like)
        self.eps = max(map(self._eps, self.like))
        self.size = self.leaves[-1].where.stop
        self.number = self.bare and not self.leaves[0].shape

    def _eps(self, array: Any) -> float:
        # Of whatever library: func may compute with another one than that of x0.
        backend = self._backend if self._backend.is_native(array) else backend_of(array)
        return float(backend.eps(array.dtype)) if hasattr(array, "dtype") else 0.0

    def _array(self, value: Any) -> Any:
        """Return the only leaf, if it is made of numbers."""
        if "complex" in str(getattr(value, "dtype", "")) or isinstance(value, complex):
            return value if hasattr(value, "dtype") else np.asarray(value)
        output_shape(value, self._name)
        return value if hasattr(value, "dtype") else np.asarray(self._backend.to_host([value])[0])

    def arrays(self, value: Any, where: str) -> list[Any]:
        """Return the leaves of another result; ValueError if its structure is another one."""
        if self.number and type(value) in _PLAIN_NUMBERS:
            return [value]
        found = self.every(value, where)
        for leaf, array in zip(self.leaves, found, strict=True):
            shape = tuple(array.shape) if hasattr(array, "shape") else np.shape(array)
            if shape != leaf.shape:
                self._refuse(where, f"shape {shape}{_at(leaf)}", f"shape {leaf.shape}{_at(leaf)}")
        return found

    def every(self, value: Any, where: str = "near x0") -> list[Any]:
        """Return the leaves of another result, of whatever shapes."""
        if self.bare and is_bare(value):
            return [value]
        paths, leaves = [""], [value]
        if not is_bare(value):
            flat = self._backend.flatten(value)
            paths, leaves = flat.paths, flat.leaves
        if paths != self._paths:
            self._refuse(where, f"{', '.join(paths) or 'no leaf'}", ", ".join(self._paths))
        return [leaves[i] for i in self._kept]

    def _refuse(self, where: str, now: str, before: str) -> None:
        msg = (
            f"{self._name} returned {now} {where}, but {before} at x0; expected the same structure "
            "and shapes at all points."
        )
        raise ValueError(msg)

    def name(self, k: int) -> str:
        """Return the words for number `k` of the flat vector."""
        return leaf_of(self.leaves, k).name(k)

    def split(self, claim: Any, name: str) -> tuple[list[Any], dict[str, Any]]:
        """
        Return the parts of a claim that has one for each leaf of func's result.

        Each part may be a pytree itself: containers are opened as deep as those of func's result.

        Returns
        -------
        parts : list
            Those of the floating leaves.
        others : dict of str to object
            Those of what has no derivative, by the words for it.
        """
        if self.bare:
            return [claim], {}
        try:
            parts = self._flat.up_to(claim)
        except (TypeError, ValueError) as err:
            msg = f"{name} returned another structure than func: {err}"
            hint = of_pair(claim, name) or of_output(self.value, name, like_claim=False)
            raise TypeError(msg + hint) from None
        others = {
            self._held.get(path, f"of {self._name}'s result{path}"): part
            for i, (path, part) in enumerate(zip(self._paths, parts, strict=True))
            if i not in self._kept
        }
        return [parts[i] for i in self._kept], others

    def flat_tangent(self, claim: Any, name: str) -> tuple[np.ndarray, dict[str, Any]]:
        """Return a tangent of func's result, as a claim returned it, flat; and as `split` does."""
        found = []
        parts, others = self.split(claim, name)
        for leaf, part in zip(self.leaves, parts, strict=True):
            array = as_numbers(self._backend, part, f"{name}{_at(leaf)}")
            if array.shape != leaf.shape and not (array.size == 1 == math.prod(leaf.shape)):
                msg = (
                    f"{name} returned shape {array.shape}{_at(leaf)}; expected that of func's "
                    f"result, {leaf.shape}."
                )
                raise ValueError(msg + of_pair(part, name))
            if array.dtype.kind == "c" and not leaf.complex and np.any(array.imag):
                msg = f"{name} returned complex numbers{_at(leaf)}, where func's result is real."
                raise TypeError(msg)
            found.append(array if leaf.complex else array.real)
        return self.finite(flat_numbers(found)), others

    def of(self, value: Any) -> "Outputs":
        """Return this structure with the dtypes of another result; ValueError if it differs."""
        other = copy.copy(self)
        other.value = value
        other.like = [self._backend.unrecorded(array) for array in self.arrays(value, "beside x0")]
        other.eps = max(map(self._eps, other.like))
        return other

    def finite(self, numbers: np.ndarray) -> np.ndarray:
        """Return numbers like those of func's result, in the last axis, 0 where it has no slope."""
        return numbers if self.unseen is None else np.where(self.unseen, 0.0, numbers)

    @property
    def scalar(self) -> bool:
        """Whether it is one real number; shape (1,) counts, as with SciPy."""
        return self.size == 1 and len(self.leaves[0].shape) <= 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the only leaf."""
        return self.leaves[0].shape

    def layouts(self) -> list[str]:
        """Return the layouts, beside the contiguous one, that cotangents can have in memory."""
        pairs = zip(self.leaves, self.like, strict=True)
        several = any(math.prod(leaf.shape) > 1 and self._backend.is_native(x) for leaf, x in pairs)
        return list(self._backend.layouts) if several else []

    def cotangent(self, u: np.ndarray, layout: str = "") -> list[Any]:
        """Return a flat vector of weights as native cotangents, one for each leaf."""
        found, u = [], u.copy()  # a rule may write to its cotangent
        for leaf, like in zip(self.leaves, self.like, strict=True):
            weights = leaf.shaped(u)
            if leaf.complex and self._backend.conjugation < 0:
                weights = weights.conj()
            native = self._backend.is_native(like)
            array = self._backend.from_host(weights, like) if native else weights
            found.append(self._backend.laid_out(array, layout) if layout and native else array)
        return found

    def written(self, cotangents: list[Any], u: np.ndarray) -> bool:
        """Tell whether somebody wrote to the cotangents of a flat vector of weights."""
        expected = flat_numbers(self._backend.to_host(self.cotangent(u)))
        return wrote(self._backend, cotangents, expected)

    def rebuilt(self, value: Any, arrays: list[Any]) -> Any:
        """Return `value`, a result of func, with other arrays for its floating leaves."""
        if self.bare:
            return arrays[0]
        flat = self._backend.flatten(value)
        leaves = [self._backend.fixed_tangent(leaf) for leaf in flat.leaves]
        for i, array in zip(self._kept, arrays, strict=True):
            # Not an array of NumPy in the place of a number: other libraries take no such factor.
            plain = type(flat.leaves[i]) in (float, complex) and isinstance(array, np.ndarray)
            leaves[i] = array.item() if plain else array
        return flat.rebuild(leaves)


def is_bare(value: Any) -> bool:
    """Tell whether a result is one array; a list of numbers or of 0-d arrays is one too."""
    if isinstance(value, list):
        return all(is_bare(item) and not isinstance(item, tuple) for item in value) and not any(
            getattr(item, "shape", ()) for item in value
        )
    return is_array(value) and not isinstance(value, tuple)


def _host_number(leaf: Any) -> np.ndarray | None:
    """Return a floating number of Python, or floating array of NumPy, as an array; else None."""
    if not isinstance(leaf, float | complex | np.ndarray | np.generic):
        return None
    array = np.asarray(leaf)
    return array if array.dtype.kind in "fc" else None


def _at(leaf: Leaf) -> str:
    return f" at leaf {leaf.path}" if leaf.path else ""
