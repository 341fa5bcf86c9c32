"""Every inconclusive check names one next step; taken literally, it leads to a verdict."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import gradproof
from gradproof import (
    Verdict,
    verify_against,
    verify_grad,
    verify_hess,
    verify_jac,
    verify_jvp,
    verify_vjp,
)
from gradproof._report.advice import CAUSES, ELSEWHERE, cause_of

X = np.linspace(0.5, 1.5, 6)
PAGE = Path(__file__).parents[2] / "docs" / "inconclusive.md"


def cube(x):
    return (x * x * x).sum()


def slope(x):
    return 3 * x * x


class Taken(NamedTuple):
    """An inconclusive check of a right claim, and the same with its next step taken."""

    step: str
    #: Takes a factor of the claim, 1 for a right one.
    check: Callable[[float], Any]


def unsure(report) -> str:
    """Return the next step that a report names, which is said below what it found."""
    assert report.verdict is Verdict.INCONCLUSIVE, str(report)
    assert f"next: {report.next_step}" in " ".join(str(report).split())
    assert report.to_dict()["next_step"] == report.next_step
    return report.next_step


def matched(pattern: str, text: str) -> str:
    """Return what the group of a pattern matches in a text."""
    found = re.search(pattern, text)
    assert found is not None, text
    return found[1]


def beside(step: str, **variables: Any) -> Any:
    """Return the point that a step names, by the expression that it prints."""
    expression = matched(r"(?:at|as) (gradproof\.beside\(.*\))$", step)
    return eval(expression, {"gradproof": gradproof, **variables})


def number(step: str, name: str) -> float:
    return float(matched(rf"\b{name}=([\d.e-]+)", step))


CASES: dict[str, tuple[Callable[[], Taken], Any]] = {}


def case(name: str, library: str = ""):
    def add(build: Callable[[], Taken]) -> Callable[[], Taken]:
        CASES[name] = build, pytest.mark.library(library) if library else ()
        return build

    return add


@case("budget")
def budget():
    def check(factor, budget):
        return verify_grad(cube, lambda x: factor * slope(x), X, seed=0, budget=budget)

    step = unsure(check(1.0, 40))
    return Taken(step, partial(check, budget=int(number(step, "budget"))))


@case("interrupted")
def interrupted():
    calls = iter(range(10_000))

    def check(factor, stop):
        def func(x):
            if next(calls) == stop:
                raise KeyboardInterrupt
            return cube(x)

        return verify_grad(func, lambda x: factor * slope(x), X, seed=0)

    with pytest.raises(gradproof.Interrupted) as caught:
        check(1.0, 40)
    return Taken(unsure(caught.value.report), partial(check, stop=None))


@case("not finite")
def not_finite():
    def check(factor, x):
        with np.errstate(all="ignore"):
            return verify_grad(lambda x: np.log(x).sum(), lambda x: factor / x, x, seed=0)

    return Taken(unsure(check(1.0, X - 1)), partial(check, x=X))


@case("no number")
def no_number():
    def func(x):
        return np.where(np.isfinite(x), x, 0.0)

    def check(factor, x):
        return verify_grad(lambda x: cube(func(x)), lambda x: factor * slope(func(x)), x, seed=0)

    return Taken(unsure(check(1.0, np.full(3, np.nan))), partial(check, x=X))


@case("results that are not finite", "torch")
def results_not_finite():
    import torch

    from gradproof.compat.torch import gradcheck

    x = torch.tensor([-1.0, 1.0, 2.0], dtype=torch.float64, requires_grad=True)

    def check(factor, x):
        class Log(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x.log()

            @staticmethod
            def backward(ctx, ct):
                return factor * ct / ctx.saved_tensors[0]

        return gradcheck(Log.apply, x, check_batched_grad=False, raise_exception=False)

    with pytest.raises(gradproof.Inconclusive) as caught:
        check(1.0, x)
    return Taken(next_line(caught.value), partial(check, x=x.detach().abs().requires_grad_()))


def next_line(error: Exception) -> str:
    """Return the next step that the text of an exception names."""
    return matched(r"next: (.*)", str(error))


@case("random func")
def random_func():
    def check(factor, seed):
        rng = np.random.default_rng(0)

        def func(x):
            noise = rng if seed is None else np.random.default_rng(seed)
            return cube(x) + 1e-4 * noise.normal()

        return verify_grad(func, lambda x: factor * slope(x), X, seed=0)

    return Taken(unsure(check(1.0, None)), partial(check, seed=3))


@case("memory")
def memory():
    def check(factor, *, keep):
        kept = {}

        def func(x):
            kept["x"] = x.copy()
            return cube(x)

        def claim(x):
            return factor * slope(kept["x"] if keep else x)

        return verify_grad(func, claim, X, seed=0)

    return Taken(unsure(check(1.0, keep=True)), partial(check, keep=False))


@case("stationary point")
def stationary_point():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(40, 4))
    y = a @ [1.0, -2.0, 0.5, 3.0] + rng.normal(size=40)

    def check(factor, x):
        return verify_grad(
            lambda b: -0.5 * ((y - a @ b) ** 2).sum(),
            lambda b: factor * (a.T @ (y - a @ b)),
            x,
            seed=0,
        )

    fitted = np.linalg.lstsq(a, y, rcond=None)[0]
    step = unsure(check(1.0, fitted))
    assert unsure(check(3.0, fitted)) == unsure(check(1.0, fitted + 1e-11)) == step
    return Taken(step, partial(check, x=beside(step, x=fitted)))


@case("near zero")
def near_zero():
    def check(factor, x):
        return verify_grad(lambda x: np.cos(x).sum(), lambda x: -factor * np.sin(x), x, seed=0)

    x = np.full(3, 1e-200)
    step = unsure(check(1.0, x))
    return Taken(step, partial(check, x=beside(step, x=x)))


@case("no forward mode", "torch")
def no_forward_mode():
    import torch

    x = torch.linspace(0.5, 1.5, 5, dtype=torch.float64)

    def check(factor, modes):
        class Square(torch.autograd.Function):
            generate_vmap_rule = True

            @staticmethod
            def forward(x):
                return x * x

            @staticmethod
            def setup_context(ctx, inputs, output):
                ctx.save_for_backward(*inputs)

            @staticmethod
            def backward(ctx, ct):
                return 2 * factor * ct * ctx.saved_tensors[0]

        return gradproof.verify_autodiff(Square.apply, x, modes=modes, seed=0)

    step = unsure(check(1.0, ("vjp", "jvp")))
    modes = eval(matched(r"modes=(\(.*?\))", step))
    return Taken(step, partial(check, modes=modes))


@case("detached forward code", "torch")
def detached():
    import torch

    x = torch.tensor(np.random.default_rng(0).normal(size=(4, 5))).float()

    def check(factor, reference):
        class Scaled(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * x.detach().sum()

            @staticmethod
            def backward(ctx, ct):
                (x,) = ctx.saved_tensors
                return factor * (ct * x.sum() + (ct * x).sum())

        return verify_against(Scaled.apply, reference, x, seed=0)

    return Taken(unsure(check(1.0, "forward")), partial(check, reference=lambda x: x * x.sum()))


@case("reference that is not finite")
def no_reference():
    def check(factor, x):
        with np.errstate(all="ignore"):
            return verify_against(lambda x: factor * np.log(x), np.log, x, order=0, seed=0)

    return Taken(unsure(check(1.0, -X)), partial(check, x=X))


@case("loss of accuracy", "torch")
def loss_of_accuracy():
    import torch

    x = torch.tensor(1000 + np.random.default_rng(0).normal(size=(30, 40))).float()

    def check(factor, dtype):
        def variance(x):
            wide = x.to(dtype)
            return (factor * ((wide * wide).mean(-1) - wide.mean(-1) ** 2)).to(x.dtype)

        def reference(x):
            return ((x - x.mean(-1, keepdim=True)) ** 2).mean(-1)

        return verify_against(variance, reference, x, order=0, seed=0)

    return Taken(unsure(check(1.0, torch.float32)), partial(check, dtype=torch.float64))


@case("slopes of slopes")
def slopes_of_slopes():
    """Beside x0 a third derivative jumps, within the steps of second differences."""

    def func(x):
        return (np.maximum(x - 0.501, 0) ** 2).sum() + cube(x)

    def grad(x):
        return 2 * np.maximum(x - 0.501, 0) + slope(x)

    def check(factor, grad):
        def hess(x):
            return factor * np.diag(2.0 * (x > 0.501) + 6 * x)

        return verify_hess(func, hess, X, grad=grad, seed=0)

    return Taken(unsure(check(1.0, None)), partial(check, grad=grad))


def outcome(call, **how):
    """Return what a watch says of the one rule that a call makes."""
    with gradproof.watch(only=["test_next_step"]) as rules:
        call()
    report = rules.verify(**{"seconds": 60, **how})
    (rule,) = [one for one in report.rules if one.calls]
    (found,) = rule.outcomes
    assert (f"    next: {found.next_step}" in str(report)) == (found.next_step != "")
    return found


def step_of(found) -> str:
    assert found.verdict is Verdict.INCONCLUSIVE, found.text
    assert found.to_dict()["next_step"] == found.next_step
    return found.next_step


def double(factor):
    import torch

    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, ct):
            return 2 * factor * ct

    return Double.apply


@case("time of a watch", "torch")
def time_of_a_watch():
    import torch

    def check(factor, seconds):
        return outcome(lambda: double(factor)(torch.rand(3)), seconds=seconds)

    step = step_of(check(1.0, 1e-9))
    return Taken(step, partial(check, seconds=number(step, "seconds")))


@case("no floating argument", "torch")
def no_floating_argument():
    import torch

    def check(factor, x):
        return outcome(lambda: double(factor)(x))

    return Taken(step_of(check(1.0, torch.arange(3))), partial(check, x=torch.rand(3)))


@case("rule inside of a program", "jax")
def rule_inside():
    import jax
    import jax.numpy as jnp

    def rows(factor):
        @jax.custom_vjp
        def rule(x):
            return x * x * (1 + jax.lax.axis_index("rows"))

        def forward(x):
            row = 1 + jax.lax.axis_index("rows")
            return x * x * row, x * row

        rule.defvjp(forward, lambda kept, ct: (2 * factor * kept * ct,))
        return jax.vmap(rule, axis_name="rows")

    step = step_of(outcome(lambda: rows(1.0)(jnp.ones(3))))
    return Taken(
        step, lambda factor: gradproof.verify_autodiff(rows(factor), jnp.arange(1.0, 4), seed=0)
    )


@case("rule with flags", "jax")
def flags():
    import jax
    import jax.numpy as jnp

    def check(factor, nondiff):
        def times(twice):
            return 2 if twice else 1

        rule = jax.custom_vjp(lambda x, twice: x * times(twice), nondiff_argnums=nondiff)

        def forward(x, twice):
            return rule(x, twice), None if nondiff else twice

        def backward(*given):
            twice, ct = given[0], given[-1]
            by_x = factor * times(twice) * ct
            return (by_x,) if nondiff else (by_x, None)

        rule.defvjp(forward, backward)
        return outcome(lambda: rule(jnp.ones(3), True))  # of the rule

    return Taken(step_of(check(1.0, ())), partial(check, nondiff=(1,)))


@case("results of rounding", "torch")
def results_of_rounding():
    import torch

    x = torch.tensor([-1.2388, 0.7326, 0.1543, 0.4162], dtype=torch.float64)

    def check(factor, rate):
        class Above(torch.autograd.Function):
            """By how much a bisection of 50 steps for the largest number misses it."""

            @staticmethod
            def forward(ctx, x, rate):
                ctx.save_for_backward(x)
                ctx.rate = rate
                return rate * (x.max() - x.min()) * 2.0**-50

            @staticmethod
            def backward(ctx, ct):
                (x,) = ctx.saved_tensors
                ends = (x == x.max()).to(x.dtype) - (x == x.min()).to(x.dtype)
                return (factor - 1 + factor * ctx.rate * 2.0**-50) * ct * ends, None

        return outcome(lambda: Above.apply(x, rate))

    # Of results that are rounding, a wrong rule is no more than in doubt.
    return Taken(step_of(check(2.0, 1.0)), partial(check, rate=1e9))


@case("symmetric matrix", "torch")
def symmetric_matrix():
    import torch

    a = np.random.default_rng(0).normal(size=(4, 4))
    matrix = torch.tensor(a @ a.T + 4 * np.eye(4))
    right = torch.randn(4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def check(factor, *, both):
        class Solve(torch.autograd.Function):
            @staticmethod
            def forward(ctx, matrix, right):
                factors = torch.linalg.cholesky(matrix)
                found = torch.cholesky_solve(right, factors)
                ctx.save_for_backward(factors, found)
                return found

            @staticmethod
            def backward(ctx, ct):
                factors, found = ctx.saved_tensors
                by_right = torch.cholesky_solve(ct, factors)
                g = -by_right @ found.mT
                return factor * ((g + g.mT) / 2 if both else g), by_right

        return outcome(lambda: Solve.apply(matrix, right))

    return Taken(step_of(check(1.0, both=False)), partial(check, both=True))


@case("inexact func")
def inexact():
    def check(factor, points):
        grid = np.linspace(0, 2, points)
        return verify_grad(
            lambda x: np.interp(x, grid, grid**2).sum(), lambda x: 2 * factor * x, X + 1e-4, seed=0
        )

    return Taken(unsure(check(1.0, 4001)), partial(check, points=400_001))


@case("kink")
def kink():
    tie = np.array([1.0, 1.0, 0.5])

    def check(factor, x):
        return verify_grad(lambda x: x.max(), lambda x: factor * (x == x.max()), x, seed=0)

    step = unsure(check(1.0, tie))
    return Taken(step, partial(check, x=beside(step, x=tie)))


@case("fewer digits inside")
def fewer_digits():
    def check(factor, dtype):
        return verify_grad(
            lambda x: float((x.astype(dtype) ** 3).sum()),
            lambda x: factor * slope(x),
            X,
            seed=0,
        )

    for short in (np.float32, np.float16):
        step = unsure(check(1.0, short))
    return Taken(step, partial(check, dtype=X.dtype))


@case("offset")
def offset():
    def check(factor, more, x=X):
        return verify_grad(
            lambda x: cube(x) + x.dtype.type(more), lambda x: factor * slope(x), x, seed=0
        )

    for factor, more in ((1.0, 1e17), (1.5, 1e17)):
        step = unsure(check(factor, more))
    return Taken(step, partial(check, more=0.0))


@case("cancelling terms")
def cancelling():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 3))
    w = np.array([1.0, -2, 1.5])
    y = (x @ w > 0).astype(float)
    x *= ((35 + rng.uniform(0, 4, 30)) / np.abs(x @ w))[:, None]

    def check(factor, w):
        return verify_grad(
            lambda w: (np.logaddexp(0, x @ w) - y * (x @ w)).sum(),
            lambda w: factor * (x.T @ (1 / (1 + np.exp(-x @ w)) - y)),
            w,
            seed=0,
        )

    step = unsure(check(1.0, w))
    return Taken(step, partial(check, w=beside(step, w=w)))


@case("staircase")
def staircase():
    def check(factor, rounded):
        return verify_vjp(lambda x: rounded(30 * x), lambda x, ct: 30 * factor * ct, X, seed=0)

    return Taken(unsure(check(1.0, np.round)), partial(check, rounded=lambda x: x))


@case("short dtype")
def short_dtype():
    def check(factor, dtype):
        return verify_grad(
            lambda x: x.dtype.type(cube(x) + x.dtype.type(3e6)),
            lambda x: x.dtype.type(factor) * slope(x),
            X.astype(dtype),
            seed=0,
        )

    step = unsure(check(1.0, np.float32))
    # A mistake that rounding hides there.
    assert unsure(check(1.5, np.float32)) == step
    return Taken(step, partial(check, dtype=matched(r"x0 in (\w+)", step)))


@case("half precision")
def half_precision():
    """A kernel that takes nothing but half precision, whose result is rounded to it as well."""
    x = np.linspace(0.5, 1.5, 10_000).reshape(100, 100).astype(np.float16)

    def check(factor, dtype):
        def func(x):
            if x.dtype != np.float16:
                raise TypeError(x.dtype)
            return dtype((x.astype(np.float32) ** 3).sum())

        def claim(x):
            return (factor * 3 * x.astype(np.float32) ** 2).astype(np.float16)

        return verify_grad(func, claim, x, seed=0)

    step = unsure(check(1.0, np.float16))
    return Taken(step, partial(check, dtype=getattr(np, matched(r"in (float\d+)", step))))


@case("noise")
def noise():
    def check(factor, rtol=None, x=X):
        return verify_grad(
            lambda x: cube(x) + 1e-4 * np.sin(1e9 * x.sum()),
            lambda x: factor * slope(x),
            x,
            seed=0,
            rtol=rtol,
        )

    many = np.linspace(0.5, 1.5, 400)  # which are looked at along few directions
    rtol = number(unsure(check(1.0, x=many)), "rtol")
    assert rtol < 0.01
    assert check(1.0, rtol, many).ok
    assert check(1.1, rtol, many).verdict is Verdict.FAIL
    step = unsure(check(1.0))
    assert 6e-6 < number(step, "rtol") < 1e-3
    return Taken(step, partial(check, rtol=number(step, "rtol")))


def verdict_of(found: Any) -> str:
    """Return what a report, an outcome or a drop-in says."""
    if isinstance(found, bool):
        return "pass" if found else "fail"
    return str(found.verdict)


@pytest.mark.parametrize(
    ("name", "build"),
    [pytest.param(name, build, marks=marks, id=name) for name, (build, marks) in CASES.items()],
)
def test_the_step_leads_to_a_verdict(name, build):
    (cause,) = [one for one in CAUSES if one.name == name]
    step, check = build()
    known = re.sub(r"(budget|rtol)=\S+", "", re.sub(r"beside\(\w+", "beside(x0", step))
    wanted = {"budget": "pass  or more, or none", "noise": cause.step.format(rtol="1,")}
    assert known == re.sub(r"(budget|rtol)=\S+", "", wanted.get(name, cause.step))
    assert verdict_of(check(1.0)) == "pass"
    for factor in (1.5, -1.0, 0.0):
        assert verdict_of(check(factor)) == "fail", factor


def test_every_cause_has_a_test_and_a_section():
    """A new cause is not known until somebody has taken its step."""
    names = [cause.name for cause in CAUSES]
    assert sorted(CASES) == sorted(names)
    sections = re.findall(r"(?m)^### (.*)$", PAGE.read_text(encoding="utf-8"))
    assert sorted(map(str.lower, sections)) == sorted(names)


def test_none_where_there_is_a_verdict():
    for factor in (1.0, 0.9):
        report = verify_grad(cube, lambda x, k=factor: k * slope(x), X, seed=0)
        assert report.next_step == ""
        assert "next:" not in str(report)


def test_one_step():
    """One thing to do, which is not said twice."""
    for cause in (*CAUSES, ELSEWHERE):
        assert not re.search(r", or (?!none)|; or", cause.step), cause
        assert len(cause.step) < 220
    report = verify_grad(lambda x: ((x - 1) ** 2).sum(), lambda x: 2 * (x - 1), np.ones(4), seed=0)
    assert "multiple" not in report.reason
    assert report.next_step.count("stationary") == 1


class TestRoads:
    """Whatever is checked, and whoever asks."""

    def test_other_kinds(self):
        rng = np.random.default_rng(0)

        def func(x):
            return np.sin(x) + 1e-4 * rng.normal(size=x.shape)

        for report in (
            verify_jac(func, lambda x: np.diag(np.cos(x)), X, seed=0),
            verify_vjp(func, lambda x, u: u * np.cos(x), X, seed=0),
            verify_jvp(func, lambda x, t: t * np.cos(x), X, seed=0),
        ):
            assert unsure(report).startswith("let func draw the same numbers in each call")

    def test_a_kink_of_second_derivatives(self):
        def check(x, factor):
            return verify_hess(
                lambda x: (abs(x) + x**3).sum(), lambda x: factor * np.diag(6 * x), x, seed=0
            )

        at = np.array([0.0, -0.75, 1.375, 0.5])
        step = unsure(check(at, 1.0))
        assert check(beside(step, x=at), 1.0).ok
        assert check(beside(step, x=at), 1.5).verdict is Verdict.FAIL

    @pytest.mark.parametrize("x0", [np.ones(4), np.zeros(4), np.array([1e-9, 2e9, 3.0, 0.0])])
    def test_stationary_points(self, x0):
        """Whatever the units of x0, and where a shift of all entries changes nothing."""

        def check(x, factor):
            unit = np.where(x0 == 0, 1, x0)

            def grad(x):
                u = (x - x0) / unit
                return factor * 2 * (u - u.mean()) / unit

            return verify_grad(
                lambda x: (((x - x0) / unit - ((x - x0) / unit).mean()) ** 2).sum(), grad, x, seed=0
            )

        step = unsure(check(x0, 2.0))
        assert check(beside(step, x=x0), 1.0).ok
        assert check(beside(step, x=x0), 2.0).verdict is Verdict.FAIL

    @pytest.mark.parametrize("directions", ["all", 20])
    def test_beside_a_stationary_point(self, directions):
        """As an optimiser leaves it; the first sentence says why nothing can be told there."""
        x0 = np.linspace(1, 2, 5)

        def check(x, factor):
            return verify_grad(
                lambda x: 3 + np.cosh(x - x0).sum(),
                lambda x: factor * np.sinh(x - x0),
                x,
                directions=directions,
                seed=0,
            )

        at = x0 + 1e-9 * np.array([1, -2, 3, -1, 2])
        report = check(at, 1.0)
        assert report.reason.startswith("the point is stationary, or nearly so")
        assert check(beside(unsure(report), x=at), 1.0).ok
        assert check(beside(unsure(report), x=at), 1.5).verdict is Verdict.FAIL

    def test_a_root_at_its_edge(self):
        """Its slope grows without bound towards it; that is no inexact func."""

        def check(x, factor):
            with np.errstate(all="ignore"):
                return verify_grad(
                    lambda x: np.sqrt(x).sum(),
                    lambda x: factor * np.where(x > 0, 0.5 / np.sqrt(x), 0),
                    x,
                    seed=0,
                )

        at = np.array([0.0, 1.0, 4.0])
        step = unsure(check(at, 1.0))
        assert "no derivative at a kink or a jump" in step
        assert check(beside(step, x=at), 1.0).ok
        assert check(beside(step, x=at), 1.5).verdict is Verdict.FAIL

    @pytest.mark.parametrize("claim", [np.zeros_like, np.ones_like])
    def test_a_jump_at_x0(self, claim):
        report = verify_grad(lambda x: np.round(x).sum(), claim, np.array([0.5, 1.5, 2.5]), seed=0)
        assert "no derivative at a kink or a jump" in unsure(report)

    @pytest.mark.parametrize("budget", range(5, 140, 3))
    def test_a_small_budget_of_second_derivatives(self, budget):
        """A check that has too few calls says so, whenever they end."""
        report = verify_hess(cube, lambda x: np.diag(6 * x), X, budget=budget, seed=0)
        assert "pass budget=896" in unsure(report)
        assert report.nfev <= budget

    def test_no_budget_for_a_second_derivative(self):
        with pytest.raises(ValueError, match=r"budget=4; expected 5 or more"):
            verify_hess(cube, lambda x: np.diag(6 * x), X, budget=4)

    @pytest.mark.parametrize("n", [3, 400])
    def test_nothing_finite(self, n):
        """Where no entry is a number and func is none, nothing passes."""
        for number_ in (np.inf, np.nan):
            x = np.full(n, number_)
            assert unsure(verify_grad(cube, slope, x, seed=0)).startswith("choose an x0")
            report = verify_vjp(lambda x: x**3, lambda x, u: u * slope(x), x, seed=0)
            assert unsure(report).startswith("choose an x0")

    def test_not_the_same_tolerance_again(self):
        """A step that was taken, and did not help, is not named once more."""

        def check(rtol):
            return verify_grad(
                lambda x: cube(x) + 1e15, lambda x: 1.1 * slope(x), X, seed=0, rtol=rtol
            )

        rtol = number(unsure(check(None)), "rtol")
        assert "leave out of func" in unsure(check(rtol))

    def test_no_tolerance_for_a_claim_of_nothing(self):
        """Any slope is infinitely many times a claim of zero, and passes none."""
        rng = np.random.default_rng(5)
        x = 1e-200 * rng.normal(size=8)
        report = verify_grad(lambda x: np.exp(x).sum(), lambda x: 0 * x, x, seed=5)
        assert "rtol" not in report.next_step

    @pytest.mark.library("torch")
    def test_torch(self):
        import torch

        x = torch.linspace(0.5, 1.5, 5, dtype=torch.float64)
        report = gradproof.verify_autodiff(lambda x: x.sin() + 1e-3 * torch.rand(5), x, seed=0)
        assert unsure(report).startswith("let func draw the same numbers in each call")


def test_reasons_are_known():
    """What ends a check without a verdict, and tells its cause in words, is among the causes."""
    from gradproof._lines import cancellation, inexact, staircases, stationary
    from gradproof._verdict import beside as ties
    from gradproof._verdict import chance, decision, finer, spent

    for text in (
        cancellation.CANCELS, inexact.INEXACT_HERE, staircases.STAIRS, stationary.STATIONARY,
        stationary.NEARLY, stationary.HIDDEN, stationary.BELOW_ROUNDING, ties.TIE,
        ties._TIED, chance._RANDOM, spent.SPENT, decision._NOT_FINITE, decision._TOGETHER,
        decision._FUNC_MOVES, decision._CLAIM_MOVES, finer._KINK, finer._UNSURE, finer._CUT,
    ):  # fmt: skip
        assert cause_of(text) is not ELSEWHERE, text
    assert cause_of("something else") is ELSEWHERE
