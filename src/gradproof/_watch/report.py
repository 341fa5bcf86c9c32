"""What was found for all rules that were seen, in a table and as text."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._report.table import aligned
from .._report.verdicts import Verdict, WrongDerivative
from .kinds import MOST
from .verify import Outcome

_GRAVITY = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)
#: Characters of a finding in the table.
_WIDTH = 72


@dataclass(frozen=True)
class WatchedRule:
    """
    What was seen of a rule.

    Attributes
    ----------
    name : str
        Module and qualified name.
    made_by : str
        What makes it a rule: ``jax.custom_vjp``, ``torch.autograd.Function``.
    file : str
        Where it is defined.
    line : int
        The first line of its definition.
    calls : int
        How often it was called; 0 for a rule that was never called: it is untested.
    kinds : int
        How many kinds of calls there were: structures, shapes, dtypes, static arguments.
    outcomes : tuple of Outcome
        What was found for each kind that was verified.
    """

    name: str
    made_by: str
    file: str
    line: int
    calls: int
    kinds: int
    outcomes: tuple[Outcome, ...]

    @property
    def verdict(self) -> Verdict | None:
        """The worst of all kinds; None where none was verified."""
        # A call without anything to differentiate by says nothing of a rule that has others.
        every = self.outcomes
        verdicts = [one.verdict for one in every if not one.nothing] or [
            one.verdict for one in every
        ]
        worst = next((one for one in _GRAVITY if one in verdicts), None)
        # A pass is said of all kinds, or not at all.
        unseen = self.kinds > len(self.outcomes)
        return Verdict.INCONCLUSIVE if worst is Verdict.PASS and unseen else worst

    @property
    def worst(self) -> Outcome | None:
        """The outcome that decides; None where none was verified."""
        found = sorted(self.outcomes, key=lambda one: (one.nothing, _GRAVITY.index(one.verdict)))
        return found[0] if found else None

    @property
    def seconds(self) -> float:
        """What verifying took."""
        return sum(outcome.seconds for outcome in self.outcomes if not outcome.cached)

    def to_dict(self) -> dict[str, Any]:
        """Return everything in lists, numbers and text: for JSON."""
        return {
            "name": self.name,
            "made_by": self.made_by,
            "file": self.file,
            "line": self.line,
            "calls": self.calls,
            "kinds": self.kinds,
            "verdict": None if self.verdict is None else str(self.verdict),
            "outcomes": [outcome.to_dict() for outcome in self.outcomes],
        }

    @staticmethod
    def from_dict(given: dict[str, Any]) -> "WatchedRule":
        """Return what `to_dict` was of."""
        outcomes = tuple(map(Outcome.from_dict, given["outcomes"]))
        rest = {key: value for key, value in given.items() if key not in ("verdict", "outcomes")}
        return WatchedRule(**rest, outcomes=outcomes)


@dataclass(frozen=True)
class WatchReport:
    """
    The result of a watch.

    Attributes
    ----------
    rules : tuple of WatchedRule
        Those that were called, the worst first, and then those that were not.
    errors : tuple of str
        What went wrong inside of gradproof; the program that was watched went on.
    """

    rules: tuple[WatchedRule, ...]
    errors: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """'fail' if a rule fails, 'inconclusive' if one is or none was verified, else 'pass'."""
        verdicts = {rule.verdict for rule in self.rules if rule.calls}
        return next((one for one in _GRAVITY if one in verdicts), Verdict.INCONCLUSIVE)

    @property
    def ok(self) -> bool:
        """Whether all rules that were called pass."""
        return self.verdict is Verdict.PASS

    def raise_if_wrong(self) -> None:
        """
        Raise if a rule fails.

        Raises
        ------
        WrongDerivative
            With this report as its text.
        """
        if self.verdict is Verdict.FAIL:
            raise WrongDerivative(str(self))

    def to_dict(self) -> dict[str, Any]:
        """Return everything in lists, numbers and text: for JSON."""
        return {
            "verdict": str(self.verdict),
            "rules": [rule.to_dict() for rule in self.rules],
            "errors": list(self.errors),
        }

    def joined(self, other: "WatchReport") -> "WatchReport":
        """Return one report on what two processes have seen."""
        known = {(rule.name, rule.file, rule.line): rule for rule in self.rules}
        for rule in other.rules:
            place = rule.name, rule.file, rule.line
            known[place] = _of_both(known[place], rule) if place in known else rule
        errors = dict.fromkeys((*self.errors, *other.errors))
        return WatchReport(ordered(known.values()), tuple(errors))

    def __str__(self) -> str:
        return "\n".join(lines(self))


def ordered(rules: Any) -> tuple[WatchedRule, ...]:
    """Return rules in the order of a report: what needs a reader first."""
    order = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1, Verdict.PASS: 3}

    def key(rule: WatchedRule) -> tuple[int, str]:
        if not rule.calls:
            return 4, rule.name
        return 2 if rule.verdict is None else order[rule.verdict], rule.name

    return tuple(sorted(rules, key=key))


def _of_both(one: WatchedRule, other: WatchedRule) -> WatchedRule:
    found: dict[str, Outcome] = {}
    for outcome in (*one.outcomes, *other.outcomes):
        known = found.get(outcome.kind)
        if known is None or _GRAVITY.index(outcome.verdict) < _GRAVITY.index(known.verdict):
            found[outcome.kind] = outcome
    unseen = sum(rule.kinds - len(rule.outcomes) for rule in (one, other))
    outcomes = tuple(found.values())
    where = one.name, one.made_by, one.file, one.line
    return WatchedRule(*where, one.calls + other.calls, len(outcomes) + unseen, outcomes)


def lines(report: WatchReport) -> list[str]:
    """Return the table, and the report of each rule that fails."""
    called = [rule for rule in report.rules if rule.calls]
    never = [rule for rule in report.rules if not rule.calls]
    text = [_summary(called, never)]
    rows = [_row(rule) for rule in called]
    if rows:
        head = ("", "rule", "defined", "calls", "kinds", "time")
        text += _table([head, *rows], called)
    for rule in called:
        if rule.verdict is Verdict.FAIL:
            text += _failed(rule)
    if never:
        text += ["", "defined and never called, so not tested:"]
        text += [f"  {rule.name}  {place(rule)}" for rule in never]
    if report.errors:
        text += ["", "errors inside of gradproof, please report them:"]
        text += [f"  {error}" for error in report.errors]
    return text


def _summary(called: Sequence[WatchedRule], never: Sequence[WatchedRule]) -> str:
    if not called:
        return "no hand-written rule was called" + (f"; {len(never)} are defined" if never else "")
    counts = [
        (sum(rule.verdict is verdict for rule in called), word)
        for verdict, word in (
            (Verdict.FAIL, "wrong"),
            (Verdict.INCONCLUSIVE, "inconclusive"),
            (Verdict.PASS, "right"),
            (None, "not verified"),
        )
    ]
    said = ", ".join(f"{count} {word}" for count, word in counts if count)
    kinds, calls = sum(rule.kinds for rule in called), sum(rule.calls for rule in called)
    counted = _count(len(called), "rule"), _count(kinds, "kind"), _count(calls, "call")
    return "{} called, {} of calls, {}: {}".format(*counted, said)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _row(rule: WatchedRule) -> tuple[str, ...]:
    verdict = "not verified" if rule.verdict is None else str(rule.verdict)
    seconds = "cached" if _is_cached(rule) else f"{rule.seconds:.1f} s"
    return verdict, rule.name, place(rule), str(rule.calls), str(rule.kinds), seconds


def _is_cached(rule: WatchedRule) -> bool:
    return bool(rule.outcomes) and all(outcome.cached for outcome in rule.outcomes)


def place(rule: WatchedRule) -> str:
    """Return file and line of a definition, from here where it is below."""
    if not rule.file:
        return ""
    path = Path(rule.file)
    here = Path.cwd()
    return f"{path.relative_to(here) if path.is_relative_to(here) else path}:{rule.line}"


def _table(rows: list[tuple[str, ...]], called: Sequence[WatchedRule]) -> list[str]:
    head, *shown = aligned(rows, left=(0, 1, 2))
    text = [head]
    for line, rule in zip(shown, called, strict=True):
        text += [line, *(f"    {said}" for said in (*_why(rule), *_unseen(rule)))]
    return text


def _unseen(rule: WatchedRule) -> list[str]:
    """Return what was held fixed, drawn or not looked at: a pass does not cover it."""
    notes = dict.fromkeys(note for outcome in rule.outcomes for note in outcome.notes)
    return [f"note: {note}" for note in notes]


def _why(rule: WatchedRule) -> list[str]:
    """Return why a rule does not pass, and what helps, in a line or two."""
    why = []
    worst = rule.worst
    if worst is not None and worst.verdict is not Verdict.PASS:
        finding = worst.finding
        short = finding if len(finding) <= 2 * _WIDTH else finding[: 2 * _WIDTH - 3] + "..."
        why.append(f"({worst.kind}): {short}")
        why += [f"next: {worst.next_step}"] if worst.next_step else []
    unseen = rule.kinds - len(rule.outcomes)
    if unseen:
        cause = f"{MOST} came before them" if rule.kinds > MOST else "the time was up"
        if not rule.outcomes:  # one of each rule is verified in any case
            cause = "verify() was not called, or did not come to them"
        why.append(f"{unseen} of {rule.kinds} kinds of calls not verified: {cause}")
    return why


def _failed(rule: WatchedRule) -> list[str]:
    worst = rule.worst
    if worst is None:
        return []
    text = ["", f"== {rule.name}, {place(rule)}", f"called with ({worst.kind}) by {worst.caller}"]
    text += [f"note: {note}" for note in worst.notes]
    text += (worst.text or worst.finding).splitlines()
    if worst.snippet:
        text += ["repeat with:", *(f"    {line}" for line in worst.snippet.splitlines())]
    others = sum(outcome.verdict is Verdict.FAIL for outcome in rule.outcomes) - 1
    if others:
        text.append(f"{others} more of its kinds of calls fail")
    return text
