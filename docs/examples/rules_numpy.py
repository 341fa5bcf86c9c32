"""
Hand-written derivatives in NumPy, float64, each with the mistake that people make in it.

Statistics and linear algebra: rules that are derived on paper, since nothing computes them for you.
Run it: it prints one line for each rule, and raises if a right one does not pass or if a mistake is
not found.
"""

import numpy as np
from _table import head, rule
from scipy.linalg import cho_solve, solve_triangular
from scipy.special import digamma, expit, gammaln

from gradproof import verify_grad, verify_hess, verify_hvp, verify_jac, verify_jvp, verify_vjp

rng = np.random.default_rng(0)
head()

# --- log-sum-exp ---------------------------------------------------------------------------------
# Shifted by the maximum, so that nothing overflows. The mistake: the shift is kept in mind, the
# division by the sum is not.


scores = 3 * rng.normal(size=6)


def log_sum_exp(z):
    top = z.max()
    return top + np.log(np.exp(z - top).sum())


def softmax(z):
    weights = np.exp(z - z.max())
    return weights / weights.sum()


def shifted_exponentials(z):
    return np.exp(z - z.max())


rule(
    "log-sum-exp",
    lambda grad: verify_grad(log_sum_exp, grad, scores, seed=0),
    right=softmax,
    wrong=shifted_exponentials,
)

# --- logistic regression -------------------------------------------------------------------------
# With a ridge penalty that spares the intercept. Two mistakes: the score penalises the intercept
# all the same; the Hessian weighs by p rather than by p (1 - p).

X = np.column_stack([np.ones(40), rng.normal(size=(40, 3))])
y = (rng.uniform(size=40) < expit(X @ [0.5, 1.0, -1.0, 0.0])) * 1.0
spared = np.array([0.0, 1.0, 1.0, 1.0])
beta = np.array([0.4, 0.8, -0.7, 0.2])


def logistic_loss(beta):
    eta = X @ beta
    return np.sum(np.logaddexp(0, eta) - y * eta) + 0.5 * np.sum(spared * beta**2)


def logistic_score(beta):
    return X.T @ (expit(X @ beta) - y) + spared * beta


def score_with_the_intercept(beta):
    return X.T @ (expit(X @ beta) - y) + beta


def logistic_hessian(beta):
    p = expit(X @ beta)
    return (X.T * (p * (1 - p))) @ X + np.diag(spared)


def hessian_without_one_minus_p(beta):
    return (X.T * expit(X @ beta)) @ X + np.diag(spared)


rule(
    "logistic regression",
    lambda grad: verify_grad(logistic_loss, grad, beta, seed=0),
    right=logistic_score,
    wrong=score_with_the_intercept,
    only="[0]",
)
rule(
    "logistic regression",
    lambda hess: verify_hess(logistic_loss, hess, beta, grad=logistic_score, seed=0),
    right=logistic_hessian,
    wrong=hessian_without_one_minus_p,
)

# --- negative binomial regression ----------------------------------------------------------------
# NB2, by the coefficients and by the logarithm of the dispersion; the parameters are a dict. The
# mistake: the derivative by the dispersion is not multiplied by the dispersion (its logarithm is
# what is estimated).

counts = rng.negative_binomial(2.0, 2.0 / (2.0 + np.exp(X @ [1.0, 0.3, -0.3, 0.1])))
nb_parameters = {"beta": np.array([0.9, 0.2, -0.2, 0.0]), "log_dispersion": np.array(-0.5)}


def nb_loss(p):
    mean, r = np.exp(X @ p["beta"]), np.exp(-p["log_dispersion"])
    ll = gammaln(counts + r) - gammaln(r) + r * np.log(r) + counts * np.log(mean)
    return -np.sum(ll - (counts + r) * np.log(r + mean))


def nb_score(p, *, chain=True):
    mean, r = np.exp(X @ p["beta"]), np.exp(-p["log_dispersion"])
    by_eta = r * (counts - mean) / (r + mean)
    by_r = digamma(counts + r) - digamma(r) + np.log(r / (r + mean)) + (mean - counts) / (r + mean)
    return {"beta": -X.T @ by_eta, "log_dispersion": by_r.sum() * (r if chain else 1)}


