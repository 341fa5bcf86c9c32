"""Claims in half precision that its digits do not decide, told by func in single precision."""

import importlib

import numpy as np
import pytest
from tests.libraries import about

from gradproof import Interrupted, Verdict, verify_autodiff, verify_grad, verify_hess, verify_jac

HALVES = ["float16", "bfloat16"]


def half(values, dtype):
    """Return an array of NumPy in half precision."""
    if dtype == "bfloat16":
        dtype = importlib.import_module("ml_dtypes").bfloat16
    return np.asarray(values).astype(dtype)


def logsumexp(x):
    return x.max() + np.log(np.exp(x - x.max()).sum())


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def softmax_jac(x):
    s = softmax(x)
    return np.diag(s) - np.outer(s, s)


# JAX brings the dtype of NumPy's bfloat16.
@pytest.mark.parametrize("dtype", ["float16", about("jax", "bfloat16", name="bfloat16")])
class TestNumPy:
    """Right claims on which half precision is inconclusive, and wrong ones."""

    def test_softmax(self, dtype):
        x = half(np.linspace(-1, 1.5, 15), dtype)
        report = verify_jac(softmax, softmax_jac, x, seed=0)
        assert report.ok, str(report)
        assert report.measured_in == "float32"
        assert report.dtype == dtype
        assert "single precision" in str(report)
        assert report.to_dict()["measured_in"] == "float32"

    def test_forbidden(self, dtype):
        x = half(np.linspace(-1, 1.5, 15), dtype)
        report = verify_jac(softmax, softmax_jac, x, seed=0, wider=False)
        assert report.verdict is Verdict.INCONCLUSIVE
        assert report.measured_in == ""
        assert "wider=False" in str(report)
        with pytest.raises(ValueError, match="wider=True"):
            verify_jac(softmax, softmax_jac, x, wider=True)

    @pytest.mark.parametrize("mistake", ["half", "sign", "one entry", "a row", "no outer product"])
    def test_softmax_with_a_mistake(self, dtype, mistake):
        def wrong(x):
            jac = softmax_jac(x)
            change = {
                "half": lambda: jac / 2,
                "sign": lambda: -jac,
                "one entry": lambda: np.where(np.arange(225).reshape(15, 15) == 128, -jac, jac),
                "a row": lambda: np.where(np.arange(15)[:, None] == 12, jac / 2, jac),
                "no outer product": lambda: np.diag(softmax(x)),
            }
            return change[mistake]().astype(x.dtype)

        x = half(np.linspace(-1, 1.5, 15), dtype)
        report = verify_jac(softmax, wrong, x, seed=0)
        assert report.verdict is not Verdict.PASS, str(report)

    def test_a_hessian(self, dtype):
        """Second differences leave half precision hardly a digit."""
        x = half(np.linspace(-1, 1.5, 5), dtype)
        report = verify_hess(logsumexp, lambda x: softmax_jac(x).astype(x.dtype), x, seed=0)
        assert report.ok, str(report)

        def wrong(x):
            return (softmax_jac(x) * (1 + np.eye(5))).astype(x.dtype)

        assert not verify_hess(logsumexp, wrong, x, seed=0).ok


def _torch():
    import torch

    return torch.logsumexp, lambda x, _: torch.sort(x).values, torch.tensor, torch


def _jax():
    import jax
    import jax.numpy as jnp

    return jax.nn.logsumexp, lambda x, _: jnp.sort(x), jnp.asarray, jnp


LIBRARIES = [about("torch", _torch, name="torch"), about("jax", _jax, name="jax")]


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("library", LIBRARIES)
class TestAutodiff:
    """What check_grads passes, verify_autodiff passes."""

    @pytest.mark.parametrize(("which", "n"), [(0, 6), (1, 20)], ids=["logsumexp", "sort"])
    def test_right(self, library, dtype, which, n):
        *functions, array, names = library()
        x = array(np.linspace(-1, 1.5, n), dtype=getattr(names, dtype))
        report = verify_autodiff(lambda x: functions[which](x, 0), x, seed=0)
        assert report.ok, str(report)


