"""Calls of functions of tensors, one after the other and by vmap."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ..typing import Array
from ..unheard import unheard
from .arrays import TorchArrays, tensor

# How many points are laid out at once: from 16 on, their share of the call that makes them is
# small beside the cheapest func (measured: 1.8 us per point at 16, 1.0 at 64, one by one 3 to 5).
_ROWS = 64
# ... but never more than this many entries, 8 MB of float64.
_ENTRIES = 2**20
#: What vmap warns of: operations that it does one by one, as calls of func would do.
SLOW = "There is a performance drop"


class _Drawing(TorchDispatchMode):
    """Looks for operators that draw random numbers, from whatever generator."""

    drawn = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        self.drawn |= torch.Tag.nondeterministic_seeded in func.tags
        return func(*args, **(kwargs or {}))


class TorchCalls(TorchArrays):
    """Calls of functions of tensors, without a graph."""

    def draws(self, call: Callable[[], Any]) -> bool:
        with torch.no_grad(), _Drawing() as seen:
            call()
        return seen.drawn

    def quiet(self) -> AbstractContextManager[Any]:
        return torch.no_grad()

    def keep(self, output: Any) -> Any:
        if not isinstance(output, torch.Tensor):
            return super().keep(output)
        if output.is_cpu and not output.dim():
            return output.item()  # a number cannot change, and costs less than a clone
        return output.detach().clone()

    def points(self, x: Any, plus: Any, entries: range) -> Iterator[Array]:
        size = x.numel()
        flat, moved = x.reshape(-1), plus.reshape(-1)
        rows = max(1, min(_ROWS, size, _ENTRIES // max(size, 1)))
        for start in entries[::rows]:
            stop = min(start + rows, entries.stop)
            block = flat.repeat(stop - start, 1)
            # The entry that moves stands one place further right in each row.
            block.as_strided((stop - start,), (size + 1,), start).copy_(moved[start:stop])
            yield from block.reshape(-1, *x.shape).unbind(0)

    def batches(
        self, leafed: Any, arrays: tuple[Any, Any, Any], sizes: tuple[int, int], entries: range
    ) -> Iterator[tuple[int, list[Any]]]:
        x, plus, far = arrays

        def func(point: Any) -> list[Any]:
            return [tensor(array, x) for array in leafed.arrays(leafed.call(point))]

        # Random numbers would be others than those of calls one by one.
        vmap = torch.func.vmap(func, randomness="error")

        def mapped(block: Any) -> Any:
            with unheard(SLOW):
                return vmap(block.reshape(-1, *x.shape))

        size = x.numel()
        flat, moved = x.reshape(-1), plus.reshape(-1)
        if not leafed.agreed:
            yield 2, mapped(torch.stack([far, x]))
        run = sizes[1]
        for start in entries[::run]:
            stop = min(start + run, entries.stop)
            block = flat.repeat(1 + stop - start, 1)
            # x itself comes first; from then on as in `points`.
            block.as_strided((stop - start,), (size + 1,), size + start).copy_(moved[start:stop])
            yield 1, mapped(block)
