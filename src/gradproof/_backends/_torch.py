"""The adapter for PyTorch."""

import copy
import numbers
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import array_api_compat.torch as xp
import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from .._typing import Array
from . import _torch_forward
from ._pytrees import Flat, flattened
from ._standard import SHORTEST, Leafwise, StandardBackend
from ._unheard import unheard

# Entries that are worked on at once, on a CPU: fewer cost more in calls than in memory.
_BLOCK = 2**16

# How many points are laid out at once: from 16 on, their share of the call that makes them is
# small beside the cheapest func (measured: 1.8 us per point at 16, 1.0 at 64, one by one 3 to 5).
_ROWS = 64
# ... but never more than this many entries, 8 MB of float64.
_ENTRIES = 2**20


#: What vmap warns of: operations that it does one by one, as calls of func would do.
SLOW = "There is a performance drop"

# Types that NumPy lacks, and those that hold all of their values.
_WIDER = {torch.bfloat16: torch.float32, torch.complex32: torch.complex64}


class TorchBackend(StandardBackend):
    """PyTorch tensors, on any device."""

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
        return _taken_apart(tree)

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

    def draws(self, call: Callable[[], Any]) -> bool:
        with torch.no_grad(), _Drawing() as seen:
            call()
        return seen.drawn

    def unrecorded(self, x: Any) -> Array:
        return x.detach() if isinstance(x, torch.Tensor) else x

    def widest(self, like: Any) -> Any:
        return torch.float32 if like.device.type == "mps" else torch.float64

    def all_nonzero(self, x: Any) -> bool:
        return x.device.type == "cpu" and bool(x.all())

    def block(self, x: Any) -> int:
        return _BLOCK if x.is_cpu else 0  # elsewhere, one call for all of it is what is fast

    def contract(self, claim: Any, tangent: Any) -> Array:
        rows = claim.shape[: claim.dim() - tangent.dim()]
        wide = claim.detach().to(tangent.dtype).reshape(*rows, tangent.numel())
        return wide @ tangent.reshape(-1)

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
        values = np.require(values, requirements="W")
        moved = torch.from_numpy(values).to(device=like.device, dtype=dtype or like.dtype)
        if _is_wrapper(like) and dtype in (None, like.dtype) and moved.shape == like.shape:
            moved = torch.empty_like(like.detach()).copy_(moved)
        return moved.requires_grad_(like.requires_grad)  # as x0 does, or not

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
            return [_tensor(array, x) for array in leafed.arrays(leafed.call(point))]

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

    def vjp(self, func: Leafwise, leaves: list[Any]) -> tuple[list[Any], Leafwise]:
        with torch.inference_mode(mode=False), torch.enable_grad():
            moved = [_recorded(leaf) for leaf in leaves]
            outputs = func(moved)

        def pullback(cotangents: list[Any]) -> list[Any]:
            # What autograd recorded nothing of has a gradient of zero.
            pairs = [
                pair for pair in zip(outputs, cotangents, strict=True) if _is_recorded(pair[0])
            ]
            if not pairs:
                return [torch.zeros_like(leaf) for leaf in moved]
            recorded, weights = zip(*pairs, strict=True)
            # Given leaves that are recorded already, a derivative of this one is being taken.
            again = any(tensor.requires_grad for tensor in (*leaves, *weights))
            grads = torch.autograd.grad(
                recorded, moved, weights, retain_graph=True, create_graph=again, allow_unused=True
            )
            return [
                torch.zeros_like(leaf) if grad is None else grad
                for leaf, grad in zip(moved, grads, strict=True)
            ]

        return outputs, pullback

    def jvp(self, func: Leafwise, leaves: list[Any], tangents: list[Any]) -> Any:
        return _torch_forward.jvp(func, leaves, tangents)

    def loses_tangents(self, func: Leafwise, leaves: list[Any], tangents: list[Any]) -> str:
        return _torch_forward.lost_in(func, leaves, tangents)

    def transformed(
        self, func: Leafwise, leaves: list[Any], cotangents: list[Any], *, vmap: bool
    ) -> dict[str, list[Any]]:
        if not vmap:
            return {}
        with torch.inference_mode(mode=False), torch.enable_grad():
            moved = [_recorded(leaf) for leaf in leaves]
            pairs = [
                pair for pair in zip(func(moved), cotangents, strict=True) if _is_recorded(pair[0])
            ]
            if not pairs:  # no result depends on what is moved: there is no vjp to be mapped
                return {}
            recorded, weights = zip(*pairs, strict=True)
            batch = [torch.stack([weight, weight]) for weight in weights]
            grads = torch.autograd.grad(
                recorded, moved, batch, allow_unused=True, is_grads_batched=True
            )
        zeros = (torch.zeros_like(leaf) for leaf in moved)
        both = zip(grads, zeros, strict=True)
        return {"vmap": [zero if grad is None else grad[1] for grad, zero in both]}

    def coordinates(self, matrix: Any) -> Any:
        if not isinstance(matrix, torch.Tensor) or matrix.layout == torch.strided:
            return super().coordinates(matrix)
        found = matrix.detach().to_sparse_coo().coalesce().cpu()
        rows, columns = found.indices().numpy()
        return rows, columns, found.values().double().numpy(), tuple(found.shape)

    def lacks_forward_mode(self, err: Exception) -> bool:
        return _torch_forward.lacks(err)

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

    def tangent(self, generator: Any, like: Any) -> tuple[Array, float]:
        device = like.device if generator is None else generator.device
        size, block = like.numel(), self.block(like) or like.numel()
        wide = torch.promote_types(like.dtype, torch.float32)  # half types lack a generator
        pool = torch.empty(2 * min(block, size), dtype=wide, device=device)
        pool = pool.uniform_(-SHORTEST, SHORTEST, generator=generator)
        pool += torch.copysign(torch.full_like(pool, SHORTEST), pool)
        pool = pool.to(device=like.device, dtype=like.dtype)
        if size <= block:
            return pool[:size].reshape(like.shape), 2 * SHORTEST
        # Where there are many, the same ones again, from another place on: to draw all of them
        # would cost more than the check itself.
        drawn = torch.empty(size, dtype=like.dtype, device=like.device)
        starts = torch.randint(block, (-(-size // block),), generator=generator, device=device)
        for k, start in enumerate(starts.tolist()):
            part = drawn[k * block : (k + 1) * block]
            part.copy_(pool[start : start + part.numel()])
        return drawn.reshape(like.shape), 2 * SHORTEST

    def own_generator(self, owner: StandardBackend, generator: Any, like: Any) -> Any:
        return torch.Generator(like.device).manual_seed(owner.integer(generator))


def _is_wrapper(tensor: Any) -> bool:
    """Tell whether a tensor is of a class with a `__torch_dispatch__` of its own."""
    return type(tensor).__torch_dispatch__ is not torch.Tensor.__torch_dispatch__


def _plain(tensor: Any) -> Any:
    """Return a tensor of torch's own class: NumPy reads the memory of no other."""
    if not _is_wrapper(tensor):
        return tensor
    return torch.empty(tensor.shape, dtype=tensor.dtype, device=tensor.device).copy_(tensor)


def _tensor(value: Any, like: Any) -> Any:
    """Return what func returned, a number or a nested list of tensors too, as one tensor."""
    if isinstance(value, torch.Tensor):
        return value
    if isinstance(value, (list, tuple)):
        return torch.stack([_tensor(item, like) for item in value])
    return torch.as_tensor(value, device=like.device)


def _recorded(leaf: Any) -> Any:
    """Return a leaf that autograd follows; one that it follows already stays what it is."""
    if leaf.requires_grad:
        return leaf
    # Not `detach`, which would lose the tangent of a leaf under forward mode.
    own = leaf.clone()
    if own.stride() != leaf.stride():  # of gaps in memory, which are part of what is asked
        strides = leaf.shape, leaf.stride()
        own = torch.empty_strided(*strides, dtype=leaf.dtype, device=leaf.device).copy_(leaf)
    return own.requires_grad_()


class _Drawing(TorchDispatchMode):
    """Looks for operators that draw random numbers, from whatever generator."""

    drawn = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        self.drawn |= torch.Tag.nondeterministic_seeded in func.tags
        return func(*args, **(kwargs or {}))


def _is_recorded(output: Any) -> bool:
    return isinstance(output, torch.Tensor) and output.requires_grad


def _has_no_arithmetic(tensor: Any) -> bool:
    """Tell whether a tensor is of one of the float8 dtypes."""
    return bool(tensor.is_floating_point() and tensor.element_size() < 2)


def _is_module(value: Any) -> bool:
    return isinstance(value, torch.nn.Module)


def _taken_apart(tree: Any) -> Flat:
    """Take a tree apart, and the modules in it into their parameters."""
    flat = flattened(tree, _is_module)
    if not any(map(_is_module, flat.leaves)):
        return flat
    return _Modules(flat, tree).flat()


class _Modules:
    """
    A tree with modules in it, whose leaves are their parameters; rebuilt with private copies.

    A parameter that modules share is one leaf, by its first name, and put in all of its places.
    """

    def __init__(self, flat: Flat, tree: Any) -> None:
        self._outer, self._tree = flat, tree
        self._private: list[Any] = []  # in the place of each leaf of the tree
        self._leaves: list[Any] = []
        self._paths: list[str] = []
        self._places: list[tuple[int, str]] = []  # where a claim has each leaf
        self._owners: list[list[tuple[Any, str]]] = []
        self._beside: list[tuple[str, Any, str]] = []
        known: dict[int, int] = {}
        copies: dict[int, Any] = {}  # common to all modules, as what they share is
        for k, (path, leaf) in enumerate(zip(flat.paths, flat.leaves, strict=True)):
            if not _is_module(leaf):
                self._private.append(None)
                self._add(k, "", path, leaf)
                continue
            self._private.append(copy.deepcopy(leaf, copies))
            for name, parameter in leaf.named_parameters(remove_duplicate=False):
                if id(parameter) not in known:
                    known[id(parameter)] = len(self._leaves)
                    self._add(k, name, f"{path}[{name!r}]", parameter)
                prefix, _, attribute = name.rpartition(".")
                owner = self._private[k].get_submodule(prefix)
                self._owners[known[id(parameter)]].append((owner, attribute))
            for name, buffer in leaf.named_buffers():
                self._beside.append((f"{path}[{name!r}]", buffer, "buffer"))

    def _add(self, k: int, name: str, path: str, leaf: Any) -> None:
        self._leaves.append(leaf)
        self._paths.append(path)
        self._places.append((k, name))
        self._owners.append([])

    def flat(self) -> Flat:
        """Return the tree taken apart."""
        made = (_taken_apart, self._tree)
        beside = tuple(self._beside)
        return Flat(self._leaves, self._paths, self._rebuilt, self._up_to, made, beside)

    def _rebuilt(self, leaves: list[Any]) -> Any:
        outer = list(self._private)
        for (k, name), owners, leaf in zip(self._places, self._owners, leaves, strict=True):
            if not name:
                outer[k] = leaf
            for owner, attribute in owners:
                # Past `__setattr__`, which takes nothing but parameters: these may have a history.
                owner._parameters[attribute] = leaf
        return self._outer.rebuild(outer)

    def _up_to(self, tree: Any) -> list[Any]:
        parts = self._outer.up_to(tree)
        return [parts[k][name] if name else parts[k] for k, name in self._places]
