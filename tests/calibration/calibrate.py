"""
How often a check is wrong, or does not know, beside its peers: a table per dtype and family.

``nox -s calibration -- --seeds 4 --first 100 --dtypes float64,float32 --families edge,kink``
prints every verdict that was wrong, with what it takes to repeat it. ``--peers`` adds the checkers
of SciPy, torch and JAX, which know only gradients; ``--write`` puts table and picture into the docs.

``--record FILE`` writes what was said of every claim, a line of JSON each; ``--compare FILE`` prints
each line that differs from such a file, and ends with status 1 if a verdict does. A change that
should change nothing is seen so to change nothing: record before it, compare after it.
"""

import argparse
import multiprocessing
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tests.calibration.cases import BUILDERS, EPS, Label, labels
from tests.calibration.judged import Judged, judged
from tests.calibration.record import compared, line, read_record, write_record
from tests.calibration.table import draw, text, write

DOCS = Path(__file__).parents[2] / "docs"


def main(given: Sequence[str] | None = None) -> int:
    """Print the table, every verdict that was wrong, and what differs from a record."""
    options = _options(given)
    seeds = range(options.first, options.first + options.seeds)
    todo = [label for label in labels(seeds, options.dtypes, options.families)
            if options.only in label.name]  # fmt: skip
    start = time.perf_counter()
    rows: list[Judged] = []
    left_out = 0
    for found in _map(partial(judged, peers=options.peers), todo, options.workers):
        left_out += not found
        rows += found
        for row in found:
            if row.wrong:
                print(row.wrong, flush=True)
    took = time.perf_counter() - start
    if not rows:
        print(f"no case of {len(todo)} has a claim that is right in its dtype")
        return 0
    found_text = text(rows)
    print(f"\n{found_text}\n")
    right = len(todo) - left_out
    said = (f"{right} right and {len(rows) - right} wrong claims, of seeds {seeds.start} to {seeds.stop - 1}; "
            f"{left_out} cases are left out, whose claim rounding alone spoils.")  # fmt: skip
    print(f"{said} {took:.0f} s.")
    if options.write:
        write(DOCS / "calibration.md", f"{found_text}\n\n{said}")
        draw(rows, DOCS / "calibration.svg")
    # Read before anything is written: it may be the same file.
    before = read_record(options.compare, todo) if options.compare else None
    if options.record:
        write_record(rows, options.record)
    if before is None:
        return 0
    differences, same = compared(before, [line(row) for row in rows])
    print(f"\n{differences}")
    return 0 if same else 1


def _options(given: Sequence[str] | None) -> argparse.Namespace:
    def some(known: Iterable[str]) -> Callable[[str], list[str]]:
        return partial(_some, tuple(dict.fromkeys(known)))

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=1, help="instances of each function")
    parser.add_argument("--first", type=int, default=0, help="the first of the seeds")
    parser.add_argument("--dtypes", type=some(EPS), default=list(EPS))
    parser.add_argument("--families", type=some(family for family, _ in BUILDERS), default=[])
    parser.add_argument("--only", default="", help="cases with this in their name")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--peers", action="store_true", help="judge with the peers as well")
    parser.add_argument("--write", action="store_true", help="put table and picture into the docs")
    parser.add_argument("--record", type=Path, help="write what was said of every claim")
    parser.add_argument("--compare", type=Path, help="print what differs from such a record")
    return parser.parse_args(given)


def _some(known: tuple[str, ...], given: str) -> list[str]:
    found = given.split(",")
    unknown = set(found) - set(known)
    if unknown:
        msg = f"{', '.join(unknown)}; expected some of {', '.join(known)}"
        raise argparse.ArgumentTypeError(msg)
    return found


def _map(func: Callable, todo: list[Label], workers: int) -> Iterator[list[Judged]]:
    """Map over cases in as many processes, in order."""
    if workers == 1:
        _quiet()
        yield from map(func, todo)
        return
    # Spawned, since a fork of a process with threads may hang.
    with multiprocessing.get_context("spawn").Pool(workers, _quiet) as pool:
        yield from pool.imap(func, todo, chunksize=4)


def _quiet() -> None:
    torch.set_num_threads(1)
    np.seterr(all="ignore")
    warnings.simplefilter("ignore")


if __name__ == "__main__":
    sys.exit(main())
