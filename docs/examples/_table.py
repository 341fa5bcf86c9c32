"""The lines that the examples print: a rule, and the mistake that people make in it."""

from collections.abc import Callable
from typing import Any

from gradproof import Report, Verdict

LINE = "{:27} {:16} {:9} {:5} {:5} {}"


def head() -> None:
    """Print the head of the table."""
    print(LINE.format("rule", "checked by", "dtype", "right", "wrong", "where it is wrong"))


def rule(
    name: str,
    call: Callable[[Any], Report],
    right: Any,
    wrong: Any,
    only: str = "",
) -> None:
    """
    Check a right and a wrong claim by the same call, and print both verdicts in one line.

    Parameters
    ----------
    name : str
        Of the rule.
    call : callable
        Takes a claim and returns gradproof's report on it.
    right, wrong : object
        The rule, and the rule with a mistake.
    only : str
        Where the mistake is, and nowhere else: an entry that is named has to begin so.
    """
    good, bad = call(right), call(wrong)
    checked_by = next(word for word in call.__code__.co_names if word.startswith("verify_"))
    print(LINE.format(name, checked_by, good.dtype, good.verdict, bad.verdict, place(bad)))
    assert good.verdict is Verdict.PASS, f"{name}\n{good}"
    assert bad.verdict is Verdict.FAIL, f"{name}, with a mistake\n{bad}"
    named = [entry["name"] for entry in bad.worst() if entry["state"] == "fail"]
    assert all(entry.startswith(only) for entry in named), f"{name}, not only at {only}\n{bad}"


def place(report: Report) -> str:
    """Return the entry that is furthest off, or what else a fail is about."""
    entry = report.worst(1)[0]
    if entry["state"] == "fail":
        return entry["name"] or "the only entry"
    failed = [check.name for check in report.checks if check.verdict is Verdict.FAIL]
    if "as a whole" in report.reason:
        return f"{failed[0] if failed else 'gradient'}, as a whole"
    return failed[0] if failed else report.reason
