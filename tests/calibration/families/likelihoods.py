"""Negative log-likelihoods, divergences and bounds, as statisticians write them."""

import math

import torch
from tests.calibration.cases import SINGLE, Problem, case, whole
from torch.nn.functional import softplus


@case("likelihood")
def normal(draw):
    y = 2 + 1.5 * draw.normal(40)

    def func(x, part=whole):
        z = (y.to(x) - x[0]) * torch.exp(-x[1])
        return 0.5 * (z * z).sum() + part(40 * x[1])

    return Problem(func, draw.normal(2))


@case("likelihood")
def linear_regression(draw):
    a, y = draw.normal(40, 8), draw.normal(40)

    def func(x, part=whole):
        residual = y.to(x) - a.to(x) @ x[:-1]
        return 0.5 * (residual**2).mean() * torch.exp(-2 * x[-1]) + part(x[-1])

    return Problem(func, 0.5 * draw.normal(9))


@case("likelihood")
def logistic(draw):
    a, y = draw.normal(30, 12), draw.coins(30)

    def func(x, part=whole):
        z = a.to(x) @ x
        return (softplus(z) - y.to(x) * z).mean() + part(0.05 * (x * x).sum())

    return Problem(func, draw.normal(12))


@case("likelihood", SINGLE)
def probit(draw):
    a, y = draw.normal(30, 6), draw.signs(30)
    return Problem(
        lambda x: -torch.special.log_ndtr(y.to(x) * (a.to(x) @ x)).mean(), draw.normal(6)
    )


@case("likelihood")
def multinomial(draw):
    a, y = draw.normal(25, 5), draw.labels(4, 25)

    def func(x):
        return -torch.log_softmax(a.to(x) @ x, 1)[torch.arange(25), y].mean()

    return Problem(func, draw.normal(5, 4))


@case("likelihood")
def Poisson(draw):  # noqa: N802  # a name
    a = 0.4 * draw.normal(30, 8)
    y = draw.data(draw.rng.poisson(2.0, 30))

    def func(x):
        rate = a.to(x) @ x
        return (torch.exp(rate) - y.to(x) * rate).mean()

    return Problem(func, draw.normal(8))


@case("likelihood")
def Poisson_with_extra_zeros(draw):  # noqa: N802
    y = draw.data(draw.rng.poisson(2.0, 30) * draw.rng.integers(2, size=30))

    def func(x):
        present, rate = x[0], x[1]
        some = y.to(x) * rate - torch.exp(rate) - torch.lgamma(y.to(x) + 1) - softplus(-present)
        none = torch.logaddexp(-softplus(present), -softplus(-present) - torch.exp(rate))
        return -torch.where(y.to(x) == 0, none, some).sum()

    return Problem(func, draw.normal(2))


@case("likelihood")
def gamma(draw):
    y = draw.data(draw.rng.gamma(2.0, 1.5, 30))

    def func(x, part=whole):
        shape, rate = torch.exp(x[0]), torch.exp(x[1])
        fit = (shape - 1) * torch.log(y.to(x)) - rate * y.to(x) + shape * x[1]
        return part(30 * torch.lgamma(shape)) - fit.sum()

    return Problem(func, 0.5 * draw.normal(2))


@case("likelihood")
def beta(draw):
    y = draw.data(draw.rng.beta(2.0, 3.0, 30))

    def func(x):
        a, b = torch.exp(x[0]), torch.exp(x[1])
        fit = (a - 1) * torch.log(y.to(x)) + (b - 1) * torch.log1p(-y.to(x))
        return 30 * (torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)) - fit.sum()

    return Problem(func, 0.5 + 0.3 * draw.normal(2))


@case("likelihood")
def negative_binomial(draw):
    a = 0.4 * draw.normal(30, 5)
    y = draw.data(draw.rng.negative_binomial(3, 0.5, 30))

    def func(x):
        size, rate = torch.exp(x[0]), torch.exp(a.to(x) @ x[1:])
        counts = torch.lgamma(y.to(x) + size) - torch.lgamma(size)
        fit = size * torch.log(size / (size + rate)) + y.to(x) * torch.log(rate / (size + rate))
        return -(counts + fit).mean()

    return Problem(func, 0.5 * draw.normal(6))


@case("likelihood")
def Student_t(draw):  # noqa: N802
    y = draw.data(draw.rng.standard_t(3, 40))

    def func(x, part=whole):
        freedom, z = 1 + torch.exp(x[2]), (y.to(x) - x[0]) * torch.exp(-x[1])
        size = torch.lgamma((freedom + 1) / 2) - torch.lgamma(freedom / 2) - torch.log(freedom) / 2
        tails = (freedom + 1) / 2 * torch.log1p(z * z / freedom)
        return (tails + x[1] - part(size)).sum()

    return Problem(func, 0.5 * draw.normal(3))


