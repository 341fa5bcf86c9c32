"""What a report says of what was checked, and that nothing is passed that was not."""

import json
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pytest
from tests.examples import point

import gradproof
from gradproof import verify_grad, verify_hess, verify_hvp, verify_jac, verify_jvp, verify_vjp

X = point()


class Held:
    """No pytree, with floating numbers in it."""

    def __init__(self):
        self.w = np.ones(3)


class ThreeNumbers:
    """Becomes an array, but is none."""

    def __array__(self, dtype=None, copy=None):
        return np.ones(3)


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
    from tests.torch_ops import PlainSquare

    report = gradproof.verify_autodiff(PlainSquare.apply, torch.tensor(X), seed=0)
    assert report.scope.not_checked == ("forward mode (func has none)",)
    assert "not checked: forward mode (func has none)" in str(report)


def total(x):
    return sum(float(x[i]) ** 3 for i in range(x.shape[0]))


def both(p):
    return total(p["a"]) + total(p["b"])


class TestBesideArrays:
    """What stands beside arrays of another library is moved as what it is, or refused by name."""

    @pytest.mark.parametrize("factor", [3.0, -1.0])
    def test_an_array_of_numpy(self, wide, factor):
        tree = {"a": wide(X), "b": X.copy()}
        report = verify_grad(
            both, lambda p: {"a": 3 * p["a"] ** 2, "b": factor * p["b"] ** 2}, tree, seed=0
        )
        assert report.ok == (factor == 3.0), str(report)
        assert [part.name for part in report.scope.checked] == ["p['a']", "p['b']"]

    @pytest.mark.parametrize("factor", [3.0, -1.0])
    @pytest.mark.parametrize("number", [1.5, np.float64(1.5), Fraction(3, 2)])
    def test_a_number(self, wide, number, factor):
        seen = []

        def func(a, b):
            if "Tracer" not in type(b).__name__:
                seen.append(type(b))
            return total(a) + float(b) ** 3

        report = verify_grad(
            func,
            lambda a, b: (3 * a**2, factor * float(b) ** 2),
            wide(X),
            number,
            argnums=(0, 1),
            seed=0,
        )
        assert report.ok == (factor == 3.0), str(report)
        assert len(set(seen)) == 1  # func sees the same kind at x0 and near it

    @pytest.mark.parametrize("other", [Decimal("1.5"), Held(), ThreeNumbers()])
    def test_what_cannot_be_moved_is_refused(self, wide, other):
        with pytest.raises(TypeError, match=r"p\['b'\] is a .*(float|pytree)"):
            verify_grad(
                lambda p: total(p["a"]),
                lambda p: {"a": 3 * p["a"] ** 2},
                {"a": wide(X), "b": other},
            )


TREE = {"n": 3, "flag": True, "none": None, "text": "relu"}


