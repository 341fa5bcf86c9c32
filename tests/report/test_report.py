"""Reports as values, and what they say: the finding first, with its place, number and size."""

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from tests.examples import in_table, point

import gradproof
from gradproof import (
    Inconclusive,
    Report,
    WrongDerivative,
    verify_grad,
    verify_hess,
    verify_jac,
    verify_jvp,
    verify_vjp,
)
from gradproof._report.document import document
from gradproof._vectors.primals import Primals
from gradproof._watch.report import WatchedRule, WatchReport

A = np.random.default_rng(0).uniform(0.5, 1.5, (3, 6))


def cube(x):
    return (x * x * x).sum()


def spoilt(x):
    g = 3 * x * x
    g[4] *= 1.01
    return g


def every_kind() -> dict[str, Report]:
    """Return a report of each kind, right and wrong."""
    x = point()
    return {
        "right": verify_grad(cube, lambda x: 3 * x * x, x, seed=0),
        "wrong": verify_grad(cube, spoilt, x, seed=0),
        "not finite": verify_grad(cube, lambda x: x * np.nan, x, seed=0),
        "many": verify_grad(cube, lambda x: 3 * x * x, np.linspace(0.5, 1.5, 400), seed=0),
        "pytree": verify_grad(lambda p: cube(p["a"]), lambda p: {"a": spoilt(p["a"])}, {"a": x}),
        "Jacobian": verify_jac(lambda x: A @ x, lambda x: A, x, seed=0),
        "wrong Jacobian": verify_jac(lambda x: A @ x, lambda x: A + 0.1, x, seed=0),
        "vjp": verify_vjp(np.sin, lambda x, ct: ct * np.cos(x), x, seed=0),
        "jvp": verify_jvp(np.sin, lambda x, t: -t * np.cos(x), x, seed=0),
        "Hessian": verify_hess(cube, lambda x: np.diag(6 * x), x, seed=0),
        "together": verify_grad(
            cube, lambda x: (cube(x), spoilt(x)), x, value_and_grad=True, seed=0
        ),
    }


@pytest.fixture(scope="module")
def reports():
    return every_kind()


