"""Calls of a function of arrays: what it is handed, what is kept of it, one point or many."""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from ..typing import Array, Function
from .arrays import Arrays

_NOTHING = nullcontext()


class Calls(Arrays):
    """Calls of functions of arrays, one by one, and in batches where a library has them."""

    def lent(self, func: Function, x: Array) -> Array:
        """Return x itself if func surely leaves it alone, else a copy."""
        return self.copy(x)

    def draws(self, call: Callable[[], Any]) -> bool:
        """Tell whether a call draws from the library's generator, as a random function does."""
        return False

    def quiet(self) -> AbstractContextManager[Any]:
        """
        Return the context in which func is called: nothing of it may be recorded.

        It can be entered for one call after the other.
        """
        return _NOTHING

    def keep(self, output: Any) -> Any:
        """Return an output of func in a form that later calls of func cannot change."""
        if isinstance(output, (list, tuple)):
            return [self.keep(item) for item in output]
        if isinstance(output, np.ndarray):
            return np.array(output)
        return self.copy(output) if self.is_native(output) else output

    def sweep(
        self, func: Function, x: Array, plus: Array, outputs: list[Any], entries: range
    ) -> None:
        """
        Call func at x with one of these entries at a time replaced by that of `plus`.

        What it returns is appended to `outputs`, which grows with every call, so that its length
        tells, whatever happens, how many entries were done.
        """
        keep, append = self.keep, outputs.append  # one by one, as promised
        for point in self.points(x, plus, entries):
            append(keep(func(point)))

    def points(self, x: Array, plus: Array, entries: range) -> Iterator[Array]:
        """Yield x with one entry at a time, at each of some entries in a row, that of `plus`."""
        xp: Any = self.xp
        size = math.prod(x.shape)
        moved = xp.reshape(plus, (size,))
        for i in entries:
            flat: Any = xp.reshape(self.copy(x), (size,))
            flat[i] = moved[i]
            yield xp.reshape(flat, x.shape)

    #: From how many entries on batches pay; None where the library cannot batch a function.
    batched_from: int | None = None
    #: Whether batches of one point are of use: a program that loops over them.
    one_at_a_time = False

    def itemsize(self, dtype: Any) -> int:
        """Return the bytes of a number."""
        return int(getattr(dtype, "itemsize", 0) or 8)

    def repeated(self, x: Array, count: int) -> Array:
        """Return a batch of copies of an array."""
        xp: Any = self.xp
        return self.copy(xp.broadcast_to(xp.expand_dims(x, axis=0), (count, *x.shape)))

    def batch_size(self, x: Array, size: int, rows: int) -> int:
        """Return how many points are best evaluated at once, `rows` of `size` bytes at most."""
        return rows

    def run(self, n: int, rows: int, most: int) -> int:
        """Return for how many of n entries a batch is made, given how much of it there may be."""
        return max(1, rows - 1)

    def batches(
        self, leafed: Any, arrays: tuple[Any, Any, Any], sizes: tuple[int, int], entries: range
    ) -> Iterator[tuple[int, list[Array]]]:
        """
        Yield func's arrays at x with one of some entries at a time replaced, in batches.

        Parameters
        ----------
        leafed : Leafed
            The function, of one array.
        arrays : tuple of three arrays
            Where entries are, x, the array whose entries take their places, and another point.
        sizes : tuple of two ints
            How many points are evaluated at once, and what `run` says.
        entries : range
            The entries to do.

        Yields
        ------
        lead : {1, 2}
            How many points stand in front: x, or the other point and x. The first batch has both,
            if the way in which points are put together could be wrong.
        arrays : list of array
            A batch of each array in func's result: at these, then at the points of the next
            entries, and of anything after the last of them.
        """
        raise NotImplementedError
