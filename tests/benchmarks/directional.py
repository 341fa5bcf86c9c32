"""
One random direction of a huge x0: time and peak memory, beside the limit and the peers.

``python tests/benchmarks/directional.py 6 7 8`` prints a table for 10^6, 10^7 and 10^8 entries.
Each figure comes from a process of its own, one after the other, on one thread: the CPU time of a
call that is not the first, and by how much the peak of the resident memory exceeds what was there
before, in multiples of x0. `limit` is what a checker cannot do without: a gradient, two calls of
func, one of them at a point that is written into memory that is there already, along a direction
that costs nothing, and the product of the two; 'calls' are the calls alone.
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

BLOCK = 1 << 14


def numpy_case(kind, n):
    x = np.random.default_rng(0).random(n) + 0.5
    if kind == "quad":
        return x, lambda x: 0.5 * np.dot(x, x), lambda x: x.copy()
    return x, lambda x: np.sin(x).sum(), np.cos


def torch_case(kind, n):
    import torch

    torch.set_num_threads(1)
    x = torch.rand(n, generator=torch.Generator().manual_seed(0)).add_(0.5)
    if kind == "quad":
        return x, lambda x: 0.5 * torch.dot(x, x), lambda x: x.clone()
    return x, lambda x: torch.sin(x).sum(), torch.cos


def jax_case(kind, n):
    import jax
    import jax.numpy as jnp

    x = jax.block_until_ready(jax.random.uniform(jax.random.key(0), (n,)) + 0.5)
    if kind == "quad":
        return x, jax.jit(lambda x: 0.5 * (x * x).sum()), jax.jit(lambda x: 1 * x)
    return x, jax.jit(lambda x: jnp.sin(x).sum()), jax.jit(jnp.cos)


def calls(library, x, func, grad):
    g = grad(x)

    def run():
        nonlocal g
        g = None
        g = grad(x)
        float(func(x)), float(func(x))
        if library == "jax":
            import jax.numpy as jnp

            float(jnp.vdot(g, x))
        else:
            (np if library == "numpy" else __import__("torch")).dot(g, x)

    return run


def limit(library, x, func, grad):
    """Return the run with a standing buffer and a standing direction."""
    if library == "jax":
        import jax
        import jax.numpy as jnp

        def moved(x, key, h):
            i = jax.lax.iota(jnp.uint32, x.size)
            sign = jnp.where((i * key) >> 31, 1.0, -1.0)
            return x + h * sign * (1 + i * np.float32(2.0**-32))

        far = jax.jit(lambda x, key, h: func(moved(x, key, h)))
        dot = jax.jit(lambda g, x, key: (g * moved(0 * x, key, np.float32(1))).sum())
        key = np.uint32(2654435769)

        def run_fused():
            float(dot(grad(x), x, key))
            return float(func(x)), float(far(x, key, np.float32(1e-3)))

        return run_fused
    xp = np if library == "numpy" else __import__("torch")
    block = BLOCK if library == "numpy" else 1 << 16
    pool = xp.ones(2 * block, dtype=x.dtype) * 1.5
    pool[::3] *= -1
    buffer = xp.ones_like(x)

    def run():
        g, total = grad(x), 0.0
        for k, start in enumerate(range(0, len(x), block)):
            part = slice(start, start + block)
            v = pool[k % 7 : k % 7 + len(x[part])]
            total += float(xp.dot(g[part], v))
        del g
        before = func(x)
        for k, start in enumerate(range(0, len(x), block)):
            part = slice(start, start + block)
            out = buffer[part]
            xp.multiply(
                pool[k % 7 : k % 7 + len(out)], 1e-8 if library == "numpy" else 1e-4, out=out
            )
            out += x[part]
        return before, func(buffer)

    return run


def checker(name, library, x, func, grad):
    if name == "calls":
        return calls(library, x, func, grad)
    if name == "limit":
        return limit(library, x, func, grad)
    if name == "draw":
        from gradproof._backends import backend_of

        backend = backend_of(x)
        return lambda: backend.tangent(backend.generator(0, x, legacy=True), x)
    if name == "gradproof":
        import gradproof

        return lambda: gradproof.check_grad(func, grad, x, direction="random", seed=0)
    if name == "SciPy":
        import scipy.optimize

        if library == "numpy":
            f, g, x0 = func, grad, x
        else:
            xp = __import__("torch" if library == "torch" else "jax.numpy", fromlist=["x"])
            as_native = xp.from_numpy if library == "torch" else xp.asarray
            x0 = np.asarray(x)

            def f(v):
                return float(func(as_native(np.asarray(v, dtype=np.float32))))

            def g(v):
                return np.asarray(grad(as_native(np.asarray(v, dtype=np.float32))))

        return lambda: scipy.optimize.check_grad(f, g, x0, direction="random", seed=0)
    if name == "gradcheck":
        import torch

        class Claimed(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return func(x)

            @staticmethod
            def backward(ctx, u):
                return u * grad(ctx.saved_tensors[0])

        x = x.detach().requires_grad_()
        tolerances = {"eps": 1e-3, "atol": 1e30, "rtol": 1.0}
        return lambda: torch.autograd.gradcheck(Claimed.apply, x, fast_mode=True, **tolerances)
    if name == "check_vjp":
        import jax
        from jax.test_util import check_vjp

        claimed = jax.custom_vjp(func)
        claimed.defvjp(lambda x: (func(x), x), lambda x, u: (u * grad(x),))
        far = {"atol": 1e30, "rtol": 1.0}
        return lambda: check_vjp(claimed, lambda *a: jax.vjp(claimed, *a), (x,), **far)
    raise ValueError(name)


def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return int(fields["VmHWM"].split()[0]) * 1024


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def one(library, kind, n, name):
    x, func, grad = globals()[f"{library}_case"](kind, n)
    size = n * (8 if library == "numpy" else 4)
    # The first call imports and compiles; memory is measured at it too, after a small one.
    small = globals()[f"{library}_case"](kind, 2**22)
    checker(name, library, *small)()
    run = checker(name, library, x, func, grad)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before, times = resident(), []
    if name == "limit" and library != "jax":
        before -= size  # the buffer, which stands, is its memory
    for _ in range(4 if n < 10**8 else 2):
        start = time.process_time(), time.perf_counter()
        run()
        times.append(time.process_time() - start[0])
    print(json.dumps({"time": min(times), "memory": (peak() - before) / size}))


LIBRARIES = {
    "numpy": ["calls", "limit", "draw", "gradproof", "SciPy"],
    "torch": ["calls", "limit", "draw", "gradproof", "SciPy", "gradcheck"],
    "jax": ["calls", "limit", "gradproof", "SciPy", "check_vjp"],
}


def main(decades, libraries):
    env = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    env["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    for library in libraries:
        for decade in decades:
            for kind in ("quad", "elem"):
                found: dict[str, Any] = {}
                for name in LIBRARIES[library]:
                    command = [
                        sys.executable,
                        __file__,
                        "one",
                        library,
                        kind,
                        str(10**decade),
                        name,
                    ]
                    done = subprocess.run(command, capture_output=True, text=True, env=env)
                    lines = done.stdout.splitlines()
                    found[name] = json.loads(lines[-1]) if lines else None
                    if not lines:
                        print(done.stderr[-300:])
                least = found["limit"]["time"]
                words = [
                    f"{name} {r['time'] * 1e9 / 10**decade:.2f} ns {r['time'] / least:.2f}x mem "
                    f"{r['memory']:.2f}"
                    for name, r in found.items()
                    if r
                ]
                print(f"{library} {kind} 1e{decade}: " + " | ".join(words), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "one":
        one(sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5])
    else:
        libraries = [a for a in sys.argv[1:] if a in LIBRARIES] or list(LIBRARIES)
        main([int(a) for a in sys.argv[1:] if a.isdigit()], libraries)
