"""Ctrl-C, and budgets that end half-way: what was measured counts, and nothing else passes."""

import pickle
import signal
from functools import partial

import numpy as np
import pytest
from tests.examples import in_table, point

import gradproof
from gradproof import Verdict, approx_fprime, check_grad
from gradproof.__main__ import main
from gradproof._verdict.decision import Decision
from gradproof._verdict.differences import Differences
from gradproof.testing import assert_grad


def told(verify):
    """Return a check that returns the report that Ctrl-C ended it with, too."""

    def check(*args, **kwargs):
        try:
            return verify(*args, **kwargs)
        except gradproof.Interrupted as err:
            return err.report

    return check


verify_grad = partial(told(gradproof.verify_grad), seed=0)
verify_jac = partial(told(gradproof.verify_jac), seed=0)

N = 400


def cube(x):
    return (x * x * x).sum()


def cube_grad(x):
    return 3 * x * x


def spoilt(factors):
    """Return the gradient of `cube` with some entries times a factor."""

    def grad(x):
        g = cube_grad(x)
        for i, factor in factors.items():
            g[i] *= factor
        return g

    return grad


class Stopped:
    """A function that Ctrl-C ends in one of its calls."""

    def __init__(self, func, at):
        self.func, self.at, self.calls = func, at, 0

    def __call__(self, *args):
        self.calls += 1
        if self.calls == self.at:
            raise KeyboardInterrupt
        assert self.calls < self.at, "called after Ctrl-C"
        return self.func(*args)


def states(report):
    return np.ravel(report.entries["state"])


class TestEveryCall:
    """Ctrl-C in each call in turn."""

    def test_right(self):
        x = point(n=10)
        total = verify_grad(cube, cube_grad, x).nfev
        for k in range(2, total + 1):
            report = verify_grad(Stopped(cube, k), cube_grad, x)
            assert report.interrupted
            assert report.verdict is Verdict.INCONCLUSIVE
            assert report.nfev == k
            # One block: it is done, or it is not.
            assert set(states(report)) == {"unresolved"}
            assert report.reason == (
                f"interrupted after {k} calls of func: 10 of 10 entries were not reached"
            )

    @pytest.mark.parametrize("dtype", ["float64", "float16"])
    def test_a_wrong_entry(self, unnamed, dtype):
        x = point(n=10).astype(dtype)
        whole = verify_grad(cube, spoilt({4: 1.5}), x)
        assert whole.verdict is Verdict.FAIL
        for k in range(2, whole.nfev + 1):
            report = verify_grad(Stopped(cube, k), spoilt({4: 1.5}), x)
            # One of ten shows along the claim, after two ladders.
            known = report.reason.startswith("the claim as a whole is off")
            # In half precision the last calls are in single, and take nothing back.
            decided = states(report)[4] == "fail"
            assert report.verdict is (Verdict.FAIL if known or decided else Verdict.INCONCLUSIVE)
            assert k > 30 or not known
            assert not decided or (dtype == "float16" and k > whole.nfev - 5)

    def test_wrong_entries_among_many(self, unnamed):
        """One that is confirmed fails the check, whatever the search had still to find."""
        x, claim = point(n=2000), spoilt({700: -1.0, 1300: -1.0})
        whole = verify_grad(cube, claim, x)
        assert whole.verdict is Verdict.FAIL
        confirmed = 0
        for k in range(2, whole.nfev + 1):
            report = verify_grad(Stopped(cube, k), claim, x)
            assert report.interrupted
            wrong = set(np.flatnonzero(states(report) == "fail"))
            assert wrong <= {700, 1300}
            known = report.reason.startswith("the claim as a whole is off")
            assert report.verdict is (Verdict.FAIL if wrong or known else Verdict.INCONCLUSIVE)
            assert "pass" not in states(report)
            confirmed += bool(wrong)
            if wrong:
                assert f"{2000 - len(wrong)} of 2000 entries were not reached" in report.reason
        assert 0 < confirmed < whole.nfev / 2

    def test_a_wrong_factor(self):
        """Of the gradient as a whole: said after two ladders, and the entries are looked at."""
        x = point(n=100)
        whole = verify_grad(cube, lambda x: 1.001 * cube_grad(x), x)
        found = [
            verify_grad(Stopped(cube, k), lambda x: 1.001 * cube_grad(x), x).verdict
            for k in range(2, whole.nfev + 1)
        ]
        first = found.index(Verdict.FAIL)
        assert first + 2 > 36
        assert set(found[:first]) == {Verdict.INCONCLUSIVE}
        assert set(found[first:]) == {Verdict.FAIL}

    def test_kinks(self):
        """Full weight for each of a tie is right for every one alone, and wrong for all."""
        x = np.array([1.0, 1.0, 0.5, 0.5])

        def func(x):
            return max(x[:2]) + max(x[2:])

        whole = verify_grad(func, np.ones_like, x)
        assert whole.verdict is Verdict.INCONCLUSIVE
        for k in range(2, whole.nfev + 1):
            report = verify_grad(Stopped(func, k), np.ones_like, x)
            assert report.verdict is Verdict.INCONCLUSIVE
            assert list(states(report)).count("pass") < 2

    def test_before_a_random_func_is_convicted(self, unnamed):
        """The last call of a check that draws values of a random func until there is no doubt."""
        x = point(n=8)

        def random(rng):
            return lambda x: cube(x) * (1 + 1e-8 * rng.normal())

        whole = verify_grad(random(np.random.default_rng(0)), spoilt({2: 1.0003}), x)
        assert whole.verdict is Verdict.FAIL
        assert states(whole)[2] == "fail"
        stopped = Stopped(random(np.random.default_rng(0)), whole.nfev)
        report = verify_grad(stopped, spoilt({2: 1.0003}), x)
        assert report.verdict is Verdict.INCONCLUSIVE
        assert states(report)[2] == "unresolved"


