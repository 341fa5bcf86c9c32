"""Functions over pytrees and arrays with right derivatives of every kind, and planted mistakes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from tests.libraries import Arrays


@dataclass
class Layers:
    """
    ``{"u": (W x + b)**2, "v": sum of squares of the rows of V}`` of nested parameters.

    Numbers are sixteenths that half precision holds; no two entries enter alike.
    """

    arrays: Arrays

    def __post_init__(self) -> None:
        rng = np.random.default_rng(7)

        def some(*shape: int) -> Any:
            sizes = rng.integers(8, 24, shape) / 16
            return self.arrays(rng.choice([-1.0, 1.0], shape) * sizes)

        self.xp = self.arrays.xp
        self.params: dict[str, Any] = {
            "layers": [{"b": some(2), "w": some(2, 3)}, {"w": some(4, 3)}],
            "steps": 3,
        }
        self.x = some(3)

    def _parts(self, params: Any) -> tuple[Any, Any, Any]:
        first, second = params["layers"]
        return first["w"], first["b"], second["w"]

    def func(self, params: Any, x: Any) -> Any:
        w, b, v = self._parts(params)
        y = self.xp.sum(w * x, axis=-1) + b
        return {"u": y * y, "v": self.xp.sum(v * v, axis=-1)}

    def vjp(self, params: Any, x: Any, cotangent: Any) -> Any:
        w, b, v = self._parts(params)
        y = self.xp.sum(w * x, axis=-1) + b
        by_y = 2 * y * cotangent["u"]
        by_v = 2 * v * self.xp.reshape(cotangent["v"], (4, 1))
        by_w = self.xp.reshape(by_y, (2, 1)) * x
        return {"layers": [{"b": by_y, "w": by_w}, {"w": by_v}], "steps": None}

    def jvp(self, params: Any, x: Any, tangent: Any) -> Any:
        w, b, v = self._parts(params)
        tw, tb, tv = self._parts(tangent)
        y = self.xp.sum(w * x, axis=-1) + b
        return {
            "u": 2 * y * (self.xp.sum(tw * x, axis=-1) + tb),
            "v": 2 * self.xp.sum(v * tv, axis=-1),
        }

    def loss(self, params: Any, x: Any) -> Any:
        y = self.func(params, x)
        return self.xp.sum(y["u"]) + self.xp.sum(y["v"])

    def grad(self, params: Any, x: Any) -> Any:
        ones = {"u": 0 * x[:2] + 1, "v": 0 * params["layers"][1]["w"][:, 0] + 1}
        return self.vjp(params, x, ones)


@dataclass
class Cubes:
    """``A x**3`` with its Jacobian, and ``sum(c x**3) + x0 x1`` with its Hessian."""

    arrays: Arrays

    def __post_init__(self) -> None:
        rng = np.random.default_rng(5)
        self.xp = self.arrays.xp
        self.a = self.arrays(rng.integers(8, 24, (4, 6)) / 16.0)
        self.c = self.arrays(rng.integers(8, 24, 6) / 16.0)
        cross = np.zeros((6, 6))
        cross[0, 1] = cross[1, 0] = 1.0
        self.cross, self.eye = self.arrays(cross), self.arrays(np.eye(6))
        self.x = self.arrays(rng.choice([-1.0, 1.0], 6) * rng.integers(12, 24, 6) / 16)

    def func(self, x: Any) -> Any:
        return self.xp.sum(self.a * x * x * x, axis=-1)

    def jac(self, x: Any) -> Any:
        return 3 * self.a * x * x

    def loss(self, x: Any) -> Any:
        return self.xp.sum(self.c * x * x * x) + x[0] * x[1]

    def grad(self, x: Any) -> Any:
        return 3 * self.c * x * x + self.xp.sum(self.cross * x, axis=-1)

    def hess(self, x: Any) -> Any:
        return self.eye * (6 * self.c * x) + self.cross

    def hvp(self, x: Any, tangent: Any) -> Any:
        return self.xp.sum(self.hess(x) * tangent, axis=-1)


Change = Callable[[Arrays, Any], Any]


def _scaled(factor: float) -> Change:
    return lambda arrays, value: factor * value


def _one_entry(place: tuple[int, ...]) -> Change:
    def change(arrays: Arrays, value: Any) -> Any:
        factor = np.ones(tuple(value.shape))
        factor[place] = -1.0
        return arrays(factor) * value

    return change


def _rolled(arrays: Arrays, value: Any) -> Any:
    return arrays.xp.roll(value, 1, axis=0)


def _nan(arrays: Arrays, value: Any) -> Any:
    return value * float("nan")


#: What people get wrong in one array of a derivative.
MISTAKES: dict[str, Change] = {
    "sign": _scaled(-1.0),
    "factor 2": _scaled(2.0),
    "mean for sum": _scaled(0.25),
    "dropped": _scaled(0.0),
    "rolled": _rolled,
    "NaN": _nan,
}
