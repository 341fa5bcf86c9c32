"""What is installed and works; and what a shell completes."""

import json
import os
import subprocess
import sys

import pytest
from tests.doors.cli import folder, refused, told
from tests.libraries import of_arrays

from gradproof._cli import doctor
from gradproof._cli.completion import SHELLS

__all__ = ["folder"]


class TestDoctor:
    @pytest.mark.parametrize(
        "library", [pytest.param(n, marks=pytest.mark.library(n)) for n in of_arrays()]
    )
    def test_library(self, capsys, monkeypatch, library):
        module = "dask.array" if library == "dask" else library
        monkeypatch.setattr(doctor, "_BACKENDS", {module: library})
        code, out, _ = told(capsys, "doctor", "--json")
        assert code == 0
        (found,) = json.loads(out)["backends"]
        assert found["version"]
        assert found["error"] is None
        assert found["devices"]
        assert "float32" in [dtype["name"] for dtype in found["dtypes"]]
        assert all(dtype["rtol"] > 0 for dtype in found["dtypes"])

    @pytest.mark.parametrize("columns", [60, 80, 120])
    def test_text(self, capsys, monkeypatch, columns):
        monkeypatch.setattr(doctor, "_BACKENDS", {"numpy": "numpy", "no_such": "gradproof[torch]"})
        monkeypatch.setattr(doctor, "_PARTS", {"none_such": ("plots", "gradproof[plot]")})
        monkeypatch.setenv("COLUMNS", str(columns))
        code, out, _ = told(capsys, "doctor")
        assert code == 0  # what is missing does not have to work
        assert out.count("works") == 1
        assert 'to get no_such: pip install "gradproof[torch]"' in out
        assert 'to get none_such: pip install "gradproof[plot]"' in out
        assert max(map(len, out.splitlines()[1:])) <= columns

    def test_wrong_verdict(self, capsys, monkeypatch):
        """A library on which a wrong claim passes does not work."""
        from gradproof import verify_grad
        from gradproof._cli.demo import show

        def blind(func, grad, x0, **options):
            right = next(iter(claims))
            return verify_grad(func, right, x0, **options)

        claims: list = []
        problems = show._problems

        def known(*args):
            for problem in problems(*args):
                claims[:] = [problem.claims[0].grad]
                yield problem

        monkeypatch.setattr(show, "_problems", known)
        monkeypatch.setattr(show, "verify_grad", blind)
        monkeypatch.setattr(doctor, "_BACKENDS", {"numpy": "numpy"})
        code, out, _ = told(capsys, "doctor")
        assert code == 1
        assert "numpy does not work: sum instead of mean: pass" in out

    def test_part_that_raises(self, capsys, monkeypatch, tmp_path):
        (tmp_path / "torn_part.py").write_text("raise RuntimeError('torn')")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr(doctor, "_BACKENDS", {})
        monkeypatch.setattr(doctor, "_PARTS", {"torn_part": ("tests", "torn")})
        code, out, _ = told(capsys, "doctor")
        assert code == 1
        assert "torn_part does not work: RuntimeError: torn" in out


@pytest.mark.usefixtures("folder")
class TestCompletion:
    @pytest.mark.parametrize("shell", SHELLS)
    def test_script(self, capsys, shell):
        code, out, err = told(capsys, "completion", shell)
        assert (code, err) == (0, "")
        assert "_GRADPROOF_COMPLETE" in out

    def test_unknown_shell(self, capsys):
        assert "'tcsh' is not one of 'bash'" in refused(capsys, "completion", "tcsh")

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ("gradproof ch", ["check"]),
            ("gradproof check --di", ["--directions"]),
            ("gradproof check model.py : cu", ["cube", "cube_grad"]),  # as bash takes it apart
            ("gradproof check model.py:cu", ["model.py:cube", "model.py:cube_grad"]),
            ("gradproof check mod", None),
            ("gradproof check model : cube model : half_g", ["half_grad"]),
            ("gradproof check model.py : cube model.py : grad --x0 model.py : tab", ["table"]),
            ("gradproof check a b --dtype b", ["bfloat16"]),
            ("gradproof run --on", ["--only"]),
        ],
    )
    def test_words(self, folder, words, expected):
        (folder / "broken.py").write_text("def half(")
        env = {**os.environ, "_GRADPROOF_COMPLETE": "bash_complete", "COMP_WORDS": words}
        env["COMP_CWORD"] = str(len(words.split()) - 1)
        done = subprocess.run(
            [sys.executable, "-m", "gradproof"],
            env=env,
            capture_output=True,
            text=True,
            check=True,
        )
        found = [line.removeprefix("plain,") for line in done.stdout.splitlines()]
        if expected is None:
            assert "model.py:loss" in found
            assert "model.py:Point" in found
        else:
            assert found == expected
