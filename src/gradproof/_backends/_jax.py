"""The adapter for JAX: everything compiled, nothing moved by implication."""

import dataclasses
import functools
import math
import numbers
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from .._typing import Array, Function
from . import _jax_fused
from . import _jax_programs as programs
from ._jax_fused import Fused, random_entries
from ._pytrees import Flat
from ._standard import SHORTEST, Leafwise, StandardBackend, is_odd

# Points are made, and outputs gathered, by programs of this many at a time. One program for each
# costs 18 us of dispatch, eight share it; 16 and more gain nothing and compile longer (measured
# at 1000 entries: 13, 15 and 18 us per evaluation for 8, 16 and 32).
_ROWS = 8
# The bytes of a batch that a core keeps near it: the second level of today's caches, 1 to 2 MB.
# Beyond it points one at a time, in one program, are faster than batches (measured with an MLP of
# 20000 parameters in single precision: 0.7 of the time of a loop, batches of 128 2 to 3 times it).
_CACHE = 2**20
# Entries to a run of a program: long enough that its dispatch (20 us) is nothing, short enough to
# be interrupted.
_RUN = 1024


class JAXBackend(StandardBackend):
    """
    JAX arrays, on one device or sharded.

    Numbers reach the device by `jax.device_put` or as constants of a program, and come back by
    `jax.device_get`, so that checks run under ``jax.transfer_guard("disallow")``.
    """

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
        return functools.partial(_weak, leaf) if leaf.weak_type else None

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

    def fixed_tangent(self, leaf: Any) -> Any:
        if isinstance(leaf, jax.Array | np.ndarray):
            return np.zeros(leaf.shape, dtype=jax.dtypes.float0)
        return leaf

    def no_derivative(self, value: Any) -> str:
        if getattr(value, "dtype", None) == jax.dtypes.float0:
            return "float0, JAX's tangent of whole numbers,"
        return super().no_derivative(value)

    def vjp(self, func: Leafwise, leaves: list[Any]) -> tuple[list[Any], Leafwise]:
        outputs, pullback = jax.vjp(func, leaves)
        return outputs, lambda cotangents: pullback(cotangents)[0]

    def jvp(self, func: Leafwise, leaves: list[Any], tangents: list[Any]) -> Any:
        return jax.jvp(func, (leaves,), (tangents,))

    def follows(self, func: Function, leaves: list[Any]) -> bool:
        numbers = [i for i, leaf in enumerate(leaves) if leaf.weak_type and not leaf.shape]

        def arrays(given: list[Any]) -> list[Any]:
            every = list(leaves)
            for i, number in zip(numbers, given, strict=True):
                every[i] = number
            found = jax.tree_util.tree_leaves(func(every))
            return [leaf for leaf in found if isinstance(leaf, jax.Array)]

        def pulled(given: list[Any]) -> Any:
            outputs, pull = jax.vjp(arrays, given)
            return pull(outputs)

        try:
            jax.eval_shape(pulled, [leaves[i] for i in numbers])
        except Exception:  # func looks at a number, or a rule declares it to have no derivative
            return False
        return True

    def transformed(
        self, func: Leafwise, leaves: list[Any], cotangents: list[Any], *, vmap: bool
    ) -> dict[str, list[Any]]:
        def pulled(leaves: list[Any], cotangents: list[Any]) -> list[Any]:
            return self.vjp(func, leaves)[1](cotangents)

        batch = jax.tree_util.tree_map(lambda leaf: jnp.stack([leaf, leaf]), (leaves, cotangents))
        mapped = jax.vmap(pulled)(*batch)
        return {
            "jit": jax.jit(pulled)(leaves, cotangents),
            "vmap": [gradient[1] for gradient in mapped],
        }

    def coordinates(self, matrix: Any) -> Any:
        # A BCOO, known by what it has: jax.experimental need not be imported for this.
        if not all(hasattr(matrix, name) for name in ("indices", "data", "n_sparse")):
            return super().coordinates(matrix)
        indices, data = jax.device_get((matrix.indices, matrix.data))
        inside = (indices < np.asarray(matrix.shape)).all(axis=1)  # the others are padding
        rows, columns = indices[inside].T
        return rows, columns, np.asarray(data[inside], dtype=np.float64), tuple(matrix.shape)

    def lacks_forward_mode(self, err: Exception) -> bool:
        return isinstance(err, TypeError) and "can't apply forward-mode" in str(err)

    def compiled(self, func: Leafwise) -> Leafwise:
        return jax.jit(func)

    def dtype_named(self, name: str) -> Any:
        if name == "float64":
            jax.config.update("jax_enable_x64", val=True)  # otherwise JAX narrows to float32
        return super().dtype_named(name)

    def copy(self, x: Any) -> Array:
        # A func that donates its argument must not delete the user's x0.
        return jnp.copy(x)

    def lent(self, func: Function, x: Any) -> Array:
        # Nothing else can happen to x, and a copy of one that is huge is better saved.
        huge = x.size >= _jax_fused.HUGE
        return x if huge and not _jax_fused.donates(func, x) else self.copy(x)

    def widest(self, like: Array) -> Any:
        return _float_dtype()

    def is_native(self, value: Any) -> bool:
        return isinstance(value, jax.Array)

    def is_beside(self, value: Any, like: Any) -> bool:
        return self.is_native(value) and value.sharding.device_set == like.sharding.device_set

    def same_kind(self, point: Any, x: Any) -> Array:
        # A weakly typed x0 stays weakly typed: func's promotions hang on it.
        return _weak(x, point) if x.weak_type else point

    def contract(self, claim: Array, tangent: Array) -> Array:
        return _contracted(claim, tangent)

    def native(self, formula: Callable[..., Any], /) -> Callable[..., Any]:
        return _compiled(self, formula)

    def to_host(self, values: list[Any]) -> list[Any]:
        host: list[Any] = []
        # One hand-over of all that there is: `device_get` reaches into nested lists too.
        for batch in jax.device_get(list(_gathered(values))):
            host.extend(batch.rows() if isinstance(batch, _Batch) else [batch])
        return super().to_host(host)

    def _one_to_host(self, value: Any) -> Any:
        array = np.asarray(value)
        # bfloat16 and the float8 types are not NumPy's own.
        return array.astype(np.float64) if array.dtype.kind == "V" else array

    def from_host(self, values: Any, like: Any, dtype: Any = None) -> Array:
        values = np.asarray(values, dtype=dtype or like.dtype)
        # An array that follows the default device stays free to do so. Numbers of another shape
        # than that of `like` go to all of its devices.
        sharding = like.sharding if values.shape == like.shape else _replicated(like)
        return jax.device_put(values, sharding if like.committed else None)

    def points(self, x: Any, plus: Any, entries: range) -> Iterator[Array]:
        i = self._place(x, entries.start)  # the entry that moves next, kept on the device
        for start in entries[::_ROWS]:
            i, *points = _next_points(x, plus, i)
            yield from points[: entries.stop - start]

    def batch_size(self, x: Any, size: int, rows: int) -> int:
        on_cpu = next(iter(x.devices())).platform == "cpu"
        return 1 if on_cpu and size > _CACHE else rows

    def run(self, n: int, rows: int, most: int) -> int:
        # As few runs as the bounds allow, all of one length, and no remainder in a batch.
        lead, runs = _lead(rows), max(1, math.ceil(n / min(_RUN, most)))
        points = lead + math.ceil(n / runs)
        maps = math.ceil(points / rows)
        return maps * math.ceil(points / maps) - lead

    def batches(
        self, leafed: Any, arrays: tuple[Any, Any, Any], sizes: tuple[int, int], entries: range
    ) -> Iterator[tuple[int, list[Any]]]:
        rows, run = sizes
        x, lead = arrays[0], _lead(rows)
        maps = math.ceil((lead + run) / rows)
        i = self._place(x, entries.start)  # the entry that moves next, kept on the device
        mapped = lead, maps, (lead + run) // maps
        program, dynamic = programs.program(leafed, (*arrays, i), mapped, _mapped)
        for _ in entries[::run]:
            i, found = program(*arrays, i, dynamic)
            yield lead, found

    def _place(self, x: Any, start: int) -> Any:
        i = _zero(x)
        return jax.device_put(np.asarray(start, i.dtype), i.sharding) if start else i

    def keep(self, output: Any) -> Any:
        if isinstance(output, jax.Array):
            return output  # immutable
        return super().keep(output)

    def generator(self, source: Any, like: Any, *, legacy: bool) -> Any:
        if isinstance(source, jax.Array):
            typed = jnp.issubdtype(source.dtype, jax.dtypes.prng_key)
            key = source if typed else jax.random.wrap_key_data(source)
            if key.shape:
                msg = f"an array of keys, of shape {key.shape}, is too many; choose one"
                raise ValueError(msg)
        else:
            seed = secrets.randbits(63) if source is None else int(source)
            # The key of `jax.random.key(seed)`, its words moved to the device explicitly.
            words = np.asarray([seed >> 32 & 0xFFFFFFFF, seed & 0xFFFFFFFF], dtype=np.uint32)
            key = jax.random.wrap_key_data(jax.device_put(words), impl="threefry2x32")
        placed = like is not None and like.committed
        return jax.device_put(key, _replicated(like)) if placed else key

    def normal(self, generator: Any, shape: tuple[int, ...], like: Any) -> Array:
        dtype = _float_dtype() if like is None else like.dtype
        several = like is not None and len(like.sharding.device_set) > 1
        program = _normal_program(shape, dtype, like.sharding if several else None)
        return program(generator)

    def tangent(self, generator: Any, like: Any) -> tuple[Array, float]:
        several = len(like.sharding.device_set) > 1
        program = _tangent_program(like.sharding if several else None)
        return program(like, _words(generator)), 2 * SHORTEST

    def own_generator(self, owner: StandardBackend, generator: Any, like: Any) -> Any:
        return self.generator(owner.integer(generator), like, legacy=False)

    def fused(
        self, name: Function, func: Function, x: Any, generator: Any, step: float
    ) -> Fused | None:
        if x.size < _jax_fused.HUGE or x.weak_type:
            return None
        both = np.asarray([step, math.sqrt(self.eps(x.dtype))])
        steps = self.from_host(both, x, _jax_fused.working(x.dtype))
        return _jax_fused.fused(name, func, x, _words(generator), steps, _float_dtype())


