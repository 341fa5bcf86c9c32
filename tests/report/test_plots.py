"""Pictures of a report."""

import json
import pickle
import sys
from dataclasses import replace

import numpy as np
import pytest

import gradproof
from gradproof import verify_against, verify_grad, verify_hess, verify_jac, verify_jvp
from gradproof._report.ladder import Ladder

pytestmark = pytest.mark.library("matplotlib")


@pytest.fixture
def plt():
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot

    yield matplotlib.pyplot
    matplotlib.pyplot.close("all")


@pytest.fixture
def report():
    x = {"w": np.linspace(0.5, 1.5, 12).reshape(3, 4), "b": np.linspace(1.0, 2.0, 5)}

    def claim(p):
        w = 3 * p["w"] ** 2
        w[1] *= 1.2
        return {"w": w, "b": 3 * p["b"] ** 2}

    return verify_grad(
        lambda p: (p["w"] ** 3).sum() + (p["b"] ** 3).sum(), claim, x, directions="all", seed=0
    )


def test_entries(plt, report):
    """Wrong entries are marked; the axes that are given are those that are drawn on."""
    _, own = plt.subplots()
    ax = report.plot_entries(own, most=6)
    assert ax is own
    assert report.plot_entries() is not own
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert len(labels) == 6
    assert {"p['w'][1, 0]", "p['w'][1, 3]"} <= set(labels)
    off = next(line for line in ax.lines if line.get_label() == "claimed, off")
    assert len(off.get_xdata()) == 4
    assert "fail" in ax.get_title(loc="left")
    ax.figure.canvas.draw()


def test_leaf(plt, report):
    axes = report.plot_leaf()
    claimed, measured, difference = (ax.images[0].get_array() for ax in axes)
    assert claimed.shape == measured.shape == (3, 4)
    assert np.allclose(claimed - measured, difference, equal_nan=True)
    assert (np.abs(difference) > 0.1).any(axis=1).tolist() == [False, True, False]
    assert report.plot_leaf("['b']")[0].images[0].get_array().shape == (1, 5)
    with pytest.raises(ValueError, match="expected one of the real leaves"):
        report.plot_leaf("['c']")


def test_nothing_to_draw(plt):
    many = verify_grad(lambda x: (x**3).sum(), lambda x: 3 * x**2, np.ones(400), seed=0)
    with pytest.raises(ValueError, match='directions="all"'):
        many.plot_entries()


def test_without_matplotlib(report, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match="gradproof\\[plot\\]"):
        report.plot_entries()


def slopes(x, y):
    """Return the slopes between neighbouring points of two logarithmic axes."""
    return np.diff(np.log(y)) / np.diff(np.log(x))


def right(x):
    return np.cos(x) * x + np.sin(x)


def func(x):
    return (np.sin(x) * x).sum()


def test_taylor(plt):
    """What a right gradient leaves falls like the square of the step; a wrong one, as the step."""
    x = np.linspace(0.5, 1.5, 6)
    _, own = plt.subplots()
    ax = gradproof.plot_taylor(func, right, x, seed=0, ax=own)
    assert ax is own
    change, left = (line.get_xydata() for line in ax.lines[:2])
    assert np.allclose(slopes(*change[4:12].T), 1, atol=0.05)
    assert np.allclose(slopes(*left[4:10].T), 2, atol=0.05)
    off = gradproof.plot_taylor(func, lambda x: 1.01 * right(x), x, seed=0).lines[1].get_xydata()
    assert np.allclose(slopes(*off[8:14].T), 1, atol=0.1)
    ax.figure.canvas.draw()


def test_steps(plt):
    """A V for a right gradient, and a floor at its error for a wrong one."""
    x = {"a": np.linspace(0.5, 1.5, 6), "n": 3}
    ax = gradproof.plot_steps(
        lambda p: func(p["a"]), lambda p: {"a": right(p["a"]), "n": None}, x, seed=0
    )
    steps, errors = ax.lines[0].get_xydata().T
    assert np.allclose(slopes(steps[2:8], errors[2:8]), 2, atol=0.05)
    best = int(errors.argmin())
    assert 1e-7 < steps[best] < 1e-3
    assert errors[-1] > 1e3 * errors[best]
    wrong = gradproof.plot_steps(
        lambda p: func(p["a"]), lambda p: {"a": 1.01 * right(p["a"]), "n": None}, x, seed=0
    )
    floor = wrong.lines[0].get_xydata()[8:16, 1]
    assert np.allclose(floor, 1 - 1 / 1.01, rtol=1e-2)


X = np.linspace(0.5, 1.5, 6)


def drawn(ax, label):
    """Return the points of what is drawn under a label."""
    (found,) = [line for line in ax.lines if line.get_label().startswith(label)]
    return found.get_xydata().T


