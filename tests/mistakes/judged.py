"""What is said of the mistakes in the derivatives of one function; processes import it by name."""

import itertools
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from unittest import mock

import numpy as np
from tests.mistakes.functions import FUNCTIONS, Function
from tests.mistakes.held_out import HELD_OUT
from tests.mistakes.libraries import Made, host
from tests.mistakes.mutations import Given, Mutation, mutations
from tests.mistakes.truth import Leaf, judged

import gradproof
from gradproof._checks import against_named
from gradproof._verdict import diagnose, diagnose_columns, diagnose_second

#: What a mistake has to change, as a share of the largest entry, to be one.
MATERIAL = {"float64": 1e-4, "float32": 3e-2, "bfloat16": 0.3}
RIGHT = "right claims"
#: Steps back of what is stale, as a share of x.
_STEP = 0.1


@dataclass(frozen=True)
class Case:
    """
    What is said of one claim.

    Attributes
    ----------
    function, dtype, mutation : str
        What it is about.
    seed : int
        Of the data.
    outcome : str
        ``right``, ``equivalent``, ``vague``, ``wrong``, ``silent``; ``small`` if too little is
        changed to be a mistake, ``unseen`` if it did not fail.
    calls, extra : int
        Calls of func for the verdict, and those for the name.
    seconds : float
        Time that the name took but for that within func.
    said : str
        What was said.
    """

    function: str
    dtype: str
    mutation: str
    seed: int
    outcome: str
    calls: int = 0
    extra: int = 0
    seconds: float = 0.0
    said: str = ""


@dataclass
class Claim:
    """A claim; it remembers what it was asked at x0."""

    made: Made
    args: tuple[Any, ...]
    rule: Any
    true: Any
    change: Callable[[list[np.ndarray]], list[np.ndarray]] | None = None
    claimed: list[list[np.ndarray]] = field(default_factory=list)
    right: list[list[np.ndarray]] = field(default_factory=list)
    asked: list[Any] = field(default_factory=list)

    def __call__(self, *args: Any) -> Any:
        by, kind = self.made.function.by, self.made.function.claim
        args, other = (args[:-1], args[-1]) if kind in ("vjp", "jvp", "hvp") else (args, None)
        if kind == "jvp" and by == 1:
            other = (other,)
        found = self.rule(tuple(args), other)
        if self.change is not None:
            numbers = self.change([host(one) for one in found])
            found = [self.made.back(own, one) for own, one in zip(numbers, found, strict=True)]
        elif self.made.library == "numpy":
            found = [np.asarray(one) for one in found]
        # The first call is at x0; of a jvp, the first for each tangent is.
        if not self.claimed or (kind == "jvp" and _same(args, self.args, by)):
            self.claimed.append([host(one) for one in found])
            self.right.append([host(one) for one in self.true(tuple(args), other)])
            self.asked.append(other)
        if kind == "hvp":  # what is spoilt is the Hessian behind it
            return found[0] @ other
        return tuple(found) if by > 1 and kind in ("grad", "vjp") else found[0]


def _same(args: tuple[Any, ...], others: tuple[Any, ...], by: int) -> bool:
    return all(
        np.array_equal(host(one), host(other))
        for one, other in zip(args[:by], others[:by], strict=True)
    )