class TestHeldFixed:
    """Whole numbers, flags, None and text have no derivative: named, and claims of one fail."""

    def check(self, make, claim):
        return verify_grad(
            lambda p: total(p["a"]) * p["n"],
            lambda p: {"a": 3 * p["n"] * p["a"] ** 2, **claim},
            {"a": make(X), **TREE},
            seed=0,
        )

    @pytest.mark.parametrize("claim", [{}, {"n": None}, {"n": 0}, {"n": np.zeros(()), **TREE}])
    def test_nothing_is_claimed(self, wide, claim):
        claim = {**claim, **({"n": 0} if claim.keys() == TREE.keys() else {})}
        report = self.check(wide, claim)
        assert report.ok, str(report)
        held = {part.name: part.why for part in report.scope.held}
        assert held["p['n']"] == "integer"
        assert held["p['flag']"] == "bool"
        assert held["p['none']"] == "None"
        assert held["p['text']"] == "str"

    def test_something_is_claimed(self, wide):
        report = self.check(wide, {"n": (X**3).sum()})
        assert report.verdict == "fail"
        assert "by p['n']" in report.reason

    def test_of_whole_numbers_in_arrays(self, wide):
        tree = {"a": X, "b": np.arange(3)}
        right = verify_grad(both, lambda p: {"a": 3 * p["a"] ** 2}, tree, seed=0)
        assert right.ok
        assert [part.name for part in right.scope.held] == ["p['b']"]
        wrong = verify_grad(both, lambda p: {k: 3 * v**2 for k, v in p.items()}, tree, seed=0)
        assert wrong.verdict == "fail"

    @pytest.mark.parametrize("with_grad", ["not", "whole", "floating"])
    @pytest.mark.parametrize("claim", [None, 0, np.zeros(()), 1.0, np.ones(())])
    def test_of_a_product_with_a_hessian(self, wide, claim, with_grad):
        tree = {"a": wide(X), "n": np.array(2)}
        zero = {"not": None, "whole": 0, "floating": 0.0}[with_grad]

        def func(p):
            return total(p["a"]) * int(p["n"])

        def grad(p):
            return {"a": 6 * p["a"] ** 2, "n": zero}

        report = gradproof.verify_hvp(
            func,
            lambda p, t: {"a": 12 * p["a"] * t["a"], "n": claim},
            tree,
            grad=None if with_grad == "not" else grad,
            seed=0,
        )
        nothing = claim is None or not np.any(claim)
        assert report.verdict == ("pass" if nothing else "fail"), str(report)
        assert nothing or "by p['n']" in report.reason

    @pytest.mark.parametrize("with_grad", [True, False])
    @pytest.mark.parametrize("place", ["an", "na", "nn"])
    def test_of_a_hessian(self, with_grad, place):
        def check(number):
            def hess(p):
                blocks = {k: {"a": np.zeros(6), "n": 0.0} for k in "an"}
                blocks["a"]["a"] = np.diag(12 * p["a"])
                row, column = place
                blocks[row][column] = blocks[row][column] + number
                return blocks

            return gradproof.verify_hess(
                lambda p: total(p["a"]) * int(p["n"]),
                hess,
                {"a": X, "n": np.array(2)},
                grad=(lambda p: {"a": 6 * p["a"] ** 2, "n": 0.0}) if with_grad else None,
                seed=0,
            )

        assert check(0.0).ok
        assert check(1.0).verdict == "fail"

    @pytest.mark.parametrize("claim", [None, 0.0, 1.0])
    def test_outputs_without_a_derivative(self, claim):
        """Whole numbers that func returns beside floating ones have none of their own."""

        def func(x):
            return {"y": np.sin(x), "n": np.arange(2)}

        def part(*shape):
            return None if claim is None else np.full(shape, claim)

        def jac(x):
            return {"y": np.diag(np.cos(x)), "n": part(2, 6)}

        def jvp(x, t):
            return {"y": np.cos(x) * t, "n": part(2)}

        for report in (
            gradproof.verify_jac(func, jac, X, seed=0),
            gradproof.verify_jvp(func, jvp, X, seed=0),
        ):
            assert report.verdict == ("fail" if claim else "pass"), str(report)
            assert not claim or "result['n']" in report.reason

    def test_arguments_that_are_not_moved(self):
        report = verify_grad(
            lambda x, y, k=1.0: cube(x) + y.sum() * k,
            lambda x, y, k=1.0: 3 * x * x,
            X,
            X,
            kwargs={"k": 2.0},
            seed=0,
        )
        assert [str(part) for part in report.scope.held] == [
            "y (6) (not in argnums)",
            "k (a number)",
        ]


@pytest.mark.parametrize("flags", [True, np.array([True, False])])
def test_flags_are_refused(flags):
    with pytest.raises(TypeError, match="bool"):
        verify_grad(lambda x: 1.0 * np.sum(x), lambda x: np.zeros(np.shape(x)), flags)


