"""What gradcheck refuses, as the original does: inputs, results, and what it cannot compare."""

from collections.abc import Callable
from typing import Any

import torch

from .checks import Tensors
from .elsewhere import leafwise
from .inputs import Differentiable, Inputs, as_tuple, followed

#: The step of the original.
_STEP = 1e-6


def refuse_another_shape(func: Differentiable, point: Inputs, eps: float | None) -> None:
    """Raise if func returns something else as near as the original looks for it."""
    step = _STEP if eps is None else eps
    for sign in (1.0, -1.0):
        leafwise(func, point)([array + sign * step for array in point.arrays])


def refuse_inputs(inputs: tuple[Any, ...], tensors: Tensors, names: Callable[[int], str]) -> None:
    """Raise if there is nothing to differentiate by, or a layout that cannot be moved."""
    if not tensors:
        msg = (
            "gradcheck expects at least one input tensor to require gradient, but none of them "
            "have requires_grad=True."
        )
        raise ValueError(msg)
    for i, given in enumerate(inputs):
        for tensor in followed((given,)):
            if tensor.layout is not torch.strided:
                msg = (
                    f"{names(i)} has layout {tensor.layout} and requires a gradient; expected a "
                    "dense tensor. Pass its values, and build the sparse tensor inside func."
                )
                raise ValueError(msg)
            if not all(s > 0 or n <= 1 for s, n in zip(tensor.stride(), tensor.shape, strict=True)):
                msg = (
                    f"{names(i)} has a dimension with stride 0: several of its entries are one "
                    "number in memory, and cannot be moved one by one. Call .contiguous() on it "
                    "before passing it to gradcheck."
                )
                raise RuntimeError(msg)


def refuse_results(value: Any) -> None:
    """Raise if a result is sparse."""
    for result in as_tuple(value):
        if isinstance(result, torch.Tensor) and result.layout is not torch.strided:
            msg = (
                f"func returned a tensor of layout {result.layout}, which is not supported; call "
                "to_dense(masked_grad=...) on the output of func for gradcheck."
            )
            raise ValueError(msg)
