"""The command line: its verdicts, its exit codes and what it says of bad input."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from tests.backends import REQUIRED

from gradproof import __version__
from gradproof.__main__ import main

LOSSES = """\
import os

import numpy as np

with open("loads.txt", "a") as file:
    file.write("x")
del file


def loss(x):
    return x[0] ** 2 - 0.5 * x[1] ** 3


def grad(x):
    return [2 * x[0], -1.5 * x[1] ** 2]


def sign(x):
    return [2 * x[0], 1.5 * x[1] ** 2]


def raising(x):
    raise KeyError("my own")


def quitting(x):
    raise SystemExit(0)


def short(x):
    return [1.0]


def square(x):
    return sum(x[i, j] * x[i, j] for i in range(x.shape[0]) for j in range(x.shape[1]))


def square_grad(x):
    print(type(x).__module__.partition(".")[0], x.dtype)
    return 2 * x


point = np.array([1.5, -1.5], dtype=np.float32)


table = [[1.0, 2.0], [3.0, -1.0]]


def make():
    return [1.5, -1.5]


def first(x):
    return x[0] ** 2


class Models:
    loss = staticmethod(loss)
"""

RIGHT = ["check", "losses.py:loss", "losses.py:grad"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a module of losses, which is the current one."""
    (tmp_path / "losses.py").write_text(LOSSES)
    np.save(tmp_path / "x.npy", np.asarray([1.5, -1.5]))
    np.save(tmp_path / "complex.npy", np.asarray([1j, 2.0]))
    (tmp_path / "torn.npy").write_bytes(b"nothing of the kind")
    (tmp_path / "broken.py").write_text("import no_such_module_at_all")
    (tmp_path / "quits.py").write_text("raise SystemExit(0)")
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != ""])
    yield tmp_path
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file and str(file).startswith(str(tmp_path)):
            del sys.modules[name]


def refused(capsys, *arguments: str) -> str:
    """Return what is said on stderr; nothing may be said elsewhere, nor traced."""
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    return err


