"""Verdicts on kernels, counted and as tables."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from tests.references.held_out import HELD_OUT
from tests.references.judged import DTYPES, OURS, Judged
from tests.references.operations import OPERATIONS
from tests.references.peers import PEERS

Count = Counter[tuple[bool, str]]


@dataclass
class Counted:
    """
    Verdicts by whether an operation is held out, dtype and rule.

    Attributes
    ----------
    rules : dict
        How often each rule said what, of kernels that are right and of those that are not.
    beside : dict
        What was said of the right results of wrong kernels.
    operations : dict
        Those that are counted.
    seconds : float
        What it took, of one core.
    """

    rules: dict[tuple[bool, str, str], Count] = field(default_factory=lambda: defaultdict(Counter))
    beside: dict[tuple[bool, str], Counter[str]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    operations: dict[bool, set[str]] = field(default_factory=lambda: defaultdict(set))
    seconds: float = 0.0

    def add(self, found: Judged) -> None:
        """Count what is said of the kernels of one operation."""
        held = found.name in HELD_OUT
        self.seconds += found.seconds
        self.operations[held].add(found.name)
        for verdict in found.verdicts:
            self.beside[held, found.dtype] += Counter(verdict.beside)
            for rule, said in verdict.said.items():
                self.rules[held, found.dtype, rule][verdict.right, said] += 1

    def tables(self) -> str:
        """Return a table of the operations that it was built with, and one of the others."""
        return "\n\n".join(self._table(held) for held in (False, True) if self.operations[held])

    def _table(self, held: bool) -> str:
        dtypes = [dtype for dtype in DTYPES if (held, dtype, OURS) in self.rules]
        title = "held out" if held else "it was built with"
        every = len(HELD_OUT if held else OPERATIONS)
        number = len(self.operations[held])
        of = "" if number == every else f" of {every}"
        lines = [
            f"| {number}{of} operations {title} | " + " | ".join(dtypes) + " |",
            "|---|" + "---|" * len(dtypes),
        ]
        counts = [self.rules[held, dtype, OURS] for dtype in dtypes]
        numbers = (f"{_sum(c, right=True)} / {_sum(c, right=False)}" for c in counts)
        lines.append("| kernels, right / wrong | " + " | ".join(numbers) + " |")
        for rule in (OURS, *PEERS):
            cells = (_cell(self.rules[held, dtype, rule]) for dtype in dtypes)
            lines.append(f"| {rule} | " + " | ".join(cells) + " |")
        beside = (self.beside[held, dtype] for dtype in dtypes)
        cells = (f"{c['fail']} of {c.total()}" for c in beside)
        lines.append(f"| {OURS}: right results of wrong kernels that fail | " + " | ".join(cells))
        lines[-1] += " |"
        return "\n".join(lines)

    def line(self) -> str:
        """Return in a line what is counted so far."""
        parts = []
        for dtype in DTYPES:
            both = (self.rules.get((held, dtype, OURS), Counter()) for held in (False, True))
            count = sum(both, Counter())
            if count:
                parts.append(f"{dtype} {count.total()}: {_cell(count)}")
        return "; ".join(parts)


def _sum(count: Count, *, right: bool) -> int:
    return sum(n for (was_right, _), n in count.items() if was_right is right)


def _cell(count: Count) -> str:
    """Return false alarms, misses and what is not known, of right and wrong ones together."""
    alarms, missed = count[True, "fail"], count[False, "pass"]
    unknown = count[True, "inconclusive"] + count[False, "inconclusive"]
    share = missed / max(_sum(count, right=False), 1)
    return f"{alarms} / {missed} ({share:.2%}) / {unknown}"
