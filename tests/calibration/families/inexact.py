"""
Functions that are not computed to the last digit: solvers, quadratures, short dtypes inside.

The right claim is the gradient of what they approximate, from a closed form, or from the implicit
function theorem. Tolerances are such that it is right to well below what matters.
"""

import functools
import math
import zlib

import numpy as np
import torch
from scipy import integrate, optimize
from scipy.sparse import linalg as sparse
from tests.calibration.cases import ALL, SINGLE, WIDE, Problem, case, whole


def _number(value, x):
    return torch.as_tensor(float(value), dtype=x.dtype)


@case("inexact", WIDE)
def growth_by_Runge_Kutta(draw):  # noqa: N802  # a name
    # Logistic growth, whose solution is known; steps are chosen by the solver.
    def func(x):
        rate, start = x.tolist()
        found = integrate.solve_ivp(
            lambda _, y: rate * y * (1 - y), (0, 2), [start], rtol=1e-8, atol=1e-10
        )
        return _number(found.y[0, -1], x)

    def ideal(x):
        grown = x[1] * torch.exp(2 * x[0])
        return grown / (1 - x[1] + grown)

    return Problem(func, draw.uniform(0.2, 0.8, 2), ideal=ideal)


@case("inexact", WIDE)
def oscillator_by_Runge_Kutta(draw):  # noqa: N802
    # A damped spring: frequency and damping to the place after some swings.
    def func(x):
        stiff, damping = x.tolist()
        found = integrate.solve_ivp(
            lambda _, y: (y[1], -stiff * y[0] - 2 * damping * y[1]),
            (0, 3), (1.0, 0.0), rtol=1e-8, atol=1e-9,
        )  # fmt: skip
        return _number(found.y[0, -1], x)

    def ideal(x):
        turn = torch.sqrt(x[0] - x[1] ** 2)
        swing = torch.cos(3 * turn) + x[1] / turn * torch.sin(3 * turn)
        return torch.exp(-3 * x[1]) * swing

    return Problem(
        func, draw.uniform(0, 1, 2) * torch.tensor([2, 0.2]) + torch.tensor([1, 0.1]), ideal=ideal
    )


@case("inexact", WIDE)
def stiff_solver(draw):
    def func(x):
        fast, slow = x.tolist()
        found = integrate.solve_ivp(
            lambda t, y: -fast * (y - math.cos(slow * t)), (0, 1), [0.0],
            method="LSODA", rtol=1e-9, atol=1e-11,
        )  # fmt: skip
        return _number(found.y[0, -1], x)

    def ideal(x):
        fast, slow = x
        both = fast**2 + slow**2
        steady = fast * (fast * torch.cos(slow) + slow * torch.sin(slow)) / both
        return steady - fast**2 / both * torch.exp(-fast)

    return Problem(func, draw.data([20, 2]) * draw.uniform(0.7, 1.3, 2), ideal=ideal)


@case("inexact", WIDE)
def adaptive_quadrature(draw):
    def func(x):
        a, b = x.tolist()
        value, _ = integrate.quad(lambda t: math.exp(-a * t) * math.cos(b * t), 0, 3, epsrel=1e-8)
        return _number(value, x)

    def ideal(x):
        a, b = x
        end = torch.exp(-3 * a) * (b * torch.sin(3 * b) - a * torch.cos(3 * b))
        return (a + end) / (a * a + b * b)

    return Problem(func, draw.uniform(0.5, 3, 2), ideal=ideal)


@case("inexact", WIDE)
def quadrature_with_a_kink(draw):
    # The kink moves with x, and the points of the quadrature with it; at a looser tolerance the
    # slope of what is computed would be off by as much as matters.
    def func(x):
        value, _ = integrate.quad(lambda t: abs(t - x[0].item()) * math.exp(t * x[1].item()), 0, 1,
                                  epsabs=1e-12, epsrel=1e-12, limit=200)  # fmt: skip
        return _number(value, x)

    def ideal(x):
        c, s = x
        total = (torch.exp(s) * (s * (1 - c) - 1) + (1 + c * s)) / s**2
        return total + 2 * (torch.exp(c * s) - 1 - c * s) / s**2

    return Problem(func, draw.uniform(0.2, 0.8, 2), ideal=ideal)


