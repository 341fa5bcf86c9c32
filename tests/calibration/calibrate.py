"""
How often verify_grad is wrong, or does not know, beside its peers: a table per dtype and family.

``nox -s calibration -- --seeds 4 --first 100 --dtypes float64,float32 --families edge,kink``
"""

import argparse
import multiprocessing
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from tests.calibration import families as families  # registers the cases
from tests.calibration.cases import BUILDERS, EPS, Label, is_right, labels, right_claim
from tests.calibration.mistakes import mistakes

from gradproof import verify_grad

RIGHT = "right"


@dataclass(frozen=True)
class Judged:
    """What was said of one claim."""

    label: Label
    claim: str
    verdict: str
    reason: str
    nfev: int
    n: int
    peers: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def cost(self) -> float:
        """Calls of func in units of what a check without difficulties may need."""
        share = 3.0 if EPS[self.label.dtype] > 2.0**-15 else 2.2
        return self.nfev / (share * self.n + 40)


def judged(label: Label, *, peers: bool = False) -> list[Judged]:
    """Return the verdicts on all claims of a case; none where its right claim cannot be right."""
    problem = label.problem()
    if not is_right(problem, EPS[label.dtype] ** (1 / 3)):
        return []
    claims = {RIGHT: right_claim(problem), **mistakes(problem, label.dtype, label.seed)}
    found = []
    for name, claim in claims.items():
        try:
            report = verify_grad(problem.func, claim, problem.x0, seed=label.seed)
            said = str(report.verdict), report.reason, report.nfev
        except Exception as error:
            # An exception is the wrong answer to any claim.
            said = "fail" if name == RIGHT else "pass", f"{type(error).__name__}: {error}", 0
        found.append(Judged(label, name, *said, problem.x0.numel()))
    return found


def main() -> None:
    """Print the table, and every verdict that was wrong."""
    options = _options()
    todo = list(labels(range(options.first, options.first + options.seeds), options.dtypes, options.families))  # fmt: skip
    if options.only:
        todo = [label for label in todo if options.only in label.name]
    start = time.perf_counter()
    rows = []
    left_out = 0
    for found in _map(partial(judged, peers=options.peers), todo, options.workers):
        left_out += not found
        rows += found
        for row in found:
            if row.claim == RIGHT and row.verdict == "fail":
                print(f"false alarm: {row.label}: {row.reason}", flush=True)
            if row.claim != RIGHT and row.verdict == "pass":
                print(f"miss: {row.label}: {row.claim}: {row.reason}", flush=True)
    print(f"{len(todo)} cases in {time.perf_counter() - start:.0f} s; {left_out} left out")


def _options() -> argparse.Namespace:
    def some(known: Iterable[str]) -> partial:
        return partial(_some, tuple(dict.fromkeys(known)))

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="instances of each function")
    parser.add_argument("--first", type=int, default=0, help="the first of the seeds")
    parser.add_argument("--dtypes", type=some(EPS), default=list(EPS))
    parser.add_argument("--families", type=some(f for f, _ in BUILDERS), default=[])
    parser.add_argument("--only", default="", help="cases with this in their name")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--peers", action="store_true", help="judge with the peers as well")
    return parser.parse_args()


def _some(known: tuple[str, ...], text: str) -> list[str]:
    found = text.split(",")
    unknown = set(found) - set(known)
    if unknown:
        msg = f"{', '.join(unknown)}; expected some of {', '.join(known)}"
        raise argparse.ArgumentTypeError(msg)
    return found


def _map(func, todo: list[Label], workers: int) -> Iterator[list[Judged]]:
    """Map over cases in as many processes, in order."""
    if workers == 1:
        _quiet()
        yield from map(func, todo)
        return
    # Spawned, since a fork of a process with threads may hang.
    with multiprocessing.get_context("spawn").Pool(workers, _quiet) as pool:
        yield from pool.imap(func, todo, chunksize=8)


def _quiet() -> None:
    torch.set_num_threads(1)
    np.seterr(all="ignore")
    warnings.simplefilter("ignore")


if __name__ == "__main__":
    main()
