"""Functions of JAX are evaluated as programs where that pays, and only where it changes nothing."""

from collections import OrderedDict

import numpy as np
import pytest

from gradproof import verify_autodiff, verify_grad, verify_hess, verify_jac

pytestmark = pytest.mark.library("jax")


def long(x):
    """Return a number that takes many operations."""
    import jax.numpy as jnp

    for _ in range(12):
        x = jnp.sin(x) * 0.9 + x * x * 0.1
    return x.sum()


def gradient(x):
    import jax

    return jax.grad(long)(x)


def x0(n=12):
    import jax.numpy as jnp

    return jnp.linspace(0.3, 1.2, n)


@pytest.fixture
def compiled(monkeypatch):
    """Return a list that grows by each program that is compiled."""
    from gradproof._backends.jax import traces

    made, original = [], traces._compiled

    def spy(*arguments, **how):
        made.append(str(arguments[0]))
        return original(*arguments, **how)

    monkeypatch.setattr(traces, "_compiled", spy)
    monkeypatch.setattr(traces, "_KEPT", OrderedDict())
    return made


def calls_of(func):
    """Return a func, and a list of whether each of its calls was traced."""
    import jax

    seen = []

    def counted(x):
        seen.append(isinstance(x, jax.core.Tracer))
        return func(x)

    return counted, seen


class TestOne:
    def test_values(self, compiled):
        """A func of many operations is called some times only, and compiled once for a shape."""
        func, seen = calls_of(long)
        report = verify_grad(func, gradient, x0(), seed=0)
        assert report.ok
        assert report.nfev > 30
        assert len(seen) - sum(seen) <= 3
        assert len(compiled) == 1
        assert verify_grad(lambda x: long(x), gradient, x0() + 1, seed=0).ok
        assert len(compiled) == 1
        assert verify_grad(func, gradient, x0(13), seed=0).ok
        assert len(compiled) == 2
        assert not verify_grad(func, lambda x: 1.1 * gradient(x), x0(), seed=0).ok

    def test_loops(self, compiled):
        """A loop is compiled by each plain call, for what its body closes over."""
        import jax

        def func(x):
            return jax.lax.fori_loop(0, 3, lambda _, y: y * x, x).sum()

        assert verify_grad(func, lambda x: 4 * x**3, x0(3), seed=0).ok
        assert len(compiled) == 1

    def test_derivatives(self, compiled):
        """Values, vjp, jvp, and the vjp under vmap: a program for each, kept."""
        first = verify_autodiff(long, x0(), seed=0)
        assert first.ok
        assert len(compiled) == 4
        again = verify_autodiff(long, x0() + 0.1, seed=1)
        assert again.ok
        assert len(compiled) == 4

    def test_not_of_what_is_compiled_already(self, compiled):
        import jax

        assert verify_grad(jax.jit(long), gradient, x0(), seed=0).ok
        assert not compiled

    @pytest.mark.parametrize("how", [{"vectorize": False}, {"workers": map}])
    def test_not_where_calls_are_asked_for(self, compiled, how):
        assert verify_grad(long, gradient, x0(), seed=0, **how).ok
        assert not compiled

    def test_other_checks(self, compiled):
        import jax
        import jax.numpy as jnp

        def func(x):
            return jnp.stack([long(x), long(2 * x)])

        assert verify_jac(func, jax.jacrev(func), x0(3), seed=0).ok
        assert verify_hess(long, jax.hessian(long), x0(3), grad=gradient, seed=0).ok
        assert len(compiled) >= 2


