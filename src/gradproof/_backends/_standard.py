"""The adapter for any array API namespace; the others replace what their library does better."""

import functools
import math
import numbers
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from .._typing import Array, Function
from ._pytrees import Flat, flattened

#: The magnitudes of the entries of a random tangent are between this and twice this, where they
#: need not be SciPy's: none counts for little, and their root mean square is 1.02.
SHORTEST = 2 / 3

#: A function of a list of arrays that returns a list of arrays.
Leafwise = Callable[[list[Any]], list[Any]]


class StandardBackend:
    """
    Everything that gradproof asks of an array library, by the array API standard alone.

    NumPy, JAX and PyTorch have subclasses, which is the one place where the peculiarities of a
    library may be known. What the standard lacks and this class does without: random numbers
    (NumPy's are moved to the device) and compilation.
    """

    #: Said in messages, and by the command line.
    name = "array API"
    #: The sign of an imaginary part in a cotangent: a gradient ``a + sign * 1j * b`` has the slope
    #: a along the real part and b along the imaginary one. JAX has the other sign.
    conjugation = 1.0
    #: Whether functions of such arrays let threads run side by side; None where that differs.
    threads: bool | None = None
    #: Whether a function can write to an array.
    mutable = True
    #: Whether arithmetic takes numbers below the smallest normal one for zero.
    flushes = False
    #: How arrays of more than one entry can lie in memory, beside contiguous: "transposed" (or with
    #: gaps, of one axis) and "expanded" (all entries being one number).
    layouts: tuple[str, ...] = ()

    def __init__(self, xp: Any) -> None:
        self.xp = xp

    # --- arrays ------------------------------------------------------------------------------

    def given(self, x0: Any) -> Array:
        """Return x0 as an array, the way the claim is to see it: its dtype is left alone."""
        return x0

    def primal(self, given: Array) -> Array:
        """Return x0 the way func is to see it: real floating, and not to be written to."""
        if self.xp.isdtype(given.dtype, "real floating"):
            return given
        return self.xp.astype(given, self.default_dtype())

    def floating(self, given: Array) -> Array:
        """Return an array in real or complex floating numbers, its shape left alone."""
        kinds = ("real floating", "complex floating")
        if self.xp.isdtype(given.dtype, kinds):
            return given
        return self.xp.astype(given, self.default_dtype())

    def leaf(self, value: Any) -> Array | None:
        """Return a leaf of a pytree as an array that can be moved; None if it is held fixed."""
        kinds = ("real floating", "complex floating")
        if self.is_native(value) and self.xp.isdtype(value.dtype, kinds):
            return value
        return None

    def form(self, leaf: Array) -> Callable[[Any], Any] | None:
        """Return what makes an array like a leaf one in all of its ways; None if nothing has to."""
        return None

    def traced(self, value: Any) -> str:
        """Return the words for what has no numbers that could be read; none for all else."""
        return ""

    def unusable(self, value: Any) -> str:
        """Return what an array that cannot be moved is, and what to do instead; or nothing."""
        return ""

    def adopted(self, value: Any) -> tuple[Array, Callable[[Any], Any] | None] | None:
        """
        Return a number, or an array of NumPy, beside arrays of this library as one of them.

        With it comes what makes of such an array what func is to see. None for all else.
        """
        if isinstance(value, np.ndarray | np.generic):
            short = value.dtype.itemsize <= (16 if value.dtype.kind == "c" else 8)
            if value.dtype.kind not in "fc" or not short or is_odd(value):
                return None
            return self.from_numpy(value), lambda moved: _like(self.to_host([moved])[0], value)
        real = isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral)
        if not (real or isinstance(value, complex)):
            return None
        kind: Any = float if real else complex
        return self.from_numpy(kind(value)), lambda moved: kind(self.to_host([moved])[0])

    def frozen(self, leaves: list[Any]) -> list[bool]:
        """Tell of each leaf whether it is a parameter that its library does not train."""
        return [False] * len(leaves)

    def from_numpy(self, array: Any) -> Array:
        """Return an array of NumPy as one of this library, with numbers of its own."""
        return self.xp.asarray(np.array(array))

    def flatten(self, tree: Any) -> "Flat":
        """Return the leaves of a pytree, the path of each, and what builds the tree from others."""
        return flattened(tree)

    def fixed_tangent(self, leaf: Any) -> Any:
        """Return what stands in a tangent in the place of a leaf that is held fixed."""
        return self.xp.zeros_like(leaf) if self.is_native(leaf) else leaf

    def no_derivative(self, value: Any) -> str:
        """Return the words for what stands where there is no derivative; none for all else."""
        return "None" if value is None else ""

    def default_dtype(self) -> Any:
        """Return the dtype that an x0 of integers is turned into."""
        return self.xp.__array_namespace_info__().default_dtypes()["real floating"]

    def dtype_named(self, name: str) -> Any:
        """Return a dtype by its name in the standard; AttributeError if there is none."""
        return getattr(self.xp, name)

    def copy(self, x: Array) -> Array:
        """Return a copy that a user's function may keep or write to."""
        return self.xp.asarray(x, copy=True)

    def lendable(self, value: Any) -> bool:
        """Tell whether a value is an array that can be written to, and that a copy stands for."""
        return self.mutable and self.is_native(value)

    def laid_out(self, x: Array, layout: str) -> Array:
        """Return the same numbers in memory of their own of another layout, if it can be had."""
        return x

    def draws(self, call: Callable[[], Any]) -> bool:
        """Tell whether a call draws from the library's generator, as a random function does."""
        return False

    def unrecorded(self, x: Array) -> Array:
        """Return an array as one that autograd does not follow."""
        return x

    def lent(self, func: Function, x: Array) -> Array:
        """Return x itself if func surely leaves it alone, else a copy."""
        return self.copy(x)

    def eps(self, dtype: Any) -> Any:
        """Return the machine epsilon of a real dtype, 0 of one of integers."""
        return _eps(self.xp, dtype)

    def widest(self, like: Array) -> Any:
        """Return the dtype in which sums over entries of `like` are accumulated."""
        return self.xp.float64

    def native(self, formula: Callable[..., Any], /) -> Callable[..., Any]:
        """
        Return a formula, ready to run on arrays.

        A formula is a pure function that takes an adapter, arrays and, by keyword, constants; it
        is written against the standard.
        """
        return functools.partial(formula, self)

    def all_nonzero(self, x: Array) -> bool:
        """Return True if it is known, without waiting for a device, that no entry is zero."""
        return False

    def block(self, x: Array) -> int:
        """Return how many entries are worked on at once, in place; 0 for all, in new memory."""
        return 0

    def constant(self, value: float, x: Array) -> Any:
        """Return a number that leaves the dtype of x alone."""
        return value

    def contracts_tangents(self, x: Array) -> bool:
        """Tell whether a claim is contracted with the tangent, not with what happened of it."""
        return False

    def overwritten(
        self, formula: Callable[..., Any], out: Array, x: Array, **constants: Any
    ) -> tuple[Array, list[Any]]:
        """
        Return the array that a formula makes of `out` and x, in the memory of `out` if possible.

        The formula works entry by entry, and returns two things; a list of the second of each block
        comes with the array.
        """
        run, size, block = self.native(formula), math.prod(x.shape), self.block(x)
        constants = {name: self.constant(value, x) for name, value in constants.items()}
        if not 0 < block < size:
            result, found = run(out, x, **constants)
            return result, [found]
        flat: Any = self.xp.reshape(out, (-1,))
        others: Any = self.xp.reshape(x, (-1,))
        each = []
        for start in range(0, size, block):
            before = flat[start : start + block]
            after, found = run(before, others[start : start + block], **constants)
            if after is not before:
                flat[start : start + block] = after
            each.append(self.keep(found))
        return out, each

    def summed(self, formula: Callable[..., Any], claim: Array, *arrays: Array) -> list[Any]:
        """Return parts of a sum over the entries of x, which are the last axes of the claim."""
        run, size, block = self.native(formula), math.prod(arrays[0].shape), self.block(arrays[0])
        if not 0 < block < size:
            return [run(claim, *arrays)]
        rows = tuple(claim.shape)[: claim.ndim - arrays[0].ndim]
        flat: Any = self.xp.reshape(claim, (*rows, size))
        others: list[Any] = [self.xp.reshape(array, (-1,)) for array in arrays]
        parts = (slice(start, start + block) for start in range(0, size, block))
        # Kept, which makes numbers of PyTorch's tensors: small ones among large ones that come and
        # go break memory into pieces that nothing fits in.
        return [
            self.keep(run(flat[..., part], *(array[part] for array in others))) for part in parts
        ]

    def contract(self, claim: Array, tangent: Array) -> Array:
        """Return the sum over the entries of x of claim times tangent, in the tangent's dtype."""
        wide: Any = self.xp.astype(claim, tangent.dtype)
        axes = tuple(range(-tangent.ndim, 0))
        return self.xp.sum(wide * tangent, axis=axes)

    # --- to and from the host ----------------------------------------------------------------

    def to_host(self, values: list[Any]) -> list[Any]:
        """
        Hand arrays, numbers and nested lists of them over to NumPy, all at once.

        No value is narrowed. What comes back is for `np.asarray` to take.
        """
        convert = self._one_to_host
        return [v if isinstance(v, float) else _nested(v, convert) for v in values]

    def _one_to_host(self, value: Any) -> Any:
        try:
            return np.asarray(value)
        except (TypeError, ValueError, RuntimeError, BufferError):  # it lives on another device
            return np.from_dlpack(value, device="cpu", copy=True)

    def from_host(self, values: np.ndarray, like: Array, dtype: Any = None) -> Array:
        """Return NumPy numbers as an array on the device of `like`, in its dtype or in `dtype`."""
        from array_api_compat import device

        # A dtype of the standard is known to `xp.asarray`; one outside it (bfloat16) is not
        # known to NumPy, hence the native cast.
        return self.xp.astype(self.xp.asarray(values, device=device(like)), dtype or like.dtype)

    def is_native(self, value: Any) -> bool:
        """Tell whether a claim is an array of this library, or numbers in some other form."""
        from array_api_compat import is_array_api_obj

        return is_array_api_obj(value) and not isinstance(value, np.ndarray | np.generic)

    def is_beside(self, value: Any, like: Array) -> bool:
        """Tell whether a claim is an array of this library, and on the device of `like`."""
        from array_api_compat import device

        return self.is_native(value) and device(value) == device(like)

    def same_kind(self, point: Array, x: Array) -> Array:
        """Return a point, computed from x, as an array in all of x's ways."""
        return point

    # --- evaluation --------------------------------------------------------------------------

    def quiet(self) -> AbstractContextManager[Any]:
        """Return the context in which func is called: nothing of it may be recorded."""
        return _NOTHING

    def keep(self, output: Any) -> Any:
        """Return an output of func in a form that later calls of func cannot change."""
        if isinstance(output, (list, tuple)):
            return [self.keep(item) for item in output]
        if isinstance(output, np.ndarray):
            return np.array(output)
        return self.copy(output) if self.is_native(output) else output

    def sweep(
        self, func: Function, x: Array, plus: Array, outputs: list[Any], entries: range
    ) -> None:
        """
        Call func at x with one of these entries at a time replaced by that of `plus`.

        What it returns is appended to `outputs`, which grows with every call, so that its length
        tells, whatever happens, how many entries were done.
        """
        keep, append = self.keep, outputs.append  # one by one, as promised
        for point in self.points(x, plus, entries):
            append(keep(func(point)))

    def points(self, x: Array, plus: Array, entries: range) -> Iterator[Array]:
        """Yield x with one entry at a time, at each of some entries in a row, that of `plus`."""
        xp: Any = self.xp
        size = math.prod(x.shape)
        moved = xp.reshape(plus, (size,))
        for i in entries:
            flat: Any = xp.reshape(self.copy(x), (size,))
            flat[i] = moved[i]
            yield xp.reshape(flat, x.shape)

    # --- many points at once -----------------------------------------------------------------

    #: From how many entries on batches pay; None where the library cannot batch a function.
    batched_from: int | None = None
    #: Whether batches of one point are of use: a program that loops over them.
    one_at_a_time = False

    def itemsize(self, dtype: Any) -> int:
        """Return the bytes of a number."""
        return int(getattr(dtype, "itemsize", 0) or 8)

    def repeated(self, x: Array, count: int) -> Array:
        """Return a batch of copies of an array."""
        xp: Any = self.xp
        return self.copy(xp.broadcast_to(xp.expand_dims(x, axis=0), (count, *x.shape)))

    def batch_size(self, x: Array, size: int, rows: int) -> int:
        """Return how many points are best evaluated at once, `rows` of `size` bytes at most."""
        return rows

    def run(self, n: int, rows: int, most: int) -> int:
        """Return for how many of n entries a batch is made, given how much of it there may be."""
        return max(1, rows - 1)

    def batches(
        self, leafed: Any, arrays: tuple[Any, Any, Any], sizes: tuple[int, int], entries: range
    ) -> Iterator[tuple[int, list[Array]]]:
        """
        Yield func's arrays at x with one of some entries at a time replaced, in batches.

        Parameters
        ----------
        leafed : Leafed
            The function, of one array.
        arrays : tuple of three arrays
            Where entries are, x, the array whose entries take their places, and another point.
        sizes : tuple of two ints
            How many points are evaluated at once, and what `run` says.
        entries : range
            The entries to do.

        Yields
        ------
        lead : {1, 2}
            How many points stand in front: x, or the other point and x. The first batch has both,
            if the way in which points are put together could be wrong.
        arrays : list of array
            A batch of each array in func's result: at these, then at the points of the next
            entries, and of anything after the last of them.
        """
        raise NotImplementedError

    def coordinates(self, matrix: Any) -> Any:
        """Return rows, columns, numbers and shape of a sparse matrix, None if it is not one."""
        if not hasattr(matrix, "tocoo"):  # SciPy's, whichever the format
            return None
        found = matrix.tocoo()
        rows, columns = (np.asarray(places) for places in (found.row, found.col))
        return rows, columns, np.asarray(found.data, dtype=np.float64), tuple(found.shape)

    # --- automatic differentiation -----------------------------------------------------------

    def vjp(self, func: Leafwise, leaves: list[Any]) -> tuple[list[Any], Leafwise]:
        """Return func's leaves at some leaves, and what pulls cotangents of them back."""
        raise TypeError(self._without_autodiff())

    def jvp(self, func: Leafwise, leaves: list[Any], tangents: list[Any]) -> Any:
        """Return func's leaves, and their tangents for tangents of the given leaves."""
        raise TypeError(self._without_autodiff())

    def follows(self, func: Function, leaves: list[Any]) -> bool:
        """Tell whether func can be differentiated by numbers of Python among some leaves."""
        return False

    def transformed(
        self, func: Leafwise, leaves: list[Any], cotangents: list[Any], *, vmap: bool
    ) -> dict[str, list[Any]]:
        """Return func's vjp once more, by each transformation that must not change it."""
        return {}

    def lacks_forward_mode(self, err: Exception) -> bool:
        """Tell whether an exception says that a function has no forward mode."""
        return False

    def loses_tangents(self, func: Leafwise, leaves: list[Any], tangents: list[Any]) -> str:
        """Return what in a function returns results without tangents, and says nothing of it."""
        return ""

    def compiled(self, func: Leafwise) -> Leafwise:
        """Return a function that is about to be called many times, compiled if that is possible."""
        return func

    def _without_autodiff(self) -> str:
        return (
            f"no automatic differentiation is known for arrays of {self.xp.__name__}; expected "
            "those of JAX or PyTorch. To check a derivative written by hand, give it to "
            "verify_grad, verify_jac, verify_vjp or verify_jvp."
        )

    # --- random numbers ----------------------------------------------------------------------

    def generator(self, source: Any, like: Array | None, *, legacy: bool) -> Any:
        """
        Return what `normal` draws from, made of what the user gave.

        `source` is None, an int, or a generator of this library. `legacy` tells SciPy's ``seed=``
        (an int seeds a `RandomState`) from its ``rng=`` (an int seeds `default_rng`).
        """
        if source is None or source is np.random:
            return np.random.mtrand._rand
        if isinstance(source, np.random.RandomState):
            # As `default_rng` does since NumPy 2.4: the same bits, the newer way to use them.
            return source if legacy else np.random.Generator(source._bit_generator)
        if legacy and isinstance(source, numbers.Integral):
            return np.random.RandomState(int(source))
        return np.random.default_rng(source)

    def normal(self, generator: Any, shape: tuple[int, ...], like: Array | None) -> Array:
        """Draw standard normal numbers, of the dtype and on the device of `like`."""
        # A copy if need be, since it will be written to.
        drawn: np.ndarray = np.require(generator.standard_normal(size=shape), requirements="W")
        return drawn if like is None else self.from_host(drawn, like)

    def tangent(self, generator: Any, like: Array) -> tuple[Array, float]:
        """Draw a random tangent; return with it the length of the longest entries of its kind."""
        return self.normal(generator, tuple(like.shape), like), _longest(like)

    def own_generator(self, owner: "StandardBackend", generator: Any, like: Array) -> Any:
        """Return what `tangent` draws from in the place of a generator of another library."""
        return _Foreign(owner, generator)

    def fused(self, name: Function, func: Function, x: Array, generator: Any, step: float) -> Any:
        """
        Return a program that makes x0 plus a step along a tangent where func needs it.

        None where nothing is gained by it; see `gradproof._ray.FusedRay` for what it has.
        """
        return None

    def integer(self, generator: Any) -> int:
        """Draw a whole number below 2**61, to seed the generator of another library."""
        drawn = np.asarray(self.to_host([self.normal(generator, (4,), None)])[0])
        return int.from_bytes(drawn.tobytes(), "little") % (2**61 - 1)


