"""Those that are told of calls, and what tells them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from .recorded import Observer


class Observers:
    """
    Several observers of a library, of which each may come and go whenever it likes.

    What tells them is put in place once: two that replaced the same functions, and put them back
    in another order, would leave one of them behind.

    Parameters
    ----------
    telling : callable
        Returns the context in which they are told.
    """

    def __init__(self, telling: Callable[[], AbstractContextManager[None]]) -> None:
        self._telling = telling
        self._context: AbstractContextManager[None] | None = None
        self._all: list[Observer] = []
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[Observer]:
        return iter(tuple(self._all))

    @contextmanager
    def and_also(self, observer: Observer) -> Iterator[None]:
        """Return the context in which an observer is told, too."""
        with self._lock:
            if self._context is None:
                self._context = self._telling()
                self._context.__enter__()
            self._all.append(observer)
        try:
            yield
        finally:
            with self._lock:
                self._all.remove(observer)
                if not self._all and self._context is not None:
                    self._context.__exit__(None, None, None)
                    self._context = None
