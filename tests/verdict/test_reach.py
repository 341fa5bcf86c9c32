"""How small a mistake a check would have seen, and that half precision sees rows and leaves."""

import copy
import json
import math
import pickle
from functools import partial

import numpy as np
import pytest

import gradproof
from gradproof import Verdict
from gradproof._report.reach import LeafReach, Reach, of_entries, unfinished
from gradproof._vectors.layout import Leaf, layout
from gradproof._vectors.leaf_rows import Rows, rows_of

verify_grad = partial(gradproof.verify_grad, seed=0)
verify_vjp = partial(gradproof.verify_vjp, seed=0)

SHORT = ("float16", "bfloat16")


def reach_of(report):
    assert report.reach is not None
    return report.reach


def normal(shape, seed):
    return np.random.default_rng(seed).normal(size=shape)


class Normalised:
    """``x / rms(x)``, computed in float32 at least and rounded to the dtype of x, as kernels do."""

    def __init__(self, arrays):
        self.arrays, self.xp = arrays, arrays.xp

    def wide(self, x):
        return self.xp.astype(x, self.xp.float32) if self.arrays.dtype in SHORT else x

    def scale(self, wide):
        return 1 / self.xp.sqrt(self.xp.mean(wide * wide, axis=-1, keepdims=True) + 1e-6)

    def func(self, x):
        wide = self.wide(x)
        return self.xp.astype(wide * self.scale(wide), x.dtype)

    def vjp(self, x, ct, *, mask, projected=True):
        """Return the product, right if projected, where `mask` is 1."""
        wide, ct = self.wide(x), self.wide(ct)
        scale = self.scale(wide)
        g = ct * scale
        if projected:
            g = g - wide * scale**3 * self.xp.mean(ct * wide, axis=-1, keepdims=True)
        return self.xp.astype(g * self.wide(self.arrays(mask)), x.dtype)


SHAPE = 16, 64


def mask(where=None, value=0.0):
    found = np.ones(SHAPE)
    if where is not None:
        found[where] = value
    return found


class TestNormalisation:
    """What is missing in the derivative of a fused kernel is not passed, in any dtype."""

    def verdict(self, arrays, claim, seed):
        rule = Normalised(arrays)
        x = arrays(normal(SHAPE, seed))
        return verify_vjp(rule.func, partial(rule.vjp, **claim), x, seed=seed, pullback=False)

    @pytest.mark.parametrize("seed", range(3))
    def test_right(self, arrays, seed):
        report = self.verdict(arrays, {"mask": mask()}, seed)
        assert report.ok, str(report)
        assert reach_of(report).row <= 1
        assert report.nfev <= (200 if arrays.dtype in SHORT else 40)

    @pytest.mark.once
    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize(
        "claim",
        [
            {"mask": mask(), "projected": False},
            {"mask": mask(np.s_[3])},
            {"mask": mask(np.s_[3], -1.0)},
            {"mask": mask(np.s_[:, 5])},
            {"mask": mask(np.s_[:, -8:])},
        ],
        ids=["projection", "row", "sign of a row", "column", "last columns"],
    )
    def test_wrong(self, arrays, claim, seed):
        report = self.verdict(arrays, claim, seed)
        if arrays.dtype in SHORT:
            assert not report.ok, str(report)
        else:
            assert report.verdict is Verdict.FAIL, str(report)


