"""func and grad see arrays of x0's own kind, and x0 is never written to."""

from typing import ClassVar

import numpy as np
import pytest
from tests import examples as claims
from tests.libraries import Arrays

from gradproof import Verdict, approx_fprime, check_grad, verify_grad, verify_hvp, verify_jac


class Spy:
    """A function that remembers what it was called with."""

    def __init__(self, func):
        self.func, self.seen = func, []

    def __call__(self, x, *args):
        self.seen.append(x)
        return self.func(x, *args)


def device_of(x):
    from array_api_compat import device

    return device(x)


@pytest.mark.parametrize("direction", ["all", "random"])
class TestWhatTheFunctionsSee:
    def test_type_dtype_device(self, arrays: Arrays, direction):
        x0 = arrays(claims.point())
        func, grad = Spy(claims.func), Spy(claims.grad)
        check_grad(func, grad, x0, direction=direction)
        for x in func.seen + grad.seen:
            assert type(x) is type(x0)
            assert x.dtype == x0.dtype
            assert x.shape == x0.shape
            assert device_of(x) == device_of(x0)

    def test_points(self, arrays: Arrays, direction):
        """grad once, then func at x0, then the moved points, as with SciPy."""
        x0 = arrays(claims.point())
        calls = []

        def func(x):
            calls.append(arrays.numpy(x).copy())
            return claims.func(x)

        def grad(x):
            calls.append("grad")
            return claims.grad(x)

        check_grad(func, grad, x0, direction=direction)
        assert calls.pop(0) == "grad"
        np.testing.assert_array_equal(calls.pop(0), claims.point())
        moved = np.stack(calls) != claims.point()
        expected = np.eye(claims.N) if direction == "all" else np.ones((1, claims.N))
        np.testing.assert_array_equal(moved, expected)

    def test_x0_is_not_written_to(self, arrays: Arrays, direction):
        x0 = arrays(claims.point())

        def vandal(f):
            def g(x):
                y = f(x)
                if arrays.library not in ("jax", "dask"):  # immutable there
                    x[...] = 0.0
                return y

            return g

        right = check_grad(claims.func, claims.grad, x0, direction=direction, seed=0)
        found = check_grad(
            vandal(claims.func), vandal(claims.grad), x0, direction=direction, seed=0
        )
        assert found == right
        np.testing.assert_array_equal(arrays.numpy(x0), claims.point())


def test_integers(wide):
    """Whole numbers are no less native: func and claim may be made of them."""
    x, xp = wide(claims.point()), wide.xp

    def counted(x):
        return xp.sum(xp.astype(x > 0, xp.int32))

    def ones(x):
        return xp.astype(xp.ones_like(x), xp.int32)

    assert check_grad(counted, lambda x: 0 * ones(x), x) == 0
    assert verify_grad(xp.sum, ones, x, seed=0).verdict is Verdict.PASS
    assert verify_grad(xp.sum, lambda x: 2 * ones(x), x, seed=0).verdict is Verdict.FAIL


