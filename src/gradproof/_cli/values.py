"""How values of options are read, on the command line and out of a TOML file."""

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    _Base = click.ParamType[Any]
else:  # up to click 8.3 it is not generic
    _Base = click.ParamType


class Positions(_Base):
    """One position, or several with commas between them."""

    name = "positions"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return an int or a tuple of them."""
        if isinstance(value, int):
            return value
        parts = value.strip("() ").split(",") if isinstance(value, str) else value
        try:
            numbers = tuple(int(part) for part in parts if str(part).strip())
        except (TypeError, ValueError):
            numbers = ()
        if not numbers:
            self.fail(f"{value!r} names no positions; expected such as 0 or 0,2.", param, ctx)
        several = len(numbers) > 1 or (isinstance(value, str) and "," in value)
        return numbers if several or not isinstance(value, str) else numbers[0]


class Directions(_Base):
    """'auto', 'all', or a number."""

    name = "directions"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return a word or an int."""
        word = str(value)
        if word not in ("auto", "all") and not word.isdecimal():
            self.fail(f"{value!r} is neither 'auto' nor 'all' nor a whole number.", param, ctx)
        return int(word) if word.isdecimal() else word


class Modes(_Base):
    """'vjp', 'jvp', or both with a comma between them."""

    name = "modes"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return a tuple of words."""
        parts = value.split(",") if isinstance(value, str) else value
        words = tuple(str(part).strip() for part in parts)
        if not set(words) <= {"vjp", "jvp"}:
            self.fail(f"{value!r} is not made of 'vjp' and 'jvp'.", param, ctx)
        return words


class Named(_Base):
    """A name and a value with = between them."""

    name = "named"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the two."""
        if isinstance(value, tuple):
            return value
        name, equals, rest = str(value).partition("=")
        if not (equals and name.isidentifier()):
            self.fail(f"{value!r} is not NAME=VALUE.", param, ctx)
        return name, rest
