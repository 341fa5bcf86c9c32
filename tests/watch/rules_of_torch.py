"""Five rules of PyTorch, right, or each with a mistake where SAMPLE_WRONG is 1."""

import os

import torch

WRONG = os.environ.get("SAMPLE_WRONG") == "1"


class Sine(torch.autograd.Function):
    """In the old style, with a number that is not differentiated by."""

    @staticmethod
    def forward(ctx, x, rate):
        ctx.save_for_backward(x)
        ctx.rate = rate
        return torch.sin(rate * x)

    @staticmethod
    def backward(ctx, ct):
        (x,) = ctx.saved_tensors
        return ct * torch.cos(ctx.rate * x) * (1.0 if WRONG else ctx.rate), None


class MaskedExp(torch.autograd.Function):
    """In the new style, for transforms."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x, mask):
        return x.exp() * mask

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(inputs[0], inputs[1])

    @staticmethod
    def backward(ctx, ct):
        x, mask = ctx.saved_tensors
        return ct * x.exp() * (1.0 if WRONG else mask), None


class Triple(torch.autograd.Function):
    """Writes to its argument."""

    @staticmethod
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(3.0)

    @staticmethod
    def backward(ctx, ct):
        return (1.0 if WRONG else 3.0) * ct


class Softmax(torch.autograd.Function):
    """In any dtype."""

    @staticmethod
    def forward(ctx, x):
        y = torch.softmax(x, -1)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, ct):
        (y,) = ctx.saved_tensors
        return y * (ct if WRONG else ct - (ct * y).sum(-1, keepdim=True))


@torch.library.custom_op(f"gradproof_sample_{int(WRONG)}::cube", mutates_args=())
def cube(x: torch.Tensor) -> torch.Tensor:
    return x**3


cube.register_autograd(
    lambda ctx, ct: (2 if WRONG else 3) * ct * ctx.saved_tensors[0] ** 2,
    setup_context=lambda ctx, inputs, output: ctx.save_for_backward(inputs[0]),
)
