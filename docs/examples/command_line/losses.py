"""A logistic regression with its score and Hessian, and a layer with weights and biases."""

import numpy as np

rng = np.random.default_rng(0)
design = rng.standard_normal((20, 3))
labels = (design @ [1.0, -2.0, 0.5] > 0).astype(float)


def loss(beta):
    z = design @ beta
    return np.logaddexp(0, z).sum() - labels @ z


def score(beta):
    p = 1 / (1 + np.exp(-design @ beta))
    return design.T @ (p - labels)


def mean_score(beta):
    return score(beta) / len(labels)  # loss is a sum


def hessian(beta):
    p = 1 / (1 + np.exp(-design @ beta))
    return design.T @ (p * (1 - p) * design.T).T


def flat_hessian(beta):
    p = 1 / (1 + np.exp(-design @ beta))
    return design.T @ (p * design.T).T  # lacks a factor


weights = {"w": rng.standard_normal((2, 3)), "b": np.zeros(2)}
batch = rng.standard_normal(3)


def layer(params, x, scale=1.0):
    return scale * np.tanh(params["w"] @ x + params["b"]).sum()


def layer_grad(params, x, scale=1.0):
    by_b = scale * (1 - np.tanh(params["w"] @ x + params["b"]) ** 2)
    return {"w": np.outer(by_b, x), "b": by_b}


def predict(beta):
    return np.tanh(design @ beta)


def predict_vjp(beta, cotangent):
    return design.T @ (cotangent * (1 - np.tanh(design @ beta) ** 2))


def predict_jvp(beta, tangent):
    return (1 - np.tanh(design @ beta)) * (design @ tangent)  # forgot the square


def hvp(beta, tangent):
    return hessian(beta) @ tangent
