"""The point at which a library differentiates a function: its primals, and what it holds itself."""

from dataclasses import replace
from typing import Any

from .._backends.registry import imported
from .._backends.typing import Function
from .callables import argument_names
from .leaves import has_floating
from .point import Point
from .primals import ArgNums
from .scope import Part


def tracked_point(
    func: Function,
    primals: tuple[Any, ...],
    argnums: ArgNums | None,
    kwargs: dict[str, Any] | None,
) -> tuple[Function, Point]:
    """
    Return a function and the point to differentiate it at.

    Parameters
    ----------
    func : callable
        As the user gave it.
    primals : tuple
        Its arguments.
    argnums : int or tuple of int or None
        Which of them are moved; None for all that have floating numbers, and for what `func`
        itself has: it is then the first argument of the function that comes back.
    kwargs : dict or None
        Its keyword arguments.
    """
    why = _holds(func)
    if argnums is None and _has_parameters(func) and not why:
        every = (func, *primals)
        names = ["module", *argument_names(getattr(func, "forward", func), len(primals))]
        chosen = _floating(every, numbers=False)
        return _call, Point(every, chosen, kwargs, names=names, tracked=True)
    if argnums is None:
        point = _by_all(func, primals, kwargs)
    else:
        point = Point(primals, argnums, kwargs, func, tracked=True)
        why = why or ("not in argnums" if _has_parameters(func) else "")
    if why:
        held = (*point.scope.held, Part("parameters of func", None, why))
        point.scope = replace(point.scope, held=held)
    return func, point


def _by_all(func: Function, primals: tuple[Any, ...], kwargs: dict[str, Any] | None) -> Point:
    """Return the point of all primals; numbers of Python are moved where func lets them."""
    arrays, every = (_floating(primals, numbers=numbers) for numbers in (False, True))
    if every != arrays:
        point = Point(primals, every, kwargs, func, tracked=True)
        if arrays == () or point.backend.follows(lambda x: point.call(func, x), point.copies()):
            return point
    # Without any, the first one says what is wrong.
    return Point(primals, 0 if arrays == () else arrays, kwargs, func, tracked=True)


def _call(module: Any, *args: Any, **kwargs: Any) -> Any:
    return module(*args, **kwargs)


def _floating(primals: tuple[Any, ...], *, numbers: bool) -> Any:
    """Return which arguments have floating numbers; whether a number by itself counts."""
    found = tuple(
        i
        for i, primal in enumerate(primals)
        if has_floating(primal) and (numbers or not isinstance(primal, (float, complex)))
    )
    return found[0] if len(found) == 1 else found


def _has_parameters(func: Any) -> bool:
    """Tell whether a function is a container of floating arrays: a module."""
    return any(any(map(has_floating, backend.parameters(func))) for backend in imported())


def _holds(func: Any) -> str:
    """Return why the parameters that a function has cannot be moved; empty if they can."""
    return next(filter(None, (backend.unmovable(func) for backend in imported())), "")
