"""The inputs of torch's gradcheck as a point, and what a function of them returns."""

import dataclasses
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.autograd import forward_ad
from torch.autograd.gradcheck import GradcheckError

from ..._backends.pytrees import Flat, flattened
from ..._vectors.point import Point
from ..._vectors.scope import entries_held


def as_tuple(value: Any) -> tuple[Any, ...]:
    """Return a value as gradcheck hands it on: tuples and lists as they are, all else alone."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def followed(inputs: tuple[Any, ...]) -> list[torch.Tensor]:
    """Return the tensors among some inputs, nested ones too, that require a gradient."""
    return [leaf for leaf in flattened(inputs).leaves if _requires_grad(leaf)]


def _requires_grad(leaf: Any) -> bool:
    return isinstance(leaf, torch.Tensor) and leaf.requires_grad


class Inputs(Point):
    """
    The inputs of a check, those that require a gradient being moved.

    Func gets private copies, with the strides of what the user gave, since kernels have bugs that
    only strides show. Where it takes the user's tensors from elsewhere (a closure, a module), these
    are written to instead, and restored.

    Parameters
    ----------
    inputs : tuple
        As the user gave them.
    frozen : list of Tensor of bool
        For each tensor that is moved, which of its entries are not.
    names : callable
        From the position of an input to its name in reports.
    """

    own_layout = True

    def __init__(
        self, inputs: tuple[Any, ...], frozen: list[torch.Tensor], names: Callable[[int], str]
    ) -> None:
        self._names, self.frozen, self._in_place = names, frozen, False
        self._any_frozen = [bool(mask.any()) for mask in frozen]
        super().__init__((inputs,), 0, None)

    def _several(self, tree: Any, flat: Flat) -> None:
        del tree  # is the tuple of inputs, with one floating leaf at least
        paths = [re.sub(r"^\[(\d+)\]", lambda m: self._names(int(m[1])), p) for p in flat.paths]
        self.flat = dataclasses.replace(flat, paths=paths)
        self._moved = [i for i, leaf in enumerate(flat.leaves) if _requires_grad(leaf)]
        self._own = [flat.leaves[i] for i in self._moved]
        # At zero where they are not finite: there is nothing to be displaced. Copies, since the
        # user's own may be written to.
        self.given = self.arrays = [
            own.detach().clone().masked_fill_(frozen, 0)
            for own, frozen in zip(self._own, self.frozen, strict=True)
        ]
        for i, own, frozen in zip(self._moved, self._own, self.frozen, strict=True):
            infinite = ~torch.isfinite(own.detach())
            why = "whose gradient is not finite, as results of func are not"
            for held, words in ((infinite, "not finite"), (frozen & ~infinite, why)):
                if held.any():
                    self._kept.append(entries_held(paths[i], held, words))

    def called(self, path: str) -> str:
        """Return what to call a leaf: its path has the name of the input already."""
        return path

    def call(
        self, func: Callable[..., Any], moved: list[Any], *extra: Any, what: str = "func"
    ) -> Any:
        """Call func with other tensors in the place of those that are moved."""
        del extra, what
        if not torch.is_grad_enabled():
            # A value is wanted. Func may differentiate something itself, as it may in gradcheck.
            with torch.enable_grad():
                seen = [self._seen(i, t).detach().requires_grad_() for i, t in enumerate(moved)]
                return super().call(func, self._written(seen) if self._in_place else seen)
        if self._in_place and not any(forward_ad.unpack_dual(t).tangent is not None for t in moved):
            seen = self._written([self._seen(i, t) for i, t in enumerate(moved)])
            return _connected(super().call(func, seen), seen, moved)
        return super().call(func, [self._seen(i, t) for i, t in enumerate(moved)])

    def call_with(self, func: Callable[..., Any], moved: list[Any]) -> Any:
        """Call func with some tensors as they are, whatever the user's own are made to hold."""
        return super().call(func, moved)

    def write(self, tensors: list[torch.Tensor]) -> None:
        """Write other numbers into the user's tensors, until `in_place` restores them."""
        self._written(tensors)

    def _seen(self, i: int, tensor: torch.Tensor) -> torch.Tensor:
        """Return a tensor that is moved the way func is to see it."""
        own = self._own[i]
        if self._any_frozen[i]:
            tensor = torch.where(self.frozen[i], own.detach(), tensor)
        if tensor.stride() != own.stride() and _apart(own):
            strided = torch.empty_strided(
                own.shape, own.stride(), dtype=tensor.dtype, device=tensor.device
            )
            tensor = strided.copy_(tensor)
        return tensor

    def _written(self, seen: list[torch.Tensor]) -> list[torch.Tensor]:
        """Return the user's tensors, with other numbers in them."""
        for own, tensor in zip(self._own, seen, strict=True):
            own.data.copy_(tensor.data)  # unseen by the graph that they may belong to
        return self._own

    def widened(self) -> Point | None:
        """Return the inputs in single precision; None where the user's own tensors are moved."""
        # Whatever is written to these, they keep their dtype.
        return None if self._in_place else super().widened()

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Move the user's own tensors; restore them at the end, whatever happens."""
        saved = [own.detach().clone() for own in self._own]
        self._in_place = True
        try:
            yield
        finally:
            self._in_place = False
            self._written(saved)


