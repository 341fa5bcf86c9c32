"""The call that repeats a check, in words: for whoever reads its report elsewhere."""

import functools
import inspect
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import PurePath
from types import FrameType, ModuleType
from typing import Any, ParamSpec

from .._report.combined import CALL, Asked
from .._report.report import Report
from .._vectors.callables import argument_names
from .caller import Written, written

_P = ParamSpec("_P")
#: Who evaluates func, and whether a bar is shown: a report is the same. Its seed is said last.
_LEFT_OUT = ("workers", "progress", "seed")


def repeatable(verify: Callable[_P, Report]) -> Callable[_P, Report]:
    """Return a check whose report says how it is called again, its seed included."""
    signature = inspect.signature(verify)

    @functools.wraps(verify)
    def check(*args: _P.args, **kwargs: _P.kwargs) -> Report:
        __tracebackhide__ = True  # pytest then shows the line of the test
        frame = _user(sys._getframe(1))
        if frame is None and CALL.get().text:  # a check that makes another one
            return verify(*args, **kwargs)
        token = CALL.set(_asked(check, signature, (args, kwargs), frame))
        try:
            return verify(*args, **kwargs)
        finally:
            CALL.reset(token)

    return check


def _user(frame: FrameType) -> FrameType | None:
    """Return the frame in which a user makes a check; None if something else makes it."""
    name = str(frame.f_globals.get("__name__", ""))
    if name == "gradproof.testing" and frame.f_back is not None:
        return _user(frame.f_back)
    # A pool of threads, too, has names of its own for what it is handed.
    top = name.partition(".")[0]
    return None if top == "gradproof" or top in sys.stdlib_module_names else frame


def _asked(
    check: Callable[..., Report],
    signature: inspect.Signature,
    given: tuple[tuple[Any, ...], dict[str, Any]],
    frame: FrameType | None,
) -> Asked:
    """Return a call without its seed; nothing where the arguments do not fit the function."""
    args, kwargs = given
    try:
        bound = signature.bind(*args, **kwargs).arguments
    except TypeError:  # which the call itself says
        return Asked()
    source = None if frame is None else written(frame, len(args), tuple(kwargs))
    source = source or _by_identity(check, args, kwargs, frame)
    first, own = _names(signature, bound, len(args))
    if frame is None:  # as on a command line, which has a name for it, whatever func's is
        own = ["x0" if "x0" in signature.parameters else own[0], *own[1:]]
    names = [*first, *own][: len(args)]
    words = [_word(*one) for one in zip(names, args, source.arguments, strict=True)]
    options = {
        key: _word(key, value, source.keywords[key])
        for key, value in kwargs.items()
        if key not in _LEFT_OUT
    }
    points = words[len(first) :] or [options.get("x0", "")]
    readable = [name if word[:1] == "<" else word for word, name in zip(points, own, strict=False)]
    call = [*words, *(f"{key}={word}" for key, word in options.items())]
    function = source.function or check.__name__
    return Asked(f"{function}({', '.join(call)}", _moved(readable, signature, bound))


def _names(
    signature: inspect.Signature, bound: dict[str, Any], count: int
) -> tuple[list[str], list[str]]:
    """Return the names of the arguments before the point, and of those of func."""
    first = []
    for name, parameter in signature.parameters.items():
        if name == "x0" or parameter.kind is not parameter.POSITIONAL_OR_KEYWORD:
            break
        first.append(name)
    return first[:count], argument_names(bound.get("func"), max(count - len(first), 1))


def _moved(points: list[str], signature: inspect.Signature, bound: dict[str, Any]) -> str:
    """Return the expression for those arguments of func that are moved."""
    argnums = bound.get("argnums", signature.parameters["argnums"].default)
    if argnums is None:
        argnums = range(len(points)) if len(points) > 1 else 0
    try:
        if isinstance(argnums, int):
            return points[argnums]
        moved = [points[i] for i in argnums]
        return f"({moved[0]},)" if len(moved) == 1 else f"({', '.join(moved)})"
    except (TypeError, IndexError):  # which the check itself says
        return ""


def _word(name: str, value: Any, expression: str | None) -> str:
    """Return an argument as it is written, or in marks that are no code what it is."""
    if _plain(value) or (type(value) is tuple and value and all(map(_plain, value))):
        return repr(value)
    return expression or f"<{name}: {_what(value)}>"


def _plain(value: Any) -> bool:
    """Tell whether a value is written as it is."""
    if type(value) is float:
        return math.isfinite(value)
    return value is None or type(value) in (bool, int, str)


def _what(value: Any) -> str:
    """Return the words for a value that cannot be written."""
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if isinstance(shape, tuple) and dtype is not None:
        return f"{str(dtype).removeprefix('torch.')} array of shape {tuple(shape)}"
    code = getattr(value, "__code__", None)
    name = getattr(value, "__qualname__", "") if callable(value) else ""
    name = str(name).rpartition("<locals>.")[2].strip("<>")
    file = PurePath(getattr(code, "co_filename", "<")).name
    if name and code is not None and not file.startswith("<"):
        return f"{name} at {file}:{code.co_firstlineno}"
    return name or type(value).__qualname__


def _by_identity(
    check: Callable[..., Report],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    frame: FrameType | None,
) -> Written:
    """Return a call without its source, by the names that its values have in a module."""
    names = {} if frame is None else dict(frame.f_globals)

    def found(value: Any) -> str | None:
        return None if _plain(value) else next(_called(value, names), None)

    keywords = {key: found(value) for key, value in kwargs.items()}
    return Written(found(check), tuple(map(found, args)), keywords)


def _called(value: Any, names: dict[str, Any]) -> Iterator[str]:
    """Yield what a value is called in a module, then what it is called in what the module has."""
    yield from (name for name, one in names.items() if one is value and name[0] != "_")
    own, owner = getattr(value, "__name__", None), getattr(value, "__self__", None)
    if not callable(value) or not isinstance(own, str):
        return
    for name, one in names.items():
        if isinstance(one, ModuleType):
            if vars(one).get(own) is value:
                yield f"{name}.{own}"
        elif one is owner and owner is not None:
            yield f"{name}.{own}"
