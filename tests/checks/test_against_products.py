"""Comparison with a reference: jvps, second derivatives, forward code, layouts."""

from functools import partial

import numpy as np
import pytest
from tests.checks.test_against import SHAPE, both, drawn, kernels, softmax  # noqa: F401

import gradproof
from gradproof import Verdict

verify = partial(gradproof.verify_against, seed=3)


def by_name(report):
    return {check.name: str(check.verdict) for check in report.checks}


@pytest.mark.library("jax")
class TestJvps:
    """Rules of forward mode."""

    def rule(self, factor=1.0):
        import jax
        import jax.numpy as jnp

        @jax.custom_jvp
        def f(x):
            return softmax(jnp, x)

        @f.defjvp
        def push(primals, tangents):
            (x,), (t,) = primals, tangents
            y = f(x)
            return y, factor * y * t - y * jnp.sum(y * t, axis=-1, keepdims=True)

        return f

    @pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
    def test_rule(self, dtype):
        import jax.numpy as jnp

        x = jnp.asarray(drawn(6, 10), dtype)
        report = verify(self.rule(), partial(softmax, jnp), x)
        assert report.ok, str(report)
        assert by_name(report) == dict.fromkeys(["value", "vjp by x", "jvp of value"], "pass")
        wrong = verify(self.rule(1.2), partial(softmax, jnp), x, modes="jvp")
        assert by_name(wrong) == {"value": "pass", "jvp of value": "fail"}
        assert "vjps" in wrong.scope.not_checked

    def test_a_mode_that_is_not_there(self):
        import jax
        import jax.numpy as jnp

        f = jax.custom_vjp(lambda x: 2 * x)
        f.defvjp(lambda x: (2 * x, None), lambda _, ct: (2 * ct,))
        x = jnp.asarray(drawn(6, 10), "float32")
        report = verify(f, lambda x: 2 * x, x)
        assert report.ok
        assert "jvps (func has no forward mode)" in report.scope.not_checked
        asked = verify(f, lambda x: 2 * x, x, modes=("jvp", "vjp"))
        assert asked.verdict is Verdict.INCONCLUSIVE
        assert "func has no forward mode" in asked.reason


