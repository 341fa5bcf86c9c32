"""What is timed: the checks of gradproof and of its peers, and the same evaluations done bare."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import scipy.optimize
import scipy.sparse
from scipy.optimize._numdiff import approx_derivative, group_columns

import gradproof

from .measure import Contestant, Workload


def all_of(chosen: str = "") -> Iterator[Workload]:
    """Yield the workloads whose names contain a text, each when it is its turn."""
    for build in (
        imports, rosenbrock, logistic, mlp, directional, jacobian, tridiagonal, slow, many
    ):  # fmt: skip
        if not chosen or chosen in build.__name__:
            yield from build()


# --- import ---------------------------------------------------------------------------------------


def imports() -> Iterator[Workload]:
    """In new processes, which find compiled modules as those of users do."""
    with tempfile.TemporaryDirectory() as compiled:
        env = os.environ | {"PYTHONPYCACHEPREFIX": compiled}
        env.pop("PYTHONDONTWRITEBYTECODE", None)

        def way(module: str) -> Contestant:
            command = [sys.executable, "-c", f"import {module}"]
            return lambda: subprocess.run(command, check=True, env=env)

        ways = {f"import {module}": way(module) for module in ("numpy", "gradproof")}
        yield Workload("import, in a new process", "import numpy", ways, {"import gradproof": 2.0})


# --- a cheap function, entry by entry -------------------------------------------------------------


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


def called(func, x, times):
    """Call func so many times: what no checker can do without."""
    for _ in range(times):
        func(x)


def rosenbrock() -> Iterator[Workload]:
    import numdifftools
    import optimagic
    from statsmodels.tools.numdiff import approx_fprime

    limit = "bare loop of n + 1 calls"

    def workload(n: int, aim: float) -> Workload:
        x = np.linspace(0, 1, n) + 0.1
        ways: dict[str, Contestant] = {
            limit: lambda: (rosen_der(x), called(rosen, x, n + 1)),
            "check_grad": lambda: gradproof.check_grad(rosen, rosen_der, x),
            "verify_grad": lambda: gradproof.verify_grad(rosen, rosen_der, x, seed=0),
            "SciPy check_grad": lambda: scipy.optimize.check_grad(rosen, rosen_der, x),
            "SciPy approx_derivative, 3-point": lambda: approx_derivative(rosen, x),
            "statsmodels, centered": lambda: approx_fprime(x, rosen, centered=True),
        }
        if n <= 1000:  # beyond, minutes
            ways["optimagic"] = lambda: optimagic.first_derivative(rosen, x)
        if n <= 100:
            ways["numdifftools"] = lambda: numdifftools.Gradient(rosen)(x)
        aims = {"check_grad": aim} | ({"verify_grad": 3.0} if n >= 100 else {})
        return Workload(f"NumPy, Rosenbrock, {n} entries", limit, ways, aims)

    for n, aim in {10: 1.5, 100: 1.1, 1000: 1.06, 10_000: 1.15}.items():
        yield workload(n, aim)
    x = np.linspace(0, 1, 1000) + 0.1
    each: dict[str, Contestant] = {
        limit: lambda: (rosen_der(x), called(rosen, x, 1001)),
        "verify_grad, directions='all'": lambda: gradproof.verify_grad(
            rosen, rosen_der, x, seed=0, directions="all"
        ),
    }
    name = "NumPy, Rosenbrock, 1000 entries, one by one"
    yield Workload(name, limit, each, {"verify_grad, directions='all'": 3.0})


# --- a function that a batch of points shares a matrix product in ---------------------------------


def logistic() -> Iterator[Workload]:
    rng = np.random.default_rng(0)
    features, labels = rng.standard_normal((2000, 500)), rng.choice([-1.0, 1.0], 2000)
    start = rng.standard_normal(500) / 20
    for dtype in ("float64", "float32"):
        data = [a.astype(dtype) for a in (features, labels, start)]
        yield _logistic_numpy(dtype, *data)
        yield _logistic_torch(dtype, *data)
        yield _logistic_jax(dtype, *data)


def _checks(func: Any, grad: Any, x: Any, **how: Any) -> dict[str, Contestant]:
    return {
        "check_grad": lambda: gradproof.check_grad(func, grad, x, **how),
        "verify_grad, directions='all'": lambda: gradproof.verify_grad(
            func, grad, x, seed=0, directions="all", **how
        ),
    }


_LOGISTIC_AIM = {"check_grad": 1.2}


def _logistic_numpy(dtype, X, y, w) -> Workload:
    def func(w):
        return np.logaddexp(0, -y * (w @ X.T)).sum(-1)

    def grad(w):
        return X.T @ (-y / (1 + np.exp(y * (X @ w))))

    points = np.tile(w, (501, 1))
    ways = {
        "bare batch": lambda: (func(points), grad(w)),
        "bare loop": lambda: (called(func, w, 501), grad(w)),
        **_checks(func, grad, w, vectorized=True),
        "SciPy check_grad": lambda: scipy.optimize.check_grad(func, grad, w),
    }
    return Workload(f"NumPy, logistic loss 2000 x 500, {dtype}", "bare batch", ways, _LOGISTIC_AIM)


def _logistic_torch(dtype, X, y, w) -> Workload:
    import torch

    X, y, w = (torch.as_tensor(a) for a in (X, y, w))

    def func(w):
        return torch.nn.functional.softplus(-y * (X @ w)).sum()

    grad = torch.func.grad(func)
    batched = torch.func.vmap(func, chunk_size=128)
    points = w.repeat(501, 1)
    recorded = w.clone().requires_grad_()
    loose = {} if dtype == "float64" else {"eps": 1e-2, "atol": 1e3, "rtol": 1.0}

    def bare(way):
        with torch.no_grad():
            way()
        return grad(w)

    check = torch.autograd.gradcheck
    ways = {
        "bare batch": lambda: bare(lambda: batched(points)),
        "bare loop": lambda: bare(lambda: called(func, w, 501)),
        **_checks(func, grad, w, vectorize=True),
        "torch gradcheck": lambda: check(func, recorded, **loose),
        "torch gradcheck, fast": lambda: check(func, recorded, fast_mode=True, **loose),
    }
    name = f"torch, logistic loss 2000 x 500, {dtype}"
    return Workload(name, "bare batch", ways, _LOGISTIC_AIM)


def _logistic_jax(dtype, X, y, w) -> Workload:
    import jax
    import jax.numpy as jnp
    from jax.test_util import check_grads

    X, y, w = (jnp.asarray(a) for a in (X, y, w))

    @jax.jit
    def func(w):
        return jax.nn.softplus(-y * (X @ w)).sum()

    grad = jax.jit(jax.grad(func))
    points = jnp.tile(w, (512, 1))
    batched = jax.jit(lambda points: jax.lax.map(func, points, batch_size=128))
    ways = {
        "bare batch": lambda: jax.block_until_ready((batched(points), grad(w))),
        "bare loop": lambda: jax.block_until_ready(([func(w) for _ in range(501)], grad(w))),
        **_checks(func, grad, w, vectorize=True),
        "JAX check_grads": lambda: check_grads(func, (w,), 1, ["rev"], atol=1e3, rtol=1.0),
    }
    return Workload(f"JAX, logistic loss 2000 x 500, {dtype}", "bare batch", ways, _LOGISTIC_AIM)


# --- a function whose parameters are what takes time ---------------------------------------------


def _mlp_weights() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    size = 64 * 128 + 128 * 80 + 80 * 16
    given = (
        rng.standard_normal(size) / 10,
        rng.standard_normal((64, 64)),
        rng.standard_normal((64, 16)),
    )
    return [array.astype("float32") for array in given]


def mlp() -> Iterator[Workload]:
    """A perceptron with 19,712 parameters in one array, float32."""
    import jax
    import jax.numpy as jnp
    import torch

    def loss_of(tanh):
        def loss(w, inputs, targets):
            first, second = w[:8192].reshape(64, 128), w[8192:18432].reshape(128, 80)
            hidden = tanh(tanh(inputs @ first) @ second)
            return ((hidden @ w[18432:].reshape(80, 16) - targets) ** 2).mean()

        return loss

    given = _mlp_weights()
    w, inputs, targets = (jnp.asarray(a) for a in given)
    func = jax.jit(lambda w: loss_of(jnp.tanh)(w, inputs, targets))
    grad = jax.jit(jax.grad(func))
    n = w.size
    ways: dict[str, Contestant] = {
        "bare loop": lambda: jax.block_until_ready(([func(w) for _ in range(n)], grad(w))),
        "check_grad": lambda: gradproof.check_grad(func, grad, w),
    }
    name = f"JAX, perceptron with {n} parameters, float32"
    yield Workload(name, "bare loop", ways, {"check_grad": 0.7})

    weights, *data = (torch.as_tensor(a) for a in given)
    run = partial(loss_of(torch.tanh), inputs=data[0], targets=data[1])
    slope = torch.func.grad(run)

    def bare():
        with torch.no_grad():
            called(run, weights, n)
        return slope(weights)

    torch_ways: dict[str, Contestant] = {
        "bare loop": bare,
        "check_grad": lambda: gradproof.check_grad(run, slope, weights),
    }
    name = f"torch, perceptron with {n} parameters, float32"
    yield Workload(name, "bare loop", torch_ways, {"check_grad": 1.05})


# --- one direction of many entries ----------------------------------------------------------------


def directional() -> Iterator[Workload]:
    """
    One random direction, with the copies that a checker of a black box cannot do without.

    The limit writes x + h v and x - h v into a standing buffer, where v is there already.
    """
    for n in (10**6, 10**7):
        yield _directional_numpy(n)
        yield _directional_torch(n)
        yield _directional_jax(n)


def _directional_numpy(n: int) -> Workload:
    x, v, buffer = np.ones(n), np.full(n, 1e-8), np.empty(n)

    def func(x):
        return 0.5 * np.dot(x, x)

    def limit():
        slope = np.dot(np.copy(x), v)
        for sign in (1.0, -1.0):
            np.multiply(v, sign, out=buffer)
            np.add(buffer, x, out=buffer)
            slope += sign * func(buffer)
        return slope

    ways: dict[str, Contestant] = {
        "standing buffer": limit,
        "check_grad, random": lambda: gradproof.check_grad(func, np.copy, x, direction="random"),
        "SciPy check_grad, random": lambda: scipy.optimize.check_grad(
            func, np.copy, x, direction="random"
        ),
        "verify_grad": lambda: gradproof.verify_grad(func, np.copy, x, seed=0),
    }
    goals = {"check_grad, random": 1.3}
    return Workload(f"NumPy, x.x / 2, {n:.0e} entries, float64", "standing buffer", ways, goals)


def _directional_torch(n: int) -> Workload:
    import torch

    x, v, buffer = torch.ones(n), torch.full((n,), 1e-4), torch.empty(n)

    def func(x):
        return 0.5 * torch.dot(x, x)

    def limit():
        with torch.no_grad():
            slope = torch.dot(x.clone(), v)
            for sign in (1.0, -1.0):
                torch.add(x, v, alpha=sign, out=buffer)
                slope += sign * func(buffer)
            return slope

    recorded = x.clone().requires_grad_()
    ways: dict[str, Contestant] = {
        "standing buffer": limit,
        "check_grad, random": lambda: gradproof.check_grad(
            func, torch.clone, x, direction="random"
        ),
        "verify_grad": lambda: gradproof.verify_grad(func, torch.clone, x, seed=0),
    }
    if n <= 10**6:  # beyond, gradcheck's own error message takes minutes
        ways["torch gradcheck, fast"] = lambda: torch.autograd.gradcheck(
            func, recorded, fast_mode=True, eps=1e-2, atol=1e9, rtol=1.0
        )
    goals = {"check_grad, random": 1.3}
    return Workload(f"torch, x.x / 2, {n:.0e} entries, float32", "standing buffer", ways, goals)


def _directional_jax(n: int) -> Workload:
    import jax
    import jax.numpy as jnp
    from jax.test_util import check_vjp

    x, v = jnp.ones(n, "float32"), jnp.full(n, 1e-4, "float32")
    func = jax.jit(lambda x: 0.5 * jnp.dot(x, x))
    grad = jax.jit(jnp.copy)
    moved = jax.jit(lambda x, v, sign: x + sign * v)
    dot = jax.jit(jnp.dot)

    def limit():
        slope = dot(grad(x), v)
        return jax.block_until_ready(
            slope + sum(sign * func(moved(x, v, np.float32(sign))) for sign in (1, -1))
        )

    ways: dict[str, Contestant] = {
        "standing buffer": limit,
        "check_grad, random": lambda: gradproof.check_grad(func, grad, x, direction="random"),
        "verify_grad": lambda: gradproof.verify_grad(func, grad, x, seed=0),
        "JAX check_vjp": lambda: check_vjp(func, partial(jax.vjp, func), (x,), atol=1e9, rtol=1.0),
    }
    goals = {"check_grad, random": 1.3}
    return Workload(f"JAX, x.x / 2, {n:.0e} entries, float32", "standing buffer", ways, goals)


# --- Jacobians ------------------------------------------------------------------------------------


def jacobian() -> Iterator[Workload]:
    import jax
    import jax.numpy as jnp
    import torch

    rng = np.random.default_rng(0)
    A, x = rng.standard_normal((300, 300)) / 17, rng.standard_normal(300)

    def func(x):
        return np.tanh(x @ A.T)

    def jac(x):
        return (1 - func(x)[:, None] ** 2) * A

    points = np.tile(x, (301, 1))
    ways: dict[str, Contestant] = {
        "bare batch": lambda: (func(points), jac(x)),
        "bare loop": lambda: (called(func, x, 301), jac(x)),
        "check_grad": lambda: gradproof.check_grad(func, jac, x, vectorized=True),
        "check_grad, in a loop": lambda: gradproof.check_grad(func, jac, x),
        "verify_jac": lambda: gradproof.verify_jac(func, jac, x, seed=0),
        "SciPy check_grad": lambda: scipy.optimize.check_grad(func, jac, x),
    }
    yield Workload("NumPy, Jacobian 300 x 300", "bare batch", ways, {"check_grad": 1.5})

    B, start = torch.as_tensor(A), torch.as_tensor(x)

    def torch_func(x):
        return torch.tanh(B @ x)

    def torch_jac(x):
        return (1 - torch_func(x)[:, None] ** 2) * B

    batched, rows = torch.func.vmap(torch_func, chunk_size=128), start.repeat(301, 1)
    recorded = start.clone().requires_grad_()

    def bare():
        with torch.no_grad():
            return batched(rows), torch_jac(start)

    torch_ways: dict[str, Contestant] = {
        "bare batch": bare,
        "check_grad": lambda: gradproof.check_grad(torch_func, torch_jac, start, vectorize=True),
        "verify_jac": lambda: gradproof.verify_jac(torch_func, torch_jac, start, seed=0),
        "torch gradcheck": lambda: torch.autograd.gradcheck(torch_func, recorded),
    }
    yield Workload("torch, Jacobian 300 x 300", "bare batch", torch_ways, {"check_grad": 1.5})

    C, begin = jnp.asarray(A), jnp.asarray(x)
    jax_func = jax.jit(lambda x: jnp.tanh(C @ x))
    jax_jac = jax.jit(lambda x: (1 - jax_func(x)[:, None] ** 2) * C)
    many, all_points = jax.jit(jax.vmap(jax_func)), jnp.tile(begin, (301, 1))
    jax_ways: dict[str, Contestant] = {
        "bare batch": lambda: jax.block_until_ready((many(all_points), jax_jac(begin))),
        "check_grad": lambda: gradproof.check_grad(jax_func, jax_jac, begin, vectorize=True),
        "verify_jac": lambda: gradproof.verify_jac(jax_func, jax_jac, begin, seed=0),
    }
    yield Workload("JAX, Jacobian 300 x 300", "bare batch", jax_ways, {"check_grad": 1.5})


def tridiagonal() -> Iterator[Workload]:
    n = 5000
    x = np.linspace(0, 1, n) + 0.1

    def func(x):
        left, right = np.append(0.0, x[:-1]), np.append(x[1:], 0.0)
        return (3 - 2 * x) * x - left - 2 * right + 1

    def jac(x):
        bands = [-np.ones(n), 3 - 4 * x, -2 * np.ones(n)]
        return scipy.sparse.dia_array((bands, [-1, 0, 1]), shape=(n, n)).tocsr()

    pattern = jac(x)
    sparsity = pattern, group_columns(pattern)
    ways: dict[str, Contestant] = {
        "four calls and the Jacobian": lambda: (called(func, x, 4), jac(x)),
        "verify_jac": lambda: gradproof.verify_jac(func, jac, x, seed=0),
        "SciPy approx_derivative, groups given": lambda: approx_derivative(
            func, x, method="2-point", sparsity=sparsity
        ),
    }
    name, limit = f"NumPy, tridiagonal Jacobian, n = {n}", "four calls and the Jacobian"
    yield Workload(name, limit, ways, {"verify_jac": 1.3})


# --- slow functions, and many entries -------------------------------------------------------------


def slow() -> Iterator[Workload]:
    """A func of 20 ms that leaves Python alone; its time is the limit whatever the machine."""
    x = np.linspace(0, 1, 64)

    def func(x):
        time.sleep(0.02)
        return (x**3).sum()

    def grad(x):
        return 3 * x**2

    def halved():
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(func, [x] * 65))

    ways: dict[str, Contestant] = {
        "65 calls, two at a time": halved,
        "check_grad": lambda: gradproof.check_grad(func, grad, x),
        "check_grad, workers=2": lambda: gradproof.check_grad(func, grad, x, workers=2),
        "verify_grad, workers=2": lambda: gradproof.verify_grad(func, grad, x, seed=0, workers=2),
    }
    aims = {"check_grad, workers=2": 1.15}
    yield Workload("func of 20 ms, 64 entries", "65 calls, two at a time", ways, aims)


def many() -> Iterator[Workload]:
    """How the time of check_grad grows: each is ten times as long as the one before it."""

    def way(n: int) -> Contestant:
        # The same work in each call, so that all that grows is what the check does with n.
        points, x = np.ones((100, 100)), np.linspace(0, 1, n)

        def func(x):
            return (points @ points.T)[0, 0] * x[0]

        def grad(x):
            claimed = np.zeros_like(x)
            claimed[0] = 100.0
            return claimed

        return lambda: gradproof.check_grad(func, grad, x)

    ways = {f"n = {n}": way(n) for n in (100, 1000, 10_000)}
    aims = {"n = 1000": 10**1.05, "n = 10000": 100**1.05}
    yield Workload("check_grad of a func of constant cost, as n grows", "n = 100", ways, aims)
