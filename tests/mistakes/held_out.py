"""
Functions that the naming of mistakes was not built with.

No single case of theirs was looked at while it was built or mended, and none may be: they tell what
to expect of a function that is not among ours. What is named wrongly is only counted.
"""

from typing import Any

import numpy
import torch
from tests.mistakes.functions import Function, logsumexp, normal, sigmoid, softmax
from torch.nn import functional


def _focal(np: Any, w: Any, b: Any, x: Any, y: Any) -> Any:
    p = sigmoid(np, y * (x @ w + b))
    return -((1 - p) ** 2 * np.log(p)).sum()


def _batch_norm(np: Any, x: Any, gain: Any, bias: Any, r: Any) -> Any:
    spread = np.sqrt(np.var(x, axis=0) + 1e-5)
    return (((x - x.mean(0)) / spread * gain + bias) * r).sum()


def _batch_norm_detached(np: Any, x: Any, gain: Any, bias: Any, r: Any) -> Any:
    spread = np.sqrt(np.var(x, axis=0) + 1e-5)
    return (((x - np.detach(x.mean(0))) / spread * gain + bias) * r).sum()


def _gated(np: Any, x: Any, w: Any, v: Any) -> Any:
    return ((x @ w) * sigmoid(np, x @ v)).mean()


def _student(np: Any, w: Any, scale: Any, x: Any, y: Any) -> Any:
    z = (y - x @ w) / np.exp(scale)
    return (2.5 * np.log1p(z * z / 4) + scale).sum()


def _ridge(np: Any, w: Any, x: Any, y: Any, decay: Any) -> Any:
    return 0.5 * ((x @ w - y) ** 2).sum() + 0.5 * decay * (w * w).sum()


def _ridge_plain(np: Any, w: Any, x: Any, y: Any, decay: Any) -> Any:
    return _ridge(np, w, x, y, 0.0)


def _softmax_regression(np: Any, w: Any, b: Any, x: Any, labels: Any) -> Any:
    scores = x @ w + b
    return (logsumexp(np, scores) - (labels * scores).sum(-1)).mean()


def _graph(np: Any, w: Any, v: Any, x: Any, edges: Any) -> Any:
    return np.square(edges @ np.tanh(edges @ x @ w) @ v).sum()


def _variational(np: Any, mean: Any, spread: Any, noise: Any, target: Any) -> Any:
    z = mean + np.exp(spread) * noise
    divergence = 0.5 * (np.exp(2 * spread) + mean**2 - 1 - 2 * spread).sum()
    return 0.5 * ((np.sin(z) - target) ** 2).sum() + divergence


def _kernel_means(np: Any, centres: Any, width: Any, x: Any) -> Any:
    far = ((x[:, None] - centres) ** 2).sum(-1)
    return np.exp(-far / (1 + width**2)).sum()


def _elastic(np: Any, u: Any, load: Any) -> Any:
    stretch = u[1:] - u[:-1]
    return (0.5 * stretch**2 + 0.25 * stretch**4).sum() + 0.5 * u[0] ** 2 - load @ u


def _hinge(w: Any, b: Any, x: Any, y: Any) -> Any:
    return torch.relu(1 - y * (x @ w + b)).square().sum()


def _lstm(w: Any, u: Any, b: Any, x: Any) -> Any:
    state = cell = torch.zeros_like(x[0] @ w)[:, : u.shape[0]]
    for step in x:
        i, f, o, g = (step @ w + state @ u + b).chunk(4, -1)
        cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
        state = torch.sigmoid(o) * torch.tanh(cell)
    return state.square().sum()


def _contrast(a: Any, b: Any, r: Any) -> Any:
    a, b = functional.normalize(a, dim=-1), functional.normalize(b, dim=-1)
    return (torch.softmax(a @ b.mT / 0.5, -1) * r).sum()


def _pooled(x: Any, w: Any, r: Any) -> Any:
    kept = functional.avg_pool1d(torch.sin(x)[None], 3)[0]
    return (kept @ w * r).sum()


def _channels(x: Any, w: Any, r: Any) -> Any:
    return (functional.conv1d(x[None], w)[0].tanh() * r).sum()


def _swish(np: Any, x: Any) -> Any:
    return x * sigmoid(np, x)


def _mish(np: Any, x: Any) -> Any:
    return x * np.tanh(np.logaddexp(x, 0 * x))