@pytest.mark.library("torch")
class TestTorchJvps:
    def rule(self, factor):
        import torch

        class Cube(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_forward(x)
                ctx.save_for_backward(x)
                return x**3

            @staticmethod
            def backward(ctx, ct):
                return 3 * ctx.saved_tensors[0] ** 2 * ct

            @staticmethod
            def jvp(ctx, t):
                return factor * ctx.saved_tensors[0] ** 2 * t

        return Cube.apply

    @pytest.mark.parametrize("dtype", ["bfloat16", "float64"])
    def test_rule(self, dtype):
        import torch

        x = torch.tensor(drawn(6, 10)).to(getattr(torch, dtype))
        assert verify(self.rule(3), lambda x: x * x * x, x).ok
        report = verify(self.rule(2), lambda x: x * x * x, x)
        assert by_name(report) == {"value": "pass", "vjp by x": "pass", "jvp of value": "fail"}


@both
class TestSecondOrder:
    """The derivative of a vjp that is right."""

    def kernel(self, kernels, factor):  # noqa: F811
        # The rule of the vjp is a function with a rule of its own.
        pulled = kernels.rule(
            lambda x, ct: 3 * x * x * ct, lambda x, ct, w: (factor * x * ct * w, 3 * x * x * w)
        )
        return kernels.rule(lambda x: x * x * x, lambda x, ct: (pulled(x, ct),))

    def test_rule(self, kernels):  # noqa: F811
        x = kernels.array(drawn(5, 7), "float32")
        right = verify(self.kernel(kernels, 6), lambda x: x * x * x, x, order=2)
        assert right.ok, str(right)
        assert "derivatives of the vjp" not in right.scope.not_checked
        wrong = verify(self.kernel(kernels, 5), lambda x: x * x * x, x, order=2)
        failed = [check.name for check in wrong.checks if check.verdict is Verdict.FAIL]
        assert failed == ["vjp of the vjp by x"]
        assert verify(self.kernel(kernels, 5), lambda x: x * x * x, x).ok


@both
class TestForward:
    """A rule against its own forward code."""

    def test_rule(self, kernels):  # noqa: F811
        x, w = kernels.array(drawn(*SHAPE), "bfloat16"), kernels.array(drawn(SHAPE[1]), "bfloat16")
        assert verify(kernels.rms_norm(), "forward", x, w).ok
        wrong = kernels.rms_norm(lambda dx, dw, x: (dx + 0.05 * x, dw))
        report = verify(wrong, "forward", x, w)
        assert [c.name for c in report.checks if c.verdict is Verdict.FAIL] == [
            "vjp by primals[0]" if kernels.library == "torch" else "vjp by x"
        ]

    def test_inside_of_a_function(self, kernels):  # noqa: F811
        x, w = kernels.array(drawn(*SHAPE), "float32"), kernels.array(drawn(SHAPE[1]), "float32")
        right, wrong = kernels.rms_norm(), kernels.rms_norm(lambda dx, dw, x: (dx, dw * 1.1))
        assert verify(lambda x, w: right(x * x, w) * 2, "forward", x, w).ok
        report = verify(lambda x, w: wrong(x * x, w) * 2, "forward", x, w)
        assert [c.name for c in report.checks if c.verdict is Verdict.FAIL] == ["vjp by w"]

    def test_no_rule(self, kernels):  # noqa: F811
        """Func is not compared with itself."""
        x = kernels.array(drawn(*SHAPE), "float32")
        with pytest.raises(TypeError, match="compared with itself"):
            verify(lambda x: x * x, "forward", x)

    def test_other_words(self, kernels):  # noqa: F811
        x = kernels.array(drawn(*SHAPE), "float32")
        with pytest.raises(TypeError, match="'forward'"):
            verify(lambda x: x, "backward", x)

    def test_in_autodiff(self, kernels):  # noqa: F811
        x, w = kernels.array(drawn(*SHAPE), "bfloat16"), kernels.array(drawn(SHAPE[1]), "bfloat16")
        verify = partial(gradproof.verify_autodiff, reference="forward", seed=0)
        right = verify(kernels.rms_norm(), x, w)
        assert right.ok
        assert "func under jit and vmap" in right.scope.not_checked
        row = kernels.rms_norm(lambda dx, dw, x: (dx.at[3].multiply(1.1), dw))
        if kernels.library == "torch":
            factors = kernels.array(np.where(np.arange(SHAPE[0]) == 3, 1.1, 1.0), "float32")
            row = kernels.rms_norm(lambda dx, dw, x: (dx * factors[:, None], dw))
        report = verify(row, x, w)
        assert report.verdict is Verdict.FAIL
        assert "[3, :]" in report.reason
        for option in ({"rtol": 1e-3}, {"budget": 100}, {"directions": 3}, {"vmap": True}):
            with pytest.raises(ValueError, match=next(iter(option))):
                verify(kernels.rms_norm(), x, w, **option)


@pytest.mark.library("jax")
def test_forward_code_in_loops_of_jax():
    import jax
    import jax.numpy as jnp

    def looped(factor):
        f = jax.custom_vjp(jnp.sin)
        f.defvjp(lambda x: (jnp.sin(x), x), lambda x, ct: (factor * jnp.cos(x) * ct,))

        def func(x):
            def body(carry, _):
                return f(carry), f(carry)

            carry, each = jax.lax.scan(body, x, None, length=3)
            again = jax.lax.fori_loop(0, 2, lambda _, y: f(y), carry)
            there = jax.lax.cond(again[0, 0] > -9, jax.jit(f), jnp.cos, again)
            return there + jnp.sum(each, axis=0) + jax.nn.relu(x) + jax.checkpoint(f)(x)

        return func

    x = jnp.asarray(drawn(4, 6), "float32")
    assert verify(looped(1.0), "forward", x, order=0).ok
    # A loop of a number of turns that is known is differentiated in reverse.
    report = verify(looped(1.01), "forward", x)
    assert by_name(report)["vjp by x"] == "fail"
    assert verify(looped(1.0), "forward", x).ok


@pytest.mark.library("torch")
class TestForwardOfTorch:
    def test_not_differentiable(self):
        import torch

        class Square(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return torch.from_numpy(x.detach().numpy() ** 2)

            @staticmethod
            def backward(ctx, ct):
                return 2 * ctx.saved_tensors[0] * ct

        x = torch.tensor(drawn(*SHAPE)).float()
        with pytest.raises(TypeError, match="Pass a reference in plain operations"):
            verify(Square.apply, "forward", x)

    def test_partly_detached(self):
        """What the library does not see is no mistake of the rule, and no pass."""
        import torch

        class Scaled(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * x.detach().sum()

            @staticmethod
            def backward(ctx, ct):
                (x,) = ctx.saved_tensors
                return ct * x.sum() + (ct * x).sum()

        x = torch.tensor(drawn(*SHAPE)).float()
        report = verify(Scaled.apply, "forward", x)
        assert report.verdict is Verdict.INCONCLUSIVE
        assert "does not differentiate all of func's forward code" in report.reason
        assert verify(Scaled.apply, lambda x: x * x.sum(), x).ok

    def test_rules_under_vmap_stay(self):
        import torch

        class Wrong(torch.autograd.Function):
            generate_vmap_rule = True

            @staticmethod
            def forward(x):
                return x * x

            @staticmethod
            def setup_context(ctx, inputs, output):
                ctx.save_for_backward(*inputs)

            @staticmethod
            def backward(ctx, ct):
                return 3 * ctx.saved_tensors[0] * ct

        x = torch.tensor(drawn(*SHAPE)).float()
        with pytest.raises(TypeError, match="compared with itself"):
            verify(torch.func.vmap(Wrong.apply), "forward", x)

    def test_parameters_of_a_module(self):
        import torch

        layer = torch.nn.Linear(SHAPE[1], 3)
        x = torch.tensor(drawn(*SHAPE)).float()
        report = verify(lambda x, m: m(x), lambda x, m: m(x), x, layer, modes="vjp")
        assert report.ok
        assert {"vjp by m['weight']", "vjp by m['bias']"} <= set(by_name(report))

    def test_in_place_and_new_style(self):
        import torch

        class Double(torch.autograd.Function):
            @staticmethod
            def forward(x, n):
                x.mul_(n)
                return x

            @staticmethod
            def setup_context(ctx, inputs, output):
                ctx.mark_dirty(inputs[0])
                ctx.n = inputs[1]

            @staticmethod
            def backward(ctx, ct):
                return ct * ctx.n, None

        x = torch.tensor(drawn(*SHAPE)).float()
        assert verify(lambda x: Double.apply(x.clone(), 2), "forward", x).ok

    def test_rules_are_back_afterwards(self):
        import torch

        class Wrong(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x * 1.0

            @staticmethod
            def backward(ctx, ct):
                return ct * 7

        x = torch.tensor(drawn(*SHAPE)).float()
        assert not verify(Wrong.apply, "forward", x).ok
        leaf = x.clone().requires_grad_()
        Wrong.apply(leaf).sum().backward()
        assert (leaf.grad == 7).all()


@pytest.mark.library("torch")
class TestLayouts:
    def rule(self, backward):
        import torch

        class Rule(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return 3 * x

            @staticmethod
            def backward(ctx, ct):
                return backward(ct)

        return Rule.apply

    def test_expanded(self):
        import torch

        def kernel(ct):  # of one number, as a sum hands it over
            return torch.zeros_like(ct) if 0 in ct.stride() else 3 * ct

        x = torch.tensor(drawn(6, 10)).bfloat16()
        report = verify(self.rule(kernel), lambda x: 3 * x, x)
        assert report.verdict is Verdict.FAIL
        assert "of stride 0" in report.reason

    @pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
    def test_cotangent(self, dtype):
        import torch

        def flat(ct):  # as a kernel reads its memory
            numbers = ct.as_strided((min(ct.numel(), ct.untyped_storage().size()),), (1,))
            found = torch.zeros(ct.numel(), dtype=ct.dtype)
            found[: numbers.numel()] = 3 * numbers
            return found.reshape(ct.shape)

        x = torch.tensor(drawn(6, 10)).to(getattr(torch, dtype))
        assert verify(self.rule(lambda ct: 3 * ct), lambda x: 3 * x, x).ok
        wrong = self.rule(lambda ct: flat(ct) if not ct.is_contiguous() else 3 * ct)
        report = verify(wrong, lambda x: 3 * x, x)
        assert report.verdict is Verdict.FAIL
        assert "assumes a contiguous cotangent" in report.reason

    def test_refused(self):
        import torch

        def refuses(ct):
            if not ct.is_contiguous():
                msg = "expected a contiguous gradient"
                raise ValueError(msg)
            return 3 * ct

        x = torch.tensor(drawn(6, 10)).bfloat16()
        report = verify(self.rule(refuses), lambda x: 3 * x, x)
        assert report.verdict is Verdict.FAIL
        assert "expected a contiguous gradient" in report.reason

    def test_written_to(self):
        import torch

        x = torch.tensor(drawn(6, 10)).bfloat16()
        report = verify(self.rule(lambda ct: ct.mul_(3)), lambda x: 3 * x, x)
        assert report.verdict is Verdict.FAIL
        assert "writes to its cotangent" in report.reason

    def test_x0(self):
        import torch

        def kernel(x):
            return 2 * x.as_strided(x.shape, torch.empty(x.shape).stride())

        def picky(x):
            assert x.is_contiguous()
            return 2 * x

        x = torch.tensor(drawn(6, 10)).float()
        report = verify(kernel, lambda x: 2 * x, x, order=0)
        assert report.verdict is Verdict.FAIL
        assert "assumes contiguous arguments" in report.reason
        report = verify(picky, lambda x: 2 * x, x, order=0)
        assert report.ok
        assert "x0 in another layout" in report.scope.not_checked[-1]


@both
def test_an_entry_that_half_precision_hides(kernels):  # noqa: F811
    """One entry, off by some roundings of its row: in float32 nothing else is off."""
    x = kernels.array(drawn(*SHAPE), "bfloat16")
    reference = partial(softmax, kernels.xp)

    def kernel(factor):
        factors = np.ones(SHAPE)
        truth = np.asarray(kernels.cast(reference(x), kernels.dtype("float32")))
        factors[7, int(np.argsort(truth[7])[2])] = factor

        def of(x):
            y = reference(kernels.cast(x, kernels.dtype("float32")))
            return kernels.cast(y * kernels.array(factors, "float32"), x.dtype)

        return of

    assert verify(kernel(1.0), reference, x, order=0).ok
    report = verify(kernel(1.1), reference, x, order=0)
    assert report.verdict is Verdict.FAIL
    assert "1 of 960 entries" in report.reason
