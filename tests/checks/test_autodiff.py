"""verify_autodiff: custom rules of JAX and PyTorch, right ones and ones with a planted mistake."""

from functools import partial

import numpy as np
import pytest
from tests import examples as claims

import gradproof
from gradproof import Verdict

verify_autodiff = partial(gradproof.verify_autodiff, seed=0)

X = claims.point(0, 8)
#: What people get wrong in ``x**3 + y * x``, as a change to its derivative ``(3 x**2 + y, x)``.
MISTAKES = {
    "sign": lambda dx, dy: (-dx, dy),
    "factor": lambda dx, dy: (2 * dx, dy),
    "dropped term": lambda dx, dy: (dx, 0 * dy),
    "swapped": lambda dx, dy: (dy, dx),
    "mean for sum": lambda dx, dy: (dx / 8, dy / 8),
    "NaN": lambda dx, dy: (dx * float("nan"), dy),
}


def right(dx, dy):
    return dx, dy


def checks(report):
    return {check.name: check.verdict for check in report.checks}


def test_no_autodiff():
    with pytest.raises(TypeError, match="no automatic differentiation is known for arrays of"):
        verify_autodiff(np.sin, X)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [({"modes": ("fwd",)}, "modes="), ({"modes": ()}, "modes="), ({"order": 0}, "order=0")],
)
def test_out_of_range(keywords, words):
    with pytest.raises(ValueError, match=words):
        verify_autodiff(np.sin, X, **keywords)


@pytest.mark.library("jax")
class TestJAX:
    def arrays(self, dtype):
        import jax.numpy as jnp

        return jnp.asarray(X, dtype=dtype), jnp.asarray(claims.point(1, 8), dtype=dtype)

    def rule(self, change, mode):
        import jax

        def func(x, y):
            return x**3 + y * x

        if mode == "vjp":
            custom = jax.custom_vjp(func)

            def backward(saved, ct):
                x, y = saved
                return tuple(ct * d for d in change(3 * x**2 + y, x))

            custom.defvjp(lambda x, y: (func(x, y), (x, y)), backward)
            return custom
        custom = jax.custom_jvp(func)

        @custom.defjvp
        def _(primals, tangents):
            x, y = primals
            dx, dy = change(3 * x**2 + y, x)
            return func(x, y), dx * tangents[0] + dy * tangents[1]

        return custom

    @pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
    @pytest.mark.parametrize("mode", ["vjp", "jvp"])
    def test_right(self, mode, dtype):
        report = verify_autodiff(self.rule(right, mode), *self.arrays(dtype), argnums=(0, 1))
        unsure = dtype != "float32" and report.verdict is Verdict.INCONCLUSIVE
        assert report.ok or unsure, str(report)
        if mode == "vjp":
            assert "not checked: forward mode (func has none)" in str(report)
        assert checks(report)["under vmap"] == "pass"

    @pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
    @pytest.mark.parametrize("mode", ["vjp", "jvp"])
    @pytest.mark.parametrize("mistake", MISTAKES)
    def test_wrong(self, mistake, mode, dtype):
        func = self.rule(MISTAKES[mistake], mode)
        report = verify_autodiff(func, *self.arrays(dtype), argnums=(0, 1))
        unsure = dtype != "float32" and report.verdict is Verdict.INCONCLUSIVE
        assert report.verdict is Verdict.FAIL or unsure, str(report)

    def test_value_of_the_rule(self):
        import jax

        custom = jax.custom_vjp(lambda x: x**2)
        custom.defvjp(lambda x: (x**2 + 0.5, x), lambda x, ct: (2 * x * ct,))
        report = verify_autodiff(custom, self.arrays("float32")[0])
        assert checks(report)["value of the vjp"] == "fail"

    def test_forward_against_reverse(self):
        """A rule that is wrong in forward mode is as wrong in the vjp that JAX makes of it."""
        import jax
        import jax.numpy as jnp

        custom = jax.custom_jvp(jnp.sin)

        @custom.defjvp
        def _(primals, tangents):
            return jnp.sin(primals[0]), 1.5 * jnp.cos(primals[0]) * tangents[0]

        assert verify_autodiff(custom, self.arrays("float32")[0]).verdict is Verdict.FAIL

    def test_nondiff_argnums(self):
        import jax

        def build(factor):
            custom = jax.custom_vjp(lambda n, x: x**n, nondiff_argnums=(0,))
            custom.defvjp(
                lambda n, x: (x**n, x), lambda n, x, ct: (factor * n * x ** (n - 1) * ct,)
            )
            return custom

        x = self.arrays("float32")[0]
        assert verify_autodiff(build(1.0), 3, x, argnums=1).ok
        assert verify_autodiff(build(1.5), 3, x, argnums=1).verdict is Verdict.FAIL

    def test_second_order(self):
        import jax

        def build(factor):
            @jax.custom_jvp
            def slope(x):
                return 3 * x**2

            slope.defjvp(lambda p, t: (slope(*p), factor * 6 * p[0] * t[0]))
            custom = jax.custom_vjp(lambda x: x**3)
            custom.defvjp(lambda x: (x**3, x), lambda x, ct: (slope(x) * ct,))
            return custom

        x = self.arrays("float32")[0]
        assert verify_autodiff(build(2.0), x).ok
        assert verify_autodiff(build(1.0), x, order=2).ok
        report = verify_autodiff(build(2.0), x, order=2)
        assert report.verdict is Verdict.FAIL
        assert checks(report)["order 2 vjp"] == "fail"

    def test_forward_mode_alone(self):
        import jax

        with pytest.raises(TypeError, match="forward-mode"):
            verify_autodiff(
                self.rule(right, "vjp"), *self.arrays("float32"), argnums=(0, 1), modes=("jvp",)
            )
        assert jax.config.jax_enable_x64 in (True, False)

    def test_result_without_history(self):
        with pytest.raises(TypeError, match="which no automatic differentiation follows"):
            verify_autodiff(lambda x: np.float64(3.0), self.arrays("float32")[0])


