"""verify_grad: right claims pass, planted mistakes are found, and what it says is true."""

import json
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from tests import examples as claims
from tests.libraries import Arrays

import gradproof
from gradproof import Inconclusive, Verdict, WrongDerivative
from gradproof._lines.entry import Entry
from gradproof._numerics.extrapolation import Estimate

# A fresh seed every time is for users; a test says today what it said yesterday.
verify_grad = partial(gradproof.verify_grad, seed=0)

# Half precision resolves a gradient coarsely: a mistake there may end as inconclusive. It must
# never pass, and a right claim must never fail.
SHORT = ("float16", "bfloat16")


def misled(arrays: Arrays, verdict: Verdict, expected: Verdict) -> bool:
    """Tell whether a verdict is wrong; half precision may not know."""
    if arrays.dtype in SHORT and verdict is Verdict.INCONCLUSIVE:
        return False
    return verdict is not expected


class TestVerdicts:
    @pytest.mark.parametrize("seed", [0, 1])
    def test_right(self, arrays, seed):
        report = verify_grad(claims.func, claims.grad, arrays(claims.point(seed)), seed=seed)
        assert not misled(arrays, report.verdict, Verdict.PASS), str(report)

    @pytest.mark.parametrize("mistake", claims.MISTAKES)
    def test_wrong(self, arrays, mistake):
        def wrong(x):
            return claims.MISTAKES[mistake](claims.grad(x))

        report = verify_grad(claims.func, wrong, arrays(claims.point()), seed=0)
        assert not misled(arrays, report.verdict, Verdict.FAIL), str(report)
        assert not report.ok
        with pytest.raises((WrongDerivative, Inconclusive)):
            report.raise_if_wrong()

    def test_one_entry_is_named(self, arrays):
        # Half precision is asked for a sign only.
        share = -2.0 if arrays.dtype in SHORT else 0.03
        x = np.concatenate([claims.point(0, 20), claims.point(1, 20)])

        def func(x):
            return arrays.xp.sum(x * x)

        def wrong(x):
            g = 2 * x
            bump = np.zeros(40)
            bump[17] = share * 2 * point[17]
            return g + arrays(bump)

        point = x
        report = verify_grad(func, wrong, arrays(x), seed=0)
        assert not misled(arrays, report.verdict, Verdict.FAIL), str(report)
        if report.verdict is Verdict.INCONCLUSIVE:
            return
        (worst,) = report.worst(1)
        assert worst["index"] == (17,)
        assert worst["measured"] == pytest.approx(
            2 * x[17], rel=0.3 if arrays.dtype in SHORT else 2e-3
        )
        assert claims.in_table(report, "[17]")


def smooth(x):
    return (x * x * x).sum()


def smooth_grad(x):
    return 3 * x * x


X = np.linspace(0.5, 1.5, 20)


class TestKinks:
    """Nearer to x0 than steps can get, in every dtype."""

    @pytest.mark.parametrize("distance", [0.01, 0.1, 0.3])
    def test_beside_x0(self, arrays, distance):
        x = np.concatenate([claims.point(0, 10), [distance, -distance]])

        def func(x):
            return arrays.xp.sum(abs(x))

        def sign(x):
            return arrays.xp.sign(x)

        report = verify_grad(func, sign, arrays(x))
        assert report.verdict is not Verdict.FAIL, str(report)
        if arrays.dtype not in SHORT:
            assert report.ok
        assert verify_grad(func, lambda x: -sign(x), arrays(x)).verdict is Verdict.FAIL
        assert not verify_grad(func, lambda x: 0 * x, arrays(x)).ok

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_jumps(self, dtype):
        """What is left unexplained at a step of zero is no error of the slope."""
        x = np.linspace(1.02, 1.98, 12).astype(dtype)
        report = verify_grad(lambda x: (x + np.floor(8 * x)).sum(), np.ones_like, x)
        assert report.verdict is not Verdict.FAIL, str(report)

    def test_sawtooth(self):
        """Lines and designs of half precision cross the jumps of all entries."""

        def func(x):
            return (x - np.floor(x)).sum()

        failed = found = 0
        for seed in range(12):  # of 60, 2 right ones fail
            x = (2 * np.random.default_rng(seed).normal(size=16)).astype(np.float16)
            failed += verify_grad(func, np.ones_like, x).verdict is Verdict.FAIL
            wrong = verify_grad(func, lambda x: -np.ones_like(x), x)
            assert not wrong.ok, str(wrong)
            found += wrong.verdict is Verdict.FAIL
        assert failed <= 1
        assert found >= 10


