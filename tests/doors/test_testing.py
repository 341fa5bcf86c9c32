"""Assertions for test suites: signatures, seeds, and what pytest shows of them."""

import inspect
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from tests.libraries import imported

import gradproof
from gradproof import testing

NAMES = [name.removeprefix("assert_") for name in testing.__all__]
X = np.linspace(0.5, 1.5, 6)


def cube(x):
    return (x**3).sum()


@pytest.mark.parametrize("name", NAMES)
def test_signatures(name):
    """Those of the checks, but for the seed, which is fixed; mypy has them from ParamSpec."""
    assertion, verify = getattr(testing, f"assert_{name}"), getattr(gradproof, f"verify_{name}")
    own, other = inspect.signature(assertion), inspect.signature(verify)
    assert list(own.parameters) == list(other.parameters)
    assert own.return_annotation == other.return_annotation
    for key, parameter in own.parameters.items():
        expected = 0 if key == "seed" else other.parameters[key].default
        assert parameter.default == expected
        assert parameter.annotation == other.parameters[key].annotation
    assert assertion.__name__ == f"assert_{name}"
    assert assertion.__module__ == "gradproof.testing"
    assert "seed=0" in assertion.__doc__


def test_seed():
    def assert_grad(**how):
        return testing.assert_grad(cube, lambda x: 3 * x**2, X, **how)

    assert assert_grad().seed == 0
    assert assert_grad() == assert_grad()
    assert assert_grad(seed=7).seed == 7
    assert assert_grad(seed=None).seed != assert_grad(seed=None).seed


def shown(tmp_path, body: str) -> list[str]:
    """Return the lines that pytest shows of a test, from its name on."""
    (tmp_path / "test_one.py").write_text(textwrap.dedent(body))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_one.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    lines = done.stdout.splitlines()
    return lines[next(i for i, line in enumerate(lines) if line.startswith("____")) :]


def place(lines: list[str], words: str) -> int:
    return next(i for i, line in enumerate(lines) if words in line)


class TestWhatPytestShows:
    """The line of the test, and then the finding: no source of gradproof before it."""

    def test_assertion(self, tmp_path):
        lines = shown(
            tmp_path,
            """
            import numpy as np
            from gradproof.testing import assert_grad

            def test():
                assert_grad(lambda x: (x**3).sum(), lambda x: 2 * x**2, np.ones(3))
            """,
        )
        assert place(lines, "fail: ") <= 6
        assert not any("def assertion" in line or "__tracebackhide__" in line for line in lines)

    def test_report_that_is_not_ok(self, tmp_path):
        lines = shown(
            tmp_path,
            """
            import numpy as np
            from gradproof import verify_grad

            def claim(x):
                g = 3 * x**2
                g[1] *= 1.01
                return g

            def test():
                x = np.linspace(0.5, 1.5, 4)
                report = verify_grad(lambda x: (x**3).sum(), claim, x, seed=0)
                assert report.ok
            """,
        )
        assert place(lines, "<Report fail: ") <= 8
        assert any("[1]: claimed" in line for line in lines[:10])

    @pytest.mark.library("torch")
    @pytest.mark.parametrize("name", ["gradcheck", "gradgradcheck"])
    def test_torch(self, tmp_path, name):
        imported("torch")
        lines = shown(
            tmp_path,
            f"""
            import torch
            from gradproof.compat.torch import {name}

            class Wrong(torch.autograd.Function):
                @staticmethod
                def forward(ctx, x):
                    ctx.save_for_backward(x)
                    return x**3

                @staticmethod
                def backward(ctx, g):
                    (x,) = ctx.saved_tensors
                    return g * 2 * x.detach() * x

            def test():
                x = torch.linspace(0.5, 1.5, 4, dtype=torch.float64, requires_grad=True)
                {name}(Wrong.apply, (x,))
            """,
        )
        assert place(lines, "fail: ") <= 7
        assert not any("Parameters" in line for line in lines)

    @pytest.mark.library("jax")
    def test_jax(self, tmp_path):
        lines = shown(
            tmp_path,
            """
            import jax, jax.numpy as jnp
            from gradproof.compat.jax import check_grads

            @jax.custom_vjp
            def square(x):
                return x**2

            square.defvjp(lambda x: (x**2, x), lambda x, ct: (ct * x,))

            def test():
                check_grads(square, (jnp.linspace(0.5, 1.5, 6),), 1, modes=("rev",))
            """,
        )
        assert place(lines, "fail: ") <= 6
        assert not any("Parameters" in line for line in lines)
