"""The sessions on the page about the command line are what a terminal shows."""

import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = DOCS / "examples" / "command_line"
PAGE = (DOCS / "command-line.md").read_text(encoding="utf-8")
SESSIONS = [
    session
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    for session in re.findall(r"^\$ (.*?)\n(.*?)(?=^\$ |\Z)", block, re.DOTALL | re.MULTILINE)
]


def _case(command: str, wanted: str):
    """Return a case, about the libraries whose arrays it is about."""
    named = [name for name in ("torch", "jax") if name in command or "doctor" in command]
    named += ["matplotlib"] if "--plot" in command else []
    marks = [pytest.mark.library(name) for name in ("numpy", *named)]
    return pytest.param(command, wanted, marks=marks, id=command[:40])


@pytest.mark.parametrize(("command", "wanted"), [_case(*session) for session in SESSIONS])
def test_sessions(tmp_path, command, wanted):
    project = tmp_path / "project"
    shutil.copytree(EXAMPLES, project)
    # As pip makes it, whether or not it was pip that made this environment.
    for name, words in {"gradproof": ["-m", "gradproof"], "python": []}.items():
        script = tmp_path / name
        script.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, *words])} "$@"\n')
        script.chmod(0o755)
    env = {**os.environ, "COLUMNS": "100", "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=project,
        env={**env, "PYTHONIOENCODING": "utf-8", "JAX_ENABLE_X64": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    checker, flags = doctest.OutputChecker(), doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert checker.check_output(wanted, done.stdout, flags), done.stdout


def test_page_shows_the_files():
    assert f"```toml\n{(EXAMPLES / 'gradproof.toml').read_text()}```" in PAGE
    (shown,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert shown in (EXAMPLES / "losses.py").read_text()
    assert len(SESSIONS) == PAGE.count("\n$ ") == 21