@pytest.mark.parametrize("seed", [0, 1, 3])
def test_a_giant_entry_excuses_no_sign_in_half_precision(seed):
    x = np.random.default_rng(seed).normal(size=20).astype(np.float16)
    weights = np.where(np.arange(20) == 7, 1000, 1).astype(np.float16)
    ordinary = np.argsort(abs(np.cos(x) * np.maximum(1, abs(x))))[14]

    def func(x):
        return (weights * np.sin(x)).sum()

    def wrong(x):
        g = weights * np.cos(x)
        g[ordinary] *= -1
        return g

    report = verify_grad(func, lambda x: weights * np.cos(x), x)
    assert report.ok, str(report)
    assert verify_grad(func, wrong, x).verdict is Verdict.FAIL


def test_the_worst_entry_is_looked_at_first():
    def wrong(x):
        return smooth_grad(x) * np.where(
            np.arange(20) == 3, 1.0001, np.where(np.arange(20) == 15, 1.01, 1)
        )

    assert verify_grad(smooth, wrong, X).worst(1)[0]["index"] == (15,)


class TestEconomy:
    @pytest.mark.parametrize("n", [1, 3, 10, 100, 400])
    def test_right(self, n):
        x = np.linspace(0.5, 1.5, n)
        report = verify_grad(smooth, smooth_grad, x)
        assert report.ok
        assert report.nfev <= 2.2 * n + 40

    def test_small_entries_in_single_precision(self):
        """Where noise would hide their slopes, they move as far as an ordinary one does."""
        w = np.random.default_rng(7).normal(size=(30, 40)).astype(np.float32) / 6
        for seed in range(3):
            x = np.random.default_rng(seed).normal(size=40).astype(np.float32)
            report = verify_grad(
                lambda x: np.tanh(w @ x).sum() + np.float32(x @ x) / 4,
                lambda x: (1 - np.tanh(w @ x) ** 2) @ w + x / 2,
                x,
                seed=seed,
            )
            assert report.ok
            assert report.nfev <= 2.2 * x.size + 40

    @pytest.mark.parametrize("factor", [-1.0, 2.0, 0.5, 0.0])
    @pytest.mark.parametrize("n", [2, 100, 3000])
    def test_wrong_as_a_whole(self, n, factor):
        x = np.linspace(0.5, 1.5, n)
        report = verify_grad(smooth, lambda x: factor * 3 * x * x, x)
        assert report.verdict is Verdict.FAIL
        assert report.nfev <= 2 * 40  # half of them for the name of the mistake

    def test_half_precision_in_blocks(self, monkeypatch):
        """More entries than one design can hold are weighed block by block."""
        monkeypatch.setattr("gradproof._verdict.designs._BLOCK", 32)
        x = np.linspace(0.5, 1.5, 100).astype(np.float16)

        def func(x):
            return (x.astype(np.float32) ** 2).sum()

        report = verify_grad(func, lambda x: 2 * x, x)
        assert report.ok, str(report)
        assert report.nfev <= 3 * 100 + 40
        wrong = verify_grad(func, lambda x: 2 * x * np.where(np.arange(100) == 70, -1, 1), x)
        assert wrong.verdict is Verdict.FAIL
        assert wrong.worst(1)[0]["index"] == (70,)

    def test_calls_are_counted(self):
        calls = {"func": 0, "grad": 0}

        def func(x):
            calls["func"] += 1
            return smooth(x)

        def grad(x):
            calls["grad"] += 1
            return smooth_grad(x)

        report = verify_grad(func, grad, X)
        assert (report.nfev, report.ngev) == (calls["func"], calls["grad"])

    @pytest.mark.parametrize("budget", [1, 20, 37, 60])
    def test_budget(self, budget):
        report = verify_grad(smooth, smooth_grad, X, budget=budget)
        assert report.nfev <= budget
        assert report.verdict is Verdict.INCONCLUSIVE
        assert "budget" in report.reason

    @pytest.mark.parametrize("budget", [40, 60, 500])
    def test_a_conviction_outlives_the_budget(self, budget):
        """An error too small to be said at once is not forgotten when the calls run out."""
        x = np.linspace(0.5, 1.5, 100)
        report = verify_grad(smooth, lambda x: 1.001 * 3 * x * x, x, budget=budget)
        assert report.verdict is Verdict.FAIL


