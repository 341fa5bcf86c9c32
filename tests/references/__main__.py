"""
How often a comparison with a reference is wrong, or does not know, and customary rules beside it.

``nox -s references`` writes its tables into the docs; ``-- --seeds 4 --operations softmax,gelu``
prints others. Each step says what is counted so far, and a run that is cut prints its tables. What
is said wrongly of the operations that are held out is counted, never shown.
"""

import argparse
import multiprocessing
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.references import sizes
from tests.references.counted import Counted
from tests.references.held_out import HELD_OUT
from tests.references.judged import DTYPES, OURS, judged
from tests.references.operations import OPERATIONS

PAGE = Path(__file__).parents[2] / "docs" / "kernels.md"
MARK = "<!-- {} of the {}, written by nox -s references -->"


def main() -> None:
    """Print the tables, and what was said wrongly of the operations that may be looked at."""
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        tables = {"tables of rules": _rules(options, pool)} if options.seeds else {}
        if not (options.no_sizes or options.cut):
            tables["table of sizes"] = _sizes(options, pool)
    print("\n" + "\n\n".join(tables.values()))
    if options.write and not options.cut:
        text = PAGE.read_text(encoding="utf-8")
        for name, table in tables.items():
            begin, end = MARK.format("begin", name), MARK.format("end", name)
            before, rest = text.split(begin)
            text = f"{before}{begin}\n\n{table}\n\n{end}{rest.split(end)[1]}"
        PAGE.write_text(text, encoding="utf-8")


def _options() -> Any:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="draws of arguments; 0 for none")
    parser.add_argument("--first", type=int, default=0, help="the first of the seeds")
    every = ",".join([*OPERATIONS, *HELD_OUT])
    parser.add_argument("--operations", default=every, help="some of them, by name; or 'built'")
    parser.add_argument("--dtypes", default=",".join(DTYPES), help="some of them, by name")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--no-sizes", action="store_true", help="leave the second table out")
    parser.add_argument("--write", action="store_true", help="put the tables into the docs")
    parser.set_defaults(cut=False)
    return parser.parse_args()


def _rules(options: Any, pool: Any) -> str:
    """Return the tables of what rules say of right and wrong kernels."""
    names = [*OPERATIONS] if options.operations == "built" else options.operations.split(",")
    seeds = range(options.first, options.first + options.seeds)
    jobs = [(n, dtype, s) for s in seeds for dtype in options.dtypes.split(",") for n in names]
    counted = Counted()
    for k, found in enumerate(_until_cut(options, pool.imap_unordered(judged, jobs))):
        counted.add(found)
        step = f"[{k + 1} of {len(jobs)}, {counted.seconds:.0f} s] {counted.line()}"
        print(step, file=sys.stderr, flush=True)
        for verdict in found.verdicts if found.name not in HELD_OUT else []:
            right = verdict.said[OURS] == ("pass" if verdict.right else "fail")
            if not right or verdict.beside.get("fail"):
                kind = "right" if verdict.right else "wrong"
                beside = f"; results that are right: {verdict.beside}" if verdict.beside else ""
                print(f"{kind}: {verdict.what}: {verdict.said[OURS]}{beside}", flush=True)
    said = (
        "cut before its end" if options.cut else f"{counted.seconds / 60:.0f} minutes of one core"
    )
    draws = f"seeds {seeds.start} to {seeds.stop - 1}" if len(seeds) > 1 else f"seed {seeds.start}"
    return f"{counted.tables()}\n\n({draws}; {said})"


def _sizes(options: Any, pool: Any) -> str:
    """Return the table of how small a mistake is seen."""
    jobs = [(n, k, what) for k in sizes.LENGTHS for n in sizes.SIDES for what in sizes.MISTAKES]
    found: dict[Any, Counter[str]] = defaultdict(Counter)
    for k, (length, what, count) in enumerate(
        _until_cut(options, pool.imap_unordered(sizes.seen, jobs))
    ):
        found[length, what] += count
        share = f"{length} entries, {what}: {count['seen']} of {count['all']}"
        print(f"[{k + 1} of {len(jobs)}] {share}", file=sys.stderr, flush=True)
    return "\n".join(sizes.table(found))


def _until_cut(options: Any, found: Iterable[Any]) -> Iterator[Any]:
    """Yield what there is until somebody ends it."""
    try:
        yield from found
    except KeyboardInterrupt:
        options.cut = True
        print("cut: what follows is what was counted until then", file=sys.stderr)


if __name__ == "__main__":
    main()
