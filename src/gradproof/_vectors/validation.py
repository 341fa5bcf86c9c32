"""What the user may choose: the types and ranges of options, checked in one place for all."""

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

_NO_STEP = "there is no step to choose: steps, truncation error and noise are measured"
_NO_TOLERANCE = (
    "there is no tolerance to choose; rtol= says which relative errors matter, and has a default "
    "that follows from the dtype"
)
_NO_METHOD = "there is no method to choose, nor an order of accuracy"
_ARGS = "extra arguments follow x0, one by one, and kwargs= takes those with a name"
_NORM = "a number is returned, for you to compare; verify_grad gives a verdict"
#: What to say of keywords that the checkers of other libraries have, and a verify_* has not.
OF_VERIFY = {
    **dict.fromkeys(("tol", "atol", "tolerance", "abs_tol", "rel_tol", "threshold"), _NO_TOLERANCE),
    **dict.fromkeys(("eps", "epsilon", "step", "h", "dx", "delta", "rel_step"), _NO_STEP),
    **dict.fromkeys(("method", "scheme"), _NO_METHOD),
    "args": _ARGS,
    "direction": "directions= takes 'auto', 'all', or a number of random ones",
    "rng": "seed= takes an int",
    "order": "verify_autodiff has order=; verify_hess and verify_hvp are about second derivatives",
    "modes": "verify_autodiff has modes=",
    "argnum": "argnums= takes the position of an argument, or a tuple of them",
    "wrt": "argnums= takes the position of an argument, or a tuple of them",
    "value_and_grad": "verify_grad has value_and_grad=, verify_jac has value_and_jac=",
    "value_and_jac": "verify_jac has value_and_jac=, verify_grad has value_and_grad=",
    "with_value": "verify_jvp has with_value=, verify_grad has value_and_grad=",
    "raise_exception": "a report is returned; gradproof.testing has assertions",
}  # fmt: skip
#: The same of SciPy's two functions.
OF_SCIPY = {
    **dict.fromkeys(("tol", "atol", "rtol", "tolerance"), _NORM),
    **dict.fromkeys(("eps", "step", "h", "dx", "delta", "abs_step"), "the step is epsilon="),
    **dict.fromkeys(("method", "scheme"), "differences are forward; verify_grad measures its own"),
    "args": "extra arguments follow the others, one by one",
    "directions": "direction= takes 'all' or 'random'",
    "argnums": "verify_grad has argnums=",
    "kwargs": "verify_grad has kwargs=",
}  # fmt: skip


def unknown(name: str, value: Any, known: Iterable[str], hints: Mapping[str, str]) -> str:
    """Return the words for a keyword that a function does not have."""
    msg = f"{name}={value!r:.60} is no option of this function"
    if name in hints:
        return f"{msg}: {hints[name]}."
    return f"{msg}; expected one of its own, or one of how func is evaluated: {', '.join(known)}."


def refuse(name: str, value: Any, expected: str) -> NoReturn:
    """Raise a ValueError on an option: what was given, and what was expected."""
    shown = " ".join(repr(value).split())
    shown = shown if len(shown) <= 80 else f"{shown[:76]} ..."
    if isinstance(value, str | bytes) or not hasattr(value, "shape"):
        given = f"{name}={shown}"
    else:
        given = f"{name}={shown} of type {type(value).__name__}"
    msg = f"{given}; expected {expected}."
    raise ValueError(msg)


def whole_number(name: str, value: Any, least: int, expected: str) -> int:
    """
    Return an option that is a whole number, as an int.

    Of Python, NumPy, or an array without axes of any library; neither a flag nor a float, whatever
    its value.
    """
    try:
        number = operator.index(value)
    except Exception:  # libraries have their own for what is no whole number
        refuse(name, value, expected)
    if _is_flag(value) or getattr(value, "shape", ()) != () or number < least:
        refuse(name, value, expected)
    return int(number)


def real_number(name: str, value: Any, allowed: Callable[[float], bool], expected: str) -> float:
    """
    Return an option that is a real number, as a float.

    Of any type that has a float: of Python, NumPy, or an array without axes of any library. NaN is
    none, since it fails all comparisons in `allowed`.
    """
    if isinstance(value, str | bytes) or _is_flag(value) or getattr(value, "shape", ()) != ():
        refuse(name, value, expected)
    try:
        found = float(value)
    except Exception:  # as above
        refuse(name, value, expected)
    if not allowed(found):
        refuse(name, value, expected)
    return found


def tolerance(name: str, value: Any) -> float | None:
    """Return a tolerance of a drop-in, which may be infinite; None for None."""
    if value is None:
        return None
    expected = "a number that is not negative, or None"
    return real_number(name, value, lambda given: given >= 0, expected)


def flag(name: str, value: Any) -> bool:
    """Return an option that is True or False."""
    if not (isinstance(value, bool) or type(value).__name__ in ("bool_", "bool")):
        refuse(name, value, "True or False")
    return bool(value)


def flags(**given: Any) -> None:
    """Raise a ValueError unless all of some options are True or False."""
    for name, value in given.items():
        flag(name, value)


def chosen(name: str, value: Any, known: Iterable[str]) -> tuple[str, ...]:
    """Return an option that is one of some words, or several of them: one at least."""
    known = tuple(known)
    several = isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)
    found = tuple(value) if several else (value,)
    if not found or not all(isinstance(word, str) and word in known for word in found):
        again = isinstance(value, list | tuple) or not several  # an iterator is spent
        refuse(name, value if again else found, f"some of {known}, one at least")
    return tuple(dict.fromkeys(found))


def keywords(kwargs: Any) -> None:
    """Raise a ValueError unless `kwargs` are keyword arguments, or None."""
    named = isinstance(kwargs, Mapping) and all(isinstance(name, str) for name in kwargs)
    if kwargs is not None and not named:
        refuse("kwargs", kwargs, "a dict of func's keyword arguments, by their names")


def positions(argnums: Any, count: int) -> int | tuple[int, ...]:
    """Return argnums, an int or a tuple of ints from 0 on, after a check of their range."""
    several = isinstance(argnums, tuple | list)
    expected = (
        "the position of an argument of func, or a tuple of them, each once, from 0 to "
        f"{count - 1}: x0 is 0, those after it count on"
    )
    each = []
    for given in argnums if several else (argnums,):
        try:
            i = whole_number("argnums", given, -count, expected)
        except ValueError:
            i = count
        if i >= count:
            refuse("argnums", argnums, expected)
        each.append(i % count)
    if len(set(each)) < len(each) or not each:
        refuse("argnums", argnums, expected)
    return tuple(each) if several else each[0]


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool) or "bool" in str(getattr(value, "dtype", ""))
