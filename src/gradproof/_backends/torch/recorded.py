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
from torch.utils._python_dispatch import _disable_current_modes

from ..observed import Observers
from ..recorded import (
    Call,
    Described,
    Looked,
    Observer,
    Recorder,
    Rule,
    Take,
)
from .applied import handled
from .recorded_call import call_of, copied, has_no_numbers, plain
from .targets import OF_OPERATOR, known_target

#: Whether this thread is inside of what is told already: a custom operator applies a Function.
_INSIDE = threading.local()
_FUNCTION = torch.autograd.Function


class TorchRecorder(Recorder):
    """Functions of autograd, and custom operators."""

    @contextmanager
    def recording(self, observer: Observer) -> Iterator[None]:
        with _OBSERVERS.and_also(observer):
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
def _telling() -> Iterator[None]:
    def apply(cls: Any, call: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if cls.__name__.startswith(OF_OPERATOR):
            # Its last argument is PyTorch's own.
            _tell(cls, args[:-1], getattr(args[-1], "keyword_only_args", {}))
        else:
            _tell(cls, args, kwargs)
        return call(*args, **kwargs)

    with (
        handled(apply),
        _patched(CustomFunctionHigherOrderOperator, _batched),
        _patched(CustomOpDef, _called),
    ):
        yield


_OBSERVERS = Observers(_telling)


@contextmanager
def _patched(owner: Any, before: Callable[..., Any]) -> Iterator[None]:
    original = owner.__call__

    def replaced(self: Any, *args: Any, **kwargs: Any) -> Any:
        with before(self, args, kwargs):
            return original(self, *args, **kwargs)

    owner.__call__ = replaced
    try:
        yield
    finally:
        owner.__call__ = original


@contextmanager
def _batched(_: Any, args: Any, kwargs: Any) -> Iterator[None]:
    """Tell of a Function whose vmap PyTorch makes: it is applied under another name then."""
    cls, *given = args
    if getattr(cls, "generate_vmap_rule", False) and _is_under_vmap():
        _tell(cls, tuple(given), kwargs)
    yield


@contextmanager
def _called(operator: Any, args: Any, kwargs: Any) -> Iterator[None]:
    """Tell of a custom operator, once for each call, with a gradient or without."""
    if getattr(operator, "_backward_fn", None) is None or getattr(_INSIDE, "now", False):
        yield
        return
    _tell(operator, args, kwargs)
    _INSIDE.now = True
    try:
        yield
    finally:
        _INSIDE.now = False


def _tell(target: Any, args: Any, kwargs: Any) -> None:
    if getattr(_INSIDE, "now", False) or torch.compiler.is_compiling():
        return
    # Subclasses and modes of the user are not to see what is asked of their tensors.
    with torch._C.DisableTorchFunction():
        for observer in _OBSERVERS:
            _tell_one(observer, target, args, kwargs)


def _tell_one(observer: Observer, target: Any, args: Any, kwargs: Any) -> None:
    rule = None
    try:
        key = None if kwargs else _key(target, args)
        if key is not None and observer.counted(key):
            return
        known = known_target(target)
        if known is None or not observer.concerns(known.rule):
            return
        rule = known.rule
        call, tensors = call_of(known, args, kwargs)
        take = observer.seen(call, key)
        if take is not None and not any(map(has_no_numbers, tensors)):
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
    tracing = torch._C._get_tracing_state()
    with torch.no_grad(), _disable_current_modes():
        torch._C._set_tracing_state(None)
        try:
            take([copied(plain(tensor)) for tensor in tensors])
        finally:
            torch._C._set_tracing_state(tracing)


def _is_under_vmap() -> bool:
    """Tell whether the innermost transform is vmap, of whatever: the arguments need no batch."""
    innermost = torch._C._functorch.peek_interpreter_stack()
    return innermost is not None and innermost.key() == torch._C._functorch.TransformType.Vmap


def _is_floating(value: Any) -> bool:
    floating = isinstance(value, torch.Tensor) and (value.is_floating_point() or value.is_complex())
    return floating and value.layout is torch.strided


def _followed(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.requires_grad
