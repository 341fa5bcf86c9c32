"""The adapter for PyTorch."""

import numbers
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import array_api_compat.torch as xp
import numpy as np
import torch

from .._typing import Array
from ._standard import StandardBackend

# How many points are laid out at once: from 16 on, their share of the call that makes them is
# small beside the cheapest func (measured: 1.8 us per point at 16, 1.0 at 64, one by one 3 to 5).
_ROWS = 64
# ... but never more than this many entries, 8 MB of float64.
_ENTRIES = 2**20


class TorchBackend(StandardBackend):
    """PyTorch tensors, on any device."""

    name = "torch"

    def __init__(self) -> None:
        super().__init__(xp)

    def given(self, x0: Any) -> Array:
        if x0.layout is not torch.strided:
            msg = f"x0 is a tensor of layout {x0.layout}; expected a dense one: pass x0.to_dense()."
            raise TypeError(msg)
        return x0

    def primal(self, given: Any) -> Array:
        return super().primal(given.detach())

    def default_dtype(self) -> Any:
        return torch.get_default_dtype()

    def copy(self, x: Any) -> Array:
        # A claim computed by autograd needs the flag as the user set it. func never sees it:
        # what `primal` returns is detached.
        return x.detach().clone().requires_grad_(x.requires_grad)

    def widest(self, like: Any) -> Any:
        return torch.float32 if like.device.type == "mps" else torch.float64

    def all_nonzero(self, x: Any) -> bool:
        return x.device.type == "cpu" and bool(x.all())

    def is_native(self, value: Any) -> bool:
        return isinstance(value, torch.Tensor) and value.layout is torch.strided

    def _one_to_host(self, value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return super()._one_to_host(value)
        value = value.detach().resolve_conj().resolve_neg().cpu()
        # NumPy has no bfloat16; the wider type holds every value of the half types.
        return (value.float() if value.dtype == torch.bfloat16 else value).numpy()

    def to_host(self, values: list[Any]) -> list[Any]:
        # Tensors of one kind cross together: one wait for the device, not one for each output.
        kinds: dict[Any, list[int]] = {}
        for i, value in enumerate(values):
            if type(value) is not float and isinstance(value, torch.Tensor):  # floats in no time
                kinds.setdefault((value.shape, value.dtype, value.device), []).append(i)
        crossed = list(values)
        for places in kinds.values():
            stacked = torch.stack([values[i].detach() for i in places])
            for i, row in zip(places, self._one_to_host(stacked), strict=True):
                crossed[i] = row
        return super().to_host(crossed)

    def from_host(self, values: np.ndarray, like: Any, dtype: Any = None) -> Array:
        # torch warns of what is read-only. `from_numpy` heeds no default device, as `as_tensor`
        # does.
        values = np.require(values, requirements="W")
        moved = torch.from_numpy(values).to(device=like.device, dtype=dtype or like.dtype)
        return moved.requires_grad_(like.requires_grad)  # as x0 does, or not

    def quiet(self) -> AbstractContextManager[Any]:
        return torch.no_grad()

    def keep(self, output: Any) -> Any:
        if not isinstance(output, torch.Tensor):
            return super().keep(output)
        if output.is_cpu and not output.dim():
            return output.item()  # a number cannot change, and costs less than a clone
        return output.detach().clone()

    def _points(self, x: Any, plus: Any) -> Iterator[Array]:
        size = x.numel()
        flat, moved = x.reshape(-1), plus.reshape(-1)
        rows = max(1, min(_ROWS, size, _ENTRIES // max(size, 1)))
        for start in range(0, size, rows):
            stop = min(start + rows, size)
            block = flat.repeat(stop - start, 1)
            # The entry that moves stands one place further right in each row.
            block.as_strided((stop - start,), (size + 1,), start).copy_(moved[start:stop])
            yield from block.reshape(-1, *x.shape).unbind(0)

    def generator(self, source: Any, like: Any, *, legacy: bool) -> Any:
        if isinstance(source, numbers.Integral):
            device = "cpu" if like is None else like.device
            return torch.Generator(device).manual_seed(int(source))
        if source is None or isinstance(source, torch.Generator):
            return source  # None is the generator that `torch.manual_seed` seeds
        msg = f"a {type(source).__name__} is no generator"
        raise TypeError(msg)

    def normal(self, generator: Any, shape: tuple[int, ...], like: Any) -> Array:
        device = like.device if generator is None else generator.device
        # CPU generators have no half types of their own.
        half = like is not None and like.dtype not in (torch.float32, torch.float64)
        dtype = torch.float32 if half else torch.float64 if like is None else like.dtype
        drawn = torch.randn(shape, generator=generator, dtype=dtype, device=device)
        return drawn if like is None else drawn.to(device=like.device, dtype=like.dtype)
