"""The adapter for PyTorch."""

import numbers
from typing import Any

import torch

from ..standard.directions import SHORTEST, Directions
from ..standard.precisions import Leafwise
from ..typing import Array
from . import forward
from .calls import TorchCalls
from .precisions import TorchPrecisions

# Entries that are worked on at once, on a CPU: fewer cost more in calls than in memory.
_BLOCK = 2**16


class TorchBackend(TorchPrecisions, TorchCalls):
    """PyTorch tensors, on any device."""

    def all_nonzero(self, x: Any) -> bool:
        return x.device.type == "cpu" and bool(x.all())

    def block(self, x: Any) -> int:
        return _BLOCK if x.is_cpu else 0  # elsewhere, one call for all of it is what is fast

    def contract(self, claim: Any, tangent: Any) -> Array:
        rows = claim.shape[: claim.dim() - tangent.dim()]
        wide = claim.detach().to(tangent.dtype).reshape(*rows, tangent.numel())
        return wide @ tangent.reshape(-1)

    def vjp(
        self, func: Leafwise, leaves: list[Any], *, once: bool = False
    ) -> tuple[list[Any], Leafwise]:
        recorded = _recorded_itself if once else _recorded
        with torch.inference_mode(mode=False), torch.enable_grad():
            moved = [recorded(leaf) for leaf in leaves]
            outputs = func(moved)

        def pullback(cotangents: list[Any]) -> list[Any]:
            # What autograd recorded nothing of has a gradient of zero.
            pairs = [
                pair for pair in zip(outputs, cotangents, strict=True) if _is_recorded(pair[0])
            ]
            if not pairs:
                return [torch.zeros_like(leaf) for leaf in moved]
            found, weights = zip(*pairs, strict=True)
            # Given leaves that are recorded already, a derivative of this one is being taken.
            again = any(tensor.requires_grad for tensor in (*leaves, *weights))
            kept = {"retain_graph": not once or again, "create_graph": again}
            grads = torch.autograd.grad(found, moved, weights, **kept, allow_unused=True)
            return [
                torch.zeros_like(leaf) if grad is None else grad
                for leaf, grad in zip(moved, grads, strict=True)
            ]

        return outputs, pullback

    def jvp(self, func: Leafwise, leaves: list[Any], tangents: list[Any]) -> Any:
        return forward.jvp(func, leaves, tangents)

    def loses_tangents(self, func: Leafwise, leaves: list[Any], tangents: list[Any]) -> str:
        return forward.lost_in(func, leaves, tangents)

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

    def lacks_forward_mode(self, err: Exception) -> bool:
        return forward.lacks(err)

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

    def own_generator(self, owner: Directions, generator: Any, like: Any) -> Any:
        return torch.Generator(like.device).manual_seed(owner.integer(generator))


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


def _recorded_itself(leaf: Any) -> Any:
    """Return the same of a leaf that nobody else needs: in its own memory, if that can be."""
    if leaf.requires_grad or leaf.is_inference():
        return _recorded(leaf)
    return leaf.detach().requires_grad_()


def _is_recorded(output: Any) -> bool:
    return isinstance(output, torch.Tensor) and output.requires_grad
