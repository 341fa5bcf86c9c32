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


#: Factors that are drawn once for each dtype and device; a longer tensor takes them repeatedly. A
#: prime number, so that no row or column of a tensor has the same ones as another.
_FACTORS = 1_048_573
#: A tensor that is not longer has factors of its own: all of the above take as long as 64 such.
_SHORT = 2**15


class _Rounded(TorchDispatchMode):
    """Multiplies what each operation returns by 1 plus a random number of the unit's size."""

    def __init__(self, unit: float, seed: int) -> None:
        super().__init__()
        self._unit, self._seed = unit, seed
        self._host = torch.Generator().manual_seed(seed)
        self._generators: dict[Any, torch.Generator] = {}
        self._factors: dict[Any, torch.Tensor] = {}
        self._simpler = _decompositions()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # which torch would import a compiler for, that takes seconds

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
        fresh = not any(one.alias_info for one in func._schema.returns)
        once = functools.partial(self._once, fresh=fresh)
        return torch.utils._pytree.tree_map_only(torch.Tensor, once, result)

    def _once(self, tensor: torch.Tensor, *, fresh: bool) -> torch.Tensor:
        # Tangents of constants are zeros without memory; shapes are found on the device "meta".
        if not tensor.is_floating_point() or tensor._is_zerotensor() or tensor.is_meta:
            return tensor
        count = tensor.numel()
        if count <= _SHORT:
            return tensor * self._drawn(tensor, count).reshape(tensor.shape)
        key = tensor.device, tensor.dtype
        if key not in self._factors:
            self._factors[key] = self._drawn(tensor, 2 * _FACTORS)
        first = int(torch.randint(_FACTORS, (), generator=self._host))
        factors = self._factors[key][first : first + _FACTORS]
        if count <= _FACTORS:
            return tensor * factors[:count].reshape(tensor.shape)  # which leaves infinity as it is
        if not (fresh and tensor.is_contiguous()):
            tensor = tensor.clone(memory_format=torch.contiguous_format)
        flat = tensor.view(-1)  # in place: new memory costs more than the product itself
        rows = count // _FACTORS * _FACTORS
        flat[:rows].view(-1, _FACTORS).mul_(factors)
        flat[rows:].mul_(factors[: count - rows])
        return tensor

    def _drawn(self, like: torch.Tensor, count: int) -> torch.Tensor:
        """Return factors on the device of a tensor."""
        if like.device not in self._generators:
            self._generators[like.device] = torch.Generator(like.device).manual_seed(self._seed)
        drawn = torch.empty(count, dtype=like.dtype, device=like.device)
        generator = self._generators[like.device]
        return drawn.uniform_(1 - self._unit, 1 + self._unit, generator=generator)


@functools.cache
def _decompositions() -> dict[Any, Any]:
    # What autograd runs on; those of a random function would draw from its stream.
    return {op: way for op, way in core_aten_decompositions().items() if "rand" not in str(op)}


def rounded(func: Leafwise, leaves: list[Any], unit: float, seed: int) -> list[Any]:
    """Return what a function gives with such roundings."""
    with _Rounded(unit, seed):
        return func(leaves)
