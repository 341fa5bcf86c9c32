"""Functions that return another value each time: a right claim may pass or stay open, not fail."""

import torch
from tests.calibration.cases import SINGLE, WIDE, Problem, case


def _noise(draw):
    """Return a stateful source of noise, as a device that adds up in any order is."""
    source = torch.Generator().manual_seed(int(draw.rng.integers(2**31)))
    return lambda *shape: torch.randn(shape, generator=source, dtype=torch.float64)


@case("chance")
def dropout_left_on(draw):
    a, noise = draw.normal(12), _noise(draw)

    def func(x):
        kept = (noise(12) > -1.2816).to(x)  # nine of ten
        return (a.to(x) * x**2 * kept / 0.9).sum()

    return Problem(func, draw.normal(12), ideal=lambda x: (a.to(x) * x**2).sum(), repeatable=False)


@case("chance")
def summation_noise(draw):
    noise, level = _noise(draw), draw.eps

    def func(x):
        value = torch.sin(x).sum()
        return value * (1 + level * noise()).to(x)

    return Problem(func, draw.normal(12), ideal=lambda x: torch.sin(x).sum(), repeatable=False)


@case("chance", SINGLE)
def more_summation_noise(draw):
    noise, level = _noise(draw), 100 * draw.eps

    def func(x):
        value = torch.exp(x).sum()
        return value * (1 + level * noise()).to(x)

    return Problem(func, draw.normal(12), ideal=lambda x: torch.exp(x).sum(), repeatable=False)


@case("chance", WIDE)
def atomic_sums_in_single_precision(draw):
    a, noise = draw.normal(500), _noise(draw)

    def func(x):
        terms = torch.tanh(a.to(x) * x.mean()).float()
        return terms[torch.argsort(noise(500))].cumsum(0)[-1].to(x) + torch.sin(x).sum()

    def ideal(x):
        return torch.tanh(a.to(x) * x.mean()).sum() + torch.sin(x).sum()

    return Problem(func, draw.normal(8), ideal=ideal, repeatable=False)


@case("chance", SINGLE)
def fresh_samples(draw):
    # A Monte Carlo estimate that draws anew in each call; its expectation is known.
    noise = _noise(draw)
    return Problem(
        lambda x: (x + 0.3 * noise(2000, 5).to(x)).square().sum(1).mean(),
        draw.normal(5),
        ideal=lambda x: (x * x).sum() + 0.45,
        repeatable=False,
    )


@case("chance", SINGLE)
def fresh_batches(draw):
    a, y, noise = draw.normal(200, 5), draw.normal(200), _noise(draw)

    def func(x):
        batch = torch.argsort(noise(200))[:64]
        return ((a[batch].to(x) @ x - y[batch].to(x)) ** 2).mean()

    return Problem(
        func,
        draw.normal(5),
        ideal=lambda x: ((a.to(x) @ x - y.to(x)) ** 2).mean(),
        repeatable=False,
    )


@case("chance")
def noise_in_the_input(draw):
    noise, level = _noise(draw), draw.eps
    return Problem(
        lambda x: torch.sin(x * (1 + level * noise(12)).to(x)).sum(),
        draw.normal(12),
        ideal=lambda x: torch.sin(x).sum(),
        repeatable=False,
    )
