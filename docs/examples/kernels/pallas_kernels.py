"""
Softmax, RMS norm and attention in Pallas, forward and backward, for blocks that do not fit.

A step of a grid computes a block, and adds to the sums of the steps before it. The last block of
each axis is a tail, which holds whatever there is beyond the array. Sums are those of float32.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl

ROWS, COLUMNS = 8, 16  # of a block
QUERIES = KEYS = 16
#: Without a TPU: the same kernels, step by step, with NaN beyond the arrays.
INTERPRET = jax.default_backend() == "cpu"
f32 = jnp.float32


def _first(axis, *refs):
    """Set sums to zero in the first step along an axis of the grid."""

    @pl.when(pl.program_id(axis) == 0)
    def _():
        for ref in refs:
            ref[...] = jnp.zeros_like(ref)


def _there(shape, axis, n, step):
    """Return which entries of a block are within an axis of length n."""
    return jax.lax.broadcasted_iota(jnp.int32, shape, axis) + step * shape[axis] < n


def _call(kernel, grid, inputs, outputs, arrays):
    """Call a kernel; inputs are blocks with their places, outputs also have shape and dtype."""
    return pl.pallas_call(
        kernel,
        grid=grid,
        in_specs=[pl.BlockSpec(block, place) for block, place in inputs],
        out_specs=[pl.BlockSpec(block, place) for block, place, *_ in outputs],
        out_shape=[jax.ShapeDtypeStruct(shape, dtype) for *_, shape, dtype in outputs],
        interpret=INTERPRET,
    )(*arrays)


def _softmax_sums(x_ref, log_ref, total_ref, *, scale, n):
    j = pl.program_id(1)
    _first(1, total_ref)
    x = scale * x_ref[...].astype(f32)
    x = jnp.where(_there(x.shape, 1, n, j), x, -jnp.inf)
    before = jnp.where(j == 0, -jnp.inf, log_ref[...])  # the largest so far
    largest = jnp.maximum(before, x.max(1, keepdims=True))
    total = total_ref[...] * jnp.exp(before - largest)
    total_ref[...] = total + jnp.exp(x - largest).sum(1, keepdims=True)
    log_ref[...] = largest


def _softmax_values(x_ref, largest_ref, total_ref, y_ref, *, scale):
    x = scale * x_ref[...].astype(f32)
    y_ref[...] = (jnp.exp(x - largest_ref[...]) / total_ref[...]).astype(y_ref.dtype)


def _softmax_inner(y_ref, dy_ref, inner_ref, *, n):
    _first(1, inner_ref)
    product = y_ref[...].astype(f32) * dy_ref[...].astype(f32)
    product = jnp.where(_there(product.shape, 1, n, pl.program_id(1)), product, 0.0)
    inner_ref[...] += product.sum(1, keepdims=True)


def _softmax_backward(y_ref, dy_ref, inner_ref, dx_ref, *, scale):
    dx = scale * y_ref[...].astype(f32) * (dy_ref[...].astype(f32) - inner_ref[...])
    dx_ref[...] = dx.astype(dx_ref.dtype)


_tile = (ROWS, COLUMNS), lambda i, j: (i, j)
_of_row = (ROWS, 1), lambda i, _: (i, 0)


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def softmax(x, scale):
    """Return the softmax of the rows of ``scale * x``."""
    m, n = x.shape
    grid, single = (pl.cdiv(m, ROWS), pl.cdiv(n, COLUMNS)), ((m, 1), f32)
    sums = partial(_softmax_sums, scale=scale, n=n)
    largest, total = _call(sums, grid, [_tile], [(*_of_row, *single), (*_of_row, *single)], [x])
    values = partial(_softmax_values, scale=scale)
    given = [x, largest, total]
    return _call(values, grid, [_tile, _of_row, _of_row], [(*_tile, x.shape, x.dtype)], given)[0]


def _softmax_fwd(x, scale):
    y = softmax(x, scale)
    return y, y


def _softmax_bwd(scale, y, dy):
    m, n = y.shape
    grid = (pl.cdiv(m, ROWS), pl.cdiv(n, COLUMNS))
    inner = partial(_softmax_inner, n=n)
    (inner,) = _call(inner, grid, [_tile, _tile], [(*_of_row, (m, 1), f32)], [y, dy])
    backward, given = partial(_softmax_backward, scale=scale), [y, dy, inner]
    return _call(backward, grid, [_tile, _tile, _of_row], [(*_tile, y.shape, y.dtype)], given)


softmax.defvjp(_softmax_fwd, _softmax_bwd)


def _norm_forward(x_ref, w_ref, y_ref, root_ref, *, eps, n):
    x = x_ref[...].astype(f32)
    x = jnp.where(_there(x.shape, 1, n, 0), x, 0.0)
    root = jax.lax.rsqrt((x * x).sum(1, keepdims=True) / n + eps)
    y_ref[...] = (x * root * w_ref[...].astype(f32)).astype(y_ref.dtype)
    root_ref[...] = root


def _norm_backward(x_ref, w_ref, root_ref, dy_ref, dx_ref, dw_ref, *, m, n):
    _first(0, dw_ref)
    there = _there(x_ref.shape, 0, m, pl.program_id(0)) & _there(x_ref.shape, 1, n, 0)
    unit = jnp.where(there, x_ref[...].astype(f32) * root_ref[...], 0.0)
    dy = jnp.where(there, dy_ref[...].astype(f32), 0.0)
    pulled = jnp.where(there, dy * w_ref[...].astype(f32), 0.0)
    dw_ref[...] += (dy * unit).sum(0, keepdims=True)
    inner = (pulled * unit).sum(1, keepdims=True) / n
    dx_ref[...] = ((pulled - unit * inner) * root_ref[...]).astype(dx_ref.dtype)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def rms_norm(x, w, eps=1e-6):
    """Return rows over the root of their mean square, times weights."""
    return _norm_fwd(x, w, eps)[0]


def _blocks(n):
    """Return the blocks of a norm: some rows, one number for each, and a row for all of them."""
    width = pl.next_power_of_2(n)
    wide, narrow = ((ROWS, width), lambda i: (i, 0)), ((ROWS, 1), lambda i: (i, 0))
    return wide, narrow, ((1, width), lambda _: (0, 0))


def _norm_fwd(x, w, eps):
    (m, n), (wide, narrow, row) = x.shape, _blocks(x.shape[1])
    results = [(*wide, x.shape, x.dtype), (*narrow, (m, 1), f32)]
    forward = partial(_norm_forward, eps=eps, n=n)
    y, root = _call(forward, (pl.cdiv(m, ROWS),), [wide, row], results, [x, w[None]])
    return y, (x, w, root)


def _norm_bwd(_, saved, dy):
    x, w, root = saved
    (m, n), (wide, narrow, row) = x.shape, _blocks(x.shape[1])
    results = [(*wide, x.shape, x.dtype), (*row, (1, n), f32)]
    backward, given = partial(_norm_backward, m=m, n=n), [x, w[None], root, dy]
    dx, dw = _call(backward, (pl.cdiv(m, ROWS),), [wide, row, narrow, wide], results, given)
    return dx, dw[0].astype(w.dtype)


rms_norm.defvjp(_norm_fwd, _norm_bwd)


def _dot(a, b, axes):
    """Return a product of blocks, summed over an axis of each, in float32."""
    return jax.lax.dot_general(
        a, b, (((axes[0],), (axes[1],)), ((), ())), preferred_element_type=f32
    )


def _block(ref, n, step):
    """Return a block of one head, with zeros where it ends."""
    block = ref[0]
    return jnp.where(_there(block.shape, 0, n, step), block, jnp.zeros_like(block))


def _attention_forward(q_ref, k_ref, v_ref, o_ref, largest_ref, total_ref, *, scale, n):
    j = pl.program_id(2)
    _first(2, o_ref, total_ref)
    q, k, v = q_ref[0], k_ref[0], _block(v_ref, n, j)
    scores = scale * _dot(q, k, (1, 1))
    scores = jnp.where(_there(scores.shape, 1, n, j), scores, -jnp.inf)
    before = jnp.where(j == 0, -jnp.inf, largest_ref[0])
    largest = jnp.maximum(before, scores.max(1, keepdims=True))
    p, shrunk = jnp.exp(scores - largest), jnp.exp(before - largest)
    total_ref[0] = total_ref[0] * shrunk + p.sum(1, keepdims=True)
    o_ref[0] = o_ref[0] * shrunk + _dot(p.astype(v.dtype), v, (1, 0))
    largest_ref[0] = largest


def _attention_backward_q(q_ref, k_ref, v_ref, do_ref, log_ref, inner_ref, dq_ref, *, scale, n):
    j = pl.program_id(2)
    _first(2, dq_ref)
    k, v = _block(k_ref, n, j), _block(v_ref, n, j)
    p = jnp.exp(scale * _dot(q_ref[0], k, (1, 1)) - log_ref[0])
    p = jnp.where(_there(p.shape, 1, n, j), p, 0.0)
    ds = p * (_dot(do_ref[0], v, (1, 1)) - inner_ref[0])
    dq_ref[0] += scale * _dot(ds.astype(k.dtype), k, (1, 0))


def _attention_backward_kv(
    q_ref, k_ref, v_ref, do_ref, log_ref, inner_ref, dk_ref, dv_ref, *, scale, n
):
    j = pl.program_id(2)
    _first(2, dk_ref, dv_ref)
    q, do = _block(q_ref, n, j), _block(do_ref, n, j)
    log, inner = _block(log_ref, n, j), _block(inner_ref, n, j)
    p = jnp.exp(scale * _dot(q, k_ref[0], (1, 1)) - log)
    ds = p * (_dot(do, v_ref[0], (1, 1)) - inner)
    dv_ref[0] += _dot(p.astype(do.dtype), do, (0, 0))
    dk_ref[0] += scale * _dot(ds.astype(q.dtype), q, (0, 0))


def _pieces(n, d, size, axis):
    """Return the grid of an axis, and blocks of so many rows: of d numbers, and of one."""
    return (
        pl.cdiv(n, size),
        ((1, size, d), lambda *steps: (steps[0], steps[axis], 0)),
        ((1, size, 1), lambda *steps: (steps[0], steps[axis], 0)),
    )


@jax.custom_vjp
def attention(q, k, v):
    """Return what each query of each head attends to: softmax of ``q @ k.T / sqrt(d)`` times v."""
    return _attention_fwd(q, k, v)[0]


def _attention_fwd(q, k, v):
    heads, n, d = q.shape
    many_q, queries, of_query = _pieces(n, d, QUERIES, 1)
    many_k, keys, _ = _pieces(n, d, KEYS, 2)
    single = (heads, n, 1), f32
    results = [(*queries, q.shape, f32), (*of_query, *single), (*of_query, *single)]
    forward = partial(_attention_forward, scale=d**-0.5, n=n)
    grid = (heads, many_q, many_k)
    o, largest, total = _call(forward, grid, [queries, keys, keys], results, [q, k, v])
    o = (o / total).astype(q.dtype)
    return o, (q, k, v, o, largest + jnp.log(total))


def _attention_bwd(saved, do):
    q, k, v, o, log = saved
    heads, n, d = q.shape
    inner = (do.astype(f32) * o.astype(f32)).sum(-1, keepdims=True)
    given, options = [q, k, v, do, log, inner], {"scale": d**-0.5, "n": n}
    many_q, queries, of_query = _pieces(n, d, QUERIES, 1)
    many_k, keys, _ = _pieces(n, d, KEYS, 2)
    blocks, grid = [queries, keys, keys, queries, of_query, of_query], (heads, many_q, many_k)
    backward = partial(_attention_backward_q, **options)
    (dq,) = _call(backward, grid, blocks, [(*queries, q.shape, f32)], given)
    many_q, queries, of_query = _pieces(n, d, QUERIES, 2)
    many_k, keys, _ = _pieces(n, d, KEYS, 1)
    blocks, grid = [queries, keys, keys, queries, of_query, of_query], (heads, many_k, many_q)
    backward = partial(_attention_backward_kv, **options)
    results = [(*keys, k.shape, f32), (*keys, v.shape, f32)]
    dk, dv = _call(backward, grid, blocks, results, given)
    return dq.astype(q.dtype), dk.astype(k.dtype), dv.astype(v.dtype)


attention.defvjp(_attention_fwd, _attention_bwd)
