"""The call that a report prints repeats its check where it was made, or says that it does not."""

import copy
import functools
import gc
import pickle
import re
import subprocess
import sys
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import gradproof
import gradproof as gp
from gradproof import (
    Report,
    Verdict,
    testing,
    verify_against,
    verify_autodiff,
    verify_grad,
    verify_hess,
    verify_hvp,
    verify_jac,
    verify_jvp,
    verify_vjp,
)
from gradproof.testing import assert_grad, assert_vjp

X = np.linspace(0.5, 1.5, 4)
#: A report, the variables where its check was made, and the call that is to be printed.
Made = tuple[Report, dict[str, Any], str]


def cube(x):
    return (x**3).sum()


def slope(x):
    return 3 * x**2


class Model:
    """A loss with weights, in all ways in which a class has functions."""

    def __init__(self, w=2.0):
        self.w, self.x0 = w, X

    def loss(self, x):
        return (self.w * x**3).sum()

    def grad(self, x):
        return 3 * self.w * x**2

    __call__ = loss

    @classmethod
    def doubled(cls, x):
        return 2 * cube(x)

    @staticmethod
    def single(x):
        return cube(x)


CASES: dict[str, tuple[Callable[[], Made], Any]] = {}


def case(library: str = ""):
    def add(build: Callable[[], Made]) -> Callable[[], Made]:
        CASES[build.__name__] = build, pytest.mark.library(library) if library else ()
        return build

    return add


@case()
def bound_methods():
    model = Model()
    report = verify_grad(model.loss, model.grad, X)
    return report, locals(), "verify_grad(model.loss, model.grad, X)"


@case()
def class_and_static_methods():
    report = verify_grad(Model.doubled, lambda x: 2 * slope(x), X)
    verify_grad(Model.single, slope, X)
    return report, locals(), "verify_grad(Model.doubled, lambda x: 2 * slope(x), X)"


@case()
def what_an_object_has():
    model, both = Model(), {"loss": cube, "grad": slope}
    report = verify_grad(both["loss"], both["grad"], model.x0[1:])
    return report, locals(), "verify_grad(both['loss'], both['grad'], model.x0[1:])"


@case()
def lambdas():
    factor = 3
    report = verify_grad(lambda x: (x**3).sum(), lambda x: factor * x**2, X)
    return report, locals(), "verify_grad(lambda x: (x**3).sum(), lambda x: factor * x**2, X)"


@case()
def a_lambda_of_several_lines():
    report = verify_grad(
        cube,
        lambda x: (
            3  # the power
            * x**2
        ),
        X,
    )
    return report, locals(), "verify_grad(cube, lambda x: 3 * x ** 2, X)"


@case()
def partial_functions():
    def scaled(k, x):
        return k * cube(x)

    loss = functools.partial(scaled, 2)
    report = verify_grad(loss, functools.partial(lambda k, x: k * slope(x), 2), X)
    words = "functools.partial(lambda k, x: k * slope(x), 2)"
    return report, locals(), f"verify_grad(loss, {words}, X)"


@case()
def an_instance():
    model = Model()
    report = verify_grad(model, model.grad, X)
    return report, locals(), "verify_grad(model, model.grad, X)"


@case()
def nested_functions():
    def loss(x):
        return cube(x)

    point = 2 * X
    report = verify_grad(loss, slope, point)
    return report, locals(), "verify_grad(loss, slope, point)"


@case()
def ufuncs():
    report = verify_vjp(np.sin, lambda x, ct: ct * np.cos(x), X)
    return report, locals(), "verify_vjp(np.sin, lambda x, ct: ct * np.cos(x), X)"


@case()
def pytrees():
    params, w = {"w": X, "b": 2.0}, X
    report = verify_grad(
        lambda p, t: cube(p["w"]) * p["b"] + t["w"].sum(),
        lambda p, t: {"w": slope(p["w"]) * p["b"], "b": cube(p["w"])},
        params,
        {"w": w, "b": [w, 1]},
    )
    words = "params, {'w': w, 'b': [w, 1]}"
    func = "lambda p, t: cube(p['w']) * p['b'] + t['w'].sum()"
    grad = "lambda p, t: {'w': slope(p['w']) * p['b'], 'b': cube(p['w'])}"
    return report, locals(), f"verify_grad({func}, {grad}, {words})"


