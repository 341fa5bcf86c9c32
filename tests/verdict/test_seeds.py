"""The same verdict whatever the seed: a dozen claims, right and wrong, at 20 seeds each."""

from typing import Any

import numpy as np
import pytest
from tests.libraries import about, all_arrays, dtypes

from gradproof import verify_grad, verify_jac, verify_jvp, verify_vjp

#: Twenty in double precision, or the widest there is; a few where only the table of precisions is
#: another one.
WIDE, SHORTER = range(20), range(4)


def _scaled(value: Any, factor: float) -> Any:
    if isinstance(value, dict):
        return {key: factor * part for key, part in value.items()}
    return factor * value


class Problems:
    """Functions of one kind of arrays, each with a right derivative."""

    def __init__(self, arrays: Any) -> None:
        self.xp = arrays.xp
        self.x = arrays([0.5, 0.75, -1.0, 1.25, 1.5, -0.625])
        self.angles = arrays(np.linspace(0.5, 1.5, 20))
        self.a = arrays(np.random.default_rng(0).integers(8, 24, (5, 6)) / 16)
        self.tree = {"w": arrays(np.linspace(0.5, 1.5, 12).reshape(3, 4)), "b": arrays([1.5] * 4)}
        self.one = arrays([1.0, 1.0, 1.0, 1.0, 1.5, 1.0])

    def checks(self, factor: float) -> dict[str, Any]:
        xp, a = self.xp, self.a

        def grad(func: Any, claim: Any, x: Any) -> Any:
            return lambda seed: verify_grad(func, lambda x: _scaled(claim(x), factor), x, seed=seed)

        def of_sines(verify: Any) -> Any:
            def claim(x: Any, u: Any) -> Any:
                return factor * u * xp.cos(x)

            return lambda seed: verify(xp.sin, claim, self.angles, seed=seed)

        return {
            "cubes": grad(lambda x: xp.sum(x * x * x), lambda x: 3 * x * x, self.x),
            "sines": grad(lambda x: xp.sum(xp.sin(x)), xp.cos, self.angles),
            "pytree": grad(
                lambda p: xp.sum(p["w"] * p["w"]) + xp.sum(p["w"] * p["b"]),
                lambda p: {"w": 2 * p["w"] + p["b"], "b": xp.sum(p["w"], axis=0)},
                self.tree,
            ),
            "jac": lambda seed: verify_jac(
                lambda x: xp.sum(a * (x * x), axis=-1),
                lambda x: factor * 2 * a * x,
                self.x,
                seed=seed,
            ),
            "vjp": of_sines(verify_vjp),
            "jvp": of_sines(verify_jvp),
        }

    def one_entry(self, seed: int) -> Any:
        """Return the check of a gradient of which one of six entries is half as large again."""
        xp = self.xp
        return verify_grad(
            lambda x: xp.sum(x * x * x), lambda x: 3 * x * x * self.one, self.x, seed=seed
        )


#: One kind of each library stands for its variants: they are the same numbers.
# Dask's arrays are the slowest by far, and the strict namespace's stand for theirs.
PLAIN = [
    about(a.library, a, name=f"{a.kind.name}-{a.dtype}")
    for a in all_arrays()
    if not a.kind.variant and a.library != "dask"
]
NAMES = ("cubes", "sines", "pytree", "jac", "vjp", "jvp")


def seeds_for(arrays: Any) -> range:
    """Return as many seeds as are to give one verdict."""
    return WIDE if arrays.dtype == dtypes(arrays.library)[0] else SHORTER


@pytest.mark.once
@pytest.mark.parametrize("plain", PLAIN)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "pass"), (1.5, "fail"), (-1.0, "fail")])
def test_one_verdict(plain, name, factor, verdict):
    check = Problems(plain).checks(factor)[name]
    found = [str(check(seed).verdict) for seed in seeds_for(plain)]
    # In half precision one of 80 is open.
    left = 1 if plain.dtype in ("float16", "bfloat16") else 0
    assert set(found) <= {verdict, "inconclusive"}
    assert found.count("inconclusive") <= left


@pytest.mark.parametrize("plain", PLAIN)
def test_one_entry(plain):
    problems = Problems(plain)
    assert {str(problems.one_entry(seed).verdict) for seed in seeds_for(plain)} == {"fail"}
