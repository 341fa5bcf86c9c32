"""What reports say of options in Python, as they are typed on a command line."""

import re
from dataclasses import replace

from .._report.report import Report

#: An option of a check with its value: a number, a word, one word in a tuple, or none.
_OPTION = re.compile(
    r"\b(budget|rtol|order|grad|directions|modes|seconds)="
    r"""(?:\("(\w+)",\)|["']?([\w.+-]*\w)["']?)?"""
)
_PICTURE = re.compile(r"plot_(\w+)\(\)")


def typed(text: str) -> str:
    """Return a text with options, and pictures, as they are typed."""
    text = _PICTURE.sub(r"--plot-kind \1", text)
    text = text.replace("-kind leaf and --plot-kind entries show", "-kind leaf, or entries, shows")
    return _OPTION.sub(_as_option, text)


def as_typed(report: Report) -> Report:
    """
    Return a report whose advice is typed; exceptions of the user stay as they are.

    Parameters
    ----------
    report : Report
        Of a check on a command line.
    """
    own = tuple(typed(one) if one.startswith("few calls") else one for one in report.remarks)
    reason = re.sub(r"directions='(\w+)'", r"--directions \1", report.reason)
    return replace(report, advice=typed(report.next_step), reason=reason, remarks=own)


def _as_option(found: re.Match[str]) -> str:
    value = found[2] or found[3]
    return f"--{found[1]} {value}" if value else f"--{found[1]}"
