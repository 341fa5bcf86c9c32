"""A verdict on what JAX or PyTorch computes for a function, custom rules included."""

from typing import Any, Unpack

from .._backends.typing import Function
from .._evaluation.options import Evaluation, Settings
from .._evaluation.values import Values
from .._report.combined import done
from .._report.report import Report
from .._vectors.callables import checked_callable
from .._vectors.listed import Listed
from .._vectors.primals import ArgNums
from .._vectors.tracked import tracked_point
from .._vectors.validation import chosen, flags, whole_number
from .._verdict.options import Options
from .against import verify_against
from .repeat import repeatable
from .rules import Lacking, Rules

_MODES = ("jvp", "vjp")


@repeatable
def verify_autodiff(
    func: Function,
    *primals: Any,
    argnums: ArgNums | None = None,
    order: int = 1,
    modes: tuple[str, ...] | None = None,
    kwargs: dict[str, Any] | None = None,
    has_aux: bool = False,
    vmap: bool = False,
    reference: Function | str | None = None,
    rtol: float | None = None,
    directions: int | str = "auto",
    budget: int | None = None,
    seed: int | None = None,
    **evaluation: Unpack[Evaluation],
) -> Report:
    """
    Tell whether the derivatives that JAX or PyTorch compute for a function are right at a point.

    For functions with rules of their own: `jax.custom_vjp`, `jax.custom_jvp`,
    `torch.autograd.Function`, kernels with a backward pass. What the library computes, in forward
    and in reverse mode, is checked against values of `func`; and so is what belongs to a rule: that
    the value it returns is func's own, that both modes are transposes of each other, that each is
    linear, and that it is the same under ``jit`` and ``vmap``.

    Parameters
    ----------
    func : callable
        Called as ``func(*primals, **kwargs)`` with arrays of JAX or PyTorch. Returns an array, or a
        pytree of them.
    *primals : array or pytree
        The point. An nn.Module, also one in a container, is differentiated by those of its
        parameters that require a gradient; `func` gets a private copy.
    argnums : int or tuple of int, optional
        Which of the primals derivatives are taken by. By default all that have floating numbers,
        and the parameters of `func` itself, where it is an nn.Module or a pytree that JAX knows;
        ``report.scope`` says what that was. With `argnums` the parameters of `func` are held fixed.
    order : int
        Of the derivatives: 2 also checks those of the gradient, and so on.
    modes : tuple of {'jvp', 'vjp'}, optional
        Which modes to check, forward and reverse. By default both, as far as func has them: a
        forward mode that it does not have is named in the report as not checked. Asked for by name,
        it makes the check inconclusive.
    kwargs : dict, optional
        Keyword arguments of `func`.
    has_aux : bool
        Whether `func` returns a pair, of which the second is no output.
    vmap : bool
        Whether a rule of PyTorch has to work under ``vmap`` too; rules of JAX always have to.
    reference : callable or 'forward', optional
        What to compare with instead of differences of values, entry by entry: another
        implementation, or func's own forward code, differentiated by the library. The check is then
        that of `verify_against`, which takes a handful of calls of any number of entries, and none
        of the options below but `seed`.
    rtol : float, optional
        The relative error that matters, as in `verify_grad`.
    directions : {'auto', 'all'} or int
        How the vjp is measured, as by `verify_grad`.
    budget : int, optional
        The most calls of `func` (of each derivative, for those of higher order).
    seed : int, optional
        Repeats a check; drawn afresh by default, and in the report.
    **evaluation : Evaluation
        How `func` is evaluated, see `Evaluation`: many points at a time, by workers, with a bar.

    Returns
    -------
    Report
        With what was checked in `checks`; the worst of them is the verdict.

    Raises
    ------
    TypeError
        If the arrays are of a library without automatic differentiation, or `func` returns no
        array of it.
    ValueError
        If an option is out of range.

    See Also
    --------
    verify_vjp, verify_jvp : For rules that are functions of their own.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> from gradproof import verify_autodiff
    >>> @jax.custom_vjp
    ... def square(x):
    ...     return x**2
    >>> square.defvjp(lambda x: (x**2, x), lambda x, ct: (ct * x,))  # forgot the 2
    >>> print(verify_autodiff(square, jnp.linspace(0.5, 1.5, 6), seed=0).verdict)
    fail
    """
    checked_callable(func, "func")
    if reference is not None:
        given = {"vmap": vmap, "rtol": rtol, "directions": directions, "budget": budget}
        _refuse_beside_reference({**given, **evaluation})
        how: dict[str, Any] = {"argnums": argnums, "order": order, "modes": modes, "seed": seed}
        report = verify_against(func, reference, *primals, kwargs=kwargs, has_aux=has_aux, **how)
        return report.without("linearity of each mode", "func under jit and vmap")
    options = Options.checked(rtol, budget, seed, directions)
    settings = Settings.checked(evaluation)
    lacking: Lacking = "said" if modes is None else "unsure"
    modes = chosen("modes", _MODES if modes is None else modes, _MODES)
    order = whole_number(
        "order", order, 1, "the order of the derivatives, a whole number, 1 or more"
    )
    flags(has_aux=has_aux, vmap=vmap)
    if not primals:
        msg = "verify_autodiff got a func and no primals; expected the arguments to call it with."
        raise TypeError(msg)
    func, point = tracked_point(func, primals, argnums, kwargs)
    point.with_entries()
    values = Values(func, point, options.budget, settings, has_aux=has_aux, tracked=True)
    _refuse_untracked(values)
    rules = Rules(values, point, options, modes, vmap=vmap, lacking=lacking)
    for depth in range(2, order + 1):
        gradient = point.backend.compiled(rules.gradient)
        listed = Listed(point)
        deeper = Values(gradient, listed, options.budget, settings)
        rules = Rules(
            deeper, listed, options, modes, vmap=vmap, depth=depth, below=rules, lacking=lacking
        )
    return done(rules.report())


def _refuse_beside_reference(given: dict[str, Any]) -> None:
    defaults = {"vmap": False, "rtol": None, "directions": "auto", "budget": None}
    for name, value in given.items():
        if name not in defaults or value != defaults[name]:
            msg = (
                f"{name}={value!r:.40} together with a reference; expected one of both: a "
                "comparison with a reference takes no differences of func."
            )
            raise ValueError(msg)


def _refuse_untracked(values: Values) -> None:
    for leaf, array in zip(values.outputs.leaves, values.outputs.like, strict=True):
        if not values.backend.is_native(array):
            at = f" at leaf {leaf.path}" if leaf.path else ""
            msg = (
                f"func returned {type(array).__name__}{at}, which no automatic differentiation "
                f"follows; expected arrays of {values.backend.name}."
            )
            raise TypeError(msg)