rule(
    "negative binomial score",
    lambda grad: verify_grad(nb_loss, grad, nb_parameters, seed=0),
    right=nb_score,
    wrong=lambda p: nb_score(p, chain=False),
    only="['log_dispersion']",
)

# --- quantile (pinball) and Huber loss -----------------------------------------------------------
# Both have a kink or a seam. One residual is exactly 0: there any slope between the one-sided ones
# is right. The mistakes: the two sides of the quantile in each other's place; Huber's linear part
# without its slope delta.

targets = np.array([1.0, -0.5, 0.3, 2.0, 0.1])
predictions = np.array([0.5, 0.2, 0.3, 0.4, -0.6])


def pinball(q, tau=0.8):
    residual = targets - q
    return np.sum(np.maximum(tau * residual, (tau - 1) * residual))


def pinball_slope(q, tau=0.8):
    return np.where(targets > q, -tau, 1 - tau)


rule(
    "quantile loss, at a kink",
    lambda grad: verify_grad(pinball, grad, predictions, seed=0),
    right=pinball_slope,
    wrong=lambda q: pinball_slope(q, tau=0.2),
)


def huber(q, delta=0.4):
    size = np.abs(q - targets)
    return np.sum(np.where(size < delta, 0.5 * size**2, delta * (size - 0.5 * delta)))


def huber_slope(q, delta=0.4):
    return np.clip(q - targets, -delta, delta)


def huber_slope_without_delta(q, delta=0.4):
    residual = q - targets
    return np.where(np.abs(residual) < delta, residual, np.sign(residual))


rule(
    "Huber loss",
    lambda grad: verify_grad(huber, grad, predictions, seed=0),
    right=huber_slope,
    wrong=huber_slope_without_delta,
)

# --- Cholesky, reverse mode ----------------------------------------------------------------------
# I. Murray, Differentiation of the Cholesky decomposition (2016), section 3: with Phi the lower
# triangle, its diagonal halved, S = L^-T Phi(L^T L-bar) L^-1. np.linalg.cholesky reads the lower
# triangle alone, so the gradient by its entries is that of S + S^T there, the diagonal once. The
# mistake: the diagonal counted twice.

spd = (lambda a: a @ a.T + 4 * np.eye(4))(rng.normal(size=(4, 4)))


def cholesky_vjp(A, L_bar, *, halved=True):
    L = np.linalg.cholesky(A)
    inner = np.tril(L.T @ np.tril(L_bar))
    if halved:
        inner -= 0.5 * np.diag(np.diag(inner))
    half = solve_triangular(L, inner, trans="T", lower=True)
    S = solve_triangular(L, half.T, trans="T", lower=True).T
    return np.tril(S + S.T) - np.diag(np.diag(S))


rule(
    "Cholesky (Murray 2016)",
    lambda vjp: verify_vjp(np.linalg.cholesky, vjp, spd, seed=0),
    right=cholesky_vjp,
    wrong=lambda A, L_bar: cholesky_vjp(A, L_bar, halved=False),
)

# --- triangular solve ----------------------------------------------------------------------------
# x = L^-1 b: b-bar = L^-T x-bar and L-bar = -b-bar x^T in the lower triangle, by both arguments.
# The mistake: the upper triangle, which the solver never reads, gets a gradient too.

L0, b0 = np.tril(rng.normal(size=(4, 4))) + 3 * np.eye(4), rng.normal(size=4)


def solve(L, b):
    return solve_triangular(L, b, lower=True)


def solve_vjp(L, b, x_bar, *, mask=True):
    b_bar = solve_triangular(L, x_bar, lower=True, trans="T")
    L_bar = -np.outer(b_bar, solve(L, b))
    return (np.tril(L_bar) if mask else L_bar), b_bar


rule(
    "triangular solve",
    lambda vjp: verify_vjp(solve, vjp, L0, b0, argnums=(0, 1), seed=0),
    right=solve_vjp,
    wrong=lambda L, b, x_bar: solve_vjp(L, b, x_bar, mask=False),
    only="L[",
)

# --- log-determinant -----------------------------------------------------------------------------
# The gradient is the transposed inverse. The mistake hides where the matrix is symmetric.


square = rng.normal(size=(3, 3)) + 2 * np.eye(3)


def logdet(A):
    return np.linalg.slogdet(A)[1]


