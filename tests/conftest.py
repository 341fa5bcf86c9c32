"""Fixtures: arrays of every library that the run is about."""

import os
from typing import Any

# Two host devices, so that one of them is not the default. To be said before JAX is imported.
os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=2")
# pytest-xdist says it to its processes, and what is printed would depend on how many these are.
os.environ.pop("COLUMNS", None)

import pytest
from tests.libraries import REQUIRED, Arrays, all_arrays, imported

#: The fixtures that bring arrays of the libraries of the run, and nothing else.
ARRAYS = {"arrays", "wide", "mutable"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "arrays" in metafunc.fixturenames:
        every = all_arrays()
        ids = [f"{a.kind.name}-{a.dtype}" for a in every]
        metafunc.parametrize("arrays", every, ids=ids)
    # Where one dtype is enough: the first of each kind, or of each kind that can be written to.
    first = {a.kind.name: a for a in reversed(all_arrays())}
    if "wide" in metafunc.fixturenames:
        metafunc.parametrize("wide", list(first.values()), ids=list(first))
    if "mutable" in metafunc.fixturenames:
        # Where nothing can be written to, one case stands for all; it is deselected below.
        first = {name: a for name, a in first.items() if a.library not in ("jax", "dask")}
        metafunc.parametrize("mutable", list(first.values()) or [None], ids=list(first) or ["none"])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """
    Drop the tests of libraries that the run is not about; they are deselected, not skipped.

    A test that names no library, and has none by its arrays, is one of NumPy: run beside each
    other library too, such tests are most of the time that the suite takes.
    """
    kept, dropped = [], []
    gpu = "gpu" in (config.option.markexpr or "")
    for item in items:
        gpus = item.get_closest_marker("gpu") is not None
        needed = [mark.args[0] for mark in item.iter_markers("library")]
        if not (needed or gpus or ARRAYS & set(getattr(item, "fixturenames", ()))):
            needed = ["numpy"]
        callspec = getattr(item, "callspec", None)
        empty = callspec is not None and callspec.params.get("mutable", 0) is None
        elsewhere = gpus and not gpu
        ours = set(needed) <= set(REQUIRED) and not empty and not elsewhere
        ours = ours and not _another_draw(callspec)
        (kept if ours else dropped).append(item)
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept


def _another_draw(callspec: Any) -> bool:
    """
    Tell whether a test repeats another one on JAX with other random numbers.

    JAX compiles the functions of a test anew for each, which is most of the time that its tests
    take, and the engine makes the same of the numbers of every library: the first draw is enough.
    """
    arrays = callspec.params.get("arrays") if callspec is not None else None
    seed = callspec.params.get("seed", 0) if arrays is not None else 0
    return arrays is not None and arrays.library == "jax" and seed != 0


def pytest_report_header(config: pytest.Config) -> str:
    return f"gradproof: this run is about {', '.join(REQUIRED)}"


@pytest.fixture(scope="session", autouse=True)
def _required_libraries() -> None:
    """Fail, rather than skip, where a library that was asked for does not import."""
    for library in REQUIRED:
        imported(library)


@pytest.fixture(scope="session", autouse=True)
def _programs_kept(tmp_path_factory: pytest.TempPathFactory) -> None:
    """
    Compile each program of JAX once in a process: tests make the same of new functions.

    The folder is of this process alone, because JAX writes into it without a lock. Processes that
    tests start know nothing of it.
    """
    if "jax" in REQUIRED:
        jax = imported("jax")
        jax.config.update("jax_compilation_cache_dir", str(tmp_path_factory.mktemp("programs")))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


__all__ = ["Arrays"]


@pytest.fixture
def unnamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what a check that failed measures to name the mistake."""
    for name in ("diagnose", "diagnose_columns"):
        monkeypatch.setattr(f"gradproof._verdict.{name}.diagnosed", lambda report, *_: report)


@pytest.fixture(autouse=True)
def _names_or_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what goes wrong while a mistake is named fail a test, which users only read of."""
    monkeypatch.setattr("gradproof._verdict.diagnose.CAUGHT", ())
