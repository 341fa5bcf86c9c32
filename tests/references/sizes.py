"""How small a mistake is seen in bfloat16, by the length of a result."""

import warnings
from collections import Counter
from typing import Any

import torch
from tests.references.judged import kernel
from tests.references.operations import OPERATIONS
from tests.references.styles import results
from torch import Tensor

from gradproof import verify_against

#: Operations whose results can have any length, with the letters of their axes.
SIDES = {
    "RMS norm": "rc",
    "softmax": "rc",
    "SwiGLU": "rc",
    "matrix product": "rc",
    "rotary embedding": "btc",
    "causal attention": "bqd",
}
#: Entries of a result, and how many draws of arguments there are.
LENGTHS = {10**3: 4, 10**4: 4, 10**5: 2, 10**6: 1}
#: Of entries that are wrong by themselves there are several in each result.
ENTRIES = 10

_ENTRY = "an entry by 8 of its ulps"


def _rows(y: Tensor) -> Tensor:
    return y.view(-1, y.shape[-1])


def _row(factor: float) -> Any:
    def mistake(y: Tensor) -> None:
        _rows(y)[len(_rows(y)) // 2] *= factor

    return mistake


def _places(y: Tensor) -> Tensor:
    """Return entries, the same at all points, far from each other."""
    draw = torch.Generator().manual_seed(y.numel())
    return torch.randperm(y.numel(), generator=draw)[:ENTRIES]


def _entries(y: Tensor) -> None:
    flat, places = y.view(-1), _places(y)
    ulps = torch.exp2(torch.floor(torch.log2(flat[places].abs().clamp_min(1e-30)))) * 2.0**-7
    flat[places] += 8 * ulps * flat[places].sign()


def _tail(y: Tensor) -> None:
    y[..., -max(1, y.shape[-1] // 10) :] = 0


def _leaked(y: Tensor) -> None:
    """One row in eight has an entry that it should have been kept from."""
    rows = _rows(y)
    rows[::8, rows.shape[1] // 2] += 0.5 * y.pow(2).mean().sqrt()


def _chunk(y: Tensor) -> None:
    n = len(_rows(y))
    _rows(y)[n // 2 : n // 2 + max(1, n // 20)] = 0


MISTAKES = {
    "all by a factor of 1.01": lambda y: y.mul_(1.01),
    "a row by a factor of 1.03": _row(1.03),
    "a row is zero": _row(0.0),
    _ENTRY: _entries,
    "a tenth of the columns is zero": _tail,
    "masked entries leak": _leaked,
    "rows of a block are zero": _chunk,
}


def drawn(name: str, length: int, seed: int) -> list[Tensor]:
    """Return arguments of an operation for results of that length."""
    operation, letters = OPERATIONS[name], SIDES[name]
    sizes = dict(operation.sizes)
    if len(letters) == 2:
        sizes.update(dict.fromkeys(letters, round(length**0.5)), k=64)
    else:
        batch, time, last = tuple(letters)
        sizes[last] = 16 if length < 10**5 else 64
        sizes[time] = min(128, round((length / sizes[last]) ** 0.5))
        sizes[batch] = max(1, length // (sizes[last] * sizes[time]))
        sizes["h"] = sizes[last] // 2
    draw = torch.Generator().manual_seed(seed)
    shapes = [[sizes[letter] for letter in word] for word in operation.shapes.split()]
    return [torch.randn(*shape, generator=draw).bfloat16() for shape in shapes]


def seen(job: tuple[str, int, str]) -> tuple[int, str, Counter[str]]:
    """Return how many mistakes of a kind there were in an operation, and how many were seen."""
    name, length, what = job
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    func, count = OPERATIONS[name].func, Counter[str]()
    for seed in range(LENGTHS[length]):
        primals = drawn(name, length, seed)

        def half(primals: Any, cotangent: Any) -> list[Tensor]:
            found = results(func, primals, cotangent, "single")[0]
            return [_spoilt(one, MISTAKES[what], length) for one in found]

        report = verify_against(kernel(half, half), func, *primals, seed=seed)
        found = [func(*primals), *primals]
        for check, result in zip(report.checks, found, strict=False):
            if _is_long(result, length):
                count["all"] += ENTRIES if what == _ENTRY else 1
                if what != _ENTRY:
                    count["seen"] += str(check.verdict) == "fail"
        if what == _ENTRY:
            count["seen"] += int((report.flat["state"] == "fail").sum())
    return length, what, count


def _is_long(result: Tensor, length: int) -> bool:
    return result.numel() > length / 2


def _spoilt(result: Tensor, mistake: Any, length: int) -> Tensor:
    if not _is_long(result, length):
        return result
    wide = result.double().contiguous()
    wide = wide.clone()
    mistake(wide)
    return wide.to(result.dtype)


def table(found: dict[tuple[int, str], Counter[str]]) -> list[str]:
    """Return the lines of a table: which of the mistakes were seen."""
    lines = [
        "| a result of | " + " | ".join(f"{length:,} entries" for length in LENGTHS) + " |",
        "|---|" + "---|" * len(LENGTHS),
    ]
    for what in MISTAKES:
        cells = [found[length, what] for length in LENGTHS]
        lines.append(
            f"| {what} | " + " | ".join(f"{c['seen']} of {c['all']}" for c in cells) + " |"
        )
    return lines
