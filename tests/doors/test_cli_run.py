"""Checks out of a TOML file."""

import re

import pytest
from tests.doors.cli import folder, refused, told

__all__ = ["folder"]

RIGHT = """
[[check]]
name = "right"
func = "model.py:loss"
claim = "model.py:grad"
x0 = [1.5, -1.5]
"""
WRONG = """
[[check]]
name = "wrong"
func = "model:loss"
claim = "model:sign"
x0 = "[1.5, -1.5]"
"""
OPEN = """
[[check]]
name = "open"
func = "model:stepped"
claim = "model:grad"
x0 = [1.5, -1.5]
"""
RAISING = """
[[check]]
name = "raising"
func = "model:raising"
claim = "model:grad"
shape = 2
"""
MISSING = """
[[check]]
name = "missing"
func = "model:los"
claim = "model:grad"
shape = 2
"""
EVERY = """
[defaults]
seed = 3
directions = "all"

[[check]]
func = "model:fit"
claim = "model:fit_grad"
x0 = "model:table"
args = ["data.npy"]
kwargs = { scale = 3.0 }

[[check]]
kind = "vjp"
name = "vjp of sine"
func = "model:sine"
claim = "model:product"
shape = [2, 2]
rtol = 1e-4
dtype = "float32"

[[check]]
kind = "hess"
name = "curvature"
func = "model:cube"
claim = "model:hess"
grad = "model:cube_grad"
x0 = "x.npy"

[[check]]
kind = "against"
name = "values"
func = "model:cube"
reference = "model:cube"
x0 = "x.npy"
order = 0
"""


@pytest.mark.parametrize(
    ("checks", "code"),
    [
        (RIGHT, 0),
        (RIGHT + WRONG, 1),
        (WRONG + RIGHT, 1),
        (RIGHT + OPEN, 4),
        (OPEN + RAISING, 3),
        (OPEN + MISSING, 2),
        (MISSING + RAISING, 3),
        (OPEN + MISSING + RAISING + WRONG + RIGHT, 1),
    ],
)
def test_worst(capsys, folder, checks, code):
    (folder / "gradproof.toml").write_text(checks)
    got, out, _ = told(capsys, "run")
    assert got == code
    for name in re.findall(r'name = "(.*)"', checks):
        assert re.search(rf"^ {name} ", out, re.MULTILINE)
        assert (f"== {name}\n" in out) == (name != "right")


def test_every_key(capsys, folder):
    (folder / "gradproof.toml").write_text(EVERY)
    code, out, err = told(capsys, "run", "--verbose")
    assert (code, err) == (0, "")
    assert out.count("--seed=3") == 4
    assert "== check model:fit model:fit_grad" in out
    assert "--arg=data.npy --kwarg=scale=3.0 --directions=all --seed=3" in out
    assert "errors above 1.0e-04 matter" in out


def test_only(capsys, folder):
    (folder / "gradproof.toml").write_text(RIGHT + WRONG + OPEN)
    assert told(capsys, "run", "--only=right")[0] == 0
    assert told(capsys, "run", "--only", "r*", "--only", "open")[0] == 4
    assert "Did you mean right?" in refused(capsys, "run", "--only=rigth")


@pytest.mark.parametrize("name", ["gradproof.toml", "pyproject.toml", "other.toml"])
def test_files(capsys, folder, name):
    below = f"[project]\nname = 'x'\n{RIGHT.replace('[[check]]', '[[tool.gradproof.check]]')}"
    (folder / name).write_text(below if name == "pyproject.toml" else RIGHT)
    assert told(capsys, "run", *(["other.toml"] if name == "other.toml" else []))[0] == 0


def test_from_elsewhere(capsys, folder, monkeypatch):
    """Names are seen from the folder of the file, what is written from the current one."""
    (folder / "gradproof.toml").write_text(RIGHT)
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    assert told(capsys, "run", "../gradproof.toml", "--markdown=found.md")[0] == 0
    assert (folder / "below" / "found.md").is_file()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "has no checks; expected a table [[check]]"),
        ("check = 3", "has no checks"),
        ("[[check]", "line 1"),
        ("[[chek]]", "there is no key 'chek'. Did you mean check?"),
        (f"{RIGHT}dirctions = 3", "check 1 (right): there is no key 'dirctions'. Did you mean dir"),
        (f"{RIGHT}grad = 'model:grad'", "there is no key 'grad'"),
        (f"{RIGHT}{RIGHT}", "two checks are called 'right'"),
        (f"{RIGHT}kind = 'vpj'", "there is no kind 'vpj'. Did you mean vjp"),
        (f"{RIGHT}kind = 'against'", "there is no key 'claim'"),
        ("[[check]]\nfunc = 'model:loss'\nx0 = 1", "claim is missing"),
        ("[[check]]\nclaim = 'model:loss'\nx0 = 1", "func is missing"),
        (f"{RIGHT}rtol = 'much'", "rtol = 'much'; expected a number"),
        (f"{RIGHT}budget = 1.5", "budget = 1.5; expected a whole number"),
        (f"{RIGHT}budget = true", "budget = True; expected a whole number"),
        (f"{RIGHT}has_aux = 1", "has_aux = 1; expected true or false"),
        (f"{RIGHT}backend = 1", "backend = 1; expected text"),
        (f"{RIGHT}dtype = 'int32'", "'int32' is not one of 'float64'"),
        (f"{RIGHT}args = 1", "args = 1; expected a list"),
        (f"{RIGHT}kwargs = 1", "kwargs = 1; expected a table"),
        (f"{RIGHT}directions = 'some'", "neither 'auto'"),
        (f"[defaults]\nsede = 3\n{RIGHT}", "defaults: there is no key 'sede'. Did you mean seed"),
    ],
)
def test_refused(capsys, folder, given, said):
    (folder / "gradproof.toml").write_text(given)
    assert said in refused(capsys, "run")


@pytest.mark.usefixtures("folder")
def test_no_file(capsys, folder):
    assert "neither gradproof.toml nor pyproject.toml" in refused(capsys, "run")
    (folder / "gradproof.toml").write_text(RIGHT)
    assert "Did you mean gradproof.toml?" in refused(capsys, "run", "gradprof.toml")
    (folder / "pyproject.toml").write_text("[project]\nname = 'x'")
    assert "[[tool.gradproof.check]]" in refused(capsys, "run", "pyproject.toml")


def test_interrupted(capsys, folder):
    """Ctrl-C ends all; what came before it counts, and the others are said to be missing."""
    stopping = RAISING.replace("raising", "stopping")
    (folder / "gradproof.toml").write_text(RIGHT + stopping + OPEN)
    code, out, _ = told(capsys, "run")
    assert code == 130
    assert re.search(r"open +interrupted +not reached", out)
    (folder / "gradproof.toml").write_text(WRONG + stopping)
    assert told(capsys, "run")[0] == 1
