"""
Operations that the comparison was not built with.

No single result of theirs was looked at while it was built or mended, and none may be: they tell
what to expect of an operation that is not among ours. What is wrong is only counted.
"""

import math
from typing import Any

import torch
from tests.references.operations import Operation
from torch.nn import functional


def _window_attention(q: Any, k: Any, v: Any, width: int = 5) -> Any:
    """Each query attends to what is less than so many places away."""
    place = torch.arange(q.shape[-2], device=q.device)
    far = (place[:, None] - place).abs() >= width
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(far, -math.inf)
    return torch.softmax(scores, -1) @ v


def _linear_attention(q: Any, k: Any, v: Any) -> Any:
    """Each query takes the running sum of outer products of keys and values."""
    q, k = functional.elu(q) + 1, functional.elu(k) + 1
    state = torch.cumsum(k[..., :, None] * v[..., None, :], -3)
    weight = (q * torch.cumsum(k, -2)).sum(-1, keepdim=True)
    return (q[..., None, :] @ state).squeeze(-2) / weight


def _scan(x: Any, a: Any, b: Any) -> Any:
    """Return the states of a linear recurrence with gates."""
    keep, state, found = torch.sigmoid(a), torch.zeros_like(x[:, 0]), []
    for t in range(x.shape[1]):
        state = keep[:, t] * state + b[:, t] * x[:, t]
        found.append(state)
    return torch.stack(found, 1)


def _convolution(x: Any, w: Any, shift: int = 0) -> Any:
    """Each channel is convolved with weights of its own, from the past on."""
    taps = w.shape[-1]
    past = functional.pad(x, (taps - 1, 0))
    length = x.shape[-1] - shift
    parts = [past[..., j : j + length] * w[:, j, None] for j in range(taps)]
    return functional.pad(sum(parts[1:], parts[0]), (0, shift))


def _divergence(x: Any, y: Any) -> Any:
    log_p, log_q = torch.log_softmax(x, -1), torch.log_softmax(y, -1)
    return (log_p.exp() * (log_p - log_q)).sum(-1)


def _experts(x: Any, gate: Any, w: Any) -> Any:
    """Return what all experts say, weighed by a softmax."""
    share = torch.softmax(x @ gate, -1)
    return torch.einsum("re,rd,edc->rc", share, x, w)


def _contrast(a: Any, b: Any, heat: float = 0.2) -> Any:
    a, b = functional.normalize(a, dim=-1), functional.normalize(b, dim=-1)
    return -torch.log_softmax(a @ b.mT / heat, -1).diagonal()


def _standardised(x: Any, w: Any) -> Any:
    """Return a product with weights whose columns have mean 0 and variance 1."""
    w = (w - w.mean(0)) * torch.rsqrt(w.var(0, unbiased=False) + 1e-5)
    return x @ w / math.sqrt(w.shape[0])


HELD_OUT = {
    "window attention": Operation(
        _window_attention,
        "bqd bqd bqd",
        {"b": 2, "q": 19, "d": 8},
        {"window wider by one": lambda q, k, v: _window_attention(q, k, v, 6)},
    ),
    "linear attention": Operation(
        _linear_attention, "btd btd bte", {"b": 2, "t": 13, "d": 6, "e": 7}
    ),
    "gated scan": Operation(_scan, "btc btc btc", {"b": 3, "t": 9, "c": 20}),
    "convolution": Operation(
        _convolution,
        "bct ck",
        {"b": 3, "c": 11, "t": 29, "k": 4},
        {"no last place": lambda x, w: _convolution(x, w, 1)},
    ),
    "divergence": Operation(_divergence, "rc rc", {"r": 26, "c": 35}),
    "experts": Operation(_experts, "rd de edc", {"r": 21, "d": 12, "e": 4, "c": 15}),
    "contrastive loss": Operation(
        _contrast,
        "rd rd",
        {"r": 22, "d": 19},
        {"another temperature": lambda a, b: _contrast(a, b, 0.21)},
    ),
    "mish": Operation(lambda x: x * torch.tanh(functional.softplus(x)), "rc", {"r": 23, "c": 39}),
    "standardised product": Operation(_standardised, "rk kc", {"r": 18, "k": 27, "c": 16}),
}
