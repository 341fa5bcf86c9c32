"""What of a call is moved, and how: what rules in libraries ask for."""

import importlib

import numpy as np
import pytest

import gradproof
from gradproof import Verdict


def watched(call, only="test_prepared"):
    """Return the outcomes of the one rule that a call calls."""
    with gradproof.watch(only=[only]) as rules:
        call()
    (rule,) = [rule for rule in rules.verify(seconds=20).rules if rule.calls]
    return rule.outcomes


def spd(size, *batch):
    a = np.random.default_rng(0).standard_normal((*batch, size, size))
    return a @ a.swapaxes(-1, -2) + size * np.eye(size)


def solve_of_torch(gradient):
    """Return a rule that solves by Cholesky, which reads one triangle alone."""
    import torch

    class Solve(torch.autograd.Function):
        @staticmethod
        def forward(ctx, matrix, rhs):
            factor = torch.linalg.cholesky(torch.tril(matrix))
            solution = torch.cholesky_solve(rhs, factor)
            ctx.save_for_backward(factor, solution)
            return solution

        @staticmethod
        def backward(ctx, ct):
            factor, solution = ctx.saved_tensors
            by_rhs = torch.cholesky_solve(ct, factor)
            return gradient(by_rhs, solution), by_rhs

    return Solve.apply


@pytest.mark.library("torch")
@pytest.mark.parametrize("batch", [(), (3,)])
def test_symmetric_matrices(batch):
    """A rule for symmetric matrices is right where both triangles move together."""
    import torch

    matrix, rhs = torch.tensor(spd(4, *batch)), torch.randn(*batch, 4, 2, dtype=torch.float64)

    def both(by_rhs, solution):
        across = by_rhs @ solution.mT
        return -(across + across.mT) / 2

    (found,) = watched(lambda: solve_of_torch(both)(matrix, rhs))
    assert found.verdict is Verdict.PASS, found.text
    assert "moved as symmetric, which it is here: matrix" in found.notes
    # Of one that is not the same on both sides nobody knows what it is meant for.
    (found,) = watched(lambda: solve_of_torch(lambda a, x: -(a @ x.mT))(matrix, rhs))
    assert found.verdict is Verdict.INCONCLUSIVE, found.text
    assert "right while matrix is symmetric" in found.finding
    (found,) = watched(lambda: solve_of_torch(lambda a, x: -2 * both(a, x))(matrix, rhs))
    assert found.verdict is Verdict.FAIL


@pytest.mark.library("jax")
def test_symmetric_by_accident():
    """What is wrong for one triangle fails at a unit matrix, or at one of ones."""
    import jax
    import jax.numpy as jnp

    @jax.custom_vjp
    def times(a, x):
        return jnp.sin(a) @ x

    times.defvjp(
        lambda a, x: (times(a, x), (a, x)),
        lambda kept, ct: (
            (jnp.cos(kept[0]) * jnp.outer(ct, kept[1])).T,
            jnp.sin(kept[0]).T @ ct,
        ),
    )
    x = jnp.asarray([0.3, -1.2, 0.7])
    for matrix in (jnp.eye(3), jnp.ones((3, 3))):
        (found,) = watched(lambda matrix=matrix: times(matrix, x))
        assert found.verdict is Verdict.FAIL
    # A generic symmetric one is no accident, and the rule is right while it stays one.
    symmetric = jnp.asarray(spd(3))
    (found,) = watched(lambda: times(symmetric, x))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "right while a is symmetric, as it is here, and wrong otherwise" in found.finding


@pytest.mark.library("torch")
def test_refused_arguments():
    """A rule that refuses to be differentiated by an argument is checked by the others."""
    import torch

    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, scale):
            if ctx.needs_input_grad[0]:
                raise RuntimeError("no gradients with respect to x")
            ctx.save_for_backward(x, scale)
            return (x / scale).exp()

        @staticmethod
        def backward(ctx, ct):
            x, scale = ctx.saved_tensors
            return None, (-ct * (x / scale).exp() * x / scale**2).sum()

    (found,) = watched(lambda: Scaled.apply(torch.randn(4), torch.tensor(1.7)))
    assert found.verdict is Verdict.PASS
    assert "the rule raises where it is differentiated by, not checked: x" in found.notes


@pytest.mark.library("torch")
@pytest.mark.parametrize("layout", ["sparse_coo", "sparse_csr"])
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
def test_sparse_arguments(layout):
    """A sparse argument is recorded as it is, and not moved."""
    import torch

    seen = []

    class Times(torch.autograd.Function):
        @staticmethod
        def forward(ctx, sparse, dense):
            seen.append(sparse)
            ctx.sparse = sparse
            return sparse @ dense

        @staticmethod
        def backward(ctx, ct):
            return None, ctx.sparse.to_dense().T @ ct

    sparse = torch.tensor([[0.0, 2.0, 0.0], [1.0, 0.0, -3.0]]).to_sparse(
        layout=getattr(torch, layout)
    )
    (found,) = watched(lambda: Times.apply(sparse, torch.randn(3, 2)))
    assert found.verdict is Verdict.PASS, found.text
    assert found.kind == f"float32[2,3] {layout}, float32[3,2]"
    assert not any("drawn" in note for note in found.notes)
    assert all(one.layout is sparse.layout for one in seen)
    assert all(torch.equal(one.to_dense(), sparse.to_dense()) for one in seen)


