"""One check that is asked for, by words of the command line or of a TOML file."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: Options of func's arguments, in the order in which a command line says them.
POINT = ("x0", "shape", "backend", "dtype")


@dataclass(frozen=True)
class Request:
    """
    A check that is asked for.

    Attributes
    ----------
    kind : str
        Which of `KINDS`.
    func, claim : str
        The function and what is claimed about it, by name.
    x0, shape, backend, dtype : object
        The point.
    args : tuple of object
        Further arguments of func.
    kwargs : mapping
        Keyword arguments of func.
    seed : int
        Of all that is random.
    options : mapping
        Keywords of the function that makes the check, those that were given.
    name : str
        What the check is called.
    plot_kind : str or None
        What is drawn of it.
    """

    kind: str
    func: str
    claim: str = ""
    x0: Any = None
    shape: Any = None
    backend: str | None = None
    dtype: str | None = None
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    plot_kind: str | None = None

    @property
    def title(self) -> str:
        """What to call the check."""
        return self.name or " ".join(word for word in (self.kind, self.func, self.claim) if word)

    def again(self) -> str:
        """Return the command line that repeats this check, its seed said."""
        words = ["python", "-m", "gradproof", self.kind, self.func]
        words += [self.claim] if self.claim else []
        for name in POINT:
            value = getattr(self, name)
            if value is not None:
                # In one word, as an x0 may start with a minus sign.
                words.append(f"--{name}={_typed(value)}")
        words += [f"--arg={_typed(value)}" for value in self.args]
        words += [f"--kwarg={name}={_typed(value)}" for name, value in self.kwargs.items()]
        words += [_option(name, value) for name, value in self.options.items()]
        return shlex.join([*words, f"--seed={self.seed}"])


def _typed(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)


def _option(name: str, value: Any) -> str:
    """Return an option as it is typed."""
    word = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--{word}" if value else f"--no-{word}"
    if isinstance(value, tuple):
        return f"--{word}={','.join(map(str, value))}"
    return f"--{word}={value}"
