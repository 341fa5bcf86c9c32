"""What user functions write to is theirs alone: no call changes what another one sees."""

from functools import partial

import numpy as np
import pytest
from tests.libraries import Arrays, dtypes

import gradproof
from gradproof import Verdict

verify_grad = partial(gradproof.verify_grad, seed=0)
verify_jac = partial(gradproof.verify_jac, seed=0)
verify_vjp = partial(gradproof.verify_vjp, seed=0)
verify_jvp = partial(gradproof.verify_jvp, seed=0)
verify_hess = partial(gradproof.verify_hess, seed=0)
verify_hvp = partial(gradproof.verify_hvp, seed=0)
verify_autodiff = partial(gradproof.verify_autodiff, seed=0)

POINT = np.array([0.5, -1.25, 0.75, 1.5, -0.625])


class Cube:
    """``x**3``, and the product of its Jacobian written into whatever it is a product with."""

    def __init__(self, arrays: Arrays, factor: float) -> None:
        self.xp, self.factor = arrays.xp, factor

    def func(self, x):
        return x * x * x

    def loss(self, x):
        return self.xp.sum(x * x * x)

    def grad(self, x):
        return 3 * x * x

    def product(self, x, other):
        other[...] = other * (3 * self.factor * x * x)
        return other

    def second(self, x, other):
        other[...] = other * (6 * self.factor * x)
        return other

    def pullback(self, x):
        return x * x * x, lambda cotangent: self.product(x, cotangent)


def each_dtype(mutable):
    return [Arrays(mutable.kind, dtype) for dtype in dtypes(mutable.library)]


ROADS = {
    "vjp": lambda f, x: verify_vjp(f.func, f.product, x),
    "pullback": lambda f, x: verify_vjp(f.func, f.pullback, x),
    "jvp": lambda f, x: verify_jvp(f.func, f.product, x),
    "hvp": lambda f, x: verify_hvp(f.loss, f.second, x),
    "hvp of grad": lambda f, x: verify_hvp(f.loss, f.second, x, grad=f.grad),
}


class TestWritesToWhatItIsAProductWith:
    @pytest.mark.parametrize("road", ROADS)
    def test_right(self, mutable, road):
        for arrays in each_dtype(mutable):
            report = ROADS[road](Cube(arrays, 1.0), arrays(POINT))
            # Differences of differences have few digits in half precision.
            unsure = road == "hvp" and arrays.dtype in ("float16", "bfloat16")
            assert report.ok or (unsure and report.verdict != "fail"), str(report)
            kind = "cotangent" if road in ("vjp", "pullback") else "tangent"
            assert f"writes to its {kind}" in str(report)

    @pytest.mark.parametrize("road", ROADS)
    @pytest.mark.parametrize("factor", [0.0, -1.0, 2.0])
    def test_wrong(self, mutable, road, factor):
        for arrays in each_dtype(mutable):
            report = ROADS[road](Cube(arrays, factor), arrays(POINT))
            unsure = road == "hvp" and arrays.dtype in ("float16", "bfloat16")
            assert report.verdict == "fail" or (unsure and not report.ok), str(report)

    def test_no_remark_where_nothing_is_written(self, mutable):
        report = verify_vjp(np.exp, lambda x, ct: ct * np.exp(x), POINT)
        assert "writes" not in str(report)


def from_buffer(func, shape):
    """Return a function whose results all are one piece of memory."""
    memory = np.zeros(shape)

    def same_memory(*args):
        memory[...] = func(*args)
        return memory

    return same_memory


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "pass"), (1.5, "fail")])
class TestResultsInOnePieceOfMemory:
    def test_jvp(self, factor, verdict):
        jvp = from_buffer(lambda x, t: factor * np.exp(x) * t, 5)
        assert verify_jvp(np.exp, jvp, POINT).verdict == verdict
        assert verify_hvp(lambda x: np.exp(x).sum(), jvp, POINT, grad=np.exp).verdict == verdict

    def test_vjp(self, factor, verdict):
        vjp = from_buffer(lambda x, ct: factor * np.exp(x) * ct, 5)
        assert verify_vjp(np.exp, vjp, POINT).verdict == verdict
        both = from_buffer(np.exp, 5)
        assert (
            verify_vjp(both, lambda x: (both(x), lambda ct: vjp(x, ct)), POINT).verdict == verdict
        )

    def test_jac(self, factor, verdict):
        jac = from_buffer(lambda x: factor * np.diag(np.exp(x)), (5, 5))
        assert verify_jac(np.exp, jac, POINT).verdict == verdict
        func = from_buffer(np.exp, 5)
        assert verify_jac(func, lambda x: (func(x), jac(x)), POINT, value_and_jac=True).verdict == (
            verdict
        )

    def test_hess(self, factor, verdict):
        hess = from_buffer(lambda x: factor * np.diag(np.exp(x)), (5, 5))
        for grad in (None, np.exp):
            report = verify_hess(lambda x: np.exp(x).sum(), hess, POINT, grad=grad)
            assert report.verdict == verdict

    def test_value(self, factor, verdict):
        value = from_buffer(lambda x: np.exp(x).sum(), ())
        report = verify_grad(
            value, lambda x: (value(x), factor * np.exp(x)), POINT, value_and_grad=True
        )
        assert report.verdict == verdict


