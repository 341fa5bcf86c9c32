"""Bad input is refused, before func is called where that can be known, in words that help."""

import numpy as np
import pytest
from tests import examples as claims

from gradproof import (
    approx_fprime,
    check_grad,
    verify_against,
    verify_grad,
    verify_hess,
    verify_jac,
    verify_jvp,
    verify_vjp,
)


def never(x):
    raise AssertionError("called in spite of bad input")


def dot(x):
    return x[0] * x[0] + x[1] * x[1]


class TestBeforeAnythingIsCalled:
    @pytest.mark.parametrize(
        ("call", "kind", "words"),
        [
            (lambda x: check_grad(1, never, x), TypeError, "`func` must be callable; got 1"),
            (lambda x: check_grad(never, None, x), TypeError, "`grad` must be callable; got None"),
            (lambda x: approx_fprime(x, 2), TypeError, "`f` must be callable; got 2"),
            (
                lambda x: check_grad(never, never, x, direction="some"),
                ValueError,
                "some is not a valid string for ``direction`` argument; expected 'all'",
            ),
            (
                lambda x: check_grad(never, never, x, epsilon=[1e-6] * 3),
                ValueError,
                r"epsilon has shape \(3,\); expected one number, or one .* shape \(2,\)",
            ),
            (
                lambda x: check_grad(never, never, x, epsilon=[[1e-6]] * 2),
                ValueError,
                r"epsilon has shape \(2, 1\); expected one number, or one .* shape \(2,\)",
            ),
            (
                lambda x: check_grad(never, never, x, epsilon=[1e-6] * 2, direction="random"),
                ValueError,
                r"epsilon has shape \(2,\); expected one number \(with direction='random'",
            ),
            (
                lambda x: check_grad(never, never, x, epsilon=float("nan")),
                ValueError,
                "epsilon=nan is not finite",
            ),
            (
                lambda x: approx_fprime(x, never, "1e-6"),
                TypeError,
                "epsilon='1e-6' is not made of real numbers",
            ),
            (
                lambda x: approx_fprime(x, never, 1e-6j),
                TypeError,
                "is not made of real numbers",
            ),
        ],
    )
    def test_arguments(self, wide, call, kind, words):
        with pytest.raises(kind, match=words):
            call(wide([1.0, 2.0]))

    def test_complex_x0(self):
        with pytest.raises(TypeError, match="x0 has dtype complex128; expected real .* real and"):
            check_grad(never, never, np.array([1.0, 2j]))
        with pytest.raises(TypeError, match="x0 has dtype complex128"):
            approx_fprime([1.0, 2j], never)

    @pytest.mark.parametrize("x0", ["ab", None, [None, 1.0], {"a": 1.0}])
    def test_no_numbers_in_x0(self, x0):
        with pytest.raises(TypeError, match="x0 has dtype .*; expected real numbers"):
            check_grad(never, never, x0)

    def test_ragged_x0(self):
        with pytest.raises(ValueError, match="inhomogeneous"):
            check_grad(never, never, [[1.0], [1.0, 2.0]])


class TestClaims:
    """What SciPy broadcasts, or casts, in silence."""

    @pytest.mark.parametrize("direction", ["all", "random"])
    @pytest.mark.parametrize(
        "shape", [(2, 1), (2, 2), (3, 2), (4,)], ids=["column", "square", "rows", "longer"]
    )
    def test_shape(self, wide, shape, direction):
        claim = np.ones(shape).tolist()
        with pytest.raises(
            ValueError, match=r"grad returned shape .*; expected \(2,\), since func"
        ):
            check_grad(dot, lambda x: claim, wide([1.0, 2.0]), direction=direction)

    @pytest.mark.parametrize("shape", [(), (1,), (3,), (5,)])
    def test_shape_that_no_func_could_fit(self, wide, shape):
        claim = np.ones(shape).tolist()
        with pytest.raises(ValueError, match=r"grad returned shape .* for an x0 of shape \(2,\)"):
            check_grad(never, lambda x: claim, wide([1.0, 2.0]))

    def test_no_func_could_fit_an_empty_x0(self, wide):
        with pytest.raises(ValueError, match=r"grad returned shape \(1,\) for an x0 of shape \(0,"):
            check_grad(never, lambda x: [1.0], wide(np.ones(0)))

    def test_transposed_jacobian(self, wide):
        def func(x):
            return [x[0], x[1], x[0] * x[1]]

        with pytest.raises(ValueError, match="reshape or transpose"):
            check_grad(func, lambda x: np.ones((2, 3)).tolist(), wide([1.0, 2.0]))

    def test_native_claim_of_shape_n_1(self, wide):
        x0 = wide([1.0, 2.0])
        with pytest.raises(ValueError, match=r"grad returned shape \(2, 1\)"):
            check_grad(dot, lambda x: wide.xp.reshape(2.0 * x, (2, 1)), x0)

    @pytest.mark.parametrize("direction", ["all", "random"])
    @pytest.mark.parametrize(
        ("claim", "words"),
        [
            (None, "grad returned None of type NoneType; .* Is a `return` missing?"),
            ([1.0, None], "grad returned None of type NoneType"),
            ("text", "grad returned 'text' of type str"),
            ([1.0, 2j], "grad returned 2j of type complex"),
            (np.array([1.0, 2j]), "grad returned numbers of dtype complex128; .* imaginary part"),
            ([[1.0], [1.0, 2.0]], "items differ in shape"),
        ],
    )
    def test_no_numbers(self, wide, claim, words, direction):
        with pytest.raises(TypeError, match=words):
            check_grad(never, lambda x: claim, wide([1.0, 2.0]), direction=direction)