class TestPlain:
    """What a program would change is called plainly, in the state that calls left it in."""

    def test_branches(self, compiled):
        func, seen = calls_of(lambda x: long(x) if x[0] > -100 else x.sum())
        report = verify_grad(func, gradient, x0(), seed=0)
        assert report.ok
        assert not compiled
        assert sum(seen) == 1
        assert len(seen) >= report.nfev

    def test_random(self):
        rng = np.random.default_rng(0)
        report = verify_grad(lambda x: long(x) * (1 + 0.01 * rng.random()), gradient, x0(), seed=0)
        assert not report.ok
        assert "deterministic" in str(report)

    def test_host(self, compiled):
        import jax

        state = {"calls": 0}

        def hosted(x):
            state["calls"] += 1
            return np.asarray(0.0, x.dtype)

        def func(x):
            return long(x) + jax.pure_callback(hosted, jax.ShapeDtypeStruct((), x.dtype), x)

        report = verify_grad(func, gradient, x0(), seed=0)
        assert report.ok
        assert not compiled
        assert state["calls"] >= report.nfev

    def test_prints(self, compiled, capfd):
        import jax

        def func(x):
            jax.debug.print("called")
            return long(x)

        report = verify_grad(func, gradient, x0(), seed=0)
        jax.effects_barrier()
        assert report.ok
        assert not compiled
        assert capfd.readouterr().out.count("called") >= report.nfev

    def test_noise_of_less_than_the_rounding_that_is_excused(self, compiled):
        rng = np.random.default_rng(0)
        func, seen = calls_of(lambda x: long(x) * (1 + 1e-5 * rng.random()))
        report = verify_grad(func, gradient, x0(), seed=0)
        assert len(seen) > report.nfev
        assert len(compiled) == 1

    @pytest.mark.parametrize("where", ["at x0", "elsewhere"])
    def test_another_function_when_traced(self, where):
        """What a program says is compared with plain calls."""
        import jax
        import jax.numpy as jnp

        def func(x):
            if not isinstance(x, jax.core.Tracer):
                return long(x)
            at_x0 = x[0] == x0()[0]
            return long(x) * jnp.where(at_x0 if where == "at x0" else ~at_x0, 2, 1)

        assert verify_grad(func, gradient, x0(), seed=0).ok
        assert not verify_grad(func, lambda x: 2 * gradient(x), x0(), seed=0).ok

    @pytest.mark.parametrize("func", [long, lambda x: (x * x).sum()])
    def test_one_that_keeps_what_it_was_given(self, func):
        """It returns the value of the call before: tracing leaves no tracer behind in it."""
        state = {}

        def behind(x):
            before, state["x"] = state.get("x", x), x
            return func(before)

        report = verify_grad(behind, gradient, x0(), seed=0)
        assert not report.ok
        assert "Tracer" not in str(report)
        assert np.isfinite(float(long(state["x"])))

    def test_a_rule_that_is_another_one_when_traced(self):
        """The plain one is what is measured; and that the other differs is said."""
        import jax

        @jax.custom_vjp
        def func(x):
            return long(x)

        def back(x, ct):
            wrong = isinstance(ct, jax.core.Tracer)
            return (ct * gradient(x) * (2 if wrong else 1),)

        func.defvjp(lambda x: (long(x), x), back)
        report = verify_autodiff(func, x0(), seed=0)
        named = {check.name: check.verdict.value for check in report.checks}
        assert named["under jit"] == "fail"
        assert (report.flat["state"] == "pass").all()


class TestChanges:
    """A program that is kept is never one of what func was before."""

    def test_what_func_closes_over(self):
        state = {"factor": 1.0}

        def func(x):
            return state["factor"] * long(x)

        for factor in (1.0, 2.0):
            state["factor"] = factor
            assert verify_grad(func, lambda x: factor * gradient(x), x0(), seed=0).ok
            assert not verify_grad(func, lambda x: 3 * gradient(x), x0(), seed=0).ok

    def test_an_array_that_was_written_to(self):
        weights = np.ones(12)

        def func(x):
            return long(x * weights)

        def grad(x):
            import jax

            return jax.grad(func)(x)

        right = grad(x0())
        assert verify_grad(func, lambda _: right, x0(), seed=0, rtol=0.5).ok
        weights[:] = 2.0
        assert not verify_grad(func, lambda _: right, x0(), seed=0, rtol=0.5).ok
        assert verify_grad(func, grad, x0(), seed=0).ok

    def test_a_rule(self):
        import jax

        state = {"factor": 1.0}

        @jax.custom_vjp
        def func(x):
            return long(x)

        def back(x, ct):
            return (state["factor"] * ct * gradient(x),)

        func.defvjp(lambda x: (long(x), x), back)
        assert verify_autodiff(func, x0(), seed=0).ok
        state["factor"] = 2.0
        assert not verify_autodiff(func, x0(), seed=0).ok
        state["factor"] = 1.0
        assert verify_autodiff(func, x0(), seed=0).ok

    def test_where_an_array_is(self):
        import jax

        from gradproof._backends.jax.traces import Trace

        here = jax.device_put(x0(), jax.devices()[0])
        assert Trace(long, (x0(),))._key() == Trace(long, (x0() + 1,))._key()
        assert Trace(long, (x0(),))._key() != Trace(long, (here,))._key()
