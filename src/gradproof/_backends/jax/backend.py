"""The adapter for JAX: everything compiled, nothing moved by implication."""

import functools
import math
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..standard.autodiff import Both, Mode
from ..standard.directions import SHORTEST, Directions
from ..standard.precisions import Leafwise
from ..typing import Array, Function
from . import fused
from .arrays import float_dtype, replicated
from .calls import JAXCalls
from .fused import Fused, random_entries
from .repeated import program_of_derivative, program_of_values
from .traces import Trace


class JAXBackend(JAXCalls):
    """
    JAX arrays, on one device or sharded.

    Numbers reach the device by `jax.device_put` or as constants of a program, and come back by
    `jax.device_get`, so that checks run under ``jax.transfer_guard("disallow")``.
    """

    def fixed_tangent(self, leaf: Any) -> Any:
        if isinstance(leaf, jax.Array | np.ndarray):
            return np.zeros(leaf.shape, dtype=jax.dtypes.float0)
        return leaf

    def no_derivative(self, value: Any) -> str:
        if getattr(value, "dtype", None) == jax.dtypes.float0:
            return "float0, JAX's tangent of whole numbers,"
        return super().no_derivative(value)

    def vjp(
        self, func: Leafwise, leaves: list[Any], *, once: bool = False
    ) -> tuple[list[Any], Leafwise]:
        outputs, pullback = jax.vjp(func, leaves)
        return outputs, lambda cotangents: pullback(cotangents)[0]

    def widest_numbers(self) -> AbstractContextManager[Any]:
        if hasattr(jax, "enable_x64"):
            context: AbstractContextManager[Any] = jax.enable_x64(True)  # noqa: FBT003  # its name differs
            return context
        from jax.experimental import enable_x64  # before JAX 0.8

        return enable_x64()

    def rounded(self, func: Leafwise, leaves: list[Any], unit: float, seed: int) -> list[Any]:
        from .rounded import rounded

        return rounded(func, leaves, unit, seed)

    def without_rules(self, func: Leafwise, taken: list[str]) -> Leafwise:
        from .plain import without_rules

        return without_rules(func, taken)

    def jvp(self, func: Leafwise, leaves: list[Any], tangents: list[Any]) -> Any:
        return _pushed(func, leaves, tangents)

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
        pulled = functools.partial(_pulled, func)

        def mapped(leaves: list[Any], cotangents: list[Any]) -> list[Any]:
            both = jax.tree_util.tree_map(
                lambda leaf: jnp.stack([leaf, leaf]), (leaves, cotangents)
            )
            return [gradient[1] for gradient in jax.vmap(pulled)(*both)[1]]

        jitted = Trace(pulled, (leaves, cotangents)).program()(leaves, cotangents)[1]
        try:
            vmapped = Trace(mapped, (leaves, cotangents)).program()(leaves, cotangents)
        except Exception:  # as without compilation, or not there
            vmapped = mapped(leaves, cotangents)
        return {"jit": jitted, "vmap": vmapped}

    def program(self, func: Function, leaves: list[Any], plain: Any) -> Function | None:
        return program_of_values(func, leaves, plain)

    def derivative_program(
        self, mode: Mode, func: Leafwise, both: Both, plain: Any
    ) -> Callable[..., Any] | None:
        computed = _pulled if mode == "vjp" else _pushed
        return program_of_derivative(functools.partial(computed, func), both, plain)

    def lacks_forward_mode(self, err: Exception) -> bool:
        return isinstance(err, TypeError) and "can't apply forward-mode" in str(err)

    def compiled(self, func: Leafwise) -> Leafwise:
        return jax.jit(func)

    def contract(self, claim: Array, tangent: Array) -> Array:
        return _contracted(claim, tangent)

    def native(self, formula: Callable[..., Any], /) -> Callable[..., Any]:
        return _compiled(self, formula)

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
        return jax.device_put(key, replicated(like)) if placed else key

    def normal(self, generator: Any, shape: tuple[int, ...], like: Any) -> Array:
        dtype = float_dtype() if like is None else like.dtype
        several = like is not None and len(like.sharding.device_set) > 1
        program = _normal_program(shape, dtype, like.sharding if several else None)
        return program(generator)

    def tangent(self, generator: Any, like: Any) -> tuple[Array, float]:
        several = len(like.sharding.device_set) > 1
        program = _tangent_program(like.sharding if several else None)
        return program(like, _words(generator)), 2 * SHORTEST

    def own_generator(self, owner: Directions, generator: Any, like: Any) -> Any:
        return self.generator(owner.integer(generator), like, legacy=False)

    def fused(self, func: Function, x: Any, generator: Any, step: float) -> Fused | None:
        if x.size < fused.HUGE or x.weak_type:
            return None
        both = np.asarray([step, math.sqrt(self.eps(x.dtype))])
        steps = self.from_host(both, x, fused.working(x.dtype))
        return fused.fused(func, x, _words(generator), steps, float_dtype())


def _pushed(func: Leafwise, leaves: list[Any], tangents: list[Any]) -> Any:
    return jax.jvp(func, (leaves,), (tangents,))


def _pulled(func: Leafwise, leaves: list[Any], cotangents: list[Any]) -> tuple[Any, Any]:
    outputs, pullback = jax.vjp(func, leaves)
    return outputs, pullback(cotangents)[0]


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


@jax.jit
def _contracted(claim: Any, tangent: Any) -> Any:
    axes = tuple(range(claim.ndim - tangent.ndim, claim.ndim))
    factor = jnp.broadcast_to(tangent, claim.shape)  # for who has told JAX not to by itself
    return jnp.sum(claim.astype(tangent.dtype) * factor, axis=axes)
