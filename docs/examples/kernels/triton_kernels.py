"""
Softmax, RMS norm and attention in Triton, forward and backward, for blocks that do not fit.

A program of a grid computes a block. The last block of each axis is a tail, of which a mask says
which entries there are. Sums are those of float32, whatever the dtype of the arrays.
"""

import torch
import triton
import triton.language as tl

ROWS, COLUMNS = 8, 16  # of a block
QUERIES = KEYS = 16


@triton.jit
def _softmax_forward(x_at, y_at, scale, m, n, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    rows = (tl.program_id(0) * ROWS + tl.arange(0, ROWS))[:, None]
    largest = tl.full((ROWS, 1), float("-inf"), tl.float32)
    total = tl.zeros((ROWS, 1), tl.float32)
    for start in range(0, n, COLUMNS):
        columns = start + tl.arange(0, COLUMNS)[None, :]
        there = (rows < m) & (columns < n)
        x = scale * tl.load(x_at + rows * n + columns, there, float("-inf")).to(tl.float32)
        x = tl.where(rows < m, x, 0.0)
        larger = tl.maximum(largest, tl.max(x, 1, keep_dims=True))
        total = total * tl.exp(largest - larger) + tl.sum(tl.exp(x - larger), 1, keep_dims=True)
        largest = larger
    for start in range(0, n, COLUMNS):
        columns = start + tl.arange(0, COLUMNS)[None, :]
        there = (rows < m) & (columns < n)
        x = scale * tl.load(x_at + rows * n + columns, there, 0.0).to(tl.float32)
        y = tl.exp(x - largest) / total
        tl.store(y_at + rows * n + columns, y.to(y_at.dtype.element_ty), there)


@triton.jit
def _softmax_backward(y_at, dy_at, dx_at, scale, m, n, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    rows = (tl.program_id(0) * ROWS + tl.arange(0, ROWS))[:, None]
    inner = tl.zeros((ROWS, 1), tl.float32)
    for start in range(0, n, COLUMNS):
        columns = start + tl.arange(0, COLUMNS)[None, :]
        there = (rows < m) & (columns < n)
        y = tl.load(y_at + rows * n + columns, there, 0.0).to(tl.float32)
        dy = tl.load(dy_at + rows * n + columns, there, 0.0).to(tl.float32)
        inner += tl.sum(y * dy, 1, keep_dims=True)
    for start in range(0, n, COLUMNS):
        columns = start + tl.arange(0, COLUMNS)[None, :]
        there = (rows < m) & (columns < n)
        y = tl.load(y_at + rows * n + columns, there, 0.0).to(tl.float32)
        dy = tl.load(dy_at + rows * n + columns, there, 0.0).to(tl.float32)
        dx = scale * y * (dy - inner)
        tl.store(dx_at + rows * n + columns, dx.to(dx_at.dtype.element_ty), there)


class Softmax(torch.autograd.Function):
    """The softmax of the rows of ``scale * x``."""

    @staticmethod
    def forward(ctx, x, scale):
        (m, n), x = x.shape, x.contiguous()
        y = torch.zeros_like(x)
        _softmax_forward[(triton.cdiv(m, ROWS),)](x, y, scale, m, n, ROWS, COLUMNS)
        ctx.save_for_backward(y)
        ctx.scale = scale
        return y

    @staticmethod
    def backward(ctx, dy):
        (y,), dy = ctx.saved_tensors, dy.contiguous()
        (m, n), dx = y.shape, torch.zeros_like(y)
        _softmax_backward[(triton.cdiv(m, ROWS),)](y, dy, dx, ctx.scale, m, n, ROWS, COLUMNS)
        return dx, None


@triton.jit
def _norm_forward(x_at, w_at, y_at, root_at, m, n, eps, ROWS: tl.constexpr, WIDTH: tl.constexpr):
    rows = (tl.program_id(0) * ROWS + tl.arange(0, ROWS))[:, None]
    columns = tl.arange(0, WIDTH)[None, :]
    there = (rows < m) & (columns < n)
    x = tl.load(x_at + rows * n + columns, there, 0.0).to(tl.float32)
    w = tl.load(w_at + columns, columns < n, 0.0).to(tl.float32)
    root = tl.rsqrt(tl.sum(x * x, 1, keep_dims=True) / n + eps)
    tl.store(y_at + rows * n + columns, (x * root * w).to(y_at.dtype.element_ty), there)
    tl.store(root_at + rows, root, rows < m)


@triton.jit
def _norm_backward(
    x_at, w_at, root_at, dy_at, dx_at, dw_at, m, n, ROWS: tl.constexpr, WIDTH: tl.constexpr
):
    # One program goes over all rows, since dw is a sum over them.
    columns = tl.arange(0, WIDTH)[None, :]
    w = tl.load(w_at + columns, columns < n, 0.0).to(tl.float32)
    dw = tl.zeros((1, WIDTH), tl.float32)
    for start in range(0, m, ROWS):
        rows = start + tl.arange(0, ROWS)[:, None]
        there = (rows < m) & (columns < n)
        x = tl.load(x_at + rows * n + columns, there, 0.0).to(tl.float32)
        dy = tl.load(dy_at + rows * n + columns, there, 0.0).to(tl.float32)
        unit = x * tl.load(root_at + rows, rows < m, 0.0)
        dw += tl.sum(dy * unit, 0, keep_dims=True)
        inner = tl.sum(dy * w * unit, 1, keep_dims=True) / n
        dx = (dy * w - unit * inner) * tl.load(root_at + rows, rows < m, 0.0)
        tl.store(dx_at + rows * n + columns, dx.to(dx_at.dtype.element_ty), there)
    tl.store(dw_at + columns, dw.to(dw_at.dtype.element_ty), columns < n)


class RMSNorm(torch.autograd.Function):
    """Rows over the root of their mean square, times weights."""

    @staticmethod
    def forward(ctx, x, w, eps):
        (m, n), x, w = x.shape, x.contiguous(), w.contiguous()
        y, root = torch.zeros_like(x), torch.zeros(m, device=x.device)
        width = triton.next_power_of_2(n)
        _norm_forward[(triton.cdiv(m, ROWS),)](x, w, y, root, m, n, eps, ROWS, width)
        ctx.save_for_backward(x, w, root)
        return y

    @staticmethod
    def backward(ctx, dy):
        (x, w, root), dy = ctx.saved_tensors, dy.contiguous()
        (m, n), dx, dw = x.shape, torch.zeros_like(x), torch.zeros_like(w)
        width = triton.next_power_of_2(n)
        _norm_backward[(1,)](x, w, root, dy, dx, dw, m, n, ROWS, width)
        return dx, dw, None


@triton.jit
def _attention_forward(
    q_at, k_at, v_at, o_at, log_at, scale, n, D: tl.constexpr, QUERIES: tl.constexpr,
    KEYS: tl.constexpr,
):  # fmt: skip
    head = tl.program_id(1) * n
    rows = (tl.program_id(0) * QUERIES + tl.arange(0, QUERIES))[:, None]
    columns = tl.arange(0, D)[None, :]
    q = tl.load(q_at + (head + rows) * D + columns, rows < n, 0.0)
    largest = tl.full((QUERIES, 1), float("-inf"), tl.float32)
    total = tl.zeros((QUERIES, 1), tl.float32)
    o = tl.zeros((QUERIES, D), tl.float32)
    for start in range(0, n, KEYS):
        keys = (start + tl.arange(0, KEYS))[:, None]
        k = tl.load(k_at + (head + keys) * D + columns, keys < n, 0.0)
        v = tl.load(v_at + (head + keys) * D + columns, keys < n, 0.0)
        scores = scale * tl.dot(q, tl.trans(k), input_precision="ieee")
        scores = tl.where(tl.trans(keys) < n, scores, float("-inf"))
        larger = tl.maximum(largest, tl.max(scores, 1, keep_dims=True))
        p, shrunk = tl.exp(scores - larger), tl.exp(largest - larger)
        total = total * shrunk + tl.sum(p, 1, keep_dims=True)
        o = o * shrunk + tl.dot(p.to(v.dtype), v, input_precision="ieee")
        largest = larger
    o = o / total
    tl.store(o_at + (head + rows) * D + columns, o.to(o_at.dtype.element_ty), rows < n)
    tl.store(log_at + head + rows, largest + tl.log(total), rows < n)


@triton.jit
def _attention_backward_q(
    q_at, k_at, v_at, do_at, log_at, inner_at, dq_at, scale, n, D: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr,
):  # fmt: skip
    head = tl.program_id(1) * n
    rows = (tl.program_id(0) * QUERIES + tl.arange(0, QUERIES))[:, None]
    columns = tl.arange(0, D)[None, :]
    q = tl.load(q_at + (head + rows) * D + columns, rows < n, 0.0)
    do = tl.load(do_at + (head + rows) * D + columns, rows < n, 0.0)
    log = tl.load(log_at + head + rows, rows < n, 0.0)
    inner = tl.load(inner_at + head + rows, rows < n, 0.0)
    dq = tl.zeros((QUERIES, D), tl.float32)
    for start in range(0, n, KEYS):
        keys = (start + tl.arange(0, KEYS))[:, None]
        k = tl.load(k_at + (head + keys) * D + columns, keys < n, 0.0)
        v = tl.load(v_at + (head + keys) * D + columns, keys < n, 0.0)
        p = tl.exp(scale * tl.dot(q, tl.trans(k), input_precision="ieee") - log)
        p = tl.where(tl.trans(keys) < n, p, 0.0)
        ds = p * (tl.dot(do, tl.trans(v), input_precision="ieee") - inner)
        dq += tl.dot(ds.to(k.dtype), k, input_precision="ieee")
    dq = scale * dq
    tl.store(dq_at + (head + rows) * D + columns, dq.to(dq_at.dtype.element_ty), rows < n)


@triton.jit
def _attention_backward_kv(
    q_at, k_at, v_at, do_at, log_at, inner_at, dk_at, dv_at, scale, n, D: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr,
):  # fmt: skip
    head = tl.program_id(1) * n
    keys = (tl.program_id(0) * KEYS + tl.arange(0, KEYS))[:, None]
    columns = tl.arange(0, D)[None, :]
    k = tl.load(k_at + (head + keys) * D + columns, keys < n, 0.0)
    v = tl.load(v_at + (head + keys) * D + columns, keys < n, 0.0)
    dk = tl.zeros((KEYS, D), tl.float32)
    dv = tl.zeros((KEYS, D), tl.float32)
    for start in range(0, n, QUERIES):
        rows = (start + tl.arange(0, QUERIES))[:, None]
        q = tl.load(q_at + (head + rows) * D + columns, rows < n, 0.0)
        do = tl.load(do_at + (head + rows) * D + columns, rows < n, 0.0)
        log = tl.load(log_at + head + rows, rows < n, 0.0)
        inner = tl.load(inner_at + head + rows, rows < n, 0.0)
        p = tl.exp(scale * tl.dot(q, tl.trans(k), input_precision="ieee") - log)
        ds = p * (tl.dot(do, tl.trans(v), input_precision="ieee") - inner)
        dv += tl.dot(tl.trans(p.to(do.dtype)), do, input_precision="ieee")
        dk += tl.dot(tl.trans(ds.to(q.dtype)), q, input_precision="ieee")
    dk = scale * dk
    tl.store(dk_at + (head + keys) * D + columns, dk.to(dk_at.dtype.element_ty), keys < n)
    tl.store(dv_at + (head + keys) * D + columns, dv.to(dv_at.dtype.element_ty), keys < n)


class Attention(torch.autograd.Function):
    """Softmax of ``q @ k.T / sqrt(d)`` times v, of each head; d is a power of two from 16 on."""

    @staticmethod
    def forward(ctx, q, k, v):
        q, k, v = q.contiguous(), k.contiguous(), v.contiguous()
        heads, n, d = q.shape
        o, log = torch.zeros_like(q), torch.zeros(heads, n, device=q.device)
        grid = (triton.cdiv(n, QUERIES), heads)
        _attention_forward[grid](q, k, v, o, log, d**-0.5, n, d, QUERIES, KEYS)
        ctx.save_for_backward(q, k, v, o, log)
        return o

    @staticmethod
    def backward(ctx, do):
        (q, k, v, o, log), do = ctx.saved_tensors, do.contiguous()
        heads, n, d = q.shape
        inner = (do.float() * o.float()).sum(-1)
        dq, dk, dv = torch.zeros_like(q), torch.zeros_like(k), torch.zeros_like(v)
        given = (q, k, v, do, log, inner)
        grid_q, grid_kv = (triton.cdiv(n, QUERIES), heads), (triton.cdiv(n, KEYS), heads)
        _attention_backward_q[grid_q](*given, dq, d**-0.5, n, d, QUERIES, KEYS)
        _attention_backward_kv[grid_kv](*given, dk, dv, d**-0.5, n, d, QUERIES, KEYS)
        return dq, dk, dv


def softmax(x, scale):
    """Return the softmax of the rows of ``scale * x``."""
    return Softmax.apply(x, scale)


def rms_norm(x, w, eps=1e-6):
    """Return rows over the root of their mean square, times weights."""
    return RMSNorm.apply(x, w, eps)


def attention(q, k, v):
    """Return what each query of each head attends to."""
    return Attention.apply(q, k, v)
