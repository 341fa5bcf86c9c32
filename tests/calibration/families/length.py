"""Functions that change over lengths much shorter than x."""

import math

import torch
from tests.calibration.cases import SINGLE, WIDE, Problem, case


@case("length scale", WIDE)
def fast_oscillation(draw):
    return Problem(lambda x: torch.sin(1000 * x).sum(), draw.normal(12))


@case("length scale")
def oscillation(draw):
    return Problem(lambda x: torch.sin(8 * x).sum(), draw.uniform(-1, 1, 12))


@case("length scale", SINGLE)
def oscillation_beyond_the_steps(draw):
    # A period of some millions of ulps in double precision, of fifty thousand in single.
    w = 1e8 if draw.eps < 2.0**-40 else 1e3
    return Problem(lambda x: torch.sin(w * x).sum(), draw.uniform(0.5, 1.5, 4))


@case("length scale", SINGLE)
def far_from_the_origin(draw):
    far = 1e4 if draw.eps < 2.0**-40 else 30.0
    return Problem(lambda x: torch.sin(x).sum(), far + draw.normal(12))


@case("length scale", WIDE)
def time_stamps(draw):
    # Seconds since 1970, and a period of a day.
    day = 2 * math.pi / 86400

    def func(x):
        return torch.cos(day * x).sum()

    return Problem(func, 1.7e9 + 1e5 * draw.normal(6))


@case("length scale", WIDE)
def ripples(draw):
    return Problem(lambda x: (x**2).sum() + 1e-7 * torch.sin(1e4 * x).sum(), draw.normal(12))


@case("length scale", WIDE)
def steep_ripples(draw):
    # The ripple makes up a tenth of the slope.
    return Problem(lambda x: (x**2).sum() + 1e-5 * torch.sin(2e4 * x).sum(), draw.normal(12))


@case("length scale", WIDE)
def chirp(draw):
    return Problem(lambda x: torch.sin(x**2).sum(), draw.uniform(20, 60, 8))


@case("length scale", WIDE)
def narrow_bumps(draw):
    center = draw.normal(10)
    return Problem(
        lambda x: torch.exp(-(((x - center.to(x)) / 1e-4) ** 2)).sum(),
        center + 1e-4 * draw.normal(10),
    )


@case("length scale", SINGLE)
def bump_on_a_slope(draw):
    center, width = draw.normal(10), 1e-3 if draw.eps < 2.0**-40 else 0.1

    def func(x):
        return x.sum() + width * torch.exp(-(((x - center.to(x)) / width) ** 2)).sum()

    return Problem(func, center + width * draw.normal(10))


@case("length scale", SINGLE)
def steep_sigmoid(draw):
    steep = 1e5 if draw.eps < 2.0**-40 else 50.0
    center = draw.normal(10)
    return Problem(
        lambda x: torch.sigmoid(steep * (x - center.to(x))).sum(), center + draw.normal(10) / steep
    )


@case("length scale", SINGLE)
def high_power(draw):
    return Problem(lambda x: (x**60).sum(), draw.uniform(0.9, 1.1, 10))


@case("length scale")
def logistic_map(draw):
    turns = {2.0**-52: 20, 2.0**-23: 8}.get(draw.eps, 3)

    def func(x):
        z = torch.sigmoid(x)
        for _ in range(turns):
            z = 3.9 * z * (1 - z)
        return z.sum()

    return Problem(func, draw.normal(6))


@case("length scale", SINGLE)
def Lorenz(draw):  # noqa: N802  # a name
    turns = 200 if draw.eps < 2.0**-40 else 60

    def func(x):
        a, b, c = x
        for _ in range(turns):
            a, b, c = (a + 0.01 * 10 * (b - a), b + 0.01 * (a * (28 - c) - b),
                       c + 0.01 * (a * b - 8 / 3 * c))  # fmt: skip
        return a + b + c

    return Problem(func, draw.data([1, 1, 25]) + draw.normal(3))


@case("length scale", WIDE)
def Weierstrass(draw):  # noqa: N802
    # Eleven octaves: each is steeper than the one before.
    octaves = [(0.6**k, 3.0**k) for k in range(11)]
    return Problem(lambda x: sum(a * torch.cos(b * x) for a, b in octaves).sum(), draw.normal(6))


@case("length scale")
def interference(draw):
    # Two waves of nearly the same length.
    size = 5 if draw.eps > 2.0**-15 else 100

    def func(x):
        return (torch.cos(size * x) * torch.cos(1.1 * size * x)).sum()

    return Problem(func, draw.uniform(-1, 1, 8))
