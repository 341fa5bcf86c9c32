"""Functions with several arrays or results, for the checks of Jacobians, products and rules."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from tests.calibration.cases import ALL, BUILDERS, SINGLE, Draw, Problem
from tests.calibration.several import Several
from tests.torch_ops import NOT_IN_HALF, OPS, Op, inputs

Drawn = Callable[[Draw], Several]

#: Functions of statistics and learning whose x is a vector that people keep in parts.
IN_PARTS = (
    ("learning", "perceptron"),
    ("learning", "recommender with biases"),
    ("learning", "radial basis"),
    ("kink", "network of rectifiers"),
    ("smooth", "Styblinski Tang"),
    ("smooth", "diffusion"),
)


def functions(first: int = 0, step: int = 1) -> Iterator[tuple[str, Drawn, tuple[str, ...]]]:
    """
    Yield name, builder and dtypes of each function; of every `step`-th operation, from `first` on.

    Checks that take long get half of the operations, each the other half: all would say little
    more of the engine that they share.
    """
    for name in list(OPS)[first::step]:
        op = OPS[name]
        yield name, partial(_operation, op), SINGLE if name in NOT_IN_HALF else ALL
    for family, name in IN_PARTS:
        yield f"{name} in parts", partial(_in_parts, family, name), BUILDERS[family, name][1]
    for build in (_layers, _moments, _rotation, _filter_step):
        yield build.__name__.strip("_").replace("_", " "), build, ALL


def _operation(op: Op, draw: Draw) -> Several:
    xs = _without_ties(op, draw)

    def func(*given: Any) -> Any:
        found = op.func(*given)
        if isinstance(found, torch.Tensor):
            return found
        # Places, as of a maximum, have no derivative.
        smooth = tuple(y for y in found if y.is_floating_point())
        return smooth if len(smooth) > 1 else smooth[0]

    return Several(func, xs)


def _without_ties(op: Op, draw: Draw) -> tuple[Any, ...]:
    """Return inputs; of a maximum at a tie, more than one derivative is right."""
    # Of the more than fifty entries of a layer in bfloat16 two may be the same whatever is drawn.
    for _ in range(100):
        xs = tuple(x.detach() for x in inputs(op, draw.dtype, seed=int(draw.rng.integers(2**31))))
        entries = torch.cat([x.reshape(-1) for x in xs])
        if entries.unique().numel() == entries.numel():
            break
    return xs


def _in_parts(family: str, name: str, draw: Draw) -> Several:
    build, _ = BUILDERS[family, name]
    problem = build(draw)
    assert isinstance(problem, Problem)
    shape = problem.x0.shape
    parts = problem.x0.to(draw.dtype).reshape(-1).tensor_split(3)
    return Several(
        lambda *xs: problem.func(torch.cat(xs).reshape(shape)), tuple(x.clone() for x in parts)
    )


def _point(draw: Draw, *xs: Any) -> tuple[Any, ...]:
    return tuple(x.to(draw.dtype) for x in xs)


def _layers(draw: Draw) -> Several:
    a = draw.normal(3)

    def func(w: Any, b: Any, v: Any) -> Any:
        hidden = torch.tanh(w @ a.to(w) + b)
        return hidden, v @ hidden, (v * v).sum(1)

    return Several(func, _point(draw, draw.normal(4, 3), draw.normal(4), draw.normal(2, 4)))


def _moments(draw: Draw) -> Several:
    def func(x: Any, w: Any) -> Any:
        p = torch.softmax(w, 0)
        mean = (p * x).sum()
        return mean, (p * (x - mean) ** 2).sum(), (p * (x - mean) ** 3).sum()

    return Several(func, _point(draw, draw.normal(8), draw.normal(8)))


def _rotation(draw: Draw) -> Several:
    def func(angle: Any, points: Any) -> Any:
        c, s = torch.cos(angle), torch.sin(angle)
        turned = torch.stack([c * points[:, 0] - s * points[:, 1], s * points[:, 0] + c * points[:, 1]], 1)  # fmt: skip
        return turned, torch.linalg.vector_norm(turned + 1, dim=1)

    return Several(func, _point(draw, draw.normal(), draw.normal(5, 2)))


def _filter_step(draw: Draw) -> Several:
    def func(mean: Any, spread: Any, seen: Any) -> Any:
        gain = spread**2 / (spread**2 + 0.5)
        return mean + gain * (seen - mean), (1 - gain) * spread**2

    return Several(func, _point(draw, draw.normal(5), draw.uniform(0.5, 2, 5), draw.normal(5)))
