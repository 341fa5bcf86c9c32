"""Pictures of a report."""

import sys

import numpy as np
import pytest

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
