"""Evaluations by workers: what they return is what is found without them, to the bit."""

import os
import sys
import threading
import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest
from tests.libraries import imported

import gradproof
from gradproof._backends.registry import backend_of
from gradproof._evaluation import calls as _calls
from gradproof._evaluation import workers as _workers
from gradproof._evaluation.calls import Calls
from gradproof._evaluation.options import Settings
from gradproof._evaluation.outcomes import Known

X0 = np.linspace(0.3, 1.7, 12)


def cubes(x):
    return (x**3).sum()


def slopes(x):
    return 3 * x**2


def one_off(x):
    claim = slopes(x)
    claim[4] *= -1
    return claim


def with_nan(x):
    claim = slopes(x)
    claim[7] = np.nan
    return claim


CLAIMS: dict[str, list[Any]] = {
    "pass": [slopes],
    "fail": [one_off, with_nan, lambda x: 1.5 * slopes(x), np.zeros_like],
}
EVERY: list[tuple[str, Any]] = [
    (verdict, claim) for verdict, claims in CLAIMS.items() for claim in claims
]


def processes() -> Executor:
    """Return two processes; forked ones would inherit the threads of other libraries."""
    return ProcessPoolExecutor(2, mp_context=get_context("forkserver"))


@pytest.fixture(scope="module")
def cluster():
    """A real cluster of Dask, two processes on this machine."""
    import distributed

    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", processes=True
        ) as started,
        distributed.Client(started) as client,
    ):
        yield client


def alike(claim, func=cubes, **how):
    """Check that workers change nothing, and return the report."""
    alone = gradproof.verify_grad(func, claim, X0, seed=3)
    helped = gradproof.verify_grad(func, claim, X0, seed=3, **how)
    assert helped.to_dict() == alone.to_dict()
    single = gradproof.check_grad(func, claim, X0)
    np.testing.assert_equal(gradproof.check_grad(func, claim, X0, **how), single)
    np.testing.assert_array_equal(
        gradproof.approx_fprime(X0, func, None, **how), gradproof.approx_fprime(X0, func)
    )
    return helped


@pytest.mark.library("dask")
@pytest.mark.parametrize(("verdict", "claim"), EVERY)
class TestVerdicts:
    def test_number_of_workers(self, verdict, claim):
        assert alike(claim, workers=2).verdict == verdict

    def test_map(self, verdict, claim):
        assert alike(claim, workers=map).verdict == verdict

    def test_executor_and_its_map(self, verdict, claim):
        with ThreadPoolExecutor(2) as pool:
            assert alike(claim, workers=pool).verdict == verdict
            assert alike(claim, workers=pool.map).verdict == verdict


@pytest.mark.library("dask")
@pytest.mark.parametrize(("verdict", "claim"), EVERY[:3])
class TestProcesses:
    def test_executor(self, verdict, claim):
        with processes() as pool:
            assert alike(claim, workers=pool).verdict == verdict

    def test_closures_are_sent(self, verdict, claim):
        three = 3
        with processes() as pool:
            report = alike(claim, lambda x: (x**three).sum(), workers=pool.map)
        assert report.verdict == verdict

    def test_client_of_dask(self, verdict, claim, cluster):
        assert alike(claim, workers=cluster).verdict == verdict

    def test_joblib_on_dask(self, verdict, claim, cluster):
        import joblib

        with joblib.parallel_config("dask", client=cluster):
            assert alike(claim, workers=2).verdict == verdict

    def test_processes_of_joblib(self, verdict, claim):
        import joblib

        with joblib.parallel_config("loky"):
            assert alike(claim, workers=2).verdict == verdict


