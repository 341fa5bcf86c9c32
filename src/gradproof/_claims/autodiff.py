"""What JAX or PyTorch computes for a function, as claims."""

from typing import Any

import numpy as np

from .._vectors.layout import flat_numbers
from .._vectors.numbers import as_numbers
from .jvp import Tangents
from .matching import refuse_unlike
from .vjp import Vjp


class LibraryVjp(Vjp):
    """The vjp that the library computes."""

    def _gradient(self, leaves: list[Any], where: str) -> np.ndarray:
        del where
        self.calls += 1
        backend = self.point.backend
        outputs, pull = backend.vjp(self._func, leaves)
        if self.value is None:
            self.value = flat_numbers(backend.to_host(outputs)).copy()
        weights = self.outputs.cotangent(self.u, self._layout)
        gradients = pull(weights)
        self._look_at(weights)
        self.eps = max([self.eps, *(float(backend.eps(g.dtype)) for g in gradients)])
        refuse_unlike(self.point, gradients)
        return self.point.slopes([as_numbers(backend, g, self.name) for g in gradients])


class LibraryJvp(Tangents):
    """The jvp that the library computes, along some lines."""

    def _pushed(self, leaves: list[Any], tangent: np.ndarray) -> np.ndarray:
        backend = self.point.backend
        tangents = self.point.native(tangent)
        outputs, pushed = backend.jvp(self._func, leaves, tangents)
        self._look_at(tangents, tangent)
        if self.value is None:
            self.value = flat_numbers(backend.to_host(outputs)).copy()
        return self.outputs.finite(flat_numbers(backend.to_host(pushed)))
