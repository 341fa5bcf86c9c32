"""A function of PyTorch without its rules: the forward code of each, recorded by autograd."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.autograd.function import Function

from ..standard.precisions import Leafwise

#: Where Function.apply, which users keep under names of their own, looks for what it calls.
_BASE: Any = Function.__mro__[1]
#: The threads that are to run forward code alone, and the rules that were taken away there.
_PLAIN: dict[int, list[str]] = {}
_LOCK = threading.Lock()


class _Context:
    """Takes what a forward keeps for its backward, which is not called."""

    def __init__(self, args: tuple[Any, ...]) -> None:
        self.needs_input_grad = tuple(_recorded(arg) for arg in args)
        self.saved_tensors: tuple[Any, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        self.saved_tensors = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        pass

    def mark_dirty(self, *tensors: Any) -> None:
        pass

    def mark_non_differentiable(self, *tensors: Any) -> None:
        pass

    def set_materialize_grads(self, value: Any) -> None:
        pass


def without_rules(func: Leafwise, taken: list[str]) -> Leafwise:
    """Return the function, with the forward code of rules in their place but for torch's own."""

    def plain(leaves: list[Any]) -> list[Any]:
        with _forward_code(taken):
            return func(leaves)

    return plain


@contextmanager
def _forward_code(taken: list[str]) -> Iterator[None]:
    me = threading.get_ident()
    with _LOCK:
        if not _PLAIN:
            _BASE.apply = classmethod(_apply)
        _PLAIN[me] = taken
    try:
        yield
    finally:
        with _LOCK:
            _PLAIN.pop(me, None)
            if not _PLAIN:
                del _BASE.apply


def _apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
    """Run the forward code of a rule; another thread, and torch itself, apply the rule."""
    if threading.get_ident() not in _PLAIN or cls.__module__.partition(".")[0] == "torch":
        return super(_BASE, cls).apply(*args, **kwargs)
    _PLAIN[threading.get_ident()].append(cls.__name__)
    # A forward may write to its arguments, which autograd forbids for a leaf.
    args = tuple(arg.clone() if _recorded(arg) else arg for arg in args)
    if cls.setup_context is not _BASE.setup_context:
        return cls.forward(*args, **kwargs)
    return cls.forward(_Context(args), *args, **kwargs)


def _recorded(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.requires_grad
