"""Evaluation in batches: the same verdicts by programs of JAX, vmap of PyTorch and batch axes."""

import functools
import gc
import weakref

import numpy as np
import pytest
from tests import examples as claims
from tests.libraries import Arrays

from gradproof import Verdict, approx_fprime, check_grad, verify_grad, verify_jac, verify_vjp
from gradproof._backends.agreement import apart
from gradproof._backends.standard.backend import StandardBackend
from gradproof._evaluation import batches as batches
from gradproof._evaluation.options import Settings
from gradproof._evaluation.values import Values
from gradproof._vectors.point import Point

N = 40


def point() -> np.ndarray:
    return claims.point(n=N)


def way(arrays: Arrays) -> dict:
    """Return how arrays of a library are batched."""
    return {"vectorize": True} if arrays.library in ("jax", "torch") else {"vectorized": True}


class Problem:
    """A function of the last axis with its gradient; one object for each kind of array."""

    def __init__(self, arrays: Arrays) -> None:
        self.xp = arrays.xp
        self.weights = arrays(0.5 + np.arange(N) / 32)

    def func(self, x):
        return self.xp.sum(self.weights * x * x + 0.125 * x * self.xp.roll(x, 1, axis=-1), axis=-1)

    def each(self, x):
        return self.weights * x * x * x

    def grad(self, x):
        roll = self.xp.roll
        return 2 * self.weights * x + 0.125 * (roll(x, 1, axis=-1) + roll(x, -1, axis=-1))

    def slope(self, x):
        return 3 * self.weights * x * x


@functools.cache
def problem(arrays: Arrays):
    found = Problem(arrays)
    # Bound methods are made anew each time; programs are kept for functions.
    found.func, found.each = found.func, found.each  # type: ignore[method-assign]
    return found


def planted(mistake, grad, arrays):
    """Return a gradient with a mistake of the list that all tests share."""

    def wrong(x):
        return claims.MISTAKES[mistake](arrays.numpy(grad(x)).tolist())

    return wrong


@pytest.fixture
def no_loops(monkeypatch):
    """Fail where entries are moved one by one."""

    def refuse(*args):
        pytest.fail("a plain loop")

    for backend in StandardBackend.__subclasses__():
        monkeypatch.setattr(backend, "sweep", refuse)
    monkeypatch.setattr(StandardBackend, "sweep", refuse)


@pytest.mark.usefixtures("no_loops")
class TestVerdicts:
    def allowed(self, arrays, grad):
        share = 0.5 if arrays.eps > 2.0**-8 else 2 * arrays.eps ** (1 / 3)
        return share * float(np.linalg.norm(arrays.numpy(grad)))

    def test_check_grad(self, arrays: Arrays):
        p, x = problem(arrays), arrays(point())
        limit = self.allowed(arrays, p.grad(x))
        assert check_grad(p.func, p.grad, x, **way(arrays)) <= limit
        for mistake in claims.MISTAKES:
            if mistake == "one entry" and arrays.eps > 2.0**-8:
                continue  # 40 entries, each with noise of 0.8 in bfloat16, hide an error of 6
            wrong = planted(mistake, p.grad, arrays)
            assert not check_grad(p.func, wrong, x, **way(arrays)) <= limit, mistake

    def test_approx_fprime(self, arrays: Arrays):
        p, x = problem(arrays), arrays(point())
        found = approx_fprime(x, p.func, None, **way(arrays))
        assert type(found) is type(x)
        expected = arrays.numpy(p.grad(x))
        limit = self.allowed(arrays, p.grad(x))
        assert np.linalg.norm(arrays.numpy(found) - expected) <= limit
        rows = arrays.numpy(approx_fprime(x, p.each, None, **way(arrays)))
        diagonal = arrays.numpy(p.slope(x))
        assert rows.shape == (N, N)
        np.testing.assert_array_equal(rows[~np.eye(N, dtype=bool)], 0)
        assert np.linalg.norm(np.diag(rows) - diagonal) <= self.allowed(arrays, p.slope(x))

    def test_verify_grad(self, arrays: Arrays):
        p, x = problem(arrays), arrays(point())
        how = {"seed": 1, "directions": "all"}
        assert verify_grad(p.func, p.grad, x, **how, **way(arrays)).verdict is not Verdict.FAIL
        if arrays.eps < 2.0**-8:
            assert verify_grad(p.func, p.grad, x, **how, **way(arrays)).ok
        for mistake in claims.MISTAKES:
            report = verify_grad(p.func, planted(mistake, p.grad, arrays), x, **how, **way(arrays))
            assert report.verdict is Verdict.FAIL, mistake

    def test_verify_jac(self, arrays: Arrays):
        p, x = problem(arrays), arrays(point())

        def jac(x):
            return np.diag(arrays.numpy(p.slope(x)))

        def transposed(x):  # of one entry beside the diagonal, what would be on the other side
            j = jac(x)
            j[2, 3] = 4.0
            return j

        right = verify_jac(p.each, jac, x, seed=1, **way(arrays))
        assert right.verdict is not Verdict.FAIL
        assert right.ok or arrays.eps > 2.0**-11
        wrong = verify_jac(p.each, transposed, x, seed=1, **way(arrays))
        assert wrong.verdict is Verdict.FAIL
        assert wrong.worst(1)[0]["name"] == "[2] by [3]"

    def test_verify_vjp(self, arrays: Arrays):
        p, x = problem(arrays), arrays(point())
        how = {"seed": 1, "directions": "all", **way(arrays)}
        right = verify_vjp(p.each, lambda x, u: u * p.slope(x), x, **how)
        assert right.verdict is not Verdict.FAIL
        assert right.ok or arrays.eps > 2.0**-11
        wrong = verify_vjp(p.each, lambda x, u: -u * p.slope(x), x, **how)
        assert wrong.verdict is Verdict.FAIL


