"""That a derivative is the same however the arrays that it is computed from lie in memory."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .._backends.foreign import of_error
from .._claims.vjp import Vjp
from .._evaluation.values import Values
from .._numerics.rounding import ROUNDINGS
from .._report.verdicts import Check, Verdict
from .._vectors.layout import flat_numbers
from .._vectors.numbers import as_numbers
from .consistency import alike, same_vjp, value_is

#: The name of the check of a vjp.
LAYOUT = "layout of the cotangent"
#: What is said of each layout.
_WORDS = {
    "transposed": "not contiguous, as that of a transposed result is",
    "expanded": "expanded (of stride 0), as that of a sum is",
}
#: A share of a vjp that is too much to be allowed without another look; half precision allows it.
_MUCH = 1e-3
#: How many entries may all be within it by chance: of 8 none was in 60 checks.
_FEW = 32


def of_cotangent(claim: Vjp, values: Values, rtol: float) -> list[Check]:
    """
    Return a check that a vjp is the same for cotangents of other layouts; none if there are none.

    A rule that reads its cotangent as if it were contiguous is right for the one that a check
    makes, and wrong for those that sums and transposes hand over.
    """
    name, there = LAYOUT, values.outputs.layouts()
    for layout in there:
        what = f"the {claim.name} assumes a contiguous cotangent (grad_output): for one that is "
        what += _WORDS[layout]
        for u in _cotangents(claim, layout):
            expected = claim.at_x0 if u is claim.u else claim.of(u)
            try:
                again = claim.of(u, layout=layout)
            except Exception as err:
                if layout == "expanded" and claim.writes:
                    continue  # to memory that entries share: the library refuses, loudly
                return [Check(name, Verdict.FAIL, f"{what}, it raises {of_error(err)}")]
            again = _where_finite(again, expected)
            texts = name, f"{what}, the same numbers, it gives another gradient"
            check = same_vjp(claim, (u, expected, again), values, texts, rtol)
            if check.verdict is not Verdict.PASS:
                return [check]
    return [Check(name, Verdict.PASS, "makes no difference")] if there else []


def _cotangents(claim: Vjp, layout: str) -> list[np.ndarray]:
    """
    Return the cotangents that are tried in a layout.

    Of few numbers in half precision those at wrong places may all be within the rounding that is
    allowed: of five entries for one cotangent in six. So there are four then.
    """
    if layout == "expanded":
        return [np.ones_like(claim.u)]  # of stride 0: all equal
    if claim.u.size > _FEW or ROUNDINGS * claim.eps < _MUCH:
        return [claim.u]
    rng, other = np.random.default_rng(0), np.where(np.arange(claim.u.size) % 2, -1.0, 1.0)
    drawn = [rng.permutation(claim.u) * rng.choice((-1.0, 1.0), claim.u.size) for _ in range(2)]
    return [claim.u, claim.u * other, *drawn]


def of_inputs(
    claim: Vjp, values: Values, leaves: list[Any], rtol: float, refused: Callable[[str], None]
) -> list[Check]:
    """
    Return a check that func, and what autodiff makes of it, are the same for x0 of another layout.

    Parameters
    ----------
    claim : Vjp
        What autodiff makes of func.
    values : Values
        Func.
    leaves : list of array
        Those of x0, in memory of another layout.
    rtol : float
        The relative error that matters.
    refused : callable
        Told why, if func does not take such an x0: it may say so.

    Returns
    -------
    list of Check
        Empty if it does not.
    """
    name, backend = "layout of x0", values.backend
    try:
        outputs, pull = backend.vjp(values.arrays_at, leaves)
    except Exception as err:
        refused(f"it raises {of_error(err)}")
        return []
    given = _where_finite(flat_numbers(backend.to_host(outputs)), values.returned)
    what = f"func assumes a contiguous x0: for one that is {_WORDS['transposed']}, "
    check = value_is(values, given, name, f"{what}the same numbers, it returns something else")
    if check.verdict is not Verdict.PASS:
        if not backend.draws(lambda: values.arrays_at(claim.point.copies())):
            return [check]
        refused("it draws random numbers")
        return []
    try:
        gradients = pull(values.outputs.cotangent(claim.u))
    except Exception as err:
        return [Check(name, Verdict.FAIL, f"{what}the vjp raises {of_error(err)}")]
    again = claim.point.slopes([as_numbers(backend, g, name) for g in gradients])
    again = _where_finite(again, claim.at_x0)
    texts = name, f"{what}the same numbers, the vjp is another one"
    check = same_vjp(claim, (claim.u, claim.at_x0, again), values, texts, rtol)
    if check.verdict is Verdict.FAIL:
        # Which of equal entries a maximum or a sort takes may hang on the layout. Then their sum
        # is what it was.
        sums = [_sums_of_equals(claim.point.x, vjp) for vjp in (claim.at_x0, again)]
        apart = alike(name, sums[1], sums[0], float(np.max(np.abs(sums[0]))), rtol, "")
        check = apart if apart.verdict is Verdict.PASS else check
    return [check]


def _where_finite(again: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Return numbers, with those that are expected where these are not finite."""
    return np.where(np.isfinite(expected), again, expected)


def _sums_of_equals(x: np.ndarray, vjp: np.ndarray) -> np.ndarray:
    """Return the sums of a gradient over entries of x that are equal."""
    _, place = np.unique(x, return_inverse=True)
    return np.bincount(place, vjp)
