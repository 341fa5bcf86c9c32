"""Pictures of a report."""

import json
import pickle
import sys
from dataclasses import replace

import numpy as np
import pytest

import gradproof
from gradproof import (
    verify_against,
    verify_grad,
    verify_hess,
    verify_hvp,
    verify_jac,
    verify_jvp,
    verify_vjp,
)
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
        assert ladder is not None
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
        assert ladder is not None
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


def shown(axes):
    """Return what three panels show."""
    return [ax.images[0].get_array().filled(np.nan) for ax in axes]


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
        with pytest.raises(ValueError, match="more than 10000 numbers.*plot_entries"):
            large.plot_jacobian()
        large.plot_entries()
        grad = verify_grad(func, right, X, seed=0)
        vjp = verify_vjp(self.func, lambda x, ct: ct @ self.jac(x), X[:5], seed=0)
        against = verify_against(np.sin, np.sin, X, order=0, seed=0)
        for report in (grad, vjp, against):
            with pytest.raises(ValueError, match=r"there is no Jacobian.*plot_leaf\(\)"):
                report.plot_jacobian()
            report.plot_leaf()[0].figure.canvas.draw()
        with np.errstate(all="ignore"):
            nothing = verify_grad(lambda x: np.log(-x).sum(), lambda x: 1 / x, X, seed=0)
        with pytest.raises(ValueError, match="nothing was measured .func is not finite at x0"):
            nothing.plot_jacobian()

    def test_one_value(self, plt):
        """A func of one number has a Jacobian of one row."""

        def claim(x):
            return right(x) * np.array([1, 1, 1, 1.2, 1, 1])

        axes = verify_jac(func, claim, X, seed=0).plot_jacobian()
        _, measured, difference = shown(axes)
        assert np.allclose(measured, right(X)[None, :], rtol=1e-5)
        assert np.flatnonzero(np.abs(difference[0]) > 1e-3).tolist() == [3]
        axes[0].figure.canvas.draw()
        assert [label.get_text() for label in axes[0].get_yticklabels()] == ["0"]

    def test_wrong_as_a_whole(self, plt):
        """What was measured to name the mistake is drawn, since nothing else was measured."""
        report = verify_jac(self.func, lambda x: 2 * self.jac(x), X[:5], seed=0)
        claimed, measured, _ = shown(report.plot_jacobian())
        assert np.allclose(claimed, 2 * measured, rtol=1e-5)
        report.plot_leaf()
        assert len(report.wrong_entries) == 5  # of each column the one that is furthest off

    def test_jvp_wrong_as_a_whole(self, plt):
        """What was measured by tangents, for the name of a mistake, is no leaf."""
        report = verify_jvp(self.func, lambda x, v: -self.jac(x) @ v, X[:5], seed=0)
        assert report.verdict == "fail"
        with pytest.raises(ValueError, match="measured by tangents"):
            report.plot_leaf()

    @pytest.mark.parametrize("factor", [1.0, 1.3])
    def test_jvp(self, plt, factor):
        """A column for each tangent."""

        def claim(x, v):
            return (self.jac(x) * np.array([1, 1, factor, 1, 1, 1, 1])[:, None]) @ v

        report = verify_jvp(self.func, claim, X[:5], seed=0)
        axes = report.plot_jacobian()
        claimed, measured, difference = shown(axes)
        assert claimed.shape == (7, 2)
        off = np.abs(difference) > 1e-3 * np.abs(claimed)
        assert off.all(axis=1).tolist() == [k == 2 and factor > 1 for k in range(7)]
        assert np.allclose(claimed - difference, measured)
        assert axes[1].get_xlabel() == "tangent"
        with pytest.raises(ValueError, match="by tangents: plot_jacobian"):
            report.plot_leaf()

    def second(self, x):
        return np.diag(2 * np.cos(x) - x * np.sin(x))

    def test_second_without_grad(self, plt):
        """Of a Hessian its product with a tangent; where it is wrong, entries of it."""
        for report in (
            verify_hess(func, self.second, X, seed=0),
            verify_hvp(func, lambda x, v: self.second(x) @ v, X, seed=0),
        ):
            axes = report.plot_jacobian()
            claimed, measured, _ = shown(axes)
            assert claimed.shape == (6, 1)
            assert np.allclose(claimed, measured, rtol=1e-4)
            assert axes[0].get_ylabel() == "entry of the product"

        def wrong(x):
            return self.second(x) * np.array([1, 1, 1.2, 1, 1, 1])

        for report in (
            verify_hess(func, wrong, X, seed=0),
            verify_hvp(func, lambda x, v: wrong(x) @ v, X, seed=0),
        ):
            claimed, measured, difference = shown(report.plot_jacobian())
            assert np.allclose(claimed, wrong(X))
            assert np.allclose(measured, self.second(X), atol=1e-4)
            assert np.argwhere(np.abs(difference) > 1e-2).tolist() == [[2, 2]]
            # What moved alone, in slopes along the tangent, is no entry of the Hessian.
            assert report.plot_steps().get_title(loc="left") == "fail: x[2]"
        products = verify_hvp(func, lambda x, v: wrong(x) @ v, X, grad=right, seed=0)
        assert shown(products.plot_jacobian())[0].shape == (6, 2)


