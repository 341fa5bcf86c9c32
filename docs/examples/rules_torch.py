"""
Backward passes in PyTorch, float32 and half precision, each with the mistake that people make.

`torch.autograd.Function` of the old style (a ctx in forward) and of the new one (`setup_context`,
which works under `torch.func` and vmap), with several inputs and outputs, arguments that are no
tensors, gradients that are None, and inside an nn.Module. Run it: it prints one line for each rule,
and raises if a right one does not pass or if a mistake is not found.
"""

import torch
from _table import head, rule
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from gradproof import Verdict, WrongDerivative, verify_autodiff
from gradproof.testing import assert_autodiff, assert_vjp

torch.manual_seed(0)
head()

# --- linear layer, in an nn.Module ---------------------------------------------------------------
# A module is differentiated by its parameters. The mistake: the bias gets the mean over the batch
# rather than the sum.


class LinearFunction(Function):
    @staticmethod
    def forward(ctx, x, weight, bias, reduce):
        ctx.save_for_backward(x, weight)
        ctx.reduce = reduce
        return x @ weight.T + bias

    @staticmethod
    def backward(ctx, ct):
        x, weight = ctx.saved_tensors
        return ct @ weight, ct.T @ x, ctx.reduce(ct, dim=0), None


class Linear(torch.nn.Module):
    def __init__(self, reduce):
        super().__init__()
        self.inner = torch.nn.Linear(3, 2)
        self.reduce = reduce

    def forward(self, x):
        return LinearFunction.apply(x, self.inner.weight, self.inner.bias, self.reduce)


batch = torch.randn(5, 3)
rule(
    "linear layer, nn.Module",
    lambda module: verify_autodiff(lambda m, x: m(x), module, batch, modes="vjp", seed=0),
    right=Linear(torch.sum),
    wrong=Linear(torch.mean),
    only="m['inner.bias']",
)

# --- softmax cross entropy, label smoothing ------------------------------------------------------
# Old style: a ctx in forward, integer labels and a float that is no tensor, None for both. The
# mistake: the smoothing of the forward pass is not in the backward pass.


def cross_entropy(*, smooth):
    class CrossEntropy(Function):
        @staticmethod
        def forward(ctx, logits, labels, smoothing):
            log_p = logits.log_softmax(1)
            wanted = torch.nn.functional.one_hot(labels, logits.shape[1]).to(logits.dtype)
            ctx.save_for_backward(log_p, wanted)
            ctx.smoothing = smoothing
            wanted = (1 - smoothing) * wanted + smoothing / logits.shape[1]
            return -(wanted * log_p).sum() / len(labels)

        @staticmethod
        def backward(ctx, ct):
            log_p, wanted = ctx.saved_tensors
            if smooth:
                wanted = (1 - ctx.smoothing) * wanted + ctx.smoothing / wanted.shape[1]
            return ct * (log_p.exp() - wanted) / len(wanted), None, None

    return CrossEntropy.apply


logits, labels = torch.randn(4, 3), torch.tensor([2, 0, 1, 1])
rule(
    "cross entropy, smoothed",
    lambda func: verify_autodiff(func, logits, labels, 0.1, modes="vjp", seed=0),
    right=cross_entropy(smooth=True),
    wrong=cross_entropy(smooth=False),
)

# --- layer norm, float16 -------------------------------------------------------------------------
# New style: setup_context, and vmap by generate_vmap_rule. Statistics in float32. The mistake: the
# gradient by the scale is taken with x rather than with the normalised x.


def layer_norm(*, normalised):
    class LayerNorm(Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x, scale, bias):
            wide = x.float()
            centred = wide - wide.mean(-1, keepdim=True)
            inverse = (centred.square().mean(-1, keepdim=True) + 1e-5).rsqrt()
            hat = centred * inverse
            return (hat * scale + bias).to(x.dtype), hat, inverse

        @staticmethod
        def setup_context(ctx, inputs, outputs):
            x, scale, _ = inputs
            _, hat, inverse = outputs
            ctx.mark_non_differentiable(hat, inverse)
            ctx.save_for_backward(x, scale, hat, inverse)

        @staticmethod
        def backward(ctx, ct, *_):
            x, scale, hat, inverse = ctx.saved_tensors
            wide = ct.float()
            by_hat = wide * scale
            inner = by_hat - by_hat.mean(-1, keepdim=True)
            inner = inner - hat * (by_hat * hat).mean(-1, keepdim=True)
            by_scale = (wide * (hat if normalised else x)).sum(0)
            return (inverse * inner).to(ct.dtype), by_scale.to(ct.dtype), wide.sum(0).to(ct.dtype)

    return lambda *inputs: LayerNorm.apply(*inputs)[0]


