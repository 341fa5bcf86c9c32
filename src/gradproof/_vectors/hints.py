"""What may be behind an error, in one sentence: an option forgotten, a wrong order, no flag."""

from collections.abc import Sequence
from typing import Any

#: The option by which a claim is said to return func's value too.
_WITH_VALUE = {
    "grad": "value_and_grad=True to verify_grad",
    "jac": "value_and_jac=True to verify_jac",
    "jvp": "with_value=True to verify_jvp",
}
_AUX = " If the second item of what func returns is no output of it, pass has_aux=True."


def swapped(name: str) -> str:
    """Return the words for a claim that looks like func, and func like the claim."""
    return f" It looks as if the two were swapped: func comes first, then {name}."


def of_pair(claim: Any, name: str) -> str:
    """Return what to do about a claim that came as a pair: func's value and the derivative."""
    option = _WITH_VALUE.get(name.partition("[")[0].partition(" ")[0])
    if not (isinstance(claim, (tuple, list)) and len(claim) == 2 and option):
        return ""
    return f" If it is func's value and the derivative, pass {option}."


def of_output(value: Any, name: str, *, like_claim: bool) -> str:
    """
    Return what to do about a func that returned more than was expected.

    Parameters
    ----------
    value : object
        What it returned.
    name : str
        What the claim is called.
    like_claim : bool
        Whether that has the structure and the shapes of what was expected of the claim.
    """
    if like_claim:
        return f" If that is what {name} is to return:{swapped(name).lower()}"
    return _AUX if isinstance(value, tuple) and len(value) == 2 else ""


def of_exception(err: Exception, arguments: Sequence[Any], tensors: Sequence[Any] = ()) -> str:
    """
    Return what may be behind an exception of the user's function, called at x0.

    Parameters
    ----------
    err : Exception
        What it raised.
    arguments : sequence
        Its positional arguments, as the user gave them.
    tensors : sequence of array
        What it is differentiated by.
    """
    text = str(err)
    if isinstance(err, TypeError) and "positional argument" in text and "__" not in text:
        several = [value for value in arguments if isinstance(value, (tuple, list))]
        if len(arguments) == 1 and several:
            return (
                f". It was called with one argument, a {type(several[0]).__name__} of "
                f"{len(several[0])}: pass arguments one after the other, without brackets around "
                "them, and argnums=(0, 1, ...) to differentiate by several"
            )
        return (
            f". func is called with x0 and what follows it ({len(arguments)} in all), a claim that "
            "is a product with a tangent or cotangent as well: are they in this order, func first?"
        )
    if "does not require grad" in text and not any(
        getattr(tensor, "requires_grad", True) for tensor in tensors
    ):
        return (
            ". x0 does not require a gradient: call x0.requires_grad_() before, or, in the "
            "function, x = x.detach().requires_grad_()"
        )
    return ""
