"""gradproof.compat.torch: what the original accepts passes, and what it overlooks is found."""

import inspect
import math

import numpy as np
import pytest
from tests.examples import in_table
from tests.libraries import REQUIRED

from gradproof import Inconclusive, verify_autodiff, verify_vjp

if "torch" in REQUIRED:
    import torch
    from tests import torch_ops as ops
    from tests.torch_ops import MISTAKES, OPS, Once, PlainSquare, Sine, Square, Undefined
    from torch.nn import functional as fn

    from gradproof.compat.torch import GradcheckError
    from gradproof.compat.torch.first_order import gradcheck
    from gradproof.compat.torch.second_order import gradgradcheck

    original = torch.autograd.gradcheck
    SOME = ["sin", "matmul", "softmax", "sum", "sort", "layer_norm", "attention", "cross_entropy"]
else:
    OPS, MISTAKES, SOME = {}, {}, []

pytestmark = pytest.mark.library("torch")

DTYPES = ["float64", "float32", "bfloat16"]


@pytest.fixture(autouse=True)
def _seeded():
    """Give every test the same numbers, whatever ran before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def leaf(*shape, dtype="float64"):
    """Return a tensor of normal numbers that requires a gradient."""
    return torch.randn(shape, dtype=torch.float64).to(getattr(torch, dtype)).requires_grad_()


def refused(func, inputs, **options):
    """Return the text with which a check fails; also where False is asked for in its place."""
    assert gradcheck(func, inputs, raise_exception=False, **options) is False
    with pytest.raises(GradcheckError) as caught:
        gradcheck(func, inputs, **options)
    return str(caught.value)


class TestSignature:
    @pytest.mark.parametrize("name", ["gradcheck", "gradgradcheck"])
    def test_parameters(self, name):
        import gradproof.compat.torch as ours

        own, theirs = (
            inspect.signature(getattr(module, name)).parameters for module in (ours, torch.autograd)
        )
        assert [(p.name, p.kind) for p in own.values()] == [
            (p.name, p.kind) for p in theirs.values()
        ]
        for parameter in own.values():
            # None: judged without a tolerance.
            wanted = None if parameter.name in ("eps", "atol", "rtol") else parameter.default
            assert parameter.default == wanted
            if parameter.name not in ("eps", "atol", "rtol"):
                assert parameter.default == theirs[parameter.name].default

    def test_exception(self):
        assert GradcheckError is sys_module("torch.autograd.gradcheck").GradcheckError

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ({"check_backward_ad": False}, "at least one"),
            (
                {"check_backward_ad": False, "check_forward_ad": True, "check_batched_grad": True},
                "requires check_backward_ad",
            ),
            ({"check_batched_forward_grad": True}, "requires check_forward_ad"),
        ],
    )
    def test_gradcheck_that_checks_nothing(self, options, text):
        for check in (gradcheck, original):
            with pytest.raises(AssertionError, match=text):
                check(torch.sin, leaf(3), **options)

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ({"check_rev_over_rev": False}, "at least one"),
            ({"check_rev_over_rev": False, "check_fwd_over_rev": True}, "check_undefined_grad"),
            (
                {
                    "check_rev_over_rev": False,
                    "check_fwd_over_rev": True,
                    "check_undefined_grad": False,
                    "check_batched_grad": True,
                },
                "check_batched_grad",
            ),
        ],
    )
    def test_gradgradcheck_that_checks_nothing(self, options, text):
        for check in (gradgradcheck, torch.autograd.gradgradcheck):
            with pytest.raises(AssertionError, match=text):
                check(torch.sin, leaf(3), **options)


def sys_module(name):
    import sys

    return sys.modules[name]


class TestRight:
    """Derivatives that autograd computes right pass, in dtypes where the original has none pass."""

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_operations(self, dtype):
        unresolved = []
        # The original checks them in float64 too: a third of them says that we do.
        for name, op in list(OPS.items())[:: 3 if dtype == "float64" else 1]:
            given = ops.inputs(op, getattr(torch, dtype))
            if dtype == "bfloat16" and name in ops.NOT_IN_HALF:
                continue
            try:
                assert gradcheck(op.func, given)
            except Inconclusive:
                unresolved.append(name)
        # A loss in bfloat16 has 8 bits for the sum of what its inputs do.
        assert len(unresolved) <= (16 if dtype == "bfloat16" else 0), unresolved

    @pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
    def test_no_tolerance_needed(self, dtype):
        x = leaf(3, 4, dtype=dtype)
        with pytest.warns(UserWarning, match="double precision"), pytest.raises(GradcheckError):
            original(torch.sin, x)
        assert gradcheck(torch.sin, x)

    @pytest.mark.parametrize("name", ["sin", "matmul", "softmax", "logsumexp", "linear", "div"])
    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    def test_second_derivatives(self, name, dtype):
        given = ops.inputs(OPS[name], getattr(torch, dtype))
        assert gradgradcheck(OPS[name].func, given, check_fwd_over_rev=True)

    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    def test_all_modes(self, dtype):
        options = dict.fromkeys(
            ["forward_ad", "batched_grad", "batched_forward_grad", "grad_dtypes"], True
        )
        options = {f"check_{name}": value for name, value in options.items()}
        assert gradcheck(
            torch.matmul, (leaf(3, 4, dtype=dtype), leaf(4, 2, dtype=dtype)), **options
        )

    @pytest.mark.parametrize("dtype", ["complex64", "complex128"])
    def test_complex(self, dtype):
        x = torch.randn(4, dtype=getattr(torch, dtype)).requires_grad_()
        for func in (torch.sin, torch.abs, torch.conj, lambda x: x * x.conj(), torch.fft.fft):
            assert gradcheck(func, x, check_forward_ad=True)
        assert gradcheck(torch.fft.rfft, leaf(6))
        assert gradgradcheck(torch.sin, x)

        assert "fail" in refused(PlainSquare.apply, x)

    @pytest.mark.parametrize("fast_mode", [False, True])
    def test_large(self, fast_mode):
        x = torch.linspace(0.1, 1.4, 500, dtype=torch.float64, requires_grad=True)
        assert gradcheck(torch.sin, x, fast_mode=fast_mode)


class TestWrong:
    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("mistake", MISTAKES)
    @pytest.mark.parametrize("name", SOME)
    def test_planted(self, name, mistake, dtype):
        op = OPS[name]
        given = ops.inputs(op, getattr(torch, dtype))
        if not ops.changes(op, mistake, given):
            assert (name, mistake) in {("sum", "rolled"), ("sum", "transposed")}
            return
        expected = (GradcheckError, Inconclusive) if dtype == "bfloat16" else GradcheckError
        with pytest.raises(expected):
            gradcheck(ops.wrong(op, mistake), given)

    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_term_of_all_results(self, seed):
        """Where a grad_output happens to sum to little, half precision needs another one."""
        torch.manual_seed(seed)
        given = ops.inputs(OPS["cat"], torch.bfloat16)
        with pytest.raises((GradcheckError, Inconclusive)):
            gradcheck(ops.wrong(OPS["cat"], "dropped term"), given)

    def test_the_same_in_every_run(self):
        """`torch.initial_seed()` is another one in each process."""
        texts = set()
        for seed in (1, 2):
            torch.manual_seed(seed)
            x = torch.linspace(0.1, 1.4, 10, dtype=torch.float64, requires_grad=True)
            texts.add(refused(lambda x: Sine.apply(x, 1.0, 0.5, 0.0), x))
        assert len(texts) == 1

    def test_one_entry_of_many(self):
        """The original's fast mode projects, and misses one entry that is off by 1."""
        x = torch.linspace(0.1, 1.4, 1000, dtype=torch.float64, requires_grad=True)

        def func(x):
            return Sine.apply(x, 1.0, 0.0, 1.0)

        assert original(func, x, fast_mode=True)
        for fast_mode in (True, False):
            assert in_table(refused(func, x, fast_mode=fast_mode), "inputs[0][0]")

    @pytest.mark.parametrize("factor", [-1.0, -2.0, 1.0])
    def test_small_gradients(self, factor):
        """The original ignores a gradient below its atol of 1e-5, whatever is wrong with it."""
        x = torch.linspace(0.1, 1.4, 10, dtype=torch.float64, requires_grad=True)

        def func(x):
            return Sine.apply(x, 9e-6 / 2, factor, 0.0)

        assert original(func, x)
        refused(func, x)

    def test_zero_gradient(self):
        x = torch.linspace(0.1, 1.4, 10, dtype=torch.float64, requires_grad=True)

        def func(x):
            return Sine.apply(x, 9e-6, -1.0, 0.0)

        assert original(func, x)
        refused(func, x)

    def test_relative_error(self):
        """The original accepts 0.09 %, its rtol being 1e-3."""
        x = torch.linspace(0.1, 1.4, 10, dtype=torch.float64, requires_grad=True)

        def func(x):
            return Sine.apply(x, 1.0, 9e-4, 0.0)

        assert original(func, x)
        refused(func, x)

    def test_second_derivative(self):
        def func(x):
            return Square.apply(x, "second")

        assert gradcheck(func, leaf(4))
        assert gradgradcheck(func, leaf(4), raise_exception=False) is False
        with pytest.raises(GradcheckError, match=r"grad_outputs\[0\]|inputs\[0\]|along the claim"):
            gradgradcheck(func, leaf(4))

    def test_says_that_it_is_about_the_second(self):
        with pytest.raises(
            GradcheckError, match="^fail: second derivative: the gradient by"
        ) as caught:
            gradgradcheck(lambda x: Square.apply(x, "second"), leaf(4))
        assert "save something that was computed in forward" in str(caught.value)
        report = verify_autodiff(
            lambda x: Square.apply(x, "second"), leaf(4).detach(), order=2, seed=0
        )
        assert report.verdict == "fail"
        assert any("save something" in remark for remark in report.remarks)
        report = verify_autodiff(lambda x: Sine.apply(x, 1.0, 0.5, 0.0), leaf(4).detach(), seed=0)
        assert not any("save something" in remark for remark in report.remarks)

    def test_forward_mode(self):
        def func(x):
            return Square.apply(x, "forward")

        assert gradcheck(func, leaf(4))
        assert "jvp" in refused(func, leaf(4), check_forward_ad=True)
        assert "jvp" in refused(func, leaf(4), check_forward_ad=True, check_backward_ad=False)

    def test_names(self):
        def func(x, rest):
            return x * Sine.apply(rest["w"], 1.0, 0.0, 0.1)

        text = refused(func, (leaf(30), {"w": leaf(30)}))
        assert in_table(text, "inputs[1]['w'][0]")