@case("inexact", WIDE)
def conjugate_gradients(draw):
    a, b = draw.normal(10, 10), draw.normal(10)
    a = a @ a.T / 10 + torch.eye(10)

    def func(x):
        matrix = (a + torch.diag(x)).numpy()
        found, _ = sparse.cg(matrix, b.numpy(), rtol=1e-7)
        return _number(b.numpy() @ found, x)

    def ideal(x):
        return (b.to(x) * torch.linalg.solve(a.to(x) + torch.diag(x), b.to(x))).sum()

    return Problem(func, draw.uniform(0.5, 2, 10), ideal=ideal)


@case("inexact", WIDE)
def minimal_residuals(draw):
    # GMRES to a tolerance; the gradient by an adjoint solve.
    a, b, c = draw.normal(8, 8) / 4 + torch.eye(8), draw.normal(8), draw.normal(8)

    def func(x):
        found, _ = sparse.gmres((a + torch.diag(x)).numpy(), b.numpy(), rtol=1e-8, restart=8)
        return _number(c.numpy() @ found, x)

    def ideal(x):
        return (c.to(x) * torch.linalg.solve(a.to(x) + torch.diag(x), b.to(x))).sum()

    return Problem(func, draw.uniform(1, 2, 8), ideal=ideal)


@case("inexact")
def cube_roots_by_Newton(draw):  # noqa: N802
    # Stopped after six steps: not yet the root, and its own gradient is what autograd returns.
    def func(x):
        z = torch.ones_like(x)
        for _ in range(6):
            z = z - (z**3 - x) / (3 * z * z)
        return z.sum()

    return Problem(func, draw.uniform(1, 3, 12))


@case("inexact")
def roots_by_Newton(draw):  # noqa: N802
    # Until the steps are small: the number of steps depends on x.
    accuracy = draw.eps ** (2 / 3)

    def func(x):
        z = torch.ones_like(x)
        for _ in range(50):
            step = (z + torch.exp(z) - x) / (1 + torch.exp(z))
            z = z - step
            if float(step.abs().max()) < accuracy:
                break
        return (z * z).sum()

    def ideal(x):
        with torch.no_grad():
            z = torch.ones_like(x)
            for _ in range(30):
                z = z - (z + torch.exp(z) - x) / (1 + torch.exp(z))
        # One more step, of which autograd sees the right slope.
        z = z - (z + torch.exp(z) - x) / (1 + torch.exp(z))
        return (z * z).sum()

    return Problem(func, draw.uniform(0.5, 4, 8), ideal=ideal)


@case("inexact", SINGLE)
def fixed_points(draw):
    # Kepler's equation, iterated until the changes are small.
    accuracy = 0.1 * draw.eps ** (2 / 3)

    def settle(x, stop):
        z = x[0]
        for _ in range(200):
            last, z = z, x[0] + x[1] * torch.sin(z)
            if float((z - last).abs()) < stop:
                break
        return z

    def ideal(x):
        with torch.no_grad():
            z = settle(x, 0.0)
        gap = z - x[1] * torch.sin(z) - x[0]
        return torch.sin(z - gap / (1 - x[1] * torch.cos(z)))

    start = torch.tensor([0.5, 0.2]) + draw.uniform(0, 1, 2) * torch.tensor([1.5, 0.4])
    return Problem(lambda x: torch.sin(settle(x, accuracy)), start, ideal=ideal)


