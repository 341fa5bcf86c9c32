"""That a kernel gives the same however what it is handed lies in memory."""

from dataclasses import replace
from typing import Any

from .._backends.foreign import of_error
from .._report.verdicts import Check, Verdict
from .compare import Result
from .formulas import JUMP
from .products import Point
from .runs import Runs

_NAME = "layout of {}"
_WRITES = "the backward writes to its cotangent (grad_output), which others may read after it"
_SAME = "makes no difference"
_WORDS = {
    "transposed": "not contiguous, as that of a transposed result is",
    "expanded": "expanded (of stride 0), as that of a sum is",
}


def other_layouts(runs: Runs, results: list[Result]) -> tuple[list[Check], list[str]]:
    """
    Return checks of func in other layouts, and what could not be checked, with the reason.

    A kernel that reads its cotangent as if it were contiguous is right for the one that a check
    makes, and wrong for those that sums and transposes hand over.
    """
    backend, point = runs.backend, runs.points[0]
    if not backend.layouts or not any(len(array.shape) for array in point.arrays):
        return [], []
    look = _Look(runs, results)
    found = look.of_cotangents() if point.cotangents and "vjp" in runs.products.modes else []
    if any(check.verdict is Verdict.FAIL for check in found):
        return found, []
    if look.both:
        return [*found, look.passed("x0")], []
    try:
        moved = point.mapped(lambda array: backend.laid_out(array, "transposed"))
        again = look.at(replace(moved, cotangents=point.cotangents))
    except Exception as err:
        return found, [f"x0 in another layout (func raises {of_error(err)})"]
    what = f"func assumes contiguous arguments: for those that are {_WORDS['transposed']}, "
    what += "the same numbers, it gives"
    return [*found, look.same("x0", what, look.first, again)], []


class _Look:
    """
    Values and vjps of func at x0, in several layouts.

    Attributes
    ----------
    first : list of array
        As they were.
    both : bool
        Whether x0 in another layout has been found to make no difference, with a cotangent in one.
    """

    def __init__(self, runs: Runs, results: list[Result]) -> None:
        self._runs, self._results = runs, results
        modes = ("vjp",) if "vjp" in runs.products.modes else ()
        self._products = replace(runs.products, modes=modes, order=len(modes))
        self.first = [result.sample.claim for result in results]
        self.both = False

    def at(self, point: Point) -> list[Any]:
        """Return them at a point whose arrays are used as they are."""
        self._runs.calls += 1
        return self._products.at(self._runs.func, point)

    def of_cotangents(self) -> list[Check]:
        """Return the check of layouts of the cotangent."""
        runs, copy = self._runs, self._runs.backend.copy
        point, lay = runs.points[0], runs.backend.laid_out
        for layout in runs.backend.layouts:
            what = "the backward assumes a contiguous cotangent (grad_output): for one that is "
            what += f"{_WORDS[layout]}, "
            laid = [lay(copy(array), layout) for array in point.cotangents]
            expected, writes = self.first, False
            if layout == "expanded":
                plain = [copy(array) for array in laid]
                expected, writes = self._plain(replace(point.mapped(copy), cotangents=plain))
                if writes:
                    return [Check(_NAME.format("the cotangent"), Verdict.FAIL, _WRITES)]
                self.both = self._makes_no_difference(laid, expected)
                if self.both:
                    break
            try:
                again = self.at(replace(point.mapped(copy), cotangents=laid))
            except Exception as err:
                text = f"{what}it raises {of_error(err)}"
                return [Check(_NAME.format("the cotangent"), Verdict.FAIL, text)]
            what += "the same numbers, it gives"
            check = self.same("the cotangent", what, expected, again)
            if check.verdict is Verdict.FAIL:
                return [check]
        return [self.passed("the cotangent")]

    def _makes_no_difference(self, laid: list[Any], expected: list[Any]) -> bool:
        """Tell whether x0 may lie in another layout, and the cotangent in another one than that."""
        lay = self._runs.backend.laid_out
        point = self._runs.points[0].mapped(lambda array: lay(array, "transposed"))
        try:
            again = self.at(replace(point, cotangents=laid))
        except Exception:  # which of them it is, calls for each of them tell
            return False
        return self.same("both", "", expected, again).verdict is Verdict.PASS

    def _plain(self, point: Point) -> tuple[list[Any], bool]:
        """Return them, and whether the cotangents were written to."""
        xp, copy = self._runs.backend.xp, self._runs.backend.copy
        before = [copy(array) for array in point.cotangents]
        found = self.at(point)
        pairs = zip(before, point.cotangents, strict=True)
        return found, any(bool(xp.any(one != other)) for one, other in pairs)

    def same(self, name: str, what: str, expected: list[Any], again: list[Any]) -> Check:
        """
        Return the check that results agree but for their rounding.

        Up to half of the digits of the largest, as other sums are in other orders; and what is all
        rounding, as the vjp of a softmax is for a constant, may be another one.
        """
        name = _NAME.format(name)
        for result, one, other in zip(self._results, expected, again, strict=False):
            share, roundings = result.sample.apart(one, other)
            unit, kappa = result.sample.unit, result.errors.kappa
            if not share <= unit**0.5 and not roundings <= JUMP * max(kappa, 1.0):
                text = f"{what} another {result.name}, by {share:.2g} of it"
                return Check(name, Verdict.FAIL, text)
        return Check(name, Verdict.PASS, _SAME)

    def passed(self, name: str) -> Check:
        """Return the check of a layout that makes no difference."""
        return Check(_NAME.format(name), Verdict.PASS, _SAME)
