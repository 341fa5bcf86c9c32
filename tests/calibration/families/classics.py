"""Smooth functions of analysis, geometry and physics."""

import math

import torch
from tests.calibration.cases import SINGLE, Problem, case, whole


@case("smooth")
def quadratic(draw):
    a = draw.normal(12, 12)
    return Problem(lambda x: 0.5 * (x * ((a.T @ a).to(x) @ x)).sum(), draw.normal(12))


@case("smooth")
def linear(draw):
    a = draw.normal(12)
    return Problem(lambda x: (a.to(x) * x).sum(), draw.normal(12))


@case("smooth")
def one_entry(draw):
    return Problem(lambda x: x[0] ** 3, draw.uniform(1, 3, 1))


@case("smooth")
def Himmelblau(draw):  # noqa: N802  # a name
    def func(x):
        return (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2

    return Problem(func, draw.uniform(-4, 4, 2))


@case("smooth")
def Rosenbrock(draw):  # noqa: N802
    def func(x):
        return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()

    return Problem(func, draw.uniform(0.5, 1.5, 12))


@case("smooth")
def Styblinski_Tang(draw):  # noqa: N802
    return Problem(lambda x: 0.5 * (x**4 - 16 * x**2 + 5 * x).sum(), draw.uniform(-4, 4, 30))


@case("smooth")
def Ackley(draw):  # noqa: N802
    def func(x):
        bowl = -20 * torch.exp(-0.2 * torch.sqrt((x * x).mean()))
        return bowl - torch.exp(torch.cos(2 * math.pi * x).mean()) + 20 + math.e

    return Problem(func, draw.uniform(-3, 3, 10))


@case("smooth")
def log_sum_exp(draw):
    return Problem(lambda x: torch.logsumexp(x, 0), draw.normal(12))


@case("smooth")
def exponentials(draw):
    return Problem(lambda x: torch.exp(0.7 * x).sum(), draw.normal(12))


@case("smooth")
def sines(draw):
    return Problem(lambda x: torch.sin(3 * x).sum(), draw.normal(40))


@case("smooth")
def arctangents(draw):
    return Problem(lambda x: torch.atan(x).sum(), 3 * draw.normal(12))


@case("smooth")
def norm(draw):
    return Problem(lambda x: torch.sqrt((x * x).sum()), draw.normal(12))


@case("smooth")
def norm_of_order_three(draw):
    return Problem(lambda x: (x.abs() ** 3).sum() ** (1 / 3), draw.normal(20))


@case("smooth")
def mean_of_squares(draw):
    return Problem(lambda x: (x * x).mean(), draw.normal(200))


@case("smooth")
def standard_deviation(draw):
    return Problem(lambda x: torch.sqrt(((x - x.mean()) ** 2).mean()), draw.normal(60))


@case("smooth")
def product(draw):
    return Problem(torch.prod, draw.uniform(0.8, 1.2, 8))


@case("smooth")
def geometric_mean(draw):
    return Problem(lambda x: torch.exp(torch.log(x).mean()), draw.uniform(0.5, 4, 25))


@case("smooth")
def harmonic_mean(draw):
    return Problem(lambda x: x.numel() / (1 / x).sum(), draw.uniform(0.5, 4, 25))


@case("smooth")
def cosine_similarity(draw):
    a = draw.normal(16)

    def func(x, part=whole):
        return (a.to(x) * x).sum() / (torch.sqrt((a * a).sum()).to(x) * part(torch.linalg.norm(x)))

    return Problem(func, draw.normal(16))


@case("smooth")
def polynomial(draw):
    points = draw.uniform(-1, 1, 30)
    y = torch.sin(3 * points)

    def func(x):
        value = torch.zeros_like(x[0]).expand(30)
        for coefficient in x:
            value = value * points.to(x) + coefficient
        return ((value - y.to(x)) ** 2).mean()

    return Problem(func, draw.normal(7))


@case("smooth")
def Michaelis_Menten(draw):  # noqa: N802
    dose = draw.uniform(0.1, 5, 25)
    y = draw.data(2 * dose / (0.7 + dose) + 0.1 * draw.normal(25))

    def func(x):
        return ((x[0] * dose.to(x) / (x[1] + dose.to(x)) - y.to(x)) ** 2).sum()

    return Problem(func, draw.uniform(0.5, 2.5, 2))


@case("smooth")
def error_function(draw):
    a = draw.uniform(0.2, 2, 20)
    return Problem(lambda x: (a.to(x) * torch.erf(x)).sum(), draw.normal(20))


@case("smooth")
def gamma_functions(draw):
    return Problem(
        lambda x: torch.lgamma(x).sum() - torch.lgamma(x.sum()) + torch.digamma(x)[0],
        draw.uniform(0.3, 6, 10),
        )  # fmt: skip


@case("smooth")
def spline(draw):
    places = torch.as_tensor(draw.rng.uniform(1, 9, 40))
    cell, t = places.long(), draw.data(places % 1)
    weights = torch.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, 3 * (t - t**2 + t) - 3 * t**3 + 1, t**3]) / 6  # fmt: skip
    y = draw.normal(40)

    def func(x):
        values = sum(weights[k].to(x) * x[cell - 1 + k] for k in range(4))
        return ((values - y.to(x)) ** 2).mean()

    return Problem(func, draw.normal(12))


