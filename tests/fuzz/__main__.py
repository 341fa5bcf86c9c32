"""
Thousands of random checks: ``python -m tests.fuzz --seed 1 --examples 500 --libraries numpy``.

Every distinct finding is printed once, with how often it came up; exit code 1 if there is any.
"""

import argparse
import collections
import os
import pickle
import sys
import time
from pathlib import Path
from typing import Any

#: Random problems between two looks at the clock.
CHUNK = 25


def main() -> int:
    """Run, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--examples", type=int, default=200, help="for each library")
    parser.add_argument("--libraries", default="numpy,array_api_strict,torch,jax")
    parser.add_argument("--roads", default="", help="only roads with this in their name")
    parser.add_argument("--seconds", type=float, default=1e9, help="for each library")
    parser.add_argument("--verbose", action="store_true", help="print each check")
    parser.add_argument("--save", type=Path, help="folder for the problems of findings")
    parser.add_argument("--again", type=Path, nargs="*", help="check such problems only")
    chosen = parser.parse_args()
    os.environ.setdefault("GRADPROOF_BACKENDS", chosen.libraries)
    os.environ.setdefault("JAX_ENABLE_X64", "1")

    from hypothesis import HealthCheck, Phase, given, seed, settings
    from hypothesis import strategies as st
    from tests.fuzz.oracle import claimed_kind, described, outcome
    from tests.fuzz.strategies import problems, roads

    if chosen.again:
        for path in chosen.again:
            problem, road = pickle.loads(path.read_bytes())
            found = outcome(problem, road)
            print(f"{path}\n{described(problem, road, found)}\n{found.finding}\n", flush=True)
        return 0

    findings: dict[str, list[str]] = {}
    verdicts: collections.Counter[str] = collections.Counter()
    by_road: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)

    def chunk(library: str, names: list[str], number: int) -> None:
        @seed(1000 * chosen.seed + number)
        @settings(
            max_examples=CHUNK, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(st.data())
        def run(data: Any) -> None:
            road = data.draw(st.sampled_from(names))
            problem = data.draw(problems(library, road))
            found = outcome(problem, road)
            kind = claimed_kind(problem)
            verdicts[f"{kind} {found.verdict}"] += 1
            by_road[road][f"{kind} {found.verdict}"] += 1
            if chosen.verbose:
                first = found.text.partition("\n")[0]
                print(f"{found.seconds:6.2f} s {road:20} {kind} {first}", flush=True)
            if found.finding is not None:
                text = f"{described(problem, road, found)}\n{found.finding.text}"
                findings.setdefault(found.finding.key, []).append(text)
                if chosen.verbose:
                    print(f"=== {found.finding.key}\n{text}", flush=True)
                if chosen.save:
                    name = f"{chosen.seed}-{library}-{sum(map(len, findings.values()))}.pickle"
                    (chosen.save / name).write_bytes(pickle.dumps((problem, road)))

        run()

    for library in chosen.libraries.split(","):
        names = [road for road in roads(library) if chosen.roads in road]
        end = time.monotonic() + chosen.seconds
        for number in range(-(-chosen.examples // CHUNK)):
            if time.monotonic() < end:
                chunk(library, names, number)
        print(library, sum(verdicts.values()), dict(sorted(verdicts.items())), flush=True)
        for road, said in sorted(by_road.items()):
            print(f"  {road:20} {sum(said.values()):4}  {dict(sorted(said.items()))}", flush=True)
        verdicts.clear()
        by_road.clear()
    for key, shown in sorted(findings.items()):
        smallest = min(shown, key=len)
        print(f"\n=== {key} ({len(shown)} times)\n{smallest}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