@pytest.mark.library("torch")
def test_names_of_class_method():
    """The arguments of a rule whose forward is a class method have their own names."""
    import torch

    class Power(torch.autograd.Function):
        @classmethod
        def forward(cls, ctx, base, exponent):
            ctx.save_for_backward(base)
            ctx.exponent = exponent
            return base**exponent

        @staticmethod
        def backward(ctx, ct):
            (base,) = ctx.saved_tensors
            return ct * base ** (ctx.exponent - 1), None

    (found,) = watched(lambda: Power.apply(torch.rand(4), 3))
    assert found.verdict is Verdict.FAIL
    assert "checked: base (4)" in found.text


@pytest.mark.library("jax")
@pytest.mark.parametrize("factor", [2.0, 1.0])
def test_leaves_that_are_not_moved(factor):
    """Of an argument with several arrays only those are moved that a call is differentiated by."""
    import jax
    import jax.numpy as jnp

    @jax.custom_jvp
    def times(both):
        return both["x"] ** 2 * both["scale"]

    def jvp(primals, tangents):
        (both,), (moved,) = primals, tangents
        assert type(moved["scale"]).__name__ == "SymbolicZero"
        return times(both), factor * both["x"] * moved["x"] * both["scale"]

    times.defjvp(jvp, symbolic_zeros=True)
    x, scale = jnp.linspace(0.5, 1.5, 5), jnp.full(5, 3.0)
    (found,) = watched(lambda: jax.grad(lambda x: times({"x": x, "scale": scale}).sum())(x))
    assert found.verdict is (Verdict.PASS if factor == 2 else Verdict.FAIL), found.text


DECORATOR = """
import jax


class filtered:
    def __init__(self, fun):
        self.fun = fun

    def def_rules(self, fwd, bwd):
        self.fwd, self.bwd = fwd, bwd

        def wrapped(x):
            return self.fun(x)

        def wrapped_fwd(x):
            return self.fwd(x)

        def wrapped_bwd(kept, ct):
            return self.bwd(kept, ct)

        self.rule = jax.custom_vjp(wrapped)
        self.rule.defvjp(wrapped_fwd, wrapped_bwd)

    def __call__(self, x):
        return self.rule(x)
"""


@pytest.mark.library("jax")
def test_decorators_of_libraries(tmp_path, monkeypatch):
    """A rule that is made by a decorator of another package is that of the function it takes."""
    import jax.numpy as jnp

    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "decorator_of_rules.py").write_text(DECORATOR)
    monkeypatch.syspath_prepend(folder)
    filtered = importlib.import_module("decorator_of_rules").filtered

    @filtered
    def square(x):
        return x**2

    square.def_rules(lambda x: (x**2, x), lambda x, ct: (ct * x,))
    with gradproof.watch(only=["test_prepared"]) as rules:
        square(jnp.linspace(0.5, 1.5, 5))
    (rule,) = [one for one in rules.verify(seconds=20).rules if one.calls]
    assert rule.name.endswith("test_prepared.test_decorators_of_libraries.<locals>.square")
    assert rule.file == __file__
    assert rule.verdict is Verdict.FAIL


@pytest.mark.library("jax")
def test_no_entries():
    """A call with arrays that have no entries is right, whatever the rule."""
    import jax
    import jax.numpy as jnp

    @jax.custom_jvp
    def total(x):
        return x.sum()

    total.defjvp(lambda primals, tangents: (total(*primals), tangents[0].sum()))
    found = watched(lambda: (total(jnp.zeros(0)), total(jnp.ones(3))))
    assert [one.verdict for one in found] == [Verdict.PASS, Verdict.PASS]


@pytest.mark.library("torch")
def test_results_that_are_rounding():
    """What cancels up to rounding has no slope; what is small for another reason has one."""
    import torch

    class Above(torch.autograd.Function):
        """By how much a bisection of 50 steps for the largest number misses it."""

        @staticmethod
        def forward(ctx, x, rate):
            return rate * (x.max() - x.min()) * 2.0**-50

        @staticmethod
        def backward(ctx, ct):
            return torch.zeros(4, dtype=ct.dtype), None

    x = torch.tensor([-1.2388, 0.7326, 0.1543, 0.4162], dtype=torch.float64)
    (found,) = watched(lambda: Above.apply(x, 1.0))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.finding == "its results are no larger than the rounding of its arguments"
    (found,) = watched(lambda: Above.apply(x, 1e9))
    assert found.verdict is Verdict.FAIL


@pytest.mark.library("torch")
def test_more_kinds_than_are_kept():
    """Of a rule with very many kinds of calls the report says how many were left out, and why."""
    import torch

    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, ct):
            return ct * 2

    with gradproof.watch(only=["test_more_kinds"]) as rules:
        for size in range(1, 67):
            Double.apply(torch.ones(size))
    report = rules.verify(seconds=20)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "2 of 66 kinds of calls not verified: 64 came before them" in str(report)


@pytest.mark.library("torch")
def test_nothing_to_move():
    """A call without floating numbers says nothing of a rule that has other calls."""
    import torch

    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, ct):
            return ct * 2

    with gradproof.watch(only=["test_nothing_to_move"]) as rules:
        Double.apply(torch.arange(3))
    assert rules.verify(seconds=60).verdict is Verdict.INCONCLUSIVE
    assert "(int64[3]): nothing to move" in str(rules.verify(seconds=60))
    with gradproof.watch(only=["test_nothing_to_move"]) as rules:
        Double.apply(torch.arange(3))
        Double.apply(torch.rand(3))
    assert rules.verify(seconds=20).verdict is Verdict.PASS


@pytest.mark.library("torch")
def test_results_that_are_zero():
    """A rule fails where it returns zeros, too."""
    import torch

    class Sine(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return torch.sin(x)

        @staticmethod
        def backward(ctx, ct):
            return 2 * ct

    (found,) = watched(lambda: Sine.apply(torch.zeros(3)))
    assert found.verdict is Verdict.FAIL