class TestWhileItIsNamed:
    """What was found to be wrong stays so, without a name."""

    def test_gradient(self):
        claim, x = spoilt(dict.fromkeys(range(10), 2.0)), point(n=10)
        whole = verify_grad(cube, claim, x)
        assert whole.diagnosis[0].kind == "factor"
        report = verify_grad(Stopped(cube, whole.nfev), claim, x)
        assert report.interrupted
        assert report.verdict is Verdict.FAIL
        assert not report.diagnosis

    def test_jacobian(self):
        whole = verify_jac(linear, lambda x: -A, point(n=7))
        assert whole.diagnosis[0].kind == "sign"
        report = verify_jac(Stopped(linear, whole.nfev), lambda x: -A, point(n=7))
        assert report.interrupted
        assert report.verdict is Verdict.FAIL
        assert not report.diagnosis


class TestHalfWay:
    """A sweep over many entries."""

    def half(self, claim=cube_grad, k=38 + N):
        return verify_grad(Stopped(cube, k), claim, point(n=N), directions="all")

    def test_settled(self):
        report = self.half()
        state, measured = states(report), report.entries["measured"]
        passed = int((state == "pass").sum())
        assert N / 4 < passed <= N / 2
        assert set(state[:passed]) == {"pass"}
        assert set(state[passed:]) == {"unresolved"}
        assert np.isfinite(measured[:passed]).all()
        assert np.isnan(measured[passed:]).all()
        assert np.isinf(report.entries["resolution"][passed:]).all()
        assert f"{N - passed} of {N} entries were not reached" in report.reason
        assert report.verdict is Verdict.INCONCLUSIVE

    def test_same_numbers_as_of_the_whole(self):
        whole = verify_grad(cube, cube_grad, point(n=N), directions="all")
        part = self.half()
        passed = states(part) == "pass"
        for name in ("measured", "step"):
            np.testing.assert_array_equal(part.entries[name][passed], whole.entries[name][passed])

    @pytest.mark.parametrize("i", [3, 390])
    def test_a_wrong_entry_is_not_passed(self, i):
        for k in range(40, 38 + 2 * N, 51):
            report = self.half(spoilt({i: 1.01}), k)
            assert report.verdict is not Verdict.PASS  # the whole may be off by then
            assert states(report)[i] == "unresolved"

    def test_what_was_measured_comes_first(self):
        """An entry that seems to be off, but was not looked at again, is shown."""
        report = self.half(spoilt({3: 1.01}))
        assert report.worst(1)[0]["index"] == (3,)
        assert "1 more not settled" in report.reason
        assert in_table(report, "[3]")

    def test_order_of_calls(self):
        """Below the size of a block: all entries up, then all of them down."""
        x, points = point(n=20), []

        def func(x):
            points.append(x.copy())
            return cube(x)

        verify_grad(func, cube_grad, x, directions="all")
        moved = [np.flatnonzero(p != x).tolist() for p in points[-40:]]
        assert moved == 2 * [[i] for i in range(20)]
        signs = [np.sign((p - x) * np.sign(x)).sum() for p in points[-40:]]
        assert len(set(signs[:20])) <= 2
        assert all(
            np.sign(p - x).sum() == -np.sign(q - x).sum()
            for p, q in zip(points[-40:-20], points[-20:], strict=True)
        )


