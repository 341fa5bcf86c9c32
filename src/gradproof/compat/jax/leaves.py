"""Arguments and results of a function of JAX, as lists of the arrays that are differentiated."""

import numbers
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..._backends.jax.compiled import Compiled
from ..._backends.pytrees import Flat
from ..._backends.typing import Function
from ..._report.verdicts import Inconclusive, WrongDerivative
from ..._vectors.point import Point
from ..._vectors.scope import entries_held
from .functions import Results, masked, where_finite


class _PointOfLeaves(Point):
    """
    A point of a list of leaves, each of which has its path among the arguments.

    Parameters
    ----------
    leaves : list of array
        What is moved, zero where it is not finite.
    paths : list of str
        Their names in reports.
    finite : list of array of bool, or None
        Where each is finite; None for everywhere. The others are held fixed.
    """

    def __init__(
        self, leaves: list[Any], paths: list[str], finite: list[np.ndarray | None]
    ) -> None:
        self._paths, self._finite = paths, finite
        super().__init__((leaves,), 0, None)

    def _several(self, tree: Any, flat: Flat) -> None:
        super()._several(tree, replace(flat, paths=self._paths))
        for path, mask in zip(self._paths, self._finite, strict=True):
            if mask is not None:
                self._kept.append(entries_held(path, ~mask, "not finite"))

    def _native(self, flat: np.ndarray, *, for_claim: bool = False) -> list[Any]:
        # Arrays of the host, which a program takes as they are; but for what lies on a device that
        # somebody chose.
        if any(like.committed for like in self.arrays):
            return super()._native(flat, for_claim=for_claim)
        return [
            np.asarray(leaf.shaped(flat).reshape(tuple(like.shape)), dtype=like.dtype)
            for leaf, like in zip(self.leaves, self.arrays, strict=True)
        ]

    def copies(self) -> list[Any]:
        """Return copies of the leaves: written anew, since JAX would compile a copy."""
        return self.native(self.x)

    def copies_for_claim(self) -> list[Any]:
        """Return copies of the leaves, for a claim."""
        return self.copies()

    def called(self, path: str) -> str:
        """Return what to call a leaf: its path has the name of the argument already."""
        return path


