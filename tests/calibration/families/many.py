"""
Gradients of 400, 2000 and 20000 entries, which verify_grad does not look at one by one.

Smooth functions and networks with kinks, sums of all sizes, one entry that dwarfs the others, rows
that func does not read. Mistakes: of the whole, of a row, of a block, of one entry.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from tests.calibration.cases import (
    EPS,
    WIDE,
    Checks,
    Draw,
    Problem,
    is_right,
    register,
    right_claim,
)
from tests.calibration.mistakes import ENTRY, least_share, lengths, matters, median, moved
from torch.nn import functional

from gradproof import verify_grad

SIZES = (400, 2000, 20000)
ROWS = 20


def _smooth(draw: Draw, n: int) -> Problem:
    a = draw.normal(ROWS, n // ROWS)
    return Problem(lambda x: (a.to(x) * torch.sin(x) + x * x / 4).mean(), draw.normal(*a.shape))


def _sum(draw: Draw, n: int) -> Problem:
    # In half precision the sum, not the mean, has few digits left for one entry.
    a = draw.uniform(0.5, 1.5, ROWS, n // ROWS)
    return Problem(lambda x: (a.to(x) * torch.exp(x)).sum(), 0.5 * draw.normal(*a.shape))


def _sum_of_squares_of_a_mean(draw: Draw, n: int) -> Problem:
    # All entries in one number, and next to nothing for each.
    return Problem(lambda x: x.mean(1).square().sum(), 1 + draw.normal(ROWS, n // ROWS))


def _network_of_rectifiers(draw: Draw, n: int) -> Problem:
    a, y = draw.normal(8, ROWS), draw.normal(8)

    def func(x: Any) -> Any:
        hidden = torch.relu(a.to(x) @ x)
        return ((hidden.mean(1) - y.to(x)) ** 2).mean()

    return Problem(func, draw.normal(ROWS, n // ROWS))


def _classifier(draw: Draw, n: int) -> Problem:
    a, y = draw.normal(16, ROWS), draw.labels(n // ROWS, 16)
    x0 = draw.normal(ROWS, n // ROWS) / 4
    return Problem(lambda x: functional.cross_entropy(a.to(x) @ x, y), x0)


def _one_giant_entry(draw: Draw, n: int) -> Problem:
    giant = torch.ones(ROWS, n // ROWS)
    giant.view(-1)[n // 3] = 1000.0
    return Problem(lambda x: (giant.to(x) * torch.sin(x)).mean(), draw.normal(ROWS, n // ROWS))


def _embedding(draw: Draw, n: int) -> Problem:
    # Rows 0 to 4 are the only ones that are read.
    a = draw.normal(5, n // ROWS)
    return Problem(lambda x: (a.to(x) * torch.tanh(x[:5])).mean(), draw.normal(ROWS, n // ROWS))


def _wrong(g: Any, x0: Any, draw: Draw) -> dict[str, Any]:
    """Return wrong gradients, by the name of the mistake."""
    weight = g.abs() * lengths(x0.double(), EPS[draw.name])
    places = torch.nonzero(((weight >= median(weight)) & (g != 0)).ravel()).ravel().tolist()
    i, j = divmod(places[int(draw.rng.integers(len(places)))], g.shape[1])
    some = slice(j // 2, j // 2 + g.shape[1] // 2)
    found = {"sign": -g, "factor 2": 2 * g, "zero": 0 * g, "scale 1.1": 1.1 * g}
    for name, place, factor in (
        ("entry", (i, j), 1 + ENTRY[draw.name]),
        ("sign of an entry", (i, j), -1.0),
        ("an entry zero", (i, j), 0.0),
        ("a row zero", (i, slice(None)), 0.0),
        ("a row twice", (i, slice(None)), 2.0),
        ("a block with the wrong sign", (slice(None), some), -1.0),
    ):
        found[name] = g.clone()
        found[name][place] *= factor
    return found


def _shows(g: Any, wrong: Any, draw: Draw) -> bool:
    """
    Tell whether a mistake shows along a random direction, and not only in its entry.

    From single precision down, the rounding of func hides one entry among many; the report then says
    from which size on an error of one entry alone would have been seen.
    """
    share = least_share(ENTRY[draw.name])
    return draw.name in WIDE or bool((wrong - g).norm() >= share * g.norm())


def _checks(build: Callable[[Draw, int], Problem], n: int, draw: Draw) -> Checks:
    drawn = build(draw, n)
    x0 = drawn.x0.to(draw.dtype)
    problem = Problem(drawn.func, x0)
    if not is_right(problem, EPS[draw.name] ** (1 / 3)):
        return Checks(n)
    right = right_claim(problem)
    g, free = right(x0).double(), torch.ones(x0.shape, dtype=torch.bool)
    claims = {"right": right}
    for name, wrong in _wrong(g, x0, draw).items():
        if matters(g, wrong, x0, free, draw.name) and _shows(g, wrong, draw):
            claims[name] = partial(moved, right, wrong - g)
    return Checks(n, {name: partial(verify_grad, problem.func, claim, x0, seed=draw.seed)
                      for name, claim in claims.items()})  # fmt: skip


for _build in (_smooth, _sum, _sum_of_squares_of_a_mean, _network_of_rectifiers, _classifier,
               _one_giant_entry, _embedding):  # fmt: skip
    for _n in SIZES:
        _name = f"{_build.__name__.strip('_').replace('_', ' ')} of {_n}"
        register("many entries", _name, partial(_checks, _build, _n))
