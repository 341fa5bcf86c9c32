"""The report that is on the home page: a row of a gradient that is left out."""

import numpy as np

from gradproof import Report, verify_grad


def loss(params, x):
    """Return a sum of squares of a layer."""
    return (np.tanh(params["w"] @ x + params["b"][:, None]) ** 2).sum()


def grad(params, x):
    """Return its gradient, but for a row."""
    h = np.tanh(params["w"] @ x + params["b"][:, None])
    by_h = 2 * h * (1 - h * h)
    by_w = by_h @ x.T
    by_w[3] = 0
    return {"w": by_w, "b": by_h.sum(1)}


def report() -> Report:
    """Return the report of a check of it."""
    rng = np.random.default_rng(0)
    params = {"w": rng.normal(size=(5, 7)), "b": rng.normal(size=5)}
    return verify_grad(loss, grad, params, rng.normal(size=(7, 4)), seed=0)
