"""The arguments of two implementations: what is moved, what is rounded, and what stays as it is."""

from collections.abc import Callable
from typing import Any

from .._backends.registry import Backend, taken_apart
from .._backends.typing import Function
from .._vectors.callables import argument_names
from .._vectors.scope import Part
from .._vectors.validation import positions

#: The spacing of bfloat16 at 1. Dtypes of fewer digits may be there for storage alone.
_LEAST_DIGITS = 2.0**-7


class Arguments:
    """
    Positional and keyword arguments as a list of floating arrays, and the way back.

    Parameters
    ----------
    functions : tuple of callable
        The first of them that has names for its arguments says what they are called.
    primals : tuple
        Positional arguments: arrays and pytrees of them.
    kwargs : dict
        Keyword arguments.
    argnums : int, tuple of int or None
        By which of the primals derivatives are taken; None for all that have floating arrays.

    Attributes
    ----------
    arrays : list of array
        The floating arrays among all of them.
    moved : list of int
        Those of them by which derivatives are taken.
    names : list of str
        What each is called.
    held : list of Part
        Arrays that are compared at, and not differentiated by.
    unseen : list of str
        What is not compared of the results that were looked at, with the reason.
    """

    def __init__(
        self,
        functions: tuple[Function, ...],
        primals: tuple[Any, ...],
        kwargs: dict[str, Any],
        argnums: int | tuple[int, ...] | None,
    ) -> None:
        self.unseen: list[str] = []
        self.backend: Backend
        self.backend, self._flat = taken_apart((primals, kwargs))
        leaves = self._flat.leaves
        self._floating = [i for i, leaf in enumerate(leaves) if self._is_floating(leaf)]
        # What autograd records of them, as of parameters, is none of a comparison's affair.
        # A number of Python is an array without an axis.
        found = [self.backend.leaf(leaves[i]) for i in self._floating]
        self.arrays = [self.backend.unrecorded(array) for array in found if array is not None]
        chosen = range(len(primals)) if argnums is None else positions(argnums, len(primals))
        chosen = (chosen,) if isinstance(chosen, int) else tuple(chosen)
        tops = [_top(self._flat.paths[i]) for i in self._floating]
        self.moved = [k for k, top in enumerate(tops) if top in chosen]
        every = [argument_names(function, len(primals)) for function in functions]
        called = next((names for names in every if not _nameless(names)), every[0])
        self.names = [_name(self._flat.paths[i], called) for i in self._floating]
        self.held = [
            Part(name, tuple(array.shape), "not in argnums" if top is not None else "keyword")
            for top, name, array in zip(tops, self.names, self.arrays, strict=True)
            if top not in chosen
        ]
        self.held += [
            Part(_name(path, called), tuple(leaf.shape), "not floating")
            for path, leaf in zip(self._flat.paths, leaves, strict=True)
            if hasattr(leaf, "shape") and not self._is_floating(leaf)
        ]
        self.held += [
            Part("parameters of func", None, "no argument")
            for function in functions[:1]
            if self.backend.parameters(function)
        ]
        if not self.arrays:
            msg = (
                "verify_against got no floating array among its arguments: there is nothing to "
                "compare at. Expected arrays of NumPy, JAX or PyTorch."
            )
            raise TypeError(msg)
        for name, array in self.named():
            self._refuse_storage(name, array)

    def _is_floating(self, leaf: Any, what: str = "argument") -> bool:
        array = self.backend.leaf(leaf)
        if array is not None and "complex" in str(array.dtype):
            msg = (
                f"verify_against got a complex {what} ({array.dtype}); expected real floating "
                "numbers. Hand real and imaginary parts over, and return them, as two arrays."
            )
            raise TypeError(msg)
        return array is not None

    def _refuse_storage(self, name: str, array: Any) -> None:
        """Raise an error if numbers of a dtype can be stored, and not computed with."""
        if float(self.backend.eps(array.dtype)) <= _LEAST_DIGITS:
            return
        try:
            self.backend.xp.reshape(array, (-1,))[:1] * 0.75
        except Exception as err:
            msg = (
                f"{name} has dtype {array.dtype}, which its library stores and does not compute "
                "with: no reference can be evaluated in it. Expected float16, bfloat16, float32 or "
                "float64; compare the kernel with arguments in one of these, if it takes them."
            )
            raise TypeError(msg) from err

    def named(self) -> list[tuple[str, Any]]:
        """Return the floating arrays, with what each is called."""
        return list(zip(self.names, self.arrays, strict=True))

    def value(self, func: Function) -> Any:
        """Return what a function, which may write to what it gets, returns at x0."""
        leaves = list(self._flat.leaves)
        for i in self._floating:
            leaves[i] = self.backend.copy(leaves[i])
        primals, kwargs = self._flat.rebuild(leaves)
        return func(*primals, **kwargs)

    def call(self, func: Function, *, has_aux: bool) -> Callable[[list[Any]], list[Any]]:
        """Return a function of all floating arrays, which returns its floating results."""

        def of(arrays: list[Any]) -> list[Any]:
            leaves = list(self._flat.leaves)
            for i, array in zip(self._floating, arrays, strict=True):
                leaves[i] = array
            primals, kwargs = self._flat.rebuild(leaves)
            value = func(*primals, **kwargs)
            return self.results(value[0] if has_aux else value)[1]

        return of

    def results(self, value: Any) -> tuple[list[str], list[Any]]:
        """Return the floating arrays of a result, and the path of each."""
        flat = self.backend.flatten(value)
        pairs = list(zip(flat.paths, flat.leaves, strict=True))
        found = [(path, leaf) for path, leaf in pairs if self._is_floating(leaf, "result")]
        self.unseen = [
            f"value{path} (not floating)"
            for path, leaf in pairs
            if leaf is not None and not self._is_floating(leaf)
        ]
        return [path for path, _ in found], [leaf for _, leaf in found]


def _nameless(names: list[str]) -> bool:
    """Tell whether names are those of ``*args``, by their places alone."""
    return all(name.endswith(f"[{i}]") for i, name in enumerate(names))


def _top(path: str) -> int | None:
    """Return the number of the positional argument that a path begins in; None of a keyword."""
    if not path.startswith("[0]"):
        return None
    return int(path[4 : path.index("]", 4)])


def _name(path: str, called: list[str]) -> str:
    """Return a path by the name of its argument."""
    if not path.startswith("[0]"):
        inner = path[len("[1]") :]  # of a keyword: ['name'] and what is inside of it
        key, rest = inner[1 : inner.index("]")], inner[inner.index("]") + 1 :]
        return key.strip("'\"") + rest
    end = path.index("]", 4)
    return called[int(path[4:end])] + path[end + 1 :]
