"""What a case is: a function, a point, a claim that is right there; drawn afresh for each seed."""

import inspect
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from gradproof import Report

Scalar = Callable[..., Any]

EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
WIDE, SINGLE, ALL = ("float64",), ("float64", "float32"), tuple(EPS)
#: Families that are also run with a half-precision x and everything else in single precision.
MIXED = ("likelihood", "learning", "kink")


@dataclass(frozen=True)
class Problem:
    """
    A function of a tensor in any dtype, and a point.

    Attributes
    ----------
    func : callable
        The function. If it has a parameter `part`, that is applied to one part of it, so that the
        mistake of leaving this part out of the gradient can be made.
    x0 : tensor
        The point.
    ideal : callable, optional
        What func approximates; the right claim is its gradient. By default func itself.
    wrong : dict of str to callable
        Functions whose gradient is a wrong claim.
    kinks : tensor of bool, optional
        Entries that sit on a kink, where more than one slope is valid.
    repeatable : bool
        Whether func returns the same value each time.
    """

    func: Scalar
    x0: Any
    ideal: Scalar | None = None
    wrong: dict[str, Scalar] = field(default_factory=dict)
    kinks: Any = None
    repeatable: bool = True


@dataclass(frozen=True)
class Checks:
    """
    Claims about one function, for a kind of check that is not `verify_grad`.

    Attributes
    ----------
    n : int
        The number of entries of the point.
    of : dict of str to callable
        For each claim, the right one among them, what checks it. Empty, if rounding alone spoils
        the right one.
    """

    n: int
    of: dict[str, Callable[[], Report]] = field(default_factory=dict)


def whole(value: Any) -> Any:
    """Leave a part of a function in its gradient: what `part` is by default."""
    return value


class Draw:
    """Random data, held in double precision but exact in the dtype of the case."""

    def __init__(self, seed: int, name: str, dtype: str) -> None:
        # By name, so that a new case leaves all others as they were.
        self.rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        self.seed = seed
        self.name = dtype
        self.dtype = getattr(torch, dtype)
        self.eps = EPS[dtype]
        self.largest = float(torch.finfo(self.dtype).max)

    def data(self, values: Any) -> Any:
        """Return values rounded to the dtype, so that a reference in double sees the same."""
        return torch.as_tensor(np.asarray(values, dtype=float)).to(self.dtype).double()

    def normal(self, *shape: int) -> Any:
        return self.data(self.rng.normal(size=shape))

    def uniform(self, low: float, high: float, *shape: int) -> Any:
        return self.data(self.rng.uniform(low, high, size=shape))

    def decades(self, low: float, high: float, *shape: int) -> Any:
        return self.data(10.0 ** self.rng.uniform(low, high, size=shape))

    def signs(self, *shape: int) -> Any:
        return self.data(self.rng.choice([-1.0, 1.0], size=shape))

    def coins(self, *shape: int) -> Any:
        return self.data(self.rng.integers(2, size=shape))

    def labels(self, classes: int, count: int) -> Any:
        return torch.as_tensor(self.rng.integers(classes, size=count))


Builder = Callable[[Draw], Problem | Checks]
BUILDERS: dict[tuple[str, str], tuple[Builder, tuple[str, ...]]] = {}


def register(family: str, name: str, build: Builder, dtypes: tuple[str, ...] = ALL) -> None:
    """Add a case, drawn by `build`, to those that are counted."""
    if (family, name) in BUILDERS:
        msg = f"there are two cases named {name!r} in the family {family!r}."
        raise ValueError(msg)
    BUILDERS[family, name] = build, dtypes


def case(family: str, dtypes: tuple[str, ...] = ALL) -> Callable[[Builder], Builder]:
    """Register what builds a case; its name is that of the builder."""

    def add(build: Builder) -> Builder:
        register(family, build.__name__.strip("_").replace("_", " "), build, dtypes)
        return build

    return add


@dataclass(frozen=True)
class Label:
    """What it takes to draw a case again."""

    family: str
    name: str
    dtype: str
    seed: int
    mixed: bool = False

    @property
    def heading(self) -> str:
        """The family, as the table has it."""
        return f"{self.family}, float32 result" if self.mixed else self.family

    def __str__(self) -> str:
        return f"{self.dtype}, {self.heading}, {self.name}, seed {self.seed}"

    def drawn(self) -> Problem | Checks:
        """Draw the case."""
        build, _ = BUILDERS[self.family, self.name]
        problem = build(Draw(self.seed, self.name, self.dtype))
        if isinstance(problem, Checks):
            return problem
        if self.mixed:
            wrong = {name: _single(func) for name, func in problem.wrong.items()}
            ideal = problem.ideal and _single(problem.ideal)
            problem = replace(problem, func=_single(problem.func), ideal=ideal, wrong=wrong)
        return replace(problem, x0=problem.x0.to(getattr(torch, self.dtype)))


def labels(seeds: range, dtypes: list[str], families: list[str]) -> Iterator[Label]:
    """Yield every case of the families (all, if none is named)."""
    for dtype in dtypes:
        half = EPS[dtype] > 2.0**-15
        for (family, name), (_, held) in BUILDERS.items():
            if families and family not in families:
                continue
            for seed in seeds:
                if dtype in held:
                    yield Label(family, name, dtype, seed)
                if half and family in MIXED and "float32" in held:
                    yield Label(family, name, dtype, seed, mixed=True)


def gradient(func: Scalar, x: Any) -> Any:
    """Return the gradient by autograd, in the dtype of x."""
    x = x.detach().clone().requires_grad_()
    value = func(x)
    if not value.requires_grad:
        return torch.zeros_like(x)
    (found,) = torch.autograd.grad(value, x, allow_unused=True)
    return torch.zeros_like(x) if found is None else found


def has_part(func: Scalar) -> bool:
    """Tell whether a part of func can be left out of its gradient."""
    try:
        return "part" in inspect.signature(func).parameters
    except ValueError:  # a function of C, which has no signature
        return False


def right_claim(problem: Problem) -> Callable[[Any], Any]:
    """Return the claim that is right."""
    ideal = problem.ideal or problem.func
    return lambda x: gradient(ideal, x)


def is_right(problem: Problem, rtol: float) -> bool:
    """
    Tell whether the claim is right in its own dtype, by one computed in double precision.

    A quarter of what matters is allowed: a claim that rounding alone spoils is neither right nor
    a mistake, and is left out.
    """
    x, ideal = problem.x0, problem.ideal or problem.func
    there, claim = problem.func(x), gradient(ideal, x).double()
    if not (torch.isfinite(claim).all() and torch.isfinite(there).all()):
        return False
    true = gradient(ideal, x.double())
    nonzero = true[true != 0].abs()
    ordinary = nonzero.median() if nonzero.numel() else 0.0
    return bool(((claim - true).abs() <= rtol / 4 * true.abs().clamp(min=ordinary)).all())


def _single(func: Scalar) -> Scalar:
    """Return func with all arithmetic in single precision: what mixed precision is."""

    def wider(x: Any) -> Any:
        return x if x.dtype == torch.float64 else x.float()

    if has_part(func):
        return lambda x, part=whole: func(wider(x), part=part)
    return lambda x: func(wider(x))
