"""What the page on kernels says that users type, as it stands there."""

import re
from pathlib import Path

import pytest
from tests.kernels.planted import EXAMPLES

PAGE = Path(__file__).parents[2] / "docs" / "kernels.md"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("pallas", marks=pytest.mark.library("jax")),
        pytest.param("triton", marks=[pytest.mark.library(one) for one in ("torch", "triton")]),
    ],
)
def test_what_users_type_runs(name, monkeypatch):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (block,) = [block for block in blocks if f"from {name}_kernels" in block]
    monkeypatch.syspath_prepend(str(EXAMPLES))
    names = {}
    exec(block, names)
    names["test_rms_norm"]()