rule(
    "log-determinant",
    lambda grad: verify_grad(logdet, grad, square, seed=0),
    right=lambda A: np.linalg.inv(A).T,
    wrong=np.linalg.inv,
)

# --- eigen-decomposition -------------------------------------------------------------------------
# dw = diag(V^T dA V) and dV = V (F * V^T dA V) with F_ij = 1 / (w_j - w_i). The mistake: the signs
# of F the other way round. (Eigenvectors have a sign of their own, which is fixed here.)

symmetric = (lambda a: a + a.T)(rng.normal(size=(4, 4)))


def eigen(A):
    w, V = np.linalg.eigh((A + A.T) / 2)
    return w, V * np.where(V[0] < 0, -1.0, 1.0)


def eigen_jvp(A, dA, *, sign=1.0):
    w, V = eigen(A)
    inner = V.T @ ((dA + dA.T) / 2) @ V
    gap = w[None, :] - w[:, None]
    np.fill_diagonal(gap, np.inf)
    return np.diag(inner).copy(), V @ (sign * inner / gap)


rule(
    "eigen-decomposition",
    lambda jvp: verify_jvp(eigen, jvp, symmetric, seed=0),
    right=eigen_jvp,
    wrong=lambda A, dA: eigen_jvp(A, dA, sign=-1.0),
)

# --- ridge regression as an argmin ---------------------------------------------------------------
# w(lambda) solves (X^T X + lambda I) w = X^T y, so that dw / dlambda = -(X^T X + lambda I)^-1 w.
# The mistake: the derivative of the objective at fixed w, as if the minimiser stayed where it is.


def ridge(penalty):
    return np.linalg.solve(X.T @ X + penalty * np.eye(4), X.T @ y)


def ridge_jac(penalty):
    return -np.linalg.solve(X.T @ X + penalty * np.eye(4), ridge(penalty))


rule(
    "ridge, implicitly",
    lambda jac: verify_jac(ridge, jac, np.array(1.5), seed=0),
    right=ridge_jac,
    wrong=lambda penalty: -ridge(penalty),
)

# --- fixed point ---------------------------------------------------------------------------------
# z = tanh(W z + b), and the vjp by the implicit function theorem: (I - D W)^-T z-bar, D = 1 - z^2.
# The mistake: only the last iteration is differentiated (as if z on the right were a constant).

fixed = {"W": rng.normal(size=(4, 4)) / 4, "b": rng.normal(size=4)}


def fixed_point(p):
    z = np.zeros(4)
    for _ in range(200):
        z = np.tanh(p["W"] @ z + p["b"])
    return z


def fixed_point_vjp(p, z_bar, *, implicit=True):
    z = fixed_point(p)
    D = np.diag(1 - z**2)
    if implicit:
        z_bar = np.linalg.solve((np.eye(4) - D @ p["W"]).T, z_bar)
    return {"W": np.outer(D @ z_bar, z), "b": D @ z_bar}


rule(
    "fixed point, implicitly",
    lambda vjp: verify_vjp(fixed_point, vjp, fixed, seed=0),
    right=fixed_point_vjp,
    wrong=lambda p, z_bar: fixed_point_vjp(p, z_bar, implicit=False),
)

# --- ODE, adjoint --------------------------------------------------------------------------------
# A predator and its prey, by classical Runge-Kutta, and the exact adjoint of these very steps, run
# backwards. The mistake: the continuous adjoint, which is another discretisation: its gradient is
# that of the ODE, off from that of the loss which is minimised by the error of the steps.

STEPS, H = 20, 0.25
rates = {"birth": 1.1, "eaten": 0.4, "grown": 0.1, "death": 0.4}
rates = {name: np.array(value) for name, value in rates.items()}
begin = np.array([8.0, 4.0])


def velocity(z, p):
    prey, hunters = z
    meetings = prey * hunters
    return np.array(
        [p["birth"] * prey - p["eaten"] * meetings, p["grown"] * meetings - p["death"] * hunters]
    )


def velocity_vjp(z, p, bar):
    prey, hunters = z
    to_prey = bar[0] * (p["birth"] - p["eaten"] * hunters) + bar[1] * p["grown"] * hunters
    to_hunters = -bar[0] * p["eaten"] * prey + bar[1] * (p["grown"] * prey - p["death"])
    meetings = prey * hunters
    by_rates = [bar[0] * prey, -bar[0] * meetings, bar[1] * meetings, -bar[1] * hunters]
    return np.array([to_prey, to_hunters]), np.array(by_rates)


