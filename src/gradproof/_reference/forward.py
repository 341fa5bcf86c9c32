"""The reference that a function brings with it: the forward code of its rules, differentiated."""

import math
from typing import Any

from .._backends.foreign import of_error
from .arguments import Arguments
from .products import Leafwise, Point, Products

#: What asks for it, in the place of a reference.
FORWARD = "forward"
#: The rounding of func's values, in units of their dtype: some operations of each, which add up.
_ROUNDINGS = 64


def forward_code(arguments: Arguments, func: Leafwise, order: int) -> Leafwise:
    """Return the function without its rules; a TypeError if it cannot be differentiated so."""
    taken: list[str] = []
    plain = arguments.backend.without_rules(func, taken)
    values = plain(arguments.arrays)
    if not taken:
        msg = (
            "reference='forward': func applies no rule whose forward code could be taken in its "
            "place (a jax.custom_vjp or custom_jvp, a torch.autograd.Function outside of "
            "torch.func); it would be compared with itself. Pass a reference in plain operations."
        )
        raise TypeError(msg)
    if not order:
        return plain
    hint = (
        "Pass a reference in plain operations, or use verify_autodiff, which needs no derivative "
        "but values of func."
    )
    products = Products(arguments, ("vjp",), 1)
    ones = [arguments.backend.xp.ones_like(value) for value in values]
    try:
        found = products.of(plain, Point(arguments.arrays, ones, [], []))
    except Exception as err:
        msg = f"reference='forward': func's forward code is not differentiable: {of_error(err)}. "
        raise TypeError(msg + hint) from err
    xp = arguments.backend.xp
    if not any(bool(xp.any(vjp != 0)) for vjp in found[len(ones) :]):
        msg = (
            "reference='forward': nothing of func's forward code is differentiated: its derivative "
            "is zero throughout, as that of a kernel, of .data, detach or no_grad inside. "
        )
        raise TypeError(msg + hint)
    return plain


def cut(products: Products, plain: Leafwise, x0: Point, rng: Any) -> str:
    """
    Return what is wrong with the derivative of forward code; nothing if it is that of its values.

    The library does not see what is detached, or computed elsewhere. The vjp along one tangent has
    to lie between the slopes to both sides of x0, up to the curvature that these show themselves.

    Parameters
    ----------
    products : Products
        What is compared.
    plain : callable
        The forward code.
    x0 : Point
        In the widest dtype.
    rng : numpy.random.Generator
        For the tangent.
    """
    backend, xp = products.arguments.backend, products.arguments.backend.xp
    moved = products.arguments.moved
    if not x0.cotangents:
        values = [backend.unrecorded(value) for value in plain(x0.arrays)]
        cotangents = [backend.from_host(rng.normal(size=tuple(v.shape)), v) for v in values]
        x0 = Point(x0.arrays, cotangents, [], [])
    count = len(x0.cotangents)
    found = Products(products.arguments, ("vjp",), 1).of(plain, x0)
    values, vjps = found[:count], found[count:]
    tangents = []
    for i in moved:
        array = x0.arrays[i]
        size = float(xp.sqrt(xp.mean(array * array))) or 1.0
        drawn = backend.from_host(rng.normal(size=tuple(array.shape)), array)
        tangents.append(drawn * size)
    slope = _sum(xp, vjps, tangents)
    # Half of the digits are left to a difference; what curvature does to it is as much again.
    eps = 2.0**-23 if all(_is_single(xp, value) for value in values) else 2.0**-52
    step = math.sqrt(eps)

    def beside(sign: int) -> list[Any]:
        arrays = list(x0.arrays)
        for i, tangent in zip(moved, tangents, strict=True):
            arrays[i] = arrays[i] + sign * step * tangent
        return [backend.unrecorded(array) for array in plain(arrays)]

    up, down = beside(1), beside(-1)
    right, left = (
        sign * (_sum(xp, other, x0.cotangents) - _sum(xp, values, x0.cotangents)) / step
        for sign, other in ((1, up), (-1, down))
    )
    size = math.sqrt(_sum(xp, [v * v for v in values], [c * c for c in x0.cotangents]))
    allowed = abs(right - left) + _ROUNDINGS * eps * size / step + 2 * step * abs(slope)
    if not math.isfinite(right + left + slope) or abs(slope - (right + left) / 2) <= allowed:
        return ""
    return (
        f"the library does not differentiate all of func's forward code: along a line its "
        f"derivative is {slope:.6g}, and the values move by {(right + left) / 2:.6g} (detach, "
        "no_grad, .data, or a kernel inside); pass a reference in plain operations"
    )


def _sum(xp: Any, several: list[Any], others: list[Any]) -> float:
    """Return the sum of products of finite entries."""
    total = 0.0
    for one, other in zip(several, others, strict=True):
        product = one * other
        product = xp.where(xp.isfinite(product), product, xp.zeros_like(product))
        total += float(xp.sum(product))
    return total


def _is_single(xp: Any, array: Any) -> bool:
    """Tell whether an array has numbers of single precision alone: func computes in it."""
    return bool(xp.all(xp.astype(xp.astype(array, xp.float32), array.dtype) == array))
