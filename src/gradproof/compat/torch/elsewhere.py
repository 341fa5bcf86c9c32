"""Whether func reads the user's own tensors rather than those that it is given."""

from collections.abc import Callable

import torch

from ..._verdict.options import Options
from .checks import Tensors, gradients
from .inputs import Differentiable, Inputs, as_tuple

#: From this share of it on, two gradients at one point are not one gradient with its rounding.
_ANOTHER = 0.1
#: Entries are moved by this share of the largest of their tensor: far above any rounding.
_SHARE = 2.0**-7


def leafwise(func: Differentiable, point: Inputs) -> Callable[[Tensors], Tensors]:
    """Return func as one from the tensors that are moved to those that it returns."""
    return lambda leaves: [t for t in as_tuple(point.call(func, leaves)) if t is not None]


def weights(outputs: Tensors, point: Inputs, options: Options, stream: int) -> Tensors:
    """Return random grad_outputs for some results."""
    rng = options.rng(stream)
    drawn = [rng.choice([-1.0, 1.0], o.shape) * rng.uniform(1, 2, o.shape) for o in outputs]
    return [point.backend.from_host(d, o.detach()) for d, o in zip(drawn, outputs, strict=True)]


def by_gradients(func: Differentiable, tensors: Tensors, point: Inputs, options: Options) -> bool:
    """Tell it by the gradients: they belong to the tensors that func reads."""
    weighted = weights(func.outputs, point, options, 5)
    own = gradients(func.outputs, tensors, weighted)
    copies: Tensors = [point.backend.copy(array) for array in point.arrays]
    for copy in copies:
        copy.requires_grad_()
    given = gradients(leafwise(func, point)(copies), copies, weighted)
    for mine, theirs in zip(own, given, strict=True):
        if mine is None or mine.layout is not torch.strided or not mine.numel():
            continue
        gap = mine if theirs is None else mine - theirs
        if torch.nan_to_num(gap.abs()).max() > _ANOTHER * torch.nan_to_num(mine.abs()).max():
            return True
    return False


def by_values(func: Differentiable, point: Inputs) -> bool:
    """Tell it by func's values, where its backward pass is not asked for and may not exist."""

    def values() -> Tensors:
        copies: Tensors = [point.backend.copy(array) for array in point.arrays]
        for copy in copies:
            copy.requires_grad_()
        found = as_tuple(point.call_with(func, copies))
        return [t.detach().clone() for t in found if t is not None]

    before = values()
    with point.in_place():
        point.write([_away(array) for array in point.arrays])
        try:
            after = values()
        except Exception:  # of the user's tensors: nothing else has changed
            return True
    pairs = zip(before, after, strict=True)
    return not all(torch.allclose(a, b, rtol=0, atol=0, equal_nan=True) for a, b in pairs)


def _away(array: torch.Tensor) -> torch.Tensor:
    return array + _SHARE * array.abs().max() if array.any() else array + _SHARE