def stages(z, p):
    k1 = velocity(z, p)
    k2 = velocity(z + H / 2 * k1, p)
    k3 = velocity(z + H / 2 * k2, p)
    k4 = velocity(z + H * k3, p)
    return [z, z + H / 2 * k1, z + H / 2 * k2, z + H * k3], (k1 + 2 * k2 + 2 * k3 + k4) / 6


def trajectory(p):
    path = [begin]
    for _ in range(STEPS):
        path.append(path[-1] + H * stages(path[-1], p)[1])
    return path


def final_loss(p):
    return 0.5 * np.sum(trajectory(p)[-1] ** 2)


def discrete_adjoint(p):
    path = trajectory(p)
    bar, total = path[-1].copy(), np.zeros(4)
    for z in reversed(path[:-1]):
        points, _ = stages(z, p)
        carried, later = bar.copy(), np.zeros(2)
        # From the last stage to the first: weight of its slope, and share in the next stage.
        for point, weight, share in zip(
            points[::-1], (H / 6, H / 3, H / 3, H / 6), (0, H, H / 2, H / 2), strict=True
        ):
            later, by_rates = velocity_vjp(point, p, weight * bar + share * later)
            carried, total = carried + later, total + by_rates
        bar = carried
    return final_loss(p), dict(zip(rates, total, strict=True))


def continuous_adjoint(p):
    path = trajectory(p)
    bar, total = path[-1].copy(), np.zeros(4)
    for z in reversed(path[1:]):
        to_z, by_rates = velocity_vjp(z, p, bar)
        bar, total = bar + H * to_z, total + H * by_rates
    return final_loss(p), dict(zip(rates, total, strict=True))


rule(
    "ODE, discrete adjoint",
    lambda grad: verify_grad(final_loss, grad, rates, value_and_grad=True, seed=0),
    right=discrete_adjoint,
    wrong=continuous_adjoint,
)

# --- Kalman filter -------------------------------------------------------------------------------
# The score of the local level model, by the logarithms of its two variances: the derivatives of
# mean and variance are filtered beside them. The mistake: the gain is taken for a constant.

series = np.cumsum(0.5 * rng.normal(size=40)) + rng.normal(size=40)


def kalman(p, *, gain_moves=True):
    """Return the negative log-likelihood and its score."""
    q, r = np.exp(p["log_level"]), np.exp(p["log_noise"])
    dq, dr = np.array([q, 0.0]), np.array([0.0, r])
    mean, var, dmean, dvar = 0.0, 10.0, np.zeros(2), np.zeros(2)
    loss, score = 0.0, np.zeros(2)
    for y_t in series:
        var, dvar = var + q, dvar + dq
        S, dS = var + r, dvar + dr
        error, derror = y_t - mean, -dmean
        loss += 0.5 * (np.log(S) + error**2 / S)
        score += 0.5 * (dS / S + 2 * error * derror / S - (error / S) ** 2 * dS)
        gain = var / S
        dgain = (dvar - gain * dS) / S if gain_moves else np.zeros(2)
        mean, dmean = mean + gain * error, dmean + dgain * error + gain * derror
        var, dvar = (1 - gain) * var, (1 - gain) * dvar - dgain * var
    return loss, {"log_level": score[0], "log_noise": score[1]}


rule(
    "Kalman filter score",
    lambda grad: verify_grad(
        lambda p: kalman(p)[0],
        grad,
        {"log_level": np.array(-1.0), "log_noise": np.array(0.2)},
        value_and_grad=True,
        seed=0,
    ),
    right=kalman,
    wrong=lambda p: kalman(p, gain_moves=False),
)

# --- Gaussian process ----------------------------------------------------------------------------
# Rasmussen and Williams (2006), eq. 5.9: the gradient of the log marginal likelihood is half the
# trace of (a a^T - K^-1) dK. The mistake: the noise is a standard deviation, its square is in K,
# and the 2 from the square is lost. One entry of three.