def _sigmoid(np: Any, x: Any) -> Any:
    return sigmoid(np, x)


def _identity(np: Any, x: Any) -> Any:
    return x


def _outer(np: Any, a: Any, b: Any) -> Any:
    return a[:, None] * b


def _softmax(np: Any, x: Any) -> Any:
    return softmax(np, x)


def _growth(np: Any, w: Any, x: Any) -> Any:
    return np.exp(x @ w).sum()


def _drawn_focal(rng: Any) -> tuple[Any, ...]:
    w, b, x = rng.normal(size=9), numpy.asarray(rng.normal()), rng.normal(size=(40, 9))
    return w, b, x, rng.choice([-1.0, 1.0], 40)


def _drawn_lstm(rng: Any) -> tuple[Any, ...]:
    w, u, b, x = normal((4, 12), (3, 12), (12,), (3, 5, 4))(rng)
    return w / 2, u / 3, b / 3, x


def _drawn_regression(rng: Any) -> tuple[Any, ...]:
    w, b, x = normal((6, 5), (5,), (25, 6))(rng)
    return w, b, x, numpy.eye(5)[rng.integers(5, size=25)]


def _drawn_graph(rng: Any) -> tuple[Any, ...]:
    w, v, x = normal((5, 6), (6, 3), (12, 5))(rng)
    return w / 2, v, x, (rng.random((12, 12)) < 0.3) / 3.0


def _silu(x: Any) -> Any:
    return functional.silu(x)


HELD_OUT = {
    "focal loss": Function(_focal, _drawn_focal, 2),
    "batch norm": Function(
        _batch_norm,
        normal((12, 7), (7,), (7,), (12, 7)),
        3,
        "jax",
        wrong={"mean of the norm detached": (_batch_norm_detached, "missing_term")},
    ),
    "gated unit": Function(_gated, normal((6, 5), (5, 6), (5, 6)), 3),
    "student": Function(_student, normal((11,), (), (50, 11), (50,)), 2, "jax"),
    "ridge": Function(
        _ridge,
        lambda rng: (*normal((15, 2), (40, 15), (40, 2))(rng), 0.7),
        1,
        wrong={"L2 left out": (_ridge_plain, "missing_term")},
    ),
    "softmax regression": Function(_softmax_regression, _drawn_regression, 2),
    "graph": Function(_graph, _drawn_graph, 2),
    "variational": Function(_variational, normal((8, 6), (8, 6), (8, 6), (8, 6)), 2, "jax"),
    "kernel means": Function(_kernel_means, normal((9, 3), (), (30, 3)), 2),
    "elastic": Function(_elastic, normal((900,), (900,))),
    "hinge": Function(_hinge, _drawn_focal, 2, "torch"),
    "lstm": Function(_lstm, _drawn_lstm, 3, "torch"),
    "contrast": Function(_contrast, normal((6, 7), (8, 7), (6, 8)), 2, "torch"),
    "pooling": Function(_pooled, normal((4, 15), (5, 3), (4, 3)), 2, "torch"),
    "channels": Function(_channels, normal((3, 18), (4, 3, 4), (4, 15)), 2, "torch"),
    "swish vjp": Function(
        _swish,
        normal((6, 11)),
        1,
        "jax",
        "vjp",
        {"straight through": (_identity, "straight_through")},
    ),
    "sigmoid vjp": Function(
        _sigmoid,
        normal((40,)),
        1,
        "numpy",
        "vjp",
        {"sigmoid' left out": (_identity, "missing_factor straight_through")},
    ),
    "outer vjp": Function(_outer, normal((9,), (8,)), 2, "jax", "vjp"),
    "mish jvp": Function(_mish, normal((25,)), 1, "jax", "jvp"),
    "softmax jac": Function(_softmax, normal((7,)), 1, "jax", "jac"),
    "silu values": Function(_silu, normal((8, 6)), 1, "torch", "values"),
    "growth hvp": Function(
        _growth, lambda rng: (rng.normal(size=6) / 2, rng.normal(size=(15, 6))), 1, "numpy", "hvp"
    ),
    "growth hess": Function(
        _growth, lambda rng: (rng.normal(size=7) / 2, rng.normal(size=(15, 7))), 1, "numpy", "hess"
    ),
}
