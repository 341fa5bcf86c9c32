"""The problems that every library can do: written once, against the array API standard."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np

from ..._backends.registry import Backend
from ..._backends.typing import Function

#: Turns NumPy numbers into an array of the library at hand.
Make = Callable[[Any], Any]


@dataclass(frozen=True)
class Claim:
    """A gradient function, and what is wrong with it (nothing, if `mistake` is empty)."""

    grad: Function
    mistake: str = ""


@dataclass(frozen=True)
class Problem:
    """A function, a point, and claims about the gradient there."""

    name: str
    func: Function
    x0: Any
    claims: tuple[Claim, ...]


def orings() -> tuple[np.ndarray, np.ndarray]:
    """
    Return the launches of the Space Shuttle before the loss of Challenger.

    Returns
    -------
    temperature : ndarray of shape (23,)
        Of the joints at launch, in degrees Fahrenheit.
    distress : ndarray of shape (23,)
        1 where the O-rings of a field joint of the boosters showed erosion or blow-by, else 0.

    Notes
    -----
    Source: S. R. Dalal, E. B. Fowlkes and B. Hoadley, Risk analysis of the Space Shuttle:
    pre-Challenger prediction of failure, J. Amer. Statist. Assoc. 84 (1989) 945-957, table 1.
    Flight 4 is left out, as there: its boosters were lost at sea.
    """
    file = resources.files(__package__) / "orings.csv"
    rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    temperature, distress = ([float(row[k]) for row in rows] for k in ("temperature", "distress"))
    return np.asarray(temperature), np.asarray(distress)


def _product(xp: Any, a: Any, b: Any) -> Any:
    """Return the matrix product, in the precision of the dtype."""
    # `a @ b` may run in TensorFloat-32 on a GPU: 11 bits, of which a difference leaves nothing.
    return xp.sum(xp.reshape(a, a.shape + (1,) * (b.ndim - 1)) * b, axis=1)


def logistic_regression(backend: Backend, make: Make) -> Problem:
    """Return the mean negative log-likelihood of distress, given the temperature."""
    xp: Any = backend.xp
    temperature, distress = orings()
    n = len(distress)
    # In tens of degrees from 70 F, so that both coefficients are of one size.
    design = make(np.stack([np.ones(n), (temperature - 70) / 10], axis=1))
    y = make(distress)

    def loss(beta: Any) -> Any:
        z = _product(xp, design, beta)
        # log(1 + exp(z)) without overflow
        log1pexp = xp.maximum(z, xp.zeros_like(z)) + xp.log1p(xp.exp(-xp.abs(z)))
        return xp.mean(log1pexp - y * z)

    def residuals(beta: Any) -> Any:
        sigmoid = 0.5 * (1 + xp.tanh(_product(xp, design, beta) / 2))
        return sigmoid - y

    def right(beta: Any) -> Any:
        return (residuals(beta) @ design) / n

    def sum_for_mean(beta: Any) -> Any:
        return residuals(beta) @ design

    return Problem(
        "logistic loss",
        loss,
        make([1.0, 0.5]),
        (Claim(right), Claim(sum_for_mean, "sum instead of mean")),
    )


def softmax_cross_entropy(backend: Backend, make: Make) -> Problem:
    """Return the mean cross entropy of a linear classifier, a function of its weight matrix."""
    xp: Any = backend.xp
    n, features, classes = 8, 5, 4
    i, j = np.indices((n, features))
    inputs = make(np.sin(1.0 + 3 * i + 5 * j))
    labels = make(np.eye(classes)[np.arange(n) ** 2 % classes])
    i, j = np.indices((features, classes))
    weights = make(np.cos(2.0 * i + 3 * j) / 2)
    all_but_last = make(i * classes + j + 1 < features * classes)

    def loss(w: Any) -> Any:
        logits = _product(xp, inputs, w)
        top = xp.max(logits, axis=1, keepdims=True)
        log_sum = top + xp.log(xp.sum(xp.exp(logits - top), axis=1, keepdims=True))
        return xp.sum(labels * (log_sum - logits)) / n

    def probabilities(w: Any) -> Any:
        logits = _product(xp, inputs, w)
        powers = xp.exp(logits - xp.max(logits, axis=1, keepdims=True))
        return powers / xp.sum(powers, axis=1, keepdims=True)

    def right(w: Any) -> Any:
        return (xp.matrix_transpose(inputs) @ (probabilities(w) - labels)) / n

    def no_labels(w: Any) -> Any:
        return (xp.matrix_transpose(inputs) @ probabilities(w)) / n

    def loop_too_short(w: Any) -> Any:
        return right(w) * all_but_last

    return Problem(
        "softmax cross entropy",
        loss,
        weights,
        (
            Claim(right),
            Claim(no_labels, "labels not subtracted"),
            Claim(loop_too_short, "last entry left at 0"),
        ),
    )


#: The problems for every library.
PROBLEMS = (logistic_regression, softmax_cross_entropy)
