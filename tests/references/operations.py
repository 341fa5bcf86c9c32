"""Operations in plain PyTorch, by name, with wrong ones that people write in their place."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn import functional

Func = Callable[..., torch.Tensor]


@dataclass(frozen=True)
class Operation:
    """
    What a kernel computes.

    Attributes
    ----------
    func : callable
        In plain operations, which autograd differentiates.
    shapes : str
        A word for each argument, a letter for each axis: ``"rc c"``.
    sizes : dict of str to int
        What each letter stands for in a small problem.
    wrong : dict of str to callable
        What others write in the place of `func`, by what is wrong with it.
    """

    func: Func
    shapes: str
    sizes: dict[str, int]
    wrong: dict[str, Func] = field(default_factory=dict)

    def drawn(self, seed: int, dtype: torch.dtype, times: int = 1) -> list[torch.Tensor]:
        """Return random arguments, with axes so many times as long."""
        draw = torch.Generator().manual_seed(seed)
        shapes = [[self.sizes[letter] * times for letter in word] for word in self.shapes.split()]
        return [torch.randn(*shape, generator=draw).to(dtype) for shape in shapes]


def _rms_norm(x: Any, w: Any, eps: float = 1e-6) -> Any:
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * w


def _layer_norm(x: Any, w: Any, b: Any) -> Any:
    return functional.layer_norm(x, (x.shape[-1],), w, b)


def _with_bessel(x: Any, w: Any, b: Any) -> Any:
    return (x - x.mean(-1, keepdim=True)) * torch.rsqrt(x.var(-1, keepdim=True) + 1e-5) * w + b


def _group_norm(x: Any, w: Any) -> Any:
    deviation = x.var((1, 2), keepdim=True, unbiased=False)
    return (x - x.mean((1, 2), keepdim=True)) * torch.rsqrt(deviation + 1e-5) * w


def _attention(q: Any, k: Any, v: Any) -> Any:
    return torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]), -1) @ v


def _causal(q: Any, k: Any, v: Any, shift: int = 0) -> Any:
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).triu(1 + shift)
    return torch.softmax(scores.masked_fill(later, -math.inf), -1) @ v


def _rotary(x: Any, cosine: Any, sine: Any) -> Any:
    a, b = x.chunk(2, -1)
    return torch.cat([a * cosine - b * sine, a * sine + b * cosine], -1)


def _smoothed(x: Any, share: float = 0.1) -> Any:
    logs = torch.log_softmax(x, -1)
    return -(1 - share) * logs[:, 0] - share * logs.mean(-1)


def _without_last(x: Any) -> Any:
    """Return the sum of exponentials without those of the last, incomplete block."""
    return torch.logsumexp(x[..., : x.shape[-1] // 8 * 8], -1)


#: What may be looked at while the comparison is built.
OPERATIONS = {
    "RMS norm": Operation(
        _rms_norm,
        "rc c",
        {"r": 20, "c": 47},
        {
            "epsilon of 1e-2": lambda x, w: _rms_norm(x, w, 1e-2),
            "length of the block": lambda x, w: _rms_norm(x, w) * math.sqrt(x.shape[-1] / 48),
        },
    ),
    "layer norm": Operation(
        _layer_norm, "rc c c", {"r": 20, "c": 48}, {"divided by n - 1": _with_bessel}
    ),
    "group norm": Operation(_group_norm, "bsc c", {"b": 6, "s": 12, "c": 14}),
    "l2 norm": Operation(
        lambda x: x / (x.norm(dim=-1, keepdim=True) + 1e-6), "rc", {"r": 25, "c": 31}
    ),
    "softmax": Operation(
        lambda x: torch.softmax(2 * x, -1),
        "rc",
        {"r": 24, "c": 41},
        {"factor of 2.02": lambda x: torch.softmax(2.02 * x, -1)},
    ),
    "log-sum-exp": Operation(
        lambda x: torch.logsumexp(x, -1),
        "rc",
        {"r": 40, "c": 33},
        {"no last block": _without_last},
    ),
    "cross entropy": Operation(lambda x: -torch.log_softmax(x, -1)[:, 0], "rc", {"r": 30, "c": 50}),
    "smoothed cross entropy": Operation(
        _smoothed, "rc", {"r": 28, "c": 37}, {"not smoothed": lambda x: _smoothed(x, 0.0)}
    ),
    "attention": Operation(
        _attention,
        "bqd bkd bkd",
        {"b": 2, "q": 16, "k": 20, "d": 8},
        {
            "no scale": lambda q, k, v: _attention(q * math.sqrt(q.shape[-1]), k, v),
            "no last block": lambda q, k, v: _attention(q, k[:, :-4], v[:, :-4]),
        },
    ),
    "causal attention": Operation(
        _causal,
        "bqd bqd bqd",
        {"b": 2, "q": 18, "d": 8},
        {"mask off by one": lambda q, k, v: _causal(q, k, v, 1)},
    ),
    "rotary embedding": Operation(_rotary, "btc th th", {"b": 12, "t": 10, "c": 16, "h": 8}),
    "gelu": Operation(
        functional.gelu,
        "n",
        {"n": 900},
        {"sigmoid": lambda x: x * torch.sigmoid(1.702 * x)},
    ),
    "SwiGLU": Operation(lambda a, b: functional.silu(a) * b, "rc rc", {"r": 30, "c": 30}),
    "squared relu": Operation(lambda x: torch.relu(x) ** 2, "rc", {"r": 20, "c": 40}),
    "matrix product": Operation(
        torch.matmul,
        "rk kc",
        {"r": 24, "k": 64, "c": 17},
        {"no last block": lambda a, b: a[:, :-4] @ b[:-4]},
    ),
    "two layers": Operation(
        lambda x, w, v: torch.tanh(x @ w) @ v, "rk kh hc", {"r": 12, "k": 20, "h": 24, "c": 5}
    ),
    "running sum": Operation(lambda x: torch.cumsum(x, -1), "rc", {"r": 10, "c": 60}),
    "decay": Operation(
        lambda x, a: x * torch.exp(-functional.softplus(a)), "rc c", {"r": 20, "c": 30}
    ),
}
