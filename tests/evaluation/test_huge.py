"""Many entries at once: in blocks, in one buffer, in one program; made small by small blocks."""

import gc
import os
import subprocess
import sys
import textwrap
import tracemalloc
from collections import OrderedDict
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tests.libraries import REQUIRED

import gradproof
from gradproof import check_grad
from gradproof._backends import numpy as _numpy

random = partial(check_grad, direction="random")

BLOCK = 5


@pytest.fixture
def in_blocks(monkeypatch):
    """Have every library work as it does where there are many entries."""
    monkeypatch.setattr(_numpy, "_BLOCK", BLOCK)
    if "torch" in REQUIRED:
        from gradproof._backends.torch import backend as _torch

        monkeypatch.setattr(_torch, "_BLOCK", BLOCK)
    if "jax" in REQUIRED:
        from gradproof._backends.jax import fused as _jax_fused

        monkeypatch.setattr(_jax_fused, "HUGE", BLOCK)
        monkeypatch.setattr(_jax_fused, "_BLOCK", BLOCK)


def point(shape=(4, 7)):
    """Return an x0 that every short dtype holds exactly."""
    return np.random.default_rng(0).integers(8, 24, shape) / 16


def func(arrays, x):
    """Adds up in float32 at least, so that the noise of half precision is that of x alone."""
    xp = arrays.xp
    wide = xp.astype(x, xp.float32) if arrays.dtype in ("float16", "bfloat16") else x
    return xp.sum(wide * wide * wide)


@pytest.mark.usefixtures("in_blocks")
class TestEveryLibrary:
    def errors(self, arrays, change, x0, seeds=range(6)):
        def grad(x):
            return 3 * x * x * arrays(change)

        return [random(partial(func, arrays), grad, arrays(x0), seed=seed) for seed in seeds]

    def test_right_and_wrong(self, arrays):
        x0 = point()
        size = float(np.linalg.norm(3 * x0**2))
        right = self.errors(arrays, np.ones_like(x0), x0)
        # Truncation: h / 2 times 6 * x summed over 28 entries, 84 h.
        assert max(right) < 8 * size * arrays.eps**0.5
        for where in ((0, 0), (1, 3), (3, 6)):  # of the first block, of one within, of the last
            change = np.ones_like(x0)
            change[where] = -60.0
            assert max(self.errors(arrays, change, x0)) > 2 * max(right)
        assert max(self.errors(arrays, np.full_like(x0, -1.0), x0)) > 2 * max(right)

    def test_several_values(self, arrays):
        x0 = point()

        def two(x):
            return arrays.xp.stack([func(arrays, x), 2 * func(arrays, x)])

        def jac(x, factor=2.0):
            return arrays.xp.stack([3 * x * x, factor * 3 * x * x])

        wrong = partial(jac, factor=-2.0)
        right = max(random(two, jac, arrays(x0), seed=seed) for seed in range(4))
        assert right < 20 * np.sqrt(arrays.eps) * np.linalg.norm(3 * x0**2)
        assert max(random(two, wrong, arrays(x0), seed=seed) for seed in range(4)) > 2 * right

    def test_entries_that_the_step_would_not_move(self, arrays):
        """Of one block, of none, of all."""
        for large in (np.s_[1, 2:4], np.s_[:0], np.s_[:]):
            x0 = point()
            x0[large] *= 2.0**10
            wide = arrays.dtype != "float16"
            x0 = x0 if wide else np.minimum(x0, 2.0**7)  # 3 x**2 is to be finite

            def total(x):
                return arrays.xp.sum(x if wide else arrays.xp.astype(x, arrays.xp.float32))

            def errors(factor, x0=x0, total=total):
                def grad(x):
                    return factor * arrays.xp.ones_like(x)

                return [
                    random(total, grad, arrays(x0), epsilon=2.0**-60, seed=seed)
                    for seed in range(4)
                ]

            right, wrong = errors(1.0), errors(-1.0)
            if arrays.dtype in ("float64", "float32"):
                assert max(right) < 0.05 * max(wrong)
            assert max(wrong) < 150  # 56 times the slope along a direction of ordinary length

    def test_x0_is_not_written_to(self, mutable):
        x0 = mutable(point())
        before = mutable.numpy(x0).copy()

        def vandal(x):
            y = func(mutable, x)
            x[...] = 0.0
            return y

        random(vandal, lambda x: 3 * x * x, x0, seed=0)
        np.testing.assert_array_equal(mutable.numpy(x0), before)

    def test_views_that_func_keeps(self, mutable):
        kept = []

        def keeper(x):
            kept.append(x)
            return func(mutable, x)

        found = random(keeper, lambda x: 3 * x * x, mutable(point()), seed=0)
        np.testing.assert_array_equal(mutable.numpy(kept[0]), point())
        assert (mutable.numpy(kept[1]) != point()).all()
        assert found == random(
            partial(func, mutable), lambda x: 3 * x * x, mutable(point()), seed=0
        )


