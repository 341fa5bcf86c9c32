"""Functions of PyTorch in other precisions."""

from typing import Any

import torch

from ..standard.precisions import Leafwise, Precisions
from .plain import without_rules


class TorchPrecisions(Precisions):
    """Widest numbers of a device, and roundings by a dispatch mode."""

    def wide(self, like: Any) -> Any:
        return torch.float32 if like.device.type == "mps" else torch.float64

    def rounded(self, func: Leafwise, leaves: list[Any], unit: float, seed: int) -> list[Any]:
        from .rounded import rounded  # decompositions take a while to import

        return rounded(func, leaves, unit, seed)

    def without_rules(self, func: Leafwise, taken: list[str]) -> Leafwise:
        return without_rules(func, taken)