@pytest.mark.library("dask")
class TestKinds:
    def test_jacobian(self):
        def jac(x):
            return np.diag(np.cos(x))

        for claim, verdict in ((jac, "pass"), (lambda x: jac(x)[::-1], "fail")):
            alone = gradproof.verify_jac(np.sin, claim, X0, seed=1)
            helped = gradproof.verify_jac(np.sin, claim, X0, seed=1, workers=2)
            # A point that comes up again is not always called again: who is ahead knows more.
            assert helped.to_dict() | {"nfev": 0} == alone.to_dict() | {"nfev": 0}
            assert helped.verdict == verdict

    def test_pytree(self):
        x0 = {"a": X0, "b": [np.array(0.5), np.ones((2, 2))]}

        def func(x):
            return cubes(x["a"]) * x["b"][0] + x["b"][1].sum()

        def grad(x):
            a, (b, c) = x["a"], x["b"]
            return {"a": slopes(a) * b, "b": [cubes(a), np.ones_like(c)]}

        with processes() as pool:
            helped = gradproof.verify_grad(func, grad, x0, seed=1, workers=pool)
        assert helped.to_dict() == gradproof.verify_grad(func, grad, x0, seed=1).to_dict()
        assert helped.ok

    def test_budget(self):
        for budget in (1, 7, 40, 45, 60):
            helped = gradproof.verify_grad(cubes, slopes, X0, seed=1, budget=budget, workers=2)
            alone = gradproof.verify_grad(cubes, slopes, X0, seed=1, budget=budget)
            assert helped.to_dict() == alone.to_dict()
            assert helped.nfev <= budget

    def test_one_point_is_not_sent(self):
        """To start workers for it would take longer than the point."""
        sent = []

        def recorded(task, pieces):
            sent.append(sum(map(len, pieces)))
            return map(task, pieces)

        assert gradproof.check_grad(cubes, slopes, X0[:1], workers=recorded) < 1e-6
        assert not sent
        assert gradproof.verify_grad(cubes, slopes, X0, seed=3, workers=recorded).ok
        assert min(sent) > 1

    def test_edge_of_a_domain(self):
        """An exception in a worker shortens the ladder, as it does without one."""

        def func(x):
            if (x > 1.700001).any():
                raise ArithmeticError("outside")
            return cubes(x)

        assert alike_in_verdict(func, slopes).ok
        assert alike_in_verdict(func, one_off).verdict == "fail"

    def test_output_that_is_written_over(self):
        buffers = threading.local()

        def func(x):
            if not hasattr(buffers, "own"):
                buffers.own = np.empty(())
            buffers.own[...] = cubes(x)
            return buffers.own

        assert alike(slopes, func, workers=2).ok


def alike_in_verdict(func, claim):
    alone = gradproof.verify_grad(func, claim, X0, seed=3)
    helped = gradproof.verify_grad(func, claim, X0, seed=3, workers=2)
    assert helped.to_dict() == alone.to_dict()
    return helped


@pytest.mark.parametrize(
    "library",
    [pytest.param(name, marks=pytest.mark.library(name)) for name in ("torch", "jax")],
)
def test_libraries(library):
    """Threads for libraries whose functions let them run; their outputs cross from processes."""
    xp = imported("jax.numpy" if library == "jax" else library)
    x0 = xp.linspace(0.3, 1.7, 12)
    with processes() as pool:
        for claim, verdict in ((xp.cos, "pass"), (xp.sin, "fail")):
            alone = gradproof.verify_grad(lambda x: xp.sin(x).sum(), claim, x0, seed=1)
            for workers in (2, pool):
                helped = gradproof.verify_grad(
                    lambda x: xp.sin(x).sum(), claim, x0, seed=1, workers=workers
                )
                assert helped.to_dict() == alone.to_dict()
                assert helped.verdict == verdict


class TestPoints:
    """Points on their way to workers: all of them, in order, large ones a few at a time."""

    @staticmethod
    def total(leaves):
        return leaves[0].sum()

    def test_all_in_order(self):
        def found(**how):
            calls = Calls(backend_of(X0), Settings(progress=False, **how))
            points = (Known(-i) if i % 7 == 3 else [np.full(2, float(i))] for i in range(200))
            return list(calls.each(self.total, points)), calls.nfev

        assert found(workers=map) == found()

    def test_no_more_at_once_than_there_is_room_for(self, monkeypatch):
        monkeypatch.setattr(_calls, "_ROOM", 10)
        made = 0

        def points():
            nonlocal made
            for made in range(1, 21):
                yield [np.full(4, float(made))]

        calls = Calls(backend_of(X0), Settings(progress=False, workers=map))
        for done, value in enumerate(calls.each(self.total, points()), 1):
            assert value == 4 * done
            assert made - done < 3
        assert made == done == 20


