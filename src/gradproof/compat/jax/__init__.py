"""
The functions of `jax.test_util`, judged without a tolerance.

`check_grads`, `check_jvp` and `check_vjp` have the signatures of JAX's own: replace the import. A
wrong derivative raises an AssertionError, as there; one of which nothing can be said raises
`gradproof.Inconclusive`.
"""

try:
    import jax as _  # noqa: F401
except ImportError as err:
    msg = 'gradproof.compat.jax needs JAX: pip install "gradproof[jax]"'
    raise ImportError(msg) from err

from collections.abc import Iterable
from typing import Any

from ..._backends.typing import Function
from ..._claims.gradient import pair
from ..._report.combined import done
from ..._report.report import Report
from ..._report.verdicts import Inconclusive, Verdict, WrongDerivative
from ..._vectors.callables import checked_callable
from ..._vectors.validation import chosen, whole_number
from .functions import Results
from .leaves import Arguments, LeafFunction
from .orders import Derivatives, Level
from .rules import forward, reverse
from .values import Tolerance, Tolerances, values_of

__all__ = ["check_grads", "check_jvp", "check_vjp"]
#: The words for each mode, as JAX has them.
_MODES = {"fwd": "JVP", "rev": "VJP", "lin": "LIN"}


def check_grads(
    f: Function,
    args: Iterable[Any],
    order: int,
    modes: Iterable[str] = ("fwd", "rev"),
    atol: Tolerance = None,
    rtol: Tolerance = None,
    eps: float | None = None,
) -> None:
    """
    Check what JAX computes as derivatives of a function, custom rules included.

    Drop-in for `jax.test_util.check_grads`. Steps and the noise of `f` are measured, in the dtype
    that there is, and no tolerance is needed.

    Parameters
    ----------
    f : callable
        Called as ``f(*args)`` with arrays of JAX; returns an array, a number or a pytree of them.
    args : tuple of pytrees
        The point. Whole numbers and booleans, and entries that are not finite, are held fixed.
    order : int
        Derivatives up to this order are checked, in all combinations of modes.
    modes : collection of {'fwd', 'rev', 'lin'}
        Forward mode, reverse mode, and forward mode by `jax.linearize`.
    atol, rtol : float or dict of dtype to float, optional
        Not needed. What is given excuses: a derivative that does not pass is accepted if it is off
        by at most ``atol + rtol * abs(expected)`` in each output, whatever its size, along the
        direction and by the central difference of JAX's own check. `rtol` is also the relative
        error that matters in the verdict.
    eps : float, optional
        Not needed. Step of that difference; without tolerances it has no effect.

    Raises
    ------
    AssertionError
        If a derivative is wrong (`gradproof.WrongDerivative`), or nothing can be said
        (`gradproof.Inconclusive`); with the text of the report, after the chain of modes.
    ValueError
        If there is another mode in `modes`, or a tolerance is out of range.
    TypeError
        As JAX raises it, if `f` cannot be differentiated in a mode.

    See Also
    --------
    gradproof.verify_autodiff : Returns a report, and checks more: rules under jit and vmap.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from gradproof.compat.jax import check_grads
    >>> check_grads(jnp.tanh, (jnp.linspace(0.5, 1.5, 6, dtype=jnp.bfloat16),), order=2)
    """
    __tracebackhide__ = True  # pytest then shows the line of the test
    checked_callable(f, "f")
    modes = _checked_modes(modes)
    order = whole_number("order", order, 0, "the order of the derivatives, a whole number")
    verdicts = _Verdicts(Tolerances(atol, rtol, eps), "")
    arguments = Arguments(tuple(args))
    point = arguments.point()
    function = LeafFunction(f, arguments)
    if function.nothing_finite:
        function.refuse_finite_derivatives(modes)
        return
    level = Level.of(function, function.names(), point)
    _check_orders(level, order, modes, verdicts)
    verdicts.settle()


def check_jvp(
    f: Function,
    f_jvp: Function,
    args: Iterable[Any],
    atol: Tolerance = None,
    rtol: Tolerance = None,
    eps: float | None = None,
    err_msg: str = "",
) -> None:
    """
    Check a jvp, the product of a Jacobian with a tangent.

    Drop-in for `jax.test_util.check_jvp`.

    Parameters
    ----------
    f : callable
        Called as ``f(*args)``, as by `check_grads`.
    f_jvp : callable
        The claim, called as ``f_jvp(args, tangents)`` with two tuples; returns the value of `f` and
        its tangent, as `jax.jvp` does.
    args : tuple of pytrees
        The point. Tangents of whole numbers and booleans are of float0.
    atol, rtol, eps : float, optional
        Not needed; see `check_grads`.
    err_msg : str
        Begins the message of a failure.

    Raises
    ------
    AssertionError
        As by `check_grads`; also if the value beside the tangent is not that of `f`, or has another
        dtype.
    ValueError, TypeError
        If the claim has another structure or shape than the result of `f`.

    See Also
    --------
    gradproof.verify_jvp : Returns a report.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> from functools import partial
    >>> from gradproof.compat.jax import check_jvp
    >>> check_jvp(jnp.sin, partial(jax.jvp, jnp.sin), (jnp.linspace(0.5, 1.5, 6),))
    """
    __tracebackhide__ = True
    checked_callable(f, "f")
    checked_callable(f_jvp, "f_jvp")
    arguments = Arguments(tuple(args))
    verdicts = _Verdicts(Tolerances(atol, rtol, eps), err_msg)
    point = arguments.point()
    function = LeafFunction(f, arguments)
    function.refuse_nothing_finite()

    def push(leaves: list[Any], tangents: list[Any]) -> tuple[Results, Results]:
        claim = f_jvp(arguments.at(leaves), arguments.tangents(tangents))
        value, tangent = pair(claim, "f_jvp", "it", "f's value and its tangent")
        for part, what in ((value, "value"), (tangent, "tangent")):
            if other := function.other_dtype(part, what):
                verdicts.wrong(other)
        return function.floating(value, "f_jvp"), function.tangents(tangent)

    values = values_of(function, function.names(), point)
    if values is not None:
        verdicts.add("", forward(values, push, verdicts.tolerances))
    verdicts.settle()


