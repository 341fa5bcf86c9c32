"""
How often a comparison with a reference is wrong, or does not know, and customary rules beside it.

``nox -s references`` writes its tables into the docs; ``--seeds 1 --operations softmax,gelu``
prints less. What is said wrongly of the operations that are held out is counted, never shown.
"""

import argparse
import multiprocessing
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.references import sizes
from tests.references.held_out import HELD_OUT
from tests.references.judged import DTYPES, OURS, Verdict, judged
from tests.references.operations import OPERATIONS
from tests.references.peers import PEERS

PAGE = Path(__file__).parents[2] / "docs" / "kernels.md"
MARK = "<!-- {} of the {}, written by nox -s references -->"


def main() -> None:
    """Print the tables, and what was said wrongly of the operations that may be looked at."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2, help="draws of arguments")
    parser.add_argument("--first", type=int, default=0, help="the first of the seeds")
    every = ",".join([*OPERATIONS, *HELD_OUT])
    parser.add_argument("--operations", default=every, help="some of them, by name")
    parser.add_argument("--dtypes", default=",".join(DTYPES), help="some of them, by name")
    parser.add_argument("--no-sizes", action="store_true", help="leave the second table out")
    parser.add_argument("--write", action="store_true", help="put the tables into the docs")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.seeds)
    start = time.perf_counter()
    names = options.operations.split(",")
    jobs = [(name, dtype, seeds) for dtype in options.dtypes.split(",") for name in names]
    lengths = [] if options.no_sizes else sorted(sizes.LENGTHS, reverse=True)
    long_jobs = [(n, k, what) for k in lengths for n in sizes.SIDES for what in sizes.MISTAKES]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        long_ones = pool.imap_unordered(sizes.seen, long_jobs)
        rules = _counted(pool.imap_unordered(judged, jobs))
        by_size: dict[Any, Counter[str]] = defaultdict(Counter)
        for length, what, count in long_ones:
            by_size[length, what] += count
    tables = {"tables of rules": _tables(rules)}
    if lengths:
        tables["table of sizes"] = "\n".join(sizes.table(by_size))
    print("\n\n".join(tables.values()), f"\n\n{time.perf_counter() - start:.0f} s")
    if options.write:
        text = PAGE.read_text(encoding="utf-8")
        for name, table in tables.items():
            begin, end = MARK.format("begin", name), MARK.format("end", name)
            before, rest = text.split(begin)
            text = f"{before}{begin}\n\n{table}\n\n{end}{rest.split(end)[1]}"
        PAGE.write_text(text, encoding="utf-8")


Counts = dict[tuple[bool, str, str], Counter[tuple[bool, str]]]


def _counted(found: Iterable[tuple[str, str, list[Verdict]]]) -> Counts:
    """Count verdicts by whether the operation is held out, dtype and rule."""
    counts: Counts = defaultdict(Counter)
    for name, dtype, verdicts in found:
        held = name in HELD_OUT
        for verdict in verdicts:
            for rule, said in verdict.said.items():
                counts[held, dtype, rule][verdict.right, said] += 1
            if not held and verdict.said[OURS] != ("pass" if verdict.right else "fail"):
                right = "right" if verdict.right else "wrong"
                print(f"{right}: {verdict.what}: {verdict.said[OURS]}", flush=True)
    return counts


def _tables(counts: Counts) -> str:
    """Return a table of the operations that it was built with, and one of the others."""
    tables = []
    for held, title in ((False, "operations it was built with"), (True, "operations held out")):
        dtypes = [dtype for dtype in DTYPES if (held, dtype, OURS) in counts]
        if not dtypes:
            continue
        number = len(HELD_OUT if held else OPERATIONS)
        lines = [
            f"| {number} {title} | " + " | ".join(dtypes) + " |",
            "|---|" + "---|" * len(dtypes),
        ]
        every = [counts[held, dtype, OURS] for dtype in dtypes]
        numbers = (f"{_sum(c, right=True)} / {_sum(c, right=False)}" for c in every)
        lines.append("| kernels, right / wrong | " + " | ".join(numbers) + " |")
        for rule in (OURS, *PEERS):
            cells = (_cell(counts[held, dtype, rule]) for dtype in dtypes)
            lines.append(f"| {rule} | " + " | ".join(cells) + " |")
        tables.append("\n".join(lines))
    return "\n\n".join(tables)


def _sum(count: Counter[tuple[bool, str]], *, right: bool) -> int:
    return sum(n for (was_right, _), n in count.items() if was_right is right)


def _cell(count: Counter[tuple[bool, str]]) -> str:
    """Return false alarms, misses and what is not known, of right and wrong ones together."""
    alarms, missed = count[True, "fail"], count[False, "pass"]
    unknown = count[True, "inconclusive"] + count[False, "inconclusive"]
    share = missed / max(_sum(count, right=False), 1)
    return f"{alarms} / {missed} ({share:.1%}) / {unknown}"


if __name__ == "__main__":
    main()
