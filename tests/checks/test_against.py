"""A function against a reference: kernels, whose every entry is compared."""

import math
from functools import partial

import numpy as np
import pytest
from tests.libraries import about

import gradproof
from gradproof import Verdict

verify = partial(gradproof.verify_against, seed=0)


def rms_norm(xp, x, w):
    return x / xp.sqrt(xp.mean(x * x, axis=-1, keepdims=True) + 1e-6) * w


def softmax(xp, x):
    e = xp.exp(x - xp.max(x, axis=-1, keepdims=True))
    return e / xp.sum(e, axis=-1, keepdims=True)


class Kernels:
    """Kernels with a backward of their own, computed in single precision, for one library."""

    def __init__(self, library):
        self.library = library
        if library == "torch":
            import torch

            self.xp, self.dtype = _of_torch(torch), lambda name: getattr(torch, name)
            self.cast = lambda x, dtype: x.to(dtype)
        else:
            import jax.numpy as jnp

            self.xp, self.dtype = jnp, lambda name: jnp.dtype(name)
            self.cast = lambda x, dtype: x.astype(dtype)

    def array(self, numbers, name):
        """Return numbers as an array in a dtype."""
        if self.library == "torch":
            import torch

            return torch.tensor(numbers).to(self.dtype(name))
        import jax.numpy as jnp

        return jnp.asarray(numbers, dtype=name)

    def rms_norm(self, mistake=lambda dx, dw, x: (dx, dw)):
        """Return an RMS norm whose backward is what `mistake` makes of it."""
        xp, cast, single = self.xp, self.cast, self.dtype("float32")

        def parts(x, w):
            x, w = cast(x, single), cast(w, single)
            root = 1 / xp.sqrt(xp.mean(x * x, axis=-1, keepdims=True) + 1e-6)
            return x, w, root

        def forward(x, w):
            wide, weight, root = parts(x, w)
            return cast(wide * root * weight, x.dtype)

        def backward(x, w, ct):
            wide, weight, root = parts(x, w)
            pulled, unit = cast(ct, single) * weight, wide * root
            dx = root * (pulled - unit * xp.mean(pulled * unit, axis=-1, keepdims=True))
            dw = xp.sum(cast(ct, single) * unit, axis=0)
            dx, dw = mistake(dx, dw, wide)
            return cast(dx, x.dtype), cast(dw, w.dtype)

        return self.rule(forward, backward)

    def rule(self, forward, backward):
        """Return a function with a rule for its vjp."""
        if self.library == "torch":
            import torch

            class Rule(torch.autograd.Function):
                @staticmethod
                def forward(ctx, *primals):
                    ctx.save_for_backward(*primals)
                    return forward(*primals)

                @staticmethod
                def backward(ctx, ct):
                    return backward(*ctx.saved_tensors, ct)

            return Rule.apply
        import jax

        rule = jax.custom_vjp(forward)
        rule.defvjp(
            lambda *primals: (forward(*primals), primals), lambda saved, ct: backward(*saved, ct)
        )
        return rule


def _of_torch(torch):
    """Return torch with the keyword arguments of the array API standard."""
    from array_api_compat import torch as xp

    return xp


both = pytest.mark.parametrize(
    "kernels",
    [about("torch", "torch", name="torch"), about("jax", "jax", name="jax")],
    indirect=True,
)


@pytest.fixture
def kernels(request):
    return Kernels(request.param)


