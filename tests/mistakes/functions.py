"""
Functions whose derivatives are spoilt: what people differentiate, small enough to run by thousands.

Those in NumPy's dialect take the library as their first argument, NumPy or `jax.numpy`; JAX
differentiates them. ``np.detach`` is JAX's `stop_gradient`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy
import torch
from torch.nn import functional

Draw = Callable[[Any], tuple[Any, ...]]


@dataclass(frozen=True)
class Function:
    """
    A function, and what is drawn for it.

    Attributes
    ----------
    func : callable
        What is differentiated.
    draw : callable
        From a NumPy generator to its arguments, in double precision.
    by : int
        How many of the first arguments it is differentiated by.
    library : str
        ``numpy``, ``jax`` or ``torch``.
    claim : str
        What is claimed: ``grad``, ``vjp``, ``jvp``, ``jac``, ``hess``, ``hvp`` or ``values``.
    wrong : dict of str to tuple of callable and kinds
        What others write in its place, and the kinds of mistake that it is.
    wide : bool
        Whether what it calls has no form in half precision: it then computes in single precision.
    """

    func: Callable[..., Any]
    draw: Draw
    by: int = 1
    library: str = "numpy"
    claim: str = "grad"
    wrong: dict[str, tuple[Callable[..., Any], str]] = field(default_factory=dict)
    wide: bool = False


def normal(*shapes: tuple[int, ...]) -> Draw:
    """Return what draws normal numbers of some shapes."""
    return lambda rng: tuple(rng.standard_normal(shape) for shape in shapes)


def sigmoid(np: Any, x: Any) -> Any:
    return 0.5 * (1 + np.tanh(x / 2))


def softmax(np: Any, x: Any, axis: int = -1) -> Any:
    e = np.exp(x - np.detach(np.max(x, axis, keepdims=True)))
    return e / e.sum(axis, keepdims=True)


def logsumexp(np: Any, x: Any, axis: int = -1) -> Any:
    top = np.detach(np.max(x, axis, keepdims=True))
    return (np.log(np.exp(x - top).sum(axis, keepdims=True)) + top).squeeze(axis)


# Functions of NumPy and JAX with one value


def _mlp(np: Any, w: Any, b: Any, v: Any, c: Any, x: Any, y: Any) -> Any:
    return np.mean((np.tanh(x @ w + b) @ v + c - y) ** 2)


def _deep(np: Any, w1: Any, w2: Any, w3: Any, x: Any, labels: Any) -> Any:
    hidden = np.tanh(np.tanh(x @ w1) @ w2)
    return -np.mean((labels * np.log(softmax(np, hidden @ w3))).sum(-1))


def _rms_norm(np: Any, x: Any, gain: Any, r: Any) -> Any:
    return (r * x * gain / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6)).sum()


def _rms_detached(np: Any, x: Any, gain: Any, r: Any) -> Any:
    return (r * x * gain / np.detach(np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6))).sum()


def _cross_entropy(np: Any, logits: Any, labels: Any) -> Any:
    return (logsumexp(np, logits) - (labels * logits).sum(-1)).sum()


def _logistic(np: Any, w: Any, x: Any, y: Any, decay: Any) -> Any:
    margin = y * (x @ w)
    return np.log1p(np.exp(-margin)).sum() + 0.5 * decay * (w @ w)


def _logistic_plain(np: Any, w: Any, x: Any, y: Any, decay: Any) -> Any:
    return _logistic(np, w, x, y, 0.0)


def _poisson(np: Any, w: Any, b: Any, x: Any, counts: Any) -> Any:
    rate = x @ w + b
    return (np.exp(rate) - counts * rate).sum()


def _factorisation(np: Any, u: Any, v: Any, m: Any) -> Any:
    return 0.5 * ((u @ v.T - m) ** 2).sum()


def _quadratic(np: Any, x: Any, a: Any) -> Any:
    return x @ a @ x


def _covariance(np: Any, a: Any, data: Any) -> Any:
    s = a @ a.T + 0.5 * np.eye(a.shape[0], dtype=a.dtype)
    return np.linalg.slogdet(s)[1] + np.mean((data * np.linalg.solve(s, data.T).T).sum(-1))


def _gaussian_process(np: Any, scale: Any, lengths: Any, noise: Any, x: Any, y: Any) -> Any:
    d = ((x[:, None] - x) / np.exp(lengths)) ** 2
    eye = np.eye(x.shape[0], dtype=x.dtype)
    k = np.exp(scale) * np.exp(-0.5 * d.sum(-1)) + (0.05 + np.exp(noise)) * eye
    return 0.5 * (y @ np.linalg.solve(k, y) + np.linalg.slogdet(k)[1])


def _mixture(np: Any, logits: Any, means: Any, data: Any) -> Any:
    log_p = logits - logsumexp(np, logits)
    far = ((data[:, None] - means) ** 2).sum(-1)
    return -logsumexp(np, log_p - 0.5 * far).mean()


def _convolution(np: Any, kernel: Any, image: Any, target: Any) -> Any:
    k, (h, w) = kernel.shape[0], target.shape
    parts = [kernel[i, j] * image[i : i + h, j : j + w] for i in range(k) for j in range(k)]
    return ((sum(parts[1:], parts[0]) - target) ** 2).mean()


def _cosine(np: Any, a: Any, b: Any) -> Any:
    return -(a @ b) / np.sqrt((a @ a) * (b @ b))


def _dropout(np: Any, x: Any, w: Any, mask: Any) -> Any:
    return (np.tanh(x * mask / 0.8) @ w).sum()


def _laplacian(np: Any, u: Any, f: Any) -> Any:
    down, across = u[1:] - u[:-1], u[:, 1:] - u[:, :-1]
    return 0.5 * (down**2).sum() + 0.5 * (across**2).sum() - (f * u).sum()


def _separable(np: Any, x: Any) -> Any:
    return (np.sin(x) + 0.1 * x**3).sum()


def _bilinear(np: Any, w: Any, x: Any, y: Any) -> Any:
    return np.tanh(x @ w @ y / x.shape[0])


def _labels(rng: Any, rows: int, classes: int) -> Any:
    return numpy.eye(classes)[rng.integers(classes, size=rows)]


def _drawn_mlp(rng: Any) -> tuple[Any, ...]:
    w, b, v, c, x, y = normal((5, 7), (7,), (7, 3), (3,), (16, 5), (16, 3))(rng)
    return w / 2, b, v / 3, c, x, y


def _drawn_deep(rng: Any) -> tuple[Any, ...]:
    w1, w2, w3, x = normal((5, 6), (6, 6), (6, 4), (11, 5))(rng)
    return w1 / 2, w2 / 3, w3, x, _labels(rng, 11, 4)


def _drawn_cross(rng: Any) -> tuple[Any, ...]:
    return 2 * rng.standard_normal((12, 7)), _labels(rng, 12, 7)


def _drawn_logistic(n: int) -> Draw:
    def draw(rng: Any) -> tuple[Any, ...]:
        w, x = rng.standard_normal(n), rng.standard_normal((50, n)) / math.sqrt(n)
        return w, x, rng.choice([-1.0, 1.0], 50), 0.3

    return draw


def _drawn_poisson(rng: Any) -> tuple[Any, ...]:
    w, b, x = rng.standard_normal(10) / 3, rng.standard_normal(), rng.standard_normal((30, 10))
    return w, numpy.asarray(b), x, rng.poisson(2.0, 30).astype(float)


def _drawn_process(rng: Any) -> tuple[Any, ...]:
    x = rng.standard_normal((14, 3))
    scale, noise = numpy.asarray(rng.normal() / 2), numpy.asarray(rng.normal() / 2)
    return scale, rng.normal(size=3) / 2, noise, x, numpy.sin(x.sum(-1))


def _drawn_dropout(rng: Any) -> tuple[Any, ...]:
    x, w = normal((9, 8), (8, 3))(rng)
    return x, w, (rng.random((9, 8)) < 0.8).astype(float)


_ARRAYS = {
    "mlp": Function(_mlp, _drawn_mlp, 4),
    "deep mlp": Function(_deep, _drawn_deep, 3, "jax"),
    "rms norm": Function(
        _rms_norm,
        normal((5, 11), (11,), (5, 11)),
        2,
        "jax",
        wrong={"root mean square detached": (_rms_detached, "missing_term")},
    ),
    "cross entropy": Function(_cross_entropy, _drawn_cross),
    "logistic": Function(
        _logistic, _drawn_logistic(20), wrong={"L2 left out": (_logistic_plain, "missing_term")}
    ),
    "wide logistic": Function(_logistic, _drawn_logistic(500)),
    "poisson": Function(_poisson, _drawn_poisson, 2),
    "factorisation": Function(_factorisation, normal((12, 4), (9, 4), (12, 9)), 2),
    "quadratic": Function(_quadratic, normal((30,), (30, 30))),
    "covariance": Function(_covariance, normal((6, 6), (20, 6)), 1, "jax", wide=True),
    "gaussian process": Function(_gaussian_process, _drawn_process, 3, "jax", wide=True),
    "mixture": Function(_mixture, normal((5,), (5, 3), (40, 3)), 2, "jax"),
    "convolution": Function(_convolution, normal((3, 3), (7, 9), (5, 7)), 2),
    "cosine": Function(_cosine, normal((25,), (25,)), 2),
    "dropout": Function(_dropout, _drawn_dropout, 2, "jax"),
    "laplacian": Function(_laplacian, normal((20, 20), (20, 20))),
    "separable": Function(_separable, normal((10_000,))),
    "bilinear": Function(_bilinear, normal((30, 30), (30,), (30,)), 3),
}


# Functions of PyTorch with one value


def _attention(q: Any, k: Any, v: Any, r: Any) -> Any:
    return (torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]), -1) @ v * r).sum()


def _attention_detached(q: Any, k: Any, v: Any, r: Any) -> Any:
    e = torch.exp(q @ k.mT / math.sqrt(q.shape[-1]))
    return (e / e.sum(-1, keepdim=True).detach() @ v * r).sum()


def _layer_norm(x: Any, gain: Any, bias: Any, r: Any) -> Any:
    return (functional.layer_norm(x, (x.shape[-1],), gain, bias) * r).sum()


def _layer_norm_detached(x: Any, gain: Any, bias: Any, r: Any) -> Any:
    spread = torch.sqrt(x.var(-1, keepdim=True, unbiased=False) + 1e-5)
    return (((x - x.mean(-1, keepdim=True).detach()) / spread * gain + bias) * r).sum()


def _rnn(w: Any, u: Any, b: Any, x: Any) -> Any:
    state = torch.zeros_like(x[0, :, :1]) * b
    for step in x:
        state = torch.tanh(step @ w + state @ u + b)
    return (state**2).sum()


def _embedding(table: Any, w: Any, rows: Any) -> Any:
    return torch.tanh(table[rows].sum(1) @ w).sum()


def _huber(w: Any, b: Any, x: Any, y: Any) -> Any:
    return functional.huber_loss(x @ w + b, y, reduction="sum", delta=1.5)


def _temperature(logits: Any, heat: Any, labels: Any) -> Any:
    return -(labels * torch.log_softmax(logits / heat, -1)).sum()


def _gelu_net(w: Any, v: Any, x: Any) -> Any:
    return functional.gelu(x @ w).mm(v).square().mean()


def _softmax_rows(x: Any) -> Any:
    return torch.softmax(x, -1)


def _spectrum(z: Any, w: Any) -> Any:
    return ((z * w).abs() ** 2).sum() + (z.real * z.imag).sum()


def _drawn_rnn(rng: Any) -> tuple[Any, ...]:
    w, u, b, x = normal((5, 8), (8, 8), (8,), (4, 6, 5))(rng)
    return w / 2, u / 3, b / 3, x


def _drawn_embedding(rng: Any) -> tuple[Any, ...]:
    return rng.normal(size=(12, 6)) / 2, rng.normal(size=(6, 4)), rng.integers(10, size=(14, 3))


def _drawn_heat(rng: Any) -> tuple[Any, ...]:
    return rng.normal(size=(8, 10)), numpy.asarray(0.7 + rng.random()), _labels(rng, 8, 10)


def _drawn_complex(rng: Any) -> tuple[Any, ...]:
    return rng.normal(size=(4, 6)) + 1j * rng.normal(size=(4, 6)), rng.normal(size=(4, 6))


_TORCH = {
    "attention": Function(
        _attention,
        normal((5, 6), (7, 6), (7, 4), (5, 4)),
        3,
        "torch",
        wrong={"sum of the softmax detached": (_attention_detached, "missing_term")},
    ),
    "layer norm": Function(
        _layer_norm,
        normal((5, 14), (14,), (14,), (5, 14)),
        3,
        "torch",
        wrong={"mean of the norm detached": (_layer_norm_detached, "missing_term")},
    ),
    "rnn": Function(_rnn, _drawn_rnn, 3, "torch"),
    "embedding": Function(_embedding, _drawn_embedding, 2, "torch"),
    "huber": Function(_huber, normal((12,), (), (40, 12), (40,)), 2, "torch"),
    "temperature": Function(_temperature, _drawn_heat, 2, "torch"),
    "gelu net": Function(_gelu_net, normal((6, 8), (8, 4), (15, 6)), 2, "torch"),
    "complex": Function(_spectrum, _drawn_complex, 1, "torch"),
}

# Rules: vjps, jvps, and whole matrices


def _softplus(np: Any, x: Any) -> Any:
    return np.logaddexp(x, 0 * x)


def _logsumexp(np: Any, x: Any) -> Any:
    return logsumexp(np, x)


def _gelu(np: Any, x: Any) -> Any:
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def _tanh(np: Any, x: Any) -> Any:
    return np.tanh(x)


def _cumsum(np: Any, x: Any) -> Any:
    return np.cumsum(x, -1)


def _matmul(np: Any, a: Any, b: Any) -> Any:
    return a @ b


def _bias(np: Any, x: Any, b: Any) -> Any:
    return np.exp(x / 2) + b


def _bias_of_mean(np: Any, x: Any, b: Any) -> Any:
    """Return what has the mean over rows as derivative by `b`, in the place of the sum."""
    return np.exp(x / 2) + b / x.shape[0]


def _normalised(np: Any, x: Any) -> Any:
    return x / np.sqrt((x * x).sum(-1, keepdims=True))


def _norm_detached(np: Any, x: Any) -> Any:
    return x / np.detach(np.sqrt((x * x).sum(-1, keepdims=True)))


def _pair(np: Any, x: Any) -> Any:
    return np.sin(x), x * np.cos(x)


def _first_of_pair(np: Any, x: Any) -> Any:
    return np.sin(x), np.detach(x * np.cos(x))


def _identity(np: Any, x: Any) -> Any:
    return x


def _net(np: Any, x: Any, w: Any) -> Any:
    return np.tanh(w @ x)


def _polar(np: Any, p: Any) -> Any:
    return np.stack([p[0] * np.cos(p[1]), p[0] * np.sin(p[1]), p[2] ** 3 / 3])


def _loss_of(np: Any, w: Any, x: Any, y: Any) -> Any:
    return np.logaddexp(-y * (x @ w), 0 * y).sum()


def _rosenbrock(np: Any, x: Any) -> Any:
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def _least_squares(np: Any, w: Any, x: Any, y: Any) -> Any:
    return 0.5 * ((np.tanh(x @ w) - y) ** 2).sum()


def _drawn_loss(rng: Any) -> tuple[Any, ...]:
    return rng.normal(size=8), rng.normal(size=(20, 8)), rng.choice([-1.0, 1.0], 20)


_RULES = {
    "softplus vjp": Function(_softplus, normal((8, 9)), claim="vjp"),
    "gelu vjp": Function(_gelu, normal((60,)), 1, "jax", "vjp"),
    "tanh vjp": Function(
        _tanh,
        normal((7, 12)),
        1,
        "jax",
        "vjp",
        {"tanh' left out": (_identity, "missing_factor straight_through")},
    ),
    "cumsum vjp": Function(
        _cumsum,
        normal((5, 14)),
        claim="vjp",
        wrong={"straight through": (_identity, "straight_through")},
    ),
    "logsumexp vjp": Function(_logsumexp, normal((9, 8)), claim="vjp"),
    "matmul vjp": Function(_matmul, normal((6, 7), (7, 5)), 2, "jax", "vjp"),
    "bias vjp": Function(
        _bias,
        normal((13, 10), (10,)),
        2,
        "numpy",
        "vjp",
        {"mean over the batch": (_bias_of_mean, "factor reduced")},
    ),
    "normalise vjp": Function(
        _normalised,
        normal((8, 9)),
        1,
        "jax",
        "vjp",
        {"norm detached": (_norm_detached, "missing_term")},
    ),
    "pair vjp": Function(
        _pair,
        normal((30,)),
        1,
        "numpy",
        "vjp",
        {"second output left out": (_first_of_pair, "partial missing_term")},
    ),
    "softplus jvp": Function(
        _softplus,
        normal((20,)),
        1,
        "jax",
        "jvp",
        {"straight through": (_identity, "straight_through missing_factor")},
    ),
    "matmul jvp": Function(_matmul, normal((6, 7), (7, 5)), 2, "numpy", "jvp"),
    "net jac": Function(_net, normal((6,), (9, 6)), 1, "jax", "jac"),
    "polar jac": Function(_polar, normal((3,)), 1, "numpy", "jac"),
    "logistic hess": Function(_loss_of, _drawn_loss, 1, "numpy", "hess"),
    "rosenbrock hess": Function(_rosenbrock, normal((10,)), 1, "jax", "hess"),
    "softmax values": Function(_softmax_rows, normal((9, 7)), 1, "torch", "values"),
    "logistic hvp": Function(_loss_of, _drawn_loss, 1, "numpy", "hvp"),
    "rosenbrock hvp": Function(_rosenbrock, normal((7,)), 1, "jax", "hvp"),
    "least squares hess": Function(_least_squares, _drawn_loss, 1, "numpy", "hess"),
}

FUNCTIONS = {**_ARRAYS, **_TORCH, **_RULES}
