"""What is handed to the user's functions, so that none of them can change what others see."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from .._backends.registry import Backend, backend_of, is_array
from .._backends.typing import Array, Function
from .._numerics.blocks import same_numbers
from .layout import flat_numbers


class Held:
    """
    What functions are called with beside the leaves that are moved.

    A copy for every call would be the safe way, and too dear where an argument is a data set of a
    gigabyte. So the first call of each function gets a copy, which is compared with the original
    afterwards and dropped. A function that left it alone is handed the user's own from then on; one
    that wrote to it gets a copy in every call, and a remark. (One that begins to write later on is
    not noticed.)

    Parameters
    ----------
    held : tuple
        The leaves of x0, func's positional arguments, and its keyword arguments: the user's own.
        Those that are moved are None.
    names : tuple of two lists
        What the leaves and the positional arguments are called.
    remarks : list of str
        Where to say who writes.

    Attributes
    ----------
    all : tuple
        `held`.
    writable : bool
        Whether there is an array among it that can be written to.
    """

    def __init__(
        self,
        held: tuple[list[Any], list[Any], dict[str, Any]],
        names: tuple[list[str], list[str]],
        remarks: list[str],
    ) -> None:
        self.all, self._names, self._remarks = held, names, remarks
        self.writable = bool(self._arrays())
        #: Functions that were called before, and whether they write.
        self._known: list[tuple[Function, bool]] = []

    def __getstate__(self) -> dict[str, Any]:
        # Other processes look at their own first calls: a claim may be no thing to send to them.
        return {**self.__dict__, "_known": []}

    def call(self, func: Function, what: str, run: Callable[[Any], Any]) -> Any:
        """Return what `run` makes of these arguments; `func`, called `what`, is what it calls."""
        if not self.writable:
            return run(self.all)
        writes = next((writes for known, writes in self._known if known is func), None)
        if writes is False:
            return run(self.all)
        copies: dict[int, Array] = {}
        value = run(_copied(self.all, copies))
        if writes is None:
            written = self._changed(copies)
            self._known.append((func, bool(written)))
            if written:
                self._remarks.append(
                    f"{what} writes to {written}, which is held fixed; it was given a copy for "
                    "each call"
                )
        return value

    def _changed(self, copies: dict[int, Array]) -> str:
        """Return the name of the first array that differs from its copy; none if all are alike."""
        for name, array in self._arrays().items():
            if not same(backend_of(array), array, copies[id(array)]):
                return name
        return ""

    def _arrays(self) -> dict[str, Array]:
        """Return the arrays that can be written to, by name."""
        found: dict[str, Array] = {}
        fixed, arguments, kwargs = self.all
        paths, names = self._names
        of_func = {**dict(zip(names, arguments, strict=True)), **kwargs}
        for name, value in [*zip(paths, fixed, strict=True), *of_func.items()]:
            _collect(value, name, (), found)
        return found


def _collect(value: Any, name: str, path: tuple[Any, ...], found: dict[str, Array]) -> None:
    """Find the arrays in lists, tuples and dicts; all other objects are shared on purpose."""
    parts = _parts(value)
    for key, item in (parts or {}).items():
        _collect(item, name, (*path, key), found)
    if parts is None and _is_lendable(value):
        found[name + "".join(f"[{key!r}]" for key in path)] = value


def _copied(value: Any, copies: dict[int, Array]) -> Any:
    """Return the same with copies of those arrays; `copies` has them by the id of their own."""
    parts = _parts(value)
    if parts is None:
        if not _is_lendable(value):
            return value
        if id(value) not in copies:  # what is one array stays one
            copies[id(value)] = backend_of(value).copy(value)
        return copies[id(value)]
    own = {key: _copied(item, copies) for key, item in parts.items()}
    if isinstance(value, dict):
        twin = copy.copy(value)
        twin.update(own)
        return twin
    make = getattr(type(value), "_make", type(value))  # a namedtuple takes its fields one by one
    return make(own.values())


def _parts(value: Any) -> dict[Any, Any] | None:
    """Return what is in a container, by key; None for what is none, or has numbers alone."""
    if isinstance(value, dict):
        return value
    if (type(value) in (list, tuple) or hasattr(value, "_fields")) and not is_array(value):
        return dict(enumerate(value))
    return None


def _is_lendable(value: Any) -> bool:
    return hasattr(value, "dtype") and backend_of(value).lendable(value)


def same(backend: Backend, one: Array, other: Array) -> bool:
    """Tell whether two arrays of one library hold the same numbers; NaN is NaN."""
    a, b = (np.asarray(host) for host in backend.to_host([one, other]))
    return bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))


def wrote(backend: Backend, handed: list[Array], expected: np.ndarray) -> bool:
    """Tell whether arrays that were handed over no longer are a flat vector of numbers."""
    return backend.mutable and not same_numbers(
        flat_numbers(backend.to_host(handed), narrow=True), expected
    )


def writes_to_input(what: str) -> str:
    """Return the remark on a function that writes to what is moved."""
    return f"{what} writes to its input; it was given a copy for each call"


def writes_to(what: str, kind: str) -> str:
    """Return the remark on a rule that writes to its cotangent or tangent."""
    return (
        f"the {what} writes to its {kind}; it was given a copy for each call. Automatic "
        f"differentiation gives it the {kind} that others use too: there it overwrites theirs"
    )


def kept(backend: Backend, value: Any) -> Any:
    """Return what a function returned in a form that its later calls cannot change."""
    if hasattr(value, "dtype"):
        # A sparse matrix of SciPy has a copy of its own kind.
        return value.copy() if hasattr(value, "tocoo") else backend.keep(value)
    if not isinstance(value, (dict, list, tuple)):
        return value
    flat = backend.flatten(value)
    return flat.rebuild([kept(backend, leaf) for leaf in flat.leaves])
