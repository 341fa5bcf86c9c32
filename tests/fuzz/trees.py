"""Containers for arguments, and the arrays of every library that go into them."""

import dataclasses
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Pair = namedtuple("Pair", ["first", "second"])  # noqa: PYI024  # as users write them


@dataclass
class Record:
    """A dataclass of the user."""

    left: Any
    right: Any


_registered: list[str] = []


def registered_in_jax() -> None:
    """Tell JAX of the dataclass, as a user of JAX has to."""
    if not _registered:
        import jax

        jax.tree_util.register_dataclass(Record, ["left", "right"], [])
        _registered.append("jax")


@dataclass(frozen=True)
class Leaf:
    """
    One leaf of an argument.

    Attributes
    ----------
    kind : str
        'float', 'complex', 'python float', and of what is held 'int', 'bool', 'python int', 'none',
        'text'.
    values : ndarray
        Its numbers, of float64, complex128, int64 or bool.
    library, dtype : str
        Of the array.
    layout : str
        How it lies in memory.
    """

    kind: str
    values: np.ndarray
    library: str
    dtype: str
    layout: str = "plain"

    @property
    def moved(self) -> bool:
        """Whether derivatives are taken by it."""
        return self.kind in ("float", "complex", "python float")

    @property
    def size(self) -> int:
        """How many real numbers it has."""
        return self.values.size * (2 if self.kind == "complex" else 1)

    def build(self, values: Any = None) -> Any:
        """Return the leaf, or another one like it."""
        if self.kind == "none":
            return None
        if self.kind == "text":
            return "relu"
        values = self.values if values is None else np.asarray(values).reshape(self.values.shape)
        if self.kind == "python float":
            return float(values)
        if self.kind == "python int":
            return int(values)
        if self.layout != "plain":
            return laid_out(self.library, values, self.dtype, self.layout)
        return array_of(self.library, values, self.dtype)

    def __repr__(self) -> str:
        if not self.moved:
            return self.kind
        where = f"{self.library} {self.dtype}{list(self.values.shape)}"
        what = np.array2string(self.values.ravel()[:6], precision=4, max_line_width=200)
        return f"{self.kind} {where} {self.layout} {what}"


def array_of(library: str, values: Any, dtype: str) -> Any:
    """Return an array of a library."""
    if library == "numpy":
        return np.array(values, dtype=dtype)
    if library == "torch":
        import torch

        return torch.tensor(np.array(values), dtype=getattr(torch, dtype))
    if library == "jax":
        import jax.numpy as jnp

        return jnp.asarray(values, dtype=dtype)
    import array_api_strict as xp

    return xp.asarray(np.array(values), dtype=getattr(xp, dtype))


def laid_out(library: str, values: np.ndarray, dtype: str, layout: str) -> Any:
    """Return an array that does not lie in memory as it is."""
    if layout == "read-only":
        array = np.array(values, dtype=dtype)
        array.flags.writeable = False
        return array
    if layout == "broadcast":  # all entries are one in memory
        one = array_of(library, values.ravel()[:1].reshape((1,) * values.ndim), dtype)
        if library == "torch":
            return one.expand(values.shape)
        return np.broadcast_to(one, values.shape)
    if layout == "transposed":
        turned = array_of(library, np.ascontiguousarray(values.T), dtype)
        return turned.permute(*reversed(range(values.ndim))) if library == "torch" else turned.T
    twice = array_of(library, np.repeat(values, 2, axis=-1), dtype)  # "strided"
    return twice[..., ::2]


def numbers(array: Any) -> np.ndarray:
    """Return an array of any library as one of NumPy, of float64 or complex128."""
    if type(array).__module__.startswith("torch"):
        array = array.detach().resolve_conj().cpu()
        return (array.cdouble() if array.is_complex() else array.double()).numpy()
    found = np.asarray(array)
    return found.astype(complex if found.dtype.kind == "c" else float)


def namespace(library: str) -> Any:
    """Return the array namespace of a library."""
    if library == "jax":
        import jax.numpy as jnp

        return jnp
    if library == "array_api_strict":
        import array_api_strict

        return array_api_strict
    import array_api_compat

    return array_api_compat.array_namespace(array_of(library, [0.0], "float32"))


@dataclass(frozen=True)
class Tree:
    """
    One argument: a leaf by its number, or a container of trees.

    Attributes
    ----------
    kind : str
        'leaf', 'dict', 'list', 'tuple', 'namedtuple', 'dataclass' or 'module'.
    parts : tuple
        What is in it; of a leaf its number.
    """

    kind: str
    parts: tuple[Any, ...]

    def places(self) -> Iterator[int]:
        """Yield the numbers of its leaves, in order."""
        if self.kind == "leaf":
            yield self.parts[0]
            return
        for tree in self.parts:
            yield from tree.places()

    def assemble(self, leaves: dict[int, Any], *, for_claim: bool = False) -> Any:
        """Return the containers with leaves in them."""
        if self.kind == "leaf":
            return leaves[self.parts[0]]
        inside = [tree.assemble(leaves, for_claim=for_claim) for tree in self.parts]
        if self.kind == "dict":
            return dict(zip("abcdef", inside, strict=False))
        if self.kind == "list":
            return inside
        if self.kind == "tuple":
            return tuple(inside)
        if self.kind == "namedtuple":
            return Pair(*inside)
        if self.kind == "module" and not for_claim:
            return module_of(inside)
        if self.kind == "module":
            return dict(zip("abcdef", inside, strict=False))
        return Record(*inside)

    def collect(self, value: Any, found: dict[int, Any]) -> dict[int, Any]:
        """Return the leaves that a value holds, by their numbers."""
        if self.kind == "leaf":
            found[self.parts[0]] = value
            return found
        if self.kind == "dict":
            inside = [value[key] for key, _ in zip("abcdef", self.parts, strict=False)]
        elif self.kind == "dataclass":
            inside = [getattr(value, f.name) for f in dataclasses.fields(Record)]
        elif self.kind == "module":
            names = "abcdef"[: len(self.parts)]
            # Derivatives of a module may come in a dict of its parameters.
            inside = [value[k] if isinstance(value, dict) else getattr(value, k) for k in names]
        else:
            inside = list(value)
        for tree, item in zip(self.parts, inside, strict=True):
            tree.collect(item, found)
        return found

    def __repr__(self) -> str:
        if self.kind == "leaf":
            return f"leaf {self.parts[0]}"
        return f"{self.kind}({', '.join(map(repr, self.parts))})"


def module_of(parameters: list[Any]) -> Any:
    """Return an nn.Module with some parameters."""
    import torch

    module = torch.nn.Module()
    for name, value in zip("abcdef", parameters, strict=False):
        setattr(module, name, torch.nn.Parameter(value))
    return module
