"""
Custom derivative rules in JAX, float32 and bfloat16, each with the mistake that people make in it.

`jax.custom_vjp` and `jax.custom_jvp`, with integer arguments and `nondiff_argnums`, over arrays,
dicts and a registered dataclass. `verify_autodiff` checks what JAX computes through them; under
`jax.jit`, as they run in earnest, it is several times as fast. Run it: it prints one line for each
rule, and raises if a right one does not pass or a mistake is not found.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from _table import head, rule

from gradproof import Verdict, verify_autodiff
from gradproof.testing import assert_vjp

rng = np.random.default_rng(0)


def normal(*shape, dtype=jnp.float32):
    return jnp.asarray(rng.normal(size=shape), dtype)


head()

# --- log-sum-exp, custom_jvp ---------------------------------------------------------------------
# The mistake: the rule's own value forgets to add the maximum back. Only code that differentiates
# ever sees it: the loss that it logs is not the loss.


def log_sum_exp(*, shift_back):
    @jax.custom_jvp
    def func(z):
        top = jnp.max(z, axis=-1)
        return top + jnp.log(jnp.sum(jnp.exp(z - top[..., None]), axis=-1))

    @func.defjvp
    def _(primals, tangents):
        (z,), (t,) = primals, tangents
        top = jnp.max(z, axis=-1, keepdims=True)
        weights = jnp.exp(z - top)
        total = jnp.sum(weights, axis=-1)
        value = jnp.log(total) + (top[..., 0] if shift_back else 0)
        return value, jnp.sum(weights * t, axis=-1) / total

    return func


scores = 3 * normal(3, 5)
rule(
    "log-sum-exp",
    lambda func: verify_autodiff(jax.jit(func), scores, seed=0),
    right=log_sum_exp(shift_back=True),
    wrong=log_sum_exp(shift_back=False),
)

# --- softplus, second order ----------------------------------------------------------------------
# order=2 checks the derivative of the derivative. The mistake: the slope was computed under
# stop_gradient, which is right once and 0 the second time.


def softplus(slope):
    @jax.custom_jvp
    def func(x):
        return jnp.logaddexp(x, 0.0)

    @func.defjvp
    def _(primals, tangents):
        return func(*primals), slope(*primals) * tangents[0]

    return func


points = normal(6)
rule(
    "softplus, order 2",
    lambda func: verify_autodiff(jax.jit(func), points, order=2, seed=0),
    right=softplus(jax.nn.sigmoid),
    wrong=softplus(lambda x: jax.lax.stop_gradient(jax.nn.sigmoid(x))),
)

# --- softmax cross entropy, custom_vjp -----------------------------------------------------------
# Integer labels have no derivative: None. A label of -1 does not count. The mistake: the backward
# pass divides by the number of rows, the forward pass by the number of those that count.


def cross_entropy(*, count_all):
    def forward(logits, labels):
        counts = labels >= 0
        log_p = jax.nn.log_softmax(logits)
        chosen = jnp.take_along_axis(log_p, jnp.maximum(labels, 0)[:, None], axis=1)[:, 0]
        return -jnp.sum(chosen * counts) / jnp.sum(counts), (jnp.exp(log_p), labels)

    def backward(residuals, ct):
        p, labels = residuals
        counts = labels >= 0
        total = labels.size if count_all else jnp.sum(counts)
        grad = (p - jax.nn.one_hot(labels, p.shape[1])) * counts[:, None]
        return ct * grad / total, None

    func = jax.custom_vjp(lambda logits, labels: forward(logits, labels)[0])
    func.defvjp(forward, backward)
    return func


logits, labels = 2 * normal(5, 4), jnp.array([1, 3, -1, 0, 2])
rule(
    "softmax cross entropy",
    lambda func: verify_autodiff(jax.jit(func), logits, labels, seed=0),
    right=cross_entropy(count_all=False),
    wrong=cross_entropy(count_all=True),
)

# --- layer norm, bfloat16 ------------------------------------------------------------------------
# Parameters in a dict; statistics in float32, as everybody has them. The mistake: x moves the mean
# and the variance too, and the term of the variance is left out.


def layer_norm(*, variance_moves):
    def forward(x, p):
        wide = x.astype(jnp.float32)
        centred = wide - wide.mean(-1, keepdims=True)
        inverse = jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
        y = (centred * inverse * p["scale"] + p["bias"]).astype(x.dtype)
        return y, (centred * inverse, inverse, p)

    def backward(residuals, ct):
        hat, inverse, p = residuals
        wide = ct.astype(jnp.float32)
        by_hat = wide * p["scale"]
        inner = by_hat - by_hat.mean(-1, keepdims=True)
        if variance_moves:
            inner -= hat * (by_hat * hat).mean(-1, keepdims=True)
        grads = {"scale": (wide * hat).sum(0), "bias": wide.sum(0)}
        grads = {name: g.astype(p[name].dtype) for name, g in grads.items()}
        return (inverse * inner).astype(ct.dtype), grads

    func = jax.custom_vjp(lambda x, p: forward(x, p)[0])
    func.defvjp(forward, backward)
    return func


half = jnp.bfloat16
norm_x = normal(4, 8, dtype=half)
norm_p = {"scale": 1 + 0.2 * normal(8, dtype=half), "bias": jnp.zeros(8, half)}
rule(
    "layer norm",
    lambda func: verify_autodiff(jax.jit(func), norm_x, norm_p, argnums=(0, 1), seed=0),
    right=layer_norm(variance_moves=True),
    wrong=layer_norm(variance_moves=False),
    only="x[",
)

# --- RMS norm, float16 ---------------------------------------------------------------------------
# The mistake: the inverse root mean square is differentiated as if it were not squared.


def rms_norm(*, power):
    def forward(x):
        wide = x.astype(jnp.float32)
        inverse = jax.lax.rsqrt((wide**2).mean(-1, keepdims=True) + 1e-6)
        return (wide * inverse).astype(x.dtype), (wide, inverse)

    def backward(residuals, ct):
        x, inverse = residuals
        wide = ct.astype(jnp.float32)
        inner = (wide * x).mean(-1, keepdims=True)
        return (((wide - x * inverse**power * inner) * inverse).astype(ct.dtype),)

    func = jax.custom_vjp(lambda x: forward(x)[0])
    func.defvjp(forward, backward)
    return func


rms_x = 3 * normal(4, 8, dtype=jnp.float16)
rule(
    "RMS norm",
    lambda func: verify_autodiff(jax.jit(func), rms_x, seed=0),
    right=rms_norm(power=2),
    wrong=rms_norm(power=1),
)

# --- GeGLU, bfloat16 -----------------------------------------------------------------------------
# y = gelu(a) b. The mistake: the slope of a Phi(a) is Phi(a) alone; a phi(a) is forgotten.


def geglu(*, product_rule):
    def parts(a):
        wide = a.astype(jnp.float32)
        Phi = jax.scipy.stats.norm.cdf(wide)
        return wide, Phi, jax.scipy.stats.norm.pdf(wide)

    def forward(a, b):
        wide, Phi, _ = parts(a)
        return (wide * Phi * b.astype(jnp.float32)).astype(a.dtype), (a, b)

    def backward(residuals, ct):
        a, b = residuals
        wide, Phi, phi = parts(a)
        ct = ct.astype(jnp.float32)
        slope = Phi + wide * phi if product_rule else Phi
        return (ct * b * slope).astype(a.dtype), (ct * wide * Phi).astype(b.dtype)

    func = jax.custom_vjp(lambda a, b: forward(a, b)[0])
    func.defvjp(forward, backward)
    return func


gates = normal(6, dtype=half), normal(6, dtype=half)
rule(
    "GeGLU",
    lambda func: verify_autodiff(jax.jit(func), *gates, argnums=(0, 1), seed=0),
    right=geglu(product_rule=True),
    wrong=geglu(product_rule=False),
    only="a[",
)

# --- rotary embedding ----------------------------------------------------------------------------
# The backward pass turns back. The mistake: it turns on.


def rotary(*, back):
    def turn(x, sign):
        angle = jnp.arange(x.shape[0])[:, None] * 100.0 ** (-jnp.arange(x.shape[1] // 2) / 4)
        even, odd = x[:, ::2], x[:, 1::2]
        cos, sin = jnp.cos(angle), sign * jnp.sin(angle)
        return jnp.stack([even * cos - odd * sin, even * sin + odd * cos], -1).reshape(x.shape)

    func = jax.custom_vjp(lambda x: turn(x, 1.0))
    func.defvjp(lambda x: (turn(x, 1.0), None), lambda _, ct: (turn(ct, -1.0 if back else 1.0),))
    return func


queries = normal(5, 8)
rule(
    "rotary embedding",
    lambda func: verify_autodiff(jax.jit(func), queries, seed=0),
    right=rotary(back=True),
    wrong=rotary(back=False),
)

# --- attention, float16 --------------------------------------------------------------------------
# The backward pass of FlashAttention (Dao et al. 2022): it keeps the log-sum-exp of each row and
# computes the probabilities again, a block of keys at a time. The mistake: D = rowsum(dO * O), the
# second term of the softmax's Jacobian, is left out.


def attention(*, with_D, block=4):
    def forward(q, k, v):
        q, k, v = (a.astype(jnp.float32) for a in (q, k, v))
        s = q @ k.T / q.shape[-1] ** 0.5
        lse = jax.nn.logsumexp(s, axis=-1)
        return jnp.exp(s - lse[:, None]) @ v, lse

    def rule_forward(q, k, v):
        out, lse = forward(q, k, v)
        return out.astype(q.dtype), (q, k, v, out, lse)

    def backward(residuals, ct):
        q, k, v, out, lse = residuals
        wq, wk, wv, ct = (a.astype(jnp.float32) for a in (q, k, v, ct))
        scale = q.shape[-1] ** -0.5
        D = jnp.sum(ct * out, axis=-1) if with_D else jnp.zeros_like(lse)
        dq, dk, dv = jnp.zeros_like(wq), [], []
        for start in range(0, k.shape[0], block):
            kb, vb = wk[start : start + block], wv[start : start + block]
            p = jnp.exp(wq @ kb.T * scale - lse[:, None])
            ds = p * (ct @ vb.T - D[:, None]) * scale
            dq, dk, dv = dq + ds @ kb, [*dk, ds.T @ wq], [*dv, p.T @ ct]
        return dq.astype(q.dtype), *(jnp.concatenate(d).astype(q.dtype) for d in (dk, dv))

    func = jax.custom_vjp(lambda q, k, v: forward(q, k, v)[0].astype(q.dtype))
    func.defvjp(rule_forward, backward)
    return func


qkv = [normal(8, 4, dtype=jnp.float16) for _ in range(3)]
rule(
    "attention, flash backward",
    lambda func: verify_autodiff(jax.jit(func), *qkv, argnums=(0, 1, 2), seed=0),
    right=attention(with_D=True),
    wrong=attention(with_D=False),
)

# --- embedding, scatter-add ----------------------------------------------------------------------
# A token that occurs twice gets both gradients. The mistake: `.set`, where the last one wins. Only
# the rows of repeated tokens are off.


def embedding(*, add):
    def backward(residuals, ct):
        tokens, size = residuals
        at = jnp.zeros((size, ct.shape[-1]), ct.dtype).at[tokens]
        return (at.add(ct) if add else at.set(ct)), None

    func = jax.custom_vjp(lambda table, tokens: table[tokens])
    func.defvjp(lambda table, tokens: (table[tokens], (tokens, table.shape[0])), backward)
    return func


table, tokens = normal(5, 3), jnp.array([0, 3, 1, 3, 4])
rule(
    "embedding, scatter-add",
    lambda func: verify_autodiff(jax.jit(func), table, tokens, seed=0),
    right=embedding(add=True),
    wrong=embedding(add=False),
    only="[3, ",
)

# --- one-dimensional convolution -----------------------------------------------------------------
# "Convolution" in deep learning is correlation; its gradient by the input is a convolution with the
# kernel the other way round. The mistake: not the other way round.


def convolution(*, flip):
    def forward(x, w):
        return jnp.correlate(x, w, mode="same"), (x, w)

    def backward(residuals, ct):
        x, w = residuals
        by_x = jnp.correlate(ct, w[::-1] if flip else w, mode="same")
        by_w = jnp.correlate(jnp.pad(x, 1), ct, mode="valid")
        return by_x, by_w

    func = jax.custom_vjp(lambda x, w: forward(x, w)[0])
    func.defvjp(forward, backward)
    return func


signal, weights = normal(9), normal(3)
rule(
    "convolution, 1-D",
    lambda func: verify_autodiff(jax.jit(func), signal, weights, argnums=(0, 1), seed=0),
    right=convolution(flip=True),
    wrong=convolution(flip=False),
    only="x[",
)

# --- spectral loss, complex64 --------------------------------------------------------------------
# sum |fft(x)|^2 / 2 of a complex signal. JAX's gradient is the conjugate of what PyTorch has. The
# mistake: PyTorch's convention.


def spectral(*, conjugate):
    def forward(x):
        spectrum = jnp.fft.fft(x)
        return 0.5 * jnp.sum(jnp.abs(spectrum) ** 2), spectrum

    def backward(spectrum, ct):
        grad = ct * spectrum.size * jnp.fft.ifft(spectrum)
        return (jnp.conj(grad) if conjugate else grad,)

    func = jax.custom_vjp(lambda x: forward(x)[0])
    func.defvjp(forward, backward)
    return func


wave = normal(6) + 1j * normal(6)
rule(
    "spectral loss, complex",
    lambda func: verify_autodiff(jax.jit(func), wave, seed=0),
    right=spectral(conjugate=True),
    wrong=spectral(conjugate=False),
)

# --- norm at the origin, custom_jvp --------------------------------------------------------------
# sqrt(sum x^2) has no slope at 0; 0 is one of its subgradients, which a training run survives. The
# mistake is not to write the rule: JAX then computes 0 / 0.


@jax.custom_jvp
def safe_norm(x):
    return jnp.sqrt(jnp.sum(x * x))


@safe_norm.defjvp
def _(primals, tangents):
    (x,), (t,) = primals, tangents
    norm = safe_norm(x)
    return norm, jnp.sum(x * t) / jnp.where(norm == 0, 1, norm)


rule(
    "norm at the origin",
    lambda func: verify_autodiff(jax.jit(func), jnp.zeros(3), seed=0),
    right=safe_norm,
    wrong=lambda x: jnp.sqrt(jnp.sum(x * x)),
)

# --- InfoNCE -------------------------------------------------------------------------------------
# Contrastive loss of matched rows, both ways. The mistake: keys get the gradient of the rows'
# softmax only, as if they were not asked for in the columns.


def info_nce(*, both, temperature=0.2):
    def forward(a, b):
        s = a @ b.T / temperature
        rows, columns = jax.nn.log_softmax(s, axis=1), jax.nn.log_softmax(s, axis=0)
        return -0.5 * jnp.mean(jnp.diag(rows) + jnp.diag(columns)), (a, b, rows, columns)

    def backward(residuals, ct):
        a, b, rows, columns = residuals
        off = 2 * jnp.eye(a.shape[0])
        each = jnp.exp(rows) + jnp.exp(columns) - off
        one = 2 * jnp.exp(rows) - off
        factor = 0.5 * ct / temperature / a.shape[0]
        return factor * each @ b, factor * (each if both else one).T @ a

    func = jax.custom_vjp(lambda a, b: forward(a, b)[0])
    func.defvjp(forward, backward)
    return func


pairs = tuple(a / jnp.linalg.norm(a, axis=1, keepdims=True) for a in (normal(4, 3), normal(4, 3)))
rule(
    "InfoNCE",
    lambda func: verify_autodiff(jax.jit(func), *pairs, argnums=(0, 1), seed=0),
    right=info_nce(both=True),
    wrong=info_nce(both=False),
    only="b[",
)

# --- gated recurrent unit, dataclass -------------------------------------------------------------
# A module as Equinox has it: a registered dataclass of arrays, and one that is static. The mistake:
# the reset gate stands inside the matrix product, and its gradient is taken outside of it.


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["update", "reset", "candidate"],
    meta_fields=["name"],
)
@dataclasses.dataclass(frozen=True)
class Gru:
    update: jax.Array
    reset: jax.Array
    candidate: jax.Array
    name: str = "gru"


def gru(*, inside):
    def forward(cell, x, h):
        xh = jnp.concatenate([x, h])
        z, r = jax.nn.sigmoid(cell.update @ xh), jax.nn.sigmoid(cell.reset @ xh)
        c = jnp.tanh(cell.candidate @ jnp.concatenate([x, r * h]))
        return (1 - z) * h + z * c, (cell, x, h, z, r, c)

    def backward(residuals, ct):
        cell, x, h, z, r, c = residuals
        m = x.size
        xh, xrh = jnp.concatenate([x, h]), jnp.concatenate([x, r * h])
        to_c = ct * z * (1 - c**2)
        to_xrh = cell.candidate.T @ to_c
        to_rh = to_xrh[m:]
        to_z = ct * (c - h) * z * (1 - z)
        to_r = (to_rh if inside else to_c) * h * r * (1 - r)
        to_xh = cell.update.T @ to_z + cell.reset.T @ to_r
        to_h = ct * (1 - z) + to_rh * r + to_xh[m:]
        grads = Gru(jnp.outer(to_z, xh), jnp.outer(to_r, xh), jnp.outer(to_c, xrh))
        return grads, to_xrh[:m] + to_xh[:m], to_h

    func = jax.custom_vjp(lambda cell, x, h: forward(cell, x, h)[0])
    func.defvjp(forward, backward)
    return func


cell = Gru(*(0.6 * normal(3, 5) for _ in range(3)))
inputs, state = normal(2), normal(3)
rule(
    "GRU cell, dataclass",
    lambda func: verify_autodiff(jax.jit(func), cell, inputs, state, argnums=0, seed=0),
    right=gru(inside=True),
    wrong=gru(inside=False),
    only=".reset[",
)

# --- fixed point, nondiff_argnums ----------------------------------------------------------------
# z = f(a, z), and in the backward pass another one: w = z-bar + w df/dz (Christianson 1994).
# The mistake: w = z-bar, the gradient of the last iteration alone.


def iterate(step, start):
    return jax.lax.fori_loop(0, 60, lambda _, z: step(z), start)


def fixed_point(*, implicit):
    @functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
    def func(f, a, start):
        return iterate(lambda z: f(a, z), start)

    def forward(f, a, start):
        z = func(f, a, start)
        return z, (a, z)

    def backward(f, residuals, ct):
        a, z = residuals
        _, by_z = jax.vjp(lambda z: f(a, z), z)
        w = iterate(lambda w: ct + by_z(w)[0], ct) if implicit else ct
        _, by_a = jax.vjp(lambda a: f(a, z), a)
        return by_a(w)[0], jnp.zeros_like(z)

    func.defvjp(forward, backward)
    return lambda a: func(lambda a, z: jnp.tanh(a["W"] @ z + a["b"]), a, jnp.zeros(4))


layer = {"W": 0.3 * normal(4, 4), "b": normal(4)}
rule(
    "fixed point, implicitly",
    lambda func: verify_autodiff(jax.jit(func), layer, seed=0),
    right=fixed_point(implicit=True),
    wrong=fixed_point(implicit=False),
)

# --- root, custom_jvp with nondiff_argnums -------------------------------------------------------
# f(x, a) = 0: dx = -(df/dx)^-1 df/da da. The mistake: the minus.


def root(*, sign):
    @functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
    def func(f, a):
        def newton(_, x):
            return x - f(x, a) / jax.grad(f)(x, a)

        return jax.lax.fori_loop(0, 12, newton, 1.0)

    @func.defjvp
    def _(f, primals, tangents):
        x = func(f, *primals)
        _, moved = jax.jvp(functools.partial(f, x), primals, tangents)
        return x, sign * moved / jax.grad(f)(x, *primals)

    return lambda a: func(lambda x, a: x * jnp.exp(x) - a, a)  # Lambert's W


rule(
    "root (Lambert W)",
    lambda func: verify_autodiff(jax.jit(func), jnp.float32(1.7), seed=0),
    right=root(sign=-1.0),
    wrong=root(sign=1.0),
)

# --- ODE, adjoint --------------------------------------------------------------------------------
# Euler's steps of a pendulum with friction, and their adjoint. The mistake: the adjoint of a step
# is taken at its end, not at its beginning: the state is one step off.


def pendulum(*, begin, steps=25, h=0.1):
    def step(z, p):
        angle, speed = z
        pull = -p["gravity"] * jnp.sin(angle) - p["friction"] * speed
        return jnp.stack([angle + h * speed, speed + h * pull])

    def path(p, z):
        return jax.lax.scan(lambda z, _: (step(z, p), z), z, None, length=steps)

    def forward(p, z):
        end, befores = path(p, z)
        return end, (p, befores, end)

    def backward(residuals, ct):
        p, befores, end = residuals
        afters = jnp.concatenate([befores[1:], end[None]])

        def back(carry, z):
            bar, total = carry
            to_z, to_p = jax.vjp(step, z, p)[1](bar)
            return (to_z, jax.tree.map(jnp.add, total, to_p)), None

        start = ct, jax.tree.map(jnp.zeros_like, p)
        (bar, total), _ = jax.lax.scan(back, start, befores if begin else afters, reverse=True)
        return total, bar

    func = jax.custom_vjp(lambda p, z: forward(p, z)[0])
    func.defvjp(forward, backward)
    return func


swing = {"friction": jnp.float32(0.3), "gravity": jnp.float32(2.0)}
rule(
    "ODE, discrete adjoint",
    lambda func: verify_autodiff(
        jax.jit(func), swing, jnp.array([1.0, 0.5]), argnums=(0, 1), seed=0
    ),
    right=pendulum(begin=True),
    wrong=pendulum(begin=False),
)

# --- rules that are no derivatives, on purpose ---------------------------------------------------
# A straight-through estimator and a gradient that is reversed: as derivatives of func they do not
# pass, and should not. What such a rule is meant to be is the vjp of another function: give that as
# func, and the rule as the claim.


def with_backward(func, backward):
    rule = jax.custom_vjp(func)
    rule.defvjp(lambda x: (func(x), None), lambda _, ct: (backward(ct),))
    return rule


print("\nno derivative, on purpose      as that of func  as that of what it stands for")
numbers = jnp.array([0.2, 1.3, -0.7, 2.1])
for name, func, stands_for in [
    ("straight-through sign", with_backward(jnp.sign, lambda ct: ct), lambda x: x),
    ("straight-through round", with_backward(lambda x: jnp.round(x), lambda ct: ct), lambda x: x),
    ("gradient reversal", with_backward(lambda x: x, lambda ct: -ct), lambda x: -x),
]:

    def pulled(x, ct, func=func):
        return jax.vjp(func, x)[1](ct)[0]

    as_is = verify_autodiff(func, numbers, modes="vjp", seed=0)
    assert as_is.verdict is not Verdict.PASS, as_is
    assert "straight-through" in str(as_is) or "reversal" in name, as_is
    meant = assert_vjp(stands_for, pulled, numbers, seed=0)
    print(f"{name:30} {as_is.verdict:16} {meant.verdict}")
