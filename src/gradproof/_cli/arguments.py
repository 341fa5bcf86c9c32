"""What may stand on the command line, and its help."""

import argparse
from typing import Any

from .._version import __version__

_EXAMPLES = """\
examples:
  gradproof demo
  gradproof check losses.py:loss losses.py:loss_grad --x0 "[1.5, -1.5]"
  gradproof watch train.py --steps 3
  gradproof check my.package:loss my.package:grad --shape 3,4 --backend torch --dtype float32

exit code:
  0  pass
  1  fail
  2  nothing was checked: the message says why
  3  your own code raised (its traceback is printed), or ended the process by os._exit
  4  inconclusive: neither pass nor fail can be told; the report says what would help
  130  interrupted before anything was found to be wrong; the report says what was not reached
"""
_CHECK = """\
Tells whether a gradient function is right at a point: pass, fail or inconclusive. There is no
step and no tolerance to choose; steps, truncation error and noise are measured.

For a function that returns an array, GRAD returns its Jacobian, of shape func.shape + x0.shape,
which is verified entry by entry. So is a gradient, at two calls of FUNC for each entry: for more
than some thousands call verify_grad, which looks along a few directions.
"""
_WATCH = """\
Runs a script with its own arguments, records the calls of jax.custom_vjp, jax.custom_jvp,
torch.autograd.Function and custom operators of PyTorch, and verifies each kind of them when the
script is done. Rules of the project are watched: those below the folder with a pyproject.toml or
.git that the script is in, and those in the packages that it installs.
"""
_X0 = """\
the point: a literal such as "[1.5, -1.5]" (or --x0=-1.5, if it starts with a sign), a .npy file, or
module:name or file.py:name of an array or of a function without arguments that returns one
"""


def parser_of() -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    """Return the parser, and that of the command `check`, whose usage its errors show."""
    parser = argparse.ArgumentParser(
        prog="gradproof",
        description="Tells whether a hand-written derivative is right.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"gradproof {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="{demo,check,watch}")
    commands.add_parser(
        "demo",
        help="judge right gradients and planted mistakes on every library that is installed",
        description="Judges right gradients and planted mistakes on NumPy, and on JAX and PyTorch "
        "where they are installed, in several dtypes. The exit code is 0 if all are judged as "
        "planted (a verdict in half precision may be inconclusive), else 1.",
    )
    _add_watch(commands)
    check = commands.add_parser(
        "check",
        help="tell whether a gradient function is right",
        description=_CHECK,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_point(check)
    _add_options(check)
    return parser, check


def _add_watch(commands: Any) -> None:
    """Add the command that runs a script."""
    watch = commands.add_parser(
        "watch",
        help="run a script, and verify each hand-written rule that it calls",
        description=_WATCH,
        epilog="The script gets all arguments that follow its name.",
    )
    watch.add_argument("script", metavar="SCRIPT", help="the Python file to run")
    watch.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...", help="its arguments")
    for name in ("only", "skip"):
        watch.add_argument(
            f"--{name}",
            action="append",
            default=[],
            metavar="PATTERN",
            help=f"watch {name} rules whose qualified name has a part that matches; * is anything"
            if name == "only"
            else "do not watch such rules",
        )
    watch.add_argument(
        "--all", action="store_true", dest="every", help="watch rules of other packages, too"
    )
    watch.add_argument(
        "--seconds", type=float, metavar="S", help="time for each kind of calls (default: 2)"
    )
    watch.add_argument("--total", type=float, metavar="S", help="time for all (default: 120)")
    watch.add_argument("--json", metavar="FILE", help="also write what was found into a file")


def _add_point(check: argparse.ArgumentParser) -> None:
    """Add what is checked, and where."""
    check.add_argument("func", metavar="FUNC", help="the function: module:name or file.py:name")
    check.add_argument("grad", metavar="GRAD", help="its gradient function, named likewise")
    check.add_argument("--x0", metavar="X0", help=_X0)
    check.add_argument("--shape", metavar="N,M", help="instead of --x0: standard normal numbers")
    check.add_argument(
        "--backend",
        metavar="NAME",
        help="library of the arrays: numpy, jax, torch, or the name of the module of another one "
        "that follows the array API standard (default: numpy; an x0 out of a module keeps its own)",
    )
    check.add_argument(
        "--dtype",
        choices=["float64", "float32", "float16", "bfloat16"],
        help="default: that of x0 where it has one, else the library's own; float64 on JAX "
        "switches jax_enable_x64 on",
    )


def _add_options(check: argparse.ArgumentParser) -> None:
    """Add how it is checked, and what is printed."""
    check.add_argument(
        "--rtol",
        type=float,
        help="the relative error that matters, between 0 and 1 (default: that of the dtype, 6e-6 "
        "in float64, 5e-3 in float32)",
    )
    check.add_argument(
        "--budget",
        type=int,
        metavar="CALLS",
        help="the most calls of FUNC, beside the one that shows what it returns (default: as many "
        "as it takes, 2 n + 38 for a right gradient of n entries)",
    )
    check.add_argument(
        "--seed",
        type=int,
        default=0,
        help="of all that is random, the numbers for --shape among them (default: 0, so that a "
        "check says the same each time)",
    )
    check.add_argument(
        "--json",
        action="store_true",
        help="print the report as JSON; what your own code prints goes to stderr",
    )
