"""What is to happen once a library is imported, which nothing here imports."""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class _Finder:
    """Finds one library, as all others would, and has something happen when it is imported."""

    def __init__(self, library: str, then: Callable[[str], None]) -> None:
        self._library, self._then = library, then

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """Return the spec of the library; None for all other modules."""
        if name != self._library:
            return None
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        loader: Any = spec.loader
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            self._then(self._library)

        loader.exec_module = exec_module
        return spec


@contextmanager
def once_imported(library: str, then: Callable[[str], None]) -> Iterator[None]:
    """Return the context in which ``then(library)`` is called after its first import."""
    finder: Any = _Finder(library, then)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        if finder in sys.meta_path:
            sys.meta_path.remove(finder)
