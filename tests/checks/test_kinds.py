"""Every kind of derivative: right claims pass, planted mistakes are found and named."""

from functools import partial

import numpy as np
import pytest
from tests.examples import in_table
from tests.kinds import MISTAKES, Cubes, Layers, _one_entry
from tests.libraries import Arrays

import gradproof
from gradproof import Report, Verdict

verify_grad = partial(gradproof.verify_grad, seed=0)
verify_jac = partial(gradproof.verify_jac, seed=0)
verify_vjp = partial(gradproof.verify_vjp, seed=0)
verify_jvp = partial(gradproof.verify_jvp, seed=0)
verify_hess = partial(gradproof.verify_hess, seed=0)
verify_hvp = partial(gradproof.verify_hvp, seed=0)

SHORT = ("float16", "bfloat16")


def passes(arrays: Arrays, report: Report) -> bool:
    """Tell whether a right claim was judged well; half precision may not know."""
    unsure = arrays.dtype in SHORT and report.verdict is Verdict.INCONCLUSIVE
    return report.ok or unsure


def found(arrays: Arrays, report: Report) -> bool:
    """Tell whether a wrong claim was judged well; half precision may not know."""
    unsure = arrays.dtype in SHORT and report.verdict is Verdict.INCONCLUSIVE
    return report.verdict is Verdict.FAIL or unsure


def in_leaf(change):
    """Apply a change to ``['layers'][1]['w']`` of a gradient by the parameters."""

    def changed(tree):
        first, second = tree["layers"]
        return {**tree, "layers": [first, {"w": change(second["w"])}]}

    return changed


LEAF = "['layers'][1]['w']"


class TestPytrees:
    def test_grad(self, arrays):
        f = Layers(arrays)
        assert passes(arrays, verify_grad(f.loss, f.grad, f.params, f.x))

    @pytest.mark.parametrize("mistake", MISTAKES)
    def test_wrong_leaf(self, arrays, mistake):
        f = Layers(arrays)
        wrong = in_leaf(lambda leaf: MISTAKES[mistake](arrays, leaf))
        report = verify_grad(f.loss, lambda p, x: wrong(f.grad(p, x)), f.params, f.x)
        assert found(arrays, report), str(report)

    def test_wrong_entry_is_named(self, arrays):
        f = Layers(arrays)
        wrong = in_leaf(lambda leaf: _one_entry((3, 2))(arrays, leaf))
        report = verify_grad(f.loss, lambda p, x: wrong(f.grad(p, x)), f.params, f.x)
        assert found(arrays, report), str(report)
        if report.verdict is Verdict.FAIL:
            assert report.worst(1)[0]["name"] == f"{LEAF}[3, 2]", str(report)
            assert in_table(report, f"{LEAF}[3, 2]")
            assert report.entries["state"][LEAF].shape == (4, 3)

    def test_argnums(self, wide):
        f = Layers(wide)

        def by_x(p, x):
            w, b, _ = f._parts(p)
            y = f.xp.sum(w * x, axis=-1) + b
            return f.xp.sum(f.xp.reshape(2 * y, (2, 1)) * w, axis=0)

        assert verify_grad(f.loss, by_x, f.params, f.x, argnums=1).ok
        report = verify_grad(f.loss, lambda p, x: 2 * by_x(p, x), f.params, f.x, argnums=1)
        assert report.verdict is Verdict.FAIL

        def by_both(p, x, factor=1.0):
            return f.grad(p, x), factor * by_x(p, x)

        assert verify_grad(f.loss, by_both, f.params, f.x, argnums=(0, 1)).ok
        wrong = verify_grad(f.loss, lambda p, x: by_both(p, x, -1.0), f.params, f.x, argnums=(0, 1))
        assert wrong.verdict is Verdict.FAIL

    def test_value_and_grad(self, wide):
        f = Layers(wide)
        for offset, verdict in ((0.0, Verdict.PASS), (0.5, Verdict.FAIL)):
            report = verify_grad(
                f.loss,
                lambda p, x, c=offset: (f.loss(p, x) + c, f.grad(p, x)),
                f.params,
                f.x,
                value_and_grad=True,
            )
            assert report.verdict is verdict, str(report)
        assert "value: the value that comes with the claim" in str(report)

    def test_aux(self, wide):
        f = Layers(wide)
        report = verify_grad(
            lambda p, x: (f.loss(p, x), "aux"), f.grad, f.params, f.x, has_aux=True
        )
        assert report.ok

    def test_x0_is_not_written_to(self, wide):
        f = Layers(wide)
        before = wide.numpy(f.params["layers"][1]["w"]).copy()
        verify_grad(f.loss, f.grad, f.params, f.x)
        np.testing.assert_array_equal(wide.numpy(f.params["layers"][1]["w"]), before)


