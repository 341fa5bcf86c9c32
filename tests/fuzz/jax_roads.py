"""Rules for JAX's autodiff, and the checks of them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tests.fuzz.problems import Problem
from tests.fuzz.roads import func_of, said

import gradproof as gp
from gradproof.compat import jax as drop_in


def _plain(problem: Problem) -> Any:
    return lambda *xs: problem.vector(dict(zip(problem.moved, xs, strict=True)), [])


def _pulled(problem: Problem, xs: Any, cotangent: Any) -> Any:
    """Return the gradients by the arguments, with the mistake in them."""
    mistake, where = problem.mistake, list(problem.slices().values())
    given = cotangent
    if mistake.rows is not None:
        cotangent = cotangent * jnp.asarray(mistake.rows, dtype=cotangent.dtype)
    _, pull = jax.vjp(_plain(problem), *xs)
    grads = []
    for x, g, own in zip(xs, pull(cotangent), where, strict=True):
        flat = jnp.reshape(g, -1)
        if mistake.columns is not None:
            flat = flat * jnp.asarray(mistake.columns[own], dtype=x.dtype)
        if mistake.order is not None:
            flat = flat[mistake.order[own] - own.start]
        if mistake.extra is not None:
            flat = flat + jnp.asarray(mistake.extra[:, own], dtype=x.dtype).T @ given
        grads.append(jnp.reshape(flat, x.shape))
    return tuple(grads)


def _pushed(problem: Problem, xs: Any, tangents: Any) -> Any:
    """Return value and tangent, with the mistake in it."""
    mistake, where = problem.mistake, list(problem.slices().values())
    given, changed = tangents, []
    for t, own in zip(tangents, where, strict=True):
        flat = jnp.reshape(t, -1)
        if mistake.order is not None:
            flat = flat[np.argsort(mistake.order[own])]
        if mistake.columns is not None:
            flat = flat * jnp.asarray(mistake.columns[own], dtype=t.dtype)
        changed.append(jnp.reshape(flat, t.shape))
    value, out = jax.jvp(_plain(problem), tuple(xs), tuple(changed))
    if mistake.rows is not None:
        out = out * jnp.asarray(mistake.rows, dtype=out.dtype)
    if mistake.extra is not None:
        for t, own in zip(given, where, strict=True):
            out = out + jnp.asarray(mistake.extra[:, own], dtype=out.dtype) @ jnp.reshape(t, -1)
    return value, out


def rule_of(problem: Problem, *, forward: bool) -> Any:
    """Return a function with a custom rule."""
    plain = _plain(problem)
    if forward:
        rule: Any = jax.custom_jvp(plain)
        rule.defjvp(lambda xs, tangents: _pushed(problem, xs, tangents))
        return rule
    rule = jax.custom_vjp(plain)
    rule.defvjp(lambda *xs: (plain(*xs), xs), lambda xs, ct: _pulled(problem, xs, ct))
    return rule


def checked(problem: Problem, road: str) -> Any:
    """Return the report of a check, or what a drop-in says."""
    args = tuple(problem.positional())
    func = func_of(problem)
    if road.endswith("rule"):
        func = rule_of(problem, forward="jvp" in road)
    if road.startswith("autodiff"):
        argnums: Any = tuple(range(len(args)))
        return gp.verify_autodiff(func, *args, argnums=argnums, seed=problem.seed)
    plain = _plain(problem)
    if road == "check_jvp":
        return said(lambda: drop_in.check_jvp(func, lambda xs, ts: _pushed(problem, xs, ts), args))
    if road == "check_vjp":

        def vjp(*xs: Any) -> Any:
            return plain(*xs), lambda cotangent: _pulled(problem, xs, cotangent)

        return said(lambda: drop_in.check_vjp(func, vjp, args))
    modes = ("rev",) if road.endswith("rule") else ("fwd", "rev")
    return said(lambda: drop_in.check_grads(func, args, 1, modes=modes))
