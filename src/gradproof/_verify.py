"""A verdict on a gradient, without a tolerance."""

import numbers
import os
from typing import Any

import numpy as np

from ._call import bound, checked_callable
from ._check import claim_at, numbers_of, refuse_misfit
from ._decide import Decision
from ._directions import few_entries, number_of
from ._findings import Column, Findings
from ._line import Primal
from ._probe import Probe
from ._report import Report, Verdict
from ._survey import Survey
from ._typing import Function


def verify_grad(
    func: Function,
    grad: Function,
    x0: Any,
    *args: Any,
    kwargs: dict[str, Any] | None = None,
    rtol: float | None = None,
    budget: int | None = None,
    seed: int | None = None,
    directions: int | str = "auto",
) -> Report:
    """
    Tell whether a gradient is right at a point: pass, fail or inconclusive.

    There is no step and no tolerance to choose. Steps, truncation error and the noise of `func`
    are measured, and a pass states what it could have seen.

    Parameters
    ----------
    func : callable
        Called as ``func(x, *args, **kwargs)`` with arrays of the type, dtype, shape and device
        of `x0`. Returns one number.
    grad : callable
        The claim, called in the same way; returns the gradient in the shape of `x0`. It is also
        called at two points an ulp away from `x0`, to see by how much rounding moves it.
    x0 : array, number or list, real
        The point, of any shape.
    *args : object
        Extra arguments of both functions.
    kwargs : dict, optional
        Keyword arguments of both.
    rtol : float, optional
        The relative error that matters; by default ``eps ** (1/3)`` of the coarsest dtype among
        `x0`, func's result and the claim: 6e-6, 5e-3 (float32), 0.1 (float16), 0.2 (bfloat16). It
        is relative to the entry, or to the median entry where that is larger, so that entries
        near zero raise no alarm and one giant entry excuses nothing.
    budget : int, optional
        The most calls of `func`. What they do not reach is unresolved, never passed.
    seed : int, optional
        Repeats a check; drawn afresh by default, and in the report.
    directions : {'auto', 'all'} or int
        How many random directions to measure instead of each entry. 'all' is entry by entry, and
        so is 'auto' up to 300 entries; beyond them it is as many directions as leave many errors
        that have to be seen unseen once in a hundred, within 40 calls in all: three.

    Returns
    -------
    Report
        With `verdict`, `ok`, `entries`, `worst`, `raise_if_wrong`; its text says it all in short.

    Raises
    ------
    TypeError
        If a function cannot be called or returns something else than real numbers, or `x0` is not
        real.
    ValueError
        If `func` returns more than one number, the claim has another shape than `x0`, or `rtol`,
        `budget`, `seed` or `directions` is out of range.

    See Also
    --------
    check_grad : One number, with a step of your choice, as SciPy computes it.

    Notes
    -----
    A right gradient of a smooth function costs about ``2 n + 37`` calls of `func` in float64, and
    one that is wrong as a whole 37 calls, whatever n. Of more than 300 entries a right gradient
    costs at most 40 calls where func is smooth: all entries move at once along a few directions,
    and `report.alone` says how large the error of one entry alone must be to be seen there. If they
    disagree, a search names the wrong entries, rows, columns and blocks, at about 20 calls for each
    on top of 70. With noise, as in half precision, a single wrong entry may pass unseen: pass
    ``directions="all"`` to have each of them measured. An exception of `func` away from `x0`, or a
    value that is not finite, shortens the steps.

    A claim fails only after a second look, at other steps, has said the same. False alarms are so
    bounded over all entries of a check: a difference of 6 standard deviations of the noise, twice.

    Examples
    --------
    >>> import numpy as np
    >>> from gradproof import verify_grad
    >>> x0 = np.linspace(0.5, 1.5, 6)
    >>> report = verify_grad(lambda x: (x**3).sum(), lambda x: 3 * x**2, x0, seed=0)
    >>> report.verdict
    <Verdict.PASS: 'pass'>
    >>> wrong = verify_grad(lambda x: (x**3).sum(), lambda x: x**2, x0, seed=0)
    >>> print(wrong.verdict, wrong.nfev)
    fail 37
    """
    checked_callable(func, "func")
    checked_callable(grad, "grad")
    _refuse_out_of_range(rtol, budget)
    if seed is None:
        seed = int.from_bytes(os.urandom(4), "little")
    if not isinstance(seed, numbers.Integral) or seed < 0:
        msg = f"seed={seed!r}; expected an int that is not negative, or None."
        raise ValueError(msg)
    if kwargs:
        func, grad = _with(func, kwargs), _with(grad, kwargs)
    primal = Primal(x0)
    claim = _Claim(grad, args, primal)
    probe = Probe(func, args, primal, budget)
    refuse_misfit(claim.shape, probe.line, primal)
    eps = max(probe.eps, claim.eps)
    survey = Survey(
        probe,
        claim.near,
        claim.at_x0,
        eps,
        float(rtol) if rtol is not None else eps ** (1 / 3),
        np.random.default_rng(int(seed)),
    )
    share, spent = survey.rtol / survey.res, 2 * survey.steps.line.size
    count = number_of(directions, survey.g.size, share, spent)
    return _report(Decision(survey, count), claim, int(seed))