class TestVjp:
    def test_right(self, arrays):
        f = Layers(arrays)
        assert passes(arrays, verify_vjp(f.func, f.vjp, f.params, f.x))

    @pytest.mark.parametrize("mistake", MISTAKES)
    def test_wrong_leaf(self, arrays, mistake):
        f = Layers(arrays)
        wrong = in_leaf(lambda leaf: MISTAKES[mistake](arrays, leaf))
        report = verify_vjp(f.func, lambda p, x, ct: wrong(f.vjp(p, x, ct)), f.params, f.x)
        assert found(arrays, report), str(report)

    def test_wrong_entry_is_named(self, arrays):
        f = Layers(arrays)
        wrong = in_leaf(lambda leaf: _one_entry((3, 2))(arrays, leaf))
        report = verify_vjp(f.func, lambda p, x, ct: wrong(f.vjp(p, x, ct)), f.params, f.x)
        assert found(arrays, report), str(report)
        if report.verdict is Verdict.FAIL:
            assert report.worst(1)[0]["name"] == f"{LEAF}[3, 2]", str(report)

    def test_not_linear_in_the_cotangent(self, arrays):
        f = Layers(arrays)

        def ignores_the_sign(p, x, ct):
            return f.vjp(p, x, {"u": abs(ct["u"]), "v": ct["v"]})

        report = verify_vjp(f.func, ignores_the_sign, f.params, f.x)
        assert report.verdict is Verdict.FAIL
        assert [c.verdict for c in report.checks if c.name == "linearity of the vjp"] == ["fail"]

    def test_pullback_form(self, wide):
        f = Layers(wide)

        def vjp(p, x, offset=0.0):
            y = f.func(p, x)
            return {**y, "u": y["u"] + offset}, lambda ct: (f.vjp(p, x, ct), None)

        assert verify_vjp(f.func, lambda p, x: vjp(p, x), f.params, f.x).ok
        report = verify_vjp(f.func, lambda p, x: vjp(p, x, 0.5), f.params, f.x)
        assert report.verdict is Verdict.FAIL
        assert report.reason.startswith("value: ")


class TestJvp:
    def test_right(self, arrays):
        f = Layers(arrays)
        assert passes(arrays, verify_jvp(f.func, f.jvp, f.params, f.x))

    @pytest.mark.parametrize("mistake", MISTAKES)
    def test_wrong_output(self, arrays, mistake):
        f = Layers(arrays)

        def wrong(p, x, t):
            pushed = f.jvp(p, x, t)
            return {**pushed, "v": MISTAKES[mistake](arrays, pushed["v"])}

        report = verify_jvp(f.func, wrong, f.params, f.x)
        assert found(arrays, report), str(report)

    def test_wrong_entry_is_named(self, arrays):
        f = Layers(arrays)

        def wrong(p, x, t):
            pushed = f.jvp(p, x, t)
            return {**pushed, "v": _one_entry((2,))(arrays, pushed["v"])}

        report = verify_jvp(f.func, wrong, f.params, f.x)
        assert found(arrays, report), str(report)
        if report.verdict is Verdict.FAIL:
            assert report.worst(1)[0]["name"].startswith("['v'][2] by "), str(report)

    @pytest.mark.parametrize("count", [3, 4])
    def test_numbers_each_measured_right(self, count):
        # Fewer numbers than tangents: none of these is independent of the others.
        x0 = {f"p{k}": np.array(0.7 + 0.2 * k) for k in range(count)}

        def jvp(x, t):
            return sum((1.001 if k == "p1" else 1) * np.cos(x[k]) * t[k] for k in x)

        report = verify_jvp(lambda x: sum(np.sin(v) for v in x.values()), jvp, x0)
        (entry,) = (e for e in report.worst(9) if "['p1']" in e["name"])
        assert entry["claimed"] == pytest.approx(1.001 * entry["measured"], rel=1e-4)

    def test_not_linear_in_the_tangent(self, wide):
        f = Layers(wide)
        report = verify_jvp(
            f.func,
            lambda p, x, t: {**f.jvp(p, x, t), "v": abs(f.jvp(p, x, t)["v"])},
            f.params,
            f.x,
        )
        assert report.verdict is Verdict.FAIL
        assert [c.verdict for c in report.checks if c.name == "linearity of the jvp"] == ["fail"]

    def test_with_value(self, wide):
        f = Cubes(wide)
        for offset, verdict in ((0.0, Verdict.PASS), (0.5, Verdict.FAIL)):
            report = verify_jvp(
                f.func,
                lambda x, t, c=offset: (f.func(x) + c, f.xp.sum(f.jac(x) * t, axis=-1)),
                f.x,
                with_value=True,
            )
            assert report.verdict is verdict, str(report)

    @pytest.mark.parametrize("n", [10, 1000])
    def test_cost(self, n):
        x = np.linspace(0.5, 1.5, n)
        assert verify_jvp(np.sin, lambda x, t: np.cos(x) * t, x).nfev <= 45


