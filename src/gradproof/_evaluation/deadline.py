"""A check that has to end in time: like Ctrl-C, but by the clock."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_NOW: "ContextVar[Deadline | None]" = ContextVar("deadline", default=None)


class Deadline:
    """
    The end of the time that a check has; what was measured until then is in `Interrupted`.

    Parameters
    ----------
    seconds : float
        From now on.
    clock : callable
        Returns the time in seconds.

    Attributes
    ----------
    passed : bool
        Whether it has ended a check.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._until, self._clock = clock() + seconds, clock
        self.passed = False

    def tick(self, _: int = 0) -> None:
        """Raise KeyboardInterrupt if the time is up; once, as what ends a check takes time too."""
        if not self.passed and self._clock() > self._until:
            self.passed = True
            raise KeyboardInterrupt


@contextmanager
def ends_in(seconds: float) -> Iterator[Deadline]:
    """Return the context in which checks of this thread end in time."""
    deadline = Deadline(seconds)
    token = _NOW.set(deadline)
    try:
        yield deadline
    finally:
        _NOW.reset(token)


def ticking(tick: Callable[[int], None] | None) -> Callable[[int], None] | None:
    """Return what is to be called with the number of calls made: a bar, a deadline, or none."""
    deadline = _NOW.get()
    if deadline is None or tick is None:
        return tick if deadline is None else deadline.tick

    def both(done: int) -> None:
        deadline.tick()
        tick(done)

    return both
