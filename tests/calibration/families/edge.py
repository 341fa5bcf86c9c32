"""Points near the edge of a domain, down to a few ulps from it."""

import math

import torch
from tests.calibration.cases import SINGLE, WIDE, Problem, case


@case("edge")
def logarithms(draw):
    low = {2.0**-52: -8, 2.0**-23: -5}.get(draw.eps, -2)
    return Problem(lambda x: torch.log(x).sum(), draw.decades(low, 1, 12))


@case("edge", WIDE)
def logarithms_of_next_to_nothing(draw):
    return Problem(lambda x: torch.log(x).sum(), draw.decades(-300, -20, 12))


@case("edge")
def logarithm_near_one(draw):
    far = math.log10(draw.eps)
    return Problem(lambda x: torch.log1p(-x).sum(), 1 - draw.decades(0.4 * far, -0.5, 12))


@case("edge", SINGLE)
def logarithm_some_ulps_from_one(draw):
    ulps = draw.data(draw.rng.integers(1, 2000, 8))
    return Problem(lambda x: torch.log(1 - x).sum(), 1 - draw.eps * ulps)


@case("edge")
def roots(draw):
    low = {2.0**-52: -10, 2.0**-23: -6}.get(draw.eps, -2)
    return Problem(lambda x: torch.sqrt(x).sum(), draw.decades(low, 1, 12))


@case("edge", WIDE)
def roots_of_next_to_nothing(draw):
    return Problem(lambda x: torch.sqrt(x).sum(), draw.decades(-40, -20, 12))


@case("edge")
def entropy(draw):
    low = {2.0**-52: -6, 2.0**-23: -4}.get(draw.eps, -2)
    return Problem(lambda x: -(x * torch.log(x)).sum(), draw.decades(low, 0, 12))


@case("edge")
def binary_entropy(draw):
    near = draw.decades(0.4 * math.log10(draw.eps), -0.4, 10)
    x0 = torch.where(draw.coins(10) > 0, near, 1 - near)

    def func(x):
        return -(x * torch.log(x) + (1 - x) * torch.log1p(-x)).sum()

    return Problem(func, x0)


@case("edge")
def arcsines(draw):
    return Problem(
        lambda x: torch.asin(x).sum(), 1 - draw.decades(0.4 * math.log10(draw.eps), -0.5, 12)
    )


@case("edge", SINGLE)
def arccosines_some_ulps_from_one(draw):
    ulps = draw.data(draw.rng.integers(2, 500, 8))
    return Problem(lambda x: torch.acos(x).sum(), 1 - draw.eps * ulps)


@case("edge")
def arctanh(draw):
    x0 = (1 - draw.decades(0.4 * math.log10(draw.eps), -0.5, 10)) * draw.signs(10)
    return Problem(lambda x: torch.atanh(x).sum(), x0)


@case("edge")
def arccosh(draw):
    x0 = 1 + draw.decades(0.4 * math.log10(draw.eps), 0.5, 10)
    return Problem(lambda x: torch.acosh(x).sum(), x0)


@case("edge")
def logits(draw):
    near = draw.decades(0.4 * math.log10(draw.eps), -0.4, 10)
    return Problem(lambda x: torch.logit(x).sum(), torch.where(draw.coins(10) > 0, near, 1 - near))


@case("edge", SINGLE)
def barrier(draw):
    x = draw.normal(12)
    unit = (1 - 0.1 * draw.eps**0.3) * x / torch.linalg.norm(x)
    return Problem(lambda x: -torch.log(1 - (x * x).sum()), unit)


@case("edge", SINGLE)
def barrier_of_a_polytope(draw):
    # An interior point method a few steps before the end: three constraints are nearly active.
    a, x0 = draw.normal(15, 6), draw.normal(6)
    slack = draw.uniform(0.5, 2, 15)
    slack[:3] = 0.1 * draw.eps**0.3
    limits = a @ x0 + slack

    def func(x):
        return x.sum() - 0.01 * torch.log(limits.to(x) - a.to(x) @ x).sum()

    return Problem(func, x0)


@case("edge", SINGLE)
def barrier_that_raises(draw):
    # Cholesky raises where the matrix is not positive definite.
    a = draw.normal(5, 5)

    def func(x):
        root = torch.linalg.cholesky((a @ a.T + torch.eye(5)).to(x) - torch.diag(x))
        return -2 * torch.log(torch.diagonal(root)).sum()

    least = float(torch.linalg.eigvalsh(a @ a.T + torch.eye(5))[0])
    return Problem(func, draw.data([least * (1 - 0.1 * draw.eps**0.2)] * 5))


@case("edge", SINGLE)
def func_that_raises(draw):
    def func(x):
        if not bool((x > 0).all()):
            msg = "the concentrations have to be positive"
            raise ValueError(msg)
        return (x * torch.log(x)).sum() + torch.sqrt(x).sum()

    return Problem(func, draw.decades(-5, 0, 10))


@case("edge", SINGLE)
def checked_distribution(draw):
    # The distributions of torch refuse parameters outside their domain.
    y = draw.uniform(0.1, 2, 20)

    def func(x):
        return -torch.distributions.Gamma(x[0], x[1]).log_prob(y.to(x)).mean()

    return Problem(func, draw.decades(-4, 0, 2))


@case("edge")
def undefined_on_one_side(draw):
    # x**1.5 is not a number left of zero; its slope at zero is zero.
    x0 = torch.where(torch.arange(10) % 3 == 0, 0.0, draw.uniform(0.2, 2, 10))
    return Problem(lambda x: (x**1.5).sum(), x0)


@case("edge", SINGLE)
def root_with_an_entry_on_the_edge(draw):
    x0 = draw.uniform(0.2, 2, 8)
    x0[3] = 0.0

    def func(x):
        return (x * torch.sqrt(x)).sum() + torch.sqrt(1 + x).sum()

    # At zero autograd of the product is not a number; that of the power is right.
    return Problem(func, x0, ideal=lambda x: (x**1.5).sum() + torch.sqrt(1 + x).sum())


@case("edge")
def overflow(draw):
    most = math.log(draw.largest) - math.log(4)
    return Problem(lambda x: torch.exp(x).sum(), most - draw.uniform(0.02, 1, 4))


@case("edge")
def overflow_inside(draw):
    # exp(x**2) overflows long before x does.
    most = math.log(draw.largest) - math.log(6)
    x0 = torch.sqrt(most - draw.uniform(0.2, 2, 6))
    return Problem(lambda x: torch.exp(x * x).sum(), x0)


@case("edge", SINGLE)
def underflow(draw):
    # The terms leave the range of the dtype from below.
    least = math.log(float(torch.finfo(draw.dtype).tiny))
    return Problem(lambda x: torch.exp(-x).sum(), -least - draw.uniform(5, 9, 5))


@case("edge", SINGLE)
def pole(draw):
    near = draw.decades(0.4 * math.log10(draw.eps), -0.5, 8)
    return Problem(lambda x: (1 / (1 - x)).sum(), 1 - near)


@case("edge", SINGLE)
def tangents_near_a_pole(draw):
    near = draw.decades(0.3 * math.log10(draw.eps), -0.5, 8)
    return Problem(lambda x: torch.tan(x).sum(), math.pi / 2 - near)


@case("edge", SINGLE)
def gamma_near_a_pole(draw):
    near = draw.decades(0.3 * math.log10(draw.eps), -0.5, 8)
    return Problem(lambda x: torch.lgamma(x).sum(), near)
