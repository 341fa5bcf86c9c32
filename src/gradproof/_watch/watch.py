"""A watch over the rules that a block of code calls."""

import sys
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from .._backends.recorded import Rule
from .._backends.registry import recorder_of
from .._vectors.validation import refuse, whole_number
from .checked import Repeat
from .imports import once_imported
from .kinds import Kind
from .own import Own
from .records import Records
from .report import WatchedRule, WatchReport, ordered
from .snippet import FOLDER, page_of, saved
from .verify import Outcome, outcome_of

if TYPE_CHECKING:
    from .cache import Cache

#: Bytes of values that are kept: a quarter of a GiB.
MEMORY = 2**28
#: Seconds for each kind of calls, and for all of them.
SECONDS, TOTAL = 2.0, 120.0
#: How much more time a check gets in the end, if there is some.
_MORE = 10.0
_LIBRARIES = ("jax", "torch")


class Watch:
    """
    Records the calls of hand-written rules, from ``with`` to its end, and verifies them.

    Made by `watch`, where its parameters are described.
    """

    def __init__(
        self,
        own: Own,
        memory: int = MEMORY,
        cache: "Cache | None" = None,
        pages: Path | None = None,
    ) -> None:
        self.records = Records(own, memory)
        self._own, self._cache, self._pages = own, cache, pages
        self._stack = ExitStack()
        self._outcomes: dict[Hashable, Outcome] = {}
        self._spent, self._entered = 0.0, 0

    def __enter__(self) -> Self:
        self._entered += 1
        if self._entered > 1:
            return self
        for library in _LIBRARIES:
            if library in sys.modules:
                self._attach(library)
            else:
                self._stack.enter_context(once_imported(library, self._attach))
        return self

    def _attach(self, library: str) -> None:
        self._stack.enter_context(recorder_of(library).recording(self.records))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._settle()
        self._entered -= 1
        if not self._entered:
            self._stack.close()

    def _settle(self) -> None:
        for library in _LIBRARIES:
            if library in sys.modules:
                recorder_of(library).settle()

    def _pending(self) -> list[Hashable]:
        """Return the keys of what is not verified yet: kinds of rules without a verdict first."""
        known = {self.records.kinds[key].call.rule for key in self._outcomes}
        every = self.records.kinds.items()
        waiting = [key for key, kind in every if key not in self._outcomes or kind.grown]
        return sorted(waiting, key=lambda key: self.records.kinds[key].call.rule in known)

    def verify_seen(self, seconds: float = SECONDS, total: float = TOTAL) -> None:
        """
        Verify what was seen and is not verified yet, as far as the time reaches.

        A rule without a verdict is verified also beyond `total`: each is looked at once.
        """
        self._settle()
        self.records.paused = True
        try:
            for key in self._pending():
                kind = self.records.kinds[key]
                if self._spent < total or kind.call.rule not in self._verified():
                    outcome = self._outcomes[key] = self._outcome(kind, seconds)
                    self._spent += 0.0 if outcome.cached else outcome.seconds
                    if outcome.cached or not outcome.cut:
                        self.records.release(kind)
        finally:
            self.records.paused = False

    def _verify_cut(self, seconds: float, total: float) -> None:
        """Give what is left of the time to what its own time was too short for, once."""
        self.records.paused = True
        try:
            short = [key for key, one in self._outcomes.items() if one.cut and not one.cached]
            for key in short:
                more = min(total - self._spent, _MORE * seconds)
                if more > seconds:
                    outcome = self._outcomes[key] = self._outcome(self.records.kinds[key], more)
                    self._spent += outcome.seconds
        finally:
            self.records.paused = False

    def _verified(self) -> set[Rule]:
        return {self.records.kinds[key].call.rule for key in self._outcomes}

    def _outcome(self, kind: Kind, seconds: float) -> Outcome:
        known = None if self._cache is None else self._cache.find(kind, seconds)
        if known is not None:
            return known
        outcome = outcome_of(kind, seconds, self._repeated)
        if self._cache is not None:
            self._cache.keep(kind, outcome)
        return outcome

    def _repeated(self, kind: Kind, at: int, how: Repeat) -> str:
        folder = self._own.root / FOLDER if self._cache is None else self._cache.folder
        snippet = saved(kind, at, how, folder)
        if self._pages is not None:
            path = page_of(self._pages, f"{kind.call.rule.name} {kind}")
            how.report.to_html(path)
            snippet = f"# the report as a page: {path}\n{snippet}"
        return snippet

    def verify(self, *, seconds: float = SECONDS, total: float = TOTAL) -> WatchReport:
        """
        Verify each kind of calls that was recorded, once, and return what was found.

        Parameters
        ----------
        seconds : float
            The time for one kind of calls of a rule, in seconds. A check that it ends is
            inconclusive, unless something was wrong by then.
        total : float
            The time for all of them. Each rule is looked at once in any case.

        Returns
        -------
        WatchReport
            A table of rules, and the report of each that fails.

        Raises
        ------
        ValueError
            If a time is not positive.
        """
        for name, value in (("seconds", seconds), ("total", total)):
            if not (isinstance(value, (int, float)) and value > 0):
                refuse(name, value, "a time in seconds, above 0")
        self.verify_seen(seconds, total)
        self._verify_cut(seconds, total)
        if self._cache is not None:
            self._cache.save()
        return self.report()

    def report(self) -> WatchReport:
        """Return what is known by now, without verifying anything."""
        outcomes = defaultdict[Rule, list[Outcome]](list)
        kinds = Counter(kind.call.rule for kind in self.records.kinds.values())
        for key, outcome in self._outcomes.items():
            outcomes[self.records.kinds[key].call.rule].append(outcome)
        rules = [
            _watched(rule, calls, kinds[rule] + self.records.more[rule], tuple(outcomes[rule]))
            for rule, calls in self.records.calls.items()
        ]
        known = {(rule.name, rule.file, rule.line) for rule in self.records.calls}
        rules += [
            _watched(rule, 0, 0, ())
            for library in _LIBRARIES
            if library in sys.modules
            for rule in recorder_of(library).defined(self.records.concerns)
            if (rule.name, rule.file, rule.line) not in known
        ]
        return WatchReport(ordered(rules), tuple(self.records.errors))


