"""One check of torch's gradcheck: what is asked for, and the report on it."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ..._checks.cotangents import POSITIVE
from ..._checks.rules import Rules
from ..._evaluation.values import Values
from ..._report.combined import done
from ..._report.report import Report
from ..._report.verdicts import Check, Verdict
from ..._vectors.layout import flat_numbers
from ..._vectors.numbers import as_numbers
from ..._vectors.tangents import tangent
from ..._verdict.options import Options
from .checks import (
    Tensors,
    batched_forward,
    deterministic,
    gradients,
    kinds_of_tangents,
    of_fixed,
    of_zero,
    undefined_backward,
    undefined_forward,
    within,
)
from .elsewhere import by_gradients, by_values, leafwise, weights
from .inputs import Differentiable, Inputs, as_tuple, followed, numbers
from .refusals import refuse_another_shape, refuse_inputs, refuse_results

#: The checks that compare derivatives with values of func: what a tolerance is about.
_COMPARED = {"vjp", POSITIVE, "jvp", "forward against reverse"}


@dataclass(frozen=True)
class Settings:
    """
    What the user asks for.

    Attributes
    ----------
    modes : tuple of {'vjp', 'jvp'}
        Reverse and forward mode.
    tolerances : tuple of float or None
        eps, atol and rtol.
    nondet_tol : float
        What two backward passes may differ by.
    undefined, dtypes, batched, batched_forward : bool
        Whether to check undefined gradients, dtypes of tangents, and each mode under vmap.
    """

    modes: tuple[str, ...]
    tolerances: tuple[float | None, float | None, float | None]
    nondet_tol: float
    undefined: bool
    dtypes: bool
    batched: bool
    batched_forward: bool


def checked(
    func: Callable[..., Any],
    inputs: tuple[Any, ...],
    names: Callable[[int], str],
    settings: Settings,
) -> tuple[Report | None, bool]:
    """
    Check the derivatives of a function.

    Parameters
    ----------
    func : callable
        Takes the inputs.
    inputs : tuple
        Those tensors that require a gradient are moved.
    names : callable
        From the position of an input to its name.
    settings : Settings
        What to check.

    Returns
    -------
    report : Report or None
        None if there is no number to be differentiated.
    is_excepted : bool
        Whether what the report finds is within the tolerances that the user gave.
    """
    tensors = followed(inputs)
    refuse_inputs(inputs, tensors, names)
    value = func(*inputs)  # the user's own tensors, as the original does
    refuse_results(value)
    if isinstance(value, tuple | list) and not value:  # which the original accepts too
        return None, False
    usable = Differentiable(func, value, inputs)
    outputs = usable.outputs
    if not numbers(outputs) or not numbers(tensors):
        if "vjp" in settings.modes:  # which has to work all the same
            gradients(outputs, tensors, [torch.zeros_like(o) for o in outputs])
        return None, False
    frozen = _frozen(outputs, tensors, unseen=bool(usable.unseen))
    point = Inputs(inputs, frozen, names)
    # The same in every run; `torch.initial_seed()` is not, where nobody has seeded torch.
    options = Options.checked(None, None, 0)
    options = replace(options, stationary=True)
    others: list[Check] = []
    if "vjp" in settings.modes:
        others += _of_reverse(usable, tensors, point, options, settings)
        elsewhere = by_gradients(usable, tensors, point, options)
    else:
        elsewhere = by_values(usable, point)
    if "jvp" in settings.modes:
        others += _of_forward(usable, point, options, settings)
    late = _of_undefined(usable, inputs, point, options, settings, others)
    with point.in_place() if elsewhere else nullcontext():
        report, is_excepted = _judged(usable, point, options, settings, others)
    if usable.changed is not None:
        refuse_another_shape(usable, point, settings.tolerances[0])
    if late is not None and report.verdict is not Verdict.FAIL:
        raise late
    return report, is_excepted


def _of_undefined(
    func: Differentiable,
    inputs: tuple[Any, ...],
    point: Inputs,
    options: Options,
    settings: Settings,
    others: list[Check],
) -> Exception | None:
    """
    Append the checks of undefined grad_outputs and tangents.

    What a hook or a rule raises of them is returned: the original gets there last of all, and says
    first what else is wrong.
    """

    def again() -> Tensors:
        return [t for t in as_tuple(func(inputs)) if t is not None]

    try:
        if settings.undefined and "vjp" in settings.modes:
            others.append(undefined_backward(again, followed(inputs), point.frozen))
        if settings.undefined and "jvp" in settings.modes:
            names = [leaf.path for leaf in point.leaves]
            tangents = _tangents(point, options, 7)
            others.append(undefined_forward(leafwise(func, point), point.copies(), tangents, names))
    except Exception as err:
        return err
    return None


def _tangents(point: Inputs, options: Options, stream: int) -> Tensors:
    return list(point.native(tangent(point, options.rng(stream), slice(None))))


def _frozen(outputs: Tensors, tensors: Tensors, *, unseen: bool) -> Tensors:
    """Return which entries of the tensors cannot be moved."""
    frozen = [~torch.isfinite(t.detach()) for t in tensors]
    if unseen:
        # What leads to a result that is not finite may have no gradient even for a grad_output of
        # zero, as log at 0: that says nothing about the rule.
        found = gradients(outputs, tensors, [torch.ones_like(o) for o in outputs])
        for mask, gradient in zip(frozen, found, strict=True):
            if gradient is not None and gradient.layout is torch.strided:
                mask |= ~torch.isfinite(gradient)
    return frozen


def _of_reverse(
    func: Differentiable,
    tensors: Tensors,
    point: Inputs,
    options: Options,
    settings: Settings,
) -> list[Check]:
    """Return the checks of the backward pass that need no other point."""
    outputs, names, frozen = func.outputs, [leaf.path for leaf in point.leaves], point.frozen
    weighted = weights(outputs, point, options, 6)
    checks = [
        deterministic(outputs, tensors, weighted, settings.nondet_tol),
        of_zero(outputs, tensors, names, frozen),
    ]
    if not func.unseen and any(mask.any() for mask in frozen):
        checks.append(of_fixed(outputs, tensors, weighted, names, frozen))
    return checks


def _of_forward(
    func: Differentiable, point: Inputs, options: Options, settings: Settings
) -> list[Check]:
    """Return the checks of forward mode that need no other point."""
    names, leaves, call = (
        [leaf.path for leaf in point.leaves],
        point.copies(),
        leafwise(func, point),
    )
    first, second = (_tangents(point, options, stream) for stream in (7, 8))
    checks = []
    if settings.dtypes:
        checks.append(kinds_of_tangents(call, leaves, first))
    if settings.batched_forward:
        checks.append(batched_forward(call, leaves, (first, second), names))
    return checks


def _judged(
    func: Differentiable, point: Inputs, options: Options, settings: Settings, others: list[Check]
) -> tuple[Report, bool]:
    """Return the report on the derivatives, and whether the user's tolerances excuse it."""
    values = Values(func, point, None)
    rules = Rules(values, point, options, settings.modes, vmap=settings.batched, lacking="raised")
    report = done(rules.report(others), "inputs")
    remarks = [f"{c.name}: {c.text}" for c in report.checks if c in others and c.verdict != "pass"]
    if any(o.grad_fn is not None and o.grad_fn.name().endswith("Error") for o in func.outputs):
        remarks.append(
            "a backward pass is marked once_differentiable: it has no derivative of its own"
        )
    report = report.with_remarks(remarks)
    if report.ok and func.unseen:
        text = "no slope where func is not finite: " + ", ".join(func.unseen)
        unseen = Check("results", Verdict.INCONCLUSIVE, text)
        checks = (*report.checks, unseen)
        report = replace(report, verdict=unseen.verdict, reason=text, checks=checks)
    if report.ok or settings.tolerances == (None, None, None):
        return report, False
    wrong = {check.name for check in report.checks if check.verdict is not Verdict.PASS}
    return report, wrong <= _COMPARED and _is_excepted(values, point, settings, report.rtol)