def test_several_leaves(wide: Arrays):
    """Each leaf in batches of its own; complex leaves by both of their parts."""
    p, x = problem(wide), wide(point())
    tree = {"a": x, "few": x[:3], "n": 3}

    def func(tree):
        few = tree["few"]
        assert few.shape[:-1] == tree["a"].shape[:-1]  # of a batch, all leaves are
        return p.func(tree["a"]) * p.xp.sum(few * few, axis=-1)

    def grad(tree):
        size, few = p.xp.sum(tree["few"] * tree["few"]), tree["few"]
        return {"a": p.grad(tree["a"]) * size, "few": 2 * few * p.func(tree["a"])}

    def wrong(tree):
        g = grad(tree)
        return {"a": g["a"], "few": -g["few"]}

    how = {"seed": 0, "directions": "all", **way(wide)}
    assert verify_grad(func, grad, tree, **how).ok
    report = verify_grad(func, wrong, tree, **how)
    assert report.verdict is Verdict.FAIL


def test_one_entry_of_one_leaf(wide: Arrays):
    p, x = problem(wide), wide(point())

    def func(tree):
        return p.func(tree["a"]) + p.func(tree["b"])

    def wrong(tree):
        g = wide.numpy(p.grad(tree["b"]))
        g[7] += 0.5
        return {"a": p.grad(tree["a"]), "b": wide(g)}

    report = verify_grad(
        func, wrong, {"a": x, "b": x}, seed=0, directions="all", rtol=1e-3, **way(wide)
    )
    assert [e["name"] for e in report.worst(2) if e["state"] == "fail"] == ["['b'][7]"]


@pytest.mark.library("torch")
@pytest.mark.parametrize(
    "library", ["torch", pytest.param("jax", marks=pytest.mark.library("jax"))]
)
def test_complex(library):
    rng = np.random.default_rng(0)
    values = rng.normal(size=N) + 1j * rng.normal(size=N)
    if library == "torch":
        import torch

        z, real, conj = torch.as_tensor(values), torch.real, torch.conj
    else:
        import jax.numpy as jnp

        z, real, conj = jnp.asarray(values, dtype="complex64"), jnp.real, jnp.conj
    sign = 1 if library == "torch" else -1  # JAX's gradient is the conjugate

    def grad(z):
        return 2 * (z if sign > 0 else conj(z))

    how = {"seed": 0, "directions": "all", "vectorize": True}
    assert verify_grad(lambda z: real((z * conj(z)).sum()), grad, z, **how).ok
    wrong = verify_grad(lambda z: real((z * conj(z)).sum()), lambda z: conj(grad(z)), z, **how)
    assert wrong.verdict is Verdict.FAIL


