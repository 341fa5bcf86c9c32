"""What the tutorial and the how-to pages say to save and to type does what they show."""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "tutorial.md", *sorted((DOCS / "how-to").glob("*.md"))]

#: A block of code: its language, and what is in it.
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.S | re.M)
#: A file is a block that begins with a comment of its name.
NAMED = re.compile(r"# ([\w./-]+\.py)\n")
#: Commands that only set up: what they bring is here already.
SETS_UP = ("pip install ", "nox ")


def _blocks(page):
    return BLOCK.findall(page.read_text())


def _is_run(text):
    return ">>>" in text or NAMED.match(text) is not None


def _environment():
    scripts = str(Path(sys.executable).parent)
    env = {**os.environ, "COLUMNS": "80", "PATH": scripts + os.pathsep + os.environ["PATH"]}
    for name in ("CI", "FORCE_COLOR", "PY_COLORS", "PYTEST_ADDOPTS", "GITHUB_STEP_SUMMARY"):
        env.pop(name, None)
    env["JAX_ENABLE_X64"] = "0"
    env["PYTEST_ADDOPTS"] = "-p no:cacheprovider"
    return env


def _type(command, wanted, folder):
    done = subprocess.run(
        command, shell=True, cwd=folder, env=_environment(), capture_output=True, text=True
    )
    got = done.stdout + done.stderr
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert doctest.OutputChecker().check_output(wanted, got, flags), f"$ {command}\n{got}"


@pytest.mark.once
@pytest.mark.library("jax")
@pytest.mark.library("torch")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_sessions(page, tmp_path):
    for _, text in _blocks(page):
        if named := NAMED.match(text):
            compile(text, named[1], "exec")
            (tmp_path / named[1]).write_text(text)
        for command, wanted in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.M):
            if not command.startswith(SETS_UP):
                _type(command, wanted, tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_all_python_is_run(page):
    texts = [text for language, text in _blocks(page) if language == "python"]
    assert [text for text in texts if not _is_run(text)] == []


def test_index_names_every_page():
    index = (DOCS / "how-to" / "index.md").read_text()
    assert [page.name for page in PAGES[1:] if f"({page.name})" not in index] == ["index.md"]