inputs = np.sort(rng.uniform(0, 5, size=15))
apart = (inputs[:, None] - inputs[None, :]) ** 2
outputs = np.sin(inputs) + 0.2 * rng.normal(size=15)
hyper = {"log_length": np.array(0.2), "log_noise": np.array(-1.2), "log_size": np.array(0.1)}


def covariance(p):
    smooth = np.exp(2 * p["log_size"] - 0.5 * apart * np.exp(-2 * p["log_length"]))
    return smooth, smooth + np.exp(2 * p["log_noise"]) * np.eye(15)


def evidence(p):
    L = np.linalg.cholesky(covariance(p)[1])
    return 0.5 * np.sum(solve_triangular(L, outputs, lower=True) ** 2) + np.log(np.diag(L)).sum()


def evidence_slope(p, *, two=2.0):
    smooth, K = covariance(p)
    factor = np.linalg.cholesky(K), True
    a = cho_solve(factor, outputs)
    inner = cho_solve(factor, np.eye(15)) - np.outer(a, a)
    by = {
        "log_length": smooth * apart * np.exp(-2 * p["log_length"]),
        "log_noise": two * np.exp(2 * p["log_noise"]) * np.eye(15),
        "log_size": 2 * smooth,
    }
    return {name: 0.5 * np.sum(inner * dK) for name, dK in by.items()}


rule(
    "Gaussian process evidence",
    lambda grad: verify_grad(evidence, grad, hyper, seed=0),
    right=evidence_slope,
    wrong=lambda p: evidence_slope(p, two=1.0),
    only="['log_noise']",
)

# --- hidden Markov model -------------------------------------------------------------------------
# Fisher's identity: the slope of the log-likelihood by a log transition probability is the expected
# number of such transitions, given all observations. The mistake: given those so far, which is the
# filter and not the smoother.

log_transitions = np.log(rng.dirichlet(np.ones(3) * 2, size=3))
log_emissions = np.log(rng.dirichlet(np.ones(4) * 2, size=3))
observed = rng.integers(4, size=25)


def log_sum_exp_along(a, axis):
    top = a.max(axis, keepdims=True)
    return np.squeeze(top, axis) + np.log(np.exp(a - top).sum(axis))


def forward_messages(log_T):
    alpha = [np.log(np.ones(3) / 3) + log_emissions[:, observed[0]]]
    for o in observed[1:]:
        alpha.append(log_sum_exp_along(alpha[-1][:, None] + log_T, 0) + log_emissions[:, o])
    return alpha


def hmm_likelihood(log_T):
    return log_sum_exp_along(forward_messages(log_T)[-1], 0)


def expected_transitions(log_T, *, smoothed=True):
    alpha, beta = forward_messages(log_T), np.zeros(3)
    expected = np.zeros((3, 3))
    for before, o in zip(alpha[-2::-1], observed[:0:-1], strict=True):
        ahead = log_emissions[:, o] + (beta if smoothed else 0)
        pairs = before[:, None] + log_T + ahead
        expected += np.exp(pairs - log_sum_exp_along(pairs.ravel(), 0))
        beta = log_sum_exp_along(log_T + ahead, 1)
    return expected


rule(
    "hidden Markov model",
    lambda grad: verify_grad(hmm_likelihood, grad, log_transitions, seed=0),
    right=expected_transitions,
    wrong=lambda log_T: expected_transitions(log_T, smoothed=False),
)

# --- nonlinear least squares, Hessian times a vector ---------------------------------------------
# The mistake: Gauss-Newton, which leaves out the curvature of the residuals. A fine matrix to
# optimise with, and not the Hessian.

times = np.linspace(0, 3, 12)
decay = np.exp(-0.8 * times) + 0.3 * rng.normal(size=12)


def decay_loss(p):
    return 0.5 * np.sum((p[0] * np.exp(-p[1] * times) - decay) ** 2)


def decay_hvp(p, v, *, newton=True):
    e = np.exp(-p[1] * times)
    J = np.stack([e, -p[0] * times * e], axis=1)
    product = J.T @ (J @ v)
    if newton:
        r = p[0] * e - decay
        mixed, bent = -np.sum(r * times * e), np.sum(r * p[0] * times**2 * e)
        product += np.array([mixed * v[1], mixed * v[0] + bent * v[1]])
    return product


