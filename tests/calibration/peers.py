"""
What the gradient checkers of SciPy, torch and JAX say of the same claims.

None has a verdict without a tolerance. So each is given every step of a list, and for each claim
the least tolerance at which it would accept is kept, its score; whoever reads the scores may then
pick the step and the tolerance that serve a peer best. The scores of torch and JAX are computed
from the numbers that their checkers compare, once for all claims, and every claim is also shown to
the checker itself at one setting: a difference raises. SciPy returns its number, which is the
score. An exception of a peer, or a number that is not finite, means that the claim is not accepted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import ml_dtypes
import numpy as np
import torch
from jax.test_util import check_vjp
from scipy.optimize import check_grad
from tests.calibration.cases import EPS, Problem

STEPS = {
    "float64": (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9),
    "float32": (0.3, 0.1, 3e-2, 1e-2, 3e-3, 1e-3, 1e-4, 1e-5),
    "float16": (1.0, 0.5, 0.25, 0.1, 3e-2, 1e-2),
    "bfloat16": (1.0, 0.5, 0.25, 0.1, 3e-2, 1e-2),
}
#: The ratio of absolute to relative tolerance, for those that have both; torch's default is 0.01.
ATOL = (1.0, 0.01, 1e-4)
#: What the columns of scores stand for, by peer.
KINDS = {
    "SciPy": ("of the norm of the claim", "absolute"),
    "torch": tuple(f"rtol, atol = {ratio:g} rtol" for ratio in ATOL),
    "JAX": tuple(f"rtol, atol = {ratio:g} rtol" for ratio in ATOL),
}

Scores = dict[str, np.ndarray]


class Memo:
    """A function that is evaluated once at each point: the peers share many."""

    def __init__(self, problem: Problem) -> None:
        self._func, self._known, self._keep = problem.func, {}, problem.repeatable

    def __call__(self, x: Any) -> Any:
        """Return the value, free of autograd."""
        x = x.detach()
        key = _bits(x).tobytes()
        if key not in self._known or not self._keep:
            try:
                self._known[key] = self._func(x.clone()).detach()
            except Exception as error:
                self._known[key] = ValueError(str(error))
        value = self._known[key]
        if isinstance(value, Exception):
            raise value
        return value


def scores(
    problem: Problem, dtype: str, claims: dict[str, Callable[[Any], Any]]
) -> dict[str, Scores]:
    """Return, for each claim and peer, its score at each step (rows) and of each kind (columns)."""
    func, steps = Memo(problem), STEPS[dtype]
    values = {name: claim(problem.x0) for name, claim in claims.items()}
    peers = {"torch": _Torch(func, problem.x0, steps), "JAX": _Jax(func, problem.x0, steps)}
    found: dict[str, Scores] = {}
    for turn, (name, claim) in enumerate(values.items()):
        found[name] = {"SciPy": np.array([_scipy(func, problem.x0, claim, step) for step in steps])}
        for peer, checker in peers.items():
            score = np.stack([checker.score(claim, row) for row in range(len(steps))])
            found[name][peer] = np.where(np.isfinite(score), score, np.inf)
            if problem.repeatable:
                checker.compare(claim, found[name][peer], turn, 4 * EPS[dtype])
    return found


def _scipy(func: Memo, x0: Any, claim: Any, step: float) -> np.ndarray:
    def value(z):
        return float(func(torch.as_tensor(z).reshape(x0.shape).to(x0.dtype)))

    flat = claim.double().numpy().ravel()
    try:
        off = check_grad(value, lambda z: flat, x0.double().numpy().ravel(), epsilon=step)
    except (ValueError, RuntimeError):
        off = np.inf
    size = np.linalg.norm(flat)
    found = np.array([off / size if size else np.inf if off else 0.0, off])
    return np.where(np.isfinite(found), found, np.inf)


@dataclass
class _Torch:
    """gradcheck: entry by entry, central differences, in the dtype of func."""

    func: Memo
    x0: Any
    steps: tuple[float, ...]

    def __post_init__(self) -> None:
        self._slopes = [self._slope(step) for step in self.steps]

    def _slope(self, step: float) -> Any:
        """Return the numerical gradient; None where func raises."""
        found = []
        for i in range(self.x0.numel()):
            ends = []
            for sign in (-1, 1):
                z = self.x0.clone()
                z.view(-1)[i] += sign * step
                try:
                    ends.append(self.func(z))
                except (ValueError, RuntimeError):
                    return None
            found.append((ends[1] - ends[0]) / (2 * step))
        return torch.stack(found).reshape(self.x0.shape)

    def score(self, claim: Any, row: int) -> np.ndarray:
        """Return the least tolerances that accept."""
        there = self._slopes[row]
        if there is None:
            return np.full(len(ATOL), np.inf)
        n, a = there.double().numpy(), claim.double().numpy()
        return np.array([_least(np.abs(a - n), ratio + np.abs(n)) for ratio in ATOL])

    def accepts(self, claim: Any, step: float, rtol: float, atol: float) -> bool:
        """Ask the checker itself."""
        try:
            return torch.autograd.gradcheck(
                partial(_claimed, self.func, claim),
                self.x0.clone().requires_grad_(),
                eps=step, rtol=rtol, atol=atol, raise_exception=False, check_undefined_grad=False,
            )  # fmt: skip
        except (ValueError, RuntimeError):
            return False

    def compare(self, claim: Any, score: np.ndarray, turn: int, slack: float) -> None:
        """Raise if the checker does not say what the score says."""
        row, kind = turn % len(self.steps), turn % len(ATOL)
        step, least = self.steps[row], float(score[row, kind])
        # A tolerance close to what decides, and on either side of it by turns.
        near = least * (1 + slack + 1e-3) if turn % 2 else least * (1 - slack - 1e-3)
        tolerance = near if 0 < near < 10 else 1e-3
        said = self.accepts(claim, step, tolerance, ATOL[kind] * tolerance)
        if said != (least <= tolerance):
            msg = f"{type(self).__name__} says {said} at step {step}, tolerance {tolerance}; its score is {least}"
            raise AssertionError(msg)


class _Jax(_Torch):
    """check_grads in reverse mode, of which check_vjp is the whole: one direction, the same always."""

    def __post_init__(self) -> None:
        self._x = _numpy(self.x0)
        source = np.random.RandomState(0)
        self._tangent = source.randn(*self._x.shape).astype(self._x.dtype)
        self._cotangent = source.randn()
        self._slopes = [self._slope(step) for step in self.steps]

    def _value(self, x: np.ndarray) -> np.ndarray:
        bits = torch.from_numpy(_plain(np.asarray(x)).copy())
        return _numpy(self.func(bits.view(self.x0.dtype)))

    def _slope(self, step: float) -> Any:
        delta = self._tangent * self._x.dtype.type(step)
        try:
            right, left = self._value(self._x + delta), self._value(self._x - delta)
        except (ValueError, RuntimeError):
            return None
        kind = right.dtype.type
        change = np.where(right == left, kind(0), right - left)  # also between infinities
        slope = change.astype(kind) * kind(0.5 / step)
        return slope.astype(kind) * kind(self._cotangent)

    def score(self, claim: Any, row: int) -> np.ndarray:
        """Return the least tolerances that accept."""
        there = self._slopes[row]
        if there is None:
            return np.full(len(ATOL), np.inf)
        pulled = self._pulled(claim, there.dtype.type(self._cotangent))
        along = np.dot(self._tangent.ravel(), pulled.ravel())
        if np.array_equal(along, there, equal_nan=True):  # the checker takes two NaN for equal
            return np.zeros(len(ATOL))
        off = abs(float(along) - float(there))
        return np.array([_least(off, ratio + abs(float(there))) for ratio in ATOL])

    def _pulled(self, claim: Any, cotangent: Any) -> np.ndarray:
        values = _numpy(claim)
        return values * values.dtype.type(cotangent)

    def accepts(self, claim: Any, step: float, rtol: float, atol: float) -> bool:
        """Ask the checker itself."""

        def pullback(x):
            return self._value(x), lambda cotangent: (self._pulled(claim, cotangent),)

        try:
            check_vjp(self._value, pullback, (self._x,), rtol=rtol, atol=atol, eps=step)
        except (AssertionError, ValueError, RuntimeError):
            return False
        return True


class _Claim(torch.autograd.Function):
    """A function whose gradient is the claim."""

    @staticmethod
    def forward(ctx, x, func, claim):
        ctx.claim = claim
        return func(x).clone()

    @staticmethod
    def backward(ctx, weight):
        return (ctx.claim * weight).to(ctx.claim), None, None


def _claimed(func: Memo, claim: Any, x: Any) -> Any:
    return _Claim.apply(x, func, claim)


def _least(off: Any, scale: Any) -> float:
    """Return the least t with ``off <= t * scale``; infinity if there is none."""
    share = np.divide(
        off, scale, out=np.where(np.asarray(off) == 0, 0.0, np.inf), where=np.asarray(scale) > 0
    )
    return float(np.max(share)) if np.isfinite(share).all() else np.inf


def _bits(x: Any) -> np.ndarray:
    """Return the numbers as NumPy has them, bfloat16 as integers."""
    return (x.view(torch.int16) if x.dtype == torch.bfloat16 else x).contiguous().numpy()


def _numpy(x: Any) -> np.ndarray:
    found = _bits(x.detach())
    return found.view(ml_dtypes.bfloat16) if x.dtype == torch.bfloat16 else found


def _plain(x: np.ndarray) -> np.ndarray:
    return x.view(np.int16) if x.dtype == ml_dtypes.bfloat16 else x
