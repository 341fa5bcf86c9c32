"""From the runs of two implementations to what is said of each of their results."""

from dataclasses import dataclass
from typing import Any

from .._numerics.precision import Precision
from .neighbours import POINTS
from .runs import Runs
from .scale import Sample
from .statistics import Judged

#: exp and rsqrt are off by up to two units in the last place; half precision has them of single.
_FUNCTIONS = 4.0


@dataclass(frozen=True)
class Result:
    """One result: its name and dtype, its claim and truth at x0, and what is said of it."""

    name: str
    dtype: str
    claim: Any
    truth: Any
    judged: Judged
    sample: Sample


def unit_of(backend: Any, array: Any) -> float:
    """Return the largest relative rounding of one operation in the dtype of an array."""
    eps = float(backend.eps(array.dtype))
    return eps / 2 * (1.0 if Precision.of(eps).widens else _FUNCTIONS)


def compared(runs: Runs, names: list[str]) -> list[Result]:
    """Return what is said of each result of two implementations."""
    backend, xp = runs.backend, runs.backend.xp
    claims = [runs.claim(k) for k in range(POINTS)]
    truths = [runs.truth(k) for k in range(POINTS)]
    narrow = [runs.narrow(k) for k in range(POINTS)]
    units = [max(runs.unit, unit_of(backend, array)) for array in claims[0]]
    largest = max(units)
    drawn = list(runs.rounded(largest))
    scaled = list(runs.scaled(largest))
    beside = _beside(runs)
    dtypes = [str(array.dtype).rpartition(".")[2] for array in claims[0]]
    found = []
    for i, name in enumerate(names):
        dtype = truths[0][i].dtype
        truth, low, claim, others_drawn, others_scaled = (
            _taken(xp, several, i, dtype) for several in (truths, narrow, claims, drawn, scaled)
        )
        there = xp.ones_like(truth[0], dtype=xp.bool)
        for one in (*truth, *low):
            there = there & xp.isfinite(one)
        kept = there
        for one in claim:
            kept = kept & xp.isfinite(one)

        def only(array: Any, kept: Any = kept) -> Any:
            return xp.where(kept, array, xp.zeros_like(array))

        def finite(array: Any) -> Any:
            return xp.where(xp.isfinite(array), array, xp.zeros_like(array))

        share = units[i] / largest
        t0 = only(truth[0])
        sample = Sample(
            units[i],
            [only(one) for one in truth],
            [only(one - t) for one, t in zip(claim, truth, strict=True)],
            [only(one - t) for one, t in zip(low, truth, strict=True)],
            [finite(only(one - truth[0])) * share for one in others_drawn],
            [finite(only(one - truth[0])) * share for one in others_scaled],
            kept,
            int(xp.sum(there & ~kept)),
        )
        others = [
            (other, only(array))
            for other, array in beside
            if other != name and tuple(array.shape) == tuple(t0.shape)
        ]
        found.append(
            Result(name, dtypes[i], claim[0], truth[0], Judged(xp, sample, others), sample)
        )
    return found


def _taken(xp: Any, several: list[list[Any]], i: int, dtype: Any) -> list[Any]:
    """Return one result of several runs, which are rid of it: each is as long as x0."""
    found = [xp.astype(one[i], dtype) for one in several]
    for one in several:
        one[i] = None
    return found


def _beside(runs: Runs) -> list[tuple[str, Any]]:
    """Return arguments and cotangents, with a mean square of 1: in which mistakes may be seen."""
    point, xp = runs.wide(runs.points[0]), runs.backend.xp
    several = [*zip(runs.arguments.names, point.arrays, strict=True)]
    several += [("the cotangent", array) for array in point.cotangents]
    several += [("the tangent", array) for array in point.tangents]
    several += [("the cotangent of the vjp", array) for array in point.weights]
    found = []
    for name, array in several:
        finite = xp.where(xp.isfinite(array), array, xp.zeros_like(array))
        size = float(xp.sqrt(xp.mean(finite * finite))) if finite.size else 0.0
        if size:
            found.append((name, finite / size))
    return found
