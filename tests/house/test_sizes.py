"""The house stays one that can be read: no module without a room, none too long."""

import ast
from pathlib import Path

import gradproof

SOURCE = Path(gradproof.__file__).parent
MODULES = sorted(SOURCE.rglob("*.py"))

#: Lines of a module, and of a function without its docstring: beyond, cut it by what it is about.
LONGEST_MODULE, LONGEST_FUNCTION = 320, 70


def test_every_private_module_has_a_room():
    flat = [path.name for path in SOURCE.glob("_*.py") if not path.stem.endswith("__")]
    assert flat == ["_version.py"]


def test_every_module_says_what_it_holds():
    silent = [path for path in MODULES if not ast.get_docstring(ast.parse(path.read_text()))]
    assert not silent


def test_no_module_is_long():
    lines = {path: len(path.read_text().splitlines()) for path in MODULES}
    assert not {path.name: n for path, n in lines.items() if n > LONGEST_MODULE}


def test_no_function_is_long():
    long = {}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                said = len((ast.get_docstring(node, clean=False) or "").splitlines())
                length = node.end_lineno - node.lineno + 1 - said
                if length > LONGEST_FUNCTION:
                    long[f"{path.name}: {node.name}"] = length
    assert not long