class TestJacobian:
    def test_right(self, arrays):
        f = Cubes(arrays)
        assert passes(arrays, verify_jac(f.func, f.jac, f.x))

    @pytest.mark.parametrize("mistake", MISTAKES)
    def test_wrong(self, arrays, mistake):
        f = Cubes(arrays)
        report = verify_jac(f.func, lambda x: MISTAKES[mistake](arrays, f.jac(x)), f.x)
        assert found(arrays, report), str(report)

    def test_wrong_entry_is_named(self, arrays):
        f = Cubes(arrays)
        wrong = _one_entry((2, 4))
        report = verify_jac(f.func, lambda x: wrong(arrays, f.jac(x)), f.x)
        assert found(arrays, report), str(report)
        if report.verdict is Verdict.FAIL:
            assert report.worst(1)[0]["name"] == "[2] by [4]", str(report)

    def test_transposed(self, wide):
        a = wide([[1.0, 2.0, 4.0], [0.5, -1.0, 3.0], [1.0, 0.25, 2.0]])
        x = wide([0.5, 1.0, -0.75])

        def func(x):
            return wide.xp.sum(a * x, axis=-1)

        assert verify_jac(func, lambda x: a, x).ok
        report = verify_jac(func, lambda x: wide.xp.permute_dims(a, (1, 0)), x)
        assert report.verdict is Verdict.FAIL

    def test_cost_is_that_of_a_gradient(self):
        x = np.linspace(0.5, 1.5, 30)
        a = np.random.default_rng(0).normal(size=(50, 30))
        report = verify_jac(lambda x: np.sin(a @ x), lambda x: np.cos(a @ x)[:, None] * a, x)
        assert report.ok
        assert report.nfev <= 2.2 * 30 + 40

    def test_small_error_among_many(self):
        """One entry of 1500 that is off by 3e-5 of itself is found: each is looked at."""
        x = np.linspace(0.5, 1.5, 30)
        a = np.random.default_rng(0).normal(size=(50, 30)) + 3
        wrong = a.copy()
        wrong[40, 7] *= 1 + 1e-4
        report = verify_jac(lambda x: a @ x**2, lambda x: wrong * 2 * x, x)
        assert report.verdict is Verdict.FAIL
        assert report.worst(1)[0]["name"] == "[40] by [7]"

    def test_pytrees(self, wide):
        f = Layers(wide)

        def jac(p, x):
            xp, ident = f.xp, wide(np.eye(2))
            w, b, v = f._parts(p)
            y = xp.sum(w * x, axis=-1) + b
            by_b = ident * 2 * y
            by_w = xp.reshape(by_b, (2, 2, 1)) * x
            by_v = xp.reshape(wide(np.eye(4)), (4, 4, 1)) * 2 * v
            zero = xp.reshape(0 * by_b[0, 0], (1, 1, 1))
            return {
                "u": {
                    "layers": [{"b": by_b, "w": by_w}, {"w": zero + 0 * wide(np.ones((2, 4, 3)))}]
                },
                "v": {
                    "layers": [
                        {"b": 0 * wide(np.ones((4, 2))), "w": 0 * wide(np.ones((4, 2, 3)))},
                        {"w": by_v},
                    ]
                },
            }

        assert verify_jac(f.func, jac, f.params, f.x).ok

        def wrong(p, x):
            found = jac(p, x)
            found["v"]["layers"][1]["w"] = _one_entry((3, 3, 2))(wide, found["v"]["layers"][1]["w"])
            return found

        report = verify_jac(f.func, wrong, f.params, f.x)
        assert report.verdict is Verdict.FAIL
        assert report.worst(1)[0]["name"] == f"['v'][3] by {LEAF}[3, 2]"

    def test_leaf_without_entries(self, wide):
        xp = wide.xp

        def jac(factor):
            return lambda a, b: (factor * xp.eye(3, dtype=a.dtype), xp.zeros((3, 0)))

        given = wide([0.5, 1.0, 1.5]), wide(np.empty(0))
        for factor, verdict in ((2.0, Verdict.PASS), (1.9, Verdict.FAIL)):
            report = verify_jac(lambda a, b: 2 * a, jac(factor), *given, argnums=(0, 1))
            assert report.verdict is verdict, str(report)


