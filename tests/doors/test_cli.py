"""The command line: its verdicts, its exit codes and what it says of bad input."""

import dataclasses
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from tests import examples as claims
from tests.libraries import about, of_arrays

from gradproof import Verdict, __version__, verify_grad
from gradproof.__main__ import main
from gradproof._cli.app import cli
from gradproof._cli.demo.show import HALF, LIBRARIES
from gradproof._cli.outcome import EXIT_CODES, INTERRUPTED, NOTHING_CHECKED, RAISED

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


def rounded(x):
    return round(float(loss(x)), 3)


def values(x):
    print("noise of my own")
    return [x[0] * x[1], x[0] ** 2]


def jacobian(x):
    return [[x[1], x[0]], [2 * x[0], 0 * x[0]]]


def half_jacobian(x):
    return [[x[1], x[0]], [x[0], 0 * x[0]]]


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

MODULES = {"dask": "dask.array"}  # how a library is named, where that is not its name


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a module of losses, which is the current one."""
    (tmp_path / "losses.py").write_text(LOSSES)
    np.save(tmp_path / "x.npy", np.asarray([1.5, -1.5]))
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
    def test_pass(self, capsys):
        assert main([*RIGHT, "--x0", "[1.5, -1.5]"]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        assert out.startswith("pass: every entry agrees")
        assert "2 of 2 entries measured" in out

    def test_fail(self, capsys):
        assert main(["check", "losses.py:loss", "losses.py:sign", "--x0", "[1.5, -1.5]"]) == 1
        assert capsys.readouterr().out.startswith("fail: ")

    def test_inconclusive(self, capsys):
        assert main(["check", "losses.py:rounded", "losses.py:grad", "--x0", "[1.5, -1.5]"]) == 4
        assert capsys.readouterr().out.startswith("inconclusive: ")

    @pytest.mark.parametrize(
        "x0", ["(1.5, -1.5)", "[2, 1]", "x.npy", "losses.py:point", "losses:make"]
    )
    def test_points(self, x0):
        assert main([*RIGHT, f"--x0={x0}"]) == 0
        assert main(["check", "losses:loss", "losses:sign", f"--x0={x0}"]) == 1

    @pytest.mark.parametrize("library", [about(name, name, name=name) for name in of_arrays()])
    def test_jacobian(self, capsys, library):
        where = ["--x0=[1.5, -1.5]", "--backend", MODULES.get(library, library)]
        assert main(["check", "losses:values", "losses:jacobian", *where]) == 0
        assert main(["check", "losses:values", "losses:half_jacobian", *where]) == 1
        assert "fail: " in capsys.readouterr().out

    def test_json(self, capsys):
        given = ["--x0=[1.5, -1.5]", "--seed=3", "--json"]
        for grad, code, verdict in (("jacobian", 0, "pass"), ("half_jacobian", 1, "fail")):
            assert main(["check", "losses:values", f"losses:{grad}", *given]) == code
            out, err = capsys.readouterr()
            assert "noise of my own" in err
            told = json.loads(out, parse_constant=pytest.fail)
            assert (told["schema"], told["version"]) == ("gradproof.results", 1)
            (check,) = told["checks"]
            assert (check["verdict"], check["exit_code"], told["exit_code"]) == (
                verdict,
                code,
                code,
            )
            told = check["report"]
            assert (told["verdict"], told["seed"]) == (verdict, 3)
            assert len(told["entries"]["claimed"]) == len(told["entries"]["row"]) == 2

    def test_number(self):
        assert main(["check", "losses:first", "losses:square_grad", "--x0", "-1.5"]) == 0

    def test_own_dtype_of_a_module(self, capsys):
        assert main([*RIGHT, "--x0", "losses.py:point"]) == 0
        assert "(float32)" in capsys.readouterr().out

    def test_repeats_itself(self, capsys):
        given = ["check", "losses:loss", "losses:grad", "--shape", "2"]
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

    def test_rtol(self, capsys):
        # It allows for the rounding: resolvable to 1 %.
        given = ["check", "losses:rounded", "losses:grad", "--x0=[1.5, -1.5]", "--rtol=0.05"]
        assert main(given) == 0
        out = capsys.readouterr().out
        assert "errors above 5.0e-02 matter" in out
        assert "--rtol=0.05" in out

    def test_budget(self, capsys):
        assert main([*RIGHT, "--x0", "[1.5, -1.5]", "--budget=5"]) == 4
        out = capsys.readouterr().out
        assert "5 calls of func" in out
        assert "--budget=5" in out

    @pytest.mark.parametrize("library", [about(name, name, name=name) for name in of_arrays()])
    @pytest.mark.parametrize("x0", ["--shape=2,2", "--x0=[[1, 2], [3, -1]]", "--x0=losses:table"])
    def test_libraries(self, capsys, library, x0):
        given = ["check", "losses:square", "losses:square_grad", x0, "--dtype=float32"]
        assert main([*given, "--backend", MODULES.get(library, library)]) == 0
        seen = capsys.readouterr().out.splitlines()[0].split()
        assert seen[0].removesuffix("lib") == library
        assert seen[1].endswith("float32")

    @pytest.mark.library("jax")
    def test_double_precision_on_jax(self, folder):
        np.save(folder / "table.npy", np.eye(2))
        given = ["-m", "gradproof", "check", "losses:square", "losses:square_grad"]
        for options in (["--shape=2,2", "--dtype=float64"], ["--x0=table.npy"]):
            done = process(*given, *options, "--backend=jax", cwd=folder)
            assert "(float64)" in done.stdout
        # What has no dtype of its own takes JAX's.
        done = process(*given, "--shape=2,2", "--backend=jax", cwd=folder)
        single = os.environ.get("JAX_ENABLE_X64", "0") == "0"
        assert ("(float32)" if single else "(float64)") in done.stdout

    @pytest.mark.library("torch")
    def test_half_precision_on_torch(self, capsys):
        given = ["check", "losses:square", "losses:square_grad", "--x0=[[1, 2], [3, -1]]"]
        assert main([*given, "--backend=torch", "--dtype=bfloat16"]) == 0
        assert "(bfloat16)" in capsys.readouterr().out

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

    @pytest.mark.parametrize(
        "code",
        [
            "class Quit(BaseException):\n    pass\nraise Quit",
            "raise GeneratorExit",
            "def __getattr__(name):\n    raise RuntimeError(name)",
            "def f(x):\n    raise GeneratorExit",
            "def f(x):\n    raise SystemExit(0)",
            "def f(x):\n    raise MemoryError",
            "import sys\nsys.exit()",
        ],
    )
    def test_whatever_is_raised(self, folder, capsys, code):
        """No way out of the user's code has the exit code of a verdict."""
        (folder / "odd.py").write_text(code)
        assert main(["check", "odd.py:f", "losses.py:grad", "--shape=2"]) == 3
        assert "Traceback" in capsys.readouterr().err

    @pytest.mark.parametrize(
        "code", ["raise KeyboardInterrupt", "def f(x): raise KeyboardInterrupt"]
    )
    def test_interrupted_before_anything(self, folder, capsys, code):
        (folder / "stopped.py").write_text(code)
        assert main(["check", "stopped.py:f", "losses.py:grad", "--shape=2"]) == 130
        assert "interrupted before anything was measured" in capsys.readouterr().err

    def test_mistake_of_ours(self, monkeypatch, capsys):
        """Python's own exit code for an exception is that of a fail."""
        monkeypatch.setattr("gradproof._cli.request.Request.again", lambda _: 1 / 0)
        assert main([*RIGHT, "--shape=2"]) == 3
        assert "ZeroDivisionError" in capsys.readouterr().err

    @pytest.mark.parametrize(
        "code",
        [
            "import os\nos._exit(0)",
            "from os import _exit\n_exit(0)",
            "import os\ndef f(x):\n    os._exit(1)",
            "import os\ncalls = []\ndef f(x):\n    calls.append(1)\n"
            "    if len(calls) > 9: os._exit(0)\n    return x[0] ** 2 - 0.5 * x[1] ** 3",
        ],
    )
    def test_process_that_is_ended(self, folder, code):
        (folder / "gone.py").write_text(code)
        arguments = ["check", "gone.py:f", "losses.py:grad", "--shape=2"]
        done = process("-m", "gradproof", *arguments, cwd=folder)
        assert done.returncode == 3
        assert "the code that is checked called os._exit(" in done.stderr

    def test_processes_of_the_users_own_end(self, folder):
        """A forked one ends by os._exit, as ever."""
        (folder / "forks.py").write_text(
            "import os\n"
            "def f(x):\n"
            "    pid = os.fork()\n"
            "    if not pid:\n"
            "        os._exit(7)\n"
            "    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7\n"
            "    return x[0] ** 2 - 0.5 * x[1] ** 3\n"
        )
        arguments = ["check", "forks.py:f", "losses.py:grad", "--shape=2"]
        done = process("-m", "gradproof", *arguments, cwd=folder)
        assert done.returncode == 0
        assert "os._exit" not in done.stderr

    def test_os_is_as_it_was(self):
        before = os._exit
        assert main([*RIGHT, "--shape=2"]) == 0
        assert os._exit is before


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "got neither --x0 nor --shape"),
        (["--x0=1", "--shape=2"], "got both --x0 and --shape"),
        (["--shape=0"], "--shape '0' is no shape"),
        (["--shape=a"], "--shape 'a' is no shape"),
        (["--shape=99999999999999999999"], "--shape 99999999999999999999 is more than"),
        (["--shape=9999999999,9999999999"], "more than this machine has memory for"),
        ([f"--shape={','.join(100 * '1')}"], "more than this machine has memory for"),
        (["--shape="], "--shape '' is no shape"),
        (["--shape=2", "--seed=-1"], "--seed -1 is negative"),
        (["--shape=3"], "for an x0 of shape (3,)"),
        (["--x0=hello"], "--x0 'hello' is no number"),
        (["--x0=[1, [2]]"], "in rows of one length"),
        (["--x0=[1j]"], "not made of real numbers"),
        (["--x0=[]"], "no entry at all"),
        (["--x0=no.npy"], "cannot be read"),
        (["--x0=torn.npy"], "cannot be read"),
        (["--x0=losses:nothing"], "there is no 'nothing' in losses. There are: Models, first"),
        (["--shape=2", "--backend=no_such_library"], "does not import"),
        (["--shape=2", "--backend=math"], "no array library"),
        (["--shape=2", "--dtype=bfloat16"], "numpy has no such dtype"),
        (["--shape=2", "--dtype=int32"], "'int32' is not one of 'float64'"),
        (["--shape=2", "--rtol=nan"], "rtol=nan; expected"),
        (["--shape=2", "--rtol=much"], "'much' is not a valid float"),
        (["--shape=2", "--budget=0"], "budget=0; expected"),
        (["--shape=2", "--direction=all"], "Did you mean --directions?"),
        (["--shape=2", "--epsilon=1e-6"], "there is no option '--epsilon'"),
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
        ("losses.py:lost", "There are: Models, first, grad, half_jacobian, jacobian, loss"),
        ("losses.py:Models.lost", "there is no 'lost'"),
        ("losses.py:point", "expected a function"),
    ],
)
def test_bad_names(capsys, spec, said):
    assert said in refused(capsys, "check", "losses.py:loss", spec, "--shape=2")
    assert said in refused(capsys, "check", spec, "losses.py:grad", "--shape=2")


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_help(capsys, monkeypatch, columns):
    """Every option is described, and every exit code."""
    monkeypatch.setenv("COLUMNS", str(columns))
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= columns or columns < 80  # examples are not wrapped
    for code in (*EXIT_CODES.values(), NOTHING_CHECKED, RAISED, INTERRUPTED):
        assert re.search(rf"^ +{code}  ", out, re.MULTILINE)
    for name, command in cli.commands.items():
        assert re.search(rf"^  {name} +\w", out, re.MULTILINE)
        with pytest.raises(SystemExit) as caught:
            main([name, "--help"])
        assert caught.value.code == 0
        told = capsys.readouterr().out
        assert max(map(len, told.splitlines())) <= columns
        for param in command.params:
            assert getattr(param, "help", None) or getattr(param, "text", None)
            assert all(word in told for word in (*param.opts, *param.secondary_opts) if "-" in word)