KINDS = (
    "right", "wrong", "not finite", "many", "pytree", "Jacobian", "wrong Jacobian", "vjp", "jvp",
    "Hessian", "together",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
class TestValues:
    """A report is a value: it can be kept, sent to another process, and compared."""

    @pytest.mark.parametrize("again", [lambda r: pickle.loads(pickle.dumps(r)), copy.deepcopy])
    def test_copies(self, reports, kind, again):
        report = reports[kind]
        other = again(report)
        assert other == report
        assert hash(other) == hash(report)
        assert str(other) == str(report)
        assert [e["name"] for e in other.worst()] == [e["name"] for e in report.worst()]

    def test_equality(self, reports, kind):
        report = reports[kind]
        assert (report == report) is True
        assert report != "pass"
        for other, known in reports.items():
            assert (known == report) is (other == kind)

    def test_one_line(self, reports, kind):
        """What a prompt shows, and pytest of `assert report.ok`."""
        report = reports[kind]
        line = repr(report)
        assert "\n" not in line
        assert len(line) <= 240
        assert line.startswith(f"<Report {report.verdict}: ")
        if kind in ("wrong", "pytree"):
            assert "[4]: claimed" in line


@pytest.mark.parametrize("kind", KINDS)
def test_errors_have_the_report(reports, kind):
    report = reports[kind]
    if report.ok:
        report.raise_if_wrong()
        return
    with pytest.raises((WrongDerivative, Inconclusive)) as caught:
        report.raise_if_wrong()
    error: Any = caught.value
    assert error.report == report
    assert pickle.loads(pickle.dumps(error)).report == report
    assert str(error) == str(report)


def test_names_of_many_leaves(monkeypatch):
    """Of hundreds of leaves not each is put beside each other one, when a mistake is named."""
    asked = []
    name_of = Primals.name_of

    def counted(self, leaf):
        asked.append(leaf)
        return name_of(self, leaf)

    monkeypatch.setattr(Primals, "name_of", counted)
    x = {f"l{i}": np.ones(2) * (1 + i / 100) for i in range(100)}
    report = verify_grad(
        lambda p: sum((leaf**3).sum() for leaf in p.values()),
        lambda p: {name: 3 * leaf**2 * (1 + 0.3 * (len(name) == 2)) for name, leaf in p.items()},
        x,
        seed=0,
    )
    assert report.verdict == "fail"
    assert 0 < len(asked) < 60 * len(x)  # for each leaf some, however many there are


def test_a_watch_that_verified_nothing():
    """It is not said that time was up, before anybody asked for a verdict."""
    rule = WatchedRule("layers.cube", "jax.custom_vjp", "layers.py", 3, 2, 2, ())
    text = str(WatchReport((rule,)))
    assert "2 of 2 kinds of calls not verified: verify() was not called" in text
    assert "the time was up" not in text


@pytest.mark.library("torch")
def test_autodiff_is_a_value():
    import torch

    x = torch.linspace(0.5, 1.5, 5, dtype=torch.float64)
    report = gradproof.verify_autodiff(torch.sin, x, seed=0)
    assert pickle.loads(pickle.dumps(report)) == report == copy.deepcopy(report)


def test_modules():
    """Public names, wherever they are defined."""
    for name in set(gradproof.__all__) - {"__version__"}:
        assert getattr(gradproof, name).__module__ == "gradproof"


def params():
    return {"b": np.linspace(1, 2, 8), "w": np.linspace(0.5, 1.5, 12).reshape(3, 4)}


def loss(p):
    return (p["w"] ** 3).sum() + (p["b"] ** 3).sum()


def claimed(w=1.0, b=1.0, part=...):
    """Return a gradient of `loss`, some entries of which are times a factor."""

    def grad(p):
        by_w = 3 * p["w"] ** 2
        by_w[part] *= w
        return {"b": 3 * b * p["b"] ** 2, "w": by_w}

    return grad


def first(report):
    return f"{report.verdict}: {report.reason}"


class TestFindings:
    """Which entries are off, how many there are, and by how much."""

    def wrong(self, factors, n=6):
        def claim(x):
            return 3 * x * x * np.resize(factors, n)

        return verify_grad(cube, claim, np.linspace(0.5, 1.5, n), seed=0)

    def test_one_of_several(self):
        report = self.wrong([1, 1, 1, 1, 1.01, 1])
        assert first(report).startswith("fail: 1 of 6 entries is off, and a second look")
        _, heads, row, *rest = str(report).splitlines()
        assert heads.split("  ")[1] == "entry"
        name, said, measured, bar, ratio, error, limit = row.split()
        assert (name, said, measured, ratio, error) == ("x[4]", "5.1207", "5.07", "1.01", "0.01")
        assert float(bar) < 1e-5
        assert 6e-6 < float(limit) < 1e-4
        assert not any(line.startswith("  x[") for line in rest)

    def test_resolution_is_that_of_the_others(self):
        """An entry that is off by 1 % does not mean that 1 % is all that could be seen."""
        for factors in ([1, 1, 1, 1, 1.01, 1], [1.01, 1, 1, 1, 1.5, 1]):
            text = str(self.wrong(factors))
            (line,) = (line for line in text.splitlines() if "would have been seen" in line)
            assert float(line.split("in the others: ")[1].split()[0]) < 1e-6

    def test_several(self):
        report = self.wrong([1, 1.01, 1, 1, 1.01, 1])
        assert first(report).startswith("fail: 2 of 6 entries are off, and a second look at [4], ")
        lines = str(report).splitlines()
        assert lines[2].startswith("  x[4]  ")
        assert "once" not in lines[2]
        assert lines[3].startswith("  x[1]  ")
        assert "once" not in lines[3]  # which is for all of it
        assert [row.note for row in document(report).rows] == ["", "measured once"]

    def test_all(self):
        assert first(self.wrong([1.01], 21)).startswith("fail: all 21 entries are off")

    def test_neighbours(self):
        report = self.wrong([1, 1, 1.01, 1.01, 1.01, 1])
        assert first(report).startswith("fail: 3 of 6 entries are off ([2:5]), ")

    def test_the_only_one(self):
        report = verify_grad(lambda x: x**3, lambda x: 3.1 * x**2, np.array(1.5), seed=0)
        assert report.verdict == "fail"
        assert "1 of 1" not in first(report)

    def test_ratio(self):
        """A claim as a multiple of what was measured."""
        (row,) = document(self.wrong([1] * 399 + [-1], 400)).rows
        assert row.cells[-3:-1] == ("-1", "2")
        (row,) = document(self.wrong([1] * 5 + [1 + 4e-5])).rows
        assert row.cells[-3:-1] == ("1.00004", "4e-05")

    def test_counts_and_limits(self):
        """As many entries as the reason counts, each beyond its limit, in single precision too."""
        x = np.linspace(0.5, 1.5, 6).astype(np.float32)
        factors = np.array([1, 1.006, 1.006, 1.006, 1.006, 1.006], dtype=np.float32)
        report = verify_grad(cube, lambda x: 3 * x * x * factors, x, seed=0)
        shown = document(report)
        assert f"{shown.off} of 6 entries are off" in report.reason
        assert shown.off == len(shown.rows)
        assert all(row.error > row.allowed for row in shown.rows)

    def test_measured_to_be_zero(self):
        """There is no ratio to zero; the error is then one of the claim."""
        report = verify_grad(
            lambda x: (x[1:] ** 2).sum(), lambda x: 2 * x + np.eye(3)[0], np.arange(3.0), seed=0
        )
        (row,) = document(report).rows
        assert row.cells[:2] == ("1", "0")
        assert row.cells[3:5] == ("", "1")
        assert 0 < float(row.cells[5]) < 1e-4

    @pytest.mark.parametrize(
        ("claim", "said"),
        [
            (claimed(b=1.01), "8 of 20 entries are off (all 8 of ['b']), "),
            (claimed(w=1.01, part=1), "4 of 20 entries are off (['w'][1, :]), "),
            (claimed(w=1.01, part=(slice(None), 2)), "3 of 20 entries are off (['w'][:, 2]), "),
            (claimed(w=1.01, part=(2, 3)), "1 of 20 entries is off (['w'][2, 3]), "),
            (claimed(w=1.01, part=np.eye(3, 4) > 0), "entries are off (3 of 12 of ['w']), "),
            (
                claimed(1.01, 1.01, (slice(None), 2)),
                "11 of 20 entries are off (all 8 of ['b'], ['w'][:, 2]), ",
            ),
        ],
    )
    def test_leaves(self, claim, said):
        assert said in first(verify_grad(loss, claim, params(), seed=0))

    @pytest.mark.parametrize(
        ("part", "said"),
        [
            (7, "['w'][7, :]"),
            ((slice(None), 7), "['w'][:, 7]"),
            ((slice(3, 5), 7), "['w'][4, 7], ['w'][3, 7]"),
            (slice(28, None), "['w'][28:30, :]"),
        ],
    )
    def test_places_found_by_a_search(self, part, said):
        """Of many entries in several leaves: no numbers over all of them."""
        p = {"b": np.linspace(1, 2, 80), "w": np.linspace(0.5, 1.5, 1200).reshape(30, 40)}
        report = verify_grad(loss, claimed(w=-1.0, part=part), p, seed=0)
        assert report.verdict == "fail"
        assert report.reason.split(": ")[-1] == said
        assert "of 1280 entries are off" in report.reason

    @pytest.mark.parametrize(
        ("claim", "said"),
        [
            (claimed(b=4.0), "; in ['b'] (func has 0.25 times its slope), not in ['w']"),
            (claimed(w=-1.0), "; in ['w'] (func has -1 times its slope), not in ['b']"),
            (claimed(b=0.0), "; in ['b'] (claimed to be 0), not in ['w']"),
            (
                claimed(2.0, 3.0),
                "; in ['b'] (func has 0.3333 times its slope), ['w'] (func has 0.5",
            ),
        ],
    )
    def test_leaves_of_the_whole(self, claim, said):
        report = verify_grad(loss, claim, params(), seed=0)
        assert report.reason.startswith("the claim as a whole is off: ")
        assert said in report.reason
        assert report.nfev <= 2 * 50  # half of it for the name of the mistake

    def test_tangents_are_no_leaves(self):
        report = verify_jvp(np.sin, lambda x, t: 1.2 * t * np.cos(x), point(), seed=0)
        assert report.reason.endswith("func has another slope")

    def test_more_leaves_than_are_looked_at(self):
        x = [np.full(2, 1.5)] * 20
        report = verify_grad(
            lambda x: sum(cube(p) for p in x), lambda x: [2 * p * p for p in x], x, seed=0
        )
        assert report.reason.endswith("; which of the 20 leaves it is in was not measured")

    def test_interrupted_while_leaves_are_looked_at(self):
        calls = 0

        def func(p):
            nonlocal calls
            calls += 1
            if calls == 42:
                raise KeyboardInterrupt
            return loss(p)

        with pytest.raises(gradproof.Interrupted) as caught:
            verify_grad(func, claimed(b=4.0), params(), seed=0)
        assert caught.value.report.verdict == "fail"

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ((1, slice(None)), "6 of 18 entries are off (all of func's value [1])"),
            ((slice(None), 2), "3 of 18 entries are off (all by [2])"),
            ((0, 5), "1 of 18 entries is off"),
        ],
    )
    def test_jacobian(self, change, said):
        wrong = A.copy()
        wrong[change] *= 1.01
        report = verify_jac(lambda x: A @ x**2, lambda x: 2 * wrong * x, point(), seed=0)
        assert said in first(report)

    def test_not_finite(self):
        report = verify_grad(
            cube, lambda x: np.where(x > 1.2, np.nan, 3 * x * x), np.linspace(0.5, 1.5, 6)
        )
        assert report.reason == "the claim is not finite in 2 of 6 entries: [4], [5]"

    def test_not_finite_jacobian(self):
        """Columns are not called entries, and what is no number is not said to be off by NaN."""
        wrong = A.copy()
        wrong[1, 2] = np.nan
        report = verify_jac(lambda x: A @ x**2, lambda x: 2 * wrong * x, point(), seed=0)
        assert report.reason == "the claim is not finite in 1 of 6 columns: [2]"
        report = verify_jvp(lambda x: A @ x**2, lambda x, v: 2 * wrong * x @ v, point(), seed=0)
        assert report.verdict == "fail"
        assert "nan of" not in report.to_html()
        assert report.finding == "the jvp is NaN in 2 of 6 entries ([1])"

    def test_a_second_look_at_one_column(self):
        """It is not said of entries that were measured once."""
        wrong = A.copy()
        wrong[[0, 1], [1, 4]] *= 1.5
        report = verify_jac(lambda x: A @ x**2, lambda x: 2 * wrong * x, point(), seed=0)
        confirmed = sum(not row.note for row in document(report).rows)
        assert confirmed == 1
        assert "a second look at one of them, at other steps, says the same" in report.reason

    def test_jacobian_by_an_argument(self):
        report = verify_jac(
            lambda p: p["a"] ** 2 * p["b"],
            lambda p: {"a": np.diag(2 * p["a"] * p["b"]), "b": 2 * p["a"] ** 2},
            {"a": point(), "b": 2.0},
            seed=0,
        )
        assert report.finding.startswith("the Jacobian by `p['b']` is 2 times func's slope")

    def test_large_numbers(self):
        """Squares of them overflow no sum."""
        x = np.linspace(0.5, 1.5, 6)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            report = verify_grad(
                lambda x: 1e300 * (x**3).sum(), lambda x: 2e300 * 3 * x**2, x, seed=0
            )
        assert report.verdict == "fail"

    def test_what_noise_hides(self):
        """No digits of what was not measured."""

        def coarse(x):
            return np.float64(np.float16(7 * cube(x)))

        report = verify_grad(coarse, lambda x: 21 * x * x, np.linspace(0.5, 1.5, 6), seed=0)
        assert report.verdict == "inconclusive"
        hidden = [row for row in document(report).rows if row.note == "noise hides it"]
        assert hidden
        for row in hidden:
            measured = row.cells[1]
            assert len(measured.strip("-").replace(".", "").strip("0").split("e")[0]) <= 1

    def test_a_pass_says_what_it_could_see(self):
        """In its first sentence, where an error that matters may have passed."""

        def noisy(x):
            return cube(x) + 1e-3 * (1e9 * cube(x) % 1 - 0.5)

        passed = [
            report
            for seed in range(8)
            if (report := verify_grad(noisy, lambda x: 3 * x * x, point(), rtol=0.02, seed=seed)).ok
        ]
        unsure = [one for one in passed if one.flat["resolution"].max() > one.rtol]
        assert unsure
        for one in unsure:
            assert "seen to disagree" not in one.reason
            assert f"seen to be off by {one.flat['resolution'].max():.1e}" in one.reason
            assert "an error that matters may have passed" in str(one)
        sharp = verify_grad(cube, lambda x: 3 * x * x, point(), seed=0)
        assert "seen to disagree" in sharp.reason

    def test_what_was_called(self):
        """With `grad=` that is grad, and func is not."""
        x = point()
        with_grad = verify_hess(cube, lambda x: np.diag(6 * x), x, grad=lambda x: 3 * x * x, seed=0)
        assert f"{with_grad.nfev} calls of grad" in str(with_grad)
        assert "not checked: grad, which is taken to be right" in str(with_grad)
        alone = verify_hess(cube, lambda x: np.diag(6 * x), x, seed=0)
        assert f"{alone.nfev} calls of func" in str(alone)

    def test_agreeing_entries_are_no_news(self):
        """Beside a wrong entry, one that agrees and could not be resolved is not listed."""

        def func(x):
            return 1e6 * x[0] ** 3 + 1e-6 * x[1] + 1e6 * x[2] ** 2

        def claim(x):
            return np.array([3e6 * x[0] ** 2, 1e-6, 1.01 * 2e6 * x[2]])

        report = verify_grad(func, claim, np.array([1.0, 0.5, 1.5]), seed=0)
        assert report.verdict == "fail"
        assert not in_table(report, "[1]")


