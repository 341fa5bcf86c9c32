"""What JAX or PyTorch computes for a function, as claims."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .._backends.typing import Function
from .._vectors.layout import flat_numbers
from .._vectors.numbers import as_numbers
from .._vectors.outputs import Outputs
from .._vectors.point import Point
from .._vectors.span import Span
from .jvp import Tangents
from .matching import refuse_unlike
from .vjp import Vjp


class LibraryVjp(Vjp):
    """
    The vjp that the library computes.

    Attributes
    ----------
    compiled : bool
        Whether it is evaluated by a program, which computes the same.
    """

    def __init__(self, func: Function, point: Point, outputs: Outputs, u: np.ndarray) -> None:
        self._program: Callable[..., Any] | None = None
        super().__init__(func, point, outputs, u, pullback=True)
        both = point.copies_for_claim(), outputs.cotangent(u)
        self._program = point.backend.derivative_program("vjp", func, both, self._first)
        del self._first
        self.compiled = self._program is not None
        if self._program is not None:  # at x0 too, so that all is rounded alike
            self.at_x0 = self._slopes(self._program(*both)[1])

    def _gradient(self, leaves: list[Any], where: str) -> np.ndarray:
        del where
        self.calls += 1
        weights = self.outputs.cotangent(self.u, self._layout)
        if self._program is not None:
            return self._slopes(self._program(leaves, weights)[1])
        backend = self.point.backend
        outputs, pull = backend.vjp(self._func, leaves)
        if self.value is None:
            self.value = flat_numbers(backend.to_host(outputs)).copy()
        gradients = pull(weights)
        if self.calls == 1:
            self._first = outputs, gradients
        self._look_at(weights)
        self.eps = max([self.eps, *(float(backend.eps(g.dtype)) for g in gradients)])
        refuse_unlike(self.point, gradients)
        return self._slopes(gradients)

    def _slopes(self, gradients: list[Any]) -> np.ndarray:
        backend = self.point.backend
        return self.point.slopes([as_numbers(backend, g, self.name) for g in gradients])


class LibraryJvp(Tangents):
    """
    The jvp that the library computes, along some lines.

    Parameters
    ----------
    func : callable
        Returns the leaves of func's result.
    point : Point
        Where.
    lines : tuple of Span and ndarray of shape (k, n)
        The lines, and their directions.
    outputs : Outputs
        The structure of func's result.
    trusted : bool
        Whether a program of it need not be compared with a plain call: that of its vjp was.
    """

    def __init__(
        self,
        func: Function,
        point: Point,
        lines: tuple[Span, np.ndarray],
        outputs: Outputs,
        *,
        trusted: bool = False,
    ) -> None:
        self._program: Callable[..., Any] | None = None
        self._trusted = trusted
        super().__init__(func, point, *lines, outputs)

    def _pushed(self, leaves: list[Any], tangent: np.ndarray) -> np.ndarray:
        backend = self.point.backend
        tangents = self.point.native(tangent)
        outputs, pushed = self._both(leaves, tangents)
        self._look_at(tangents, tangent)
        if self.value is None:
            self.value = flat_numbers(backend.to_host(outputs)).copy()
        return self.outputs.finite(flat_numbers(backend.to_host(pushed)))

    def _both(self, leaves: list[Any], tangents: list[Any]) -> Any:
        """Return func's leaves and their tangents, by a program from the first call on."""
        backend, both = self.point.backend, (leaves, tangents)
        if self.calls == 1:
            plain = None if self._trusted else backend.jvp(self._func, *both)
            self._program = backend.derivative_program("jvp", self._func, both, plain)
            if plain is not None and self._program is None:
                return plain
        if self._program is not None:
            return self._program(*both)
        return backend.jvp(self._func, *both)
