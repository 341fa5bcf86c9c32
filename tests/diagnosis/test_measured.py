"""What is measured so that a mistake is named: entries at a limit, all of few, of rough claims."""

import numpy as np
import pytest

from gradproof import verify_grad, verify_jac, verify_vjp

RNG = np.random.default_rng(4)
ROW, COLUMN = np.indices((40, 150))


def test_the_limit_between_wrong_entries_and_right_ones_is_looked_for():
    x = RNG.normal(size=84)
    limit = float(np.quantile(np.abs(x), 0.7))

    def grad(x):
        return np.where(np.abs(x) > limit, -1, 1) * (np.cos(x) + x)

    report = verify_grad(lambda x: (np.sin(x) + x * x / 2).sum(), grad, x, seed=0)
    told = report.diagnosis[0]
    assert told.kind == "conditional"
    said = float(told.place.partition("> ")[2])
    assert ((np.abs(x) > said) == (np.abs(x) > limit)).all()


def test_all_entries_of_a_small_argument_are_measured():
    a, w = RNG.normal(size=(30, 20)), RNG.normal(size=20)
    sign = np.where(np.isin(np.arange(20), [3, 8, 14]), -1, 1)

    def grad(w):
        return sign * (a.T @ np.exp(a @ w / 4)) / 4

    report = verify_grad(lambda w: np.exp(a @ w / 4).sum(), grad, w, seed=0)
    assert report.diagnosis[0].kind == "sign"
    assert "3 of 20" in report.finding


def test_the_gradient_a_large_step_before_is_found_by_what_was_measured():
    w = RNG.normal(size=(4, 5)) / 2
    x, y = RNG.normal(size=(9, 4)), RNG.normal(size=(9, 5))

    def grad(w):
        h = np.tanh(x @ w)
        return x.T @ (2 * (h - y) * (1 - h * h))

    step = 0.3 * np.linalg.norm(w) / np.linalg.norm(grad(w))
    before = step * grad(w)
    report = verify_grad(
        lambda w: ((np.tanh(x @ w) - y) ** 2).sum(), lambda w: grad(w + before), w, seed=0
    )
    assert [str(one.kind) for one in report.diagnosis] == ["stale"]
    assert report.diagnosis[0].value == pytest.approx(step, rel=1e-4)


def test_a_result_whose_cotangent_is_left_out():
    def vjp(x, ct):
        return np.cos(x) * ct[0]

    x = RNG.normal(size=12)
    report = verify_vjp(lambda x: (np.sin(x), x * np.cos(x)), vjp, x, seed=0)
    assert "lacks what comes from func's second result" in report.finding


@pytest.mark.library("torch")
def test_further_arguments_are_taken_in_single_precision_with_x0():
    import torch

    rng = np.random.default_rng(0)
    w, x, y = (
        torch.tensor(rng.normal(size=shape), dtype=torch.bfloat16)
        for shape in ((12,), (40, 12), (40,))
    )

    def loss(w, x, y):
        return ((x @ w - y) ** 2).mean()

    def grad(w, x, y):
        return -2 * x.T @ (x @ w - y) / len(y)

    report = verify_grad(loss, grad, w, x, y, seed=0)
    assert report.finding.startswith("the gradient by `w` has the wrong sign in every entry")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda j: np.where((ROW == 3) & (COLUMN == 77), -j, j),
            "has the wrong sign in 1 of 6000 entries",
        ),
        (lambda j: np.where(COLUMN == 77, 0, j), "is 0, and func's slope is not, in [:, 77]"),
    ],
)
def test_columns_that_are_off_are_looked_at_first(change, words):
    """Of more columns than a name is looked for in, the wrong one is not left to chance."""
    a, x = np.random.default_rng(0).normal(size=(40, 150)), np.linspace(-1, 1, 150)

    def jac(x):
        return (1 - np.tanh(a @ x / 5) ** 2)[:, None] * a / 5

    report = verify_jac(lambda x: np.tanh(a @ x / 5), lambda x: change(jac(x)), x, seed=0)
    assert words in report.finding


@pytest.mark.parametrize("factor", [-1, 1.5, 2])
def test_the_entry_beside_a_wrong_one_is_no_shift(factor):
    """In single precision what is beside it, in a smooth claim, is the right number, too."""
    x = np.linspace(0.5, 1.5, 1000, dtype=np.float32)
    at = np.random.default_rng(1).choice(1000, 10, replace=False)

    def grad(x):
        g = 3 * x * x
        g[at] *= np.float32(factor)
        return g

    report = verify_grad(lambda x: (x**3).sum(), grad, x, directions="auto", seed=1)
    assert report.verdict == "fail"
    assert "off its place" not in report.finding
