"""Function.apply of PyTorch, with what is to happen instead, or beside."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch.autograd.function import Function

#: Called as ``handler(cls, call, args, kwargs)``; ``call(*args, **kwargs)`` applies the rule.
Handler = Callable[[Any, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]

#: Where Function.apply, which users keep under names of their own, looks for what it calls.
BASE: Any = Function.__mro__[1]
_HANDLERS: list[Handler] = []
_LOCK = threading.Lock()


@contextmanager
def handled(handler: Handler) -> Iterator[None]:
    """Hand each application of a rule, in any thread, to a handler; the last comes first."""
    with _LOCK:
        if not _HANDLERS:
            BASE.apply = classmethod(_apply)
        _HANDLERS.append(handler)
    try:
        yield
    finally:
        with _LOCK:
            _HANDLERS.remove(handler)
            if not _HANDLERS:
                del BASE.apply


def _apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
    call: Callable[..., Any] = super(BASE, cls).apply
    for handler in tuple(_HANDLERS):
        call = _before(handler, cls, call)
    return call(*args, **kwargs)


def _before(handler: Handler, cls: Any, call: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: handler(cls, call, args, kwargs)
