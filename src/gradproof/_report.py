"""What a check found, for people and for programs."""

import enum
import math
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np


class WrongDerivative(AssertionError):  # noqa: N818  # what is wrong is the derivative
    """A claim is off, beyond doubt; the text is that of the report."""


class Inconclusive(AssertionError):  # noqa: N818  # an outcome, which a suite may decide to accept
    """A check could neither pass nor fail a claim; the text is that of the report."""


class Verdict(enum.StrEnum):
    """What a check says of a claim."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Report:
    """
    The result of a check.

    Attributes
    ----------
    verdict : Verdict
        'pass', 'fail' or 'inconclusive'.
    reason : str
        One sentence that says why.
    remarks : tuple of str
        What else was noticed: kinks, scales, exceptions of func.
    entries : dict of str to ndarray
        One number for each entry of x0, in its shape: ``claimed``, ``measured`` (slope of func),
        ``truncation`` and ``noise`` (bars for the two parts of its uncertainty), ``step`` (the
        finest step used), ``right`` and ``left`` (one-sided slopes, where they differ),
        ``resolution`` (the smallest relative error that would have been seen) and ``state``
        ('pass', 'fail' or 'unresolved'). NaN and infinity where nothing was measured.
    rtol : float
        The relative error that matters.
    resolved : float
        What a pass must have been able to see, relative to the scale of each entry.
    whole : float
        Upper bound on the error along the claim itself, relative to the claim: the resolution
        for mistakes of the gradient as a whole.
    dtype : str
        The coarsest dtype involved.
    nfev, ngev : int
        Calls of func and of the claim.
    seed : int
        Repeats the check.
    alone : tuple of two floats or None
        Of a check along directions: the smallest relative error of one entry that would have been
        seen if all others are right, for the median entry and for the worst. None if each entry was
        looked at.
    """

    verdict: Verdict
    reason: str
    remarks: tuple[str, ...]
    entries: dict[str, np.ndarray] = field(repr=False)
    rtol: float
    resolved: float
    whole: float
    dtype: str
    nfev: int
    ngev: int
    seed: int
    alone: tuple[float, float] | None = None

    @property
    def ok(self) -> bool:
        """Whether the claim passed; an inconclusive check is not ok."""
        return self.verdict is Verdict.PASS

    def __bool__(self) -> NoReturn:
        msg = (
            "a Report is neither true nor false: use `report.ok`, `report.verdict` or "
            "`report.raise_if_wrong()`."
        )
        raise TypeError(msg)

    def worst(self, k: int = 5) -> list[dict[str, Any]]:
        """
        Return the entries that are furthest off, or least resolved, first.

        Parameters
        ----------
        k : int
            How many at most.

        Returns
        -------
        list of dict
            With the ``index`` of the entry and its numbers from `entries`.
        """
        state = self.entries["state"].ravel()
        rank = np.select([state == "fail", state == "unresolved"], [2, 1], 0)
        # By state, then by resolution; the first of equals first.
        order = np.lexsort((-self.entries["resolution"].ravel(), -rank))
        shape = self.entries["state"].shape
        found = []
        for i in order[:k]:
            index = tuple(int(j) for j in np.unravel_index(i, shape))
            numbers = {name: values.ravel()[i].item() if name != "state" else str(state[i])
                       for name, values in self.entries.items()}  # fmt: skip
            found.append({"index": index, **numbers})
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return everything in lists, numbers, text and None (for NaN and infinity): for JSON."""
        return {
            "verdict": str(self.verdict),
            "reason": self.reason,
            "remarks": list(self.remarks),
            "entries": {name: _plain(values.tolist()) for name, values in self.entries.items()},
            "rtol": self.rtol,
            "resolved": self.resolved,
            "whole": _plain(self.whole),
            "dtype": self.dtype,
            "nfev": self.nfev,
            "ngev": self.ngev,
            "seed": self.seed,
            "alone": None if self.alone is None else _plain(list(self.alone)),
        }

    def raise_if_wrong(self) -> None:
        """
        Do nothing if the claim passed.

        Raises
        ------
        WrongDerivative
            If it failed.
        Inconclusive
            If nothing could be said.
        """
        if self.verdict is Verdict.FAIL:
            raise WrongDerivative(str(self))
        if self.verdict is Verdict.INCONCLUSIVE:
            raise Inconclusive(str(self))

    def __str__(self) -> str:
        states = self.entries["state"].ravel()
        lines = [f"{self.verdict}: {self.reason}"]
        if not self.ok:
            unsettled = [entry for entry in self.worst(4) if entry["state"] != "pass"]
            lines += [_line(entry) for entry in unsettled if math.isfinite(entry["measured"])]
        seen = self.entries["resolution"].ravel()
        known = seen[np.isfinite(seen)] if self.alone is None else np.empty(0)
        if self.alone is not None and math.isfinite(self.alone[0]):
            lines.append(
                f"  not every entry was measured: an error of one entry alone would have been seen "
                f"from {self.alone[0]:.1e} times its size on (median entry; {self.alone[1]:.1e} at "
                "worst)"
            )
        if known.size:
            lines.append(
                f"  {known.size} of {states.size} entries measured; resolution {known.max():.1e} "
                f"(worst), {np.median(known):.1e} (median)"
            )
        if self.whole < 1 or (self.verdict is Verdict.FAIL and math.isfinite(self.whole)):
            lines.append(f"  along the claim itself: off by {self.whole:.1e} of it at most")
        lines.append(
            f"  errors above {self.rtol:.1e} matter ({self.dtype}); {self.nfev} calls of func, "
            f"{self.ngev} of the claim; seed={self.seed}"
        )
        lines += [f"  {remark}" for remark in self.remarks[:6]]
        if len(self.remarks) > 6:
            lines.append(f"  ... and {len(self.remarks) - 6} more remarks")
        return "\n".join(lines)


def _line(entry: dict[str, Any]) -> str:
    place = "".join(f"[{', '.join(map(str, entry['index']))}]") if entry["index"] else "the entry"
    bar = entry["truncation"] + entry["noise"]
    text = (
        f"  {place}: claimed {entry['claimed']:.6g}, measured {entry['measured']:.6g} +- {bar:.1g}"
    )
    if math.isfinite(entry["right"]):
        text += f", one-sided {entry['left']:.6g} and {entry['right']:.6g}"
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
