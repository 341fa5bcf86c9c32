"""The table in README: what SciPy, PyTorch, JAX and gradproof say of the same claims."""

import numpy as np
import pytest
from tests.libraries import REQUIRED

from gradproof import verify_autodiff, verify_grad, verify_jac
from gradproof.testing import assert_grad

if {"torch", "jax"} <= set(REQUIRED):
    import jax
    import jax.numpy as jnp
    import torch
    from jax.test_util import check_grads
    from scipy.optimize import check_grad
    from torch.autograd import gradcheck

    from gradproof.compat import torch as ours

pytestmark = [
    pytest.mark.once,
    pytest.mark.library("jax"),
    pytest.mark.library("torch"),
    pytest.mark.filterwarnings("ignore"),  # of the originals: not double precision
]

X = np.linspace(0.5, 1.5, 6)


def of_torch(check, func, backward, x, **options):
    """Return what a checker for PyTorch says of a backward pass."""

    class Rule(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return func(x)

        @staticmethod
        def backward(ctx, ct):
            return backward(ctx.saved_tensors[0], ct)

    x = torch.as_tensor(x).requires_grad_()
    if check is verify_autodiff:
        return str(verify_autodiff(Rule.apply, x.detach(), seed=0).verdict)
    return "passes" if check(Rule.apply, (x,), raise_exception=False, **options) else "fails"


def of_jax(func, backward, x, modes=("rev",)):
    """Return what JAX's checker says of a rule, in float32 unless x has another dtype."""
    rule = jax.custom_vjp(func)
    rule.defvjp(lambda x: (func(x), x), lambda x, ct: (backward(x, ct),))
    x = jax.tree.map(lambda leaf: leaf if hasattr(leaf, "devices") else jnp.float32(leaf), x)
    try:
        check_grads(rule, (x,), 1, modes=modes)
    except AssertionError:
        return "fails"
    return "passes"


def test_a_stationary_point():
    """The wrong sign cannot be seen where the gradient is zero."""
    zeros = np.zeros(4)
    assert check_grad(lambda x: (x**2).sum(), lambda x: -2 * x, zeros) < 1e-7
    wrong = (lambda x: x**2, lambda x, ct: -2 * x * ct)
    assert of_torch(gradcheck, *wrong, zeros) == of_jax(*wrong, zeros) == "passes"
    report = verify_grad(lambda x: (x**2).sum(), lambda x: -2 * x, zeros, seed=0)
    assert report.verdict == "inconclusive"
    assert report.next_step


def test_an_error_of_a_thousandth():
    size = check_grad(lambda x: np.sin(x).sum(), lambda x: 1.0009 * np.cos(x), X)
    assert 1e-4 < size < 1e-2  # a number: large or small?
    assert of_torch(gradcheck, torch.sin, lambda x, ct: 1.0009 * x.cos() * ct, X) == "passes"
    assert of_jax(jnp.sin, lambda x, ct: 1.0009 * jnp.cos(x) * ct, X) == "passes"
    assert of_torch(verify_autodiff, torch.sin, lambda x, ct: 1.0009 * x.cos() * ct, X) == "fail"


def test_one_entry_of_a_thousand():
    x = np.linspace(0.1, 1.4, 1000)
    wrong = np.arange(1000) == 417

    def spoiled(x, ct):
        return (x.cos() + torch.as_tensor(wrong)) * ct

    assert of_torch(gradcheck, torch.sin, spoiled, x) == "fails"
    assert of_torch(gradcheck, torch.sin, spoiled, x, fast_mode=True) == "passes"
    assert 0.9 < check_grad(lambda x: np.sin(x).sum(), lambda x: np.cos(x) + wrong, x) < 1.1
    assert of_jax(jnp.sin, lambda x, ct: (jnp.cos(x) + wrong) * ct, x) == "fails"
    report = verify_grad(lambda x: np.sin(x).sum(), lambda x: np.cos(x) + wrong, x, seed=0)
    assert [entry.path for entry in report.wrong_entries] == ["x[417]"]


def test_what_a_failure_names():
    """An entry, or the two matrices, or one number along a direction, or one number of all."""

    def wrong(x):
        return 2 * x * np.array([1, 1, 1, 1, 1, 1.5])

    assert isinstance(check_grad(lambda x: (x**2).sum(), wrong, X), float)
    factors = torch.as_tensor(wrong(X) / (2 * X))

    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        def backward(ctx, ct):
            return 2 * ctx.saved_tensors[0] * factors * ct

    with pytest.raises(RuntimeError, match=r"(?s)numerical:tensor\(\[\[.*analytical:tensor\(\[\["):
        gradcheck(Square.apply, (torch.tensor(X, requires_grad=True),))
    rule = jax.custom_vjp(lambda x: x**2)
    rule.defvjp(lambda x: (x**2, x), lambda x, ct: (jnp.asarray(wrong(np.asarray(x))) * ct,))
    one = pytest.raises(AssertionError, match=r"(?s)cotangent projection.*1 / 1 ")
    with one, jax.disable_jit():
        check_grads(rule, (jnp.float32(X),), 1, modes=["rev"])
    finding = verify_grad(lambda x: (x**2).sum(), wrong, X, seed=0).finding
    assert "1.5 +- " in finding
    assert "1 of 6 entries (x[5])" in finding


@pytest.mark.parametrize(
    ("dtype", "of_peers"),
    [
        ("float64", ("passes", "passes")),
        ("float32", ("fails", "passes")),
        ("float16", ("fails", "fails")),
        ("bfloat16", ("fails", "fails")),
    ],
)
def test_right_in_each_dtype(dtype, of_peers):
    there = torch.tensor(X, dtype=getattr(torch, dtype))
    root = (lambda x: x.sqrt(), lambda x, ct: ct / (2 * x.sqrt()))
    with jax.enable_x64(dtype == "float64"):
        said = of_jax(jnp.sqrt, lambda x, ct: ct / (2 * jnp.sqrt(x)), jnp.asarray(X, dtype))
    assert (of_torch(gradcheck, *root, there), said) == of_peers
    assert of_torch(ours.gradcheck, *root, there) == "passes"
    assert of_torch(verify_autodiff, *root, there) == "pass"


def test_right_sum_in_float32():
    """A sum of a thousand numbers has rounding of its own, as most losses have."""
    x = np.linspace(0.5, 1.5, 1000, dtype="float32")
    sine = (lambda x: x.sin().sum(), lambda x, ct: x.cos() * ct)
    assert of_torch(gradcheck, *sine, x) == "fails"
    assert of_jax(lambda x: jnp.sin(x).sum(), lambda x, ct: jnp.cos(x) * ct, x) == "fails"
    assert of_torch(verify_autodiff, *sine, x) == "pass"


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "complex128"])
def test_scipy_computes_in_float64(dtype):
    """Whatever it is given; of complex numbers it drops the imaginary part."""
    seen = set()

    def func(x):
        seen.add(str(x.dtype))
        return (x**2).sum()

    x = np.asarray(jnp.asarray(X, dtype)) if dtype == "bfloat16" else X.astype(dtype)
    check_grad(func, lambda x: 2 * x, x)
    assert seen == {"float64"}
    seen.clear()
    verify_grad(func, lambda x: 2 * x, x.real if dtype == "complex128" else x, seed=0)
    assert dtype in {*seen, "complex128"}


