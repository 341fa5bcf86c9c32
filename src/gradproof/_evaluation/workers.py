"""Workers: pieces of one task, handed to joblib, to an executor, or to anything like `map`."""

import itertools
import numbers
import time
from collections.abc import Callable, Iterable, Sequence
from pickle import PicklingError
from typing import Any, NoReturn

#: A task takes some of its items, and returns what came of each of them.
Task = Callable[[Sequence[Any]], list[Any]]
#: Pieces for each worker: where one of them is slow, the others wait for an eighth of the work at
#: most, and each piece costs its worker a copy of x0.
_PIECES = 4
#: Workers that a map-like callable may have, which does not tell.
_UNTOLD = 16
#: Seconds of work that a pool of processes is started for: starting it costs about one.
_WORTH_PROCESSES = 1.0


class Workers:
    """
    Those who evaluate points side by side.

    Parameters
    ----------
    given : int, executor or map-like callable
        As in SciPy: an int is a number of workers of joblib, -1 for one on each core, which
        ``joblib.parallel_config`` puts on a cluster; a callable is called as ``given(task,
        pieces)``. Of an object with a method `map` (an executor of `concurrent.futures` or
        `mpi4py.futures`, a client of Dask) that is called; futures are waited for.
    threads : bool or None
        Whether func lets threads run side by side; None if that is to be tried.
    """

    def __init__(self, given: Any, *, threads: bool | None) -> None:
        self._given, self._threads = given, threads

    def run(self, task: Task, items: Sequence[Any]) -> list[Any]:
        """
        Return what a task returns for all items, in order.

        Parameters
        ----------
        task : callable
            Takes some of the items, and returns a list as long. What func raises must be in the
            list: an exception of a task is taken for one of the workers.
        items : sequence
            What there is to do. The part of a worker is sent to it.

        Raises
        ------
        RuntimeError
            If the workers fail: a dead process, a func that cannot be sent to it.
        """
        if len(items) < 2:
            return task(items)
        try:
            if isinstance(self._given, numbers.Integral):
                return self._by_joblib(int(self._given), task, items)
            call = getattr(self._given, "map", self._given)
            found = call(_Sent(task), _pieces(items, _UNTOLD))
            done = _joined(one.result() if hasattr(one, "result") else one for one in found)
        except Exception as err:
            _explain(err)
        if len(done) != len(items):
            _explain(TypeError(f"{len(done)} results for {len(items)} points"))
        return done

    def _by_joblib(self, count: int, task: Task, items: Sequence[Any]) -> list[Any]:
        try:
            import joblib
        except ImportError as err:
            msg = (
                f"workers={count} needs joblib, which is not installed; "
                "pip install 'gradproof[parallel]', or pass an executor of concurrent.futures."
            )
            raise _Explained(msg) from err
        count = joblib.effective_n_jobs(count)
        done = self._tried(joblib, count, task, items) if self._threads is None else []
        prefer = "processes" if self._threads is False else "threads"
        found = joblib.Parallel(n_jobs=count, prefer=prefer)(
            joblib.delayed(_Sent(task))(piece) for piece in _pieces(items[len(done) :], count)
        )
        return [*done, *_joined(found)]

    def _tried(self, joblib: Any, count: int, task: Task, items: Sequence[Any]) -> list[Any]:
        """
        Find out whether threads run side by side; return what was evaluated for that.

        One item alone, then one in each thread: these take as long if func releases Python's lock,
        and `count` times as long if it does not.
        """
        begin = time.perf_counter()
        done = task(items[:1])
        alone = time.perf_counter() - begin
        if alone * len(items) < _WORTH_PROCESSES or len(items) < _PIECES * count:
            return done
        begin = time.perf_counter()
        pieces = _pieces(items[1 : 1 + count], count)
        with joblib.parallel_config("threading"):
            found = joblib.Parallel(n_jobs=count)(joblib.delayed(task)(piece) for piece in pieces)
        together = time.perf_counter() - begin
        self._threads = together < alone * (1 + count) / 2
        return [*done, *_joined(found)]


def _pieces(items: Sequence[Any], workers: int) -> list[Sequence[Any]]:
    """Return items in pieces of nearly one size, none of them empty."""
    count = min(len(items), _PIECES * workers)
    edges = [len(items) * i // max(count, 1) for i in range(count + 1)]
    return [items[start:stop] for start, stop in itertools.pairwise(edges)]


def _joined(found: Iterable[list[Any]]) -> list[Any]:
    return [item for part in found for item in part]


class _Sent:
    """A task that is sent to other processes by value, where cloudpickle is installed."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def __call__(self, piece: Sequence[Any]) -> list[Any]:
        return self._task(piece)

    def __reduce__(self) -> tuple[Any, ...]:
        try:
            import cloudpickle
        except ImportError:
            return _Sent, (self._task,)
        return _received, (cloudpickle.dumps(self._task),)


def _received(sent: bytes) -> Task:
    import cloudpickle

    task: Task = cloudpickle.loads(sent)
    return task


class _Explained(RuntimeError):  # noqa: N818  # what is raised to users is its base
    """An error that says what to do already."""


def _explain(err: Exception) -> NoReturn:
    from concurrent.futures import BrokenExecutor  # which brings logging along

    if isinstance(err, _Explained):
        raise err
    given = f"{type(err).__name__}: {err}"
    if isinstance(err, PicklingError) or "pickle" in str(err):
        msg = (
            f"func cannot be sent to the workers ({given}). Define it, and what it uses, at the "
            "top level of a module; or install cloudpickle (pip install 'gradproof[parallel]'), "
            "which sends lambdas and closures too; or use threads, such as "
            "workers=concurrent.futures.ThreadPoolExecutor(2)."
        )
    elif isinstance(err, BrokenExecutor) or type(err).__name__ == "KilledWorker":
        msg = (
            f"a worker died ({given}). Mostly memory has run out, or func ends its process: call "
            "the check without workers to see, or with fewer of them."
        )
    else:
        msg = (
            f"the workers failed, not func ({given}). Expected an int, an executor, or a callable "
            "that returns, like `map`, what a function returns for each item of a list."
        )
    raise RuntimeError(msg) from err
