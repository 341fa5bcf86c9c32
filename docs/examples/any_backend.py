"""One hand-written gradient, checked on the arrays of every library that is installed."""

import importlib.util

import numpy as np

from gradproof import check_grad


def func(x):
    """The sum of x**4: written with operators only, so any array will do."""
    return (x * x * x * x).sum()


def grad(x):
    return 4 * x * x * x


points = {"numpy": np.array([1.0, -0.5, 0.25])}
if importlib.util.find_spec("torch"):
    import torch

    points["torch"] = torch.tensor([1.0, -0.5, 0.25])
if importlib.util.find_spec("jax"):
    import jax.numpy as jnp

    points["jax"] = jnp.array([1.0, -0.5, 0.25])

for library, x in points.items():
    every = check_grad(func, grad, x)
    one = check_grad(func, grad, x, direction="random", seed=0)
    print(f"{library:6} {x.dtype!s:14} off by {every:.1g}, along a random direction by {one:.1g}")
    assert max(every, one) < 1e-2
