"""Rules that assume contiguous memory are found; those that do not pass."""

from functools import partial

import numpy as np
import pytest

import gradproof

verify_autodiff = partial(gradproof.verify_autodiff, seed=0)
verify_vjp = partial(gradproof.verify_vjp, seed=0)

SHAPES = [(5,), (3, 4), (2, 1, 5)]
DTYPES = ["float64", "float32", "float16", "bfloat16"]


def numbers(shape):
    return np.linspace(0.5, 1.5, int(np.prod(shape))).reshape(shape)


def as_if_contiguous(g):
    """Return what a kernel reads that knows the address and the shape of its argument alone."""
    import torch

    there = g.untyped_storage().nbytes() // g.element_size()
    flat = torch.as_strided(g, (min(g.numel(), there),), (1,))
    return flat.repeat(g.numel() // flat.numel() + 1)[: g.numel()].reshape(g.shape)


def cube(read_grad=lambda g: g, read_x=lambda x: x, forward=lambda x: x**3):
    import torch

    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return forward(x)

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return 3 * read_x(x) ** 2 * read_grad(grad)

    return Cube.apply


def viewed(g):
    return g.view(-1, 1).reshape(g.shape)


@pytest.mark.library("torch")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
class TestTorch:
    def x(self, shape, dtype):
        import torch

        return torch.tensor(numbers(shape), dtype=getattr(torch, dtype))

    def test_right(self, shape, dtype):
        report = verify_autodiff(cube(), self.x(shape, dtype))
        assert report.verdict != "fail", str(report)
        verdicts = {check.name: check.verdict for check in report.checks}
        assert verdicts["layout of the cotangent"] == verdicts["layout of x0"] == "pass"

    def test_backward(self, shape, dtype):
        report = verify_autodiff(cube(as_if_contiguous), self.x(shape, dtype))
        assert report.verdict == "fail"
        assert "assumes a contiguous cotangent (grad_output)" in report.reason

    def test_gradcheck(self, shape, dtype):
        from gradproof.compat.torch.first_order import gradcheck

        x = self.x(shape, dtype).requires_grad_()
        assert not gradcheck(cube(as_if_contiguous), x, raise_exception=False)

    def test_saved_input(self, shape, dtype):
        if dtype == "bfloat16":  # few entries of it move by less than rounding may make
            shape = (7, 9)
        report = verify_autodiff(cube(read_x=as_if_contiguous), self.x(shape, dtype))
        assert report.verdict == "fail"
        assert "layout of x0: func assumes a contiguous x0" in report.reason

    def test_forward(self, shape, dtype):
        wrong = cube(forward=lambda x: as_if_contiguous(x) ** 3)
        report = verify_autodiff(wrong, self.x(shape, dtype))
        assert report.verdict == "fail"
        assert "func assumes a contiguous x0" in report.reason

    def test_written_by_hand(self, shape, dtype):
        x = self.x(shape, dtype)
        wrong = verify_vjp(lambda x: x**3, lambda x, g: 3 * x**2 * as_if_contiguous(g), x)
        assert wrong.verdict == "fail"
        assert verify_vjp(lambda x: x**3, lambda x, g: 3 * x**2 * g, x).verdict != "fail"


@pytest.mark.library("torch")
@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("seed", range(8))
def test_few_numbers_of_half_precision(n, dtype, seed):
    """What is read at wrong places may be within rounding of one cotangent, not of several."""
    import torch

    x = torch.tensor(numbers((n,)), dtype=getattr(torch, dtype))
    assert gradproof.verify_autodiff(cube(as_if_contiguous), x, seed=seed).verdict == "fail"
    assert gradproof.verify_autodiff(cube(), x, seed=seed).verdict != "fail"


@pytest.mark.library("torch")
class TestTorchThatRaises:
    x = numbers((3, 4))

    def test_backward(self):
        import torch

        report = verify_autodiff(cube(viewed), torch.tensor(self.x))
        assert report.verdict == "fail"
        assert "assumes a contiguous cotangent" in report.reason
        assert "view size is not compatible" in report.reason

    def test_forward_says_so_itself(self):
        """Of a func that refuses such an x0 nothing is wrong; the report says what was left."""
        import torch

        report = verify_autodiff(lambda x: x.view(-1) ** 3, torch.tensor(self.x))
        assert report.ok
        assert "not checked: x0 transposed in memory (it raises RuntimeError" in str(report)

    def test_refuses_an_expanded_one(self):
        import torch

        def whole(g):
            if not g.is_contiguous() and 0 in g.stride():
                raise ValueError("expected memory of its own")
            return g

        report = verify_autodiff(cube(whole), torch.tensor(self.x))
        assert report.verdict == "fail"
        assert "expanded (of stride 0), as that of a sum is" in report.reason

    def test_ties(self):
        """Which of equal entries counts may differ with the layout."""
        import torch

        x = torch.tensor([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]], dtype=torch.float64)

        class Largest(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                # The first of equal ones in memory.
                flat = x if x.is_contiguous() else x.T
                place = flat.reshape(-1).argmax()
                ctx.place = torch.zeros_like(flat).reshape(-1)
                ctx.place[place] = 1
                ctx.place = (
                    ctx.place.reshape(flat.shape) if flat is x else ctx.place.reshape(3, 2).T
                )
                return (x * ctx.place).sum() + 0 * x

            @staticmethod
            def backward(ctx, grad):
                return grad.sum() * ctx.place

        report = verify_autodiff(Largest.apply, x)
        (check,) = (c for c in report.checks if c.name == "layout of x0")
        assert check.verdict == "pass"

    def test_equal_entries_that_are_wrong(self):
        """In bfloat16 many entries are equal, and these need not be right therefore."""
        import torch

        x = torch.tensor(numbers((20, 30)), dtype=torch.bfloat16)
        report = verify_autodiff(cube(read_x=as_if_contiguous), x)
        assert report.verdict == "fail"

    @pytest.mark.parametrize("forked", [True, False])
    def test_random_numbers_of_a_fixed_seed(self, forked):
        """They follow the layout of what they are for."""
        import torch

        def func(x):
            with torch.random.fork_rng(enabled=forked):
                torch.manual_seed(0)
                return torch.nn.functional.dropout(x, 0.5)

        report = verify_autodiff(func, torch.tensor(self.x))
        assert report.ok
        assert "it draws random numbers" in str(report)

    def test_random(self):
        """What differs is not the layout."""
        import torch

        x = torch.tensor(self.x)
        report = verify_autodiff(lambda x: torch.nn.functional.dropout(x, 0.5), x)
        assert report.verdict != "fail" or "layout" not in report.reason


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES[:3])
class TestNumPy:
    def test_right(self, shape, dtype):
        x = numbers(shape).astype(dtype)
        report = verify_vjp(lambda x: x**3, lambda x, g: 3 * x**2 * g, x)
        assert report.verdict != "fail", str(report)
        (check,) = (c for c in report.checks if c.name == "layout of the cotangent")
        assert check.verdict == "pass"

    def test_wrong(self, shape, dtype):
        def vjp(x, g):
            strides = np.empty_like(g, order="C").strides
            return 3 * x**2 * np.lib.stride_tricks.as_strided(g, g.shape, strides)

        report = verify_vjp(lambda x: x**3, vjp, numbers(shape).astype(dtype))
        assert report.verdict == "fail"
        assert "assumes a contiguous cotangent" in report.reason


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_nothing_to_lay_out(shape):
    report = verify_vjp(lambda x: x**3, lambda x, g: 3 * x**2 * g, np.full(shape, 0.75))
    assert report.ok
    assert "layout" not in str(report)


@pytest.mark.library("torch")
def test_vectors_of_a_module_have_no_gaps():
    """PyTorch's batch norm on a CPU is wrong for a weight with gaps, which no module has."""
    import torch

    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.BatchNorm1d(4))
    x = torch.randn(5, 3)
    assert verify_autodiff(net, x).ok

    class Wrong(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = torch.nn.Parameter(torch.randn(3, 4))

        def forward(self, x):
            return (
                cube(read_x=as_if_contiguous)(x @ self.w)
                + cube(read_x=as_if_contiguous)(self.w)[:1]
            )

    assert "layout of x0" in verify_autodiff(Wrong(), x).reason
