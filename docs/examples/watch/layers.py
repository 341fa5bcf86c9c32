"""Two rules: one of PyTorch that is right, and one of JAX that is not."""

import jax
import jax.numpy as jnp
import torch


class Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = torch.softmax(x, -1)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, ct):
        (y,) = ctx.saved_tensors
        return y * (ct - (ct * y).sum(-1, keepdim=True))


@jax.custom_vjp
def normalize(x):
    x = x - x.mean(-1, keepdims=True)
    return x / jnp.sqrt((x**2).mean(-1, keepdims=True))


def _forward(x):
    x = x - x.mean(-1, keepdims=True)
    rms = jnp.sqrt((x**2).mean(-1, keepdims=True))
    return x / rms, (x / rms, rms)


def _backward(kept, ct):
    y, rms = kept
    return ((ct - y * (ct * y).mean(-1, keepdims=True)) / rms,)  # and the mean of ct?


normalize.defvjp(_forward, _backward)


@jax.custom_jvp
def softplus(x):
    return jnp.logaddexp(x, 0.0)


@softplus.defjvp
def _softplus_jvp(primals, tangents):
    return softplus(*primals), jax.nn.sigmoid(*primals) * tangents[0]
