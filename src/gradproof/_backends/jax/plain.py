"""A function of JAX without the rules of its user: its forward code alone."""

from functools import partial
from pathlib import Path
from typing import Any

import jax

from ..standard.precisions import Leafwise
from .walk import bound, run

_RULES = ("custom_vjp_call", "custom_jvp_call")
#: Loops and branches, and which of their parameters are programs.
_NESTED = {"scan": ("jaxpr",), "while": ("cond_jaxpr", "body_jaxpr"), "cond": ("branches",)}
#: What runs a program as it stands.
_CALLS = ("jit", "pjit", "checkpoint", "remat2", "closed_call", "core_call")
_JAX = str(Path(jax.__file__).parent)


def without_rules(func: Leafwise, taken: list[str]) -> Leafwise:
    """Return the function, with the forward code of rules in their place but for JAX's own."""
    of = _Plain(taken).of

    def plain(leaves: list[Any]) -> list[Any]:
        closed = jax.make_jaxpr(func)(leaves)
        return run(closed.jaxpr, closed.consts, jax.tree_util.tree_leaves(leaves), of)

    return plain


class _Plain:
    """Evaluates operations, and takes rules away."""

    def __init__(self, taken: list[str]) -> None:
        self._taken = taken

    def of(self, eqn: Any, args: list[Any]) -> list[Any]:
        """Return the results of one operation."""
        name, params = eqn.primitive.name, eqn.params
        inner = params.get("call_jaxpr", params.get("jaxpr"))
        rule = name in _RULES and not _of_jax(params)
        if rule:
            self._taken.append(name)
        if rule or name in _CALLS:
            consts = getattr(inner, "consts", ())
            return run(getattr(inner, "jaxpr", inner), consts, args, self.of)
        for nested in _NESTED.get(name, ()):
            params = {**params, nested: self._each(params[nested])}
        return bound(eqn, args, params)

    def _each(self, programs: Any) -> Any:
        """Return programs without rules."""
        if isinstance(programs, tuple):
            return tuple(map(self._each, programs))
        return jax.make_jaxpr(partial(self._ordered, programs))(*programs.in_avals)

    def _ordered(self, program: Any, *args: Any) -> list[Any]:
        return run(program.jaxpr, program.consts, args, self.of)


def _of_jax(params: Any) -> bool:
    """Tell whether a rule is JAX's own: its forward code may have another derivative at ties."""
    program = params["call_jaxpr"]
    rule = params["bwd"] if "bwd" in params else params["jvp_jaxpr_fun"]
    every = (getattr(program, "jaxpr", program).debug_info, getattr(rule, "debug_info", None))
    return all(info is not None and f" at {_JAX}" in str(info.func_src_info) for info in every)
