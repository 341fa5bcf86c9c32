"""What is said of a comparison: a check for each result, and numbers for each entry."""

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._numerics.blocks import LONG
from .._report.reach import LeafReach, Reach
from .._report.report import Report
from .._report.verdicts import Check, Verdict
from .._vectors.layout import flat_numbers, layout
from .._vectors.scope import Part, Scope
from .blocks import part, places, shape_of
from .compare import Result
from .places import located
from .products import Products
from .runs import Runs
from .statistics import SLOPPY

#: The order of derivatives of the vjp.
_SECOND = 2
#: A machine epsilon between those of single and of double precision.
_DOUBLE = 2.0**-40
_GRAVITY = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)


@dataclass(frozen=True)
class Found:
    """
    What is said of a comparison beside its numbers.

    Attributes
    ----------
    said : dict of int to str
        What else is wrong with a result.
    lost : set of int
        Results that are off by a loss of accuracy alone.
    checks : tuple of Check
        Of other layouts.
    unseen : tuple of str
        What was not checked, with the reason.
    cut : str
        Why the derivative of the reference is none to compare with; empty if it is one.
    """

    said: dict[int, str]
    lost: set[int]
    checks: tuple[Check, ...] = ()
    unseen: tuple[str, ...] = ()
    cut: str = ""


def report_of(
    runs: Runs, results: list[Result], found: Found, seed: int, max_k: float | None
) -> Report:
    """
    Return the report on a comparison.

    Parameters
    ----------
    runs : Runs
        What was called.
    results : list of Result
        What was compared.
    found : Found
        What else is known.
    seed : int
        Repeats the check.
    max_k : float or None
        How many times the error of the reference a right result may have.
    """
    each = [_check(result, i, found, max_k) for i, result in enumerate(results)]
    backend, arguments = runs.backend, runs.arguments
    bad = {i for i, check in enumerate(each) if check.verdict is Verdict.FAIL}
    flat = _flat(backend, results, bad)
    leaves = tuple(layout([r.name for r in results], [r.sample.claim for r in results]))
    each = located(each, flat["state"], [leaf.shape for leaf in leaves])
    checks = [*each, *found.checks, *_asked(runs)]
    verdict = min((check.verdict for check in checks), key=_GRAVITY.index)
    wrong = [check for check in checks if check.verdict is verdict]
    dtype = _dtype_of(results)
    if verdict is Verdict.PASS:
        reason = f"every entry agrees with the reference, up to rounding in {dtype}"
        left = sum(map(_left, results))
        if left:
            reason += f"; {left}, where the reference is not finite, were not compared"
    else:
        worst = max(wrong, key=lambda check: _size_of(results, check))
        reason = f"{worst.name}: {worst.text}"
    reach = _reach(results)
    return Report(
        verdict=verdict,
        reason=reason,
        remarks=_remarks(results, found.lost),
        rtol=max(result.sample.unit for result in results),
        resolved=max(result.sample.unit for result in results),
        whole=max((leaf.whole for leaf in reach.leaves), default=math.inf),
        dtype=dtype,
        nfev=runs.calls,
        ngev=runs.reference_calls,
        seed=seed,
        flat=flat,
        leaves=leaves,
        checks=tuple(checks),
        reach=reach,
        scope=Scope(
            tuple(
                Part(arguments.names[i], tuple(arguments.arrays[i].shape)) for i in arguments.moved
            ),
            tuple(arguments.held),
            _products(runs.products),
            (*_left_out(runs.products), *arguments.unseen, *found.unseen),
        ),
        accuracy=tuple((result.name, result.errors.accuracy) for result in results),
    )


def _asked(runs: Runs) -> list[Check]:
    """Return the check of a mode that was asked for, and is not there."""
    products = runs.products
    if not (products.lacking and products.asked):
        return []
    return [Check("jvp", Verdict.INCONCLUSIVE, f"{products.lacking}: nothing was compared")]


def _products(products: Products) -> tuple[str, ...]:
    """Return what was looked at, in words."""
    each = "at each of 4 points"
    words = {"vjp": f"vjp at 1 cotangent {each}", "jvp": f"jvp at 1 tangent {each}"}
    second = (f"vjp of the vjp at 1 cotangent {each}",) if products.order > 1 else ()
    return (*(words[mode] for mode in products.modes), *second)


def _left_out(products: Products) -> tuple[str, ...]:
    """Return what was not looked at, in words."""
    if not products.order:
        return ("derivatives",)
    found = ["vjps"] if "vjp" not in products.modes else []
    if products.lacking:
        found.append(f"jvps ({products.lacking})")
    elif "jvp" not in products.modes:
        found.append("jvps")
    return (*found, *(("derivatives of the vjp",) if products.order < _SECOND else ()))