class TestTextOfOthers:
    """What the user's functions say is shown, and cannot be taken for what the report says."""

    @pytest.mark.parametrize("said", ["\x1b[2Jgone", "one\npass: every entry agrees", "y" * 5000])
    def test_exceptions(self, said):
        x = point()

        def func(z):
            if np.abs(z - x).max() > 1e-3:
                raise ValueError(said)
            return cube(z)

        report = verify_grad(func, lambda x: 2.9 * x * x, x, seed=0)
        text = str(report)
        assert "ValueError: " in text
        assert "\x1b" not in text
        assert not any(line.startswith("pass") for line in text.splitlines())
        assert max(map(len, text.splitlines())) < 400
        assert "\x1b" not in repr(report)

    def test_names(self):
        key = "a\x1b[2J\npass: all"
        report = verify_grad(
            lambda p: cube(p[key]), lambda p: {key: 2.9 * p[key] ** 2}, {key: point()}, seed=0
        )
        assert "\x1b" not in str(report)
        assert not any(line.startswith("pass") for line in str(report).splitlines())


def test_a_remark_on_several_entries_is_one():
    report = every_kind()["wrong"].with_remarks(
        ["x[0]: odd", "x[1]: odd", "odd: so", "x[2]: odd: so"]
    )
    assert document(report).remarks[-2:] == ["x[0], x[1]: odd", "odd: so"]