def _is_excepted(values: Values, point: Inputs, settings: Settings, material: float) -> bool:
    """Tell whether derivatives are within the user's tolerances, compared as the original does."""
    eps, atol, rtol = settings.tolerances
    step = values.eps ** (1 / 3) if eps is None else eps
    n, m = point.x.size, values.at_x0.size
    backend = values.backend

    def measured(i: int) -> Any:
        displacement = np.zeros(n)
        displacement[i] = step
        plus, up = values.at(displacement)
        minus, down = values.at(-displacement)
        with np.errstate(all="ignore"):
            return (plus - minus) / (up[i] - down[i])

    analytical = []
    if "vjp" in settings.modes:
        _, pull = backend.vjp(values.arrays_at, point.copies())
        rows = [pull(values.outputs.cotangent(one)) for one in np.eye(m)]
        analytical.append(
            np.stack([point.slopes([as_numbers(backend, g, "vjp") for g in row]) for row in rows])
        )
    if "jvp" in settings.modes:
        pushed = [
            backend.jvp(values.arrays_at, point.copies(), point.native(one))[1] for one in np.eye(n)
        ]
        columns = [flat_numbers(backend.to_host(p)) for p in pushed]
        analytical.append(np.stack(columns, axis=1))
    allowed = (0.0 if atol is None else atol), (material if rtol is None else rtol)
    return all(within(jacobian, measured, *allowed) for jacobian in analytical)