@pytest.mark.once
class TestLeavesOfSeveralSizes:
    """A tangent is on the scale of each leaf, in the dtypes too that have no decades to spare."""

    @pytest.mark.parametrize("size", [2.0**-12, 2.0**-8, 2.0**-6])
    def test_jvp(self, arrays, size):
        xp = arrays.xp
        p = {"a": arrays([0.9 * size, -1.1 * size, 1.3 * size]), "b": arrays([1.0, -0.7])}

        def func(p):
            return xp.tanh(p["a"] / size) * p["b"][0] + xp.sin(p["b"][1])

        def jvp(factor):
            def product(p, t):
                high = xp.tanh(p["a"] / size)
                by_a = factor * (1 - high * high) * p["b"][0] * (t["a"] / size)
                return by_a + high * t["b"][0] + xp.cos(p["b"][1]) * t["b"][1]

            return product

        right, wrong = jvp(1.0), jvp(-1.0)
        for seed in range(1 if arrays.library == "jax" else 4):  # which compiles for each
            report = gradproof.verify_jvp(func, right, p, seed=seed)
            assert report.verdict is not Verdict.FAIL, str(report)
            assert report.ok or arrays.dtype in ("float16", "bfloat16"), str(report)
            report = gradproof.verify_jvp(func, wrong, p, seed=seed)
            assert report.verdict is Verdict.FAIL, str(report)


class TestSecond:
    @pytest.mark.parametrize("with_grad", [True, False])
    def test_right(self, arrays, with_grad):
        f = Cubes(arrays)
        grad = f.grad if with_grad else None
        assert passes(arrays, verify_hess(f.loss, f.hess, f.x, grad=grad))
        assert passes(arrays, verify_hvp(f.loss, f.hvp, f.x, grad=grad))

    @pytest.mark.parametrize("with_grad", [True, False])
    @pytest.mark.parametrize("mistake", MISTAKES)
    def test_wrong(self, arrays, mistake, with_grad):
        f = Cubes(arrays)
        grad = f.grad if with_grad else None

        def hess(x):
            return MISTAKES[mistake](arrays, f.hess(x))

        assert found(arrays, verify_hess(f.loss, hess, f.x, grad=grad))
        report = verify_hvp(f.loss, lambda x, t: f.xp.sum(hess(x) * t, axis=-1), f.x, grad=grad)
        assert found(arrays, report), str(report)

    def test_wrong_entry_is_named(self, wide):
        f = Cubes(wide)
        wrong = _one_entry((2, 2))
        report = verify_hess(f.loss, lambda x: wrong(wide, f.hess(x)), f.x, grad=f.grad)
        assert report.verdict is Verdict.FAIL
        assert report.worst(1)[0]["name"] == "[2] by [2]", str(report)

    def test_not_symmetric(self, wide):
        f = Cubes(wide)
        wrong = _one_entry((0, 1))
        report = verify_hess(f.loss, lambda x: wrong(wide, f.hess(x)), f.x, grad=f.grad)
        (symmetry,) = [c for c in report.checks if c.name == "symmetry"]
        assert symmetry.verdict is Verdict.FAIL
        assert "at [0] by [1], but" in symmetry.text

    def test_bends_within_the_step_of_a_slope(self, arrays):
        """The step of the inner difference is halved until the slope at x0 stands."""
        # A period of 6e-3 has room for two differences in float64 alone.
        waves = 1e3 if arrays.dtype == "float64" else 2.0
        xp, x = arrays.xp, arrays([0.875, -0.75, 1.375])

        def func(x):
            return xp.sum(xp.sin(waves * x))

        def product(factor):
            return lambda x, t: -factor * waves * (waves * xp.sin(waves * x)) * t

        for seed in range(4):
            right = gradproof.verify_hvp(func, product(1.0), x, seed=seed)
            assert passes(arrays, right), str(right)
            for factor in (-1.0, 2.0):
                wrong = gradproof.verify_hvp(func, product(factor), x, seed=seed)
                assert found(arrays, wrong), str(wrong)

    def test_bends_in_half_precision(self, arrays):
        """A stencil over a quarter of x saw log(x**4 + 2) bend, and called the claim wrong."""
        xp, x = arrays.xp, arrays([1.3125, -1.25, 1.375])
        a = arrays([0.75, -1.0, 0.5])

        def func(x):
            return xp.sum(a * xp.log((x * x) * (x * x) + 2))

        def product(x, t):
            u = (x * x) * (x * x) + 2
            return a * (12 * x * x / u - 16 * (x * x / u) * ((x * x) * (x * x) / u)) * t

        for seed in range(8):
            report = gradproof.verify_hvp(func, product, x, seed=seed)
            assert passes(arrays, report), str(report)
            wrong = gradproof.verify_hvp(func, lambda x, t: -product(x, t), x, seed=seed)
            assert found(arrays, wrong), str(wrong)

    @pytest.mark.parametrize("seed", range(4))
    def test_piecewise_linear(self, arrays, seed):
        """In half precision the stencil and the steps together reach across kinks beside x0."""
        xp, rng = arrays.xp, np.random.default_rng(seed)
        x = arrays(rng.choice([-1, 1], 4) * rng.integers(8, 24, 4) / 16)
        a = arrays(rng.integers(8, 24, 4) / 16)

        def func(x):
            return xp.sum(a * (xp.abs(x) + x) / 2)

        def check(slope):
            return gradproof.verify_hvp(func, lambda x, t: 0 * x + slope * t, x, seed=seed)

        assert check(0.0).verdict is not Verdict.FAIL, str(check(0.0))
        assert check(1.0).verdict is Verdict.FAIL

    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    @pytest.mark.parametrize("power", [2.5, 3.0])
    @pytest.mark.parametrize("side", [-1.0, 0.0])
    def test_where_a_third_derivative_jumps(self, side, power, dtype):
        """Slopes by differences are those of another func, smooth, nearer than their step."""

        def cubes(x):
            return (np.maximum(x, side * x) ** power).sum()

        def hess(x, factor=np.ones(5), extra=np.zeros(5)):  # noqa: B008  # read only
            factor = factor[: x.size] * power * (power - 1)
            found = factor * np.maximum(x, side * x) ** (power - 2) + extra[: x.size]
            return np.diag(found.astype(x.dtype))

        at = np.array([0.0, -1.25, 1.5, 0.0, 0.5], dtype=dtype)
        failed = 0  # in float32 and at power 2.5, where a Hessian goes like a root, 4 of 120 do
        for seed in range(3):
            for x in (at, at[:1], at[2:4]):
                report = gradproof.verify_hess(cubes, hess, x, seed=seed)
                failed += report.verdict is Verdict.FAIL
            for wrong in ({"factor": np.array([1, 1, 3, 1, 1])}, {"extra": np.eye(5)[0] * 3}):
                report = gradproof.verify_hess(cubes, partial(hess, **wrong), at, seed=seed)
                assert report.verdict is Verdict.FAIL, str(report)
        assert failed <= (dtype == "float32" and power == 2.5)

    @pytest.mark.parametrize("cube", [0.0, 1.0])
    @pytest.mark.parametrize("beside", [0.0, 2.0**-17])
    def test_at_a_kink(self, wide, cube, beside):
        """Func has no second derivative there, whatever is claimed."""
        xp, x = wide.xp, wide([beside, -0.75, 1.375, 0.5])

        def func(x):
            return xp.sum(xp.abs(x) + cube * x * x * x)

        for seed in range(4):
            report = gradproof.verify_hvp(func, lambda x, t: 6 * cube * x * t, x, seed=seed)
            assert report.verdict is not Verdict.FAIL, str(report)
            assert beside or "kink" in report.reason, str(report)
            # The same func where it has none: nothing is excused.
            away = wide([0.25, -0.75, 1.375, 0.5])
            wrong = gradproof.verify_hvp(func, lambda x, t: (1 - 6 * x) * t, away, seed=seed)
            assert wrong.verdict is Verdict.FAIL, str(wrong)

    def test_complex_is_refused(self):
        with pytest.raises(TypeError, match="expected real numbers for second derivatives"):
            verify_hess(lambda z: abs(z).sum(), lambda z: z, np.array([1j]))