def test_same_count_and_verdict_as_one_by_one(wide: Arrays):
    p, x = problem(wide), wide(point())
    ways = ({"vectorize": False}, way(wide))
    for grad in (p.grad, planted("one entry", p.grad, wide)):
        alone, batch = (
            verify_grad(p.func, grad, x, seed=0, directions="all", **how) for how in ways
        )
        assert (batch.verdict, batch.nfev) == (alone.verdict, alone.nfev)

    def both(tree):
        return p.func(tree["a"]) + p.func(tree["b"])

    def slopes(tree):
        return {name: p.grad(leaf) for name, leaf in tree.items()}

    tree = {"a": x, "b": x}
    alone, batch = (verify_grad(both, slopes, tree, seed=0, directions="all", **h) for h in ways)
    assert (batch.verdict, batch.nfev) == (alone.verdict, alone.nfev)

    def each(x):
        return p.each(x) + x * p.xp.roll(x, 1, axis=-1)

    def jac(x):
        x, diagonal = wide.numpy(x), wide.numpy(p.slope(x))
        return np.diag(diagonal + np.roll(x, 1)) + x[:, None] * np.roll(np.eye(N), -1, axis=1)

    alone, batch = (verify_jac(each, jac, x, seed=0, **how) for how in ways)
    assert batch.ok
    assert (batch.verdict, batch.nfev) == (alone.verdict, alone.nfev)


def test_budget(wide: Arrays):
    p, x, calls = problem(wide), wide(point()), []

    def each(x):
        calls.append(None)
        return p.each(x)

    def jac(x):
        return np.diag(wide.numpy(p.slope(x)))

    report = verify_jac(each, jac, x, seed=0, budget=1000, **way(wide))
    assert len(calls) < report.nfev / 2  # one that is large enough is no reason for plain calls
    for budget in (30, 50, 90, 110):
        how = {"seed": 0, "budget": budget, **way(wide)}
        report = verify_grad(p.func, p.grad, x, directions="all", **how)
        assert report.nfev <= budget
        assert report.verdict is Verdict.INCONCLUSIVE
        alone = verify_jac(p.each, jac, x, seed=0, budget=budget, vectorize=False)
        assert verify_jac(p.each, jac, x, **how).nfev == alone.nfev <= budget


# --- where a function cannot be batched ----------------------------------------------------------


def remark(report) -> str:
    (found,) = [r for r in report.remarks if "one by one" in r]
    return found


def refused(func, grad, x, reason: str, **how) -> None:
    """Assert that a function is called one by one, with the reason, or refused with it."""
    args = {"seed": 0, "directions": "all", **how}
    right = verify_grad(func, grad, x, **args)
    assert right.verdict is not Verdict.FAIL
    assert reason in remark(right)
    wrong = verify_grad(func, lambda x: -grad(x), x, **args)
    assert wrong.verdict is Verdict.FAIL
    assert check_grad(func, grad, x, **how) < 0.05 < check_grad(func, lambda x: -grad(x), x, **how)
    with pytest.raises(ValueError, match="vectorize=True, but func cannot be evaluated in batches"):
        verify_grad(func, grad, x, **args | {"vectorize": True})
    with pytest.raises(ValueError, match=reason):
        check_grad(func, grad, x, vectorize=True)
    never = verify_grad(func, grad, x, **args | {"vectorize": False})
    assert not [r for r in never.remarks if "one by one" in r]


