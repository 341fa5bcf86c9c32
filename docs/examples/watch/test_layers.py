"""Tests as they often are: of shapes and values, not of a derivative."""

import jax
import jax.numpy as jnp
import layers
import torch


def test_normalize():
    y = jax.jit(layers.normalize)(jnp.arange(12.0).reshape(3, 4) ** 2)
    assert jnp.allclose(y.mean(-1), 0, atol=1e-6)


def test_softmax():
    y = layers.Softmax.apply(torch.eye(3))
    assert torch.allclose(y.sum(-1), torch.ones(3))
