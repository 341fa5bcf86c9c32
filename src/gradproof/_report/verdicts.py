"""Verdicts, single checks, and the exceptions that say them."""

import enum
from dataclasses import dataclass
from typing import Any

from .._backends.foreign import escaped


class WrongDerivative(AssertionError):  # noqa: N818  # what is wrong is the derivative
    """
    A claim is off, beyond doubt; the text is that of the report.

    Attributes
    ----------
    report : Report or None
        The report, of a check that has one alone.
    """

    report: Any = None


class Inconclusive(AssertionError):  # noqa: N818  # an outcome, which a suite may decide to accept
    """
    A check could neither pass nor fail a claim; the text is that of the report.

    Attributes
    ----------
    report : Report or None
        The report, of a check that has one alone.
    """

    report: Any = None


class Verdict(enum.StrEnum):
    """What a check says of a claim."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


#: What is said of a check that Ctrl-C came before.
NOT_REACHED = "not reached: interrupted"


@dataclass(frozen=True)
class Check:
    """
    One of the things that a report is about.

    Attributes
    ----------
    name : str
        What was checked: 'vjp', 'value', 'forward against reverse'.
    verdict : Verdict
        What came of it.
    text : str
        Why.
    """

    name: str
    verdict: Verdict
    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", escaped(self.name))
        object.__setattr__(self, "text", escaped(self.text))
