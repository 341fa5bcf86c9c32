"""What is said of a claim in half precision where the digits of func's values do not decide."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .._evaluation.values import BudgetSpent, Values
from .._evaluation.wider import Wider, widened
from .._numerics.precision import Precision
from .._numerics.scales import moves_by_leaf
from .._report.report import Report
from .._report.verdicts import Verdict
from .options import Options
from .spent import ENDED, ended
from .steady import depends_on_calls

#: Entries that did not pass that are looked at in both dtypes, the first that failed first.
_MOST = 4
#: Where both are compared along the claim, in moves: half of the first step of a ladder.
_FAR = 0.25
#: Six bits below the steps of half precision, single precision has a half of its digits left for a
#: difference, and what curvature makes of it is 4096 times less. Along the claim, whose last step
#: is 2**-8, in moves.
_FINER, _FINER_ALONG = 2.0**-6, 2.0**-10
#: So many roundings of values, four bits, are no change of them.
_ROUNDINGS = 16
_VALUES = (
    "measured with values of func in single precision, since those in half precision did not tell"
)
_CONFIRMED = "values of func in single precision say the same"
_OFF = "at far finer steps values of func in single precision do not bear the claim out"
_NONE = "there are no values in single precision to tell a claim in half precision by"
_CUT = f"{ENDED} before values of func in single precision told"
_ANOTHER = "func returns something else there, beside x0"


@dataclass(frozen=True)
class Look:
    """
    A claim, and how it is judged by values of func.

    Attributes
    ----------
    values : Values
        In the dtypes of the claim.
    u, g : ndarray
        A cotangent, and the gradient that is claimed of func's values weighed by it.
    options : Options
        What the user chose.
    judged : callable
        From values, options, and the machine epsilon to judge by, to a report.
    """

    values: Values
    u: np.ndarray
    g: np.ndarray
    options: Options
    judged: Callable[[Values, Options, float], Report]

    def report(self, eps: float) -> Report:
        """
        Return the report, in half precision the one on values in single precision if that passes.

        The claim stays as it was made in half precision. What is rounded there may be off in single
        precision, so that of entries only a pass counts; it counts against a fail, too: the coarse
        steps of half precision take a jump or a kink nearby for a slope. Along directions the
        roundings of many entries average out: there a fail counts as well, as of a missing row.
        """
        first = self.judged(self.values, self.options, eps)
        certain = self.values.point.held_claims or not np.isfinite(self.g).all()
        # A claim that depends on calls is not seen to where x0 hardly moves for it.
        certain = certain or depends_on_calls(first.remarks)
        seen = Precision.of(self.values.dtype_eps).widens and np.isfinite(self.values.at_x0).all()
        if first.ok or first.interrupted or certain or not seen:
            return first
        try:
            second, remarks = self._second(first, widened(self.values))
        except KeyboardInterrupt:  # of the calls that this takes: what is known stays so
            return replace(first, nfev=self.values.nfev, interrupted=True)
        except BudgetSpent:
            return self._cut(first)
        if second is not None and second.verdict is Verdict.INCONCLUSIVE and ended(second):
            return self._cut(first)
        tells = {Verdict.PASS}
        if first.alone is not None and first.verdict is Verdict.INCONCLUSIVE:
            tells.add(Verdict.FAIL)
        if second is None or second.verdict not in tells:
            interrupted = second is not None and second.interrupted
            first = replace(first, nfev=self.values.nfev, interrupted=interrupted)
            return first.with_remarks(remarks)
        return replace(second, dtype=first.dtype, measured_in="float32").with_remarks([_VALUES])

    def _cut(self, first: Report) -> Report:
        """Return the report where the budget ended before values in single precision told."""
        first = replace(first, nfev=self.values.nfev)
        if first.verdict is Verdict.FAIL or ended(first):
            return first.with_remarks([_CUT])
        return replace(first, reason=f"{first.reason}; {_CUT}", advice=self._larger)

    @property
    def _larger(self) -> str:
        # As much again, and the look at each entry in both dtypes.
        least = 2 * self.values.cost * (4 * self.g.size + 200)
        return f"pass budget={max(least, 2 * (self.values.calls.budget or 0))} or more, or none"

    def _second(self, first: Report, wider: Wider[Values]) -> tuple[Report | None, list[str]]:
        """Return the report on values in single precision, if they are any; and what to remark."""
        failed, wide = first.verdict is Verdict.FAIL, wider.values
        if wide is None:
            return None, [] if failed else [f"{_NONE}: {wider.why}"]
        if self._off(first, wide):
            return None, [_CONFIRMED if failed else _OFF]
        if not wider.same(self.options.rng(10), self._places(first)):
            return None, [f"{_NONE}: {_ANOTHER}"]
        second = self.judged(wide, replace(self.options, rtol=first.rtol), wide.eps)
        return second, [_CONFIRMED] if failed and second.verdict is Verdict.FAIL else []

    def _off(self, first: Report, wide: Values) -> bool:
        """
        Tell whether the claim is off at far finer steps: along it, or where it is open.

        By half of itself, or of an error that was found.

        A wrong claim is, at the price of few calls. And so is one of a func that rounds: at the
        steps of a ladder all is well with a straight-through rule, and func stands still.
        """
        size, flat = np.abs(self.u * wide.at_x0), first.flat
        rounding = _ROUNDINGS * wide.output_eps
        change, by = self._across(wide, self._along(_FINER_ALONG))
        whole = float(self.g @ by)
        apart = abs(float(self.u @ change) - whole)
        alone = first.verdict is Verdict.FAIL and not (flat["state"] == "fail").any()
        share = min(first.whole, 1.0) if alone and first.whole > 0 else 1.0
        if apart > share * abs(whole) / 2 + rounding * float(np.linalg.norm(size)):
            return True
        for i in self._open(first):
            claimed, failed = float(flat["claimed"][i]), flat["state"][i] == "fail"
            allowed = abs(float(flat["measured"][i]) - claimed if failed else claimed) / 2
            change, by = self._across(wide, self._alone(i, flat["step"][i] * _FINER))
            row = int(flat["row"][i]) if "row" in flat else -1
            one, of = (change[row], wide.at_x0[row]) if row >= 0 else (self.u @ change, size)
            apart = abs(float(one) - claimed * float(by[i]))
            if apart > allowed * abs(float(by[i])) + rounding * float(np.linalg.norm(of)):
                return True
        return False

    def _open(self, first: Report) -> list[int]:
        """Return some entries that did not pass, of which something is claimed or measured."""
        state, flat = first.flat["state"], first.flat
        order = [*np.flatnonzero(state == "fail"), *np.flatnonzero(state == "unresolved")]
        known = np.isfinite(flat["step"]) & np.isfinite(flat["claimed"])
        known &= np.isfinite(flat["measured"]) & (flat["step"] > 0)
        known &= (state == "fail") | (flat["claimed"] != 0)
        return [int(i) for i in order if known[i]][:_MOST]

    def _places(self, first: Report) -> list[np.ndarray]:
        """Return where func has to be the same: along the claim, and where half did not pass it."""
        along = [self._along(sign * _FAR) for sign in (1.0, -1.0)]
        step = first.flat["step"]
        return along + [
            self._alone(i, sign * step[i]) for i in self._open(first) for sign in (1.0, -1.0)
        ]

    def _along(self, step: float) -> np.ndarray:
        """Return the displacement of all entries to where the claim says that func grows."""
        point = self.values.point
        parts = [leaf.where for leaf in point.leaves]
        move = moves_by_leaf(point.magnitude, parts, point.eps)
        return np.where(self.g < 0, -step * move, step * move)

    def _alone(self, i: int, step: float) -> np.ndarray:
        """Return the displacement of one entry."""
        displacement = np.zeros(self.g.size)
        displacement[i] = step
        return displacement

    @staticmethod
    def _across(wide: Values, displacement: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return func's change across x0, and the displacement."""
        (up, plus), (down, minus) = (wide.at(sign * displacement) for sign in (1.0, -1.0))
        return up - down, plus - minus


def settled(report: Report) -> bool:
    """Tell whether values in single precision spoke against a claim, or are not those of func."""
    return any(remark.startswith((_CONFIRMED, _OFF, _NONE)) for remark in report.remarks)
