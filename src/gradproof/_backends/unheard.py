"""Warnings that libraries raise for what gradproof does, and not for func: not passed on."""

import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Own(threading.local):
    """
    Stands for the message in a filter of warnings, and matches in the thread that asks for it.

    `warnings.catch_warnings` puts back a copy of all filters: two threads that do so in turns leave
    the filters of one of them behind, for good. Of this one entry, nothing has to be put back.
    """

    def __init__(self) -> None:
        self.patterns: list[re.Pattern[str]] = []

    def match(self, text: str) -> bool:
        return any(pattern.match(text) for pattern in self.patterns)


_OWN = _Own()
_ENTRY: Any = ("ignore", _OWN, Warning, None, 0)
_LOCK = threading.Lock()
_users = 0


@contextmanager
def unheard(pattern: str) -> Iterator[None]:
    """Ignore warnings whose text begins as a regular expression says, in this thread alone."""
    global _users
    with _LOCK:
        _users += 1
    _OWN.patterns.append(re.compile(pattern))
    try:
        with _LOCK:
            # First of all filters, whatever the user has put there since the last time.
            if not (warnings.filters and warnings.filters[0] is _ENTRY):
                _remove()
                warnings.filters.insert(0, _ENTRY)  # type: ignore[attr-defined]
        yield
    finally:
        _OWN.patterns.pop()
        with _LOCK:
            _users -= 1
            if not _users:
                _remove()


def _remove() -> None:
    if _ENTRY in warnings.filters:
        warnings.filters.remove(_ENTRY)  # type: ignore[attr-defined]
