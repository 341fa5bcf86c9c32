"""Pictures of a report."""

import sys

import numpy as np
import pytest

import gradproof
from gradproof import verify_grad

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
    assert {"['w'][1, 0]", "['w'][1, 3]"} <= set(labels)
    off = next(line for line in ax.lines if line.get_label() == "claimed, and off")
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
