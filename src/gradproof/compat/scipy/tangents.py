"""Random tangents, from any library's generator, for any library's arrays."""

import numbers
from typing import Any

from ..._backends.registry import Backend, backend_of
from ..._backends.typing import Array, Function
from ..._vectors.callables import bound
from .ray import FusedRay, Ray


class Tangents:
    """
    A source of random tangents at one x.

    Parameters
    ----------
    rng, seed : object
        As given to `check_grad`; at most one of them.
    x : array
        The tangents have its shape, dtype and device.
    backend : Backend
        The adapter of `x`.

    Raises
    ------
    TypeError
        If both are given, or `rng` is nothing that numbers can be drawn from.
    ValueError
        If `seed` is nothing that numbers can be drawn from, or `rng` is an int out of range.
    """

    def __init__(self, rng: Any, seed: Any, x: Array, backend: Backend) -> None:
        if rng is not None and seed is not None:
            msg = (
                f"check_grad() got rng={rng!r} and seed={seed!r}, two names for the source of the "
                "random direction. Specify one of `rng` or `seed`."
            )
            raise TypeError(msg)
        legacy = rng is None
        source = seed if legacy else rng
        plain = source is None or isinstance(source, numbers.Integral)
        # None and an int mean the habits of x's own library.
        owner = backend if plain else backend_of(source)
        try:
            if isinstance(source, bool):
                msg = "it is a flag"
                raise TypeError(msg)  # noqa: TRY301  # worded below, like all that is no source
            generator = owner.generator(source, x if owner is backend else None, legacy=legacy)
        except (TypeError, ValueError, RuntimeError) as err:
            name, reason = "seed" if legacy else "rng", str(err).partition("\n")[0]
            msg = (
                f"{name}={source!r} cannot be used to draw a random direction: {reason:.120}. "
                "Expected None, an int, a numpy.random Generator, RandomState or SeedSequence, "
                "numpy.random itself, a JAX key or a torch.Generator."
            )
            bad_value = legacy or plain or isinstance(err, ValueError)
            raise (ValueError if bad_value else TypeError)(msg) from err
        self._x, self._backend = x, backend
        self._owner, self._generator = owner, generator

    def ray(self, func: Function, args: tuple[Any, ...], step: float) -> Ray:
        """Return the way of func along the next tangent, that many times as far."""
        backend, x, generator = self._backend, self._x, self._generator
        if self._owner is not backend:
            generator = backend.own_generator(self._owner, generator, x)
        program = backend.fused(bound(func, args), x, generator, step)
        if program is not None:
            return FusedRay(backend, program, step)
        return Ray(backend, x, *backend.tangent(generator, x), step)