class TestHalfPrecision:
    """All arithmetic in float16: each entry has to be seen through the rounding of the result."""

    @staticmethod
    def log_mean_exp(x):
        return np.log(np.mean(np.exp(x), dtype=x.dtype))

    @staticmethod
    def softmax(x):
        weights = np.exp(x.astype(float))
        return (weights / weights.sum()).astype(x.dtype)

    @pytest.mark.parametrize("seed", range(4))
    def test_steps_as_large_as_noise_asks_for(self, seed):
        x = np.random.default_rng(seed).normal(size=40).astype(np.float16)
        report = verify_grad(self.log_mean_exp, self.softmax, x, seed=seed)
        assert report.ok, str(report)
        assert report.nfev <= 3 * 40 + 40

    @pytest.mark.parametrize("factor", [0.0, -1.0])
    def test_one_entry_in_noise(self, factor):
        x = np.random.default_rng(0).normal(size=40).astype(np.float16)
        ordinary = np.argsort(x)[25]

        def wrong(x):
            g = self.softmax(x)
            g[ordinary] *= factor
            return g

        report = verify_grad(self.log_mean_exp, wrong, x)
        assert report.verdict is Verdict.FAIL, str(report)
        assert report.worst(1)[0]["index"] == (ordinary,)

    def test_a_zero_claim_is_not_lost_in_noise(self):
        x = np.random.default_rng(0).normal(size=40).astype(np.float16)
        report = verify_grad(self.log_mean_exp, np.zeros_like, x)
        assert report.verdict is Verdict.FAIL, str(report)

    def test_a_kink_nearer_than_the_steps(self):
        """Neighbours in a sort change places at every step but the finest."""
        rng = np.random.default_rng(3)
        x, weights = rng.normal(size=14).astype(np.float16), rng.normal(size=14)

        def grad(x):
            g = np.empty(14)
            g[np.argsort(x, kind="stable")] = weights
            return g.astype(np.float16)

        report = verify_grad(lambda x: float(np.sort(x.astype(float)) @ weights), grad, x, seed=3)
        assert report.verdict is not Verdict.FAIL, str(report)

    def test_rounding_of_the_claim_is_no_excuse(self):
        """What was seen to be off by more than a pass allows has not been seen to agree."""
        entry = SimpleNamespace(visible=0.3, claim_rounding=0.3)
        assert Entry.seen(entry, Estimate(0.2, 0.05, 0.04, 0.1))
        assert not Entry.seen(entry, Estimate(0.35, 0.0, 0.0, 0.1))


