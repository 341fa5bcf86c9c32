"""Operations in plain PyTorch, by name: each with the shapes of its arguments."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

Operation = tuple[Callable[..., torch.Tensor], list[tuple[int, ...]]]


def _rms_norm(x: Any, w: Any) -> Any:
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * w


def _layer_norm(x: Any, w: Any, b: Any) -> Any:
    return functional.layer_norm(x, (x.shape[-1],), w, b)


def _attention(q: Any, k: Any, v: Any) -> Any:
    return torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]), -1) @ v


def _rotary(x: Any, cosine: Any, sine: Any) -> Any:
    a, b = x.chunk(2, -1)
    return torch.cat([a * cosine - b * sine, a * sine + b * cosine], -1)


def _group_norm(x: Any, w: Any) -> Any:
    deviation = x.var((1, 2), keepdim=True, unbiased=False)
    return (x - x.mean((1, 2), keepdim=True)) * torch.rsqrt(deviation + 1e-5) * w


OPERATIONS: dict[str, Operation] = {
    "RMS norm": (_rms_norm, [(20, 48), (48,)]),
    "layer norm": (_layer_norm, [(20, 48), (48,), (48,)]),
    "group norm": (_group_norm, [(6, 12, 14), (14,)]),
    "l2 norm": (lambda x: x / (x.norm(dim=-1, keepdim=True) + 1e-6), [(25, 31)]),
    "softmax": (lambda x: torch.softmax(2 * x, -1), [(24, 40)]),
    "log-sum-exp": (lambda x: torch.logsumexp(x, -1), [(40, 33)]),
    "cross entropy": (lambda x: -torch.log_softmax(x, -1)[:, 0], [(30, 50)]),
    "attention": (_attention, [(2, 16, 8), (2, 20, 8), (2, 20, 8)]),
    "rotary embedding": (_rotary, [(12, 10, 16), (10, 8), (10, 8)]),
    "gelu": (functional.gelu, [(900,)]),
    "SwiGLU": (lambda a, b: functional.silu(a) * b, [(30, 30), (30, 30)]),
    "squared relu": (lambda x: torch.relu(x) ** 2, [(20, 40)]),
    "matrix product": (torch.matmul, [(24, 64), (64, 17)]),
    "two layers": (lambda x, w, v: torch.tanh(x @ w) @ v, [(12, 20), (20, 24), (24, 5)]),
    "running sum": (lambda x: torch.cumsum(x, -1), [(10, 60)]),
    "decay": (lambda x, a: x * torch.exp(-functional.softplus(a)), [(20, 30), (30,)]),
}