class TestLeaves:
    """Of every leaf an error as large as itself is seen, whatever the others are."""

    sizes = {"a": (20, 16), "b": (10, 12), "c": (30,), "d": (20,)}  # noqa: RUF012

    def problem(self, arrays, wrong, factor, seed, small=1.0):
        xp = arrays.xp
        rng = np.random.default_rng(seed)
        x0 = {k: arrays(rng.normal(size=s)) for k, s in self.sizes.items()}
        by = {k: small if k == "b" else 1.0 for k in self.sizes}

        def wide(x):
            return xp.astype(x, xp.float32) if arrays.dtype in SHORT else x

        def func(x):
            return sum(xp.sum(xp.sin(wide(x[k])) * by[k]) for k in self.sizes)

        def grad(x):
            signs = {k: factor if k == wrong else 1.0 for k in self.sizes}
            return {k: xp.astype(xp.cos(wide(x[k])) * (by[k] * signs[k]), x[k].dtype) for k in x}

        return verify_grad(func, grad, x0, seed=seed)

    @pytest.mark.parametrize("seed", range(2))
    @pytest.mark.parametrize("small", [1.0, 1e-2])
    def test_right(self, arrays, seed, small):
        report = self.problem(arrays, None, 1.0, seed, small)
        assert report.verdict is not Verdict.FAIL, str(report)
        if arrays.dtype not in SHORT:
            assert report.ok, str(report)
            assert reach_of(report).leaf < 1

    @pytest.mark.once
    @pytest.mark.parametrize("seed", range(2))
    @pytest.mark.parametrize("factor", [-1.0, 0.0])
    @pytest.mark.parametrize("wrong", ["a", "b", "c", "d"])
    def test_a_wrong_leaf(self, arrays, wrong, factor, seed):
        report = self.problem(arrays, wrong, factor, seed)
        assert not report.ok, str(report)

    @pytest.mark.once
    @pytest.mark.parametrize("seed", [0, 2])
    @pytest.mark.parametrize("factor", [-1.0, 2.0])
    @pytest.mark.parametrize("small", [1e-2, 1e-3])
    def test_a_wrong_small_leaf(self, arrays, seed, factor, small):
        report = self.problem(arrays, "b", factor, seed, small)
        assert not report.ok, str(report)

    @pytest.mark.parametrize("seed", range(2))
    def test_a_small_leaf_that_is_not_seen_is_named(self, arrays, seed, monkeypatch):
        monkeypatch.setattr("gradproof._verdict.row_lines._LEAVES", 0)  # none is looked at alone
        report = self.problem(arrays, None, 1.0, seed, 1e-3)
        assert report.ok, str(report)
        if arrays.dtype in SHORT:
            assert reach_of(report).leaf > 1
            assert "['b'] is missing would not have been seen" in str(report).splitlines()[0]


class TestRoughFunctions:
    """Kinks and bends of whole rows at large steps convict no right claim."""

    @pytest.mark.library("torch")
    @pytest.mark.parametrize("dtype", SHORT)
    @pytest.mark.parametrize("seed", range(2))
    def test_right(self, dtype, seed):
        import torch

        def func(x):  # bfloat16 has ties by itself
            return x.float().sort(-1).values.to(x.dtype)

        def vjp(x, ct):
            return torch.func.vjp(func, x)[1](ct)[0]

        x = torch.tensor(normal((20, 33), seed)).to(getattr(torch, dtype))
        report = verify_vjp(func, vjp, x, seed=seed, pullback=False)
        assert report.verdict is not Verdict.FAIL, str(report)


class TestWords:
    """A pass says in its first line what it could not have seen."""

    @staticmethod
    def noisy(x):
        return np.float16(2e4 + np.sum(x.astype(np.float32) ** 3))

    def test_of_a_long_array(self):
        x = (np.random.default_rng(0).integers(8, 24, (600, 200)) / 16).astype(np.float16)
        report = verify_grad(
            lambda x: np.sum(x.astype(np.float32) ** 3), lambda x: 3 * x * x, x, directions=1
        )
        assert report.ok
        assert reach_of(report).row > 1
        assert "is missing would not have been seen" in str(report).splitlines()[0]
        assert "directions='all'" in report.reason

    def test_of_a_short_one(self):
        x = (np.random.default_rng(0).integers(8, 24, (40, 10)) / 16).astype(np.float16)
        report = verify_grad(self.noisy, lambda x: 3 * x * x, x)
        assert report.verdict is Verdict.INCONCLUSIVE