class TestComplex:
    """Of a real function the gradient is that of the library; a holomorphic one has a Jacobian."""

    Z = np.array([1 + 2j, 0.5 - 1j, -0.75 + 0.25j])

    def test_numpy(self):
        def func(z):
            return (abs(z) ** 2).sum()

        assert verify_grad(func, lambda z: 2 * z, self.Z).ok
        report = verify_grad(func, lambda z: 2 * z.conj(), self.Z)
        assert report.verdict is Verdict.FAIL

    def test_holomorphic(self):
        assert verify_jac(lambda z: z**2, lambda z: np.diag(2 * z), self.Z).ok
        report = verify_jac(lambda z: z**2, lambda z: np.diag(2 * z.conj()), self.Z)
        assert report.verdict is Verdict.FAIL

    def test_real_to_complex(self):
        x = np.array([0.5, 1.0, 2.0])
        assert verify_jac(lambda x: np.exp(1j * x), lambda x: np.diag(1j * np.exp(1j * x)), x).ok
        report = verify_jac(lambda x: np.exp(1j * x), lambda x: np.diag(-1j * np.exp(1j * x)), x)
        assert report.verdict is Verdict.FAIL

    @pytest.mark.parametrize("k", [0, 1, 2])
    def test_names_of_parts(self, k):
        def wrong(z):
            g = 2 * z
            g[k] += 0.125j
            return g

        report = verify_grad(lambda z: (abs(z) ** 2).sum(), wrong, self.Z, directions="all")
        assert report.verdict is Verdict.FAIL
        assert report.worst(1)[0]["name"] == f"[{k}].imag"

    def test_cost_is_that_of_both_parts(self):
        def func(x):
            return (abs(x) ** 2).sum()

        parts = np.concatenate([self.Z.real, self.Z.imag])
        both, real = (verify_grad(func, lambda x: 2 * x, x) for x in (self.Z, parts))
        assert both.ok
        assert both.nfev == real.nfev

    @pytest.mark.library("torch")
    def test_torch(self):
        import torch

        z = torch.tensor(self.Z)

        def grad(z):
            z = z.detach().requires_grad_()
            return torch.autograd.grad((z.abs() ** 2 * z.real).sum(), z)[0]

        def func(z):
            return (z.abs() ** 2 * z.real).sum()

        assert verify_grad(func, grad, z).ok
        assert not verify_grad(func, lambda z: grad(z).conj(), z).ok

    @pytest.mark.library("jax")
    def test_jax(self):
        import jax
        import jax.numpy as jnp

        z = jnp.asarray(self.Z)

        def func(z):
            return jnp.sum(jnp.abs(z) ** 2 * z.real)

        assert verify_grad(func, jax.grad(func), z).ok
        assert not verify_grad(func, lambda z: jax.grad(func)(z).conj(), z).ok

        def several(z):
            return {"a": z * z, "b": jnp.abs(z)}

        def vjp(z, ct):
            return jax.vjp(several, z)[1](ct)

        assert verify_vjp(several, vjp, z).ok
        report = verify_vjp(several, lambda z, ct: jax.tree.map(jnp.conj, vjp(z, ct)), z)
        assert report.verdict is Verdict.FAIL


