"""
How often a comparison with a reference is wrong, or does not know: a table per dtype.

``nox -s references`` writes it into the docs; ``--seeds 1 --operations softmax,gelu`` prints less.
"""

import argparse
import multiprocessing
import time
from collections import Counter
from functools import partial
from pathlib import Path

from tests.references.judged import DTYPES, judged
from tests.references.operations import OPERATIONS

PAGE = Path(__file__).parents[2] / "docs" / "kernels.md"
MARK = "<!-- {} of the table, written by nox -s references -->"
BEGIN, END = MARK.format("begin"), MARK.format("end")


def main() -> None:
    """Print the table, and every verdict that was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2, help="draws of arguments")
    parser.add_argument("--first", type=int, default=0, help="the first of the seeds")
    parser.add_argument("--operations", default=",".join(OPERATIONS), help="some of them, by name")
    parser.add_argument("--write", action="store_true", help="put the table into the docs")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.seeds)
    start = time.perf_counter()
    lines = [
        "| dtype | right: pass / fail / inconclusive | wrong: fail / pass / inconclusive |",
        "|---|---|---|",
    ]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        for dtype in DTYPES:
            names = options.operations.split(",")
            said: Counter[tuple[bool, str]] = Counter()
            for found in pool.imap_unordered(partial(judged, dtype=dtype, seeds=seeds), names):
                for right, verdict, words in found:
                    said[right, verdict] += 1
                    if verdict != ("pass" if right else "fail"):
                        print(words, flush=True)
            right_first = ("pass", "fail", "inconclusive")
            wrong_first = ("fail", "pass", "inconclusive")
            right_ones = " / ".join(str(said[True, verdict]) for verdict in right_first)
            wrong_ones = " / ".join(str(said[False, verdict]) for verdict in wrong_first)
            lines.append(f"| {dtype} | {right_ones} | {wrong_ones} |")
    table = "\n".join(lines)
    print(f"\n{table}\n\n{time.perf_counter() - start:.0f} s")
    if options.write:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        PAGE.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
