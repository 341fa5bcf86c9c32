"""The sessions on the page about the watch are what a terminal shows."""

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SESSIONS = re.findall(r"```console\n\$ (.*?)\n(.*?)```", (DOCS / "watch.md").read_text(), re.S)


@pytest.mark.library("jax")
@pytest.mark.library("torch")
def test_sessions(tmp_path):
    project = tmp_path / "project"
    shutil.copytree(DOCS / "examples" / "watch", project)
    scripts = str(Path(sys.executable).parent)
    env = {**os.environ, "COLUMNS": "100", "PATH": scripts + os.pathsep + os.environ["PATH"]}
    env["JAX_ENABLE_X64"] = "0"
    env["PYTEST_ADDOPTS"] = "-p no:cacheprovider --gradproof-seconds 60"  # on a busy machine, too
    for command, wanted in SESSIONS:
        done = subprocess.run(
            [sys.executable, "-m", *command.split()],
            cwd=project,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        got = done.stdout + done.stderr
        checker, flags = doctest.OutputChecker(), doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        assert checker.check_output(wanted, got, flags), got
    assert len(SESSIONS) == 3
