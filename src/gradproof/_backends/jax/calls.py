"""Calls of functions of JAX's arrays: points and batches in programs of many at a time."""

import functools
import math
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..standard.precisions import Leafwise
from ..typing import Array, Function
from . import fused, programs
from .arrays import ROWS, JAXArrays, weak
from .compiled import quick

# The bytes of a batch that a core keeps near it: the second level of today's caches, 1 to 2 MB.
# Beyond it points one at a time, in one program, are faster than batches (measured with an MLP of
# 20000 parameters in single precision: 0.7 of the time of a loop, batches of 128 2 to 3 times it).
_CACHE = 2**20
# Entries to a run of a program: long enough that its dispatch (20 us) is nothing, short enough to
# be interrupted.
_RUN = 1024


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
        return [jnp.asarray(array) for array in func(weak(x, point) if x.weak_type else point)]

    # Entry -1 of x replaced is x itself, -2 stands for the other point: func is traced once.
    entries = jnp.concatenate([jnp.arange(-lead, 0, dtype=i.dtype), i + jnp.arange(count)])
    found = jax.lax.map(one, entries, batch_size=rows if rows > 1 else None)
    return i + count, found


@quick
def _next_points(x: Any, plus: Any, i: Any) -> Any:
    """Return the index to go on with, and x with entry i, i + 1, ... replaced in turn."""
    position = _position(x, i.dtype)
    points = (jnp.where(position == i + k, plus, x) for k in range(ROWS))
    return i + ROWS, *(weak(x, p) if x.weak_type else p for p in points)


class JAXCalls(JAXArrays):
    """Calls of functions of arrays, whose points are made and gathered by programs."""

    def lent(self, func: Function, x: Any) -> Array:
        # Nothing else can happen to x, and a copy of one that is huge is better saved.
        huge = x.size >= fused.HUGE
        return x if huge and not fused.donates(func, x) else self.copy(x)

    def points(self, x: Any, plus: Any, entries: range) -> Iterator[Array]:
        i = self._place(x, entries.start)  # the entry that moves next, kept on the device
        for start in entries[::ROWS]:
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
