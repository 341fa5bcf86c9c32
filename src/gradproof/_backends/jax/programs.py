"""Compiled programs of the user's functions, kept as long as the functions are."""

import time
import weakref
from collections.abc import Callable, Hashable
from typing import Any

import jax

#: By the user's function, then by all else that a program hangs on. What is kept is compiled: it
#: holds on to neither the function nor to arrays that it was called with.
_KEPT: "weakref.WeakKeyDictionary[Any, dict[Any, Any]]" = weakref.WeakKeyDictionary()
#: Programs of one function; a loop over shapes must not fill the memory.
_MOST = 16
_SCALARS = (bool, int, float, complex, str, bytes, type(None))


class Same:
    """Stands for an object in a key, is equal to itself alone, and does not keep it alive."""

    def __init__(self, value: Any) -> None:
        self._id, self._ref = id(value), weakref.ref(value)

    def __hash__(self) -> int:
        return self._id

    def __eq__(self, other: object) -> bool:
        value = self._ref()
        return isinstance(other, Same) and value is not None and value is other._ref()


def program(
    leafed: Any, arrays: tuple[Any, ...], sizes: Hashable, formula: Callable[..., Any]
) -> tuple[Any, list[Any]]:
    """
    Return a compiled formula of a user's function, and the last argument to call it with.

    Parameters
    ----------
    leafed : Leafed
        The function.
    arrays : tuple of array
        The arguments before the last.
    sizes : hashable
        Constants of the formula.
    formula : callable
        Takes the function as one from an array to a list of arrays, `arrays`, and `sizes`.
    """
    everything, again, form = leafed.remake() if leafed.remake else (None, None, None)
    held, tree = jax.tree_util.tree_flatten(everything, is_leaf=lambda v: v is None)
    # Data are arguments, not constants: so a program is neither as large as they are, nor of them.
    dynamic = [leaf for leaf in held if isinstance(leaf, jax.Array)]
    kept: dict[Any, Any] = leafed.programs
    key: Hashable = (formula, sizes)
    if again is not None:
        try:
            avals = tuple(aval(array) for array in (*arrays, *dynamic))
            whole = (formula, sizes, form, tree, tuple(_fixed(leaf) for leaf in held), avals)
            hash(whole)
            kept, key = _KEPT.setdefault(leafed.func, {}), whole
        except TypeError:  # something in it has no weak reference, or no hash
            pass
    if key in kept and not leafed.fresh:
        leafed.reused = True
        return kept[key], dynamic

    def run(*inputs: Any) -> Any:
        *first, others = inputs
        filled = iter(others)
        leaves = [next(filled) if isinstance(leaf, jax.Array) else leaf for leaf in held]

        def func(array: Any) -> list[Any]:
            if again is None:
                return leafed.arrays(leafed.call(array))
            given = jax.tree_util.tree_unflatten(tree, leaves)
            return leafed.arrays(again(leafed.func, given, array))

        return formula(func, *first, sizes)

    start = time.perf_counter()
    found = jax.jit(run).lower(*arrays, dynamic).compile()
    leafed.compile_time += time.perf_counter() - start
    kept[key] = found
    leafed.fresh, leafed.reused = False, False
    while len(kept) > _MOST:
        del kept[next(iter(kept))]
    return found, dynamic


def _fixed(leaf: Any) -> Hashable:
    if isinstance(leaf, jax.Array):
        return None
    return (type(leaf), leaf) if type(leaf) in _SCALARS else Same(leaf)


def aval(array: Any) -> Hashable:
    """Return what a program hangs on of an array that it is called with."""
    return array.shape, array.dtype, array.weak_type, array.sharding, array.committed
