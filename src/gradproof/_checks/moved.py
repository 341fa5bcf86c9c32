"""A point beside another one, for checks that cannot tell anything where they are."""

from typing import Any

import numpy as np

from .._vectors.point import Point
from .._vectors.validation import real_number, whole_number

#: In formats of two or three digits, a tenth of an entry may be less than half of its spacing.
_DOUBLED = 8
#: The least number there is; a tenth of it is none.
_LEAST = 5e-324


def beside(x0: Any, /, *, scale: float = 1.0, least: float = 0.0, seed: int = 0) -> Any:
    """
    Return a point beside another one: each entry farther from it by a tenth to a fifth of its size.

    The next step of a check that is inconclusive may be to check there. Where a gradient is zero,
    two entries are equal or one is at a kink, a right claim and a wrong one look the same; beside
    such a point they do not. No two entries are moved by the same share.

    Parameters
    ----------
    x0 : array, number, list or pytree
        The point: what a check takes, of any library and dtype. A tuple is several arguments.
    scale : float
        What x0 is multiplied by first; 0.1 is nearer to zero.
    least : float
        The size that an entry has at least when it is moved. By default there is none, since
        entries may have small units; entries that are zero have the size 1.
    seed : int
        Of the random numbers by which the entries are moved.

    Returns
    -------
    array, number, list or pytree
        Like `x0`, in new memory: of its structure, dtypes, shapes and devices. What is not
        floating, and entries that are not finite, are as they were; whole numbers alone become
        floating, as in a check.

    Raises
    ------
    TypeError
        If there is no floating number in `x0`.
    ValueError
        If an option is out of range.

    See Also
    --------
    verify_grad : The check of a gradient at such a point.

    Notes
    -----
    Entries keep their signs, and become larger in size, both parts of a complex one by its modulus.
    It is not known whether func is defined there: choose a point of your own where it is not.

    Examples
    --------
    >>> import numpy as np
    >>> from gradproof import beside, verify_grad
    >>> x0 = np.ones(3)  # the minimum
    >>> def loss(x):
    ...     return ((x - 1) ** 2).sum()
    >>> print(verify_grad(loss, lambda x: 4 * (x - 1), x0, seed=0).verdict)
    inconclusive
    >>> print(verify_grad(loss, lambda x: 4 * (x - 1), beside(x0), seed=0).verdict)
    fail
    """
    scale = real_number("scale", scale, _is_factor, "a number that is finite and not zero")
    least = real_number("least", least, _is_size, "a number that is finite and not negative")
    seed = whole_number("seed", seed, 0, "an int that is not negative")
    several = type(x0) is tuple and bool(x0)
    arguments = x0 if several else (x0,)
    names = [f"x0[{i}]" for i in range(len(arguments))] if several else ["x0"]
    moved = tuple(range(len(arguments))) if several else 0
    point = Point(arguments, moved, None, names=names)
    with np.errstate(over="ignore"):
        there = point.moved(_displacement(point, scale, least, seed), for_claim=True)
    found = point.call(lambda *found: found, there)
    found = tuple(_like(one, given) for one, given in zip(found, arguments, strict=True))
    return found if several else found[0]


def _is_factor(number: float) -> bool:
    return np.isfinite(number) and number != 0


def _is_size(number: float) -> bool:
    return np.isfinite(number) and number >= 0


def _displacement(point: Point, scale: float, least: float, seed: int) -> np.ndarray:
    """Return by how much the entries are moved: so far that each of them is another number."""
    rng, n = np.random.default_rng(seed), point.x.size
    # One share for each of n parts of the range: of a few entries in half precision, which has a
    # dozen numbers in it, no two are moved alike.
    share = 0.1 + 0.1 * (rng.permutation(n) + rng.uniform(0.25, 0.75, n)) / max(n, 1)
    size = abs(scale) * point.magnitude
    size = np.maximum(np.where(size == 0, 1.0, size), least)
    start = (scale - 1.0) * point.x
    # Away from zero: an entry keeps its sign, and does not come to a kink there.
    by = np.copysign(size * share, np.where(scale * point.x < 0, -1.0, 1.0))
    from_here = point.happened(point.moved(start))
    for _ in range(_DOUBLED):
        happened = point.happened(point.moved(start + by))
        still = happened == from_here
        if point.fixed is not None:
            still &= ~point.fixed
        if not still.any():
            break
        by[still] = np.copysign(np.maximum(2 * abs(by[still]), _LEAST), by[still])
    # Beyond the largest number of a short dtype there is none.
    return start + np.where(np.isfinite(happened), by, -by)


def _like(found: Any, given: Any) -> Any:
    """Return a number of Python for one, and else what there is."""
    if type(given) in (int, float, complex) and hasattr(found, "shape"):
        return found.item()
    return found
