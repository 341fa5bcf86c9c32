"""What the tests of the command line share: a user's folder, and how it is called there."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradproof.__main__ import main

MODEL = """\
from typing import NamedTuple

import numpy as np


def loss(x):
    return x[0] ** 2 - 0.5 * x[1] ** 3


def grad(x):
    return np.array([2 * x[0], -1.5 * x[1] ** 2])


def sign(x):
    return np.array([2 * x[0], 1.5 * x[1] ** 2])


def with_value(x):
    return loss(x), grad(x)


def wrong_value(x):
    return loss(x) + 1, grad(x)


def stepped(x):
    return round(float(loss(x)), 3)


def raising(x):
    raise ValueError("my <own> & \\x1b[31mred\\x1b[0m ]]> mistake")


def stopping(x):
    raise KeyboardInterrupt


def cube(x):
    return (x**3).sum()


def cube_grad(x):
    return 3 * x**2


def half_grad(x):
    return 1.5 * x**2


def hess(x):
    return np.diag(6 * x)


def half_hess(x):
    return np.diag(3 * x)


def hvp(x, v):
    return 6 * x * v


def half_hvp(x, v):
    return 3 * x * v


def sine(x):
    return np.sin(x)


def sine_jac(x):
    return np.diag(np.cos(x))


def product(x, t):
    return np.cos(x) * t


def wrong_product(x, t):
    return -np.cos(x) * t


def pullback(x):
    return np.sin(x), lambda ct: np.cos(x) * ct


def wrong_pullback(x):
    return np.sin(x), lambda ct: -np.cos(x) * ct


class Point(NamedTuple):
    w: object
    b: object


point = Point(np.ones((2, 3)), np.linspace(0.5, 1, 2))
table = {"w": np.ones((2, 3)), "b": np.linspace(0.5, 1, 2)}


def make():
    return {"w": np.ones((2, 3)), "b": np.linspace(0.5, 1, 2)}


def fit(p, x, *, scale=1.0):
    w, b = (p.w, p.b) if isinstance(p, Point) else (p["w"], p["b"])
    return scale * ((w @ x + b) ** 2).sum()


def fit_grad(p, x, *, scale=1.0, factor=2.0):
    w, b = (p.w, p.b) if isinstance(p, Point) else (p["w"], p["b"])
    by_b = factor * scale * (w @ x + b)
    by_w = np.outer(by_b, x)
    return Point(by_w, by_b) if isinstance(p, Point) else {"w": by_w, "b": by_b}


def fit_wrong(p, x, *, scale=1.0):
    return fit_grad(p, x, scale=scale, factor=1.0)


def power(x, n, by):
    return by((x**n).sum())


def power_grad(x, n, by):
    assert isinstance(n, int)
    return n * x ** (n - 1) * 2 * by((x**n).sum()) ** 0.5


def power_wrong(x, n, by):
    return x ** (n - 1)


def squared(s):
    return s * s


def labelled(x, labels, how):
    assert labels.dtype.kind == "i"
    assert how == "sum"
    return x[labels].sum()


def labelled_grad(x, labels, how):
    g = np.zeros_like(x)
    np.add.at(g, labels, 1.0)
    return g


def first_only(x, labels, how):
    g = np.zeros_like(x)
    g[labels[0]] = 1.0
    return g


def two(x, y):
    return (x * y**2).sum()


def two_grad(x, y):
    return y**2, 2 * x * y


def two_wrong(x, y):
    return y**2, x * y
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A folder with a module, which is the current one."""
    (tmp_path / "model.py").write_text(MODEL)
    np.save(tmp_path / "x.npy", np.linspace(0.5, 1.5, 4))
    np.save(tmp_path / "data.npy", np.array([1.0, 2.0, 4.0]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != ""])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file and str(file).startswith(str(tmp_path)):
            del sys.modules[name]


def told(capsys: Any, *words: str) -> tuple[int, str, str]:
    """Return the exit code of a command line, and what it printed on both streams."""
    try:
        code = main(list(words))
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else -1
    out, err = capsys.readouterr()
    return code, out, err


def refused(capsys: Any, *words: str) -> str:
    """Return the one line on stderr of a command line that checks nothing."""
    code, out, err = told(capsys, *words)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("gradproof")
    assert ": error: " in err
    return err
