"""Arrays of JAX: what they are, and their way to the host and back."""

import dataclasses
import functools
import numbers
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from ..pytrees import Flat
from ..standard.arrays import is_odd
from ..standard.backend import StandardBackend
from ..typing import Array

# Points are made, and outputs gathered, by programs of this many at a time. One program for each
# costs 18 us of dispatch, eight share it; 16 and more gain nothing and compile longer (measured
# at 1000 entries: 13, 15 and 18 us per evaluation for 8, 16 and 32).
ROWS = 8


@jax.jit
def _stacked(*arrays: Any) -> Any:
    return jnp.stack(arrays)


def float_dtype() -> Any:
    return jnp.float64 if jax.config.jax_enable_x64 else jnp.float32


@jax.jit
def _to_float(x: Any) -> Any:
    return x.astype(float_dtype())


@jax.jit
def weak(x: Any, point: Any) -> Any:
    return x.at[...].set(point)


def replicated(like: Any) -> Any:
    """Return a sharding that puts the whole of an array on each device of `like`."""
    if isinstance(like.sharding, NamedSharding):
        return NamedSharding(like.sharding.mesh, PartitionSpec())
    return like.sharding


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Batch:
    """Outputs that cross to the host as one array."""

    stacked: Any

    def rows(self) -> list[Any]:
        return list(self.stacked)


def gathered(values: list[Any]) -> Iterator[Any]:
    """Yield values in order, runs of JAX arrays of one shape and dtype in batches."""
    i = 0
    while i < len(values):
        run = values[i : i + ROWS]
        if len(run) == ROWS and _are_alike(run):
            yield Batch(_stacked(*run))
            i += ROWS
        else:
            yield values[i]
            i += 1


def _on_host(value: Any) -> bool:
    return isinstance(value, np.ndarray) or all(d.platform == "cpu" for d in value.devices())


def _are_alike(run: list[Any]) -> bool:
    first = run[0]
    if not isinstance(first, jax.Array):
        return False
    shape, dtype = first.shape, first.dtype
    return all(isinstance(v, jax.Array) and v.shape == shape and v.dtype == dtype for v in run)


