"""What is known of a call of a hand-written rule, whatever the library."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class Rule:
    """
    A hand-written derivative, by the place of its definition.

    Attributes
    ----------
    name : str
        Its module and qualified name.
    made_by : str
        What makes it a rule: ``jax.custom_vjp``, ``torch.autograd.Function``.
    file : str
        Where it is defined; empty if that is not known.
    line : int
        The first line of the definition, or 0.
    library : str
        The name of the array library.
    """

    name: str
    made_by: str
    file: str
    line: int
    library: str


@dataclass(frozen=True)
class Described:
    """
    An argument that is an array, without its values.

    Attributes
    ----------
    shape : tuple of int
        Its shape.
    dtype : str
        The name of its dtype.
    device : str
        Where it is; empty where the library decides.
    layout : str
        How it is stored, where that is not as a dense array: ``sparse_coo``.
    hidden : bool
        Whether it is where the library does not look for what to differentiate by: in a list that
        is given to a Function of PyTorch.
    """

    shape: tuple[int, ...]
    dtype: str
    device: str = ""
    layout: str = ""
    hidden: bool = False

    def __str__(self) -> str:
        layout = f" {self.layout}" if self.layout else ""
        return f"{self.dtype}[{','.join(map(str, self.shape))}]{layout}"


@dataclass(frozen=True)
class Call:
    """
    A call of a rule.

    Attributes
    ----------
    rule : Rule
        Which rule.
    target : callable
        What was called, and can be called again.
    parts : tuple of callable
        The functions that make up the rule: forward and backward code.
    signature : callable
        Has the names of the arguments.
    leaves : tuple
        Of the arguments: `Described` in the place of each array, other objects as they are.
    owners : tuple of int or str
        For each leaf, the place of the positional argument or the name of the keyword argument
        that it is in.
    build : callable
        From leaves to the positional and the keyword arguments.
    structure : Hashable
        How the leaves stand in the arguments.
    differentiated : tuple of bool or None
        For each leaf, whether this call is differentiated by it; None where that is not known.
    settings : tuple
        Names and values of what the library was set to, such as ``("x64", True)``.
    """

    rule: Rule
    target: Callable[..., Any]
    parts: tuple[Any, ...]
    signature: Any
    leaves: tuple[Any, ...]
    owners: tuple[int | str, ...]
    build: Callable[[Any], tuple[tuple[Any, ...], dict[str, Any]]] = field(compare=False)
    structure: Any = None
    differentiated: tuple[bool, ...] | None = None
    settings: tuple[tuple[str, Any], ...] = ()

    @property
    def arrays(self) -> list[Described]:
        """Those leaves that are arrays."""
        return [leaf for leaf in self.leaves if isinstance(leaf, Described)]


#: Takes the values of the arrays among a call's leaves, in their order.
Take = Callable[[list[Any]], None]


class Observer(Protocol):
    """Is told of calls."""

    def concerns(self, rule: Rule) -> bool:
        """Tell whether calls of a rule are to be told at all."""

    def counted(self, key: Hashable) -> bool:
        """Count a call that is known by a key, if no more is to be told of such calls."""

    def seen(self, call: Call, key: Hashable = None) -> Take | None:
        """
        Note a call; return what takes its values, or None if they are not wanted.

        Where no more is to be told of calls like this one, the key, if there is one, stands for
        them from then on.
        """

    def failed(self, rule: Rule | None, error: Exception) -> None:
        """Note that a call could not be described; the call itself goes on."""


@dataclass(frozen=True)
class Looked:
    """
    What a rule says itself of its arguments and results.

    Attributes
    ----------
    ungiven : frozenset of int
        The positional arguments for which its backward code returns None.
    refused : frozenset of int
        The positional arguments by which it raises where it is differentiated by them.
    results : tuple of int
        Which of its results, as leaves, can be differentiated.
    left_out : int
        How many of its results have floating numbers and are marked as not differentiable.
    """

    ungiven: frozenset[int]
    results: tuple[int, ...]
    left_out: int = 0
    refused: frozenset[int] = frozenset()


class Recorder(ABC):
    """What is peculiar to a library when calls of rules are recorded, and made again."""

    @abstractmethod
    def recording(self, observer: Observer) -> AbstractContextManager[None]:
        """Return the context in which an observer is told of each call of a rule."""

    @abstractmethod
    def defined(self, concerns: Callable[[Rule], bool]) -> list[Rule]:
        """Return the rules that exist in this process, of those that concern the caller."""

    @abstractmethod
    def restored(self, described: Described, value: Any) -> Any:
        """Return an argument as it was, from the values that were taken."""

    @abstractmethod
    def host(self, value: Any) -> np.ndarray:
        """Return values that were taken in an array of NumPy, bits of half precision as uint16."""

    def size(self, value: Any) -> int:
        """Return the bytes that values take."""
        return int(value.nbytes)

    @abstractmethod
    def seen_as(self, value: Any) -> np.ndarray:
        """Return values that were taken as numbers of NumPy, half precision in single."""

    @abstractmethod
    def from_host(self, described: Described, numbers: np.ndarray) -> Any:
        """Return values, as if they had been taken, from numbers in float64, int64 or bool."""

    @abstractmethod
    def looked(self, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Looked:
        """Return what a rule says itself of its arguments and results."""

    @abstractmethod
    def undisturbed(self, call: Call) -> AbstractContextManager[None]:
        """Return the context of a check: set as in the call, and nothing of the user's changes."""

    def fresh(self, value: Any) -> Any:
        """Return an argument that the rule may write to."""
        return value

    def settle(self) -> None:  # noqa: B027  # most libraries tell at once
        """Wait for what still has to be told."""

    def moves(self, described: Described) -> bool:
        """Tell whether an argument can be differentiated by."""
        inexact = "float" in described.dtype or "complex" in described.dtype
        return inexact and not described.layout and not described.hidden


