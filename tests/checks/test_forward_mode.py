"""Forward mode: which modes were checked, and what is said of one that was not."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.examples import point
from tests.libraries import REQUIRED

from gradproof import Inconclusive, Verdict, verify_autodiff

if "torch" in REQUIRED:
    import torch
    from torch.autograd import forward_ad


def sine(factor, *, pushes=True):
    """Return a rule for a sine whose forward mode is off by a factor, or is not there."""

    class Sine(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            ctx.save_for_forward(x)
            return x.sin()

        @staticmethod
        def backward(ctx, ct):
            return ct * ctx.saved_tensors[0].cos()

        if pushes:

            @staticmethod
            def jvp(ctx, t):
                return factor * t * ctx.saved_tensors[0].cos()

    return Sine.apply


def operator(name, sign=1.0):
    """Return an operator of torch.library with a backward pass, and no forward mode."""

    @torch.library.custom_op(f"gradproof_tests::{name}", mutates_args=())
    def sin(x: torch.Tensor) -> torch.Tensor:
        return torch.sin(x)

    def saved(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    sin.register_autograd(
        lambda ctx, ct: sign * ct * ctx.saved_tensors[0].cos(), setup_context=saved
    )
    return sin


@pytest.fixture
def x():
    return torch.tensor(point(0, 4), dtype=torch.float64)


@pytest.mark.library("torch")
class TestThreads:
    """Torch has one dual level in a process: checks in several threads take turns."""

    def test_every_wrong_one_fails(self, x):
        def check(seed):
            return verify_autodiff(sine(1.5), x.clone(), seed=seed).verdict

        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(check, range(60))) == {Verdict.FAIL}

    def test_drop_in(self, x):
        from gradproof.compat.torch.first_order import gradcheck

        def check(_):
            given = x.clone().requires_grad_()
            return gradcheck(
                sine(1.0),
                given,
                check_forward_ad=True,
                check_batched_forward_grad=True,
                check_grad_dtypes=True,
            )

        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(check, range(40)))

    def test_waits_for_another_thread_of_the_user(self, x):
        entered, done = threading.Event(), threading.Event()

        def hold():
            with forward_ad.dual_level():
                entered.set()
                done.wait(0.5)

        thread = threading.Thread(target=hold)
        thread.start()
        entered.wait()
        try:
            report = verify_autodiff(sine(1.0), x, seed=0)
        finally:
            done.set()
            thread.join()
        assert report.ok
        assert not report.scope.not_checked

    def test_says_who_has_it(self, x, monkeypatch):
        from gradproof._backends.torch import forward as _torch_forward

        monkeypatch.setattr(_torch_forward, "_PATIENCE", 0.1)
        with (
            forward_ad.dual_level(),
            pytest.raises(RuntimeError, match=r"one dual level at a time.*outside of them"),
        ):
            verify_autodiff(torch.sin, x, seed=0)
        assert verify_autodiff(torch.sin, x, seed=0).ok


@pytest.mark.library("torch")
class TestFuncOfItsOwn:
    """A func that uses forward mode itself: nested by torch.func, or said to be not checked."""

    def test_nested(self, x):
        def slope(rule):
            return lambda x: torch.func.jvp(rule, (x,), (torch.ones_like(x),))[1]

        report = verify_autodiff(slope(torch.sin), x, seed=0)
        assert report.ok
        assert not report.scope.not_checked
        assert "jvp" in [check.name for check in report.checks]

    def test_not_to_be_nested(self, x):
        def slope(x):
            with forward_ad.dual_level():
                dual = forward_ad.make_dual(x, torch.ones_like(x))
                return forward_ad.unpack_dual(torch.sin(dual)).tangent

        report = verify_autodiff(slope, x, seed=0)
        assert report.ok
        assert report.scope.not_checked == ("forward mode (func has none)",)
        report = verify_autodiff(slope, x, seed=0, modes=("jvp", "vjp"))
        assert report.verdict is Verdict.INCONCLUSIVE
        assert "uses forward mode itself" in report.reason


@pytest.mark.library("torch")
class TestWithoutOne:
    def test_asked_for_by_name(self, x):
        func = sine(1.0, pushes=False)
        report = verify_autodiff(func, x, seed=0)
        assert report.ok
        assert report.scope.not_checked == ("forward mode (func has none)",)
        report = verify_autodiff(func, x, seed=0, modes=("vjp", "jvp"))
        assert report.verdict is Verdict.INCONCLUSIVE
        assert "jvp: func has no forward mode" in report.reason
        assert verify_autodiff(func, x, seed=0, modes="vjp").ok
        with pytest.raises(NotImplementedError, match="jvp"):
            verify_autodiff(func, x, seed=0, modes="jvp")

    def test_of_an_operator(self, x):
        others = torch.linspace(2.0, 3.0, 3, dtype=torch.float64)[:, None]
        report = verify_autodiff(lambda x: torch.cdist(x[:, None], others, p=1.0), x, seed=0)
        assert report.ok
        assert report.scope.not_checked == ("forward mode (func has none)",)

    @pytest.mark.parametrize("kind", [RuntimeError, ValueError, TypeError])
    def test_an_error_of_a_rule_is_not_taken_for_it(self, x, kind):
        class Broken(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return 2 * x

            @staticmethod
            def backward(ctx, ct):
                return 2 * ct

            @staticmethod
            def jvp(ctx, t):
                msg = "the jvp needs forward mode AD of what was saved"
                raise kind(msg)

        with pytest.raises(kind, match="of what was saved"):
            verify_autodiff(Broken.apply, x, seed=0)


@pytest.mark.library("torch")
class TestOperators:
    """An operator with `register_autograd` alone: torch returns tangents of zero for it."""

    @pytest.mark.filterwarnings("ignore:There is a performance drop")
    @pytest.mark.parametrize("part", ["all", "sum", "vmap"])
    @pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
    def test_right(self, x, part, dtype):
        sin = operator(f"right_{part}_{dtype}")
        func = {
            "all": sin,
            "sum": lambda x: sin(x) + x**2,
            "vmap": lambda x: torch.func.vmap(sin)(x),
        }[part]
        x = x.to(getattr(torch, dtype))
        report = verify_autodiff(func, x, seed=0)
        assert report.ok, str(report)
        (words,) = report.scope.not_checked
        assert words.startswith("forward mode (gradproof_tests::right")
        assert "zero" in words
        for modes in (("vjp", "jvp"), "jvp"):
            report = verify_autodiff(func, x, seed=0, modes=modes)
            assert report.verdict is Verdict.INCONCLUSIVE, str(report)
            assert "gradproof_tests::right" in report.reason

    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    def test_wrong(self, x, dtype):
        x = x.to(getattr(torch, dtype))
        report = verify_autodiff(operator(f"wrong_{dtype}", -1.0), x, seed=0)
        assert report.verdict is Verdict.FAIL

    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    def test_a_rule_that_returns_zeros_is_wrong(self, x, dtype):
        """Also where an operator is called inside of it, whose forward mode is not asked for."""
        sin = operator(f"inside_{dtype}")

        class Zero(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return sin(x)

            @staticmethod
            def backward(ctx, ct):
                return ct * ctx.saved_tensors[0].cos()

            @staticmethod
            def jvp(ctx, t):
                return torch.zeros_like(t)

        x = x.to(getattr(torch, dtype))
        for func in (Zero.apply, sine(0.0), lambda x: x + Zero.apply(x)):
            report = verify_autodiff(func, x, seed=0)
            assert report.verdict is Verdict.FAIL
            assert not report.scope.not_checked

    def test_drop_in(self, x):
        from gradproof.compat.torch.first_order import gradcheck

        sin, x = operator("drop_in"), x.requires_grad_()
        assert gradcheck(sin, x)
        with pytest.raises(Inconclusive, match="gradproof_tests::drop_in has none"):
            gradcheck(sin, x, check_forward_ad=True)


@pytest.mark.library("jax")
def test_asked_for_by_name_of_jax():
    import jax
    import jax.numpy as jnp

    func = jax.custom_vjp(jnp.sin)
    func.defvjp(lambda x: (jnp.sin(x), x), lambda x, ct: (ct * jnp.cos(x),))
    x = jnp.linspace(0.5, 1.5, 4)
    report = verify_autodiff(func, x, seed=0)
    assert report.ok
    assert report.scope.not_checked == ("forward mode (func has none)",)
    report = verify_autodiff(func, x, seed=0, modes=("vjp", "jvp"))
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "jvp: func has no forward mode" in report.reason


@pytest.mark.library("jax")
def test_zeros_of_jax_are_wrong():
    import jax
    import jax.numpy as jnp

    func = jax.custom_jvp(jnp.sin)
    func.defjvp(lambda primals, tangents: (jnp.sin(*primals), jnp.zeros_like(*tangents)))
    report = verify_autodiff(func, jnp.linspace(0.5, 1.5, 4), seed=0)
    assert report.verdict is Verdict.FAIL
    assert not report.scope.not_checked
