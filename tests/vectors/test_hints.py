"""What people forget, and what is then said: an option, an order, a flag, a library."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import gradproof
from gradproof import check_grad, verify_grad, verify_hess, verify_jac, verify_jvp, verify_vjp
from gradproof.testing import assert_grad

X = np.linspace(0.5, 1.5, 4)
TREE = {"a": X, "b": X}


def cube(x):
    return (x**3).sum()


def slope(x):
    return 3 * x**2


def of_tree(p):
    return cube(p["a"]) + cube(p["b"])


def slope_of_tree(p):
    return {"a": slope(p["a"]), "b": slope(p["b"])}


def said(call) -> str:
    """Return the text of what is raised, and its notes."""
    with pytest.raises((TypeError, ValueError, RuntimeError)) as caught:
        call()
    return "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])


class TestSwapped:
    @pytest.mark.parametrize(
        "call",
        [
            lambda: verify_grad(slope, cube, X),
            lambda: assert_grad(slope, cube, X),
            lambda: verify_grad(slope_of_tree, of_tree, TREE),
            lambda: verify_jac(lambda x: np.diag(slope(x)), lambda x: x**3, X),
            lambda: verify_hess(lambda x: np.diag(6 * x), cube, X),
            lambda: check_grad(slope, cube, X),
        ],
    )
    def test_by_shapes(self, call):
        assert "as if the two were swapped: func comes first, then " in said(call)

    @pytest.mark.parametrize("verify", [verify_vjp, verify_jvp])
    def test_products(self, verify):
        def product(x, u):
            return u * np.cos(x)

        assert "are they in this order, func first?" in said(lambda: verify(product, np.sin, X))

    def test_a_func_that_works_entry_by_entry(self):
        """Its result looks like a gradient; that it is one is not certain."""
        text = said(lambda: verify_grad(lambda x: x**2, lambda x: 2 * x, X))
        assert "verify_vjp or verify_jvp for its products. If that is what grad is to" in text

    def test_a_vjp_without_a_cotangent(self):
        text = said(lambda: verify_vjp(np.sin, lambda x: np.cos(x), X))
        assert "a vjp that takes no cotangent means a pair of y and a function of the c" in text

    def test_nothing_is_said_where_it_does_not_fit(self):
        assert "swapped" not in said(lambda: verify_grad(lambda x: x[:2], slope, X))
        assert "swapped" not in said(lambda: verify_grad(cube, lambda x: x[:2], X))
        assert "swapped" not in said(lambda: verify_jac(slope, lambda x: x[:2], X))


class TestForgottenOptions:
    @pytest.mark.parametrize(
        ("call", "option"),
        [
            (lambda: verify_grad(cube, lambda x: (cube(x), slope(x)), X), "value_and_grad=True"),
            (lambda: verify_grad(cube, lambda x: [cube(x), slope(x)], X), "value_and_grad=True"),
            (lambda: verify_grad(np.sin, lambda x: (np.sin(x), np.cos(x)), 1.5), "value_and_grad="),
            (
                lambda: verify_grad(of_tree, lambda p: (of_tree(p), slope_of_tree(p)), TREE),
                "value_and_grad=True",
            ),
            (
                lambda: verify_jac(np.sin, lambda x: (np.sin(x), np.diag(np.cos(x))), X),
                "value_and_jac=True",
            ),
            (
                lambda: verify_jvp(np.sin, lambda x, t: (np.sin(x), np.cos(x) * t), X),
                "with_value=True",
            ),
            (
                lambda: verify_jvp(
                    lambda x: {"y": np.sin(x)},
                    lambda x, t: ({"y": np.sin(x)}, {"y": np.cos(x) * t}),
                    X,
                ),
                "with_value=True",
            ),
            (lambda: verify_grad(lambda x: (cube(x), x), slope, X), "has_aux=True"),
            (
                lambda: verify_jac(
                    lambda x: (np.sin(x), {"n": x}), lambda x: np.diag(np.cos(x)), X
                ),
                "has_aux=True",
            ),
        ],
    )
    def test_names_it(self, call, option):
        assert option in said(call)


class TestArguments:
    @pytest.mark.parametrize(
        "call",
        [
            lambda: verify_grad(lambda a, b: (a * b).sum(), lambda a, b: b, (X, X)),
            lambda: verify_vjp(lambda a, b: a * b, lambda a, b, u: (b * u, a * u), [X, X]),
        ],
    )
    def test_one_tuple(self, call):
        text = said(call)
        assert "pass arguments one after the other" in text
        assert "argnums=(0, 1" in text

    def test_mistakes_inside_are_left_alone(self):
        norm: Any = np.linalg.norm

        def func(x):
            return norm()

        assert "one after the other" not in said(lambda: verify_grad(func, slope, X))


@pytest.mark.library("torch")
class TestTorch:
    def test_class_instead_of_its_apply(self):
        import torch
        from tests.torch_ops import PlainSquare

        from gradproof.compat.torch.first_order import gradcheck

        x = torch.tensor(X, requires_grad=True)
        for call in (
            lambda: gradproof.verify_autodiff(PlainSquare, x),
            lambda: verify_grad(PlainSquare, slope, x),
            lambda: verify_vjp(torch.sin, PlainSquare, x),
            lambda: gradcheck(PlainSquare, (x,)),
            lambda: check_grad(PlainSquare, slope, x),
        ):
            assert "is the class PlainSquare; expected a function" in (text := said(call))
            assert "pass PlainSquare.apply." in text
        text = said(lambda: gradproof.verify_autodiff(torch.nn.Linear, x))
        assert "pass an instance of it, Linear(...)" in text

    def test_one_tuple(self):
        import torch

        x = torch.tensor(X)
        text = said(lambda: gradproof.verify_autodiff(lambda a, b: a * b, (x, x)))
        assert "pass arguments one after the other" in text

    def test_no_gradient_required(self):
        import torch

        def backward(x):
            cube(x).backward()
            return x.grad

        def autograd(x):
            return torch.autograd.grad(cube(x), x)[0]

        x = torch.tensor(X)
        for claim in (backward, autograd):
            for check in (verify_grad, assert_grad, check_grad):
                text = said(lambda check=check, claim=claim: check(cube, claim, x))
                assert "x0 does not require a gradient: call x0.requires_grad_()" in text
            assert verify_grad(cube, claim, x.clone().requires_grad_(), seed=0).ok
        text = said(lambda: verify_vjp(torch.sin, lambda x, u: autograd(x), x))
        assert "call x0.requires_grad_()" in text

    def test_values_and_gradients(self):
        import torch

        x = torch.tensor(X)
        text = said(lambda: verify_grad(cube, lambda x: (cube(x), slope(x)), x))
        assert "value_and_grad=True" in text


@pytest.mark.parametrize(("module", "library"), [("torch", "torch"), ("jax", "jax")])
def test_missing_library(module, library):
    """With the command that installs it."""
    code = (
        f"import sys; sys.modules[{library!r}] = None\n"
        f"try:\n    import gradproof.compat.{module}\n"
        "except ImportError as err:\n    print(err)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f'pip install "gradproof[{library}]"' in done.stdout