class TestAnotherFunction:
    """Func in single precision tells nothing of one that does something else in half."""

    def test_another_branch(self):
        """A claim that is right only for what func does in single precision."""

        def func(x):
            y = x**2
            if x.dtype != np.float16:
                y = np.where(np.arange(6) == 2, (y - 1) * 1.5 + 1, y)
            return y.sum()

        x = np.array([1.0, 0.75, 1.0, 1.25, 0.5, 2.0], np.float16)
        factors = np.where(np.arange(6) == 2, 1.5, 1).astype(np.float16)
        for seed in range(5):
            report = verify_grad(func, lambda x: 2 * x * factors, x, seed=seed)
            assert report.verdict is not Verdict.PASS, str(report)

    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.library("torch")
    def test_a_straight_through_rule(self, seed):
        """At the steps of a ladder in single precision all is well with it."""
        import torch

        class Rounded(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return torch.round(x * 4) / 4

            @staticmethod
            def backward(ctx, g):
                return g

        x = 1.1 * torch.tensor([1, 0.75, 1, 1.25, 0.5, 2], dtype=torch.float16)
        report = verify_autodiff(Rounded.apply, x, seed=seed)
        assert report.verdict is not Verdict.PASS, str(report)

    @pytest.mark.parametrize(
        ("odd", "why"),
        [
            (lambda x: x if x.dtype == np.float16 else 1 / 0, "raises ZeroDivisionError"),
            (lambda x: x.astype(np.float16), "half precision there, too"),
            (lambda x: x if x.dtype == np.float16 else 1.25 * x, "something else"),
        ],
    )
    def test_why_not(self, odd, why):
        x = np.linspace(-1, 1.5, 15).astype(np.float16)
        report = verify_jac(lambda x: softmax(odd(x)), softmax_jac, x, seed=0)
        assert report.verdict is Verdict.INCONCLUSIVE, str(report)
        assert why in str(report)
        assert not report.measured_in


def test_a_wrong_claim_costs_few_calls_more(unnamed):
    """Two values of func, six bits nearer, confirm what half precision found."""
    x = np.linspace(-1, 1.5, 8).astype(np.float16)
    factor = np.float16(1.4)
    report = verify_grad(logsumexp, lambda x: factor * softmax(x), x, seed=0)
    assert report.verdict is Verdict.FAIL
    assert report.nfev < 42
    assert "values of func in single precision say the same" in report.remarks


def test_a_check_that_is_interrupted_there():
    """What was known stays so."""
    calls = []

    def func(x):
        if x.dtype == np.float32:
            calls.append(x)
            if len(calls) > 20:
                raise KeyboardInterrupt
        return softmax(x)

    x = np.linspace(-1, 1.5, 15).astype(np.float16)
    with pytest.raises(Interrupted) as caught:
        verify_jac(func, softmax_jac, x, seed=0)
    assert caught.value.report.verdict is Verdict.INCONCLUSIVE


@pytest.mark.library("jax")
@pytest.mark.parametrize("modes", [("fwd",), ("rev",)])
def test_a_drop_in_looks_no_further_where_single_precision_has_spoken(modes):
    """A straight-through rule passes nowhere, and no rule that is right in float32 alone."""
    import jax
    import jax.numpy as jnp

    from gradproof import Inconclusive, WrongDerivative
    from gradproof.compat.jax import check_grads

    @jax.custom_jvp
    def rounded(x):
        return jnp.round(x * 4) / 4

    rounded.defjvp(lambda x, t: (rounded(*x), *t))
    x = jnp.asarray([1, 0.75, 1, 1.25, 0.5, 2], dtype=jnp.float16)
    with pytest.raises(Inconclusive):
        check_grads(rounded, (1.1 * x,), 1, modes=modes)
    factors = jnp.where(jnp.arange(6) == 2, 1.5, 1)

    @jax.custom_jvp
    def another(x):
        y = x**2
        return (y if x.dtype == jnp.float16 else (y - 1) * factors + 1).sum()

    another.defjvp(lambda x, t: (another(*x), (2 * x[0] * factors.astype(x[0].dtype) * t[0]).sum()))
    with pytest.raises(WrongDerivative):
        check_grads(another, (x,), 1, modes=modes)


@pytest.mark.library("torch")
def test_a_missing_row_of_a_norm_is_found():
    """Half precision is open about one row of 128 at this seed; single precision sees it."""
    import torch

    class Norm(torch.autograd.Function):
        missing = True

        @staticmethod
        def forward(ctx, x):
            wide = x.float()
            root = torch.rsqrt((wide * wide).mean(-1, keepdim=True) + 1e-6)
            ctx.save_for_backward(x, root)
            return (wide * root).to(x.dtype)

        @staticmethod
        def backward(ctx, ct):
            x, root = ctx.saved_tensors
            unit, pulled = x.float() * root, ct.float()
            dx = root * (pulled - unit * (pulled * unit).mean(-1, keepdim=True))
            if Norm.missing:
                dx[42] = 0
            return dx.to(x.dtype)

    x = torch.tensor(np.random.default_rng(3).normal(size=(128, 64))).bfloat16()
    wrong = verify_autodiff(Norm.apply, x, modes="vjp", seed=3)
    assert wrong.verdict is Verdict.FAIL, str(wrong)
    assert wrong.measured_in == "float32"
    Norm.missing = False
    assert verify_autodiff(Norm.apply, x, modes="vjp", seed=3).ok
