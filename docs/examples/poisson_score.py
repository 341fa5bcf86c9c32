"""A Poisson likelihood with its analytic score, right and with the mistake that people make."""

import numpy as np

from gradproof import check_grad

rng = np.random.default_rng(0)
design = np.column_stack([np.ones(50), rng.normal(size=50)])
counts = rng.poisson(np.exp(design @ [0.5, 0.8]))


def negative_log_likelihood(beta):
    """Up to the constant, which has no derivative."""
    log_mean = design @ beta
    return np.sum(np.exp(log_mean) - counts * log_mean)


def score(beta):
    return design.T @ (np.exp(design @ beta) - counts)


def score_of_the_logs(beta):
    """The mistake: residuals on the scale of the linear predictor."""
    return design.T @ (design @ beta - counts)


beta = np.array([0.3, 0.5])
right = check_grad(negative_log_likelihood, score, beta)
wrong = check_grad(negative_log_likelihood, score_of_the_logs, beta)
size = np.linalg.norm(score(beta))
print(f"the score is off by {right:.1g}, on a gradient of size {size:.3g}")
print(f"the one of the logs by {wrong:.3g}")

assert right < 1e-4 * size < wrong