class Coordinates:
    """A sparse matrix, as `tocoo` of SciPy's gives one."""

    def __init__(self, entries, shape):
        self.row, self.col = (np.array([place[k] for place in entries]) for k in (0, 1))
        self.data, self.shape = np.array(list(entries.values())), shape

    def tocoo(self):
        return self


class TestSparse:
    """Entries that a sparse claim declares, in their places."""

    @staticmethod
    def func(x):
        y = x**2
        y[1:] += x[:-1] * x[1:]
        return y

    @staticmethod
    def entries(x):
        found = {(k, k): 2 * x[k] + (x[k - 1] if k else 0) for k in range(x.size)}
        return found | {(k, k - 1): x[k] for k in range(1, x.size)}

    def full(self, x):
        found = np.full((x.size, x.size), np.nan)
        for place, number in self.entries(x).items():
            found[place] = number
        return found

    def report(self, n, change):
        def claim(x):
            entries = self.entries(x)
            change(entries)
            return Coordinates(entries, (n, n))

        x = np.linspace(0.5, 1.5, n)
        return x, verify_jac(self.func, claim, x, seed=0)

    def test_right(self, plt):
        x, report = self.report(12, lambda _: None)
        assert report.ok
        axes = report.plot_jacobian()
        for ax in axes[:2]:
            drawn = ax.images[-1].get_array().filled(np.nan)
            assert np.allclose(drawn, self.full(x), rtol=1e-5, equal_nan=True)
            assert ax.get_facecolor()[:3] == (1, 1, 1)  # blank, not grey
        assert pickle.loads(pickle.dumps(report)) == report

    def test_wrong(self, plt):
        _, report = self.report(12, lambda entries: entries.update({(5, 4): 3.0}))
        difference = report.plot_jacobian()[2].images[-1].get_array().filled(np.nan)
        assert np.argwhere(np.abs(difference) > 1e-3).tolist() == [[5, 4]]

    def test_undeclared(self, plt):
        """What the pattern leaves out is drawn where it is."""
        x, report = self.report(12, lambda entries: entries.pop((5, 4)))
        axes = report.plot_jacobian()
        measured, difference = (ax.images[-1].get_array().filled(np.nan) for ax in axes[1:])
        assert np.argwhere(np.abs(difference) > 1e-3).tolist() == [[5, 4]]
        assert np.isclose(measured[5, 4], x[5], rtol=1e-4)

    def test_undeclared_of_many(self, plt):
        """Of more columns than are measured one by one, what it hides is grey."""
        x, report = self.report(150, lambda entries: entries.pop((5, 4)))
        found = report.jacobian
        places = zip(found.places.rows.tolist(), found.places.columns.tolist(), strict=True)
        off = np.abs(found.claimed - found.measured) > 1e-3
        known = dict(zip(places, found.measured.tolist(), strict=True))
        assert [place for place, wrong in zip(known, off, strict=True) if wrong] == [(5, 4)]
        assert np.isclose(known[5, 4], x[5], rtol=1e-4)
        hidden = [place for place, number in known.items() if np.isnan(number)]
        # In its row and of its colour.
        assert hidden == [(5, 5)]
        grey = report.plot_jacobian()[1].collections[0]
        assert grey.get_offsets().tolist() == [[5, 5]]
        assert grey.get_facecolor()[0, :3].tolist() == [0.8, 0.8, 0.8]

    def test_left_out(self, plt):
        """A pattern without what is beside the diagonal, which is measured column by column."""

        def leave_out(entries):
            for k in range(1, 12):
                del entries[k, k - 1]

        x, report = self.report(12, leave_out)
        axes = report.plot_jacobian()
        measured, difference = (ax.images[-1].get_array().filled(np.nan) for ax in axes[1:])
        assert np.allclose(measured, self.full(x), rtol=1e-4, equal_nan=True)
        off = np.argwhere(np.abs(difference) > 1e-3).tolist()
        assert off == [[k, k - 1] for k in range(1, 12)]

    def test_large(self, plt):
        """One of many is seen: by a mark that is larger than an entry, on top of the others."""
        _, report = self.report(1000, lambda entries: entries.update({(500, 499): 3.0}))
        ax = report.plot_jacobian()[2]
        marks = ax.collections[-1]
        assert marks.get_offsets()[-1].tolist() == [499, 500]
        assert marks.get_sizes()[-1] > marks.get_sizes()[0]
        assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first row above
        assert len(report.jacobian.claimed) == 1999
        ax.figure.canvas.draw()

    def test_repeated(self, plt):
        """Of an entry that is declared twice the sum counts."""

        def claim(x):
            found = Coordinates(self.entries(x), (6, 6))
            for name, more in (("row", 0), ("col", 0), ("data", 0.5)):
                setattr(found, name, np.append(getattr(found, name), more))
            found.data[0] -= 0.5
            return found

        x = np.linspace(0.5, 1.5, 6)
        report = verify_jac(self.func, claim, x, seed=0)
        assert report.ok
        assert report.jacobian is not None
        assert len(report.jacobian.claimed) == 11
        assert np.isclose(report.jacobian.measured[0], 2 * x[0], rtol=1e-5)

    def test_as_a_whole(self, plt):
        def double(entries):
            entries.update({place: 2 * number for place, number in entries.items()})

        _, report = self.report(12, double)
        claimed, measured = (
            ax.images[-1].get_array().filled(np.nan) for ax in report.plot_jacobian()[:2]
        )
        known = np.isfinite(measured)
        assert known.sum() > 10
        assert np.allclose(claimed[known], 2 * measured[known], rtol=1e-4)
        assert not known[np.isnan(claimed)].any()
        _, report = self.report(150, double)
        with pytest.raises(ValueError, match=r"more than 10000 numbers, .* plot_entries\(\) shows"):
            report.plot_jacobian()
        report.plot_entries()
        report.plot_steps()


