"""Arrays of a pytree as one flat vector of real numbers, and the places of its entries."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._numerics.blocks import LONG


@dataclass(frozen=True)
class Leaf:
    """
    The place of one array of a pytree in a flat vector of real numbers.

    Attributes
    ----------
    path : str
        Its place in the pytree, as Python code; empty if it is all that there is.
    shape : tuple of int
        Its shape.
    where : slice
        Its entries in the flat vector: of a complex leaf the real parts, then the imaginary ones.
    complex : bool
        Whether it is complex.
    """

    path: str
    shape: tuple[int, ...]
    where: slice
    complex: bool

    def index(self, i: int) -> tuple[int, ...]:
        """Return the index in this leaf of entry `i` of the flat vector."""
        place = (i - self.where.start) % math.prod(self.shape)
        return tuple(int(k) for k in np.unravel_index(place, self.shape)) if self.shape else ()

    def name(self, i: int) -> str:
        """Return the words for entry `i` of the flat vector, which is one of this leaf."""
        index = self.index(i)
        inside = f"[{', '.join(map(str, index))}]" if index else ""
        imaginary = i - self.where.start >= math.prod(self.shape)
        return f"{self.path}{inside}{('.imag' if imaginary else '.real') if self.complex else ''}"

    def shaped(self, flat: np.ndarray) -> np.ndarray:
        """Return the numbers of this leaf from a flat vector."""
        own = flat[self.where]
        if self.complex:
            real, imaginary = np.split(own, 2)
            own = real + 1j * imaginary
        return own.reshape(self.shape)


@dataclass(frozen=True)
class Pairs:
    """
    The names of what a Jacobian has entries for: a value of func, by an entry of x0.

    Attributes
    ----------
    values, leaves : tuple of Leaf
        The places of func's values, and of the entries of x0.
    columns : tuple of int or None
        The entry of x0 that each number of a report is about, where that is not the number's own
        place: one for each colour of a sparse claim, -1 where it is several.
    by_entries : bool
        Whether there is a column for each entry of x0, rather than for a tangent or a colour.
    """

    values: tuple[Leaf, ...]
    leaves: tuple[Leaf, ...]
    columns: tuple[int, ...] | None = None
    by_entries: bool = True

    def name(self, row: int, i: int) -> str:
        """Return the words for value `row` of func, by number `i` of the report."""
        column = i if self.columns is None else self.columns[i]
        by = f"columns of colour {i}"
        if column >= 0:
            by = leaf_of(list(self.leaves), column).name(column)
        value = leaf_of(list(self.values), row).name(row)
        # One complex number has no name, but its parts have.
        by = f"x0{by}" if by.startswith(".") else by
        value = f"func{value}" if value[:1] in ("", ".") else value
        return f"{value}{f' by {by}' if by else ''}"


def layout(paths: list[str], arrays: list[Any]) -> list[Leaf]:
    """Return the places of arrays in a flat vector, one after the other."""
    leaves, start = [], 0
    for path, array in zip(paths, arrays, strict=True):
        shape, is_complex = tuple(array.shape), "complex" in str(array.dtype)
        stop = start + math.prod(shape) * (1 + is_complex)
        leaves.append(Leaf(path, shape, slice(start, stop), is_complex))
        start = stop
    return leaves


def leaf_of(leaves: list[Leaf], i: int) -> Leaf:
    """Return the leaf that has entry `i` of the flat vector."""
    return next(leaf for leaf in leaves if leaf.where.start <= i < leaf.where.stop)


def flat_numbers(host: list[Any], *, narrow: bool = False) -> np.ndarray:
    """
    Return arrays of the host as one flat vector of float64; imaginary parts after real ones.

    Very many numbers, if they may be `narrow`, in single precision if that is theirs.
    """
    parts = []
    for value in host:
        array = np.asarray(value).reshape(-1)
        if array.dtype.kind == "c":
            parts += [array.real, array.imag]
        else:
            parts.append(array)
    if not parts:
        return np.empty(0)
    if narrow and sum(part.size for part in parts) > LONG:
        single = all(part.dtype in (np.float16, np.float32) for part in parts)
        return (
            np.concatenate(parts, dtype=np.float32 if single else np.float64)
            if len(parts) > 1
            else parts[0].astype(np.float32 if single else np.float64, copy=False)
        )
    if len(parts) == 1:  # itself, if it is of float64: for who does not write to it
        return np.asarray(parts[0], dtype=np.float64)
    return np.concatenate([np.asarray(part, dtype=np.float64) for part in parts])