@case()
def arrays_that_are_made_there():
    report = gp.verify_grad(cube, slope, np.linspace(0.5, 1.5, 6), directions="all")
    words = "cube, slope, np.linspace(0.5, 1.5, 6), directions='all'"
    return report, locals(), f"gp.verify_grad({words})"


@case()
def numbers_and_lists():
    two = 2.0
    report = verify_grad(lambda x, n: x**n, lambda x, n: n * x ** (n - 1), two, 3)
    verify_grad(cube, slope, [0.5, 1.0])
    return report, locals(), "verify_grad(lambda x, n: x**n, lambda x, n: n * x ** (n - 1), 2.0, 3)"


@case()
def options():
    rtol, more = 1e-4, {"k": X}
    report = verify_grad(
        lambda x, k: (k * x).sum(),
        grad=lambda x, k: k,
        x0=X,
        kwargs=more,
        rtol=rtol,
        seed=11,
        budget=400,
        progress=False,
    )
    words = "grad=lambda x, k: k, x0=X, kwargs=more, rtol=0.0001, budget=400"
    return report, locals(), f"verify_grad(lambda x, k: (k * x).sum(), {words})"


@case()
def unpacked_arguments():
    given, more = (cube, slope, X), {"rtol": 1e-4, "kwargs": {}, "seed": 3}
    report = verify_grad(*given, **more)
    words = "given[0], given[1], given[2], rtol=0.0001, kwargs=more['kwargs']"
    return report, locals(), f"verify_grad({words})"


@case()
def numbers_that_are_no_code():
    """There is no name for infinity."""
    far = float("inf")
    report = verify_grad(lambda x, k: cube(np.minimum(x, k)), lambda x, k: slope(x), X, far)
    func = "lambda x, k: cube(np.minimum(x, k))"
    return report, locals(), f"verify_grad({func}, lambda x, k: slope(x), X, far)"


@case()
def every_kind():
    def jac(x):
        return np.diag(3 * x**2)

    verify_jac(lambda x: x**3, jac, X)
    verify_jvp(lambda x: x**3, lambda x, t: 3 * x**2 * t, X)
    verify_hvp(cube, lambda x, t: 6 * x * t, X)
    report = verify_hess(cube, lambda x: np.diag(6 * x), X, grad=slope)
    for check in (
        verify_jac(lambda x: x**3, jac, X),
        verify_jvp(lambda x: x**3, lambda x, t: 3 * x**2 * t, X),
        verify_hvp(cube, lambda x, t: 6 * x * t, X),
        verify_against(lambda x, y: x * y, lambda x, y: x * y, X, 2 * X, order=0),
    ):
        same(check, {**globals(), **locals()})
    return report, locals(), "verify_hess(cube, lambda x: np.diag(6 * x), X, grad=slope)"


@case()
def assertions():
    loss = Model().loss
    same(assert_grad(loss, Model.grad.__get__(Model()), X), {**globals(), "loss": loss}, "<grad: ")
    report = testing.assert_vjp(np.sin, lambda x, ct: ct * np.cos(x), X)
    return report, locals(), "testing.assert_vjp(np.sin, lambda x, ct: ct * np.cos(x), X)"


@case()
def functions_that_call_a_check():
    def helper(f, g, *points, **how):
        check = gradproof.verify_grad
        return check(f, g, *points, **how), locals()

    report, variables = helper(cube, slope, X, rtol=1e-3)
    return report, variables, "check(f, g, points[0], rtol=0.001)"


