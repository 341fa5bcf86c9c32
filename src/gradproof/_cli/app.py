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
from .kinds import KINDS, Kind
from .options import PLOT_KIND, option, parameters, request_of
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
  141  whoever read the output has closed it
"""
_SETTINGS = {"max_content_width": 100, "help_option_names": ["-h", "--help"]}


@click.group(
    cls=Group,
    no_args_is_help=False,  # whoever gives no command has checked nothing: code 2
    context_settings=_SETTINGS,
    epilog=EXAMPLES,
    help="Tells whether a hand-written derivative is right.",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Do nothing by itself."""


def _asked(kind: str, **given: Any) -> Action:
    from .outputs import Outputs
    from .single import one

    outputs = Outputs(**{name: given.pop(name) for name in ("json", *_FILES, PLOT_KIND)})
    return partial(one, request_of(kind, given), outputs)


_FILES = {
    "html": "write the report as one self-contained page",
    "markdown": "write the report in Markdown, as for a pull request",
    "plot": "draw the entries, claimed beside measured, or what --plot-kind says (needs "
    "matplotlib)",
    "junit": "write JUnit XML, which CI servers show",
}


def _outputs() -> list[click.Parameter]:
    """Return the options that say what is written."""
    said = "print the report as JSON; what your own code prints goes to stderr"
    flag = Option(["--json"], heading="Output", is_flag=True, help=said)
    files = [
        Option([f"--{name}"], heading="Output", metavar="PATH", type=click.Path(), help=text)
        for name, text in _FILES.items()
    ]
    files.insert(list(_FILES).index("plot") + 1, option(PLOT_KIND))
    return [flag, *files]


_CODES = (
    "Exit code: 0 pass, 1 fail, 2 nothing was checked, 3 your own code raised, 4 inconclusive, "
    "130 interrupted."
)


def _example(kind: str, of: Kind) -> str:
    """Return the end of the help of a check."""
    functions = ["losses.py:func", *([f"losses.py:{of.claim.lower()}"] if of.claim else [])]
    library = [] if kind not in ("autodiff", "against") else ["--backend torch"]
    words = " ".join(["gradproof", kind, *functions, "--shape 3,4", *library])
    return f"Example: {words}\n\n{_CODES}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


for _kind, _of in KINDS.items():
    cli.add_command(
        Command(
            _kind,
            context_settings=_SETTINGS,
            params=[*parameters(_kind), *_outputs()],
            callback=partial(_asked, _kind),
            short_help=_of.short,
            help=f"{_sentence(_of.short)}\n\n{_of.long}",
            epilog=_example(_kind, _of),
        )
    )


def _run(*, verbose: bool, file: str | None, only: tuple[str, ...], **given: Any) -> Action:
    from .outputs import Outputs
    from .several import several

    return partial(several, file, only, Outputs(**given, several=True), verbose=verbose)


cli.add_command(
    Command(
        "run",
        context_settings=_SETTINGS,
        callback=_run,
        short_help="make the checks that a TOML file names",
        help="Make the checks that a TOML file names, and show them in a table. The exit code is "
        "the worst of them: that of a fail, of Ctrl-C, of an exception, of a check that could not "
        "be made, of an inconclusive one.\n\nA file has a table [[check]] for each, with func and "
        "claim, a name, a kind (check, vjp, jvp, ...), and the options of that command: x0, args, "
        "rtol, ... Names of files are seen from the folder of the file. Of several checks, --html "
        "and --plot name a folder.",
        params=[
            Argument(
                ["file"],
                metavar="[FILE]",
                type=click.Path(),
                required=False,
                text="by default gradproof.toml of this folder, or [tool.gradproof] in its "
                "pyproject.toml",
            ),
            Option(
                ["--only"],
                multiple=True,
                metavar="NAME",
                help="only checks of this name; * is anything. Repeat it for more",
            ),
            Option(
                ["--verbose", "-v"],
                is_flag=True,
                help="print the reports of checks that pass, too",
            ),
            *_outputs(),
        ],
        epilog=_CODES,
    )
)


def _watch(**given: Any) -> Action:
    from .watch import watch

    return partial(watch, **given)


cli.add_command(
    Command(
        "watch",
        # What follows the script is for the script.
        context_settings={**_SETTINGS, "allow_interspersed_args": False},
        callback=_watch,
        short_help="run a script, and verify each hand-written rule that it calls",
        help="Run a script, and verify each hand-written rule that it calls.\n\n"
        "Runs a script with its own arguments, records the calls of jax.custom_vjp, "
        "jax.custom_jvp, torch.autograd.Function and custom operators of PyTorch, and verifies "
        "each kind of them when the script is done. Rules of the project are watched: those below "
        "the folder with a pyproject.toml or .git that the script is in, and those in the "
        "packages that it installs. The script gets all arguments that follow its name.",
        params=[
            Argument(
                ["script"], metavar="SCRIPT", type=click.Path(), text="the Python file to run"
            ),
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


def _doctor(*, json: bool) -> Action:
    from .doctor import doctor

    return partial(doctor, as_json=json)


cli.add_command(
    Command(
        "doctor",
        context_settings=_SETTINGS,
        callback=_doctor,
        short_help="say what is installed, and whether it works",
        help="Say what is installed, and whether it works: libraries of arrays with their "
        "devices and dtypes, what error matters in each dtype and at which steps it is measured, a "
        "right and a wrong claim on each library, and optional parts with the command that "
        "installs them. The exit code is 0 if all that is installed works, else 1.",
        params=[Option(["--json"], is_flag=True, help="print it as JSON")],
    )
)


def _completion(*, shell: str) -> Action:
    from .completion import completion

    return partial(completion, shell, cli)


cli.add_command(
    Command(
        "completion",
        context_settings=_SETTINGS,
        callback=_completion,
        short_help="print the script that makes a shell complete commands and names",
        help="Print the script that makes a shell complete commands, options, and the names in "
        "your modules, which are read and not imported.\n\n"
        "In bash: gradproof completion bash >> ~/.bashrc\n\n"
        "In zsh: gradproof completion zsh >> ~/.zshrc\n\n"
        "In fish: gradproof completion fish > ~/.config/fish/completions/gradproof.fish",
        params=[
            Argument(
                ["shell"],
                metavar="SHELL",
                type=click.Choice(["bash", "zsh", "fish"]),
                text="bash, zsh or fish",
            )
        ],
    )
)


def _demo() -> Action:
    from .demo.show import demo

    return demo


cli.add_command(
    Command(
        "demo",
        context_settings=_SETTINGS,
        callback=_demo,
        short_help="judge right gradients and planted mistakes on every library here",
        help="Judge right gradients and planted mistakes on NumPy, and on JAX and PyTorch where "
        "they are installed, in several dtypes. The exit code is 0 if all are judged as planted "
        "(a verdict in half precision may be inconclusive), else 1.",
    )
)