def drawn(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def times(factor, where=...):
    """Return a mistake: the gradient by x times a factor, at some places."""

    def mistake(dx, dw, x):
        mask = np.ones(tuple(dx.shape))
        mask[where] = factor
        return _times(dx, mask), dw

    return mistake


def _times(array, mask):
    """Multiply by numbers of the host, whichever the library."""
    if hasattr(array, "at"):
        return array * mask.astype("float32")
    import torch

    return array * torch.tensor(mask, dtype=array.dtype)


SHAPE = (24, 40)
MISTAKES = {
    "factor": times(1.02),
    "sign": times(-1.0),
    "zero": times(0.0),
    "row": times(1.04, np.s_[7]),
    "column": times(1.06, np.s_[:, 11]),
    "tail of a block": times(0.0, np.s_[:, 32:]),
    "entry": times(1.5, np.s_[3, 5]),
    "mean not subtracted": lambda dx, dw, x: (dx + 0.02 * x, dw),
    "sum for mean": lambda dx, dw, x: (dx, dw / SHAPE[0]),
}


#: JAX compiles each operation for each dtype, which takes most of the time of its tests.
CELLS = [
    about(library, library, dtype, name=f"{library}-{dtype}")
    for library, dtypes in (("torch", ("bfloat16", "float16", "float32")), ("jax", ("bfloat16",)))
    for dtype in dtypes
]


@pytest.mark.parametrize(("kernels", "dtype"), CELLS, indirect=["kernels"])
class TestRmsNorm:
    """A kernel that computes in single precision, against plain operations."""

    def check(self, kernels, dtype, mistake=None, seed=0):
        x, w = kernels.array(drawn(*SHAPE, seed=seed), dtype), kernels.array(drawn(SHAPE[1]), dtype)
        kernel = kernels.rms_norm(mistake) if mistake else kernels.rms_norm()
        return verify(kernel, partial(rms_norm, kernels.xp), x, w, argnums=(0, 1), seed=seed)

    def test_right(self, kernels, dtype):
        for seed in range(3):
            report = self.check(kernels, dtype, seed=seed)
            assert report.ok, str(report)
            names = [c.name for c in report.checks if not c.name.startswith("layout")]
            assert [name for name, _ in report.accuracy] == names
            assert all(k < 2 for _, k in report.accuracy), report.accuracy

    @pytest.mark.parametrize("name", MISTAKES)
    def test_wrong(self, kernels, dtype, name):
        report = self.check(kernels, dtype, MISTAKES[name])
        assert report.verdict is Verdict.FAIL, str(report)
        failed = [check.name for check in report.checks if check.verdict is Verdict.FAIL]
        assert len(failed) == 1
        assert failed[0].startswith("vjp by")


@both
class TestPlaces:
    def report(self, kernels, mistake):
        x, w = kernels.array(drawn(*SHAPE), "bfloat16"), kernels.array(drawn(SHAPE[1]), "bfloat16")
        return verify(kernels.rms_norm(mistake), partial(rms_norm, kernels.xp), x, w)

    def test_row(self, kernels):
        report = self.report(kernels, MISTAKES["row"])
        assert "[7, :] is 1.0" in report.reason, report.reason

    def test_factor(self, kernels):
        report = self.report(kernels, MISTAKES["factor"])
        assert "by the best fit 1.0" in report.reason, report.reason

    def test_entry(self, kernels):
        report = self.report(kernels, times(3.0, np.s_[3, 5]))
        worst = report.worst(1)[0]
        assert worst["index"] == (3, 5)
        assert worst["state"] == "fail"
        assert "1 of 960 entries" in report.reason


@both
class TestValues:
    """A forward pass that is off, and results that are no numbers."""

    def test_value(self, kernels):
        x = kernels.array(drawn(*SHAPE), "bfloat16")
        reference = partial(softmax, kernels.xp)
        assert verify(reference, reference, x).ok
        report = verify(lambda x: reference(x) * 1.02, reference, x, order=0)
        assert [(c.name, str(c.verdict)) for c in report.checks] == [("value", "fail")]

    def test_nan(self, kernels):
        x, xp = kernels.array(drawn(*SHAPE), "float16"), kernels.xp
        reference = partial(softmax, xp)

        def kernel(x):
            y = reference(x)
            return xp.where(x > 2, y * math.nan, y)

        report = verify(kernel, reference, x, order=0)
        assert report.verdict is Verdict.FAIL
        assert "not finite" in report.reason

    def test_nothing_but_nan(self, kernels):
        x, xp = kernels.array(drawn(*SHAPE), "bfloat16"), kernels.xp
        reference = partial(softmax, xp)
        report = verify(lambda x: reference(x) * math.nan, reference, x)
        assert report.verdict is Verdict.FAIL
        assert {str(check.verdict) for check in report.checks} == {"fail"}
        assert "960 of 960 entries are not finite" in report.reason

    def test_a_reference_in_single_precision(self, kernels):
        """Plain code often turns half precision into float32 first, and leaves it so."""
        x, xp = kernels.array(drawn(*SHAPE), "bfloat16"), kernels.xp

        def reference(x):
            return softmax(xp, kernels.cast(x, kernels.dtype("float32")))

        def kernel(x, factor=1.0):
            return kernels.cast(reference(x) * factor, x.dtype)

        assert verify(kernel, reference, x).ok
        report = verify(partial(kernel, factor=1.03), reference, x)
        assert report.verdict is Verdict.FAIL

    def test_nothing_to_compare(self, kernels):
        x, xp = kernels.array(-np.abs(drawn(*SHAPE)) - 0.1, "float32"), kernels.xp
        report = verify(lambda x: xp.log(x), lambda x: xp.log(x), x, order=0)
        assert report.verdict is Verdict.INCONCLUSIVE
        assert "nothing was compared" in report.reason

    def test_some_not_compared(self, kernels):
        """Rows of which the reference has no number are left out, and counted."""
        x, xp = kernels.array(np.linspace(-1.05, 4, 960).reshape(SHAPE), "float32"), kernels.xp
        report = verify(lambda x: xp.log(x), lambda x: xp.log(x), x, order=0)
        assert report.ok, str(report)
        assert "where the reference is not finite, were not compared" in report.reason


@pytest.mark.library("torch")
@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2"])
def test_numbers_that_are_stored_alone(dtype):
    import torch

    x = torch.tensor(drawn(*SHAPE)).to(getattr(torch, dtype))
    with pytest.raises(TypeError, match=f"x has dtype torch.{dtype}, .*Expected float16, bfloat16"):
        verify(lambda x: 2 * x.bfloat16(), lambda x: 2 * x.bfloat16(), x)


@pytest.mark.library("torch")
@pytest.mark.parametrize("kernels", ["torch"], indirect=True)
class TestAccuracy:
    def sums(self, kernels, dropped=0):
        """Return a sum of rows, one term after the other, in the dtype of x."""

        def kernel(x):
            total = x[:, 0] * 0
            for k in range(x.shape[1] - dropped):
                total = total + x[:, k]
            return total

        return kernel

    def test_loss(self, kernels):
        x, xp = kernels.array(np.abs(drawn(20, 300)), "bfloat16"), kernels.xp
        report = verify(self.sums(kernels), lambda x: xp.sum(x, axis=-1), x, order=0)
        assert report.ok, str(report)
        assert "a loss of accuracy" in str(report)
        assert report.accuracy[0][1] > 5
        limited = verify(self.sums(kernels), lambda x: xp.sum(x, axis=-1), x, order=0, max_k=3)
        assert limited.verdict is Verdict.FAIL
        assert "max_k=3" in limited.reason
        wrong = verify(self.sums(kernels, dropped=30), lambda x: xp.sum(x, axis=-1), x, order=0,
                       max_k=3)  # fmt: skip
        assert "max_k" not in wrong.reason  # a mistake is no loss of accuracy

    def test_dropped_terms_are_a_mistake(self, kernels):
        x, xp = kernels.array(np.abs(drawn(20, 300)), "bfloat16"), kernels.xp
        report = verify(self.sums(kernels, dropped=30), lambda x: xp.sum(x, axis=-1), x, order=0)
        assert report.verdict is Verdict.FAIL, str(report)


@both
class TestPrecision:
    def test_precision_inside(self, kernels):
        """Products of numbers that were cut to bfloat16 are those of a declared precision."""
        a = kernels.array(drawn(*SHAPE), "float32")
        b = kernels.array(drawn(*SHAPE[::-1]), "float32")

        def kernel(a, b):
            low = kernels.dtype("bfloat16")
            a, b = (kernels.cast(kernels.cast(v, low), kernels.dtype("float32")) for v in (a, b))
            return a @ b

        report = verify(kernel, lambda a, b: a @ b, a, b, order=0)
        assert report.verdict is Verdict.FAIL
        assert "as in bfloat16" in report.reason, report.reason
        declared = verify(kernel, lambda a, b: a @ b, a, b, order=0, precision="bfloat16")
        assert declared.ok, str(declared)
        wrong = verify(lambda a, b: kernel(a, b) * 1.05, lambda a, b: a @ b, a, b, order=0,
                       precision="bfloat16")  # fmt: skip
        assert wrong.verdict is Verdict.FAIL


@both
class TestStructure:
    def test_pytrees_keywords_and_what_is_held(self, kernels):
        xp, x = kernels.xp, kernels.array(drawn(*SHAPE), "bfloat16")
        params = {"w": kernels.array(drawn(SHAPE[1]), "bfloat16"), "n": 3}

        def reference(x, params, *, shift):
            return {"y": rms_norm(xp, x, params["w"]) + shift, "s": xp.sum(x * x, axis=-1)}

        def kernel(x, params, *, shift):
            found = reference(x, params, shift=shift)
            return {"y": found["y"], "s": found["s"] * 1.05}

        shift = kernels.array(drawn(*SHAPE, seed=1), "bfloat16")
        assert verify(reference, reference, x, params, kwargs={"shift": shift}).ok
        report = verify(kernel, reference, x, params, kwargs={"shift": shift})
        assert report.verdict is Verdict.FAIL
        assert next(c.name for c in report.checks if c.verdict == "fail") == "value['s']"
        assert any("params['w']" in c.name for c in report.checks)

    def test_other_results(self, kernels):
        x, xp = kernels.array(drawn(*SHAPE), "float32"), kernels.xp
        with pytest.raises(ValueError, match="nothing is broadcast"):
            verify(lambda x: xp.sum(x, axis=-1), lambda x: xp.sum(x, axis=0), x)
        with pytest.raises(TypeError, match="the same structure"):
            verify(lambda x: (x, x), lambda x: x, x)

    def test_complex(self, kernels):
        x = kernels.array(drawn(*SHAPE), "float32")
        with pytest.raises(TypeError, match="complex argument .*two arrays"):
            verify(lambda x: x, lambda x: x, kernels.cast(x, kernels.dtype("complex64")))
        to_complex = lambda x: kernels.cast(x, kernels.dtype("complex64"))  # noqa: E731
        with pytest.raises(TypeError, match="complex result .*two arrays"):
            verify(to_complex, to_complex, x, order=0)

    def test_options(self, kernels):
        x = kernels.array(drawn(*SHAPE), "float32")
        for wrong in (
            {"order": 3},
            {"modes": "jvps"},
            {"precision": "fp8"},
            {"max_k": 0},
            {"seed": -1},
        ):
            with pytest.raises(ValueError, match=next(iter(wrong))):
                verify(lambda x: x, lambda x: x, x, **wrong)
        with pytest.raises(TypeError, match="no floating array"):
            verify(lambda x: x, lambda x: x, 3)

    def test_one_number(self, kernels):
        x, xp = kernels.array(drawn(*SHAPE), "bfloat16"), kernels.xp
        assert verify(lambda x: xp.sum(x * x), lambda x: xp.sum(x * x), x).ok
        report = verify(lambda x: xp.sum(x * x) * 1.05, lambda x: xp.sum(x * x), x)
        assert report.verdict is Verdict.FAIL

    def test_no_entries(self, kernels):
        x = kernels.array(np.zeros((0, 3)), "float32")
        with pytest.raises(ValueError, match="one entry at least"):
            verify(lambda x: x, lambda x: x, x)

    def test_what_is_held_is_said(self, kernels):
        xp, x = kernels.xp, kernels.array(drawn(*SHAPE), "bfloat16")
        mask = kernels.array(np.where(np.arange(SHAPE[1]) < 30, 0.0, -np.inf), "float32")
        places = kernels.array(np.arange(3), "int32")

        def masked(x, mask, places):
            return softmax(xp, x + kernels.cast(mask, x.dtype)) * places.shape[0]

        report = verify(masked, masked, x, mask, places, argnums=0)
        assert report.ok, str(report)
        assert [str(part) for part in report.scope.held] == [
            "mask (40) (not in argnums)",
            "places (3) (not floating)",
        ]
        assert report.scope.not_checked == ("derivatives of the vjp",)
        values = verify(masked, masked, x, mask, places, order=0)
        assert values.scope.not_checked == ("derivatives",)
        pair = verify(lambda x: (x, xp.argmax(x)), lambda x: (x, xp.argmax(x)), x)
        assert pair.scope.not_checked[-1] == "value[1] (not floating)"
        # A mask with infinite numbers is no reason to see nothing.
        report = verify(lambda *a: masked(*a) * 1.05, masked, x, mask, places, argnums=0)
        assert report.verdict is Verdict.FAIL
        with pytest.raises(TypeError, match="names no floating array"):
            verify(masked, masked, x, mask, places, argnums=2)

    def test_repeats(self, kernels):
        x = kernels.array(drawn(*SHAPE), "bfloat16")
        reference = partial(softmax, kernels.xp)
        one, two = (gradproof.verify_against(reference, reference, x, seed=5) for _ in range(2))
        assert one == two
        assert one.seed == 5


@pytest.mark.library("torch")
def test_races_are_not_reproducible():
    import torch

    calls = []

    def kernel(x):
        calls.append(1)
        y = torch.softmax(x, -1)
        if len(calls) % 3 == 0:
            y[4, 6] = y[4, 6] + 1
        return y

    x = torch.tensor(drawn(20, 30)).bfloat16()
    report = verify(kernel, lambda x: torch.softmax(x, -1), x, order=0)
    assert report.verdict is Verdict.FAIL
    assert "not reproducible" in report.reason, report.reason


@pytest.mark.library("torch")
def test_random_functions_do_not_pass():
    import torch

    x = torch.tensor(drawn(*SHAPE)).bfloat16()
    report = verify(lambda x: torch.nn.functional.dropout(x, 0.5), lambda x: x, x, order=0)
    assert report.verdict is Verdict.FAIL
    assert "not reproducible" in report.reason

    def scrambled(x):  # the same for the same x, and another one beside it
        draw = torch.Generator().manual_seed(int(x.view(torch.int16).long().sum()) % 2**31)
        return x * torch.randint(0, 2, x.shape, generator=draw) * 2

    report = verify(scrambled, lambda x: x, x, order=0)
    assert not report.ok, str(report)


@pytest.mark.library("torch")
def test_x0_is_not_written_to():
    import torch

    def in_place(x):
        return x.mul_(2)

    x = torch.tensor(drawn(*SHAPE)).bfloat16()
    before = x.clone()
    assert verify(in_place, lambda x: 2 * x, x, order=0).ok
    assert torch.equal(x, before)


@pytest.mark.library("torch")
def test_a_cache_filled_elsewhere_shows():
    import torch

    cache = {}

    def kernel(x):
        scale = cache.setdefault("scale", 1 / x.float().abs().max())
        return (x.float() * scale).to(x.dtype)

    x = torch.tensor(drawn(20, 30)).bfloat16()
    report = verify(kernel, lambda x: x / x.abs().max(), x, order=0)
    assert report.verdict is Verdict.FAIL


class TestNumPy:
    """Values alone: NumPy differentiates nothing."""

    @pytest.mark.parametrize("dtype", ["float16", "float32"])
    def test_values(self, dtype):
        x = drawn(20, 30).astype(dtype)
        reference = partial(softmax, np)
        report = verify(
            lambda x: reference(x.astype("float32")).astype(dtype), reference, x, order=0
        )
        assert report.ok, str(report)
        wrong = verify(lambda x: reference(x) * np.asarray(1.01, dtype), reference, x, order=0)
        assert wrong.verdict is Verdict.FAIL

    def test_vjps_need_a_library_that_differentiates(self):
        with pytest.raises(TypeError, match=r"no automatic differentiation .* with order=0"):
            verify(np.sin, np.sin, drawn(5))


@pytest.mark.library("torch")
class TestLegitimateRounding:
    """Right kernels that each part of the scale of errors is there for."""

    def check(self, kernel, reference, x, **options):
        report = verify(kernel, reference, x, **options)
        assert report.ok, str(report)
        assert "loss of accuracy" not in str(report)

    def test_roundings_do_not_stay_at_neighbours(self):
        """Partial sums in bfloat16: alike at one point, they are others at each neighbour."""
        import torch

        def sums(x):
            total = x[:, 0]
            for k in range(1, x.shape[1]):
                total = total + x[:, k]
            return total

        for seed in range(3):
            x = torch.tensor(drawn(200, 12, seed=seed)).bfloat16()
            self.check(sums, lambda x: x.sum(-1), x, order=0)

    def test_terms_that_cancel_inside(self):
        """A saturated softmax: of its rule's terms hardly one is left, as no input shows."""
        import torch

        class Softmax(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                y = torch.softmax(12 * x.float(), -1).to(x.dtype)
                ctx.save_for_backward(y)
                return y

            @staticmethod
            def backward(ctx, ct):
                (y,) = ctx.saved_tensors
                return 12 * (y * (ct - (y * ct).sum(-1, keepdim=True)))

        x = torch.tensor(drawn(*SHAPE)).bfloat16()
        self.check(Softmax.apply, lambda x: torch.softmax(12 * x, -1), x)

    def test_numbers_of_few_digits(self):
        """Below the normal numbers of float16 the reference has errors of the same size."""
        import torch

        x = torch.tensor(4 * drawn(*SHAPE) - 12).half()
        self.check(lambda x: torch.exp(x.float()).half(), torch.exp, x, order=0)

    def test_conditioning(self):
        """An exponent that is rounded: the reference's, times a power of two, is exact."""
        x = (np.abs(drawn(*SHAPE)) + 0.5).clip(0, 1.3).astype("float16")
        scale = np.float16(8 / math.log(2))
        self.check(lambda x: np.exp2(x * scale), lambda x: np.exp(8 * x), x, order=0)

    @pytest.mark.parametrize("d", [7, 11])
    def test_a_constant_that_is_rounded_once(self, d):
        import torch

        scale = 1 / math.sqrt(d)
        low = float(torch.tensor(scale).bfloat16())
        x = torch.tensor(drawn(*SHAPE)).bfloat16()
        kernel = lambda x: ((x.float() * low) ** 4).to(x.dtype)  # noqa: E731
        self.check(kernel, lambda x: (x * scale) ** 4, x, order=0)


@pytest.mark.library("torch")
class TestWithinRounding:
    """Mistakes of which each entry is within its rounding, or next to it."""

    def test_of_any_shape(self):
        import torch

        x = torch.tensor(drawn(*SHAPE)).bfloat16()
        signs = torch.tensor(np.random.default_rng(0).choice([-1.0, 1.0], SHAPE))
        report = verify(
            lambda x: (torch.sin(x.double()) * (1 + 0.01 * signs)).to(x.dtype),
            torch.sin,
            x,
            order=0,
        )
        assert report.verdict is Verdict.FAIL
        assert "alike at all points" in report.reason

    def test_along_an_argument(self):
        import torch

        class Tanh(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return torch.tanh(x)

            @staticmethod
            def backward(ctx, ct):
                x = ctx.saved_tensors[0].double()
                return (ct * (1 - torch.tanh(x) ** 2) + 0.003 * x).to(ct.dtype)

        x = torch.tensor(drawn(*SHAPE)).bfloat16()
        report = verify(Tanh.apply, torch.tanh, x)
        assert report.verdict is Verdict.FAIL
        assert "by a multiple of" in report.reason


@pytest.mark.library("torch")
def test_a_reference_with_numbers_of_its_own():
    """It is called in float64, and says so where that is what it raises for."""
    import torch

    weight = torch.tensor(drawn(4, 3)).float()
    with pytest.raises(RuntimeError) as caught:
        verify(lambda x: x @ weight.T, lambda x: x @ weight.T, torch.tensor(drawn(5, 3)).float())
    (note,) = caught.value.__notes__
    assert "called the reference with its arguments in float64" in note
    assert "make them arguments" in note


def test_a_result_is_not_called_by_its_argument():
    """Of one argument, too, of which the entries are others."""
    x = np.random.default_rng(0).normal(size=(65, 32))
    report = verify(lambda x: x[:-1].sum(0), lambda x: x.sum(0), x, order=0)
    assert report.worst(1)[0]["name"].startswith("value[")
    assert "value[" in str(report)
    assert " x[" not in str(report)
