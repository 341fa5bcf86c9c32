"""The bar of long checks: when it is shown, what it says, and that it goes away."""

import io
import math
import os
import pty
import subprocess
import sys
import textwrap
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from tests.examples import point

import gradproof
from gradproof import Verdict, approx_fprime, check_grad
from gradproof._evaluation import calls as _calls
from gradproof._evaluation import progress as _progress
from gradproof._evaluation.options import Settings
from gradproof._evaluation.progress import Progress, progress_of

verify_grad = partial(gradproof.verify_grad, seed=0)


def cube(x):
    return (x * x * x).sum()


def cube_grad(x):
    return 3 * x * x


class Clock:
    """Time that passes only when told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Screen:
    """A terminal, and the bar on it."""

    def __init__(self, **kwargs):
        self.clock, self.file = Clock(), io.StringIO()
        self.console = Console(file=self.file, force_terminal=True, width=100)
        self.bar = Progress(clock=self.clock, console=self.console, **kwargs)

    def slow(self, func, seconds=0.25):
        """Return a function that takes so long."""

        def slowed(*args):
            self.clock.now += seconds
            return func(*args)

        return slowed

    @property
    def text(self):
        return self.file.getvalue()

    @property
    def removed(self):
        """Whether what was drawn last was erased, and the cursor is there again."""
        return self.text.endswith("\x1b[1A\x1b[2K") and "\x1b[?25h" in self.text


@pytest.fixture
def screen(monkeypatch):
    found = Screen()
    monkeypatch.setattr(_calls, "progress_of", lambda settings: found.bar)
    return found


class TestBar:
    def test_after_a_second(self):
        screen = Screen()
        screen.bar.start(1, 201)
        for done in range(1, 11):
            screen.clock.now += 0.1 - 1e-9
            screen.bar.tick(done)
        assert not screen.text
        screen.clock.now += 0.1
        screen.bar.tick(12)
        assert "12/201 calls of func" in screen.text
        assert "10/s" in screen.text
        assert "0:00:19 left" in screen.text
        screen.bar.stop(12)
        assert screen.removed

    def test_not_at_every_call(self):
        screen = Screen(at_once=True)
        screen.bar.start(0, 1000)
        drawn = len(screen.text)
        assert "0/1000" in screen.text
        for done in range(5):
            screen.clock.now += 0.015
            screen.bar.tick(done)
        assert len(screen.text) == drawn
        screen.clock.now += 0.1
        screen.bar.tick(6)
        assert "6/1000" in screen.text

    def test_quick_calls(self):
        """The clock is not read for each of them, but soon after they have become slow."""
        screen = Screen()
        screen.bar.start(0, 1000)
        for done in range(100):
            screen.clock.now += 1e-5
            screen.bar.tick(done)
        for done in range(100, 117):
            screen.clock.now += 2
            screen.bar.tick(done)
        assert "/1000 calls" in screen.text
        screen.clock.now += 2
        screen.bar.tick(117)
        assert "117/1000 calls" in screen.text

    def test_slow_calls(self):
        screen = Screen()
        screen.bar.start(0, 100)
        screen.clock.now += 300
        screen.bar.tick(2)
        assert "150 s each" in screen.text
        assert "4:05:00 left" in screen.text

    def test_more_calls_than_expected(self):
        screen = Screen()
        screen.bar.start(0, 10)
        screen.clock.now += 2
        screen.bar.tick(16)
        assert "16/20 calls" in screen.text
        screen.bar.expect(500)
        screen.clock.now += 2
        screen.bar.tick(17)
        assert "17/500 calls" in screen.text

    def test_stopped(self):
        screen = Screen()
        screen.bar.start(0, 10)
        screen.bar.stop(3)
        screen.clock.now += 100
        screen.bar.tick(4)
        assert not screen.text


class TestChecks:
    def test_verify_grad(self, screen):
        x = point(n=40)
        report = verify_grad(screen.slow(cube), cube_grad, x)
        assert report.ok
        assert report.nfev == 118
        assert "5/118 calls of func" in screen.text
        assert "117/118 calls of func" in screen.text
        assert "118/118 calls of func" in screen.text
        assert "4/s" in screen.text
        assert "0:00:01 left" in screen.text
        assert screen.removed
        without = verify_grad(screen.slow(cube), cube_grad, x, progress=False)
        assert report.to_dict() == without.to_dict()

    def test_short_checks(self, screen):
        assert verify_grad(screen.slow(cube, 0.99 / 58), cube_grad, point(n=10)).ok
        assert not screen.text

    def test_directions(self, screen):
        report = verify_grad(screen.slow(cube), cube_grad, point(n=1000))
        assert report.ok
        assert f"{report.nfev}/{report.nfev} calls of func" in screen.text

    @pytest.mark.parametrize("i", [3, 33])
    def test_a_wrong_entry(self, screen, i):
        def wrong(x):
            g = cube_grad(x)
            g[i] *= 1.001
            return g

        report = verify_grad(screen.slow(cube), wrong, point(n=40))
        assert report.verdict is Verdict.FAIL
        assert report.worst(1)[0]["index"] == (i,)
        assert f"{report.nfev}/" in screen.text
        assert screen.removed

    def test_interrupted(self, screen):
        calls = 0

        def func(x):
            nonlocal calls
            calls += 1
            screen.clock.now += 1
            if calls == 60:
                raise KeyboardInterrupt
            return cube(x)

        with pytest.raises(gradproof.Interrupted):
            verify_grad(func, cube_grad, point(n=40))
        assert screen.removed

    def test_others(self, screen):
        checks: list[tuple[Callable[..., gradproof.Report], Any, Any]] = [
            (gradproof.verify_jac, np.sin, lambda x: np.diag(np.cos(x))),
            (gradproof.verify_vjp, np.sin, lambda x, ct: ct * np.cos(x)),
            (gradproof.verify_jvp, np.sin, lambda x, t: t * np.cos(x)),
            (gradproof.verify_hess, cube, lambda x: np.diag(6 * x)),
            (gradproof.verify_hvp, cube, lambda x, v: 6 * x * v),
        ]
        for verify, func, claim in checks:
            screen.file.truncate(0)
            report = verify(screen.slow(func), claim, point(), seed=0)
            assert report.ok
            assert f"{report.nfev}/{report.nfev} calls" in screen.text
            assert screen.removed

    def test_check_grad(self, screen):
        x = point(n=30)
        wanted = check_grad(cube, cube_grad, x, progress=False)
        assert check_grad(screen.slow(cube), cube_grad, x) == wanted
        assert "4/30 calls of func" in screen.text
        assert "30/30 calls of func" in screen.text
        assert screen.removed

    def test_check_grad_in_batches(self, screen):
        x = point(n=30)
        func = screen.slow(lambda x: (x * x * x).sum(-1))
        assert check_grad(func, cube_grad, x, vectorized=True, batch_size=4) < 1e-5
        assert "15/30 calls of func" in screen.text
        assert "30/30 calls of func" in screen.text
        assert screen.removed

    def test_approx_fprime(self, screen):
        x = point(n=30)
        wanted = approx_fprime(x, cube, progress=False)
        np.testing.assert_array_equal(approx_fprime(x, screen.slow(cube)), wanted)
        assert "30/30 calls of func" in screen.text
        assert screen.removed

    def test_func_raises(self, screen):
        def func(x):
            screen.clock.now += 1
            if x[20] != point(n=30)[20]:
                raise ZeroDivisionError
            return cube(x)

        with pytest.raises(ZeroDivisionError):
            approx_fprime(point(n=30), func)
        assert "20/30" in screen.text
        assert screen.removed


class TestWhen:
    def test_never_when_piped_or_in_ci(self, monkeypatch):
        monkeypatch.delenv("CI", raising=False)
        assert progress_of(Settings()) is None  # pytest has the streams
        monkeypatch.setattr(_progress, "_is_terminal", lambda stream: True)
        assert isinstance(progress_of(Settings()), Progress)
        assert progress_of(Settings(progress=False)) is None
        monkeypatch.setenv("CI", "true")
        assert progress_of(Settings()) is None
        assert isinstance(progress_of(Settings(progress=True)), Progress)

    def test_without_stderr(self, monkeypatch):
        monkeypatch.setattr(sys, "stderr", None)
        assert progress_of(Settings()) is None

    @pytest.mark.parametrize("widgets", [True, False])
    def test_in_a_notebook(self, monkeypatch, widgets):
        class Shell:
            kernel = object()

        notebook = type(sys)("IPython")
        monkeypatch.setattr(notebook, "get_ipython", Shell, raising=False)
        monkeypatch.setitem(sys.modules, "IPython", notebook)
        monkeypatch.setattr("importlib.util.find_spec", lambda name: widgets or None)
        monkeypatch.delenv("CI", raising=False)
        assert (progress_of(Settings()) is not None) == widgets

    def test_true_is_always(self, capsys):
        """Where nothing can be removed: a line at the end."""
        verify_grad(cube, cube_grad, point(n=10), progress=True)
        assert "58/58 calls of func" in capsys.readouterr().err
        check_grad(cube, cube_grad, point(n=10), progress=True)
        assert "10/10 calls of func" in capsys.readouterr().err

    def test_piped(self, capsys, monkeypatch):
        """However long it takes."""
        monkeypatch.delenv("CI", raising=False)
        monkeypatch.setattr(_progress, "_AFTER", -math.inf)
        verify_grad(cube, cube_grad, point(n=10))
        assert capsys.readouterr() == ("", "")


SCRIPT = textwrap.dedent(
    """
    import sys
    import numpy as np
    from gradproof._evaluation import progress as _progress
    from gradproof import verify_grad

    assert "rich" not in sys.modules
    _progress._AFTER = float(sys.argv[1])
    x, calls = np.ones(20), 0

    def func(x):
        global calls
        calls += 1
        if calls == 50:
            print("hello")
        return (x**2).sum()

    report = verify_grad(func, lambda x: 2 * x, x)
    print(report.verdict, "rich" in sys.modules)
    """
)


class TestProcess:
    """A process of its own, on a pseudo-terminal or a pipe."""

    @staticmethod
    def run(after, *, terminal=True, **variables):
        """Return what goes to stdout, which is a pipe, and to stderr."""
        environment = {k: v for k, v in os.environ.items() if k not in ("CI", "NO_COLOR")}
        environment |= {"TERM": "xterm", "COLUMNS": "100", **variables}
        ours, theirs = pty.openpty() if terminal else os.pipe()
        with subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(after)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs, env=environment,
        ) as process:  # fmt: skip
            os.close(theirs)
            shown = b""
            while True:
                try:
                    more = os.read(ours, 4096)
                except OSError:  # what a terminal says at its end
                    break
                if not more:
                    break
                shown += more
            os.close(ours)
            said, _ = process.communicate()
        assert process.returncode == 0, shown
        return said.decode().split(), shown.decode()

    def test_terminal(self):
        said, shown = self.run(0)
        assert said == ["hello", "pass", "True"]  # to the pipe, not above the bar
        assert "calls of func" in shown
        assert shown.endswith("\x1b[1A\x1b[2K")

    def test_soon_done(self):
        """Rich is not even imported."""
        assert self.run(3600) == (["hello", "pass", "False"], "")

    @pytest.mark.parametrize(("terminal", "variables"), [(True, {"CI": "1"}), (False, {})])
    def test_never(self, terminal, variables):
        said, shown = self.run(0, terminal=terminal, **variables)
        assert said == ["hello", "pass", "False"]
        assert not shown