def _refuse_out_of_range(rtol: Any, budget: Any) -> None:
    if rtol is not None and not 0 < rtol < 1:
        msg = f"rtol={rtol!r}; expected the relative error that matters, between 0 and 1."
        raise ValueError(msg)
    if budget is not None and budget < 1:
        msg = f"budget={budget!r}; expected the number of calls of func to spend, 1 at least."
        raise ValueError(msg)


def _with(func: Function, kwargs: dict[str, Any]) -> Function:
    return lambda x, *args: func(x, *args, **kwargs)


class _Claim:
    """The claim at x0 and near it, as numbers of the host."""

    def __init__(self, grad: Function, args: tuple[Any, ...], primal: Primal) -> None:
        self._grad, self._args, self._primal = grad, args, primal
        native, self.shape = claim_at(grad, args, primal)
        backend = primal.backend
        self.eps = float(backend.eps(native.dtype)) if backend.is_native(native) else 0.0
        self.at_x0 = self._flat(native)
        self.calls = 1

    def _flat(self, native: Any) -> np.ndarray:
        host = numbers_of(self._primal.backend.to_host([native])[0])
        return host.astype(np.float64).ravel()

    def near(self, displacement: np.ndarray) -> np.ndarray | None:
        """Return the claim at x0 plus a displacement; None if it fails there."""
        primal, self.calls = self._primal, self.calls + 1
        flat = np.asarray(primal.backend.to_host([primal.x])[0], dtype=np.float64).ravel()
        # Like what the claim saw at x0, except that integers do not move by an ulp.
        given = primal.given
        like = given if given.dtype == primal.x.dtype else primal.x
        point = (flat + displacement).reshape(tuple(given.shape))
        try:
            native = bound(self._grad, self._args)(primal.backend.from_host(point, like))
            there = self._flat(native)
        except Exception:
            return None
        return there if there.shape == self.at_x0.shape else None


def _report(decision: Decision, claim: _Claim, seed: int) -> Report:
    verdict, reason = decision.run()
    survey, found = decision.survey, decision.findings
    probe, eps = survey.probe, survey.eps
    if isinstance(found.state, Column):
        numbers_by_name, alone = few_entries(survey, found, claim.at_x0)
    else:
        numbers_by_name, alone = _all_entries(survey, found, claim.at_x0), None
    remarks = list(found.remarks)
    if probe.failure:
        remarks.append(f"func raised away from x0, where steps were shortened: {probe.failure}")
    if verdict == "inconclusive" and eps > 2.0**-40:
        remarks.append("a wider dtype, or a point with less cancellation, would show more")
    return Report(
        verdict=Verdict(verdict),
        reason=reason,
        remarks=tuple(remarks),
        entries={
            name: values.reshape(probe.primal.shape) for name, values in numbers_by_name.items()
        },
        rtol=survey.rtol,
        resolved=survey.res,
        whole=found.whole,
        dtype=_DTYPES.get(eps, f"eps {eps:.1e}"),
        nfev=probe.nfev,
        ngev=claim.calls,
        seed=seed,
        alone=alone,
    )


def _all_entries(survey: Survey, found: Findings, claimed: np.ndarray) -> dict[str, np.ndarray]:
    """Return the numbers of each entry, in the user's units."""
    with np.errstate(all="ignore"):
        seen = (np.abs(found.error) + found.truncation + found.noise) / survey.scales.resolved
        error, truncation, noise, right, left = (
            np.ldexp(quantity / survey.move, survey.exponent)
            for quantity in (found.error, found.truncation, found.noise, found.right, found.left)
        )
    return {
        "claimed": claimed,
        "measured": claimed + error,
        "truncation": truncation,
        "noise": noise,
        "step": found.step * survey.move,
        "right": claimed + right,
        "left": claimed + left,
        "resolution": np.where(np.isnan(seen), np.inf, seen),
        "state": found.state.astype(str),
    }


_DTYPES = {2.0**-52: "float64", 2.0**-23: "float32", 2.0**-10: "float16", 2.0**-7: "bfloat16"}
