"""One call of a checking function: what was asked for, where, and what is found in which order."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from .._backends.typing import Function
from .._evaluation.options import Evaluation, Settings
from .._evaluation.values import Values
from .._report.combined import done, together
from .._report.report import Report
from .._report.verdicts import NOT_REACHED, Check, Verdict
from .._vectors.point import Point
from .._vectors.primals import ArgNums
from .._verdict.options import Options
from .._verdict.spent import by_few

#: Checks by name, none of which has been made.
Pending = dict[str, Callable[[], Check]]


class Counted(Protocol):
    """A claim, whose calls are counted."""

    @property
    def calls(self) -> int:
        """Number of calls so far."""


@dataclass(frozen=True)
class Session:
    """
    What was asked for, and where.

    Attributes
    ----------
    options : Options
        What the user chose of the verdict.
    settings : Settings
        How func is evaluated.
    point : Point
        The point; it has entries.
    """

    options: Options
    settings: Settings
    point: Point

    @staticmethod
    def at(
        func: Function,
        arguments: tuple[Any, ...],
        moved: tuple[ArgNums, dict[str, Any] | None],
        options: Options,
        evaluation: Evaluation,
    ) -> "Session":
        """
        Return a session; TypeError or ValueError for what makes none.

        Parameters
        ----------
        func : callable
            Knows what its arguments are called.
        arguments : tuple
            Those of func.
        moved : tuple of argnums and kwargs
            Which of them are moved, and keyword arguments.
        options : Options
            What the user chose.
        evaluation : Evaluation
            How func is evaluated, as given.
        """
        settings = Settings.checked(evaluation)
        return Session(options, settings, Point(arguments, *moved, func).with_entries())

    def values(self, func: Function, *, has_aux: bool = False) -> Values:
        """Return func around the point."""
        return Values(func, self.point, self.options.budget, self.settings, has_aux=has_aux)

    @staticmethod
    def told(
        reports: list[tuple[str, Report]], pending: Pending, values: Values, claim: Counted
    ) -> Report:
        """
        Return the report on a claim, of one or more by name, and on what is checked beside it.

        Ctrl-C ends it, `Interrupted`: none of what is still pending is then made.
        """
        checks: list[Check] = []
        *others, (name, last) = reports
        for other, check in pending.items():
            try:
                if not last.interrupted:
                    checks.append(check())
                    continue
            except KeyboardInterrupt:
                last = replace(last, interrupted=True)
            checks.append(Check(other, Verdict.INCONCLUSIVE, NOT_REACHED))
        every = [(name, by_few(one, values)) for name, one in (*others, (name, last))]
        return done(together(every, checks, values.nfev, claim.calls))
