"""A random problem: arguments, a function of them, what it does beside computing, and a claim."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tests.fuzz.jets import Jet
from tests.fuzz.programs import Program
from tests.fuzz.trees import Leaf, Tree, array_of, namespace, numbers


class UserError(Exception):
    """What a function under test raises: it may reach the user as it is."""


@dataclass(frozen=True)
class Mistake:
    """
    What is wrong with a claim; nothing by default.

    Attributes
    ----------
    name : str
        In words.
    columns : ndarray of shape (n,), or None
        Factors for what each entry of x0 does.
    rows : ndarray of shape (m,), or None
        Factors for each output.
    order : ndarray of int, or None
        Which entry of x0 is taken for which, within each leaf.
    extra : ndarray of shape (m, n), or None
        What is added.
    form : str
        A mistake of structure: 'none leaf', 'missing key', 'wrong shape', 'held claimed', 'text'.
    leaf : int
        Which leaf that is about.
    """

    name: str = "right"
    columns: np.ndarray | None = None
    rows: np.ndarray | None = None
    order: np.ndarray | None = None
    extra: np.ndarray | None = None
    form: str = ""
    leaf: int = 0

    def of(self, jacobian: np.ndarray) -> np.ndarray:
        """Return a Jacobian with the mistake in it; or second derivatives, along the last axis."""
        found = jacobian
        if self.columns is not None:
            found = found * self.columns
        if self.rows is not None:
            found = found * self.rows.reshape(-1, *(1,) * (found.ndim - 1))
        if self.order is not None:
            found = found[..., self.order]
        if self.extra is not None:
            found = found + self.extra
        return found


@dataclass(frozen=True, repr=False)
class Problem:
    """
    What a check is given.

    Attributes
    ----------
    library, dtype : str
        Of most arrays.
    leaves : tuple of Leaf
        All of them; those that are moved enter the program in their order.
    arguments : tuple of Tree
        The positional arguments that derivatives are taken by.
    argnums : int or tuple of int
        Their places; at other places stand held arrays.
    held_args : int
        How many held positional arguments come last.
    program : Program
        What is computed.
    output : str
        How it is returned.
    behaviour : str
        What func does beside.
    claim_behaviour : str
        What the claim does beside.
    mistake : Mistake
        What is wrong with the claim.
    seed : int
        Of the check.
    keyword : bool
        Whether there is a held keyword argument.
    """

    library: str
    dtype: str
    leaves: tuple[Leaf, ...]
    arguments: tuple[Tree, ...]
    held_args: int
    program: Program
    output: str
    behaviour: str
    claim_behaviour: str
    mistake: Mistake
    seed: int
    keyword: bool = False
    tuple_argnums: bool = False
    state: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    # --- the point ------------------------------------------------------------------------

    @property
    def xp(self) -> Any:
        """The namespace of func."""
        return namespace(self.library)

    @property
    def moved(self) -> list[int]:
        """The numbers of the leaves that are moved."""
        return [i for i, leaf in enumerate(self.leaves) if leaf.moved]

    @property
    def argnums(self) -> Any:
        """As given to the check."""
        every = tuple(range(len(self.arguments)))
        return every if self.tuple_argnums or len(every) > 1 else 0

    @property
    def x(self) -> np.ndarray:
        """The flat numbers at x0."""
        return self.flat({i: self.leaves[i].build() for i in self.moved})

    def positional(self) -> list[Any]:
        """Return fresh arguments of func."""
        built = {i: leaf.build() for i, leaf in enumerate(self.leaves)}
        moved = [tree.assemble(built) for tree in self.arguments]
        return [*moved, *(self._held_array() for _ in range(self.held_args))]

    def keywords(self) -> dict[str, Any]:
        """Return fresh keyword arguments of func."""
        return {"scale": self._held_array()} if self.keyword else {}

    def _held_array(self) -> Any:
        return array_of(self.library, [1.5, 0.5], self.dtype)

    def collect(self, args: Any) -> dict[int, Any]:
        """Return the leaves in some arguments, by number."""
        found: dict[int, Any] = {}
        for tree, value in zip(self.arguments, args, strict=False):
            tree.collect(value, found)
        return found

    def flat(self, leaves: dict[int, Any]) -> np.ndarray:
        """Return the numbers of the moved leaves, imaginary parts after real ones."""
        parts = []
        for i in self.moved:
            values = numbers(leaves[i]).ravel()
            complex_leaf = self.leaves[i].kind == "complex"
            parts += [values.real, values.imag] if complex_leaf else [values.real]
        return np.concatenate(parts)

    def slices(self) -> dict[int, slice]:
        """Return the places of the moved leaves among those numbers."""
        found, start = {}, 0
        for i in self.moved:
            found[i] = slice(start, start + self.leaves[i].size)
            start += self.leaves[i].size
        return found

    # --- func -----------------------------------------------------------------------------

    def vector(self, leaves: dict[int, Any], held: list[Any]) -> Any:
        """Return func's numbers, as a vector of the library."""
        xp = self.xp
        own = [self._own(i, leaves[i]) for i in self.moved]
        v = self.program.native(xp, own)
        for array in held:
            v = v * array[0]
        for i, leaf in enumerate(self.leaves):
            if leaf.kind == "python int":
                v = v * (0.5 * leaves[i])
            elif leaf.kind == "int":
                v = v * (0.25 * xp.astype(xp.sum(leaves[i]), v.dtype))
        return v

    def factor(self) -> float:
        """Return what held arguments and leaves multiply the program by."""
        found = 1.5 ** (self.held_args + self.keyword)
        for leaf in self.leaves:
            if leaf.kind == "python int":
                found *= 0.5 * int(leaf.values)
            elif leaf.kind == "int":
                found *= 0.25 * int(leaf.values.sum())
        return found

    def _own(self, i: int, value: Any) -> Any:
        leaf = self.leaves[i]
        if leaf.kind == "python float":
            if self.library == "torch":
                import torch

                return torch.as_tensor(value, dtype=getattr(torch, self.dtype))
            return self.xp.asarray(value, dtype=getattr(self.xp, self.dtype))
        if leaf.library != self.library:
            return array_of(self.library, numbers(value), self.dtype)
        return value

    def pack(self, v: Any) -> Any:
        """Return a vector of the library as func returns it."""
        xp, kind, m = self.xp, self.output, self.program.outputs
        if kind == "python float":
            return float(v[0])
        if kind == "0d":
            return v[0]
        if kind == "matrix":
            return xp.reshape(v, (1, m))
        if kind == "dict":
            return {"a": v[: m // 2], "b": v[m // 2 :]}
        if kind == "tuple":
            return v[: m // 2], [v[m // 2 :]]
        if kind == "beside an int":
            return {"a": v, "n": 3}
        return v  # vector, (1,)

    def unpack(self, value: Any) -> np.ndarray:
        """Return the numbers of what has the structure of func's result."""
        kind = self.output
        if kind == "dict":
            return np.concatenate([numbers(value["a"]), numbers(value["b"])])
        if kind == "tuple":
            return np.concatenate([numbers(value[0]), numbers(value[1][0])])
        if kind == "beside an int":
            return numbers(value["a"])
        return numbers(value).ravel()

    # --- derivatives ----------------------------------------------------------------------

    def jet(self, x: np.ndarray, order: int = 1) -> Jet:
        """Return the true derivatives at some numbers."""
        with np.errstate(all="ignore"):
            found = self.program.derivatives(x, order)
            return found * self.factor()

    def gradient(self, slopes: np.ndarray) -> dict[int, Any]:
        """Return slopes by each real number as native gradients by the leaves."""
        found: dict[int, Any] = {}
        where = self.slices()
        for i, leaf in enumerate(self.leaves):
            if i not in where:
                found[i] = self._for_held(i)
                continue
            own = slopes[..., where[i]]
            if leaf.kind == "complex":
                real, imaginary = np.split(own, 2, axis=-1)
                own = real + (-1j if leaf.library == "jax" else 1j) * imaginary
            shape = slopes.shape[:-1] + leaf.values.shape
            with np.errstate(all="ignore"):
                found[i] = self._native(leaf, own.reshape(shape))
        return found

    def _native(self, leaf: Leaf, values: np.ndarray) -> Any:
        if leaf.kind == "python float":
            if values.ndim:
                return array_of(self.library, values, self.dtype)
            return float(values)
        return array_of(leaf.library, values, leaf.dtype)

    def _for_held(self, i: int) -> Any:
        leaf = self.leaves[i]
        if self.mistake.form == "held claimed" and leaf.kind in ("int", "bool", "python int"):
            return array_of(self.library, np.ones(leaf.values.shape), self.dtype)
        return None

    def assembled(self, gradients: dict[int, Any]) -> Any:
        """Return gradients in the structure of what is moved, its mistakes of form included."""
        form, gradients = self.mistake.form, dict(gradients)
        target = self.moved[self.mistake.leaf % len(self.moved)]
        if form == "none leaf":
            gradients[target] = None
        elif form == "text":
            gradients[target] = "zero"
        elif form == "wrong shape":
            g = np.append(numbers(gradients[target]).ravel().real, 0.5)
            gradients[target] = array_of(self.library, g, self.dtype)
        elif form == "nan":
            g = np.array(numbers(gradients[target]))
            g.reshape(-1)[-1:] = np.nan
            gradients[target] = array_of(self.library, g, str(self.leaves[target].dtype))
        trees = [tree.assemble(gradients, for_claim=True) for tree in self.arguments]
        if form == "missing key" and isinstance(trees[0], dict):
            trees[0].pop(next(iter(trees[0])))
        return tuple(trees) if isinstance(self.argnums, tuple) else trees[0]

    def tangent(self, value: Any) -> np.ndarray:
        """Return a tangent, in the structure of what is moved, as numbers."""
        values = value if isinstance(self.argnums, tuple) else (value,)
        return self.flat(self.collect(values))