def place_of(*functions: Any) -> tuple[str, int]:
    """Return file and line of the first function that has code; an empty name if none has."""
    for function in functions:
        code = code_of(function)
        if code is not None:
            path = Path(code.co_filename)
            # A script may have been started by a path from where it was.
            file = str(path.absolute()) if path.is_file() else code.co_filename
            return file, code.co_firstlineno
    return "", 0


def code_of(function: Any) -> Any:
    """Return the code behind wrappers, partial and bound methods; None if there is none."""
    for _ in range(16):  # wrappers of wrappers; one that wraps itself ends here
        function = getattr(function, "__func__", None) or getattr(function, "func", function)
        inner = getattr(function, "__wrapped__", None)
        if inner is None:
            break
        function = inner
    return getattr(function, "__code__", None)


def qualified(function: Any, fallback: str = "?") -> str:
    """Return module and qualified name of a function or class."""
    function = inspect.unwrap(function) if hasattr(function, "__wrapped__") else function
    function = getattr(function, "func", function)  # of functools.partial
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", fallback)
    module = getattr(function, "__module__", None)
    return f"{module}.{name}" if module else str(name)


class Build:
    """
    From the leaves of a call to its arguments.

    Parameters
    ----------
    trees : list of (owner, tree, int)
        For each argument its place or name, how it is put together, and how many leaves it has.
    unflatten : callable
        From a tree and leaves to an argument.
    """

    def __init__(
        self, trees: list[tuple[int | str, Any, int]], unflatten: Callable[[Any, list[Any]], Any]
    ) -> None:
        self._trees, self._unflatten = trees, unflatten

    def __call__(self, leaves: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return positional and keyword arguments."""
        rest = iter(leaves)
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for owner, tree, count in self._trees:
            value = self._unflatten(tree, [next(rest) for _ in range(count)])
            if isinstance(owner, str):
                kwargs[owner] = value
            else:
                args.append(value)
        return tuple(args), kwargs
