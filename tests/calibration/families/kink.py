"""Functions with kinks: beside them, close to them, and on them with a valid subgradient."""

import math

import torch
from tests.calibration.cases import Problem, case, whole


@case("kink")
def rectifiers(draw):
    a = draw.normal(20, 12)
    return Problem(lambda x: torch.relu(a.to(x) @ x).sum(), draw.normal(12))


@case("kink")
def leaky_rectifiers(draw):
    a = draw.normal(20, 12)
    return Problem(
        lambda x: torch.nn.functional.leaky_relu(a.to(x) @ x, 0.1).sum(), draw.normal(12)
    )


@case("kink")
def network_of_rectifiers(draw):
    a, y = draw.normal(12, 5), draw.normal(12)

    def func(x):
        hidden = torch.relu(torch.relu(a.to(x) @ x[:30].reshape(5, 6)) @ x[30:66].reshape(6, 6))
        return ((hidden @ x[66:] - y.to(x)) ** 2).mean()

    return Problem(func, 0.5 * draw.normal(72))


@case("kink")
def absolute_values(draw):
    return Problem(lambda x: torch.abs(x).sum(), draw.normal(12))


@case("kink")
def absolute_values_close_to_zero(draw):
    # From the unit down to the root of the precision.
    x0 = draw.decades(0.5 * math.log10(draw.eps), 0, 12) * draw.signs(12)
    return Problem(lambda x: torch.abs(x).sum(), x0)


@case("kink")
def absolute_values_at_zero(draw):
    x0 = torch.where(torch.arange(12) % 3 == 0, 0.0, draw.normal(12))
    return Problem(lambda x: torch.abs(x).sum() + (x**2).sum(), x0, kinks=x0 == 0)


@case("kink")
def rectifiers_at_zero(draw):
    x0 = torch.where(torch.arange(12) % 4 == 0, 0.0, draw.normal(12))
    return Problem(lambda x: torch.relu(x).sum() + torch.sin(x).sum(), x0, kinks=x0 == 0)


@case("kink")
def rectifiers_close_to_zero(draw):
    a = draw.normal(12)
    away = draw.decades(0.5 * math.log10(draw.eps), 0, 12) * draw.signs(12)

    def func(x):
        return torch.relu(x - a.to(x)).sum() + torch.cos(x).sum()

    return Problem(func, a + away)


@case("kink")
def maximum(draw):
    return Problem(torch.max, draw.normal(12))


@case("kink")
def maximum_with_a_tie(draw):
    x0 = draw.normal(12)
    x0[::5] = x0.max()
    return Problem(lambda x: torch.amax(x) + (x**2).mean(), x0, kinks=x0 == x0.max())


@case("kink")
def smallest_of_parabolas(draw):
    centers = draw.normal(4, 6)
    return Problem(lambda x: ((x - centers.to(x)) ** 2).sum(1).min(), draw.normal(6))


@case("kink")
def clip(draw):
    return Problem(lambda x: torch.clamp(x, -0.5, 0.8).square().sum(), draw.normal(12))


@case("kink")
def clip_on_the_bound(draw):
    x0 = draw.normal(12)
    bound = torch.arange(12) % 4 == 0
    x0[bound] = 0.75
    return Problem(lambda x: torch.clamp(x, -0.75, 0.75).sum() + (x**2).sum(), x0, kinks=bound)


@case("kink")
def hinge(draw):
    a, y = draw.normal(25, 8), draw.signs(25)

    def func(x, part=whole):
        loss = torch.relu(1 - y.to(x) * (a.to(x) @ x)).mean()
        return loss + part(0.1 * (x * x).sum())

    return Problem(func, draw.normal(8))


@case("kink")
def quantile_loss(draw):
    a, y = draw.normal(25, 6), draw.normal(25)

    def func(x):
        residual = y.to(x) - a.to(x) @ x
        return torch.maximum(0.9 * residual, -0.1 * residual).mean()

    return Problem(func, draw.normal(6))