class TestPathologies:
    def test_subgradients(self):
        x = np.array([0.0, 1.5, -2.5])
        for at_kink, verdict in ((1.0, "pass"), (-1.0, "pass"), (0.0, "pass"), (3.0, "fail")):
            report = verify_grad(
                lambda x: abs(x).sum(), lambda x, g=at_kink: np.where(x == 0, g, np.sign(x)), x
            )
            assert report.verdict == verdict, str(report)

    def test_staircase(self):
        report = verify_grad(lambda x: np.floor(x).sum(), lambda x: 0 * x, X + 0.01)
        assert report.ok

    @pytest.mark.parametrize(("dtype", "w"), [("float64", 1e8), ("float64", 1e9), ("float32", 1e3)])
    @pytest.mark.parametrize("factor", [1, 2, -1])
    @pytest.mark.parametrize("seed", range(3))
    def test_oscillation_beyond_the_steps(self, dtype, w, factor, seed):
        """At all steps of a ladder func looks like noise about a constant, at ulps it does not."""
        x = np.random.default_rng(seed).uniform(0.5, 1.5, 5).astype(dtype)
        w, slope = np.dtype(dtype).type(w), np.dtype(dtype).type(factor * w)
        gradient = gradproof.verify_grad(
            lambda x: np.sin(w * x).sum(), lambda x: slope * np.cos(w * x), x, seed=seed
        )
        jacobian = gradproof.verify_jac(
            lambda x: np.sin(w * x), lambda x: np.diag(slope * np.cos(w * x)), x, seed=seed
        )
        unwanted = Verdict.FAIL if factor == 1 else Verdict.PASS
        assert gradient.verdict is not unwanted, str(gradient)
        assert jacobian.verdict is not unwanted, str(jacobian)
        if w < 1e9:
            assert gradient.verdict is (Verdict.PASS if factor == 1 else Verdict.FAIL)

    @pytest.mark.parametrize("distance", [1e-7, 1e-4, 1.0])
    def test_edge_of_the_domain(self, distance):
        def func(x):
            if (x <= 1).any():
                msg = "out of the domain"
                raise ValueError(msg)
            return np.log(x - 1).sum()

        x = 1 + distance * np.array([1.0, 2.0, 3.0])
        report = verify_grad(func, lambda x: 1 / (x - 1), x)
        assert report.ok, str(report)
        assert ("ValueError: out of the domain" in str(report)) is (distance < 0.01)
        assert verify_grad(func, lambda x: 2 / (x - 1), x).verdict is Verdict.FAIL

    def test_some_ulps_from_the_edge(self):
        """All steps of the lines lead out of the domain: they know nothing of truncation."""

        def wrong(x):
            g = -1 / (1 - x)
            g[np.argsort(-x)[4]] *= np.float32(1.01)  # the median entry of the gradient
            return g

        def func(x):
            return np.log(1 - x).sum()

        passed = 0
        for seed in range(12):
            rng = np.random.default_rng(seed)
            x = (1 - 2.0**-23 * rng.integers(1, 2000, 8)).astype(np.float32)
            right = verify_grad(func, lambda x: -1 / (1 - x), x)
            assert right.verdict is not Verdict.FAIL, str(right)
            assert verify_grad(func, wrong, x).verdict is not Verdict.PASS
            passed += right.ok
        assert passed >= 4  # of 60, 36 do; others have entries within an ulp or two of the edge

    @pytest.mark.parametrize("power", [1.1, 1.2, 1.5])
    def test_power_at_the_edge(self, power):
        """At zero the slope of a power falls like a root of the step, or slower."""
        x, c = np.linspace(0, 2, 8), np.linspace(-1, 1, 8)

        def func(x):
            return (x**power).sum() + (c * np.sin(x)).sum()

        def grad(x):
            return power * x ** (power - 1) + c * np.cos(x)

        def wrong(x):
            return grad(x) + 1e-4 * (np.arange(8) == 0)

        report = verify_grad(func, grad, x)
        assert report.ok, str(report)
        assert verify_grad(func, wrong, x).verdict is not Verdict.PASS

    @pytest.mark.parametrize("exponent", [-900, -300, 0, 300, 900])
    def test_units_of_f(self, exponent):
        """Scaling by a power of two changes no verdict, and no number but by that power."""
        scale = 2.0**exponent
        plain = verify_grad(smooth, smooth_grad, X, seed=1)
        report = verify_grad(
            lambda x: scale * smooth(x), lambda x: scale * smooth_grad(x), X, seed=1
        )
        assert report.verdict == plain.verdict
        np.testing.assert_array_equal(report.entries["noise"], scale * plain.entries["noise"])

    @pytest.mark.parametrize("exponent", [-300, 300])
    def test_units_of_x(self, exponent):
        scale = 2.0**exponent
        report = verify_grad(
            lambda x: smooth(x / scale), lambda x: smooth_grad(x / scale) / scale, X * scale, seed=1
        )
        assert report.ok
        assert report.nfev == verify_grad(smooth, smooth_grad, X, seed=1).nfev

    def test_a_constant_costs_resolution_only(self):
        for constant in (0.0, 1.0, 1e3):
            report = verify_grad(lambda x, c=constant: smooth(x) + c, smooth_grad, X)
            assert report.ok, str(report)
        # No polynomial: of those, steps as large as x and more are as good as small ones.
        drowned = verify_grad(lambda x: np.sin(x).sum() + 1e12, np.cos, X)
        assert drowned.verdict is Verdict.INCONCLUSIVE

    def test_immaterial_difference(self):
        for seed in range(20):
            report = verify_grad(smooth, lambda x: smooth_grad(x) * (1 + 1e-8), X, seed=seed)
            assert report.ok
            assert "differs by 1e-08 of it: significant, but less" in str(report)
            assert not verify_grad(smooth, smooth_grad, X, seed=seed).remarks

    def test_a_factor_is_measured(self):
        report = verify_grad(smooth, lambda x: smooth_grad(x) * 4, X)
        assert "along the claim, func has 0.25 times its slope" in report.remarks

    def test_edge_on_one_side(self):
        """A func that is not a number to the left of x0 is measured to the right."""

        def func(x):
            with np.errstate(invalid="ignore"):
                return np.where(x < 0, np.nan, np.sin(2 * x)).sum()

        x = np.array([0.0, 0.5, 1.0])
        for factor, verdict in ((1.0, "pass"), (1.01, "fail")):
            report = verify_grad(func, lambda x, c=factor: 2 * np.cos(2 * x) * np.where(x, 1, c), x)
            assert report.verdict == verdict, str(report)

    def test_tie(self):
        """An equal share for each of a tie is a subgradient, full weight for each is none."""
        x = np.array([1.0, 3.0, 3.0, 3.0, 2.0])
        tied = x == 3
        assert verify_grad(np.max, lambda x: tied / 3, x).ok
        assert not verify_grad(np.max, lambda x: 1.0 * tied, x).ok
        assert verify_grad(np.max, lambda x: 2.0 * tied, x).verdict is Verdict.FAIL
        # Kinks that bend up and down have nothing to do with each other.
        x = np.array([-1.0, 1.0, 1.0, -1.0, 0.5])
        assert verify_grad(lambda x: np.clip(x, -1, 1).sum(), lambda x: 1.0 * (x > -1), x).ok

    @pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-9])
    def test_pole(self, distance):
        """No step of the first ladders is smaller than the distance to the pole."""
        x = np.array([1 + distance, 2.0, 3.0, 1 - 3 * distance])
        assert verify_grad(lambda x: (1 / (x - 1)).sum(), lambda x: -1 / (x - 1) ** 2, x).ok
        report = verify_grad(lambda x: (1 / (x - 1)).sum(), lambda x: 1 / (x - 1) ** 2, x)
        assert report.verdict is Verdict.FAIL

    def test_poles_of_single_precision(self):
        """One pole drowns the steps of the others in what looks like noise."""
        distance = np.array([0.0676, 0.0337, 0.4, 0.0085, 0.2], dtype=np.float32)
        x = np.array([8.0, 3.0, 5.0, 1.0, 2.0], dtype=np.float32) + distance

        def func(x):
            return (1 / (x - np.round(x)) ** 2).sum()

        report = verify_grad(func, lambda x: -2 / (x - np.round(x)) ** 3, x)
        assert report.verdict is not Verdict.FAIL, str(report)

    def test_trend_is_not_proven(self):
        """A ripple makes up 3e-5 of a slope: its trend is the slope at another scale only."""
        x = np.array([-1.5, 2.0, (2000 * np.pi + np.pi / 2 - 0.06) * 1e-4, 0.8])

        def func(x):
            return (x**2 + 1e-7 * np.sin(1e4 * x)).sum()

        def grad(x, ripples=1.0):
            return 2 * x + ripples * 1e-3 * np.cos(1e4 * x)

        for seed in range(5):
            assert verify_grad(func, grad, x, seed=seed).ok
            trend = verify_grad(func, lambda x: grad(x, np.array([1, 1, 0, 1])), x, seed=seed)
            assert not trend.ok

    def test_units_apart(self):
        """What rounding moves one entry of the claim by, in its units, excuses no other entry."""
        warm = np.linspace(300, 900, 20, dtype=np.float32)
        x = np.array([1e13, 8e-20, 0.46], dtype=np.float32)

        def rest(x):
            return np.log(x[0]) - x[1] / (np.float32(1.38e-23) * warm) + x[2] * np.log(warm) - 12

        def grad(x, factor=1.0):
            r = rest(x) / 10
            slopes = (r.sum() / x[0], -(r / warm).sum() / np.float32(1.38e-23))
            return np.array([*slopes, factor * (r * np.log(warm)).sum()], dtype=np.float32)

        for seed in range(5):
            assert verify_grad(lambda x: (rest(x) ** 2).mean(), grad, x, seed=seed).ok
            report = verify_grad(
                lambda x: (rest(x) ** 2).mean(), lambda x: grad(x, 1.008), x, seed=seed
            )
            assert report.verdict is Verdict.FAIL, str(report)

    def test_ties_excuse_no_other_entry(self):
        """On ties, an ulp moves the claim by much on either side."""
        goal = np.array([1.4, -0.3, -0.5, 1.1, 1.5, -1.2, 0.8, 0.2], dtype=np.float32)
        x = np.array([-0.3, -0.3, -0.3, -0.9, 1.5, 1.5, 1.5, -1.2], dtype=np.float32)

        def func(x):
            return np.abs(np.diff(x)).sum() + ((x - goal) ** 2).sum()

        def grad(x, factor=1.0):
            signs = np.sign(np.diff(x))
            found = 2 * (x - goal) + np.append(0, signs) - np.append(signs, 0)
            found[3] *= factor
            return found.astype(np.float32)

        for seed in range(5):
            assert verify_grad(func, grad, x, seed=seed).ok
            report = verify_grad(func, lambda x: grad(x, 1.01), x, seed=seed)
            assert report.verdict is Verdict.FAIL, str(report)

    @pytest.mark.parametrize("seed", [8, 12, 14, 40])
    def test_a_layer_in_single_precision(self, seed):
        """No step is small enough for the lines; between roundings func has another slope."""
        rng = np.random.default_rng(seed)
        a, b, x = rng.normal(size=(8, 6)), rng.normal(size=8), rng.normal(size=6)

        def func(x):
            layer = np.tanh(a.astype(np.float32) @ x.astype(np.float32))
            return b @ layer.astype(float) + (x * x).sum()

        def grad(x):
            return (b * (1 - np.tanh(a @ x) ** 2)) @ a + 2 * x

        wrong = np.ones(6)
        wrong[np.argmax(np.abs(grad(x) * x))] += 3e-5
        assert verify_grad(func, grad, x, seed=seed).verdict is not Verdict.FAIL
        assert not verify_grad(func, lambda x: grad(x) * wrong, x, seed=seed).ok

    def test_quantised(self):
        """Rounded to six places, func has the slope of its trend; zero is not wrong, nor proven."""
        for seed in range(5):
            func = lambda x: np.round(np.sin(x).sum(), 6)  # noqa: E731
            assert verify_grad(func, np.cos, X, rtol=1e-3, seed=seed).ok
            assert not verify_grad(func, lambda x: 0 * x, X, seed=seed).ok
            wrong = verify_grad(func, lambda x: -np.cos(x), X, seed=seed)
            assert wrong.verdict is Verdict.FAIL

    def test_nondeterministic(self):
        rng = np.random.default_rng(0)

        def func(x):
            return smooth(x) * (1 + 1e-3 * rng.normal())

        report = verify_grad(func, smooth_grad, X)
        assert report.verdict is not Verdict.FAIL
        assert "func is not deterministic" in str(report)
        assert verify_grad(func, lambda x: -smooth_grad(x), X).verdict is Verdict.FAIL

    @pytest.mark.parametrize("rtol", [None, 0.05])
    def test_a_random_claim_is_no_kink(self, rtol):
        """Numbers that are drawn anew in each call say nothing of kinks, nor of cancellation."""
        rng = np.random.default_rng(0)

        def func(x):
            return smooth(x) * (1 + 1e-2 * rng.normal())

        def grad(x):
            return smooth_grad(x) * (1 + 1e-2 * rng.normal(size=x.size))

        for seed in range(4):
            report = verify_grad(func, grad, X, rtol=rtol, seed=seed)
            if report.verdict is Verdict.INCONCLUSIVE:
                assert "draw the same numbers" in report.next_step
            told = " ".join(report.remarks)
            assert "func is not deterministic" in told
            assert "kink" not in told
            assert "cancel" not in told

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_claim_not_finite(self, bad):
        report = verify_grad(smooth, lambda x: np.where(x > 1, bad, smooth_grad(x)), X)
        assert report.verdict is Verdict.FAIL
        assert "not finite in 10 of 20 entries" in report.reason

    def test_func_not_finite_at_x0(self):
        report = verify_grad(lambda x: np.nan, smooth_grad, X)
        assert report.verdict is Verdict.INCONCLUSIVE
        assert "func is not finite at x0" in report.reason


