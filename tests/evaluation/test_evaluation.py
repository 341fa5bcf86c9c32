"""How func is evaluated: options that every checking function takes, checked at the edge."""

import inspect

import numpy as np
import pytest

import gradproof
from gradproof import Evaluation
from gradproof._evaluation.options import Settings
from gradproof._evaluation.outcomes import BudgetSpent
from gradproof._evaluation.values import Values
from gradproof._vectors.point import Point
from gradproof._vectors.span import Span

X = np.linspace(0.5, 1.5, 4)


def func(x):
    return (x**3).sum()


def grad(x):
    return 3 * x**2


CALLS = {
    "approx_fprime": lambda **how: gradproof.approx_fprime(X, func, **how),
    "check_grad": lambda **how: gradproof.check_grad(func, grad, X, **how),
    "verify_grad": lambda **how: gradproof.verify_grad(func, grad, X, **how),
    "verify_jac": lambda **how: gradproof.verify_jac(grad, lambda x: np.diag(6 * x), X, **how),
    "verify_vjp": lambda **how: gradproof.verify_vjp(grad, lambda x, u: 6 * x * u, X, **how),
    "verify_jvp": lambda **how: gradproof.verify_jvp(grad, lambda x, v: 6 * x * v, X, **how),
    "verify_hess": lambda **how: gradproof.verify_hess(func, lambda x: np.diag(6 * x), X, **how),
    "verify_hvp": lambda **how: gradproof.verify_hvp(func, lambda x, v: 6 * x * v, X, **how),
}


def test_all_functions_take_it():
    functions = {name: getattr(gradproof, name) for name in gradproof.__all__}
    checking = {
        name for name, f in functions.items() if name.startswith(("approx", "check", "verify"))
    }
    checking.remove("verify_against")  # which takes no steps: there is nothing to batch
    assert checking == {*CALLS, "verify_autodiff"}
    for name in checking:
        last = list(inspect.signature(functions[name]).parameters.values())[-1]
        assert (last.name, last.kind) == ("evaluation", inspect.Parameter.VAR_KEYWORD)
        assert "**evaluation : Evaluation" in functions[name].__doc__


@pytest.mark.parametrize("name", CALLS)
def test_unknown(name):
    with pytest.raises(
        TypeError, match="vectorise=True is no option.*vectorize, vectorized, batch_"
    ):
        CALLS[name](vectorise=True)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("vectorize", "always"),
        ("vectorize", 1),
        ("vectorized", "auto"),
        ("batch_size", 0),
        ("batch_size", 2.5),
        ("batch_size", True),
        ("workers", 0),
        ("workers", -2),
        ("workers", "all"),
        ("progress", "never"),
    ],
)
def test_out_of_range(name, option, value):
    with pytest.raises(ValueError, match=f"^{option}={value!r}; expected"):
        CALLS[name](**{option: value})


def test_autodiff_checks_it():
    with pytest.raises(TypeError, match="vectorise"):
        gradproof.verify_autodiff(func, X, vectorise=True)  # type: ignore[call-arg]


def test_options_are_the_documented_ones():
    assert set(Evaluation.__annotations__) == set(Settings.__dataclass_fields__)
    for name in Evaluation.__annotations__:
        assert f"\n{name} : " in inspect.cleandoc(Evaluation.__doc__)  # as Python 3.13 keeps it
    assert Settings.checked({}) == Settings()


class TestValues:
    """Evaluations of several values, which may come up again."""

    def values(self, budget=None):
        self.calls = 0

        def func(x):
            self.calls += 1
            return x**3

        self.point = Point((X,), 0, None)
        return Values(func, self.point, budget)

    def test_known_ones_are_not_called_again(self):
        values, d = self.values(), np.full(4, 0.5)
        for fresh, calls in ((False, 2), (False, 2), (True, 3)):
            found, happened = values.at(d, fresh=fresh)
            np.testing.assert_array_equal(found, (X + d) ** 3)
            np.testing.assert_array_equal(happened, X + d - X)
            assert self.calls == values.nfev == calls

    def test_the_last_ones_are_kept(self):
        values, many = self.values(), Values._KEPT + 1
        for k in range(many):
            values.at(np.full(4, k / 64))
        assert self.calls == 1 + many
        values.at(np.full(4, 1 / 64))
        assert self.calls == 1 + many
        values.at(np.zeros(4))  # the first has made room
        assert self.calls == 2 + many

    def test_along_other_lines(self):
        """The same numbers are another displacement there."""
        values, d = self.values(), np.full(4, 0.5)
        values.at(d)
        span = Span(self.point, np.diag([1.0, 2.0, 3.0, 4.0]), list("abcd"))
        found, _ = values.along(span).at(d)
        np.testing.assert_allclose(found, (X + d * [1, 2, 3, 4]) ** 3, rtol=1e-14)
        assert values.nfev == 3

    def test_a_sweep_that_the_budget_does_not_allow(self):
        values = Values(func, Point((X,), 0, None), 3)
        with pytest.raises(BudgetSpent):
            values.sweep(np.full(4, 0.5), range(3))
        assert values.nfev == 1
        changes = values.sweep(np.full(4, 0.5), range(1, 3))
        np.testing.assert_allclose(changes, ((X + 0.5) ** 3 - X**3)[1:3])
        assert values.nfev == 3

    def test_again_as_often_as_the_budget_allows(self):
        values = self.values(budget=3)
        np.testing.assert_array_equal(values.again(5), [X**3, X**3])
        assert values.again(5).shape == (0, 4)
        assert values.nfev == 3


def test_calls_are_made_one_by_one_up_to_the_budget():
    """Whatever hands over many points at once: no call beyond the budget, each of them counted."""
    for budget in range(1, 60):
        calls = []

        def counted(x):
            calls.append(None)
            return x**3

        report = gradproof.verify_jac(
            counted, lambda x: np.diag(3 * x**2), X, budget=budget, seed=0
        )
        assert report.nfev == len(calls) <= budget
