"""
How often the mistake of a wrong claim is named, rightly, wrongly, or not at all.

``nox -s mistakes`` writes its tables into the docs; ``--seeds 1 --functions mlp,rnn`` prints less,
and each case that is named wrongly or not at all. Of functions that are held out they are counted,
never shown.
"""

import argparse
import collections
import multiprocessing
import time
from pathlib import Path

from tests.mistakes.functions import FUNCTIONS
from tests.mistakes.held_out import HELD_OUT
from tests.mistakes.judged import RIGHT, Case, cases
from tests.mistakes.libraries import DTYPES

PAGE = Path(__file__).parents[2] / "docs" / "mistakes.md"
BEGIN = "<!-- begin of the tables, written by nox -s mistakes -->"
END = "<!-- end of the tables, written by nox -s mistakes -->"
OUTCOMES = ("right", "equivalent", "vague", "wrong", "silent")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="draws of the data of each function")
    parser.add_argument("--first", type=int, default=0, help="the first of the seeds")
    parser.add_argument("--dtypes", default=",".join(DTYPES), help="some of them, by name")
    parser.add_argument("--functions", default=",".join(FUNCTIONS), help="some of them, by name")
    parser.add_argument("--held-out", action="store_true", help="count those held out, too")
    parser.add_argument("--count", type=int, default=20, help="mistakes of a function at a point")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--write", action="store_true", help="put the tables into the docs")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.seeds)
    names = [*options.functions.split(","), *(HELD_OUT if options.held_out else ())]
    jobs = [
        (name, dtype, seed, options.count)
        for name in names
        for dtype in options.dtypes.split(",")
        for seed in seeds
    ]
    start = time.perf_counter()
    found: list[Case] = []
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        for several in pool.imap_unordered(cases, jobs):
            found += several
            for case in several:
                if case.function not in HELD_OUT and case.outcome in ("wrong", "silent"):
                    print(_line(case), flush=True)
    page = _tables(found)
    print(page, f"\n\n{time.perf_counter() - start:.0f} s")
    if options.write:
        text = PAGE.read_text(encoding="utf-8")
        before, rest = text.split(BEGIN)
        after = rest.split(END)[1]
        PAGE.write_text(f"{before}{BEGIN}\n\n{page}\n\n{END}{after}", encoding="utf-8")


def _line(case: Case) -> str:
    said = f": {case.said}" if case.said else ""
    return f"{case.outcome}: {case.dtype}, {case.function}, seed {case.seed}: {case.mutation}{said}"


def _tables(found: list[Case]) -> str:
    """Return a table of the functions that it was built with, and one of the others."""
    parts = []
    for held, title in ((False, "it was built with"), (True, "held out")):
        own = [case for case in found if (case.function in HELD_OUT) is held]
        if own:
            count = len({case.function for case in own})
            parts += [_summary(own, f"{count} functions {title}"), _by_mutation(own)]
    return "\n\n".join(parts)


def _summary(found: list[Case], title: str) -> str:
    lines = [
        f"| {title} | claims | right | equivalent | vague | wrong | silent | too small | not failed"
        " | calls of the verdict | of the name | ms |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for dtype in DTYPES:
        for words, chosen in (
            ("in the catalogue", lambda case: _named(case)),
            ("in no catalogue", lambda case: case.mutation.startswith("unnamed")),
            (RIGHT, lambda case: case.mutation == RIGHT),
        ):
            own = [case for case in found if case.dtype == dtype and chosen(case)]
            if own:
                lines.append(f"| {dtype}, {words} | {_cells(own)} |")
    return "\n".join(lines)


def _named(case: Case) -> bool:
    return case.mutation != RIGHT and not case.mutation.startswith("unnamed")


def _cells(own: list[Case]) -> str:
    judged = [case for case in own if case.outcome in OUTCOMES]
    count = collections.Counter(case.outcome for case in own)
    shares = [f"{count[name]} ({count[name] / max(len(judged), 1):.1%})" for name in OUTCOMES]
    left = [str(count["small"]), str(count["unseen"])]
    cost = [
        f"{_median([case.calls for case in judged]):.0f}",
        f"{_median([case.extra for case in judged]):.0f}",
        f"{1e3 * _median([case.seconds for case in judged]):.0f}",
    ]
    return " | ".join([str(len(judged)), *shares, *left, *cost])


def _median(numbers: list[float] | list[int]) -> float:
    ordered = sorted(numbers)
    return float(ordered[len(ordered) // 2]) if ordered else 0.0


def _by_mutation(found: list[Case]) -> str:
    dtypes = [dtype for dtype in DTYPES if any(case.dtype == dtype for case in found)]
    lines = [
        "| mistake (right / equivalent / vague / wrong / silent) | " + " | ".join(dtypes) + " |",
        "|---|" + "---|" * len(dtypes),
    ]
    for mutation in sorted({case.mutation for case in found if case.mutation != RIGHT}):
        cells = []
        for dtype in dtypes:
            own = [c for c in found if c.mutation == mutation and c.dtype == dtype]
            count = collections.Counter(case.outcome for case in own)
            cells.append(" / ".join(str(count[name]) for name in OUTCOMES))
        lines.append(f"| {mutation} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
