"""Kernels made of operations: right ones in several styles, and wrong ones."""

from collections.abc import Callable
from typing import Any

import torch

from gradproof._backends.torch.rounded import rounded

#: How a right kernel computes: in single precision, in its own, or with a rounding of its own
#: drawn for each operation.
STYLES = ("single", "own", "drawn")


def _times(y: Any, factor: float, where: Any = ...) -> Any:
    y[where] = (y[where].double() * factor).to(y.dtype)
    return y


def _flat(y: Any, where: Any, factor: float) -> Any:
    return _times(y.view(-1), factor, where).view(y.shape)


#: What becomes of one result, its values or its vjp by one argument.
MISTAKES: dict[str, Callable[[Any], Any]] = {
    "times 1.01": lambda y: _times(y, 1.01),
    "times 1.03": lambda y: _times(y, 1.03),
    "twice": lambda y: _times(y, 2.0),
    "sign": lambda y: _times(y, -1.0),
    "a row zero": lambda y: _times(y, 0.0, len(y) // 2),
    "a row times 1.03": lambda y: _times(y, 1.03, len(y) // 2),
    "an entry times 1.25": lambda y: _flat(y, y.numel() // 3, 1.25),
    "rolled": lambda y: torch.roll(y, 1, -1),
    "a tail zero": lambda y: _flat(y, slice(-max(1, y.numel() // 10), None), 0.0),
    "offset": lambda y: (y.double() + 0.05 * y.double().pow(2).mean().sqrt()).to(y.dtype),
}
#: The rounding of an operation in each dtype.
UNITS = {torch.bfloat16: 2.0**-8, torch.float16: 2.0**-11, torch.float32: 2.0**-23}


def kernel(operation: Any, style: str, mistake: str = "", result: int = 0) -> Any:
    """Return a kernel with a rule of its own; 0 is its value, and from 1 on its vjps."""

    class Kernel(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *primals: Any) -> Any:
            ctx.save_for_backward(*primals)
            return spoilt(results(operation, style, primals), 0)[0]

        @staticmethod
        def backward(ctx: Any, cotangent: Any) -> Any:
            found = results(operation, style, ctx.saved_tensors, cotangent)
            return tuple(spoilt(found, result)[1:] if result else found[1:])

    def spoilt(found: list[Any], k: int) -> list[Any]:
        if mistake and k == result:
            found[k] = MISTAKES[mistake](found[k].clone(memory_format=torch.contiguous_format))
        return found

    return Kernel.apply


def results(operation: Any, style: str, primals: Any, cotangent: Any = None) -> list[Any]:
    """Return the value of an operation, and its vjps."""
    dtype = primals[0].dtype
    inside = {"single": torch.float32, "own": dtype, "drawn": torch.float64}[style]

    def of(leaves: list[Any]) -> list[Any]:
        with torch.enable_grad():
            moved = [leaf.detach().to(inside).requires_grad_() for leaf in leaves]
            value = operation(*moved)
            if cotangent is None:
                return [value.detach()]
            return [value.detach(), *torch.autograd.grad(value, moved, cotangent.to(inside))]

    if style == "drawn":
        seed = int(torch.randint(2**31, ()))
        found = rounded(of, list(primals), UNITS[dtype], seed)
    else:
        found = of(list(primals))
    return [one.detach().to(dtype) for one in found]


def material(operation: Any, primals: Any, mistake: str, result: int, cotangent: Any) -> bool:
    """Tell whether a mistake is more than 8 roundings of an entry, or 3 of all on average."""
    wide = [primal.double() for primal in primals]
    truth = results(operation, "own", wide, cotangent.double())[result]
    off = MISTAKES[mistake](truth.clone(memory_format=torch.contiguous_format)) - truth
    size = truth.abs().clamp_min(1e-30) * UNITS[primals[0].dtype]
    ratio = (off / size).abs()
    return bool(ratio.max() >= 8 or ratio.pow(2).mean().sqrt() >= 3)
