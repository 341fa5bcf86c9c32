"""Functions that are called some dozen times: as programs, where that pays and changes nothing."""

import contextlib
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..agreement import apart
from ..typing import Function
from .traces import Trace, inside

#: Loops and branches: called plainly, each is compiled again for what its body closes over, which
#: takes 50 ms a call.
_COMPILED_EACH_TIME = ("scan", "while", "cond")
#: What is compiled once wherever it is called: to dispatch it costs no more than an operation.
_COMPILED = ("jit", "pjit")
#: Operations of plain calls, of 12 us each, that take as long as to compile a function quickly, to
#: trace it and to call it twice more: 25 ms.
_PAYS = 2000
#: Numbers that an operation reads and writes in these 12 us.
_NUMBERS = 2**13
#: Evaluations of a check: along the claim, and of up to so many entries each by itself.
_ALONG, _ENTRIES = 38, 300
#: A function with larger arguments is another matter: see `fused`.
_LARGEST = 2**22


def program_of_values(func: Function, leaves: list[Any], plain: Any) -> Function | None:
    """
    Return a function of leaves as a program, if that pays and computes what plain calls return.

    Seen at these leaves and at others. A plain call after the function was traced has to return the
    same to the last bit as the one before: what is random, or keeps something from one call for the
    next, is no program, nor is what calls back to the host.

    Parameters
    ----------
    func : callable
        Takes a list of arrays and returns a pytree of them.
    leaves : list of array
        Where it was called.
    plain : pytree
        What it returned there.
    """
    try:
        found = _agreeing(func, leaves, plain)
    except Exception:  # of the tracer, or of what it left behind in the function
        found = None
    if found is None:
        # What the function may keep from one call for the next is to be what it was, not a tracer.
        with contextlib.suppress(Exception):
            func(_own(leaves))
    return found


def _agreeing(func: Function, leaves: list[Any], plain: Any) -> Function | None:
    trace = Trace(func, (leaves,))
    if not _pays(trace, leaves) or _asks_the_host(trace.jaxpr):
        return None
    run, own, far = trace.program(), _own(leaves), [_farther(leaf) for leaf in leaves]
    same = _same(plain, func(own), exactly=True) and _same(run(own), plain)
    return run if same and _same(func(far), run(far)) else None


def _own(leaves: list[Any]) -> list[Any]:
    """Return copies, which a function may donate; then nothing is left to compare at."""
    return [jnp.copy(leaf) for leaf in leaves]


def program_of_derivative(
    func: Callable[..., Any], arguments: tuple[Any, ...], plain: Any
) -> Callable[..., Any] | None:
    """
    Return what JAX computes as a derivative as a program, if it is what a plain call returns.

    Of a derivative each plain call is traced anew: to compile it always pays.

    Parameters
    ----------
    func : callable
        Takes pytrees of arrays and returns a pair of them.
    arguments : tuple
        Such pytrees.
    plain : pytree or None
        What it returned for them; None where that need not be asked.
    """
    try:
        trace = Trace(func, arguments)
        if _size(arguments) >= _LARGEST or _asks_the_host(trace.jaxpr):
            return None
        run = trace.program()
        return run if plain is None or _same(run(*arguments), plain) else None
    except Exception:
        return None


def _farther(leaf: Any) -> Any:
    """Return another point: entries keep their signs, for the roots that there may be of them."""
    with jax.transfer_guard_device_to_host("allow"):
        numbers = np.asarray(leaf)
    moved = np.where(numbers == 0, 0.0625, numbers.astype(_wide(numbers)) * 0.9375)
    return jax.device_put(moved.astype(numbers.dtype), leaf.sharding if leaf.committed else None)


def _pays(trace: Trace, leaves: list[Any]) -> bool:
    size = _size(leaves)
    if size >= _LARGEST:
        return False
    calls = _ALONG + (2 * size if size <= _ENTRIES else 0)
    return cost(trace.jaxpr) * calls * (1 + size / _NUMBERS) >= _PAYS


def _size(arguments: Any) -> int:
    return sum(math.prod(leaf.shape) for leaf in jax.tree_util.tree_leaves(arguments))


def cost(jaxpr: Any) -> float:
    """Return how many operations a plain call of a program dispatches; infinity with loops."""
    found = 0.0
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        if name in _COMPILED_EACH_TIME:
            return math.inf
        found += 1
        if name not in _COMPILED:
            found += sum(map(cost, inside(equation)))
    return found


def _asks_the_host(jaxpr: Any) -> bool:
    """Tell whether a program has effects, or calls Python: what that does may change."""
    return bool(jaxpr.effects) or any(
        "callback" in equation.primitive.name or any(map(_asks_the_host, inside(equation)))
        for equation in jaxpr.eqns
    )


def _same(one: Any, other: Any, *, exactly: bool = False) -> bool:
    """Tell whether two results are the same: the parts of a tuple each for itself."""
    if jax.tree_util.tree_structure(one) != jax.tree_util.tree_structure(other):
        return False
    parts = zip(one, other, strict=True) if isinstance(one, tuple) else [(one, other)]
    return all(_same_part(a, b, exactly=exactly) for a, b in parts)


def _same_part(one: Any, other: Any, *, exactly: bool) -> bool:
    leaves, others = map(jax.tree_util.tree_leaves, (one, other))
    kinds = [
        [(jnp.shape(leaf), jnp.result_type(leaf)) for leaf in side] for side in (leaves, others)
    ]
    if not leaves or kinds[0] != kinds[1]:
        return not leaves
    with jax.transfer_guard_device_to_host("allow"):
        found, plain = (np.concatenate(list(map(_numbers, side))) for side in (leaves, others))
    if exactly:
        return np.array_equal(found, plain, equal_nan=True)
    dtypes = [dtype for _, dtype in kinds[0] if jnp.issubdtype(dtype, jnp.inexact)]
    return not apart(found, plain, max((float(jnp.finfo(d).eps) for d in dtypes), default=0.0))


def _numbers(leaf: Any) -> Any:
    array = np.asarray(leaf).ravel()
    return array.astype(_wide(array))


def _wide(array: np.ndarray) -> type:
    return complex if array.dtype.kind == "c" else float