@pytest.mark.library("dask")
class TestErrors:
    def test_exception_of_func(self):
        def func(x):
            if x[3] != X0[3]:
                raise ZeroDivisionError("three")
            return cubes(x)

        for workers in (2, map):
            with pytest.raises(ZeroDivisionError, match="three") as caught:
                gradproof.check_grad(func, slopes, X0, workers=workers)
            assert "x0[3] moved" in caught.value.__notes__[0]

    def test_exception_that_does_not_pickle(self):
        class LockedError(ValueError):
            def __init__(self, lock):
                super().__init__("locked")
                self.lock = lock

        def func(x):
            if x[3] != X0[3]:
                raise LockedError(threading.Lock())
            return cubes(x)

        with processes() as pool, pytest.raises(RuntimeError, match="LockedError: locked"):
            gradproof.check_grad(func, slopes, X0, workers=pool)

    def test_dead_worker(self):
        here = os.getpid()

        def func(x):
            if os.getpid() != here:
                os._exit(3)
            return cubes(x)

        with processes() as pool, pytest.raises(RuntimeError, match="a worker died.*fewer"):
            gradproof.check_grad(func, slopes, X0, workers=pool)

    def test_dead_worker_of_dask(self):
        """Known by its name: Dask need not be imported for it."""

        class KilledWorker(Exception):  # noqa: N818  # as Dask calls it
            pass

        def dead(task, pieces):
            raise KilledWorker("task-1")

        with pytest.raises(RuntimeError, match="a worker died.*KilledWorker: task-1"):
            gradproof.check_grad(cubes, slopes, X0, workers=dead)

    def test_what_cannot_be_sent(self):
        lock = threading.Lock()

        def func(x):
            with lock:
                return cubes(x)

        with processes() as pool, pytest.raises(RuntimeError, match="cannot be sent.*Define it"):
            gradproof.check_grad(func, slopes, X0, workers=pool)

    def test_without_cloudpickle(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "cloudpickle", None)
        with processes() as pool:
            assert gradproof.check_grad(cubes, slopes, X0, workers=pool) < 1e-6
            with pytest.raises(RuntimeError, match="cannot be sent.*install cloudpickle"):
                gradproof.check_grad(lambda x: cubes(x), slopes, X0, workers=pool)

    def test_without_joblib(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "joblib", None)
        expected = r"^workers=2 needs joblib.*pip install 'gradproof\[parallel\]'"
        with pytest.raises(RuntimeError, match=expected):
            gradproof.check_grad(cubes, slopes, X0, workers=2)

    def test_no_map(self):
        with pytest.raises(RuntimeError, match="workers failed, not func.*like `map`"):
            gradproof.check_grad(cubes, slopes, X0, workers=lambda task, pieces: [])
        with pytest.raises(ValueError, match="workers=0; expected the number of workers"):
            gradproof.check_grad(cubes, slopes, X0, workers=0)
        with pytest.raises(ValueError, match="together with vectorize=True"):
            gradproof.check_grad(cubes, slopes, X0, workers=2, vectorized=True)


@pytest.mark.library("dask")
class TestThreadsOrProcesses:
    """Threads where they run side by side; a pool of processes is for what holds Python's lock."""

    @pytest.mark.parametrize(("together", "threads"), [(1.1, True), (1.9, False)])
    def test_is_tried(self, monkeypatch, together, threads):
        import joblib

        clock = iter([0.0, 1.0, 10.0, 10.0 + together])
        monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
        wanted = []
        plain = joblib.Parallel

        def recorded(*args, **options):
            wanted.append(options.get("prefer"))
            return plain(*args, **options)

        monkeypatch.setattr(joblib, "Parallel", recorded)
        workers = _workers.Workers(2, threads=None)
        assert workers.run(list, range(30)) == list(range(30))
        assert wanted[-1] == ("threads" if threads else "processes")
        # Decided once: no more looks at the clock.
        assert workers.run(list, range(9)) == list(range(9))
        assert wanted[-1] == ("threads" if threads else "processes")

    def test_no_processes_for_little_work(self, monkeypatch):
        clock = iter([0.0, 0.001])
        monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
        assert _workers.Workers(2, threads=None).run(list, range(30)) == list(range(30))
