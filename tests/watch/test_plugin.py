"""The plugin for pytest, in runs of a sample project of its own."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from tests.watch.sample import HERE

TESTS = """
    import jax.numpy as jnp
    import jax
    import pytest
    import rules_of_jax as rules

    x = jnp.linspace(-1.3, 1.6, 6)

    @pytest.mark.parametrize("n", [2, 3])
    def test_square(n):
        assert jax.jit(rules.square)(x[:n]).shape == (n,)

    def test_softplus():
        assert jax.grad(rules.softplus)(1.0) > 0

    def test_centred():
        assert rules.centred(x, 0).shape == x.shape
"""


@pytest.fixture
def project(tmp_path):
    """Return a run of pytest in a project with some rules and tests."""
    (tmp_path / "rules_of_jax.py").write_text((HERE / "rules_of_jax.py").read_text())
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\npythonpath = ['.']\n")

    def run(*options, tests=TESTS, wrong=False):
        (tmp_path / "test_it.py").write_text(textwrap.dedent(tests))
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
        env = {**os.environ, "SAMPLE_WRONG": str(int(wrong)), "COLUMNS": "120"}
        env["PYTEST_ADDOPTS"] = "--gradproof-seconds 60"  # on a busy machine, too
        done = subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    return run


def table(text):
    """Return verdict, calls and kinds of each rule."""
    rows = [line.split() for line in text.splitlines() if "rules_of_jax.py:" in line]
    return {row[1]: (row[0], *map(int, row[3:5])) for row in rows if len(row) > 5}


@pytest.mark.once
@pytest.mark.library("jax")
def test_flag(project):
    """Wrong rules fail a run in which all tests pass; right ones do not."""
    code, text = project("--gradproof", wrong=True)
    assert code == 1
    assert "4 passed" in text
    assert table(text) == {
        "rules_of_jax.square": ("fail", 2, 2),
        "rules_of_jax.softplus": ("fail", 2, 1),  # its derivative calls it
        "rules_of_jax.centred": ("fail", 1, 1),
    }
    assert "test_it.py::test_square[2]" in text
    assert "repeat with:" in text
    assert "rules_of_jax.scaled" in text.partition("never called")[2]
    code, text = project(wrong=True)
    assert code == 0
    assert "hand-written" not in text
    code, text = project("--gradproof=warn", wrong=True)
    assert code == 0
    assert table(text)["rules_of_jax.square"][0] == "fail"
    code, text = project("--gradproof", "--no-gradproof-cache")
    assert code == 0
    assert {row[0] for row in table(text).values()} == {"pass"}


@pytest.mark.once
@pytest.mark.library("jax")
def test_cache(project, tmp_path):
    """A second run verifies what has changed, by the source of a rule and what it names."""
    project("--gradproof")
    code, text = project("--gradproof")
    assert code == 0
    assert text.count(" cached") == 3
    rules = tmp_path / "rules_of_jax.py"
    rules.write_text(rules.read_text().replace("jax.nn.sigmoid(", "sigmoid(") + SIGMOID)
    _, text = project("--gradproof")
    assert text.count(" cached") == 2
    rules.write_text(rules.read_text().replace("1 / (1 + ", "2 / (1 + "))
    code, text = project("--gradproof")
    assert code == 1
    assert table(text)["rules_of_jax.softplus"][0] == "fail"
    assert text.count(" cached") == 2
    assert (tmp_path / ".gradproof_cache" / ".gitignore").read_text() == "*\n"


SIGMOID = """
def sigmoid(x):
    return 1 / (1 + jnp.exp(-x))
"""


@pytest.mark.once
@pytest.mark.library("jax")
def test_workers(project):
    """What the workers of pytest-xdist have seen is joined."""
    code, text = project("--gradproof", "-n", "2", wrong=True)
    assert code == 1
    assert table(text) == {
        "rules_of_jax.square": ("fail", 2, 2),
        "rules_of_jax.softplus": ("fail", 2, 1),  # its derivative calls it
        "rules_of_jax.centred": ("fail", 1, 1),
    }


@pytest.mark.once
@pytest.mark.library("jax")
def test_strict(project):
    """What cannot be verified is listed; it fails the run if that is asked for."""
    tests = """
    import jax, jax.numpy as jnp

    @jax.custom_vjp
    def rule(x):
        return jax.lax.psum(x, "rows")

    rule.defvjp(lambda x: (jax.lax.psum(x, "rows"), None), lambda _, ct: (ct,))

    def test_it():
        jax.vmap(rule, axis_name="rows")(jnp.ones(3))
    """
    code, text = project("--gradproof", tests=tests)
    assert code == 0
    assert "1 inconclusive" in text
    code, text = project("--gradproof", "--gradproof-strict", tests=tests)
    assert code == 1
    code, text = project("--gradproof", "--gradproof-skip", "test_it", tests=tests)
    assert code == 0
    assert "no hand-written rule was called" in text


@pytest.mark.once
@pytest.mark.library("jax")
def test_error_inside(project):
    """What goes wrong in gradproof breaks no test, and is reported."""
    tests = (
        """
    import gradproof._watch.records
    import gradproof._watch.watch

    def broken(*_):
        raise ValueError("broken on purpose")

    gradproof._watch.{where} = broken
    """
        + TESTS
    )
    for where in ("records.key_of", "watch.outcome_of"):
        code, text = project("--gradproof", tests=tests.replace("{where}", where))
        assert "4 passed" in text, text
        assert "broken on purpose" in text
        assert code == 0


CHECKS = """
    import numpy as np
    import gradproof
    from gradproof import testing

    x = np.linspace(0.5, 1.5, 6)

    def test_wrong():
        testing.assert_grad(lambda x: (x**3).sum(), lambda x: 2 * x**2, x)

    def test_wrong_report():
        report = gradproof.verify_grad(lambda x: (x**3).sum(), lambda x: 2 * x**2, x)
        report.raise_if_wrong()

    def test_seed():
        print("seed", gradproof.verify_grad(lambda x: (x**3).sum(), lambda x: 3 * x**2, x).seed)
        print("seed", testing.assert_grad(lambda x: (x**3).sum(), lambda x: 3 * x**2, x).seed)

    def test_plain():
        assert 1 == 2
