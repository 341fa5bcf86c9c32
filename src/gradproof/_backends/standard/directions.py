"""Random numbers, and sums along random directions, for arrays as long as x0."""

import functools
import math
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np

from ..typing import Array, Function
from .autodiff import Autodiff

#: The magnitudes of the entries of a random tangent are between this and twice this, where they
#: need not be SciPy's: none counts for little, and their root mean square is 1.02.
SHORTEST = 2 / 3


def _longest(x: Array) -> float:
    """Return about how large the largest of so many standard normal numbers are."""
    return math.sqrt(2 * math.log(max(math.prod(x.shape), 3)))


class Directions(Autodiff):
    """Random numbers, and what moves a whole array along a random direction in little memory."""

    def native(self, formula: Callable[..., Any], /) -> Callable[..., Any]:
        """
        Return a formula, ready to run on arrays.

        A formula is a pure function that takes an adapter, arrays and, by keyword, constants; it
        is written against the standard.
        """
        return functools.partial(formula, self)

    def all_nonzero(self, x: Array) -> bool:
        """Return True if it is known, without waiting for a device, that no entry is zero."""
        return False

    def block(self, x: Array) -> int:
        """Return how many entries are worked on at once, in place; 0 for all, in new memory."""
        return 0

    def constant(self, value: float, x: Array) -> Any:
        """Return a number that leaves the dtype of x alone."""
        return value

    def contracts_tangents(self, x: Array) -> bool:
        """Tell whether a claim is contracted with the tangent, not with what happened of it."""
        return False

    def overwritten(
        self, formula: Callable[..., Any], out: Array, x: Array, **constants: Any
    ) -> tuple[Array, list[Any]]:
        """
        Return the array that a formula makes of `out` and x, in the memory of `out` if possible.

        The formula works entry by entry, and returns two things; a list of the second of each block
        comes with the array.
        """
        run, size, block = self.native(formula), math.prod(x.shape), self.block(x)
        constants = {name: self.constant(value, x) for name, value in constants.items()}
        if not 0 < block < size:
            result, found = run(out, x, **constants)
            return result, [found]
        flat: Any = self.xp.reshape(out, (-1,))
        others: Any = self.xp.reshape(x, (-1,))
        each = []
        for start in range(0, size, block):
            before = flat[start : start + block]
            after, found = run(before, others[start : start + block], **constants)
            if after is not before:
                flat[start : start + block] = after
            each.append(self.keep(found))
        return out, each

    def summed(self, formula: Callable[..., Any], claim: Array, *arrays: Array) -> list[Any]:
        """Return parts of a sum over the entries of x, which are the last axes of the claim."""
        run, size, block = self.native(formula), math.prod(arrays[0].shape), self.block(arrays[0])
        if not 0 < block < size:
            return [run(claim, *arrays)]
        rows = tuple(claim.shape)[: claim.ndim - arrays[0].ndim]
        flat: Any = self.xp.reshape(claim, (*rows, size))
        others: list[Any] = [self.xp.reshape(array, (-1,)) for array in arrays]
        parts = (slice(start, start + block) for start in range(0, size, block))
        # Kept, which makes numbers of PyTorch's tensors: small ones among large ones that come and
        # go break memory into pieces that nothing fits in.
        return [
            self.keep(run(flat[..., part], *(array[part] for array in others))) for part in parts
        ]

    def contract(self, claim: Array, tangent: Array) -> Array:
        """Return the sum over the entries of x of claim times tangent, in the tangent's dtype."""
        wide: Any = self.xp.astype(claim, tangent.dtype)
        axes = tuple(range(-tangent.ndim, 0))
        return self.xp.sum(wide * tangent, axis=axes)

    def generator(self, source: Any, like: Array | None, *, legacy: bool) -> Any:
        """
        Return what `normal` draws from, made of what the user gave.

        `source` is None, an int, or a generator of this library. `legacy` tells SciPy's ``seed=``
        (an int seeds a `RandomState`) from its ``rng=`` (an int seeds `default_rng`).
        """
        if source is None or source is np.random:
            return np.random.mtrand._rand
        if isinstance(source, np.random.RandomState):
            # As `default_rng` does since NumPy 2.4: the same bits, the newer way to use them.
            return source if legacy else np.random.Generator(source._bit_generator)
        if legacy and isinstance(source, numbers.Integral):
            return np.random.RandomState(int(source))
        return np.random.default_rng(source)

    def normal(self, generator: Any, shape: tuple[int, ...], like: Array | None) -> Array:
        """Draw standard normal numbers, of the dtype and on the device of `like`."""
        # A copy if need be, since it will be written to.
        drawn: np.ndarray = np.require(generator.standard_normal(size=shape), requirements="W")
        return drawn if like is None else self.from_host(drawn, like)

    def tangent(self, generator: Any, like: Array) -> tuple[Array, float]:
        """Draw a random tangent; return with it the length of the longest entries of its kind."""
        return self.normal(generator, tuple(like.shape), like), _longest(like)

    def own_generator(self, owner: "Directions", generator: Any, like: Array) -> Any:
        """Return what `tangent` draws from in the place of a generator of another library."""
        return _Foreign(owner, generator)

    def fused(self, func: Function, x: Array, generator: Any, step: float) -> Any:
        """
        Return a program that makes x0 plus a step along a tangent where func needs it.

        None where nothing is gained by it; see `FusedRay`, which asks for it, for what it has.
        """
        return None

    def integer(self, generator: Any) -> int:
        """Draw a whole number below 2**61, to seed the generator of another library."""
        drawn = np.asarray(self.to_host([self.normal(generator, (4,), None)])[0])
        return int.from_bytes(drawn.tobytes(), "little") % (2**61 - 1)


class _Foreign:
    """A generator of another library, in the way of NumPy's."""

    def __init__(self, owner: Directions, generator: Any) -> None:
        self._owner, self._generator = owner, generator

    def standard_normal(self, size: Any) -> np.ndarray:
        """Return standard normal numbers."""
        shape = (size,) if isinstance(size, int) else size
        drawn: np.ndarray = np.asarray(
            self._owner.to_host([self._owner.normal(self._generator, shape, None)])[0]
        )
        return drawn
