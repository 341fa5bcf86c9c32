"""Options of a wrong type or out of range: refused on every road, in words that say what to do."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import gradproof
from gradproof import testing

X = np.linspace(0.5, 1.5, 4)


def func(x):
    return (x**3).sum()


def grad(x):
    return 3 * x**2


def _both(name):
    """Return a check as a report and as an assertion."""
    return {f"verify_{name}": getattr(gradproof, f"verify_{name}"),
            f"assert_{name}": getattr(testing, f"assert_{name}")}  # fmt: skip


CLAIMS = {
    "grad": (func, grad),
    "jac": (grad, lambda x: np.diag(6 * x)),
    "vjp": (grad, lambda x, u: 6 * x * u),
    "jvp": (grad, lambda x, v: 6 * x * v),
    "hess": (func, lambda x: np.diag(6 * x)),
    "hvp": (func, lambda x, v: 6 * x * v),
}
CALLS = {
    called: (lambda function=function, claim=claim, **how: function(*claim, X, **how))
    for name, claim in CLAIMS.items()
    for called, function in _both(name).items()
}

INFINITE = float("inf")
NO_NUMBER = [True, False, np.bool_(True), "text", "1e-3", np.str_("0.1"), b"1", 1j, [1], (), {}]
NO_NUMBER += [object, np.array([0.5]), np.array([[1, 2]]), float("nan"), INFINITE, -1]
NOT_WHOLE = [*NO_NUMBER, 1.5, 2.0, np.float64(3.0), Fraction(1, 2), np.array([3]), np.array(0.5)]
NO_FLAG = [0, 1, "yes", None, [True], np.array([True]), 1.0, float("nan")]


def refused(call, option, value):
    """What was given, what was expected; in one line, whatever was given."""
    with pytest.raises(ValueError, match=rf"^{option}=.*; expected .*\.$") as caught:
        call(**{option: value})
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", CALLS)
class TestEveryRoad:
    def test_rtol(self, name):
        for value in (*NO_NUMBER, 0, 0.0, 1, 1.5, Fraction(3, 2)):
            refused(CALLS[name], "rtol", value)

    @pytest.mark.parametrize("value", [0.01, Fraction(1, 100), np.float32(0.01), np.array(0.01)])
    def test_numbers_of_other_types(self, name, value):
        report = CALLS[name](rtol=value, seed=np.int32(3), budget=np.array(1000))
        assert report.rtol == pytest.approx(0.01)
        assert type(report.rtol) is float
        assert type(report.seed) is int

    def test_budget(self, name):
        for value in (*NOT_WHOLE, 0):
            refused(CALLS[name], "budget", value)

    def test_seed(self, name):
        for value in (*NOT_WHOLE, np.random.default_rng(0)):
            refused(CALLS[name], "seed", value)

    def test_argnums(self, name):
        for value in (*NOT_WHOLE, None, 1, -2, [], [0, 0], (0, 1), ["x"], [True]):
            if not (isinstance(value, int) and value in (0, -1)) or isinstance(value, bool):
                refused(CALLS[name], "argnums", value)
        assert CALLS[name](argnums=np.int64(0), seed=0).ok

    def test_kwargs(self, name):
        for value in ([1], "text", {1: 2}, 3, True, ((1, 2),)):
            refused(CALLS[name], "kwargs", value)

    def test_flags(self, name):
        own = {
            "grad": ("has_aux", "value_and_grad"),
            "jac": ("has_aux", "value_and_jac"),
            "vjp": ("has_aux", "pullback"),
            "jvp": ("has_aux", "with_value"),
        }
        for option in own.get(name.partition("_")[2], ()):
            for value in NO_FLAG:
                if (option, value) != ("pullback", None):
                    refused(CALLS[name], option, value)

    @pytest.mark.parametrize("option", ["tol", "atol"])
    def test_tolerances_of_others(self, name, option):
        with pytest.raises(TypeError, match=rf"^{option}=1e-06 .*no tolerance to choose; rtol= "):
            CALLS[name](**{option: 1e-6})

    @pytest.mark.parametrize("option", ["eps", "epsilon", "step", "h"])
    def test_steps_of_others(self, name, option):
        with pytest.raises(TypeError, match=rf"^{option}=1e-06 .*there is no step to choose"):
            CALLS[name](**{option: 1e-6})

    def test_other_keywords_of_others(self, name):
        with pytest.raises(TypeError, match=r"^args=\(1, 2\) .*extra arguments follow x0"):
            CALLS[name](args=(1, 2))
        with pytest.raises(TypeError, match="^method='3-point' .*there is no method to choose"):
            CALLS[name](method="3-point")


@pytest.mark.parametrize("name", ["verify_grad", "assert_grad", "verify_vjp", "assert_vjp"])
def test_directions(name):
    for value in (*NOT_WHOLE, 0, None, "some", "ALL", np.array(["all"]), ["all"]):
        refused(CALLS[name], "directions", value)
    assert CALLS[name](directions=np.int64(2), seed=0).ok


class TestScipy:
    """The two functions of SciPy have a step, and return a number."""

    def test_keywords_of_others(self):
        for call in (
            lambda **how: gradproof.check_grad(func, grad, X, **how),
            lambda **how: gradproof.approx_fprime(X, func, **how),
        ):
            for option in ("eps", "step", "h"):
                with pytest.raises(TypeError, match=f"^{option}=.*the step is epsilon="):
                    call(**{option: 1e-6})
            for option in ("tol", "atol", "rtol"):
                with pytest.raises(TypeError, match=f"^{option}=.*verify_grad gives a verdict"):
                    call(**{option: 1e-6})
            with pytest.raises(TypeError, match="extra arguments follow"):
                call(args=(1,))

    @pytest.mark.parametrize("value", [1, None, True, np.array(["all", "all"]), ["all"]])
    def test_direction(self, value):
        with pytest.raises(ValueError, match="is not a valid string"):
            gradproof.check_grad(func, grad, X, direction=value)

    @pytest.mark.parametrize("value", [True, "text", float("nan"), float("inf"), 1j, {}])
    def test_epsilon(self, value):
        with pytest.raises((TypeError, ValueError), match="epsilon"):
            gradproof.check_grad(func, grad, X, epsilon=value)

    @pytest.mark.parametrize("value", [True, 1.5, "text", float("nan")])
    def test_seeds(self, value):
        for option in ("seed", "rng"):
            with pytest.raises((TypeError, ValueError), match=f"^{option}="):
                gradproof.check_grad(func, grad, X, direction="random", **{option: value})


@pytest.mark.library("torch")
class TestTorch:
    def test_order_and_modes(self):
        import torch

        x = torch.linspace(0.5, 1.5, 3, dtype=torch.float64)

        def call(**how):
            return gradproof.verify_autodiff(torch.sin, x, **how)

        for value in (*NOT_WHOLE, 0, None):
            refused(call, "order", value)
        for value in ((), [], "", "fwd", ("vjp", 1), 3, True, {"vjp": 1}, [["vjp"]]):
            refused(call, "modes", value)
        for option in ("has_aux", "vmap"):
            for value in NO_FLAG:
                refused(call, option, value)
        for option in ("rtol", "budget", "seed", "directions"):
            refused(call, option, torch.tensor([0.5, 0.5]))
            refused(call, option, torch.tensor(True))
        assert call(modes=(mode for mode in ("vjp",)), seed=torch.tensor(3)).ok

    def test_gradcheck(self):
        import torch

        from gradproof.compat.torch.first_order import gradcheck
        from gradproof.compat.torch.second_order import gradgradcheck

        x = torch.linspace(0.5, 1.5, 3, dtype=torch.float64, requires_grad=True)
        for function in (gradcheck, gradgradcheck):

            def call(function=function, **how):
                return function(torch.sin, (x,), **how)

            for option in ("eps", "atol", "rtol", "nondet_tol"):
                for value in NO_NUMBER:
                    if value is not INFINITE or option == "eps":
                        refused(call, option, value)
                assert call(**{option: np.float32(1e-3)})
                assert call(**{option: torch.tensor(1e-3)})


@pytest.mark.library("jax")
def test_check_grads():
    import jax.numpy as jnp

    from gradproof.compat.jax import check_grads, check_vjp

    x = jnp.linspace(0.5, 1.5, 3)

    def call(order=1, **how):
        return check_grads(jnp.sin, (x,), order, **how)

    for value in (*NOT_WHOLE, None):
        refused(call, "order", value)
    for value in ((), "", "vjp", ("fwd", 1), None, 3, [["rev"]]):
        refused(call, "modes", value)
    for option in ("eps", "atol", "rtol"):
        for value in NO_NUMBER:
            by_dtype = isinstance(value, dict) and option != "eps"
            if not by_dtype and (value is not INFINITE or option == "eps"):
                refused(call, option, value)
        call(**{option: np.float32(1e-3)})
    words: Any = {np.float32: "a"}
    with pytest.raises(ValueError, match="atol="):
        check_vjp(jnp.sin, lambda x: None, (x,), atol=words)
