"""What only PyTorch has: an `autograd.Function`, claimed through `torch.autograd.grad`."""

from typing import Any

import torch

from ..._backends.typing import Function
from .problems import Claim, Make, Problem


class _Swish(torch.autograd.Function):
    """x * sigmoid(x), which keeps x alone for the backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> Any:
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return cotangents[0] * (s + x * s * (1 - s))


class _SwishHalf(_Swish):
    """The same, with half of the product rule."""

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> Any:
        (x,) = ctx.saved_tensors
        return cotangents[0] * torch.sigmoid(x)


def custom_rule(make: Make) -> Problem:
    """Return a function with a rule of its own, and the same with a mistake in the rule."""
    weights = make([0.5, 1.0, -1.5, 2.0, 1.0])

    def total(swish: type[_Swish]) -> Function:
        return lambda x: torch.sum(weights * swish.apply(x))

    def autograd(func: Function) -> Function:
        def grad(x: Any) -> Any:
            x = x.detach().requires_grad_()
            return torch.autograd.grad(func(x), x)[0]

        return grad

    return Problem(
        "swish, own rule",
        total(_Swish),
        make([-2.5, -1.5, -1.0, -0.5, 0.5]),  # mostly where the other half matters
        (
            Claim(autograd(total(_Swish))),
            Claim(autograd(total(_SwishHalf)), "half a product rule"),
        ),
    )