class TestLeaf:
    def test_nothing_measured(self, plt):
        many = verify_grad(lambda x: (x**3).sum(), lambda x: 3 * x**2, np.ones(400), seed=0)
        with pytest.raises(ValueError, match=r"plot_steps\(\) shows; directions="):
            many.plot_leaf()
        with pytest.raises(ValueError, match="no entry of x0 was measured"):
            many.plot_leaf("")

    def test_measured_one(self, plt):
        """Where no leaf is named it is one of which something was measured, and its own name."""
        x = {"a": np.ones(1000), "b": np.ones(3)}

        def claim(p):
            g = {"a": 3 * p["a"] ** 2, "b": 3 * p["b"] ** 2}
            g["b"][1] = 4.0
            return g

        report = verify_grad(lambda p: (p["a"] ** 3).sum() + (p["b"] ** 3).sum(), claim, x, seed=0)
        axes = report.plot_leaf()
        assert axes[0].get_ylabel() == "p['b']"

    def test_of_a_jacobian(self, plt):
        """It is about the value that is furthest off, and says so."""
        a = np.random.default_rng(0).normal(size=(7, 5))

        def claim(x):
            found = (1 - np.tanh(a @ x) ** 2)[:, None] * a
            found[3, 2:] *= 1.3
            return found

        report = verify_jac(lambda x: np.tanh(a @ x), claim, X[:5], seed=0)
        axes = report.plot_leaf()
        assert axes[0].get_ylabel() == "x"
        assert "furthest off" in axes[1].get_xlabel()
