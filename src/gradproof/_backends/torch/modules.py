"""Modules in a pytree: their parameters and buffers as leaves."""

import copy
import functools
import inspect
from collections.abc import Iterator
from typing import Any

import torch

from ..pytrees import Flat, flattened


def is_module(value: Any) -> bool:
    """Tell whether a value is a module."""
    return isinstance(value, torch.nn.Module)


def unmovable(func: Any) -> str:
    """Return why the parameters that a function has cannot be moved; empty if they can."""
    if not is_module(func):
        if _has_parameters(getattr(func, "__self__", None)):
            return "of a method"
        reached = next((name for name, one in _reached(func) if _is_trained(one)), "")
        return f"of {reached}, which is no argument" if reached else ""
    if isinstance(func, torch.jit.ScriptModule):
        return "a ScriptModule takes no others"
    try:
        copy.deepcopy(func)
    except Exception:  # of weights that were computed from others
        return "it cannot be copied"
    return ""


def _has_parameters(value: Any) -> bool:
    return is_module(value) and next(value.parameters(), None) is not None


def _is_trained(value: Any) -> bool:
    return _has_parameters(value) or (isinstance(value, torch.Tensor) and value.requires_grad)


def _reached(func: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a function uses that is none of its arguments, by name."""
    while isinstance(func, functools.partial):
        yield from ((f"argument {i}", value) for i, value in enumerate(func.args))
        yield from func.keywords.items()
        func = func.func
    if inspect.isfunction(func):
        used = inspect.getclosurevars(func)
        yield from (*used.nonlocals.items(), *used.globals.items())


def taken_apart(tree: Any) -> Flat:
    """Take a tree apart, and the modules in it into their parameters."""
    flat = flattened(tree, is_module)
    if not any(map(is_module, flat.leaves)):
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
            if not is_module(leaf):
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
        made = (taken_apart, self._tree)
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