def test_no_command(capsys):
    assert "a command is missing. Expected one of check, vjp" in refused(capsys)
    assert "Did you mean --help?" in refused(capsys, "--hlep")
    assert "Did you mean check?" in refused(capsys, "chek", "losses.py:loss")


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
        rows = [re.split(r"\s{2,}", line.strip()) for line in out.splitlines()]
        rows = [row for row in rows if len(row) == 8 and row[1] in LIBRARIES]
        open_, passed, found = 0, 0, 0
        for _, _, dtype, mistake, verdict, _, bound, calls in rows:
            expected = "pass" if mistake == "none" else "fail"
            assert verdict in ((expected, "inconclusive") if dtype in HALF else (expected,))
            open_ += verdict == "inconclusive"
            passed += verdict == "pass"
            found += verdict == "fail"
            assert float(bound) > 0
            assert int(calls) < 1000
        assert f"{passed} right claims passed, {found} planted mistakes found." in out
        assert (f"{open_} verdicts in half precision are inconclusive." in out) == (open_ > 0)
        for library in {"numpy", "jax", "torch"} & set(of_arrays()):
            for dtype in LIBRARIES[library][0]:
                assert sum(row[1:3] == [library, dtype] for row in rows) >= 5
        named = "softmax cross entropy, numpy, float64, last entry left at 0, fail, [4, 3], 1.1e+00"
        assert named in [", ".join(row[:7]) for row in rows]

    @pytest.mark.parametrize("library", ["jax", "torch"])
    def test_missing_library(self, capsys, monkeypatch, library):
        from gradproof._backends import registry as _backends
        from gradproof._cli.demo import show as _run

        def without(name):
            if name == library:
                raise ModuleNotFoundError(f"No module named {name!r}")
            return _backends.backend_named(name)

        monkeypatch.setattr(_run, "backend_named", without)
        monkeypatch.setattr(_run, "LIBRARIES", {k: LIBRARIES[k] for k in ("numpy", library)})
        assert main(["demo"]) == 0
        assert f'pip install "gradproof[{library}]"' in capsys.readouterr().out

    @pytest.mark.parametrize("verdict", Verdict)
    def test_misjudged(self, capsys, monkeypatch, verdict):
        from gradproof._cli.demo import show as _run

        def misjudging(*args, **kwargs):
            return dataclasses.replace(verify_grad(*args, **kwargs), verdict=verdict)

        monkeypatch.setattr(_run, "verify_grad", misjudging)
        monkeypatch.setattr(_run, "LIBRARIES", {"numpy": LIBRARIES["numpy"]})
        assert main(["demo"]) == 1
        assert "claims are MISJUDGED" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("dtype", "mistake", "verdict", "outcome"),
        [
            ("float64", "", "pass", "passed"),
            ("float32", "sign", "fail", "found"),
            ("float32", "sign", "inconclusive", "misjudged"),
            ("float64", "", "inconclusive", "misjudged"),
            ("float16", "sign", "inconclusive", "open"),
            ("bfloat16", "", "inconclusive", "open"),
            ("bfloat16", "", "fail", "misjudged"),
            ("float16", "sign", "pass", "misjudged"),
        ],
    )
    def test_outcome(self, dtype, mistake, verdict, outcome):
        from gradproof._cli.demo.show import _outcome

        report = verify_grad(claims.func, claims.grad, claims.point(), seed=0)
        report = dataclasses.replace(report, dtype=dtype, verdict=Verdict(verdict))
        assert _outcome(mistake, report) == outcome

    def test_orings(self):
        """The table is that of the paper: its logistic regression gives the known estimate."""
        from gradproof._cli.demo.problems import orings

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
        assert re.search(r"numpy +float64 +labels not subtracted +fail", done.stdout)

    def test_check(self, folder):
        given = ["-m", "gradproof", "check", "losses:loss", "losses:sign", "--shape=2"]
        done = process(*given, cwd=folder)
        assert (done.returncode, done.stderr) == (1, "")
        assert done.stdout.startswith("fail: ")

    def test_import_takes_nothing_along(self, tmp_path):
        program = (
            "import sys, gradproof; "
            "late = ('rich', 'argparse', 'click', 'gradproof._cli.app', 'gradproof._cli.demo'); "
            "print([name for name in late if name in sys.modules])"
        )
        before = process("-c", "import sys, numpy; print('argparse' in sys.modules)", cwd=tmp_path)
        done = process("-c", program, cwd=tmp_path)
        expected = "['argparse']" if before.stdout.strip() == "True" else "[]"
        assert done.stdout.strip() == expected