@case("likelihood")
def Cauchy(draw):  # noqa: N802
    y = draw.data(draw.rng.standard_cauchy(25))
    return Problem(lambda x: torch.log1p((y.to(x) - x[0]) ** 2).sum(), draw.normal(1))


@case("likelihood")
def Weibull_with_censoring(draw):  # noqa: N802
    y, seen = draw.data(draw.rng.weibull(1.5, 30) + 0.05), draw.coins(30)

    def func(x):
        shape, z = torch.exp(x[0]), torch.log(y.to(x)) - x[1]
        hazard = x[0] - x[1] + (shape - 1) * z
        return (torch.exp(shape * z) - seen.to(x) * hazard).mean()

    return Problem(func, 0.4 * draw.normal(2))


@case("likelihood")
def Cox(draw):  # noqa: N802
    a, seen = draw.normal(25, 6), draw.coins(25)

    def func(x):
        risk = a.to(x) @ x
        at_risk = torch.stack([torch.logsumexp(risk[i:], 0) for i in range(25)])
        return (seen.to(x) * (at_risk - risk)).mean()

    return Problem(func, 0.5 * draw.normal(6))


@case("likelihood")
def Dirichlet(draw):  # noqa: N802
    y = draw.data(draw.rng.dirichlet([2, 3, 4, 2], 20) + 1e-3)

    def func(x):
        a = torch.exp(x)
        size = torch.lgamma(a).sum() - torch.lgamma(a.sum())
        return size - ((a - 1) * torch.log(y.to(x))).sum(1).mean()

    return Problem(func, 0.5 + 0.4 * draw.normal(4))


@case("likelihood")
def von_Mises(draw):  # noqa: N802
    y = draw.data(draw.rng.vonmises(0.5, 2, 30))

    def func(x):
        sharp = torch.exp(x[1])
        size = torch.log(torch.special.i0e(sharp)) + sharp + math.log(2 * math.pi)
        return (size - sharp * torch.cos(y.to(x) - x[0])).mean()

    return Problem(func, 0.5 * draw.normal(2))


@case("likelihood")
def mixture_of_normals(draw):
    y = torch.cat([draw.normal(20) - 2, draw.normal(20) + 2])

    def func(x):
        weight, mean, log_sd = torch.log_softmax(x[0], 0), x[1], x[2]
        z = (y.to(x)[:, None] - mean) * torch.exp(-log_sd)
        return -torch.logsumexp(weight - 0.5 * z * z - log_sd, 1).mean()

    return Problem(func, 0.7 * draw.normal(3, 3))


@case("likelihood", SINGLE)
def Gaussian_process(draw):  # noqa: N802
    place = torch.sort(draw.uniform(0, 5, 15))[0]
    y = torch.sin(2 * place) + 0.1 * draw.normal(15)

    def func(x, part=whole):
        gap = (place[:, None] - place).to(x)
        kernel = torch.exp(2 * x[0] - 0.5 * (gap * torch.exp(-x[1])) ** 2)
        root = torch.linalg.cholesky(kernel + torch.exp(2 * x[2]) * torch.eye(15).to(x))
        white = torch.linalg.solve_triangular(root, y.to(x)[:, None], upper=False)
        return 0.5 * (white**2).sum() + part(torch.log(torch.diagonal(root)).sum())

    return Problem(func, draw.data([0, -0.5, -1.5]) + 0.3 * draw.normal(3))


@case("likelihood", SINGLE)
def normal_with_covariance(draw):
    y = draw.normal(30, 4) @ draw.normal(4, 4)

    def func(x, part=whole):
        root = torch.tril(x, -1) + torch.diag(torch.exp(torch.diagonal(x)))
        white = torch.linalg.solve_triangular(root, y.to(x).T, upper=False)
        return 0.5 * (white**2).mean(1).sum() + part(torch.diagonal(x).sum())

    return Problem(func, torch.eye(4) + 0.3 * draw.normal(4, 4))


@case("likelihood")
def Kalman_filter(draw):  # noqa: N802
    y = torch.cumsum(draw.normal(20), 0) * 0.3

    def func(x, part=whole):
        level, spread = x[0], torch.exp(x[1])
        walk, noise, total = torch.exp(x[2]), torch.exp(x[3]), 0.0
        for value in y.to(x):
            spread = spread + walk
            sum_ = spread + noise
            total = total + (value - level) ** 2 / sum_ + part(torch.log(sum_))
            gain = spread / sum_
            level, spread = level + gain * (value - level), (1 - gain) * spread
        return 0.5 * total

    return Problem(func, 0.5 * draw.normal(4))