@pytest.mark.library("torch")
class TestTorch:
    @property
    def x(self):
        import torch

        return torch.as_tensor(point())

    def test_fallbacks(self):
        import torch

        seen = torch.zeros(N, dtype=torch.float64)

        def number(x):
            return float((x * x).sum())

        def through_numpy(x):
            return torch.as_tensor((x.numpy() ** 2).sum())

        def control_flow(x):
            return (x * x).sum() if x[0] > -100 else x.sum()

        def in_place(x):
            seen.copy_(x)
            return (seen * seen).sum()

        def random(x):
            return (x * x).sum() + 1e-14 * torch.rand((), dtype=x.dtype)

        for func, reason in [
            (number, "item"),
            (through_numpy, "storage"),
            (control_flow, "data-dependent control flow"),
            (in_place, "inplace"),
            (random, "random"),
        ]:
            refused(func, lambda x: 2 * x, self.x, reason)

    def test_in_place_on_its_input_is_no_obstacle(self, no_loops):
        def func(x):
            x *= x
            return x.sum()

        assert check_grad(func, lambda x: 2 * x, self.x) < 1e-5
        assert verify_grad(func, lambda x: 2 * x, self.x, seed=0, directions="all").ok

    def test_a_rule_for_vmap_that_is_wrong(self):
        import torch

        class Square(torch.autograd.Function):
            @staticmethod
            def forward(x):
                return (x * x).sum(-1)

            @staticmethod
            def setup_context(ctx, inputs, output):
                pass

            @staticmethod
            def vmap(info, in_dims, x):
                return (x * x).sum(-1).flip(0), 0  # the right values, of other points

        refused(Square.apply, lambda x: 2 * x, self.x, "a batch is not what plain calls return")

    def test_another_way_of_rounding_is_no_change(self, no_loops):
        """Differences are taken within a batch, not to the value that a call has at x0."""
        import torch

        class Square(torch.autograd.Function):
            @staticmethod
            def forward(x):
                return (x * x).sum(-1)

            @staticmethod
            def setup_context(ctx, inputs, output):
                pass

            @staticmethod
            def vmap(info, in_dims, x):
                return (x * x).sum(-1) * (1 + 2.0**-43), 0  # as rounding may be, of long sums

        right, wrong = (lambda x: 2 * x), (lambda x: 2 * x + 1e-3)
        assert (
            check_grad(Square.apply, right, self.x) < 1e-5 < check_grad(Square.apply, wrong, self.x)
        )
        assert verify_grad(Square.apply, right, self.x, seed=0, directions="all").ok
        values = Values(Square.apply, Point((self.x,), 0, None), None, Settings())
        changes = values.sweep(np.full(N, 1e-9), range(N))
        np.testing.assert_allclose(changes, 2e-9 * point(), atol=1e-13)
        for i, sides in enumerate(values.each_entry(np.full(N, 1e-9))):
            up, down = (float(value[0] - at_x0[0]) for value, _, at_x0 in sides)
            np.testing.assert_allclose([up, -down], 2e-9 * point()[i], atol=1e-13)
        rows = approx_fprime(self.x, lambda x: Square.apply(x)[None] * x[:2])
        assert abs(float(rows[0, 5]) - 2 * float(self.x[5] * self.x[0])) < 1e-5

    def test_workers_come_first(self):
        import torch

        given, batched = [], []

        def recorded(task, pieces):
            given.extend(len(piece) for piece in pieces)
            return map(task, pieces)

        def func(x):
            batched.append(torch._C._functorch.is_batchedtensor(x))
            return (x * x).sum()

        assert check_grad(func, lambda x: 2 * x, self.x, workers=recorded) < 1e-5
        assert not any(batched)
        assert sum(given) == N

    def test_operations_that_vmap_does_one_by_one(self, no_loops):
        """What PyTorch warns of is what plain calls would do anyway."""
        import warnings

        import torch

        def func(x):
            if torch._C._functorch.is_batchedtensor(x):
                warnings.warn("There is a performance drop because", UserWarning, stacklevel=1)
            return (x * x).sum()

        assert check_grad(func, lambda x: 2 * x, self.x) < 1e-5

    def test_from_how_many_entries_on(self, monkeypatch):
        import torch

        shapes = []
        vmap = torch.func.vmap

        def spy(func, **how):
            mapped = vmap(func, **how)

            def recorded(block):
                shapes.append(tuple(block.shape))
                return mapped(block)

            return recorded

        monkeypatch.setattr(torch.func, "vmap", spy)
        x = torch.linspace(1, 2, 500, dtype=torch.float64)
        check_grad(lambda x: (x * x).sum(), lambda x: 2 * x, x[:31])
        check_grad(lambda x: (x * x).sum(), lambda x: 2 * x, x, vectorize=False)
        check_grad(lambda x: (x * x).sum(), lambda x: 2 * x, x, batch_size=1)
        assert not shapes
        check_grad(lambda x: (x * x).sum(), lambda x: 2 * x, x[:32])
        assert shapes == [(2, 32), (33, 32)]
        check_grad(lambda x: (x * x).sum(), lambda x: 2 * x, x)
        assert {shape[0] for shape in shapes[3:-1]} == {128}
        shapes.clear()
        check_grad(lambda x: (x * x).sum(), lambda x: 2 * x, x, batch_size=16)
        assert {shape[0] for shape in shapes[1:-1]} == {16}
        shapes.clear()
        monkeypatch.setattr(batches, "_BYTES", 10 * x.nbytes)
        assert check_grad(lambda x: (x * x).sum(), lambda x: 2 * x, x) < 1e-3
        assert {shape[0] for shape in shapes[1:-1]} == {10}

    def test_results_of_every_kind(self, no_loops):
        """Lists of tensors, constants, and a matrix in memory of another order."""
        import torch

        def residuals(x):
            return [x[0] * x[1], 2 * x[2], [1.0, 2.0][0] * x[3]]

        jac = np.zeros((3, N))
        x = point()
        jac[0, :2], jac[1, 2], jac[2, 3] = (x[1], x[0]), 2, 1
        np.testing.assert_allclose(approx_fprime(self.x, residuals), jac, atol=1e-6)
        assert check_grad(lambda x: 3.0, torch.zeros_like, self.x) == 0
        matrix = self.x.reshape(5, 8).t()
        scale = torch.arange(40.0, dtype=torch.float64).reshape(8, 5)
        assert check_grad(lambda m: (scale * m).sum(), lambda m: scale, matrix) < 1e-4


