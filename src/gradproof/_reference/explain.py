"""What kind of mistake a failed result has: one of the formula, or a loss of accuracy."""

import math
from collections.abc import Callable

from .compare import Result, compared
from .neighbours import POINTS
from .runs import Runs
from .statistics import SLOPPY

#: Dtypes that single precision tells nothing of, and its rounding as that of a result.
_LONG, _SINGLE = ("float32", "float64"), 2.0**-22
#: The rounding of TF32, and of bfloat16, in which matrix products of float32 may be computed.
COARSER = {"tf32": 2.0**-11, "bfloat16": 2.0**-8}
#: Errors of a precision are up to twice its roundings; the next coarser one's are 8 times as large.
_ALIKE = 2.0


def accuracy_lost(runs: Runs, results: list[Result], failed: list[int]) -> set[int]:
    """
    Return which of the failed results are right in single precision: they lose accuracy.

    A mistake stays as it is in every precision; an error by rounding shrinks with it. The bound is
    half way between the two, in logarithms.
    """
    if all(results[i].dtype in _LONG for i in failed):
        return set()
    try:
        single = runs.in_single()
    except Exception:  # a kernel for half precision alone
        return set()
    found = set()
    for i in failed:
        result = results[i]
        if result.sample.lost:
            continue
        # In roundings, so that what is small is not hidden behind what is large.
        sample = result.sample
        before, after = result.errors.size, sample.apart(sample.truth, single[i])[1]
        if after < math.sqrt(_SINGLE / result.sample.unit) * before:
            found.add(i)
    return found


def precision_inside(again: Callable[[float], Runs], names: list[str]) -> str:
    """
    Return the name of a coarser precision by which float32 results are right; empty if none is.

    Parameters
    ----------
    again : callable
        Takes a rounding, and returns runs in which it is declared.
    names : list of str
        Of the results.
    """
    for name, unit in COARSER.items():
        found = compared(again(unit), names)
        if not any(result.findings or result.errors.size > _ALIKE for result in found):
            return name
    return ""


def races(runs: Runs, results: list[Result]) -> dict[int, str]:
    """
    Return what to say of results that are another one when func is called again.

    What is far off at some points only is either that, or a discontinuity within an ulp of x0.
    """
    xp, found = runs.backend.xp, _random(runs, results)
    for k in range(POINTS):
        far = [i for i, one in enumerate(results) if one.errors.entries.jumps[k] and i not in found]
        if not far:
            continue
        again, truth = runs.claim(k), runs.truth(k)
        for i in far:
            sample = results[i].sample
            other = results[i].errors.entries.jumping(k) & sample.differs(k, again[i], truth[i])
            if bool(xp.any(other)):
                n = int(xp.sum(other))
                found[i] = f"not reproducible: called again, {n} entries are others"
    return found


def _random(runs: Runs, results: list[Result]) -> dict[int, str]:
    """Return what to say of results that scatter, and are others when func is called again."""
    sloppy = [i for i, result in enumerate(results) if result.errors.kappa > SLOPPY]
    if not sloppy:
        return {}
    xp, again, found = runs.backend.xp, runs.claim(0), {}
    for i in sloppy:
        sample = results[i].sample
        other = xp.reshape(again[i] != sample.claim, sample.shape)
        if sample.compared is not None:
            other = other & sample.compared
        if bool(xp.any(other)):
            found[i] = f"not reproducible: called again, {int(xp.sum(other))} entries are others"
    return found


def explained(
    first: Runs, results: list[Result], names: list[str], runs: Callable[[float], Runs]
) -> tuple[dict[int, str], set[int]]:
    """
    Return what else is wrong with results, and those that are off by their accuracy alone.

    Parameters
    ----------
    first : Runs
        What the results came of.
    results : list of Result
        As they were judged.
    names : list of str
        Of the results.
    runs : callable
        Takes a rounding, and returns runs in which it is declared.
    """
    said = races(first, results)
    failed = [i for i, result in enumerate(results) if result.findings and i not in said]
    if not failed:
        return said, set()
    lost = accuracy_lost(first, results, failed)
    if all(result.dtype == "float32" for result in results) and not first.unit:
        name = precision_inside(runs, names)
        for i in failed if name else []:
            k = results[i].errors.accuracy
            said[i] = (
                f"as in {name}: {k:.2g} times the error of float32; if that is meant, "
                f"say so by precision={name!r}"
            )
    return said, lost