@case("likelihood")
def autoregression(draw):
    y = draw.normal(50)

    def func(x):
        residual = y[2:].to(x) - x[0] * y[1:-1].to(x) - x[1] * y[:-2].to(x)
        return (residual**2).sum() * torch.exp(-2 * x[2]) / 2 + 48 * x[2]

    return Problem(func, 0.4 * draw.normal(3))


@case("likelihood")
def volatility(draw):
    y = draw.normal(40)

    def func(x):
        base, news, memory = torch.exp(x[0]), torch.sigmoid(x[1]), torch.sigmoid(x[2])
        variance, total = torch.ones_like(base), 0.0
        for value in y.to(x):
            total = total + torch.log(variance) + value**2 / variance
            variance = base + 0.3 * news * value**2 + 0.7 * memory * variance
        return total / 40

    return Problem(func, 0.7 * draw.normal(3) - 1)


@case("likelihood")
def hidden_Markov_chain(draw):  # noqa: N802
    y = draw.labels(4, 15)

    def func(x):
        move, show = torch.log_softmax(x[:, :3], 1), torch.log_softmax(x[:, 3:], 1)
        ahead = show[:, y[0]]
        for symbol in y[1:]:
            ahead = torch.logsumexp(ahead[:, None] + move, 0) + show[:, symbol]
        return -torch.logsumexp(ahead, 0)

    return Problem(func, draw.normal(3, 7))


@case("likelihood")
def Bradley_Terry(draw):  # noqa: N802
    won, lost = draw.labels(10, 50), draw.labels(10, 50)

    def func(x, part=whole):
        return softplus(x[lost] - x[won]).sum() + part(0.1 * (x * x).sum())

    return Problem(func, draw.normal(10))


@case("likelihood")
def ordered_logit(draw):
    a, y = draw.normal(30), draw.labels(4, 30)

    def func(x):
        cuts = torch.cumsum(torch.cat([x[1:2], torch.exp(x[2:])]), 0)
        below = torch.sigmoid(cuts - x[0] * a.to(x)[:, None])
        edges = torch.zeros(30, 1).to(x), torch.ones(30, 1).to(x)
        steps = torch.cat([edges[0], below, edges[1]], 1)
        chance = (steps[:, 1:] - steps[:, :-1])[torch.arange(30), y]
        return -torch.log(chance).mean()

    return Problem(func, draw.data([0.5, -1, 0.2, 0.1]) + 0.2 * draw.normal(4))


@case("likelihood")
def divergence_of_normals(draw):
    mean, log_sd = draw.normal(6), 0.5 * draw.normal(6)

    def func(x, part=whole):
        ratio = torch.exp(2 * (x[1] - log_sd.to(x)))
        shift = (x[0] - mean.to(x)) * torch.exp(-log_sd.to(x))
        return 0.5 * (ratio + shift**2 - 1).sum() - part((x[1] - log_sd.to(x)).sum())

    return Problem(func, 0.7 * draw.normal(2, 6))


@case("likelihood")
def divergence_of_classes(draw):
    p = torch.softmax(draw.normal(10), 0)

    def func(x):
        return (p.to(x) * (torch.log(p.to(x)) - torch.log_softmax(x, 0))).sum()

    return Problem(func, draw.normal(10))


@case("likelihood")
def reverse_divergence(draw):
    p = torch.softmax(draw.normal(10), 0)

    def func(x, part=whole):
        q = torch.softmax(x, 0)
        return (q * part(torch.log(q) - torch.log(p.to(x)))).sum()

    return Problem(func, draw.normal(10))


@case("likelihood")
def evidence_bound(draw):
    a, y, noise = draw.normal(20, 5), draw.coins(20), draw.normal(4, 5)

    def func(x, part=whole):
        sample = x[0] + torch.exp(x[1]) * noise.to(x)
        z = sample @ a.to(x).T
        fit = (softplus(z) - y.to(x) * z).sum(1).mean()
        return fit + part((0.5 * (torch.exp(2 * x[1]) + x[0] ** 2) - x[1]).sum())

    return Problem(func, 0.5 * draw.normal(2, 5))


@case("likelihood")
def hierarchical_model(draw):
    y, group = draw.normal(40) + 1, draw.labels(8, 40)

    def func(x, part=whole):
        center, log_sd, effects = x[0], x[1], x[2:]
        prior = 0.5 * ((effects - center) * torch.exp(-log_sd)) ** 2
        return 0.5 * ((y.to(x) - effects[group]) ** 2).sum() + (prior + part(log_sd)).sum()

    return Problem(func, 0.5 * draw.normal(10))
