"""What func returns, at x0 and wherever it is called: its structure, and the numbers in it."""

import copy
import functools
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from .._backends.foreign import of_error
from .._backends.typing import Function
from .._vectors.callables import noted
from .._vectors.held import writes_to_input, wrote
from .._vectors.layout import flat_numbers
from .._vectors.numbers import PLAIN as _PLAIN_NUMBERS
from .._vectors.numbers import is_complex
from .._vectors.outputs import Outputs, is_bare
from .._vectors.point import Point
from .._vectors.span import Span
from .batches import Leafed, one_of
from .calls import Calls
from .options import PLAIN, Settings
from .outcomes import Failed


class Results:
    """
    Func with the structure of its result, and the numbers in what it returns.

    Parameters
    ----------
    func : callable
        As the user gave it.
    point : Point
        Its arguments.
    budget : int or None
        The most calls of func.
    settings : Settings
        How func is evaluated; by default one call after the other.
    has_aux : bool
        Whether func returns a pair, of which the second is no output.
    tracked : bool
        Whether only those outputs count that automatic differentiation follows.
    """

    #: What func is called in messages.
    what = "func"
    #: Whether it may return no number at all: what JAX's checkers accept.
    may_be_empty = False
    #: How many calls of it one value costs.
    cost = 1
    #: How far entries are moved, as a share of what is usual.
    reach = 1.0

    def __init__(
        self,
        func: Function,
        point: Point | Span,
        budget: int | None,
        settings: Settings = PLAIN,
        *,
        has_aux: bool = False,
        tracked: bool = False,
    ) -> None:
        self._func, self._aux = func, has_aux
        self.point: Point | Span = point
        self.backend = backend = point.backend
        self.failure: str | None = None
        self.calls = Calls(backend, settings, budget)  # shared with what `along` returns
        self.calls.spend()
        self.remarks: list[str] = []
        self._known: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}
        self._change: np.ndarray | None = None
        self._leafed_by: dict[int, Leafed] = {}
        copies = point.copies()
        with noted(lambda: f"{self.what} at x0", point.hint):
            self._take(copies, functools.partial(self._structure, tracked=tracked))
        if not self.outputs.size and not self.may_be_empty:
            msg = (
                f"{self.what} returned no number, but shape {self.outputs.shape}: there is nothing "
                "to check. Expected one value at least."
            )
            raise ValueError(msg)
        if wrote(backend, copies, point.at_x0):
            self.remarks.append(writes_to_input(self.what))

    def _take(self, leaves: list[Any], structure: Callable[[Any], Outputs]) -> None:
        """Call func at x0, and take what it returned, of that structure, for its values there."""
        with self.backend.quiet():
            value = self._call(leaves)
            self.value = self.primary(value)
            self.outputs = structure(self.value)
            self._program = self._compiled(value)
            if self._program is not None:  # at x0 too, so that all is rounded alike
                self.value = self.primary(self._program(self.point.copies()))
        arrays = [self.backend.keep(a) for a in self.outputs.arrays(self.value, "at x0")]
        self.returned = flat_numbers(self.backend.to_host(arrays))
        finite = np.isfinite(self.returned)
        if finite.any() and not finite.all():
            self.outputs.unseen = ~finite
        self.at_x0 = self.outputs.finite(self.returned)
        self.eps = self.dtype_eps = max(self.point.eps, self.outputs.eps)
        self.output_eps = self.outputs.eps or float(np.finfo(float).eps)

    def _structure(self, value: Any, *, tracked: bool) -> Outputs:
        """Return the structure of what func returned."""
        return Outputs(self.backend, value, self.what, tracked=tracked)

    @property
    def _vectorized(self) -> bool:
        return self.calls.settings.vectorized

    def _call(self, leaves: list[Any]) -> Any:
        """Return what func returns at some leaves; as a batch of one, if that is what it takes."""
        if self._vectorized:
            leaves = [leaf[None, ...] for leaf in leaves]
        return self.point.call(self._func, leaves, what=self.what)

    @property
    def _function(self) -> Function:
        """Func as one of leaves; without self, which other processes have no use for."""
        if self._program is not None:
            return self._program
        return self._call if self._vectorized else self.point.caller(self._func)

    def _compiled(self, plain: Any) -> Function | None:
        """Return func as a program, if there is one that returns what it did at x0."""
        settings = self.calls.settings
        if settings.vectorize is False or settings.vectorized or settings.workers is not None:
            return None
        func = self.point.caller(self._func)
        return self.backend.program(func, self.point.base.arrays, plain)

    def primary(self, value: Any) -> Any:
        """Return the output in what func returned, without a batch axis or what came beside it."""
        value = self._output(value)
        if not self._vectorized:
            return value
        if is_bare(value):
            return one_of(value, self.what)
        flat = self.backend.flatten(value)
        return flat.rebuild([one_of(leaf, self.what) for leaf in flat.leaves])

    def _output(self, value: Any) -> Any:
        if not self._aux:
            return value
        if not isinstance(value, tuple) or len(value) != 2:
            msg = (
                f"has_aux=True, but func returned {value!r:.60}; expected a pair of its output and "
                "of anything else."
            )
            raise TypeError(msg)
        return value[0]

    def arrays_at(self, leaves: list[Any]) -> list[Any]:
        """Return what func returns at some leaves as a list of arrays; for automatic rules."""
        return self._leaves_of(self._call(leaves))

    def _leaves_of(self, value: Any) -> list[Any]:
        return self.outputs.arrays(self.primary(value), "near x0")

    def along(self, span: Point | Span) -> Self:
        """Return the same function on the lines of a span; calls are counted together."""
        other = copy.copy(self)
        other.point, other._known = span, {}
        return other

    def without_aux(self, value: Any) -> Any:
        """Return a value that a claim returned, without what func returns beside its output."""
        return value[0] if self._aux and isinstance(value, tuple) and len(value) == 2 else value

    @property
    def entrywise(self) -> bool:
        """Whether moving an entry of x is a call of func with an entry of an array replaced."""
        return self.point.entrywise

    @property
    def nfev(self) -> int:
        """Number of calls of func so far."""
        return self.calls.nfev

    def left(self) -> float:
        """Return the number of calls that the budget still allows."""
        return self.calls.left()

    def _arrays(self, outcome: Any) -> list[Any]:
        """Return the arrays in what func returned, its own; of NaN where it failed."""
        if isinstance(outcome, Failed):
            if self.failure is None:
                self.failure = of_error(outcome.error)
            return self._nowhere()
        found = self._leaves_of(outcome)
        for leaf, array in zip(self.outputs.leaves, found, strict=True):
            if not leaf.complex and is_complex(array):
                if self.failure is None:
                    self.failure = "TypeError: its value is complex there, and real at x0"
                return self._nowhere()
        return found

    def _nowhere(self) -> list[Any]:
        """Return what stands for the arrays where func has none."""
        kinds = [complex if leaf.complex else float for leaf in self.outputs.leaves]
        shapes = [leaf.shape for leaf in self.outputs.leaves]
        return [np.full(shape, kind(np.nan)) for shape, kind in zip(shapes, kinds, strict=True)]

    def _is_number(self, outcome: Any) -> bool:
        """Tell whether func returned a number, as most do: with these less is to be done."""
        return type(outcome) in _PLAIN_NUMBERS and self.outputs.number and not self._aux

    def _array(self, outcome: Any) -> Any:
        """Return the array in what func, which has only one value, returned."""
        if self._is_number(outcome):
            return outcome
        return self.backend.keep(self._arrays(outcome)[0])

    def _numbers(self, outcome: Any) -> np.ndarray:
        """Return the numbers in what func returned, in memory of their own."""
        if self._is_number(outcome):
            return np.array([outcome], dtype=np.float64)
        found = np.array(flat_numbers(self.backend.to_host(self._arrays(outcome))))
        return self.outputs.finite(found)
