"""What a claim returned for each leaf of x0, its structure and shapes compared with theirs."""

import math
from typing import Any, NoReturn

import numpy as np

from .._backends.registry import is_array
from .._backends.typing import Array
from .._vectors.hints import of_pair, swapped
from .._vectors.numbers import as_numbers
from .._vectors.paths import leaves_by_path, listed
from .._vectors.point import Point


def matched(
    point: Point, claim: Any, name: str, rows: tuple[int, ...], *, real: bool = True
) -> list[np.ndarray]:
    """
    Return an array of the host for each leaf of x0, of shape ``rows + leaf.shape``.

    The structure of a claim is compared with that of x0, and the shapes leaf by leaf; nothing is
    broadcast. What is held fixed needs no entry in a claim.
    """
    backend = point.backend
    if point.single:
        values = [claim]
    else:
        if is_array(claim) and not isinstance(claim, list | tuple):
            _refuse_structure(point, claim, name, {})
        known = _by_path(point, claim) or leaves_by_path(backend.flatten(claim))
        paths = {*point.flat.paths, *(path for path, _, _ in point.flat.beside)}
        if not set(point.paths) <= known.keys() or known.keys() - paths:
            known = _lists(point, claim) or _refuse_structure(point, claim, name, known)
        _note_held(point, known)
        values = [known[path] for path in point.paths]
    found = []
    both = zip(point.given, point.arrays, strict=True)
    for leaf, value, (given, own) in zip(point.leaves, values, both, strict=True):
        at = f" at leaf {leaf.path}" if leaf.path else ""
        array = as_numbers(backend, value, f"{name}{at}", narrow=not rows)
        # A claim sees a number as it was given, func as an array of one entry.
        fits = [rows + leaf.shape, rows + tuple(given.shape), rows + tuple(own.shape)]
        if not rows:
            # A gradient in one row, and any single number for a single entry, as SciPy takes them.
            fits.append((1,) * (array.ndim - len(leaf.shape)) + leaf.shape)
            if math.prod(leaf.shape) == 1:
                fits.append((1,) * array.ndim)
        elif math.prod(rows) == 1 and len(rows) == 1:
            fits.append(leaf.shape)  # the Jacobian of one value is a gradient too
        if array.shape not in fits:
            msg = f"{name} returned shape {array.shape}{at or ' for an x0'} of shape {leaf.shape}"
            msg += f"; expected {fits[0]}."
            if array.size == math.prod(fits[0]):
                msg += " The number of entries fits: reshape or transpose the result."
            elif rows == array.shape + leaf.shape and rows:
                msg += swapped(name)
            raise ValueError(msg + of_pair(value, name))
        if real and array.dtype.kind == "c" and not leaf.complex and np.any(array.imag):
            msg = (
                f"{name} returned complex numbers{at}, where x0 is real; expected the slopes along "
                "real directions, which are real. Return the real part if the other is rounding."
            )
            raise TypeError(msg)
        found.append(array.reshape(fits[0]))
    return found


def _lists(point: Point, claim: Any) -> dict[str, Any]:
    """Return what a claim has for each leaf, where that may be a list of numbers; else nothing."""
    try:
        parts = point.flat.up_to(claim)
    except (TypeError, ValueError):
        return {}
    return dict(zip(point.flat.paths, parts, strict=True)) if all(map(is_array, parts)) else {}


def _note_held(point: Point, known: dict[str, Any]) -> None:
    """Take down what a claim has for leaves that are held fixed, if that is not zero."""
    for path in known.keys() - set(point.paths):
        _note(point, f"by {point.called(path)}", known[path])


def note_rows(point: Point, rows: dict[str, Any]) -> None:
    """Take down what a claim has for outputs without a derivative, by their names, if not zero."""
    for name, part in rows.items():
        leaves = [part] if part is None or is_array(part) else point.backend.flatten(part).leaves
        for leaf in leaves:
            _note(point, name, leaf)


def _note(point: Point, name: str, value: Any) -> None:
    """Take down what a claim has where there is no derivative, if that is not zero."""
    if value is None or isinstance(value, (bool, str)) or point.backend.no_derivative(value):
        return
    try:
        numbers = np.asarray(point.backend.to_host([value])[0])
    except Exception:  # no numbers: passed on as it came
        return
    if numbers.dtype.kind in "fiuc" and numbers.any():
        point.held_claims[name] = f"{numbers.flat[np.flatnonzero(numbers)[0]]:.6g}"


def _by_path(point: Point, claim: Any) -> dict[str, Any]:
    """Return gradients by the names of a module's parameters, which a dict may hold."""
    names = set(point.paths)
    by_name = isinstance(claim, dict) and all(f"[{key!r}]" in names for key in claim)
    return {f"[{key!r}]": value for key, value in claim.items()} if by_name else {}


def _refuse_structure(point: Point, claim: Any, name: str, found: dict[str, Any]) -> NoReturn:
    if found:
        given = listed(found)
    elif is_array(claim):
        given = f"one array of shape {np.shape(claim)}, and no container"
    else:
        given = f"{type(claim).__name__}, with no array in it"
    own = dict(zip(point.paths, point.arrays, strict=True))
    msg = (
        f"{name} returned another structure than that of x0.\n  returned: {given}\n  x0:       "
        f"{listed(own)}\nExpected one array for each floating leaf of x0, in the same containers."
    )
    if claim is None:
        msg += " Is a `return` missing?"
    raise TypeError(msg + of_pair(claim, name))


def flat_claim(point: Point, claim: Any, name: str) -> np.ndarray:
    """
    Return a claim in the structure of x0 as a flat vector; a slope for each real number.

    Parameters
    ----------
    point : Point
        Where x0 is.
    claim : pytree or array
        As the user's function returned it.
    name : str
        What returned it, for messages.

    Returns
    -------
    ndarray of shape (n,), float64

    Raises
    ------
    TypeError
        If the structure is another one, or something in it is no number.
    ValueError
        If an array has another shape than its leaf.
    """
    return point.slopes(matched(point, claim, name, ()))


def of_arguments(point: Point, grads: Any, name: str) -> Any:
    """Return the gradients by what is moved, from a tuple of those by func's arguments."""
    count, argnums = len(point.arguments), point.argnums
    if not isinstance(grads, tuple) or (point.single and is_array(grads)):
        return grads
    if isinstance(argnums, int):
        chosen = point.arguments[argnums]
        alike = isinstance(chosen, tuple) and len(grads) == len(chosen)
        if alike and not (len(grads) == 1 and isinstance(grads[0], tuple)):
            return grads
        if len(grads) == 1:
            return grads[0]
        if len(grads) == count:
            return grads[argnums]
        wanted = f"one, or {count}: one for each positional argument"
    else:
        if len(grads) == len(argnums):
            return grads
        if len(grads) == count:
            return tuple(grads[i] for i in argnums)
        wanted = f"{len(argnums)}, for argnums={argnums}"
    msg = f"{name} returned {len(grads)} gradients; expected {wanted} of func."
    raise TypeError(msg)


def refuse_unlike(point: Point, gradients: list[Array]) -> None:
    """Raise a TypeError if a native gradient has another dtype or device than its leaf."""
    for leaf, gradient, array in zip(point.leaves, gradients, point.arrays, strict=True):
        for what in ("shape", "dtype", "device"):
            given, wanted = getattr(gradient, what, None), getattr(array, what, None)
            if given != wanted:
                msg = (
                    f"the gradient by {leaf.path or 'x0'} has {what} {given}; expected "
                    f"{wanted}, as of what it is by."
                )
                raise TypeError(msg)
