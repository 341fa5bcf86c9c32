"""Functions of PyTorch with right derivatives, and custom rules with mistakes planted in them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch.nn import functional as fn

Inputs = tuple[Any, ...]


class Op(NamedTuple):
    """A function and what makes its inputs, in float64, from a generator."""

    func: Callable[..., Any]
    inputs: Callable[[torch.Generator], Inputs]


def _normal(*shape: int) -> Callable[[torch.Generator], torch.Tensor]:
    return lambda g: torch.randn(shape, generator=g, dtype=torch.float64)


def _positive(*shape: int) -> Callable[[torch.Generator], torch.Tensor]:
    return lambda g: 0.5 + torch.rand(shape, generator=g, dtype=torch.float64)


def _inside(*shape: int) -> Callable[[torch.Generator], torch.Tensor]:
    return lambda g: 0.1 + 0.8 * torch.rand(shape, generator=g, dtype=torch.float64)


def _definite(n: int) -> Callable[[torch.Generator], torch.Tensor]:
    def make(g: torch.Generator) -> torch.Tensor:
        a = torch.randn(n, n, generator=g, dtype=torch.float64)
        return a @ a.mT + n * torch.eye(n, dtype=torch.float64)

    return make


def _of(*makers: Callable[[torch.Generator], torch.Tensor]) -> Callable[[torch.Generator], Inputs]:
    return lambda g: tuple(make(g) for make in makers)


def _classes(n: int, classes: int) -> torch.Tensor:
    return torch.arange(n) % classes


def _op(func: Callable[..., Any], *makers: Callable[[torch.Generator], torch.Tensor]) -> Op:
    return Op(func, _of(*makers))


X = _normal(3, 4)
OPS: dict[str, Op] = {
    # One number to one number.
    "sin": _op(torch.sin, X),
    "tan": _op(torch.tan, _inside(3, 4)),
    "exp": _op(torch.exp, X),
    "expm1": _op(torch.expm1, X),
    "log": _op(torch.log, _positive(3, 4)),
    "log1p": _op(torch.log1p, _positive(3, 4)),
    "sqrt": _op(torch.sqrt, _positive(3, 4)),
    "rsqrt": _op(torch.rsqrt, _positive(3, 4)),
    "reciprocal": _op(torch.reciprocal, _positive(3, 4)),
    "tanh": _op(torch.tanh, X),
    "atan": _op(torch.atan, X),
    "asin": _op(torch.asin, _inside(3, 4)),
    "erf": _op(torch.erf, X),
    "sigmoid": _op(torch.sigmoid, X),
    "logit": _op(torch.logit, _inside(3, 4)),
    "lgamma": _op(torch.lgamma, _positive(3, 4)),
    "sinc": _op(torch.sinc, X),
    "abs": _op(torch.abs, X),
    "square": _op(torch.square, X),
    "clamp": _op(lambda x: x.clamp(-0.5, 0.5), X),
    "relu": _op(fn.relu, X),
    "leaky_relu": _op(fn.leaky_relu, X),
    "elu": _op(fn.elu, X),
    "selu": _op(fn.selu, X),
    "gelu": _op(fn.gelu, X),
    "silu": _op(fn.silu, X),
    "mish": _op(fn.mish, X),
    "softplus": _op(fn.softplus, X),
    "softsign": _op(fn.softsign, X),
    "hardswish": _op(fn.hardswish, X),
    "logsigmoid": _op(fn.logsigmoid, X),
    # Two arguments.
    "add": _op(torch.add, X, _normal(4)),
    "mul": _op(torch.mul, X, _normal(3, 1)),
    "div": _op(torch.div, X, _positive(3, 4)),
    "pow": _op(torch.pow, _positive(3, 4), X),
    "atan2": _op(torch.atan2, X, _positive(3, 4)),
    "hypot": _op(torch.hypot, X, _positive(3, 4)),
    "maximum": _op(torch.maximum, X, X),
    "logaddexp": _op(torch.logaddexp, X, X),
    "lerp": _op(torch.lerp, X, X, _inside(3, 4)),
    "where": _op(lambda x, y: torch.where(x > 0, x * y, y), X, X),
    # Sums and shapes.
    "sum": _op(torch.sum, X),
    "mean": _op(lambda x: x.mean(1), X),
    "var": _op(lambda x: x.var(1), X),
    "std": _op(lambda x: x.std(1), X),
    "prod": _op(lambda x: x.prod(1), _positive(3, 4)),
    "norm": _op(lambda x: torch.linalg.vector_norm(x, dim=1), X),
    "logsumexp": _op(lambda x: torch.logsumexp(x, 1), X),
    "cumsum": _op(lambda x: x.cumsum(1), X),
    "cumprod": _op(lambda x: x.cumprod(1), _positive(3, 4)),
    "max": _op(lambda x: torch.max(x, 1), X),
    "sort": _op(lambda x: torch.sort(x, 1), X),
    "topk": _op(lambda x: torch.topk(x, 2), X),
    "transpose": _op(lambda x: x.mT, X),
    "index": _op(lambda x: x[:, [0, 2, 2]], X),
    "gather": _op(lambda x: x.gather(1, torch.tensor([[0, 0], [1, 2], [3, 1]])), X),
    "cat": _op(lambda x, y: torch.cat([x, y * y]), X, X),
    "chunk": _op(lambda x: x.chunk(2, 1), X),
    "tril": _op(torch.tril, _normal(4, 4)),
    "flip": _op(lambda x: x.flip(1) * x, X),
    # Matrices.
    "matmul": _op(torch.matmul, X, _normal(4, 3)),
    "bmm": _op(torch.bmm, _normal(2, 3, 4), _normal(2, 4, 2)),
    "einsum": _op(lambda a, b: torch.einsum("ij,kj->ik", a, b), X, X),
    "outer": _op(torch.outer, _normal(3), _normal(4)),
    "det": _op(torch.linalg.det, _definite(3)),
    "inv": _op(torch.linalg.inv, _definite(3)),
    "solve": _op(torch.linalg.solve, _definite(3), _normal(3, 2)),
    "cholesky": _op(lambda a: torch.linalg.cholesky((a + a.mT) / 2), _definite(3)),
    # Layers.
    "linear": _op(fn.linear, X, _normal(2, 4), _normal(2)),
    "bilinear": _op(fn.bilinear, _normal(3, 2), _normal(3, 4), _normal(2, 2, 4)),
    "conv1d": _op(fn.conv1d, _normal(1, 2, 6), _normal(2, 2, 3), _normal(2)),
    "conv2d": _op(fn.conv2d, _normal(1, 2, 4, 4), _normal(2, 2, 3, 3)),
    "conv_transpose1d": _op(fn.conv_transpose1d, _normal(1, 2, 4), _normal(2, 2, 3)),
    "max_pool1d": _op(lambda x: fn.max_pool1d(x, 2), _normal(1, 2, 6)),
    "avg_pool2d": _op(lambda x: fn.avg_pool2d(x, 2), _normal(1, 2, 4, 4)),
    "adaptive_avg_pool1d": _op(lambda x: fn.adaptive_avg_pool1d(x, 2), _normal(1, 2, 6)),
    "interpolate": _op(
        lambda x: fn.interpolate(x, scale_factor=2, mode="linear"), _normal(1, 2, 4)
    ),
    "pad": _op(lambda x: fn.pad(x, (1, 1), mode="reflect"), _normal(1, 2, 4)),
    "pixel_shuffle": _op(lambda x: fn.pixel_shuffle(x, 2), _normal(1, 4, 2, 2)),
    "layer_norm": _op(lambda x, w, b: fn.layer_norm(x, (4,), w, b), X, _normal(4), _normal(4)),
    "rms_norm": _op(lambda x, w: fn.rms_norm(x, (4,), w), X, _normal(4)),
    "group_norm": _op(lambda x: fn.group_norm(x, 2), _normal(2, 4, 3)),
    "batch_norm": _op(lambda x: fn.batch_norm(x, None, None, training=True), _normal(5, 3)),
    "instance_norm": _op(fn.instance_norm, _normal(2, 2, 5)),
    "normalize": _op(fn.normalize, X),
    "softmax": _op(lambda x: fn.softmax(x, 1), X),
    "log_softmax": _op(lambda x: fn.log_softmax(x, 1), X),
    "glu": _op(fn.glu, X),
    "embedding": _op(lambda w: fn.embedding(torch.tensor([[0, 2], [1, 2]]), w), _normal(4, 3)),
    "cosine_similarity": _op(fn.cosine_similarity, X, X),
    "pairwise_distance": _op(fn.pairwise_distance, X, X),
    "attention": _op(
        fn.scaled_dot_product_attention, _normal(1, 3, 4), _normal(1, 3, 4), _normal(1, 3, 4)
    ),
    "causal attention": _op(
        lambda q, k, v: fn.scaled_dot_product_attention(q, k, v, is_causal=True),
        *(_normal(1, 3, 4),) * 3,
    ),
    # Losses.
    "mse_loss": _op(fn.mse_loss, X, X),
    "l1_loss": _op(fn.l1_loss, X, X),
    "smooth_l1_loss": _op(fn.smooth_l1_loss, X, X),
    "huber_loss": _op(fn.huber_loss, X, X),
    "cross_entropy": _op(lambda x: fn.cross_entropy(x, _classes(5, 3)), _normal(5, 3)),
    "label smoothing": _op(
        lambda x: fn.cross_entropy(x, _classes(5, 3), label_smoothing=0.1), _normal(5, 3)
    ),
    "nll_loss": _op(lambda x: fn.nll_loss(fn.log_softmax(x, 1), _classes(5, 3)), _normal(5, 3)),
    "binary_cross_entropy": _op(
        lambda p: fn.binary_cross_entropy(p, (p.detach() > 0.5).to(p.dtype)), _inside(6)
    ),
    "bce with logits": _op(
        lambda x: fn.binary_cross_entropy_with_logits(x, _classes(6, 2).to(x.dtype)), _normal(6)
    ),
    "kl_div": _op(
        lambda x, y: fn.kl_div(fn.log_softmax(x, 1), fn.softmax(y, 1), reduction="batchmean"), X, X
    ),
    "poisson_nll_loss": _op(lambda x: fn.poisson_nll_loss(x, torch.ones_like(x)), X),
    "gaussian_nll_loss": _op(
        lambda x, v: fn.gaussian_nll_loss(x, torch.zeros_like(x), v), X, _positive(3, 4)
    ),
    "hinge_embedding_loss": _op(
        lambda x: fn.hinge_embedding_loss(x, 1 - 2 * _classes(6, 2)), _normal(6)
    ),
    "soft_margin_loss": _op(
        lambda x: fn.soft_margin_loss(x, (1 - 2 * _classes(6, 2)).to(x.dtype)), _normal(6)
    ),
    "triplet_margin_loss": _op(fn.triplet_margin_loss, X, X, X),
}

#: What PyTorch has no kernel for in half precision, on CPU.
NOT_IN_HALF = {"det", "inv", "solve", "cholesky"}


def inputs(op: Op, dtype: torch.dtype, seed: int = 0) -> Inputs:
    """Return the inputs of an op; all of them require a gradient."""
    made = op.inputs(torch.Generator().manual_seed(seed))
    return tuple(x.to(dtype).requires_grad_() for x in made)


def _one_entry(g: torch.Tensor) -> torch.Tensor:
    g = g.clone(memory_format=torch.contiguous_format)
    flat = g.view(-1)
    k = flat.numel() // 2
    flat[k] = flat[k] + 2 * flat.abs().max()
    return g


def _nan(g: torch.Tensor) -> torch.Tensor:
    g = g.clone(memory_format=torch.contiguous_format)
    g.view(-1)[-1] = float("nan")
    return g


def _transposed(g: torch.Tensor) -> torch.Tensor:
    return g.mT.reshape(g.shape) if g.ndim > 1 else g.flip(0)


#: What people get wrong, as a change to a right gradient.
MISTAKES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "sign": torch.neg,
    "factor 2": lambda g: 2 * g,
    "one entry": _one_entry,
    "rolled": lambda g: g.reshape(-1).roll(1).reshape(g.shape),
    "transposed": _transposed,
    "mean for sum": lambda g: g / g.numel(),
    "detached": torch.zeros_like,
    "NaN": _nan,
    "dropped term": torch.clone,  # forward has the term
}


class _Wrong(torch.autograd.Function):
    """A function with the backward pass of autograd, and a mistake in the first gradient."""

    @staticmethod
    def forward(ctx: Any, func: Any, mistake: str, *given: torch.Tensor) -> Any:
        with torch.enable_grad():
            own = [x.detach().requires_grad_() for x in given]
            outputs = func(*own)
        tensors = outputs if isinstance(outputs, tuple) else (outputs,)
        ctx.own, ctx.mistake = own, mistake
        ctx.graph = [t for t in tensors if t.requires_grad]
        found = [t.detach().clone() for t in ctx.graph]
        if mistake == "dropped term":
            found = [t + 2 * given[0].square().mean() for t in found]
        return tuple(found)

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> Any:
        first, *others = torch.autograd.grad(ctx.graph, ctx.own, cotangents, retain_graph=True)
        return None, None, MISTAKES[ctx.mistake](first), *others


def wrong(op: Op, mistake: str) -> Callable[..., Any]:
    """Return an op with a custom rule that has a mistake."""
    return lambda *given: _Wrong.apply(op.func, mistake, *given)


def changes(op: Op, mistake: str, given: Inputs) -> bool:
    """Tell whether a mistake changes the derivatives of an op at all."""
    if mistake == "dropped term":
        return True
    outputs = op.func(*given)
    tensors = outputs if isinstance(outputs, tuple) else (outputs,)
    graph = [t for t in tensors if t.requires_grad]
    g = torch.Generator().manual_seed(1)
    weights = [torch.randn(t.shape, generator=g, dtype=torch.float64).to(t.dtype) for t in graph]
    first = torch.autograd.grad(graph, given[0], weights)[0]
    gap = (MISTAKES[mistake](first) - first).abs()
    return not bool((gap <= 0.3 * first.abs().max()).all())


class Sine(torch.autograd.Function):
    """A sine, its gradient off by `factor` times itself, and by `extra` in entry 0."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, scale: float, factor: float, extra: float) -> Any:
        ctx.save_for_backward(x)
        ctx.numbers = scale, factor, extra
        return scale * x.sin()

    @staticmethod
    def backward(ctx: Any, cotangent: torch.Tensor) -> Any:
        (x,) = ctx.saved_tensors
        scale, factor, extra = ctx.numbers
        gradient = cotangent * scale * (1 + factor) * x.cos()
        if extra:
            gradient = gradient.clone()
            gradient[0] += extra * cotangent[0]
        return gradient, None, None, None