class TestRules:
    """What the original checks beside the numbers."""

    def test_determinism(self):
        def func(x):
            return Square.apply(x, "random")

        assert "reentrant" in refused(func, leaf(4))
        assert gradcheck(func, leaf(4), nondet_tol=1e-6)

    def test_not_multiplied(self):
        assert "not multiplied by grad_output" in refused(
            lambda x: Square.apply(x, "constant"), leaf(4)
        )

    def test_undefined(self):
        assert "undefined grad_output" in refused(Undefined.apply, leaf(4))
        assert gradcheck(Undefined.apply, leaf(4), check_undefined_grad=False)

    def test_batched(self):
        def func(x):
            return Square.apply(x, "vmap")

        assert gradcheck(func, leaf(4))
        assert "transform" in refused(func, leaf(4), check_batched_grad=True)

    def test_sparse_gradient(self):
        def func(w):
            return fn.embedding(torch.tensor([0, 1]), w, sparse=True)

        assert "incorrect layout" in refused(func, leaf(3, 2))

    def test_no_forward_mode(self):
        with pytest.raises(NotImplementedError):
            gradcheck(Once.apply, leaf(4), check_forward_ad=True)

    def test_once_differentiable(self):
        assert gradcheck(Once.apply, leaf(4))
        with pytest.raises(GradcheckError, match="once_differentiable"):
            gradgradcheck(Once.apply, leaf(4))

    def test_undefined_tangent(self):
        class Shifted(torch.autograd.Function):  # takes None for a tangent of ones
            @staticmethod
            def forward(ctx, x, y):
                ctx.set_materialize_grads(False)
                return x + y

            @staticmethod
            def backward(ctx, ct):
                return ct, ct

            @staticmethod
            def jvp(ctx, s, t):
                return (1 if s is None else s) + (1 if t is None else t)

        given = leaf(3), leaf(3)
        assert "undefined tangent" in refused(Shifted.apply, given, check_forward_ad=True)
        assert gradcheck(Shifted.apply, given, check_forward_ad=True, check_undefined_grad=False)

    def test_random(self):
        """Dropout has no slope to compare with: not a wrong derivative, and nothing that passes."""
        for flag in (True, False):
            with pytest.raises(Inconclusive):
                gradcheck(lambda x: fn.dropout(x, 0.5), leaf(20), raise_exception=flag)