class Arguments:
    """
    The arguments of f: those leaves that are moved, and what is held fixed.

    Parameters
    ----------
    args : tuple of pytrees
        As the user gave them. Python numbers and NumPy arrays become arrays of JAX, in the dtype
        that JAX computes with.

    Attributes
    ----------
    args : tuple of pytrees
        As given.
    leaves : list of array
        What is moved, zero where it is not finite.
    """

    def __init__(self, args: tuple[Any, ...]) -> None:
        self.args = args
        found, self._treedef = jax.tree_util.tree_flatten_with_path(args)
        self._every = [leaf for _, leaf in found]
        self._moved = [i for i, leaf in enumerate(self._every) if _is_floating(leaf)]
        self._paths = [f"args{jax.tree_util.keystr(found[i][0])}" for i in self._moved]
        self._given = [_on_device(self._every[i]) for i in self._moved]
        self._finite = [where_finite(array) for array in self._given]
        # Strongly typed: `at` makes weak again what was weak.
        strong = [jnp.asarray(array, dtype=array.dtype) for array in self._given]
        self.leaves = list(map(masked, self._finite, strong))

    def point(self) -> Point:
        """Return the point, for functions of the list of leaves; a ValueError without any."""
        if not self.leaves:
            msg = (
                f"args have no floating number ({len(self.args)} arguments): there is nothing to "
                "check. Expected one array of floating numbers at least."
            )
            raise ValueError(msg)
        return _PointOfLeaves(self.leaves, self._paths, self._finite)

    def at(self, leaves: list[Any]) -> tuple[Any, ...]:
        """Return arguments of f with other leaves for those that are moved."""
        every = list(self._every)
        for i, leaf, given, finite in zip(
            self._moved, map(_on_device, leaves), self._given, self._finite, strict=True
        ):
            every[i] = leaf if finite is None else jnp.where(finite, leaf, given)
            if given.weak_type:  # a Python number: f's promotions hang on it
                every[i] = given.at[...].set(every[i])
        return self._rebuilt(every)

    def derivatives(self, f: Function, mode: str) -> list[Any]:
        """Return what JAX computes as derivatives of f where nothing is held fixed."""

        def floating(leaves: list[Any]) -> list[Any]:
            every = list(self._every)
            for i, leaf in zip(self._moved, leaves, strict=True):
                every[i] = leaf
            value = f(*self._rebuilt(every))
            return [
                v for v in map(jnp.asarray, jax.tree_util.tree_leaves(value)) if _is_floating(v)
            ]

        if mode == "rev":
            value, pullback = jax.vjp(floating, self._given)
            found = pullback(list(map(jnp.ones_like, value)))[0]
            return [sum(map(jnp.sum, found))]  # along one direction, as JAX compares them
        ones = list(map(jnp.ones_like, self._given))
        return list(jax.jvp(floating, (self._given,), (ones,))[1])

    def tangents(self, tangents: list[Any]) -> tuple[Any, ...]:
        """Return a tangent of the arguments, of float0 for what is held fixed."""
        every = [np.zeros(np.shape(leaf), jax.dtypes.float0) for leaf in self._every]
        moved = map(masked, self._finite, map(_on_device, tangents))
        for i, array in zip(self._moved, moved, strict=True):
            every[i] = array
        return self._rebuilt(every)

    def gradients(self, claim: Any) -> list[Any]:
        """Return the gradients by what is moved, from one in the structure of the arguments."""
        try:
            every = self._treedef.flatten_up_to(claim)
        except ValueError as err:
            msg = (
                f"f_vjp returned gradients of another structure than args: {err}. Expected a tuple "
                f"of {len(self.args)}, one for each argument of f."
            )
            raise ValueError(msg) from None
        found = []
        for i, path, given, finite in zip(
            self._moved, self._paths, self._given, self._finite, strict=True
        ):
            if jnp.shape(every[i]) != given.shape:
                msg = (
                    f"f_vjp returned a gradient of shape {jnp.shape(every[i])} by {path}; expected "
                    f"its shape, {given.shape}."
                )
                raise ValueError(msg)
            found.append(masked(finite, every[i]))
        return found

    def _rebuilt(self, every: list[Any]) -> tuple[Any, ...]:
        rebuilt: tuple[Any, ...] = jax.tree_util.tree_unflatten(self._treedef, every)
        return rebuilt


def _on_device(leaf: Any) -> Any:
    """Return a leaf as an array of JAX, which it is where a program is made of it."""
    if isinstance(leaf, np.ndarray | np.generic):
        return jax.device_put(leaf)  # for `jnp.asarray` JAX compiles a program for each shape
    return jnp.asarray(leaf)


def _is_floating(leaf: Any) -> bool:
    if not isinstance(leaf, jax.Array | np.ndarray | np.generic | float | complex):
        return False
    dtype = getattr(leaf, "dtype", None)
    return dtype is None or jnp.issubdtype(dtype, jnp.inexact)


