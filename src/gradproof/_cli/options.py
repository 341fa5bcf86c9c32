"""The options of the commands that make a check."""

from collections.abc import Iterable
from typing import Any

import click

from .drawing import DRAWN
from .kinds import FUNCTIONS, KINDS
from .parameters import Argument, Option, complete_names
from .request import Request
from .values import Directions, Modes, Named, Positions

_POINT, _CHECK, _EVALUATION, _OUTPUT = "Point", "Check", "Evaluation of FUNC", "Output"
_SPEC = "module:name or file.py:name"


def _only_no(_: Any, __: Any, value: Any) -> Any:
    """Return a flag that says no; yes is what happens anyway."""
    return False if value is False else None


#: All options, by their names in a TOML file: what is said of each, and how it is read.
_OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "x0": (
        _POINT,
        {
            "metavar": "X0",
            "help": 'the point: a literal such as "[1.5, -1.5]", a .npy file, or '
            f"{_SPEC} of an array, a pytree, or a function without arguments that returns one",
        },
    ),
    "shape": (
        _POINT,
        {"metavar": "N,M", "help": "instead of --x0: standard normal numbers of that shape"},
    ),
    "backend": (
        _POINT,
        {
            "metavar": "NAME",
            "help": "library of the arrays: numpy, jax, torch, or the name of the module of "
            "another one that follows the array API standard (default: numpy; an x0 out of a "
            "module keeps its own)",
        },
    ),
    "dtype": (
        _POINT,
        {
            "type": click.Choice(["float64", "float32", "float16", "bfloat16"]),
            "help": "default: that of x0 where it has one, else the library's own; float64 on JAX "
            "switches jax_enable_x64 on",
        },
    ),
    "args": (
        _POINT,
        {
            "multiple": True,
            "metavar": "VALUE",
            "help": "a further argument of FUNC and of the claim, given as x0 is; text in quotes "
            "of its own. Repeat it for more",
        },
    ),
    "kwargs": (
        _POINT,
        {
            "multiple": True,
            "metavar": "NAME=VALUE",
            "type": Named(),
            "help": "a keyword argument of both",
        },
    ),
    "argnums": (
        _POINT,
        {
            "metavar": "N,M",
            "type": Positions(),
            "help": "which of the arguments the derivative is by, counted from 0, x0 first",
        },
    ),
    "has_aux": (
        _CHECK,
        {"is_flag": True, "help": "FUNC returns a pair, of which the second is no output"},
    ),
    "with_value": (
        _CHECK,
        {"is_flag": True, "help": "the claim returns FUNC's value, too; the value is compared"},
    ),
    "pullback": (
        _CHECK,
        {
            "is_flag": True,
            "help": "which form VJP has: it returns the value and a function, or takes a cotangent "
            "(default: read off its signature)",
        },
    ),
    "grad": (
        _CHECK,
        {"metavar": "GRAD", "help": f"the gradient of FUNC, taken to be right: {_SPEC}"},
    ),
    "reference": (
        _CHECK,
        {
            "metavar": "REFERENCE",
            "help": "compare with another implementation, or with FUNC's own 'forward' code",
        },
    ),
    "modes": (
        _CHECK,
        {"metavar": "MODES", "type": Modes(), "help": "vjp, jvp, or vjp,jvp (default: both)"},
    ),
    "order": (_CHECK, {"metavar": "N", "type": int, "help": "of the derivatives (default: 1)"}),
    "vmap": (
        _CHECK,
        {"is_flag": True, "help": "a rule of PyTorch has to work under vmap, too"},
    ),
    "precision": (
        _CHECK,
        {
            "type": click.Choice(["auto", "tf32", "bfloat16"]),
            "help": "in which matrix products of float32 may be computed",
        },
    ),
    "max_k": (
        _CHECK,
        {
            "metavar": "K",
            "type": float,
            "help": "how many times the error of the reference in its own dtype is allowed",
        },
    ),
    "rtol": (
        _CHECK,
        {
            "type": float,
            "help": "the relative error that matters, between 0 and 1 (default: that of the dtype, "
            "6e-6 in float64, 5e-3 in float32)",
        },
    ),
    "directions": (
        _CHECK,
        {
            "metavar": "N|auto|all",
            "type": Directions(),
            "help": "all: measure every entry; N: look along so many random directions; auto: all "
            "up to 300 entries, a few directions beyond",
        },
    ),
    "budget": (
        _CHECK,
        {
            "type": int,
            "metavar": "CALLS",
            "help": "the most calls of FUNC, beside the one that shows what it returns (default: "
            "as many as it takes, 2 n + 38 for a right gradient of n entries)",
        },
    ),
    "seed": (
        _CHECK,
        {
            "type": int,
            "default": 0,
            "help": "of all that is random, the numbers for --shape among them (default: 0, so "
            "that a check says the same each time)",
        },
    ),
    "vectorize": (
        _EVALUATION,
        {"is_flag": True, "help": "evaluate many points at a time, by vmap (default: if it pays)"},
    ),
    "vectorized": (_EVALUATION, {"is_flag": True, "help": "FUNC takes a leading batch axis"}),
    "batch_size": (_EVALUATION, {"metavar": "N", "type": int, "help": "the most points at a time"}),
    "workers": (
        _EVALUATION,
        {"metavar": "N", "type": int, "help": "evaluate by so many processes; -1: by all cores"},
    ),
    "wider": (
        _EVALUATION,
        {
            "is_flag": True,
            "callback": _only_no,
            "help": "no values in single precision where those of half precision do not tell",
        },
    ),
    "progress": (
        _EVALUATION,
        {"is_flag": True, "help": "show a bar (default: of what takes long, on a terminal)"},
    ),
    "plot_kind": (
        _OUTPUT,
        {
            "type": click.Choice(list(DRAWN)),
            "help": "what --plot draws (default: entries); steps is the error against the step; "
            "leaf, of the leaf that is most off, and jacobian are matrices as claimed, as "
            "measured, and the difference",
        },
    ),
}
#: As they are typed, where that is not the name with two dashes.
_TYPED = {
    "args": "--arg",
    "kwargs": "--kwarg",
    "pullback": "--pullback/--no-pullback",
    "vectorize": "--vectorize/--no-vectorize",
    "wider": "--wider/--no-wider",
    "progress": "--progress/--no-progress",
}
#: Of what is written of a check: in a file a key of it, on a command line beside what is written.
PLOT_KIND = "plot_kind"
_OF_ALL = ("x0", "shape", "backend", "dtype", "args", "kwargs", "argnums", "seed")
#: Those that `Request` has fields for.
_FIELDS = frozenset(_OF_ALL) - {"argnums"} | {PLOT_KIND}


