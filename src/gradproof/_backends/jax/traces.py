"""Functions as programs that are kept by what they compute, whoever asks for them again."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Any

import jax
import numpy as np

from .compiled import quickly
from .programs import Same, aval

#: Programs by all that they are made of. They are compiled: none holds on to a function of the user
#: or to an array, and a few hundred kilobytes each are 50 MB together.
_KEPT: "OrderedDict[Hashable, Any]" = OrderedDict()
_MOST = 128


class Trace:
    """
    What a function computes from arguments of these shapes, as JAX's program.

    Traced anew for each check, which takes a millisecond: so what is kept is never of a function
    that has changed since, or of what it closes over.

    Parameters
    ----------
    func : callable
        Takes pytrees of arrays, returns one. What it raises when it is traced is raised here.
    arguments : tuple
        Such pytrees.

    Attributes
    ----------
    jaxpr : Jaxpr
        The program.
    constants : list of array
        What it closes over: given to it as arguments, so that it is the same for other data.
    """

    def __init__(self, func: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        closed, shape = jax.make_jaxpr(func, return_shape=True)(*arguments)
        self.jaxpr = closed.jaxpr
        self.constants = [
            value if isinstance(value, jax.Array) else jax.device_put(np.asarray(value))
            for value in closed.consts
        ]
        self._arguments = arguments
        self._tree = jax.tree_util.tree_structure(shape)

    def program(self, *, quick: bool = True) -> Callable[..., Any]:
        """
        Return a function like the one that was traced, compiled for these arguments.

        `quick` is for some dozen calls: it saves the optimizations that these do not pay back.
        """
        key, leaves = self._key(), jax.tree_util.tree_leaves(self._arguments)
        key = None if key is None else (key, quick)
        found = None if key is None else _KEPT.get(key)
        if found is None:
            found = _compiled(self.jaxpr, self.constants, leaves, quick=quick)
        if key is not None:
            _KEPT[key] = found
            _KEPT.move_to_end(key)
        while len(_KEPT) > _MOST:
            _KEPT.popitem(last=False)
        constants, tree = self.constants, self._tree

        def run(*arguments: Any) -> Any:
            results = found(constants, jax.tree_util.tree_leaves(arguments))
            return jax.tree_util.tree_unflatten(tree, results)

        return run

    def _key(self) -> Hashable:
        """Return all that the compiled program hangs on; None where that is not to be known."""
        text = str(self.jaxpr)
        if "0x" in text:  # an object, printed without what tells it from others
            return None
        try:
            inner = tuple(_immutable(array) for array in _arrays_inside(self.jaxpr))
            leaves = jax.tree_util.tree_leaves((self.constants, self._arguments))
            return text, inner, tuple(map(aval, leaves))
        except (AttributeError, TypeError):  # no array of JAX, or no weak reference to it
            return None


def _compiled(jaxpr: Any, constants: list[Any], leaves: list[Any], *, quick: bool) -> Any:
    def run(constants: list[Any], leaves: list[Any]) -> list[Any]:
        return jax.core.eval_jaxpr(jaxpr, constants, *leaves)

    def made(options: dict[str, Any] | None) -> Any:
        return jax.jit(run, compiler_options=options).lower(constants, leaves).compile()

    return quickly(made) if quick else made(None)


def _immutable(array: Any) -> Same:
    if not isinstance(array, jax.Array):
        msg = f"a {type(array).__name__}, which may be written to"
        raise TypeError(msg)
    return Same(array)


def inside(equation: Any) -> Iterator[Any]:
    """Yield the programs that a step of a program consists of."""
    for part in _parts(equation):
        if hasattr(part, "eqns"):
            yield part


def _parts(equation: Any) -> Iterator[Any]:
    for value in equation.params.values():
        yield from value if isinstance(value, (tuple, list)) else [value]


def _arrays_inside(jaxpr: Any) -> Iterator[Any]:
    """Yield the arrays in the steps of a program: of functions that they call, and parameters."""
    for equation in jaxpr.eqns:
        for part in _parts(equation):
            if isinstance(part, np.ndarray | jax.Array):
                yield part
            elif hasattr(part, "eqns"):
                yield from getattr(part, "consts", ())
                yield from _arrays_inside(part)