def test_a_rule_that_is_not_linear():
    wrong = (torch.sin, lambda x, ct: x.cos() * ct.abs())
    assert of_torch(gradcheck, *wrong, X) == "passes"
    assert of_jax(jnp.sin, lambda x, ct: jnp.cos(x) * abs(ct), X) == "fails"
    assert of_torch(verify_autodiff, *wrong, X) == "fail"


def test_a_cotangent_that_is_not_contiguous():
    def read(ct):
        there = ct.untyped_storage().nbytes() // ct.element_size()
        flat = torch.as_strided(ct, (min(there, ct.numel()),), (1,))
        return flat.repeat(ct.numel())[: ct.numel()].reshape(ct.shape)

    wrong = (torch.sin, lambda x, ct: x.cos() * read(ct))
    assert of_torch(gradcheck, *wrong, X) == "passes"
    assert of_torch(verify_autodiff, *wrong, X) == "fail"


def test_right_at_a_kink():
    zeros = np.zeros(3)

    def func(x):
        return np.maximum(x, 0).sum()

    assert check_grad(func, lambda x: 1.0 * (x > 0), zeros) > 1
    assert of_torch(gradcheck, torch.relu, lambda x, ct: (x > 0) * ct, zeros) == "fails"
    assert of_jax(jax.nn.relu, lambda x, ct: (x > 0) * ct, zeros) == "fails"
    assert verify_grad(func, lambda x: 1.0 * (x > 0), zeros, seed=0).ok


def test_a_random_function():
    rng = np.random.default_rng(0)

    def func(x):
        return (x**2 * rng.random(6)).sum()

    assert check_grad(func, lambda x: 2 * x * rng.random(6), X) > 1e6
    dropped = (lambda x: x * torch.rand(6), lambda x, ct: ct * torch.rand(6))
    assert of_torch(gradcheck, *dropped, X) == "fails"
    rolled = (lambda x: x * rng.random(6), lambda x, ct: ct * rng.random(6))
    with jax.disable_jit():
        assert of_jax(*rolled, X) == "fails"
    report = verify_grad(func, lambda x: 2 * x * rng.random(6), X, seed=0)
    assert report.verdict == "inconclusive"
    assert "seed its generator" in report.next_step