class LeafFunction:
    """
    A function of the list of leaves that returns the list of its floating output leaves.

    Parameters
    ----------
    f : callable
        As the user gave it.
    arguments : Arguments
        Its arguments.
    """

    def __init__(self, f: Function, arguments: Arguments) -> None:
        self._f, self._arguments = f, arguments
        self._called = Compiled(lambda leaves: f(*arguments.at(leaves)))
        self.value = self._called(arguments.leaves)
        found, self._treedef = jax.tree_util.tree_flatten_with_path(self.value)
        self._kept = [i for i, (_, leaf) in enumerate(found) if _is_floating(leaf)]
        self._paths = [jax.tree_util.keystr(found[i][0]) for i in self._kept]
        self._like = [found[i][1] for i in self._kept]
        self._finite = [where_finite(leaf) for leaf in self._like]
        #: Whether values are left out, and whether there is no other.
        self.partial = any(finite is not None for finite in self._finite)
        there = [finite is None or finite.any() for finite in self._finite]
        self.nothing_finite = bool(there) and not any(there)

    def __call__(self, leaves: list[Any]) -> Results:
        """Return the floating results at some leaves."""
        return self.floating(self._called(leaves), "f")

    def refuse_nothing_finite(self) -> None:
        """Raise an Inconclusive if no value of f is finite."""
        if self.nothing_finite:
            msg = (
                "no value of f is finite: there is no slope to compare a derivative with. Expected "
                "a point at which one is; NaN and infinity in its arguments are held fixed."
            )
            raise Inconclusive(msg)

    def refuse_finite_derivatives(self, modes: list[str]) -> None:
        """
        Raise an Inconclusive if no value of f is finite, but JAX computes a derivative that is.

        NaN in both is what JAX's own checks ask for.
        """
        for mode in modes:
            found = self._arguments.derivatives(self._f, mode)
            if any(np.isfinite(part).any() for part in found):
                self.refuse_nothing_finite()

    def names(self) -> list[str]:
        """Return the path of each floating output leaf."""
        return self._paths

    def floating(self, value: Any, name: str) -> Results:
        """Return the floating leaves of a result of f, or of the like of it."""
        return self._like_result(value, name, "value")

    def tangents(self, tangent: Any) -> Results:
        """Return the tangents of the floating leaves, from one of f's result."""
        return self._like_result(tangent, "f_jvp", "tangent")

    def _like_result(self, value: Any, name: str, what: str) -> Results:
        found = [jnp.asarray(leaf) for leaf in self._leaves_of(value, name, what)]
        for leaf, like, path in zip(found, self._like, self._paths, strict=True):
            if leaf.shape != jnp.shape(like):
                msg = (
                    f"{name} returned a {what} of shape {leaf.shape}{_at(path)}; expected that of "
                    f"f's result, {jnp.shape(like)}."
                )
                raise WrongDerivative(msg)
        return tuple(map(masked, self._finite, found))

    def _leaves_of(self, value: Any, name: str, what: str) -> list[Any]:
        try:
            every = self._treedef.flatten_up_to(value)
        except ValueError as err:
            msg = f"{name} returned a {what} of another structure than f: {err}"
            raise ValueError(msg) from None
        for path, leaf in zip(self._paths, (kept := [every[i] for i in self._kept]), strict=True):
            if not (hasattr(leaf, "dtype") or isinstance(leaf, numbers.Number)):
                msg = (
                    f"{name} returned a {what} of another structure than f: "
                    f"{type(leaf).__name__}{_at(path)}; expected an array or a number."
                )
                raise ValueError(msg)
        return kept

    def cotangent(self, value: Any, cotangents: list[Any]) -> Any:
        """Return a cotangent like a value: of float0 for what is not floating."""
        every = self._treedef.flatten_up_to(value)
        tree = [np.zeros(np.shape(leaf), jax.dtypes.float0) for leaf in every]
        for i, cotangent in zip(self._kept, map(masked, self._finite, cotangents), strict=True):
            tree[i] = cotangent
        return jax.tree_util.tree_unflatten(self._treedef, tree)

    def other_dtype(self, value: Any, what: str) -> str:
        """Return the words for a leaf of another dtype than in f's result; empty for none."""
        leaves = self._leaves_of(value, "f_jvp", what)
        for leaf, like, path in zip(leaves, self._like, self._paths, strict=True):
            given, wanted = jnp.result_type(leaf), jnp.result_type(like)
            if given != wanted:
                return (
                    f"f_jvp returned a {what} of dtype {given}{_at(path)}; expected that of f's "
                    f"result, {wanted}."
                )
        return ""


def _at(path: str) -> str:
    return f" at {path}" if path else ""
