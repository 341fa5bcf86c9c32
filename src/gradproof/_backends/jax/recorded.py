"""Calls of hand-written rules of JAX, told to an observer while they are made."""

import gc
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import jax
import jax.numpy as jnp
import numpy as np

from ..observed import Observers
from ..recorded import (
    Call,
    Described,
    Looked,
    Observer,
    Recorder,
    Rule,
    code_of,
    place_of,
    qualified,
)
from .recorded_call import call_of, kept_by, parts_of

_KINDS = {"jax.custom_vjp": jax.custom_vjp, "jax.custom_jvp": jax.custom_jvp}
_JAX = str(Path(jax.__file__).parent)
_RULES: "WeakKeyDictionary[Any, Rule]" = WeakKeyDictionary()
#: What traces a program for another purpose than to run it here: in such a one a callback would be
#: seen, or refused. Functions, and files.
_TRACE_ONLY = (
    *("make_jaxpr_f", "eval_shape", "linear_transpose"),
    *("_reduction_jaxpr", "_variadic_reduction_jaxpr"),
)
_REFUSE = ("_export.py", "shard_map.py")


class JAXRecorder(Recorder):
    """Functions with a custom vjp or jvp."""

    @contextmanager
    def recording(self, observer: Observer) -> Iterator[None]:
        with _OBSERVERS.and_also(observer):
            yield

    def settle(self) -> None:
        # A callback of the user that has raised, which JAX says itself, raises here again.
        with suppress(Exception):
            jax.effects_barrier()

    def defined(self, concerns: Callable[[Rule], bool]) -> list[Rule]:
        kinds = tuple(_KINDS.values())
        # Each module may keep its rules where it likes; the collector knows all objects.
        found = {_known(one): None for one in gc.get_objects() if type(one) in kinds}
        return [rule for rule in found if concerns(rule)]

    def restored(self, described: Described, value: Any) -> Any:
        if described.dtype.startswith("key<"):
            return jax.random.wrap_key_data(value, impl=described.dtype[4:-1])
        return jnp.asarray(value)

    def host(self, value: Any) -> np.ndarray:
        return value.view(np.uint16) if value.dtype.name == "bfloat16" else value

    def seen_as(self, value: Any) -> np.ndarray:
        short = jnp.issubdtype(value.dtype, jnp.floating) and value.dtype.itemsize < 4
        return value.astype(np.float32) if short else value

    def from_host(self, described: Described, numbers: np.ndarray) -> Any:
        if described.dtype.startswith("key<"):
            return np.asarray(jax.random.key_data(jax.random.key(0)))
        return numbers.reshape(described.shape).astype(jnp.dtype(described.dtype))

    def looked(self, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Looked:
        rule: Any = call.target
        values = jax.tree_util.tree_leaves(jax.eval_shape(lambda: rule(*args, **kwargs)))
        results = tuple(
            i for i, value in enumerate(values) if jnp.issubdtype(value.dtype, jnp.inexact)
        )
        if not isinstance(rule, jax.custom_vjp) or rule.symbolic_zeros:
            return Looked(frozenset(), results)
        bound = inspect.signature(rule.fun).bind(*args, **kwargs)
        bound.apply_defaults()
        static = set(rule.nondiff_argnums)
        moved = [i for i in range(len(bound.args)) if i not in static]
        kept: list[Any] = []

        def backward() -> Any:
            value, residuals = rule.fwd(*bound.args)
            kept.append(rule.bwd(*(bound.args[i] for i in sorted(static)), residuals, value))
            return value

        jax.eval_shape(backward)
        found = zip(moved, kept[-1], strict=True)
        return Looked(frozenset(i for i, one in found if one is None), results)

    @contextmanager
    def undisturbed(self, call: Call) -> Iterator[None]:
        before = bool(jax.config.jax_enable_x64)
        wanted = dict(call.settings).get("x64", before)
        jax.config.update("jax_enable_x64", wanted)
        try:
            # As a program runs that is not looked into.
            off = False
            with jax.disable_jit(off), jax.debug_nans(off), jax.debug_infs(off):
                yield
        finally:
            jax.config.update("jax_enable_x64", before)


@contextmanager
def _telling() -> Iterator[None]:
    originals = {kind: kind.__call__ for kind in _KINDS.values()}
    for kind, original in originals.items():
        kind.__call__ = _told(original)
    try:
        yield
    finally:
        for kind, original in originals.items():
            kind.__call__ = original


_OBSERVERS = Observers(_telling)


def _told(original: Any) -> Any:
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N807  # it stands for one
        for observer in _OBSERVERS:
            _tell(observer, self, args, kwargs)
        return original(self, *args, **kwargs)

    return __call__


def _tell(observer: Observer, target: Any, args: Any, kwargs: Any) -> None:
    rule = None
    try:
        rule = _known(target)
        if not observer.concerns(rule):
            return
        key = None if kwargs else _key(target, args)
        if key is not None and observer.counted(key):
            return
        call, arrays = call_of(rule, target, args, kwargs)
        take = observer.seen(call, key)
        if take is None:
            return
        if not any(isinstance(array, jax.core.Tracer) for array in arrays):
            take([np.array(array) for array in arrays])
        elif _runs_here():
            jax.debug.callback(partial(_copied, take), *arrays)
    except Exception as err:
        observer.failed(rule, err)


def _key(target: Any, args: Any) -> Any:
    """Return what a call is known by at once; None where there is more than arrays and numbers."""
    found: list[Any] = [target, jax.config.jax_enable_x64]
    for arg in args:
        if isinstance(arg, (jax.Array, np.ndarray)) and not isinstance(arg, jax.core.Tracer):
            found.append((arg.shape, arg.dtype))
        elif arg is None or isinstance(arg, (bool, int, str)):
            found.append((type(arg), arg))
        else:
            return None
    return tuple(found)


def _copied(take: Callable[[list[Any]], None], *arrays: Any) -> None:
    take([np.array(array) for array in arrays])


def _known(target: Any) -> Rule:
    rule = _RULES.get(target)
    if rule is None:
        made_by = next(name for name, kind in _KINDS.items() if isinstance(target, kind))
        fun = _written(target.fun)
        name = qualified(fun, getattr(target, "__name__", "?"))
        rule = Rule(name, made_by, *place_of(fun, *parts_of(target)), "jax")
        _RULES[target] = rule
    return rule


def _written(fun: Any) -> Any:
    """Return the function that a rule is of: where a library's decorator made it, what it took."""
    code = code_of(fun)
    if code is None or "<locals>" not in fun.__qualname__ or "-packages" not in code.co_filename:
        return fun
    foreign = (code.co_filename, _JAX)
    return next((one for one in kept_by(fun) if not place_of(one)[0].startswith(foreign)), fun)


def _runs_here() -> bool:
    """Tell whether the program that is being traced is traced to be run, where it may call back."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        name, file = frame.f_code.co_name, frame.f_code.co_filename
        if file.startswith(_JAX):
            file = file[len(_JAX) :]
            if file.endswith(_REFUSE) or name in _TRACE_ONLY:
                return False
        frame = frame.f_back
    return True