@pytest.mark.library("numpy")
class TestNumPy:
    @pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
    @pytest.mark.parametrize("source", [{"seed": 3}, {"rng": 3}])
    def test_same_number_in_blocks(self, dtype, source, monkeypatch):
        """Blocks are a matter of memory: the stream of SciPy's direction is the same."""
        x0 = point((6, 9)).astype(dtype)

        def f(x):
            return (x.astype(float) ** 3).sum()

        whole = random(f, lambda x: 2 * x * x, x0, **source)
        monkeypatch.setattr(_numpy, "_BLOCK", BLOCK)
        found = random(f, lambda x: 2 * x * x, x0, **source)
        assert found == (whole if dtype == "float64" else pytest.approx(whole, rel=1e-12))

    @pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
    def test_memory(self, dtype):
        """A copy for each function, one at a time, beside the claim or the direction; no more."""
        x0 = point(2**19).astype(dtype)

        def f(x):
            return float(np.dot(x[:100], x[:100]))

        run = partial(random, f, lambda x: x + x, x0, seed=0)
        random(f, lambda x: x + x, x0[:100], seed=0)
        assert peak(run) < 2.25 * x0.nbytes  # SciPy: 3, in float64

    def test_memory_where_entries_stay(self):
        """... also if some entries have to be moved by other steps."""
        x0 = point(2**19)
        x0[::1000] *= 1e9
        run = partial(random, lambda x: float(x[0]), lambda x: x + x, x0, seed=0)
        assert peak(run) < 2.25 * x0.nbytes

    @pytest.mark.parametrize(("dtype", "most"), [("float64", 7), ("float32", 13)])
    def test_memory_of_a_verdict(self, dtype, most):
        """As long as x0 are the claim, what func sees, and arrays of single and half precision."""
        x0 = point(2**20).astype(dtype)

        def f(x):
            return float(np.dot(x.astype(float), x))

        def run():
            assert gradproof.verify_grad(f, lambda x: 2 * x, x0, seed=0).ok

        assert peak(run) < most * x0.nbytes  # in float32 two of them are func's own


class TestVerdictsInPasses:
    """Of so many entries that x0 is displaced a block at a time."""

    def verdict(self, arrays, x0, change, grad=None):
        def grad_of(x):
            return (3 * x * x if grad is None else grad(x)) * arrays(change)

        return gradproof.verify_grad(partial(func, arrays), grad_of, arrays(x0), seed=0)

    def test_right_and_wrong(self, wide):
        arrays, x0 = wide, point((2**9, 2**8))
        change = np.ones_like(x0)
        assert str(self.verdict(arrays, x0, change).verdict) == "pass"
        assert str(self.verdict(arrays, x0, -change).verdict) == "fail"
        change[100, 7] = 2e3
        wrong = self.verdict(arrays, x0, change)
        assert str(wrong.verdict) == "fail"
        assert "[100, 7]" in str(wrong)

    @pytest.mark.library("numpy")
    def test_entries_that_are_held_fixed(self):
        x0 = point(2**17)
        x0[70_000] = np.inf

        def f(x):
            return (x[x < 100] ** 3).sum()

        def grad(x, factor):
            return factor * np.where(x < 100, 3 * np.where(x < 100, x, 0.0) ** 2, 0.0)

        assert gradproof.verify_grad(f, partial(grad, factor=1.0), x0, seed=0).ok
        assert not gradproof.verify_grad(f, partial(grad, factor=1.01), x0, seed=0).ok

    @pytest.mark.library("numpy")
    def test_of_extreme_sizes(self):
        """What single precision has no numbers for is kept in double precision."""
        for size in (1e-60, 1e60):
            x0 = size * point(2**17)

            def f(x, size=size):
                return ((x / size) ** 3).sum()

            def grad(x, factor, size=size):
                return factor * 3 * (x / size) ** 2 / size

            assert gradproof.verify_grad(f, partial(grad, factor=1.0), x0, seed=0).ok
            assert not gradproof.verify_grad(f, partial(grad, factor=1.01), x0, seed=0).ok

    @pytest.mark.library("numpy")
    def test_leaves_and_claims_in_memory_that_is_used_again(self):
        x0 = {"a": point(2**16), "b": point((300, 200)).astype(np.float32), "c": np.ones(1)}
        claim = {name: np.empty_like(x) for name, x in x0.items()}

        def f(x):
            return sum((v.astype(float) ** 3).sum() for v in x.values())

        def grad(x, factor):
            for name, v in x.items():
                claim[name][...] = (factor if name == "b" else 1.0) * 3 * v**2
            return claim

        assert gradproof.verify_grad(f, partial(grad, factor=1.0), x0, seed=0).ok
        assert not gradproof.verify_grad(f, partial(grad, factor=1.2), x0, seed=0).ok