def _check(result: Result, i: int, found: Found, max_k: float | None) -> Check:
    errors, k, lost = result.errors, result.errors.accuracy, i in found.lost
    said = found.said.get(i, "")
    if found.cut and not result.name.startswith("value"):
        return Check(result.name, Verdict.INCONCLUSIVE, found.cut)
    if not errors.n and not result.sample.lost:
        text = "the reference is finite in none of its entries: nothing was compared"
        return Check(result.name, Verdict.INCONCLUSIVE, text)
    if errors.n and not math.isfinite(errors.size):
        text = "what rounding does to it is not finite: nothing can be told"
        return Check(result.name, Verdict.INCONCLUSIVE, text)
    if said:
        return Check(result.name, Verdict.FAIL, said)
    loss = f"a loss of accuracy, {k:.2g} times the error of the reference in its dtype"
    if result.findings and not lost:
        return Check(result.name, Verdict.FAIL, "; ".join(f.text for f in result.findings[:3]))
    if max_k is not None and k > max_k:
        return Check(result.name, Verdict.FAIL, f"{loss}; max_k={max_k:g}")
    if errors.kappa > SLOPPY and errors.reach[1] > 1:
        text = f"{loss}: a mistake as large as an entry would not be seen beside it"
        return Check(result.name, Verdict.INCONCLUSIVE, text)
    if lost or errors.kappa > SLOPPY:
        return Check(result.name, Verdict.PASS, f"right, with {loss}")
    return Check(result.name, Verdict.PASS, f"{k:.2g} times the error of the reference")


def _left(result: Result) -> int:
    """Return how many entries were not compared."""
    return int(math.prod(result.sample.claim.shape)) - result.errors.n - result.sample.lost


def _size_of(results: list[Result], check: Check) -> float:
    """Return how many roundings the largest finding on a result is."""
    own = [result.findings for result in results if result.name == check.name]
    return max((finding.size for found in own for finding in found), default=0.0)


def _remarks(results: list[Result], lost: set[int]) -> tuple[str, ...]:
    found = []
    for i, result in enumerate(results):
        errors, name = result.errors, result.name
        if i in lost or errors.kappa > SLOPPY:
            found.append(
                f"{name}: a loss of accuracy, {errors.accuracy:.2g} times the error of the "
                "reference in its dtype; max_k= sets a limit"
            )
        left = _left(result)
        if left and errors.n:
            found.append(f"{name}: {left} entries, where the reference is not finite, not compared")
    return tuple(found)


def _dtype_of(results: list[Result]) -> str:
    return max(results, key=lambda result: result.sample.unit).dtype


def _reach(results: list[Result]) -> Reach:
    leaves = []
    for result in results:
        if result.errors.n:
            whole, entry = result.errors.reach
            leaves.append(
                LeafReach(result.name, tuple(result.sample.claim.shape), whole, (), entry)
            )
    return Reach(max((leaf.whole for leaf in leaves), default=math.inf), tuple(leaves))


def _flat(backend: Any, results: list[Result], bad: set[int]) -> dict[str, np.ndarray]:
    """Return one number for each entry of all results, of very many in single precision."""
    claimed = _numbers(backend, [r.sample.claim for r in results])
    measured = _numbers(backend, [r.sample.truth for r in results])
    noise = flat_numbers([r.errors.entries.noise for r in results], narrow=True)
    states = [_state(backend, result, i in bad) for i, result in enumerate(results)]
    state: np.ndarray = np.broadcast_to("pass", claimed.shape)  # which takes no memory
    if any(own.strides != (0,) for own in states):
        state = np.concatenate(states)
    with np.errstate(divide="ignore", invalid="ignore"):
        resolution = np.abs(measured)
        np.divide(noise, resolution, out=resolution)
    if any(result.sample.compared is not None for result in results):
        resolution[state == "held fixed"] = np.nan
    nothing = np.broadcast_to(np.nan, claimed.shape)  # which takes no memory
    return {
        "claimed": claimed,
        "measured": measured,
        "truncation": np.broadcast_to(0.0, claimed.shape),
        "noise": noise,
        "step": nothing,
        "right": nothing,
        "left": nothing,
        "resolution": resolution,
        "state": state,
    }


def _numbers(backend: Any, arrays: list[Any]) -> np.ndarray:
    """Return all entries of arrays, of very many in single precision if that is theirs."""
    sizes = [math.prod(array.shape) for array in arrays]
    single = all(float(backend.eps(array.dtype)) > _DOUBLE for array in arrays)
    found = np.empty(sum(sizes), np.float32 if single and sum(sizes) > LONG else np.float64)
    for array, size, last in zip(arrays, sizes, itertools.accumulate(sizes), strict=True):
        own = found[last - size : last].reshape(shape_of(array))
        for place in places(backend, array):  # so that no other array as long is made
            own[place] = np.asarray(backend.to_host([part(array, place)])[0])
    return found


def _state(backend: Any, result: Result, bad: bool) -> np.ndarray:  # noqa: FBT001  # of a result
    """Return the state of each entry of a result, which takes no memory if it is the same."""
    sample, wrong = result.sample, result.errors.entries.wrong
    size = math.prod(sample.shape)
    if sample.compared is None and not (bad and wrong is not None):
        return np.broadcast_to("pass", (size,))
    there = np.ones(size, dtype=bool)
    found = np.full(size, "pass", dtype="<U4")
    if sample.compared is not None:
        there = np.asarray(backend.to_host([sample.compared])[0]).reshape(-1)
        claim, truth = (
            np.isfinite(np.asarray(one, dtype=float)).reshape(-1)
            for one in backend.to_host([sample.claim, sample.truth])
        )
        found = found.astype("<U11")
        found[~there] = "held fixed"
        found[~there & truth & ~claim] = "fail"
    if bad and wrong is not None:
        found[wrong.reshape(-1) & there] = "fail"
    return found