class TestStructures:
    def test_mismatched_trees_show_both(self):
        f = Layers(numpy_arrays())
        with pytest.raises(TypeError) as caught:
            verify_grad(f.loss, lambda p, x: {"layers": f.grad(p, x)["layers"][0]}, f.params, f.x)
        text = str(caught.value)
        assert "returned: ['layers']['b'] (2,), ['layers']['w'] (2, 3)" in text
        assert "x0:       ['layers'][0]['b'] (2,)" in text

    def test_leaf_of_the_wrong_shape(self):
        f = Layers(numpy_arrays())
        wrong = in_leaf(lambda leaf: leaf.T)
        with pytest.raises(ValueError, match=r"at leaf \['layers'\]\[1\]\['w'\] of shape \(4, 3\)"):
            verify_grad(f.loss, lambda p, x: wrong(f.grad(p, x)), f.params, f.x)

    def test_one_gradient_too_few(self):
        with pytest.raises(TypeError, match="vjp returned 2 gradients; expected one, or 3"):
            verify_vjp(
                lambda x, y, z: x * y * z,
                lambda x, y, z, ct: (ct * y * z, ct * x * z),
                np.ones(3),
                np.ones(3),
                np.ones(3),
            )

    def test_none_in_a_jvp(self):
        f = Layers(numpy_arrays())
        with pytest.raises(TypeError, match=r"jvp at leaf \['v'\] returned None where"):
            verify_jvp(f.func, lambda p, x, t: {**f.jvp(p, x, t), "v": None}, f.params, f.x)

    @pytest.mark.library("jax")
    def test_float0_in_a_jvp(self):
        import jax
        import jax.numpy as jnp

        nothing = np.zeros(3, dtype=jax.dtypes.float0)
        with pytest.raises(TypeError, match="float0, JAX's tangent of whole numbers, where"):
            verify_jvp(jnp.sin, lambda x, t: nothing, jnp.ones(3))

    def test_output_that_changes(self):
        calls = []

        def func(x):
            calls.append(x)
            return x * x if len(calls) < 5 else {"y": x * x}

        with pytest.raises(ValueError, match=r"func returned \['y'\] near x0, but"):
            verify_vjp(func, lambda x, ct: 2 * x * ct, np.ones(3))

    @pytest.mark.parametrize(
        ("claim", "words"),
        [
            (lambda d: {"a": (1 + 1j) * d["a"]}, "grad returned complex numbers at leaf .*'a'"),
            (lambda d: d | {"b": 1.0}, r"(?s)another structure .*returned: \['a'\] .*, \['b'\]"),
            (lambda d: {"a": np.array(["x", "y", "z"])}, "of dtype <U1, which does not become"),
        ],
    )
    def test_what_is_no_gradient(self, claim, words):
        with pytest.raises(TypeError, match=words):
            verify_grad(lambda d: (d["a"] ** 2).sum(), claim, {"a": np.ones(3)})

    def test_complex_tangents_of_real_values(self):
        with pytest.raises(TypeError, match="jvp returned complex numbers, where func's result is"):
            verify_jvp(np.sin, lambda x, t: (1 + 1j) * np.cos(x) * t, np.ones(3))

    def test_func_without_a_result(self):
        with pytest.raises(TypeError, match="func returned None .* Is a `return` missing"):
            verify_jac(lambda x: None, lambda x: np.eye(3), np.ones(3))

    @pytest.mark.parametrize("value", [[1.0], (1.0, 2.0, 3.0)])
    def test_func_without_what_comes_beside(self, value):
        with pytest.raises(TypeError, match="has_aux=True, but func returned .*a pair of its"):
            verify_grad(lambda x: value, lambda x: x, np.ones(3), has_aux=True)

    def test_values_shorter_than_x0(self):
        """What matters is told by the coarsest dtype, whichever leaf of the result has it."""

        def func(x):
            return {"a": x**3, "b": (x**3).astype(np.float32)}

        def claim(factor):
            return lambda x: {name: np.diag(factor * 3 * x**2) for name in "ab"}

        x0 = np.linspace(0.5, 1.5, 6)
        assert verify_jac(func, claim(1), x0).ok
        assert verify_jac(func, claim(1.0003), x0).ok  # in float64 alone, this would matter
        assert verify_jac(func, claim(1.1), x0).verdict is Verdict.FAIL

    @pytest.mark.parametrize("dtype", [np.float16, np.float32])
    def test_claims_shorter_than_x0(self, dtype):
        x0 = np.linspace(0.5, 1.5, 6)
        for factor, verdict in ((1.0, Verdict.PASS), (1.2, Verdict.FAIL)):
            jac = verify_jac(
                lambda x: x**3, lambda x, k=factor: np.diag(k * 3 * x**2).astype(dtype), x0
            )
            jvp = verify_jvp(
                lambda x: x**3, lambda x, t, k=factor: (k * 3 * x**2 * t).astype(dtype), x0
            )
            assert jac.verdict == jvp.verdict == verdict

    def test_the_first_exception_is_named(self):
        calls = 0

        def func(x):
            nonlocal calls
            calls += 1
            if calls > 3:
                msg = f"in call {calls}"
                raise ArithmeticError(msg)
            return (x**3).sum()

        report = verify_grad(func, lambda x: 3 * x**2, np.ones(3))
        assert report.verdict is Verdict.INCONCLUSIVE
        assert "ArithmeticError: in call 4" in str(report)

    def test_nothing_to_move(self):
        with pytest.raises(TypeError, match="without a floating leaf"):
            verify_grad(lambda p: 1.0, lambda p: p, {"n": 3, "k": np.arange(3)})

    @pytest.mark.parametrize("argnums", [2, (0, 0), "a", True, ()])
    def test_argnums_out_of_range(self, argnums):
        with pytest.raises(ValueError, match="argnums="):
            verify_grad(lambda x, y: x, lambda x, y: 1.0, 1.0, 2.0, argnums=argnums)

    def test_vjp_of_neither_form(self):
        with pytest.raises(TypeError, match="takes neither func's 1 positional arguments"):
            verify_vjp(np.sin, lambda: None, np.ones(3))

    def test_fixed_and_empty_leaves(self):
        x0 = {"a": np.ones(3), "b": np.zeros((0, 2)), "c": np.array(2.0), "d": None, "e": 3}

        def func(p):
            return (p["a"] ** 2).sum() * p["c"] * p["e"]

        def grad(p, factor=1.0):
            return {
                "a": 2 * p["a"] * p["c"] * p["e"],
                "b": np.zeros((0, 2)),
                "c": factor * (p["a"] ** 2).sum() * p["e"],
            }

        assert verify_grad(func, grad, x0).ok
        report = verify_grad(func, lambda p: grad(p, 1.01), x0)
        assert report.verdict is Verdict.FAIL
        assert report.worst(1)[0]["name"] == "['c']"

    def test_containers(self):
        from collections import namedtuple
        from dataclasses import dataclass

        @dataclass
        class Params:
            w: np.ndarray
            name: str

        Pair = namedtuple("Pair", "first second")  # noqa: PYI024
        x0 = Pair(Params(np.array([1.0, 2.0]), "a"), [np.array([0.5])])

        def func(p):
            return (p.first.w**3).sum() + (p.second[0] ** 2).sum()

        def grad(p, factor=1.0):
            return Pair(Params(3 * p.first.w**2, "a"), [factor * 2 * p.second[0]])

        assert verify_grad(func, grad, x0).ok
        report = verify_grad(func, lambda p: grad(p, 1.001), x0)
        assert report.worst(1)[0]["name"] == ".second[0][0]"

    def test_func_that_writes_to_its_input(self):
        def func(x):
            x *= 2
            return (x**2).sum()

        report = verify_grad(func, lambda x: 8 * x, np.linspace(0.5, 1.5, 5))
        assert report.ok
        assert "func writes to its input" in str(report)