@case("torch")
def modules():
    import torch

    net = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Tanh()).double()
    x = torch.linspace(0.5, 1.5, 3, dtype=torch.float64)
    report = verify_autodiff(net, x)
    same(verify_autodiff(net[0], x), {**globals(), **locals()})
    same(verify_autodiff(net[0].forward, x.detach().clone()), {**globals(), **locals()})
    same(verify_autodiff(torch.sin, torch.tensor([0.5, 1.0])), {**globals(), **locals()})
    return report, locals(), "verify_autodiff(net, x)"


@case("torch")
def rules_of_torch():
    import torch

    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, ct):
            (x,) = ctx.saved_tensors
            return 2 * x * ct

    x = torch.linspace(0.5, 1.5, 3, dtype=torch.float64)
    report = verify_autodiff(Square.apply, x, reference="forward")
    same(verify_autodiff(Square.apply, x), {**globals(), **locals()})
    return report, locals(), "verify_autodiff(Square.apply, x, reference='forward')"


@case("jax")
def jitted_functions():
    import jax
    import jax.numpy as jnp

    loss = jax.jit(cube)
    params = {"w": jnp.ones(3)}
    report = verify_grad(loss, jax.jit(slope), params["w"])
    same(verify_autodiff(loss, params["w"]), {**globals(), **locals()})
    same(verify_autodiff(jnp.sin, jnp.ones(2)), {**globals(), **locals()})
    return report, locals(), "verify_grad(loss, jax.jit(slope), params['w'])"


def same(report: Report, variables: dict[str, Any], marks: str = "") -> None:
    """See that the call of a report gives the same report, or that it says why it does not."""
    if marks:
        assert marks in report.repeat
        with pytest.raises(SyntaxError):
            compile(report.repeat, "", "eval")
        return
    again = eval(report.repeat, variables)
    assert (again.verdict, again.nfev, again.seed) == (report.verdict, report.nfev, report.seed)
    assert str(again).partition(";")[0] == str(report).partition(";")[0]


@pytest.mark.parametrize(
    "build",
    [pytest.param(build, marks=marks, id=name) for name, (build, marks) in CASES.items()],
)
def test_the_call_repeats_the_check(build):
    report, variables, words = build()
    call, _, seed = report.repeat.rpartition(", seed=")
    assert re.sub('"', "'", call) == words[:-1]
    assert seed == f"{report.seed})"
    same(report, {**globals(), **variables})


def test_of_a_check_that_fails():
    """The same mistake is found again, and the assertion of it raises again."""
    factor = 1.1
    with pytest.raises(gradproof.WrongDerivative) as caught:
        assert_grad(cube, lambda x: factor * slope(x), X)
    report = caught.value.report
    assert report.repeat == "assert_grad(cube, lambda x: factor * slope(x), X, seed=0)"
    with pytest.raises(gradproof.WrongDerivative) as again:
        eval(report.repeat, {**globals(), **locals()})
    assert again.value.report.finding == report.finding
    report = verify_grad(cube, lambda x: factor * slope(x), X)
    assert report.verdict is Verdict.FAIL
    same(report, {**globals(), **locals()})


def test_what_would_not_be_the_same_again():
    """What is drawn or made in the call is no code: there it says what it is."""
    rng = np.random.default_rng(0)

    def made():
        return slope

    report = verify_grad(Model(3.0).single, made(), rng.normal(size=(2, 3)))
    same(report, {}, "<func: Model.single at test_repeat.py:")
    assert re.search(r"<grad: slope at test_repeat\.py:\d+>", report.repeat)
    assert "<x: float64 array of shape (2, 3)>" in report.repeat
    report = verify_grad(cube, slope, np.array([next(iter([1.0])), 2.0]))
    same(report, {}, "<x: float64 array of shape (2,)>")
    long = verify_grad(
        cube,
        lambda x: sum(
            0 * x + part
            for part in (slope(x) / 2, slope(x) / 4, slope(x) / 8, slope(x) / 8, 0.0 * slope(x))
            if np.isfinite(part).all() and np.isfinite(x).all() and part.shape == x.shape == (4,)
        ),
        X,
    )
    same(long, {}, "<grad: lambda at test_repeat.py:")
    assert "\n" not in long.repeat


