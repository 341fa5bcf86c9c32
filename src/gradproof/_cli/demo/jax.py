"""What only JAX has: a derivative rule of one's own, claimed through `jax.grad`."""

from typing import Any

import jax
import jax.numpy as jnp

from ..._backends.typing import Function
from .problems import Claim, Make, Problem


def _softplus(slope: Function) -> Function:
    """Return log(1 + exp(x)), which does not overflow, with `slope` for its derivative."""

    @jax.custom_vjp
    def softplus(x: Any) -> Any:
        return jnp.maximum(x, 0) + jnp.log1p(jnp.exp(-jnp.abs(x)))

    def forward(x: Any) -> Any:
        return softplus(x), x

    def backward(x: Any, cotangent: Any) -> Any:
        return (cotangent * slope(x),)

    softplus.defvjp(forward, backward)
    return softplus


def _right(x: Any) -> Any:
    return jax.nn.sigmoid(x)


def _mirrored(x: Any) -> Any:
    return jax.nn.sigmoid(-x)


def custom_rule(make: Make) -> Problem:
    """Return a function with a rule of its own, and the same with a mistake in the rule."""
    weights = make([0.5, 1.0, -1.5, 2.0, 1.0])

    def total(slope: Function) -> Function:
        softplus = _softplus(slope)
        return lambda x: jnp.sum(weights * softplus(x))

    return Problem(
        "softplus, own rule",
        total(_right),
        make([-2.0, -1.0, 0.25, 0.5, 1.5]),
        (
            Claim(jax.grad(total(_right))),
            Claim(jax.grad(total(_mirrored)), "sigmoid of -x"),
        ),
    )
