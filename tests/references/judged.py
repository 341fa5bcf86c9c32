"""What is said of right and wrong kernels of one operation; processes import it by its name."""

import warnings
from collections.abc import Iterator
from typing import Any

import torch
from tests.references.kernels import MISTAKES, STYLES, kernel, material
from tests.references.operations import OPERATIONS

from gradproof import verify_against

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}


def judged(name: str, *, dtype: str, seeds: range) -> list[tuple[bool, str, str]]:
    """Return what is said of the kernels of one operation: right or not, verdict, words."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    return list(_verdicts(name, dtype, seeds))


def _verdicts(name: str, dtype: str, seeds: range) -> Iterator[tuple[bool, str, str]]:
    operation, shapes = OPERATIONS[name]
    for seed in seeds:
        draw = torch.Generator().manual_seed(seed)
        primals = [torch.randn(*shape, generator=draw).to(DTYPES[dtype]) for shape in shapes]
        torch.manual_seed(seed)
        for style in STYLES:
            verdict = _verdict(kernel(operation, style), operation, primals, seed)
            yield True, verdict, f"right: {dtype}, {name}, {style}, seed {seed}: {verdict}"
        value = operation(*primals)
        cotangent = torch.randn(value.shape, generator=draw)
        for mistake in MISTAKES:
            for result in range(1 + len(primals)):
                if material(operation, primals, mistake, result, cotangent):
                    wrong = kernel(operation, "single", mistake, result)
                    verdict = _verdict(wrong, operation, primals, seed)
                    what = f"{mistake}, result {result}"
                    yield False, verdict, f"wrong: {dtype}, {name}, {what}, seed {seed}: {verdict}"


def _verdict(func: Any, operation: Any, primals: list[torch.Tensor], seed: int) -> str:
    return str(verify_against(func, operation, *primals, seed=seed).verdict)
