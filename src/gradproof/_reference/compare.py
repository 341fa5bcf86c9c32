"""From the runs of two implementations to what is said of each of their results."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .._numerics.precision import Precision
from .blocks import part, places, shape_of
from .errors import Direction, Errors
from .neighbours import POINTS
from .runs import Runs
from .sample import Sample
from .statistics import Finding, findings

#: exp and rsqrt are off by up to two units in the last place; half precision has them of single.
_FUNCTIONS = 4.0


@dataclass(frozen=True)
class Result:
    """One result: its name and dtype, what was seen of it, its errors, and what is off."""

    name: str
    dtype: str
    sample: Sample
    errors: Errors
    findings: list[Finding] = field(default_factory=list)


def unit_of(backend: Any, array: Any) -> float:
    """Return the largest relative rounding of one operation in the dtype of an array."""
    eps = float(backend.eps(array.dtype))
    return eps / 2 * (1.0 if Precision.of(eps).widens else _FUNCTIONS)


def compared(runs: Runs, names: list[str]) -> list[Result]:
    """Return what is said of each result of two implementations."""
    samples = _sampled(runs)
    for sample in samples:
        sample.settle()
    beside = list(_beside(runs))
    every = []
    for name, sample in zip(names, samples, strict=True):
        like = [d for d in beside if d.name != _by(name) and shape_of(d.array) == sample.shape]
        every.append(Errors(sample, like))
    for changed in runs.scaled(max(sample.unit for sample in samples)):
        for errors, truth in zip(every, _released(changed), strict=True):
            errors.scaled(truth)
    dtypes = [str(sample.claim.dtype).rpartition(".")[2] for sample in samples]
    return [
        Result(name, dtype, errors.sample, errors, findings(errors))
        for name, dtype, errors in zip(names, dtypes, every, strict=True)
    ]


def _sampled(runs: Runs) -> list[Sample]:
    """Return what is seen of each result; of one run at a time all results are there."""
    backend = runs.backend
    samples: list[Sample] = []
    for k in range(POINTS):
        claims, truths, narrow = runs.claim(k), runs.truth(k), runs.narrow(k)
        if not samples:
            samples = [
                Sample(backend, claim, max(runs.unit, unit_of(backend, claim))) for claim in claims
            ]
            half = any(sample.half for sample in samples)
            runs.settle(claims, truths)
        single = _in_single(runs, k, len(samples)) if half else [None] * len(samples)
        half = half and single[0] is not None
        several = [_released(found) for found in (truths, narrow, claims, single)]
        for sample, (truth, low, claim, other) in zip(
            samples, zip(*several, strict=True), strict=True
        ):
            sample.add(truth, low, claim, other if sample.half else None)
    largest = max(sample.unit for sample in samples)
    for drawn in runs.rounded(largest):
        for sample, truth in zip(samples, _released(drawn), strict=True):
            sample.draw(truth, sample.unit / largest)
    return samples


def _in_single(runs: Runs, k: int, count: int) -> list[Any]:
    """Return what func says in single precision: there a mistake stays, and roundings are small."""
    try:
        return runs.in_single(k)
    except Exception:  # a kernel for half precision alone
        return [None] * count


def _released(arrays: list[Any]) -> Iterator[Any]:
    """Yield arrays of a list, which is rid of them: each may be as long as x0."""
    arrays.reverse()
    while arrays:
        yield arrays.pop()


def _by(name: str) -> str:
    return f"by a multiple of {name}"


def _beside(runs: Runs) -> Iterator[Direction]:
    """Yield arguments and cotangents, in which mistakes may be seen."""
    point, xp = runs.points[0], runs.backend.xp
    several = [*zip(runs.arguments.names, point.arrays, strict=True)]
    several += [("the cotangent", array) for array in point.cotangents]
    several += [("the tangent", array) for array in point.tangents]
    several += [("the cotangent of the vjp", array) for array in point.weights]
    square = runs.backend.native(_square)
    for name, array in several:
        blocks = [part(array, place) for place in places(runs.backend, array)]
        total = sum(float(square(block)) for block in blocks)
        if not math.isfinite(total):
            array = xp.where(xp.isfinite(array), array, xp.zeros_like(array))
            total = float(square(array))
        size = math.sqrt(total / math.prod(array.shape))
        if size:
            yield Direction(_by(name), array, size)


def _square(backend: Any, array: Any) -> Any:
    xp = backend.xp
    wide = xp.astype(array, backend.wide(array))
    return xp.sum(wide * wide)
