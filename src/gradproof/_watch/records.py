"""What a watch has seen: rules, kinds of calls, and their values."""

import sys
import threading
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

from .._backends.recorded import Call, Rule, Take
from .._backends.registry import recorder_of
from .kinds import MOST, Kind, character, key_of

#: Calls of a kind whose values are looked at for a second one of another character.
_LOOKS = 16
#: Keys of calls that are only counted: a rate that falls with each step makes a new one.
_SHORT = 4096


class Records:
    """
    Takes down calls of rules; an observer for all libraries and threads.

    Parameters
    ----------
    own : callable
        Which rules.
    memory : int
        Bytes of values that are kept at most; beyond them shapes alone.

    Attributes
    ----------
    kinds : dict
        Kinds of calls by what tells them apart, in the order in which they came.
    calls : Counter
        Calls of each rule.
    more : Counter
        Calls of each rule of kinds beyond the first 64.
    errors : list of str
        What went wrong inside of gradproof while calls were recorded.
    paused : bool
        Whether calls are not taken down, as those that gradproof makes itself.
    where : str
        What is running: the name of a test.
    """

    def __init__(self, own: Callable[[Rule], bool], memory: int) -> None:
        self._own, self._left = own, memory
        self._concerns: dict[Rule, bool] = {}
        self._lock = threading.Lock()
        self._counted: dict[Hashable, Kind] = {}
        self.kinds: dict[Hashable, Kind] = {}
        self.calls: Counter[Rule] = Counter()
        self.more: Counter[Rule] = Counter()
        self.errors: list[str] = []
        self.paused, self.where = False, ""

    def concerns(self, rule: Rule) -> bool:
        """Tell whether calls of a rule are to be told at all."""
        if self.paused:
            return False
        known = self._concerns.get(rule)
        if known is None:
            known = self._concerns[rule] = self._own(rule)
        return known

    def counted(self, key: Hashable) -> bool:
        """Count a call that is known by a key, if no more is to be told of such calls."""
        kind = None if self.paused else self._counted.get(key)
        if kind is None:
            return False
        with self._lock:
            self.calls[kind.call.rule] += 1
            kind.calls += 1
        return True

    def seen(self, call: Call, key: Hashable = None) -> Take | None:
        """Note a call; return what takes its values, or None if they are not wanted."""
        short, key = key, key_of(call)
        with self._lock:
            self.calls[call.rule] += 1
            kind = self.kinds.get(key)
            if kind is None:
                if sum(known.call.rule == call.rule for known in self.kinds.values()) >= MOST:
                    self.more[call.rule] += 1
                    return None
                kind = self.kinds[key] = Kind(call, self._caller())
            kind.calls += 1
            kind.call = _joined(kind.call, call)
            if kind.grown and kind.looks > _LOOKS:
                kind.looks = 0  # it will be verified again, and needs values
            if kind.looks >= _LOOKS or len(kind.taken) > 1:
                if short is not None:
                    if len(self._counted) >= _SHORT:
                        self._counted.clear()
                    self._counted[short] = kind
                return None
            kind.looks += 1
        return lambda values: self._take(kind, values)

    def failed(self, rule: Rule | None, error: Exception) -> None:
        """Note that a call could not be described; the call itself goes on."""
        name = rule.name if rule is not None else "a rule"
        text = f"a call of {name} was not recorded: {type(error).__name__}: {error}"
        with self._lock:
            if text not in self.errors:
                self.errors.append(text)

    def _take(self, kind: Kind, values: list[Any]) -> None:
        # Compiled programs keep what hands values over, also when nobody wants them any more.
        if self.paused or kind.looks > _LOOKS or len(kind.taken) > 1:
            return
        try:
            self._keep(kind, values)
        except Exception as err:
            self.failed(kind.call.rule, err)

    def _keep(self, kind: Kind, values: list[Any]) -> None:
        recorder = recorder_of(kind.call.rule.library)
        size = sum(map(recorder.size, values))
        with self._lock:
            if size > self._left:
                kind.drawn = kind.drawn or "beyond the memory that a watch may keep"
                return
        like = character([recorder.seen_as(value) for value in values])
        with self._lock:
            if like in kind.characters or len(kind.taken) > 1:
                return
            self._left -= size
            kind.taken.append(values)
            kind.characters.append(like)

    def release(self, kind: Kind) -> None:
        """Give the memory of values back: the kind is verified."""
        size = recorder_of(kind.call.rule.library).size
        with self._lock:
            self._left += sum(size(value) for values in kind.taken for value in values)
            kind.taken, kind.looks = [], _LOOKS + 1  # and no more of them
            kind.characters, kind.verified = [], kind.call.differentiated

    def _caller(self) -> str:
        """Return who called: the test, and the file and line."""
        frame: Any = sys._getframe(1)
        while frame is not None:
            package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
            if package not in ("gradproof", "jax", "torch", "functools", "contextlib", "threading"):
                break
            frame = frame.f_back
        place = "" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"
        return f"{self.where} ({place})" if self.where and place else self.where or place


def _joined(known: Call, other: Call) -> Call:
    """Return the first of two calls of one kind, differentiated by what any of them is."""
    if other.differentiated is None or known.differentiated == other.differentiated:
        return known
    pairs = zip(known.differentiated or other.differentiated, other.differentiated, strict=True)
    return replace(known, differentiated=tuple(one or another for one, another in pairs))