norm = (2 * torch.randn(4, 8) + 1).half(), (1 + 0.2 * torch.randn(8)).half(), torch.zeros(8).half()
rule(
    "layer norm, vmap",
    lambda func: verify_autodiff(func, *norm, argnums=(0, 1, 2), vmap=True, seed=0),
    right=layer_norm(normalised=True),
    wrong=layer_norm(normalised=False),
    only="inputs[1]",
)

# --- batch norm, training ------------------------------------------------------------------------
# The mistake: the backward pass of evaluation, where mean and variance are constants.


def batch_norm(*, training):
    class BatchNorm(Function):
        @staticmethod
        def forward(ctx, x):
            inverse = (x.var(0, correction=0) + 1e-5).rsqrt()
            hat = (x - x.mean(0)) * inverse
            ctx.save_for_backward(hat, inverse)
            return hat

        @staticmethod
        def backward(ctx, ct):
            hat, inverse = ctx.saved_tensors
            if training:
                ct = ct - ct.mean(0) - hat * (ct * hat).mean(0)
            return ct * inverse

    return BatchNorm.apply


features = torch.randn(6, 3)
rule(
    "batch norm",
    lambda func: verify_autodiff(func, features, modes="vjp", seed=0),
    right=batch_norm(training=True),
    wrong=batch_norm(training=False),
)

# --- RMS norm, bfloat16 --------------------------------------------------------------------------
# The mistake: the mean over the row became a sum (the width of a row is missing).


def rms_norm(*, mean):
    class RmsNorm(Function):
        @staticmethod
        def forward(ctx, x):
            wide = x.float()
            inverse = (wide.square().mean(-1, keepdim=True) + 1e-6).rsqrt()
            ctx.save_for_backward(wide * inverse, inverse)
            return (wide * inverse).to(x.dtype)

        @staticmethod
        def backward(ctx, ct):
            hat, inverse = ctx.saved_tensors
            inner = (ct * hat).sum(-1, keepdim=True) / (hat.shape[-1] if mean else 1)
            return (inverse * (ct - hat * inner)).to(ct.dtype)

    return RmsNorm.apply


rms_x = torch.randn(4, 8).bfloat16()
rule(
    "RMS norm",
    lambda func: verify_autodiff(func, rms_x, modes="vjp", seed=0),
    right=rms_norm(mean=True),
    wrong=rms_norm(mean=False),
)

# --- SwiGLU, bfloat16 ----------------------------------------------------------------------------
# silu(a) b. The mistake: the slope of silu with a lost: s (1 - s) for s (1 + a (1 - s)).


