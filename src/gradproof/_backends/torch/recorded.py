"""Calls of hand-written rules of PyTorch, told to an observer while they are made."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch._functorch.autograd_function import CustomFunctionHigherOrderOperator
from torch.library import CustomOpDef
from torch.utils import _pytree as pytree

from ..recorded import (
    Build,
    Call,
    Described,
    Looked,
    Observer,
    Recorder,
    Rule,
    Take,
)
from .applied import handled
from .targets import OF_OPERATOR, Target, known_target

#: Whether this thread is inside of what is told already: a custom operator applies a Function.
_INSIDE = threading.local()
_FUNCTION = torch.autograd.Function


class TorchRecorder(Recorder):
    """Functions of autograd, and custom operators."""

    @contextmanager
    def recording(self, observer: Observer) -> Iterator[None]:
        def apply(cls: Any, call: Callable[..., Any], args: Any, kwargs: Any) -> Any:
            if cls.__name__.startswith(OF_OPERATOR):
                # Its last argument is PyTorch's own.
                _tell(observer, cls, args[:-1], getattr(args[-1], "keyword_only_args", {}))
            else:
                _tell(observer, cls, args, kwargs)
            return call(*args, **kwargs)

        with (
            handled(apply),
            _patched(CustomFunctionHigherOrderOperator, _batched, observer),
            _patched(CustomOpDef, _called, observer),
        ):
            yield

    def defined(self, concerns: Callable[[Rule], bool]) -> list[Rule]:
        found: dict[Rule, None] = {}
        waiting: list[Any] = list(_FUNCTION.__subclasses__())
        while waiting:
            cls = waiting.pop()
            waiting += cls.__subclasses__()
            known = None if cls.__name__.startswith(OF_OPERATOR) else known_target(cls)
            if known is not None and known.parts and concerns(known.rule):
                found[known.rule] = None
        return list(found)

    def restored(self, described: Described, value: Any) -> Any:
        return value.clone()

    def host(self, value: Any) -> np.ndarray:
        value = value.to_dense().cpu().resolve_conj()
        return value.view(torch.uint16).numpy() if value.dtype == torch.bfloat16 else value.numpy()

    def size(self, value: Any) -> int:
        return int(value.numel() * value.element_size())  # a sparse one as if it were not

    def seen_as(self, value: Any) -> np.ndarray:
        value = value.to_dense()
        short = value.is_floating_point() and value.element_size() < 4
        return (value.float() if short else value).cpu().resolve_conj().numpy()

    def from_host(self, described: Described, numbers: np.ndarray) -> Any:
        tensor = torch.from_numpy(np.ascontiguousarray(numbers).reshape(described.shape))
        tensor = tensor.to(dtype=getattr(torch, described.dtype), device=described.device)
        return (
            tensor.to_sparse(layout=getattr(torch, described.layout))
            if described.layout
            else tensor
        )

    def looked(self, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Looked:
        at = [i for i, arg in enumerate(args) if _is_floating(arg)]
        refused = frozenset[int]()
        try:
            grads, leaves = self._differentiated(call, args, kwargs, at)
        except Exception:
            # It may say so of one argument, and that depends on the derivatives that are asked for.
            refused = frozenset(i for i in at if self._refuses(call, args, kwargs, i))
            if not refused or len(refused) == len(at):
                raise
            at = [i for i in at if i not in refused]
            grads, leaves = self._differentiated(call, args, kwargs, at)
        results = tuple(i for i, leaf in enumerate(leaves) if _followed(leaf))
        floating = sum(map(_is_floating, leaves))
        ungiven = frozenset(i for i, one in zip(at, grads, strict=True) if one is None)
        return Looked(ungiven, results, floating - len(results), refused)

    def _refuses(self, call: Call, args: Any, kwargs: Any, at: int) -> bool:
        try:
            self._differentiated(call, args, kwargs, [at])
        except Exception:
            return True
        return False

    def _differentiated(
        self, call: Call, args: Any, kwargs: Any, at: list[int]
    ) -> tuple[list[Any], list[Any]]:
        """Return gradients by some arguments, None where one is not given, and the results."""
        given = [self.fresh(arg) for arg in args]
        moved = [args[i].detach().clone().requires_grad_() for i in at]
        for i, tensor in zip(at, moved, strict=True):
            given[i] = tensor.clone()  # a rule may not write to a leaf of autograd
        leaves = pytree.tree_leaves(call.target(*given, **kwargs))
        found = [leaf for leaf in leaves if _followed(leaf)]
        if not found or not moved:
            return list(moved), leaves
        ones = [torch.ones_like(one) for one in found]
        return list(torch.autograd.grad(found, moved, ones, allow_unused=True)), leaves

    def fresh(self, value: Any) -> Any:
        return pytree.tree_map_only(torch.Tensor, torch.clone, value)

    @contextmanager
    def undisturbed(self, call: Call) -> Iterator[None]:
        with torch.random.fork_rng(), torch.enable_grad():
            yield


@contextmanager
def _patched(owner: Any, before: Callable[..., Any], observer: Observer) -> Iterator[None]:
    original = owner.__call__

    def replaced(self: Any, *args: Any, **kwargs: Any) -> Any:
        with before(observer, self, args, kwargs):
            return original(self, *args, **kwargs)

    owner.__call__ = replaced
    try:
        yield
    finally:
        owner.__call__ = original


@contextmanager
def _batched(observer: Observer, _: Any, args: Any, kwargs: Any) -> Iterator[None]:
    """Tell of a Function whose vmap PyTorch makes: it is applied under another name then."""
    cls, *given = args
    if any(map(_is_batched, given)) and getattr(cls, "generate_vmap_rule", False):
        _tell(observer, cls, tuple(given), kwargs)
    yield


@contextmanager
def _called(observer: Observer, operator: Any, args: Any, kwargs: Any) -> Iterator[None]:
    """Tell of a custom operator, once for each call, with a gradient or without."""
    if getattr(operator, "_backward_fn", None) is None or getattr(_INSIDE, "now", False):
        yield
        return
    _tell(observer, operator, args, kwargs)
    _INSIDE.now = True
    try:
        yield
    finally:
        _INSIDE.now = False


def _tell(observer: Observer, target: Any, args: Any, kwargs: Any) -> None:
    rule = None
    try:
        if getattr(_INSIDE, "now", False) or torch.compiler.is_compiling():
            return
        key = None if kwargs else _key(target, args)
        if key is not None and observer.counted(key):
            return
        known = known_target(target)
        if known is None or not observer.concerns(known.rule):
            return
        rule = known.rule
        call, tensors = _call(known, args, kwargs)
        take = observer.seen(call, key)
        if take is not None:
            _give(take, tensors)
    except Exception as err:
        observer.failed(rule, err)


def _key(target: Any, args: Any) -> Any:
    """Return what a call is known by at once; None where there is a container or object."""
    found: list[Any] = [target, torch.is_grad_enabled()]
    for arg in args:
        if isinstance(arg, torch.Tensor):
            if torch._C._functorch.is_functorch_wrapped_tensor(arg):
                return None
            found.append((arg.shape, arg.dtype, arg.device, arg.requires_grad))
        elif arg is None or isinstance(arg, (bool, int, float, str)):
            found.append((type(arg), arg))
        else:
            return None
    return tuple(found)


def _give(take: Take, tensors: list[Any]) -> None:
    # Without a trace: neither autograd nor the transforms that are at work are to see the copies.
    with torch.no_grad():
        take([_plain(tensor).detach().clone() for tensor in tensors])


def _call(target: Target, args: Any, kwargs: Any) -> tuple[Call, list[Any]]:
    trees, every, owners = [], [], []
    for owner, arg in (*enumerate(args), *kwargs.items()):
        leaves, spec = pytree.tree_flatten(arg)
        trees.append((owner, spec, len(leaves)))
        every += leaves
        owners += [owner] * len(leaves)
    tensors = [leaf for leaf in every if isinstance(leaf, torch.Tensor)]
    described = [_leaf(leaf) for leaf in every]
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


def _leaf(value: Any) -> Any:
    if not isinstance(value, torch.Tensor):
        return value
    dtype, layout = (str(one).removeprefix("torch.") for one in (value.dtype, value.layout))
    device = str(value.device)
    return Described(tuple(value.shape), dtype, device, "" if layout == "strided" else layout)


def _requires_grad(tensor: Any) -> bool:
    """Tell whether a tensor is differentiated by, by autograd or by a transform."""
    functorch = torch._C._functorch
    while functorch.is_functorch_wrapped_tensor(tensor):
        if functorch.is_gradtrackingtensor(tensor):
            return True
        tensor = functorch.get_unwrapped(tensor)
    return bool(tensor.requires_grad)


def _is_batched(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and torch._C._functorch.is_batchedtensor(value)


def _plain(tensor: Any) -> Any:
    """Return the numbers of a tensor under transforms; of a batch, those of its first element."""
    functorch = torch._C._functorch
    while functorch.is_functorch_wrapped_tensor(tensor):
        inner = functorch.get_unwrapped(tensor)
        if functorch.is_batchedtensor(tensor):
            inner = inner.select(functorch.maybe_get_bdim(tensor), 0)
        tensor = inner
    return tensor


def _is_floating(value: Any) -> bool:
    floating = isinstance(value, torch.Tensor) and (value.is_floating_point() or value.is_complex())
    return floating and value.layout is torch.strided


def _followed(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.requires_grad
