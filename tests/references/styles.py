"""How right kernels compute: the same operation with other roundings, in another order."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from gradproof._backends.torch.rounded import rounded

#: The rounding of an operation in each dtype.
UNITS = {torch.bfloat16: 2.0**-8, torch.float16: 2.0**-11, torch.float32: 2.0**-23}
#: A right kernel computes in single precision; in its own; with a rounding of its own drawn for
#: each operation; with sums of four parts, the last part first; with functions that are off by two
#: units of single precision; with numbers of the source rounded to its dtype.
STYLES = ("single", "own", "drawn", "in parts", "rough functions", "rounded constants")
#: In single precision as matrix units of GPUs have it, which is right where it is declared.
TF32 = "tf32"

_FUNCTIONS = {
    "cos", "div", "erf", "exp", "log", "pow", "reciprocal", "rsqrt", "sigmoid", "sin", "sqrt",
    "tanh",
}  # fmt: skip
_PRODUCTS = {"mm", "bmm"}
_SUMS = {"sum", "mean"}


class Inside(TorchDispatchMode):
    """
    Computes sums, products or functions in another way.

    Parameters
    ----------
    style : str
        One of `STYLES`, or empty for what torch does.
    dtype : torch.dtype
        Of the kernel.
    without : int
        Which of the sums and products lacks the last of four parts; -1 for none.

    Attributes
    ----------
    sums : int
        How many sums and products there were.
    """

    def __init__(self, style: str, dtype: torch.dtype, without: int = -1) -> None:
        super().__init__()
        self._style, self._dtype, self._without = style, dtype, without
        self.sums = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, name = kwargs or {}, func.overloadpacket.__name__
        if name in _SUMS | _PRODUCTS:
            parts = _parts(name, args)
            if len(parts) > 1:
                self.sums += 1
                wrong = self.sums - 1 == self._without
                if wrong or self._style == "in parts":
                    return _added(func, parts[:-1] if wrong else parts[::-1], args, kwargs)
            if self._style == TF32 and name in _PRODUCTS:
                args = tuple(_coarse(one) for one in args)
        if self._style == "rounded constants":
            args = tuple(self._number(one) for one in args)
        found = func(*args, **kwargs)
        if self._style == "rough functions" and name in _FUNCTIONS:
            drawn = torch.rand_like(found) * 2 - 1
            return found * (1 + drawn * 2.0**-22)
        return found

    def _number(self, one: Any) -> Any:
        """Return a number of the source in the dtype of the kernel; none of them becomes 0."""
        if not isinstance(one, float) or not one:
            return one
        return float(torch.tensor(one, dtype=self._dtype)) or one


def _parts(name: str, args: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return the arguments of a sum or of a product in up to four parts of what is summed over."""
    if name in _PRODUCTS:
        a, b = args[:2]
        halves = zip(a.chunk(4, -1), b.chunk(4, -2), strict=True)
        return [(one, other, *args[2:]) for one, other in halves]
    dims = args[1] if len(args) > 1 and args[1] else []
    if len(dims) != 1 or not args[0].ndim:
        return [tuple(args)]
    return [(part, *args[1:]) for part in args[0].chunk(4, dims[0])]


def _added(func: Any, parts: list[tuple[Any, ...]], args: Any, kwargs: dict[str, Any]) -> Any:
    """Return the sum of some parts; of a mean, each counts by its share of the length."""
    mean = func.overloadpacket.__name__ == "mean"
    total: Any = 0.0
    for part in parts:
        dims = part[1] if mean else [0]
        share = part[0].shape[dims[0]] / args[0].shape[dims[0]] if mean else 1
        total = total + func(*part, **kwargs) * share
    return total


def _coarse(one: Any) -> Any:
    """Return numbers of single precision with the 10 bits that matrix units take of them."""
    if not isinstance(one, torch.Tensor):
        return one
    bits = one.contiguous().view(torch.int32)
    return ((bits + 0x1000) & ~0x1FFF).view(torch.float32)


def results(
    operation: Callable[..., torch.Tensor],
    primals: Sequence[torch.Tensor],
    cotangent: torch.Tensor | None,
    style: str = "",
    without: int = -1,
) -> tuple[list[torch.Tensor], int]:
    """
    Return the value of an operation and its vjps, in the dtype of its arguments.

    And how many sums and products that took. Without a style, in that dtype as torch has it.
    """
    dtype = primals[0].dtype
    inside = {"": dtype, "own": dtype, "drawn": torch.float64}.get(style, torch.float32)

    def of(leaves: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        with torch.enable_grad():
            moved = [leaf.detach().to(inside).requires_grad_() for leaf in leaves]
            value = operation(*moved)
            if cotangent is None:
                return [value.detach()]
            return [value.detach(), *torch.autograd.grad(value, moved, cotangent.to(inside))]

    mode = Inside(style, dtype, without)
    if style == "drawn":
        seed = int(torch.randint(2**31, ()))
        found = rounded(of, list(primals), UNITS[dtype], seed)
    elif style in ("", "single", "own") and without < 0:
        found = of(primals)
    else:
        with mode:
            found = of(primals)
    return [one.detach().to(dtype) for one in found], mode.sums