class TestTolerances:
    """Given, they excuse what the original would accept; they never convict."""

    def func(self, x):
        return Sine.apply(x, 1.0, 1e-2, 0.0)

    @pytest.mark.parametrize(
        "tolerances", [{"rtol": 2e-2}, {"atol": 0.1}, {"atol": 0.1, "eps": 1e-4}]
    )
    def test_excuse(self, tolerances):
        x = torch.linspace(0.1, 1.4, 10, dtype=torch.float64, requires_grad=True)
        with pytest.warns(UserWarning, match="but wrong"):
            assert gradcheck(self.func, x, **tolerances)

    @pytest.mark.parametrize(
        "tolerances", [{"rtol": 1e-3}, {"atol": 1e-4}, {"eps": 1e-3}, {"eps": 1e-6, "atol": 1e-4}]
    )
    def test_do_not_excuse(self, tolerances):
        x = torch.linspace(0.1, 1.4, 10, dtype=torch.float64, requires_grad=True)
        refused(self.func, x, **tolerances)

    def test_never_convict(self):
        assert gradcheck(torch.sin, leaf(3, 4, dtype="float32"), eps=1e-6, atol=1e-5, rtol=1e-3)

    def test_no_projection(self):
        x = torch.linspace(0.1, 1.4, 100, dtype=torch.float64, requires_grad=True)
        refused(lambda x: Sine.apply(x, 1.0, 0.0, 1.0), x, fast_mode=True, atol=1e-2)

    def test_other_mistakes_stay(self):
        refused(lambda x: Square.apply(x, "constant"), leaf(4), atol=1e3)
        refused(Undefined.apply, leaf(4), atol=1e3)

    def test_forward_mode(self):
        def func(x):
            return Square.apply(x, "forward")

        options = {"check_forward_ad": True, "check_backward_ad": False}
        with pytest.warns(UserWarning, match="but wrong"):
            assert gradcheck(func, leaf(4), rtol=0.6, **options)
        refused(func, leaf(4), rtol=0.4, **options)

    def test_complex(self):
        x = torch.randn(3, dtype=torch.complex128).requires_grad_()

        class Wrong(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * x

            @staticmethod
            def backward(ctx, ct):
                return 2.02 * ctx.saved_tensors[0].conj() * ct

        with pytest.warns(UserWarning, match="but wrong"):
            assert gradcheck(Wrong.apply, x, rtol=0.02, atol=1e-6)
        refused(Wrong.apply, x, rtol=0.005)


class TestInputs:
    def test_none_requires_a_gradient(self):
        for check in (gradcheck, original):
            with pytest.raises(ValueError, match="none of them have requires_grad=True"):
                check(torch.sin, torch.ones(3))

    def test_stride_0(self):
        x = leaf(1).expand(3)
        for check in (gradcheck, original):
            with pytest.raises(RuntimeError, match="stride 0"):
                check(torch.sin, x)

    @pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
    @pytest.mark.parametrize("sparse", ["to_sparse", "to_sparse_csr"])
    def test_sparse(self, sparse):
        x = getattr(torch.eye(3, dtype=torch.float64), sparse)().requires_grad_()
        with pytest.raises(ValueError, match="layout torch.sparse"):
            gradcheck(lambda x: x.to_dense(), x)
        with pytest.raises(ValueError, match=r"layout torch.sparse.*to_dense"):
            gradcheck(lambda x: getattr(x, sparse)(), leaf(3, 3))

    def test_fixed(self):
        def func(xs, k, mask, options):
            return xs[0] * k + torch.where(mask, xs[1], options["w"]) * xs[2][0]

        fixed = torch.randn(3, dtype=torch.float64)
        inputs = (
            [leaf(3), fixed, (leaf(1), None)],
            3,
            torch.tensor([True, False, True]),
            {"w": leaf(3)},
        )
        assert gradcheck(func, inputs)

    def test_shapes(self):
        assert gradcheck(torch.sin, leaf())
        assert gradcheck(torch.sin, leaf(0))
        assert gradcheck(lambda x: x.sum(), leaf(2, 0, 3))
        assert gradcheck(lambda x, y: (x.sin(), y.cos()), (leaf(0, 3), leaf(2)))
        assert gradcheck(lambda x: x[:0], leaf(3))
        refused(lambda x, y: (x.sin(), Square.apply(y, "constant")), (leaf(0, 3), leaf(2)))

    def test_strides(self):
        """Kernels have bugs that only strides show: func sees those of what it was given."""
        seen = set()

        def func(x):
            seen.add(x.stride())
            return x * x

        wide = leaf(6, 8)
        for x in (wide.T, wide[::2, ::3], wide[:, 2:5]):
            seen.clear()
            assert gradcheck(func, x)
            assert seen == {x.stride()}

        class Careless(torch.autograd.Function):  # reads its input as if it were contiguous
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * x

            @staticmethod
            def backward(ctx, ct):
                (x,) = ctx.saved_tensors
                return 2 * ct * x.as_strided(x.shape, (x.shape[1], 1))

        assert gradcheck(Careless.apply, leaf(3, 4))
        refused(Careless.apply, leaf(4, 3).T)

    def test_overlapping(self):
        x = torch.randn(6, dtype=torch.float64).as_strided((3, 4), (1, 1)).requires_grad_()
        assert gradcheck(lambda x: x * x, x)

    @pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
    def test_fixed_numbers_that_are_not_finite(self, bad):
        mask = torch.tensor([0.0, bad, 0.0], dtype=torch.float64)
        x = leaf(3)
        assert gradcheck(lambda x, m: torch.where(m == 0, x * x, torch.zeros_like(x)), (x, mask))

    def test_inputs_that_are_not_finite(self):
        x = torch.tensor([-math.inf, 1.0, 2.0], dtype=torch.float64, requires_grad=True)
        assert gradcheck(lambda x: torch.logsumexp(x, 0), x)
        assert original(lambda x: torch.logsumexp(x, 0), x)
        y = torch.tensor([math.nan, 1.0, 2.0], dtype=torch.float64, requires_grad=True)
        assert gradcheck(lambda y: y[1:] ** 2, y)
        # 0 times NaN is NaN: a common mistake.
        text = refused(lambda y: torch.nansum(y * y), y)
        assert "where it is not finite" in text
        refused(lambda x: torch.logsumexp(Sine.apply(x, 1.0, 1.0, 0.0)[1:], 0), x)

    def test_what_is_held_is_said_by_its_name(self):
        x = torch.tensor([0.5, math.inf, 1.5, 1.7e308], dtype=torch.float64, requires_grad=True)
        text = refused(lambda x: Sine.apply(x, 1.0, 0.5, 0.0)[::2], x)
        held = "inputs[0] (1 of 4 entries, not finite), inputs[0] (1 of 4 entries, too large"
        assert f"checked: inputs[0] (4); vjp at 1 cotangent   held fixed: {held}" in text

    def test_what_is_held_for_its_gradient_is_said(self):
        x = torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64, requires_grad=True)
        text = refused(lambda x: (Sine.apply(x + 1, 1.0, 0.1, 0.0), x.log()), x)
        assert "held fixed: inputs[0] (1 of 3 entries, whose gradient is not finite, as" in text

    def test_results_that_are_not_finite(self):
        x = torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64, requires_grad=True)
        with pytest.raises(Inconclusive, match="not finite: func's result in 1 of 3"):
            gradcheck(torch.log, x)
        with pytest.raises(Inconclusive, match="result 1 of func"):
            gradcheck(lambda x: (x * x, 1 / x), x, raise_exception=False)
        refused(lambda x: (Sine.apply(x + 1, 1.0, 0.1, 0.0), x.log()), x)
        refused(torch.sqrt, x)  # has an infinite gradient at 0, and no slope

    def test_closures(self):
        """Tests of modules hand parameters over that func takes from the module."""
        layer = torch.nn.Linear(3, 2)
        before = [p.detach().clone() for p in layer.parameters()]
        x = leaf(5, 3, dtype="float32")
        assert gradcheck(lambda x, *_: layer(x).sin(), (x, *layer.parameters()))
        assert gradgradcheck(lambda x, *_: layer(x).sin(), (x, *layer.parameters()))
        assert gradcheck(lambda x, *_: layer(x), (x, *layer.parameters()), check_batched_grad=True)

        def wrong(x, *_):
            return Sine.apply(x @ layer.weight.T, 1.0, 0.5, 0.0)

        refused(wrong, (x, *layer.parameters()))
        refused(lambda *_: Sine.apply(layer.bias, 1.0, 0.5, 0.0), tuple(layer.parameters()))
        assert all(map(torch.equal, before, layer.parameters()))

    def test_restored_after_an_exception(self):
        p = torch.nn.Parameter(torch.ones(3))
        calls = []

        def func(_):
            calls.append(1)
            if len(calls) > 6:
                raise KeyboardInterrupt
            return p.sin()

        with pytest.raises(KeyboardInterrupt):
            gradcheck(func, p)
        assert torch.equal(p, torch.ones(3))

    def test_not_written_to(self):
        x = leaf(4)
        version, before = x._version, x.detach().clone()
        assert gradcheck(torch.sin, x)
        assert x._version == version
        assert torch.equal(x, before)
        assert x.grad is None