class TestFunc:
    @pytest.mark.parametrize("direction", ["all", "random"])
    @pytest.mark.parametrize(
        ("value", "words"),
        [
            (None, "func at x0 returned None of type NoneType; .* Is a `return` missing?"),
            (1j, "func at x0 returned 1j of type complex"),
            (np.complex128(1j), "numbers of dtype complex128; .* imaginary part, stacked"),
            (True, "func at x0 returned numbers of dtype bool; expected real ones"),
            (np.bool_(True), "func at x0 returned numbers of dtype bool; expected real ones"),
            ("text", "func at x0 returned 'text' of type str"),
        ],
    )
    def test_no_numbers(self, wide, value, words, direction):
        with pytest.raises(TypeError, match=words):
            check_grad(lambda x: value, lambda x: [1.0, 2.0], wide([1.0, 2.0]), direction=direction)

    @pytest.mark.parametrize(
        "change",
        [
            lambda calls, x: [x[0]] * (1 + (calls > 2)),
            lambda calls, x: x[0] if calls < 3 else [x[0]],
            lambda calls, x: [x[0], x[1]] if calls == 1 else [x[0]],
        ],
    )
    def test_shape_changes(self, wide, change):
        calls = []

        def func(x):
            calls.append(1)
            return change(len(calls), x)

        with pytest.raises(ValueError, match=r"returned shape \(.*\) at x0, but shape .* x0\[.\]"):
            approx_fprime(wide([1.0, 2.0]), func)

    @pytest.mark.parametrize("late", [None, "text"])
    def test_no_number_later(self, wide, late):
        calls = []

        def func(x):
            calls.append(1)
            return x[0] if len(calls) < 3 else late

        with pytest.raises(TypeError, match="func returned"):
            approx_fprime(wide([1.0, 2.0]), func)


class TestExceptionsOfTheUsersOwn:
    """They pass through, with a note of where."""

    def raises_at(self, call):
        calls = []

        def func(x):
            calls.append(1)
            if len(calls) == call:
                raise ZeroDivisionError("mine")
            return claims.func(x)

        return func

    def note(self, err) -> str:
        (note,) = err.value.__notes__
        return note

    def test_in_grad(self, wide):
        def grad(x):
            raise ZeroDivisionError("mine")

        with pytest.raises(ZeroDivisionError, match="mine") as err:
            check_grad(never, grad, wide([1.0]))
        assert self.note(err) == "gradproof: raised by grad at x0"

    def test_at_x0(self, wide):
        with pytest.raises(ZeroDivisionError) as err:
            approx_fprime(wide(claims.point()), self.raises_at(1))
        assert self.note(err) == "gradproof: raised by func at x0"

    @pytest.mark.parametrize("entry", [0, 1, 4])
    def test_at_an_entry(self, wide, entry):
        with pytest.raises(ZeroDivisionError) as err:
            approx_fprime(wide(claims.point()), self.raises_at(entry + 2), 0.25)
        x = claims.point()[entry]
        assert f"x0[{entry}] moved from {x} to {x + 0.25}" in self.note(err)

    def test_at_an_entry_of_a_matrix(self, wide):
        calls = []

        def func(x):
            calls.append(1)
            if len(calls) == 6:
                raise ZeroDivisionError
            return x[0, 0]

        with pytest.raises(ZeroDivisionError) as err:
            approx_fprime(wide([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), func, 0.5)
        assert "x0[1, 1] moved from 5.0 to 5.5" in self.note(err)

    def test_along_a_direction(self, wide):
        with pytest.raises(ZeroDivisionError) as err:
            check_grad(
                self.raises_at(2),
                claims.grad,
                wide(claims.point()),
                direction="random",
                epsilon=0.5,
            )
        assert "func at x0 + 0.5 * (the random direction)" in self.note(err)


ROADS = {
    "grad": lambda m: verify_grad(lambda x: (x**2).sum(), lambda x: m(2 * x), np.arange(1.0, 5.0)),
    "jac": lambda m: verify_jac(lambda x: x**2, lambda x: m(np.diag(2 * x)), np.arange(1.0, 5.0)),
    "vjp": lambda m: verify_vjp(lambda x: x**2, lambda x, ct: m(2 * x * ct), np.arange(1.0, 5.0)),
    "jvp": lambda m: verify_jvp(lambda x: x**2, lambda x, t: m(2 * x * t), np.arange(1.0, 5.0)),
    "hess": lambda m: verify_hess(
        lambda x: (x**2).sum(), lambda x: m(2 * np.eye(4)), np.arange(1.0, 5.0)
    ),
    "func": lambda m: verify_jac(lambda x: m(x**2), lambda x: np.diag(2 * x), np.arange(1.0, 5.0)),
    "against": lambda m: verify_against(
        lambda x: m(x**2), lambda x: x**2, np.arange(1.0, 5.0), order=0
    ),
}


@pytest.mark.parametrize("road", ROADS)
def test_results_with_a_mask(road):
    """What is below a mask is no number that was meant: it is neither compared nor passed."""

    def masked(array):
        return np.ma.masked_array(array, np.zeros(array.shape, dtype=bool) | (array == array.max()))

    assert ROADS[road](lambda array: array).ok
    with pytest.raises(TypeError, match="masked array"):
        ROADS[road](masked)