def _replicated(like: Any) -> Any:
    """Return a sharding that puts the whole of an array on each device of `like`."""
    if isinstance(like.sharding, NamedSharding):
        return NamedSharding(like.sharding.mesh, PartitionSpec())
    return like.sharding


@functools.lru_cache(maxsize=256)
def _compiled(backend: JAXBackend, formula: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that runs `formula` as a program, its keyword arguments as constants."""

    @functools.lru_cache(maxsize=256)
    def program(constants: tuple[tuple[str, Any], ...]) -> Callable[..., Any]:
        return jax.jit(functools.partial(formula, backend, **dict(constants)))

    return lambda *arrays, **constants: program(tuple(constants.items()))(*arrays)


@functools.lru_cache(maxsize=256)
def _normal_program(shape: tuple[int, ...], dtype: Any, sharding: Any) -> Callable[..., Any]:
    return jax.jit(lambda key: jax.random.normal(key, shape, dtype), out_shardings=sharding)


@functools.lru_cache(maxsize=256)
def _tangent_program(sharding: Any) -> Callable[..., Any]:
    def drawn(like: Any, words: Any) -> Any:
        return random_entries(like, words).astype(like.dtype)

    return jax.jit(drawn, out_shardings=sharding)


@jax.jit
def _words(key: Any) -> Any:
    return jax.random.bits(key, (2,), jnp.uint32)


def _float_dtype() -> Any:
    return jnp.float64 if jax.config.jax_enable_x64 else jnp.float32


@jax.jit
def _to_float(x: Any) -> Any:
    return x.astype(_float_dtype())


@jax.jit
def _contracted(claim: Any, tangent: Any) -> Any:
    axes = tuple(range(claim.ndim - tangent.ndim, claim.ndim))
    factor = jnp.broadcast_to(tangent, claim.shape)  # for who has told JAX not to by itself
    return jnp.sum(claim.astype(tangent.dtype) * factor, axis=axes)


@jax.jit
def _weak(x: Any, point: Any) -> Any:
    return x.at[...].set(point)


@functools.partial(jax.jit, keep_unused=True)  # so that the result is where x is
def _zero(x: Any) -> Any:  # noqa: ARG001
    return jnp.zeros((), dtype=jnp.int32)


def _position(x: Any, dtype: Any) -> Any:
    """Return the place of each entry of x in its order."""
    # For a mask, itself sharded as x is, rather than an indexed update: so every sharding is kept.
    position = 0 * jnp.isnan(x).astype(dtype)
    for axis, _ in enumerate(x.shape):
        stride = math.prod(x.shape[axis + 1 :])
        position = position + stride * jax.lax.broadcasted_iota(dtype, x.shape, axis)
    return position


def _lead(rows: int) -> int:
    """Return how many points stand before the entries."""
    return 2 if rows > 1 else 1  # without batches, nothing can go wrong in them


def _mapped(
    func: Leafwise, x: Any, plus: Any, far: Any, i: Any, sizes: tuple[int, int, int]
) -> Any:
    """Return where to go on, and func at x and then with entry i, i + 1, ... replaced in turn."""
    (lead, maps, rows), position = sizes, _position(x, i.dtype)
    count = maps * rows - lead

    def one(k: Any) -> list[Any]:
        point = jnp.where(position == k, plus, x)
        if lead == 2:
            point = jnp.where(k == -2, far, point)
        return [jnp.asarray(array) for array in func(_weak(x, point) if x.weak_type else point)]

    # Entry -1 of x replaced is x itself, -2 stands for the other point: func is traced once.
    entries = jnp.concatenate([jnp.arange(-lead, 0, dtype=i.dtype), i + jnp.arange(count)])
    found = jax.lax.map(one, entries, batch_size=rows if rows > 1 else None)
    return i + count, found


@jax.jit
def _next_points(x: Any, plus: Any, i: Any) -> Any:
    """Return the index to go on with, and x with entry i, i + 1, ... replaced in turn."""
    position = _position(x, i.dtype)
    points = (jnp.where(position == i + k, plus, x) for k in range(_ROWS))
    return i + _ROWS, *(_weak(x, p) if x.weak_type else p for p in points)


@jax.jit
def _stacked(*arrays: Any) -> Any:
    return jnp.stack(arrays)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class _Batch:
    """Outputs that cross to the host as one array."""

    stacked: Any

    def rows(self) -> list[Any]:
        return list(self.stacked)


def _gathered(values: list[Any]) -> Iterator[Any]:
    """Yield values in order, runs of JAX arrays of one shape and dtype in batches."""
    i = 0
    while i < len(values):
        run = values[i : i + _ROWS]
        if len(run) == _ROWS and _are_alike(run):
            yield _Batch(_stacked(*run))
            i += _ROWS
        else:
            yield values[i]
            i += 1


def _are_alike(run: list[Any]) -> bool:
    first = run[0]
    if not isinstance(first, jax.Array):
        return False
    shape, dtype = first.shape, first.dtype
    return all(isinstance(v, jax.Array) and v.shape == shape and v.dtype == dtype for v in run)