class TestFunctionsWithHabits:
    """Caches, reused buffers and late writers get what they would get from fresh copies."""

    @pytest.fixture
    def expected(self, wide):
        return wide.numpy(approx_fprime(wide(claims.point()), claims.func))

    def check(self, wide, func, expected):
        got = wide.numpy(approx_fprime(wide(claims.point()), func))
        np.testing.assert_array_equal(got, expected)

    def test_keeps_its_arguments(self, wide, expected):
        func = Spy(claims.func)
        self.check(wide, func, expected)
        points = np.stack([wide.numpy(x) for x in func.seen])
        assert len(np.unique(points, axis=0)) == claims.N + 1

    def test_keeps_views_of_its_arguments(self, wide, expected):
        kept = []

        def func(x):
            kept.append(x[1:])
            return claims.func(x)

        self.check(wide, func, expected)
        points = np.stack([wide.numpy(x) for x in kept])
        assert len(np.unique(points, axis=0)) == claims.N  # x0, and one for each entry but one

    def test_cache_keyed_by_identity(self, wide, expected):
        last = {}

        def func(x):
            if last.get("x") is not x:
                last.update(x=x, y=claims.func(x))
            return last["y"]

        self.check(wide, func, expected)

    def test_cache_keyed_by_value(self, wide, expected):
        last = {}

        def func(x):
            if "x" not in last or not bool(wide.xp.all(last["x"] == x)):
                last.update(x=x, y=claims.func(x))
            return last["y"]

        self.check(wide, func, expected)

    def test_writes_now_and_then(self, mutable):
        expected = mutable.numpy(approx_fprime(mutable(claims.point()), claims.func))
        calls = []

        def func(x):
            y = claims.func(x)
            calls.append(1)
            if len(calls) == 4:
                x[0] = 100.0
            return y

        self.check(mutable, func, expected)

    def test_returns_its_argument(self, wide):
        got = approx_fprime(wide([1.5, 2.5]), lambda x: x)
        np.testing.assert_allclose(wide.numpy(got), np.eye(2), atol=1e-3)

    def test_returns_a_view_of_its_argument(self, wide):
        got = approx_fprime(wide([1.5, 2.5]), lambda x: x[:1])
        np.testing.assert_allclose(wide.numpy(got), [1.0, 0.0], atol=1e-3)

    def test_reuses_its_output(self, mutable):
        out = np.zeros(2) if mutable.library == "numpy" else mutable([0.0, 0.0])

        def func(x):
            out[...] = 2.0 * x
            return out

        got = approx_fprime(mutable([1.5, 2.5]), func)
        np.testing.assert_allclose(mutable.numpy(got), 2 * np.eye(2), atol=2e-3)
        got = approx_fprime(mutable([1.5, 2.5]), lambda x: [func(x)])  # in a list of its own
        np.testing.assert_allclose(mutable.numpy(got), [2 * np.eye(2)], atol=2e-3)
        x0, slopes = mutable([1.5, 2.5]), 2.0 * np.eye(2)
        reused, fresh = (
            verify_jac(f, lambda x: slopes, x0, seed=0) for f in (func, lambda x: 2.0 * x)
        )
        assert reused.ok
        assert reused.to_dict() == fresh.to_dict()


def cubes(x):
    return (x * x * x).sum()


def cubes_grad(x):
    return 3 * x * x


