"""Kernels of the docs as they are, and with a line of theirs changed."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "kernels"


@dataclass(frozen=True)
class Mistake:
    """
    A line of a kernel, as people write it and it is wrong.

    Attributes
    ----------
    name : str
        What is wrong.
    kernel : str
        Which of the kernels has it.
    right, wrong : str
        What stands in the file, and what stands there instead.
    failed : dict of str to str
        The results that fail, with a part of what the report says of each.
    """

    name: str
    kernel: str
    right: str
    wrong: str
    failed: dict[str, str]


def planted(name: str, mistake: Mistake, folder: Path) -> Any:
    """Return the module of the examples of that name, with a mistake."""
    source = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    assert source.count(mistake.right) == 1, f"{mistake.name}: not once in {name}.py"
    path = folder / f"{name}_wrong.py"
    path.write_text(source.replace(mistake.right, mistake.wrong), encoding="utf-8")
    return loaded(path)


def loaded(path: Path) -> Any:
    """Return the module in a file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
