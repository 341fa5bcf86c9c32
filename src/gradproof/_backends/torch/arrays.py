"""Tensors: what they are, and their way to the host and back."""

from collections.abc import Callable
from typing import Any

import array_api_compat.torch as xp
import numpy as np
import torch

from ..pytrees import Flat
from ..standard.backend import StandardBackend
from ..typing import Array
from .modules import is_module, taken_apart, unmovable

# Types that NumPy lacks, and those that hold all of their values.
_WIDER = {torch.bfloat16: torch.float32, torch.complex32: torch.complex64}


def _is_wrapper(tensor: Any) -> bool:
    """Tell whether a tensor is of a class with a `__torch_dispatch__` of its own."""
    return type(tensor).__torch_dispatch__ is not torch.Tensor.__torch_dispatch__


def _plain(tensor: Any) -> Any:
    """Return a tensor of torch's own class: NumPy reads the memory of no other."""
    if not _is_wrapper(tensor):
        return tensor
    return torch.empty(tensor.shape, dtype=tensor.dtype, device=tensor.device).copy_(tensor)


def tensor(value: Any, like: Any) -> Any:
    """Return what func returned, a number or a nested list of tensors too, as one tensor."""
    if isinstance(value, torch.Tensor):
        return value
    if isinstance(value, (list, tuple)):
        return torch.stack([tensor(item, like) for item in value])
    return torch.as_tensor(value, device=like.device)


def _has_no_arithmetic(tensor: Any) -> bool:
    """Tell whether a tensor is of one of the float8 dtypes."""
    return bool(tensor.is_floating_point() and tensor.element_size() < 2)


