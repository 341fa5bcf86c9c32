"""
check_grad beside the bare loop of the same calls, and beside SciPy.

Each group is one workload; its figures in brackets are ratios to the fastest of the group, which
is the bare loop. ``nox -s benchmarks``.
"""

import subprocess
import sys

import numpy as np
import pytest
import scipy.optimize

import gradproof


def rosen(x):
    """Rosenbrock's function without SciPy's checks of the input, which would hide the loop."""
    return (100.0 * (x[1:] - x[:-1] ** 2.0) ** 2.0 + (1 - x[:-1]) ** 2.0).sum()


def rosen_der(x):
    inner, left, right = x[1:-1], x[:-2], x[2:]
    der = np.empty_like(x)
    der[1:-1] = 200 * (inner - left**2) - 400 * (right - inner**2) * inner - 2 * (1 - inner)
    der[0] = -400 * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0])
    der[-1] = 200 * (x[-1] - x[-2] ** 2)
    return der


def bare_loop(func, grad, x, calls):
    grad(x)
    for _ in range(calls):
        func(x)


CHECKERS = {
    "bare loop": lambda f, g, x: bare_loop(f, g, x, x.size + 1),
    "gradproof": gradproof.check_grad,
    "SciPy": scipy.optimize.check_grad,
}
RANDOM = {
    "bare calls": lambda f, g, x: bare_loop(f, g, x, 2),
    "gradproof": lambda f, g, x: gradproof.check_grad(f, g, x, direction="random"),
    "SciPy": lambda f, g, x: scipy.optimize.check_grad(f, g, x, direction="random"),
}


@pytest.mark.parametrize("n", [10, 100, 1000, 10000])
@pytest.mark.parametrize("checker", CHECKERS)
def bench_numpy_rosenbrock_all(benchmark, checker, n):
    benchmark.group = f"NumPy, Rosenbrock, all {n} entries"
    benchmark(CHECKERS[checker], rosen, rosen_der, np.linspace(0, 1, n) + 0.1)


@pytest.mark.parametrize("n", [10, 1000])
@pytest.mark.parametrize("checker", RANDOM)
def bench_numpy_rosenbrock_random(benchmark, checker, n):
    benchmark.group = f"NumPy, Rosenbrock, one random direction, {n} entries"
    benchmark(RANDOM[checker], rosen, rosen_der, np.linspace(0, 1, n) + 0.1)


@pytest.mark.parametrize("checker", ["bare loop", "gradproof"])
def bench_jax_all(benchmark, checker):
    import jax
    import jax.numpy as jnp

    func = jax.jit(lambda x: jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2))
    grad = jax.jit(jax.grad(func))
    x = jnp.linspace(0, 1, 1000) + 0.1

    def loop():
        """All calls, and one look at the results at the end."""
        grad(x).block_until_ready()
        jax.block_until_ready([func(x) for _ in range(1001)])

    benchmark.group = "JAX, jitted Rosenbrock, all 1000 entries, float32"
    benchmark(loop if checker == "bare loop" else lambda: gradproof.check_grad(func, grad, x))


@pytest.mark.parametrize("checker", ["bare loop", "gradproof"])
def bench_torch_all(benchmark, checker):
    import torch

    def func(x):
        return torch.sum((x * x).sin() * x.cos())

    grad = torch.func.grad(func)
    x = torch.linspace(0, 1, 1000) + 0.1

    def loop():
        with torch.no_grad():
            bare_loop(func, grad, x, 1001)

    benchmark.group = "PyTorch, a function of four operations, all 1000 entries, float32"
    benchmark(loop if checker == "bare loop" else lambda: gradproof.check_grad(func, grad, x))


@pytest.mark.parametrize("module", ["numpy", "gradproof"])
def bench_import(benchmark, module):
    benchmark.group = "import, in a new process"
    benchmark(subprocess.run, [sys.executable, "-c", f"import {module}"], check=True)
