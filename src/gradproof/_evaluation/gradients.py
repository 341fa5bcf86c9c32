"""A gradient function as func: its values are those of a claim, in the structure of x0."""

from typing import Any

from .._vectors.outputs import Outputs
from .values import Values


class GradientValues(Values):
    """A gradient function as one of several values, in the structure of x0."""

    what = "grad"

    def _structure(self, value: Any, *, tracked: bool) -> Outputs:
        held = self.point.base.held_paths
        return Outputs(self.backend, value, self.what, tracked=tracked, held=held)