@case("inexact", WIDE)
def bisection(draw):
    # Thirty halvings: the root is a multiple of a grain of 1e-9.
    def func(x):
        low, high = 0.0, 2.0
        for _ in range(30):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if middle**3 + x[0] * middle < x[1] else (low, middle)
        return _number(0.5 * (low + high), x)

    def ideal(x):
        with torch.no_grad():
            z = torch.ones_like(x[0])
            for _ in range(30):
                z = z - (z**3 + x[0] * z - x[1]) / (3 * z * z + x[0])
        return z - (z**3 + x[0] * z - x[1]) / (3 * z * z + x[0])

    return Problem(func, draw.uniform(0.5, 2, 2), ideal=ideal)


@case("inexact", WIDE)
def root_finder(draw):
    def func(x):
        a, b = x.tolist()
        return _number(optimize.brentq(lambda z: z + a * math.tanh(z) - b, 0, 5, xtol=1e-9), x)

    def ideal(x):
        with torch.no_grad():
            z = x[1] / (1 + x[0])
            for _ in range(40):
                z = z - (z + x[0] * torch.tanh(z) - x[1]) / (1 + x[0] / torch.cosh(z) ** 2)
        return z - (z + x[0] * torch.tanh(z) - x[1]) / (1 + x[0] / torch.cosh(z) ** 2)

    return Problem(func, draw.uniform(0.5, 2, 2), ideal=ideal)


@case("inexact", WIDE)
def optimum_of_an_inner_problem(draw):
    # The least value over z, by BFGS to its default tolerance: its slope is that at the optimum.
    a, b = draw.normal(3, 4), draw.normal(3)

    def func(x):
        def inner(z):
            gap = a.numpy() @ x.numpy() - z
            return 0.5 * gap @ gap + np.log(np.cosh(z - b.numpy())).sum()

        return _number(optimize.minimize(inner, np.zeros(3)).fun, x)

    def ideal(x):
        # Coordinates separate: z + tanh(z - b) = a x, by Newton, then one step that autograd sees.
        goal = a.to(x) @ x
        z = goal.detach()
        for _ in range(60):
            z = z - 0.7 * (z + torch.tanh(z - b.to(x)) - goal.detach()) / (
                1 + 1 / torch.cosh(z - b.to(x)) ** 2
            )
        return 0.5 * ((goal - z) ** 2).sum() + torch.log(torch.cosh(z - b.to(x))).sum()

    return Problem(func, draw.normal(4), ideal=ideal)


@case("inexact")
def descent_stopped_early(draw):
    # Twenty steps of gradient descent on the weights, and the loss they reach.
    a, y = draw.normal(15, 4), draw.normal(15)

    def func(x, part=whole):
        w = torch.zeros(4).to(x)
        for _ in range(20):
            residual = a.to(x) @ w - y.to(x)
            w = w - 0.1 * (a.to(x).T @ residual / 15 + torch.exp(part(x)) * w)
        return ((a.to(x) @ w - y.to(x)) ** 2).mean() + (torch.exp(x) * w * w).sum()

    return Problem(func, 0.5 * draw.normal(4) - 1)


@case("inexact", WIDE)
def page_rank(draw):
    # The rank of pages, by power iteration until the changes are below 1e-9.
    links = torch.softmax(2 * draw.normal(6, 6), 0)

    def iterate(x, stop):
        start = torch.softmax(x, 0)
        rank = start
        for _ in range(500):
            last, rank = rank, 0.15 * start + 0.85 * links.to(x) @ rank
            if float((rank - last).abs().sum()) < stop:
                break
        return rank

    a = draw.normal(6)

    def ideal(x):
        matrix = torch.eye(6).to(x) - 0.85 * links.to(x)
        return (a.to(x) * torch.linalg.solve(matrix, 0.15 * torch.softmax(x, 0))).sum()

    return Problem(lambda x: (a.to(x) * iterate(x, 1e-9)).sum(), draw.normal(6), ideal=ideal)


@case("inexact", WIDE)
def output_to_six_places(draw):
    def ideal(x):
        return (torch.sin(x) * torch.exp(0.3 * x)).sum()

    def func(x):
        return torch.round(ideal(x) * 1e6) / 1e6

    return Problem(func, draw.normal(8), ideal=ideal)