@pytest.mark.library("jax")
class TestJAX:
    @property
    def x(self):
        import jax.numpy as jnp

        return jnp.asarray(point(), dtype="float32")

    def test_fallbacks(self, monkeypatch):
        import jax
        import jax.numpy as jnp

        from gradproof._backends.jax.backend import JAXBackend

        monkeypatch.setattr(JAXBackend, "batched_from", N)

        def number(x):
            return float((x * x).sum())

        def through_numpy(x):
            return jnp.asarray((np.asarray(x) ** 2).sum())

        def control_flow(x):
            return (x * x).sum() if x[0] > -100 else x.sum()

        @jax.jit
        def callback(x):  # without a rule for batches
            shape = jax.ShapeDtypeStruct((), x.dtype)
            return jax.pure_callback(lambda x: (np.asarray(x) ** 2).sum(), shape, x)

        rng = np.random.default_rng(0)

        def random(x):  # of the host: a program would draw it once
            return (x * x).sum() * (1 + 0.01 * rng.random())

        for func, reason in [
            (number, "ConcretizationTypeError"),
            (through_numpy, "TracerArrayConversionError"),
            (control_flow, "TracerBoolConversionError"),
            (callback, "NotImplementedError"),
        ]:
            refused(func, lambda x: 2 * x, self.x, reason)
        report = verify_grad(random, lambda x: 2 * x, self.x, seed=0, directions="all")
        assert "a batch is not what plain calls return" in remark(report)

    def test_a_rule_for_vmap_that_is_wrong(self, monkeypatch):
        import jax
        import jax.numpy as jnp

        from gradproof._backends.jax.backend import JAXBackend

        monkeypatch.setattr(JAXBackend, "batched_from", N)

        @jax.custom_batching.custom_vmap
        def square(x):
            return (x * x).sum()

        @square.def_vmap
        def _(size, batched, x):
            return jnp.flip((x * x).sum(-1)), True

        refused(square, lambda x: 2 * x, self.x, "a batch is not what plain calls return")

    def test_small_checks_compile_nothing(self, monkeypatch):
        from gradproof._backends.jax import traces

        def compiled(*_, **__):
            raise AssertionError

        def func(x):
            return (x * x).sum()

        monkeypatch.setattr(traces, "_compiled", compiled)
        check_grad(func, lambda x: 2 * x, self.x)
        report = verify_grad(func, lambda x: 2 * x, self.x, seed=0)
        assert report.compile_time == 0
        assert "compiled" not in str(report)

    def test_programs_are_kept(self):
        """Compiled once for a shape, whatever the data that it is called with."""
        import jax.numpy as jnp

        def func(x, data, power=2, **scale):
            return (data * x**power).sum() * scale["scale"]

        def grad(x, data, power=2, **scale):
            return 2 * data * x * scale["scale"]

        how = {"seed": 0, "directions": "all", "vectorize": True}
        kwargs = {"scale": 2.0}
        data = jnp.linspace(1, 2, N)
        first = verify_grad(func, grad, self.x, data, kwargs=kwargs, **how)
        assert first.ok
        assert first.compile_time > 0
        assert first.to_dict()["compile_time"] == first.compile_time
        assert "compiled for batches" in str(first)
        again = verify_grad(func, grad, self.x + 1, data + 1, kwargs=kwargs, **how)
        assert again.ok
        assert again.compile_time == 0
        other = verify_grad(func, grad, self.x, data, kwargs={"scale": 3.0}, **how)
        assert other.ok
        assert other.compile_time > 0
        shorter = verify_grad(func, grad, self.x[:30], data[:30], kwargs=kwargs, **how)
        assert shorter.ok
        assert shorter.compile_time > 0

    def test_data_on_the_host_is_known_by_its_identity(self):
        import jax

        traced = []

        def func(x, data):
            if isinstance(x, jax.core.Tracer):
                traced.append(None)
            return (data * x * x).sum()

        one, other = np.ones(N, np.float32), np.full(N, 3, np.float32)
        for data in (one, other, one, other):
            error = check_grad(func, lambda x, d: 2 * d * x, self.x, data, vectorize=True)
            assert error < 0.2
        assert len(traced) == 2

    def test_nothing_is_kept_alive(self):
        import jax.numpy as jnp

        from gradproof._backends.jax import programs as _jax_programs

        def check():
            data, other = jnp.linspace(1, 2, N) * 1.5, jnp.linspace(1, 2, N)

            def func(x, y):
                return (data * x * x).sum() + (y * x).sum()

            grad = lambda x, y: 2 * data * x + y  # noqa: E731
            assert check_grad(func, grad, self.x, other, vectorize=True) < 0.2
            assert func in _jax_programs._KEPT
            return [weakref.ref(each) for each in (func, data, other)]

        gone = check()
        gc.collect()
        assert [each() for each in gone] == [None] * 3

    def test_a_function_that_has_changed_since(self):
        """What a program remembers of a function is compared with a call of it each time."""
        state = {"power": 2}

        def func(x):
            return (x ** state["power"]).sum()

        def grad(x):
            return state["power"] * x ** (state["power"] - 1)

        for power in (2, 3, 2):
            state["power"] = power
            assert check_grad(func, grad, self.x, vectorize=True) < 0.2
            assert check_grad(func, lambda x: -grad(x), self.x, vectorize=True) > 1

    def test_batch_size(self, monkeypatch):
        import jax

        from gradproof._backends.jax import calls as _jax_calls

        sizes = []
        original = jax.lax.map

        def spy(f, xs, *, batch_size=None):
            sizes.append((len(xs), batch_size))
            return original(f, xs, batch_size=batch_size)

        monkeypatch.setattr(jax.lax, "map", spy)

        def run(**how):
            sizes.clear()
            error = check_grad(lambda x: (x * x).sum(), lambda x: 2 * x, self.x, **how)
            assert error < 0.2
            return sizes

        assert run(vectorize=True) == [(42, 42)]
        # Padded, with x0 and the point that is compared: no remainder.
        assert run(vectorize=True, batch_size=10) == [(45, 9)]
        assert run(vectorize=True, batch_size=1) == [(41, None)]
        monkeypatch.setattr(_jax_calls, "_CACHE", 40 * 41)  # too much for the cache: one at a time
        assert run(vectorize=True) == [(41, None)]
        monkeypatch.setattr(_jax_calls, "_RUN", 10)  # several runs of one program
        assert run(vectorize=True) == [(11, None)]
        assert run(vectorize=False) == []

    @pytest.mark.parametrize("explicit", [True, False])
    def test_sharded(self, explicit, no_loops):
        import jax
        from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

        kind = AxisType.Explicit if explicit else AxisType.Auto
        mesh = Mesh(np.array(jax.devices()[:2]), ("a",), axis_types=(kind,))
        x0 = jax.device_put(
            np.linspace(1, 2, 40, dtype=np.float32).reshape(20, 2),
            NamedSharding(mesh, PartitionSpec("a")),
        )
        func = jax.jit(lambda x: (x * x).sum())
        with jax.transfer_guard("disallow"):
            assert check_grad(func, jax.jit(lambda x: 2 * x), x0, vectorize=True) < 0.1
            assert check_grad(func, jax.jit(lambda x: -2 * x), x0, vectorize=True) > 1

    def test_weak_type(self, no_loops):
        import jax.numpy as jnp

        x0 = jnp.asarray(1.5)
        seen = []

        def func(x):
            seen.append(x.weak_type)
            return x * x

        check_grad(func, lambda x: 2 * x, x0, vectorize=True)
        assert all(seen)


