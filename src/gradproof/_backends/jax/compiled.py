"""Functions of leaves, compiled at their first call, and called with numbers of the host."""

import functools
import re
from collections.abc import Callable
from typing import Any

import jax

#: To compile takes most of the time of a check, and some dozen calls never pay back what goes into
#: optimizations on a CPU. Without them, and without the emitters of fusions by MLIR, the program of
#: a second derivative of an elementwise function takes 12 rather than 50 ms, that of an addition 12
#: rather than 25; a second thread for each costs more than it gains. Versions of XLA that do not
#: know an option do without it.
_QUICK: dict[str, Any] = {
    "xla_backend_optimization_level": 0,
    "xla_cpu_use_fusion_emitters": False,
    "xla_cpu_parallel_codegen_split_count": 1,
}
_UNKNOWN = re.compile(r"No such compile option: '(\w+)'")


class Compiled:
    """
    A function of leaves, compiled if it can be: checks call it some dozen times.

    Leaves may be arrays of NumPy, which a program takes in a fourth of the time that it takes to
    make arrays of JAX of them. Python that looks at numbers (``if x > 0``) cannot be compiled, and
    runs as it is, with arrays of JAX.

    Parameters
    ----------
    func : callable
        The function.
    """

    def __init__(self, func: Callable[..., Any]) -> None:
        self._func = func
        self._run: Callable[..., Any] | None = None
        self._compiled = False

    def __call__(self, *leaves: Any) -> Any:
        """Return the results at some leaves."""
        if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree_util.tree_leaves(leaves)):
            return self._func(*leaves)  # part of what is compiled already, or never can be
        if self._run is None:
            return self._first(leaves)
        if not self._compiled:
            return self._run(*jax.device_put(leaves))
        # These are the numbers of the check, and no code of the user runs here.
        with jax.transfer_guard_host_to_device("allow"):
            return self._run(*leaves)

    def _first(self, leaves: tuple[Any, ...]) -> Any:
        leaves = jax.device_put(leaves)
        try:
            self._run, found = _compiled(self._func, leaves)
        except Exception:
            # Raises again what is not about compilation.
            found = self._func(*leaves)
            self._run = self._func
        else:
            self._compiled = True
        return found


def quick(func: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of arrays, compiled quickly."""
    made: list[Callable[..., Any]] = []

    def run(*leaves: Any) -> Any:
        if made:
            return made[0](*leaves)
        jitted, found = _compiled(func, leaves)
        made.append(jitted)
        return found

    return functools.update_wrapper(run, func)


def _compiled(func: Callable[..., Any], leaves: tuple[Any, ...]) -> tuple[Callable[..., Any], Any]:
    """Return a function as a program, and what it returns at some leaves."""

    def both(options: dict[str, Any] | None) -> tuple[Callable[..., Any], Any]:
        run = jax.jit(func, compiler_options=options)
        return run, run(*leaves)

    found: tuple[Callable[..., Any], Any] = quickly(both)
    return found


def quickly(make: Callable[[dict[str, Any] | None], Any]) -> Any:
    """Return what `make` makes of the options that have a program compiled quickly."""
    on_cpu = jax.default_backend() == "cpu"
    while True:
        try:
            return make(dict(_QUICK) if on_cpu else None)
        except Exception as err:
            unknown = _UNKNOWN.search(str(err))
            if unknown is None or _QUICK.pop(unknown[1], None) is None:
                raise
