"""What no argument of func may be, wherever it stands: traced, without numbers, within itself."""

import dataclasses
import numbers
from typing import Any

from .._backends.registry import backend_of


def refuse_unsound(arguments: dict[str, Any]) -> None:
    """
    Raise an exception that names what is wrong with some arguments of func, if anything is.

    Raises
    ------
    TypeError
        If there is a traced array in one of them, which has no numbers yet.
    ValueError
        If one of them contains itself: libraries that take it apart would never end.
    """
    for name, value in arguments.items():
        _walk(value, name, ())


def _walk(value: Any, name: str, above: tuple[int, ...]) -> None:
    if value is None or isinstance(value, (numbers.Number, str)):
        return
    parts = _parts(value)
    if parts is None:
        words = backend_of(value).traced(value) if hasattr(value, "dtype") else ""
        if words:
            msg = f"{name} is {words}"
            raise TypeError(msg)
        return
    if id(value) in above:
        msg = (
            f"{name} is a {type(value).__name__} that contains itself; expected a finite nest of "
            "containers: pass the arrays alone, and put them in it inside func."
        )
        raise ValueError(msg)
    for path, item in parts:
        _walk(item, name + path, (*above, id(value)))


def _parts(value: Any) -> list[tuple[str, Any]] | None:
    """Return what is in a container, with its path; None for what is none."""
    if isinstance(value, dict):
        return [(f"[{key!r}]", item) for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return [(f"[{i}]", item) for i, item in enumerate(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return [(f".{f.name}", getattr(value, f.name, None)) for f in fields]
    return None
