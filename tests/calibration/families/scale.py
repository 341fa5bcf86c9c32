"""Everything large, small, or both at once."""

import numpy as np
import torch
from tests.calibration.cases import SINGLE, WIDE, Problem, case, whole


@case("scale", SINGLE)
def fifteen_decades_in_x(draw):
    span = draw.data(10.0 ** np.linspace(-7, 8, 12))

    def func(x):
        z = x / span.to(x)
        return (z**2 + z).sum()

    return Problem(func, draw.normal(12) * span)


@case("scale", SINGLE)
def physical_units(draw):
    # A rate law: a prefactor of 1e13 per second, an activation energy of 1e-19 joule, an order.
    warm = draw.uniform(300, 900, 20)
    y = draw.normal(20) + 12

    def func(x):
        rate = torch.log(x[0]) - x[1] / (1.380649e-23 * warm.to(x)) + x[2] * torch.log(warm.to(x))
        return ((rate - y.to(x)) ** 2).mean()

    return Problem(func, draw.data([1e13, 1e-19, 0.5]) * draw.uniform(0.7, 1.4, 3))


@case("scale")
def three_decades_in_the_gradient(draw):
    weights = draw.data(10.0 ** np.linspace(-3, 0, 16))
    return Problem(lambda x: (weights.to(x) * torch.sin(x)).sum(), draw.normal(16))


@case("scale", SINGLE)
def ten_decades_in_the_gradient(draw):
    weights = draw.data(10.0 ** np.linspace(-10, 0, 16))
    return Problem(lambda x: (weights.to(x) * torch.exp(x)).sum(), draw.normal(16))


@case("scale")
def one_giant_entry(draw):
    weights = torch.ones(20)
    weights[7] = 1e3 if draw.eps > 2.0**-15 else 1e6
    return Problem(lambda x: (weights.to(x) * torch.sin(x)).sum(), draw.normal(20))


@case("scale", SINGLE)
def saturated_entries(draw):
    far = draw.data(draw.rng.permutation(np.linspace(-25, 5, 16)))
    return Problem(lambda x: torch.sigmoid(x).sum(), far)


@case("scale")
def zeros_in_x(draw):
    x0 = torch.where(torch.arange(12) % 3 == 0, 0.0, draw.normal(12))
    return Problem(lambda x: torch.sin(x).sum() + (x[1:] * x[:-1]).sum(), x0)


@case("scale")
def at_zero(draw):
    a = draw.normal(12)
    return Problem(lambda x: (torch.sin(x) * a.to(x)).sum(), torch.zeros(12))


@case("scale", SINGLE)
def weights_that_start_at_zero(draw):
    a, y = draw.normal(20, 5), draw.coins(20)

    def func(x):
        z = a.to(x) @ x[:5] + x[5]
        return (torch.nn.functional.softplus(z) - y.to(x) * z).mean()

    return Problem(func, torch.zeros(6))


@case("scale")
def at_a_minimum(draw):
    # The gradient is zero, exactly: only what adds to it can be wrong.
    goal = draw.normal(12)
    return Problem(
        lambda x: ((x - goal.to(x)) ** 2).sum(),
        goal,
        wrong={"an offset": lambda x: ((x - goal.to(x)) ** 2).sum() + x.sum()},
    )


@case("scale", SINGLE)
def near_a_minimum(draw):
    goal = draw.normal(12)
    away = 30 * draw.eps**0.5
    return Problem(lambda x: ((x - goal.to(x)) ** 2).sum(), goal + away * draw.normal(12))


@case("scale", SINGLE)
def tiny_x(draw):
    return Problem(lambda x: torch.exp(1e8 * x).sum(), 1e-8 * draw.normal(12))


@case("scale", SINGLE)
def tiny_x_beside_ordinary(draw):
    size = torch.where(torch.arange(12) % 4 == 0, 1e-9, 1.0)
    a = draw.normal(12)
    return Problem(lambda x: (a.to(x) * torch.tanh(x / size.to(x))).sum(), draw.normal(12) * size)


@case("scale", WIDE)
def minute_x(draw):
    return Problem(lambda x: torch.sin(1e200 * x).sum(), 1e-200 * draw.normal(8))


@case("scale", SINGLE)
def huge_x(draw):
    return Problem(lambda x: torch.sin(1e-8 * x).sum(), 1e8 * draw.normal(12))


@case("scale", SINGLE)
def tiny_f(draw):
    return Problem(lambda x: 1e-20 * torch.exp(x).sum(), draw.normal(12))


@case("scale")
def small_f(draw):
    return Problem(lambda x: 1e-3 * torch.exp(x).mean(), draw.normal(12))


@case("scale", SINGLE)
def huge_f(draw):
    return Problem(lambda x: 1e20 * torch.exp(x).sum(), draw.normal(12))


@case("scale", WIDE)
def colossal_f(draw):
    return Problem(lambda x: 1e300 * torch.exp(x).sum(), draw.normal(12))


@case("scale", SINGLE)
def large_constant(draw):
    large = 1e4 if draw.eps < 2.0**-40 else 30.0
    return Problem(lambda x: large + torch.sin(x).sum(), draw.normal(12))


@case("scale", SINGLE)
def small_part_of_a_large_sum(draw):
    big = draw.normal(500)

    def func(x, part=whole):
        return ((big.to(x) - x.mean()) ** 2).sum() + part((x**2).sum())

    return Problem(func, draw.normal(12))


@case("scale", SINGLE)
def share_of_a_portfolio(draw):
    # Counts and amounts in the millions, a ratio that is about one.
    price = draw.uniform(1e3, 1e5, 10)

    def func(x, part=whole):
        worth = price.to(x) * x
        return (worth * worth).sum() / part(worth.sum()) ** 2 * 10

    return Problem(func, draw.uniform(1e4, 1e6, 10))
