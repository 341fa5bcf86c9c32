"""A function of torch with a rounding drawn for each of its operations."""

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import torch
from torch._decomp import core_aten_decompositions
from torch.utils._python_dispatch import TorchDispatchMode

Leafwise = Callable[[list[Any]], list[Any]]
#: Operations that compute nothing: they move numbers, choose among them, or write them down.
_EXACT = {
    "abs", "alias", "amax", "amin", "arange", "as_strided", "as_strided_scatter", "cat", "clamp",
    "clone", "constant_pad_nd", "copy", "copy_", "detach", "diagonal", "embedding", "empty",
    "empty_like", "expand", "eye", "fill", "fill_", "flip", "full", "full_like", "gather",
    "index", "index_put", "index_select", "masked_fill", "max", "maximum", "min", "minimum", "neg",
    "new_empty", "new_full", "new_ones", "new_zeros", "ones", "ones_like", "permute", "relu",
    "repeat", "reshape", "roll", "scatter", "select", "select_scatter", "sign", "slice",
    "slice_scatter", "sort", "split", "split_with_sizes", "squeeze", "stack", "t", "threshold",
    "topk", "transpose", "tril", "triu", "unbind", "unsqueeze", "view", "where", "zeros",
    "zeros_like", "zero_", "_to_copy", "_unsafe_view", "lift_fresh", "lift_fresh_copy", "unfold",
}  # fmt: skip


class _Rounded(TorchDispatchMode):
    """Multiplies what each operation returns by 1 plus a random number of the unit's size."""

    def __init__(self, unit: float, seed: int) -> None:
        super().__init__()
        self._unit, self._seed = unit, seed
        self._generators: dict[Any, torch.Generator] = {}
        self._simpler = _decompositions()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in self._simpler:
            with self, contextlib.suppress(NotImplementedError):
                found = self._simpler[func](*args, **kwargs)
                if found is not NotImplemented:
                    return found
        result = func(*args, **kwargs)
        if func.overloadpacket.__name__ in _EXACT:
            return result
        return torch.utils._pytree.tree_map_only(torch.Tensor, self._once, result)

    def _once(self, tensor: torch.Tensor) -> torch.Tensor:
        # Tangents of constants are zeros without memory; shapes are found on the device "meta".
        if not tensor.is_floating_point() or tensor._is_zerotensor() or tensor.is_meta:
            return tensor
        device = tensor.device
        if device not in self._generators:
            self._generators[device] = torch.Generator(device).manual_seed(self._seed)
        drawn = torch.empty_like(tensor, memory_format=torch.preserve_format)
        drawn.uniform_(-self._unit, self._unit, generator=self._generators[device])
        return tensor * (1 + drawn)  # which leaves infinity as it is


@functools.cache
def _decompositions() -> dict[Any, Any]:
    # What autograd runs on; those of a random function would draw from its stream.
    return {op: way for op, way in core_aten_decompositions().items() if "rand" not in str(op)}


def rounded(func: Leafwise, leaves: list[Any], unit: float, seed: int) -> list[Any]:
    """Return what a function gives with such roundings."""
    with _Rounded(unit, seed):
        return func(leaves)
