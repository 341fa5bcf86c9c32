"""What torch's gradcheck checks beside the numbers of a gradient."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch._vmap_internals import _vmap
from torch.autograd import forward_ad
from torch.autograd.gradcheck import GradcheckError

from ..._backends.foreign import of_error
from ..._backends.torch.calls import SLOW
from ..._backends.torch.forward import dual_level
from ..._backends.unheard import unheard
from ..._report.verdicts import Check, Verdict

Tensors = list[torch.Tensor]


def gradients(outputs: Tensors, tensors: Tensors, weights: Tensors) -> list[torch.Tensor | None]:
    """Return the gradients of weighted outputs; None where autograd has none."""
    pairs = [(o, w) for o, w in zip(outputs, weights, strict=True) if o.requires_grad]
    if not pairs:
        return [None for _ in tensors]
    recorded, cotangents = zip(*pairs, strict=True)
    # Copies: a rule may write to what it is given.
    own = [weight.detach().clone() for weight in cotangents]
    return list(torch.autograd.grad(recorded, tensors, own, retain_graph=True, allow_unused=True))


def deterministic(outputs: Tensors, tensors: Tensors, weights: Tensors, tol: float) -> Check:
    """Return a check that the backward pass gives the same gradients twice."""
    name = "determinism of the backward pass"
    apart = 0.0
    once, again = (gradients(outputs, tensors, weights) for _ in range(2))
    for first, second in zip(once, again, strict=True):
        if first is None or second is None or not first.numel():
            continue
        # Detached: a backward pass that records itself returns gradients with a graph.
        gap = torch.nan_to_num((_dense(first) - _dense(second)).detach().abs())
        apart = max(apart, float(gap.max()))
    if apart > tol:
        text = (
            "backward is not reentrant: run twice on the same input and grad_output, it returned "
            f"gradients that are {apart:.3g} apart; nondet_tol={tol:g} is allowed"
        )
        return Check(name, Verdict.FAIL, text)
    return Check(name, Verdict.PASS, f"{apart:.0e} apart")


def _dense(tensor: torch.Tensor) -> torch.Tensor:
    return tensor if tensor.layout is torch.strided else tensor.to_dense()


def of_zero(outputs: Tensors, tensors: Tensors, names: list[str], frozen: Tensors) -> Check:
    """Return a check that the gradient for a grad_output of zero is zero, and a dense tensor."""
    name = "grad_output of zero"
    found = gradients(outputs, tensors, [torch.zeros_like(o) for o in outputs])
    for path, gradient, tensor, fixed in zip(names, found, tensors, frozen, strict=True):
        if gradient is None:
            continue
        if gradient.layout != tensor.layout:
            msg = (
                f"grad is incorrect layout: {gradient.layout} by {path}, whose layout is "
                f"{tensor.layout}. Return a dense gradient, or check func with sparse=False."
            )
            raise GradcheckError(msg)
        if not (gradient.eq(0) | fixed).all():
            text = f"backward not multiplied by grad_output: for zeros it gives no zeros by {path}"
            return Check(name, Verdict.FAIL, text)
    return Check(name, Verdict.PASS, "gives a gradient of zero")


def of_fixed(
    outputs: Tensors, tensors: Tensors, weights: Tensors, names: list[str], frozen: Tensors
) -> Check:
    """Return a check that the gradient by what is not finite, and moves nothing, is zero."""
    name = "gradient where the input is not finite"
    found = gradients(outputs, tensors, weights)
    for path, gradient, fixed in zip(names, found, frozen, strict=True):
        if gradient is not None and not _dense(gradient)[fixed].eq(0).all():
            text = f"the gradient by {path} is not zero where it is not finite, and func is"
            return Check(name, Verdict.FAIL, text)
    return Check(name, Verdict.PASS, "is zero")


def undefined_backward(call: Callable[[], Tensors], tensors: Tensors, frozen: Tensors) -> Check:
    """Return a check that undefined grad_outputs, one or all, are taken for zeros."""
    name = "undefined grad_outputs"
    outputs = call()
    # All at once, then, where there are several, one at a time.
    for chosen in [None, *(range(len(outputs)) if len(outputs) > 1 else ())]:
        outputs = call()
        undefined = [
            torch._C._functions.UndefinedGrad()(o) if chosen in (None, i) else o
            for i, o in enumerate(outputs)
        ]
        try:
            found = gradients(undefined, tensors, [torch.zeros_like(o) for o in outputs])
        except RuntimeError as err:
            text = f"backward does not take an undefined grad_output (None): {of_error(err)}"
            return Check(name, Verdict.FAIL, text)
        for gradient, fixed in zip(found, frozen, strict=True):
            if gradient is not None and not (_dense(gradient).eq(0) | fixed).all():
                text = "backward gives no zeros for grad_outputs that are undefined or zero"
                return Check(name, Verdict.FAIL, text)
    return Check(name, Verdict.PASS, "are taken for zeros")


Leafwise = Callable[[Tensors], Tensors]


def _pushed(func: Leafwise, leaves: Tensors, tangents: list[torch.Tensor | None]) -> Tensors:
    """Return the tangents of func's results; a tangent of None is an undefined one."""
    with dual_level():
        outputs = func(
            [
                leaf.detach().clone()
                if t is None
                else forward_ad.make_dual(leaf.detach().clone(), t.clone())
                for leaf, t in zip(leaves, tangents, strict=True)
            ]
        )
        duals = [forward_ad.unpack_dual(o) for o in outputs]
        return [torch.zeros_like(d.primal) if d.tangent is None else d.tangent for d in duals]