@pytest.mark.usefixtures("folder")
class TestCheck:
    def test_right(self, capsys):
        assert main([*RIGHT, "--x0", "[1.5, -1.5]"]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        assert re.match(r"right: relative error \S+, allowed 6.1e-06\n", out)

    def test_wrong(self, capsys):
        assert main(["check", "losses.py:loss", "losses.py:sign", "--x0", "[1.5, -1.5]"]) == 1
        out = capsys.readouterr().out
        assert out.startswith("wrong: relative error 1.5, allowed 6.1e-06\n")
        assert "worst entry [1]: claimed 3.375, measured -3.375" in out

    @pytest.mark.parametrize(
        "x0", ["(1.5, -1.5)", "[2, 1]", "x.npy", "losses.py:point", "losses:make"]
    )
    @pytest.mark.parametrize("direction", ["all", "random"])
    def test_points(self, x0, direction):
        assert main([*RIGHT, f"--x0={x0}", "--direction", direction]) == 0
        wrong = ["check", "losses:loss", "losses:sign", f"--x0={x0}", "--direction", direction]
        assert main(wrong) == 1

    def test_number(self):
        assert main(["check", "losses:first", "losses:square_grad", "--x0", "-1.5"]) == 0

    def test_own_dtype_of_a_module(self, capsys):
        assert main([*RIGHT, "--x0", "losses.py:point"]) == 0
        assert "allowed 0.0049" in capsys.readouterr().out

    def test_repeats_itself(self, capsys):
        given = ["check", "losses:loss", "losses:grad", "--shape", "2", "--direction=random"]
        assert main([*given, "--seed", "7"]) == 0
        first = capsys.readouterr().out
        assert "--seed=7" in first
        assert main([*given, "--seed", "7"]) == 0
        assert capsys.readouterr().out == first
        assert main([*given, "--seed", "8"]) == 0
        assert capsys.readouterr().out != first

    @pytest.mark.parametrize("other", ["losses:grad", "./losses.py:grad", "losses.py:grad"])
    @pytest.mark.parametrize("one", ["losses:loss", "losses.py:Models.loss"])
    def test_loaded_once(self, folder, one, other):
        assert main(["check", one, other, "--x0", "[1, 2]"]) == 0
        assert (folder / "loads.txt").read_text() == "x"

    def test_epsilon(self, capsys):
        assert main([*RIGHT, "--x0", "[1.5, -1.5]", "--epsilon", "0.5"]) == 1
        assert "--epsilon=0.5" in capsys.readouterr().out

    @pytest.mark.parametrize("library", REQUIRED)
    @pytest.mark.parametrize("x0", ["--shape=2,2", "--x0=[[1, 2], [3, -1]]", "--x0=losses:table"])
    def test_libraries(self, capsys, library, x0):
        name = "dask.array" if library == "dask" else library
        given = ["check", "losses:square", "losses:square_grad", x0, "--dtype=float32"]
        assert main([*given, "--backend", name]) == 0
        seen = capsys.readouterr().out.splitlines()[0].split()
        assert seen[0].removesuffix("lib") == library
        assert seen[1].endswith("float32")

    @pytest.mark.library("jax")
    def test_double_precision_on_jax(self, folder):
        np.save(folder / "table.npy", np.eye(2))
        given = ["-m", "gradproof", "check", "losses:square", "losses:square_grad"]
        for options in (["--shape=2,2", "--dtype=float64"], ["--x0=table.npy"]):
            done = process(*given, *options, "--backend=jax", cwd=folder)
            assert "float64\nright" in done.stdout
        # What has no dtype of its own takes JAX's.
        done = process(*given, "--shape=2,2", "--backend=jax", cwd=folder)
        single = os.environ.get("JAX_ENABLE_X64", "0") == "0"
        assert ("float32\nright" if single else "float64\nright") in done.stdout

    @pytest.mark.library("torch")
    def test_half_precision_on_torch(self, capsys):
        given = ["check", "losses:square", "losses:square_grad", "--x0=[[1, 2], [3, -1]]"]
        assert main([*given, "--backend=torch", "--dtype=bfloat16"]) == 0
        assert "bfloat16\nright" in capsys.readouterr().out

    @pytest.mark.parametrize("name", ["raising", "quitting"])
    def test_own_code_raises(self, capsys, name):
        assert main(["check", "losses.py:loss", f"losses.py:{name}", "--shape=2"]) == 3
        assert main(["check", f"losses.py:{name}", "losses.py:grad", "--shape=2"]) == 3
        out, err = capsys.readouterr()
        assert out == ""
        assert f"in {name}" in err

    @pytest.mark.parametrize("spec", ["broken:f", "broken.py:f", "quits:f", "quits.py:f"])
    def test_own_module_raises(self, capsys, spec):
        assert main(["check", spec, "losses.py:grad", "--shape=2"]) == 3
        assert "Traceback" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "got neither --x0 nor --shape"),
        (["--x0=1", "--shape=2"], "got both --x0 and --shape"),
        (["--shape=0"], "--shape '0' is no shape"),
        (["--shape=a"], "--shape 'a' is no shape"),
        (["--shape="], "--shape '' is no shape"),
        (["--shape=2", "--seed=-1"], "--seed -1 is negative"),
        (["--shape=3"], "for an x0 of shape (3,)"),
        (["--x0=hello"], "--x0 'hello' is no number"),
        (["--x0=[1, [2]]"], "in rows of one length"),
        (["--x0=[1j]"], "not made of real numbers"),
        (["--x0=[]"], "no entry at all"),
        (["--x0=no.npy"], "cannot be read"),
        (["--x0=torn.npy"], "cannot be read"),
        (["--x0=complex.npy"], "expected real numbers"),
        (["--x0=losses:nothing"], "there is no 'nothing' in losses. There are: Models, first"),
        (["--shape=2", "--backend=no_such_library"], "does not import"),
        (["--shape=2", "--backend=math"], "no array library"),
        (["--shape=2", "--dtype=bfloat16"], "numpy has no such dtype"),
        (["--shape=2", "--dtype=int32"], "invalid choice"),
        (["--shape=2", "--epsilon=nan"], "not finite"),
        (["--shape=2", "--direction=up"], "invalid choice"),
    ],
)
def test_bad_options(capsys, options, said):
    assert said in refused(capsys, *RIGHT, *options)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("losses", "names no object"),
        (":loss", "names no object"),
        (".losses:loss", "names no object"),
        ("losses.py:", "names no object"),
        ("no_such_module:loss", "there is no module 'no_such_module'"),
        ("no.such:loss", "there is no module 'no.such'"),
        ("no_such_file.py:loss", "there is no file"),
        ("losses.py:lost", "There are: Models, first, grad, loss"),
        ("losses.py:Models.lost", "there is no 'lost'"),
        ("losses.py:point", "expected a function"),
    ],
)
def test_bad_names(capsys, spec, said):
    assert said in refused(capsys, "check", "losses.py:loss", spec, "--shape=2")
    assert said in refused(capsys, "check", spec, "losses.py:grad", "--shape=2")