class TestSteps:
    """The steps of a check, which are drawn without calling func again."""

    def test_right(self, plt):
        """A V: truncation falls with the square of the step, and noise grows as it falls."""
        calls = []

        def counted(x):
            calls.append(1)
            return func(x)

        report = verify_grad(counted, right, X, seed=0)
        count = len(calls)
        _, own = plt.subplots()
        ax = report.plot_steps(own)
        assert ax is own
        assert len(calls) == count == report.nfev
        steps, errors = drawn(ax, "claim less difference")
        assert np.allclose(slopes(steps, errors)[:3], 2, atol=0.1)
        assert errors[-1] > 10 * errors.min()
        assert np.allclose(slopes(*drawn(ax, "noise")), -1, atol=0.1)
        assert np.allclose(slopes(*drawn(ax, "truncation")), 2, atol=0.1)
        (chosen,), (less,) = drawn(ax, "extrapolated: less")
        assert np.isclose(steps, chosen, rtol=1e-3).any()
        assert less < drawn(ax, "what matters")[1][0] == report.rtol
        assert ax.get_title(loc="left") == "pass: along the claim"
        ax.figure.canvas.draw()

    @pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
    def test_wrong(self, plt, dtype):
        """The entry that is wrong, by its name, and its error as a floor."""

        def claim(x):
            g = right(x)
            g[3] *= x.dtype.type(1.5)
            return g

        report = verify_grad(lambda x: func(x).astype(x.dtype), claim, X.astype(dtype), seed=0)
        assert report.ladder is not None
        assert report.ladder.entry == 3
        ax = report.plot_steps()
        assert ax.get_title(loc="left") == "fail: x[3]"
        assert ax.get_xlabel() == "step of x[3]"
        assert np.isclose(
            report.ladder.error, 1 / 1.5 - 1, rtol=0.5 if dtype == "float16" else 0.02
        )
        _, errors = drawn(ax, "claim less difference")
        assert (errors[-3:] > 0.8 * abs(report.ladder.error)).all()
        assert report.plot_steps() is not ax
        assert ax.figure.get_figwidth() == 3.4

    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    @pytest.mark.parametrize("wrong", [[7], [7, 200, 650]])
    def test_after_a_search(self, plt, dtype, wrong):
        """An entry that a search has found at 2 or 3 steps: the line that led to it, with its V."""
        calls = []

        def counted(x):
            calls.append(1)
            return func(x).astype(x.dtype)

        def claim(x):
            g = right(x)
            g[wrong] *= x.dtype.type(1.5)
            return g

        x = np.linspace(0.5, 1.5, 1000).astype(dtype)
        report = verify_grad(counted, claim, x, seed=0)
        assert report.verdict == "fail"
        assert {one.index[0] for one in report.wrong_entries} == set(wrong)
        ax = report.plot_steps()
        assert len(calls) == report.nfev
        ladder = report.ladder
        assert ladder.entry == -1
        assert ladder.found in wrong
        others = " and others" if len(wrong) > 1 else ""
        name = f"x[{ladder.found}]{others}"
        assert ax.get_title(loc="left") == f"fail: {name}, seen along {ladder.line}"
        assert ax.get_xlabel() == f"step along {ladder.line}, in units of x0"
        steps, errors = drawn(ax, "claim less difference")
        assert len(steps) >= 5
        # What an error of the entry that matters would be there, and the floor that shows one.
        assert np.median(errors) > 10 * drawn(ax, "what matters")[1][0]
        assert errors[0] > 1.5 * np.median(errors)
        assert name in report.to_html()
        ax.figure.canvas.draw()

    def test_of_a_row(self, plt):
        """A row that is off, seen along a line where along the claim it is not: that line."""
        x = np.linspace(0.5, 1.5, 100_000, dtype=np.float32).reshape(100, -1)

        def claim(x):
            g = right(x)
            g[3] *= x.dtype.type(1.3)
            return g

        report = verify_grad(lambda x: func(x).astype(x.dtype), claim, x, seed=0)
        ladder = report.ladder
        assert report.verdict == "fail"
        assert abs(ladder.error) > ladder.bar + ladder.truncation + ladder.limit
        ax = report.plot_steps()
        assert ladder.line in ax.get_title(loc="left")

    def test_few_steps(self, plt):
        """Where all steps are between two powers of ten the axis has the ends of them."""
        ladder = Ladder(0, (4e-3, 2e-3), (0.3, 0.3), (1e-9, 2e-9), 6e-6, 2e-3, 0.3, 1e-9, 1e-9)
        report = replace(verify_grad(func, right, X, seed=0), ladder=ladder)
        ax = report.plot_steps()
        ax.figure.canvas.draw()
        assert [label.get_text() for label in ax.get_xticklabels()] == ["2.0e-03", "4.0e-03"]

    def test_what_is_kept(self):
        """A few numbers, which pickle, compare, and go into JSON."""
        report = verify_grad(func, lambda x: 1.1 * right(x), np.linspace(0.5, 1.5, 50_000), seed=0)
        ladder = report.ladder
        assert ladder is not None
        assert ladder.entry == -1
        assert len(ladder.steps) == len(ladder.errors) == len(ladder.noise) < 40
        assert pickle.loads(pickle.dumps(report)) == report
        assert json.loads(json.dumps(report.to_dict()))["ladder"]["steps"] == list(ladder.steps)
        other = verify_grad(func, lambda x: 1.1 * right(x), np.linspace(0.5, 1.5, 50_000), seed=1)
        assert other != report

    @pytest.mark.parametrize("claim", [right, lambda x: 0 * x, lambda x: 1e9 + 0 * x])
    @pytest.mark.parametrize("func", [func, lambda x: x.sum(), lambda x: 1.0, lambda x: x.max()])
    def test_all_can_be_drawn(self, plt, func, claim):
        """Errors that are zero, a func that stands still, a kink: no warning, and a picture."""
        report = verify_grad(func, claim, np.array([1.0, 1.0, 0.5]), seed=0)
        report.plot_steps().figure.canvas.draw()

    @pytest.mark.filterwarnings("error")
    def test_nothing_but_zeros(self, plt):
        """Of a func that is 0 there is neither an error nor noise to draw, and none to warn of."""
        report = gradproof.verify_vjp(
            lambda x: 0 * x, lambda x, ct: 0 * x, np.linspace(0.5, 1.5, 6), seed=0
        )
        report.plot_steps().figure.canvas.draw()

    def test_second_derivatives(self, plt):
        report = verify_hess(func, lambda x: np.diag(2 * np.cos(x)), X, seed=0)
        ax = report.plot_steps()
        assert report.verdict == "fail"
        assert drawn(ax, "claim less difference").size
        ax.figure.canvas.draw()

    def test_none(self, plt):
        report = verify_against(np.sin, np.sin, X, order=0, seed=0)
        with pytest.raises(ValueError, match="not one of verify_against"):
            report.plot_steps()
        with np.errstate(all="ignore"):
            report = verify_grad(lambda x: np.log(-x).sum(), lambda x: 1 / x, X, seed=0)
        with pytest.raises(ValueError, match="there are no steps to draw"):
            report.plot_steps()


