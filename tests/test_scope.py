"""What a report says of what was checked, and that nothing is passed that was not."""

import json

import numpy as np
import pytest
from tests.claims import point

import gradproof
from gradproof import verify_grad, verify_hess, verify_hvp, verify_jac, verify_jvp, verify_vjp

X = point()


def cube(x):
    return (x * x * x).sum()


class TestTheLine:
    """Every report says what it is about: one line of its text, `scope`, and `to_dict()`."""

    def test_of_products(self):
        sin = {
            "vjp": verify_vjp(np.sin, lambda x, ct: ct * np.cos(x), X, seed=0),
            "jvp": verify_jvp(np.sin, lambda x, t: t * np.cos(x), X, seed=0),
        }
        assert sin["vjp"].scope.products == ("vjp at 1 cotangent",)
        assert sin["jvp"].scope.products == ("jvp at 2 tangents",)
        assert "; vjp at 1 cotangent\n" in str(sin["vjp"])
        hess = verify_hess(cube, lambda x: np.diag(6 * x), X, seed=0)
        assert hess.scope.products == ("Hessian times 1 tangent",)
        hvp = verify_hvp(cube, lambda x, v: 6 * x * v, X, grad=lambda x: 3 * x * x, seed=0)
        assert hvp.scope.products == ("hvp at 2 tangents",)
        assert verify_jac(np.sin, lambda x: np.diag(np.cos(x)), X, seed=0).scope.products == ()

    def test_of_many_leaves_is_short(self):
        tree = {f"w{i:02d}": X for i in range(30)}
        report = verify_grad(
            lambda p: sum(cube(v) for v in p.values()),
            lambda p: {k: 3 * v * v for k, v in p.items()},
            tree,
            seed=0,
        )
        (line,) = (line for line in str(report).splitlines() if "checked: " in line)
        assert line.endswith("and 26 more"), line
        assert len(report.scope.checked) == 30

    def test_in_json(self):
        scope = json.loads(json.dumps(verify_grad(cube, lambda x: 3 * x * x, X).to_dict()))["scope"]
        assert scope["checked"][0]["shape"] == [6]
        assert scope["held"] == scope["not_checked"] == scope["products"] == []


@pytest.mark.library("torch")
def test_a_missing_mode_is_named():
    import torch

    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, ct):
            return 2 * ctx.saved_tensors[0] * ct

    report = gradproof.verify_autodiff(Square.apply, torch.tensor(X), seed=0)
    assert report.scope.not_checked == ("forward mode (func has none)",)
    assert "not checked: forward mode (func has none)" in str(report)