@case("smooth")
def interpolation_at_x(draw):
    nodes = draw.normal(12)

    def func(x):
        # Cubic Hermite with central slopes: once differentiable, as image warping has it.
        cell = x.detach().floor().long()
        t = x - cell
        v = [nodes.to(x)[cell + k] for k in (-1, 0, 1, 2)]
        left, right = (v[2] - v[0]) / 2, (v[3] - v[1]) / 2
        value = v[1] + t * (left + t * (3 * (v[2] - v[1]) - 2 * left - right
                                        + t * (2 * (v[1] - v[2]) + left + right)))  # fmt: skip
        return (value**2).sum()

    return Problem(func, draw.uniform(1.1, 8.9, 15))


@case("smooth")
def cluster_of_atoms(draw):
    lattice = torch.cartesian_prod(*[torch.arange(2.0)] * 3)[:7]
    pairs = torch.triu_indices(7, 7, 1)

    def func(x):
        distance2 = ((x[pairs[0]] - x[pairs[1]]) ** 2).sum(1)
        return 4 * (distance2**-6 - distance2**-3).sum()

    return Problem(func, 1.1 * lattice + 0.1 * draw.normal(7, 3))


@case("smooth")
def chain_of_springs(draw):
    def func(x, part=whole):
        stretch = torch.linalg.norm(x[1:] - x[:-1], dim=1) - 1
        return 50 * (stretch**2).sum() + part(9.81 * x[:, 1].sum())

    start = torch.stack([torch.arange(10.0), torch.zeros(10)], 1)
    return Problem(func, start + 0.2 * draw.normal(10, 2))


@case("smooth")
def robot_arm(draw):
    lengths, goal = draw.uniform(0.5, 1, 6), draw.normal(2)

    def func(x):
        angles = torch.cumsum(x, 0)
        reach = torch.stack([(lengths.to(x) * f(angles)).sum() for f in (torch.cos, torch.sin)])
        return ((reach - goal.to(x)) ** 2).sum()

    return Problem(func, draw.normal(6))


@case("smooth")
def pendulum(draw):
    def func(x):
        angle, speed = x[0], x[1]
        for _ in range(30):
            speed = speed - 0.05 * (torch.sin(angle) + x[2] * speed)
            angle = angle + 0.05 * speed
        return angle**2 + speed

    return Problem(func, draw.uniform(0.2, 1.5, 3))


@case("smooth")
def diffusion(draw):
    target = draw.normal(50)

    def func(x):
        u = x
        for _ in range(10):
            u = u + 0.2 * (torch.roll(u, 1) - 2 * u + torch.roll(u, -1))
        return 0.5 * ((u - target.to(u)) ** 2).mean()

    return Problem(func, draw.normal(50))


@case("smooth")
def trace_of_a_cube(draw):
    return Problem(lambda x: torch.trace(x @ x @ x), draw.normal(5, 5))


@case("smooth", SINGLE)
def determinant(draw):
    return Problem(torch.linalg.det, draw.normal(4, 4))


@case("smooth", SINGLE)
def log_determinant(draw):
    return Problem(lambda x: torch.logdet(x @ x.T + torch.eye(6).to(x)), draw.normal(6, 8))


@case("smooth", SINGLE)
def largest_eigenvalue(draw):
    return Problem(lambda x: torch.linalg.eigvalsh(x + x.T)[-1], draw.normal(5, 5))


@case("smooth", SINGLE)
def inverse_of_a_matrix(draw):
    return Problem(
        lambda x: (torch.linalg.inv(x) ** 2).sum(), 3 * torch.eye(5) + 0.5 * draw.normal(5, 5)
    )


@case("smooth")
def Rayleigh_quotient(draw):  # noqa: N802
    a = draw.normal(9, 9)

    def func(x, part=whole):
        return (x * ((a + a.T).to(x) @ x)).sum() / part((x * x).sum())

    return Problem(func, draw.normal(9))


@case("smooth")
def Procrustes(draw):  # noqa: N802
    a, b = draw.normal(12, 4), draw.normal(12, 4)

    def func(x, part=whole):
        penalty = part(((x.T @ x - torch.eye(4).to(x)) ** 2).sum())
        return ((a.to(x) @ x - b.to(x)) ** 2).mean() + 0.5 * penalty

    return Problem(func, draw.normal(4, 4))


@case("smooth")
def power_law(draw):
    radius = draw.uniform(0.5, 4, 30)
    y = draw.data(2.5 * radius**-1.5 * (1 + 0.05 * draw.normal(30)))

    def func(x):
        return ((x[0] * radius.to(x) ** x[1] - y.to(x)) ** 2).mean()

    return Problem(func, draw.data([2.2, -1.3]) + 0.1 * draw.normal(2))
