"""Random programs: a few elementwise functions of each leaf, a mixture of them, and some stages."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tests.fuzz.jets import Jet, JetOps, at, finite_only, part

#: Functions of each entry. Those of the second line have kinks.
SMOOTH = ("sin", "tanh", "square", "cube", "root", "bell", "softplus", "half exp", "line", "log")
KINKED = ("abs", "relu")
STAGES = ("softmax", "logsumexp", "norm", "cumsum", "product", "layer", "center", "divide")
KINKED_STAGES = ("sort", "max", "abs")


class NativeOps:
    """What programs are written in, for arrays of a library."""

    def __init__(self, xp: Any) -> None:
        self.xp = xp

    def __getattr__(self, name: str) -> Any:
        return getattr(self.xp, name)

    def reciprocal(self, x: Any) -> Any:
        return 1 / x

    def apply(self, matrix: np.ndarray, x: Any) -> Any:
        like = {"device": x.device} if type(x).__module__.startswith("torch") else {}
        return self.xp.sum(self.xp.asarray(matrix, dtype=x.dtype, **like) * x, axis=-1)

    def sum(self, x: Any) -> Any:
        return self.xp.reshape(self.xp.sum(x), (1,))

    def cumsum(self, x: Any) -> Any:
        return self.xp.cumulative_sum(x, axis=0)

    def max(self, x: Any) -> Any:
        return self.xp.reshape(self.xp.max(x), (1,))

    def spread(self, x: Any, count: int) -> Any:
        return self.xp.broadcast_to(x, (count,))


@dataclass(frozen=True)
class Program:
    """
    A function of several leaves.

    Attributes
    ----------
    sizes : tuple of int
        How many real numbers each leaf has.
    units : tuple of int
        Each leaf is multiplied by 2 to this power.
    masked : tuple of bool
        Whether entries of a leaf that are not finite count as 0.
    chains : tuple of tuple of str
        Functions of each entry of a leaf, one after the other.
    stages : tuple of str
        What is done to their mixture.
    outputs : int
        How many numbers come out.
    seed : int
        Of the coefficients.
    """

    sizes: tuple[int, ...]
    units: tuple[int, ...]
    masked: tuple[bool, ...]
    chains: tuple[tuple[str, ...], ...]
    stages: tuple[str, ...]
    outputs: int
    seed: int
    matrices: dict[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        for k, size in enumerate(self.sizes):
            self.matrices[f"mix{k}"] = _coefficients(rng, self.outputs, size)
            self.matrices[f"direct{k}"] = _coefficients(rng, self.outputs, size)
        for i in range(len(self.stages)):
            self.matrices[f"stage{i}"] = _coefficients(rng, self.outputs, self.outputs)

    @property
    def smooth(self) -> bool:
        """Whether there is no kink anywhere."""
        names = {name for chain in self.chains for name in chain} | set(self.stages)
        return not names & {*KINKED, *KINKED_STAGES}

    def native(self, xp: Any, leaves: list[Any]) -> Any:
        """Return the vector of outputs, for arrays of a library."""
        flat = [_flattened(xp, leaf) for leaf in leaves]
        kept = []
        for x, masked, unit in zip(flat, self.masked, self.units, strict=True):
            if masked:
                x = xp.where(xp.isfinite(x), x, xp.zeros_like(x))
            kept.append(x * 2.0**unit)
        return self._run(NativeOps(xp), kept)

    def derivatives(self, x: np.ndarray, order: int = 1) -> Jet:
        """Return outputs, Jacobian and second derivatives at all real numbers of the leaves."""
        whole, start, kept = at(x, order), 0, []
        for size, masked, unit in zip(self.sizes, self.masked, self.units, strict=True):
            own = part(whole, slice(start, start + size))
            kept.append((finite_only(own) if masked else own) * 2.0**unit)
            start += size
        return self._run(JetOps(), kept)

    def _run(self, ops: Any, leaves: list[Any]) -> Any:
        mixed = direct = None
        for k, x in enumerate(leaves):
            if not self.sizes[k]:
                continue
            for name in self.chains[k]:
                x = _elementwise(ops, name, x)
            one = ops.apply(self.matrices[f"mix{k}"], x)
            two = ops.apply(self.matrices[f"direct{k}"], x)
            mixed, direct = (one, two) if mixed is None else (mixed + one, direct + two)
        v = mixed
        for i, name in enumerate(self.stages):
            v = self._stage(ops, name, v, self.matrices[f"stage{i}"])
        return v + direct * 0.5

    def _stage(self, ops: Any, name: str, v: Any, matrix: np.ndarray) -> Any:
        count = self.outputs
        if name == "softmax":
            e = ops.exp(ops.tanh(v))
            return e * ops.spread(ops.reciprocal(ops.sum(e)), count)
        if name == "logsumexp":
            return v + ops.spread(ops.log(ops.sum(ops.exp(ops.tanh(v)))), count)
        if name == "norm":
            return v * ops.spread(ops.reciprocal(ops.sqrt(ops.sum(v * v) + 1.0)), count)
        if name == "product":
            return v * ops.tanh(ops.apply(matrix, v))
        if name == "layer":
            return ops.tanh(ops.apply(matrix, v)) + v
        if name == "center":
            return v + ops.spread(ops.sum(v) * (-0.5 / count), count)
        if name == "divide":
            return v * ops.reciprocal(v * v + 1.0)
        if name == "max":
            return v + ops.spread(ops.max(v), count)
        return getattr(ops, name)(v)  # cumsum, sort, abs


def _coefficients(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Return multiples of 1/16 that half precision holds; each row sums to a few at most."""
    size = 2.0 ** -np.ceil(np.log2(max(columns, 1) ** 0.5))
    return (
        size * rng.choice([-1.0, 1.0], (rows, columns)) * rng.integers(8, 24, (rows, columns)) / 16
    )


def _flattened(xp: Any, leaf: Any) -> Any:
    flat = xp.reshape(leaf, (-1,))
    if "complex" in str(flat.dtype):
        return xp.concat([xp.real(flat), xp.imag(flat)])
    return flat


def _elementwise(ops: Any, name: str, x: Any) -> Any:
    if name == "square":
        return x * x
    if name == "cube":
        return x * x * x * 0.5
    if name == "root":
        return ops.sqrt(x * x + 1.0)
    if name == "bell":
        return ops.reciprocal(x * x + 1.0)
    if name == "softplus":
        return ops.log(ops.exp(ops.tanh(x) * 2.0) + 1.0)
    if name == "half exp":
        return ops.exp(ops.sin(x) * 0.5)
    if name == "line":
        return x * 1.5 + 0.25
    if name == "log":
        return ops.log(x * x + 2.0)
    if name == "relu":
        return (x + ops.abs(x)) * 0.5
    return getattr(ops, name)(x)  # sin, tanh, abs
