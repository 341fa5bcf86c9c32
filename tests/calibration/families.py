"""Functions of the kinds that a verdict has to be right on, drawn afresh for each seed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

WIDE, SINGLE, ALL = (
    ("float64",),
    ("float64", "float32"),
    ("float64", "float32", "float16", "bfloat16"),
)


@dataclass(frozen=True)
class Case:
    """A function of a tensor in any dtype, and a point."""

    family: str
    name: str
    func: Callable[[Any], Any]
    x0: np.ndarray
    dtypes: tuple[str, ...]


def cases(seed: int) -> list[Case]:
    """Return one instance of every function."""
    rng = np.random.default_rng(seed)
    found: list[Case] = []
    n = 12
    a = rng.normal(size=(20, n))
    labels = (rng.random(20) < 0.5).astype(float)

    def like(values: Any, x: Any) -> Any:
        return torch.as_tensor(values, dtype=x.dtype)

    def add(family: str, name: str, func: Callable[[Any], Any], x0: Any, dtypes=ALL) -> None:
        found.append(Case(family, name, func, np.asarray(x0, dtype=float), dtypes))

    def logistic(x):
        z = like(a, x) @ x
        return (torch.nn.functional.softplus(z) - like(labels, x) * z).mean()

    def cross_entropy(x):
        rows = torch.log_softmax(x.reshape(5, 6), 1)
        return -rows[torch.arange(5), torch.tensor([0, 2, 1, 5, 3])].mean()

    def network(x):
        return (torch.tanh(like(a, x) @ torch.tanh(x)) ** 2).mean()

    normal = rng.normal(size=n)
    add("smooth", "logistic", logistic, normal)
    add("smooth", "log-sum-exp", lambda x: torch.logsumexp(x, 0), normal)
    add("smooth", "Rosenbrock", lambda x: (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum(),
        rng.uniform(0.5, 1.5, size=n))  # fmt: skip
    add("smooth", "quadratic", lambda x: 0.5 * (x * (like(a.T @ a, x) @ x)).sum(), normal)
    add("smooth", "network", network, normal)
    add("smooth", "exponentials", lambda x: torch.exp(0.7 * x).sum(), normal)
    add("smooth", "sines", lambda x: torch.sin(3 * x).sum(), rng.normal(size=40))
    add("smooth", "norm", lambda x: torch.sqrt((x * x).sum()), normal)
    add("smooth", "mean of squares", lambda x: (x * x).mean(), rng.normal(size=200))
    add(
        "smooth",
        "deviation",
        lambda x: torch.sqrt(((x - x.mean()) ** 2).mean()),
        rng.normal(size=60),
    )
    add("smooth", "product", torch.prod, rng.uniform(0.8, 1.2, size=8))
    add("smooth", "cross entropy", cross_entropy, rng.normal(size=30))
    add("smooth", "arctangents", lambda x: torch.atan(x).sum(), 3 * normal)
    add("smooth", "linear", lambda x: (like(a[0], x) * x).sum(), normal)
    add("smooth", "one entry", lambda x: x[0] ** 3, [2 + rng.random()])

    span = 10.0 ** np.linspace(-7, 8, n)
    add("scale", "fifteen decades", lambda x: ((x / like(span, x)) ** 2 + x / like(span, x)).sum(),
        normal * span, SINGLE)  # fmt: skip
    add("scale", "zeros", lambda x: torch.sin(x).sum() + (x[1:] * x[:-1]).sum(),
        np.where(np.arange(n) % 3 == 0, 0, normal))  # fmt: skip
    add("scale", "at zero", lambda x: (torch.sin(x) * like(a[0], x)).sum(), np.zeros(n))
    add("scale", "tiny x", lambda x: torch.exp(1e8 * x).sum(), 1e-8 * normal, SINGLE)
    add("scale", "huge x", lambda x: torch.sin(1e-8 * x).sum(), 1e8 * normal, SINGLE)
    add("scale", "tiny f", lambda x: 1e-20 * torch.exp(x).sum(), normal, SINGLE)
    add("scale", "huge f", lambda x: 1e20 * torch.exp(x).sum(), normal, SINGLE)
    add("scale", "large constant", lambda x: 1e4 + torch.sin(x).sum(), normal, WIDE)

    def chaos(x):
        z = torch.sigmoid(x)
        for _ in range(20):
            z = 3.9 * z * (1 - z)
        return z.sum()

    add("length", "fast oscillation", lambda x: torch.sin(1000 * x).sum(), normal, WIDE)
    add("length", "far from the origin", lambda x: torch.sin(x).sum(), 1e4 + normal, WIDE)
    add("length", "ripples", lambda x: (x**2).sum() + 1e-7 * torch.sin(1e4 * x).sum(), normal, WIDE)
    add("length", "chaotic map", chaos, rng.normal(size=6), WIDE)

    unit = normal / np.linalg.norm(normal)
    add("edge", "logarithms", lambda x: torch.log(x).sum(), 10.0 ** rng.uniform(-8, 1, n), WIDE)
    add(
        "edge",
        "log near one",
        lambda x: torch.log1p(-x).sum(),
        1 - 10.0 ** rng.uniform(-6, -1, n),
        WIDE,
    )
    add("edge", "roots", lambda x: torch.sqrt(x).sum(), 10.0 ** rng.uniform(-10, 1, n), WIDE)
    add("edge", "entropy", lambda x: -(x * torch.log(x)).sum(), 10.0 ** rng.uniform(-6, 0, n), WIDE)
    add(
        "edge",
        "arcsines",
        lambda x: torch.asin(x).sum(),
        1 - 10.0 ** rng.uniform(-6, -0.5, n),
        WIDE,
    )
    add("edge", "barrier", lambda x: -torch.log(1 - (x * x).sum()), (1 - 1e-5) * unit, WIDE)
    add("edge", "overflow", lambda x: torch.exp(x).sum(), 707 - rng.random(4), WIDE)

    decades = np.diag(10.0 ** np.linspace(0, -4, 8))
    right = rng.normal(size=8)

    def solve(x):
        return torch.linalg.solve(like(decades, x) + 1e-3 * torch.outer(x, x), like(right, x)).sum()

    def log_determinant(x):
        return torch.logdet(1e-6 * like(np.eye(8), x) + torch.outer(x, x))

    add("ill-conditioned", "solve", solve, rng.normal(size=8), WIDE)
    add("ill-conditioned", "log-determinant", log_determinant, rng.normal(size=8), WIDE)

    def newton(x):
        z = torch.ones_like(x)
        for _ in range(6):
            z = z - (z**3 - x) / (3 * z * z)
        return z.sum()

    def single_inside(x):
        return torch.sin(x.to(torch.float32)).sum().to(x.dtype)

    add("inexact", "float32 inside", single_inside, normal.astype(np.float32), WIDE)
    add("inexact", "iteration stopped early", newton, rng.uniform(1, 3, size=n))

    add("kink", "rectifiers", lambda x: torch.relu(like(a, x) @ x).sum(), normal)
    add("kink", "absolute values", lambda x: torch.abs(x).sum(), normal)
    add("kink", "maximum", torch.max, normal)
    add("kink", "hinge", lambda x: torch.relu(1 - like(a, x) @ x).mean(), normal)
    add("kink", "sorting", lambda x: (torch.sort(x)[0] * like(np.arange(n), x)).sum(), normal)
    add("kink", "total variation", lambda x: torch.abs(x[1:] - x[:-1]).sum(), normal)
    return found


def gradient(func: Callable[[Any], Any], x: Any) -> Any:
    """Return the right claim, computed by autograd in the dtype of x."""
    x = x.detach().clone().requires_grad_()
    (found,) = torch.autograd.grad(func(x), x, allow_unused=True)
    return torch.zeros_like(x) if found is None else found


#: The error of a single entry of ordinary size that each dtype has to find.
ENTRY = {"float64": 3e-5, "float32": 1e-2, "float16": 0.3, "bfloat16": 0.6}


def mistakes(g: np.ndarray, dtype: str, size: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Return wrong claims; `size` is the length of a move of each entry of x."""
    rng = np.random.default_rng(seed)
    with np.errstate(over="ignore"):
        weight = np.abs(g) * size
    found = {"sign": -g, "factor 2": 2 * g, "half": 0.5 * g, "zero": 0 * g, "NaN": g.copy()}
    found["NaN"][-1] = np.nan
    ordinary = np.flatnonzero(weight >= np.median(weight[weight > 0])) if weight.any() else []
    if g.size > 1 and len(ordinary):
        i = int(rng.choice(ordinary))
        for name, factor in (
            ("entry", 1 + ENTRY[dtype]),
            ("sign of an entry", -1),
            ("an entry zero", 0),
        ):
            found[name] = g.copy()
            found[name][i] *= factor
        found |= {"mean for sum": g / g.size, "rolled": np.roll(g, 1), "reversed": g[::-1].copy()}
    # What moves no entry by a share that has to be found is no mistake.
    least = (
        0.9 * np.minimum(ENTRY[dtype], 0.3) * np.median(weight[weight > 0]) if weight.any() else 0
    )
    with np.errstate(over="ignore", invalid="ignore"):
        return {
            name: wrong
            for name, wrong in found.items()
            if np.abs(wrong - g).max() != 0 and not (np.abs(wrong - g) * size).max() < least
        }
