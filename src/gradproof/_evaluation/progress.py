"""A bar that shows how far a long check has come; nothing of it is there before it is shown."""

import math
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from .options import Settings

#: Seconds that a check takes before it is one of those that need a bar, and between two drawings.
_AFTER, _EVERY = 1.0, 0.1
#: Where calls take less than this many seconds, the clock is read once in so many of them only.
_QUICK, _SKIPPED = 1e-3, 16


class Progress:
    """
    A bar for the calls of func, between `start` and `stop`.

    Drawn by `tick` alone: without a thread of its own, which functions that fork would not bear.

    Parameters
    ----------
    at_once : bool
        Whether to show it from the start, not only after a second.
    clock : callable
        Returns the time in seconds.
    console : rich.console.Console, optional
        Where to show it; by default on stderr, or in the notebook.
    """

    def __init__(
        self,
        *,
        at_once: bool = False,
        clock: Callable[[], float] = time.monotonic,
        console: Any = None,
    ) -> None:
        self._at_once, self._clock, self._console = at_once, clock, console
        self._next, self._since, self._first = math.inf, 0.0, 0
        self._look, self._seen = 0, 0.0
        self._expected = 0
        self._bar: Any = None

    def expect(self, calls: int) -> None:
        """Set the number of calls after which the check should be done, those made included."""
        self._expected = calls

    def start(self, done: int, expected: int) -> None:
        """Begin, after so many calls, of so many that are expected."""
        self._first, self._since, self._expected = done, self._clock(), expected
        self._next = self._since + _AFTER
        self._look, self._seen = 0, self._since
        if self._at_once:
            self._draw(done, self._since)

    def tick(self, done: int) -> None:
        """Show that so many calls are done, if it is time to."""
        # This is all that most calls of func cost while nothing is shown.
        if done < self._look:
            return
        now = self._clock()
        self._look = done + (_SKIPPED if now - self._seen < _QUICK else 1)
        self._seen = now
        if now >= self._next:
            self._draw(done, now)

    def _draw(self, done: int, now: float) -> None:
        self._next = now + _EVERY
        if done > self._expected:  # who knows what a search takes: a quarter more
            self._expected = done + done // 4
        if self._bar is None:
            self._bar = _bar(self._console, self._clock)
            self._task = self._bar.add_task("gradproof", total=None, rate="", left="")
            self._bar.start()
        made, seconds = done - self._first, now - self._since
        rate = left = ""
        if made > 0 and seconds > 0:
            rate = _rate(made / seconds)
            left = _time((self._expected - done) * seconds / made) + " left"
        self._bar.update(
            self._task, total=self._expected, completed=done, rate=rate, left=left, refresh=True
        )

    def stop(self, done: int) -> None:
        """Remove the bar, after so many calls."""
        try:
            if self._bar is not None:
                self._draw(done, self._clock())
        finally:
            self._next = math.inf
            bar, self._bar = self._bar, None
            if bar is not None:
                bar.stop()


def progress_of(settings: Settings) -> Progress | None:
    """Return the bar that the user wants; None for none."""
    if settings.progress == "auto":
        seen = _is_terminal(sys.stderr) or _in_notebook()
        return Progress() if seen and "CI" not in os.environ else None
    return Progress(at_once=True) if settings.progress else None


def _is_terminal(stream: Any) -> bool:
    return stream is not None and bool(stream.isatty())


def _in_notebook() -> bool:
    """Tell whether there is a notebook, and the widgets that rich shows a bar with."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if getattr(shell, "kernel", None) is None:
        return False
    from importlib.util import find_spec

    return find_spec("ipywidgets") is not None


def _bar(console: Any, clock: Callable[[], float]) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = console or Console(stderr=True)
    # What func prints goes above the bar; but not from a pipe to the terminal.
    above = _is_terminal(sys.stdout)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} calls of func"),
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[left]}"),
        console=console,
        auto_refresh=False,
        # In a file, where nothing can be removed, a line at the end is all that there is.
        transient=console.is_terminal or console.is_jupyter,
        redirect_stdout=above,
        redirect_stderr=above,
        get_time=clock,
    )


def _rate(rate: float) -> str:
    return f"{rate:.3g}/s" if rate >= 1 else f"{1 / rate:.3g} s each"


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
