"""A function of JAX with a rounding drawn for each of its operations."""

from typing import Any

import jax
import jax.numpy as jnp

from ..standard.precisions import Leafwise
from .walk import bound, run

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
    of = _Rounded(unit, jax.random.key(seed)).of
    return run(closed.jaxpr, closed.consts, jax.tree_util.tree_leaves(leaves), of)


class _Rounded:
    """Multiplies what each operation returns."""

    def __init__(self, unit: float, key: Any) -> None:
        self._unit, self._key, self._count = unit, key, 0

    def of(self, eqn: Any, args: list[Any]) -> list[Any]:
        """Return the results of one operation."""
        names = ("jaxpr", "call_jaxpr", "fun_jaxpr")
        inner = next((eqn.params[name] for name in names if name in eqn.params), None)
        # Loops and branches are taken whole: their results are rounded once.
        if inner is not None and eqn.primitive.name not in ("scan", "while", "cond"):
            return run(getattr(inner, "jaxpr", inner), getattr(inner, "consts", ()), args, self.of)
        found = bound(eqn, args, eqn.params)
        return found if eqn.primitive.name in _EXACT else [self._once(value) for value in found]

    def _once(self, value: Any) -> Any:
        if not jnp.issubdtype(value.dtype, jnp.floating):
            return value
        self._count += 1
        key = jax.random.fold_in(self._key, self._count)
        drawn = jax.random.uniform(key, value.shape, value.dtype, -self._unit, self._unit)
        return value * (1 + drawn)  # which leaves infinity as it is
