"""
The command line as click knows it.

A command returns what is to be done, as a call: it is done once click has read all words, so that
nothing of what the user's own code raises is taken for click's.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import click

from .._version import __version__
from .kinds import KINDS
from .options import parameters, request_of
from .parameters import Argument, Command, Group, Option

#: What a command returns; what that returns is the exit code.
Action = Callable[[], int]

EXAMPLES = """\
\b
examples:
  gradproof demo
  gradproof check losses.py:loss losses.py:grad --x0 "[1.5, -1.5]"
  gradproof check my.package:loss my.package:grad --shape 3,4 --backend torch
  gradproof autodiff layers.py:loss --x0 layers.py:params --arg data.npy
  gradproof watch train.py --steps 3

\b
exit code:
  0  pass
  1  fail
  2  nothing was checked: the message says why
  3  your own code raised (its traceback is printed), or ended the process
  4  inconclusive: neither pass nor fail can be told
  130  interrupted before anything was found to be wrong
"""
_WIDTH = {"max_content_width": 100}


@click.group(
    cls=Group,
    no_args_is_help=False,  # whoever gives no command has checked nothing: code 2
    context_settings=_WIDTH,
    epilog=EXAMPLES,
    help="Tells whether a hand-written derivative is right.",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Do nothing by itself."""


def _asked(kind: str, **given: Any) -> Action:
    from .outputs import Outputs
    from .single import one

    outputs = Outputs(**{name: given.pop(name) for name in ("json", *_FILES)})
    return partial(one, request_of(kind, given), outputs)


_FILES = {
    "html": "write the report as one self-contained page",
    "markdown": "write the report in Markdown, as for a pull request",
    "plot": "draw the entries, claimed beside measured (needs matplotlib)",
    "junit": "write JUnit XML, which CI servers show",
}


def _outputs(what: str = "PATH") -> list[click.Parameter]:
    """Return the options that say what is written."""
    said = "print the report as JSON; what your own code prints goes to stderr"
    flag = Option(["--json"], heading="Output", is_flag=True, help=said)
    files = [
        Option([f"--{name}"], heading="Output", metavar=what, help=text)
        for name, text in _FILES.items()
    ]
    return [flag, *files]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


for _kind, _of in KINDS.items():
    cli.add_command(
        Command(
            _kind,
            context_settings=_WIDTH,
            params=[*parameters(_kind), *_outputs()],
            callback=partial(_asked, _kind),
            short_help=_of.short,
            help=f"{_sentence(_of.short)}\n\n{_of.long}",
        )
    )


def _watch(**given: Any) -> Action:
    from .watch import watch

    return partial(watch, **given)


cli.add_command(
    Command(
        "watch",
        # What follows the script is for the script.
        context_settings={**_WIDTH, "allow_interspersed_args": False},
        callback=_watch,
        short_help="run a script, and verify each hand-written rule that it calls",
        help="Run a script, and verify each hand-written rule that it calls.\n\n"
        "Runs a script with its own arguments, records the calls of jax.custom_vjp, "
        "jax.custom_jvp, torch.autograd.Function and custom operators of PyTorch, and verifies "
        "each kind of them when the script is done. Rules of the project are watched: those below "
        "the folder with a pyproject.toml or .git that the script is in, and those in the "
        "packages that it installs. The script gets all arguments that follow its name.",
        params=[
            Argument(["script"], metavar="SCRIPT", text="the Python file to run"),
            Argument(
                ["arguments"],
                metavar="[...]",
                text="its arguments",
                nargs=-1,
                type=click.UNPROCESSED,
            ),
            Option(
                ["--only"],
                multiple=True,
                metavar="PATTERN",
                help="watch only rules whose qualified name has a part that matches; * is anything",
            ),
            Option(["--skip"], multiple=True, metavar="PATTERN", help="do not watch such rules"),
            Option(["--all", "every"], is_flag=True, help="watch rules of other packages, too"),
            Option(
                ["--seconds"],
                type=float,
                metavar="S",
                help="time for each kind of calls (default: 2)",
            ),
            Option(["--total"], type=float, metavar="S", help="time for all (default: 120)"),
            Option(["--json"], metavar="FILE", help="also write what was found into a file"),
        ],
    )
)


def _demo() -> Action:
    from .demo.show import demo

    return demo


cli.add_command(
    Command(
        "demo",
        context_settings=_WIDTH,
        callback=_demo,
        short_help="judge right gradients and planted mistakes on every library here",
        help="Judge right gradients and planted mistakes on NumPy, and on JAX and PyTorch where "
        "they are installed, in several dtypes. The exit code is 0 if all are judged as planted "
        "(a verdict in half precision may be inconclusive), else 1.",
    )
)