class Held:
    """A weighted sum of squares that writes to its weights, wherever they are, and returns."""

    def __init__(self, xp, factor):
        self.xp, self.factor = xp, factor

    def func(self, x, weights):
        weights += 1
        return self.xp.sum(weights * x * x)

    def grad(self, x, weights):
        weights += 1
        return 2 * self.factor * weights * x


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "pass"), (1.5, "fail")])
class TestWritesToWhatIsHeldFixed:
    def test_argument(self, mutable, factor, verdict):
        for arrays in each_dtype(mutable):
            f, weights = Held(arrays.xp, factor), Arrays(mutable.kind, arrays.dtype)(np.ones(5))
            if mutable.kind.variant == "readonly":
                weights = np.ones(5)
            report = verify_grad(f.func, f.grad, arrays(POINT), weights)
            assert report.verdict == verdict, str(report)
            assert "func writes to weights, which is held fixed" in str(report)
            assert "grad writes to weights" in str(report)
            np.testing.assert_array_equal(arrays.numpy(weights), 1.0)

    def test_nested_keyword(self, factor, verdict):
        f, own = Held(np, factor), {"w": (np.ones(5), "label")}
        report = verify_grad(
            lambda x, p: f.func(x, p["w"][0]),
            lambda x, p: f.grad(x, p["w"][0]),
            POINT,
            kwargs={"p": own},
        )
        assert report.verdict == verdict
        assert "writes to p['w'][0]" in str(report)
        np.testing.assert_array_equal(own["w"][0], 1.0)

    def test_whole_numbers_of_x0(self, factor, verdict):
        f, x0 = Held(np, factor), {"x": POINT, "n": np.ones(5, dtype=int)}
        report = verify_grad(
            lambda p: f.func(p["x"], p["n"]), lambda p: {"x": f.grad(p["x"], p["n"])}, x0
        )
        assert report.verdict == verdict
        assert "writes to p['n']" in str(report)
        np.testing.assert_array_equal(x0["n"], 1)

    def test_memory_for_results(self, factor, verdict):
        def func(x, out):
            return np.exp(x, out=out).sum()

        def grad(x, out):
            return np.multiply(factor, np.exp(x, out=out), out=out)

        assert verify_grad(func, grad, POINT, np.zeros(5)).verdict == verdict


class TestWhatIsHeldIsSharedUntilItIsWrittenTo:
    def test_few_copies(self):
        data, seen = np.ones(5), []

        def func(x, data):
            seen.append(data is own)
            return (data * x * x).sum()

        own = data
        assert verify_grad(func, lambda x, data: 2 * data * x, POINT, data).ok
        assert seen[0] is False
        assert all(seen[1:])

    def test_other_objects(self):
        """Only arrays in plain containers are copied; a cache of one's own is no array."""
        cache = {}

        def func(x, cache):
            cache["exp"] = np.exp(x)
            return cache["exp"].sum()

        assert verify_grad(func, lambda x, cache: np.exp(x), POINT, cache).ok
        assert cache

    def test_not_a_number(self):
        held = np.full(5, np.nan)
        report = verify_grad(lambda x, _: (x**2).sum(), lambda x, _: 2 * x, POINT, held)
        assert report.ok
        assert "writes" not in str(report)


def test_grad_that_writes_to_its_input():
    def grad(x):
        x *= 2
        return x

    report = verify_grad(lambda x: (x**2).sum(), grad, POINT)
    assert report.ok
    assert "grad writes to its input" in str(report)