class TestFunctions:
    def test_results_without_derivatives(self):
        def func(x):
            return x.sin(), None, x.argmax(), x.detach() * 2, x.sum()

        assert gradcheck(func, leaf(4), check_forward_ad=True)
        assert gradgradcheck(func, leaf(4))
        refused(lambda x: (None, x.argmax(), Sine.apply(x, 1.0, 0.5, 0.0)), leaf(4))

    def test_no_derivative_at_all(self):
        assert gradcheck(lambda x: x.argmax(), leaf(4))
        assert gradcheck(lambda x: torch.ones(3), leaf(4))
        assert gradcheck(torch.floor, leaf(4))
        for check in (gradcheck, original):
            assert check(lambda x: 2 * x.detach(), leaf(4), raise_exception=False) is False

    @pytest.mark.parametrize("value", [None, (None, None), "text"])
    def test_no_result(self, value):
        with pytest.raises(TypeError, match="expected a tensor"):
            gradcheck(lambda x: value, leaf(4))

    def test_in_place(self):
        assert gradcheck(lambda x: x.clone().mul_(2).sin_(), leaf(4))
        for check in (gradcheck, original):
            with pytest.raises(RuntimeError, match="in-place"):
                check(lambda x: x.mul_(2), leaf(4))

    def test_views_and_inputs(self):
        assert gradcheck(lambda x: x.view(-1)[1:], leaf(4, 2), check_forward_ad=True)
        assert gradcheck(lambda x: x, leaf(4), check_forward_ad=True)
        assert gradcheck(lambda x, y: (x, y * x), (leaf(4), leaf(4)), check_forward_ad=True)

    def test_differentiates_itself(self):
        def force(x):
            return torch.autograd.grad((x**3).sum(), x, create_graph=True)[0]

        assert gradcheck(force, leaf(4))

    def test_under_no_grad(self):
        x = leaf(4)
        with torch.no_grad():
            assert gradcheck(torch.sin, x, check_forward_ad=True)
            refused(lambda x: Square.apply(x, "forward"), x, check_forward_ad=True)

    def test_mixed_dtypes(self):
        assert gradcheck(lambda x, y: x.double() * y, (leaf(4, dtype="float32"), leaf(4)))
        assert gradcheck(lambda x: (x.float(), x * x), leaf(4))

    def test_generators_are_left_alone(self):
        x = leaf(4)
        state, numpy_state = (
            torch.get_rng_state(),
            np.random.get_state(legacy=False)["state"]["key"].copy(),
        )
        assert gradcheck(torch.sin, x, check_forward_ad=True)
        assert torch.equal(torch.get_rng_state(), state)
        assert (np.random.get_state(legacy=False)["state"]["key"] == numpy_state).all()