def test_no_command(capsys):
    assert "{demo,check}" in refused(capsys)


def test_version(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"gradproof {__version__}\n"


class TestDemo:
    def test_table(self, capsys):
        assert main(["demo"]) == 0
        out = capsys.readouterr().out
        assert "…" not in out
        closing = re.search(r"(\d+) right claims called right, (\d+) planted mistakes found.", out)
        assert closing is not None
        rows = [line for line in out.splitlines() if re.search(r"(right|wrong)\s*$", line)]
        assert int(closing[1]) + int(closing[2]) == len(rows) >= 4
        for library in {"numpy", "jax", "torch"} & set(REQUIRED):
            assert sum(line.split()[0] == library for line in rows) >= 4

    @pytest.mark.parametrize("library", ["jax", "torch"])
    def test_missing_library(self, capsys, monkeypatch, library):
        from gradproof import _backends
        from gradproof._demo import _run

        def without(name):
            if name == library:
                raise ModuleNotFoundError(f"No module named {name!r}")
            return _backends.backend_named(name)

        monkeypatch.setattr(_run, "backend_named", without)
        assert main(["demo"]) == 0
        assert f'pip install "gradproof[{library}]"' in capsys.readouterr().out

    @pytest.mark.parametrize("verdict", [True, False])
    def test_misjudged(self, capsys, monkeypatch, verdict):
        import dataclasses

        from gradproof._demo import _run
        from gradproof._judge import judge

        monkeypatch.setattr(
            _run, "judge", lambda *args: dataclasses.replace(judge(*args), ok=verdict)
        )
        assert main(["demo"]) == 1
        said = "planted mistakes MISSED" if verdict else "right claims called WRONG"
        assert said in capsys.readouterr().out

    def test_orings(self):
        """The table is that of the paper: its logistic regression gives the known estimate."""
        from gradproof._demo._problems import orings

        temperature, distress = orings()
        assert sorted(temperature[distress == 1]) == [53, 57, 58, 63, 70, 70, 75]
        design = np.stack([np.ones(23), temperature], axis=1)
        beta = np.zeros(2)
        for _ in range(20):  # Newton
            p = 1 / (1 + np.exp(-design @ beta))
            hessian = (design.T * (p * (1 - p))) @ design
            beta += np.linalg.solve(hessian, design.T @ (distress - p))
        assert beta == pytest.approx([15.0429, -0.2322], abs=5e-5)


def process(*arguments: str, cwd) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


class TestProcess:
    def test_demo(self, tmp_path):
        done = process("-m", "gradproof", "demo", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "planted mistakes found." in done.stdout
        assert "numpy float64  softmax cross entropy  labels not subtracted" in done.stdout

    def test_check(self, folder):
        given = ["-m", "gradproof", "check", "losses:loss", "losses:sign", "--shape=2"]
        done = process(*given, cwd=folder)
        assert (done.returncode, done.stderr) == (1, "")
        assert done.stdout.startswith("wrong: ")

    def test_import_takes_nothing_along(self, tmp_path):
        program = (
            "import sys, gradproof; "
            "print([m for m in ('rich', 'argparse', 'gradproof._cli', 'gradproof._judge') "
            "if m in sys.modules])"
        )
        before = process("-c", "import sys, numpy; print('argparse' in sys.modules)", cwd=tmp_path)
        done = process("-c", program, cwd=tmp_path)
        expected = "['argparse']" if before.stdout.strip() == "True" else "[]"
        assert done.stdout.strip() == expected
