"""A function of JAX with a rounding drawn for each of its operations."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

Leafwise = Callable[[list[Any]], list[Any]]
#: Operations that compute nothing: they move numbers, choose among them, or write them down.
_EXACT = {
    "abs", "argmax", "argmin", "bitcast_convert_type", "broadcast_in_dim", "clamp", "concatenate",
    "convert_element_type", "copy", "copy_p", "cumax", "cummax", "cummin", "dynamic_slice",
    "dynamic_update_slice", "eq", "expand_dims", "gather", "ge", "gt", "iota", "le", "lt", "max",
    "min", "ne", "neg", "optimization_barrier", "pad", "reduce_max", "reduce_min", "reshape", "rev",
    "scatter", "select_n", "sign", "slice", "sort", "split", "squeeze", "stop_gradient",
    "transpose", "device_put", "is_finite",
}  # fmt: skip


def rounded(func: Leafwise, leaves: list[Any], unit: float, seed: int) -> list[Any]:
    """Return what a function gives with such roundings."""
    closed = jax.make_jaxpr(func)(leaves)
    flat, _ = jax.tree_util.tree_flatten(leaves)
    walk = _Walk(unit, jax.random.key(seed))
    return list(walk.run(closed.jaxpr, closed.consts, flat))


class _Walk:
    """Evaluates a program operation by operation, and multiplies what each returns."""

    def __init__(self, unit: float, key: Any) -> None:
        self._unit, self._key, self._count = unit, key, 0

    def run(self, jaxpr: Any, consts: Any, args: Any) -> list[Any]:
        """Return the results of a program."""
        given = zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *args], strict=True)
        known: dict[Any, Any] = dict(given)

        def read(var: Any) -> Any:
            return var.val if hasattr(var, "val") else known[var]

        for eqn in jaxpr.eqns:
            found = self._of(eqn, [read(var) for var in eqn.invars])
            known.update(zip(eqn.outvars, found, strict=True))
        return [read(var) for var in jaxpr.outvars]

    def _of(self, eqn: Any, args: list[Any]) -> list[Any]:
        inner = next(
            (
                eqn.params[name]
                for name in ("jaxpr", "call_jaxpr", "fun_jaxpr")
                if name in eqn.params
            ),
            None,
        )
        # Loops and branches are taken whole: their results are rounded once.
        if inner is not None and eqn.primitive.name not in ("scan", "while", "cond"):
            if hasattr(inner, "consts"):
                return self.run(inner.jaxpr, inner.consts, args)
            return self.run(inner, (), args)
        found = eqn.primitive.bind(*args, **eqn.params)
        found = list(found) if eqn.primitive.multiple_results else [found]
        return found if eqn.primitive.name in _EXACT else [self._once(value) for value in found]

    def _once(self, value: Any) -> Any:
        if not jnp.issubdtype(value.dtype, jnp.floating):
            return value
        self._count += 1
        key = jax.random.fold_in(self._key, self._count)
        drawn = jax.random.uniform(key, value.shape, value.dtype, -self._unit, self._unit)
        return value * (1 + drawn)  # which leaves infinity as it is
