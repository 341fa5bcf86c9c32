"""How small a mistake a check would have seen, and what it cost, in words."""

import math

import numpy as np

from .contents import Contents

#: An error as large as what it is in.
_ALL_OF_IT = 1.0


def smallest_seen(report: Contents) -> list[str]:
    """Return lines on how small a mistake of an entry would have been seen."""
    smallest = "smallest relative error"
    if report.alone is not None:
        middle, worst = report.alone
        if not math.isfinite(middle):
            return []
        of_one = f"{smallest} of one entry alone that would have been seen"
        return [f"not every entry was measured; {of_one}: {_worst(worst, middle)}"]
    seen = report.flat["resolution"]
    known = np.isfinite(seen)
    if not known.any():
        return []
    told = seen[known & ~_off(report)]
    # Of a Jacobian that is one number for each column, its value that is furthest off; of a sparse
    # one for each colour.
    what = "entries" if report.pairs is None else "columns"
    what = "colours of columns" if in_colours(report) else what
    line = f"{int(known.sum())} of {seen.size} {what} measured"
    if told.size:
        where = " in the others" if told.size < known.sum() else ""
        sizes = _worst(float(told.max()), float(np.median(told)))
        line += f"; {smallest} that would have been seen{where}: {sizes}"
    return [line, *_between(report, told)]


def _between(report: Contents, seen: np.ndarray) -> list[str]:
    """Return a line on errors that matter, and a pass may have missed: it sees `resolved` alone."""
    if not report.ok or report.accuracy or not seen.size or seen.max() <= report.rtol:
        return []
    many = int((seen > report.rtol).sum())
    return [
        f"in {many} of them an error that matters may have passed: up to {seen.max():.1e}, and "
        f"errors above {report.rtol:.1e} matter"
    ]


def _worst(worst: float, middle: float) -> str:
    """Return what would have been seen of the least visible entry, and of the median one."""
    return f"{worst:.1e} (worst entry), {middle:.1e} (median)"


def _off(report: Contents) -> np.ndarray:
    """Tell which entries are off: their error says nothing of how small a one would be seen."""
    flat = report.flat
    with np.errstate(invalid="ignore"):
        error = np.abs(flat["measured"] - flat["claimed"])
        off = error > 2 * (flat["truncation"] + flat["noise"])
    states = flat["state"]
    return np.asarray((off & (states != "pass")) | (states == "fail"))


def in_colours(report: Contents) -> bool:
    """Tell whether the numbers of a report are those of a sparse claim, one for each colour."""
    return report.pairs is not None and report.pairs.columns is not None


def along_the_claim(report: Contents) -> list[str]:
    """Return lines on the claim as a whole, and on what belongs to it."""
    lines = []
    # What fails may be another check: of a value, of linearity.
    states = report.flat["state"]
    agrees = bool(((states == "pass") | (states == "held fixed")).all())
    failed = report.verdict == "fail" and not agrees
    # Beside a reference it is what would have been seen, and no error that was found.
    said = math.isfinite(report.whole) and not report.accuracy if failed else report.whole < 1
    if said:
        bound = "" if failed else " at most"
        lines.append(f"along the claim itself: off by {report.whole:.1e} of it{bound}")
    reach = report.reach
    if reach is None or failed:
        return lines
    sizes = (
        ("of a leaf", reach.leaf),
        ("of a row", reach.row),
        ("of one entry alone", reach.entry),
    )
    words = [f"{size:.1e} {what}" for what, size in sizes if size is not None and size < math.inf]
    unseen = [what for what, size in sizes if size == math.inf]
    if words:
        lines.append(f"smallest relative error that would have been seen: {', '.join(words)}")
    if unseen:
        lines.append(f"would not have been seen: any error {', '.join(unseen)}")
    if reach.reason:
        lines.append(reach.reason)
    return lines


def is_weak(report: Contents) -> bool:
    """Tell whether an entry, a row or a leaf could be missing, or be as far off, unseen."""
    if report.verdict == "fail":
        return False
    if len(smallest_seen(report)) > 1:
        return True
    reach = report.reach
    sizes = [] if reach is None else [reach.leaf, reach.row, reach.entry]
    if report.alone is not None:
        sizes.append(report.alone[1])
    return any(size is not None and size >= _ALL_OF_IT for size in sizes)


def cost(report: Contents) -> list[str]:
    """Return lines on what was called how often, and which errors matter."""
    lines = []
    other, matters = "the claim", f"errors above {report.rtol:.1e} matter ({report.dtype}); "
    if report.accuracy:
        numbers = ", ".join(f"{name} {k:.2g}" for name, k in report.accuracy if math.isfinite(k))
        lines.append(f"times the error of the reference in {report.dtype}: {numbers or 'none'}")
        other, matters = "the reference", ""
    calls = f"{report.nfev} calls of {report.called}, {report.ngev} of {other}"
    lines.append(f"{matters}{calls}; seed={report.seed}")
    if report.compile_time:
        lines.append(f"func was compiled for batches in {report.compile_time:.1f} s")
    return lines