@case("kink")
def lasso(draw):
    # Some coefficients are zero, as they are at a solution.
    a, y = draw.normal(20, 12), draw.normal(20)
    x0 = torch.where(torch.arange(12) % 2 == 0, 0.0, draw.normal(12))

    def func(x, part=whole):
        return ((a.to(x) @ x - y.to(x)) ** 2).mean() + part(0.3 * x.abs().sum())

    return Problem(func, x0, kinks=x0 == 0)


@case("kink")
def group_lasso(draw):
    # A group at zero, where autograd of the norm returns zero: a subgradient.
    a = draw.normal(12)
    x0 = draw.normal(4, 3)
    x0[1] = 0

    def func(x):
        return torch.linalg.norm(x, dim=1).sum() + ((x.ravel() - a.to(x)) ** 2).mean()

    return Problem(func, x0, kinks=x0 == 0)


@case("kink")
def sorting(draw):
    weights = draw.data(torch.arange(12.0))
    return Problem(lambda x: (torch.sort(x)[0] * weights.to(x)).sum(), draw.normal(12))


@case("kink")
def median(draw):
    return Problem(lambda x: torch.median(x) + x.square().mean(), draw.normal(15))


@case("kink")
def largest_three(draw):
    return Problem(lambda x: torch.topk(x, 3)[0].sum() + x.sin().mean(), draw.normal(15))


@case("kink")
def total_variation(draw):
    return Problem(lambda x: torch.abs(x[1:] - x[:-1]).sum(), draw.normal(12))


@case("kink")
def total_variation_of_steps(draw):
    # A piecewise constant signal, as denoising returns it: differences are zero inside a step.
    goal = draw.normal(12)
    lengths = torch.tensor([1, 3, 1, 1, 3, 1, 2])
    x0 = torch.repeat_interleave(draw.normal(7), lengths)

    def func(x):
        return torch.abs(x[1:] - x[:-1]).sum() + ((x - goal.to(x)) ** 2).sum()

    return Problem(func, x0, kinks=torch.repeat_interleave(lengths > 1, lengths))


@case("kink")
def max_pooling(draw):
    weights = draw.normal(3, 3)

    def func(x):
        return (torch.nn.functional.max_pool2d(x[None], 2)[0] * weights.to(x)).sum()

    return Problem(func, draw.normal(6, 6))


@case("kink")
def straight_lines_between_nodes(draw):
    nodes = draw.normal(10)

    def func(x):
        cell = x.detach().floor().long()
        left, right = nodes.to(x)[cell], nodes.to(x)[cell + 1]
        return (left + (x - cell) * (right - left)).sum()

    return Problem(func, draw.uniform(0, 8.9, 12))


@case("kink")
def transport_on_a_line(draw):
    y = torch.sort(draw.normal(10))[0]
    return Problem(lambda x: torch.abs(torch.sort(x)[0] - y.to(x)).mean(), draw.normal(10))


@case("kink")
def floor_staircase(draw):
    # The gradient of a staircase is zero; the straight-through estimate is not.
    step = 0.25 if draw.eps > 2.0**-15 else 0.01
    x0 = draw.normal(8)
    x0 = step * (torch.floor(x0 / step) + 0.25 + 0.5 * draw.uniform(0, 1, 8))
    return Problem(
        lambda x: step * torch.floor(x / step).sum(),
        x0,
        wrong={"straight through": lambda x: x.sum()},
    )


@case("kink")
def rounding_inside(draw):
    # Weights quantised on the way into a smooth function of the others.
    x0 = draw.normal(12)
    x0[:6] = 0.25 * (torch.round(4 * x0[:6]) + 0.3 * draw.uniform(-1, 1, 6))
    a = draw.normal(6)

    def func(x, rounded=torch.round):
        weights = 0.25 * rounded(4 * x[:6])
        return (torch.tanh(weights * a.to(x)) * x[6:]).sum() + (x[6:] ** 2).sum()

    return Problem(func, x0, wrong={"straight through": lambda x: func(x, lambda z: z)})
