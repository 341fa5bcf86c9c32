"""Many points in one call: in a program of func's library, or along a batch axis of its own."""

import math
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._backends.registry import Backend
from .._backends.typing import Array, Function
from .options import Settings

#: Points of a batch. At 128 a product of matrices is within a tenth of its speed at any number, a
#: call of `torch.func.vmap` (90 us) is little beside the points in it, and functions with many
#: parameters still find their batch in the cache, which they do not at 512 (measured: 1.4 times as
#: slow as one by one).
_ROWS = 128
#: The most bytes of the points of a batch. What func makes of them is mostly a few times as large:
#: a quarter of a gigabyte is to be had wherever Python runs, and where a point alone has a
#: megabyte, its call costs so much that larger batches save nothing.
_BYTES = 2**26
#: Calls func with what is held, and an array.
Again = Callable[[Function, Any, Any], Any]


class Refused(Exception):  # noqa: N818  # not an error, a reason to go on one by one
    """Func cannot be evaluated in batches; the text says why."""


@dataclass
class Leafed:
    """
    A user's function as one of one array, all else that it is called with being held.

    Attributes
    ----------
    func : callable
        The function of the user, for which programs are kept.
    call : callable
        Takes the array, returns what func returns.
    arrays : callable
        Returns the arrays in that; raises where they are others than at x0.
    many : callable
        Takes a batch of arrays, along a leading axis, and its length; returns batches of the arrays
        in what func returns. For a func that has a batch axis itself.
    size : int
        How many numbers func returns.
    eps : float
        Machine epsilon of the coarsest dtype involved.
    beside : int
        Bytes of other arrays that a batch repeats for each point.
    remake : callable, optional
        Returns what a program of func is kept for: a pytree of all else that func is called with; a
        function that takes func, that or other arrays in its place, and the array, and returns
        what func returns; and what else that function and `arrays` hang on, hashable. Without it
        programs are kept as long as this object.
    far : array or None
        A point to compare at.
    agreed : bool
        Whether a batch was seen to hold what plain calls return.
    compile_time : float
        Seconds spent to compile programs of it.
    fresh : bool
        Whether programs that were kept are no longer to be used.
    reused : bool
        Whether one was.
    programs : dict
        Those that cannot be kept for func.
    """

    func: Function
    call: Function
    arrays: Callable[[Any], list[Any]]
    many: Callable[[Any, int], list[Any]]
    size: int
    eps: float
    beside: int = 0
    remake: Callable[[], tuple[Any, Again, Hashable]] | None = None
    far: Array | None = None
    agreed: bool = False
    compile_time: float = 0.0
    fresh: bool = False
    reused: bool = False
    programs: dict[Any, Any] = field(default_factory=dict)


def batched_from(settings: Settings, backend: Backend) -> float:
    """
    Return the number of entries from which on they are evaluated in batches; infinity for never.

    Raises
    ------
    ValueError
        If batches are asked for that the library does not have.
    """
    if settings.vectorize is False:
        return math.inf
    if settings.vectorized:
        return math.inf if settings.batch_size == 1 else 1
    if settings.batch_size == 1 and not backend.one_at_a_time:
        return math.inf
    if settings.vectorize is True:
        if backend.batched_from is None:
            msg = (
                f"vectorize=True, but arrays of {backend.xp.__name__} have no way to batch a "
                "function by itself; pass vectorized=True if func takes a leading batch axis."
            )
            raise ValueError(msg)
        return 1
    if backend.batched_from is None or settings.workers is not None:
        return math.inf
    return backend.batched_from


