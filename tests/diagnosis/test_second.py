"""Hessians and products with them, of a func without a gradient: mistakes by their names."""

import numpy as np
import pytest

from gradproof import verify_hess, verify_hvp

RNG = np.random.default_rng(0)
A, Y, W = RNG.normal(size=(12, 6)), RNG.choice([-1.0, 1.0], 12), RNG.normal(size=6)
ROW, COLUMN = np.indices((6, 6))


def loss(w):
    return np.logaddexp(0, -Y * (A @ w)).sum()


def hessian(w):
    s = 1 / (1 + np.exp(-Y * (A @ w)))
    return (A.T * (s * (1 - s))) @ A


def checked(change):
    return verify_hess(loss, lambda w: change(hessian(w)), W, seed=0)


def test_what_is_right_has_no_name():
    report = checked(lambda h: h)
    assert report.ok
    assert report.diagnosis == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda h: -h, "has the wrong sign in every entry"),
        (lambda h: h / 2, "is 0.5 times func's second derivative in every entry"),
        (
            lambda h: np.where(ROW == COLUMN, h, 0),
            "is 0, and func's second derivative is not, off the diagonal",
        ),
        (np.tril, "is 0, and func's second derivative is not, above the diagonal"),
        (lambda h: np.where((ROW == 1) & (COLUMN == 4), 3 * h, h), "in 1 pair of entries"),
        (lambda h: np.where(ROW == COLUMN, 2 * h, h), "on the diagonal"),
        (lambda h: np.roll(h, 1, 0), "rolled"),
    ],
)
def test_entries_of_a_hessian_are_looked_at(change, words):
    report = checked(change)
    assert report.verdict == "fail"
    assert report.finding.startswith("the Hessian ")
    assert words in report.finding


def test_a_matrix_that_is_off_without_a_pattern_has_no_name():
    noise = 1 + 0.1 * np.random.default_rng(1).standard_normal((6, 6))
    report = checked(lambda h: h * noise)
    assert report.verdict == "fail"
    assert report.diagnosis == ()


def test_a_symmetric_mistake_is_not_asymmetric():
    pair = (ROW + COLUMN == 5) & (np.abs(ROW - COLUMN) == 3)
    report = checked(lambda h: np.where(pair, 2 * h, h))
    assert {str(one.kind) for one in report.diagnosis} == {"factor"}


def test_products_are_looked_at_as_the_hessian_behind_them():
    report = verify_hvp(loss, lambda w, v: np.diag(np.diag(hessian(w))) @ v, W, seed=0)
    assert report.finding.startswith("the Hessian behind the hvp is 0")
    assert "off the diagonal" in report.finding


def test_a_hessian_is_named_within_twice_the_calls_of_the_verdict():
    report = checked(lambda h: -h)
    right = checked(lambda h: h)
    # A fail is looked at by a second stencil, as often as by the first.
    assert report.nfev <= 2 * 2 * right.nfev


def test_a_hessian_by_numbers_beside_arrays():
    def func(p):
        return np.sum(p[0] * p[0]) * p[1] ** 2

    def hess(p):
        off = 4 * p[0] * p[1]
        return [[2 * p[1] ** 2 * np.eye(3), off], [off, -2 * np.sum(p[0] * p[0])]]

    report = verify_hess(func, hess, [np.array([0.5, 0.75, 1.0]), 1.25], seed=0)
    assert "has the wrong sign" in report.finding
    assert "the Hessian of `p[1] by p[1]`" in report.finding


@pytest.mark.parametrize("change", [lambda h: -h, lambda h: np.where(ROW + COLUMN == 5, 2 * h, h)])
def test_a_report_has_the_entries_of_the_hessian(change):
    """Those that were measured for its name, though the verdict is on a product."""
    report, right = checked(change), hessian(W)
    product = verify_hvp(loss, lambda w, v: change(hessian(w)) @ v, W, seed=0)
    for one in (report, product):
        assert "ratio" in str(one)
        assert one.wrong_entries
        for entry in one.wrong_entries:
            row, column = (int(part) for part in entry.path.strip("[]").split("] by ["))
            assert entry.claimed == pytest.approx(change(right)[row, column])
            assert abs(entry.measured - right[row, column]) <= entry.uncertainty
            assert change(right)[row, column] != right[row, column]
        assert one.jacobian is not None
        known = np.isfinite(one.jacobian.measured)
        assert known.sum() >= 16
        np.testing.assert_allclose(one.jacobian.measured[known], right[known], rtol=1e-4, atol=1e-4)
