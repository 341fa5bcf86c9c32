"""What a report says, in words: the whole of it, and its finding in one line."""

import math
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ._report import Report

#: From the verdict that decides to the one that does not.
GRAVITY = ("fail", "inconclusive", "pass")

#: pytest cuts what stands in an assertion at 240 characters; with some room for what is around it.
_ONE_LINE = 200


def in_lines(report: "Report") -> str:
    """Return all that a report says, the finding in its first lines."""
    lines = [
        _finding(report),
        *_entries(report),
        *_measured(report),
        *_other_checks(report),
        *([f"  {report.scope}"] if str(report.scope) else []),
        f"  errors above {report.rtol:.1e} matter ({report.dtype}); {report.nfev} calls of func, "
        f"{report.ngev} of the claim; seed={report.seed}",
    ]
    if report.compile_time:
        lines.append(f"  func was compiled for batches in {report.compile_time:.1f} s")
    lines += [f"  {remark}" for remark in report.remarks[:6]]
    if len(report.remarks) > 6:
        lines.append(f"  ... and {len(report.remarks) - 6} more remarks")
    return "\n".join(lines)


def in_one_line(report: "Report") -> str:
    """Return the finding, and the entry that is furthest off if there is one."""
    words = [_finding(report), *(line.strip() for line in _entries(report)[:1])]
    return textwrap.shorten("; ".join(words), _ONE_LINE, placeholder=" ...")


def _finding(report: "Report") -> str:
    return f"{report.verdict}: {report.reason}"


def _entries(report: "Report") -> list[str]:
    """Return lines on the entries that are furthest off, or least resolved."""
    if report.ok:
        return []
    unsettled = [entry for entry in report.worst(4) if entry["state"] != "pass"]
    return [_line(entry) for entry in unsettled if math.isfinite(entry["measured"])]


def _line(entry: dict[str, Any]) -> str:
    bar = entry["truncation"] + entry["noise"]
    text = (
        f"  {entry['name'] or 'the entry'}: claimed {entry['claimed']:.6g}, measured "
        f"{entry['measured']:.6g} +- {bar:.1g}"
    )
    if math.isfinite(entry["right"]):
        text += f", one-sided {entry['left']:.6g} and {entry['right']:.6g}"
    return text


def _measured(report: "Report") -> list[str]:
    """Return lines on what was measured, and what could have been seen."""
    states, seen = report.flat["state"], report.flat["resolution"]
    lines = []
    if report.alone is not None and math.isfinite(report.alone[0]):
        lines.append(
            "  not every entry was measured: an error of one entry alone would have been seen "
            f"from {report.alone[0]:.1e} times its size on (median entry; {report.alone[1]:.1e} at "
            "worst)"
        )
    known = seen[np.isfinite(seen)] if report.alone is None else np.empty(0)
    if known.size:
        lines.append(
            f"  {known.size} of {states.size} entries measured; resolution {known.max():.1e} "
            f"(worst), {np.median(known):.1e} (median)"
        )
    if report.whole < 1 or (report.verdict == "fail" and math.isfinite(report.whole)):
        lines.append(f"  along the claim itself: off by {report.whole:.1e} of it at most")
    return lines


def _other_checks(report: "Report") -> list[str]:
    """Return lines on what was checked: whatever else failed, then all names by verdict."""
    # The reason tells of the one that decides; whatever else fails has a text of its own.
    lines = [
        f"  {check.name}: {check.text}"
        for check in report.checks
        if check.verdict == "fail" and f"{check.name}: {check.text}" != report.reason
    ]
    for verdict in GRAVITY:
        names = [check.name for check in report.checks if check.verdict == verdict]
        if names:
            words = textwrap.wrap(", ".join(names), 90, break_long_words=False)
            lines.append(f"  {verdict}: " + "\n    ".join(words))
    return lines