class TorchArrays(StandardBackend):
    """Tensors of PyTorch, on any device."""

    name = "torch"
    # A call of vmap costs 0.09 ms more than one of func, for the cheapest func (a sum of squares)
    # as much as 26 plain calls of it.
    batched_from = 32
    threads = True
    layouts = ("transposed", "expanded")

    def __init__(self) -> None:
        super().__init__(xp)

    def given(self, x0: Any) -> Array:
        if x0.layout is not torch.strided or x0.is_nested:
            msg = f"x0 is {self.unusable(x0)}"
            raise TypeError(msg)
        return x0

    def traced(self, value: Any) -> str:
        if not isinstance(value, torch.Tensor):
            return ""
        if torch._C._functorch.is_functorch_wrapped_tensor(value):
            return (
                "traced by torch.func: it has no numbers of its own. Call gradproof outside of "
                "torch.func.grad, vmap and the like; func and grad may use them."
            )
        if value.is_nested:
            return "a nested tensor; expected dense ones: pass a list of its parts, x.unbind()."
        if value.is_meta or isinstance(value, torch._subclasses.FakeTensor):
            return "a tensor without numbers (meta or fake); expected one with numbers."
        return ""

    def parameters(self, func: Any) -> list[Any]:
        return list(func.parameters()) if is_module(func) else []

    def unmovable(self, func: Any) -> str:
        return unmovable(func)

    def unusable(self, value: Any) -> str:
        kind = type(value)
        if value.layout is not torch.strided:
            return (
                f"a tensor of layout {value.layout}; expected a dense one: pass x.to_dense(), or "
                "its values, and build the sparse tensor inside func."
            )
        if value.is_quantized:
            return "a quantised tensor; expected a floating one: pass x.dequantize()."
        if _has_no_arithmetic(value):
            return (
                f"of dtype {value.dtype}, which has no arithmetic; expected 16 bits at least: pass "
                "x.to(torch.bfloat16), and round to it inside func."
            )
        own = kind.__torch_dispatch__ is not torch.Tensor.__torch_dispatch__
        if own and kind is not torch.nn.Parameter:
            return (
                f"a {kind.__name__}, a tensor with a __torch_dispatch__ of its own; expected plain "
                "ones: pass those that it is made of, and make it inside func."
            )
        return ""

    def form(self, leaf: Any) -> Callable[[Any], Any] | None:
        kind = type(leaf)
        if kind in (torch.Tensor, torch.nn.Parameter):
            return None
        return lambda moved: moved.as_subclass(kind)

    def frozen(self, leaves: list[Any]) -> list[bool]:
        parameters = [isinstance(leaf, torch.nn.Parameter) for leaf in leaves]
        trained = [p and leaf.requires_grad for p, leaf in zip(parameters, leaves, strict=True)]
        # Where none is trained, a module in evaluation, all of them are meant.
        return [any(trained) and p and not t for p, t in zip(parameters, trained, strict=True)]

    def from_numpy(self, array: Any) -> Array:
        return torch.from_numpy(np.array(array))

    def primal(self, given: Any) -> Array:
        return super().primal(given.detach())

    def floating(self, given: Any) -> Array:
        x = given.detach()
        inexact = x.is_floating_point() or x.is_complex()
        return x if inexact else x.to(self.default_dtype())

    def leaf(self, value: Any) -> Array | None:
        if isinstance(value, torch.Tensor) and (value.is_floating_point() or value.is_complex()):
            return value
        return None

    def flatten(self, tree: Any) -> Flat:
        return taken_apart(tree)

    def default_dtype(self) -> Any:
        return torch.get_default_dtype()

    def copy(self, x: Any) -> Array:
        # A claim computed by autograd needs the flag as the user set it. func never sees it:
        # what `primal` returns is detached.
        return x.detach().clone().requires_grad_(x.requires_grad)

    def lendable(self, value: Any) -> bool:
        # A subclass, a parameter among them, is more than its numbers.
        return type(value) is torch.Tensor and self.is_native(value) and not value.is_quantized

    def laid_out(self, x: Any, layout: str) -> Array:
        if x.numel() < 2:
            return x
        if layout == "expanded":
            return x.flatten()[:1].clone().reshape(()).expand(x.shape)
        if sum(size > 1 for size in x.shape) > 1:
            backwards = tuple(range(x.dim()))[::-1]
            return x.permute(backwards).contiguous().permute(backwards)
        # Between its entries there is what they are not.
        return torch.stack([x, -x], dim=-1)[..., 0]

    def never_gapped(self, x: Any) -> bool:
        # PyTorch's own batch norm reads a weight as if it were contiguous, and no module has
        # another one.
        return isinstance(x, torch.nn.Parameter) and x.dim() < 2

    def unrecorded(self, x: Any) -> Array:
        return x.detach() if isinstance(x, torch.Tensor) else x

    def widest(self, like: Any) -> Any:
        return torch.float32 if like.device.type == "mps" else torch.float64

    def is_native(self, value: Any) -> bool:
        return isinstance(value, torch.Tensor) and value.layout is torch.strided

    def _one_to_host(self, value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return super()._one_to_host(value)
        value = _plain(value.detach())
        # NumPy lacks some half types; the wider type holds every value of them.
        if value.dtype in _WIDER:
            value = value.to(_WIDER[value.dtype])
        elif _has_no_arithmetic(value):
            value = value.float()
        # By force: tangents and gradients may be zeros without memory (of l1_loss, of round).
        return value.numpy(force=True)

    def to_host(self, values: list[Any]) -> list[Any]:
        if len(values) == 1 and isinstance(values[0], torch.Tensor):
            return [self._one_to_host(values[0])]
        # Tensors of one kind cross together: one wait for the device, not one for each output.
        kinds: dict[Any, list[int]] = {}
        for i, value in enumerate(values):
            if type(value) is not float and isinstance(value, torch.Tensor):  # floats in no time
                kinds.setdefault((value.shape, value.dtype, value.device), []).append(i)
        crossed = list(values)
        for places in kinds.values():
            if len(places) == 1:  # as long as x0, maybe: no copy of it
                crossed[places[0]] = self._one_to_host(values[places[0]])
                continue
            stacked = torch.stack([_plain(values[i].detach()) for i in places])
            for i, row in zip(places, self._one_to_host(stacked), strict=True):
                crossed[i] = row
        return super().to_host(crossed)

    def from_host(self, values: np.ndarray, like: Any, dtype: Any = None) -> Array:
        # torch warns of what is read-only. `from_numpy` heeds no default device, as `as_tensor`
        # does.
        if not (isinstance(values, np.ndarray) and values.flags.writeable):
            values = np.array(values)
        moved = torch.from_numpy(values)
        dtype = dtype or like.dtype
        if moved.dtype != dtype or moved.device != like.device:
            moved = moved.to(device=like.device, dtype=dtype)
        if _is_wrapper(like) and dtype == like.dtype and moved.shape == like.shape:
            moved = torch.empty_like(like.detach()).copy_(moved)
        return moved.requires_grad_() if like.requires_grad else moved  # as x0 does, or not

    def coordinates(self, matrix: Any) -> Any:
        if not isinstance(matrix, torch.Tensor) or matrix.layout == torch.strided:
            return super().coordinates(matrix)
        found = matrix.detach().to_sparse_coo().coalesce().cpu()
        rows, columns = found.indices().numpy()
        return rows, columns, found.values().double().numpy(), tuple(found.shape)