class TestAllPrimals:
    """verify_autodiff checks every floating argument, unless it is told which."""

    @pytest.mark.library("jax")
    def test_of_jax(self):
        import jax
        import jax.numpy as jnp

        @jax.custom_vjp
        def scaled(x, s):
            return x * s

        scaled.defvjp(lambda x, s: (x * s, (x, s)), lambda r, g: (g * r[1], -(g * r[0]).sum()))
        x = jnp.asarray(X)
        for s in (jnp.asarray(1.5), 1.5):
            assert gradproof.verify_autodiff(scaled, x, s, seed=0, modes="vjp").verdict == "fail"
            right = gradproof.verify_autodiff(lambda x, s: x * s, x, s, seed=0)
            assert right.ok, str(right)
            assert [part.name for part in right.scope.checked] == ["x", "s"]

    @pytest.mark.library("jax")
    def test_a_number_that_func_looks_at_is_held_fixed(self):
        import jax.numpy as jnp

        def branched(x, s):
            return x * x * (2.0 if s > 0 else 1.0)

        report = gradproof.verify_autodiff(branched, jnp.asarray(X), 1.5, seed=0)
        assert report.ok, str(report)
        assert [str(part) for part in report.scope.held] == ["s (a number)"]

    @pytest.mark.library("jax")
    @pytest.mark.parametrize("factor", [1.0, 2.0])
    def test_a_function_that_is_a_pytree(self, factor):
        import jax
        import jax.numpy as jnp

        @jax.custom_vjp
        def scaled(w, x):
            return x * w

        scaled.defvjp(lambda w, x: (x * w, (w, x)), lambda r, g: (factor * g * r[1], g * r[0]))
        w, x = jnp.asarray(X[::-1].copy()), jnp.asarray(X)
        func = jax.tree_util.Partial(scaled, w)
        report = gradproof.verify_autodiff(func, x, seed=0, modes="vjp")
        assert report.ok == (factor == 1.0), str(report)
        assert gradproof.verify_autodiff(func, x, argnums=0, seed=0, modes="vjp").ok

    @pytest.mark.library("torch")
    @pytest.mark.parametrize("factor", [1.0, 2.0])
    @pytest.mark.parametrize("where", ["itself", "argument", "dict", "list"])
    def test_modules(self, factor, where):
        import torch

        class Rule(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x, w):
                ctx.save_for_backward(x, w)
                return x @ w.T

            @staticmethod
            def backward(ctx, ct):
                x, w = ctx.saved_tensors
                return ct @ w, factor * ct.T @ x

        class Layer(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.w = torch.nn.Parameter(torch.tensor(X.reshape(2, 3)))
                self.b = torch.nn.Parameter(torch.ones(2).double(), requires_grad=False)
                self.register_buffer("shift", torch.ones(2))

            def forward(self, x):
                return Rule.apply(x, self.w) + self.b + self.shift

        layer, x = Layer(), torch.tensor(point(1).reshape(2, 3))
        calls = {
            "itself": (layer, (x,)),
            "argument": (lambda m, x: m(x), (layer, x)),
            "dict": (lambda p: p["m"](p["x"]), ({"m": layer, "x": x},)),
            "list": (lambda p: p[0](p[1]), ([layer, x],)),
        }
        func, primals = calls[where]
        report = gradproof.verify_autodiff(func, *primals, modes="vjp", seed=0)
        assert report.ok == (factor == 1.0), str(report)
        whys = sorted(part.why for part in report.scope.held)
        assert whys == ["buffer", "requires_grad=False"]
        assert layer.w.grad is None
        assert gradproof.verify_autodiff(layer, x, argnums=0, modes="vjp", seed=0).ok

    @pytest.mark.library("torch")
    @pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
    def test_parameters_that_cannot_be_moved_are_named(self):
        import torch

        x = torch.tensor(X.reshape(2, 3))
        layer = torch.nn.Linear(3, 2).double()
        linear = torch.nn.functional.linear
        for func, why in (
            (layer.forward, "of a method"),
            (lambda x: layer(x), "of layer, which is no argument"),
            (partial(lambda net, x: net(x), layer), "of argument 0, which is no argument"),
            (partial(linear, weight=layer.weight), "of weight, which is no argument"),
            (torch.jit.trace(layer, x), "a ScriptModule takes no others"),
            (torch.nn.utils.weight_norm(torch.nn.Linear(3, 2).double()), "it cannot be copied"),
        ):
            report = gradproof.verify_autodiff(func, x, modes="vjp", seed=0)
            assert report.ok, str(report)
            assert [part.why for part in report.scope.held] == [why]

    @pytest.mark.library("torch")
    def test_tied_parameters_move_together(self):
        import torch

        class Tied(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.one = torch.nn.Linear(3, 3, bias=False).double()
                self.other = torch.nn.Linear(3, 3, bias=False).double()
                self.other.weight = self.one.weight

            def forward(self, x):
                return self.other(torch.tanh(self.one(x)))

        torch.manual_seed(0)
        net, x = Tied(), torch.tensor(X.reshape(2, 3))
        report = gradproof.verify_autodiff(net, x, seed=0)
        assert report.ok, str(report)
        assert [part.name for part in report.scope.checked] == ["module['one.weight']", "x"]


class TestRefused:
    """What has no numbers to be moved is refused in words, wherever it stands."""

    def grad(self, x, **rest):
        return verify_grad(
            lambda p: (p["a"] * p["a"]).sum(), lambda p: {"a": 2 * p["a"]}, {"a": x, **rest}, seed=0
        )

    @pytest.mark.filterwarnings("ignore:the matrix subclass")
    def test_arrays_of_numpy_with_an_arithmetic_of_their_own(self):
        masked = np.ma.masked_array(X, mask=[1, 0, 0, 0, 0, 0])
        for odd, words in ((masked, "a masked array"), (np.matrix(X), "an np.matrix")):
            with pytest.raises(TypeError, match=f"x is {words}.*expected a plain array"):
                verify_grad(cube, lambda x: 3 * x * x, odd)
            with pytest.raises(TypeError, match=rf"p\['b'\] is {words}"):
                self.grad(X, b=odd)

    def test_cyclic_containers(self):
        several: list[Any] = [X]
        one: dict[str, Any] = {"a": X}
        several.append(several)
        one["b"] = one
        for cyclic in (several, one):
            with pytest.raises(ValueError, match=r"x\[.*\] is a (list|dict) that contains itself"):
                verify_grad(cube, lambda x: 3 * x * x, cyclic)

    @pytest.mark.library("torch")
    @pytest.mark.filterwarnings("ignore")
    def test_tensors(self):
        import torch

        x = torch.tensor(X)
        odd = {
            "layout torch.sparse_coo": x.to_sparse(),
            "a nested tensor": torch.nested.nested_tensor([x, x[:2]]),
            "torch.float8_e4m3fn": x.to(torch.float8_e4m3fn),
            "without numbers": x.to("meta"),
        }
        for words, tensor in odd.items():
            with pytest.raises(TypeError, match=f"x is .*{words}.*; expected"):
                verify_grad(cube, lambda x: 3 * x * x, tensor)
            with pytest.raises(TypeError, match=rf"p\['b'\] is .*{words}"):
                self.grad(x, b=tensor)
        quantised = torch.quantize_per_tensor(x.float(), 0.1, 0, torch.qint8)
        with pytest.raises(TypeError, match="quantised"):
            verify_grad(cube, lambda x: 3 * x * x, quantised)
        with pytest.raises(TypeError, match="dequantize"):
            self.grad(x, b=quantised)

    @pytest.mark.library("torch")
    def test_tensors_that_are_traced(self):
        import torch

        def inside(x):
            with pytest.raises(TypeError, match="traced by torch.func"):
                verify_grad(cube, lambda x: 3 * x * x, x)
            with pytest.raises(TypeError, match=r"p\['a'\] is traced by torch.func"):
                self.grad(x)
            with pytest.raises(TypeError, match=r"y\[0\] is traced by torch.func"):
                verify_grad(lambda x, y: cube(x), lambda x, y: 3 * x * x, X, [x])
            return x.sum()

        torch.func.grad(inside)(torch.tensor(X))

    @pytest.mark.library("jax")
    def test_arrays_that_are_traced(self):
        import jax
        import jax.numpy as jnp

        def inside(x):
            with pytest.raises(TypeError, match="x is traced"):
                verify_grad(cube, lambda x: 3 * x * x, x)
            with pytest.raises(TypeError, match=r"p\['a'\] is traced"):
                self.grad(x)
            with pytest.raises(TypeError, match=r"y\['z'\] is traced"):
                verify_grad(lambda x, y: cube(x), lambda x, y: 3 * x * x, X, {"z": x})
            return x

        jax.jit(inside)(jnp.asarray(X))
        shape = jax.ShapeDtypeStruct((3,), jnp.float32)
        with pytest.raises(TypeError, match="ShapeDtypeStruct, which has no numbers"):
            verify_grad(cube, lambda x: 3 * x * x, shape)
        with pytest.raises(TypeError, match=r"p\['b'\] is a jax.ShapeDtypeStruct"):
            self.grad(jnp.asarray(X), b=shape)

    @pytest.mark.library("jax")
    def test_sparse_array_of_jax(self):
        import jax.numpy as jnp
        from jax.experimental.sparse import BCOO

        sparse = BCOO.fromdense(jnp.asarray(X))
        with pytest.raises(
            TypeError, match=r"BCOO, which is sparse; .* x0\.todense\(\), or x0\.data"
        ):
            verify_grad(lambda x: (x.todense() ** 2).sum(), lambda x: 2 * x, sparse)


class TestStrangeFunctions:
    """A func that misbehaves near x0 ends no check."""

    def test_complex_beside_x0(self):
        x = np.array([1.0, 1.0005, 2.0])
        for factor in (0.5, 0.6):
            report = verify_grad(
                lambda x: np.emath.sqrt(x - 0.999).sum(),
                lambda x, c=factor: c / np.sqrt(x - 0.999),
                x,
                seed=0,
            )
            assert report.verdict != ("fail" if factor == 0.5 else "pass"), str(report)
            assert any("complex" in remark for remark in report.remarks)

    @pytest.mark.parametrize("factor", [3.0, 2.0])
    def test_input_made_read_only(self, factor):
        def func(x):
            x.flags.writeable = False
            return cube(x)

        assert verify_grad(func, lambda x: factor * x * x, X, seed=0).ok == (factor == 3.0)
        assert gradproof.check_grad(func, lambda x: 3 * x * x, X) < 1e-5

    @pytest.mark.library("jax")
    @pytest.mark.parametrize("factor", [3.0, 2.0])
    def test_input_deleted(self, factor):
        import jax.numpy as jnp

        def func(x):
            value = cube(x)
            x.delete()
            return value

        assert verify_grad(func, lambda x: factor * x * x, jnp.asarray(X), seed=0).ok == (
            factor == 3.0
        )


class TestStationary:
    """Where the gradient is zero, every multiple of the right one is right, and none passes."""

    @pytest.mark.parametrize("factor", [2.0, 3.0])
    @pytest.mark.parametrize("n", [5, 400])
    def test_at_a_minimum(self, arrays, n, factor):
        xp = arrays.xp
        x = arrays(np.ones(n))
        report = verify_grad(lambda x: xp.sum((x - 1) ** 2), lambda x: factor * (x - 1), x, seed=0)
        assert report.verdict == "inconclusive", str(report)
        assert "check beside it" in report.next_step

    @pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
    def test_of_every_kind(self, dtype):
        x = np.ones(5, dtype)
        square = {
            "jac": verify_jac(lambda x: (x - 1) ** 2, lambda x: np.diag(3 * (x - 1)), x, seed=0),
            "vjp": verify_vjp(lambda x: (x - 1) ** 2, lambda x, c: 3 * (x - 1) * c, x, seed=0),
            "jvp": verify_jvp(lambda x: (x - 1) ** 2, lambda x, t: 3 * (x - 1) * t, x, seed=0),
        }
        for kind, report in square.items():
            assert "the point is stationary" in report.reason, (kind, str(report))

    @pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
    def test_what_does_not_move_passes(self, dtype):
        x = np.linspace(0.5, 1.5, 6).astype(dtype)
        still = {
            "constant": lambda x: x.dtype.type(3) + 0 * x.sum(),
            "dead": lambda x: np.maximum(x - 5, 0).sum(),
            "normalised": lambda x: (np.exp(x) / np.exp(x).sum()).sum(),
        }
        for name, func in still.items():
            report = verify_grad(func, lambda x: 0 * x, x, seed=0)
            assert report.ok, (name, str(report))
            assert any("does not move" in remark for remark in report.remarks)
        wrong = verify_grad(lambda x: (x * x).sum(), lambda x: 0 * x, x, seed=0)
        assert wrong.verdict == "fail"

    @pytest.mark.library("torch")
    @pytest.mark.library("jax")
    def test_the_drop_ins_pass_as_the_originals_do(self):
        import jax.numpy as jnp
        import torch

        from gradproof.compat.jax import check_grads
        from gradproof.compat.torch.first_order import gradcheck

        x = torch.zeros(3, dtype=torch.float64, requires_grad=True)
        assert gradcheck(lambda x: x * x, x)
        check_grads(lambda x: x * x, (jnp.zeros(3),), 1)