class TestBlocks:
    """Entries of several blocks, over the ends of leaves, in every library."""

    @staticmethod
    def func(arrays):
        def func(tree):
            return sum(arrays.xp.sum(x * x * x) for x in tree)

        return func

    def test_right(self, wide):
        tree = [wide(point(n=n)) for n in (50, 70, 30)]
        seen = []

        def func(tree):
            seen.append(np.concatenate([wide.numpy(x) for x in tree]))
            return self.func(wide)(tree)

        # One by one, so that there is an order.
        report = verify_grad(
            func, lambda t: [3 * x * x for x in t], tree, directions="all", vectorize=False
        )
        assert report.ok
        assert report.nfev == 338
        moved = [np.flatnonzero(s != seen[0]).tolist() for s in seen[-300:]]
        blocks = [range(64), range(64, 128), range(128, 150)]
        assert moved == [[i] for block in blocks for _ in "ud" for i in block]

    @pytest.mark.parametrize("leaf", [0, 1])
    def test_a_wrong_entry(self, wide, leaf):
        sizes = (50, 70, 30)
        tree = [wide(point(n=n)) for n in sizes]
        factors = np.ones(sizes[leaf])
        factors[-1] = 2.0

        def claim(tree):
            return [3 * x * x * (wide(factors) if i == leaf else 1.0) for i, x in enumerate(tree)]

        report = verify_grad(self.func(wide), claim, tree, directions="all")
        assert report.verdict is Verdict.FAIL
        assert report.worst(1)[0]["name"] == f"[{leaf}][{len(factors) - 1}]"