class JAXArrays(StandardBackend):
    """Arrays of JAX, on one device or sharded."""

    name = "jax"
    # To compile a batch takes 0.25 s, and saves 60 us of each evaluation of a logistic loss with
    # 2000 samples and 500 features: 4000 of them pay for it. What is cheaper saves 10 to 20 us.
    batched_from = 4096
    one_at_a_time = True
    conjugation = -1.0
    threads = True
    mutable = False
    flushes = True  # XLA's programs on every device

    def __init__(self) -> None:
        super().__init__(jnp)

    def given(self, x0: Any) -> Array:
        if hasattr(x0, "todense"):
            msg = (
                f"x0 is a {type(x0).__name__}, which is sparse; expected a dense array: pass "
                "x0.todense(), or x0.data, and build the sparse one inside func."
            )
            raise TypeError(msg)
        if not isinstance(x0, jax.Array):
            msg = (
                f"x0 is a {type(x0).__name__}, which has no numbers; expected an array: pass "
                "jnp.zeros(x0.shape, x0.dtype), or numbers of your own."
            )
            raise TypeError(msg)
        return x0

    def traced(self, value: Any) -> str:
        if not isinstance(value, jax.core.Tracer):
            return ""
        return (
            "traced: it has no numbers yet. Call gradproof outside of jax.jit, jax.grad and the "
            "like; func and grad may use them."
        )

    def parameters(self, func: Any) -> list[Any]:
        leaves = jax.tree_util.tree_leaves(func)
        return [] if any(leaf is func for leaf in leaves) else leaves

    def unusable(self, value: Any) -> str:
        if isinstance(value, jax.Array) and value.is_deleted():
            return (
                "an array that was deleted, or donated to a function; expected one with numbers: "
                "pass a copy of it to what donates it."
            )
        if is_odd(value):
            return f"a {type(value).__name__}; expected a plain array: pass np.asarray(x)."
        dtype = jnp.result_type(value)
        if jnp.issubdtype(dtype, jnp.inexact) and dtype.itemsize < 2:
            return (
                f"of dtype {value.dtype}, which has no arithmetic; expected 16 bits at least: pass "
                "x.astype(jnp.bfloat16), and round to it inside func."
            )
        return ""

    def form(self, leaf: Any) -> Callable[[Any], Any] | None:
        # A number of Python stays weakly typed: func's promotions hang on it.
        return functools.partial(weak, leaf) if leaf.weak_type else None

    def adopted(self, value: Any) -> tuple[Array, Callable[[Any], Any] | None] | None:
        real = isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral)
        if isinstance(value, np.ndarray | np.generic) or not real:
            return None
        array = jnp.asarray(float(value))  # a fraction
        return array, self.form(array)

    def primal(self, given: Any) -> Array:
        if jnp.issubdtype(given.dtype, jnp.floating):
            return given
        return _to_float(given)

    def floating(self, given: Any) -> Array:
        return given if jnp.issubdtype(given.dtype, jnp.inexact) else _to_float(given)

    def leaf(self, value: Any) -> Array | None:
        # What JAX itself takes for an array: its registry is full of other things.
        if not isinstance(value, jax.Array | np.ndarray | np.generic | float | complex):
            return None
        if not jnp.issubdtype(jnp.result_type(value), jnp.inexact):
            return None
        return value if isinstance(value, jax.Array) else jnp.asarray(value)

    def flatten(self, tree: Any) -> Flat:
        found, treedef = jax.tree_util.tree_flatten_with_path(tree, is_leaf=lambda v: v is None)
        leaves, paths = [leaf for _, leaf in found], [jax.tree_util.keystr(p) for p, _ in found]
        for path, leaf in zip(paths, leaves, strict=True):
            if dataclasses.is_dataclass(leaf) and not isinstance(leaf, type):
                msg = (
                    f"{type(leaf).__name__}{f' at {path}' if path else ''} is a dataclass that JAX "
                    "does not know as a pytree; register it by jax.tree_util.register_dataclass."
                )
                raise TypeError(msg)
        rebuild = functools.partial(jax.tree_util.tree_unflatten, treedef)
        return Flat(leaves, paths, rebuild, treedef.flatten_up_to, (self.flatten, tree))

    def dtype_named(self, name: str) -> Any:
        if name == "float64":
            jax.config.update("jax_enable_x64", val=True)  # otherwise JAX narrows to float32
        return super().dtype_named(name)

    def copy(self, x: Any) -> Array:
        # A func that donates its argument must not delete the user's x0.
        return jnp.copy(x)

    def widest(self, like: Array) -> Any:
        return float_dtype()

    def is_native(self, value: Any) -> bool:
        return isinstance(value, jax.Array)

    def is_beside(self, value: Any, like: Any) -> bool:
        return self.is_native(value) and value.sharding.device_set == like.sharding.device_set

    def same_kind(self, point: Any, x: Any) -> Array:
        # A weakly typed x0 stays weakly typed: func's promotions hang on it.
        return weak(x, point) if x.weak_type else point

    def to_host(self, values: list[Any]) -> list[Any]:
        if all(isinstance(v, jax.Array | np.ndarray) for v in values) and (
            len(values) < ROWS or _on_host(values[0])
        ):
            # The same hand-over, which takes 2 to 5 us where `device_get` takes 20, and 4 where it
            # is handed many at once.
            with jax.transfer_guard_device_to_host("allow"):
                return super().to_host(values)
        host: list[Any] = []
        # One hand-over of all that there is: `device_get` reaches into nested lists too.
        for batch in jax.device_get(list(gathered(values))):
            host.extend(batch.rows() if isinstance(batch, Batch) else [batch])
        return super().to_host(host)

    def _one_to_host(self, value: Any) -> Any:
        array = np.asarray(value)
        # bfloat16 and the float8 types are not NumPy's own.
        return array.astype(np.float64) if array.dtype.kind == "V" else array

    def from_host(self, values: Any, like: Any, dtype: Any = None) -> Array:
        values = np.asarray(values, dtype=dtype or like.dtype)
        # An array that follows the default device stays free to do so. Numbers of another shape
        # than that of `like` go to all of its devices.
        sharding = like.sharding if values.shape == like.shape else replicated(like)
        return jax.device_put(values, sharding if like.committed else None)

    def coordinates(self, matrix: Any) -> Any:
        # A BCOO, known by what it has: jax.experimental need not be imported for this.
        if not all(hasattr(matrix, name) for name in ("indices", "data", "n_sparse")):
            return super().coordinates(matrix)
        indices, data = jax.device_get((matrix.indices, matrix.data))
        inside = (indices < np.asarray(matrix.shape)).all(axis=1)  # the others are padding
        rows, columns = indices[inside].T
        return rows, columns, np.asarray(data[inside], dtype=np.float64), tuple(matrix.shape)
