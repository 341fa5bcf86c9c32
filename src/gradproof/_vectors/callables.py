"""The user's functions: whether they can be called, what is bound to them, what they raise."""

import functools
import inspect
from collections.abc import Callable, Hashable
from typing import Any

from .._backends.foreign import forward_of
from .._backends.typing import Function


def bound(func: Function, args: tuple[Any, ...]) -> Function:
    """Return func with its extra arguments; without any, func itself, which costs nothing."""
    return (lambda x: func(x, *args)) if args else func


def checked_callable(func: Any, name: str, other: str = "") -> None:
    """Raise a TypeError if `func`, the argument called `name`, cannot be called."""
    if not callable(func):
        msg = f"`{name}` must be callable{other}; got {func!r} of type {type(func).__name__}."
        raise TypeError(msg)
    if isinstance(func, type) and hasattr(func, "forward"):
        own = func.__name__
        rule = hasattr(func, "apply") and hasattr(func, "backward")
        instead = f"{own}.apply" if rule else f"an instance of it, {own}(...)"
        msg = f"`{name}` is the class {own}; expected a function: pass {instead}."
        raise TypeError(msg)


def argument_names(func: Any, count: int) -> list[str]:
    """Return what func calls its first positional arguments; x0 and args[i] where it does not."""
    names: list[str] = []
    forward, skipped = forward_of(func)
    try:
        parameters = list(inspect.signature(forward).parameters.values())[skipped:]
    except (TypeError, ValueError):  # builtins have no signature
        parameters = []
    for parameter in parameters:
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            names.append(parameter.name)
        elif parameter.kind is parameter.VAR_POSITIONAL:
            names += [f"{parameter.name}[{i}]" for i in range(count - len(names))]
    unknown = ["x0", *(f"args[{i}]" for i in range(count))]
    return [*names, *unknown[len(names) :]][:count]


def add_note(err: Exception, where: str, hint: str = "") -> None:
    """Add to an exception from a user's function the words for where it was called."""
    err.add_note(f"gradproof: raised by {where}{hint}")


class noted:  # noqa: N801  # a context manager, named for how it reads
    """Add such a note to what is raised inside; where calls are many, `add_note` costs less."""

    __slots__ = ("_hint", "_where")

    def __init__(
        self, where: Callable[[], str], hint: Callable[[Exception], str] | None = None
    ) -> None:
        self._where, self._hint = where, hint

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, err: BaseException | None, trace: object) -> None:
        if isinstance(err, Exception):
            add_note(err, self._where(), self._hint(err) if self._hint else "")


@functools.lru_cache(maxsize=256)  # the type comes first: libraries warn of being compared
def _is_complex(_: Hashable, dtype: Any) -> bool:
    return "complex" in str(dtype)
