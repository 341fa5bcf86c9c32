"""Linear algebra with matrices that are nearly singular; condition numbers up to 1e10."""

import numpy as np
import torch
from tests.calibration.cases import SINGLE, WIDE, Problem, case, whole


def _spread(draw, decades, n):
    """Return a symmetric matrix with eigenvalues from 1 down to 10**-decades."""
    q, _ = torch.linalg.qr(draw.normal(n, n))
    return (q * torch.as_tensor(10.0 ** -np.linspace(0, decades, n))) @ q.T


@case("ill-conditioned", WIDE)
def solve(draw):
    graded, right = torch.diag(torch.as_tensor(10.0 ** np.linspace(0, -4, 8))), draw.normal(8)

    def func(x):
        return torch.linalg.solve(graded.to(x) + 1e-3 * torch.outer(x, x), right.to(x)).sum()

    return Problem(func, draw.normal(8))


@case("ill-conditioned", SINGLE)
def solve_for_a_right_hand_side(draw):
    decades = 8 if draw.eps < 2.0**-40 else 2.5
    a, b = draw.data(_spread(draw, decades, 8)), draw.normal(8)
    return Problem(lambda x: (b.to(x) * torch.linalg.solve(a.to(x), x)).sum(), draw.normal(8))


@case("ill-conditioned", WIDE)
def graded_solve(draw):
    # Condition number 1e10, and entries that scaling would tame: a stiff structure.
    sizes = torch.as_tensor(10.0 ** np.linspace(0, -5, 8))
    a, b = draw.normal(8, 8) / 8 + torch.eye(8), draw.normal(8)
    matrix = sizes[:, None] * (a @ a.T) * sizes

    def func(x):
        stiff = matrix.to(x) + torch.diag(x * sizes.to(x) ** 2)
        return (b.to(x) * sizes.to(x) * torch.linalg.solve(stiff, sizes.to(x) * b.to(x))).sum()

    return Problem(func, draw.uniform(0.1, 1, 8))


@case("ill-conditioned", WIDE)
def log_determinant(draw):
    def func(x):
        return torch.logdet(1e-6 * torch.eye(8).to(x) + torch.outer(x, x))

    return Problem(func, draw.normal(8))


@case("ill-conditioned", WIDE)
def log_determinant_of_a_kernel(draw):
    # Points close to each other, and a nugget of 1e-8 that is meant to save the day.
    place = torch.sort(draw.uniform(0, 1, 10))[0]

    def func(x):
        gap = (place[:, None] - place).to(x)
        kernel = torch.exp(-0.5 * (gap * torch.exp(-x[0])) ** 2 + 2 * x[1])
        return torch.logdet(kernel + 1e-8 * torch.eye(10).to(x))

    return Problem(func, draw.data([-1.5, 0]) + 0.2 * draw.normal(2))


@case("ill-conditioned", SINGLE)
def inverse(draw):
    decades = 5 if draw.eps < 2.0**-40 else 1.5
    a = draw.data(_spread(draw, decades, 5))

    def func(x):
        return torch.linalg.inv(a.to(x) + x).square().sum()

    return Problem(func, 10.0**-decades * 0.1 * draw.normal(5, 5))


@case("ill-conditioned", WIDE)
def Hilbert(draw):  # noqa: N802  # a name
    # Condition number 1.5e7.
    i = torch.arange(6.0, dtype=torch.float64)
    a, b = 1 / (i[:, None] + i + 1), draw.normal(6)
    return Problem(lambda x: 0.5 * (x * (a.to(x) @ x)).sum() - (b.to(x) * x).sum(),
                   torch.linalg.solve(a, b) * (1 + 0.1 * draw.normal(6)))  # fmt: skip


@case("ill-conditioned", WIDE)
def least_squares(draw):
    # Fitted values for a weight of each row, by normal equations.
    a, y = draw.normal(15, 4) * torch.as_tensor([1, 1e-2, 1e-3, 1e-5]), draw.normal(15)

    def func(x, part=whole):
        weighted = a.to(x).T * x
        fit = torch.linalg.solve(weighted @ a.to(x), weighted @ y.to(x))
        return (part(x) * (a.to(x) @ fit - y.to(x)) ** 2).sum()

    return Problem(func, draw.uniform(0.5, 2, 15))


@case("ill-conditioned", WIDE)
def Vandermonde(draw):  # noqa: N802
    y = draw.normal(6)

    def func(x):
        powers = torch.stack([x**k for k in range(6)], 1)
        return torch.linalg.solve(powers, y.to(x)).square().sum()

    return Problem(func, torch.linspace(0.1, 1, 6) + 0.03 * draw.normal(6))


@case("ill-conditioned", SINGLE)
def variance_by_cancellation(draw):
    # The mean of squares less the square of the mean, far from zero.
    far = 300.0 if draw.eps < 2.0**-40 else 5.0
    return Problem(lambda x: (x * x).mean() - x.mean() ** 2, far + draw.normal(20))


@case("ill-conditioned", SINGLE)
def difference_of_large_terms(draw):
    large = 1e5 if draw.eps < 2.0**-40 else 30.0
    return Problem(
        lambda x: (torch.sqrt(large + x) - large**0.5).sum() * large**0.5, draw.normal(12)
    )


@case("ill-conditioned", WIDE)
def quadratic_form_of_ten_decades(draw):
    a = _spread(draw, 10, 8)
    return Problem(lambda x: 0.5 * (x * (a.to(x) @ x)).sum(), draw.normal(8))
