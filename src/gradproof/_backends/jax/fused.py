"""Func along a random direction as one program of JAX, in which no moved point needs to exist."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..standard.directions import SHORTEST
from ..typing import Array, Function
from .traces import Trace, inside

#: From so many entries on, func is compiled once more, with the moved point inside. That takes a
#: tenth of a second at least, as long as writing and reading 10^7 numbers some ten times; below,
#: two copies of x0 are 32 MB at most, which nobody misses.
HUGE = 2**22
#: Entries that a claim is contracted with at once.
_BLOCK = 2**16
#: The multipliers of a hash of 32 bits in which each bit of a number changes about half of those of
#: its hash (C. Wellons, "Prospecting for hash functions", 2018: lowbias32).
_MIX = (0x7FEB352D, 0x846CA68B)


def random_entries(x: Any, words: Any, places: Any = None) -> Any:
    """
    Return the random tangent that belongs to two words, of x's shape, in single precision at least.

    Each entry is a hash of its place, so that it can be made wherever it is needed: on the device
    that has this part of x, in the loop that reads x. Magnitudes are between `SHORTEST` and twice
    that, signs random.
    """
    bits = (_places(x) if places is None else places) + words[0]
    bits = (bits ^ (bits >> 16)) * np.uint32(_MIX[0])
    bits = bits ^ words[1]
    bits = (bits ^ (bits >> 15)) * np.uint32(_MIX[1])
    bits = bits ^ (bits >> 16)
    # A float32 between 1 and 2 with a random sign, written bit by bit.
    ones = (bits >> 9) | np.uint32(0x3F800000) | (bits << 31)
    drawn = jax.lax.bitcast_convert_type(ones, jnp.float32)
    wide = working(x.dtype)
    return drawn.astype(wide) * jnp.asarray(SHORTEST, dtype=wide)


def _places(x: Any) -> Any:
    """Return the place of each entry, sharded as x is."""
    places = 0 * jnp.isnan(x).astype(jnp.uint32)
    for axis, _ in enumerate(x.shape):
        stride = np.uint32(math.prod(x.shape[axis + 1 :]) % 2**32)
        places = places + stride * jax.lax.broadcasted_iota(jnp.uint32, x.shape, axis)
    return places


def working(dtype: Any) -> Any:
    """Return the dtype in which points are made: single precision at least."""
    return jnp.float32 if dtype.itemsize < 4 else dtype


def _moved(x: Any, words: Any, steps: Any, places: Any = None) -> tuple[Any, Any]:
    """Return x moved by ``steps[0]``, and where it had to go ``steps[1]`` relative to x instead."""
    wide = x.astype(working(x.dtype))
    plus = _rounded(wide + steps[0] * random_entries(x, words, places), x.dtype)
    lost = plus == x
    away = jnp.where(wide >= 0, steps[1], -steps[1])
    rescued = _rounded(wide + away * jnp.maximum(jnp.abs(wide), 1), x.dtype)
    # x itself where there is no step at all, with the sign of its zeros.
    return jnp.where(lost, jnp.where(steps[1] > 0, rescued, x), plus), lost


def _rounded(wide: Any, dtype: Any) -> Any:
    # XLA may leave out a conversion there and back; this it does.
    info = jnp.finfo(dtype)
    return jax.lax.reduce_precision(wide, info.nexp, info.nmant).astype(dtype)


def _sums(claim: Any, x: Any, words: Any, steps: Any, wide: Any, places: Any = None) -> Any:
    """Return the sum of claim times displacement, and how far the rescued entries went."""
    plus, lost = _moved(x, words, steps, places)
    moved = plus.astype(wide) - x.astype(wide)
    axes = tuple(range(claim.ndim - x.ndim, claim.ndim))
    total = jnp.sum(claim.astype(wide) * jnp.broadcast_to(moved, claim.shape), axis=axes)
    return total, jnp.max(jnp.where(lost, jnp.abs(moved), 0 * moved))


@functools.partial(jax.jit, static_argnames=("wide", "block"))
def _contracted(claim: Any, x: Any, words: Any, steps: Any, *, wide: Any, block: int) -> Any:
    """Return `_sums` of all, added up in blocks: XLA writes out what is as long as x on a CPU."""
    if not 0 < block < x.size:
        return _sums(claim, x, words, steps, wide)
    rows = claim.shape[: claim.ndim - x.ndim]
    claim, x = claim.reshape(*rows, x.size), x.reshape(-1)

    def part(start: Any, size: int) -> Any:
        g, here = (jax.lax.dynamic_slice_in_dim(a, start, size, axis=-1) for a in (claim, x))
        places = jax.lax.iota(jnp.uint32, size) + start.astype(jnp.uint32)
        return _sums(g, here, words, steps, wide, places)

    def added(k: Any, so_far: Any) -> Any:
        total, far = part(k * block, block)
        return so_far[0] + total, jnp.maximum(so_far[1], far)

    full = x.size // block
    first = jnp.zeros(rows, dtype=wide), jnp.zeros((), dtype=wide)
    total, far = jax.lax.fori_loop(0, full, added, first)
    if x.size % block:
        rest, last = part(jnp.asarray(full * block), x.size % block)
        total, far = total + rest, jnp.maximum(far, last)
    return total, far


def donates(func: Function, x: Any) -> bool:
    """Tell whether func may give the memory of x away; True where that is not to be known."""
    try:
        jaxpr = jax.make_jaxpr(func)(x).jaxpr
    except Exception:  # whatever it is: the call itself raises it too, if it must
        return True
    return _donates(jaxpr)


def _donates(jaxpr: Any) -> bool:
    return any(
        any(equation.params.get("donated_invars", ())) or any(map(_donates, inside(equation)))
        for equation in jaxpr.eqns
    )


@jax.jit
def _nowhere(steps: Any) -> Any:
    return 0 * steps  # where the steps are


@dataclass(frozen=True)
class Fused:
    """
    A func, traced, as a program of x0, the words of a direction, and steps along it.

    Attributes
    ----------
    program : callable
        Takes x, words and steps; returns func's result.
    x, words, steps : array
        The point, the direction, and the two steps as `_moved` has them.
    wide : dtype
        In which sums are accumulated.
    """

    program: Callable[..., Any]
    x: Any
    words: Any
    steps: Any
    wide: Any

    def start(self) -> Any:
        """Return what func returns at x0."""
        return self._at(_nowhere(self.steps))

    def end(self) -> Any:
        """Return what func returns at the moved point."""
        return self._at(self.steps)

    def _at(self, steps: Any) -> Any:
        return self.program(self.x, self.words, steps)

    def contract(self, claim: Array) -> tuple[Any, Any]:
        """Return the sum over claim times displacement, and how far the rescued entries went."""
        # What is sharded is left as it lies: a block would be one of several devices.
        block = _BLOCK if len(self.x.sharding.device_set) == 1 else 0
        options = {"wide": self.wide, "block": block}
        return _contracted(claim, self.x, self.words, self.steps, **options)


def fused(func: Function, x: Any, words: Any, steps: Any, wide: Any) -> Fused | None:
    """
    Return func as a program, None if it cannot be traced.

    Parameters
    ----------
    func : callable
        Takes x.
    x, words, steps, wide : array, array, array, dtype
        As of `Fused`.
    """

    def along(x: Any, words: Any, steps: Any) -> Any:
        return func(_moved(x, words, steps)[0])

    try:
        program = Trace(along, (x, words, steps)).program(quick=False)
    except Exception:  # whatever it is: if it is not due to tracing, the plain call raises it too
        return None
    return Fused(program, x, words, steps, wide)