class TestRows:
    """Rows of leaves, along their axes, in blocks of a vector, as a whole."""

    @pytest.mark.parametrize("axis", [0, 1, 2])
    @pytest.mark.parametrize("dtype", [float, complex])
    def test_sums_and_spread(self, axis, dtype):
        (leaf,) = layout([""], [np.zeros((3, 4, 5), dtype)])
        rows = rows_of(leaf)[axis]
        values = np.arange(float(leaf.where.stop))
        shaped = values.reshape((-1, 3, 4, 5))
        expected = shaped.sum(axis=tuple(k for k in range(4) if k != axis + 1))
        np.testing.assert_array_equal(rows.sums(values.__getitem__), expected)
        numbers = np.arange(float(rows.count))
        spread = rows.spread(numbers).reshape(shaped.shape)
        np.testing.assert_array_equal(np.moveaxis(spread, axis + 1, 0)[:, 0, 0, 0], numbers)
        total = rows.sums(spread.reshape(-1).__getitem__)
        np.testing.assert_array_equal(total, numbers * (values.size // rows.count))

    @pytest.mark.parametrize("n", [4, 7, 10, 26, 50, 101, 1000])
    def test_blocks_of_a_vector(self, n):
        (rows,) = rows_of(Leaf("", (n,), slice(0, n), complex=False))
        assert rows.sums(np.ones(n).__getitem__).sum() == n
        assert rows.spread(np.arange(float(rows.count))).size == n
        assert rows.count <= math.ceil(math.sqrt(n))

    def test_a_leaf_as_a_whole(self):
        rows = Rows(Leaf("w", (2, 3), slice(1, 7), complex=False), None, 1)
        assert rows.sums(np.arange(6.0).__getitem__) == [15]
        assert rows.name() == "w"
        assert rows.spread(np.array([2.0])).tolist() == [2.0] * 6

    @pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
    def test_none(self, shape):
        assert rows_of(Leaf("", shape, slice(0, 1), complex=False)) == []

    def test_names(self):
        leaf = Leaf("['w']", (2, 3), slice(0, 6), complex=False)
        assert [rows.name(1) for rows in rows_of(leaf)] == ["['w'][1, :]", "['w'][:, 1]"]
        assert rows_of(leaf)[1].name() == "['w'][:, i]"


class TestReach:
    """A value: what each kind of check puts in it."""

    def test_of_entries(self):
        leaf = Leaf("", (2, 3), slice(0, 6), complex=False)
        seen = np.array([0.1, 0.2, 0.3, 0.01, math.inf, 0.03])
        reach = of_entries([leaf], seen, 0.5, entrywise=True)
        assert reach.leaves == (LeafReach("", (2, 3), 0.01, (0.1, 0.2), math.inf),)
        assert (reach.whole, reach.leaf, reach.row, reach.entry) == (0.5, 0.01, 0.2, math.inf)

    def test_each_entry_measured(self):
        report = verify_grad(lambda x: (x**3).sum(), lambda x: 3 * x**2, np.ones((3, 4)))
        assert reach_of(report).entry < 1e-4
        assert reach_of(report).leaf <= reach_of(report).row <= reach_of(report).entry
        assert reach_of(report).reason == ""

    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    @pytest.mark.parametrize("shape", [(40, 25), (3, 400), (1000, 2), (2, 5, 100)])
    def test_along_directions(self, shape, dtype):
        x = np.exp(normal(shape, 0) * 3).astype(dtype)
        report = verify_grad(lambda x: (x**3).sum(), lambda x: 3 * x**2, x)
        assert report.ok
        (leaf,) = reach_of(report).leaves
        assert len(leaf.rows) == len(shape)
        if dtype is np.float64:
            assert reach_of(report).row < 1e-2

    def test_a_vector(self):
        x = np.linspace(0.5, 1.5, 400)
        report = verify_grad(lambda x: (x**3).sum(), lambda x: 3 * x**2, x)
        (leaf,) = reach_of(report).leaves
        assert leaf.rows == (leaf.entry,) == (reach_of(report).entry,)

    def test_tangents(self):
        report = gradproof.verify_jvp(np.sin, lambda x, t: np.cos(x) * t, np.ones(5), seed=0)
        assert [leaf.rows for leaf in reach_of(report).leaves] == [(), ()]
        assert reach_of(report).entry is None
        assert reach_of(report).row is None
        assert "tangent" in reach_of(report).reason

    def test_jacobian(self):
        report = gradproof.verify_jac(np.sin, lambda x: np.diag(np.cos(x)), np.ones(5), seed=0)
        assert reach_of(report).entry < 1e-4

    def test_nothing_was_looked_at(self):
        report = verify_grad(lambda x: (x**3).sum(), lambda x: -3 * x**2, np.ones(400))
        assert report.verdict is Verdict.FAIL
        assert report.reach == unfinished(report.whole)

    def test_the_worst_of_several(self):
        one = Reach(0.1, (LeafReach("a", (2,), 0.2, (0.3,), 0.3),), "one")
        other = Reach(0.2, (LeafReach("a", (2,), 0.1, (), None), LeafReach("b", (), 1, (), 2)))
        both = one.worse(other)
        assert both == Reach(
            0.2, (LeafReach("a", (2,), 0.2, (0.3,), 0.3), LeafReach("b", (), 1, (), 2)), "one"
        )
        assert both.worse(one) == both

    def test_a_value(self):
        report = verify_grad(lambda x: (x**3).sum(), lambda x: 3 * x**2, np.ones((3, 4)))
        for again in (copy.deepcopy(report), pickle.loads(pickle.dumps(report))):
            assert again.reach == report.reach
        text = json.dumps(report.to_dict())
        assert json.loads(text)["reach"]["leaves"][0]["shape"] == [3, 4]
        assert json.loads(json.dumps(unfinished(math.nan).to_dict()))["whole"] is None


class TestNothingClaimed:
    """A leaf of which nothing is claimed has no size: what is said is a slope."""

    SHAPES = ({"a": (20, 16), "b": (10, 12), "c": (30,)}, {"a": (5,), "b": (3,)})

    def report(self, arrays, shapes, share, claimed):
        xp = arrays.xp

        def of(x):
            wide = {
                k: xp.astype(v, xp.float32) if arrays.dtype in SHORT else v for k, v in x.items()
            }
            return sum(xp.sum(xp.sin(v)) * (share if k == "b" else 1.0) for k, v in wide.items())

        def grad(x):
            def one(k, v):
                wide = xp.astype(v, xp.float32) if arrays.dtype in SHORT else v
                return xp.astype(xp.cos(wide) * (claimed if k == "b" else 1.0), v.dtype)

            return {k: one(k, v) for k, v in x.items()}

        x0 = {k: arrays(normal(shape, i)) for i, (k, shape) in enumerate(shapes.items())}
        return verify_grad(of, grad, x0)

    @pytest.mark.once
    @pytest.mark.parametrize("shapes", SHAPES)
    @pytest.mark.parametrize("share", [1e-3, 1e-2, 0.1, 1.0])
    def test_pass_says_what_slope_would_have_been_seen(self, arrays, shapes, share):
        report = self.report(arrays, shapes, share, 0.0)
        if report.ok:
            assert arrays.dtype != "float64"
            (slope,) = (leaf.slope for leaf in reach_of(report).leaves if leaf.path == "['b']")
            assert slope > share / 2
            assert f"slopes would have been seen from {slope:.2g} in ['b'] on" in report.reason
            assert str(report).splitlines()[0].endswith("in ['b'] on")

    @pytest.mark.parametrize("shapes", SHAPES)
    def test_right(self, arrays, shapes):
        report = self.report(arrays, shapes, 0.0, 0.0)
        assert report.ok, str(report)
        slopes = {leaf.path: leaf.slope for leaf in reach_of(report).leaves}
        assert slopes["['a']"] is None
        assert (slopes["['b']"] is not None) == (arrays.dtype != "float64")
        assert self.report(arrays, shapes, 1.0, 1.0).reason.endswith("seen to disagree")