@pytest.mark.library("torch")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "pass"), (0.0, "fail"), (2.0, "fail")])
class TestTorchRules:
    def cube(self, factor):
        import torch

        class Cube(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.x = x
                return x**3

            @staticmethod
            def backward(ctx, grad):
                return grad.mul_(3 * factor * ctx.x**2)

            @staticmethod
            def jvp(ctx, tangent):
                return tangent.mul_(3 * ctx.x**2)

        return Cube.apply

    def x(self, dtype):
        import torch

        return torch.tensor(POINT, dtype=getattr(torch, dtype))

    def test_verify_autodiff(self, factor, verdict, dtype):
        report = verify_autodiff(self.cube(factor), self.x(dtype))
        assert report.verdict == verdict, str(report)
        assert "the vjp writes to its cotangent" in str(report)

    def test_gradcheck(self, factor, verdict, dtype):
        from gradproof.compat.torch.first_order import gradcheck

        x = self.x(dtype).requires_grad_()
        found = gradcheck(self.cube(factor), x, check_forward_ad=True, raise_exception=False)
        assert found is (verdict == Verdict.PASS)

    def test_fixed_input(self, factor, verdict, dtype):
        import torch

        from gradproof.compat.torch.first_order import gradcheck

        class Scaled(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x, scale):
                scale.add_(1)
                ctx.scale = scale.clone()
                return x * scale

            @staticmethod
            def backward(ctx, grad):
                return factor * grad * ctx.scale, None

        scale = torch.ones(5, dtype=self.x(dtype).dtype)
        report = verify_autodiff(Scaled.apply, self.x(dtype), scale, argnums=0)
        assert report.verdict == verdict, str(report)
        assert scale.eq(1).all()
        x = self.x(dtype).requires_grad_()
        found = gradcheck(Scaled.apply, (x, scale), raise_exception=False)
        assert found is (verdict == Verdict.PASS)


def one_call_behind(func, before):
    """Return a func whose result is that of the point it was called at before."""
    last = [before]

    def behind(x):
        last.append(x.copy())
        return func(last.pop(0))

    return behind


class Network:
    """A loss that keeps its input for its gradient, as layers written by hand do."""

    def loss(self, x):
        self.x = x.copy()
        return (x**3).sum()

    def grad(self, x):
        return 3 * self.x**2


def cube_grad(x):
    return 3 * x * x


def negative(x):
    return -3 * x * x


class TestDependsOnEarlierCalls:
    """A func or a claim that is no function of x alone never passes."""

    @pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
    @pytest.mark.parametrize("n", [1, 6, 400])
    @pytest.mark.parametrize("grad", [cube_grad, negative])
    def test_func_one_call_behind(self, dtype, n, grad):
        x = np.linspace(0.5, 1.5, n).astype(dtype)
        for seed in range(5):
            func = one_call_behind(lambda x: (x**3).sum(), x)
            report = gradproof.verify_grad(func, grad, x, seed=seed)
            assert report.verdict == "inconclusive", str(report)
            assert "func is another one at x0" in str(report)

    @pytest.mark.parametrize("sign", [1.0, -1.0])
    def test_other_roads(self, sign):
        x = POINT
        reports = [
            verify_jac(one_call_behind(np.exp, x), lambda x: sign * np.diag(np.exp(x)), x),
            verify_vjp(one_call_behind(np.exp, x), lambda x, ct: sign * np.exp(x) * ct, x),
            verify_jvp(one_call_behind(np.exp, x), lambda x, t: sign * np.exp(x) * t, x),
            verify_hess(
                lambda x: np.exp(x).sum(),
                lambda x: sign * np.diag(np.exp(x)),
                x,
                grad=one_call_behind(np.exp, x),
            ),
        ]
        assert {report.verdict for report in reports} == {Verdict.INCONCLUSIVE}

    @pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
    @pytest.mark.parametrize("n", [1, 6, 400])
    def test_claim_that_uses_what_func_kept(self, dtype, n):
        x, net = np.linspace(0.5, 1.5, n).astype(dtype), Network()
        report = verify_grad(net.loss, net.grad, x)
        assert report.verdict == "inconclusive", str(report)
        assert "the claim is another one at x0" in str(report)

    @pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
    @pytest.mark.parametrize("n", [1, 6, 400])
    def test_claim_one_call_behind(self, dtype, n):
        """Also where it was called at x0 before, so that its first answer is right."""
        x = np.linspace(0.5, 1.5, n).astype(dtype)
        report = verify_grad(lambda x: (x**3).sum(), one_call_behind(cube_grad, x), x)
        assert report.verdict == "inconclusive", str(report)

    @pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
    def test_claim_of_zero_at_first(self, dtype):
        x, calls = np.linspace(0.5, 1.5, 400).astype(dtype), []

        def grad(x):
            calls.append(1)
            return cube_grad(x) * (len(calls) > 1)

        assert not verify_grad(lambda x: (x**3).sum(), grad, x).ok


class TestNoise:
    """What differs by its noise alone is judged as before."""

    @pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
    @pytest.mark.parametrize("n", [6, 400])
    @pytest.mark.parametrize(("sign", "verdict"), [(1, "pass"), (-1, "fail")])
    def test_sum_in_another_order(self, dtype, n, sign, verdict):
        x, rng = np.linspace(0.5, 1.5, n).astype(dtype), np.random.default_rng(0)
        order = partial(rng.permutation, n)

        def summed(values):
            return np.add.reduce(values[order()].astype(np.float32 if n > 6 else dtype))

        def grad(x):  # a claim with the rounding of such a sum
            return (sign * 3 * x * x * (summed(x) / summed(x))).astype(dtype)

        for seed in range(5):
            report = gradproof.verify_grad(lambda x: summed(x**3), grad, x, seed=seed)
            assert report.verdict == verdict, str(report)

    @pytest.mark.parametrize(("factor", "verdict"), [(1.0, "pass"), (1.01, "fail")])
    def test_random_func(self, factor, verdict):
        rng = np.random.default_rng(0)
        report = verify_grad(
            lambda x: (x**3).sum() * (1 + 1e-10 * rng.normal()), lambda x: factor * 3 * x * x, POINT
        )
        assert report.verdict == verdict
        assert "func is not deterministic" in str(report)
