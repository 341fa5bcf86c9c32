"""A call of a hand-written rule of JAX, taken apart."""

import inspect
import types
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..recorded import Build, Call, Described, Rule, code_of


def parts_of(target: Any) -> tuple[Any, ...]:
    found = (getattr(target, name, None) for name in ("fun", "fwd", "bwd", "jvp"))
    parts = [part for part in found if part is not None]
    return tuple(dict.fromkeys([*parts, *(one for part in parts for one in kept_by(part))]))


def call_of(rule: Rule, target: Any, args: Any, kwargs: Any) -> tuple[Call, list[Any]]:
    static = _static(target, kwargs)
    trees, arrays, owners, described, moved = [], [], [], [], []
    for owner, arg in (*enumerate(args), *kwargs.items()):
        # What a rule does not differentiate by may be anything, and is one leaf.
        leaves, tree = ([arg], None) if owner in static else jax.tree_util.tree_flatten(arg)
        trees.append((owner, tree, len(leaves)))
        for leaf in leaves:
            owners.append(owner)
            # A number of Python is differentiated by like an array.
            kinds = (float, complex, jax.Array, np.ndarray, np.generic)
            if tree is None or not isinstance(leaf, kinds):
                described.append(leaf)
                moved.append(False)
                continue
            array, followed = _without_transforms(leaf)
            if not hasattr(array, "shape"):
                array = jnp.asarray(array)
            dtype = str(array.dtype)
            if jax.dtypes.issubdtype(array.dtype, jax.dtypes.prng_key):
                dtype = f"key<{jax.random.key_impl(array)}>"
                array = jax.random.key_data(array)
            described.append(Described(tuple(leaf.shape) if hasattr(leaf, "shape") else (), dtype))
            arrays.append(array)
            moved.append(followed)
    known = tuple(moved) if any(moved) else None
    parts = parts_of(target)
    if any(map(_holds_tracer, (*parts, *described))):
        # It cannot be called by itself, and nobody may keep a tracer.
        parts, target = (), _gone
        described = [None if _holds_tracer(leaf) else leaf for leaf in described]
    settings = (("x64", bool(jax.config.jax_enable_x64)),)
    structure = tuple((owner, str(tree)) for owner, tree, _ in trees)
    made = Build(trees, _unflattened)
    given = (
        parts,
        target,
        tuple(described),
        tuple(owners),
        made,
        structure,
        known,
        settings,
    )
    return Call(rule, target, *given), arrays


def _static(target: Any, kwargs: Any) -> set[int | str]:
    """Return what a rule does not differentiate by: places, and names among keyword arguments."""
    places = set(getattr(target, "nondiff_argnums", ()))
    if not places or not kwargs:
        return places
    names = list(inspect.signature(target.fun).parameters)
    return places | {names[i] for i in places if i < len(names)}


def _holds_tracer(value: Any, depth: int = 4) -> bool:
    """Tell whether a value is a tracer of a program, or a function that closes over one."""
    if isinstance(value, jax.core.Tracer):
        return True
    cells = getattr(value, "__closure__", None) if depth else None
    inner = (cell.cell_contents for cell in cells or () if _is_filled(cell))
    return any(_holds_tracer(one, depth - 1) for one in inner)


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _gone(*_: Any, **__: Any) -> Any:
    msg = "the rule closes over values of a program that was traced"
    raise ValueError(msg)


def _unflattened(tree: Any, leaves: list[Any]) -> Any:
    return leaves[0] if tree is None else jax.tree_util.tree_unflatten(tree, leaves)


def _without_transforms(array: Any) -> tuple[Any, bool]:
    """
    Return what an argument has for numbers, and whether it is differentiated by.

    Of a batch under vmap the first element: a callback would be called for each of them.
    """
    followed = False
    for _ in range(64):  # transforms of transforms
        if hasattr(array, "batch_dim") and hasattr(array, "val"):
            at, array = array.batch_dim, array.val
            if at is not None:
                array = array[(slice(None),) * at + (0,)]
        elif hasattr(array, "primal") and hasattr(array, "tangent"):
            followed = followed or type(array.tangent).__name__ != "Zero"
            array = array.primal
        else:
            break
    return array, followed


def kept_by(function: Any) -> list[Any]:
    """Return the functions that a closure keeps, by themselves or in an object."""
    found: list[Any] = []
    for cell in getattr(function, "__closure__", None) or ():
        try:
            kept = cell.cell_contents
        except ValueError:  # not filled yet
            continue
        found += [kept] if code_of(kept) is not None else getattr(kept, "__dict__", {}).values()
    return [one for one in found if isinstance(one, types.FunctionType)]
