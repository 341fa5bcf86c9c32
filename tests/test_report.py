"""Reports as values, and what they say: the finding first, with its place, number and size."""

import copy
import pickle

import numpy as np
import pytest
from tests.claims import point

import gradproof
from gradproof import Report, verify_grad, verify_hess, verify_jac, verify_jvp, verify_vjp

A = np.random.default_rng(0).uniform(0.5, 1.5, (3, 6))


def cube(x):
    return (x * x * x).sum()


def spoilt(x):
    g = 3 * x * x
    g[4] *= 1.01
    return g


def every_kind() -> dict[str, Report]:
    """Return a report of each kind, right and wrong."""
    x = point()
    return {
        "right": verify_grad(cube, lambda x: 3 * x * x, x, seed=0),
        "wrong": verify_grad(cube, spoilt, x, seed=0),
        "not finite": verify_grad(cube, lambda x: x * np.nan, x, seed=0),
        "many": verify_grad(cube, lambda x: 3 * x * x, np.linspace(0.5, 1.5, 400), seed=0),
        "pytree": verify_grad(lambda p: cube(p["a"]), lambda p: {"a": spoilt(p["a"])}, {"a": x}),
        "Jacobian": verify_jac(lambda x: A @ x, lambda x: A, x, seed=0),
        "wrong Jacobian": verify_jac(lambda x: A @ x, lambda x: A + 0.1, x, seed=0),
        "vjp": verify_vjp(np.sin, lambda x, ct: ct * np.cos(x), x, seed=0),
        "jvp": verify_jvp(np.sin, lambda x, t: -t * np.cos(x), x, seed=0),
        "Hessian": verify_hess(cube, lambda x: np.diag(6 * x), x, seed=0),
        "together": verify_grad(
            cube, lambda x: (cube(x), spoilt(x)), x, value_and_grad=True, seed=0
        ),
    }


@pytest.fixture(scope="module")
def reports():
    return every_kind()


KINDS = (
    "right", "wrong", "not finite", "many", "pytree", "Jacobian", "wrong Jacobian", "vjp", "jvp",
    "Hessian", "together",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
class TestValues:
    """A report is a value: it can be kept, sent to another process, and compared."""

    @pytest.mark.parametrize("again", [lambda r: pickle.loads(pickle.dumps(r)), copy.deepcopy])
    def test_copies(self, reports, kind, again):
        report = reports[kind]
        other = again(report)
        assert other == report
        assert hash(other) == hash(report)
        assert str(other) == str(report)
        assert [e["name"] for e in other.worst()] == [e["name"] for e in report.worst()]

    def test_equality(self, reports, kind):
        report = reports[kind]
        assert (report == report) is True
        assert report != "pass"
        for other, known in reports.items():
            assert (known == report) is (other == kind)

    def test_one_line(self, reports, kind):
        """What a prompt shows, and pytest of `assert report.ok`."""
        report = reports[kind]
        line = repr(report)
        assert "\n" not in line
        assert len(line) <= 240
        assert line.startswith(f"<Report {report.verdict}: ")
        if kind in ("wrong", "pytree"):
            assert "[4]: claimed" in line


@pytest.mark.library("torch")
def test_autodiff_is_a_value():
    import torch

    x = torch.linspace(0.5, 1.5, 5, dtype=torch.float64)
    report = gradproof.verify_autodiff(torch.sin, x, seed=0)
    assert pickle.loads(pickle.dumps(report)) == report == copy.deepcopy(report)


def test_modules():
    """Public names, wherever they are defined."""
    for name in set(gradproof.__all__) - {"__version__"}:
        assert getattr(gradproof, name).__module__ == "gradproof"