@case("inexact", WIDE)
def output_to_ten_places(draw):
    def ideal(x):
        return (torch.sin(x) * torch.exp(0.3 * x)).sum()

    def func(x):
        return torch.round(ideal(x) * 1e10) / 1e10

    return Problem(func, draw.normal(8), ideal=ideal)


@case("inexact", WIDE)
def output_read_from_a_file(draw):
    # Seven digits, as a program writes that is run for each x.
    def ideal(x):
        return torch.log1p((x * x).sum()) + torch.cos(x).sum()

    return Problem(lambda x: _number(f"{float(ideal(x)):.7g}", x), draw.normal(6), ideal=ideal)


def _hashed(x):
    """Return a number from -1 to 1 that looks random and depends on the bits of x alone."""
    bits = x.detach().view({8: torch.int64, 4: torch.int32, 2: torch.int16}[x.element_size()])
    return zlib.crc32(bits.numpy().tobytes()) / 2**31 - 1


@case("inexact", WIDE)
def repeatable_noise(draw):
    def ideal(x):
        return torch.exp(0.5 * x).sum()

    return Problem(lambda x: ideal(x) + 1e-9 * _hashed(x), draw.normal(10), ideal=ideal)


@case("inexact", ALL)
def repeatable_noise_of_some_ulps(draw):
    level = 30 * draw.eps if draw.eps < 2.0**-15 else 2 * draw.eps

    def ideal(x):
        return torch.exp(0.5 * x).sum()

    return Problem(lambda x: ideal(x) * (1 + level * _hashed(x)), draw.normal(10), ideal=ideal)


@case("inexact", WIDE)
def single_precision_inside(draw):
    x0 = draw.normal(12).float()  # what single precision can hold, so that it starts right
    return Problem(lambda x: torch.sin(x.float()).sum().to(x.dtype), x0.double())


@case("inexact", WIDE)
def single_precision_in_a_layer(draw):
    a, b = draw.normal(8, 6), draw.normal(8)

    def layer(x, short):
        return torch.tanh(a.to(short) @ x.to(short)).to(x.dtype)

    def func(x, dtype=torch.float32):
        return (b.to(x) * layer(x, torch.zeros(0, dtype=dtype))).sum() + (x * x).sum()

    return Problem(func, draw.normal(6), ideal=lambda x: func(x, x.dtype))


@case("inexact", ("float32",))
def brain_floats_inside(draw):
    # A layer in bfloat16 inside a function of single precision; its inputs are bfloat16 too.
    a = draw.normal(8, 6).bfloat16()

    def func(x):
        return torch.tanh(a @ x.bfloat16()).to(x.dtype).sum() + (x * x).sum()

    def ideal(x):
        return torch.tanh(a.to(x) @ x).sum() + (x * x).sum()

    return Problem(func, draw.normal(6).bfloat16().double(), ideal=ideal)


@case("inexact", ("float16", "bfloat16"))
def short_numbers_summed_in_single_precision(draw):
    # Elementwise in half precision, summed in single: what most kernels do.
    return Problem(lambda x: torch.exp(0.5 * x).sum(dtype=torch.float32), draw.normal(40))


@functools.cache
def _table():
    nodes = torch.linspace(-4, 4, 2**23 + 1, dtype=torch.float64)
    return torch.exp(-(nodes**2)) + 0.1 * nodes


@case("inexact", WIDE)
def table_lookup(draw):
    # A potential tabulated on a fine grid, with straight lines in between: their slopes are right
    # to 1e-6.
    table, count = _table(), 2**23

    def func(x):
        place = (x + 4) / (8 / count)
        cell = place.floor().long().clamp(0, count - 1)
        return (table[cell] + (place - cell) * (table[cell + 1] - table[cell])).sum()

    def ideal(x):
        return (torch.exp(-(x**2)) + 0.1 * x).sum()

    return Problem(func, draw.normal(8), ideal=ideal)