def check_vjp(
    f: Function,
    f_vjp: Function,
    args: Iterable[Any],
    atol: Tolerance = None,
    rtol: Tolerance = None,
    eps: float | None = None,
    err_msg: str = "",
) -> None:
    """
    Check a vjp, the product of a cotangent with a Jacobian.

    Drop-in for `jax.test_util.check_vjp`.

    Parameters
    ----------
    f : callable
        Called as ``f(*args)``, as by `check_grads`.
    f_vjp : callable
        The claim, called as ``f_vjp(*args)``; returns the value of `f` and a function from a
        cotangent to a tuple of gradients, one for each of `args`, as `jax.vjp` does.
    args : tuple of pytrees
        The point. Gradients by whole numbers and booleans are not looked at.
    atol, rtol, eps : float, optional
        Not needed; see `check_grads`.
    err_msg : str
        Begins the message of a failure.

    Raises
    ------
    AssertionError
        As by `check_grads`; also if the value beside the function is not that of `f`.
    ValueError, TypeError
        If the claim has another structure than `args`, or a gradient another shape.

    See Also
    --------
    gradproof.verify_vjp : Returns a report.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> from functools import partial
    >>> from gradproof.compat.jax import check_vjp
    >>> check_vjp(jnp.sin, partial(jax.vjp, jnp.sin), (jnp.linspace(0.5, 1.5, 6),))
    """
    __tracebackhide__ = True
    checked_callable(f, "f")
    checked_callable(f_vjp, "f_vjp")
    arguments = Arguments(tuple(args))
    verdicts = _Verdicts(Tolerances(atol, rtol, eps), err_msg)
    point = arguments.point()
    function = LeafFunction(f, arguments)
    function.refuse_nothing_finite()

    def pull(leaves: list[Any], cotangents: list[Any]) -> tuple[Results, list[Any]]:
        claim = f_vjp(*arguments.at(leaves))
        value, pullback = pair(claim, "f_vjp", "it", "f's value and a function")
        results = function.floating(value, "f_vjp")
        return results, arguments.gradients(pullback(function.cotangent(value, cotangents)))

    values = values_of(function, function.names(), point)
    if values is not None:
        verdicts.add("", reverse(values, pull, verdicts.tolerances))
    verdicts.settle()


def _checked_modes(modes: Any) -> list[str]:
    asked = chosen("modes", modes, _MODES)
    return [mode for mode in _MODES if mode in asked]


class _Verdicts:
    """
    What several checks said: a fail raises at once, the rest is settled in the end.

    Parameters
    ----------
    tolerances : Tolerances
        As given.
    err_msg : str
        Begins the messages.
    """

    def __init__(self, tolerances: Tolerances, err_msg: str) -> None:
        self.tolerances, self._err_msg = tolerances, err_msg
        self._open: list[str] = []

    def add(self, name: str, report: Report) -> None:
        """Take a report on what is called `name`."""
        __tracebackhide__ = True
        report = done(report, "args")
        if report.verdict is Verdict.FAIL:
            self.wrong(str(report), name)
        if report.verdict is Verdict.INCONCLUSIVE:
            self._open.append(self._text(name, str(report)))

    def wrong(self, text: str, name: str = "") -> None:
        """Raise a WrongDerivative with a text."""
        __tracebackhide__ = True
        raise WrongDerivative(self._text(name, text))

    def settle(self) -> None:
        """Raise an Inconclusive if a report was so."""
        __tracebackhide__ = True
        if self._open:
            raise Inconclusive("\n".join(self._open))

    def _text(self, name: str, text: str) -> str:
        return ": ".join(part for part in (self._err_msg, name, text) if part)


def _check_orders(level: Level, order: int, modes: list[str], verdicts: _Verdicts) -> None:
    """Check a function in all modes, and what each mode computes for it, if the order says so."""
    __tracebackhide__ = True
    values = level.values()
    if values is None:
        return
    derivatives = Derivatives(level.function, values)
    for mode in modes:
        name = f"{_MODES[mode]} of {level.label}" if level.label else _MODES[mode]
        verdicts.add(name, derivatives.report(mode, verdicts.tolerances))
        if order > 1:
            _check_orders(derivatives.below(mode, name), order - 1, modes, verdicts)
