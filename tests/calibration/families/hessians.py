"""
Second derivatives (verify_hess, verify_hvp), with the gradient of func at hand and without it.

Hessians of functions that are counted as gradients too, by autograd. A mistake of an entry is one
of a pair, since a Hessian that is not symmetric is seen without a call of func; that is one more
mistake.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from tests.calibration.cases import BUILDERS, EPS, Checks, Draw, Problem, register
from tests.calibration.mistakes import ENTRY
from tests.calibration.several import (
    Several,
    added,
    altered,
    by_pulling,
    by_pushing,
    by_rows,
    chosen,
    flat,
    matrix,
    matrix_right,
    pulls_right,
)

from gradproof import verify_hess, verify_hvp

FUNCTIONS = (
    ("smooth", "quadratic"),
    ("smooth", "Himmelblau"),
    ("smooth", "Rosenbrock"),
    ("smooth", "log sum exp"),
    ("smooth", "exponentials"),
    ("smooth", "norm"),
    ("smooth", "product"),
    ("smooth", "polynomial"),
    ("smooth", "robot arm"),
    ("smooth", "trace of a cube"),
    ("smooth", "Rayleigh quotient"),
    ("learning", "attention"),
    ("ill-conditioned", "Hilbert"),
    ("ill-conditioned", "quadratic form of ten decades"),
)


def _gradients(family: str, name: str, draw: Draw) -> tuple[Callable[..., Any], Several]:
    """Return a function, and its gradient as a function of its own."""
    build, _ = BUILDERS[family, name]
    problem = build(draw)
    assert isinstance(problem, Problem)

    def slopes(x: Any) -> Any:
        with torch.enable_grad():
            own = x if x.requires_grad else x.detach().clone().requires_grad_()
            (found,) = torch.autograd.grad(problem.func(own), own, create_graph=True)
        return found

    return problem.func, Several(slopes, (problem.x0.to(draw.dtype),))


def _entry(draw: Draw, *, by_slopes: bool) -> float:
    """Return the error of an entry that has to be found: of func's own differences, more."""
    # The default rtol of second differences is eps ** (4/15), that of first ones eps ** (1/3).
    return ENTRY[draw.name] * (1.0 if by_slopes else EPS[draw.name] ** (-1 / 15))


def _symmetric(several: Several, draw: Draw, entry: float) -> dict[str, Any]:
    """Return wrong Hessians: symmetric ones, and one with a wrong entry on one side."""
    right, found = several.matrix, {}
    for name, wrong in altered(several, draw, entry=entry).items():
        off = wrong - right
        both = right + torch.where(off.T == 0, off, torch.where(off == 0, off.T, off))
        found[name] = both
        if name == "an entry zero" and not torch.equal(both, wrong):
            found["an entry zero on one side"] = wrong
    found.pop("transposed", None)
    return found


def _hessian(family: str, name: str, by_slopes: bool, draw: Draw) -> Checks:
    func, several = _gradients(family, name, draw)
    n = several.matrix.shape[1]
    if not matrix_right(several, draw):
        return Checks(n)
    entry = _entry(draw, by_slopes=by_slopes)
    rule = by_rows(several, draw, entry)
    if not by_slopes:
        # A product with a random tangent is what is checked.
        product = by_pushing(several, draw, entry)
        rule = lambda right, wrong: product(right, wrong) and by_pulling(several, draw)(right, wrong)  # noqa: E731  # fmt: skip
    found = chosen(several, draw, _symmetric(several, draw, entry), rule, count=2)
    return Checks(n, {
        name: partial(verify_hess, func, partial(_formed, several, wrong - several.matrix),
                      several.xs[0], grad=_slopes(several, by_slopes), seed=draw.seed)
        for name, wrong in {"right": several.matrix, **found}.items()
    })  # fmt: skip


def _formed(several: Several, off: Any, x: Any) -> Any:
    return (matrix(several, (x,)) + off).reshape((*x.shape, *x.shape)).to(x.dtype)


def _slopes(several: Several, by_slopes: bool) -> Callable[[Any], Any] | None:
    return (lambda x: several.func(x).detach()) if by_slopes else None


def _product(family: str, name: str, by_slopes: bool, draw: Draw) -> Checks:
    func, several = _gradients(family, name, draw)
    n = several.matrix.shape[1]
    if not pulls_right(several, draw):
        return Checks(n)
    entry = _entry(draw, by_slopes=by_slopes)
    rule = by_pushing(several, draw, entry)
    found = chosen(several, draw, _symmetric(several, draw, entry), rule, count=2)
    return Checks(n, {
        name: partial(verify_hvp, func, partial(_multiplied, several, wrong - several.matrix),
                      several.xs[0], grad=_slopes(several, by_slopes), seed=draw.seed)
        for name, wrong in {"right": several.matrix, **found}.items()
    })  # fmt: skip


def _multiplied(several: Several, off: Any, x: Any, tangent: Any) -> Any:
    # A Hessian is its own transpose.
    (found,) = added(several.pulled((x,), (tangent,)), off @ flat([tangent]))
    return found


for _key in FUNCTIONS:
    _, _dtypes = BUILDERS[_key]
    for _by_slopes, _how in ((True, "by its gradient"), (False, "by func")):
        for _family, _check in (("hessian", _hessian), ("hvp", _product)):
            register(_family, f"{_key[1]}, {_how}", partial(_check, *_key, _by_slopes), _dtypes)