def swiglu(slope):
    class SwiGlu(Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            wide = a.float()
            return (wide * wide.sigmoid() * b).to(a.dtype)

        @staticmethod
        def backward(ctx, ct):
            a, b = ctx.saved_tensors
            wide, ct = a.float(), ct.float()
            s = wide.sigmoid()
            return (ct * b * slope(wide, s)).to(a.dtype), (ct * wide * s).to(b.dtype)

    return SwiGlu.apply


gates = torch.randn(6).bfloat16(), torch.randn(6).bfloat16()
rule(
    "SwiGLU",
    lambda func: verify_autodiff(func, *gates, argnums=(0, 1), modes="vjp", seed=0),
    right=swiglu(lambda a, s: s * (1 + a * (1 - s))),
    wrong=swiglu(lambda _, s: s * (1 - s)),
    only="args[0]",
)

# --- attention, float16 --------------------------------------------------------------------------
# Causal, with the probabilities computed again from the log-sum-exp of each row (Dao et al. 2022).
# The mistake: the backward pass forgets the mask; what was masked takes part.


def attention(*, masked):
    def scores(q, k, *, causal):
        s = q.float() @ k.float().T / q.shape[-1] ** 0.5
        if causal:
            s = s.masked_fill(torch.ones_like(s).triu(1).bool(), -torch.inf)
        return s

    class Attention(Function):
        @staticmethod
        def forward(ctx, q, k, v):
            s = scores(q, k, causal=True)
            lse = s.logsumexp(-1, keepdim=True)
            out = (s - lse).exp() @ v.float()
            ctx.save_for_backward(q, k, v, out, lse)
            return out.to(q.dtype)

        @staticmethod
        def backward(ctx, ct):
            q, k, v, out, lse = ctx.saved_tensors
            ct = ct.float()
            p = (scores(q, k, causal=masked) - lse).exp()
            D = (ct * out).sum(-1, keepdim=True)
            ds = p * (ct @ v.float().T - D) / q.shape[-1] ** 0.5
            return tuple(g.to(q.dtype) for g in (ds @ k.float(), ds.T @ q.float(), p.T @ ct))

    return Attention.apply


qkv = [torch.randn(6, 4).half() for _ in range(3)]
rule(
    "attention, causal",
    lambda func: verify_autodiff(func, *qkv, argnums=(0, 1, 2), modes="vjp", seed=0),
    right=attention(masked=True),
    wrong=attention(masked=False),
)

# --- max pooling, one-dimensional ----------------------------------------------------------------
# Windows that overlap: an entry that is the largest of two windows gets both gradients. The
# mistake: the index within the window is taken for that within the row.


def max_pool(*, offset):
    class MaxPool(Function):
        @staticmethod
        def forward(ctx, x, width, stride):
            windows = x.unfold(0, width, stride)
            values, places = windows.max(-1)
            ctx.places = places + (stride * torch.arange(len(places)) if offset else 0)
            ctx.size = x.shape
            return values

        @staticmethod
        def backward(ctx, ct):
            return ct.new_zeros(ctx.size).index_add(0, ctx.places, ct), None, None

    return MaxPool.apply


signal = torch.randn(9)
rule(
    "max pooling",
    lambda func: verify_autodiff(func, signal, 3, 2, modes="vjp", seed=0),
    right=max_pool(offset=True),
    wrong=max_pool(offset=False),
)

# --- top-k, two outputs --------------------------------------------------------------------------
# Values and indices; only the values have a gradient. The mistake: it goes to the first k places.


def top_k(*, scatter):
    class TopK(Function):
        @staticmethod
        def forward(ctx, x, k):
            values, places = x.topk(k)
            ctx.mark_non_differentiable(places)
            ctx.save_for_backward(places if scatter else torch.arange(k))
            ctx.size = x.shape
            return values, places

        @staticmethod
        def backward(ctx, ct, _):
            (places,) = ctx.saved_tensors
            return ct.new_zeros(ctx.size).scatter(0, places, ct), None

    return TopK.apply


rule(
    "top-k",
    lambda func: verify_autodiff(func, signal, 3, modes="vjp", seed=0),
    right=top_k(scatter=True),
    wrong=top_k(scatter=False),
)

# --- one-dimensional convolution -----------------------------------------------------------------
# With stride and padding. The mistake: the gradient by the input is that of a convolution without
# padding, a place further right.


def conv(*, padded):
    class Conv(Function):
        @staticmethod
        def forward(ctx, x, w, padding):
            ctx.save_for_backward(x, w)
            ctx.padding = padding
            return torch.nn.functional.conv1d(x, w, padding=padding)

        @staticmethod
        def backward(ctx, ct):
            x, w = ctx.saved_tensors
            by_x = torch.nn.functional.conv_transpose1d(ct, w)
            start = ctx.padding if padded else 0
            by_x = by_x[..., start : start + x.shape[-1]]
            wide = torch.nn.functional.pad(x, (ctx.padding, ctx.padding))
            windows = wide.unfold(-1, w.shape[-1], 1)
            return by_x, torch.einsum("noi,ncik->ock", ct, windows), None

    return Conv.apply


images, filters = torch.randn(2, 2, 7), torch.randn(3, 2, 3)
rule(
    "convolution, 1-D",
    lambda func: verify_autodiff(func, images, filters, 1, argnums=(0, 1), modes="vjp", seed=0),
    right=conv(padded=True),
    wrong=conv(padded=False),
    only="args[0]",
)

# --- cosine similarity ---------------------------------------------------------------------------
# The mistake: each vector is divided by its norm, and the norm has no derivative.


def cosine(*, project):
    class Cosine(Function):
        @staticmethod
        def forward(ctx, a, b):
            na, nb = a.norm(dim=-1, keepdim=True), b.norm(dim=-1, keepdim=True)
            similarity = (a / na * b / nb).sum(-1)
            ctx.save_for_backward(a / na, b / nb, na, nb, similarity)
            return similarity

        @staticmethod
        def backward(ctx, ct):
            a, b, na, nb, similarity = ctx.saved_tensors
            ct, back = ct[:, None], similarity[:, None] * project
            return ct * (b - back * a) / na, ct * (a - back * b) / nb

    return Cosine.apply


vectors = torch.randn(4, 3), torch.randn(4, 3)
rule(
    "cosine similarity",
    lambda func: verify_autodiff(func, *vectors, argnums=(0, 1), modes="vjp", seed=0),
    right=cosine(project=1),
    wrong=cosine(project=0),
)

# --- LSTM cell, two outputs ----------------------------------------------------------------------
# Parameters in a dict; h and c both have gradients. The mistake: what comes back through c alone is
# dropped, as if only h were used.


def lstm(*, both):
    class Lstm(Function):
        @staticmethod
        def forward(ctx, x, h, c, w, bias):
            xh = torch.cat([x, h])
            i, f, o, g = (w @ xh + bias).chunk(4)
            i, f, o, g = i.sigmoid(), f.sigmoid(), o.sigmoid(), g.tanh()
            new = f * c + i * g
            ctx.save_for_backward(xh, c, w, i, f, o, g, new)
            return o * new.tanh(), new

        @staticmethod
        def backward(ctx, to_h, to_c):
            xh, c, w, i, f, o, g, new = ctx.saved_tensors
            inner = to_h * o * (1 - new.tanh() ** 2) + (to_c if both else 0)
            gates = torch.cat(
                [
                    inner * g * i * (1 - i),
                    inner * c * f * (1 - f),
                    to_h * new.tanh() * o * (1 - o),
                    inner * i * (1 - g**2),
                ]
            )
            to_xh, m = w.T @ gates, xh.shape[0] - c.shape[0]
            return to_xh[:m], to_xh[m:], inner * f, torch.outer(gates, xh), gates

    return lambda p, x, h, c: Lstm.apply(x, h, c, p["w"], p["bias"])


lstm_p = {"w": 0.5 * torch.randn(12, 5), "bias": 0.5 * torch.randn(12)}
states = torch.randn(2), torch.randn(3), torch.randn(3)
rule(
    "LSTM cell",
    lambda func: verify_autodiff(func, lstm_p, *states, argnums=(0, 3), modes="vjp", seed=0),
    right=lstm(both=True),
    wrong=lstm(both=False),
)

# --- swish, forward mode and second order --------------------------------------------------------
# New style with a jvp of its own, checked in both modes and twice. The mistake: the backward pass
# takes the sigmoid that forward kept as a constant (`.data`), so that the first gradient is right
# and that of the gradient is not.


def swish(*, recorded):
    def slope(x):
        s = (x if recorded else x.data).sigmoid()
        return s * (1 + x * (1 - s))

    class Swish(Function):
        @staticmethod
        def forward(x):
            return x * x.sigmoid()

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx, ct):
            return ct * slope(*ctx.saved_tensors)

        @staticmethod
        def jvp(ctx, t):
            return t * slope(*ctx.saved_tensors)

    return Swish.apply