class PlainSquare(torch.autograd.Function):
    """A square with a backward alone; of complex numbers it forgets to conjugate."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> Any:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, cotangent: torch.Tensor) -> Any:
        return 2 * ctx.saved_tensors[0] * cotangent


class Square(torch.autograd.Function):
    """A square, with rules of its own for forward mode and for what a flag breaks."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, broken: str) -> Any:
        ctx.broken = broken
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)
        return x * x

    @staticmethod
    def jvp(ctx: Any, tangent: torch.Tensor, _: None) -> Any:
        (x,) = ctx.saved_tensors
        return (1 if ctx.broken == "forward" else 2) * x * tangent

    @staticmethod
    def backward(ctx: Any, cotangent: torch.Tensor) -> Any:
        (x,) = ctx.saved_tensors
        if ctx.broken == "constant":  # is not multiplied by the grad_output
            return 2 * x + 0 * cotangent, None
        if ctx.broken == "random":
            return 2 * x * cotangent * (1 + 1e-9 * torch.rand((), dtype=x.dtype)), None
        if ctx.broken == "vmap":  # .item() has no rule there
            return 2 * x * cotangent + 0.0 * cotangent.sum().item(), None
        if ctx.broken == "second":
            return 2 * x.detach() * cotangent, None
        return 2 * x * cotangent, None


class Undefined(torch.autograd.Function):
    """Two results, with a backward pass that needs a grad_output for each."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> Any:
        ctx.set_materialize_grads(False)
        return 2 * x, 3 * x

    @staticmethod
    def backward(ctx: Any, first: torch.Tensor, second: torch.Tensor) -> Any:
        if first is None or second is None:
            msg = "no grad_output"
            raise RuntimeError(msg)
        return 2 * first + 3 * second


class Once(torch.autograd.Function):
    """A square that can be differentiated once."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> Any:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, cotangent: torch.Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return 2 * x * cotangent
