"""
Derivatives that PyTorch computes (verify_autodiff): its own, and rules with planted mistakes.

Half of the functions are checked as they are, since autograd is right, and the other half within an
autograd.Function whose backward is that of autograd plus what a wrong matrix has more.
"""

from functools import partial
from typing import Any

import torch
from tests.calibration.cases import Checks, Draw, register
from tests.calibration.families.operations import Drawn, functions
from tests.calibration.given import Given, given
from tests.calibration.several import (
    Several,
    added,
    altered,
    by_pulling,
    chosen,
    flat,
    pulls_right,
)

from gradproof import verify_autodiff


class Rule(torch.autograd.Function):
    """A function of tensors with autograd's own backward, and `off` added to its matrix."""

    @staticmethod
    def forward(ctx: Any, several: Several, off: Any, *xs: Any) -> Any:
        with torch.enable_grad():
            own = [x.detach().requires_grad_() for x in xs]
            results = several.results(own)
        ctx.own, ctx.results, ctx.off = own, results, off
        return several.like(tuple(y.detach().clone() for y in results))

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> Any:
        graph = [(y, ct) for y, ct in zip(ctx.results, cotangents, strict=True) if y.requires_grad]
        found = torch.autograd.grad([y for y, _ in graph], ctx.own, [ct for _, ct in graph],
                                    retain_graph=True, allow_unused=True)  # fmt: skip
        found = tuple(torch.zeros_like(x) if g is None else g
                      for x, g in zip(ctx.own, found, strict=True))  # fmt: skip
        return None, None, *added(found, flat(cotangents) @ ctx.off)


def _plain(build: Drawn, draw: Draw) -> Checks:
    several = build(draw)
    n = several.matrix.shape[1]
    if not pulls_right(several, draw):
        return Checks(n)
    asked = given(several, draw)
    return Checks(n, {"right": partial(verify_autodiff, asked.func, *asked.x0s, seed=draw.seed)})


def _own_rule(build: Drawn, draw: Draw) -> Checks:
    several = build(draw)
    right = several.matrix
    n = right.shape[1]
    if not pulls_right(several, draw):
        return Checks(n)
    found = chosen(several, draw, altered(several, draw), by_pulling(several, draw))
    tree = bool(draw.rng.integers(2)) and len(several.xs) > 1
    checks = {}
    for name, wrong in {"right": right, **found}.items():
        ruled = Several(partial(Rule.apply, several, wrong - right), several.xs)
        asked = Given(ruled, tree)
        checks[name] = partial(verify_autodiff, asked.func, *asked.x0s, seed=draw.seed)
    return Checks(n, checks)


for _name, _build, _dtypes in functions(0, 2):
    register("autodiff", _name, partial(_plain, _build), _dtypes)
for _name, _build, _dtypes in functions(1, 2):
    register("autodiff", f"{_name}, own rule", partial(_own_rule, _build), _dtypes)