# --- functions with a batch axis -----------------------------------------------------------------


class TestBatchAxis:
    def test_it_is_always_there(self, wide: Arrays):
        """A batch of one for a single point; no more than `batch_size` of them."""
        p, x, shapes = problem(wide), wide(point()), []

        def func(x):
            shapes.append(tuple(x.shape))
            return p.func(x)

        report = verify_grad(
            func, p.grad, x, seed=0, directions="all", vectorized=True, batch_size=16
        )
        assert report.ok
        assert {len(shape) for shape in shapes} == {2}
        assert shapes[0] == (1, N)
        assert {shape[0] for shape in shapes} == {1, 2, 16, 41 - 2 * 15}
        shapes.clear()
        assert check_grad(func, p.grad, x, vectorized=True, direction="random", seed=0) < 0.1
        assert check_grad(func, p.grad, x, vectorized=True, batch_size=1) < 0.1
        assert set(shapes) == {(1, N)}

    def test_batches_are_full(self, monkeypatch):
        """Whatever is done in a row; and no larger than memory allows, other leaves included."""
        sizes = set()

        def func(tree):
            sizes.add(len(tree["a"]))
            return (tree["a"] ** 2).sum(-1) + tree["b"].sum(-1)

        def grad(tree):
            return {"a": 2 * tree["a"], "b": np.ones(250)}

        def run(**how):
            sizes.clear()
            tree = {"a": np.linspace(1, 2, 1000), "b": np.ones(250)}
            how |= {"seed": 0, "directions": "all", "vectorized": True}
            assert verify_grad(func, grad, tree, **how).ok
            return sizes

        # Single points, those to compare at, full ones, and what is left of either leaf.
        assert run(batch_size=16) == {1, 2, 16, 1 + 1000 % 15, 1 + 250 % 15}
        monkeypatch.setattr(batches, "_BYTES", 10 * 8 * 1250)
        assert run() == {1, 2, 10, 1 + 1000 % 9, 1 + 250 % 9}

    def test_auxiliary_output_and_pytrees(self, wide: Arrays):
        p, x = problem(wide), wide(point())

        def func(x):
            return {"a": p.each(x), "b": p.func(x)}, "anything"

        def vjp(x, u):
            return u["a"] * p.slope(x) + u["b"] * p.grad(x)

        how = {"has_aux": True, "seed": 0, "directions": "all", "vectorized": True}
        assert verify_vjp(func, vjp, x, **how).ok
        wrong = verify_vjp(func, lambda x, u: u["a"] * p.slope(x), x, **how)
        assert wrong.verdict is Verdict.FAIL

    def test_a_func_without_one(self, wide: Arrays):
        p, x = problem(wide), wide(point())
        with pytest.raises(ValueError, match=r"shape \(\) for a batch of one point"):
            check_grad(lambda x: p.xp.sum(x * x), p.grad, x, vectorized=True)
        with pytest.raises(ValueError, match=r"shape \(\) for a batch of one point"):
            verify_grad(lambda x: p.xp.sum(x * x), p.grad, x, vectorized=True)
        with pytest.raises(ValueError, match=r"shape \(40,\) for a batch of one point"):
            check_grad(lambda x: p.xp.reshape(x, (-1,)), p.grad, x, vectorized=True)
        # One that returns another shape for several points:
        with pytest.raises(ValueError, match=r"shape \(2, 2\) for 2 points, and \(40,\) for one"):
            approx_fprime(x, lambda x: x if x.shape[0] == 1 else x[:, :2], vectorized=True)
        # One that keeps the axis for one point only:
        keep = {"keepdims": True}
        with pytest.raises(ValueError, match=r"returned shape \(1,\) for 2 points, and \(\) for"):
            check_grad(
                lambda x: p.xp.reshape(p.xp.sum(x * x, **keep), (1,)), p.grad, x, vectorized=True
            )

    def test_a_func_that_mixes_the_points(self, wide: Arrays):
        p, x = problem(wide), wide(point())

        def func(x):
            return p.func(x) + p.xp.sum(x - x[:1, ...])

        for check in (check_grad, verify_grad):
            with pytest.raises(ValueError, match="a batch is not what plain calls return"):
                check(
                    func, p.grad, x, vectorized=True, **({} if check is check_grad else {"seed": 0})
                )

    @pytest.mark.parametrize("x0", [point(), 0 * point()], ids=["", "zeros"])
    def test_a_func_that_does_not_move_the_points(self, x0):
        """What a batch says at x0 is right: only at another point can it be told."""

        def func(x):
            return (x if len(x) == 1 else np.repeat(x0[None], len(x), axis=0)).cumsum(-1)[:, -1]

        with pytest.raises(ValueError, match="a batch is not what plain calls return"):
            check_grad(func, np.zeros_like, x0, vectorized=True)
        with pytest.raises(ValueError, match="a batch is not what plain calls return"):
            verify_grad(func, np.ones_like, x0, seed=0, directions="all", vectorized=True)

    def test_one_that_raises_for_a_batch(self, wide: Arrays):
        """Is called with batches of one, and what it raises for a point is about that point."""
        p, x = problem(wide), wide(point())

        def func(x):
            if x.shape[0] > 1:
                msg = "too much"
                raise MemoryError(msg)
            return p.func(x)

        report = verify_grad(func, p.grad, x, seed=0, directions="all", vectorized=True)
        assert report.ok
        assert "MemoryError: too much" in remark(report)
        assert check_grad(func, p.grad, x, vectorized=True) < 0.1

    def test_another_shape_away_from_x0(self):
        """Is called one by one, which says what is wrong."""
        x0 = point()

        def func(x):
            return x[:, :2] if len(x) == 1 and x[0, 0] != x0[0] else x

        with pytest.raises(ValueError, match=r"shape \(40,\) at x0, but shape \(2,\) when called"):
            approx_fprime(x0, func, vectorized=True)

    def test_complex_values(self):
        x = point()

        def func(x):
            return (1 + 2j) * x * x

        for slope, verdict in ((2 + 4j, Verdict.PASS), (2 - 4j, Verdict.FAIL)):
            report = verify_jac(func, lambda x, s=slope: np.diag(s * x), x, seed=0, vectorized=True)
            assert report.verdict is verdict

    def test_long_doubles(self):
        """Differences of them have more digits than those of double precision."""
        x = point().astype(np.longdouble) / 3
        limit = 1e3 * np.finfo(x.dtype).eps / 1e-8  # a double has as many, here and there
        found = approx_fprime(x, lambda x: 100 + (x**3).sum(-1), 1e-8, vectorized=True)
        error = found - 3 * x * x
        assert np.abs(error - 3e-8 * x).max() < limit

    def test_numpy_cannot_vectorize(self):
        x = point()
        for call in (check_grad, verify_grad):
            with pytest.raises(ValueError, match="vectorize=True, but arrays of numpy.*vectorized"):
                call(lambda x: (x * x).sum(), lambda x: 2 * x, x, vectorize=True)