def _rows(backend: Backend, settings: Settings, leafed: Leafed, x: Array) -> int:
    """Return how many points are evaluated at once."""
    if settings.batch_size is not None:
        return settings.batch_size
    size = max(1, math.prod(x.shape)) * backend.itemsize(x.dtype)
    rows = int(max(2, min(_ROWS, _BYTES // (size + leafed.beside))))
    return rows if settings.vectorized else backend.batch_size(x, rows * size, rows)


def run_of(backend: Backend, settings: Settings, leafed: Leafed, x: Array) -> int:
    """Return for how many entries a batch is made; of what is done in a row, a multiple is best."""
    rows, n = _rows(backend, settings, leafed, x), math.prod(x.shape)
    if settings.vectorized:
        return max(1, rows - 1)
    # What a program returns at once is bounded as the points are.
    return backend.run(n, rows, max(rows, _BYTES // (8 * max(leafed.size, 1))))


def batches(
    backend: Backend,
    settings: Settings,
    leafed: Leafed,
    arrays: tuple[Array, Array],
    entries: range,
) -> Iterator[tuple[np.ndarray | None, np.ndarray]]:
    """
    Yield func with one of some entries at a time replaced, many at once.

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
    entries : range
        The entries to do.

    Yields
    ------
    check : ndarray of shape (m,) or None
        Func at `far_from` x, from the same batch, if that was in it.
    block : ndarray of shape (1 + k, m)
        At x first, as this batch has it, so that another way of rounding is never taken for a
        change; then at the points of the next k entries, which may be none.
    """
    x, plus = arrays
    far = far_from(backend, leafed, x)
    rows, run = _rows(backend, settings, leafed, x), run_of(backend, settings, leafed, x)
    made: Iterator[tuple[int, list[Any]]]
    if settings.vectorized:
        made = _along_axis(backend, leafed, (x, plus, far), rows, entries)
    else:
        made = backend.batches(leafed, (x, plus, far), (rows, run), entries)
    done = 0
    for lead, found in made:
        block = _flat_rows([_wide(array) for array in backend.to_host(found)])
        inside = min(len(entries) - done, len(block) - lead)  # the others are padding
        done += inside
        yield (block[0] if lead == 2 else None), block[lead - 1 : lead + inside]


def far_from(backend: Backend, leafed: Leafed, x: Array) -> Array:
    """
    Return a point at which func has another value than at x, by far more than rounding.

    All entries move: of one alone, func of many may not show it in single precision. They keep
    their signs, for the logarithms and roots that there may be of them.
    """
    if leafed.far is None:
        before = np.asarray(backend.to_host([x])[0])
        moved = np.asarray(np.where(before == 0, 0.0625, before * 0.9375), dtype=before.dtype)
        leafed.far = backend.same_kind(backend.from_host(moved, x), x)
    return leafed.far


def _along_axis(
    backend: Backend,
    leafed: Leafed,
    arrays: tuple[Array, Array, Array],
    rows: int,
    entries: range,
) -> Iterator[tuple[int, list[Any]]]:
    x = arrays[0]
    before, after, far = (np.asarray(array) for array in backend.to_host(list(arrays)))
    moved = after.ravel()
    if not leafed.agreed:
        yield 2, leafed.many(backend.from_host(np.stack([far, before]), x), 2)
    for start in entries[:: rows - 1]:
        here = np.arange(start, min(start + rows - 1, entries.stop))
        block = np.repeat(before[None], 1 + here.size, axis=0)
        block.reshape(1 + here.size, -1)[1 + here - start, here] = moved[here]
        yield 1, leafed.many(backend.from_host(block, x), 1 + here.size)


def one_of(value: Any, name: str) -> Any:
    """Return what func returned for a batch of one, without the batch axis."""
    shape = value.shape if hasattr(value, "shape") else np.shape(value)
    if not shape or shape[0] != 1:
        msg = (
            f"vectorized=True, but {name} returned shape {tuple(shape)} for a batch of one point; "
            "expected a result with a leading batch axis of length 1."
        )
        raise ValueError(msg)
    return value[0, ...] if len(shape) > 1 and hasattr(value, "shape") else value[0]


def refuse_misshapen(arrays: list[Any], shapes: list[tuple[int, ...]], count: int) -> None:
    """Raise `Refused` unless arrays have a batch axis in front of what they are for one point."""
    for array, shape in zip(arrays, shapes, strict=True):
        found = tuple(array.shape) if hasattr(array, "shape") else np.shape(array)
        if found != (count, *shape):
            msg = f"it returned shape {found} for {count} points, and {shape} for one"
            raise Refused(msg)


def _wide(array: Any) -> np.ndarray:
    """Return numbers as float64, or as the wider type that they have."""
    found: np.ndarray = np.asarray(array)
    short = found.dtype.kind not in "fc" or found.dtype.itemsize < 8
    return found.astype(np.float64) if short else found


def _flat_rows(arrays: list[np.ndarray]) -> np.ndarray:
    """Return batches of arrays as one row of real numbers for each point."""
    parts: list[np.ndarray] = []
    for array in arrays:
        rows = array.reshape(len(array), -1)
        parts += [rows.real, rows.imag] if rows.dtype.kind == "c" else [rows]
    if len(parts) == 1:
        (rows,) = parts
        return rows
    found: np.ndarray = np.concatenate(parts, axis=1)
    return found