class TestSignals:
    def test_sigint(self):
        """As it comes from the keyboard."""
        calls = 0

        def func(x):
            nonlocal calls
            calls += 1
            if calls == 300:
                signal.raise_signal(signal.SIGINT)
            return cube(x)

        # A run in the background may have been told to ignore it.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            report = verify_grad(func, cube_grad, point(n=N), directions="all")
        finally:
            signal.signal(signal.SIGINT, before)
        assert report.interrupted
        assert report.nfev == 300
        assert (states(report) == "pass").any()

    def test_at_x0(self):
        with pytest.raises(KeyboardInterrupt):
            verify_grad(Stopped(cube, 1), cube_grad, point())

    def test_in_the_claim(self):
        with pytest.raises(KeyboardInterrupt):
            verify_grad(cube, Stopped(cube_grad, 1), point())
        assert verify_grad(cube, Stopped(cube_grad, 2), point()).interrupted

    @pytest.mark.parametrize(
        ("owner", "meanwhile"), [(Differences, "_settle"), (Decision, "_cut_short")]
    )
    def test_twice(self, monkeypatch, owner, meanwhile):
        """Whoever presses the keys again wants no report."""

        def again(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr(owner, meanwhile, again)
        with pytest.raises(KeyboardInterrupt):
            verify_grad(Stopped(cube, 50), cube_grad, point(n=N), directions="all")

    def test_functions_without_partial_results(self):
        with pytest.raises(KeyboardInterrupt):
            check_grad(Stopped(cube, 4), cube_grad, point())
        with pytest.raises(KeyboardInterrupt):
            approx_fprime(point(), Stopped(cube, 4))


class TestReport:
    def test_fields(self):
        report = verify_grad(Stopped(cube, 40), cube_grad, point())
        assert report.to_dict()["interrupted"] is True
        assert "interrupted after 40 calls of func" in str(report)
        assert verify_grad(cube, cube_grad, point()).to_dict()["interrupted"] is False

    def test_assertions_end_a_test_run(self):
        with pytest.raises(KeyboardInterrupt, match="interrupted after 40 calls"):
            assert_grad(Stopped(cube, 40), cube_grad, point())
        with pytest.raises(KeyboardInterrupt, match="^fail: the claim as a whole is off"):
            assert_grad(Stopped(cube, 120), lambda x: 1.001 * cube_grad(x), point(n=100), seed=0)

    def test_a_loop_ends(self):
        """Ctrl-C in one of many checks ends all of them, and the report is not lost."""
        begun = []

        def loop():
            for at in (10**9, 40, 10**9):
                begun.append(at)
                gradproof.verify_grad(Stopped(cube, at), cube_grad, point(), seed=0)

        with pytest.raises(KeyboardInterrupt, match="^inconclusive: interrupted after") as caught:
            loop()
        assert begun == [10**9, 40]
        assert isinstance(caught.value, gradproof.Interrupted)
        report = caught.value.report
        assert report.interrupted
        assert report.nfev == 40
        assert pickle.loads(pickle.dumps(caught.value)).report == report
        with pytest.raises(gradproof.Interrupted):
            report.raise_if_wrong()

    @pytest.mark.library("torch")
    def test_loops_of_others_end(self):
        import torch

        x, a = point(), torch.tensor(point())
        loops = {
            "verify_jac": lambda f: gradproof.verify_jac(f(linear), lambda x: A, point(n=7)),
            "verify_vjp": lambda f: gradproof.verify_vjp(f(np.sin), TestOthers.vjp, x),
            "verify_jvp": lambda f: gradproof.verify_jvp(f(np.sin), TestOthers.vjp, x),
            "verify_hess": lambda f: gradproof.verify_hess(f(cube), lambda x: np.diag(6 * x), x),
            "verify_hvp": lambda f: gradproof.verify_hvp(f(cube), lambda x, v: 6 * x * v, x),
            "verify_autodiff": lambda f: gradproof.verify_autodiff(f(torch.sin), a),
        }
        for call in loops.values():
            with pytest.raises(gradproof.Interrupted) as caught:
                call(lambda func: Stopped(func, 20))
            assert caught.value.report.interrupted

    def test_command_line(self, monkeypatch, tmp_path, capsys):
        (tmp_path / "stopped.py").write_text(
            "calls = 0\n"
            "def func(x):\n"
            "    global calls\n"
            "    calls += 1\n"
            "    if calls == 40:\n"
            "        raise KeyboardInterrupt\n"
            "    return (x**2).sum()\n"
            "def grad(x):\n"
            "    return 2 * x\n"
        )
        monkeypatch.chdir(tmp_path)
        assert main(["check", "stopped.py:func", "stopped.py:grad", "--shape=9"]) == 130
        assert "interrupted after 40 calls" in capsys.readouterr().out


A = np.random.default_rng(0).uniform(0.5, 1.5, (5, 7))


def linear(x):
    return A @ x


class TestOthers:
    """What is left after a check of several values, or of several things."""

    def test_jacobian(self):
        x = point(n=7)
        whole = verify_jac(linear, lambda x: A, x)
        seen = set()
        for k in range(2, whole.nfev + 1):
            report = verify_jac(Stopped(linear, k), lambda x: A, x)
            assert report.interrupted
            assert report.verdict is Verdict.INCONCLUSIVE
            passed = int((states(report) == "pass").sum())
            assert passed == max(0, (k - 39) // 2)
            assert f"{7 - passed} of 7 entries were not reached" in report.reason
            seen.add(passed)
        assert seen == set(range(7))

    def test_wrong_jacobian(self, unnamed):
        wrong = A.copy()
        wrong[3, 2] *= 1.001
        whole = verify_jac(linear, lambda x: wrong, point(n=7))
        assert whole.verdict is Verdict.FAIL
        for k in range(2, whole.nfev + 1):
            report = verify_jac(Stopped(linear, k), lambda x: wrong, point(n=7))
            known = report.reason.startswith("the claim as a whole is off")
            assert report.verdict is (Verdict.FAIL if known else Verdict.INCONCLUSIVE)
            assert states(report)[2] == "unresolved"

    @staticmethod
    def vjp(x, ct):
        return ct * np.cos(x)

    @staticmethod
    def not_linear(x, ct):
        return np.abs(ct) * np.cos(x)

    @pytest.mark.parametrize("ahead", [0, 1, 2])
    def test_linearity_of_a_vjp(self, ahead):
        x = point()
        whole = told(gradproof.verify_vjp)(np.sin, self.vjp, x, seed=0)
        claim = Stopped(self.vjp, whole.ngev - ahead)
        report = told(gradproof.verify_vjp)(np.sin, lambda x, ct: claim(x, ct), x, seed=0)
        assert report.interrupted
        assert report.verdict is Verdict.INCONCLUSIVE
        if ahead < 2:  # two calls for another cotangent, and for a sum
            assert set(states(report)) == {"pass"}
            assert report.reason.endswith(": not reached: interrupted")

    def test_products(self):
        def jvp(x, t):
            return t * np.cos(x)

        def hvp(x, v):
            return 6 * x * v

        x = point()
        for verify, func, product in (
            (told(gradproof.verify_jvp), np.sin, jvp),
            (told(gradproof.verify_hvp), cube, hvp),
        ):
            whole = verify(func, product, x, seed=0)
            assert whole.ok
            for k in range(2, whole.ngev + 1):
                stopped = Stopped(product, k)
                try:
                    report = verify(func, lambda x, t, stopped=stopped: stopped(x, t), x, seed=0)
                except KeyboardInterrupt:  # in one of the products at x0
                    assert k <= 3
                    continue
                assert report.interrupted
                assert report.verdict is Verdict.INCONCLUSIVE

    def test_hessian(self):
        x = point()
        hess = partial(lambda x: np.diag(6 * x))
        whole = told(gradproof.verify_hess)(cube, hess, x, seed=0)
        for k in range(6, whole.nfev + 1, 5):
            try:
                report = told(gradproof.verify_hess)(Stopped(cube, k), hess, x, seed=0)
            except KeyboardInterrupt:  # while the slope at x0 is measured
                assert k < 20
                continue
            assert report.interrupted
            assert report.verdict is Verdict.INCONCLUSIVE

    @pytest.mark.library("torch")
    def test_autodiff(self):
        import torch

        func = torch.sin
        x = torch.tensor(point())
        whole = told(gradproof.verify_autodiff)(func, x, order=2, seed=0)
        assert whole.ok
        names = set()
        calls = Stopped(func, 10**9)
        told(gradproof.verify_autodiff)(lambda x: calls(x), x, order=2, seed=0)
        for k in range(2, calls.calls + 1, 7):
            stopped = Stopped(func, k)
            try:
                report = told(gradproof.verify_autodiff)(
                    lambda x, stopped=stopped: stopped(x), x, order=2, seed=0
                )
            except KeyboardInterrupt:
                assert k < 4 or k > calls.calls / 4  # before anything of an order was measured
                continue
            assert report.interrupted
            assert report.verdict is Verdict.INCONCLUSIVE
            names |= {check.name for check in report.checks if "not reached" in check.text}
        assert "remaining checks" in names

    @pytest.mark.library("torch")
    def test_gradcheck_has_no_partial_result(self):
        import torch

        from gradproof.compat.torch.first_order import gradcheck

        x = torch.tensor(point(), requires_grad=True)
        calls = Stopped(torch.sin, 10**9)
        assert gradcheck(lambda x: calls(x), (x,))
        for k in range(1, calls.calls + 1, 5):
            stopped = Stopped(torch.sin, k)
            with pytest.raises(KeyboardInterrupt):
                gradcheck(lambda x, stopped=stopped: stopped(x), (x,))


class TestBudget:
    """A budget that does not reach all entries is used as far as it goes."""

    @pytest.mark.parametrize("budget", [200, 400, 700])
    def test_settled(self, budget):
        report = verify_grad(cube, cube_grad, point(n=N), directions="all", budget=budget)
        assert report.verdict is Verdict.INCONCLUSIVE
        assert not report.interrupted
        assert budget - 110 <= report.nfev <= budget
        passed = int((states(report) == "pass").sum())
        # Some 37 calls for the first lines, and a few to ask whether func returns the same again.
        assert 37 <= report.nfev - 2 * passed <= 42
        assert "budget" in report.reason

    def test_a_wrong_entry(self):
        """It is convicted with what was kept for that, if it was reached."""
        for i, expected in ((3, Verdict.FAIL), (390, Verdict.INCONCLUSIVE)):
            claim = spoilt({i: 1.01})
            report = verify_grad(cube, claim, point(n=N), directions="all", budget=400)
            assert report.nfev <= 400
            assert report.verdict is expected
            assert states(report)[i] == ("fail" if i == 3 else "unresolved")


def test_between_entries_that_are_off():
    """Ctrl-C while directions are searched for what is off names the entries that were found."""
    x, left = np.random.default_rng(0).standard_normal(3000), [0]
    wrong = np.cos(x)
    wrong[:1500] += 0.5 * np.resize([1, -1], 1500)
    reasons = set()

    def func(x):
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return np.sin(x).sum()

    for stop in range(60, 300, 12):
        left[0] = stop
        report = verify_grad(func, lambda x: wrong, x, seed=0)
        assert report.verdict is not Verdict.PASS
        if report.verdict is Verdict.FAIL and not report.reason.startswith("the gradient as a"):
            reasons.add(report.reason.partition(" 3000 ")[0])
    assert "at least 1 of" in reasons
