"""Many entries: along a few directions, and a search for what is wrong."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from tests.examples import in_table

import gradproof
from gradproof import Verdict
from gradproof._numerics.rungs import Rungs
from gradproof._verdict.balance import levels, place_of, size_of, within
from gradproof._verdict.decoding import Node
from gradproof._verdict.directions import FEW, number_of
from gradproof._verdict.search import Search

verify_grad = partial(gradproof.verify_grad, seed=0)

SHORT = ("float16", "bfloat16")


def point(n, seed=0):
    """Return an x that every short dtype holds exactly, none near 0."""
    return np.random.default_rng(seed).integers(8, 24, n) / 16


def cube(x):
    return (x * x * x).sum()


def cube_grad(x):
    return 3 * x * x


def spoilt(indices, factor):
    """Return the gradient of `cube` with some entries times a factor."""

    def grad(x):
        g = cube_grad(x)
        g[indices] = g[indices] * factor
        return g

    return grad


def named(report):
    """Return the flat indices of the entries that a report calls wrong."""
    return set(np.flatnonzero(np.ravel(report.entries["state"] == "fail")).tolist())


class TestEveryLibrary:
    """A func that adds up in float32 at least, of arrays of every library and dtype."""

    @staticmethod
    def func(arrays, x):
        xp = arrays.xp
        wide = xp.astype(x, xp.float32) if arrays.dtype in SHORT else x
        return xp.sum(wide * wide * wide)

    def grad(self, arrays, x0, change):
        def claim(x):
            return 3 * x * x * arrays(np.where(np.arange(x0.size) == 123, change, 1.0))

        return claim

    def test_right(self, arrays):
        x0 = point(500)
        func = partial(self.func, arrays)
        report = verify_grad(func, self.grad(arrays, x0, 1.0), arrays(x0))
        assert report.verdict is not Verdict.FAIL, str(report)
        if arrays.dtype not in SHORT:
            assert report.ok
        assert report.nfev <= 61

    def test_a_wrong_entry_is_named(self, arrays):
        x0 = point(500)
        func = partial(self.func, arrays)
        # Half precision sees a single entry of 500 if it is far off.
        if arrays.dtype in SHORT:
            check = partial(verify_grad, func, self.grad(arrays, x0, -60.0), arrays(x0))
            verdicts = [check(seed=seed).verdict for seed in range(5)]
            # In bfloat16 the search does not find it at one of three seeds.
            assert verdicts.count(Verdict.FAIL) >= 2
            assert Verdict.PASS not in verdicts
        else:
            report = verify_grad(func, self.grad(arrays, x0, -1.0), arrays(x0))
            assert report.verdict is Verdict.FAIL, str(report)
            assert named(report) == {123}
            worst = report.worst(1)[0]
            assert worst["index"] == (123,)
            assert worst["measured"] == pytest.approx(3 * x0[123] ** 2, rel=1e-2)
            assert "[123]" in report.reason

    def test_wrong_as_a_whole(self, arrays):
        x0 = point(500)
        report = verify_grad(partial(self.func, arrays), lambda x: -3 * x * x, arrays(x0))
        assert report.verdict is Verdict.FAIL
        assert report.nfev <= 2 * 40 + 18  # as many for its name; in half precision one line more


class TestSearch:
    @pytest.mark.parametrize("n", [400, 10**4, 10**5])
    @pytest.mark.parametrize("factor", [-1.0, 1.1, 0.0, 1.001])
    @pytest.mark.parametrize("seed", [0, 1])
    def test_one_entry(self, n, factor, seed):
        i = int(np.random.default_rng(seed).integers(n))
        report = verify_grad(cube, spoilt([i], factor), point(n), seed=seed)
        assert report.verdict is Verdict.FAIL, str(report)
        assert named(report) == {i}
        # A fail of the whole costs 38; some more look for the name of a factor.
        assert report.nfev <= 60

    def test_one_entry_that_is_hardly_off(self):
        """That others are right is seen along the line: func is not asked how exact it is."""
        x0 = point(10**5)
        report = verify_grad(cube, spoilt([777], 1.0 + 3e-5), x0, seed=0)
        assert named(report) == {777}
        assert report.nfev <= 75, str(report)

    @pytest.mark.parametrize("size", [20, 100])
    def test_a_table_in_one_entry(self, size):
        """Its kinks are no mistake of a claim: the search stops, at little cost."""
        grid = np.linspace(0.0, 3.0, size)
        table = np.sin(3 * grid)
        x0 = np.random.default_rng(0).uniform(0.5, 1.5, 500)

        def func(x):
            return 3 * np.interp(x[7], grid, table) + (x**3).sum() - x[7] ** 3

        def grad(x):
            g = 3 * x * x
            g[7] = 9 * np.cos(3 * x[7])
            return g

        report = verify_grad(func, grad, x0, seed=0)
        assert report.verdict is not Verdict.FAIL, str(report)
        assert report.nfev <= 600

    @pytest.mark.parametrize("seed", range(4))
    @pytest.mark.parametrize("count", [2, 3, 10])
    def test_several_entries(self, count, seed):
        n = 10**4
        indices = np.random.default_rng(seed).choice(n, count, replace=False)
        report = verify_grad(cube, spoilt(indices, -1.0), point(n), seed=seed)
        assert report.verdict is Verdict.FAIL
        assert named(report) == set(indices.tolist()), str(report)
        assert report.nfev <= 40 + 20 * count
        assert not any("not traced" in remark for remark in report.remarks)

    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_several_that_an_inexact_func_may_excuse(self, seed):
        """Once one of them is sure the others are asked all that may excuse them."""
        rng = np.random.default_rng(seed)
        matrix, x0 = rng.normal(size=(20, 86)) / 9, rng.normal(size=1376)
        where = rng.choice(1376, 10, replace=False)

        def func(x):
            return (np.tanh(matrix @ x.reshape(86, 16)) ** 2).sum()

        def grad(x):
            t = np.tanh(matrix @ x.reshape(86, 16))
            g = (matrix.T @ (2 * t * (1 - t * t))).reshape(-1)
            g[where] *= 1.01
            return g

        report = verify_grad(func, grad, x0, seed=seed)
        assert named(report) == set(where.tolist()), str(report)

    @pytest.mark.parametrize(
        ("where", "name"),
        [
            (np.s_[7, :], "[7, :]"),
            (np.s_[:, 33], "[:, 33]"),
            (np.s_[10:20, 5:30], "[10:20, 5:30]"),
        ],
    )
    @pytest.mark.parametrize("seed", [0, 1])
    def test_row_column_block(self, where, name, seed):
        report = verify_grad(cube, spoilt(where, 0.0), point(6000).reshape(60, 100), seed=seed)
        assert report.verdict is Verdict.FAIL
        assert name in report.reason, str(report)
        # The ends of a block are looked for, those of a row are known.
        assert report.nfev <= (600 if name == "[10:20, 5:30]" else 65)

    @pytest.mark.parametrize("where", [np.s_[167, :], np.s_[:, 33]])
    def test_row_of_many(self, where):
        """Products of very many numbers are kept in single precision: all have to be the same."""
        x0 = point(90000).reshape(300, 300)
        report = verify_grad(cube, spoilt(where, -1.0), x0, seed=0)
        assert report.nfev <= 65, str(report)
        assert [place.path for place in report.wrong_places] == ["x[167, :]", "x[:, 33]"][
            where[0] != 167 :
        ][:1]
        assert not any("not traced" in remark for remark in report.remarks)

    @pytest.mark.parametrize("where", ["[0][5, :]", "[1]", "[0][3, 7]"])
    def test_several_leaves(self, where):
        """Which leaf it is comes before where it is in the leaf."""

        def func(x):
            w, b = x
            return np.tanh(w).sum() + (b**3).sum() + (w[0] * b).sum()

        def grad(x):
            w, b = x
            by_w, by_b = 1 - np.tanh(w) ** 2, 3 * b * b + w[0]
            by_w[0] += b
            wrong, at = {
                "[0][5, :]": (by_w, 5), "[1]": (by_b, slice(None)), "[0][3, 7]": (by_w, (3, 7)),
            }[where]  # fmt: skip
            wrong[at] *= -1
            return by_w, by_b

        x0 = (point(6000).reshape(60, 100) - 1, point(100, 1))
        report = verify_grad(func, grad, x0, seed=0)
        assert report.verdict is Verdict.FAIL
        assert f"x{where}" in str(report).splitlines()[0], str(report)
        assert report.nfev <= 70, str(report)

    def test_half_a_row_is_no_row(self):
        report = verify_grad(cube, spoilt(np.s_[7, :50], 0.0), point(6000).reshape(60, 100))
        assert "[7, :]" not in report.reason, str(report)
        assert "[7, 0:50]" in report.reason

    def test_a_row_of_few(self):
        """A row may be more than a twentieth of the whole: that is no gradient wrong as a whole."""
        report = verify_grad(cube, spoilt(np.s_[3], -1.0), point(400).reshape(10, 40))
        assert "[3, :]" in report.reason, str(report)

    def test_block_of_a_vector(self):
        report = verify_grad(cube, spoilt(np.s_[3000:3100], 2.0), point(20000))
        assert "[3000:3100]" in report.reason, str(report)

    @pytest.mark.parametrize("share", [0.3, 0.6])
    def test_errors_everywhere(self, share):
        """What many entries have is said of them, and not searched for one by one."""
        n = 20000
        indices = np.flatnonzero(np.random.default_rng(0).random(n) < share)
        report = verify_grad(cube, spoilt(indices, 1.01), point(n))
        assert report.verdict is Verdict.FAIL
        assert "many entries" in report.reason
        assert report.nfev < 800  # half of them ask whether it is func that is not exact

    def test_nothing_is_dropped(self):
        """Errors that the budget leaves unfound are reported as such."""
        indices = np.random.default_rng(0).choice(10**4, 10, replace=False)
        report = verify_grad(cube, spoilt(indices, -1.0), point(10**4), budget=150)
        assert report.verdict is Verdict.FAIL
        assert report.nfev <= 150
        assert any("was not traced to an entry" in remark for remark in report.remarks)

    def test_significant_is_not_material(self):
        report = verify_grad(cube, lambda x: cube_grad(x) * (1 + 1e-9), point(3000))
        assert report.verdict is not Verdict.FAIL


class TestRight:
    """Right claims neither fail nor cost much."""

    @pytest.mark.parametrize("n", [301, 3000, 10**5])
    @pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
    def test_smooth(self, n, dtype):
        def func(x):
            return (x.astype(np.float32 if dtype == "float16" else dtype) ** 3).sum()

        for seed in range(3):
            report = verify_grad(func, cube_grad, point(n, seed).astype(dtype), seed=seed)
            assert report.ok, str(report)
            # Half precision looks at rows, here at blocks of a vector, as well.
            assert report.nfev <= (60 if dtype == "float16" else 40)
            assert report.ngev <= 4

    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    def test_rosenbrock(self, dtype):
        def func(x):
            return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()

        def grad(x):
            g = np.zeros_like(x)
            d = x[1:] - x[:-1] ** 2
            g[:-1] = -400 * x[:-1] * d - 2 * (1 - x[:-1])
            g[1:] += 200 * d
            return g

        report = verify_grad(func, grad, point(2000).astype(dtype))
        assert report.ok, str(report)

        def wrong(x):
            g = grad(x)
            g[-1] = 0
            return g

        report = verify_grad(func, wrong, point(2000).astype(dtype))
        assert report.verdict is Verdict.FAIL
        assert named(report) == {1999}

    @pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
    @pytest.mark.parametrize("seed", range(3))
    def test_kinks(self, dtype, seed):
        rng = np.random.default_rng(seed)
        matrix = (rng.normal(size=(200, 1000)) / 30).astype(dtype)

        def func(x):
            return np.maximum(0, 1 - matrix @ x).astype(np.float64).sum() + 0.5 * float(x @ x)

        def grad(x):
            return x - matrix.T @ (matrix @ x < 1).astype(dtype)

        x = rng.normal(size=1000).astype(dtype)
        report = verify_grad(func, grad, x, seed=seed)
        assert report.verdict is not Verdict.FAIL, str(report)
        if dtype == "float64":
            assert report.ok
        assert verify_grad(func, lambda x: -grad(x), x, seed=seed).verdict is Verdict.FAIL

    def test_all_at_a_kink(self):
        """The claim of zero is a subgradient of each; nothing fails."""
        x = np.where(np.arange(1000) % 2, point(1000), 0.0)
        report = verify_grad(lambda x: abs(x).sum(), np.sign, x)
        assert report.verdict is not Verdict.FAIL, str(report)

    def test_a_claim_of_zero(self):
        x = point(1000)
        assert verify_grad(lambda x: 0.0 * x.sum() + 1.0, lambda x: 0 * x, x).ok
        report = verify_grad(cube, lambda x: 0 * x, x)
        assert report.verdict is Verdict.FAIL
        assert report.nfev <= 2 * 40


class TestSinglePrecision:
    """Sums of many equal numbers in float32, whose terms all round the same way."""

    N = 10**5

    def rounded(self, x):
        """Half the squares of x, added up in 16 sums, as a dot product does."""
        return np.cumsum((0.5 * x * x).reshape(-1, 16), axis=0)[-1].sum()

    @pytest.mark.parametrize("seed", range(4))
    def test_right(self, seed):
        x0 = np.ones(self.N, dtype="float32")
        report = verify_grad(self.rounded, np.copy, x0, seed=seed)
        assert report.ok, str(report)

    @pytest.mark.parametrize("seed", range(2))
    @pytest.mark.parametrize("wrong", [2.0, 0.0, -1.0, "a quarter"])
    def test_wrong(self, wrong, seed):
        x0 = np.ones(self.N, dtype="float32")
        factor = np.where(np.arange(self.N) < self.N // 4, 0, 1) if wrong == "a quarter" else wrong
        report = verify_grad(self.rounded, lambda x: (factor * x).astype("float32"), x0, seed=seed)
        assert report.verdict is Verdict.FAIL, str(report)

    @pytest.mark.parametrize(("factor", "verdict"), [(1, "pass"), (2, "fail"), (0, "fail")])
    def test_entries_below_the_rounding_of_func(self, factor, verdict):
        """Each of them moves func by less than it is rounded by, and all together do not."""
        x0 = np.ones(2**21, dtype="float32")
        report = verify_grad(lambda x: (0.5 * x * x).sum(), lambda x: factor * x, x0)
        assert report.verdict == verdict, str(report)


class TestReport:
    def test_what_one_entry_would_have_shown(self):
        """An error of a single entry that is said to be visible is found, whatever the entry."""
        x = point(2000).astype(np.float32)
        report = verify_grad(cube, cube_grad, x)
        assert report.alone is not None
        middle, worst = report.alone
        assert 1e-5 < middle <= worst < 1
        assert f"{worst:.1e} (worst entry), {middle:.1e} (median)" in str(report)
        unseen = 0
        for i in np.random.default_rng(0).choice(2000, 20):
            factor = 1 + 2 * float(report.entries["resolution"][i])
            unseen += verify_grad(cube, spoilt([i], factor), x).ok
        assert unseen <= 2  # of 240, 7: the directions of the wrong claim are others

    def test_half_precision_says_what_it_cannot_see(self):
        x = point(3000).astype(np.float16)
        report = verify_grad(lambda x: (x.astype(np.float32) ** 3).sum(), cube_grad, x)
        assert report.ok
        assert report.alone is not None
        assert report.alone[0] > 0.1

    def test_entries(self):
        x = point(600).reshape(20, 30)
        report = verify_grad(cube, cube_grad, x)
        assert all(values.shape == x.shape for values in report.entries.values())
        assert (report.entries["state"] == "pass").all()
        assert np.isnan(report.entries["measured"]).all()
        np.testing.assert_array_equal(report.entries["claimed"], cube_grad(x))
        report = verify_grad(cube, spoilt((3, 4), 2.0), x)
        assert report.entries["measured"][3, 4] == pytest.approx(3 * x[3, 4] ** 2, rel=1e-6)
        assert in_table(report, "[3, 4]")

    def test_memory(self):
        """Little more than what the claim, x and a displacement of it take."""
        import tracemalloc

        x = point(10**6)
        verify_grad(cube, cube_grad, x[:1000])
        tracemalloc.start()
        report = verify_grad(cube, cube_grad, x)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert report.ok
        assert peak < MEMORY * x.nbytes


#: Peak of a check of NumPy's float64, in units of the bytes of x0; func's own three included.
MEMORY = 18


class TestDirections:
    def test_few_entries_are_measured_one_by_one(self):
        assert number_of("auto", FEW, 0.25, 18) == 0
        assert number_of("auto", FEW + 1, 0.25, 18) == 3
        assert number_of("all", 10**6, 0.25, 18) == 0
        assert number_of(2, 10, 0.25, 18) == 2
        assert number_of("auto", 10**6, 0.99, 18) == 3  # never more than 40 calls

    def test_asked_for(self):
        x = point(1000)
        assert verify_grad(cube, cube_grad, x, directions="all").alone is None
        report = verify_grad(cube, cube_grad, x[:20], directions=1)
        assert report.ok
        assert report.alone is not None
        assert report.nfev == 26

    @pytest.mark.parametrize("directions", [0, -1, 1.5, "some", None])
    def test_out_of_range(self, directions):
        with pytest.raises(ValueError, match="directions="):
            verify_grad(cube, cube_grad, point(10), directions=directions)

    @pytest.mark.parametrize("budget", [1, 20, 36])
    def test_budget(self, budget):
        report = verify_grad(cube, cube_grad, point(1000), budget=budget)
        assert report.nfev <= budget
        assert report.verdict is Verdict.INCONCLUSIVE

    def test_not_finite(self):
        report = verify_grad(cube, spoilt([5, 7], np.nan), point(1000))
        assert report.verdict is Verdict.FAIL
        assert "not finite in 2 of 1000" in report.reason


class TestBalance:
    def test_boxes(self):
        assert size_of(((0, 3), (2, 4))) == 6
        assert within(((1, 2),), ((0, 3),))
        assert not within(((1, 2),), ((1, 2),))
        assert callable(place_of)

    def test_an_entry_that_a_line_does_not_move_is_not_what_it_shows(self):
        entries = SimpleNamespace(survey=SimpleNamespace(move=np.ones(2)), findings=None)
        balance = SimpleNamespace(direction=np.array([1.0, 0.0]), shape=(2,))
        assert not Search(entries, balance)._named(Node(((1, 2),), 0.5, 0.1))

    def test_levels(self):
        """More pairs are sharper where truncation rules, and the error bars are honest."""
        h = 4.0 ** -np.arange(2.0, 9.0)
        truth = 0.7
        error = truth + h**2 + h**4 / 3
        changes = np.array([error * h, -error * h])
        rungs = Rungs(h, changes, np.zeros_like(changes), np.zeros_like(h))
        found = levels(rungs, truth, 1e-12)
        assert [level.steps.size for level in found] == [1, 2, 3]
        for level in found:
            slopes = truth + level.steps**2 + level.steps**4 / 3
            off = abs(level.weights @ slopes - truth)
            assert off <= level.truncation
        spread = [np.hypot(level.noise, level.truncation) for level in found]
        assert spread[2] < spread[1] < spread[0] / 10
