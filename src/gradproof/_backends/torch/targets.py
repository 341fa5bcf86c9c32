"""What is known of a Function of PyTorch, or of an operator with a gradient formula."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch._library.custom_ops import OPDEFS

from ..recorded import Rule, place_of, qualified

#: What PyTorch calls the Function that it makes for the formula of a custom operator.
OF_OPERATOR = "GeneratedBackwardFor_"
_FUNCTION = torch.autograd.Function
_TARGETS: "WeakKeyDictionary[Any, Target | None]" = WeakKeyDictionary()


@dataclass(frozen=True)
class Target:
    """A rule, what calls it, its functions, and what has the names of its arguments."""

    rule: Rule
    called: Any
    parts: tuple[Any, ...]
    signature: Any


def known_target(target: Any) -> Target | None:
    if target not in _TARGETS:
        _TARGETS[target] = _described(target)
    return _TARGETS[target]


def _described(target: Any) -> Target | None:
    """Return what is known of a Function or an operator; None for what is PyTorch's own."""
    if not isinstance(target, type):
        return _of_operator(target)
    if target.__name__.startswith(OF_OPERATOR):
        return _of_formula(target)
    if target.__module__.partition(".")[0] == "torch":
        return None
    own = [vars(base) for base in target.__mro__ if base.__module__ != _FUNCTION.__module__]
    names = ("forward", "backward", "vjp", "setup_context", "jvp")
    parts = tuple(getattr(target, name) for name in names if any(name in space for space in own))
    name = f"{target.__module__}.{target.__qualname__}"
    written = [vars(target)[one] for one in names if one in vars(target)]  # not inherited
    rule = Rule(name, "torch.autograd.Function", *place_of(*written, *parts), "torch")
    # Not an `apply` of its own, which may take other arguments than it hands on.
    apply = partial(_FUNCTION.apply.__func__, target)
    return Target(rule, apply, parts, target.apply)  # type: ignore[attr-defined]


def _of_operator(operator: Any) -> Target:
    func = operator._init_fn
    parts = tuple(filter(None, (func, operator._backward_fn, operator._setup_context_fn)))
    rule = Rule(qualified(func), "torch.library.custom_op", *place_of(*parts), "torch")
    return Target(rule, operator, parts, func)


def _of_formula(target: Any) -> Target | None:
    """Return what is known of the Function that PyTorch makes for the formula of an operator."""
    overload = _inside(target, lambda kept: isinstance(kept, torch._ops.OpOverload))
    info = _inside(target, lambda kept: getattr(kept, "_backward_fn", None) is not None)
    if overload is None or info is None:
        return None
    operator = OPDEFS.get(overload._schema.name)
    if operator is not None:
        return _of_operator(operator)
    parts = tuple(filter(None, (info._backward_fn, info._setup_context_fn)))
    name = f"torch.ops.{overload}".removesuffix(".default")
    rule = Rule(name, "torch.library.register_autograd", *place_of(*parts), "torch")
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    arguments = [inspect.Parameter(one.name, kind) for one in overload._schema.arguments]

    def called(*args: Any, **kwargs: Any) -> Any:
        return overload(*args, **kwargs)

    called.__signature__ = inspect.Signature(arguments)  # type: ignore[attr-defined]
    return Target(rule, called, parts, called)


def _inside(target: Any, wanted: Callable[[Any], bool]) -> Any:
    """Return what the functions of a generated Function keep, of a kind."""
    waiting = [target.backward, target.forward]
    for _ in range(32):  # a wrapper keeps what it wraps
        if not waiting:
            break
        for cell in getattr(waiting.pop(0), "__closure__", None) or ():
            kept = cell.cell_contents
            if wanted(kept):
                return kept
            if callable(kept):
                waiting.append(kept)
    return None