class TestReport:
    def test_no_truth_value(self):
        with pytest.raises(TypeError, match=r"use `report\.ok`"):
            bool(verify_grad(smooth, smooth_grad, X))

    def test_json(self):
        for grad in (smooth_grad, lambda x: -smooth_grad(x)):
            report = verify_grad(smooth, grad, X.reshape(4, 5))
            again = json.loads(json.dumps(report.to_dict(), allow_nan=False))
            assert again["verdict"] == report.verdict
            assert np.shape(again["entries"]["claimed"]) == (4, 5)

    def test_repeats_with_its_seed(self):
        first = verify_grad(smooth, smooth_grad, X)
        second = verify_grad(smooth, smooth_grad, X, seed=first.seed)
        assert first.to_dict() == second.to_dict()

    def test_text(self):
        report = verify_grad(smooth, lambda x: smooth_grad(x) * (1 + (x > 1.4)), X, seed=0)
        text = str(report)
        assert text.startswith("fail: ")
        assert "seed=0" in text
        assert f"{report.nfev} calls of func" in text
        with pytest.raises(WrongDerivative, match="fail: "):
            report.raise_if_wrong()

    def test_inconclusive_is_an_exception_of_its_own(self):
        report = verify_grad(smooth, smooth_grad, X, budget=5)
        with pytest.raises(Inconclusive, match="budget"):
            report.raise_if_wrong()
        assert not issubclass(Inconclusive, WrongDerivative)