@pytest.mark.library("torch")
class TestTorch:
    def arrays(self, dtype):
        import torch

        return (torch.tensor(v, dtype=getattr(torch, dtype)) for v in (X, claims.point(1, 8)))

    def rule(self, change, *, old=True, pushes=False):
        import torch

        def derivative(x, y):
            return change(3 * x**2 + y, x)

        class Rule(torch.autograd.Function):
            generate_vmap_rule = not old

            if old:

                @staticmethod
                def forward(ctx, x, y, name):
                    ctx.save_for_backward(x, y)
                    ctx.save_for_forward(x, y)
                    return x**3 + y * x

            else:

                @staticmethod
                def forward(x, y, name):  # type: ignore[misc]
                    return x**3 + y * x

                @staticmethod
                def setup_context(ctx, inputs, output):
                    ctx.save_for_backward(*inputs[:2])
                    ctx.save_for_forward(*inputs[:2])

            @staticmethod
            def backward(ctx, ct):
                dx, dy = derivative(*ctx.saved_tensors)
                return ct * dx, ct * dy, None

            if pushes:

                @staticmethod
                def jvp(ctx, tx, ty, _):
                    dx, dy = derivative(*ctx.saved_tensors)
                    return dx * tx + dy * ty

        return lambda x, y: Rule.apply(x, y, "name")

    @pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
    @pytest.mark.parametrize("old", [True, False])
    def test_right(self, old, dtype):
        func = self.rule(right, old=old, pushes=True)
        report = verify_autodiff(func, *self.arrays(dtype), argnums=(0, 1), vmap=not old)
        unsure = dtype[0] != "f" and report.verdict is Verdict.INCONCLUSIVE
        assert report.ok or unsure, str(report)
        assert checks(report)["forward against reverse"] == "pass"

    @pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
    @pytest.mark.parametrize("old", [True, False])
    @pytest.mark.parametrize("mistake", MISTAKES)
    def test_wrong(self, mistake, old, dtype):
        func = self.rule(MISTAKES[mistake], old=old)
        report = verify_autodiff(func, *self.arrays(dtype), argnums=(0, 1))
        unsure = dtype not in ("float64", "float32") and report.verdict is Verdict.INCONCLUSIVE
        assert report.verdict is Verdict.FAIL or unsure, str(report)

    def test_none_is_a_gradient_of_zero(self):
        import torch

        class Rule(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x, y):
                ctx.save_for_backward(x, y)
                return (x * y).sum()

            @staticmethod
            def backward(ctx, ct):
                _, y = ctx.saved_tensors
                return ct * y, None

        x, y = self.arrays("float64")
        assert verify_autodiff(Rule.apply, x, y, argnums=0).ok
        assert verify_autodiff(Rule.apply, x, y).verdict is Verdict.FAIL

    def test_module(self):
        import torch

        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
        net = net.double()
        before = [p.detach().clone() for p in net.parameters()]
        x = torch.randn(5, 3, dtype=torch.float64)
        assert verify_autodiff(lambda m, x: m(x), net, x, order=2).ok

        def wrong(m, x):
            gradients = torch.autograd.grad((m(x) ** 2).sum(), list(m.parameters()))
            found = dict(zip(dict(m.named_parameters()), gradients, strict=True))
            found["2.weight"] = found["2.weight"].clone()
            found["2.weight"][1, 3] *= -1
            return found

        report = gradproof.verify_grad(lambda m, x: (m(x) ** 2).sum(), wrong, net, x, seed=0)
        assert report.verdict is Verdict.FAIL
        assert report.worst(1)[0]["name"] == "['2.weight'][1, 3]"
        after = list(net.parameters())
        assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))

    def test_several_outputs(self):
        import torch

        class Rule(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x, factor):
                ctx.save_for_backward(x)
                ctx.factor = factor
                return x.sin(), x.sum()

            @staticmethod
            def backward(ctx, ct, total):
                (x,) = ctx.saved_tensors
                return ct * x.cos() + ctx.factor * total, None

        x, _ = self.arrays("float64")
        assert verify_autodiff(lambda x: Rule.apply(x, 1.0), x).ok
        report = verify_autodiff(lambda x: {"a": Rule.apply(x, 1.1)}, x)
        assert report.verdict is Verdict.FAIL