class Problem:
    """A function at a point."""

    def __init__(self, name: str, dtype: str, seed: int) -> None:
        self.name, self.dtype, self.seed = name, dtype, seed
        self.function: Function = (FUNCTIONS | HELD_OUT)[name]
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        widened = dtype == "bfloat16" and (self.function.wide or seed % 2 == 1)
        self.made = Made(self.function, dtype, widened)
        self.args = tuple(self.made.array(one) for one in self.function.draw(rng))
        self.rng = rng
        self.func = self.made.func()
        self.rule = self.made.right(self.function.func)
        self.slopes: Any = None
        if self.function.claim == "hess" and (seed + len(name)) % 2 == 0:
            # Whoever has a Hessian has a gradient; of every other function it is not handed over.
            slopes = Made(replace(self.function, claim="grad"), dtype, widened)
            rule = slopes.right(self.function.func)
            self.slopes = lambda *args: slopes.as_func_returns(rule(args, None)[0])

    def claim(self, change: Any = None, rule: Any = None) -> Claim:
        """Return a claim, right but for a change of its numbers, or by another rule."""
        return Claim(self.made, self.args, rule or self.rule, self.rule, change)

    def report(self, claim: Claim) -> tuple[Any, int, float]:
        """Return a report, with the calls and the time that the name of a mistake took."""
        by = self.function.by
        more = {"argnums": tuple(range(by))} if by > 1 else {}
        if self.slopes is not None:
            more["grad"] = self.slopes
        if self.function.claim == "values":
            with _counted(self.made) as cost:
                report = gradproof.verify_against(
                    claim, self.func, *self.args, seed=self.seed, order=0
                )
            return report, cost.calls, cost.seconds
        with _counted(self.made) as cost:
            verify = getattr(gradproof, f"verify_{self.function.claim}")
            report = verify(self.func, claim, *self.args, seed=self.seed, **more)
        return report, cost.calls, cost.seconds

    def leaves(self, claim: Claim) -> list[Leaf]:
        """Return the arrays of a claim, as reports call them."""
        kind, by = self.function.claim, self.function.by
        names = list(self.func.__signature__.parameters)  # type: ignore[attr-defined]
        x = {name: host(one) for name, one in zip(names, self.args, strict=True)}
        tol = MATERIAL[self.dtype] / 2
        value = _first(self.func(*self.args))
        if kind in ("grad", "vjp"):
            beside = dict(x)
            if kind == "vjp" and not isinstance(claim.asked[0], tuple | list):
                beside |= {"func's values": host(value), "the cotangent": host(claim.asked[0])}
            pairs = zip(names[:by], claim.claimed[0], claim.right[0], strict=True)
            return [Leaf(*pair, beside, int(self.name == "complex"), tol) for pair in pairs]
        if kind == "jvp":
            claimed, right = (
                np.stack([own[0] for own in one]) for one in (claim.claimed, claim.right)
            )
            tangents = np.stack([host(_first(one)) for one in claim.asked])
            beside = {**x, "func's values": host(value), "the tangent": tangents}
            return [Leaf("", claimed, right, beside, 1, tol)]
        claimed, right = claim.claimed[0][0], claim.right[0][0]
        if kind == "values":
            return [Leaf("value", claimed, right, x, 0, tol)]
        column = host(value).reshape(host(value).shape + (1,) * x[names[0]].ndim)
        return [Leaf("", claimed, right, {**x, "func's values": column}, 0, tol)]

    def given(self, right: list[np.ndarray]) -> Given:
        """Return what mutations may depend on."""
        by, kind = self.function.by, self.function.claim
        x = [host(one) for one in self.args[:by]]
        alike = kind != "jvp" and all(a.shape == b.shape for a, b in zip(x, right, strict=False))
        others = [host(one) for one in self.args[by:] if type(one) is not float]
        kind = "hess" if kind == "hvp" else kind
        return Given(x if alike else [], others, int(self.name == "complex"), kind)


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, tuple | list) else value


@dataclass
class Cost:
    """What the name of a mistake took beyond the verdict."""

    calls: int = 0
    seconds: float = 0.0


@contextmanager
def _counted(made: Made) -> Iterator[Cost]:
    """Count the calls and the time of the engine's diagnosis."""
    cost = Cost()

    def wrapped(inner: Any) -> Any:
        def diagnosed(report: Any, *args: Any) -> Any:
            start, inside = time.process_time(), made.clock.seconds
            found = inner(report, *args)
            took = time.process_time() - start
            cost.seconds += took - (made.clock.seconds - inside)
            cost.calls += found.nfev - report.nfev
            return found

        return diagnosed

    with ExitStack() as several:
        for module in (diagnose, diagnose_columns, diagnose_second, against_named):
            patched = wrapped(module.diagnosed)
            several.enter_context(mock.patch.object(module, "diagnosed", patched))
        yield cost


