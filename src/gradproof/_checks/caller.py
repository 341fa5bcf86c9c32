"""The call of a function as it is written where it is called, as far as it can be written again."""

import ast
import functools
import itertools
import linecache
from dataclasses import dataclass
from types import CodeType, FrameType

#: What makes the same of the same arguments each time, by the last part of its name: a value that
#: is made in the call can then be made again. What draws random numbers is none of them.
_MAKES_THE_SAME = frozenset((
    "arange", "array", "as_tensor", "asarray", "astype", "bfloat16", "clone", "complex", "copy",
    "detach", "dict", "double", "eye", "float", "float32", "float64", "from_numpy", "full", "half",
    "items", "jit", "linspace", "list", "logspace", "named_parameters", "numpy", "ones",
    "ones_like", "parameters", "partial", "requires_grad_", "reshape", "state_dict", "tensor",
    "to", "tuple", "values", "vmap", "zeros", "zeros_like",
))  # fmt: skip
_OPERATIONS = (ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp)
_DISPLAYS = (ast.Tuple, ast.List, ast.Dict, ast.Set, ast.Slice, ast.Starred, ast.keyword)
_SIGNS = (ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context)
#: Characters of an expression that is still read.
_LONG = 200


@dataclass(frozen=True)
class Written:
    """
    A call in the words of its program, without any of its values.

    Attributes
    ----------
    function : str or None
        The expression for what is called.
    arguments : tuple of (str or None)
        Expressions for the positional arguments; None for what would not be the same again.
    keywords : dict of str to (str or None)
        Those for the arguments that are given by name.
    """

    function: str | None
    arguments: tuple[str | None, ...]
    keywords: dict[str, str | None]


class _Source:
    """
    The source of a call.

    Attributes
    ----------
    call : Call
        Taken apart.
    """

    def __init__(self, call: ast.Call, lines: tuple[bytes, ...], known: frozenset[str]) -> None:
        self.call, self._lines, self._known = call, lines, known

    def again(self, node: ast.expr) -> str | None:
        """Return an expression in one line, if it has the same value when evaluated again."""
        if not _repeats(node, self._known):
            return None
        if node.lineno == node.end_lineno:
            text = self._lines[node.lineno - 1][node.col_offset : node.end_col_offset].decode()
        else:
            text = ast.unparse(node)
        return text if len(text) <= _LONG and "\n" not in text else None

    def positional(self, count: int) -> tuple[str | None, ...] | None:
        """Return expressions for the positional arguments; None if there is another number."""
        args = self.call.args
        stars = sum(isinstance(one, ast.Starred) for one in args)
        more = count - len(args) + stars
        if more < 0 or (more and not stars):
            return None
        if stars > 1:  # nobody knows where one of them ends
            return (None,) * count
        found: list[str | None] = []
        for one in args:
            if isinstance(one, ast.Starred):
                indexed = isinstance(one.value, (ast.Name, ast.Attribute, ast.Subscript))
                whole = self.again(one.value) if indexed else None
                found += [f"{whole}[{i}]" if whole else None for i in range(more)]
            else:
                found.append(self.again(one))
        return tuple(found)

    def named(self, keywords: tuple[str, ...]) -> dict[str, str | None] | None:
        """Return expressions for arguments that are given by name; None if there are others."""
        given = {one.arg: one.value for one in self.call.keywords}
        spread = given.pop(None, None)
        # An assertion adds a seed.
        lacking = set(keywords) - given.keys() - {"seed"}
        if not given.keys() <= set(keywords) or (lacking and spread is None):
            return None
        options = None if spread is None else self.again(spread)
        several = sum(one.arg is None for one in self.call.keywords) > 1
        words: dict[str, str | None] = {}
        for name in keywords:
            words[name] = f"{options}[{name!r}]" if options and not several else None
            if name in given:
                words[name] = self.again(given[name])
        return words


def written(frame: FrameType, count: int, keywords: tuple[str, ...]) -> Written | None:
    """
    Return the call that a frame is making, if its source is there and is a call of that form.

    Parameters
    ----------
    frame : frame
        That of the program. None of its variables are looked at, which would keep them alive.
    count : int
        The number of positional arguments that were given.
    keywords : tuple of str
        The names of the others.
    """
    source = _source(frame.f_code, frame.f_code.co_filename, frame.f_lasti)
    if source is None:
        return None
    arguments, named = source.positional(count), source.named(keywords)
    if arguments is None or named is None:
        return None
    return Written(source.again(source.call.func), arguments, named)


def _repeats(node: ast.AST, known: frozenset[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in known
    if isinstance(node, (ast.Constant, ast.Lambda, *_SIGNS)):
        return True  # a lambda is made, not called
    if isinstance(node, ast.Call):
        makes = node.func
        name = makes.id if isinstance(makes, ast.Name) else getattr(makes, "attr", "")
        if name not in _MAKES_THE_SAME:
            return False
    elif not isinstance(node, (ast.Attribute, ast.Subscript, *_OPERATIONS, *_DISPLAYS)):
        return False
    return all(_repeats(one, known) for one in ast.iter_child_nodes(node))


@functools.lru_cache(maxsize=64)  # a check in a loop; code has constants, and no values
def _source(code: CodeType, file: str, at: int) -> _Source | None:
    """Return the call that an instruction makes, from its source; None where there is none."""
    where = next(itertools.islice(code.co_positions(), at // 2, None), (None,) * 4)
    line, end, column, end_column = where
    if line is None or end is None or column is None or end_column is None:
        return None
    # Columns are those of bytes.
    lines = [linecache.getline(file, i).encode() for i in range(line, end + 1)]
    lines[-1] = lines[-1][:end_column]
    lines[0] = b"(" + lines[0][column:]
    try:
        tree = ast.parse(b"".join(lines) + b"\n)", mode="eval")
    except (SyntaxError, ValueError):  # of a file that has changed
        return None
    # A name that the code does not use is one of a file that has changed.
    known = (*code.co_names, *code.co_varnames, *code.co_freevars, *code.co_cellvars)
    call = tree.body
    return _Source(call, tuple(lines), frozenset(known)) if isinstance(call, ast.Call) else None