class TestGradOutputs:
    @pytest.mark.parametrize("requires_grad", [True, False])
    def test_given(self, requires_grad):
        grads = torch.randn(4, dtype=torch.float64, requires_grad=requires_grad)
        assert gradgradcheck(lambda x: x**3, leaf(4), grads)
        with pytest.raises(GradcheckError):
            gradgradcheck(lambda x: Square.apply(x, "second"), leaf(4), grads)

    def test_not_contiguous(self):
        seen = []

        class Watched(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x**3

            @staticmethod
            def backward(ctx, ct):
                seen.append(ct.is_contiguous())
                return 3 * ctx.saved_tensors[0] ** 2 * ct

        assert gradgradcheck(Watched.apply, leaf(4, 3), gen_non_contig_grad_outputs=True)
        assert not all(seen)

    def test_linear(self):
        assert gradgradcheck(lambda x: 3 * x, leaf(4))


class Wrapper(torch.Tensor if "torch" in REQUIRED else object):  # type: ignore[misc]
    """A tensor around another one, with a `__torch_dispatch__` of its own."""

    @staticmethod
    def __new__(cls, inner):
        return torch.Tensor._make_wrapper_subclass(
            cls, inner.size(), strides=inner.stride(), dtype=inner.dtype
        )

    def __init__(self, inner):
        self.inner = inner

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        from torch.utils._pytree import tree_map

        def opened(value):
            return value.inner if isinstance(value, Wrapper) else value

        found = func(*tree_map(opened, args), **tree_map(opened, kwargs or {}))
        return tree_map(lambda t: Wrapper(t) if isinstance(t, torch.Tensor) else t, found)


def forward_only(factor):
    """Return a rule for a sine with a forward mode, and without a backward pass."""

    class Sine(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_forward(x)
            return x.sin()

        @staticmethod
        def jvp(ctx, t):
            return factor * t * ctx.saved_tensors[0].cos()

    return Sine.apply


def hooked(factor, offset):
    """Return a function whose backward pass cannot take an undefined grad_output."""

    def func(x):
        y = x * 1.0
        y.register_hook(lambda g: factor * g + offset)
        return y

    return func


class TestWhatTheOriginalAccepts:
    """No exception of our own where the original has none, or another one."""

    @pytest.mark.parametrize("batched", [True, False])
    def test_a_gradient_that_depends_on_nothing(self, batched):
        mask = torch.tensor([True, False, True])
        two = leaf(3), leaf(3)
        assert gradgradcheck(lambda x: 3 * x, leaf(3), check_batched_grad=batched)
        func = lambda x, y: torch.where(mask, x, y)  # noqa: E731
        assert gradgradcheck(func, two, check_batched_grad=batched)
        assert gradcheck(torch.round, leaf(3) * 0 + 0.25, check_batched_grad=batched)
        refused(lambda x: x.detach() * 2, leaf(3), check_batched_grad=batched)

    @pytest.mark.parametrize("reduction", ["mean", "none"])
    def test_zeros_without_memory(self, reduction):
        two = leaf(3), leaf(3)
        assert gradgradcheck(
            lambda x, y: fn.l1_loss(x, y, reduction=reduction), two, check_fwd_over_rev=True
        )
        zeros = torch._efficientzerotensor((3,), dtype=torch.float64)
        report = verify_vjp(lambda x: 0 * x, lambda x, ct: zeros, leaf(3).detach(), seed=0)
        assert report.ok
        report = verify_vjp(lambda x: 2 * x, lambda x, ct: zeros, leaf(3).detach(), seed=0)
        assert report.verdict == "fail"

    def test_no_gradient_at_all(self):
        assert gradgradcheck(lambda x: torch.norm(x, 0), leaf(3))
        assert gradcheck(lambda x: (), leaf(3))
        with pytest.raises(TypeError, match="return"):
            gradcheck(lambda x: None, leaf(3))

    @pytest.mark.parametrize("wrong", [False, True])
    def test_no_gradient_by_copies(self, wrong):
        """Of a func that reads the user's tensors from a closure, as modules do."""
        weight, x = torch.nn.Parameter(torch.randn(2, 3, dtype=torch.float64)), leaf(3)
        kind = "second" if wrong else ""

        def func(*_):
            return Square.apply(weight, kind) @ Square.apply(x, kind)

        if wrong:
            with pytest.raises(GradcheckError, match="second derivative"):
                gradgradcheck(func, (weight, x))
        else:
            assert gradgradcheck(func, (weight, x))

    def test_complex_that_raises_beside(self):
        def func(x, factor=1):
            if (x.real > 1.01).any():
                msg = "out of range"
                raise RuntimeError(msg)
            return factor * x * x

        x = torch.tensor([1 + 1j, 0.5 - 1j], dtype=torch.complex128, requires_grad=True)
        assert gradcheck(func, x)
        refused(lambda x: func(x) + (x - x.detach()), x)

    @pytest.mark.parametrize("options", [{}, {"check_batched_forward_grad": True}])
    def test_forward_mode_only(self, options):
        options = {**options, "check_forward_ad": True, "check_backward_ad": False}
        assert gradcheck(forward_only(1.0), leaf(3), **options)
        refused(forward_only(1.5), leaf(3), **options)
        given = leaf(3)
        # Of the tensor in the closure: moved in place, and without a tangent.
        refused(lambda x: given.sin(), given, **options)

    def test_wrappers(self):
        inner = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
        assert gradcheck(lambda x: x * x, Wrapper(inner).requires_grad_())
        assert gradcheck(lambda x: x * Wrapper(inner), inner.clone().requires_grad_())
        refused(lambda x: x * x + (x - x.detach()), Wrapper(inner).requires_grad_())
        seen = []

        def func(x):
            seen.append(type(x))
            return x * x

        assert gradcheck(func, Wrapper(inner).requires_grad_())
        assert set(seen) == {Wrapper}

    def test_a_hook_that_takes_no_none(self):
        assert gradcheck(hooked(1.0, 0.0), leaf(3), check_undefined_grad=False)
        refused(hooked(1.0, 0.5), leaf(3))
        refused(hooked(1.5, 0.0), leaf(3))
        for check in (gradcheck, original):
            with pytest.raises(TypeError, match="NoneType"):
                check(hooked(1.0, 0.0), leaf(3))

    def test_a_jvp_that_takes_no_none(self):
        class Sum(torch.autograd.Function):
            factor = 1.0

            @staticmethod
            def forward(ctx, x, y):
                ctx.set_materialize_grads(False)
                return x + y

            @staticmethod
            def backward(ctx, ct):
                return (None, None) if ct is None else (ct, ct)

            @staticmethod
            def jvp(ctx, s, t):
                return s * 1.0 + t * Sum.factor

        two = leaf(3), leaf(3)
        for check in (gradcheck, original):
            with pytest.raises(TypeError, match="NoneType"):
                check(Sum.apply, two, check_forward_ad=True)
        options = {"check_undefined_grad": False, "check_forward_ad": True}
        assert gradcheck(lambda x: Sum.apply(x, x), leaf(3), **options)
        Sum.factor = 1.5
        refused(lambda x: Sum.apply(x, x), leaf(3), check_forward_ad=True)
        refused(Sum.apply, two, check_forward_ad=True)

    @pytest.mark.parametrize("what", ["shape", "dtype"])
    def test_a_result_that_is_another_one_nearby(self, what):
        def func(x):
            if (x < border).any():
                return x
            return torch.cat([x, x]) if what == "shape" else x.float()

        x = torch.ones(1, dtype=torch.float64, requires_grad=True)
        border = 1.0
        for check in (gradcheck, original):
            with pytest.raises(AssertionError, match=f"the same {what} when inputs are perturbed"):
                check(func, x)
        with pytest.raises(GradcheckError):
            gradcheck(func, x, raise_exception=False)
        border = 0.9  # further away it is an edge of the domain
        if what == "shape":
            assert original(func, x)
            assert gradcheck(func, x)


def test_a_backward_pass_that_records_itself_warns_of_nothing():
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, cotangent):
            (x,) = ctx.saved_tensors
            with torch.enable_grad():
                return 2 * x * cotangent

    always = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    try:
        assert gradcheck(Square.apply, torch.linspace(0.5, 1.5, 4, requires_grad=True))
    finally:
        torch.set_warn_always(always)