def test_an_exception_away_from_x0():
    """Of a batch it is no more than a reason for plain calls, which know what to make of it."""
    x = np.linspace(1, 2, N)

    def func(x):
        if (x > 2).any():
            msg = "beyond"
            raise ValueError(msg)
        return (x * x).sum(-1)

    how = {"seed": 0, "directions": "all", "vectorized": True}
    report = verify_grad(func, lambda x: 2 * x, x, **how, batch_size=16)
    assert report.verdict is not Verdict.FAIL
    assert any("ValueError: beyond" in r for r in report.remarks)
    alone = verify_grad(func, lambda x: 2 * x, x, **how, vectorize=False)
    assert (report.verdict, report.nfev) == (alone.verdict, alone.nfev)
    with pytest.raises(ValueError, match="beyond") as caught:
        check_grad(func, lambda x: 2 * x, x, vectorized=True)
    assert "x0[39] moved from 2.0 to" in caught.value.__notes__[0]


def test_an_exception_at_the_point_to_compare_at():
    x = np.linspace(1, 2, N)

    def func(y):
        if len(y) == 1 and np.abs(y - x).max() > 0.01:
            msg = "far away"
            raise ValueError(msg)
        return (y * y).sum(-1)

    report = verify_grad(func, lambda x: 2 * x, x, seed=0, directions="all", vectorized=True)
    assert "ValueError: far away" in remark(report)
    assert report.ok
    assert check_grad(func, lambda x: 2 * x, x, vectorized=True) < 1e-5


def test_values_that_are_not_finite():
    x = np.linspace(0, 1, N)
    with np.errstate(invalid="ignore"):
        plain, batch = (
            approx_fprime(x, lambda x: np.sqrt(x - 0.5).sum(-1), None, vectorized=vectorized)
            for vectorized in (False, True)
        )
    np.testing.assert_array_equal(plain, batch)


def test_rounding_is_told_from_a_difference():
    value, eps = np.array([[3.0], [3.0 + 1e-7]]), 2.0**-52
    assert not apart(value, value * (1 + 100 * eps), eps)
    assert not apart(value, value + np.array([[1e-13], [-1e-13]]), eps)
    assert "3.0e-12, relative to 3" in apart(value, value + 3e-12, eps)
    # A point that is not moved in a batch, in double and in single precision.
    assert apart(value[[0, 0]], value, eps)
    assert apart(value[[0, 0]], np.array([[3.0], [3.002]]), 2.0**-23)
    assert apart(np.array([[3.0], [np.nan]]), value, eps)
    assert not apart(np.array([[3.0], [np.nan]]), np.array([[3.0], [np.nan]]), eps)