def _watched(rule: Rule, calls: int, kinds: int, outcomes: tuple[Outcome, ...]) -> WatchedRule:
    return WatchedRule(rule.name, rule.made_by, rule.file, rule.line, calls, kinds, outcomes)


def watch(
    root: str | Path | None = None,
    *,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    every: bool = False,
    memory: int = MEMORY,
) -> Watch:
    """
    Watch the hand-written rules that a block of code calls, to verify them at their own inputs.

    Each call of a `jax.custom_vjp` or `jax.custom_jvp` function, of a `torch.autograd.Function` and
    of a custom operator of PyTorch with a gradient formula is recorded, also under ``jit``,
    ``grad``, ``vmap`` and loops. `Watch.verify` then checks each rule once for each kind of call:
    its structure, shapes, dtypes and static arguments.

    Parameters
    ----------
    root : path, optional
        The folder of the project. Rules that are defined below it, in packages that it installs or
        at a prompt are watched. By default the folder above this one with a ``pyproject.toml`` or
        ``.git``, else this one.
    only : sequence of str
        Watch the rules whose qualified name has a part that matches one of these patterns (``*``
        stands for anything), wherever they are defined.
    skip : sequence of str
        Do not watch those that match one of these.
    every : bool
        Whether to watch the rules of others too, such as those that JAX ships.
    memory : int
        How many bytes of arguments are kept at most. Beyond them numbers are drawn, and the report
        says so.

    Returns
    -------
    Watch
        A context manager. Its method ``verify(seconds=2, total=120)`` returns a `WatchReport`.

    Raises
    ------
    TypeError, ValueError
        If a pattern is no text, or `memory` is negative.

    Notes
    -----
    A program of JAX that was compiled before the block calls no rule in it. While a program is
    traced in the block, a callback is put into it, which hands over the arguments of the rule;
    where that is not possible (``shard_map``, ``make_jaxpr``, export), numbers are drawn.

    Examples
    --------
    >>> import jax, jax.numpy as jnp, gradproof
    >>> @jax.custom_vjp
    ... def square(x):
    ...     return x**2
    >>> square.defvjp(lambda x: (x**2, x), lambda x, ct: (ct * x,))  # forgot the 2
    >>> with gradproof.watch(only=["square"]) as rules:
    ...     value = jax.jit(square)(jnp.linspace(0.5, 1.5, 6))
    >>> rules.verify().verdict
    <Verdict.FAIL: 'fail'>
    """
    for name, patterns in (("only", only), ("skip", skip)):
        if isinstance(patterns, str) or not all(isinstance(one, str) for one in patterns):
            msg = f"{name}={patterns!r:.60}; expected a list of patterns, such as ['my_package.*']."
            raise TypeError(msg)
    whole_number("memory", memory, 0, "a number of bytes, 0 or more")
    folder = root_of(Path.cwd()) if root is None else Path(root).resolve()
    return Watch(Own(folder, tuple(only), tuple(skip), every), memory)


def root_of(here: Path) -> Path:
    """Return the folder of the project that a folder is in; the folder itself if there is none."""
    marks = ("pyproject.toml", "setup.py", ".git")
    return next(
        (path for path in (here, *here.parents) if any((path / mark).exists() for mark in marks)),
        here,
    )
