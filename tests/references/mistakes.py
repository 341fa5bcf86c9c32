"""Mistakes of one result, and which of them are large enough to count."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Mistake = Callable[[Tensor], Tensor]


def _times(factor: float, where: Callable[[Tensor], Any] = lambda y: ...) -> Mistake:
    """Return a mistake by a factor, in all of a result or in some places of it."""

    def mistake(y: Tensor) -> Tensor:
        y = y.clone()
        y[where(y)] *= factor
        return y

    return mistake


def _row(y: Tensor) -> Any:
    return len(y) // 2


def _column(y: Tensor) -> Any:
    return (..., y.shape[-1] // 2)


def _entry(y: Tensor) -> Any:
    """Return the place of an entry which is not zero by its construction."""
    third = y.numel() // 3
    k = third + int(y.flatten()[third:].ne(0).to(torch.int8).argmax())
    return torch.unravel_index(torch.tensor(k), y.shape)


def _tail(y: Tensor) -> Any:
    return (..., slice(-max(1, y.shape[-1] // 10), None))


def _block(y: Tensor) -> Any:
    n = len(y)
    return slice(n // 2, n // 2 + max(1, n // 10))


def _rms(y: Tensor) -> Tensor:
    return y.pow(2).mean().sqrt()


def _repeated(y: Tensor) -> Tensor:
    """The tail of a block holds what was there before: the entries of another one."""
    y, n = y.clone(), max(1, y.shape[-1] // 10)
    y[..., -n:] = y[..., :n]
    return y


def _leaked(y: Tensor) -> Tensor:
    """A few places have what they should have been kept from."""
    flat = y.flatten().clone()
    flat[:: max(3, y.numel() // 5)] += 0.5 * _rms(y)
    return flat.view(y.shape)


def _transposed(y: Tensor) -> Tensor:
    return y.mT.reshape(y.shape) if y.ndim > 1 else y.flip(0)


#: What becomes of a result in double precision, its values or its vjp by one argument.
MISTAKES: dict[str, Mistake] = {
    "times 1.01": _times(1.01),
    "times 1.03": _times(1.03),
    "times 1.1": _times(1.1),
    "twice": _times(2.0),
    "sign": _times(-1.0),
    "an entry times 1.25": _times(1.25, _entry),
    "an entry zero": _times(0.0, _entry),
    "rolled": lambda y: torch.roll(y, 1, -1),
    "transposed": _transposed,
    "a tail zero": _times(0.0, _tail),
    "a tail repeated": _repeated,
    "a block zero": _times(0.0, _block),
    "leaked mask": _leaked,
    "offset": lambda y: y + 0.05 * _rms(y),
}
#: Of results that have rows.
OF_ROWS: dict[str, Mistake] = {
    "a row zero": _times(0.0, _row),
    "a row times 1.03": _times(1.03, _row),
    "a column zero": _times(0.0, _column),
    "a column times 1.03": _times(1.03, _column),
    "the mean missing": lambda y: y - y.mean(-1, keepdim=True),
}


def mistakes_of(y: Tensor) -> dict[str, Mistake]:
    """Return the mistakes that a result can have."""
    return MISTAKES | (OF_ROWS if y.ndim > 1 and min(y.shape) > 1 else {})


def material(off: Tensor, size: Tensor) -> bool:
    """Tell whether errors are more than 8 roundings of an entry, or 3 of all on average."""
    ratio = (off / size).abs()
    return bool(ratio.max() >= 8 or ratio.pow(2).mean().sqrt() >= 3)


def sizes(truth: Sequence[Tensor], near: Sequence[Sequence[Tensor]], unit: float) -> list[Tensor]:
    """
    Return the size of a rounding of each entry of some results.

    It is the larger, squares added, of the rounding of the entry itself and of what it moves by
    where each argument is moved by a unit in its last place: `near`.
    """
    found = []
    for k, one in enumerate(truth):
        moved = torch.stack([(other[k] - one).pow(2) for other in near]).mean(0)
        found.append(((unit * one).pow(2) + moved).sqrt().clamp_min(1e-30))
    return found
