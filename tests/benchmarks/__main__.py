"""
The benchmarks: ``nox -s benchmarks``, or ``python -m tests.benchmarks --only rosenbrock``.

Every figure is a ratio to the limit of its workload, measured beside it in the same run; with
``--write`` the table in ``docs/benchmarks.md`` is made anew.
"""

import argparse
import os
import platform
from importlib import metadata
from pathlib import Path

import jax

from .measure import Row, times
from .memory import peaks
from .workloads import all_of

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("--only", default="", help="workloads whose function's name has this in it")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="write the page in the docs")
    parser.add_argument("--no-memory", action="store_true", help="leave out the peaks of memory")
    given = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    lines = []
    for workload in all_of(given.only):
        rows = times(workload, given.rounds)
        lines += _section(workload.name, rows)
        print("\n".join(_section(workload.name, rows)), flush=True)
    if not given.no_memory and given.only in "memory":
        table = _memory()
        lines += table
        print("\n".join(table))
    if given.write:
        text = PAGE.read_text()
        head, tail = text.split(BEGIN)[0], text.split(END)[1]
        body = "\n".join([BEGIN, _machine(), "", *lines, END])
        PAGE.write_text(head + body + tail)


def _section(name: str, rows: list[Row]) -> list[str]:
    lines = [f"**{name}**", "", "| | time of one call | ratio | aim |", "|---|---|---|---|"]
    for row in rows:
        aim = "" if row.aim is None else f"{row.aim:.3g}"
        lines.append(f"| {row.way} | {_duration(row.seconds)} | {row.ratio:.3g} | {aim} |")
    return [*lines, ""]


def _memory() -> list[str]:
    lines = ["**Peak memory of one direction, in multiples of x0**", ""]
    lines += ["| | entries | beyond func and gradient alone |", "|---|---|---|"]
    lines += [f"| {name} | {n:.0e} | {ratio:.2f} |" for name, n, ratio in peaks()]
    return [*lines, ""]


def _duration(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size or unit == "us":
            return f"{seconds / size:.3g} {unit}"
    raise AssertionError(seconds)


def _machine() -> str:
    wanted = "numpy", "scipy", "torch", "jax", "numdifftools", "statsmodels", "optimagic"
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in wanted)
    return (
        f"Python {platform.python_version()}, {platform.machine()} with {os.cpu_count()} cores, "
        f"one thread; {versions}."
    )


if __name__ == "__main__":
    main()
