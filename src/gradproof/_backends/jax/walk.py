"""The evaluation of a program of JAX, operation by operation."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax.extend import core


def run(jaxpr: Any, consts: Any, args: Any, of: Callable[[Any, list[Any]], list[Any]]) -> list[Any]:
    """
    Return the results of a program.

    Parameters
    ----------
    jaxpr : Jaxpr
        The program.
    consts, args : list of array
        Its constants and arguments.
    of : callable
        From an operation and its arguments to a list of its results.
    """
    given = zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *args], strict=True)
    known: dict[Any, Any] = dict(given)

    def read(var: Any) -> Any:
        return jnp.asarray(var.val, var.aval.dtype) if isinstance(var, core.Literal) else known[var]

    for eqn in jaxpr.eqns:
        found = of(eqn, [read(var) for var in eqn.invars])
        known.update(zip(eqn.outvars, found, strict=True))
    return [read(var) for var in jaxpr.outvars]


def bound(eqn: Any, args: list[Any], params: Any) -> list[Any]:
    """Return the results of one operation."""
    given = eqn.primitive.get_bind_params(params)
    # Newer versions of JAX keep functions among the parameters.
    subfuns, params = given if isinstance(given, tuple) else ((), given)
    found = eqn.primitive.bind(*subfuns, *args, **params)
    return list(found) if eqn.primitive.multiple_results else [found]
