"""What a report says, in words: the whole of it, and its finding in one line."""

import math
import textwrap
from typing import Any

import numpy as np

from .._vectors.remarks import NOT_IN_BATCHES
from .contents import Contents
from .document import Document, digits, document_of

#: From the verdict that decides to the one that does not.
GRAVITY = ("fail", "inconclusive", "pass")
#: pytest cuts what stands in an assertion at 240 characters; with some room for what is around it.
_ONE_LINE = 200


def in_lines(report: Contents) -> str:
    """Return all that a report says, the finding in its first lines."""
    lines = [
        _finding(report),
        *([f"  {report.reason}"] if report.diagnosis else []),
        *_entries(report),
        *([f"  next: {report.next_step}"] if report.next_step else []),
        *_measured(report),
        *_other_checks(report),
        *([f"  {report.scope}"] if str(report.scope) else []),
        _cost(report),
    ]
    if report.compile_time:
        lines.append(f"  func was compiled for batches in {report.compile_time:.1f} s")
    remarks = [remark for remark in report.remarks if not remark.startswith(NOT_IN_BATCHES)]
    lines += [f"  {remark}" for remark in remarks[:6]]
    if len(remarks) > 6:
        lines.append(f"  ... and {len(remarks) - 6} more remarks")
    return "\n".join(lines)


def document(report: Contents) -> Document:
    """Return what a report says as one structure, for HTML and Markdown."""
    small = [*_measured(report), *_cost(report).splitlines()]
    return document_of(report, [line.strip() for line in small])


def _cost(report: Contents) -> str:
    """Return the line on what matters, and what was called how often."""
    if report.accuracy:
        numbers = ", ".join(f"{name} {k:.2g}" for name, k in report.accuracy if math.isfinite(k))
        return (
            f"  times the error of the reference itself in {report.dtype}: {numbers or 'none'}\n"
            f"  {report.nfev} calls of func, {report.ngev} of the reference; seed={report.seed}"
        )
    return (
        f"  errors above {report.rtol:.1e} matter ({report.dtype}); {report.nfev} calls of func, "
        f"{report.ngev} of the claim; seed={report.seed}"
    )


def in_one_line(report: Contents) -> str:
    """Return the finding, and the entry that is furthest off if there is one."""
    words = [_finding(report), *(line.strip() for line in _entries(report)[:1])]
    return textwrap.shorten("; ".join(words), _ONE_LINE, placeholder=" ...")


def _finding(report: Contents) -> str:
    return f"{report.verdict}: {report.finding}"


def _entries(report: Contents) -> list[str]:
    """Return lines on the entries that are furthest off, or least resolved."""
    if report.ok:
        return []
    unsettled = [entry for entry in report.worst(4) if entry["state"] != "pass"]
    wrong = ("fail", "off")
    if any(entry["state"] in wrong for entry in unsettled):
        # What could not be resolved, and agrees, is no news beside what is wrong.
        unsettled = [entry for entry in unsettled if entry["state"] in wrong or _beyond(entry)]
    return [_line(entry) for entry in unsettled if math.isfinite(entry["measured"])]


def _bar(entry: dict[str, Any]) -> float:
    return float(entry["truncation"] + entry["noise"])


def _beyond(entry: dict[str, Any]) -> bool:
    """Tell whether an entry was measured off beyond its bar, be it by one look only."""
    return bool(abs(entry["measured"] - entry["claimed"]) > 2 * _bar(entry))


def _line(entry: dict[str, Any]) -> str:
    claimed, measured, bar = entry["claimed"], entry["measured"], _bar(entry)
    said, shown, uncertain = digits(claimed, measured, bar)
    text = f"  {entry['name'] or 'the entry'}: claimed {said}, measured {shown} +- {uncertain}"
    if math.isfinite(entry["right"]):
        return text + f", one-sided {entry['left']:.6g} and {entry['right']:.6g}"
    if _beyond(entry):
        text += f", {_off_by(claimed, measured)}"
        return text + (" (measured once)" if entry["state"] != "fail" else "")
    if entry["state"] == "unresolved" and bar > abs(measured):
        return text + (" (noise hides it)" if entry["noise"] > entry["truncation"] else "")
    return text


def _off_by(claimed: float, measured: float) -> str:
    """Return how far a claim is off: as a share of what was measured, or as a multiple of it."""
    if not measured:
        return f"off by {abs(claimed):.2g}"
    if claimed and abs(claimed - measured) > abs(measured) / 4:
        return f"the claim is {claimed / measured:.4g} times that"
    return f"off by {abs(claimed - measured) / abs(measured):.1e} of it"


def _measured(report: Contents) -> list[str]:
    """Return lines on what was measured, and what could have been seen."""
    flat = report.flat
    states, seen = flat["state"], flat["resolution"]
    lines = []
    if report.alone is not None and math.isfinite(report.alone[0]):
        lines.append(
            "  not every entry was measured: an error of one entry alone would have been seen "
            f"from {report.alone[0]:.1e} times its size on (median entry; {report.alone[1]:.1e} at "
            "worst)"
        )
    known = np.isfinite(seen) if report.alone is None else np.zeros(seen.size, dtype=bool)
    if known.any():
        # The error of an entry that is off says nothing of how small a one would have been seen.
        with np.errstate(invalid="ignore"):
            error = np.abs(flat["measured"] - flat["claimed"])
            off = (states != "pass") & (error > 2 * (flat["truncation"] + flat["noise"]))
        told = seen[known & ~off & (states != "fail")]
        line = f"  {int(known.sum())} of {states.size} entries measured"
        if told.size:
            which = "" if told.size == known.sum() else " of the others"
            line += f"; resolution{which} {told.max():.1e} (worst), {np.median(told):.1e} (median)"
        lines.append(line)
    if report.whole < 1 or (report.verdict == "fail" and math.isfinite(report.whole)):
        bound = "" if report.verdict == "fail" else " at most"
        lines.append(f"  along the claim itself: off by {report.whole:.1e} of it{bound}")
    return lines


def _other_checks(report: Contents) -> list[str]:
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
