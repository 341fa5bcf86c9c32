"""What a batch returns, once it was seen to be what plain calls return."""

from collections.abc import Iterator

import numpy as np

from .._backends.agreement import apart
from .._backends.foreign import of_error
from .._backends.registry import Backend
from .._backends.typing import Array
from .._vectors.layout import flat_numbers
from .batches import Leafed, Refused, batches, far_from
from .options import Settings


def agreeing(
    backend: Backend,
    settings: Settings,
    leafed: Leafed,
    arrays: tuple[Array, Array],
    at_x0: np.ndarray,
    entries: range,
) -> Iterator[np.ndarray]:
    """
    Yield func with one of some entries at a time replaced, in batches that agree with plain calls.

    Parameters
    ----------
    backend : Backend
        The adapter of the arrays.
    settings : Settings
        How func is evaluated.
    leafed : Leafed
        The function.
    arrays : tuple of two arrays
        Where entries are, x, and the array whose entries take the places of those of x.
    at_x0 : ndarray of shape (m,)
        The real numbers in what a plain call returned at x.
    entries : range
        The entries to do.

    Yields
    ------
    ndarray of shape (1 + k, m)
        At x, as the batch has it, and at the points of the next k entries.

    Raises
    ------
    Refused
        If func cannot be evaluated so, or returns something else then.
    """
    again = False
    for check, block in _tried(backend, settings, leafed, arrays, entries):
        off = _off(backend, leafed, arrays[0], at_x0, check, block)
        # A program that was kept is of func as it was then.
        again = bool(off) and leafed.reused
        if again:
            break
        if off:
            msg = f"a batch is not what plain calls return: {off}"
            raise Refused(msg)
        if len(block) > 1:
            yield block
    if again:
        leafed.fresh, leafed.reused, leafed.agreed = True, False, False
        yield from agreeing(backend, settings, leafed, arrays, at_x0, entries)


def _tried(
    backend: Backend,
    settings: Settings,
    leafed: Leafed,
    arrays: tuple[Array, Array],
    entries: range,
) -> Iterator[tuple[np.ndarray | None, np.ndarray]]:
    """Yield batches; whatever is raised on the way is a reason to do without them."""
    found = batches(backend, settings, leafed, arrays, entries)
    while True:
        try:
            with backend.quiet():
                batch = next(found)
        except StopIteration:
            return
        except Refused:
            raise
        except Exception as err:
            raise Refused(of_error(err, 160)) from err
        yield batch


def _off(
    backend: Backend,
    leafed: Leafed,
    x: Array,
    at_x0: np.ndarray,
    check: np.ndarray | None,
    block: np.ndarray,
) -> str:
    """Return by how much a batch differs from plain calls, at x0 and once at another point."""
    batch, alone = block[:1], at_x0[None]
    if check is not None and not leafed.agreed:
        try:
            with backend.quiet():
                value = leafed.call(far_from(backend, leafed, x))
                point = flat_numbers(backend.to_host(leafed.arrays(value)))
        except Exception as err:
            raise Refused(of_error(err, 160)) from err
        batch, alone = np.stack([block[0], check]), np.stack([at_x0, point])
    off = apart(batch, alone, leafed.eps)
    leafed.agreed = not off
    return off