class TestJacobian:
    A = np.random.default_rng(0).normal(size=(7, 5))

    def func(self, x):
        return np.tanh(self.A @ x)

    def jac(self, x):
        return (1 - self.func(x) ** 2)[:, None] * self.A

    @pytest.mark.parametrize("row", [None, 3])
    def test_panels(self, plt, row):
        def claim(x):
            found = self.jac(x)
            if row is not None:
                found[row, 2:] *= 1.3
            return found

        x = X[:5]
        report = verify_jac(self.func, claim, x, seed=0)
        axes = report.plot_jacobian()
        claimed, measured, difference = (ax.images[0].get_array() for ax in axes)
        assert np.allclose(claimed, claim(x))
        assert np.allclose(measured, self.jac(x), rtol=1e-4)
        assert np.allclose(claimed - measured, difference)
        off = np.abs(difference) > 1e-3 * np.abs(claimed)
        assert np.argwhere(off).tolist() == ([] if row is None else [[row, k] for k in (2, 3, 4)])
        assert [ax.get_title(loc="left") for ax in axes] == ["claimed", "measured", "difference"]
        _, own = plt.subplots(1, 3)
        assert report.plot_jacobian(own) is own
        axes[0].figure.canvas.draw()
        assert pickle.loads(pickle.dumps(report)) == report
        assert "jacobian" not in report.to_dict()

    def test_held_fixed(self, plt):
        """What was not measured is grey, not the middle of the colours."""
        x = np.array([1.0, np.inf, 0.5, 1.5, 2.0])

        def func(x):
            return self.func(np.where(np.isfinite(x), x, 0.0))

        def jac(x):
            here = np.isfinite(x)
            return self.jac(np.where(here, x, 0.0)) * here

        axes = verify_jac(func, jac, x, seed=0).plot_jacobian()
        measured = axes[1].images[0].get_array()
        assert np.isnan(measured.filled(np.nan)[:, 1]).all()
        assert np.isfinite(measured.filled(np.nan)[:, 2]).all()
        assert axes[1].get_facecolor()[:3] == (0.8, 0.8, 0.8)

    def test_of_others(self, plt):
        grad = right
        hess = verify_hess(
            func, lambda x: np.diag(2 * np.cos(x) - x * np.sin(x)), X, grad=grad, seed=0
        )
        assert hess.plot_jacobian()[0].images[0].get_array().shape == (6, 6)

    def test_none(self, plt):
        many = np.linspace(0.5, 1.5, 101)
        large = verify_jac(lambda x: x**2, lambda x: np.diag(2 * x), many, seed=0)
        assert large.ok
        assert large.jacobian is None
        jvp = verify_jvp(self.func, lambda x, v: self.jac(x) @ v, X[:5], seed=0)
        for report in (large, jvp, verify_grad(func, right, X, seed=0)):
            with pytest.raises(ValueError, match="up to 10000 entries"):
                report.plot_jacobian()