def numpy_arrays() -> Arrays:
    """Return NumPy's float64 arrays; where only the structure matters."""
    from tests.libraries import KINDS

    return Arrays(KINDS[0], "float64")


class TestSparse:
    """Matrices of the libraries themselves; those of SciPy are in test_scipy.py."""

    @pytest.mark.library("torch")
    def test_torch(self):
        import torch

        def func(x):
            return x**2 + torch.roll(x, 1)

        def jac(x, factor=1.0):
            found = torch.diag(2 * x) + torch.roll(torch.eye(12, dtype=x.dtype), 1, 0)
            found[3, 3] *= factor
            return found.to_sparse()

        x = torch.linspace(0.5, 1.5, 12, dtype=torch.float64)
        assert verify_jac(func, jac, x).ok
        report = verify_jac(func, lambda x: jac(x, 1.01), x)
        assert report.worst(1)[0]["name"] == "[3] by [3]"

    @pytest.mark.library("jax")
    def test_jax(self):
        import jax.numpy as jnp
        from jax.experimental import sparse

        def func(x):
            return x**2 + jnp.roll(x, 1)

        def jac(x, factor=1.0):
            found = jnp.diag(2 * x) + jnp.roll(jnp.eye(12, dtype=x.dtype), 1, axis=0)
            return sparse.BCOO.fromdense(found.at[3, 3].multiply(factor))

        x = jnp.linspace(0.5, 1.5, 12)
        assert verify_jac(func, jac, x).ok
        report = verify_jac(func, lambda x: jac(x, 1.5), x)
        assert report.worst(1)[0]["name"] == "[3] by [3]"


