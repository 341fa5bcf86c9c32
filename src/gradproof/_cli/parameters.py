"""Options and arguments of commands, described in the help below headings."""

from collections.abc import Sequence
from typing import Any

import click

from .errors import meant


def complete_names(ctx: Any, param: Any, incomplete: str) -> list[Any]:
    """Return names of the user's objects; imported where a shell asks alone."""
    from .completion import names

    return names(ctx, param, incomplete)


class Option(click.Option):
    """An option that stands below a heading in the help."""

    def __init__(self, names: Sequence[str], *, heading: str = "Options", **given: Any) -> None:
        super().__init__(names, **given)
        self.heading = heading


class Argument(click.Argument):
    """An argument that is described in the help, as options are."""

    def __init__(self, names: Sequence[str], *, metavar: str, text: str, **given: Any) -> None:
        super().__init__(names, metavar=metavar, **given)
        self.heading, self.text = "Arguments", text

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:  # noqa: ARG002
        """Return what it is called, and what it is."""
        return str(self.metavar), self.text


class Command(click.Command):
    """A command whose help has its options by headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, those of a heading together."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                groups.setdefault(getattr(param, "heading", "Options"), []).append(record)
        for heading, records in groups.items():
            with formatter.section(heading):
                formatter.write_dl(records)


class Group(click.Group):
    """Commands, in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return their names."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is named; of one that is not known, what was meant."""
        if args[0] not in self.commands and not args[0].startswith("-"):
            suggested = meant(args[0], self.commands)
            msg = f"there is no command {args[0]!r}.{suggested} {self._expected}"
            raise click.UsageError(msg, ctx)
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words; none at all is refused, as one that is not known."""
        if not args and not ctx.resilient_parsing:
            msg = f"a command is missing. {self._expected} See gradproof --help."
            raise click.UsageError(msg, ctx)
        return super().parse_args(ctx, args)

    @property
    def _expected(self) -> str:
        return f"Expected one of {', '.join(self.commands)}."


def said(err: click.ClickException) -> str:
    """Return click's words; of what is missing and of an option that is not known, better ones."""
    ctx = err.ctx if isinstance(err, click.UsageError) else None
    if isinstance(err, click.NoSuchOption) and ctx is not None:
        params = ctx.command.get_params(ctx)
        known = [word for param in params for word in param.opts + param.secondary_opts]
        suggested = meant(err.option_name, known)
        return f"there is no option {err.option_name!r}.{suggested} See {ctx.command_path} --help."
    if isinstance(err, click.MissingParameter) and isinstance(err.param, Argument) and ctx:
        usage = " ".join([ctx.command_path, *ctx.command.collect_usage_pieces(ctx)])
        return f"{err.param.metavar} is missing: {err.param.text}. Expected {usage}."
    return err.format_message()
