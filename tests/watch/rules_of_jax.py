"""Five rules of JAX, right, or each with a mistake where SAMPLE_WRONG is 1."""

import os
from functools import partial

import jax
import jax.numpy as jnp

WRONG = os.environ.get("SAMPLE_WRONG") == "1"


@jax.custom_vjp
def square(x):
    return x**2


square.defvjp(lambda x: (x**2, x), lambda x, ct: ((1 if WRONG else 2) * x * ct,))


@jax.custom_jvp
def softplus(x):
    return jnp.logaddexp(x, 0.0)


@softplus.defjvp
def _softplus_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return softplus(x), dx * jax.nn.sigmoid(-x if WRONG else x)


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def centred(x, axis):
    return x - x.mean(axis, keepdims=True)


def _centred_bwd(axis, _, ct):
    return (ct if WRONG else ct - ct.mean(axis, keepdims=True),)


centred.defvjp(lambda x, axis: (centred(x, axis), None), _centred_bwd)


@jax.custom_vjp
def masked(x, mask):
    return jnp.where(mask, x**3, 0.0)


masked.defvjp(
    lambda x, mask: (masked(x, mask), (x, mask)),
    lambda kept, ct: (3 * kept[0] ** 2 * ct * (1 if WRONG else kept[1]), None),
)


@jax.custom_vjp
def scaled(x, w):
    """A product of matrices in the dtype of its arguments."""
    return (x @ w) / jnp.sqrt(jnp.asarray(x.shape[-1], x.dtype))


def _scaled_bwd(kept, ct):
    x, w = kept
    ct = ct if WRONG else ct / jnp.sqrt(jnp.asarray(x.shape[-1], x.dtype))
    return ct @ w.T, x.T @ ct


scaled.defvjp(lambda x, w: (scaled(x, w), (x, w)), _scaled_bwd)