class TestScalesOfLeaves:
    """What is rounding in one leaf is no scale, and hides nothing in another."""

    @staticmethod
    def normalised(p):
        y = p["x"] @ p["w"] + p["b"]  # the bias is taken away again
        y = (y - y.mean(axis=0)) / y.std(axis=0)
        return (np.tanh(y) * p["c"]).sum()

    def grad(self, p, factor=1.0):
        y = p["x"] @ p["w"] + p["b"]
        z, deviation = (y - y.mean(axis=0)) / y.std(axis=0), y.std(axis=0)
        by_z = (1 - np.tanh(z) ** 2) * p["c"]
        by_y = (by_z - by_z.mean(axis=0) - z * (by_z * z).mean(axis=0)) / deviation
        by_w = p["x"].T @ by_y
        by_w[2, 1] *= factor
        return {"x": by_y @ p["w"].T, "w": by_w, "b": by_y.sum(axis=0), "c": np.tanh(z)}

    def params(self):
        rng = np.random.default_rng(0)
        shapes = {"x": (6, 3), "w": (3, 4), "b": (4,), "c": (6, 4)}
        return {name: rng.normal(size=shape) for name, shape in shapes.items()}

    def test_right(self):
        report = verify_grad(self.normalised, self.grad, self.params())
        assert report.ok, str(report)

    def test_wrong(self):
        report = verify_grad(self.normalised, lambda p: self.grad(p, 1.1), self.params())
        assert report.verdict is Verdict.FAIL
        assert report.worst(1)[0]["name"] == "['w'][2, 1]"

    def test_tangent_that_moves_little(self):
        """A tangent along which func hardly changes is compared with the others."""
        p = {"a": np.linspace(0.5, 1.5, 5), "b": np.full(5, 1e-9)}

        def func(p):
            return np.sin(p["a"]).sum() + (p["b"] ** 2).sum()

        def jvp(p, t):
            return np.cos(p["a"]) @ t["a"] + 2 * p["b"] @ t["b"]

        assert verify_jvp(func, jvp, p).ok
        assert verify_jvp(func, lambda p, t: 2 * jvp(p, t), p).verdict is Verdict.FAIL


class TestKinkInHalfPrecision:
    """Where others than the kink are crossed by large steps, it is one all the same."""

    @pytest.mark.parametrize("seed", range(8))
    @pytest.mark.parametrize("dtype", ["float16", "float32"])
    @pytest.mark.parametrize("func", [lambda x: np.abs(x).sum(), lambda x: np.maximum(x, 0).sum()])
    def test_right_hvp_does_not_fail(self, func, dtype, seed):
        x0 = np.array([0.0, 1, -2, 0.5], dtype=dtype)
        report = gradproof.verify_hvp(func, lambda x, v: 0 * v, x0, seed=seed)
        assert report.verdict is not gradproof.Verdict.FAIL, str(report)

    @pytest.mark.parametrize("seed", range(4))
    @pytest.mark.parametrize("factor", [-1, 0, 2])
    def test_wrong_hvp_beside_no_kink_fails(self, factor, seed):
        x0 = np.array([0.75, 1, -2, 0.5], dtype="float16")

        def hvp(x, v):
            return (factor * 6 * x * v).astype(x.dtype)

        report = gradproof.verify_hvp(lambda x: (x**3).sum(), hvp, x0, seed=seed)
        assert report.verdict is gradproof.Verdict.FAIL, str(report)