@pytest.mark.library("numpy")
class TestNumPy:
    """Whatever the layout of the memory, entries move in the order of their indices."""

    LAYOUTS: ClassVar = {
        "fortran": np.asfortranarray,
        "transposed": lambda x: np.ascontiguousarray(x.T).T,
        "strided": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
        "reversed": lambda x: np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
        "swapped bytes": lambda x: x.astype(x.dtype.newbyteorder()),
    }

    @pytest.mark.parametrize("layout", LAYOUTS)
    @pytest.mark.parametrize("dtype", ["float64", "float32", "longdouble"])
    def test_layouts(self, layout, dtype):
        x = np.arange(1.0, 7.0, dtype=dtype).reshape(2, 3)
        x0 = self.LAYOUTS[layout](x)
        np.testing.assert_array_equal(approx_fprime(x0, cubes), approx_fprime(x, cubes))
        for direction in ("all", "random"):
            assert check_grad(cubes, cubes_grad, x0, direction=direction, seed=0) < 1
        assert verify_grad(cubes, cubes_grad, x0, seed=0).verdict is Verdict.PASS

    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble"])
    def test_number_of_calls(self, dtype):
        """Bytes that mean nothing, which a long double has, are no sign of a write."""
        func = Spy(lambda x: (x * x).sum())
        approx_fprime(np.ones(5, dtype=dtype) / 3, func)
        assert len(func.seen) == 6
        assert {x.dtype for x in func.seen} == {np.dtype(dtype)}

    def test_number_of_calls_of_a_func_that_writes(self):
        """It does so at once: what it was given is known to be its own from then on."""
        calls = []

        def func(x):
            calls.append(None)
            x *= x
            return x.sum()

        np.testing.assert_allclose(approx_fprime(np.full(5, 1.5), func), 3, atol=1e-6)
        assert len(calls) == 6

    @pytest.mark.library("jax")  # which brings the dtype
    def test_bfloat16(self):
        import ml_dtypes

        x0 = np.array([1.5, -2.0, 0.5], dtype=ml_dtypes.bfloat16)
        func, grad = Spy(lambda x: (x * x).sum()), Spy(lambda x: 2 * x)
        for direction in ("all", "random"):
            assert check_grad(func, grad, x0, direction=direction, seed=0) < 0.6
            assert check_grad(func, lambda x: -grad(x), x0, direction=direction, seed=0) > 2
        assert approx_fprime(x0, func).dtype == x0.dtype
        large = np.array([1024.0, -512.0], dtype=x0.dtype)  # where the step moves nothing
        assert np.isfinite(approx_fprime(large, func, 1e-3).astype(float)).all()
        assert {x.dtype for x in func.seen + grad.seen} == {x0.dtype}
        # ... and in the results of functions of float64.
        x0, narrow = x0.astype(float), ml_dtypes.bfloat16
        assert approx_fprime(x0, lambda x: x.sum().astype(narrow), 1.0).tolist() == [1, 1, 1]
        assert check_grad(cubes, lambda x: cubes_grad(x).astype(narrow), x0) < 1e-6

    @pytest.mark.library("jax")  # which brings the dtype
    @pytest.mark.parametrize(("factor", "verdict"), [(2, Verdict.PASS), (-2, Verdict.FAIL)])
    def test_bfloat16_on_every_road(self, factor, verdict):
        """A dtype that is not NumPy's own is moved as it is, in pytrees too, and may be claimed."""
        import ml_dtypes

        narrow = ml_dtypes.bfloat16
        x0 = np.array([1.5, -2.0, 0.5], dtype=narrow)
        tree = {"wide": np.array([0.25, 0.75]), "narrow": x0}
        square = Spy(lambda x: x * x)

        def jac(x):
            return np.diag((factor * x).astype(float)).astype(narrow)

        def loss(x):
            return square(x).sum()

        def of_tree(tree):
            return loss(tree["wide"]) + loss(tree["narrow"])

        def by_tree(tree):
            return {"wide": 2 * tree["wide"], "narrow": (factor * tree["narrow"]).astype(narrow)}

        reports = [
            verify_grad(loss, lambda x: (factor * x).astype(narrow), x0, seed=0),
            verify_jac(square, jac, x0, seed=0),
            verify_hvp(loss, lambda x, t: (factor * t).astype(narrow), x0, seed=0),
        ]
        seen = {x.dtype for x in square.seen}  # single precision is asked where bfloat16 is open
        assert {x0.dtype} <= seen <= {x0.dtype, np.dtype("float32")}
        reports.append(verify_grad(of_tree, by_tree, tree, seed=0))
        assert {report.verdict for report in reports} == {verdict}
        assert {report.dtype for report in reports} == {"bfloat16"}


@pytest.mark.parametrize("direction", ["all", "random"])
def test_claim_on_another_device(wide, direction):
    """It is compared all the same, as a list of numbers would be."""
    x0 = wide(claims.point())

    def grad(x):
        g = 2 * x
        if wide.library == "array_api_strict":
            return g.to_device(wide.xp.Device("CPU_DEVICE"))
        if wide.library == "jax":
            import jax

            return jax.device_put(g, jax.devices()[0])
        return g

    assert check_grad(lambda x: wide.xp.sum(x * x), grad, x0, direction=direction) < 0.1


