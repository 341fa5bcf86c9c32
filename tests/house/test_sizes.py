"""The house stays one that can be read: no module without a room, none too long."""

import ast
from pathlib import Path

import gradproof

SOURCE = Path(gradproof.__file__).parent
MODULES = sorted(SOURCE.rglob("*.py"))

#: Lines of a module, and of a function without its docstring: beyond, cut it by what it is about.
LONGEST_MODULE, LONGEST_FUNCTION = 303, 60
#: Methods of a class, those that Python itself asks for (`__init__`, `__eq__`, ...) not counted.
MOST_METHODS = 12
#: Protocols, which are long because what they stand for is asked many things: an array library, and
#: in their place on the host x0 (a point or lines through it), func and its result, the claim.
PROTOCOLS = {
    *("Arrays", "Directions", "JAXArrays", "JAXBackend", "NumPyBackend", "TorchArrays"),
    *("Point", "Primals", "Span", "Outputs", "Results", "Calls", "NearClaim"),
}


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


def test_no_class_is_large():
    large = {}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and node.name not in PROTOCOLS:
                methods = [part.name for part in node.body if isinstance(part, ast.FunctionDef)]
                count = sum(not name.startswith("__") for name in methods)
                if count > MOST_METHODS:
                    large[f"{path.name}: {node.name}"] = count
    assert not large