def test_dicts():
    with pytest.raises(TypeError):
        check_grad(lambda p: (p["a"] ** 2).sum(), lambda p: p, {"a": X})
    with pytest.raises(ValueError, match="at least one input tensor"):
        gradcheck(lambda p: p["a"] ** 2, ({"a": torch.tensor(X, requires_grad=True)},))
    assert of_jax(lambda p: p["a"] ** 2, lambda p, ct: {"a": 2 * p["a"] * ct}, {"a": X}) == "passes"
    assert verify_grad(lambda p: (p["a"] ** 2).sum(), lambda p: {"a": 2 * p["a"]}, {"a": X}).ok


def test_complex():
    z = X * (1 + 2j)
    assert check_grad(lambda z: (z**2).sum().real, lambda z: 2 * z, z) > 1
    assert gradcheck(lambda z: z**2, (torch.tensor(z, requires_grad=True),))
    check_grads(lambda z: z**2, (jnp.asarray(z, "complex64"),), 1)
    assert verify_autodiff(lambda z: z**2, torch.tensor(z), seed=0).ok


def test_sparse():
    """A sparse input is one that gradproof does not take; a sparse Jacobian it does."""
    from jax.experimental.sparse import BCOO
    from scipy.sparse import diags_array

    s = torch.eye(3, dtype=torch.float64).to_sparse().requires_grad_()
    assert gradcheck(lambda s: torch.sparse.sum(s * s), (s,), masked=True)
    with pytest.raises(ValueError, match="expected a dense tensor"):
        ours.gradcheck(lambda s: torch.sparse.sum(s * s), (s,), masked=True)
    with pytest.raises(TypeError, match="int32"):
        check_grads(lambda s: (s.todense() ** 2).sum(), (BCOO.fromdense(jnp.eye(3)),), 1)
    assert check_grad(lambda x: x**2, lambda x: diags_array(2 * x), X) < 1e-6
    assert verify_jac(lambda x: x**2, lambda x: diags_array(2 * x), X, seed=0).ok


def test_second_derivatives():
    x = torch.tensor(X, requires_grad=True)
    assert torch.autograd.gradgradcheck(torch.sin, (x,))
    check_grads(jnp.sin, (jnp.float32(X),), 2)
    assert verify_autodiff(torch.sin, x.detach(), order=2, seed=0).ok


@pytest.mark.parametrize(
    ("n", "calls"),
    [
        (6, {"SciPy": 7, "gradcheck": 14, "check_grads": 4, "gradproof": 50}),
        (1000, {"SciPy": 1001, "gradcheck": 2002, "check_grads": 4, "gradproof": 38}),
    ],
)
def test_calls(n, calls):
    """Evaluations of func for a gradient that is right, at most."""
    x, seen = np.linspace(0.5, 1.5, n), dict.fromkeys(calls, 0)

    def counting(name, func):
        def counted(x):
            seen[name] += 1
            return func(x)

        return counted

    check_grad(counting("SciPy", lambda x: np.sin(x).sum()), np.cos, x)
    gradcheck(counting("gradcheck", lambda x: x.sin().sum()), (torch.tensor(x).requires_grad_(),))
    with jax.enable_x64(True):
        func = counting("check_grads", lambda x: jnp.sin(x).sum())
        check_grads(func, (jnp.asarray(x),), 1, modes=["rev"])
    report = verify_grad(counting("gradproof", lambda x: np.sin(x).sum()), np.cos, x, seed=0)
    assert report.ok
    assert seen["gradproof"] == calls["gradproof"]
    for name, most in calls.items():
        assert seen[name] <= most  # of the originals it is a matter of their version


def test_again():
    """The same text in the next run, whatever the random numbers of the libraries."""
    texts = {}
    for seed in (1, 2):
        np.random.seed(seed)
        torch.manual_seed(seed)
        x = torch.tensor(X, requires_grad=True)
        wrong = jax.custom_vjp(jnp.sin)
        wrong.defvjp(lambda x: (jnp.sin(x), x), lambda x, ct: (2 * jnp.cos(x) * ct,))
        checks = {
            "SciPy": lambda: pytest.fail(str(check_grad(lambda x: (x**2).sum(), np.cos, X))),
            "gradcheck": lambda: gradcheck(lambda x: x.detach() * x, (x,)),
            "check_grads": lambda: check_grads(wrong, (jnp.float32(X),), 1, modes=["rev"]),
            "ours": lambda: ours.gradcheck(lambda x: x.detach() * x, (x,)),
            "assert_grad": lambda: assert_grad(lambda x: (x**2).sum(), lambda x: 3 * x, X),
        }
        for name, check in checks.items():
            with pytest.raises((AssertionError, RuntimeError, pytest.fail.Exception)) as caught:
                check()
            texts.setdefault(name, set()).add(str(caught.value))
    assert {len(one) for one in texts.values()} == {1}
    seeds = {verify_grad(lambda x: (x**2).sum(), lambda x: 2 * x, X).seed for _ in range(3)}
    assert len(seeds) > 1
