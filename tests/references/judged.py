"""What is said of right and wrong kernels of one operation; processes import it by its name."""

import itertools
import random
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from tests.references.held_out import HELD_OUT
from tests.references.mistakes import material, mistakes_of, sizes
from tests.references.operations import OPERATIONS, Operation
from tests.references.peers import PEERS
from tests.references.styles import STYLES, TF32, UNITS, results
from torch import Tensor

from gradproof import Report, verify_against

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}
OURS = "gradproof"
#: How many times as long axes are, by the seed.
TIMES = (1, 3)
#: Sums of one kernel that are each left without their last part.
SHORTENED = 3


@dataclass(frozen=True)
class Verdict:
    """
    What each rule says of one kernel.

    Attributes
    ----------
    right : bool
        Whether the kernel is.
    what : str
        Its style, or its mistake.
    said : dict of str to str
        Pass, fail or inconclusive, by rule.
    beside : dict of str to int
        Of a kernel with one wrong result: how often which of these is said of the others.
    """

    right: bool
    what: str
    said: dict[str, str]
    beside: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Judged:
    """What is said of the kernels of an operation in a dtype, and how long that took."""

    name: str
    dtype: str
    verdicts: list[Verdict]
    seconds: float


@dataclass
class Problem:
    """An operation at one point, with what is right there."""

    operation: Callable[..., Tensor]
    primals: list[Tensor]
    seed: int
    cotangent: Tensor = field(init=False)
    truth: list[Tensor] = field(init=False)
    narrow: list[Tensor] = field(init=False)
    size: list[Tensor] = field(init=False)

    def __post_init__(self) -> None:
        draw = torch.Generator().manual_seed(self.seed + 1000)
        primals, dtype = self.primals, self.primals[0].dtype
        self.cotangent = self._cotangent()
        wide = [one.double() for one in (*primals, self.cotangent)]
        self.truth = self.wide(self.operation, wide)
        self.narrow = results(self.operation, primals, self.cotangent)[0]
        unit = UNITS[dtype]

        def near() -> list[Tensor]:
            signs = [torch.randint(0, 2, one.shape, generator=draw) * 2 - 1 for one in wide]
            moved = [one * (1 + 2 * unit * sign) for one, sign in zip(wide, signs, strict=True)]
            return self.wide(self.operation, moved)

        self.size = sizes(self.truth, [near() for _ in range(3)], unit)

    def _cotangent(self) -> Tensor:
        """Return what the comparison draws, so that all rules look at the same numbers."""
        seen: list[Tensor] = []

        def backward(primals: Any, cotangent: Tensor) -> list[Tensor]:
            seen.append(cotangent.clone())
            return results(self.operation, primals, cotangent)[0]

        func = kernel(of_style(self.operation, ""), backward)
        verify_against(func, self.operation, *self.primals, seed=self.seed)
        return seen[0]

    def wide(self, operation: Any, leaves: list[Tensor], without: int = -1) -> list[Tensor]:
        """Return what is right in double precision."""
        return results(operation, leaves[:-1], leaves[-1], "", without)[0]

    def counts(self, wrong: list[Tensor]) -> bool:
        """Tell whether wrong results in double precision are a mistake that counts."""
        pairs = zip(wrong, self.truth, self.size, strict=True)
        return any(material(one - true, size) for one, true, size in pairs)

    def report(self, func: Any, precision: str = "auto") -> Report:
        """Return what the comparison says of a kernel."""
        return verify_against(
            func, self.operation, *self.primals, seed=self.seed, precision=precision
        )

    def said(self, func: Any, said: str, peers: bool = True) -> dict[str, str]:
        """Return what each rule says of a kernel, of which the comparison says so."""
        found = {OURS: said}
        if peers:
            moved = [one.detach().requires_grad_() for one in self.primals]
            value = func(*moved)
            claims = [value.detach(), *torch.autograd.grad(value, moved, self.cotangent)]
            for name, rule in PEERS.items():
                agrees = rule(claims, self.narrow, self.truth)
                found[name] = "pass" if agrees else "fail"
        return found


def kernel(forward: Any, backward: Any) -> Any:
    """Return a function with a rule of its own; both halves return all results."""

    class Kernel(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *primals: Tensor) -> Tensor:
            ctx.save_for_backward(*primals)
            return forward(primals, None)[0]

        @staticmethod
        def backward(ctx: Any, cotangent: Tensor) -> Any:
            return tuple(backward(ctx.saved_tensors, cotangent)[1:])

    return Kernel.apply