def _apart(tensor: torch.Tensor) -> bool:
    """Tell whether it is sure that no two entries of a tensor share their memory."""
    reach = 0
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size > 1 and stride <= reach:
            return False
        reach += stride * max(size - 1, 0)
    return True


def _connected(value: Any, own: list[torch.Tensor], moved: list[torch.Tensor]) -> Any:
    """Return func's result on the user's tensors as one on the tensors that stand for them."""
    outputs = as_tuple(value)
    recorded = [o for o in outputs if _requires_grad(o)]
    if not recorded:
        return value
    new = iter(_Connection.apply(recorded, own, *moved))
    connected = tuple(next(new) if _requires_grad(o) else o for o in outputs)
    return connected if isinstance(value, tuple) else connected[0]


class _Connection(torch.autograd.Function):
    """Func's result once more, with a backward pass by the user's tensors."""

    @staticmethod
    def forward(ctx: Any, recorded: Any, own: Any, *moved: Any) -> Any:
        del moved
        ctx.recorded, ctx.own = recorded, own
        return tuple(output.detach() for output in recorded)

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> Any:
        grads = torch.autograd.grad(
            ctx.recorded, ctx.own, cotangents, retain_graph=True, allow_unused=True
        )
        return None, None, *grads


class ChangedError(GradcheckError, AssertionError):
    """Func returns another shape or dtype near the inputs; the original's AssertionError too."""


class Differentiable:
    """
    A function, with None in the place of every result that has no derivative.

    Results that do not require a gradient have none, as for the original; where no result
    requires one, all of them are kept, to see that none moves. Numbers that are not finite at x0
    have no slope, and are set to zero.

    Parameters
    ----------
    func : callable
        As the user gave it.
    value : object
        What it returned at x0.
    inputs : tuple
        What it returned that for.

    Attributes
    ----------
    outputs : list of Tensor
        The results that are kept, at x0.
    changed : ChangedError or None
        What was raised where a result has another shape or dtype than at x0.
    unseen : list of str
        For each of them that has numbers that are not finite, how many.
    """

    def __init__(self, func: Callable[..., Any], value: Any, inputs: tuple[Any, ...]) -> None:
        self._func, self._dtypes = func, _dtypes(inputs)
        self.changed: ChangedError | None = None
        leaves = _leaves(value)
        if not any(isinstance(leaf, torch.Tensor) for leaf in leaves):
            msg = (
                f"func returned {value!r:.60} of type {type(value).__name__}; expected a tensor, "
                "or a tuple of tensors."
            )
            if value is None:
                msg += " Is a `return` missing?"
            raise TypeError(msg)
        tensors = [i for i, leaf in enumerate(leaves) if _is_floating(leaf)]
        self._kept = [i for i in tensors if leaves[i].requires_grad] or tensors
        self.alone = isinstance(value, torch.Tensor)
        self._finite, self.unseen = {}, []
        self._like = {i: leaves[i].detach() for i in self._kept}
        for i in self._kept:
            finite = torch.isfinite(leaves[i]).detach()
            if not finite.all():
                self._finite[i] = finite
                name = "func's result" if self.alone else f"result {i} of func"
                self.unseen.append(f"{name} in {int((~finite).sum())} of {finite.numel()} numbers")
        self.outputs = [self._usable(i, leaves[i]) for i in self._kept]

    def __call__(self, inputs: tuple[Any, ...]) -> Any:
        """Return func's result: a tensor, or a tuple of tensors and None."""
        leaves = _leaves(self._func(*inputs))
        self._refuse_changed(leaves, inputs)
        if self.alone:
            return self._usable(0, leaves[0])
        return tuple(self._usable(i, t) if i in self._kept else None for i, t in enumerate(leaves))

    def _refuse_changed(self, leaves: list[Any], inputs: tuple[Any, ...]) -> None:
        for i, like in self._like.items():
            now = leaves[i] if i < len(leaves) else None
            if now is None:  # a gradient of what func does not use
                continue
            for what, given, expected in (
                ("shape", now.shape, like.shape),
                ("dtype", now.dtype, like.dtype),
            ):
                if given != expected and (what == "shape" or _dtypes(inputs) == self._dtypes):
                    msg = (
                        f"Expected `func` to return outputs with the same {what} when inputs are "
                        f"perturbed, but got: {what}s {given} and {expected}."
                    )
                    self.changed = ChangedError(msg)
                    raise self.changed

    def _usable(self, i: int, tensor: torch.Tensor | None) -> torch.Tensor:
        if tensor is None:  # a gradient of what func does not use
            return torch.zeros_like(self._like[i])
        if i in self._finite and tensor.shape == self._finite[i].shape:
            return torch.where(self._finite[i], tensor, torch.zeros_like(tensor))
        return tensor


def _leaves(value: Any) -> list[Any]:
    return [value] if isinstance(value, torch.Tensor) else flattened(value).leaves


def _is_floating(leaf: Any) -> bool:
    return isinstance(leaf, torch.Tensor) and (leaf.is_floating_point() or leaf.is_complex())


def _dtypes(inputs: tuple[Any, ...]) -> list[Any]:
    return [leaf.dtype for leaf in flattened(inputs).leaves if isinstance(leaf, torch.Tensor)]


def numbers(tensors: list[torch.Tensor]) -> int:
    """Return how many numbers there are in some tensors."""
    return sum(math.prod(t.shape) for t in tensors)