class TestArguments:
    def test_args_and_kwargs(self):
        report = verify_grad(
            lambda x, a, b: a * b * smooth(x),
            lambda x, a, b: a * b * smooth_grad(x),
            X,
            2.0,
            kwargs={"b": 3.0},
        )
        assert report.ok

    def test_rtol(self):
        def off(x):
            return smooth_grad(x) * (1 + 1e-4)

        assert verify_grad(smooth, off, X).verdict is Verdict.FAIL
        assert verify_grad(smooth, off, X, rtol=1e-3).ok

    @pytest.mark.parametrize(
        ("keywords", "words"),
        [
            ({"rtol": 0.0}, "rtol=0.0; expected"),
            ({"rtol": -1.0}, "rtol=-1.0; expected"),
            ({"budget": 0}, "budget=0; expected"),
            ({"seed": -1}, "seed=-1; expected"),
            ({"seed": "a"}, "seed='a'; expected"),
        ],
    )
    def test_out_of_range(self, keywords, words):
        with pytest.raises(ValueError, match=words):
            verify_grad(smooth, smooth_grad, X, **keywords)

    def test_vector_valued(self):
        with pytest.raises(ValueError, match=r"func returned shape \(20,\); expected one real"):
            verify_grad(lambda x: x * x, lambda x: np.diag(2 * x), X)

    def test_shape_of_the_claim(self):
        with pytest.raises(ValueError, match=r"grad returned shape \(20, 1\)"):
            verify_grad(smooth, lambda x: smooth_grad(x)[:, None], X)

    def test_none(self):
        with pytest.raises(TypeError, match="Is a `return` missing"):
            verify_grad(smooth, lambda x: None, X)


