"""What was said of every claim, one line each: written to a file, and compared with one."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.calibration.cases import EPS, Label
from tests.calibration.judged import RIGHT, Judged

#: What tells a claim from all others, and what was said of it.
KEY = ("dtype", "family", "case", "seed", "claim")
SAID = ("verdict", "nfev", "ngev", "reason")

Line = dict[str, Any]
Key = tuple[Any, ...]


def line(row: Judged) -> Line:
    """Return what was said of a claim, as it stands in a record."""
    said = {name: getattr(row, name) for name in SAID}
    return {**_case(row.label), "claim": row.claim, **said}


def write_record(rows: Iterable[Judged], path: Path) -> None:
    """Write a record: JSON, a line for each claim, in the order of the cases."""
    lines = (json.dumps(line(row), ensure_ascii=False) for row in rows)
    path.write_text("".join(f"{each}\n" for each in lines), encoding="utf-8")


def read_record(path: Path, labels: Sequence[Label]) -> list[Line]:
    """Return the lines of a record that are about these cases."""
    chosen = {tuple(_case(label).values()) for label in labels}
    lines = [json.loads(each) for each in path.read_text(encoding="utf-8").splitlines()]
    return [each for each in lines if tuple(each[name] for name in KEY[:-1]) in chosen]


def compared(before: Sequence[Line], after: Sequence[Line]) -> tuple[str, bool]:
    """Return what differs, to be read, and whether the verdicts are the same."""
    old, new = _by_key(before), _by_key(after)
    found, same = [], True
    for key in dict.fromkeys([*old, *new]):
        changes = _changes(old.get(key), new.get(key))
        if changes:
            found.append(f"{', '.join(map(str, key))}: {'; '.join(changes)}")
            same &= key in old and key in new and old[key]["verdict"] == new[key]["verdict"]
    found.append(f"{len(found)} of {len(old.keys() | new.keys())} claims differ.")
    return "\n\n".join(["\n".join(found), _counts(before, after), _calls(before, after)]), same


def _case(label: Label) -> Line:
    # The heading tells a float16 x with a float32 result from one with float16 throughout.
    return {"dtype": label.dtype, "family": label.heading, "case": label.name, "seed": label.seed}


def _by_key(lines: Sequence[Line]) -> dict[Key, Line]:
    return {tuple(each[name] for name in KEY): each for each in lines}


def _changes(before: Line | None, after: Line | None) -> list[str]:
    """Return what differs in one line."""
    if before is None or after is None:
        only = before or after or {}
        return [f"only {'after' if before is None else 'before'}, {only['verdict']}"]
    return [f"{name} {before[name]} -> {after[name]}" for name in SAID if before[name] != after[name]]  # fmt: skip


def _counts(before: Sequence[Line], after: Sequence[Line]) -> str:
    """Return the verdicts by dtype and family, before and after."""
    lines = ["| dtype | family | right: pass / fail / inconclusive | wrong: fail / pass / inconclusive |",
             "|---|---|---|---|"]  # fmt: skip
    tallies = [_tally(before), _tally(after)]
    order = list(EPS)
    for dtype, family in sorted({(each["dtype"], each["family"]) for each in (*before, *after)},
                                key=lambda pair: (order.index(pair[0]), pair[1])):  # fmt: skip
        cells = []
        for right, verdicts in ((True, ("pass", "fail", "inconclusive")),
                                (False, ("fail", "pass", "inconclusive"))):  # fmt: skip
            old, new = (" / ".join(str(tally[dtype, family, right, verdict]) for verdict in verdicts)
                        for tally in tallies)  # fmt: skip
            cells.append(old if old == new else f"{old} -> {new}")
        lines.append(f"| {dtype} | {family} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _tally(lines: Sequence[Line]) -> Counter[Key]:
    return Counter(
        (each["dtype"], each["family"], each["claim"] == RIGHT, each["verdict"]) for each in lines
    )


def _calls(before: Sequence[Line], after: Sequence[Line]) -> str:
    """Return the calls of func and of the claims in total, and their ratios."""
    parts = []
    for name, what in (("nfev", "func"), ("ngev", "the claims")):
        old, new = (sum(each[name] for each in lines) for lines in (before, after))
        ratio = f" ({new / old:.4f} times)" if old else ""
        parts.append(f"calls of {what}: {old} -> {new}{ratio}")
    return "; ".join(parts)