rule(
    "least squares, hvp",
    lambda hvp: verify_hvp(decay_loss, hvp, np.array([1.5, 0.4]), seed=0),
    right=decay_hvp,
    wrong=lambda p, v: decay_hvp(p, v, newton=False),
)

# --- rotation by its exponential -----------------------------------------------------------------
# Rodrigues' formula turns a vector p about w; the Jacobian by w is -R [p]x J_r(w), with the right
# Jacobian of SO(3). The mistake: the left one (the signs of its odd term are the other way round).

arm = np.array([0.3, -1.0, 0.8])


def cross(w):
    return np.array([[0, -w[2], w[1]], [w[2], 0, -w[0]], [-w[1], w[0], 0]])


def rotation(w):
    angle = np.linalg.norm(w)
    K = cross(w / angle)
    return np.eye(3) + np.sin(angle) * K + (1 - np.cos(angle)) * K @ K


def rotated(w):
    return rotation(w) @ arm


def rotated_jac(w, *, sign=-1.0):
    angle = np.linalg.norm(w)
    K = cross(w)
    J = (
        np.eye(3)
        + sign * (1 - np.cos(angle)) / angle**2 * K
        + (angle - np.sin(angle)) / angle**3 * K @ K
    )
    return -rotation(w) @ cross(arm) @ J


rule(
    "rotation exponential",
    lambda jac: verify_jac(rotated, jac, np.array([0.4, -0.7, 0.2]), seed=0),
    right=rotated_jac,
    wrong=lambda w: rotated_jac(w, sign=1.0),
)

# --- cumulative product --------------------------------------------------------------------------
# The vjp sums what comes after, each entry divided out. The mistake: it sums what comes before.


def cumprod_vjp(x, bar):
    return np.cumsum((bar * np.cumprod(x))[::-1])[::-1] / x


def cumprod_vjp_forward(x, bar):
    return np.cumsum(bar * np.cumprod(x)) / x


rule(
    "cumulative product",
    lambda vjp: verify_vjp(np.cumprod, vjp, np.array([1.2, -0.7, 0.9, 1.5, -1.1]), seed=0),
    right=cumprod_vjp,
    wrong=cumprod_vjp_forward,
)

# --- convolution by FFT, complex -----------------------------------------------------------------
# Circular convolution of complex signals. Of a complex x0 in NumPy, a gradient has the slopes along
# the real and the imaginary parts as its own: that of sum |y|^2 / 2 by the signal is y correlated
# with the kernel, whose spectrum is therefore conjugated. The mistake: it is not.

kernel = rng.normal(size=8) + 1j * rng.normal(size=8)
signal = rng.normal(size=8) + 1j * rng.normal(size=8)


def power(x):
    y = np.fft.ifft(np.fft.fft(x) * np.fft.fft(kernel))
    return 0.5 * np.sum(np.abs(y) ** 2)


def correlated(x):
    spectrum = np.fft.fft(kernel)
    return np.fft.ifft(np.fft.fft(x) * spectrum * spectrum.conj())


def convolved_twice(x):
    return np.fft.ifft(np.fft.fft(x) * np.fft.fft(kernel) ** 2)


rule(
    "FFT convolution, complex",
    lambda grad: verify_grad(power, grad, signal, seed=0),
    right=correlated,
    wrong=convolved_twice,
)

# --- einsum chain --------------------------------------------------------------------------------
# y = A B x, by all three. The mistake: B-bar is transposed, which its square shape allows.


factors = rng.normal(size=(2, 3)), rng.normal(size=(3, 3)), rng.normal(size=3)


def chain(A, B, x):
    return np.einsum("ij,jk,k->i", A, B, x)


def chain_vjp(A, B, x, y_bar):
    B_bar = np.einsum("i,ij,k->jk", y_bar, A, x)
    return np.outer(y_bar, B @ x), B_bar, B.T @ (A.T @ y_bar)


def chain_vjp_transposed(A, B, x, y_bar):
    A_bar, B_bar, x_bar = chain_vjp(A, B, x, y_bar)
    return A_bar, B_bar.T, x_bar


rule(
    "einsum chain",
    lambda vjp: verify_vjp(chain, vjp, *factors, argnums=(0, 1, 2), seed=0),
    right=chain_vjp,
    wrong=chain_vjp_transposed,
    only="B[",
)
