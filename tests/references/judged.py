"""What is said of right and wrong kernels of one operation; processes import it by its name."""

import random
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from tests.references.held_out import HELD_OUT
from tests.references.mistakes import material, mistakes_of, sizes
from tests.references.operations import OPERATIONS, Operation
from tests.references.peers import PEERS
from tests.references.styles import STYLES, TF32, UNITS, results
from torch import Tensor

from gradproof import verify_against

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}
OURS = "gradproof"
#: How many times as long axes are, by the seed.
TIMES = (1, 3)
#: Sums of one kernel that are each left without their last part.
SHORTENED = 3


@dataclass(frozen=True)
class Verdict:
    """What each rule says of one kernel."""

    right: bool
    what: str
    said: dict[str, str]


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

    def said(self, func: Any, precision: str = "auto", peers: bool = True) -> dict[str, str]:
        """Return what each rule says of a kernel."""
        report = verify_against(
            func, self.operation, *self.primals, seed=self.seed, precision=precision
        )
        found = {OURS: str(report.verdict)}
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


def spoilt(operation: Any, mistake: Any, k: int) -> Any:
    """Return a kernel in single precision with a mistake in one of its results."""

    def half(primals: Any, cotangent: Any) -> list[Tensor]:
        found = results(operation, primals, cotangent, "single")[0]
        if k < len(found):
            found[k] = mistake(found[k].double()).to(found[k].dtype)
        return found

    return kernel(half, half)


def judged(job: tuple[str, str, range]) -> tuple[str, str, list[Verdict]]:
    """Return what is said of the kernels of an operation, with its name and that of the dtype."""
    name, dtype, seeds = job
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    operation = (OPERATIONS | HELD_OUT)[name]
    found = []
    for seed in seeds:
        primals = operation.drawn(seed, DTYPES[dtype], TIMES[seed % len(TIMES)])
        problem = Problem(operation.func, primals, seed)
        torch.manual_seed(seed)
        for verdict in _of_problem(problem, operation):
            words = f"{dtype}, {name}, seed {seed}: {verdict.what}"
            found.append(Verdict(verdict.right, words, verdict.said))
    return name, dtype, found


def _of_problem(problem: Problem, operation: Operation) -> Iterator[Verdict]:
    yield from _right(problem)
    yield from _spoilt(problem)
    yield from _shortened(problem)
    yield from _others(problem, operation)


def _right(problem: Problem) -> Iterator[Verdict]:
    for style in STYLES:
        half = of_style(problem.operation, style)
        yield Verdict(True, style, problem.said(kernel(half, half)))
    if problem.primals[0].dtype == torch.float32:
        half = of_style(problem.operation, TF32)
        said = problem.said(kernel(half, half), precision=TF32, peers=False)
        yield Verdict(True, f"{TF32}, declared", said)


def _spoilt(problem: Problem) -> Iterator[Verdict]:
    """Yield what is said of kernels with a mistake in one result."""
    for k, true in enumerate(problem.truth):
        for what, mistake in mistakes_of(true).items():
            if material(mistake(true) - true, problem.size[k]):
                said = problem.said(spoilt(problem.operation, mistake, k))
                yield Verdict(False, f"{what}, result {k}", said)


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
            yield Verdict(False, f"sum {j} without its last part", problem.said(func_of))


def _others(problem: Problem, operation: Operation) -> Iterator[Verdict]:
    """Yield what is said of what others write in its place, in all of a kernel or backward."""
    wide = [one.double() for one in (*problem.primals, problem.cotangent)]
    right = of_style(problem.operation, "single")
    for what, other in operation.wrong.items():
        wrong, half = problem.wide(other, wide), of_style(other, "single")
        if problem.counts(wrong):
            yield Verdict(False, what, problem.said(kernel(half, half)))
        if problem.counts([problem.truth[0], *wrong[1:]]):
            yield Verdict(False, f"{what}, backward alone", problem.said(kernel(right, half)))
