"""Peaks of memory of one direction, each way in a new process."""

from collections.abc import Iterator

from .measure import peak

#: What each library needs for ``x.x / 2``, whose gradient is a copy of x.
SETUP = {
    "NumPy float64": (
        8,
        "import numpy as np, scipy.optimize, gradproof\n"
        "x = np.ones({n})\n"
        "func, grad = (lambda x: 0.5 * np.dot(x, x)), np.copy\n",
    ),
    "torch float32": (
        4,
        "import torch, gradproof\n"
        "torch.set_num_threads(1)\n"
        "x = torch.ones({n})\n"
        "func, grad = (lambda x: 0.5 * torch.dot(x, x)), torch.clone\n",
    ),
    "JAX float32": (
        4,
        "import jax, jax.numpy as jnp, gradproof\n"
        "x = jnp.ones({n}, 'float32')\n"
        "func, grad = jax.jit(lambda x: 0.5 * jnp.dot(x, x)), jax.jit(jnp.copy)\n",
    ),
}
BARE = "g = grad(x); f = float(func(x)); del g"
WAYS = {
    "check_grad, random": "gradproof.check_grad(func, grad, x, direction='random')",
    # A dot product of that many numbers in float32 rounds by more than directions move it.
    "verify_grad": "assert gradproof.verify_grad(func, grad, x, seed=0).verdict != 'fail'",
}
PEERS = {
    "NumPy float64": {
        "SciPy check_grad, random": "scipy.optimize.check_grad(func, grad, x, direction='random')"
    },
    "torch float32": {
        "torch gradcheck, fast": (
            "x.requires_grad_(); torch.autograd.gradcheck(func, x, fast_mode=True, eps=1e-2, "
            "atol=1e9, rtol=1.0, nondet_tol=1.0)"
        )
    },
    "JAX float32": {
        "JAX check_vjp": (
            "from jax.test_util import check_vjp; from functools import partial; "
            "check_vjp(func, partial(jax.vjp, func), (x,), atol=1e9, rtol=1.0)"
        )
    },
}


def peaks(n: int = 10**7) -> Iterator[tuple[str, int, float]]:
    """Yield the name of a way, the number of entries, and what it needs beyond the bare calls."""
    for library, (itemsize, setup) in SETUP.items():
        start = setup.format(n=n)
        bare = peak(start + BARE)
        for way, program in (WAYS | PEERS[library]).items():
            yield f"{library}, {way}", n, (peak(start + program) - bare) / (itemsize * n)