def test_several_unpacked_arguments():
    """Nobody knows where one of them ends; what is plain is said all the same."""
    functions, point = (cube, slope), (X,)
    options, more = {"rtol": 1e-3}, {"kwargs": {}}
    check: Any = verify_grad
    report = check(*functions, *point, **options, **more)
    same(report, {}, "check(<func: cube at test_repeat.py:")
    assert "rtol=0.001, kwargs=<kwargs: dict>" in report.repeat


def test_where_nobody_calls_by_a_name():
    """A pool has names of its own; a partial function hides what was given before."""
    with ThreadPoolExecutor(1) as pool:
        report = pool.submit(verify_grad, cube, slope, X).result()
    same(report, {}, "<x0: float64 array of shape (4,)>")
    check = functools.partial(verify_grad, cube, slope)
    report = check(X)
    # Without its arguments in the source, by the names of the module.
    assert report.repeat == f"verify_grad(cube, slope, X, seed={report.seed})"
    same(report, globals())


def test_without_a_source():
    """As of `python -c`, or of an older prompt: by names of the module."""
    code = """
import numpy as np, gradproof
class Model:
    def loss(self, x): return (x**3).sum()
    def grad(self, x): return 3 * x**2
model, x = Model(), np.ones(3)
report = gradproof.verify_grad(model.loss, model.grad, x, seed=0)
print(report.repeat)
assert eval(report.repeat).nfev == report.nfev
print(gradproof.verify_vjp(np.sin, lambda x, ct: ct * np.cos(x), x, seed=0).repeat)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == [
        "gradproof.verify_grad(model.loss, model.grad, x, seed=0)",
        "gradproof.verify_vjp(np.sin, <vjp: lambda>, x, seed=0)",
    ]


def test_of_a_source_that_has_changed(tmp_path, monkeypatch):
    """Names that the code does not have are not taken from a file that was written again."""
    path = tmp_path / "changing.py"
    text = "def check(verify, f, g, x):\n    return verify(f, g, x, seed=0)\n"
    path.write_text(text.replace("(f, g, x, seed", "(f, h, y, seed"), encoding="utf-8")
    variables: dict[str, Any] = {"__name__": "changing"}
    exec(compile(text, str(path), "exec"), variables)
    report = variables["check"](verify_grad, cube, slope, X)
    assert report.repeat.startswith("verify(f, <grad: slope at ")
    path.write_text("nothing = 1\n", encoding="utf-8")
    exec(compile(text + "\n", str(path) + "2", "exec"), variables)
    report = variables["check"](verify_grad, cube, slope, X)
    assert report.repeat.startswith("verify_grad(<func: cube at ")


def test_nothing_is_kept():
    """Neither arrays, functions nor the variables of the caller live on after a check."""

    class Loss:
        def __call__(self, x):
            return cube(x)

    def run():
        func, x, other = Loss(), np.linspace(0.5, 1.5, 4), np.ones(3)
        report = verify_grad(func, slope, x, seed=0)
        kept = [weakref.ref(func), weakref.ref(x), weakref.ref(other)]
        del func, x, other
        gc.collect()
        return report, [one() for one in kept]

    report, alive = run()
    assert alive == [None] * 3
    assert report.repeat == "verify_grad(func, slope, x, seed=0)"


def test_reports_travel():
    model = Model()
    report = verify_grad(model.loss, lambda x: model.grad(x), X, seed=0)
    for other in (pickle.loads(pickle.dumps(report)), copy.copy(report), copy.deepcopy(report)):
        assert other.repeat == report.repeat
        assert other.repeat == "verify_grad(model.loss, lambda x: model.grad(x), X, seed=0)"


def test_arguments_that_do_not_fit():
    """The exception is that of the check."""
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        verify_grad(cube, slope)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="argnums=7"):
        verify_grad(cube, slope, X, argnums=7)
    with pytest.raises(TypeError, match="must be callable"):
        verify_grad(None, slope, X)
    assert assert_vjp(np.sin, lambda x, ct: ct * np.cos(x), x0=X).repeat.endswith("x0=X, seed=0)")