points = torch.randn(6)
rule(
    "swish, order 2",
    lambda func: verify_autodiff(func, points, modes="vjp", order=2, seed=0),
    right=swish(recorded=True),
    wrong=swish(recorded=False),
)


class CubeWithWrongJvp(Function):
    """Both modes by hand, and the mistake in one of them: forward mode forgot the 3."""

    factor = 1.0

    @staticmethod
    def forward(x):
        return x**3

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx, ct):
        return 3 * ct * ctx.saved_tensors[0] ** 2

    @classmethod
    def jvp(cls, ctx, t):
        return cls.factor * t * ctx.saved_tensors[0] ** 2


class Cube(CubeWithWrongJvp):
    factor = 3.0


rule(
    "cube, forward mode",
    lambda func: verify_autodiff(func, points, seed=0),
    right=Cube.apply,
    wrong=CubeWithWrongJvp.apply,
)

# --- Cholesky, once_differentiable ---------------------------------------------------------------
# Murray (2016), symmetric. torch's own convention: the gradient is spread over both triangles. The
# mistake: Phi halves nothing. order=2 is refused by torch: the report says so.


def cholesky(*, halved):
    class Cholesky(Function):
        @staticmethod
        def forward(ctx, A):
            L = torch.linalg.cholesky((A + A.T) / 2)
            ctx.save_for_backward(L)
            return L

        @staticmethod
        @once_differentiable
        def backward(ctx, ct):
            (L,) = ctx.saved_tensors
            inner = (L.T @ ct.tril()).tril()
            if halved:
                inner = inner - torch.diag(inner.diagonal()) / 2
            half = torch.linalg.solve_triangular(L.T, inner, upper=True)
            S = torch.linalg.solve_triangular(L, half, upper=False, left=False)
            return (S + S.T) / 2

    return Cholesky.apply


