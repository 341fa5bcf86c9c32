"""A function of PyTorch without its rules: the forward code of each, recorded by autograd."""

import threading
from collections.abc import Callable
from typing import Any

import torch

from ..standard.precisions import Leafwise
from .applied import BASE, handled


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
        me = threading.get_ident()

        def apply(cls: Any, call: Callable[..., Any], args: Any, kwargs: Any) -> Any:
            # Another thread, and torch itself, apply the rule.
            if threading.get_ident() != me or cls.__module__.partition(".")[0] == "torch":
                return call(*args, **kwargs)
            taken.append(cls.__name__)
            return _forward(cls, args, kwargs)

        with handled(apply):
            return func(leaves)

    return plain


def _forward(cls: Any, args: Any, kwargs: Any) -> Any:
    """Run the forward code of a rule."""
    # A forward may write to its arguments, which autograd forbids for a leaf.
    args = tuple(arg.clone() if _recorded(arg) else arg for arg in args)
    if cls.setup_context is not BASE.setup_context:
        return cls.forward(*args, **kwargs)
    return cls.forward(_Context(args), *args, **kwargs)


def _recorded(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.requires_grad
