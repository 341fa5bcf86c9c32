"""
Products with a Jacobian that nobody forms (verify_vjp, verify_jvp).

Of the functions whose Jacobians are checked too: by one array, several arguments or a pytree, with
one result or several. A vjp is given in both of its forms.
"""

from functools import partial
from typing import Any

from tests.calibration.cases import SINGLE, Checks, Draw, register
from tests.calibration.families.operations import Drawn, functions
from tests.calibration.given import Given, given
from tests.calibration.several import (
    added,
    altered,
    by_pulling,
    by_pushing,
    chosen,
    flat,
    pulls_right,
    pushes_right,
)

from gradproof import verify_jvp, verify_vjp

#: What PyTorch has no forward mode for in half precision, on CPU.
NOT_IN_HALF = {"glu"}


def _vjp(build: Drawn, draw: Draw) -> Checks:
    several = build(draw)
    right = several.matrix
    n = right.shape[1]
    if not pulls_right(several, draw):
        return Checks(n)
    asked, pullback = given(several, draw), bool(draw.rng.integers(2))
    form = _pullback if pullback else _pulled
    found = chosen(several, draw, altered(several, draw), by_pulling(several, draw), count=1)
    checks = {}
    for name, wrong in {"right": right, **found}.items():
        checks[name] = partial(
            verify_vjp, asked.func, partial(form, asked, wrong - right), *asked.x0s,
            argnums=asked.argnums, pullback=pullback, seed=draw.seed,
        )  # fmt: skip
    return Checks(n, checks)


def _pulled(asked: Given, off: Any, *args: Any) -> Any:
    *xs, cotangent = args
    several = asked.several
    cotangents = cotangent if isinstance(cotangent, tuple) else (cotangent,)
    found = several.pulled(asked.leaves(xs), cotangents)
    return asked.packed(added(found, flat(cotangents) @ off))


def _pullback(asked: Given, off: Any, *args: Any) -> Any:
    return asked.func(*args), lambda cotangent: _pulled(asked, off, *args, cotangent)


def _jvp(build: Drawn, draw: Draw) -> Checks:
    several = build(draw)
    right = several.matrix
    n = right.shape[1]
    if not pushes_right(several, draw):
        return Checks(n)
    asked = given(several, draw)
    found = chosen(several, draw, altered(several, draw), by_pushing(several, draw))
    checks = {}
    for name, wrong in {"right": right, **found}.items():
        checks[name] = partial(
            verify_jvp, asked.func, partial(_pushed, asked, wrong - right), *asked.x0s,
            argnums=asked.argnums, seed=draw.seed,
        )  # fmt: skip
    return Checks(n, checks)


def _pushed(asked: Given, off: Any, *args: Any) -> Any:
    *xs, tangent = args
    several, tangents = asked.several, asked.unpacked(tangent)
    found = several.pushed(asked.leaves(xs), tangents)
    return several.like(added(found, off @ flat(tangents)))


for _name, _build, _dtypes in functions():
    register("vjp", _name, partial(_vjp, _build), _dtypes)
for _name, _build, _dtypes in functions(1, 2):
    # In parts, forward mode takes longer than all others together.
    if not _name.endswith(" in parts"):
        register("jvp", _name, partial(_jvp, _build), SINGLE if _name in NOT_IN_HALF else _dtypes)
