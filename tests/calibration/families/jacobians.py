"""
Jacobians, entry by entry (verify_jac): dense ones, of PyTorch, and sparse ones.

Dense: of operations and layers, by one array, several arguments or a pytree. Sparse: of stencils,
chains and constraints, as a matrix of SciPy beside a func of NumPy, and in half precision, which
SciPy does not have, as one of PyTorch.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from tests.calibration.cases import EPS, Checks, Draw, register
from tests.calibration.families.operations import Drawn, functions
from tests.calibration.given import Given, given
from tests.calibration.several import (
    Leaves,
    Several,
    altered,
    by_rows,
    chosen,
    matrix,
    matrix_right,
    shaped,
)

from gradproof import verify_jac

Wrong = dict[str, Any]


def _wrong(several: Several, draw: Draw, found: Wrong | None = None, count: int = 2) -> Wrong:
    """Return what wrong matrices have more than the right one, which has nothing more."""
    found = chosen(several, draw, found or altered(several, draw), by_rows(several, draw), count)
    right = several.matrix
    return {"right": 0 * right, **{name: wrong - right for name, wrong in found.items()}}


def _dense(build: Drawn, draw: Draw) -> Checks:
    several = build(draw)
    n = several.matrix.shape[1]
    if not matrix_right(several, draw):
        return Checks(n)
    asked = given(several, draw)
    checks = {}
    for name, off in _wrong(several, draw).items():
        claim = partial(_blocks, asked, off)
        checks[name] = partial(verify_jac, asked.func, claim, *asked.x0s, argnums=asked.argnums, seed=draw.seed)  # fmt: skip
    return Checks(n, checks)


def _blocks(asked: Given, off: Any, *args: Any) -> Any:
    """Return the Jacobian as verify_jac wants it: for each result, a block by each array."""
    several, xs = asked.several, asked.leaves(args)
    rows = (matrix(several, xs) + off).split([y.numel() for y in several.results(xs)])
    results = several.results(xs)
    return several.like(tuple(_block(asked, part, y, xs) for part, y in zip(rows, results, strict=True)))  # fmt: skip


def _block(asked: Given, rows: Any, y: Any, xs: Leaves) -> Any:
    pieces = rows.split([x.numel() for x in xs], dim=1)
    return asked.packed(
        tuple(p.reshape((*y.shape, *x.shape)).to(x.dtype) for p, x in zip(pieces, xs, strict=True))
    )


for _name, _build, _dtypes in functions(0, 2):
    register("jacobian", _name, partial(_dense, _build), _dtypes)


# What is below is sparse.


def _diffusion(draw: Draw) -> Several:
    def func(x: Any) -> Any:
        return x + 0.2 * (torch.roll(x, 1) - 2 * x + torch.roll(x, -1)) - 0.1 * x**3

    return Several(func, (draw.normal(24).to(draw.dtype),))


def _upwind_flow(draw: Draw) -> Several:
    def func(x: Any) -> Any:
        return x[1:] - 0.3 * x[1:] * (x[1:] - x[:-1])

    return Several(func, (draw.uniform(0.5, 2, 30).to(draw.dtype),))


def _plate(draw: Draw) -> Several:
    def func(x: Any) -> Any:
        u = torch.nn.functional.pad(x.reshape(6, 6), (1, 1, 1, 1))
        around = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2]
        return (around - 4 * u[1:-1, 1:-1] + torch.sin(u[1:-1, 1:-1])).reshape(-1)

    return Several(func, (draw.normal(36).to(draw.dtype),))


def _chain_of_springs(draw: Draw) -> Several:
    def func(x: Any) -> Any:
        gap = x.reshape(-1, 2)[1:] - x.reshape(-1, 2)[:-1]
        return torch.sqrt((gap * gap).sum(1)) - 1

    start = torch.stack([torch.arange(10.0), torch.zeros(10)], 1) + 0.3 * draw.normal(10, 2)
    return Several(func, (start.reshape(-1).to(draw.dtype),))


def _steps_of_a_trajectory(draw: Draw) -> Several:
    # Collocation: each row joins a place to the next, and the last one is a condition on all.
    def func(x: Any) -> Any:
        defects = x[1:] - x[:-1] - 0.1 * torch.cos((x[1:] + x[:-1]) / 2)
        return torch.cat([defects, (x * x).mean()[None]])

    return Several(func, (draw.normal(25).to(draw.dtype),))


def _residuals_of_pairs(draw: Draw) -> Several:
    left, right = draw.labels(10, 24), draw.labels(8, 24)
    y = draw.normal(24)

    def func(x: Any) -> Any:
        return x[left] * x[10 + right] - y.to(x)

    return Several(func, (draw.normal(18).to(draw.dtype),))


def _diagonal(draw: Draw) -> Several:
    return Several(torch.tanh, (draw.normal(24).to(draw.dtype),))


def _some_empty_rows(draw: Draw) -> Several:
    kept = draw.coins(30)
    return Several(lambda x: kept.to(x) * x**2 + 1, (draw.normal(30).to(draw.dtype),))


def _balances(draw: Draw) -> Several:
    ends = torch.as_tensor(np.stack([draw.rng.permutation(12) for _ in range(2)]))

    def func(x: Any) -> Any:
        flow = x * torch.sqrt(x * x + 0.1)
        total = torch.zeros(12).to(x)
        return total.index_add(0, ends[0], flow).index_add(0, ends[1], -flow * flow)

    return Several(func, (draw.normal(12).to(draw.dtype),))


def _sparse(build: Callable[[Draw], Several], draw: Draw) -> Checks:
    several = build(draw)
    n = several.matrix.shape[1]
    if not matrix_right(several, draw):
        return Checks(n)
    found = {**altered(several, draw), **_misplaced(several.matrix, draw)}
    numpy = EPS[draw.name] < 2.0**-15
    func, claim = (_of_numpy, _of_scipy) if numpy else (several.func, _of_torch)
    func = partial(func, several) if numpy else several.func
    x0 = several.xs[0].numpy() if numpy else several.xs[0]
    layout = ("csr", "csc", "coo")[int(draw.rng.integers(3))]
    return Checks(n, {
        name: partial(verify_jac, func, partial(claim, several, off, layout), x0, seed=draw.seed)
        for name, off in _wrong(several, draw, found, count=3).items()
    })  # fmt: skip


def _misplaced(right: Any, draw: Draw) -> Wrong:
    """Return the mistake of an entry in the place of another."""
    places = torch.nonzero(right).tolist()
    i, j = places[int(draw.rng.integers(len(places)))]
    empty = torch.nonzero(right[i] == 0).ravel().tolist()
    if not empty:
        return {}
    wrong = right.clone()
    wrong[i, empty[int(draw.rng.integers(len(empty)))]] = wrong[i, j]
    wrong[i, j] = 0
    return {"an entry in another place": wrong}


def _of_numpy(several: Several, x: Any) -> Any:
    return several.func(torch.from_numpy(np.array(x))).numpy()


def _of_scipy(several: Several, off: Any, layout: str, x: Any) -> Any:
    import scipy.sparse  # no other family needs SciPy

    dense = matrix(several, (torch.from_numpy(np.array(x)),)) + off
    return scipy.sparse.coo_array(dense.numpy().astype(x.dtype)).asformat(layout)


def _of_torch(several: Several, off: Any, layout: str, x: Any) -> Any:
    (y,) = several.results((x,))
    (dense,) = shaped((matrix(several, (x,)) + off).reshape(-1), [x.new_empty(y.numel(), x.numel())])  # fmt: skip
    del layout  # half precision has kernels for this one only
    return dense.to_sparse_coo()


def _names(builds: Sequence[Callable[[Draw], Several]]) -> dict[str, Callable[[Draw], Several]]:
    return {build.__name__.strip("_").replace("_", " "): build for build in builds}


for _name, _build in _names([
    _diffusion, _upwind_flow, _plate, _chain_of_springs, _steps_of_a_trajectory,
    _residuals_of_pairs, _diagonal, _some_empty_rows, _balances,
]).items():  # fmt: skip
    register("sparse jacobian", _name, partial(_sparse, _build))