@pytest.mark.library("torch")
class TestTorch:
    def setup_method(self):
        import torch

        self.torch = torch
        self.x0 = torch.tensor(claims.point(), dtype=torch.float64)

    def func(self, x):
        assert not self.torch.is_grad_enabled()
        assert not x.requires_grad
        return (self.weight * x * x).sum()

    weight = 1.0

    def test_no_graph(self):
        """Parameters in the closure of func record nothing."""
        self.weight = self.torch.ones(claims.N, dtype=self.torch.float64, requires_grad=True)
        outputs = []

        def func(x):
            outputs.append(self.func(x))
            return outputs[-1]

        assert check_grad(func, lambda x: 2 * x, self.x0) < 1e-6
        report = verify_grad(func, lambda x: 2 * x, self.x0, seed=0, vectorize=False)
        assert report.ok
        assert all(y.grad_fn is None for y in outputs)

    def test_requires_grad(self):
        x0 = self.x0.clone().requires_grad_()
        assert check_grad(self.func, lambda x: 2 * x, x0) < 1e-6
        assert x0.grad is None

    @pytest.mark.parametrize("direction", ["all", "random"])
    def test_claim_by_autograd(self, direction):
        """A claim may need x to require a gradient, and a graph; it gets both."""
        x0 = self.x0.clone().requires_grad_()

        def grad(x):
            return self.torch.autograd.grad((x * x).sum(), x)[0]

        assert check_grad(lambda x: (x * x).sum(), grad, x0, direction=direction) < 1e-6

    def test_claim_by_autograd_near_x0(self):
        x0, seen = self.x0.clone().requires_grad_(), []

        def grad(x):
            seen.append(x.requires_grad)
            return self.torch.autograd.grad((x * x).sum(), x)[0]

        assert verify_grad(lambda x: (x * x).sum(), grad, x0, seed=0).ok
        assert len(seen) > 1
        assert all(seen)

    def test_points_laid_out_at_once_are_bounded(self, monkeypatch):
        from gradproof._backends.torch import calls as _torch_calls

        monkeypatch.setattr(_torch_calls, "_ENTRIES", 5000)
        x0, held = self.torch.ones(1000, dtype=self.torch.float64), set()

        def func(x):
            held.add(x.untyped_storage().nbytes() // x.itemsize)
            return (x * x).sum()

        assert check_grad(func, lambda x: 2 * x, x0, vectorize=False) < 1e-5
        assert held == {1000, 5000}

    def test_func_that_differentiates_itself(self):
        def func(x):
            with self.torch.enable_grad():
                x = x.requires_grad_()
                (slope,) = self.torch.autograd.grad((x**3).sum(), x)
            return slope.sum()

        assert check_grad(func, lambda x: 6 * x, self.x0) < 1e-6

    def test_parameter(self):
        x0 = self.torch.nn.Parameter(self.x0)
        assert check_grad(self.func, lambda x: 2 * x, x0) < 1e-6

    def test_inference_mode(self):
        with self.torch.inference_mode():
            assert check_grad(self.func, lambda x: 2 * x, self.x0) < 1e-6
            x0 = self.x0.clone()
            assert check_grad(self.func, lambda x: 2 * x, x0, direction="random") < 1e-6

    @pytest.mark.parametrize("default", ["float64", "float16"])
    def test_default_dtype(self, default):
        before = self.torch.get_default_dtype()
        self.torch.set_default_dtype(getattr(self.torch, default))
        try:
            x0 = self.x0.float()
            for direction in ("all", "random"):
                assert check_grad(self.func, lambda x: 2 * x, x0, direction=direction) < 1e-2
            got = approx_fprime(self.torch.tensor([1, 2]), lambda x: (x * x).sum())
            assert got.dtype == getattr(self.torch, default)
        finally:
            self.torch.set_default_dtype(before)

    @pytest.mark.parametrize("direction", ["all", "random"])
    def test_default_device(self, direction):
        """What is made along the way is made where x0 is."""
        with self.torch.device("meta"):  # a stand-in for a GPU that is not here
            assert check_grad(self.func, lambda x: 2 * x, self.x0, direction=direction) < 1e-6
            assert approx_fprime(self.x0, self.func).device == self.x0.device

    @pytest.mark.parametrize("direction", ["all", "random"])
    def test_sparse(self, direction):
        def never(x):
            raise AssertionError

        with pytest.raises(TypeError, match="x0 is a tensor of layout torch.sparse_coo"):
            check_grad(never, never, self.x0.to_sparse(), direction=direction)
        with pytest.raises(TypeError, match="to_dense"):
            check_grad(self.func, lambda x: (2 * x).to_sparse(), self.x0, direction=direction)

    def test_not_contiguous(self):
        x0 = self.torch.arange(12.0, dtype=self.torch.float64).reshape(3, 4).T[::2]

        def func(x):
            return (x * self.torch.arange(6.0).reshape(2, 3)).sum()

        got = approx_fprime(x0, func)
        np.testing.assert_allclose(got, np.arange(6.0).reshape(2, 3), atol=1e-6)


@pytest.mark.library("jax")
class TestJAX:
    def setup_method(self):
        import jax
        import jax.numpy as jnp

        self.jax, self.jnp = jax, jnp
        self.func = jax.jit(lambda x: (x * x * x).sum())
        self.grad = jax.jit(lambda x: 3 * x * x)

    @pytest.mark.parametrize("direction", ["all", "random"])
    @pytest.mark.parametrize("device", [0, 1])
    @pytest.mark.parametrize("seed", [None, 3])
    def test_nothing_moves_by_implication(self, direction, device, seed):
        x0 = self.jax.device_put(self.jnp.arange(4.0), self.jax.devices()[device])
        with self.jax.transfer_guard("disallow"):
            error = check_grad(self.func, self.grad, x0, direction=direction, seed=seed)
            approx_fprime(x0, self.func, 1e-3)
        assert error < 0.05

    def test_on_no_device_in_particular(self):
        """An uncommitted x0 stays uncommitted: func may use arrays of another device."""
        weight = self.jax.device_put(self.jnp.arange(4.0), self.jax.devices()[1])
        x0 = self.jnp.arange(4.0)
        assert not x0.committed
        for direction in ("all", "random"):
            error = check_grad(
                lambda x: (x * weight).sum(), lambda x: weight, x0, direction=direction
            )
            assert error < 0.05

    @pytest.mark.parametrize("explicit", [True, False])
    @pytest.mark.parametrize("direction", ["all", "random"])
    @pytest.mark.parametrize("spec", [("a",), (None, "a")])
    def test_sharded(self, explicit, direction, spec):
        from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

        kind = AxisType.Explicit if explicit else AxisType.Auto
        mesh = Mesh(np.array(self.jax.devices()[:2]), ("a",), axis_types=(kind,))
        sharding = NamedSharding(mesh, PartitionSpec(*spec))
        x0 = self.jax.device_put(np.linspace(1, 2, 8, dtype=np.float32).reshape(4, 2), sharding)
        jit = self.jax.jit
        func, grad = Spy(jit(lambda x: (x * x).sum())), Spy(jit(lambda x: 2 * x))
        with self.jax.transfer_guard("disallow"):
            assert check_grad(func, grad, x0, direction=direction, seed=1) < 0.05
            wrong = check_grad(func, jit(lambda x: -2 * x), x0, direction=direction, seed=1)
        assert wrong > 1
        for x in func.seen + grad.seen:
            assert x.sharding.is_equivalent_to(sharding, 2)

    def test_weak_type(self):
        x0 = self.jnp.asarray(1.5)
        assert x0.weak_type
        func, grad = Spy(lambda x: x * x), Spy(lambda x: 2 * x)
        check_grad(func, grad, x0)
        check_grad(func, grad, x0, direction="random")
        check_grad(func, grad, x0, direction="random", rng=np.random.default_rng(0))
        approx_fprime(x0, func)
        assert all(x.weak_type for x in func.seen + grad.seen)

    def test_traced(self):
        def never(x):
            raise AssertionError

        with pytest.raises(TypeError, match="x0 is traced: .* outside of jax.jit"):
            self.jax.jit(lambda x: approx_fprime(x, never))(self.jnp.ones(2))
        with pytest.raises(TypeError, match="x0 is traced: .* outside of jax.jit"):
            self.jax.jit(lambda x: check_grad(never, never, x))(self.jnp.ones(2))

    @pytest.mark.parametrize("direction", ["all", "random"])
    def test_strict_settings(self, direction):
        """Nothing is promoted or broadcast by implication, and no NaN arises on the way."""
        jax, jnp = self.jax, self.jnp
        func, jac = jax.jit(lambda x: x * x), jax.jit(lambda x: jnp.diag(2 * x))
        x0 = jnp.asarray([1.5, -2.0, 0.5], dtype=jnp.bfloat16)
        with (
            jax.numpy_rank_promotion("raise"),
            jax.numpy_dtype_promotion("strict"),
            jax.debug_nans(True),
        ):
            assert check_grad(func, jac, x0, direction=direction, seed=1) < 0.6

    def test_one_program(self):
        """A jitted func is traced once: all points are of one type."""
        traces = []

        @self.jax.jit
        def func(x):
            traces.append(1)
            return (x * x).sum()

        check_grad(func, lambda x: 2 * x, self.jnp.arange(20.0))
        assert len(traces) == 1

    @pytest.mark.filterwarnings("ignore:Some donated buffers were not usable")
    def test_donated(self):
        """A func that gives its argument's memory away does not take x0's."""
        x0 = self.jnp.arange(4.0)
        func = self.jax.jit(lambda x: x * x * x, donate_argnums=0)
        grad = self.jax.jit(lambda x: self.jnp.diag(3 * x * x), donate_argnums=0)
        assert check_grad(func, grad, x0) < 0.05
        assert not x0.is_deleted()
