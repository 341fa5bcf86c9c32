"""One table of precisions: no other line asks which dtype it has, but what to do."""

import ast
from pathlib import Path

import gradproof

SOURCE = Path(gradproof.__file__).parent
#: The tables themselves, and the adapters, which know the dtypes of their libraries.
TABLES = [SOURCE / "_numerics" / name for name in ("precision.py", "formats.py")]
ADAPTERS = SOURCE / "_backends"


def _is_epsilon(node):
    name = getattr(node, "id", None) or getattr(node, "attr", None) or ""
    return name == "eps" or name.endswith("_eps")


def _is_number(node):
    """A number that is written down, or the name of one."""
    names = [part.id for part in ast.walk(node) if isinstance(part, ast.Name)]
    kinds = (ast.Constant, ast.Name, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.Load)
    return all(isinstance(part, kinds) for part in ast.walk(node)) and all(map(str.isupper, names))


def _asks(node):
    if isinstance(node, ast.Compare) and not isinstance(node.ops[0], ast.Is | ast.IsNot):
        sides = [node.left, *node.comparators]
        sides = [part for side in sides for part in getattr(side, "elts", [side])]
        inner = [
            part.args[0] if isinstance(part, ast.Call) and part.args else part for part in sides
        ]
        return any(map(_is_epsilon, inner)) and any(map(_is_number, inner))
    if isinstance(node, ast.Dict):  # a table of its own, by machine epsilon
        keys = [key for key in node.keys if isinstance(key, ast.BinOp)]
        return any(isinstance(key.op, ast.Pow) and _is_number(key) for key in keys)
    return False


def asked(text):
    """The lines that compare a machine epsilon with a number."""
    nodes = ast.walk(ast.parse(text))
    return [node.lineno for node in nodes if isinstance(node, ast.expr) and _asks(node)]


def test_no_line_asks_which_dtype_it_has():
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        if path not in TABLES and ADAPTERS not in path.parents:
            found[str(path.relative_to(SOURCE))] = asked(path.read_text())
    assert not {path: lines for path, lines in found.items() if lines}


def test_such_a_line_is_found():
    for line in (
        "if survey.eps > 2.0**-15: pass",
        "least = 0.0 if eps < 2.0**-40 else 1.0",
        "short = float(values.output_eps) > _SHORT",
        "lifts = FLOAT16 in (point.eps, outputs.eps)",
        "names = {2.0**-52: 'float64'}",
    ):
        assert asked(line), line
    for line in (
        "if sigma > 16 * eps: pass",
        "if survey.eps < claim.eps: pass",
        "if eps is None: pass",
    ):
        assert not asked(line), line