def _material(right: list[np.ndarray], wrong: list[np.ndarray], share: float) -> bool:
    return any(
        not (np.abs(a - b) <= share * np.abs(a).max(initial=0.0)).all()
        for a, b in zip(right, wrong, strict=True)
    )


def _case(problem: Problem, mutation: str, claim: Claim, kinds: str) -> Case:
    what = (problem.name, problem.dtype, mutation, problem.seed)
    report, extra, seconds = problem.report(claim)
    calls = report.nfev - extra
    wrong = any(
        _material(a, b, MATERIAL[problem.dtype])
        for a, b in zip(claim.right, claim.claimed, strict=True)
    )
    if not wrong and mutation != RIGHT:
        return Case(*what, "small")
    said = "; ".join(f"{one.kind}: {one.text} [{one.place}]" for one in report.diagnosis)
    if mutation == RIGHT:
        outcome = "wrong" if said else "right" if str(report.verdict) != "fail" else "unseen"
        return Case(*what, outcome, calls, extra, seconds, said)
    if str(report.verdict) != "fail":
        return Case(*what, "unseen")
    outcome = judged(report.diagnosis, problem.leaves(claim), kinds)
    if not kinds and outcome in ("silent", "vague"):
        outcome = "right"
    return Case(*what, outcome, calls, extra, seconds, said)


def _stale(problem: Problem) -> Any:
    """Return the rule at a point before, a step of descent away."""
    by = problem.function.by
    slopes = [host(one) for one in problem.rule(problem.args, None)]
    x = [host(one) for one in problem.args[:by]]
    size = np.sqrt(sum(np.square(one).sum() for one in x))
    step = _STEP * size / max(np.sqrt(sum(np.square(one).sum() for one in slopes)), 1e-300)

    def rule(args: tuple[Any, ...], other: Any) -> list[Any]:
        moved = [
            problem.made.back(host(a) + step * g, a) for a, g in zip(args[:by], slopes, strict=True)
        ]
        return problem.rule((*moved, *args[by:]), other)

    return rule


def _chosen(several: list[Mutation], count: int, rng: Any) -> list[Mutation]:
    """Return some mutations, of as many names as there are."""
    by_name: dict[str, list[Mutation]] = {}
    for i in rng.permutation(len(several)):
        by_name.setdefault(several[i].name, []).append(several[i])
    names = [sorted(by_name)[i] for i in rng.permutation(len(by_name))]
    lines = itertools.zip_longest(*(by_name[name] for name in names))
    return [one for line in lines for one in line if one is not None][:count]


def cases(job: tuple[str, str, int, int]) -> list[Case]:
    """Return what is said of the mistakes of a function at a point."""
    name, dtype, seed, count = job
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    if name == "complex" and dtype == "bfloat16":
        return []
    problem = Problem(name, dtype, seed)
    claim = problem.claim()
    found = [_case(problem, RIGHT, claim, "")]
    right = claim.right[0]
    several = list(mutations(right, problem.given(right), problem.rng))
    for mutation in _chosen(several, count, problem.rng):
        if _material(right, mutation.change(right), MATERIAL[dtype]):
            claim = problem.claim(mutation.change)
            found.append(_case(problem, mutation.name, claim, mutation.kinds))
        else:
            found.append(Case(name, dtype, mutation.name, seed, "small"))
    for words, (func, kinds) in problem.function.wrong.items():
        claim = problem.claim(rule=problem.made.right(func))
        found.append(_case(problem, words, claim, kinds))
    if problem.function.claim == "grad":
        found.append(
            _case(problem, "stale: a step before", problem.claim(rule=_stale(problem)), "stale")
        )
    return found