def _differ(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Tell whether two tensors differ by more than the roundings of one computation."""
    one, other = one.detach(), other.detach()
    dtype = one.dtype
    size = float(torch.nan_to_num(other.abs()).max()) if other.numel() else 0.0
    return not torch.allclose(
        one, other, rtol=0.0, atol=64 * torch.finfo(dtype).eps * size, equal_nan=True
    )


def undefined_forward(
    func: Leafwise, leaves: Tensors, tangents: Tensors, names: list[str]
) -> Check:
    """Return a check that an undefined tangent is taken for zeros."""
    name = "undefined tangents"
    for i, path in enumerate(names):
        zero = [torch.zeros_like(t) if j == i else t for j, t in enumerate(tangents)]
        undefined = [None if j == i else t for j, t in enumerate(tangents)]
        pairs = zip(_pushed(func, leaves, zero), _pushed(func, leaves, undefined), strict=True)
        if any(_differ(got, expected) for got, expected in pairs):
            text = f"an undefined tangent of {path} gives other tangents than one of zeros"
            return Check(name, Verdict.FAIL, text)
    return Check(name, Verdict.PASS, "are taken for zeros")


def kinds_of_tangents(func: Leafwise, leaves: Tensors, tangents: Tensors) -> Check:
    """Return a check that tangents are complex where func's results are, and only there."""
    name = "dtypes of tangents"
    with dual_level():
        pairs = zip(leaves, tangents, strict=True)
        for output in func([forward_ad.make_dual(leaf.detach(), t) for leaf, t in pairs]):
            primal, tangent = forward_ad.unpack_dual(output)
            if tangent is not None and primal.is_complex() != tangent.is_complex():
                text = f"the tangent of a result of dtype {primal.dtype} has dtype {tangent.dtype}"
                return Check(name, Verdict.FAIL, text)
    return Check(name, Verdict.PASS, "are those of func's results")


def batched_forward(
    func: Leafwise, leaves: Tensors, pairs: tuple[Tensors, Tensors], names: list[str]
) -> Check:
    """Return a check that forward mode gives the same under vmap."""
    name = "forward mode under vmap"
    for i, path in enumerate(names):

        def jvp(tangent: torch.Tensor, i: int = i) -> tuple[torch.Tensor, ...]:
            only: list[torch.Tensor | None] = [None] * len(leaves)
            only[i] = tangent
            return tuple(_pushed(func, leaves, only))

        both = [tangents[i] for tangents in pairs]
        expected = [torch.stack(shards) for shards in zip(*map(jvp, both), strict=True)]
        try:
            with unheard(SLOW):
                # Not torch.vmap, which has no rule for dual tensors: torch's own check and its
                # ``is_grads_batched`` use this one.
                found = _vmap(jvp)(torch.stack(both))
        except RuntimeError as err:
            text = f"while computing batched gradients in forward mode: {of_error(err, 350)}"
            return Check(name, Verdict.FAIL, text)
        if any(_differ(got, wanted) for got, wanted in zip(found, expected, strict=True)):
            return Check(name, Verdict.FAIL, f"tangents of {path} give something else under vmap")
    return Check(name, Verdict.PASS, "gives the same")


def within(
    analytical: np.ndarray, measured: Callable[[int], Any], atol: float, rtol: float
) -> bool:
    """Tell whether all columns of a Jacobian are within tolerances of measured ones."""
    for i in range(analytical.shape[1]):
        column = measured(i)
        # NaN is within nothing.
        if not (np.abs(analytical[:, i] - column) <= atol + rtol * np.abs(column)).all():
            return False
    return True
