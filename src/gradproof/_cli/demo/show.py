"""Runs the problems, and prints what gradproof says of them."""

import importlib
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..._backends.registry import Backend, backend_named
from ..._backends.typing import Function
from ..._checks.gradient import verify_grad
from ..._report.report import Report
from ..._report.verdicts import Verdict
from ..console import console
from .problems import PROBLEMS, Problem

#: The libraries to run on, in which dtypes each; for those with a module here, the problem that
#: only they can do.
LIBRARIES = {
    "numpy": (("float64", "float16"), ""),
    "jax": (("float32", "bfloat16"), ".jax"),  # its float64 is a switch for the whole process
    "torch": (("float32", "bfloat16"), ".torch"),
}
#: Where noise may hide a mistake, so that 'inconclusive' is an honest answer.
HALF = ("float16", "bfloat16")


def demo() -> int:
    """Print the demonstration; return the exit code."""
    return 0 if run(console()) else 1


def run(out: Console) -> bool:
    """
    Judge every claim on every library that imports, and print the table.

    Parameters
    ----------
    out : rich.console.Console
        Where to print.

    Returns
    -------
    bool
        Whether every right claim passed and every planted mistake failed, except that in half
        precision either may be inconclusive.
    """
    # Words may wrap, numbers may not: so the table fits 80 columns, if need be in two lines a row.
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for heading in ("problem", "backend", "dtype", "planted mistake"):
        table.add_column(heading, overflow="fold")
    table.add_column("verdict", no_wrap=True)
    for heading in ("worst\nentry", "off by\nat most", "calls"):
        table.add_column(heading, justify="right", no_wrap=True)
    missing: list[str] = []
    counts: Counter[str] = Counter()
    for library, (dtypes, module) in LIBRARIES.items():
        try:
            backend = backend_named(library)
        except ImportError as err:
            missing.append(
                f"Not run on {library}, which does not import ({err}). To install it: "
                f'pip install "gradproof[{library}]"'
            )
            continue
        for dtype in dtypes:
            for problem in _problems(backend, dtype, module):
                func = _compiled(backend, problem.func)
                for claim in problem.claims:
                    grad = _compiled(backend, claim.grad)
                    report = verify_grad(func, grad, problem.x0, seed=0)
                    counts[_outcome(claim.mistake, report)] += 1
                    about = (problem.name, backend.name, report.dtype, claim.mistake or "none")
                    table.add_row(*about, *_cells(report))
            table.add_section()
    out.print(table)
    for line in missing:
        out.print(line, style="yellow", markup=False, highlight=False, soft_wrap=True)
    out.print(_counted(counts), highlight=False, soft_wrap=True)
    return not counts["misjudged"]


def _problems(backend: Backend, dtype: str, module: str) -> Iterator[Problem]:
    like: Any = backend.xp.asarray(0.0)
    native = backend.dtype_named(dtype)

    def make(values: Any) -> Any:
        return backend.from_host(np.asarray(values, dtype=np.float64), like, native)

    for problem in PROBLEMS:
        yield problem(backend, make)
    if module:
        yield importlib.import_module(module, __package__).custom_rule(make)


def judged(backend: Backend, dtype: str) -> Iterator[tuple[str, Report]]:
    """Yield what is said of a right claim and of a wrong one, each with its planted mistake."""
    problem = next(_problems(backend, dtype, ""))
    func = _compiled(backend, problem.func)
    for claim in problem.claims:
        grad = _compiled(backend, claim.grad)
        yield claim.mistake, verify_grad(func, grad, problem.x0, seed=0)


def _compiled(backend: Backend, function: Function) -> Function:
    """Return the function as a program, where the library has them: each runs dozens of times."""
    return backend.native(lambda _, x: function(x))


def _cells(report: Report) -> tuple[Text | str, ...]:
    (worst,) = report.worst(1)
    place, bound = str(list(worst["index"])), worst["resolution"]
    if not math.isfinite(bound):  # seen before any entry was looked at
        place, bound = "all", report.whole
    return (
        Text(report.verdict, report.verdict),
        Text(place),  # brackets would be markup
        f"{bound:.1e}",
        str(report.nfev),
    )


def _outcome(mistake: str, report: Report) -> str:
    if report.verdict is (Verdict.FAIL if mistake else Verdict.PASS):
        return "found" if mistake else "passed"
    unsure = report.verdict is Verdict.INCONCLUSIVE and report.dtype in HALF
    return "open" if unsure else "misjudged"


def _counted(counts: Counter[str]) -> str:
    """Return the closing sentences."""
    text = f"{counts['passed']} right claims passed, {counts['found']} planted mistakes found."
    if counts["open"]:
        text += f" {counts['open']} verdicts in half precision are inconclusive."
    if counts["misjudged"]:
        text += f" {counts['misjudged']} claims are MISJUDGED."
    return text