def is_odd(array: Any) -> bool:
    """Tell whether an array of NumPy is of a kind with an arithmetic of its own."""
    return isinstance(array, np.ma.MaskedArray | np.matrix)


def _like(moved: Any, like: Any) -> Any:
    """Return numbers as an array of NumPy, or as a number of its, with the dtype of another."""
    array = np.asarray(moved).astype(like.dtype)
    return array if isinstance(like, np.ndarray) else array[()]


class _Foreign:
    """A generator of another library, in the way of NumPy's."""

    def __init__(self, owner: StandardBackend, generator: Any) -> None:
        self._owner, self._generator = owner, generator

    def standard_normal(self, size: Any) -> np.ndarray:
        """Return standard normal numbers."""
        shape = (size,) if isinstance(size, int) else size
        drawn: np.ndarray = np.asarray(
            self._owner.to_host([self._owner.normal(self._generator, shape, None)])[0]
        )
        return drawn


_NOTHING = nullcontext()


def _longest(x: Array) -> float:
    """Return about how large the largest of so many standard normal numbers are."""
    return math.sqrt(2 * math.log(max(math.prod(x.shape), 3)))


@functools.lru_cache(maxsize=256)
def _eps(xp: Any, dtype: Any) -> Any:
    try:
        return xp.finfo(dtype).eps
    # Integers have none; each library says so differently, array_api_compat by an AttributeError.
    except (TypeError, ValueError, AttributeError):
        if getattr(dtype, "kind", "") != "V":
            return 0.0
        import ml_dtypes  # whose dtype it is: bfloat16 in an array of NumPy

        return float(ml_dtypes.finfo(dtype).eps)


def _nested(value: Any, convert: Callable[[Any], Any]) -> Any:
    if isinstance(value, (list, tuple)):
        return np.asarray([_nested(item, convert) for item in value])
    return convert(value) if hasattr(value, "dtype") else value