spd = (lambda a: a @ a.T + 3 * torch.eye(3))(torch.randn(3, 3))
rule(
    "Cholesky (Murray 2016)",
    lambda func: verify_autodiff(func, spd, modes="vjp", seed=0),
    right=cholesky(halved=True),
    wrong=cholesky(halved=False),
)

# --- power spectrum, complex64 -------------------------------------------------------------------
# |fft(x)|^2 / 2. PyTorch's gradient by a complex x has the slopes along its real and imaginary
# parts as its own. The mistake: JAX's convention, the conjugate.


def spectrum(*, conjugate):
    class Spectrum(Function):
        @staticmethod
        def forward(ctx, x):
            y = torch.fft.fft(x)
            ctx.save_for_backward(y)
            return 0.5 * (y.real**2 + y.imag**2)

        @staticmethod
        def backward(ctx, ct):
            (y,) = ctx.saved_tensors
            grad = len(y) * torch.fft.ifft(ct * y)
            return grad.conj() if conjugate else grad

    return Spectrum.apply


wave = torch.randn(6, dtype=torch.complex64)
rule(
    "power spectrum, complex",
    lambda func: verify_autodiff(func, wave, modes="vjp", seed=0),
    right=spectrum(conjugate=False),
    wrong=spectrum(conjugate=True),
)

# --- rules that are no derivatives, on purpose ---------------------------------------------------
# As derivatives of func they do not pass, and should not. What such a rule is meant to be is the
# vjp of another function: give that as func, and the rule as the claim.


class StraightThroughSign(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sign()

    @staticmethod
    def backward(ctx, ct):
        (x,) = ctx.saved_tensors
        return ct * (x.abs() < 1)


class StraightThroughRound(Function):
    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, ct):
        return ct


print("\nno derivative, on purpose      as that of func  as that of what it stands for")
numbers = torch.tensor([0.2, 1.3, -0.7, 2.1])
for name, func, stands_for in [
    ("straight-through sign", StraightThroughSign.apply, lambda x: x.clamp(-1, 1)),
    ("straight-through round", StraightThroughRound.apply, lambda x: x.clone()),
]:

    def pulled(x, ct, func=func):
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            return torch.autograd.grad(func(x), x, ct)[0]

    as_is = verify_autodiff(func, numbers, modes="vjp", seed=0)
    assert as_is.verdict is not Verdict.PASS, as_is
    assert "straight-through" in str(as_is), as_is
    meant = assert_vjp(stands_for, pulled, numbers, seed=0)
    print(f"{name:30} {as_is.verdict:16} {meant.verdict}")
print(f"\nstraight-through round, {as_is}")

# --- in a test suite -----------------------------------------------------------------------------
# One line for each rule; a failure shows the report's text.

assert_autodiff(swiglu(lambda a, s: s * (1 + a * (1 - s))), *gates, argnums=(0, 1), seed=0)
try:
    assert_autodiff(swiglu(lambda _, s: s * (1 - s)), *gates, argnums=(0, 1), seed=0)
except WrongDerivative as err:
    print(f"\n{err}")