def of_style(operation: Any, style: str, without: int = -1) -> Any:
    """Return one half of a kernel."""

    def half(primals: Any, cotangent: Any) -> list[Tensor]:
        return results(operation, primals, cotangent, style, without)[0]

    return half


def spoilt(operation: Any, mistake: Any, k: int, style: str) -> Any:
    """Return a kernel with a mistake in one of its results."""

    def half(primals: Any, cotangent: Any) -> list[Tensor]:
        found = results(operation, primals, cotangent, style)[0]
        if k < len(found):
            found[k] = mistake(found[k].double()).to(found[k].dtype)
        return found

    return kernel(half, half)


def judged(job: tuple[str, str, int]) -> Judged:
    """Return what is said of the kernels of an operation."""
    name, dtype, seed = job
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    start, every = time.process_time(), OPERATIONS | HELD_OUT
    # One draw has axes of both lengths, of half of the operations each.
    times = TIMES[(seed + list(every).index(name)) % len(TIMES)]
    operation = every[name]
    problem = Problem(operation.func, operation.drawn(seed, DTYPES[dtype], times), seed)
    torch.manual_seed(seed)
    where = f"{dtype}, {name}, seed {seed}"
    verdicts = [replace(v, what=f"{where}: {v.what}") for v in _of_problem(problem, operation)]
    return Judged(name, dtype, verdicts, time.process_time() - start)


def _of_problem(problem: Problem, operation: Operation) -> Iterator[Verdict]:
    yield from _right(problem)
    yield from _spoilt(problem)
    yield from _shortened(problem)
    yield from _others(problem, operation)


def _verdict(
    problem: Problem, what: str, func: Any, *, right: bool = False, precision: str = "auto"
) -> Verdict:
    said = str(problem.report(func, precision).verdict)
    return Verdict(right, what, problem.said(func, said, peers=precision == "auto"))


def _right(problem: Problem) -> Iterator[Verdict]:
    for style in STYLES:
        half = of_style(problem.operation, style)
        yield _verdict(problem, style, kernel(half, half), right=True)
    if problem.primals[0].dtype == torch.float32:
        half = of_style(problem.operation, TF32)
        func = kernel(half, half)
        yield _verdict(problem, f"{TF32}, declared", func, right=True, precision=TF32)


def _spoilt(problem: Problem) -> Iterator[Verdict]:
    """Yield what is said of kernels with a mistake in one result, and of their other results."""
    styles = itertools.cycle(STYLES)
    for k, true in enumerate(problem.truth):
        for what, mistake in mistakes_of(true).items():
            if material(mistake(true) - true, problem.size[k]):
                style = next(styles)
                func = spoilt(problem.operation, mistake, k, style)
                checks = [
                    str(check.verdict)
                    for check in problem.report(func).checks[: len(problem.truth)]
                ]
                own = checks.pop(k)
                said = problem.said(func, own)
                yield Verdict(False, f"{what}, result {k}, {style}", said, dict(Counter(checks)))


def _shortened(problem: Problem) -> Iterator[Verdict]:
    """Yield what is said of kernels with a sum that lacks the last of four parts."""
    func, primals = problem.operation, problem.primals
    count = results(func, primals, problem.cotangent, "single", without=10**6)[1]
    draw = random.Random(problem.seed)
    wide = [one.double() for one in (*primals, problem.cotangent)]
    for j in sorted(draw.sample(range(count), min(SHORTENED, count))):
        wrong = problem.wide(func, wide, j)
        wrong[0] = problem.truth[0]  # in the backward alone
        if problem.counts(wrong):
            func_of = kernel(of_style(func, "single"), of_style(func, "single", j))
            yield _verdict(problem, f"sum {j} without its last part", func_of)


def _others(problem: Problem, operation: Operation) -> Iterator[Verdict]:
    """Yield what is said of what others write in its place, in all of a kernel or backward."""
    wide = [one.double() for one in (*problem.primals, problem.cotangent)]
    right = of_style(problem.operation, "single")
    for what, other in operation.wrong.items():
        wrong, half = problem.wide(other, wide), of_style(other, "single")
        if problem.counts(wrong):
            yield _verdict(problem, what, kernel(half, half))
        if problem.counts([problem.truth[0], *wrong[1:]]):
            yield _verdict(problem, f"{what}, backward alone", kernel(right, half))