def peak(run):
    """Return the memory that a call takes at most; NumPy reports what its arrays take."""
    gc.collect()
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.library("jax")
class TestJAX:
    def setup_method(self):
        import jax
        import jax.numpy as jnp

        from gradproof._backends.jax import fused as _jax_fused

        self.jax, self.jnp, self.module = jax, jnp, _jax_fused
        self.x0 = jnp.asarray(point().astype(np.float32))

    def grad(self, x):
        return 2 * x * x  # of the cube: wrong by a third

    def test_the_plain_way_says_the_same(self, monkeypatch):
        """... along the same direction, which belongs to the seed."""
        cube = self.jax.jit(lambda x: (x * x * x).sum())
        plain = random(cube, self.grad, self.x0, seed=1)
        monkeypatch.setattr(self.module, "HUGE", BLOCK)
        monkeypatch.setattr(self.module, "_BLOCK", BLOCK)
        assert random(cube, self.grad, self.x0, seed=1) == pytest.approx(plain, rel=0.02)

    @pytest.mark.usefixtures("in_blocks")
    def test_one_program(self, monkeypatch):
        """func is compiled once, for both points, and not again in the next check."""
        from gradproof._backends.jax import traces

        made, original = [], traces._compiled

        def compiled(*args, **how):
            made.append(1)
            return original(*args, **how)

        monkeypatch.setattr(traces, "_compiled", compiled)
        monkeypatch.setattr(traces, "_KEPT", OrderedDict())
        jitted = self.jax.jit(lambda x: (x * x * x).sum())
        first = random(jitted, self.grad, self.x0, seed=1)
        assert random(jitted, self.grad, self.x0, seed=1) == first
        assert random(lambda x: (x * x * x).sum(), self.grad, self.x0, seed=1) == first
        assert len(made) <= 2  # of one inside of jit, and of one that is not

    @pytest.mark.usefixtures("in_blocks")
    @pytest.mark.parametrize("jitted_inside", [False, True])
    def test_what_func_closes_over_may_change(self, jitted_inside):
        """A program that is kept is not one of what func was before."""
        state = {"weight": self.jnp.ones_like(self.x0)}

        def weighted(x):
            if jitted_inside:  # a new one each time
                weight = state["weight"]
                return self.jax.jit(lambda x: (weight * x).sum())(x)
            return (state["weight"] * x).sum()

        def grad(x):
            return self.jnp.ones_like(x)

        assert random(weighted, grad, self.x0, seed=1) < 0.1
        state["weight"] = 3 * self.jnp.ones_like(self.x0)
        wrong = max(random(weighted, grad, self.x0, seed=seed) for seed in range(4))
        assert wrong > 1

    @pytest.mark.usefixtures("in_blocks")
    def test_extra_arguments(self):
        weight = 2 * self.jnp.ones_like(self.x0)

        def weighted(x, w, power):
            return (w * x**power).sum()

        right = random(weighted, lambda x, w, p: w * p * x ** (p - 1), self.x0, weight, 2, seed=1)
        assert right < 0.1
        assert random(weighted, lambda x, w, p: w * x, self.x0, weight, 2, seed=1) > right

    @pytest.mark.usefixtures("in_blocks")
    def test_func_that_cannot_be_traced(self):
        """It is called as it is, with arrays of x0's own kind."""
        seen = []

        def on_the_host(x):
            seen.append(x)
            return float(np.sum(np.asarray(x, dtype=np.float64) ** 3))

        assert random(on_the_host, lambda x: 3 * x * x, self.x0, seed=1) < 0.1
        assert sum(not isinstance(x, self.jax.core.Tracer) for x in seen) == 2
        assert random(on_the_host, lambda x: -3 * x * x, self.x0, seed=1) > 0.1

    @pytest.mark.usefixtures("in_blocks")
    def test_exceptions_are_those_of_the_plain_call(self):
        def broken(x):
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError) as caught:
            random(broken, self.grad, self.x0, seed=1)
        assert caught.value.__notes__ == ["gradproof: raised by func at x0"]

    @pytest.mark.usefixtures("in_blocks")
    @pytest.mark.filterwarnings("ignore:Some donated buffers were not usable")
    def test_donated(self):
        cube = self.jax.jit(lambda x: x * x * x, donate_argnums=0)
        square = self.jax.jit(lambda x: 3 * x * x, donate_argnums=0)
        assert random(lambda x: cube(x).sum(), lambda x: square(x), self.x0, seed=0) < 0.1
        assert not self.x0.is_deleted()

    @pytest.mark.usefixtures("in_blocks")
    def test_list_of_values(self):
        def two(x):
            return [(x * x).sum(), x.sum()]

        def jac(x):
            return self.jnp.stack([2 * x, self.jnp.ones_like(x)])

        assert random(two, jac, self.x0, seed=0) < 0.1
        assert random(two, lambda x: -jac(x), self.x0, seed=0) > 0.1

    @pytest.mark.usefixtures("in_blocks")
    def test_nothing_moves_by_implication(self):
        cube = self.jax.jit(lambda x: (x * x * x).sum())
        with self.jax.transfer_guard("disallow"):
            assert random(cube, self.jax.jit(lambda x: 3 * x * x), self.x0, seed=0) < 0.1

    def test_direction(self):
        """Magnitudes within a factor of two, random signs, other ones for other seeds."""
        words = self.jnp.asarray([1, 2], dtype=self.jnp.uint32)
        x = self.jnp.zeros((100, 1000), dtype=self.jnp.float32)
        v = np.asarray(self.module.random_entries(x, words))
        assert 0.66 < np.abs(v).min() < 0.67
        assert 1.33 < np.abs(v).max() < 1.34
        assert abs(np.sign(v).mean()) < 0.01
        assert abs(np.corrcoef(v[:, :-1].ravel(), v[:, 1:].ravel())[0, 1]) < 0.01
        assert abs(np.corrcoef(v[:-1].ravel(), v[1:].ravel())[0, 1]) < 0.01
        other = np.asarray(self.module.random_entries(x, words + np.uint32(1)))
        assert abs(np.corrcoef(v.ravel(), other.ravel())[0, 1]) < 0.01

    def test_eight_devices(self):
        """x0 stays sharded in func and claim; each device makes its part of the direction."""
        code = """
            import numpy as np, jax, jax.numpy as jnp
            from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
            from gradproof import check_grad
            from gradproof._backends.jax import fused as _jax_fused
            from tests.backends.test_native import Spy
            _jax_fused.HUGE = 8
            assert len(jax.devices()) == 8
            for kind in (AxisType.Auto, AxisType.Explicit):
                mesh = Mesh(np.array(jax.devices()).reshape(4, 2), ("a", "b"),
                            axis_types=(kind, kind))
                for spec in (("a", "b"), (("a", "b"),), (None, "a")):
                    sharding = NamedSharding(mesh, PartitionSpec(*spec))
                    x0 = np.linspace(1, 2, 64 * 8, dtype=np.float32).reshape(64, 8)
                    x0 = jax.device_put(x0, sharding)
                    func = Spy(jax.jit(lambda x: (x * x).sum()))
                    grad = Spy(jax.jit(lambda x: 2 * x))
                    with jax.transfer_guard("disallow"):
                        right = check_grad(func, grad, x0, direction="random", seed=1)
                        wrong = check_grad(func, lambda x: -grad(x), x0, direction="random",
                                           seed=1)
                    assert right < 0.5 < 4 < wrong, (right, wrong)
                    assert len(func.seen) == 2  # traced in each check, never called
                    called = [x for x in grad.seen if not isinstance(x, jax.core.Tracer)]
                    assert len(called) == 2
                    for x in called:
                        assert x.sharding.is_equivalent_to(sharding, 2)
                    # The whole of it is on no device, nor is any part made by another one.
                    put = lambda a: jax.device_put(a, NamedSharding(mesh, PartitionSpec()))
                    words, steps = np.array([1, 2], np.uint32), np.array([1, 1], np.float32)
                    moved = jax.jit(lambda x, w, s: _jax_fused._moved(x, w, s)[0])
                    program = moved.lower(x0, put(words), put(steps)).compile()
                    assert "all-" not in program.as_text()
                    v = program(x0, put(words), put(steps))
                    assert v.sharding.is_equivalent_to(sharding, 2), (v.sharding, sharding)
                    same = moved(jnp.asarray(np.asarray(x0)), jnp.asarray(words),
                                 jnp.asarray(steps))
                    np.testing.assert_array_equal(np.asarray(v), np.asarray(same))
            print("sharded")
        """
        env = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            capture_output=True,
            text=True,
            env=env,
            check=False,
        )
        assert done.stdout == "sharded\n", done.stderr[-2000:]


@pytest.mark.library("torch")
def test_shards_of_two_processes():
    """The recipe for DTensor and FSDP: one verdict on both processes, wrong on one is wrong."""
    example = Path(__file__).parents[2] / "docs" / "examples" / "sharded_torch.py"
    done = subprocess.run(
        [sys.executable, str(example)], capture_output=True, text=True, check=False, timeout=300
    )
    said = sorted(line.partition(" after")[0] for line in done.stdout.splitlines())
    expected = [f"process {rank}: {word}" for rank in (0, 1) for word in ("fail", "pass")]
    assert said == expected, done.stderr[-2000:]
