"""Runs the problems, and prints what gradproof says of them."""

import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .._backends import Backend, backend_named
from .._judge import Judgement, judge
from ._problems import PROBLEMS, Claim, Problem

#: The libraries to run on; for those with a module here, the problem that only they can do.
LIBRARIES = {"numpy": "", "jax": "._jax", "torch": "._torch"}


def run(console: Console) -> bool:
    """
    Judge every claim on every library that imports, and print the table.

    Parameters
    ----------
    console : rich.console.Console
        Where to print.

    Returns
    -------
    bool
        Whether every right claim was called right and every planted mistake was found.
    """
    # Words may wrap, numbers may not: so the table fits 80 columns, if need be in two lines a row.
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for heading in ("arrays", "gradient", "claim"):
        table.add_column(heading, overflow="fold")
    for heading in ("relative\nerror", "worst\nentry", "claimed", "measured"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    missing: list[str] = []
    outcomes: list[tuple[bool, bool]] = []  # planted as right, called right
    for library, module in LIBRARIES.items():
        try:
            backend = backend_named(library)
        except ImportError as err:
            missing.append(
                f"Not run on {library}, which does not import ({err}). To install it: "
                f'pip install "gradproof[{library}]"'
            )
            continue
        for problem in _problems(backend, module):
            for claim in problem.claims:
                found = judge(problem.func, claim.grad, problem.x0)
                outcomes.append((not claim.mistake, found.ok))
                table.add_row(*_cells(backend, problem, claim, found))
        table.add_section()
    console.print(table)
    for line in missing:
        console.print(line, style="yellow", markup=False, highlight=False, soft_wrap=True)
    console.print(_counted(outcomes), highlight=False, soft_wrap=True)
    return all(right == called for right, called in outcomes)


def _problems(backend: Backend, module: str) -> Iterator[Problem]:
    like: Any = backend.xp.asarray(0.0)

    def make(values: Any) -> Any:
        return backend.from_host(np.asarray(values, dtype=np.float64), like)

    for problem in PROBLEMS:
        yield problem(backend, make)
    if module:
        yield importlib.import_module(module, __package__).custom_rule(make)


def _cells(
    backend: Backend, problem: Problem, claim: Claim, found: Judgement
) -> tuple[str | Text, ...]:
    dtype = str(problem.x0.dtype).rpartition(".")[2]
    index = found.index or ()
    return (
        f"{backend.name} {dtype}",
        problem.name,
        claim.mistake or "right",
        f"{found.relative_error:.1e}",
        Text(str(list(index))),  # brackets would be markup
        f"{found.claimed:.3g}",
        f"{found.measured:.3g}",
        Text("right", "bold green") if found.ok else Text("wrong", "bold red"),
    )


def _counted(outcomes: list[tuple[bool, bool]]) -> str:
    """Return the closing sentence."""
    called = [ok for right, ok in outcomes if right]
    planted = [ok for right, ok in outcomes if not right]
    text = (
        f"{sum(called)} right claims called right, "
        f"{len(planted) - sum(planted)} planted mistakes found."
    )
    if not all(called):
        text += f" {len(called) - sum(called)} right claims called WRONG."
    if any(planted):
        text += f" {sum(planted)} planted mistakes MISSED."
    return text