def option(name: str) -> Option:
    """Return an option by its name."""
    heading, given = _OPTIONS[name]
    typed = _TYPED.get(name, f"--{name.replace('_', '-')}")
    settings = {"default": None, **given} if "multiple" not in given else dict(given)
    if name in ("x0", "args", *FUNCTIONS):
        settings["shell_complete"] = complete_names
    return Option([typed, name], heading=heading, **settings)


def names_of(kind: str) -> list[str]:
    """Return the names of the options that a kind of check has."""
    known = {*_OF_ALL, *KINDS[kind].options, PLOT_KIND}
    return [name for name in _OPTIONS if name in known]


def parameters(kind: str) -> list[click.Parameter]:
    """Return what may stand behind a command that makes a check."""
    of = KINDS[kind]
    functions = {"func": ("FUNC", f"the function: {_SPEC}")}
    if of.claim:
        functions["claim"] = of.claim, of.says
    given = [
        Argument([name], metavar=metavar, text=text, shell_complete=complete_names)
        for name, (metavar, text) in functions.items()
    ]
    return [*given, *(option(name) for name in names_of(kind) if name != PLOT_KIND)]


def request_of(kind: str, given: dict[str, Any]) -> Request:
    """
    Return what is asked for.

    Parameters
    ----------
    kind : str
        Of the check.
    given : dict
        Values by name; None for what was not given.

    Returns
    -------
    Request
        With the options of the check apart.
    """
    said = {name: value for name, value in given.items() if value is not None}
    fields = {name: said.pop(name) for name in _named(said, _FIELDS)}
    fields["args"] = tuple(fields.get("args", ()))
    fields["kwargs"] = dict(fields.get("kwargs", ()))
    func, claim, name = (said.pop(word, "") for word in ("func", "claim", "name"))
    return Request(kind, func, claim, name=name, options=said, **fields)


def _named(given: dict[str, Any], names: Iterable[str]) -> list[str]:
    return [name for name in given if name in names]
