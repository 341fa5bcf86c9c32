"""A call of a hand-written rule of PyTorch, taken apart."""

from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils import _pytree as pytree

from ..recorded import Build, Call, Described
from .targets import Target


def copied(tensor: Any) -> Any:
    copy = tensor.detach().clone()
    kind = type(tensor)
    return copy if kind in (type(copy), torch.nn.Parameter) else copy.as_subclass(kind)


def call_of(target: Target, args: Any, kwargs: Any) -> tuple[Call, list[Any]]:
    trees, every, owners = [], [], []
    for owner, arg in (*enumerate(args), *kwargs.items()):
        leaves, spec = pytree.tree_flatten(arg)
        trees.append((owner, spec, len(leaves)))
        every += leaves
        owners += [owner] * len(leaves)
    tensors = [leaf for leaf in every if isinstance(leaf, torch.Tensor)]
    # Autograd looks for tensors among the arguments of a Function, and not in what these hold.
    looks_inside = target.rule.made_by != "torch.autograd.Function"
    places = [looks_inside or spec.is_leaf() for _, spec, count in trees for _ in range(count)]
    described = [_leaf(leaf, hidden=not one) for leaf, one in zip(every, places, strict=True)]
    recorded = tuple(isinstance(one, torch.Tensor) and _requires_grad(one) for one in every)
    known = recorded if any(recorded) and torch.is_grad_enabled() else None
    structure = tuple((owner, str(spec)) for owner, spec, _ in trees)
    build = Build(trees, lambda spec, leaves: pytree.tree_unflatten(leaves, spec))
    call = Call(
        target.rule,
        target.called,
        target.parts,
        target.signature,
        tuple(described),
        tuple(owners),
        build,
        structure,
        known,
    )
    return call, tensors


def _leaf(value: Any, *, hidden: bool) -> Any:
    if not isinstance(value, torch.Tensor):
        return value
    dtype, layout = (str(one).removeprefix("torch.") for one in (value.dtype, value.layout))
    device = str(value.device)
    layout = "" if layout == "strided" else layout
    return Described(tuple(value.shape), dtype, device, layout, hidden)


def _requires_grad(tensor: Any) -> bool:
    """Tell whether a tensor is differentiated by, by autograd or by a transform."""
    functorch = torch._C._functorch
    while functorch.is_functorch_wrapped_tensor(tensor):
        if functorch.is_gradtrackingtensor(tensor):
            return True
        tensor = functorch.get_unwrapped(tensor)
    return bool(tensor.requires_grad)


def has_no_numbers(tensor: Any) -> bool:
    return tensor.device.type == "meta" or isinstance(plain(tensor), FakeTensor)


def plain(tensor: Any) -> Any:
    """Return the numbers of a tensor under transforms; of a batch, those of its first element."""
    functorch = torch._C._functorch
    while functorch.is_functorch_wrapped_tensor(tensor):
        inner = functorch.get_unwrapped(tensor)
        if functorch.is_batchedtensor(tensor):
            inner = inner.select(functorch.maybe_get_bdim(tensor), 0)
        tensor = inner
    return tensor