def test_what_the_functions_see(arrays):
    """func and grad get arrays of x0's own kind, but where func is traced; x0 is not written to."""
    x0 = arrays(claims.point())
    seen = []

    def spied(f):
        def g(x):
            if "Tracer" not in type(x).__name__:
                seen.append((type(x), x.dtype, tuple(x.shape)))
            return f(x)

        return g

    verify_grad(spied(claims.func), spied(claims.grad), x0)
    assert set(seen) == {(type(x0), x0.dtype, tuple(x0.shape))}
    np.testing.assert_array_equal(arrays.numpy(x0), claims.point())


@pytest.mark.library("torch")
def test_claim_by_autograd():
    """Near x0 too, the claim gets an x that requires a gradient if x0 does."""
    import torch

    needs = []

    def grad(x):
        needs.append(x.requires_grad)
        return torch.autograd.grad((x**3).sum(), x)[0]

    x0 = torch.linspace(0.5, 1.5, 5, dtype=torch.float64).requires_grad_()
    report = verify_grad(lambda x: (x**3).sum(), grad, x0)
    assert report.ok
    assert needs == [True] * 4


def test_public_names():
    assert issubclass(gradproof.Inconclusive, AssertionError)
    assert issubclass(gradproof.WrongDerivative, AssertionError)