"""


def test_reports(project):
    """A check that fails shows the line of the test and the report; other failures are as ever."""
    code, text = project(tests=CHECKS)
    assert code == 1
    shown = text.partition("test_wrong ")[2].partition("test_plain")[0]
    assert "testing.assert_grad(lambda" in shown
    assert "report.raise_if_wrong()" in shown
    assert "fail: the gradient by `x` is 0.66" in shown
    for inside in ("report.py", "testing.py", "def raise_if_wrong", "Traceback"):
        assert inside not in shown
    assert "\ntest_it.py:9" in shown
    assert "assert 1 == 2" in text
    assert "FAILED test_it.py::test_wrong - fail: the gradient by `x` is 0.66" in text
    assert "gradproof: 4 checks, " in text
    assert " calls of func, slowest " in text


def test_pages(project, tmp_path):
    _, text = project("--gradproof-report", "pages", tests=CHECKS)
    pages = sorted((tmp_path / "pages").iterdir())
    assert [page.name[:22] for page in pages] == ["test_it.py_test_wrong_"] * 2
    assert all("0.6666" in page.read_text() for page in pages)
    assert str(tmp_path / "pages") in text


@pytest.mark.once
@pytest.mark.library("jax")
def test_pages_of_rules(project, tmp_path):
    _, text = project("--gradproof", "--gradproof-report", "pages", wrong=True)
    assert len(list((tmp_path / "pages").iterdir())) == 4
    assert "# the report as a page: " in text


def test_strict_alone(project):
    code, text = project("--gradproof-strict", tests=CHECKS)
    assert code == 4
    assert "expected both" in text


def test_seed(project):
    _, text = project("--gradproof-seed", "7", "-s", "-k", "seed", tests=CHECKS)
    assert text.count("seed 7") == 2


def test_no_check(project):
    """A suite without a check does not hear of the plugin, which imports nothing then."""
    tests = """
    import sys

    def test_it():
        assert "gradproof" not in sys.modules and "numpy" not in sys.modules
    """
    code, text = project(tests=tests)
    assert code == 0, text
    assert "gradproof" not in text.partition("plugins:")[2].partition("\n")[2]


@pytest.mark.once
@pytest.mark.library("jax")
def test_script(tmp_path):
    """The command line runs a script with its own arguments, and says what its rules are."""
    (tmp_path / "rules_of_jax.py").write_text((HERE / "rules_of_jax.py").read_text())
    script = tmp_path / "train.py"
    script.write_text(
        "import sys, rules_of_jax as rules, jax.numpy as jnp\n"
        "print(sys.argv[1:], __name__)\n"
        "rules.square(jnp.ones(3))\n"
        "sys.exit(int(sys.argv[2]))\n"
    )

    def run(*arguments, wrong=False):
        command = [sys.executable, "-m", "gradproof", "watch", *arguments]
        env = {**os.environ, "SAMPLE_WRONG": str(int(wrong))}
        return subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )

    done = run("--json", "found.json", "train.py", "--steps", "0", wrong=True)
    assert done.returncode == 1
    assert "['--steps', '0'] __main__" in done.stdout
    assert "rules_of_jax.square" in done.stdout
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["verdict"] == "fail"
    assert run("train.py", "--steps", "0").returncode == 0
    left = run("train.py", "--steps", "5")
    assert left.returncode == 3
    assert "left with 5" in left.stderr
    assert run("--only", "nothing", "train.py", "--steps", "0").returncode == 4
    assert run("missing.py").returncode == 2
    assert run("--seconds", "-1", "train.py", "--steps", "0").returncode == 2


def test_the_module_that_pytest_loads_is_light():
    """It is loaded in each run of pytest wherever gradproof is installed."""
    source = Path(HERE).parents[1] / "src" / "_gradproof_pytest.py"
    code = f"import sys, runpy; runpy.run_path({str(source)!r}); print(len(sys.modules))"
    bare = "import sys, runpy; print(len(sys.modules))"
    counts = [
        int(subprocess.run([sys.executable, "-c", c], capture_output=True, text=True).stdout)
        for c in (code, bare)
    ]
    assert counts[0] - counts[1] < 40
