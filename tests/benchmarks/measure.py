"""Times and peaks of memory, as ratios that are measured side by side."""

import dataclasses
import gc
import subprocess
import sys
import time
from collections.abc import Callable

Contestant = Callable[[], object]


@dataclasses.dataclass(frozen=True)
class Workload:
    """
    Ways to do one thing.

    Attributes
    ----------
    name : str
        What is done, on what.
    limit : str
        Which of the ways is the one that the others are divided by.
    ways : dict
        Called again and again; the first call of each, which may compile, is not counted.
    aims : dict
        The ratio that a way should not exceed.
    """

    name: str
    limit: str
    ways: dict[str, Contestant]
    aims: dict[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Row:
    """What came of one way: seconds of one call, and ratios to the limit in each round."""

    workload: str
    way: str
    seconds: float
    ratio: float
    aim: float | None


def times(workload: Workload, rounds: int) -> list[Row]:
    """
    Return the time of each way over that of the limit.

    In each round every way has its turn, for a tenth of a second at least, so that a change of the
    machine's speed meets all of them. The least time of each is what it takes when nothing
    disturbs it; their ratio is the figure.
    """
    calls, least = {}, dict.fromkeys(workload.ways, float("inf"))
    for name, way in workload.ways.items():
        way()
        begin = time.perf_counter()
        way()
        calls[name] = max(1, int(0.1 / (time.perf_counter() - begin)))
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, way in workload.ways.items():
                begin = time.perf_counter()
                for _ in range(calls[name]):
                    way()
                spent = (time.perf_counter() - begin) / calls[name]
                least[name] = min(least[name], spent)
    finally:
        gc.enable()
    limit = least[workload.limit]
    return [
        Row(workload.name, name, spent, spent / limit, workload.aims.get(name))
        for name, spent in least.items()
    ]


#: The peak of the process itself; what `getrusage` says on Linux is that of its parent, if higher.
_PEAK = """
import pathlib, resource, sys
status = pathlib.Path("/proc/self/status")
if status.exists():
    print("peak", 1024 * int(status.read_text().split("VmHWM:")[1].split()[0]))
else:
    unit = 1 if sys.platform == "darwin" else 1024
    print("peak", unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak(program: str) -> float:
    """Return the peak of memory, in bytes, of a new process that runs a program."""
    command = [sys.executable, "-c", program + "\n" + _PEAK]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.split("peak")[-1])
