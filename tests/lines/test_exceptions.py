"""Exceptions of the one list: a right claim that needs each, a wrong one that it does not save."""

import numpy as np
import pytest
from tests.lines.test_inexact import of_the_sum, summed

from gradproof import Verdict, verify_grad, verify_vjp
from gradproof._lines import judgement


def kink():
    return (lambda x: abs(x).sum()), np.ones_like, np.zeros(4), lambda x: np.full(4, 3.0)


def staircase():
    """At any step a line crosses the stairs of all entries; one entry by itself does not."""
    rng = np.random.default_rng(0)
    x = ((np.floor(64 * rng.uniform(0.5, 2, 20)) + rng.uniform(0.3, 0.7, 20)) / 64).astype(
        "float32"
    )
    return (lambda x: (np.floor(64 * x) / 64).astype(float).sum()), np.zeros_like, x, None


def scale():
    """A ripple of 1e-7 has a slope of 3e-5 of the whole, which the trend leaves out."""
    x = np.array([-1.5, 2.0, (2000 * np.pi + np.pi / 2 - 0.06) * 1e-4, 0.8])
    ripples = np.array([1e-3, 1e-3, 0.0, 1e-3])
    return (
        lambda x: (x**2 + 1e-7 * np.sin(1e4 * x)).sum(),
        lambda x: 2 * x + ripples * np.cos(1e4 * x),
        x,
        lambda x: 2.01 * x,
    )


def oscillation():
    """Entries that all steps of a ladder see as noise, among others that they do not."""
    x, w = np.random.default_rng(0).uniform(0.5, 1.5, 5), 3e8
    return (
        lambda x: np.sin(w * x[:4]).sum() / w + x[4] ** 2,
        lambda x: np.append(np.cos(w * x[:4]), 2 * x[4]),
        x,
        lambda x: np.append(-np.cos(w * x[:4]), 2 * x[4]),
    )


def jump():
    x = (2 * np.random.default_rng(19).normal(size=3)).astype("float16")
    func = lambda x: (x * x + np.floor(8 * x)).sum(dtype="float16")  # noqa: E731
    return func, lambda x: 2 * x, x, np.zeros_like


def integral():
    """Kinks nearer to x0 than the steps of half precision."""
    rng = np.random.default_rng(7)
    a, x = rng.normal(size=(12, 4)).astype("float16"), rng.normal(size=4).astype("float16")
    return (
        lambda x: np.maximum(a @ x, 0).sum(dtype="float16"),
        lambda x: a.T @ (a @ x > 0).astype("float16"),
        x,
        lambda x: -(a.T @ (a @ x > 0).astype("float16")),
    )


def single_entries():
    """A line crosses the jumps of all entries; one entry meets its own alone."""
    x = (2 * np.random.default_rng(2).normal(size=16)).astype("float16")

    def func(x):
        assert x.dtype == "float16"  # nor is there a wider one that would tell
        return (x - np.floor(x)).sum()

    return func, np.ones_like, x, lambda x: -np.ones_like(x)


def rounding():
    """Residuals of 1e-14 of a saturated fit: of the claim's own terms hardly a digit is left."""
    rng = np.random.default_rng(4)
    a, w = rng.normal(size=(12, 4)), rng.normal(size=4)
    a *= (30 * rng.uniform(1, 1.2, 12) / (a @ w))[:, None]
    return (
        lambda w: np.logaddexp(0, -(a @ w)).sum(),
        lambda w: a.T @ (1 / (1 + np.exp(-a @ w)) - 1),
        w,
        np.zeros_like,
    )


def inexact():
    return summed, of_the_sum, np.array([0.35, 0.8]), lambda x: 2 * of_the_sum(x)


def elsewhere():
    """So noisy that chords beyond x alone are sharp; a mistake is found where they are not."""
    rng = np.random.default_rng(1)
    x, a = (
        (rng.choice([-1, 1], 5) * rng.integers(8, 24, 5) / 16).astype("float32") for _ in range(2)
    )

    def func(x):
        factor = 1 + 0.1 * np.random.default_rng(list(x.tobytes())).normal()
        return (factor * np.sum(a * np.sin(x))).astype("float32")

    return func, lambda x: a * np.cos(x), x, lambda x: 50 * a * np.cos(x)


#: By the name of the exception, and the seed of the check.
CASES = {
    "kink": (kink, 0),
    "staircase": (staircase, 0),
    "scale": (scale, 0),
    "oscillation": (oscillation, 2),
    "jump": (jump, 15),
    "integral": (integral, 7),
    "single entries": (single_entries, 0),
    "rounding": (rounding, 0),
    "inexact": (inexact, 0),
    "elsewhere": (elsewhere, 1),
}


@pytest.mark.parametrize("name", CASES)
class TestExceptions:
    def test_a_right_claim_needs_it(self, name, monkeypatch):
        case, seed = CASES[name]
        func, grad, x, _ = case()
        with np.errstate(all="ignore"):
            assert verify_grad(func, grad, x, seed=seed).verdict is not Verdict.FAIL
            others = tuple(each for each in judgement.EXCEPTIONS if each.name != name)
            monkeypatch.setattr(judgement, "EXCEPTIONS", others)
            assert verify_grad(func, grad, x, seed=seed).verdict is Verdict.FAIL

    def test_a_wrong_claim_is_not_saved_by_it(self, name):
        case, seed = CASES[name]
        func, _, x, wrong = case()
        if wrong is None:  # as right as any: but not of a func that has a slope as well
            stairs, func, wrong = func, (lambda x: stairs(x) + x.sum()), np.zeros_like
        with np.errstate(all="ignore"):
            report = verify_grad(func, wrong, x, seed=seed)
        assert report.verdict is Verdict.FAIL, str(report)


@pytest.mark.library("torch")
def test_coarse_steps_alone(monkeypatch):
    """Rows of sorted numbers add up their kinks, which three neighbouring steps may say alike."""
    import torch

    def func(x):  # has ties by itself, and no wider dtype that would tell
        assert x.dtype == torch.bfloat16
        return x.float().sort(-1).values.to(x.dtype)

    def vjp(x, ct):
        return torch.func.vjp(func, x)[1](ct)[0]

    x = torch.tensor(np.random.default_rng(1).normal(size=(20, 33))).to(torch.bfloat16)
    assert verify_vjp(func, vjp, x, seed=7, pullback=False).verdict is not Verdict.FAIL
    wrong = verify_vjp(func, lambda x, ct: -vjp(x, ct), x, seed=7, pullback=False)
    assert wrong.verdict is Verdict.FAIL
    others = tuple(each for each in judgement.EXCEPTIONS if each.name != "coarse steps alone")
    monkeypatch.setattr(judgement, "EXCEPTIONS", others)
    assert verify_vjp(func, vjp, x, seed=7, pullback=False).verdict is Verdict.FAIL


def test_none_is_without_a_test():
    elsewhere = {"coarse steps alone", "perhaps inexact"}
    assert {each.name for each in judgement.EXCEPTIONS} == {*CASES, *elsewhere}
