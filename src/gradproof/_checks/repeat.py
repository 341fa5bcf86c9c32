"""The call that repeats a check, in words: for whoever reads its report elsewhere."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec

from .._report.combined import CALL
from .._report.report import Report
from .._vectors.callables import argument_names

_P = ParamSpec("_P")
#: What is written as it is; arrays have no short name but that of their argument.
_PLAIN = (bool, int, float, str, type(None))


#: Who evaluates func, and whether a bar is shown: a report is the same.
_ALIKE = ("workers", "progress")


def repeatable(verify: Callable[_P, Report]) -> Callable[_P, Report]:
    """Return a check whose report says how it is called again, its seed included."""
    signature = inspect.signature(verify)

    @functools.wraps(verify)
    def check(*args: _P.args, **kwargs: _P.kwargs) -> Report:
        __tracebackhide__ = True  # pytest then shows the line of the test
        token = CALL.set(_call(verify.__name__, signature, args, kwargs))
        try:
            return verify(*args, **kwargs)
        finally:
            CALL.reset(token)

    return check


def _call(
    name: str, signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> str:
    """Return a call without its seed; empty where the arguments do not fit the function."""
    try:
        given = signature.bind(*args, **kwargs)
    except TypeError:  # which the call itself says
        return ""
    words: list[str] = []
    func = given.arguments.get("func")
    for key, value in given.arguments.items():
        kind = signature.parameters[key].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            words += [
                f"{option}={_word(option, one)}"
                for option, one in value.items()
                if option not in _ALIKE
            ]
        elif kind is inspect.Parameter.KEYWORD_ONLY:
            words += [f"{key}={_word(key, value)}"] if key != "seed" else []
        elif kind is not inspect.Parameter.VAR_POSITIONAL and key != "x0":
            words.append(_word(key, value))
    # Points stand between the functions and the options.
    points = [*given.arguments.get("primals", ())]
    if "x0" in given.arguments:
        points = [given.arguments["x0"], *given.arguments.get("args", ())]
    options = next((i for i, word in enumerate(words) if "=" in word), len(words))
    words[options:options] = argument_names(func, len(points))
    return f"{name}({', '.join(words)}"


def _word(name: str, value: Any) -> str:
    """Return a value as it is written, or its name, or else that of its argument."""
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, tuple) and all(isinstance(one, _PLAIN) for one in value):
        return repr(value)
    own = getattr(value, "__name__", "") if callable(value) else ""
    owner = getattr(value, "__self__", None)
    if isinstance(owner, type):  # the `apply` of a torch.autograd.Function
        own = f"{owner.__name__}.{own}"
    return own if own.replace(".", "").isidentifier() else name
